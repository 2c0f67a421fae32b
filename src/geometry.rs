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

    /// The pixels that the box touches of a picture of this size: left, top, width and height; `None` where it touches none.
    pub fn pixels_of(&self, (width, height): (u32, u32)) -> Option<(u32, u32, u32, u32)> {
        let within = |from: f32, length: f32, end: u32| {
            // A pixel begins half a pixel before its centre.
            let first = (from + 0.5).floor().clamp(0.0, end as f32) as u32;
            let behind = (from + length + 0.5).ceil().clamp(0.0, end as f32) as u32;
            (behind > first).then(|| (first, behind - first))
        };
        let (left, columns) = within(self.x, self.width, width)?;
        let (top, rows) = within(self.y, self.height, height)?;
        Some((left, top, columns, rows))
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

/// A face's box, or that of its points, leaning with the head. Same coordinates as what it was made from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FaceBox {
    /// The middle of the box.
    pub centre: Point,
    /// Extent along the eye line.
    pub width: f32,
    /// Extent across the eye line.
    pub height: f32,
    /// By how much the head leans, radians, clockwise on the screen.
    pub roll: f32,
}

impl FaceBox {
    /// An upright box.
    pub fn upright(rect: &Rect) -> Self {
        Self {
            centre: rect.centre(),
            width: rect.width,
            height: rect.height,
            roll: 0.0,
        }
    }

    /// The tight box of `points`, leaning by `roll`; `None` when there are no points.
    pub fn around(points: &[Point], roll: f32) -> Option<Self> {
        let turn = Similarity {
            shift: Point::default(),
            scale: 1.0,
            roll,
        };
        // Turned back by the roll, the box is upright.
        let upright: Vec<Point> = points.iter().map(|&p| turn.invert(p)).collect();
        let rect = Rect::around(&upright)?;
        Some(Self {
            centre: turn.apply(rect.centre()),
            width: rect.width,
            height: rect.height,
            roll,
        })
    }

    /// The longer of width and height.
    pub fn long_side(&self) -> f32 {
        self.width.max(self.height)
    }

    /// From long sides of the box, off its middle and along its axes, to where that is.
    pub fn placement(&self) -> Similarity {
        Similarity {
            shift: self.centre,
            scale: self.long_side(),
            roll: self.roll,
        }
    }

    /// The upright box round this one.
    pub fn bounds(&self) -> Rect {
        let (sin, cos) = self.roll.sin_cos();
        let (sin, cos) = (sin.abs(), cos.abs());
        Rect::from_centre(
            self.centre,
            self.width * cos + self.height * sin,
            self.width * sin + self.height * cos,
        )
    }
}

/// A shift, a turn and a change of size: `p -> shift + scale * R(roll) * p`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Similarity {
    /// Where the origin goes.
    pub shift: Point,
    /// Factor of size, above 0.
    pub scale: f32,
    /// Turn, radians, clockwise on the screen.
    pub roll: f32,
}

impl Similarity {
    /// The similarity that takes `from` nearest to `to`, in the sense of least squares (Umeyama, 1991, in the plane:
    /// a complex division). `None` when the points of `from` or of `to` fall together, or their numbers differ.
    pub fn fit(from: &[Point], to: &[Point]) -> Option<Self> {
        if from.len() != to.len() || from.is_empty() {
            return None;
        }
        let (a, b) = (mean(from), mean(to));
        let (mut dot, mut cross, mut spread) = (0.0, 0.0, 0.0);
        for (p, q) in from.iter().zip(to) {
            let (px, py, qx, qy) = (p.x - a.x, p.y - a.y, q.x - b.x, q.y - b.y);
            dot += px * qx + py * qy;
            cross += px * qy - py * qx;
            spread += px * px + py * py;
        }
        let (scale, roll) = (dot.hypot(cross) / spread, cross.atan2(dot));
        if !(scale.is_finite() && scale > 0.0) {
            return None;
        }
        let turned = Self {
            shift: Point::default(),
            scale,
            roll,
        }
        .apply(a);
        let shift = Point::new(b.x - turned.x, b.y - turned.y);
        Some(Self { shift, scale, roll })
    }

