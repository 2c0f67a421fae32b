//! Batches for training, made beside it on a thread of their own. Which pictures come when and how they are cropped
//! depends on seed, epoch and place only, so a resumed run sees what an uninterrupted one would have seen.

use crossbeam_channel::{Receiver, bounded};
use rand::{SeedableRng, seq::SliceRandom};
use rand_pcg::Pcg64;
use std::thread::Scope;

use super::data::Example;
use crate::transform::{Compose, Picture, Sample, TransformError};

/// Batches that are made ahead.
const AHEAD: usize = 2;

/// Some pictures as the net takes them, with what it should say.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    /// Number of pictures.
    pub count: usize,
    /// `[count, 1, side, side]`, grey 0..1.
    pub pixels: Vec<f32>,
    /// `[count, 2 * points]`, normalised x, y, x, y, ...
    pub targets: Vec<f32>,
    /// `[count]`: 1 for a face, 0 for a picture of something else, whose targets mean nothing.
    pub faces: Vec<f32>,
    /// `[count]`: which of the run's data sets the picture is of.
    pub sets: Vec<i64>,
    /// `[count]`: whether the picture shows the mirror image.
    pub mirrored: Vec<bool>,
}

/// Which batches of an epoch to make.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// The run's seed.
    pub seed: u64,
    /// From 0.
    pub epoch: u32,
    /// First batch to make, from 0: above 0 when an epoch is resumed in its middle.
    pub first_batch: usize,
    /// Pictures a batch; the last one may be smaller.
    pub batch_size: usize,
}

impl Plan {
    /// The order of the pictures in this epoch.
    fn order(&self, pictures: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..pictures).collect();
        order.shuffle(&mut generator(self.seed, self.epoch, u64::MAX));
        order
    }
}

/// Random numbers for one picture (or another purpose) of one epoch.
fn generator(seed: u64, epoch: u32, purpose: u64) -> Pcg64 {
    // Odd multipliers keep different triples apart; seed_from_u64 then spreads the bits.
    let mixed = seed
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(u64::from(epoch))
        .wrapping_mul(0xbf58_476d_1ce4_e5b9)
        .wrapping_add(purpose);
    Pcg64::seed_from_u64(mixed)
}

/// Starts a thread in `scope` that makes the epoch's batches in order; it ends with them, or when the receiver is
/// dropped.
pub fn spawn<'scope, 'env>(
    scope: &'scope Scope<'scope, 'env>,
    pictures: &'env [Example],
    transform: &'env Compose,
    plan: Plan,
) -> Receiver<Result<Batch, TransformError>> {
    let (sender, receiver) = bounded(AHEAD);
    scope.spawn(move || {
        let order = plan.order(pictures.len());
        for places in order.chunks(plan.batch_size).skip(plan.first_batch) {
            let batch = make(pictures, places, transform, plan);
            let last = batch.is_err();
            if sender.send(batch).is_err() || last {
                return;
            }
        }
    });
    receiver
}

fn make(
    pictures: &[Example],
    places: &[usize],
    transform: &Compose,
    plan: Plan,
) -> Result<Batch, TransformError> {
    let mut batch = Batch {
        count: places.len(),
        ..Batch::default()
    };
    for &place in places {
        let Example { set, labelled } = &pictures[place];
        let sample = Sample::new(labelled.picture.clone(), labelled.points.clone());
        let sample = transform.apply(sample, &mut generator(plan.seed, plan.epoch, place as u64))?;
        let Picture::Tensor { values, .. } = sample.picture else {
            return Err(TransformError::Order(
                "training needs a chain that ends in ToTensor".into(),
            ));
        };
        batch.pixels.extend(values);
        batch
            .targets
            .extend(sample.keypoints.iter().flat_map(|p| [p.x, p.y]));
        batch.faces.push(f32::from(u8::from(sample.is_face)));
        batch.sets.push(*set as i64);
        batch.mirrored.push(sample.mirrored);
    }
    Ok(batch)
}
