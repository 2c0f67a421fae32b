//! The thread that loads nets beside the one that runs.

use std::{path::PathBuf, sync::Arc, time::Duration};

use super::{
    events::{Event, EventSender},
    slot::{Slot, Taken},
};
use crate::model::{DeviceChoice, KeypointModel};

/// How often the thread looks up when nothing is asked of it; closing the slot wakes it at once.
const PATIENCE: Duration = Duration::from_secs(1);

/// A net that was loaded and has not run on the inference thread yet.
#[derive(Debug)]
pub(super) struct LoadedNet {
    pub(super) path: PathBuf,
    pub(super) model: KeypointModel,
}

/// The thread's belongings.
pub(super) struct LoadWeights {
    pub(super) device: DeviceChoice,
    pub(super) events: EventSender,
    /// Files asked for: the newest wins.
    pub(super) wanted: Arc<Slot<PathBuf>>,
    /// Nets for the inference thread: the newest wins.
    pub(super) loaded: Arc<Slot<LoadedNet>>,
}

impl LoadWeights {
    /// Runs until the slot of wishes is closed.
    pub(super) fn run(self) {
        loop {
            let path = match self.wanted.take(PATIENCE) {
                Taken::Value(path) => path,
                Taken::Nothing => continue,
                Taken::Closed => return,
            };
            self.events.send(Event::LoadingWeights(path.clone()));
            match KeypointModel::load(&path, self.device) {
                Ok(model) => drop(self.loaded.put(LoadedNet { path, model })),
                Err(error) => self.events.send(Event::WeightsFailed {
                    path,
                    why: error.to_string(),
                }),
            }
        }
    }
}
