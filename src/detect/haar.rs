//! Faces by a Haar cascade, on a small grey copy of the picture.

use std::path::{Path, PathBuf};

use image::GrayImage;
use opencv::{
    core::{Mat, Size, Vector},
    objdetect::CascadeClassifier,
    prelude::*,
};

use super::{DetectError, Detection, FaceDetector, cascade_file};
use crate::{
    geometry::{Point, Rect},
    resources::{self, Kind},
    transform::crop,
};

/// The bundled cascade that is used when none is named: of OpenCV's frontal ones the one that misses fewest of the
/// training pictures' faces (6 of 600; `alt` 16, `alt2` 14, each with a third of the false finds).
pub const DEFAULT_CASCADE: &str = "haarcascade_frontalface_default.xml";

/// From the cascade's square to the tight box of the 68 keypoints, in sides of the square. Medians over 600 training
/// pictures drawn at random (594 found; 320 px wide, scale factor 1.1, 4 neighbours, `frontalface_default`), with the
/// 5th and 95th percentile: width 0.864 (0.75 to 1.01), height 0.833 (0.72 to 0.98), centre 0.167 (0.12 to 0.23) below
/// the square's and 0.02 (-0.14 to 0.17) to its right. The last is left out: faces turned to one side were commoner
/// than to the other. The `alt` cascades' squares are 3 % smaller.
const KEYPOINT_WIDTH: f32 = 0.864;
const KEYPOINT_HEIGHT: f32 = 0.833;
const KEYPOINT_SHIFT_DOWN: f32 = 0.167;

/// Two finds that share more than this of their union, or of the smaller one, are one face.
const SAME_FACE_IOU: f32 = 0.3;
const SAME_FACE_SHARE_OF_SMALLER: f32 = 0.6;

/// How faces are looked for.
#[derive(Debug, Clone, PartialEq)]
pub struct HaarSettings {
    /// The cascade; `None` is [`DEFAULT_CASCADE`].
    pub cascade: Option<PathBuf>,
    /// How much larger each size looked for is than the one before; nearer to 1 is slower and finds more.
    pub scale_factor: f64,
    /// How many overlapping finds make a face; more means fewer false faces and more missed ones.
    pub min_neighbours: u32,
    /// Smallest face, as a fraction of the picture's short side.
    pub min_size: f32,
    /// Long side of the copy that is searched, in pixels; larger pictures are shrunk to it.
    pub work_side: u32,
}

impl HaarSettings {
    /// For live video: about 10 ms a frame, faces from a tenth of the picture's short side.
    pub fn live() -> Self {
        Self {
            cascade: None,
            scale_factor: 1.2,
            min_neighbours: 4,
            min_size: 0.1,
            work_side: 320,
        }
    }

    /// For recorded video, where every frame is searched and none is waited for: faces from 1/16 of the short side.
    pub fn recorded() -> Self {
        Self {
            scale_factor: 1.1,
            min_neighbours: 5,
            min_size: 1.0 / 16.0,
            work_side: 640,
            ..Self::live()
        }
    }

    /// For photographs: a tenth of a second or more each, small faces too.
    pub fn thorough() -> Self {
        Self {
            scale_factor: 1.1,
            min_neighbours: 6,
            min_size: 0.02,
            work_side: 1024,
            ..Self::live()
        }
    }
}

/// A detector with a loaded cascade.
#[derive(Debug)]
pub struct HaarDetector {
    classifier: CascadeClassifier,
    settings: HaarSettings,
}

impl HaarDetector {
    /// Loads the cascade.
    ///
    /// # Errors
    /// When the cascade is missing, damaged, or no cascade, or when a setting makes no sense.
    pub fn open(settings: HaarSettings) -> Result<Self, DetectError> {
        let path = match &settings.cascade {
            Some(path) => path.clone(),
            None => resources::find(Kind::Cascade, DEFAULT_CASCADE).map_err(|e| DetectError::Cascade {
                path: DEFAULT_CASCADE.into(),
                why: e.to_string(),
            })?,
        };
        settings.check()?;
        cascade_file::check(&path)?;
        let classifier = load(&path)?;
        Ok(Self { classifier, settings })
    }

    /// How faces are looked for.
    pub fn settings(&self) -> &HaarSettings {
        &self.settings
    }
}

fn load(path: &Path) -> Result<CascadeClassifier, DetectError> {
    let unusable = |why: String| DetectError::Cascade {
        path: path.to_path_buf(),
        why,
    };
    let mut classifier = CascadeClassifier::default()?;
    let name = path
        .to_str()
        .ok_or_else(|| unusable("its name is not UTF-8; rename it".into()))?;
    match classifier.load(name) {
        Ok(true) if !classifier.empty()? => Ok(classifier),
        Ok(_) => Err(unusable("OpenCV finds no cascade in it".into())),
        Err(error) => Err(unusable(error.message)),
    }
}

