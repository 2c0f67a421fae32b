//! What came of a run, read from its folder and its data: for a report, at any time, also while the run goes on. Changes nothing.

use std::{collections::HashMap, sync::Arc};

use tch::Tensor;

use super::{
    EpochMetrics, Run, Sitting, TrainConfig, TrainError, Validation,
    checkpoint::{self, Progress},
    data::Selection,
    filters, journal, sitting,
    trainer::Trainer,
    validate::validate,
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
    /// Finished epochs.
    pub epochs_done: u32,
    /// How they went, as far as that is known.
    pub metrics: Vec<EpochMetrics>,
    /// Numbers that the net learns.
    pub parameters: usize,
    /// The first filters before the first step; `None` where the device that the run began on, which drew them, is not here.
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

impl Results {
    /// The step size after so many steps.
    pub fn learning_rate_after(&self, steps: usize) -> f64 {
        sitting::learning_rate(&self.config, &self.sittings, self.steps_per_epoch, steps + 1)
    }
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
            let why = "nothing has come of it yet; a run has a checkpoint after its first epoch, after two minutes, and when it \
                       is stopped";
            return Err(TrainError::run(&path, why));
        }
        let State {
            progress,
            parameters,
            validated,
        } = self.state()?;
        let (_, points) = recognise(&parameters)?;
        let named: Vec<_> = parameters.into_iter().collect();
        let mut metrics = journal::read(&self.metrics_path())?;
        metrics.retain(|epoch| epoch.epoch <= progress.epoch);
        let training_pictures: usize = progress.pictures.iter().sum();
        let sittings = sitting::read(&self.sittings_path())?;
        let first_device = Sitting::of_step(&sittings, 1).map_or(&config.device, |first| &first.device);
        let filters_before = match filters::untrained(config, first_device, points) {
            Ok(filters) => Some(filters),
            Err(TrainError::Device(_)) => None,
            Err(error) => return Err(error),
        };
        Ok(Results {
            config: config.clone(),
            points,
            training_pictures,
            steps_per_epoch: training_pictures.div_ceil(config.batch_size),
            epochs_done: progress.epoch,
            metrics,
            parameters: filters::learned_in(&named),
            filters_before,
            filters: filters::first_of(config.net, &named)?,
            validated,
            sittings,
            losses: progress.losses,
        })
    }

    /// What the checkpoint holds, read once where the data are there, so that all of it belongs together while the run goes on.
    fn state(&self) -> Result<State, TrainError> {
        let error = match self.tried_state() {
            Ok(state) => return Ok(state),
            Err(error) => error,
        };
        let path = self.checkpoint_path();
        // The parameters last: a run that goes on may put others in their place, and they are not older than the rest then.
        Ok(State {
            progress: checkpoint::progress(&path)?,
            parameters: read_checkpoint(&path)?,
            validated: Err(match error {
                TrainError::Checkpoint { why, .. } => why,
                error => error.to_string(),
            }),
        })
    }

    /// The same, with what the net makes of pictures of persons held back.
    fn tried_state(&self) -> Result<State, TrainError> {
        self.take_threads()?;
        let data = Selection::of(self.config())?.load_validation()?;
        let trainer = Trainer::new(self.config(), self.checkpoint_path(), &data)?;
        let validated = validate(&trainer, &data.validation)?.map(|validation| Validated {
            validation,
            pictures: data
                .validation
                .into_iter()
                .map(|example| example.labelled)
                .collect(),
        });
        let parameters = trainer.exported().iter();
        Ok(State {
            parameters: parameters
                .map(|(name, tensor)| (name.clone(), tensor.shallow_clone()))
                .collect(),
            progress: trainer.progress,
            validated: validated.ok_or_else(|| "no persons were held back for validation".into()),
        })
    }
}

/// What a checkpoint holds, and what comes of it.
struct State {
    progress: Progress,
    /// Those that are exported.
    parameters: HashMap<String, Tensor>,
    validated: Result<Validated, String>,
}
