//! Learns where a face is around points of which nothing is known: from what the net sees where searches have found faces.
//! Plain arithmetic.

use super::Look;
use crate::{
    geometry::FaceBox,
    keypoints::{FaceExtent, PointScheme},
};

/// Finds from which is learned: their boxes are off by a few percent, the median of so many by little.
const ENOUGH: usize = 15;

/// What was learned so far.
#[derive(Debug, Default)]
pub struct Learner {
    extents: Vec<FaceExtent>,
}

impl Learner {
    /// Something to learn by, where nothing is known of a scheme's points.
    pub fn of(scheme: &PointScheme) -> Option<Self> {
        scheme.is_unnamed().then(Self::default)
    }

    /// Takes in what was seen at a find, and gives where the face is around its points by all that were taken in.
    pub fn learn(&mut self, look: &Look) -> Option<FaceExtent> {
        if self.extents.len() < ENOUGH
            && let Some(tight) = FaceBox::around(&look.points, look.region.roll)
        {
            self.extents.extend(FaceExtent::between(&tight, &look.region));
        }
        let median = |number: fn(&FaceExtent) -> f32| {
            let mut numbers: Vec<f32> = self.extents.iter().map(number).collect();
            numbers.sort_by(f32::total_cmp);
            numbers.get(numbers.len() / 2).copied()
        };
        Some(FaceExtent {
            width: median(|e| e.width)?,
            height: median(|e| e.height)?,
            right: median(|e| e.right)?,
            down: median(|e| e.down)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Point;

    #[test]
    fn most_finds_decide_and_schemes_that_say_it_are_left_alone() {
        let look = |size: f32| Look {
            region: FaceBox {
                centre: Point::new(50.0, 60.0),
                width: size,
                height: size,
                roll: 0.0,
            },
            points: vec![Point::new(40.0, 50.0), Point::new(60.0, 50.0)],
            confidence: None,
            spread: Vec::new(),
            patch: Vec::new(),
        };
        let mut learner = Learner::of(&PointScheme::unnamed(2)).unwrap();
        let learned: Vec<FaceExtent> = [60.0, 200.0, 60.0]
            .map(|size| learner.learn(&look(size)).unwrap())
            .into();
        assert_eq!((learned[0].width, learned[2].width), (3.0, 3.0));
        assert_eq!(learned[2].down, 0.5);
        let nothing = Look {
            points: Vec::new(),
            ..look(60.0)
        };
        assert_eq!(Learner::default().learn(&nothing), None);
        for scheme in [PointScheme::ibug68(), PointScheme::five()] {
            assert!(Learner::of(&scheme).is_none());
        }
    }
}
