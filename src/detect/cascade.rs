//! Faces by cascades, on a small grey copy of the picture.

use std::path::PathBuf;

use image::GrayImage;
use opencv::{
    core::{Mat, Size, Vector},
    objdetect::CascadeClassifier,
    prelude::*,
};

use super::{DetectError, Detection, FaceDetector, Finds, Search, Tilted, cascade_file};
use crate::{
    geometry::{CropTransform, FaceBox, Point, Rect},
    resources::{self, Kind},
    transform::crop,
};

/// The bundled cascade that is used when none is named: with tilted searches it finds every person of eleven group
/// photographs and nothing in eight pictures and a video without faces, where `default` finds something in two pictures
/// and a third of the video's frames (`thorough`).
pub const DEFAULT_CASCADE: &str = "haarcascade_frontalface_alt2.xml";

/// From the cascade's square to the face's box (the tight box of the 68 keypoints of iBUG), in sides of the square. Medians over 600 training
/// pictures drawn at random (586 found by an upright search 320 px wide with scale factor 1.1 and 4 neighbours), with
/// the 5th and 95th percentile: width 0.893 (0.77 to 1.03), height 0.856 (0.76 to 0.99), centre 0.174 (0.12 to 0.23)
/// below the square's and 0.014 (-0.16 to 0.18) to its right. The last is left out: it only says that more faces were
/// turned to one side. The squares of `frontalface_default` and of the
/// quick cascade are 3 % larger.
const FACE_WIDTH: f32 = 0.893;
const FACE_HEIGHT: f32 = 0.856;
const FACE_SHIFT_DOWN: f32 = 0.174;

/// The cascade that makes proposals unless another one was named: of local binary patterns, it takes a third of the time
/// of the Haar cascades. With scale factor 1.1 and one neighbour it proposes 96 of 116 faces in 58 frames of six videos in
/// copies 960 px wide, at 4.5 proposals a frame; the default cascade with 1.2 and 3 neighbours finds 89.
const QUICK_CASCADE: &str = "lbpcascade_frontalface.xml";
/// Scale factor and neighbours with which it is asked.
const PROPOSALS: (f64, u32) = (1.1, 1);

/// By how much tilted searches lie off the upright one. The cascade itself bears about half of it, so together they
/// cover faces that lean by up to 35 degrees: searching all leans in every frame finds a face in all 120 frames of a person who leans (carphone)
/// instead of 60, and in 117 instead of 111 of about 190 of one under a helmet who also turns away (foreman).
const TILT_DEGREES: f32 = 24.0;

/// Two finds that share more than this of their union, or of the smaller one, are one face.
const SAME_FACE_IOU: f32 = 0.3;
const SAME_FACE_SHARE_OF_SMALLER: f32 = 0.6;

/// How faces are looked for.
#[derive(Debug, Clone, PartialEq)]
pub struct CascadeSettings {
    /// The cascade; `None` is [`DEFAULT_CASCADE`].
    pub cascade: Option<PathBuf>,
    /// How much larger each size looked for is than the one before; nearer to 1 is slower and finds more.
    pub scale_factor: f64,
    /// How many overlapping finds make a face; more means fewer false faces and more missed ones.
    pub min_neighbours: u32,
    /// The same two where proposals are wanted.
    pub proposals: (f64, u32),
    /// How pictures are searched unless the caller says.
    pub search: Search,
}

impl CascadeSettings {
    /// For video in which faces are followed: what a search finds is looked at by the net, which knows better, so it may
    /// find too much.
    pub fn following() -> Self {
        Self {
            cascade: None,
            scale_factor: 1.2,
            min_neighbours: 3,
            proposals: PROPOSALS,
            search: Search {
                work_side: 320,
                min_size: 0.1,
                tilted: Tilted::WhenNoneIsUpright,
                finds: Finds::Sure,
            },
        }
    }

    /// For photographs: where a net verifies what is found, everything is to be found.
    pub fn for_photographs(verifies: bool) -> Self {
        if verifies {
            Self::exhaustive()
        } else {
            Self::thorough()
        }
    }

    /// For photographs: a tenth of a second or more each, small faces too.
    pub fn thorough() -> Self {
        Self {
            scale_factor: 1.1,
            min_neighbours: 6,
            search: Search {
                work_side: 1024,
                min_size: 0.02,
                tilted: Tilted::Always,
                finds: Finds::Sure,
            },
            ..Self::following()
        }
    }

    /// For photographs of which a net looks at everything that might be a face: each cascade with the fewest neighbours.
    fn exhaustive() -> Self {
        let thorough = Self::thorough();
        Self {
            min_neighbours: 1,
            search: Search {
                finds: Finds::Everything,
                ..thorough.search
            },
            ..thorough
        }
    }
}

