//! What makes training pictures more various by moving them and their keypoints: crops as detectors and trackers give them,
//! mirror pictures. Values with parameters that are called on a sample.

use image::{GrayImage, imageops};
use rand::Rng;

use super::{Picture, Sample, TransformError, crop};
use crate::{
    geometry::{CropTransform, Point, Rect},
    keypoints::FaceExtent,
};

/// Cuts the face out: about where a detector or tracker would, turned a little; or, for some samples, a part of the picture
/// that is not the face, so that a net can learn what is none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FaceCrop {
    /// Side of the crop, pixels.
    pub side: u32,
    /// Where the face is around its keypoints.
    pub extent: Option<FaceExtent>,
    /// Side of the crop divided by the long side of the face's box.
    pub margin: f32,
    /// Largest roll to either side, radians; small ones are more frequent.
    pub roll: f32,
    /// The crop is up to so many times larger or smaller; small changes are more frequent.
    pub scale: f32,
    /// How far the crop's centre is off in x and y at most, divided by the box's long side; a little is more frequent.
    pub shift: f32,
    /// Share of the faces that are cut out closer to the truth: roll, scale and shift are a third of what they are
    /// otherwise, as where the points of the frame before say where the face is.
    pub steady: f32,
    /// Share of the samples that show no face.
    pub negatives: f32,
}

impl FaceCrop {
    /// What is left of roll, scale and shift for the steady ones.
    const STEADY: f32 = 1.0 / 3.0;
    /// Where the box in the middle of a crop, smaller by its margin, overlaps the face's by less than this (intersection over union),
    /// the crop shows no face but a part of one, a background, or a face that is far too small.
    const NO_FACE_IOU: f32 = 0.25;
    /// Smallest and largest crop without a face, in sizes of that with one.
    const NO_FACE_SIZES: (f32, f32) = (0.25, 3.5);
    /// Every second crop without a face shows a part of it: its centre is so far from the face's at most, in the same sizes.
    /// A tracker that has slipped off a face sees such crops, and has to be told.
    const NEAR: f32 = 1.2;
    /// Smallest and largest of those.
    const NEAR_SIZES: (f32, f32) = (0.5, 2.0);
    /// Draws until a crop without a face is found; pictures that the face fills have few.
    const DRAWS: usize = 20;

    /// Applies it to a sample that is still in bytes.
    ///
    /// # Errors
    /// When the sample has no keypoints or is past Normalize, or OpenCV fails.
    pub fn apply(&self, sample: Sample, rng: &mut impl Rng) -> Result<Sample, TransformError> {
        let picture = sample.picture.into_bytes("FaceCrop")?;
        let face = FaceExtent::upright(self.extent, &sample.keypoints)
            .ok_or_else(|| TransformError::Unfit("FaceCrop needs keypoints to find the face by".into()))?;
        let negative = rng.random::<f32>() < self.negatives;
        let crop = if negative {
            self.beside(&face, &picture, rng)
        } else {
            self.around(&face, rng)
        };
        let keypoints = sample
            .keypoints
            .iter()
            .map(|&p| crop.crop_from_frame(p))
            .collect();
        Ok(Sample {
            picture: Picture::Bytes(crop::cut(&picture, &crop)?),
            keypoints,
            is_face: sample.is_face && !negative,
            mirrored: sample.mirrored,
        })
    }

    fn around(&self, face: &Rect, rng: &mut impl Rng) -> CropTransform {
        let size = face.long_side().max(1.0);
        let steady = rng.random::<f32>() < self.steady;
        let strength = if steady { Self::STEADY } else { 1.0 };
        let mut off = |most: f32| most * strength * triangular(rng);
        let middle = face.centre();
        let centre = Point::new(
            middle.x + off(size * self.shift),
            middle.y + off(size * self.shift),
        );
        let scale = self.scale.powf(off(1.0));
        CropTransform {
            centre,
            extent: self.margin * size * scale,
            roll: off(self.roll),
            side: self.side,
        }
    }

    fn beside(&self, face: &Rect, picture: &GrayImage, rng: &mut impl Rng) -> CropTransform {
        let size = face.long_side().max(1.0);
        let middle = face.centre();
        let (columns, rows, (smallest, largest)) = if rng.random() {
            let reach = Self::NEAR * size;
            let round = |centre: f32| centre - reach..=centre + reach;
            (round(middle.x), round(middle.y), Self::NEAR_SIZES)
        } else {
            let (width, height) = (picture.width() as f32, picture.height() as f32);
            (0.0..=width, 0.0..=height, Self::NO_FACE_SIZES)
        };
        let mut draw = || {
            let centre = Point::new(rng.random_range(columns.clone()), rng.random_range(rows.clone()));
            (centre, size * smallest * (largest / smallest).powf(rng.random()))
        };
        let (centre, size) = (0..Self::DRAWS)
            .map(|_| draw())
            .find(|&(centre, size)| Rect::from_centre(centre, size, size).iou(face) < Self::NO_FACE_IOU)
            .unwrap_or((middle, Self::NO_FACE_SIZES.1 * size));
        CropTransform {
            roll: self.roll * triangular(rng),
            ..CropTransform::upright(centre, self.margin * size, self.side)
        }
    }
}

/// Turns every second sample into its mirror picture; keypoints take the names of their counterparts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flip {
    /// `mirror[i]` is the keypoint that takes the place of keypoint `i`.
    pub mirror: Vec<usize>,
}

impl Flip {
    /// Applies it to a sample that is still in bytes.
    ///
    /// # Errors
    /// When the sample has another number of keypoints or is past Normalize.
    pub fn apply(&self, sample: Sample, rng: &mut impl Rng) -> Result<Sample, TransformError> {
        if rng.random() {
            return Ok(sample);
        }
        let mut picture = sample.picture.into_bytes("Flip")?;
        if self.mirror.len() != sample.keypoints.len() {
            return Err(TransformError::Unfit(format!(
                "Flip knows {} keypoints and the sample has {}",
                self.mirror.len(),
                sample.keypoints.len()
            )));
        }
        imageops::flip_horizontal_in_place(&mut picture);
        let last = picture.width() as f32 - 1.0;
        let mirrored = |&from: &usize| {
            let Point { x, y } = sample.keypoints[from];
            Point::new(last - x, y)
        };
        Ok(Sample {
            picture: Picture::Bytes(picture),
            keypoints: self.mirror.iter().map(mirrored).collect(),
            is_face: sample.is_face,
            mirrored: !sample.mirrored,
        })
    }
}

/// From -1 to 1, those near 0 more often.
pub(super) fn triangular(rng: &mut impl Rng) -> f32 {
    rng.random::<f32>() - rng.random::<f32>()
}