    /// The box of a face that moved so.
    pub fn of_box(&self, face_box: &FaceBox) -> FaceBox {
        FaceBox {
            centre: self.apply(face_box.centre),
            width: self.scale * face_box.width,
            height: self.scale * face_box.height,
            roll: face_box.roll + self.roll,
        }
    }

    /// Where `point` goes.
    pub fn apply(&self, point: Point) -> Point {
        let (sin, cos) = self.roll.sin_cos();
        Point::new(
            self.shift.x + self.scale * (cos * point.x - sin * point.y),
            self.shift.y + self.scale * (sin * point.x + cos * point.y),
        )
    }

    /// Where `point` came from.
    pub fn invert(&self, point: Point) -> Point {
        let (sin, cos) = self.roll.sin_cos();
        let (x, y) = (point.x - self.shift.x, point.y - self.shift.y);
        Point::new((cos * x + sin * y) / self.scale, (cos * y - sin * x) / self.scale)
    }
}

/// The middle of mass of `points`; the origin when there are none.
pub fn mean(points: &[Point]) -> Point {
    let count = points.len().max(1) as f32;
    let sum = points.iter().fold((0.0, 0.0), |(x, y), p| (x + p.x, y + p.y));
    Point::new(sum.0 / count, sum.1 / count)
}

/// The similarity between a frame and a square crop of it that is resampled to `side` x `side` pixels.
///
/// `frame = centre + extent / side * R(roll) * (crop - (side - 1) / 2)`, and the inverse.
///
/// ```
/// use pinkpoint::geometry::{CropTransform, Point};
///
/// let crop = CropTransform::upright(Point::new(320.0, 240.0), 200.0, 100);
/// let nose = Point::new(300.0, 250.0);
/// let in_crop = crop.crop_from_frame(nose);
/// assert_eq!(in_crop, Point::new(39.5, 54.5)); // Two frame pixels make one; the middle is pixel 49.5.
/// assert!(crop.frame_from_crop(in_crop).distance(nose) < 1e-3);
/// ```
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

    /// How large it is, and how far its centre lies below that of a face, both in long sides of the face.
    pub fn about(&self, face: &Rect) -> (f32, f32) {
        let long_side = face.long_side();
        (
            self.extent / long_side,
            (self.centre.y - face.centre().y) / long_side,
        )
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
        let from_middle = Similarity {
            shift: self.centre,
            scale: self.scale(),
            roll: self.roll,
        };
        let off = from_middle.invert(point_in_frame);
        let middle = (self.side as f32 - 1.0) / 2.0;
        Point::new(off.x + middle, off.y + middle)
    }
}

/// What a net's numbers stand for: `crop pixel = value * scale + offset`.
///
/// ```
/// use pinkpoint::geometry::OutputScale;
///
/// let course = OutputScale::COURSE;
/// assert_eq!(course.pixel(0.24), 112.0);
/// assert_eq!(course.value(112.0), 0.24);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OutputScale {
    /// Crop pixels per unit of the net's output.
    pub scale: f32,
    /// Crop pixel that output 0 stands for.
    pub offset: f32,
}

impl OutputScale {
    /// The course's normalisation of keypoints for a 224 pixel crop: `(pixel - 100) / 50`.
    pub const COURSE: Self = Self {
        scale: 50.0,
        offset: 100.0,
    };

    /// The pixel that a number of the net stands for.
    pub fn pixel(&self, value: f32) -> f32 {
        value * self.scale + self.offset
    }

    /// The number that stands for a pixel: the inverse of [`Self::pixel`].
    pub fn value(&self, pixel: f32) -> f32 {
        (pixel - self.offset) / self.scale
    }
}

