//! What is done to a picture and its keypoints before a net sees them: values with parameters, called on a
//! sample. One of the rooms that know OpenCV; owned pictures and numbers come in and go out.

mod appearance;
mod augment;
mod compose;
pub mod crop;
mod sample;
mod steps;

pub use appearance::{Blur, Coarse, CutOut, Dim, Jpeg, Light, Noise};
pub use augment::{FaceCrop, Flip};
pub use compose::{Alteration, Compose, Step};
pub use sample::{Picture, Sample};
pub use steps::{Normalize, RandomCrop, Rescale, ToTensor};

/// Why a transform could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum TransformError {
    /// OpenCV refused.
    #[error("OpenCV could not transform the picture: {0}")]
    OpenCv(#[from] opencv::Error),
    /// Transforms in an order that makes no sense.
    #[error("wrong order of transforms: {0}")]
    Order(String),
    /// What is asked of them does not fit the pictures, or their keypoints.
    #[error("{0}")]
    Unfit(String),
    /// A size that cannot be had.
    #[error("{0}")]
    Size(String),
}
