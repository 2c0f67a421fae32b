//! Finding faces. One trait, one file per detector. One of the rooms that know OpenCV.

mod cascade;
mod cascade_file;
mod eyes;
mod search;
pub mod smooth;
pub mod track;

use image::GrayImage;

use crate::{geometry::FaceBox, transform::TransformError};
pub use cascade::{CascadeDetector, CascadeSettings, DEFAULT_CASCADE, face_cascades};
pub use eyes::EyeFinder;
pub use search::{Finds, Planner, Search, Tilted};

/// A face that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// Where the face is, as [`crate::keypoints::PointScheme::face_box`] has it, in pixels of the picture given.
    /// Detectors convert their own kind of box to it.
    pub face_box: FaceBox,
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

    /// The faces of a picture that is searched as it is told; detectors of one kind only search in their own way.
    ///
    /// # Errors
    /// When the detector fails.
    fn search(&mut self, grey: &GrayImage, _search: &Search) -> Result<Vec<Detection>, DetectError> {
        self.detect(grey)
    }
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
