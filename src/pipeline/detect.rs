//! The thread that owns the detector: searches the pictures that it is given, beside everything else.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use image::GrayImage;

use super::{
    events::{Event, EventSender},
    slot::{Slot, Taken},
};
use crate::detect::{Detection, FaceDetector, Search};

/// How often the thread looks up when there is nothing to do; closing the slot wakes it at once.
const PATIENCE: Duration = Duration::from_secs(1);

/// A picture to search.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) grey: Arc<GrayImage>,
    pub(super) search: Search,
    /// Which search it is.
    pub(super) number: u64,
}

/// What came of a search.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) faces: Vec<Detection>,
    pub(super) cost: Duration,
    /// Which search it is of.
    pub(super) number: u64,
}

/// The thread's belongings.
pub(super) struct Detect {
    pub(super) detector: Box<dyn FaceDetector>,
    pub(super) events: EventSender,
    pub(super) wanted: Arc<Slot<Wanted>>,
    pub(super) found: Arc<Slot<Found>>,
}

/// However the thread ends, nobody waits for it any more.
impl Drop for Detect {
    fn drop(&mut self) {
        self.found.close();
    }
}

impl Detect {
    /// Runs until the slot of wishes is closed. A search that fails finds nothing.
    pub(super) fn run(mut self) {
        let mut failing = false;
        loop {
            let Wanted { grey, search, number } = match self.wanted.take(PATIENCE) {
                Taken::Value(wanted) => wanted,
                Taken::Nothing => continue,
                Taken::Closed => return,
            };
            let start = Instant::now();
            let faces = match self.detector.search(&grey, &search) {
                Ok(faces) => {
                    failing = false;
                    faces
                }
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        self.events.send(Event::StageFailed {
                            stage: "finding faces",
                            why: error.to_string(),
                        });
                    }
                    Vec::new()
                }
            };
            // Given back before the result: who gets it can use the memory again.
            drop(grey);
            let cost = start.elapsed();
            self.found.put(Found { faces, cost, number });
        }
    }
}
