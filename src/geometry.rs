//! Points, boxes and the transform between a frame and a crop of it. Plain arithmetic: knows no other room.
//!
//! Coordinates are pixels with the origin at the **centre** of the top left pixel, x to the right, y down,
//! as in the label files and in OpenCV: a picture of width `w` reaches from -0.5 to `w - 0.5`.

use serde::{Deserialize, Serialize};

/// A position in pixels. Which picture it belongs to is said by the name of what holds it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Point {
    /// Pixels to the right of the centre of the left-most column.
    pub x: f32,
    /// Pixels below the centre of the top row.
    pub y: f32,
}

impl Point {
    /// A point at `x`, `y`.
    pub const fn new(x: f32, y: f32) -> Self {
        Self { x, y }
    }

    /// Euclidean distance in pixels.
    pub fn distance(self, other: Self) -> f32 {
        (self.x - other.x).hypot(self.y - other.y)
    }

    /// Where this point lies after its picture was resized by the factors `fx`, `fy` (new size / old size).
    pub fn resized(self, fx: f32, fy: f32) -> Self {
        Self::new((self.x + 0.5) * fx - 0.5, (self.y + 0.5) * fy - 0.5)
    }
}

/// An axis-parallel box in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Rect {
    /// Left edge.
    pub x: f32,
    /// Top edge.
    pub y: f32,
    /// Extent to the right, not negative.
    pub width: f32,
    /// Extent downwards, not negative.
    pub height: f32,
}

impl Rect {
    /// A box from its left top corner and its size.
    pub const fn new(x: f32, y: f32, width: f32, height: f32) -> Self {
        Self { x, y, width, height }
    }

    /// A box from its centre and its size.
    pub fn from_centre(centre: Point, width: f32, height: f32) -> Self {
        Self::new(centre.x - width / 2.0, centre.y - height / 2.0, width, height)
    }

    /// The tight box of `points`; `None` when there are none.
    pub fn around(points: &[Point]) -> Option<Self> {
        let first = points.first()?;
        let (mut left, mut top, mut right, mut bottom) = (first.x, first.y, first.x, first.y);
        for p in points {
            left = left.min(p.x);
            top = top.min(p.y);
            right = right.max(p.x);
            bottom = bottom.max(p.y);
        }
        Some(Self::new(left, top, right - left, bottom - top))
    }

    /// The middle of the box.
    pub fn centre(&self) -> Point {
        Point::new(self.x + self.width / 2.0, self.y + self.height / 2.0)
    }

    /// The longer of width and height.
    pub fn long_side(&self) -> f32 {
        self.width.max(self.height)
    }

    /// Width times height, in square pixels.
    pub fn area(&self) -> f32 {
        self.width * self.height
    }

    /// Whether `point` lies inside or on the edge.
    pub fn contains(&self, point: Point) -> bool {
        (self.x..=self.x + self.width).contains(&point.x)
            && (self.y..=self.y + self.height).contains(&point.y)
    }

    /// Intersection over union, 0 (apart) to 1 (equal).
    pub fn iou(&self, other: &Self) -> f32 {
        let width = (self.x + self.width).min(other.x + other.width) - self.x.max(other.x);
        let height = (self.y + self.height).min(other.y + other.height) - self.y.max(other.y);
        if width <= 0.0 || height <= 0.0 {
            return 0.0;
        }
        let shared = width * height;
        shared / (self.area() + other.area() - shared)
    }
}

/// The similarity between a frame and a square crop of it that is resampled to `side` x `side` pixels.
///
/// `frame = centre + extent / side * R(roll) * (crop - (side - 1) / 2)`, and the inverse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CropTransform {
    /// Middle of the crop, in frame pixels.
    pub centre: Point,
    /// Length of the crop's side, in frame pixels.
    pub extent: f32,
    /// Rotation of the crop in the frame, radians, clockwise on the screen.
    pub roll: f32,
    /// Length of the crop's side, in crop pixels.
    pub side: u32,
}

impl CropTransform {
    /// An upright crop: `extent` frame pixels round `centre`, resampled to `side` pixels.
    pub fn upright(centre: Point, extent: f32, side: u32) -> Self {
        Self {
            centre,
            extent,
            roll: 0.0,
            side,
        }
    }

    /// The centred square crop of a whole picture: its side is `fraction` of the picture's short side.
    pub fn of_picture(width: u32, height: u32, fraction: f32, side: u32) -> Self {
        let centre = Point::new((width as f32 - 1.0) / 2.0, (height as f32 - 1.0) / 2.0);
        Self::upright(centre, fraction * width.min(height) as f32, side)
    }