impl HaarSettings {
    fn check(&self) -> Result<(), DetectError> {
        let fail = |what: String| Err(DetectError::Setting(what));
        if !(1.01..=10.0).contains(&self.scale_factor) {
            return fail(format!(
                "scale factor {}; 1.01 to 10 makes sense",
                self.scale_factor
            ));
        }
        if !(0.0..=1.0).contains(&self.min_size) {
            return fail(format!(
                "smallest face {}; it is a fraction of the short side, 0 to 1",
                self.min_size
            ));
        }
        if self.work_side < 32 {
            return fail(format!(
                "search size {} px; at least 32 are needed",
                self.work_side
            ));
        }
        Ok(())
    }
}

impl FaceDetector for HaarDetector {
    fn detect(&mut self, grey: &GrayImage) -> Result<Vec<Detection>, DetectError> {
        let (width, height) = grey.dimensions();
        if width == 0 || height == 0 {
            return Ok(Vec::new());
        }
        let shrink = (self.settings.work_side as f32 / width.max(height) as f32).min(1.0);
        let scaled = |length: u32| ((length as f32 * shrink).round() as u32).max(1);
        let small = if shrink < 1.0 {
            &crop::resized(grey, scaled(width), scaled(height))?
        } else {
            grey
        };
        let squares = self.squares(small)?;
        let (fx, fy) = (
            width as f32 / small.width() as f32,
            height as f32 / small.height() as f32,
        );
        let mut found: Vec<Detection> = merged(squares)
            .into_iter()
            .map(|(square, score)| {
                let centre = square.centre().resized(fx, fy);
                let side = square.width * fx;
                Detection {
                    face_box: keypoint_box(centre, side),
                    score,
                }
            })
            .collect();
        found.sort_by(|a, b| b.face_box.area().total_cmp(&a.face_box.area()));
        Ok(found)
    }
}

impl HaarDetector {
    /// The cascade's squares in `small`, each with how many finds it was merged from.
    fn squares(&mut self, small: &GrayImage) -> Result<Vec<(Rect, f32)>, DetectError> {
        let (width, height) = small.dimensions();
        let smallest = (self.settings.min_size * width.min(height) as f32).round() as i32;
        let mut squares = Vector::<opencv::core::Rect>::new();
        let mut counts = Vector::<i32>::new();
        self.classifier.detect_multi_scale2(
            &Mat::new_rows_cols_with_bytes::<u8>(height as i32, width as i32, small.as_raw())?,
            &mut squares,
            &mut counts,
            self.settings.scale_factor,
            self.settings.min_neighbours as i32,
            0,
            Size::new(smallest, smallest),
            Size::default(),
        )?;
        let both = squares.iter().zip(counts.iter());
        // OpenCV's box counts pixels; ours starts at the edge of the first, half a pixel before its centre.
        Ok(both
            .map(|(square, count)| {
                let (x, y) = (square.x as f32 - 0.5, square.y as f32 - 0.5);
                (
                    Rect::new(x, y, square.width as f32, square.height as f32),
                    count as f32,
                )
            })
            .collect())
    }
}

/// Where the keypoints of a face are expected that the cascade found in a square.
fn keypoint_box(centre: Point, side: f32) -> Rect {
    Rect::from_centre(
        Point::new(centre.x, centre.y + KEYPOINT_SHIFT_DOWN * side),
        KEYPOINT_WIDTH * side,
        KEYPOINT_HEIGHT * side,
    )
}

/// Of finds that are the same face only the one with the most support.
fn merged(mut finds: Vec<(Rect, f32)>) -> Vec<(Rect, f32)> {
    finds.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut kept: Vec<(Rect, f32)> = Vec::new();
    for find in finds {
        if kept.iter().all(|other| !same_face(&find.0, &other.0)) {
            kept.push(find);
        }
    }
    kept
}

fn same_face(a: &Rect, b: &Rect) -> bool {
    let iou = a.iou(b);
    let shared = iou / (1.0 + iou) * (a.area() + b.area());
    iou > SAME_FACE_IOU || shared > SAME_FACE_SHARE_OF_SMALLER * a.area().min(b.area())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_of_one_face_are_merged_into_the_best_supported() {
        let face = Rect::new(10.0, 10.0, 40.0, 40.0);
        let finds = vec![
            (Rect::new(14.0, 12.0, 40.0, 40.0), 5.0),
            (face, 30.0),
            (Rect::new(20.0, 20.0, 12.0, 12.0), 6.0),
            (Rect::new(80.0, 10.0, 40.0, 40.0), 9.0),
        ];
        let kept = merged(finds);
        assert_eq!(kept.len(), 2);
        assert_eq!(kept[0], (face, 30.0));
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        let broken: [fn(&mut HaarSettings); 4] = [
            |s| s.scale_factor = 1.0,
            |s| s.scale_factor = f64::NAN,
            |s| s.min_size = 2.0,
            |s| s.work_side = 0,
        ];
        for (i, damage) in broken.iter().enumerate() {
            let mut settings = HaarSettings::live();
            damage(&mut settings);
            assert!(HaarDetector::open(settings).is_err(), "damage {i}");
        }
    }
}
