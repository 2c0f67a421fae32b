//! What a pipeline is made of. Names what it is to run with; starts nothing.

use std::{path::PathBuf, sync::Arc, time::Duration};

use super::{Limits, Opener, Strength, USUAL_PATIENCE};
use crate::{
    detect::FaceDetector,
    model::{DeviceChoice, Reading, Trial},
    source::{CameraWishes, SourceSpec},
};

/// What a pipeline is made of.
pub struct Setup {
    /// Opens sources.
    pub opener: Opener,
    /// The first source.
    pub source: SourceSpec,
    /// What is asked of cameras.
    pub wishes: CameraWishes,
    /// Finds faces.
    pub detector: Box<dyn FaceDetector>,
    /// The first net; without one nobody looks for faces.
    pub weights: Option<PathBuf>,
    /// How its numbers are read, where its file does not say so; `None` is as the course's.
    pub reading: Option<Reading>,
    /// Where nets run.
    pub device: DeviceChoice,
    /// What nets have to pass before they run; without it, they just run.
    pub trial: Option<Arc<Trial>>,
    /// How much points are smoothed at first.
    pub smoothing: Strength,
    /// What it may use.
    pub limits: Limits,
    /// How long a stage may take for one thing before it is told to hang; [`USUAL_PATIENCE`] in the program.
    pub patience: Duration,
}

impl Setup {
    /// The usual, on the CPU and without a net. Nets that come later are not tried before they run: whoever lets
    /// people choose files sets `trial`.
    pub fn new(opener: Opener, source: SourceSpec, detector: Box<dyn FaceDetector>) -> Self {
        Self {
            opener,
            source,
            detector,
            wishes: CameraWishes::default(),
            weights: None,
            reading: None,
            device: DeviceChoice::Cpu,
            trial: None,
            smoothing: Strength::default(),
            limits: Limits::default(),
            patience: USUAL_PATIENCE,
        }
    }
}
