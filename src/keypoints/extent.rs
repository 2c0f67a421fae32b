//! Where a face is around the box of its points. Detectors find faces, and nets see crops that are measured by them;
//! points may fill all of a face or little of it.

use serde::{Deserialize, Serialize};

use crate::geometry::{FaceBox, Point, Rect};

/// A face is not so many times larger than the box of its points, and not further off.
const LARGEST: f32 = 100.0;

/// The face's box, in long sides of the tight box of its points; along the eye line and across it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaceExtent {
    /// Width of the face.
    pub width: f32,
    /// Height of the face.
    pub height: f32,
    /// How far the face's middle lies to the right of the points'.
    #[serde(default)]
    pub right: f32,
    /// How far the face's middle lies below the points'.
    #[serde(default)]
    pub down: f32,
}

impl FaceExtent {
    /// The square of the points' own box: where nothing better is known.
    pub const OF_POINTS: Self = Self {
        width: 1.0,
        height: 1.0,
        right: 0.0,
        down: 0.0,
    };

    /// How `face` lies around the points' box `tight`, which has to lean like it; `None` when that has no size, or
    /// the face is more than 100 such sizes large or off.
    pub fn between(tight: &FaceBox, face: &FaceBox) -> Option<Self> {
        let size = tight.long_side();
        let off = tight.placement().invert(face.centre);
        let extent = Self {
            width: face.width / size,
            height: face.height / size,
            right: off.x,
            down: off.y,
        };
        extent.complaint().is_none().then_some(extent)
    }

    /// The face around the points' box `tight`.
    pub fn around(&self, tight: &FaceBox) -> FaceBox {
        let size = tight.long_side();
        FaceBox {
            centre: tight.placement().apply(Point::new(self.right, self.down)),
            width: self.width * size,
            height: self.height * size,
            roll: tight.roll,
        }
    }

    /// The upright face around `points`, which is their own box where no `extent` is given; `None` without points.
    pub fn upright(extent: Option<Self>, points: &[Point]) -> Option<Rect> {
        let tight = Rect::around(points)?;
        Some(extent.map_or(tight, |extent| extent.around(&FaceBox::upright(&tight)).bounds()))
    }

    /// What is the matter with its numbers, if anything.
    pub(super) fn complaint(&self) -> Option<String> {
        let sizes = [self.width, self.height];
        let fit = sizes.iter().all(|&s| s > 0.0 && s <= LARGEST)
            && [self.right, self.down].iter().all(|v| v.abs() <= LARGEST);
        (!fit).then(|| {
            format!(
                "face of {} x {}, {} to the right and {} down; sizes above 0 and nothing beyond {LARGEST} are allowed",
                self.width, self.height, self.right, self.down
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f32::consts::FRAC_PI_2;

    #[test]
    fn a_face_lies_around_its_points_along_its_own_axes() {
        let points = |roll| FaceBox {
            centre: Point::new(100.0, 50.0),
            width: 20.0,
            height: 10.0,
            roll,
        };
        let extent = FaceExtent {
            width: 2.0,
            height: 2.5,
            right: 0.1,
            down: 0.5,
        };
        let face = extent.around(&points(0.0));
        assert_eq!(face.centre, Point::new(102.0, 60.0));
        assert_eq!((face.width, face.height), (40.0, 50.0));
        // A face turned by a quarter clockwise has its chin to the left and its right side below.
        let leaning = extent.around(&points(FRAC_PI_2));
        assert!(
            leaning.centre.distance(Point::new(90.0, 52.0)) < 1e-4,
            "{leaning:?}"
        );
        for roll in [0.0, 0.4, FRAC_PI_2] {
            let again = FaceExtent::between(&points(roll), &extent.around(&points(roll))).unwrap();
            for (a, b) in [
                (again.width, 2.0),
                (again.height, 2.5),
                (again.right, 0.1),
                (again.down, 0.5),
            ] {
                assert!((a - b).abs() < 1e-5, "{again:?}");
            }
        }
        let nothing = FaceBox {
            width: 0.0,
            height: 0.0,
            ..points(0.0)
        };
        assert_eq!(FaceExtent::between(&nothing, &points(0.0)), None);
    }

    #[test]
    fn faces_without_a_size_or_far_larger_than_their_points_or_far_off_are_refused() {
        let changes: [fn(&mut FaceExtent, f32); 4] = [
            |face, width| face.width = width,
            |face, height| face.height = height,
            |face, right| face.right = right,
            |face, down| face.down = down,
        ];
        let fits = |change: usize, value: f32| {
            let mut face = FaceExtent::OF_POINTS;
            changes[change](&mut face, value);
            face.complaint().is_none()
        };
        for size in [0, 1] {
            assert!([LARGEST, 0.01].iter().all(|&v| fits(size, v)));
            let bad = [0.0, -1.0, LARGEST + 1.0, f32::NAN, f32::INFINITY];
            assert!(bad.iter().all(|&v| !fits(size, v)));
        }
        for shift in [2, 3] {
            assert!([LARGEST, -LARGEST, 0.0].iter().all(|&v| fits(shift, v)));
            let bad = [LARGEST + 1.0, -LARGEST - 1.0, f32::NAN, f32::INFINITY];
            assert!(bad.iter().all(|&v| !fits(shift, v)));
        }
    }
}
