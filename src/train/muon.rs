//! Muon, an optimiser for kernels (Jordan et al., 2024): a step goes equally far in all directions that a kernel, taken as a
//! matrix, knows, and not only in the few that gradients mostly point in. Knows tch only.

use tch::Tensor;

/// Share of the old mean that is kept.
const MOMENTUM: f64 = 0.95;
/// Factors of `x`, `x x^T x` and `(x x^T)^2 x` that bring singular values near 1 in few rounds (Jordan et al., 2024).
const QUINTIC: (f64, f64, f64) = (3.4445, -4.7750, 2.0315);
/// Rounds of it.
const ROUNDS: usize = 5;
/// A step's root mean square for a learning rate of 1. Adam's is about a third of it (Liu et al., 2025), which is too short for
/// this: measured.
const SIZE: f64 = 0.6;

/// Moves the kernel `parameter` `[filters, ...]` against its `gradient` of the same shape, with Nesterov's look ahead;
/// `mean` is what is remembered of the gradients.
pub(super) fn step(parameter: &mut Tensor, gradient: &Tensor, mean: &mut Tensor, learning_rate: f64) {
    let _ = mean.lerp_(gradient, 1.0 - MOMENTUM);
    let ahead = gradient.lerp(mean, MOMENTUM);
    let matrix = ahead.flatten(1, -1);
    let longest = matrix.size().into_iter().max().unwrap_or(1) as f64;
    let step = orthogonal(&matrix).view_as(parameter) * (-learning_rate * SIZE * longest.sqrt());
    let _ = parameter.g_add_(&step);
}

/// About the nearest matrix to `matrix` whose singular values are all 1, by Newton and Schulz's iteration.
fn orthogonal(matrix: &Tensor) -> Tensor {
    let size = matrix.size();
    if size[0] > size[1] {
        // The smaller of both products is the quicker one.
        return orthogonal(&matrix.tr()).tr().contiguous();
    }
    let (linear, cubic, quintic) = QUINTIC;
    let start = matrix / (matrix.norm() + f64::from(f32::EPSILON));
    (0..ROUNDS).fold(start, |x, _| {
        let square = x.matmul(&x.tr());
        let factor = &square * cubic + square.matmul(&square) * quintic;
        &x * linear + factor.matmul(&x)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    fn random(shape: &[i64]) -> Tensor {
        tch::manual_seed(5);
        Tensor::randn(shape, (Kind::Float, Device::Cpu))
    }

    #[test]
    fn singular_values_come_near_one_and_directions_stay() {
        for shape in [[16, 25], [25, 16], [32, 144]] {
            let matrix = random(&shape);
            let out = orthogonal(&matrix);
            assert_eq!(out.size(), matrix.size());
            let (_, values, _) = out.svd(true, true);
            let [least, most] = [values.min(), values.max()].map(|v| f64::try_from(v).unwrap());
            assert!(least > 0.5 && most < 1.3, "{least} to {most}");
            let (u, _, v) = matrix.svd(true, true);
            let nearest = u.matmul(&v.tr());
            let alike = (&out * &nearest).sum(Kind::Float) / (out.norm() * nearest.norm());
            let alike = f64::try_from(alike).unwrap();
            assert!(alike > 0.97, "{alike}");
        }
    }

    #[test]
    fn a_step_goes_down_and_is_as_long_as_said() {
        let start = random(&[8, 4, 3, 3]);
        let (mut parameter, gradient) = (start.copy(), random(&[8, 4, 3, 3]));
        let mut mean = gradient.zeros_like();
        step(&mut parameter, &gradient, &mut mean, 0.01);
        let moved = &parameter - &start;
        assert!(f64::try_from((&moved * &gradient).sum(Kind::Float)).unwrap() < 0.0);
        let length = f64::try_from(moved.square().mean(Kind::Float).sqrt()).unwrap();
        assert!((length / (SIZE * 0.01) - 1.0).abs() < 0.3, "{length}");
    }

    #[test]
    fn without_a_gradient_nothing_moves() {
        let mut parameter = random(&[8, 4, 3, 3]);
        let start = parameter.copy();
        let zeros = parameter.zeros_like();
        step(&mut parameter, &zeros, &mut zeros.copy(), 0.01);
        assert!(parameter.equal(&start));
    }
}