/// A detector with its cascades loaded.
#[derive(Debug)]
pub struct CascadeDetector {
    sure: Cascade,
    quick: Cascade,
    settings: CascadeSettings,
    /// The shrunk copy that was searched last: memory for the next.
    small: GrayImage,
}

/// A cascade and how it is asked.
#[derive(Debug)]
struct Cascade {
    classifier: CascadeClassifier,
    scale_factor: f64,
    min_neighbours: u32,
    /// The leaning copy that was searched last: memory for the next.
    leaning: GrayImage,
}

impl CascadeDetector {
    /// Loads the cascade.
    ///
    /// # Errors
    /// When the cascade is missing, damaged, or no cascade, or when a setting makes no sense.
    pub fn open(settings: CascadeSettings) -> Result<Self, DetectError> {
        settings.check()?;
        let cascade = |bundled: &str, scale_factor, min_neighbours| {
            let path = match &settings.cascade {
                Some(path) => path.clone(),
                None => resources::find(Kind::Cascade, bundled).map_err(|e| DetectError::Cascade {
                    path: bundled.into(),
                    why: e.to_string(),
                })?,
            };
            Ok::<_, DetectError>(Cascade {
                classifier: cascade_file::load(&path)?,
                scale_factor,
                min_neighbours,
                leaning: GrayImage::default(),
            })
        };
        Ok(Self {
            sure: cascade(DEFAULT_CASCADE, settings.scale_factor, settings.min_neighbours)?,
            quick: cascade(QUICK_CASCADE, settings.proposals.0, settings.proposals.1)?,
            settings,
            small: GrayImage::default(),
        })
    }
}

/// Names of the cascades that find people's faces, sorted: the bundled ones and those of OpenCV's own folder, where some
/// find those of cats.
pub fn face_cascades() -> Vec<String> {
    resources::names(Kind::Cascade, |name| {
        name.ends_with(".xml") && name.contains("face") && !name.contains("catface")
    })
}

impl CascadeSettings {
    /// Whether a cascade that was named would be asked for proposals as it is asked for sure finds.
    fn asks_twice_the_same(&self) -> bool {
        self.cascade.is_some() && self.proposals == (self.scale_factor, self.min_neighbours)
    }

    fn check(&self) -> Result<(), DetectError> {
        let fail = |what: String| Err(DetectError::Setting(what));
        for factor in [self.scale_factor, self.proposals.0] {
            if !(1.01..=10.0).contains(&factor) {
                return fail(format!("scale factor {factor}; 1.01 to 10 makes sense"));
            }
        }
        let Search {
            work_side, min_size, ..
        } = self.search;
        if !(0.0..=1.0).contains(&min_size) {
            return fail(format!(
                "smallest face {min_size}; it is a fraction of the short side, 0 to 1"
            ));
        }
        if work_side < 32 {
            return fail(format!("search size {work_side} px; at least 32 are needed"));
        }
        Ok(())
    }
}

impl FaceDetector for CascadeDetector {
    fn detect(&mut self, grey: &GrayImage) -> Result<Vec<Detection>, DetectError> {
        self.search(grey, &self.settings.search.clone())
    }

    fn search(&mut self, grey: &GrayImage, search: &Search) -> Result<Vec<Detection>, DetectError> {
        let (width, height) = grey.dimensions();
        if width == 0 || height == 0 {
            return Ok(Vec::new());
        }
        let shrink = (search.work_side as f32 / width.max(height) as f32).min(1.0);
        let scaled = |length: u32| ((length as f32 * shrink).round() as u32).max(1);
        let mut copy = std::mem::take(&mut self.small);
        let small = if shrink < 1.0 {
            crop::resize_into(grey, scaled(width), scaled(height), &mut copy)?;
            &copy
        } else {
            grey
        };
        let squares = match search.finds {
            Finds::Sure => merged(self.sure.search(small, search)?),
            Finds::Proposals => merged(self.quick.search(small, search)?),
            Finds::Everything => {
                let mut all = self.sure.search(small, search)?;
                if !self.settings.asks_twice_the_same() {
                    all.extend(self.quick.search(small, search)?);
                }
                all
            }
        };
        let (fx, fy) = (
            width as f32 / small.width() as f32,
            height as f32 / small.height() as f32,
        );
        let mut found: Vec<Detection> = squares
            .into_iter()
            .map(|square| Detection {
                face_box: square.face_box(fx, fy),
                score: square.support,
            })
            .collect();
        found.sort_by(|a, b| b.face_box.long_side().total_cmp(&a.face_box.long_side()));
        self.small = copy;
        Ok(found)
    }
}

