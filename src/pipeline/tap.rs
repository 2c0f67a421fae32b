//! Where scenes are handed on to a thread that writes or sends them. Nobody waits for it: what comes faster than it can be taken
//! is left out, and counted; unless every frame is wanted, then the source is as fast as the slowest.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use crossbeam_channel::{Receiver, SendTimeoutError, Sender, TrySendError};

use super::scene::Scene;

/// How often one who waits for room looks whether the end has come.
const PATIENCE: Duration = Duration::from_millis(50);

/// The end that scenes are put into.
#[derive(Debug)]
pub(super) struct Tap {
    scenes: Sender<Arc<Scene>>,
    valve: Arc<Valve>,
}

/// What both ends know.
#[derive(Debug, Default)]
pub(super) struct Valve {
    /// Whether scenes are wanted.
    pub(super) open: AtomicBool,
    /// Whether all of them are.
    pub(super) whole: AtomicBool,
    /// Nobody is to wait any more.
    pub(super) ended: AtomicBool,
    /// Scenes that found no room.
    pub(super) left_out: AtomicU64,
}

impl Tap {
    /// Both ends; `waiting` scenes wait at most, for which their frames cannot be used again.
    pub(super) fn channel(waiting: usize) -> (Self, Receiver<Arc<Scene>>, Arc<Valve>) {
        let (scenes, receiver) = crossbeam_channel::bounded(waiting);
        let valve = Arc::<Valve>::default();
        let tap = Self {
            scenes,
            valve: valve.clone(),
        };
        (tap, receiver, valve)
    }

    /// Hands the scene on, where that is wanted.
    pub(super) fn offer(&self, scene: &Arc<Scene>) {
        if !self.valve.open.load(Ordering::Relaxed) {
            return;
        }
        if self.valve.whole.load(Ordering::Relaxed) {
            let mut scene = scene.clone();
            while let Err(SendTimeoutError::Timeout(back)) = self.scenes.send_timeout(scene, PATIENCE) {
                if self.valve.ended.load(Ordering::Relaxed) {
                    return;
                }
                scene = back;
            }
        } else if let Err(TrySendError::Full(_)) = self.scenes.try_send(scene.clone()) {
            self.valve.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }
}
