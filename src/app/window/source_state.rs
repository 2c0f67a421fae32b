//! What the window knows of its source: what it is, or what is waited for, and why.

use crate::app::signs::Sign;
use crate::source::{CameraFacts, SourceInfo, SourceSpec};

/// What is known of the source.
#[derive(Debug, Default)]
pub(super) struct SourceState {
    pub(super) info: Option<SourceInfo>,
    /// As what it was opened.
    pub(super) spec: Option<SourceSpec>,
    /// What the picture waits for.
    pub(super) waiting: Option<Sign>,
    /// The opening whose pictures end the waiting, as later ones do; those from before the source was lost do not.
    ends_with: u64,
    /// What kept the source from being opened the last time.
    pub(super) trouble: Option<String>,
}

impl SourceState {
    /// Waits for a picture of this opening or a later one.
    pub(super) fn wait_for(&mut self, what: Sign, opening: u64) {
        self.waiting = Some(what);
        self.ends_with = opening;
    }

    /// Another source is being opened: what could be set on a camera that was shown cannot be any more.
    pub(super) fn leave_for(&mut self, spec: &SourceSpec) {
        let Some(info) = &mut self.info else { return };
        if self.spec.as_ref() != Some(spec) && info.reopen_as.as_ref() != Some(spec) {
            info.camera = None;
        }
    }

    pub(super) fn stop_waiting(&mut self) {
        self.waiting = None;
    }

    /// Takes in that a picture of this opening is shown.
    pub(super) fn shows(&mut self, opening: u64) {
        if opening >= self.ends_with && self.waiting.take().is_some() {
            tracing::debug!(opening, "shown");
        }
    }

    /// What is known of it, where it is a camera.
    pub(super) fn camera(&self) -> Option<&CameraFacts> {
        self.info.as_ref()?.camera.as_ref()
    }

    /// The same, to be brought up to date.
    pub(super) fn camera_mut(&mut self) -> Option<&mut CameraFacts> {
        self.info.as_mut()?.camera.as_mut()
    }

    /// Whether pictures come in their own time; nothing is known of that before the first source is open.
    pub(super) fn is_live(&self) -> bool {
        self.info.as_ref().is_some_and(|info| info.live)
    }
}
