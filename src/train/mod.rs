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

use std::path::PathBuf;

use crate::{
    dataset::DatasetError, files::WriteError, model::DeviceError, network::export::ExportError,
    record::RecordError, transform::TransformError,
};

pub use config::{Loss, OptimiserKind, Precision, Schedule, THREADS, TrainConfig, name};
pub use data::scheme_of;
pub use journal::EpochMetrics;
pub use optimiser::Optimiser;
pub use results::{Results, Validated};
pub use run::{Event, Finish, Run, Step};
pub use sitting::Sitting;
pub use validate::Validation;

/// Why training cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A number of the recipe makes no sense, or `config.json` is damaged.
    #[error("this recipe cannot be trained: {0}")]
    Config(String),
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
