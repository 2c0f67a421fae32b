//! How good a net under training is on persons that it is not trained on.

use super::{TrainError, batches::Batch, data::Example, trainer::Trainer};
use crate::{
    evaluate::{Outcome, Score, score},
    geometry::FaceBox,
    keypoints::PointScheme,
    transform::crop::CropBatch,
};

/// Pictures that are validated at once.
const VALIDATION_BATCH: usize = 32;

/// What a net makes of the pictures of persons held back.
#[derive(Debug)]
pub struct Validation {
    /// Mean loss of a picture, on the scale of the recipe's loss.
    pub loss: f64,
    /// What came of every picture, in the order of the data.
    pub outcomes: Vec<Outcome>,
    /// What the points are called.
    pub scheme: PointScheme,
}

impl Validation {
    /// The figures of all pictures.
    pub fn score(&self) -> Score {
        score(&self.outcomes, &self.scheme)
    }
}

/// Tries the net on pictures of persons held back, each as the net would be shown it, without random crops: the picture, or for
/// nets that see a face alone the face about the labelled points; in the habits of each set's labels where those are learned.
/// `None` without such pictures.
///
/// # Errors
/// When a crop cannot be cut or libtorch fails.
pub(super) fn validate(
    trainer: &Trainer<'_>,
    pictures: &[Example],
) -> Result<Option<Validation>, TrainError> {
    let contract = &trainer.contract;
    let (mut outcomes, mut losses) = (Vec::new(), 0.0);
    for part in pictures.chunks(VALIDATION_BATCH) {
        let mut batch = CropBatch::default();
        let mut targets = Vec::new();
        for Example { labelled, .. } in part {
            let (width, height) = labelled.picture.dimensions();
            let face = contract.scheme.upright_face(&labelled.points).unwrap_or_default();
            let crop = contract
                .crop_of_picture(width, height)
                .unwrap_or_else(|| contract.crop_of_face(&FaceBox::upright(&face)));
            batch.push(&labelled.picture, crop)?;
            let value = |v: f32| contract.output.value(v);
            targets.extend(labelled.points.iter().flat_map(|&p| {
                let p = crop.crop_from_frame(p);
                [value(p.x), value(p.y)]
            }));
        }
        let (loss, values) = trainer.try_out(&Batch {
            count: part.len(),
            pixels: batch.pixels().to_vec(),
            targets,
            faces: vec![1.0; part.len()],
            sets: part.iter().map(|example| example.set as i64).collect(),
            mirrored: vec![false; part.len()],
        })?;
        losses += loss * part.len() as f64;
        let in_crops: Vec<_> = values
            .chunks_exact(2 * contract.scheme.count)
            .map(|v| contract.points(v))
            .collect();
        let extents: Vec<f32> = batch.transforms().iter().map(|t| t.extent).collect();
        let predictions = batch.points_in_frame(in_crops);
        for ((Example { labelled, .. }, predicted), crop_extent) in part.iter().zip(predictions).zip(extents)
        {
            outcomes.push(Outcome {
                name: labelled.name.clone(),
                labelled: labelled.points.clone(),
                predicted: Some(predicted),
                crop_extent,
            });
        }
    }
    if outcomes.is_empty() {
        return Ok(None);
    }
    Ok(Some(Validation {
        loss: losses / outcomes.len() as f64,
        outcomes,
        scheme: contract.scheme.clone(),
    }))
}
