//! Files that grow over a while, under a name of their own until they are finished.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::target::{WriteError, plain_file};

/// A file that grows under a name of its own beside the target, `NAME.partial.EXT`, and gets the target's name when it
/// is finished. Dropped unfinished, it is removed and an older target stays as it was.
#[derive(Debug)]
pub struct Partial {
    target: PathBuf,
    path: PathBuf,
    stays: bool,
}

impl Partial {
    /// The file beside `target`, or beside the file that `target` is a link to; whoever writes it creates it.
    ///
    /// # Errors
    /// When something that is no file is in the way.
    pub fn beside(target: &Path) -> Result<Self, WriteError> {
        let target = plain_file(target)?;
        let mut name = target.file_stem().unwrap_or_default().to_owned();
        name.push(".partial");
        if let Some(extension) = target.extension() {
            name.push(".");
            name.push(extension);
        }
        let path = target.with_file_name(name);
        Ok(Self {
            target,
            path,
            stays: false,
        })
    }

    /// Has the file stay under its own name where it is not finished: what is in it is of use.
    pub fn stay(&mut self) {
        self.stays = true;
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

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.stays {
            // A file that cannot be removed cannot be helped.
            let _ = fs::remove_file(&self.path);
        }
    }
}
