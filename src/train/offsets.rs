//! How the labels of each data set differ from one another: every set has its own habit of where a keypoint lies, such as a
//! pixel to the right, or a jaw further down. A net that is trained on several sets, or on mirrored pictures of one, cannot
//! know which habit a picture's labels follow, and would learn a point between. So the habits are learned beside the net
//! and the net is left with what they share. Knows tch only.

use tch::{Device, Kind, Tensor};

use super::{TrainError, batches::Batch};
use crate::keypoints::PointScheme;

/// Name of the offsets in a checkpoint; the `/` says that they are no part of the net.
pub(super) const NAME: &str = "labels/offsets";

/// For every set the mean offset of its labels from what the net says, `[sets * 2k]`, in the net's units and in the
/// picture's own directions.
///
/// The first set says where points lie: its labels may be off only in what differs between left and right, as no face
/// does on the whole, and which training on mirrored pictures would average away.
pub(super) struct Offsets {
    /// What is learned.
    pub(super) values: Tensor,
    /// The place of every coordinate's counterpart in the mirror picture, `[2k]`.
    mirror: Tensor,
    /// -1 for x and 1 for y, `[2k]`.
    turned: Tensor,
    device: Device,
}

impl Offsets {
    /// Offsets of nothing for `sets` data sets; `None` where `scheme` does not say which points are mirror images: a net of
    /// such points is trained without mirrored pictures.
    pub(super) fn new(sets: usize, scheme: &PointScheme, device: Device) -> Option<Self> {
        if scheme.mirror.is_empty() {
            return None;
        }
        let mirror: Vec<i64> = scheme
            .mirror
            .iter()
            .flat_map(|&point| [2 * point as i64, 2 * point as i64 + 1])
            .collect();
        let turned = [-1f32, 1.0].repeat(scheme.count);
        let count = (sets * 2 * scheme.count) as i64;
        Some(Self {
            values: Tensor::zeros([count], (Kind::Float, device)).set_requires_grad(true),
            mirror: Tensor::from_slice(&mirror).to_device(device),
            turned: Tensor::from_slice(&turned).to_device(device),
            device,
        })
    }

    /// What a net's `output` `[n, 2k or more]` for `batch` becomes in the labels' own habits: the points moved, the rest as
    /// it is.
    ///
    /// # Errors
    /// When the batch holds pictures of a set that is not known, or libtorch fails.
    pub(super) fn added_to(&self, output: &Tensor, batch: &Batch) -> Result<Tensor, TrainError> {
        let sets = Tensor::from_slice(&batch.sets).to_device(self.device);
        let mirrored = Tensor::from_slice(&batch.mirrored)
            .to_device(self.device)
            .view([-1, 1]);
        let own = self.of_sets();
        let own = own.f_index_select(0, &sets)?;
        let offsets = own.where_self(&mirrored.logical_not(), &self.mirrored(&own));
        let rest = output.size()[1] - offsets.size()[1];
        Ok(output + offsets.f_constant_pad_nd([0, rest])?)
    }

    /// The offsets of every set, `[sets, 2k]`.
    fn of_sets(&self) -> Tensor {
        let values = self.values.view([-1, self.turned.size()[0]]);
        let first = values.narrow(0, 0, 1);
        let others = values.narrow(0, 1, values.size()[0] - 1);
        let lopsided = (&first - self.mirrored(&first)) * 0.5;
        Tensor::cat(&[lopsided, others], 0)
    }

    /// What offsets `[n, 2k]` become in mirrored pictures.
    fn mirrored(&self, offsets: &Tensor) -> Tensor {
        offsets.index_select(1, &self.mirror) * &self.turned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two points that are each other's counterpart, and one in the middle.
    fn scheme() -> PointScheme {
        PointScheme {
            mirror: vec![1, 0, 2],
            ..PointScheme::unnamed(3)
        }
    }

    fn batch(sets: &[i64], mirrored: &[bool]) -> Batch {
        Batch {
            count: sets.len(),
            pixels: Vec::new(),
            targets: Vec::new(),
            faces: Vec::new(),
            sets: sets.to_vec(),
            mirrored: mirrored.to_vec(),
        }
    }

    fn offsets(values: &[f32]) -> Offsets {
        let mut offsets = Offsets::new(values.len() / 6, &scheme(), Device::Cpu).unwrap();
        offsets.values = Tensor::from_slice(values);
        offsets
    }

    fn moved(offsets: &Offsets, batch: &Batch) -> Vec<Vec<f32>> {
        let output = Tensor::zeros([batch.count as i64, 8], (Kind::Float, Device::Cpu));
        Vec::try_from(offsets.added_to(&output, batch).unwrap()).unwrap()
    }

    #[test]
    fn labels_of_a_further_set_may_lie_anywhere_and_mirrored_ones_lie_mirrored() {
        let second = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let offsets = offsets(&[[0.0; 6], second].concat());
        let moved = moved(&offsets, &batch(&[1, 1, 0], &[false, true, true]));
        assert_eq!(moved[0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 0.0, 0.0]);
        assert_eq!(moved[1], [-3.0, 4.0, -1.0, 2.0, -5.0, 6.0, 0.0, 0.0]);
        assert_eq!(moved[2], [0.0; 8]);
    }

    #[test]
    fn the_first_set_says_where_points_lie_but_for_what_no_face_does() {
        // All to the right by 1, and the left point lower than the right one by 2: lopsided. All lower by 3: a habit.
        let lopsided = offsets(&[1.0, 1.0, 1.0, -1.0, 1.0, 0.0]);
        let kept = moved(&lopsided, &batch(&[0], &[false]));
        assert_eq!(kept[0][..6], [1.0, 1.0, 1.0, -1.0, 1.0, 0.0]);
        let lower = offsets(&[0.0, 3.0, 0.0, 3.0, 0.0, 3.0]);
        assert_eq!(moved(&lower, &batch(&[0], &[false]))[0], [0.0; 8]);
    }

    #[test]
    fn points_without_counterparts_have_none() {
        assert!(Offsets::new(2, &PointScheme::unnamed(3), Device::Cpu).is_none());
    }
}
