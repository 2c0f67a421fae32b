//! Finding faces. One trait, one file per detector. One of the rooms that know OpenCV.

mod cascade_file;
mod haar;

use image::GrayImage;

use crate::{geometry::Rect, transform::TransformError};
pub use haar::{DEFAULT_CASCADE, HaarDetector, HaarSettings, Tilted};

/// A face that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// Where the face's keypoints are expected: their tight box, in pixels of the picture given. Detectors convert
    /// their own kind of box to it.
    pub face_box: Rect,
    /// How sure the detector is; larger is surer, comparable within one detector only.
    pub score: f32,
}

/// Finds faces. Owned by one thread.
pub trait FaceDetector: Send {
    /// The faces of a picture, largest first.
    ///
    /// # Errors
    /// When the detector fails.
    fn detect(&mut self, grey: &GrayImage) -> Result<Vec<Detection>, DetectError>;
}

/// Why faces cannot be looked for.
#[derive(Debug, thiserror::Error)]
pub enum DetectError {
    /// OpenCV refused.
    #[error("OpenCV could not look for faces: {0}")]
    OpenCv(#[from] opencv::Error),
    /// The picture could not be shrunk.
    #[error(transparent)]
    Picture(#[from] TransformError),
    /// A setting that makes no sense.
    #[error("faces cannot be looked for with {0}")]
    Setting(String),
    /// The cascade cannot be used.
    #[error("not a face cascade that can be used ({why}): {path}")]
    Cascade {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong and what to do.
        why: String,
    },
}