/// The smaller turn from one angle to another, radians, above -pi and up to pi.
pub fn turn_between(from: f32, to: f32) -> f32 {
    let turn = (to - from).rem_euclid(std::f32::consts::TAU);
    if turn > std::f32::consts::PI {
        turn - std::f32::consts::TAU
    } else {
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_box_touches_whole_pixels_of_a_picture() {
        let picture = (10, 6);
        for (rect, pixels) in [
            (Rect::new(-0.5, -0.5, 10.0, 6.0), Some((0, 0, 10, 6))),
            (Rect::new(2.0, 1.0, 0.2, 0.2), Some((2, 1, 1, 1))),
            (Rect::new(2.4, 1.0, 0.2, 1.0), Some((2, 1, 2, 2))),
            (Rect::new(-9.0, 4.0, 12.0, 90.0), Some((0, 4, 4, 2))),
            (Rect::new(12.0, 1.0, 3.0, 3.0), None),
            (Rect::new(-8.0, 1.0, 3.0, 3.0), None),
            (Rect::new(f32::NAN, 1.0, 3.0, 3.0), None),
        ] {
            assert_eq!(rect.pixels_of(picture), pixels, "{rect:?}");
        }
    }

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

    proptest! {
        #[test]
        fn a_similarity_is_found_again_and_inverted(x in -500f32..500.0, y in -500f32..500.0, scale in 0.1f32..20.0,
                                                    roll in -3.1f32..3.1) {
            let shape = [(0.0, 0.0), (10.0, 1.0), (4.0, 9.0), (-3.0, 5.0)].map(|(x, y)| Point::new(x, y));
            let moved = Similarity { shift: Point::new(x, y), scale, roll };
            let there = shape.map(|p| moved.apply(p));
            let found = Similarity::fit(&shape, &there).unwrap();
            for (p, q) in shape.iter().zip(there) {
                prop_assert!(found.apply(*p).distance(q) < 2e-3 * (1.0 + scale), "{found:?}");
                prop_assert!(moved.invert(q).distance(*p) < 2e-3 * (1.0 + 1.0 / scale));
            }
        }
    }

    #[test]
    fn points_without_extent_have_no_similarity() {
        let same = [Point::new(3.0, 4.0); 5];
        assert_eq!(Similarity::fit(&same, &same), None);
        assert_eq!(Similarity::fit(&[], &[]), None);
        let apart =
            [(0.0, 0.0), (9.0, 0.0), (0.0, 9.0), (5.0, 5.0), (1.0, 2.0)].map(|(x, y)| Point::new(x, y));
        assert_eq!(
            Similarity::fit(&apart, &same),
            None,
            "nor have those that fall together"
        );
        // So near together that their squares are 0 in f32, which would make the factor of size infinite.
        let near = apart.map(|p| Point::new(p.x * 1e-30, p.y * 1e-30));
        assert_eq!(Similarity::fit(&near, &apart), None);
    }

    #[test]
    fn as_many_points_as_there_are_counterparts_have_a_similarity() {
        let points = [(0.0, 0.0), (9.0, 0.0), (0.0, 9.0)].map(|(x, y)| Point::new(x, y));
        assert!(Similarity::fit(&points, &points).is_some());
        assert_eq!(Similarity::fit(&points, &points[..2]), None);
        assert_eq!(Similarity::fit(&points, &[]), None);
    }

    #[test]
    fn a_box_moves_as_its_points_do() {
        let points = [(0.0, 0.0), (40.0, 5.0), (35.0, 30.0), (-2.0, 26.0)].map(|(x, y)| Point::new(x, y));
        let moved = Similarity {
            shift: Point::new(30.0, -8.0),
            scale: 2.5,
            roll: 0.3,
        };
        let expected = FaceBox::around(&points.map(|p| moved.apply(p)), 0.1 + 0.3).unwrap();
        let found = moved.of_box(&FaceBox::around(&points, 0.1).unwrap());
        assert!(found.centre.distance(expected.centre) < 1e-3);
        assert!((found.width - expected.width).abs() < 1e-3, "{found:?}");
        assert!((found.height - expected.height).abs() < 1e-3, "{found:?}");
        assert_eq!(found.roll, 0.1 + 0.3);
    }

    #[test]
    fn a_turn_is_the_smaller_one_of_the_two() {
        use std::f32::consts::{PI, TAU};
        let near = |a: f32, b: f32| assert!((a - b).abs() < 1e-5, "{a} is not {b}");
        near(turn_between(0.5, 0.7), 0.2);
        near(turn_between(0.7, 0.5), -0.2);
        near(turn_between(3.0, -3.0), TAU - 6.0);
        near(turn_between(-3.0, 3.0), 6.0 - TAU);
        near(turn_between(0.2, 0.3 - 4.0 * TAU), 0.1);
        assert_eq!(turn_between(0.0, PI), PI, "half a turn goes clockwise");
    }

    #[test]
    fn a_leaning_box_is_as_tight_as_an_upright_one() {
        let upright = [(0.0, 0.0), (40.0, 0.0), (40.0, 30.0), (0.0, 30.0)].map(|(x, y)| Point::new(x, y));
        let lean = Similarity {
            shift: Point::new(100.0, 50.0),
            scale: 1.0,
            roll: 0.4,
        };
        let leaning = upright.map(|p| lean.apply(p));
        let tight = FaceBox::around(&leaning, 0.4).unwrap();
        assert!((tight.width - 40.0).abs() < 1e-3 && (tight.height - 30.0).abs() < 1e-3);
        assert!(tight.centre.distance(lean.apply(Point::new(20.0, 15.0))) < 1e-3);
        let bounds = Rect::around(&leaning).unwrap();
        assert!((tight.bounds().width - bounds.width).abs() < 1e-3);
        assert!((tight.bounds().height - bounds.height).abs() < 1e-3);
        assert!((tight.long_side() - 40.0).abs() < 1e-3);
        assert_eq!(FaceBox::around(&[], 0.0), None);
    }

    #[test]
    fn crop_of_a_whole_picture_is_a_plain_resize() {
        let crop = CropTransform::of_picture(100, 100, 1.0, 200);
        let p = Point::new(10.0, 70.0);
        assert!(crop.crop_from_frame(p).distance(p.resized(2.0, 2.0)) < 1e-4);
    }

    #[test]
    fn a_crop_is_measured_in_long_sides_of_its_face() {
        let crop = CropTransform::upright(Point::new(90.0, 40.0), 200.0, 96);
        let (wide, high) = (
            Rect::new(40.0, 40.0, 80.0, 40.0),
            Rect::new(60.0, 20.0, 40.0, 80.0),
        );
        for face in [wide, high] {
            assert_eq!(crop.about(&face), (2.5, -0.25), "{face:?}");
        }
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
    fn boxes_apart_share_nothing_and_halves_of_each_other_a_third() {
        let place = Rect::new(0.0, 0.0, 40.0, 30.0);
        assert_eq!(place.long_side(), 40.0);
        assert_eq!(place.iou(&place), 1.0);
        assert!((place.iou(&Rect::new(20.0, 0.0, 40.0, 30.0)) - 1.0 / 3.0).abs() < 1e-6);
        assert!((place.iou(&Rect::new(0.0, -15.0, 40.0, 30.0)) - 1.0 / 3.0).abs() < 1e-6);
        assert_eq!(place.iou(&Rect::new(41.0, 0.0, 9.0, 9.0)), 0.0);
        assert_eq!(
            place.iou(&Rect::new(0.0, -9.0, 40.0, 9.0)),
            0.0,
            "an edge is no area"
        );
    }

    #[test]
    fn a_box_reaches_half_its_size_from_its_centre() {
        let centred = Rect::from_centre(Point::new(10.0, 20.0), 6.0, 4.0);
        assert_eq!(centred, Rect::new(7.0, 18.0, 6.0, 4.0));
        assert_eq!(centred.centre(), Point::new(10.0, 20.0));
    }

    #[test]
    fn a_box_contains_its_edges_and_nothing_beyond() {
        let place = Rect::new(3.0, 2.0, 2.0, 6.0);
        for (x, y) in [(3.0, 2.0), (5.0, 2.0), (3.0, 8.0), (5.0, 8.0)] {
            assert!(place.contains(Point::new(x, y)));
        }
        for (x, y) in [(2.9, 4.0), (5.1, 4.0), (4.0, 1.9), (4.0, 8.1)] {
            assert!(!place.contains(Point::new(x, y)));
        }
    }

    #[test]
    fn box_around_points() {
        assert_eq!(Rect::around(&[]), None);
        let tight = Rect::around(&[Point::new(3.0, 8.0), Point::new(1.0, 2.0)]).unwrap();
        assert_eq!(tight, Rect::new(1.0, 2.0, 2.0, 6.0));
        assert!(tight.contains(Point::new(2.0, 3.0)) && !tight.contains(Point::new(4.0, 3.0)));
    }
}
