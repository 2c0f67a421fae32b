//! What came of a run, read from its folder and its data: for a report, at any time, also while the run goes on. Changes nothing.

use std::sync::Arc;

use super::{
    EpochMetrics, Run, Sitting, TrainConfig, TrainError, Validation, checkpoint, data::Selection, filters,
    journal, sitting, trainer::Trainer, validate::validate,
};
use crate::{
    dataset::LabelledPicture,
    model::LayerMaps,
    network::export::{read_checkpoint, recognise},
};

/// What came of a run.
#[derive(Debug)]
pub struct Results {
    /// The recipe.
    pub config: TrainConfig,
    /// Keypoints a face.
    pub points: usize,
    /// Training pictures an epoch, of all data sets.
    pub training_pictures: usize,
    /// Loss of every step.
    pub losses: Vec<f32>,
    /// Steps of an epoch.
    pub steps_per_epoch: usize,
    /// Every finished epoch.
    pub metrics: Vec<EpochMetrics>,
    /// Numbers that the net learns.
    pub parameters: usize,
    /// The first filters before the first step; `None` where the run's device, which drew them, is not here.
    pub filters_before: Option<LayerMaps>,
    /// The first filters now.
    pub filters: LayerMaps,
    /// The checkpoint on pictures of persons held back, or why that is not known.
    pub validated: Result<Validated, String>,
    /// When and where it was trained; empty for runs from before that was noted.
    pub sittings: Vec<Sitting>,
}

/// What the net makes of pictures of persons held back.
#[derive(Debug)]
pub struct Validated {
    /// What came of every picture.
    pub validation: Validation,
    /// The pictures, in the same order.
    pub pictures: Vec<Arc<LabelledPicture>>,
}

impl Run {
    /// What came of it so far, up to its checkpoint.
    ///
    /// # Errors
    /// When it has no checkpoint yet, or one of its files is damaged. That the data are not there is no error.
    pub fn results(&self) -> Result<Results, TrainError> {
        let config = self.config();
        let path = self.checkpoint_path();
        if !path.exists() {
            return Err(TrainError::Config(format!(
                "nothing has come of it yet; a run has a checkpoint after its first epoch, after two minutes, and when it is \
                 stopped: {}",
                path.display()
            )));
        }
        // The parameters last: a run that goes on may put others in their place, and they are not older than the rest then.
        let progress = checkpoint::progress(&path)?;
        let parameters = read_checkpoint(&path)?;
        let (_, points) = recognise(&parameters)?;
        let named: Vec<_> = parameters.into_iter().collect();
        let mut metrics = journal::read(&self.metrics_path())?;
        metrics.truncate(progress.epoch as usize);
        let training_pictures: usize = progress.pictures.iter().sum();
        let filters_before = match filters::untrained(config, points) {
            Ok(filters) => Some(filters),
            Err(TrainError::Device(_)) => None,
            Err(error) => return Err(error),
        };
        Ok(Results {
            config: config.clone(),
            points,
            training_pictures,
            steps_per_epoch: training_pictures.div_ceil(config.batch_size),
            metrics,
            parameters: filters::learned_in(&named),
            filters_before,
            filters: filters::first_of(config.net, &named)?,
            validated: match self.validated() {
                Ok(Some(validated)) => Ok(validated),
                Ok(None) => Err("no persons were held back for validation".into()),
                Err(error) => Err(error.to_string()),
            },
            sittings: sitting::read(&self.sittings_path())?,
            losses: progress.losses,
        })
    }

    fn validated(&self) -> Result<Option<Validated>, TrainError> {
        self.take_threads()?;
        let data = Selection::of(self.config())?.load_validation()?;
        let trainer = Trainer::new(self.config(), self.checkpoint_path(), &data)?;
        let validation = validate(&trainer, &data.validation)?;
        Ok(validation.map(|validation| Validated {
            validation,
            pictures: data
                .validation
                .into_iter()
                .map(|example| example.labelled)
                .collect(),
        }))
    }
}