impl Cascade {
    /// The cascade's squares in `small`, upright and leaning as the search asks for; a face may have several.
    fn search(&mut self, small: &GrayImage, search: &Search) -> Result<Vec<Square>, DetectError> {
        let smallest = (search.min_size * small.width().min(small.height()) as f32).round() as i32;
        let mut squares = match search.tilted {
            Tilted::OnlyLeft | Tilted::OnlyRight => Vec::new(),
            Tilted::Never | Tilted::WhenNoneIsUpright | Tilted::Always => self.squares(small, smallest)?,
        };
        let leans: &[f32] = match search.tilted {
            Tilted::Never => &[],
            Tilted::WhenNoneIsUpright if !squares.is_empty() => &[],
            Tilted::WhenNoneIsUpright | Tilted::Always => &[-TILT_DEGREES, TILT_DEGREES],
            Tilted::OnlyLeft => &[-TILT_DEGREES],
            Tilted::OnlyRight => &[TILT_DEGREES],
        };
        for degrees in leans {
            squares.extend(self.tilted_squares(small, degrees.to_radians(), smallest)?);
        }
        Ok(squares)
    }

    /// The cascade's upright squares in `small`, from `smallest` pixels a side.
    fn squares(&mut self, small: &GrayImage, smallest: i32) -> Result<Vec<Square>, DetectError> {
        let (width, height) = small.dimensions();
        let mut squares = Vector::<opencv::core::Rect>::new();
        let mut counts = Vector::<i32>::new();
        self.classifier.detect_multi_scale2(
            &Mat::new_rows_cols_with_bytes::<u8>(height as i32, width as i32, small.as_raw())?,
            &mut squares,
            &mut counts,
            self.scale_factor,
            self.min_neighbours as i32,
            0,
            Size::new(smallest, smallest),
            Size::default(),
        )?;
        let mut both: Vec<(opencv::core::Rect, i32)> = squares.iter().zip(counts.iter()).collect();
        // OpenCV's threads put them down as they come.
        both.sort_by_key(|(square, _)| (square.x, square.y, square.width));
        // OpenCV's box counts pixels; ours starts at the edge of the first, half a pixel before its centre.
        Ok(both
            .into_iter()
            .map(|(square, count)| {
                let (x, y, side) = (square.x as f32 - 0.5, square.y as f32 - 0.5, square.width as f32);
                Square {
                    centre: Point::new(x + side / 2.0, y + side / 2.0),
                    side,
                    roll: 0.0,
                    support: count as f32,
                }
            })
            .collect())
    }

    /// Squares of faces that lean by `roll` (radians, clockwise): those upright in a copy turned back by it.
    fn tilted_squares(
        &mut self,
        small: &GrayImage,
        roll: f32,
        smallest: i32,
    ) -> Result<Vec<Square>, DetectError> {
        let (width, height) = small.dimensions();
        let turned = CropTransform {
            roll,
            ..CropTransform::of_picture(width, height, 1.0, width.max(height))
        };
        let turned = CropTransform {
            extent: turned.side as f32,
            ..turned
        };
        let mut copy = std::mem::take(&mut self.leaning);
        crop::cut_into(small, &turned, &mut copy)?;
        let found = self.squares(&copy, smallest)?;
        self.leaning = copy;
        let inside = Rect::new(0.0, 0.0, width as f32 - 1.0, height as f32 - 1.0);
        Ok(found
            .into_iter()
            .map(|square| Square {
                centre: turned.frame_from_crop(square.centre),
                roll,
                ..square
            })
            .filter(|square| inside.contains(square.centre))
            .collect())
    }
}

/// A square in which the cascade sees a face.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Square {
    centre: Point,
    side: f32,
    /// By how much the face leans, radians, clockwise.
    roll: f32,
    /// From how many finds it was merged.
    support: f32,
}

impl Square {
    fn rect(&self) -> Rect {
        Rect::from_centre(self.centre, self.side, self.side)
    }

    /// Where the face is expected, in a picture larger by `fx` and `fy`.
    fn face_box(&self, fx: f32, fy: f32) -> FaceBox {
        let centre = self.centre.resized(fx, fy);
        let (side, down) = (self.side * fx, FACE_SHIFT_DOWN * self.side * fx);
        let (sin, cos) = self.roll.sin_cos();
        FaceBox {
            centre: Point::new(centre.x - down * sin, centre.y + down * cos),
            width: FACE_WIDTH * side,
            height: FACE_HEIGHT * side,
            roll: self.roll,
        }
    }

