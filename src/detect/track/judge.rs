//! Whether what a net saw in a region is a face, and whether the region was well aimed. Plain arithmetic.

use super::Look;
use crate::{
    geometry::{FaceBox, Point, Similarity, mean, turn_between},
    keypoints::PointScheme,
};

/// A face begins to be followed at this confidence, and is followed down to the lower one: nothing flickers in between.
/// Well aimed at, the net `pinkpoint` gives 0.9999 and more for the forty faces of a film of portraits, and up to 0.991 for
/// flowers beside one.
const CONFIDENCE_TO_START: f32 = 0.995;
/// See [`CONFIDENCE_TO_START`].
const CONFIDENCE_TO_KEEP: f32 = 0.35;
/// A region is aimed anew from here on: where a face is far off in the crop, a net sees that there is one before it is sure.
const CONFIDENCE_TO_AIM: f32 = 0.02;
/// The points' box over the region's, long sides: outside of this the net saw something else than it was shown.
const SIZE_RANGE: std::ops::RangeInclusive<f32> = 0.4..=2.0;
/// The points' middle is off the region's by no more than this, in long sides of the region.
const MOST_OFF: f32 = 0.6;
/// Width over height of the points' box: from a profile with open mouth to a frown from above.
const ASPECT_RANGE: std::ops::RangeInclusive<f32> = 0.4..=1.9;
/// Distance of the outer eye corners over the long side of the points' box: from near profile to frontal.
const EYES_RANGE: std::ops::RangeInclusive<f32> = 0.15..=0.95;
/// A region off its face by more than this, in long sides, is looked at again: nets are best where they were trained.
const WELL_AIMED_OFFSET: f32 = 0.10;
/// The same for the size, as a factor.
const WELL_AIMED_SIZE: f32 = 1.18;
/// The same for the lean, radians.
const WELL_AIMED_ROLL: f32 = 0.2;

/// What a look is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// No face.
    NoFace,
    /// Good enough to go on with a face that was there.
    Perhaps,
    /// A face for sure.
    Face,
}

/// What a look is worth. Without a confidence from the net the shape has to do.
pub fn judge(scheme: &PointScheme, look: &Look) -> Verdict {
    if !plausible(scheme, &look.region, &look.points) {
        return Verdict::NoFace;
    }
    match look.confidence {
        None => Verdict::Face,
        Some(confidence) if confidence >= CONFIDENCE_TO_START => Verdict::Face,
        Some(confidence) if confidence >= CONFIDENCE_TO_KEEP => Verdict::Perhaps,
        Some(_) => Verdict::NoFace,
    }
}

/// Whether the points could be those of a face in `region`.
fn plausible(scheme: &PointScheme, region: &FaceBox, points: &[Point]) -> bool {
    let Some(found) = scheme.leaning_face_box(points) else {
        return false;
    };
    let size = found.long_side();
    let eyes = scheme
        .eyes(points)
        .map(|(left, right)| left.distance(right) / size);
    SIZE_RANGE.contains(&(size / region.long_side()))
        && found.centre.distance(region.centre) <= MOST_OFF * region.long_side()
        && ASPECT_RANGE.contains(&(found.width / found.height))
        && eyes.is_none_or(|eyes| EYES_RANGE.contains(&eyes))
}

/// Where to look again when the region was badly aimed at what was seen in it, and that may be a face.
pub fn better_aim(scheme: &PointScheme, look: &Look) -> Option<FaceBox> {
    let region = &look.region;
    let may_be_one = look.confidence.is_none_or(|c| c >= CONFIDENCE_TO_AIM);
    if !may_be_one || !plausible(scheme, region, &look.points) {
        return None;
    }
    let found = scheme.leaning_face_box(&look.points)?;
    let size = found.long_side() / region.long_side();
    let well_aimed = found.centre.distance(region.centre) < WELL_AIMED_OFFSET * region.long_side()
        && size.max(size.recip()) < WELL_AIMED_SIZE
        && turn_between(region.roll, found.roll).abs() < WELL_AIMED_ROLL;
    (!well_aimed).then_some(found)
}

/// How much a face changed its shape: root mean square distance of the points after the best similarity, in root mean
/// square radii of the face; 0 when that is not known.
pub fn shape_change(before: &[Point], now: &[Point]) -> f32 {
    let Some(moved) = Similarity::fit(before, now) else {
        return 0.0;
    };
    let middle = mean(now);
    let squares = |distances: &mut dyn Iterator<Item = f32>| distances.map(|d| d * d).sum::<f32>();
    let off = squares(&mut before.iter().zip(now).map(|(&p, q)| moved.apply(p).distance(*q)));
    let size = squares(&mut now.iter().map(|p| p.distance(middle)));
    (off / size).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a net may see in a region of 100 pixels around the middle: a face of the same size, so far to the side.
    fn look(to_the_side: f32, confidence: Option<f32>) -> Look {
        let mut points = vec![Point::new(100.0 + to_the_side, 100.0); 68];
        let corners = [(0, 50.0, 50.0), (16, 150.0, 50.0), (8, 100.0, 150.0)];
        let eyes = [(36, 70.0, 70.0), (45, 130.0, 70.0)];
        for (point, x, y) in corners.into_iter().chain(eyes) {
            points[point] = Point::new(x + to_the_side, y);
        }
        Look {
            region: FaceBox {
                centre: Point::new(100.0, 100.0),
                width: 100.0,
                height: 100.0,
                roll: 0.0,
            },
            points,
            confidence,
            spread: Vec::new(),
            patch: Vec::new(),
        }
    }

    #[test]
    fn what_may_be_a_face_beside_the_region_is_aimed_at_and_nothing_else() {
        let scheme = PointScheme::ibug68();
        let aim = |to_the_side, confidence| better_aim(&scheme, &look(to_the_side, confidence));
        for confidence in [None, Some(0.05), Some(0.9999)] {
            let better = aim(30.0, confidence).unwrap();
            assert!((better.centre.x - 130.0).abs() < 1.0, "{better:?}");
            assert_eq!(aim(2.0, confidence), None, "aimed well already");
            assert_eq!(aim(90.0, confidence), None, "too far off to be what was shown");
        }
        assert_eq!(aim(30.0, Some(0.01)), None, "no face");
    }

    #[test]
    fn a_face_begins_only_where_the_net_is_sure_and_is_kept_below() {
        let scheme = PointScheme::ibug68();
        let verdict = |confidence| judge(&scheme, &look(2.0, Some(confidence)));
        assert_eq!(verdict(0.9999), Verdict::Face);
        assert_eq!(verdict(0.991), Verdict::Perhaps, "such as flowers");
        assert_eq!(verdict(0.2), Verdict::NoFace);
    }
}
