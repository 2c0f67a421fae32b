//! What is done to a picture and its keypoints before a net sees them: values with parameters, called on a
//! sample. One of the rooms that know OpenCV; owned pictures and numbers come in and go out.

pub mod crop;

/// Why a transform could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum TransformError {
    /// OpenCV refused.
    #[error("OpenCV could not transform the picture: {0}")]
    OpenCv(#[from] opencv::Error),
}
