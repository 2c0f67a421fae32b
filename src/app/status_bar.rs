//! The line below the video: what is shown, how fast, and how late. Every number has its unit.

use std::time::Duration;

use egui::{RichText, Ui};

use super::theme;

/// What the status bar says. Numbers without a meaning yet are `None`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Status {
    /// The picture is held still.
    pub paused: bool,
    /// How long the recording has been going on.
    pub recording: Option<Duration>,
    /// What is sent to other programs.
    pub sending: Option<String>,
    /// The source's name.
    pub source: String,
    /// Width and height of the frames, pixels.
    pub size: Option<(u32, u32)>,
    /// Frames a second out of the source.
    pub captured_fps: Option<f64>,
    /// Frames a second on the screen.
    pub shown_fps: Option<f64>,
    /// Finding faces.
    pub detect_ms: Option<f64>,
    /// The net.
    pub infer_ms: Option<f64>,
    /// From capture to screen.
    pub latency_ms: Option<f64>,
    /// Frames that a newer one took the place of.
    pub dropped: u64,
    /// The net's name and where it runs.
    pub net: Option<(String, String)>,
    /// A net is being loaded.
    pub loading: bool,
    /// The net that is compared with it.
    pub compared: Option<Beside>,
}

/// A net that runs beside the one in use.
#[derive(Debug, Clone, PartialEq)]
pub struct Beside {
    /// Its name.
    pub net: String,
    /// Its time for all faces of a frame.
    pub took_ms: Option<f64>,
    /// Mean distance of its points from those of the net in use, in eye distances.
    pub apart: Option<f32>,
}

/// A value with its name and what it means.
struct Item {
    name: &'static str,
    value: String,
    help: &'static str,
}

impl Status {
    fn items(&self) -> Vec<Item> {
        let number = |value: Option<f64>, unit: &str| match value {
            // As wide as smaller ones, so that nothing moves.
            Some(value) if value >= 999.95 => format!("{value:5.0} {unit}"),
            Some(value) => format!("{value:5.1} {unit}"),
            None => format!("    – {unit}"),
        };
        let item = |name, value, help| Item { name, value, help };
        let mut items = vec![
            item("source", self.source.clone(), "Where the pictures come from"),
            item(
                "camera",
                number(self.captured_fps, "fps"),
                "Frames a second that the source gives",
            ),
            item(
                "shown",
                number(self.shown_fps, "fps"),
                "Frames a second on the screen",
            ),
            item(
                "detect",
                number(self.detect_ms, "ms"),
                "Time to find the faces of a frame",
            ),
            item(
                "infer",
                number(self.infer_ms, "ms"),
                "Time of the net for all faces of a frame",
            ),
            item(
                "latency",
                number(self.latency_ms, "ms"),
                "From the capture of a frame to the screen",
            ),
            item(
                "dropped",
                match self.dropped {
                    1 => "  1 frame ".into(),
                    dropped => format!("{dropped:3} frames"),
                },
                "Frames that a newer one took the place of, so that the delay does not grow",
            ),
        ];
        if let Some((width, height)) = self.size {
            let size = item("size", format!("{width}×{height} px"), "Size of the pictures");
            items.insert(1, size);
        }
        let (net, device) = match &self.net {
            _ if self.loading => ("loading…", "–"),
            Some((net, device)) => (net.as_str(), device.as_str()),
            None => ("none", "–"),
        };
        if self.paused {
            let paused = item("", "paused".into(), "The picture is held still");
            items.insert(0, paused);
        }
        if let Some(time) = self.recording {
            let (minutes, seconds) = (time.as_secs() / 60, time.as_secs() % 60);
            let recording = item(
                "recording",
                format!("{minutes}:{seconds:02}"),
                "What is seen is being recorded",
            );
            items.insert(0, recording);
        }
        if let Some(sending) = &self.sending {
            let sending = item(
                "sending",
                sending.clone(),
                "What is seen leaves this program; who gets it is set in the settings, under Other programs",
            );
            items.insert(0, sending);
        }
        items.push(item("net", net.to_owned(), "The net that finds the keypoints"));
        items.push(item("device", device.to_owned(), "Where the net runs"));
        if let Some(beside) = &self.compared {
            let apart = beside
                .apart
                .map_or("    – %".into(), |apart| format!("{:5.2} %", 100.0 * apart));
            items.push(item(
                "beside it",
                beside.net.clone(),
                "The net that is compared, in aqua",
            ));
            items.push(item(
                "its time",
                number(beside.took_ms, "ms"),
                "Time of the compared net for all faces of a frame",
            ));
            items.push(item(
                "apart",
                apart,
                "Mean distance of both nets' points, as they give them, in % of the distance of the eyes",
            ));
        }
        items
    }

    /// Draws the line; in a narrow window it becomes two.
    pub fn show(&self, ui: &mut Ui) {
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = theme::WIDE_SPACE;
            let colours = theme::colours(ui.ctx());
            for item in self.items() {
                // One label per item, so that a line never ends between a name and its value.
                let mut text = egui::text::LayoutJob::default();
                let small = egui::TextStyle::Small.resolve(ui.style());
                let mono = egui::TextStyle::Monospace.resolve(ui.style());
                text.append(item.name, 0.0, egui::TextFormat::simple(small, colours.text_weak));
                text.append(
                    &item.value,
                    theme::SPACE,
                    egui::TextFormat::simple(mono, colours.text),
                );
                text.wrap.max_rows = 1;
                ui.add(egui::Label::new(text).extend())
                    .on_hover_text(RichText::new(item.help));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_take_as_much_room_whatever_they_are() {
        let width = |name, status: Status| {
            let items = status.items();
            let item = items.iter().find(|item| item.name == name);
            item.map(|item| item.value.chars().count())
        };
        let latency = |latency_ms| {
            let status = Status {
                latency_ms,
                ..Status::default()
            };
            width("latency", status)
        };
        let dropped = |dropped| {
            let status = Status {
                dropped,
                ..Status::default()
            };
            width("dropped", status)
        };
        assert_eq!([0, 1, 999].map(dropped), [dropped(2); 3]);
        let usual = latency(Some(12.5));
        for ms in [
            None,
            Some(0.0),
            Some(999.94),
            Some(999.96),
            Some(1234.5),
            Some(98765.0),
        ] {
            assert_eq!(latency(ms), usual, "{ms:?}");
        }
    }
}
