//! What is drawn over a picture, as plain shapes in frame pixels. The window's painter and the picture painter
//! both draw from it, so they cannot differ. Knows faces and point schemes, and no way of drawing.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::{
    face::Face,
    geometry::{Point, Rect},
    keypoints::PointScheme,
};

/// An opaque colour: red, green, blue.
pub type Colour = [u8; 3];

/// The colour that the program is named after: predicted points.
pub const PINK: Colour = [255, 64, 160];
/// Labelled points, where they are compared with predicted ones.
pub const GREEN: Colour = [64, 220, 96];
/// Face boxes and what is written at them.
pub const BOX_BLUE: Colour = [96, 176, 255];
/// What a search found, before a net has looked at it.
pub const FIND_ORANGE: Colour = [255, 150, 48];
/// Points as the net gave them, beside smoothed ones.
pub const RAW_YELLOW: Colour = [255, 208, 80];

/// Behind words, so that they can be read on anything.
pub const SHADE: Colour = [0, 0, 0];
/// Points of a second net, beside the first one's.
pub const COMPARED_AQUA: Colour = [64, 224, 208];

/// Radius of a point relative to the long side of its face, so that small faces stay visible.
const POINT_RADIUS_PER_FACE: f32 = 0.011;
/// Smallest and largest radius of a point, in frame pixels.
const POINT_RADIUS_RANGE: (f32, f32) = (0.8, 4.0);
/// Width of a contour or trail, and height of a number, in radii of a point.
const LINE_PER_RADIUS: f32 = 0.7;
/// See [`LINE_PER_RADIUS`].
const NUMBER_PER_RADIUS: f32 = 3.6;
/// Height of a face's number, relative to its box, and the smallest, in frame pixels.
const ID_PER_FACE: f32 = 0.09;
/// See [`ID_PER_FACE`].
const SMALLEST_ID: f32 = 12.0;
/// How visible contours and the newest end of trails are: points are to stand out from them.
const LINE_OPACITY: f32 = 0.75;
/// A point that is expected to be off by this share of its face's size (half of which is the way from eye to eye) is as faint
/// as points get; one that is expected to be right is not faint at all.
const UNSURE_SPREAD: f32 = 0.06;
/// How visible the faintest points are.
const FAINTEST: f32 = 0.2;
/// Frames that a trail goes back: about half a second of video.
const TRAIL_FRAMES: usize = 15;

/// Something to draw; positions and sizes are frame pixels, opacity is 0 (not seen) to 1.
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
        /// How visible it is.
        opacity: f32,
    },
    /// A line through points.
    Line {
        /// The points, in order.
        points: Vec<Point>,
        /// Whether the last is joined to the first.
        closed: bool,
        /// How thick it is.
        width: f32,
        /// Its colour.
        colour: Colour,
        /// How visible it is.
        opacity: f32,
    },
    /// The outline of a box.
    Outline {
        /// The box.
        rect: Rect,
        /// Its colour.
        colour: Colour,
    },
    /// A few words.
    Text {
        /// Left end of the line that they stand on.
        at: Point,
        /// The words.
        text: String,
        /// Height of its capitals.
        height: f32,
        /// Their colour.
        colour: Colour,
    },
}

/// Which points are drawn, where they are smoothed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    /// The smoothed ones.
    #[default]
    Smoothed,
    /// As the net gave them.
    Raw,
    /// Both, the net's own in yellow.
    Both,
}

impl Which {
    /// The points of a face that are drawn so; where both are, the smoothed ones, which lie above the others.
    pub fn of(self, face: &Face) -> &[Point] {
        match self {
            Self::Smoothed | Self::Both => &face.points,
            Self::Raw => &face.raw_points,
        }
    }
}

