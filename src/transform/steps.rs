//! The transforms of the course: Rescale, RandomCrop, Normalize, ToTensor. Each is a value with parameters that is
//! called on a sample; [`super::Compose`] chains them.

use image::{GrayImage, imageops};
use rand::Rng;

use super::{Picture, Sample, TransformError, crop};
use crate::geometry::{OutputScale, Point};

/// Resizes the picture, its keypoints with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rescale {
    /// The short side becomes this long, the other follows (pixels).
    ShortSide(u32),
    /// Exactly this size (pixels).
    Exact {
        /// Rows.
        height: u32,
        /// Pixels per row.
        width: u32,
    },
}

impl Rescale {
    /// Applies it to a sample that is still in bytes.
    ///
    /// # Errors
    /// When the size is zero or the sample is past Normalize.
    pub fn apply(&self, sample: Sample) -> Result<Sample, TransformError> {
        let picture = sample.picture.into_bytes("Rescale")?;
        let (old_width, old_height) = picture.dimensions();
        let (width, height) = match *self {
            Self::ShortSide(side) => {
                let factor = f64::from(side) / f64::from(old_width.min(old_height).max(1));
                let scaled = |length: u32| (f64::from(length) * factor).round() as u32;
                (scaled(old_width), scaled(old_height))
            }
            Self::Exact { height, width } => (width, height),
        };
        if width == 0 || height == 0 {
            return Err(TransformError::Size("Rescale to a size of zero".into()));
        }
        let (fx, fy) = (width as f32 / old_width as f32, height as f32 / old_height as f32);
        let keypoints = sample.keypoints.into_iter().map(|p| p.resized(fx, fy)).collect();
        Ok(Sample {
            picture: Picture::Bytes(crop::resized(&picture, width, height)?),
            keypoints,
            is_face: sample.is_face,
            mirrored: sample.mirrored,
        })
    }
}

/// Cuts a part of the picture at a random place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RandomCrop {
    /// Rows of the part (pixels).
    pub height: u32,
    /// Pixels per row of the part.
    pub width: u32,
}

impl RandomCrop {
    /// A square part.
    pub const fn square(side: u32) -> Self {
        Self {
            height: side,
            width: side,
        }
    }

    /// Applies it to a sample that is still in bytes.
    ///
    /// # Errors
    /// When the picture is smaller than the part, or the sample is past Normalize.
    pub fn apply(&self, sample: Sample, rng: &mut impl Rng) -> Result<Sample, TransformError> {
        let picture = sample.picture.into_bytes("RandomCrop")?;
        let (width, height) = picture.dimensions();
        if width < self.width || height < self.height {
            return Err(TransformError::Size(format!(
                "RandomCrop of {}x{} from a picture of {width}x{height}: put Rescale to a larger size before it",
                self.width, self.height
            )));
        }
        let left = rng.random_range(0..=width - self.width);
        let top = rng.random_range(0..=height - self.height);
        let part: GrayImage = imageops::crop_imm(&picture, left, top, self.width, self.height).to_image();
        let shift = |p: Point| Point::new(p.x - left as f32, p.y - top as f32);
        Ok(Sample {
            picture: Picture::Bytes(part),
            keypoints: sample.keypoints.into_iter().map(shift).collect(),
            is_face: sample.is_face,
            mirrored: sample.mirrored,
        })
    }
}

/// Luma to 0..1, keypoints to the net's numbers, about -1..1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normalize(pub OutputScale);

impl Normalize {
    /// Applies it to a sample that is still in bytes.
    ///
    /// # Errors
    /// When the sample is past Normalize already.
    pub fn apply(&self, sample: Sample) -> Result<Sample, TransformError> {
        let picture = sample.picture.into_bytes("Normalize")?;
        let (width, height) = picture.dimensions();
        let values = picture
            .into_raw()
            .into_iter()
            .map(|grey| f32::from(grey) / 255.0)
            .collect();
        let keypoints = sample
            .keypoints
            .into_iter()
            .map(|p| Point::new(self.0.value(p.x), self.0.value(p.y)))
            .collect();
        Ok(Sample {
            picture: Picture::Unit {
                width,
                height,
                values,
            },
            keypoints,
            is_face: sample.is_face,
            mirrored: sample.mirrored,
        })
    }
}

/// Rows and columns to `[channels, height, width]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToTensor;

impl ToTensor {
    /// Applies it to a normalised sample.
    ///
    /// # Errors
    /// When the sample is not normalised yet, or a tensor already.
    pub fn apply(&self, sample: Sample) -> Result<Sample, TransformError> {
        let Picture::Unit {
            width,
            height,
            values,
        } = sample.picture
        else {
            return Err(TransformError::Order(
                "ToTensor needs Normalize right before it".into(),
            ));
        };
        let picture = Picture::Tensor {
            shape: [1, height as usize, width as usize],
            values,
        };
        Ok(Sample { picture, ..sample })
    }
}
