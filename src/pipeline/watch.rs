//! The thread that watches the others: one that does not come to an end with what it does is told of, and when it goes on again,
//! too. Nothing can end a thread that hangs in a library; whoever knows of it can choose another net or source.

use std::{sync::Arc, time::Duration};

use super::{
    events::{Event, EventSender},
    slot::{Slot, Taken},
    stages::Stage,
};
use crate::worker::Pulse;

/// So long a stage may take for one thing, in [`Setup`](super::Setup) of the program: far longer than a frame on the slowest machine.
pub const USUAL_PATIENCE: Duration = Duration::from_secs(10);
/// Looks in that time.
const LOOKS: u32 = 20;

/// A thread that is watched.
pub(super) struct Watched {
    stage: &'static Stage,
    pulse: Pulse,
    hangs: bool,
}

impl Watched {
    pub(super) fn new(stage: &'static Stage, pulse: Pulse) -> Self {
        Self {
            stage,
            pulse,
            hangs: false,
        }
    }
}

/// The thread's belongings.
pub(super) struct Watch {
    pub(super) watched: Vec<Watched>,
    pub(super) patience: Duration,
    pub(super) events: EventSender,
    /// Closed to end it; nothing is put in.
    pub(super) end: Arc<Slot<()>>,
}

impl Watch {
    /// Runs until the slot is closed.
    pub(super) fn run(&mut self) {
        while self.end.take(self.patience / LOOKS) != Taken::Closed {
            for watched in &mut self.watched {
                let at_work = watched.pulse.at_work_for();
                let stage = watched.stage;
                let hangs = at_work > self.patience * stage.times;
                if hangs == std::mem::replace(&mut watched.hangs, hangs) {
                    continue;
                }
                let what = stage.what;
                self.events.send(if hangs {
                    tracing::warn!("{what}: nothing for {at_work:?}");
                    Event::Hangs {
                        stage: what,
                        at_work,
                        advice: stage.advice,
                    }
                } else {
                    Event::GoesOn { stage: what }
                });
            }
        }
    }
}