/// What of a face is drawn, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Style {
    /// The keypoints.
    pub points: bool,
    /// The lines of jaw, brows, eyes, nose and mouth.
    pub contours: bool,
    /// Every keypoint's number, from 0.
    pub numbers: bool,
    /// The face box.
    pub boxes: bool,
    /// The face's number, and how sure the net is of it.
    pub ids: bool,
    /// Where the keypoints were a moment ago.
    pub trails: bool,
    /// The points of a net that is compared, where there is one.
    pub compared: bool,
    /// Smoothed or not.
    pub which: Which,
    /// Draws keypoints fainter that the net is less sure of.
    pub fade: bool,
    /// Size of points and lines, in what is usual.
    pub size: f32,
    /// Colour of the keypoints.
    pub colour: Colour,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            points: true,
            contours: false,
            numbers: false,
            boxes: true,
            ids: false,
            trails: false,
            compared: true,
            which: Which::default(),
            fade: false,
            size: 1.0,
            colour: PINK,
        }
    }
}

/// The shapes of `faces`, whose points are of `scheme`, from the lowest to the uppermost.
pub fn shapes<'a>(
    faces: impl IntoIterator<Item = &'a Face>,
    scheme: Option<&PointScheme>,
    style: &Style,
) -> Vec<Shape> {
    let (mut below, mut above) = (Vec::new(), Vec::new());
    for face in faces {
        if style.boxes {
            below.push(Shape::Outline {
                rect: face.face_box,
                colour: BOX_BLUE,
            });
        }
        if style.ids {
            below.push(id_of(face));
        }
        if matches!(style.which, Which::Raw | Which::Both) {
            let colour = if style.which == Which::Both {
                RAW_YELLOW
            } else {
                style.colour
            };
            let style = Style {
                numbers: style.numbers && style.which == Which::Raw,
                colour,
                ..style.clone()
            };
            draw(
                &face.raw_points,
                &face.spread,
                scheme,
                &style,
                &mut below,
                &mut above,
            );
        }
        if matches!(style.which, Which::Smoothed | Which::Both) {
            draw(&face.points, &face.spread, scheme, style, &mut below, &mut above);
        }
    }
    below.append(&mut above);
    below
}

/// The outlines of what a search found.
pub fn find_shapes(finds: &[Rect]) -> impl Iterator<Item = Shape> + '_ {
    finds.iter().map(|&rect| Shape::Outline {
        rect,
        colour: FIND_ORANGE,
    })
}

/// The points of a second net, whose points are of `scheme`, for every face; contours where `style` has them.
pub fn compared_shapes(faces: &[Vec<Point>], scheme: Option<&PointScheme>, style: &Style) -> Vec<Shape> {
    let style = Style {
        numbers: false,
        colour: COMPARED_AQUA,
        ..style.clone()
    };
    let (mut below, mut above) = (Vec::new(), Vec::new());
    for points in faces {
        draw(points, &[], scheme, &style, &mut below, &mut above);
    }
    below.append(&mut above);
    below
}

/// One face's `points`, of which each is expected to be off by its `spread` where that is known, with what belongs to them.
fn draw(
    points: &[Point],
    spread: &[f32],
    scheme: Option<&PointScheme>,
    style: &Style,
    below: &mut Vec<Shape>,
    above: &mut Vec<Shape>,
) {
    let size = size_of(points, scheme);
    let radius = radius_for(size) * style.size;
    if style.contours {
        let contours = scheme.map_or(&[][..], |scheme| &scheme.contours);
        below.extend(contours.iter().map(|contour| {
            Shape::Line {
                points: contour
                    .points
                    .iter()
                    .filter_map(|&i| points.get(i).copied())
                    .collect(),
                closed: contour.closed,
                width: radius * LINE_PER_RADIUS,
                colour: style.colour,
                opacity: LINE_OPACITY,
            }
        }));
    }
    if style.points {
        above.extend(points.iter().enumerate().map(|(i, &centre)| Shape::Dot {
            centre,
            radius,
            colour: style.colour,
            opacity: match spread.get(i) {
                Some(&spread) if style.fade => sureness(spread / size.max(1.0)),
                _ => 1.0,
            },
        }));
    }
    if style.numbers {
        above.extend(points.iter().enumerate().map(|(i, &point)| Shape::Text {
            at: Point::new(point.x + radius, point.y - radius),
            text: i.to_string(),
            height: radius * NUMBER_PER_RADIUS,
            colour: style.colour,
        }));
    }
}

