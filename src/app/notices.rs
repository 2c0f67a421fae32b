//! What the window has to say: hints that pass, errors that stay until they are put away.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use egui::{Align2, Area, Color32, Frame, Id, Order, RichText, Stroke, Vec2};

use super::theme;
use crate::text::shortened;

/// Long enough to read two lines.
const HINT_LASTS: Duration = Duration::from_secs(7);
/// More than these would hide the video; the oldest hint goes, an error only for another one.
const MOST_NOTICES: usize = 4;
/// Most of a text that is shown, characters: it fits the window, with names of files as long as they may be.
const LONGEST_TEXT: usize = 1000;

/// How much a notice matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Good to know; passes.
    Hint,
    /// Something does not work; stays.
    Error,
}

#[derive(Debug)]
struct Notice {
    severity: Severity,
    text: String,
    since: Instant,
    /// What can be opened from here.
    folder: Option<PathBuf>,
}

/// The notices on the screen.
#[derive(Debug, Default)]
pub struct Notices {
    notices: Vec<Notice>,
}

impl Notices {
    /// Says something; what is on the screen already is not said twice.
    pub fn say(&mut self, severity: Severity, text: impl Into<String>) {
        self.add(severity, text.into(), None);
    }

    /// Says something about files, whose folder can be opened from there.
    pub fn say_of_folder(&mut self, text: String, folder: PathBuf) {
        self.add(Severity::Hint, text, Some(folder));
    }

    fn add(&mut self, severity: Severity, text: String, folder: Option<PathBuf>) {
        let text = shortened(&text, LONGEST_TEXT);
        self.notices.retain(|notice| notice.text != text);
        self.notices.push(Notice {
            severity,
            text,
            since: Instant::now(),
            folder,
        });
        if self.notices.len() > MOST_NOTICES {
            let is_hint = |notice: &Notice| notice.severity == Severity::Hint;
            let goes = self.notices.iter().position(is_hint).unwrap_or(0);
            self.notices.remove(goes);
        }
    }

    /// Draws the notices in the lower right corner of `area`, where they hide least of a face.
    pub fn show(&mut self, ctx: &egui::Context, area: egui::Rect) {
        let now = Instant::now();
        self.notices
            .retain(|notice| notice.severity != Severity::Hint || now < notice.since + HINT_LASTS);
        if self.notices.is_empty() {
            return;
        }
        ctx.request_repaint_after(HINT_LASTS);
        let corner = area.right_bottom() - Vec2::splat(theme::WIDE_SPACE);
        let width = theme::CARD_WIDTH.min(area.width() - 2.0 * theme::WIDE_SPACE);
        let mut put_away = None;
        Area::new(Id::unique("notices"))
            .order(Order::Foreground)
            .pivot(Align2::RIGHT_BOTTOM)
            .fixed_pos(corner)
            .show(ctx, |ui| {
                for (index, notice) in self.notices.iter().enumerate() {
                    if card(ui, notice, width) {
                        put_away = Some(index);
                    }
                }
            });
        if let Some(index) = put_away {
            self.notices.remove(index);
        }
    }
}

/// Draws one notice; whether it is to be put away.
fn card(ui: &mut egui::Ui, notice: &Notice, width: f32) -> bool {
    let colours = theme::colours(ui.ctx());
    let (title, colour) = match notice.severity {
        Severity::Hint => ("Note", colours.accent),
        Severity::Error => ("Problem", colours.error),
    };
    let mut put_away = false;
    card_frame(colours, colour).show(ui, |ui| {
        ui.set_width(width - f32::from(theme::CARD_MARGIN.left + theme::CARD_MARGIN.right));
        ui.horizontal(|ui| {
            ui.label(RichText::new(title).color(colour).strong());
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                put_away = ui.small_button("×").on_hover_text("Put this away").clicked();
            });
        });
        ui.label(&notice.text);
        if let Some(folder) = &notice.folder
            && ui.button("Open folder").clicked()
        {
            open_folder(folder);
        }
    });
    put_away
}

/// Has the desktop show a folder. Its program is waited for by a thread of its own, which knows nothing of the rest.
pub fn open_folder(folder: &Path) {
    /// What shows folders on every Linux desktop.
    const OPENER: &str = "xdg-open";
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
    let run = move || match std::process::Command::new(OPENER).arg(&folder).status() {
        Ok(status) if status.success() => {}
        Ok(status) => tracing::warn!("{OPENER} cannot show {}: {status}", folder.display()),
        Err(error) => tracing::warn!(
            "{OPENER} cannot be run ({error}); the folder is {}",
            folder.display()
        ),
    };
    if let Err(error) = std::thread::Builder::new().name("show folder".into()).spawn(run) {
        tracing::warn!("the system gives no thread to show a folder: {error}");
    }
}

/// The frame of a card whose edge is of this colour.
pub fn card_frame(colours: &theme::Colours, colour: Color32) -> Frame {
    Frame::new()
        .fill(colours.raised)
        .stroke(Stroke::new(1.0, colour.gamma_multiply(0.6)))
        .corner_radius(theme::ROUNDING)
        .inner_margin(theme::CARD_MARGIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_not_said_twice_and_hints_push_no_error_off_the_screen() {
        let mut notices = Notices::default();
        for _ in 0..3 {
            notices.say(Severity::Error, "again");
        }
        let texts = |notices: &Notices| -> Vec<String> {
            let notices = notices.notices.iter();
            notices.map(|notice| notice.text.clone()).collect()
        };
        assert_eq!(texts(&notices), ["again"]);
        for number in 0..MOST_NOTICES {
            notices.say(Severity::Hint, number.to_string());
        }
        assert_eq!(texts(&notices), ["again", "1", "2", "3"]);
        for error in ["a", "b", "c", "d"] {
            notices.say(Severity::Error, error);
        }
        assert_eq!(texts(&notices), ["a", "b", "c", "d"]);
        notices.say(Severity::Hint, "in vain");
        assert_eq!(texts(&notices), ["a", "b", "c", "d"]);
    }
}
