//! Writing files so that nothing is ever half written: beside the target, then renamed onto it.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

/// A file that could not be written; nothing of it was left behind and an older one is untouched.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot write: {cause}; choose a folder that exists and can be written to, on a disk with space: {path}"
)]
pub struct WriteError {
    path: PathBuf,
    cause: io::Error,
}

/// Writes `path` through `content`: either all of it is there afterwards, or what was there before.
///
/// # Errors
/// When the folder cannot be written to, the disk is full, or `content` fails.
pub fn replace(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>,
) -> Result<(), WriteError> {
    replace_by_path(path, |beside| {
        let file = File::create(beside)?;
        let mut writer = BufWriter::new(&file);
        content(&mut writer)?;
        writer.flush()?;
        drop(writer);
        file.sync_all()
    })
}

/// Like [`replace`], for writers that want a path: `content` writes the file at the path it is given, which has the
/// same extension as `path`.
///
/// # Errors
/// When the folder cannot be written to, the disk is full, or `content` fails.
pub fn replace_by_path(path: &Path, content: impl FnOnce(&Path) -> io::Result<()>) -> Result<(), WriteError> {
    let fail = |cause| WriteError {
        path: path.to_path_buf(),
        cause,
    };
    if path.is_dir() {
        return Err(fail(io::Error::other("a folder of that name is in the way")));
    }
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let suffix = path
        .extension()
        .map(|e| format!(".{}", e.to_string_lossy()))
        .unwrap_or_default();
    let beside = tempfile::Builder::new()
        .prefix(".pinkpoint-")
        .suffix(&suffix)
        .permissions(permissions())
        .tempfile_in(folder)
        .map_err(fail)?
        .into_temp_path();
    content(&beside).map_err(fail)?;
    beside.persist(path).map_err(|e| fail(e.error))
}

/// A file that grows under a name of its own beside the target, `NAME.partial.EXT`, and gets the target's name when it
/// is finished. Dropped unfinished, it is removed and an older target stays as it was.
#[derive(Debug)]
pub struct Partial {
    target: PathBuf,
    path: PathBuf,
}

impl Partial {
    /// The file beside `target`; whoever writes it creates it.
    ///
    /// # Errors
    /// When `target` is a folder.
    pub fn beside(target: &Path) -> Result<Self, WriteError> {
        let mut name = target.file_stem().unwrap_or_default().to_owned();
        name.push(".partial");
        if let Some(extension) = target.extension() {
            name.push(".");
            name.push(extension);
        }
        let partial = Self {
            target: target.to_path_buf(),
            path: target.with_file_name(name),
        };
        if target.is_dir() {
            return Err(partial.error(io::Error::other("a folder of that name is in the way")));
        }
        Ok(partial)
    }

    /// Where to write until it is finished.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The error for something that went wrong while writing.
    pub fn error(&self, cause: io::Error) -> WriteError {
        WriteError {
            path: self.target.clone(),
            cause,
        }
    }

    /// Gives the file the target's name.
    ///
    /// # Errors
    /// When the old file cannot be replaced.
    pub fn finish(self) -> Result<(), WriteError> {
        std::fs::rename(&self.path, &self.target).map_err(|e| self.error(e))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // After `finish` there is nothing to remove, and a file that cannot be removed cannot be helped.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// What a new file may be used for, before the user's umask: temporary files are private otherwise.
fn permissions() -> std::fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    std::fs::Permissions::from_mode(0o666)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        replace(&path, |w| w.write_all(b"old")).unwrap();
        let error = replace(&path, |w| {
            w.write_all(b"ne")?;
            Err(io::Error::other("disk full"))
        });
        assert!(error.unwrap_err().to_string().contains("a.txt"));
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_does_not_exist_is_an_error() {
        assert!(replace(Path::new("/no/such/folder/a.txt"), |w| w.write_all(b"x")).is_err());
    }
}
