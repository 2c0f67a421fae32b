//! What makes a labelled face hard: turned to the side, in the dark, small. Told from its labels and its picture alone, so that
//! figures can be given for such faces apart. Plain arithmetic.

use image::GrayImage;

use super::mean;
use crate::{
    geometry::{Point, Rect},
    keypoints::PointScheme,
};

/// Beyond this yaw a face counts as turned, degrees.
const TURNED: f64 = 30.0;
/// Below this mean grey (0 to 255) within the keypoints' box it counts as dark.
const DARK: f64 = 60.0;
/// Below this distance of the outer eye corners it counts as small, pixels.
const SMALL: f64 = 30.0;
/// How far the tip of the nose stands out before the line of the outer eye corners, as a share of their distance: about 4.5 of
/// 9 centimetres on adults.
const NOSE: f64 = 0.5;
/// The tip of the nose in the 68 points of iBUG.
const NOSE_TIP: usize = 30;

/// A difficulty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Turned to the side by more than 30 degrees.
    Turned,
    /// Mean grey of the face below 60 of 255.
    Dark,
    /// Outer eye corners less than 30 pixels apart.
    Small,
}

impl Condition {
    /// All, in the order of tables.
    pub const ALL: [Self; 3] = [Self::Turned, Self::Dark, Self::Small];

    /// Name as shown in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Turned => "turned over 30 degrees",
            Self::Dark => "dark",
            Self::Small => "small",
        }
    }

    /// Those of a face with the keypoints `labelled`, picture pixels. Without eye corners in `scheme` only [`Self::Dark`] can
    /// be told, and [`Self::Turned`] only of the 68 points of iBUG.
    pub fn of(labelled: &[Point], picture: &GrayImage, scheme: &PointScheme) -> Vec<Self> {
        let mut conditions = Vec::new();
        if *scheme == PointScheme::ibug68() && yaw(labelled, scheme).is_some_and(|yaw| yaw.abs() > TURNED) {
            conditions.push(Self::Turned);
        }
        if brightness(labelled, picture).is_some_and(|grey| grey < DARK) {
            conditions.push(Self::Dark);
        }
        if scheme
            .eyes(labelled)
            .is_some_and(|(left, right)| f64::from(left.distance(right)) < SMALL)
        {
            conditions.push(Self::Small);
        }
        conditions
    }
}

/// About how far the face is turned to the side, degrees: turned by the angle `a`, the eye line looks `cos a` times as long and
/// the nose's tip moves along it by `NOSE sin a` of its length.
fn yaw(points: &[Point], scheme: &PointScheme) -> Option<f64> {
    let (left, right) = scheme.eyes(points)?;
    let tip = points.get(NOSE_TIP)?;
    let [dx, dy] = [right.x - left.x, right.y - left.y].map(f64::from);
    let (from_x, from_y) = (
        f64::from(tip.x) - f64::from(left.x + right.x) / 2.0,
        f64::from(tip.y) - f64::from(left.y + right.y) / 2.0,
    );
    let along = (from_x * dx + from_y * dy) / (dx * dx + dy * dy);
    Some((along / NOSE).atan().to_degrees())
}

