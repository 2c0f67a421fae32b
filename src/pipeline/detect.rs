//! The thread that owns the detector: searches the pictures that it is given, beside everything else.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use image::GrayImage;

use super::{
    events::{Event, EventSender},
    scene::Searched,
    slot::{Slot, Taken},
    stages::DETECT,
};
use crate::{
    detect::{CascadeDetector, CascadeSettings, DetectError, Detection, EyeFinder, FaceDetector, Search},
    geometry::Rect,
    worker::Pulse,
};

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

/// How the user wants pictures searched.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Searching {
    /// In this way and no other; `None`: as the program sees fit.
    pub by_hand: Option<CascadeSettings>,
    /// Look for eyes in the faces that are found as well.
    pub eyes: bool,
}

/// What came of a search.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) faces: Vec<Detection>,
    /// The same for people to look at.
    pub(super) searched: Arc<Searched>,
    pub(super) cost: Duration,
    /// Which search it is of.
    pub(super) number: u64,
}

/// What is used in place of the usual detector, and beside it.
struct Chosen {
    by_hand: Option<CascadeDetector>,
    eyes: Option<EyeFinder>,
}

/// The thread's belongings.
pub(super) struct Detect {
    pub(super) detector: Box<dyn FaceDetector>,
    /// How to search from now on: the newest wins.
    pub(super) searching: Arc<Slot<Searching>>,
    pub(super) events: EventSender,
    pub(super) wanted: Arc<Slot<Wanted>>,
    pub(super) found: Arc<Slot<Found>>,
    pub(super) pulse: Pulse,
    /// The search that is being done.
    pub(super) under_way: Option<u64>,
    /// How to search.
    pub(super) how: Searching,
}

/// However the thread ends, nobody waits for it any more.
impl Drop for Detect {
    fn drop(&mut self) {
        self.found.close();
    }
}

impl Detect {
    /// Runs until the slot of wishes is closed. A search that fails finds nothing.
    pub(super) fn run(&mut self) {
        if let Some(number) = self.under_way.take() {
            // Nobody should wait for what a panic has ended.
            self.give(number, Vec::new(), Vec::new(), Duration::ZERO);
        }
        let mut failing = false;
        let mut chosen = self.chosen();
        loop {
            let Wanted { grey, search, number } = match self.pulse.rests(|| self.wanted.take(PATIENCE)) {
                Taken::Value(wanted) => wanted,
                Taken::Nothing => continue,
                Taken::Closed => return,
            };
            self.under_way = Some(number);
            if let Some(how) = self.searching.take_now() {
                self.how = how;
                chosen = self.chosen();
            }
            let start = Instant::now();
            let searched = match &mut chosen.by_hand {
                Some(detector) => detector.detect(&grey),
                None => self.detector.search(&grey, &search),
            };
            let looked = searched.and_then(|faces| {
                let eyes = match &mut chosen.eyes {
                    Some(finder) => finder.eyes(&grey, &faces)?,
                    None => Vec::new(),
                };
                Ok((faces, eyes))
            });
            let cost = start.elapsed();
            let (faces, eyes) = match looked {
                Ok(looked) => {
                    failing = false;
                    looked
                }
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        self.fail(&error);
                    }
                    (Vec::new(), Vec::new())
                }
            };
            // Given back before the result: who gets it can use the memory again.
            drop(grey);
            self.under_way = None;
            self.give(number, faces, eyes, cost);
        }
    }

    fn give(&self, number: u64, faces: Vec<Detection>, eyes: Vec<Rect>, cost: Duration) {
        let searched = Arc::new(Searched {
            finds: faces.iter().map(|found| found.face_box.bounds()).collect(),
            eyes,
            cost,
        });
        self.found.put(Found {
            faces,
            searched,
            cost,
            number,
        });
    }

    /// The detectors that the user wishes for; without one that cannot be loaded it goes on as usual.
    fn chosen(&self) -> Chosen {
        let told = |error| self.fail(&error);
        let by_hand = self.how.by_hand.clone().map(CascadeDetector::open);
        let eyes = self.how.eyes.then(EyeFinder::open);
        Chosen {
            by_hand: by_hand.and_then(|opened| opened.map_err(told).ok()),
            eyes: eyes.and_then(|opened| opened.map_err(told).ok()),
        }
    }

    fn fail(&self, error: &DetectError) {
        self.events.send(Event::StageFailed {
            stage: DETECT.what,
            why: error.to_string(),
        });
    }
}
