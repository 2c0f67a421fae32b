//! Eyes by a cascade within faces that were found: an extra to look at, which nothing else depends on.

use image::{GrayImage, imageops};
use opencv::{
    core::{Mat, Size, Vector},
    objdetect::CascadeClassifier,
    prelude::*,
};

use super::{DetectError, Detection, cascade_file};
use crate::{
    geometry::Rect,
    resources::{self, Kind},
};

const CASCADE: &str = "haarcascade_eye.xml";
/// Scale factor and neighbours: few false eyes in faces of any size.
const SCALE_FACTOR: f64 = 1.1;
const NEIGHBOURS: i32 = 5;
/// Eyes lie in the upper part of a face's points, with some room above for brows that the detector's box cuts off.
const UPPER_PART: f32 = 0.6;
const ROOM_ABOVE: f32 = 0.15;
/// The smallest eye, of the face's width.
const SMALLEST: f32 = 0.15;

/// Finds eyes. Owned by one thread.
#[derive(Debug)]
pub struct EyeFinder(CascadeClassifier);

impl EyeFinder {
    /// Loads the cascade.
    ///
    /// # Errors
    /// When it is missing or damaged.
    pub fn open() -> Result<Self, DetectError> {
        let path = resources::find(Kind::Cascade, CASCADE).map_err(|e| DetectError::Cascade {
            path: CASCADE.into(),
            why: e.to_string(),
        })?;
        Ok(Self(cascade_file::load(&path)?))
    }

    /// Boxes round the eyes of `faces`, pixels of the picture.
    ///
    /// # Errors
    /// When OpenCV fails.
    pub fn eyes(&mut self, grey: &GrayImage, faces: &[Detection]) -> Result<Vec<Rect>, DetectError> {
        let mut eyes = Vec::new();
        for face in faces {
            let bounds = face.face_box.bounds();
            let upper = Rect::new(
                bounds.x,
                bounds.y - ROOM_ABOVE * bounds.height,
                bounds.width,
                (UPPER_PART + ROOM_ABOVE) * bounds.height,
            );
            self.eyes_in(grey, &upper, &mut eyes)?;
        }
        Ok(eyes)
    }

    fn eyes_in(&mut self, grey: &GrayImage, part: &Rect, eyes: &mut Vec<Rect>) -> Result<(), DetectError> {
        let Some((left, top, width, height)) = part.pixels_of(grey.dimensions()) else {
            return Ok(());
        };
        let copy = imageops::crop_imm(grey, left, top, width, height).to_image();
        let smallest = (SMALLEST * part.width) as i32;
        let mut found = Vector::<opencv::core::Rect>::new();
        self.0.detect_multi_scale(
            &Mat::new_rows_cols_with_bytes::<u8>(height as i32, width as i32, copy.as_raw())?,
            &mut found,
            SCALE_FACTOR,
            NEIGHBOURS,
            0,
            Size::new(smallest, smallest),
            Size::default(),
        )?;
        // OpenCV's box counts pixels; ours starts at the edge of the first, half a pixel before its centre.
        let placed = found.iter().map(|eye| {
            let (x, y) = (
                (left as i32 + eye.x) as f32 - 0.5,
                (top as i32 + eye.y) as f32 - 0.5,
            );
            Rect::new(x, y, eye.width as f32, eye.height as f32)
        });
        eyes.extend(placed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        geometry::{FaceBox, Point},
        picture,
        transform::crop,
    };

    #[test]
    fn both_eyes_of_the_demos_face_are_found_and_none_outside_pictures() {
        let path = resources::find(Kind::Asset, "demo.jpg").unwrap();
        let picture = picture::read(&path).unwrap();
        let mut grey = GrayImage::default();
        crop::grey_into(&picture, &mut grey).unwrap();
        let mut detector =
            super::super::CascadeDetector::open(super::super::CascadeSettings::following()).unwrap();
        let faces = super::super::FaceDetector::detect(&mut detector, &grey).unwrap();
        let mut finder = EyeFinder::open().unwrap();
        let eyes = finder.eyes(&grey, &faces[..1]).unwrap();
        assert_eq!(eyes.len(), 2, "{eyes:?}");
        let face = faces[0].face_box.bounds();
        assert!(
            eyes.iter().all(|eye| face.contains(eye.centre())),
            "{eyes:?} in {face:?}"
        );
        let outside = Detection {
            face_box: FaceBox::upright(&Rect::from_centre(Point::new(-900.0, 5e6), 80.0, 80.0)),
            score: 1.0,
        };
        assert!(finder.eyes(&grey, &[outside]).unwrap().is_empty());
    }
}
