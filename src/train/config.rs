//! A training run's recipe: what `config.json` in its folder holds. Plain data.

use std::{collections::BTreeSet, ops::RangeInclusive, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::TrainError;
use crate::network::Architecture;

/// Threads that a run may ask for: more than any machine has cores, fewer than a system refuses to start.
pub const THREADS: RangeInclusive<u32> = 1..=1024;

/// What the net is punished for, over the normalised coordinates of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Mean squared error.
    Mse,
    /// Mean absolute error.
    L1,
    /// Squared below 1, absolute above.
    SmoothL1,
}

/// How gradients become steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum OptimiserKind {
    /// RMSProp with PyTorch's defaults.
    Rmsprop,
    /// Adam with PyTorch's defaults.
    Adam,
}

/// How the learning rate moves over a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// It stays.
    Constant,
    /// Half a cosine from the full rate down to a hundredth of it at the end of the last epoch.
    Cosine,
}

/// The recipe; with the data it determines the weights bit for bit on one machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainConfig {
    /// The net.
    pub net: Architecture,
    /// Folder of the data set.
    pub data: PathBuf,
    /// Passes over the training pictures.
    pub epochs: u32,
    /// Pictures a step.
    pub batch_size: usize,
    /// What is minimised.
    pub loss: Loss,
    /// How.
    pub optimiser: OptimiserKind,
    /// Step size at the start.
    pub learning_rate: f64,
    /// How the step size moves.
    pub schedule: Schedule,
    /// Start of all randomness: parameters, order, crops, dropout, held-back persons.
    pub seed: u64,
    /// CPU threads of the net, within [`THREADS`]; another number rounds differently, so a run keeps its own.
    pub threads: u32,
    /// `auto`, `cpu`, `cuda` or `cuda:N`; in a run's own recipe never `auto`, which another machine may take for another
    /// device.
    pub device: String,
    /// Share of the persons that are held back for validation, 0 to below 1.
    pub validation: f64,
    /// Persons whose pictures are not used at all.
    pub left_out: BTreeSet<String>,
}

impl TrainConfig {
    /// Checks the numbers.
    ///
    /// # Errors
    /// Says which number cannot be used and what can.
    pub fn validate(&self) -> Result<(), TrainError> {
        let complaint = if self.epochs == 0 {
            "0 epochs; at least 1 is needed".into()
        } else if self.batch_size == 0 {
            "a batch of 0 pictures; at least 1 is needed".into()
        } else if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            format!("a learning rate of {}; it has to be above 0", self.learning_rate)
        } else if !THREADS.contains(&self.threads) {
            format!(
                "{} threads; {} to {} can be used",
                self.threads,
                THREADS.start(),
                THREADS.end()
            )
        } else if !(0.0..1.0).contains(&self.validation) {
            format!(
                "a validation share of {}; it has to be from 0 to below 1",
                self.validation
            )
        } else {
            return Ok(());
        };
        Err(TrainError::Config(complaint))
    }

    /// Name of the data set's folder.
    pub fn data_name(&self) -> String {
        let last = self.data.components().next_back();
        last.map_or_else(String::new, |part| {
            part.as_os_str().to_string_lossy().into_owned()
        })
    }

    /// The recipe in one line, for people.
    pub fn in_words(&self) -> String {
        format!(
            "{} epochs, batches of {}, {} loss, {}, learning rate {:e} ({}), seed {}",
            self.epochs,
            self.batch_size,
            name(self.loss),
            name(self.optimiser),
            self.learning_rate,
            name(self.schedule),
            self.seed
        )
    }

    /// The learning rate after the share `progress` (0 to 1) of the run.
    pub fn learning_rate_at(&self, progress: f64) -> f64 {
        /// Where the cosine ends, relative to where it starts.
        const FLOOR: f64 = 0.01;
        match self.schedule {
            Schedule::Constant => self.learning_rate,
            Schedule::Cosine => {
                let wave = (1.0 + (std::f64::consts::PI * progress.clamp(0.0, 1.0)).cos()) / 2.0;
                self.learning_rate * (FLOOR + (1.0 - FLOOR) * wave)
            }
        }
    }
}

/// The name of a choice as it is given on the command line.
fn name(choice: impl clap::ValueEnum) -> String {
    choice
        .to_possible_value()
        .map_or_else(String::new, |value| value.get_name().to_owned())
}
