//! How far predicted keypoints lie from labelled ones: figures, prediction files, pictures. Knows no net.

mod metrics;
mod predictions;

pub use metrics::{Outcome, Score, score};
pub use predictions::write_predictions;
