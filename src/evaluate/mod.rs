//! How far predicted keypoints lie from labelled ones: figures and prediction files. Knows no net.

mod averages;
mod bias;
mod conditions;
mod interval;
mod metrics;
mod predictions;

pub use averages::{mean, median};
pub use bias::Bias;
pub use conditions::Condition;
pub use interval::interval;
pub use metrics::{Outcome, Score, score};
pub use predictions::write_predictions;
