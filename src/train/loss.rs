//! What a net under training is punished for: points that are off, a face taken for none, and errors that it did not
//! expect. Knows tch only.

use tch::{Kind, Reduction, Tensor};

use super::config::Loss;
use crate::model::Contract;

/// Below this many pixels of a crop Wing loss is logarithmic, and above it grows as L1 does (Feng et al., 2018).
const WING_WIDTH: f64 = 10.0;
/// How sharply Wing loss bends at 0, pixels.
const WING_CURVATURE: f64 = 2.0;
/// Below this many pixels of a crop Soft Wing loss is absolute, and above it logarithmic (Lin et al., 2021).
const SOFT_WING_BEND: f64 = 2.0;
/// How fast Soft Wing loss grows above the bend, and how sharply it bends there, pixels.
const SOFT_WING_SHAPE: (f64, f64) = (20.0, 0.5);
/// Weight of the logit's loss beside that of the points, which is a few pixels.
const FACE_WEIGHT: f64 = 1.0;
/// Weight of the spread's loss: small, so that it learns from the points' errors without disturbing them.
const SPREAD_WEIGHT: f64 = 0.1;

/// The loss of a net that keeps `contract`.
pub(super) struct Criterion {
    loss: Loss,
    /// Crop pixels per unit of the net's numbers.
    pixels: f64,
    /// What the points' errors are multiplied with before they are judged: to crop pixels where the loss bends at so many, or
    /// stands beside others that a smaller number would give way to; else 1.
    unit: f64,
    points: i64,
    confidence: bool,
}

impl Criterion {
    /// Points are punished by `loss`.
    pub(super) fn new(loss: Loss, contract: &Contract) -> Self {
        let pixels = f64::from(contract.output.scale);
        let in_pixels = contract.confidence || matches!(loss, Loss::Wing | Loss::SoftWing);
        Self {
            loss,
            pixels,
            unit: if in_pixels { pixels } else { 1.0 },
            points: contract.scheme.count as i64,
            confidence: contract.confidence,
        }
    }

    /// The loss, one number, of `output` `[n, 2k]` or `[n, 3k + 1]` (see `Architecture::build`), where the points should be
    /// `targets` `[n, 2k]` and `faces` `[n]` says 1 for a face, and 0 where there are no points to find.
    pub(super) fn of(&self, output: &Tensor, targets: &Tensor, faces: &Tensor) -> Tensor {
        if !self.confidence {
            return self.of_points(output, targets, Reduction::Mean);
        }
        let points = self.points_in(output);
        let spread = output.narrow(1, 2 * self.points, self.points);
        let logit = output.select(1, 3 * self.points);
        let of_faces = |loss: Tensor| {
            let of_sample = loss.mean_dim(1, false, Kind::Float);
            (of_sample * faces).sum(Kind::Float) / faces.sum(Kind::Float).clamp_min(1.0)
        };
        let off = of_faces(self.of_points(&points, targets, Reduction::None));
        let unexpected = of_faces(self.of_spread(&spread, &points.detach(), targets));
        let wrong = logit.binary_cross_entropy_with_logits::<Tensor>(faces, None, None, Reduction::Mean);
        off + unexpected * SPREAD_WEIGHT + wrong * FACE_WEIGHT
    }

    /// The points in a net's output, `[n, 2k]`.
    pub(super) fn points_in(&self, output: &Tensor) -> Tensor {
        output.narrow(1, 0, 2 * self.points)
    }

    fn of_points(&self, points: &Tensor, targets: &Tensor, reduction: Reduction) -> Tensor {
        let (points, targets) = (points * self.unit, targets * self.unit);
        let off = || (&points - &targets).abs();
        match self.loss {
            Loss::Mse => points.mse_loss(&targets, reduction),
            Loss::L1 => points.l1_loss(&targets, reduction),
            Loss::SmoothL1 => points.smooth_l1_loss(&targets, reduction, 1.0),
            Loss::Wing => reduced(wing(&off()), reduction),
            Loss::SoftWing => reduced(soft_wing(&off()), reduction),
        }
    }

    /// Negative log likelihood of every point's error in a Laplace distribution whose mean absolute deviation is the
    /// exponential of `spread` `[n, k]`, crop pixels: least where that is the error to be expected.
    fn of_spread(&self, spread: &Tensor, points: &Tensor, targets: &Tensor) -> Tensor {
        let off = (points - targets).abs() * self.pixels;
        let off = off.view([-1, self.points, 2]).mean_dim(2, false, Kind::Float);
        spread + off * spread.neg().exp()
    }
}

/// `w ln(1 + d / e)` where the error `d` in pixels is below `w`, else `d - c`, with `c` so that both meet.
fn wing(off: &Tensor) -> Tensor {
    let near = (off / WING_CURVATURE).log1p() * WING_WIDTH;
    let meeting = WING_WIDTH - WING_WIDTH * (WING_WIDTH / WING_CURVATURE).ln_1p();
    near.where_self(&off.lt(WING_WIDTH), &(off - meeting))
}

/// `d` where the error in pixels is below the bend, else `w ln(1 + d / e) + c`, with `c` so that both meet.
fn soft_wing(off: &Tensor) -> Tensor {
    let (width, curvature) = SOFT_WING_SHAPE;
    let meeting = SOFT_WING_BEND - width * (SOFT_WING_BEND / curvature).ln_1p();
    let far = (off / curvature).log1p() * width + meeting;
    off.where_self(&off.lt(SOFT_WING_BEND), &far)
}

