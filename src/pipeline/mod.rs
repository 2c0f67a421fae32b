//! The stages of a frame's life and the live threads that run them. Knows every room but `app`, and no egui.

mod fit;

pub use fit::{FitError, KeypointFitter};
