//! What is written down of frames and faces: keypoints as csv or JSON lines, pictures and videos with the shapes of
//! [`crate::overlay`] painted in. One of the rooms that know OpenCV; owned pictures come in, files come out.

mod keypoint_writer;
mod letterbox;
mod painter;
mod picture_writer;
pub mod sheet;
mod video_writer;

use std::path::PathBuf;

pub use keypoint_writer::{KeypointFormat, KeypointRows, KeypointWriter};
pub use letterbox::letterbox;
pub use painter::paint;
pub use picture_writer::{can_write_picture, write_picture};
pub use video_writer::VideoFile;

use crate::files::WriteError;

/// Why something could not be written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// OpenCV refused.
    #[error("OpenCV could not draw: {0}")]
    OpenCv(#[from] opencv::Error),
    /// The name's extension says no kind of file that can be written.
    #[error("cannot write files called so; use {allowed}: {path}")]
    Extension {
        /// The file asked for.
        path: PathBuf,
        /// The extensions that can be used.
        allowed: &'static str,
    },
    /// No encoder took the video.
    #[error("cannot write a video ({why}): {path}")]
    Video {
        /// The file asked for.
        path: PathBuf,
        /// What is wrong and what to do.
        why: String,
    },
}
