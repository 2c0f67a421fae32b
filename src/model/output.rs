//! What a net gives for a batch of crops, before it becomes keypoints.

use tch::{IValue, Kind, Tensor};

use crate::geometry::Point;

/// What a net says of one crop.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// The keypoints, crop pixels.
    pub points: Vec<Point>,
    /// How sure the net is, where it says so.
    pub certainty: Option<Certainty>,
}

/// How sure a net is of one crop.
#[derive(Debug, Clone, PartialEq)]
pub struct Certainty {
    /// That there is a face, 0 (none) to 1 (sure).
    pub confidence: f32,
    /// The error to be expected of each keypoint's coordinates, in the pixels of the points.
    pub spread: Vec<f32>,
}

/// A net's output for `n` crops.
#[derive(Debug)]
pub(super) struct Output {
    /// `[n, 2k]` or `[n, k, 2]`, the net's numbers.
    pub(super) points: Tensor,
    /// Of files that say how sure they are: confidence `[n]`, 0..1, and spread `[n, k]`, crop pixels.
    pub(super) certainty: Option<(Tensor, Tensor)>,
}

impl Output {
    /// Names of the layers that hold confidence `[n, 1]` and spread `[n, k]`.
    const LAYERS: (&str, &str) = ("confidence", "spread");
    /// Two outputs are the same when they differ by no more than this, relative or absolute: the same arithmetic may be
    /// done in another order.
    const SAME: f64 = 1e-4;
    /// The same for half precision, which has 11 bits.
    const SAME_IN_HALF: f64 = 1e-2;

    /// From the tuple that a file's `predict` gives; `None` when it is something else.
    pub(super) fn from_predict(value: IValue) -> Option<Self> {
        let IValue::Tuple(parts) = value else { return None };
        let Ok(
            [
                IValue::Tensor(points),
                IValue::Tensor(confidence),
                IValue::Tensor(spread),
            ],
        ) = <[IValue; 3]>::try_from(parts)
        else {
            return None;
        };
        Some(Self {
            points,
            certainty: Some((confidence, spread)),
        })
    }

    /// From a file's layers: the last one, and the two that say how sure it is where the file should have such; `None`
    /// when they are missing.
    pub(super) fn from_layers(layers: &[(String, Tensor)], sure: bool) -> Option<Self> {
        let (_, points) = layers.last()?;
        let find = |name: &str| layers.iter().find(|(layer, _)| layer == name).map(|(_, t)| t);
        let certainty = if sure {
            let (confidence, spread) = (find(Self::LAYERS.0)?, find(Self::LAYERS.1)?);
            Some((confidence.f_flatten(0, -1).ok()?, spread.shallow_clone()))
        } else {
            None
        };
        Some(Self {
            points: points.shallow_clone(),
            certainty,
        })
    }

    /// Whether both say the same, but for rounding.
    pub(super) fn is_close_to(&self, other: &Self) -> bool {
        let close = |a: &Tensor, b: &Tensor| {
            let same = if a.kind() == Kind::Half {
                Self::SAME_IN_HALF
            } else {
                Self::SAME
            };
            a.size() == b.size() && a.f_allclose(b, same, same, false).unwrap_or(false)
        };
        let certainties = match (&self.certainty, &other.certainty) {
            (Some(a), Some(b)) => close(&a.0, &b.0) && close(&a.1, &b.1),
            (a, b) => a.is_none() && b.is_none(),
        };
        certainties && close(&self.points, &other.points)
    }
}