    /// Frame pixels per crop pixel.
    pub fn scale(&self) -> f32 {
        self.extent / self.side as f32
    }

    /// The 2x3 matrix, row by row, that takes homogeneous crop pixels to frame pixels.
    pub fn frame_from_crop_matrix(&self) -> [[f64; 3]; 2] {
        let (sin, cos) = f64::from(self.roll).sin_cos();
        let scale = f64::from(self.extent) / f64::from(self.side);
        let middle = (f64::from(self.side) - 1.0) / 2.0;
        let (a, b) = (scale * cos, scale * sin);
        [
            [a, -b, f64::from(self.centre.x) - middle * (a - b)],
            [b, a, f64::from(self.centre.y) - middle * (a + b)],
        ]
    }

    /// A crop pixel's place in the frame.
    pub fn frame_from_crop(&self, point_in_crop: Point) -> Point {
        let [[a, b, tx], [c, d, ty]] = self.frame_from_crop_matrix();
        let (x, y) = (f64::from(point_in_crop.x), f64::from(point_in_crop.y));
        Point::new((a * x + b * y + tx) as f32, (c * x + d * y + ty) as f32)
    }

    /// A frame pixel's place in the crop.
    pub fn crop_from_frame(&self, point_in_frame: Point) -> Point {
        let (sin, cos) = self.roll.sin_cos();
        let (dx, dy) = (point_in_frame.x - self.centre.x, point_in_frame.y - self.centre.y);
        let middle = (self.side as f32 - 1.0) / 2.0;
        Point::new(
            (cos * dx + sin * dy) / self.scale() + middle,
            (cos * dy - sin * dx) / self.scale() + middle,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn crop_and_frame_are_inverse(cx in -500f32..2000.0, cy in -500f32..2000.0, extent in 4f32..3000.0,
                                      roll in -3.1f32..3.1, side in 8u32..512, x in 0f32..512.0, y in 0f32..512.0) {
            let crop = CropTransform { centre: Point::new(cx, cy), extent, roll, side };
            let there = Point::new(x, y);
            let back = crop.crop_from_frame(crop.frame_from_crop(there));
            // f32 keeps about 1e-4 px of a 2000 px coordinate; a small crop of it is magnified by 1 / scale.
            prop_assert!(there.distance(back) < 2e-3 * (1.0 + 1.0 / crop.scale()), "{there:?} {back:?}");
        }

        #[test]
        fn iou_is_symmetric_and_one_for_itself(x in -50f32..50.0, y in -50f32..50.0, w in 1f32..80.0, h in 1f32..80.0) {
            let a = Rect::new(x, y, w, h);
            let b = Rect::new(0.0, 0.0, 30.0, 40.0);
            prop_assert!((a.iou(&a) - 1.0).abs() < 1e-4);
            prop_assert!((a.iou(&b) - b.iou(&a)).abs() < 1e-6);
            prop_assert!((0.0..=1.0 + 1e-5).contains(&a.iou(&b)));
        }
    }

    #[test]
    fn crop_of_a_whole_picture_is_a_plain_resize() {
        let crop = CropTransform::of_picture(100, 100, 1.0, 200);
        let p = Point::new(10.0, 70.0);
        assert!(crop.crop_from_frame(p).distance(p.resized(2.0, 2.0)) < 1e-4);
    }

    #[test]
    fn roll_turns_clockwise_on_the_screen() {
        let crop = CropTransform {
            centre: Point::new(50.0, 50.0),
            extent: 10.0,
            roll: std::f32::consts::FRAC_PI_2,
            side: 11,
        };
        // The crop's right-hand middle lies below the centre when the crop is turned by a quarter clockwise.
        let p = crop.frame_from_crop(Point::new(10.0, 5.0));
        assert!((p.x - 50.0).abs() < 1e-4 && p.y > 53.0, "{p:?}");
    }

    #[test]
    fn box_around_points() {
        assert_eq!(Rect::around(&[]), None);
        let tight = Rect::around(&[Point::new(3.0, 8.0), Point::new(1.0, 2.0)]).unwrap();
        assert_eq!(tight, Rect::new(1.0, 2.0, 2.0, 6.0));
        assert!(tight.contains(Point::new(2.0, 3.0)) && !tight.contains(Point::new(4.0, 3.0)));
    }
}