/// How visible a point is that is expected to be off by `spread` sizes of its face.
fn sureness(spread: f32) -> f32 {
    (1.0 - spread / UNSURE_SPREAD).clamp(FAINTEST, 1.0)
}

fn id_of(face: &Face) -> Shape {
    let sure = face
        .confidence
        .map_or(String::new(), |c| format!("  {:.0} %", 100.0 * c));
    let height = (face.face_box.long_side() * ID_PER_FACE).max(SMALLEST_ID);
    Shape::Text {
        at: Point::new(face.face_box.x, face.face_box.y - height / 2.0),
        text: format!("face {}{sure}", face.id),
        height,
        colour: BOX_BLUE,
    }
}

/// Size of the face of `points`, which are of `scheme`, frame pixels.
fn size_of(points: &[Point], scheme: Option<&PointScheme>) -> f32 {
    let face = match scheme {
        Some(scheme) => scheme.upright_face(points),
        None => Rect::around(points),
    };
    face.map_or(0.0, |face| face.long_side())
}

/// Radius of the points of a face of this size, frame pixels.
fn radius_for(size: f32) -> f32 {
    (size * POINT_RADIUS_PER_FACE).clamp(POINT_RADIUS_RANGE.0, POINT_RADIUS_RANGE.1)
}

/// Dots for one set of keypoints, sized by how large the set is.
pub fn point_shapes(points: &[Point], colour: Colour) -> impl Iterator<Item = Shape> + '_ {
    let radius = radius_for(size_of(points, None));
    points.iter().map(move |&centre| Shape::Dot {
        centre,
        radius,
        colour,
        opacity: 1.0,
    })
}

/// Where keypoints were in the last frames.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Trails {
    /// Id and points of every face, the newest frame last.
    frames: VecDeque<Vec<(u32, Vec<Point>)>>,
}

impl Trails {
    /// Takes in the next frame's faces.
    pub fn push(&mut self, faces: &[Face]) {
        if self.frames.len() > TRAIL_FRAMES {
            self.frames.pop_front();
        }
        let points = faces.iter().map(|face| (face.id, face.points.clone()));
        self.frames.push_back(points.collect());
    }

    /// Forgets everything: what comes is of something else.
    pub fn clear(&mut self) {
        self.frames.clear();
    }

