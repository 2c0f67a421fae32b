//! NME, AUC and failure rates over pictures of one face each. Plain arithmetic on points.
//!
//! Definitions as is usual since the 300-W challenge (Sagonas et al., 2013): the error of a picture is the mean
//! distance of its points, divided by the distance of the labelled outer eye corners (NMEio) or by the square root
//! of the area of the labelled points' tight box (NMEbox). A miss has no points: it counts as an infinite error in
//! failure rates and AUC and is left out of means and medians.

use serde::{Serialize, Serializer};

use super::{mean, median};
use crate::{
    geometry::{Point, Rect},
    keypoints::PointScheme,
};

/// Errors above this share of the eye distance are outside the cumulative curve whose area AUC is.
const AUC_LIMIT: f64 = 0.08;
/// The larger of the two failure limits.
const LARGE_FAILURE: f64 = 0.10;
/// Side of the course's crop and what it divides pixels by: the scale that its MSE is given on, whatever the net's own.
const COURSE: (f64, f64) = (224.0, 50.0);

/// What came of one labelled picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Name of the picture.
    pub name: String,
    /// Labelled keypoints, picture pixels.
    pub labelled: Vec<Point>,
    /// Predicted keypoints, picture pixels; `None` for a miss.
    pub predicted: Option<Vec<Point>>,
    /// Side of the crop that the net saw, picture pixels.
    pub crop_extent: f32,
}

/// Figures over many pictures; shares and not percent. A figure that cannot be had (no points with which to
/// normalise, nothing but misses) is `None`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    /// Labelled pictures.
    pub n: usize,
    /// Those without a prediction.
    pub miss: usize,
    /// Mean error over the distance of the outer eye corners.
    pub nme_io_mean: Option<f64>,
    /// Median of the same.
    pub nme_io_median: Option<f64>,
    /// Mean error over the square root of the box's area.
    pub nme_box_mean: Option<f64>,
    /// Median of the same.
    pub nme_box_median: Option<f64>,
    /// Area under the cumulative error curve from 0 to 0.08, divided by 0.08.
    pub auc8: Option<f64>,
    /// Share of pictures with NMEio above 0.08.
    pub fr8: Option<f64>,
    /// Share of pictures with NMEio above 0.10.
    pub fr10: Option<f64>,
    /// Mean squared error of a coordinate on the course's scale: pixels of a 224 pixel crop divided by 50.
    pub mse_course: Option<f64>,
    /// Mean error of each group's points over the distance of the outer eye corners, in the scheme's order.
    #[serde(serialize_with = "by_name")]
    pub groups: Vec<(String, Option<f64>)>,
}

/// Groups as an object with their names as keys.
fn by_name<S: Serializer>(groups: &[(String, Option<f64>)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(groups.iter().map(|(name, error)| (name, error)))
}

impl Score {
    /// Mean of [`Outcome::error`].
    pub fn error_mean(&self) -> Option<f64> {
        self.nme_io_mean.or(self.nme_box_mean)
    }

    /// Median of [`Outcome::error`].
    pub fn error_median(&self) -> Option<f64> {
        self.nme_io_median.or(self.nme_box_median)
    }
}

impl Outcome {
    /// Distance of every point in picture pixels; `None` for a miss.
    fn distances(&self) -> Option<Vec<f64>> {
        let predicted = self.predicted.as_ref()?;
        let both = self.labelled.iter().zip(predicted);
        Some(
            both.map(|(l, p)| f64::from(l.x - p.x).hypot(f64::from(l.y - p.y)))
                .collect(),
        )
    }

    /// Mean distance over that of the outer eye corners; `None` for a miss or a scheme without eyes.
    pub fn nme_io(&self, scheme: &PointScheme) -> Option<f64> {
        Some(mean(&self.distances()?)? / self.eye_distance(scheme)?)
    }

    fn eye_distance(&self, scheme: &PointScheme) -> Option<f64> {
        let (left, right) = scheme.eyes(&self.labelled)?;
        Some(f64::from(left.x - right.x).hypot(f64::from(left.y - right.y)))
    }

    /// How far off the points are on the whole, to rank pictures by and to show below them: [`Self::nme_io`], for schemes
    /// without eyes the mean distance over the square root of the area of the labelled points' box; `None` for a miss.
    pub fn error(&self, scheme: &PointScheme) -> Option<f64> {
        if scheme.has_eyes() {
            self.nme_io(scheme)
        } else {
            self.nme_box()
        }
    }

    fn nme_box(&self) -> Option<f64> {
        let tight = Rect::around(&self.labelled)?;
        Some(mean(&self.distances()?)? / (f64::from(tight.width) * f64::from(tight.height)).sqrt())
    }

    /// Sum of squared coordinate errors on the course's scale.
    fn squared_course(&self) -> Option<f64> {
        let (side, unit) = COURSE;
        let factor = side / f64::from(self.crop_extent) / unit;
        Some(self.distances()?.iter().map(|d| (d * factor).powi(2)).sum())
    }
}

/// The figures of `outcomes`, each with as many points as `scheme` has.
pub fn score(outcomes: &[Outcome], scheme: &PointScheme) -> Score {
    let n = outcomes.len();
    let io: Vec<f64> = outcomes.iter().filter_map(|o| o.nme_io(scheme)).collect();
    let tight: Vec<f64> = outcomes.iter().filter_map(Outcome::nme_box).collect();
    let miss = outcomes.iter().filter(|o| o.predicted.is_none()).count();
    let share = |sum: f64| (n > 0 && scheme.has_eyes()).then(|| sum / n as f64);
    let failures = |limit: f64| (miss + io.iter().filter(|&&e| e > limit).count()) as f64;
    let coordinates = (n - miss) * scheme.count * 2;
    let squared: f64 = outcomes.iter().filter_map(Outcome::squared_course).sum();
    let group_error = |points: &[usize]| {
        let of_picture = |o: &Outcome| {
            let distances = o.distances()?;
            let chosen: Vec<f64> = points.iter().filter_map(|&p| distances.get(p).copied()).collect();
            Some(mean(&chosen)? / o.eye_distance(scheme)?)
        };
        mean(&outcomes.iter().filter_map(of_picture).collect::<Vec<f64>>())
    };
    Score {
        n,
        miss,
        nme_io_mean: mean(&io),
        nme_io_median: median(&io),
        nme_box_mean: mean(&tight),
        nme_box_median: median(&tight),
        auc8: share(io.iter().fold(0.0, |sum, e| sum + (AUC_LIMIT - e).max(0.0)) / AUC_LIMIT),
        fr8: share(failures(AUC_LIMIT)),
        fr10: share(failures(LARGE_FAILURE)),
        mse_course: (coordinates > 0).then(|| squared / coordinates as f64),
        groups: scheme
            .groups
            .iter()
            .map(|group| (group.name.clone(), group_error(&group.points)))
            .collect(),
    }
}
