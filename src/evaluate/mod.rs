//! How far predicted keypoints lie from labelled ones: figures and prediction files. Knows no net.

mod averages;
mod bias;
mod metrics;
mod predictions;

pub use averages::{mean, median};
pub use bias::Bias;
pub use metrics::{Outcome, Score, score};
pub use predictions::write_predictions;