/// Mean grey within the tight box of the points, as far as the picture goes. By whole numbers of pixels from the corner, cut, and
/// not by [`Rect::pixels_of`]: published figures of dark faces are of the faces that are dark by this.
fn brightness(points: &[Point], picture: &GrayImage) -> Option<f64> {
    let tight = Rect::around(points)?;
    let within = |from: f32, length: f32, side: u32| {
        let end = (from + length).clamp(0.0, side as f32) as u32;
        (from.clamp(0.0, side as f32) as u32)..end
    };
    let columns = within(tight.x, tight.width, picture.width());
    let greys: Vec<f64> = within(tight.y, tight.height, picture.height())
        .flat_map(|y| {
            columns
                .clone()
                .map(move |x| f64::from(picture.get_pixel(x, y)[0]))
        })
        .collect();
    mean(&greys)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use image::Luma;

    /// A face of the given eye distance, whose nose's tip lies `along` of it to the side.
    fn face(eyes: f32, along: f32) -> Vec<Point> {
        let mut points = vec![Point::new(50.0, 60.0); 68];
        points[36] = Point::new(50.0 - eyes / 2.0, 40.0);
        points[45] = Point::new(50.0 + eyes / 2.0, 40.0);
        points[NOSE_TIP] = Point::new(50.0 + along * eyes, 55.0);
        points
    }

    fn conditions(points: &[Point], grey: u8) -> Vec<Condition> {
        let picture = GrayImage::from_pixel(100, 100, Luma([grey]));
        Condition::of(points, &picture, &PointScheme::ibug68())
    }

    #[test]
    fn easy_faces_have_none_and_each_is_told_by_itself() {
        assert_eq!(conditions(&face(40.0, 0.1), 120), []);
        // tan 30 / 2 = 0.29
        assert_eq!(conditions(&face(40.0, 0.28), 120), []);
        assert_eq!(conditions(&face(40.0, 0.3), 120), [Condition::Turned]);
        assert_eq!(conditions(&face(40.0, -0.3), 120), [Condition::Turned]);
        assert_eq!(conditions(&face(40.0, 0.0), 50), [Condition::Dark]);
        assert_eq!(conditions(&face(29.0, 0.0), 120), [Condition::Small]);
        assert_eq!(
            conditions(&face(30.0, 0.0), 60),
            [],
            "neither small nor dark: just at the limits"
        );
    }

    #[test]
    fn every_condition_has_a_name_of_its_own() {
        let names = Condition::ALL.map(Condition::name);
        assert_eq!(names, ["turned over 30 degrees", "dark", "small"]);
        assert_eq!(BTreeSet::from(names).len(), names.len());
    }

    #[test]
    fn darkness_is_that_of_the_face_and_not_of_the_picture() {
        let points = face(40.0, 0.0);
        // The tight box of the points: 30 to 70 and 40 to 60.
        let lit = |inside: u8, outside: u8| {
            let picture = GrayImage::from_fn(100, 100, |x, y| {
                let within = (30..70).contains(&x) && (40..60).contains(&y);
                Luma([if within { inside } else { outside }])
            });
            Condition::of(&points, &picture, &PointScheme::ibug68())
        };
        assert_eq!(lit(60, 0), []);
        assert_eq!(lit(59, 255), [Condition::Dark]);
    }

    #[test]
    fn a_leaning_face_is_turned_no_sooner_than_an_upright_one() {
        let leaning = |along| {
            let mut points = face(40.0, along);
            for point in &mut points {
                let (x, y) = (point.x - 50.0, point.y - 40.0);
                *point = Point::new(50.0 + 0.8 * x - 0.6 * y, 40.0 + 0.6 * x + 0.8 * y);
            }
            points
        };
        assert_eq!(conditions(&leaning(0.0), 120), []);
        assert_eq!(conditions(&leaning(0.28), 120), []);
        assert_eq!(conditions(&leaning(0.3), 120), [Condition::Turned]);
        assert_eq!(conditions(&leaning(-0.3), 120), [Condition::Turned]);
    }

    #[test]
    fn faces_partly_outside_and_schemes_without_eyes_are_no_trouble() {
        let outside: Vec<Point> = face(40.0, 0.0)
            .into_iter()
            .map(|p| Point::new(p.x - 80.0, p.y - 500.0))
            .collect();
        assert_eq!(conditions(&outside, 10), []);
        let picture = GrayImage::from_pixel(100, 100, Luma([10]));
        let unnamed = PointScheme::unnamed(2);
        let points = [Point::new(10.0, 10.0), Point::new(20.0, 30.0)];
        assert_eq!(Condition::of(&points, &picture, &unnamed), [Condition::Dark]);
    }
}