    fn is_same_face(&self, other: &Self) -> bool {
        let (a, b) = (self.rect(), other.rect());
        let iou = a.iou(&b);
        let shared = iou / (1.0 + iou) * (a.area() + b.area());
        iou > SAME_FACE_IOU || shared > SAME_FACE_SHARE_OF_SMALLER * a.area().min(b.area())
    }
}

/// Of finds that are the same face only the one with the most support.
fn merged(mut finds: Vec<Square>) -> Vec<Square> {
    finds.sort_by(|a, b| b.support.total_cmp(&a.support));
    let mut kept: Vec<Square> = Vec::new();
    for find in finds {
        if !kept.iter().any(|other| find.is_same_face(other)) {
            kept.push(find);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture;

    #[test]
    fn finds_of_one_face_are_merged_into_the_best_supported() {
        let square = |x, y, side, support| Square {
            centre: Point::new(x, y),
            side,
            roll: 0.0,
            support,
        };
        let face = square(30.0, 30.0, 40.0, 30.0);
        let inside_it = square(26.0, 26.0, 12.0, 6.0);
        let apart = square(100.0, 30.0, 40.0, 9.0);
        let kept = merged(vec![square(34.0, 32.0, 40.0, 5.0), face, inside_it, apart]);
        assert_eq!(kept, [face, apart]);
    }

    #[test]
    fn keypoints_of_a_leaning_face_lie_below_it_along_its_own_axis() {
        let leaning = Square {
            centre: Point::new(100.0, 100.0),
            side: 50.0,
            roll: std::f32::consts::FRAC_PI_2,
            support: 1.0,
        };
        // A face turned by a quarter clockwise has its chin to the left.
        let middle = leaning.face_box(1.0, 1.0).centre;
        assert!((middle.y - 100.0).abs() < 1e-3 && middle.x < 95.0, "{middle:?}");
    }

    #[test]
    fn leaning_faces_are_looked_for_from_the_same_size_as_upright_ones() {
        // A broad picture, with a face of half its height in the middle.
        let portrait = picture::read(&resources::find(Kind::Asset, "demo.jpg").unwrap()).unwrap();
        let mut grey = GrayImage::default();
        crop::grey_into(&portrait, &mut grey).unwrap();
        let mut upright = CascadeDetector::open(CascadeSettings::following()).unwrap();
        let face = upright.detect(&grey).unwrap()[0].face_box;
        let leaning = CropTransform {
            centre: face.centre,
            extent: 2.5 * face.long_side(),
            roll: TILT_DEGREES.to_radians(),
            side: 160,
        };
        let mut broad = GrayImage::new(480, 160);
        let cut = crop::cut(&grey, &leaning).unwrap();
        image::imageops::replace(&mut broad, &cut, 160, 0);
        let search = Search {
            tilted: Tilted::OnlyLeft,
            min_size: 0.3,
            work_side: 480,
            finds: Finds::Sure,
        };
        let found = upright.search(&broad, &search).unwrap();
        let middle = Point::new(240.0, 80.0);
        assert!(
            found
                .iter()
                .any(|find| find.face_box.centre.distance(middle) < 30.0),
            "{found:?}"
        );
    }

    #[test]
    fn a_cascade_that_was_named_finds_nothing_twice() {
        let path = resources::find(Kind::Asset, "demo.jpg").unwrap();
        let mut grey = GrayImage::default();
        crop::grey_into(&picture::read(&path).unwrap(), &mut grey).unwrap();
        let mut detector = CascadeDetector::open(CascadeSettings {
            cascade: Some(resources::find(Kind::Cascade, DEFAULT_CASCADE).unwrap()),
            ..CascadeSettings::for_photographs(true)
        })
        .unwrap();
        let found = detector.detect(&grey).unwrap();
        let again = |(index, find): (usize, &Detection)| found[..index].contains(find);
        assert!(
            !found.is_empty() && !found.iter().enumerate().any(again),
            "{found:?}"
        );
    }

    #[test]
    fn cats_are_no_people() {
        let names = face_cascades();
        assert!(names.iter().any(|name| name == DEFAULT_CASCADE));
        assert!(names.iter().all(|name| !name.contains("cat")), "{names:?}");
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        let broken: [fn(&mut CascadeSettings); 5] = [
            |s| s.scale_factor = 1.0,
            |s| s.scale_factor = f64::NAN,
            |s| s.proposals.0 = 1.0,
            |s| s.search.min_size = 2.0,
            |s| s.search.work_side = 0,
        ];
        for (i, damage) in broken.iter().enumerate() {
            let mut settings = CascadeSettings::following();
            damage(&mut settings);
            assert!(CascadeDetector::open(settings).is_err(), "damage {i}");
        }
    }
}
