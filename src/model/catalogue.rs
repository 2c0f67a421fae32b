//! Which nets there are: those that come with the program, by name, and files anywhere, by path.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::resources::{self, Kind};

/// The net used when none is asked for.
pub const DEFAULT: &str = "pinkpoint";
/// What is said of the bundled nets, beside their files.
const DESCRIPTIONS: &str = "nets.json";
/// Extension of the bundled nets' files.
const EXTENSION: &str = "pt";

/// A net that comes with the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundledNet {
    /// Its name, as [`resolve`] takes it.
    pub name: String,
    /// What is known of it.
    pub description: Description,
}

/// What is known of a bundled net, from measurements in its model card.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct Description {
    /// Its inter-ocular NME for persons never seen, in a word.
    pub figure: String,
    /// What it is, and the figure in full.
    pub about: String,
    /// SHA-256 of its file, in hexadecimal.
    pub sha256: String,
}

/// Neither a file nor the name of a bundled net.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no weights file or net of this name; give the path of a .pt file or one of {known}: {asked}"
)]
pub struct UnknownNet {
    asked: String,
    known: String,
}

/// The weights file that `text` means: the name of a bundled net such as [`DEFAULT`], or a path. The names come first, or a
/// program in the working directory would be taken for the net that is called as it is.
///
/// # Errors
/// When there is neither; lists the bundled nets.
pub fn resolve(text: &str) -> Result<PathBuf, UnknownNet> {
    let path = Path::new(text);
    if path.file_name() == Some(path.as_os_str())
        && let Ok(bundled) = resources::find(Kind::Weights, &format!("{text}.{EXTENSION}"))
    {
        return Ok(bundled);
    }
    if path.exists() {
        // Of a folder, reading it says so better than this could.
        return Ok(path.to_path_buf());
    }
    let known = bundled();
    Err(UnknownNet {
        asked: text.to_owned(),
        known: if known.is_empty() {
            "(none are installed)".into()
        } else {
            known.join(", ")
        },
    })
}

/// The name of the bundled net that this file is; `None` for other files.
pub fn bundled_name(path: &Path) -> Option<String> {
    let name = path.file_stem()?.to_str()?;
    let bundled = resources::find(Kind::Weights, &format!("{name}.{EXTENSION}")).ok()?;
    let same = bundled == path || bundled.canonicalize().ok()? == path.canonicalize().ok()?;
    same.then(|| name.to_owned())
}

/// The nets that come with the program, by name, with what is known of them; nothing is said of those that the list of
/// descriptions lacks.
pub fn described() -> Vec<BundledNet> {
    let descriptions = resources::find(Kind::Weights, DESCRIPTIONS)
        .ok()
        .and_then(|path| std::fs::read(path).ok())
        .and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let mut descriptions: BTreeMap<String, Description> = descriptions.unwrap_or_default();
    let described = bundled().into_iter().map(|name| BundledNet {
        description: descriptions.remove(&name).unwrap_or_default(),
        name,
    });
    described.collect()
}

/// Whether a file with this checksum comes with the program.
pub fn is_bundled(checksum: &str) -> bool {
    described().iter().any(|net| net.description.sha256 == checksum)
}

/// Names of the nets that come with the program, sorted.
pub fn bundled() -> Vec<String> {
    let stem = |name: &str| Some(name.strip_suffix(EXTENSION)?.strip_suffix('.')?.to_owned());
    let files = resources::names(Kind::Weights, |name| stem(name).is_some());
    let mut names: Vec<String> = files.iter().filter_map(|name| stem(name)).collect();
    // Not as the files are: there a name comes after those that go on from it.
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_itself_and_an_unknown_name_lists_the_known() {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        assert_eq!(resolve(manifest), Ok(PathBuf::from(manifest)));
        let message = resolve("no-such-net").unwrap_err().to_string();
        assert!(
            message.contains("no-such-net") && message.contains("one of"),
            "{message}"
        );
    }

    #[test]
    fn every_bundled_name_resolves_and_is_described() {
        let nets = described();
        assert!(nets.len() >= 4, "{nets:?}");
        for BundledNet { name, description } in nets {
            let file = resolve(&name).unwrap();
            let checksum = crate::model::archive::look_into(&file).unwrap().checksum();
            assert_eq!(checksum, description.sha256, "{name}, in {DESCRIPTIONS}");
            assert!(is_bundled(&checksum) && !is_bundled(""));
            assert!(
                description.figure.contains('%') && description.about.contains("Persons never seen"),
                "{name}: {description:?}"
            );
        }
    }
}
