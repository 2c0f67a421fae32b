//! What is drawn over a picture, as plain shapes in frame pixels. The window's painter and the picture painter
//! both draw from it, so they cannot differ. Knows faces and point schemes, and no way of drawing.

use crate::{
    face::Face,
    geometry::{Point, Rect},
};

/// An opaque colour: red, green, blue.
pub type Colour = [u8; 3];

/// The colour that the program is named after: predicted points.
pub const PINK: Colour = [255, 64, 160];
/// Labelled points, where they are compared with predicted ones.
pub const GREEN: Colour = [64, 220, 96];
/// Face boxes.
pub const BOX_BLUE: Colour = [96, 176, 255];

/// Radius of a point relative to the long side of its face's points, so that small faces stay visible.
const POINT_RADIUS_PER_FACE: f32 = 0.011;
/// Smallest and largest radius of a point, in frame pixels.
const POINT_RADIUS_RANGE: (f32, f32) = (0.8, 4.0);

/// Something to draw; positions and sizes are frame pixels.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A filled circle.
    Dot {
        /// Its middle.
        centre: Point,
        /// Its radius.
        radius: f32,
        /// Its colour.
        colour: Colour,
    },
    /// The outline of a box.
    Outline {
        /// The box.
        rect: Rect,
        /// Its colour.
        colour: Colour,
    },
}

/// What of a face is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Style {
    /// Draw the keypoints.
    pub points: bool,
    /// Draw the face box.
    pub boxes: bool,
    /// Colour of the keypoints.
    pub point_colour: Colour,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            points: true,
            boxes: true,
            point_colour: PINK,
        }
    }
}

/// The shapes of `faces`, boxes below points.
pub fn shapes<'a>(faces: impl IntoIterator<Item = &'a Face>, style: &Style) -> Vec<Shape> {
    let (mut boxes, mut dots) = (Vec::new(), Vec::new());
    for face in faces {
        if style.boxes {
            boxes.push(Shape::Outline {
                rect: face.face_box,
                colour: BOX_BLUE,
            });
        }
        if style.points {
            dots.extend(point_shapes(&face.points, style.point_colour));
        }
    }
    boxes.append(&mut dots);
    boxes
}

/// Dots for one set of keypoints, sized by how large the set is.
pub fn point_shapes(points: &[Point], colour: Colour) -> impl Iterator<Item = Shape> + '_ {
    let size = Rect::around(points).map_or(0.0, |r| r.long_side());
    let radius = (size * POINT_RADIUS_PER_FACE).clamp(POINT_RADIUS_RANGE.0, POINT_RADIUS_RANGE.1);
    points.iter().map(move |&centre| Shape::Dot {
        centre,
        radius,
        colour,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_lie_below_points_and_can_be_turned_off() {
        let face = Face {
            id: 1,
            face_box: Rect::new(0.0, 0.0, 50.0, 50.0),
            points: vec![Point::new(1.0, 2.0), Point::new(40.0, 44.0)],
            raw_points: Vec::new(),
            confidence: None,
        };
        let all = shapes([&face], &Style::default());
        assert!(matches!(all[0], Shape::Outline { .. }));
        assert_eq!(all.len(), 3);
        let points_only = shapes(
            [&face],
            &Style {
                boxes: false,
                ..Style::default()
            },
        );
        assert!(
            points_only
                .iter()
                .all(|s| matches!(s, Shape::Dot { colour: PINK, .. }))
        );
    }
}
