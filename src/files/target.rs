//! What lies at a path that is to be written, and why it cannot be.

use std::{
    io,
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
};

/// A file that could not be written; nothing of it was left behind and an older one is untouched.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The system refused, or what was to be written could not be made.
    #[error(
        "cannot write: {cause}; choose a folder that exists and can be written to, on a disk with space: {path}"
    )]
    Failed {
        /// The file asked for.
        path: PathBuf,
        /// What went wrong.
        cause: io::Error,
    },
    /// Something is there that is no file and must not be replaced by one.
    #[error("cannot write: {what} of that name is in the way; choose another name: {path}")]
    InTheWay {
        /// The file asked for.
        path: PathBuf,
        /// What is there, in words.
        what: &'static str,
    },
    /// Two at a time would mix what they write.
    #[error("cannot write: another run is writing it now; wait for its end, or choose another name: {path}")]
    Taken {
        /// The file asked for.
        path: PathBuf,
    },
}

impl WriteError {
    pub(super) fn failed(path: &Path, cause: io::Error) -> Self {
        Self::Failed {
            path: path.to_path_buf(),
            cause,
        }
    }

    fn in_the_way(path: &Path, what: &'static str) -> Self {
        Self::InTheWay {
            path: path.to_path_buf(),
            what,
        }
    }
}

/// Where bytes for a path go.
pub(super) enum Target {
    /// A plain file or nothing yet, links followed: another file can be given its name.
    Plain(PathBuf),
    /// A pipe or terminal: can be written to and must not be replaced.
    Stream,
}

impl Target {
    /// # Errors
    /// When a folder, a link that leads nowhere, or something else that cannot be written to is in the way.
    pub(super) fn of(path: &Path) -> Result<Self, WriteError> {
        match std::fs::metadata(path) {
            Ok(found) if found.is_dir() => Err(WriteError::in_the_way(path, "a folder")),
            Ok(found) if found.is_file() => path
                .canonicalize()
                .map(Self::Plain)
                .map_err(|cause| WriteError::failed(path, cause)),
            Ok(found) if found.file_type().is_fifo() || found.file_type().is_char_device() => {
                Ok(Self::Stream)
            }
            Ok(_) => Err(WriteError::in_the_way(path, "a disk or socket")),
            Err(_) if path.is_symlink() => Err(WriteError::in_the_way(path, "a link that leads nowhere")),
            // There is nothing, or it cannot be looked at: making the file beside it will tell.
            Err(_) => Ok(Self::Plain(path.to_path_buf())),
        }
    }
}

/// The file that `path` means, links followed, for writers that need one of their own beside it.
///
/// # Errors
/// When something that is no file is in the way.
pub(super) fn plain_file(path: &Path) -> Result<PathBuf, WriteError> {
    match Target::of(path)? {
        Target::Plain(file) => Ok(file),
        Target::Stream => Err(WriteError::in_the_way(path, "a pipe or device")),
    }
}
