//! Training: from labelled pictures to a net's parameters. One of the rooms that know tch; knows no OpenCV, which
//! `transform` and `record` hide, and no terminal: progress goes to whoever calls. Its choices are `clap::ValueEnum`s only so that
//! the command line, `config.json` and the recipe in words call them by the same names.

mod average;
mod batches;
mod checkpoint;
mod config;
mod data;
mod filters;
mod journal;
mod loss;
mod muon;
mod offsets;
mod optimiser;
mod results;
mod run;
mod shown;
mod sitting;
mod tensorboard;
mod trainer;
mod validate;

use std::path::{Path, PathBuf};

use crate::{
    dataset::DatasetError,
    files::{WriteError, plain},
    model::DeviceError,
    network::export::ExportError,
    record::RecordError,
    transform::TransformError,
};

pub use checkpoint::pictures_in;
pub use config::{Loss, OptimiserKind, Precision, Schedule, THREADS, TrainConfig, name};
pub use data::scheme_of;
pub use journal::{EpochMetrics, Smoothed};
pub use optimiser::Optimiser;
pub use results::{Results, Validated};
pub use run::{Event, Finish, Run, Step};
pub use sitting::Sitting;
pub use validate::Validation;

/// Why training cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The recipe makes no sense, or not with these data.
    #[error("this recipe cannot be trained: {0}")]
    Config(String),
    /// The run's folder or a file in it cannot be used.
    #[error("cannot use the run ({why}): {path}")]
    Run {
        /// The folder or the file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        why: String,
    },
    /// The data set cannot be used.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A picture cannot be transformed.
    #[error(transparent)]
    Transform(#[from] TransformError),
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The device asked for is not there.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The net could not be written as a weights file.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// A checkpoint cannot be used.
    #[error("cannot go on from this checkpoint ({why}); train again into a new folder: {path}")]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// `metrics.csv` cannot be used.
    #[error("cannot read the metrics of earlier epochs ({why}); put the file right or move it away: {path}")]
    Metrics {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The curve could not be drawn.
    #[error("cannot draw the loss curve: {0}")]
    Curve(String),
    /// A picture for TensorBoard could not be made.
    #[error("cannot make a picture for TensorBoard: {0}")]
    Picture(String),
    /// Faces with their points could not be drawn.
    #[error(transparent)]
    Drawn(#[from] RecordError),
    /// The loss is no number any more.
    #[error("the loss became {loss} in epoch {epoch}, step {step}; lower the learning rate and train again")]
    Diverged {
        /// The loss.
        loss: f64,
        /// From 1.
        epoch: u32,
        /// From 1.
        step: usize,
    },
    /// libtorch failed.
    #[error("libtorch failed: {0}")]
    Torch(#[from] tch::TchError),
}

impl TrainError {
    /// The error for the folder of a run or a file in it.
    fn run(path: &Path, why: impl Into<String>) -> Self {
        Self::Run {
            path: path.to_path_buf(),
            why: why.into(),
        }
    }
}

/// Reads one of a run's small files.
fn read_own<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, TrainError> {
    /// Bytes of the largest: a recipe that leaves out a million pictures has fewer.
    const LARGEST: u64 = 64 << 20;
    plain::read_json(path, LARGEST)
        .map_err(|e| TrainError::run(path, format!("{e}; a run's own file is needed")))
}

/// What a fresh net's parameters are drawn from.
fn seed_parameters(config: &TrainConfig) {
    tch::manual_seed(config.seed as i64);
}

/// Every variable of a net, in the order of the names.
fn sorted_variables(variables: &tch::nn::VarStore) -> Vec<(String, tch::Tensor)> {
    let mut sorted: Vec<(String, tch::Tensor)> = variables.variables().into_iter().collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    sorted
}
