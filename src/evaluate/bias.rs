//! How far a net's points lie off the labels of a set on the whole, point by point. Every set of labels has habits of its
//! own, and nets that were trained on others are compared fairly only without this bias.

use crate::{
    geometry::{Point, Rect, Similarity},
    keypoints::PointScheme,
};

/// Pictures whose points are further off than this on the whole, in box sizes, are failures and say nothing of habits.
const GROSS_FAILURE: f32 = 0.25;

/// The mean offset of every label from the predicted point, in the direction of the predicted eye line and in sizes of the
/// predicted points' box (square root of its area).
#[derive(Debug, Clone, PartialEq)]
pub struct Bias {
    offsets: Vec<Point>,
    /// Pictures that it was learned from.
    pub pictures: usize,
}

/// Direction and size of a predicted face: takes offsets in sizes of it, along its axes, to pixels.
fn axes(scheme: &PointScheme, points: &[Point]) -> Option<Similarity> {
    let tight = Rect::around(points)?;
    Some(Similarity {
        shift: Point::default(),
        scale: tight.area().max(1.0).sqrt(),
        roll: scheme.roll(points),
    })
}

impl Bias {
    /// Learns from predicted and labelled points of other pictures than those that are scored; `None` when none of them can
    /// be used.
    pub fn learn<'a>(
        scheme: &PointScheme,
        pictures: impl IntoIterator<Item = (&'a [Point], &'a [Point])>,
    ) -> Option<Self> {
        let mut sums = vec![Point::default(); scheme.count];
        let mut count = 0;
        for (predicted, labelled) in pictures {
            let Some(axes) = axes(scheme, predicted) else {
                continue;
            };
            let offsets: Vec<Point> = predicted
                .iter()
                .zip(labelled)
                .map(|(p, l)| axes.invert(Point::new(l.x - p.x, l.y - p.y)))
                .collect();
            let lengths = offsets.iter().map(|offset| offset.distance(Point::default()));
            if lengths.sum::<f32>() / offsets.len().max(1) as f32 >= GROSS_FAILURE {
                continue;
            }
            count += 1;
            for (sum, offset) in sums.iter_mut().zip(offsets) {
                *sum = Point::new(sum.x + offset.x, sum.y + offset.y);
            }
        }
        let share = 1.0 / count as f32;
        (count > 0).then(|| Self {
            offsets: sums
                .iter()
                .map(|sum| Point::new(sum.x * share, sum.y * share))
                .collect(),
            pictures: count,
        })
    }

    /// Predicted points as these labels would have them.
    pub fn applied(&self, scheme: &PointScheme, predicted: &[Point]) -> Vec<Point> {
        let Some(axes) = axes(scheme, predicted) else {
            return predicted.to_vec();
        };
        let both = predicted.iter().zip(&self.offsets);
        both.map(|(p, &offset)| {
            let offset = axes.apply(offset);
            Point::new(p.x + offset.x, p.y + offset.y)
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face(scheme: &PointScheme, roll: f32, scale: f32) -> Vec<Point> {
        let place = Similarity {
            shift: Point::new(50.0, 70.0),
            roll,
            scale,
        };
        (0..scheme.count)
            .map(|i| {
                place.apply(Point::new(
                    (i as f32 * 2.4).sin() + i as f32 * 0.05,
                    (i as f32 * 1.7).cos(),
                ))
            })
            .collect()
    }

    #[test]
    fn what_labels_are_off_by_is_learned_and_applied_whatever_size_and_lean() {
        let scheme = PointScheme::assumed_for(68);
        let label = |points: &[Point]| {
            let axes = axes(&scheme, points).unwrap();
            let off = |(i, p): (usize, &Point)| {
                let offset = axes.apply(Point::new(0.02, 0.001 * i as f32 - 0.03));
                Point::new(p.x + offset.x, p.y + offset.y)
            };
            points.iter().enumerate().map(off).collect::<Vec<_>>()
        };
        let faces: Vec<_> = [(0.0, 20.0), (0.4, 35.0), (-0.3, 60.0)]
            .map(|(roll, scale)| face(&scheme, roll, scale))
            .into();
        let labels: Vec<_> = faces.iter().map(|points| label(points)).collect();
        let nonsense = vec![Point::new(900.0, -900.0); 68];
        let mut pictures: Vec<(&[Point], &[Point])> =
            faces.iter().zip(&labels).map(|(p, l)| (&p[..], &l[..])).collect();
        pictures.push((&faces[0], &nonsense));
        let bias = Bias::learn(&scheme, pictures).unwrap();
        assert_eq!(bias.pictures, 3, "a failure says nothing");
        let other = face(&scheme, 0.2, 44.0);
        for (a, b) in bias.applied(&scheme, &other).iter().zip(label(&other)) {
            assert!(a.distance(b) < 0.01, "{a:?} {b:?}");
        }
        assert_eq!(Bias::learn(&scheme, []), None);
    }

    #[test]
    fn offsets_turn_and_grow_with_the_face() {
        let eyes_first = PointScheme {
            inter_ocular: vec![0, 1],
            ..PointScheme::unnamed(3)
        };
        let moved = |points: &[Point], x: f32, y: f32| -> Vec<Point> {
            points.iter().map(|p| Point::new(p.x + x, p.y + y)).collect()
        };
        let wide = [(0.0, 0.0), (40.0, 0.0), (20.0, 10.0)].map(|(x, y)| Point::new(x, y));
        let bias = Bias::learn(&eyes_first, [(&wide[..], &moved(&wide, 2.0, 1.0)[..])]).unwrap();
        let off_by = |points: &[Point], x: f32, y: f32| {
            let (found, expected) = (bias.applied(&eyes_first, points), moved(points, x, y));
            assert_eq!(found.len(), expected.len());
            for (a, b) in found.iter().zip(expected) {
                assert!(a.distance(b) < 1e-4, "{a:?} {b:?}");
            }
        };
        let turned_and_twice_as_large = wide.map(|p| Point::new(300.0 - 2.0 * p.y, 2.0 * p.x));
        off_by(&turned_and_twice_as_large, -2.0, 4.0);
        let as_large_in_another_shape =
            [(0.0, 0.0), (20.0, 0.0), (10.0, 20.0)].map(|(x, y)| Point::new(x, y));
        off_by(&as_large_in_another_shape, 2.0, 1.0);
    }
}
