//! Files that grow over a while, under a name of their own until they are finished.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::{
    lock,
    target::{WriteError, plain_file},
};

/// A file that grows under a name of its own beside the target, `NAME.partial.EXT`, and gets the target's name when it
/// is finished. Dropped unfinished, it is removed and an older target stays as it was. No other run writes it meanwhile.
#[derive(Debug)]
pub struct Partial {
    target: PathBuf,
    path: PathBuf,
    stays: bool,
    /// Locked as long as it grows.
    _held: File,
}

impl Partial {
    /// Makes an empty file beside `target`, or beside the file that `target` is a link to.
    ///
    /// # Errors
    /// When it cannot be made, something that is no file is in the way, or another run is writing it.
    pub fn beside(target: &Path) -> Result<Self, WriteError> {
        let target = plain_file(target)?;
        let mut name = target.file_stem().unwrap_or_default().to_owned();
        name.push(".partial");
        if let Some(extension) = target.extension() {
            name.push(".");
            name.push(extension);
        }
        let path = target.with_file_name(name);
        // A file that is there was left by an interrupted run; anything else is somebody's.
        plain_file(&path)?;
        let held = claim(&path).map_err(|cause| WriteError::failed(&target, cause))?;
        match held {
            Some(held) => Ok(Self {
                target,
                path,
                stays: false,
                _held: held,
            }),
            None => Err(WriteError::Taken { path: target }),
        }
    }

    /// Has the file stay under its own name where it is not finished: what is in it is of use.
    pub fn stay(&mut self) {
        self.stays = true;
    }

    /// What it is called once it is finished.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Where to write until it is finished.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The error for something that went wrong while writing.
    pub fn error(&self, cause: io::Error) -> WriteError {
        WriteError::failed(&self.target, cause)
    }

    /// Gives the file the target's name, once all of it has reached the disk.
    ///
    /// # Errors
    /// When the disk is full or the old file cannot be replaced.
    pub fn finish(mut self) -> Result<(), WriteError> {
        let renamed = self.rename();
        self.stays |= renamed.is_ok();
        renamed
    }

    fn rename(&self) -> Result<(), WriteError> {
        File::open(&self.path)
            .and_then(|file| file.sync_all())
            .and_then(|()| fs::rename(&self.path, &self.target))
            .map_err(|e| self.error(e))
    }
}

/// Makes the file empty and ours; `None` while it is another's.
fn claim(path: &Path) -> io::Result<Option<File>> {
    /// Nobody finishes so many files of one name in a row.
    const TRIES: usize = 100;
    for _ in 0..TRIES {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW)
            .open(path)?;
        if !lock(&file) {
            return Ok(None);
        }
        // Whoever had it may just have given it its name, and what was locked is the finished file.
        let opened = file.metadata()?;
        let is_still_there =
            fs::metadata(path).is_ok_and(|there| (there.dev(), there.ino()) == (opened.dev(), opened.ino()));
        if is_still_there {
            file.set_len(0)?;
            return Ok(Some(file));
        }
    }
    Ok(None)
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.stays {
            // A file that cannot be removed cannot be helped.
            let _ = fs::remove_file(&self.path);
        }
    }
}
