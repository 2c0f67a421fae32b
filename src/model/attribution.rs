//! What a keypoint hangs on: which pixels of a crop would move it (saliency), and which parts it would miss (occlusion).

use tch::{Device, Kind, TchError, Tensor};

use super::{KeypointModel, ModelError, error::brief, net::points_of};
use crate::geometry::Point;

impl KeypointModel {
    /// How far keypoint `point` would move, crop pixels, for a unit of grey (from black to white) at every pixel of a crop
    /// (`[side, side]`, grey 0..1), to first order: the length of the gradients of its x and y by the pixel (Simonyan, Vedaldi
    /// and Zisserman, 2013, "Deep inside convolutional networks").
    ///
    /// # Errors
    /// When the net fails or gives no gradient, as nets do that were made to run faster only.
    pub fn saliency(&self, crop: &[f32], point: usize) -> Result<Vec<f32>, ModelError> {
        let input = self.input(crop, 1)?;
        let gradients = || -> Result<Vec<f32>, TchError> {
            let input = input.f_set_requires_grad(true)?;
            let output = self
                .net
                .module
                .forward_is(&[tch::IValue::Tensor(input.shallow_clone())])?;
            let points = points_of(output).ok_or_else(|| TchError::Kind("it gives no points".into()))?;
            let points = points.f_flatten(0, -1)?;
            let mut squares = input.f_zeros_like()?.f_to_kind(Kind::Float)?;
            for axis in 0..2 {
                let value = points.f_get((2 * point + axis) as i64)?;
                let gradient = Tensor::f_run_backward(&[value], &[&input], axis == 0, false)?;
                squares = squares.f_add(&gradient[0].f_to_kind(Kind::Float)?.f_square()?)?;
            }
            let scale = f64::from(self.contract.output.scale.abs());
            let lengths = squares.f_sqrt()?.f_mul_scalar(scale)?;
            Vec::try_from(lengths.f_to_device(Device::Cpu)?.f_flatten(0, -1)?)
        };
        let lengths = tch::with_grad(gradients).map_err(|error| ModelError::Gradient {
            path: self.net.path.clone(),
            why: brief(&error),
        })?;
        if lengths.iter().all(|length| length.is_finite()) {
            Ok(lengths)
        } else {
            Err(ModelError::NotFinite {
                path: self.net.path.clone(),
            })
        }
    }
}

/// Covers one part of a crop after the other and notes how far a keypoint moves (Zeiler and Fergus, 2014, "Visualizing and
/// understanding convolutional networks"). Parts are covered row by row, so that it can stop between rows.
#[derive(Debug, Clone)]
pub struct Occlusion {
    crop: Vec<f32>,
    side: usize,
    cells: usize,
    point: usize,
    /// What parts are covered with: the crop's mean grey.
    cover: f32,
    /// Where the keypoint is while nothing is covered.
    uncovered: Point,
    shifts: Vec<f32>,
}

impl Occlusion {
    /// Places in a row, and rows, as a rule: the cover is two of them wide, so that places overlap by half.
    pub const CELLS: usize = 14;
    /// The same for nets that take long for so many.
    pub const FEW_CELLS: usize = 8;

    /// Begins with a crop (`[side, side]`, grey 0..1), a keypoint of it, and how many places there are to be in a row.
    ///
    /// # Errors
    /// When the net fails.
    pub fn begin(
        model: &KeypointModel,
        crop: &[f32],
        point: usize,
        cells: usize,
    ) -> Result<Self, ModelError> {
        let cells = cells.max(1);
        let uncovered = model.predict(crop, 1)?;
        Ok(Self {
            crop: crop.to_vec(),
            side: model.contract().input_side as usize,
            cells,
            point,
            cover: crop.iter().sum::<f32>() / crop.len().max(1) as f32,
            uncovered: position(&uncovered[0].points, point),
            shifts: Vec::with_capacity(cells * cells),
        })
    }

    /// Covers the places of the next row, in one forward pass.
    ///
    /// # Errors
    /// When the net fails.
    pub fn next_row(&mut self, model: &KeypointModel) -> Result<(), ModelError> {
        let row = self.shifts.len() / self.cells;
        let mut batch = Vec::with_capacity(self.cells * self.crop.len());
        for column in 0..self.cells {
            let start = batch.len();
            batch.extend_from_slice(&self.crop);
            for y in self.covered(row) {
                let line = start + y * self.side;
                let columns = self.covered(column);
                batch[line + columns.start..line + columns.end].fill(self.cover);
            }
        }
        let predictions = model.predict(&batch, self.cells)?;
        let moved = predictions
            .iter()
            .map(|prediction| position(&prediction.points, self.point).distance(self.uncovered));
        self.shifts.extend(moved);
        Ok(())
    }

    /// The pixels that the cover of place `at` of a row or column hides.
    fn covered(&self, at: usize) -> std::ops::Range<usize> {
        // The cover's middle is the place's; half a place further on each side.
        let edge = |halves: usize| (halves * self.side).div_ceil(2 * self.cells);
        edge((2 * at).saturating_sub(1))..edge(2 * at + 3).min(self.side)
    }

    /// How far the keypoint moved for every place so far, crop pixels, row by row.
    pub fn shifts(&self) -> &[f32] {
        &self.shifts
    }

    /// Places in a row, and rows.
    pub fn cells(&self) -> usize {
        self.cells
    }

    /// Whether there are no more rows to cover.
    pub fn is_finished(&self) -> bool {
        self.shifts.len() >= self.cells * self.cells
    }
}

fn position(points: &[Point], point: usize) -> Point {
    points.get(point).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covers_reach_over_the_whole_crop_and_half_over_their_neighbours() {
        for side in [5, 64, 112, 224] {
            let occlusion = Occlusion {
                crop: Vec::new(),
                side,
                cells: Occlusion::CELLS,
                point: 0,
                cover: 0.0,
                uncovered: Point::default(),
                shifts: Vec::new(),
            };
            let covers: Vec<_> = (0..Occlusion::CELLS).map(|at| occlusion.covered(at)).collect();
            assert_eq!((covers[0].start, covers[Occlusion::CELLS - 1].end), (0, side));
            assert!(
                covers.windows(2).all(|two| two[1].start <= two[0].end),
                "{covers:?}"
            );
            let middle = &covers[Occlusion::CELLS / 2];
            let wanted = 2 * side / Occlusion::CELLS;
            assert!(middle.len().abs_diff(wanted) <= 1, "{side}: {middle:?}");
        }
    }
}
