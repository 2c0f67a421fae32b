//! What transforms work on: a picture on its way to a tensor, with its keypoints.

use image::GrayImage;

use super::TransformError;
use crate::geometry::Point;

/// A picture at one of the three stages on its way into a net.
#[derive(Debug, Clone, PartialEq)]
pub enum Picture {
    /// Luma, 0 to 255.
    Bytes(GrayImage),
    /// Luma from 0 to 1, row by row.
    Unit {
        /// Pixels per row.
        width: u32,
        /// Rows.
        height: u32,
        /// The values, `height * width`.
        values: Vec<f32>,
    },
    /// A tensor's values, channel after channel.
    Tensor {
        /// `[channels, height, width]`.
        shape: [usize; 3],
        /// The values.
        values: Vec<f32>,
    },
}

impl Picture {
    /// The picture for a step that works on bytes.
    pub(super) fn into_bytes(self, step: &str) -> Result<GrayImage, TransformError> {
        match self {
            Self::Bytes(picture) => Ok(picture),
            _ => Err(TransformError::Order(format!(
                "{step} has to come before Normalize"
            ))),
        }
    }
}

/// A picture and its keypoints: in pixels of the picture before [`super::Normalize`], in the net's units after it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The picture.
    pub picture: Picture,
    /// The keypoints.
    pub keypoints: Vec<Point>,
    /// Whether the picture shows the face that the keypoints belong to: a crop beside it is a sample too.
    pub is_face: bool,
    /// Whether left and right have changed places.
    pub mirrored: bool,
}

impl Sample {
    /// A sample as read from a data set.
    pub fn new(picture: GrayImage, keypoints: Vec<Point>) -> Self {
        Self {
            picture: Picture::Bytes(picture),
            keypoints,
            is_face: true,
            mirrored: false,
        }
    }

    /// The sample with other grey values, for a step that leaves everything in its place.
    pub(super) fn repainted(
        self,
        step: &str,
        paint: impl FnOnce(&mut GrayImage) -> Result<(), TransformError>,
    ) -> Result<Self, TransformError> {
        let mut picture = self.picture.into_bytes(step)?;
        paint(&mut picture)?;
        Ok(Self {
            picture: Picture::Bytes(picture),
            ..self
        })
    }
}