    /// A line for every keypoint, to where it is now; fainter where it is older. The points are of `scheme`.
    pub fn shapes(&self, scheme: Option<&PointScheme>, style: &Style) -> Vec<Shape> {
        let count = self.frames.len();
        let steps = self.frames.iter().zip(self.frames.iter().skip(1)).enumerate();
        let steps = steps.flat_map(|(age, (before, after))| {
            let opacity = LINE_OPACITY * (age + 1) as f32 / count as f32;
            after.iter().flat_map(move |(id, to)| {
                let same = before.iter().find(|(other, _)| other == id);
                let from = same.map_or(&[][..], |(_, points)| points);
                let width = radius_for(size_of(to, scheme)) * style.size * LINE_PER_RADIUS;
                from.iter().zip(to).map(move |(&from, &to)| Shape::Line {
                    points: vec![from, to],
                    closed: false,
                    width,
                    colour: style.colour,
                    opacity,
                })
            })
        });
        steps.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face() -> Face {
        Face {
            id: 1,
            face_box: Rect::new(0.0, 0.0, 50.0, 50.0),
            points: vec![Point::new(1.0, 2.0), Point::new(40.0, 44.0)],
            raw_points: vec![Point::new(2.0, 2.0), Point::new(41.0, 44.0)],
            confidence: Some(0.996),
            spread: vec![0.0, 100.0],
        }
    }

    fn drawn(style: Style) -> Vec<Shape> {
        let scheme = PointScheme {
            contours: vec![crate::keypoints::Contour {
                name: "line".into(),
                points: vec![0, 1],
                closed: false,
            }],
            ..PointScheme::unnamed(2)
        };
        shapes([&face()], Some(&scheme), &style)
    }

    #[test]
    fn boxes_lie_below_points_and_can_be_turned_off() {
        let all = drawn(Style::default());
        assert!(matches!(all[0], Shape::Outline { .. }));
        assert_eq!(all.len(), 3);
        let points_only = drawn(Style {
            boxes: false,
            ..Style::default()
        });
        assert!(
            points_only
                .iter()
                .all(|s| matches!(s, Shape::Dot { colour: PINK, opacity, .. } if *opacity == 1.0))
        );
    }

    #[test]
    fn everything_can_be_drawn_and_nothing_is_without_being_asked_for() {
        let nothing = Style {
            points: false,
            boxes: false,
            ..Style::default()
        };
        assert_eq!(drawn(nothing.clone()), []);
        let contours = drawn(Style {
            contours: true,
            ..nothing.clone()
        });
        assert!(matches!(&contours[..], [Shape::Line { points, .. }] if points.len() == 2));
        let numbers = drawn(Style {
            numbers: true,
            ..nothing.clone()
        });
        assert!(matches!(&numbers[1], Shape::Text { text, .. } if text == "1"));
        let ids = drawn(Style { ids: true, ..nothing });
        assert!(matches!(&ids[..], [Shape::Text { text, .. }] if text == "face 1  100 %"));
    }

    #[test]
    fn raw_points_are_told_from_smoothed_ones() {
        let dots = |which| {
            let style = Style {
                boxes: false,
                which,
                ..Style::default()
            };
            let dots = drawn(style).into_iter().map(|shape| match shape {
                Shape::Dot { centre, colour, .. } => (centre.x, colour),
                other => unreachable!("{other:?}"),
            });
            dots.collect::<Vec<_>>()
        };
        assert_eq!(dots(Which::Smoothed), [(1.0, PINK), (40.0, PINK)]);
        assert_eq!(dots(Which::Raw), [(2.0, PINK), (41.0, PINK)]);
        assert_eq!(dots(Which::Both).len(), 4);
        assert_eq!(dots(Which::Both)[0], (2.0, RAW_YELLOW));
    }

    #[test]
    fn points_that_the_net_is_not_sure_of_are_fainter_and_larger_ones_larger() {
        let style = Style {
            boxes: false,
            fade: true,
            size: 2.0,
            ..Style::default()
        };
        let dots = drawn(style);
        let [
            Shape::Dot {
                opacity: sure,
                radius,
                ..
            },
            Shape::Dot { opacity: unsure, .. },
        ] = &dots[..]
        else {
            unreachable!("{dots:?}")
        };
        assert_eq!((*sure, *unsure), (1.0, FAINTEST));
        assert_eq!(*radius, 2.0 * radius_for(size_of(&face().points, None)));
    }

    #[test]
    fn trails_follow_a_face_and_end() {
        let mut trails = Trails::default();
        for step in 0..40 {
            let mut moved = face();
            moved.points.iter_mut().for_each(|p| p.x += step as f32);
            trails.push(&[moved]);
        }
        let lines = trails.shapes(None, &Style::default());
        assert_eq!(lines.len(), 2 * TRAIL_FRAMES);
        assert!(matches!(&lines[0], Shape::Line { points, .. } if points[1].x - points[0].x == 1.0));
        // Another face has nothing to do with this one.
        trails.push(&[Face { id: 2, ..face() }]);
        assert_eq!(
            trails.shapes(None, &Style::default()).len(),
            2 * (TRAIL_FRAMES - 1)
        );
        trails.clear();
        assert_eq!(trails.shapes(None, &Style::default()), []);
    }
}