fn reduced(loss: Tensor, reduction: Reduction) -> Tensor {
    match reduction {
        Reduction::None => loss,
        _ => loss.mean(Kind::Float),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{keypoints::PointScheme, network::Architecture};

    const POINTS: i64 = 2;

    fn criterion(loss: Loss) -> Criterion {
        let contract = Architecture::Pinkpoint.contract(PointScheme::unnamed(POINTS as usize));
        assert_eq!(contract.output.scale, 32.0, "the numbers below are of this scale");
        Criterion::new(loss, &contract)
    }

    fn value(tensor: &Tensor) -> f64 {
        f64::try_from(tensor).unwrap()
    }

    /// A sample's output: points off by so many pixels in every coordinate, the logarithm of the spread, and the logit.
    fn output(samples: &[(f32, f32, f32)]) -> Tensor {
        let values: Vec<f32> = samples
            .iter()
            .flat_map(|&(off, spread, logit)| {
                let points = [off / 32.0; 2 * POINTS as usize];
                points.into_iter().chain([spread; POINTS as usize]).chain([logit])
            })
            .collect();
        Tensor::from_slice(&values).view([samples.len() as i64, 3 * POINTS + 1])
    }

    fn loss(criterion: &Criterion, samples: &[(f32, f32, f32)], faces: &[f32]) -> f64 {
        let targets = Tensor::zeros(
            [samples.len() as i64, 2 * POINTS],
            (Kind::Float, tch::Device::Cpu),
        );
        value(&criterion.of(&output(samples), &targets, &Tensor::from_slice(faces)))
    }

    #[test]
    fn wing_is_logarithmic_near_and_absolute_far() {
        let at = |pixels: f32| value(&wing(&Tensor::from_slice(&[pixels])));
        assert_eq!(at(0.0), 0.0);
        assert!((at(2.0) - 10.0 * 2f64.ln()).abs() < 1e-4);
        assert!((at(30.0) - at(20.0) - 10.0).abs() < 1e-4, "absolute");
        assert!((at(10.001) - at(9.999)).abs() < 0.01, "both parts meet");
    }

    #[test]
    fn soft_wing_is_absolute_near_and_logarithmic_far() {
        let at = |pixels: f32| value(&soft_wing(&Tensor::from_slice(&[pixels])));
        assert_eq!(at(0.0), 0.0);
        assert!((at(1.5) - 1.5).abs() < 1e-5);
        assert!((at(2.001) - at(1.999)).abs() < 0.02, "both parts meet");
        let far = at(12.0) - at(5.0);
        assert!((far - 20.0 * (12.5f64 / 5.5).ln()).abs() < 1e-3, "{far}");
    }

    #[test]
    fn errors_are_judged_in_crop_pixels_where_that_is_said() {
        let off = Tensor::from_slice(&[-4.0f32 / 32.0]).view([1, 1]);
        let none = off.zeros_like();
        let judged = |criterion: &Criterion| value(&criterion.of_points(&off, &none, Reduction::Mean));
        assert_eq!(judged(&criterion(Loss::L1)), 4.0);
        assert_eq!(
            judged(&criterion(Loss::Wing)),
            value(&wing(&Tensor::from_slice(&[4f32])))
        );
        let course = Architecture::Course.contract(PointScheme::unnamed(POINTS as usize));
        let plain = Criterion::new(Loss::L1, &course);
        assert_eq!(judged(&plain), 4.0 / 32.0, "as the course has it");
    }

    #[test]
    fn pictures_without_a_face_count_for_the_logit_only() {
        for kind in [Loss::Mse, Loss::L1, Loss::SmoothL1, Loss::Wing, Loss::SoftWing] {
            let criterion = criterion(kind);
            let good = (0.0, 0.0, 9.0);
            let near = loss(&criterion, &[good, (0.0, 0.0, -9.0)], &[1.0, 0.0]);
            let far = loss(&criterion, &[good, (40.0, 3.0, -9.0)], &[1.0, 0.0]);
            assert_eq!(
                near, far,
                "{kind:?}: where there is no face, points do not matter"
            );
            assert!(loss(&criterion, &[(40.0, 0.0, 9.0)], &[1.0]) > near + 1.0);
            assert!(loss(&criterion, &[good, (0.0, 0.0, 9.0)], &[1.0, 0.0]) > near + 1.0);
            assert!(
                loss(&criterion, &[(5.0, 0.0, -9.0); 2], &[0.0; 2]) < 0.01,
                "no face at all"
            );
        }
    }

    #[test]
    fn the_spread_is_best_where_it_is_the_error_and_moves_no_point() {
        let criterion = criterion(Loss::Wing);
        let at = |spread: f32| loss(&criterion, &[(4.0, spread.ln(), 0.0)], &[1.0]);
        assert!(at(4.0) < at(3.5) && at(4.0) < at(4.5));

        let targets = Tensor::zeros([1, 2 * POINTS], (Kind::Float, tch::Device::Cpu));
        let slopes = |spread: f32| {
            let output = output(&[(4.0, spread, 0.0)]).set_requires_grad(true);
            criterion
                .of(&output, &targets, &Tensor::from_slice(&[1f32]))
                .backward();
            output.grad()
        };
        let (small, large) = (slopes(-1.0), slopes(2.0));
        let of_points = |slopes: &Tensor| slopes.narrow(1, 0, 2 * POINTS);
        assert!(of_points(&small).equal(&of_points(&large)));
        assert!(!small.equal(&large));
    }
}
