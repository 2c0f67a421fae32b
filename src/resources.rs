//! Where files lie: those that come with the program (`cascades/`, `weights/` and `assets/`), and what it keeps for the
//! user. Reads the file system only to see whether a file is there.

use std::path::{Path, PathBuf};

/// Environment variable naming a folder that holds `cascades/`, `weights/` and `assets/`; it is looked at first.
const HOME_VARIABLE: &str = "PINKPOINT_HOME";

/// How many folders above the program's own are looked at: `target/debug/deps/` needs three.
const LEVELS_ABOVE_PROGRAM: usize = 4;

/// The program's folders among the user's own, for settings and logs; `None` where the user has none.
pub fn users_folders() -> Option<directories::ProjectDirs> {
    directories::ProjectDirs::from("", "", "pinkpoint")
}

/// The folder for what the program keeps beside the user's settings, such as its log; `None` where the user has none.
pub fn users_state_folder() -> Option<PathBuf> {
    let folders = users_folders()?;
    let folder = folders.state_dir().unwrap_or_else(|| folders.data_local_dir());
    Some(folder.to_path_buf())
}

/// The kinds of files that come with the program; each is a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// OpenCV's face cascades.
    Cascade,
    /// Nets and their model cards.
    Weights,
    /// Demo picture and icon.
    Asset,
}

impl Kind {
    /// Name of the folder.
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Cascade => "cascades",
            Self::Weights => "weights",
            Self::Asset => "assets",
        }
    }
}

/// A bundled file that is nowhere to be found.
#[derive(Debug, thiserror::Error)]
#[error(
    "{folder}/{name} was not found: it should come with the program; run ./setup.sh in the project's folder, \
     or name the folder that holds {folder}/ in {HOME_VARIABLE}. Looked in: {looked}"
)]
pub struct NotFound {
    folder: &'static str,
    name: String,
    looked: String,
}

/// The path of the bundled file `name`, wherever the program was started from.
///
/// # Errors
/// When the file is in none of the places; the message lists them.
pub fn find(kind: Kind, name: &str) -> Result<PathBuf, NotFound> {
    let folders = folders(kind);
    folders
        .iter()
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| NotFound {
            folder: kind.folder(),
            name: name.to_owned(),
            looked: looked_in(home().as_deref(), kind, &folders),
        })
}

/// The folder that the user names.
fn home() -> Option<PathBuf> {
    std::env::var_os(HOME_VARIABLE).map(PathBuf::from)
}

/// Where it was looked, also where the user named a folder that does not hold what it should.
fn looked_in(home: Option<&Path>, kind: Kind, folders: &[PathBuf]) -> String {
    let named = home
        .map(|home| home.join(kind.folder()))
        .filter(|folder| !folder.is_dir());
    let named = named.map(|folder| {
        format!(
            "{} (as {HOME_VARIABLE} has it; it is not there)",
            folder.display()
        )
    });
    let others = folders.iter().map(|folder| folder.display().to_string());
    named.into_iter().chain(others).collect::<Vec<_>>().join(", ")
}

/// The folders that may hold bundled files of a kind, best first: the one the user names, those beside or above
/// the program, `share/pinkpoint` beside them, the source tree, and for cascades OpenCV's own folder.
fn folders(kind: Kind) -> Vec<PathBuf> {
    let mut roots: Vec<PathBuf> = home().into_iter().collect();
    if let Ok(program) = std::env::current_exe() {
        for above in program.ancestors().skip(1).take(LEVELS_ABOVE_PROGRAM) {
            roots.push(above.to_path_buf());
            roots.push(above.join("share/pinkpoint"));
        }
    }
    // A package knows nothing of the folder that it was built in.
    if cfg!(not(packaged)) {
        roots.push(PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    }
    let mut folders: Vec<PathBuf> = roots.into_iter().map(|root| root.join(kind.folder())).collect();
    if kind == Kind::Cascade {
        for kind in ["haarcascades", "lbpcascades"] {
            folders.push(Path::new("/usr/share/opencv4").join(kind));
        }
    }
    folders.retain(|folder| folder.is_dir());
    folders.dedup();
    folders
}

/// Names of the files of a kind that lie in any of its folders and are called so, sorted, each once.
pub fn names(kind: Kind, called_so: impl Fn(&str) -> bool) -> Vec<String> {
    let folders = folders(kind);
    let files = folders
        .iter()
        .filter_map(|folder| folder.read_dir().ok())
        .flatten()
        .flatten();
    let mut names: Vec<String> = files
        .filter_map(|file| file.file_name().into_string().ok())
        .filter(|name| called_so(name))
        .collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_says_where_it_was_looked_for() {
        let message = find(Kind::Weights, "no-such-net.pt").unwrap_err().to_string();
        assert!(
            message.contains("no-such-net.pt") && message.contains("setup.sh"),
            "{message}"
        );
    }

    #[test]
    fn a_folder_that_was_mistyped_is_told() {
        let others = [PathBuf::from("/beside/weights")];
        let looked = |home: &Path| looked_in(Some(home), Kind::Weights, &others);
        let mistyped = looked(Path::new("/no/such/folder"));
        assert!(
            mistyped.contains("/no/such/folder/weights (as PINKPOINT_HOME has it")
                && mistyped.ends_with(", /beside/weights"),
            "{mistyped}"
        );
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("weights")).unwrap();
        assert_eq!(looked(folder.path()), "/beside/weights");
    }

    #[test]
    fn cascades_are_found_from_the_test_program() {
        assert!(find(Kind::Cascade, "haarcascade_frontalface_default.xml").is_ok());
    }
}
