//! What is sent to other programs, as the settings and the command line want it.

use std::time::Duration;

use super::Window;
use crate::{
    app::{notices::Severity, sending::in_short},
    pipeline,
};

/// How often what was sent is counted anew on the screen.
pub(super) const COUNTS_CHANGE: Duration = Duration::from_millis(500);

impl Window {
    /// Whether anything is sent.
    pub(super) fn is_sending(&self) -> bool {
        !self.sent.targets.is_empty()
    }

    /// What is sent, in a few words; `None` where nothing is.
    pub(super) fn sending_in_short(&self) -> Option<String> {
        in_short(&self.sent.targets, &self.pipeline.sending())
    }

    /// Has sent what is wished, where that has changed.
    pub(super) fn send_as_wished(&mut self) {
        let targets = self.sending.on(&self.settings.sending);
        if targets.is_empty() && !self.is_sending() {
            return;
        }
        let wished = pipeline::Sending {
            targets,
            style: self.settings.view.overlay.clone(),
        };
        if self.sent != wished {
            self.pipeline.send_to(wished.clone());
            self.sent = wished;
        }
    }

    /// Turns off all that is sent, or on again what was turned off so.
    pub(super) fn turn_sending(&mut self) {
        if !self.sending.turn(&mut self.settings.sending) {
            self.settings.view.settings_panel = true;
            let text =
                "Nothing is sent to another program; who is to get something is chosen in the settings.";
            self.notices.say(Severity::Hint, text);
        }
    }
}
