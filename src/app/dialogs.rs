//! Asking for a file: a field to type or paste its path into, and the system's own dialog where there is one.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use crossbeam_channel::Receiver;
use egui::{Align2, RichText, TextEdit};

use super::theme;

/// What the file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To be shown.
    Source,
    /// To be loaded as weights.
    Weights,
    /// To be loaded as weights of the net that is compared.
    Compared,
}

impl Purpose {
    const fn title(self) -> &'static str {
        match self {
            Self::Source => "Open file or stream",
            Self::Weights => "Load weights",
            Self::Compared => "Compare with another net",
        }
    }

    const fn hint(self) -> &'static str {
        match self {
            Self::Source => "A video, a picture, a folder of pictures, or an address such as rtsp://…",
            Self::Weights | Self::Compared => {
                "A TorchScript file (.pt), or the name of a net that comes with the program"
            }
        }
    }
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// What was typed, as the command line takes it.
    Typed(String),
    /// A file that was chosen in the system's dialog.
    Chosen(PathBuf),
}

/// Nobody has seen a dialog, and put it away again, within this time: there is none.
const A_GLANCE: Duration = Duration::from_millis(300);

/// The system has no dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct NoDialog;

/// A dialog that is open.
#[derive(Debug)]
struct Open {
    purpose: Purpose,
    path: String,
    /// The system's dialog, while it is open. Nothing is sent when it was cancelled.
    browsing: Option<Receiver<Result<PathBuf, NoDialog>>>,
    /// There is none.
    no_dialog: bool,
    fresh: bool,
}

/// The dialog, if one is open.
#[derive(Debug, Default)]
pub struct Dialogs {
    open: Option<Open>,
}

impl Dialogs {
    /// Opens the dialog.
    pub fn ask(&mut self, purpose: Purpose) {
        self.open = Some(Open {
            purpose,
            path: String::new(),
            browsing: None,
            no_dialog: false,
            fresh: true,
        });
    }

    /// Draws the dialog; the answer, once it is given.
    pub fn show(&mut self, ctx: &egui::Context) -> Option<(Purpose, Answer)> {
        let dialog = self.open.as_mut()?;
        let (mut keep, mut answer) = (true, None);
        egui::Window::new(dialog.purpose.title())
            .open(&mut keep)
            .collapsible(false)
            .resizable(false)
            .anchor(Align2::CENTER_CENTER, egui::Vec2::ZERO)
            .show(ctx, |ui| answer = dialog.contents(ui));
        keep &= !ctx.input(|input| input.key_pressed(egui::Key::Escape));
        let answer = answer.map(|answer| (dialog.purpose, answer));
        if answer.is_some() || !keep {
            self.open = None;
        }
        answer
    }
}

impl Open {
    /// The answer, once it was confirmed.
    fn contents(&mut self, ui: &mut egui::Ui) -> Option<Answer> {
        ui.set_width(theme::CARD_WIDTH.min(ui.ctx().content_rect().width() - 4.0 * theme::WIDE_SPACE));
        ui.label(RichText::new(self.purpose.hint()).weak());
        let field = TextEdit::singleline(&mut self.path)
            .hint_text("Path")
            .desired_width(f32::INFINITY);
        let field = ui.add(field);
        if std::mem::take(&mut self.fresh) {
            field.request_focus();
        }
        let entered = field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
        let mut confirmed = entered;
        ui.add_space(theme::SPACE);
        ui.horizontal(|ui| {
            confirmed |= ui
                .button(RichText::new("Open").color(theme::colours(ui.ctx()).accent))
                .clicked();
            let free = self.browsing.is_none();
            if ui.add_enabled(free, egui::Button::new("Browse…")).clicked() {
                self.browsing = browse(self.purpose, ui.ctx().clone());
                self.no_dialog = self.browsing.is_none();
            }
        });
        match self.browsing.as_ref().map(|answer| answer.try_recv()) {
            Some(Ok(Ok(path))) => return Some(Answer::Chosen(path)),
            Some(Ok(Err(NoDialog))) => {
                self.browsing = None;
                self.no_dialog = true;
            }
            Some(Err(crossbeam_channel::TryRecvError::Disconnected)) => self.browsing = None,
            Some(Err(crossbeam_channel::TryRecvError::Empty)) | None => {}
        }
        if self.no_dialog {
            let text =
                "No dialog for files could be opened (a portal or zenity would bring one): type the path.";
            ui.label(RichText::new(text).color(theme::colours(ui.ctx()).warning));
        }
        let typed = self.path.trim();
        (confirmed && !typed.is_empty()).then(|| Answer::Typed(typed.to_owned()))
    }
}

/// Opens the system's dialog in a thread of its own, since it takes as long as the user does. The thread ends with the
/// dialog and is left alone when the program ends first: it knows nothing of the rest of the program.
fn browse(purpose: Purpose, ctx: egui::Context) -> Option<Receiver<Result<PathBuf, NoDialog>>> {
    let (sender, answer) = crossbeam_channel::bounded(1);
    let dialog = rfd::FileDialog::new().set_title(purpose.title());
    let dialog = match purpose {
        Purpose::Source => dialog,
        Purpose::Weights | Purpose::Compared => dialog.add_filter("TorchScript", &["pt", "pth"]),
    };
    let run = move || {
        let began = Instant::now();
        if let Some(answer) = answer_of(dialog.pick_file(), began.elapsed()) {
            let _ = sender.send(answer);
        }
        drop(sender);
        ctx.request_repaint();
    };
    let thread = std::thread::Builder::new().name("file dialog".into()).spawn(run);
    thread.map(|_| answer).ok()
}

/// What it means that the system's dialog gave this after `took`; nothing where it was cancelled.
fn answer_of(picked: Option<PathBuf>, took: Duration) -> Option<Result<PathBuf, NoDialog>> {
    match picked {
        Some(path) => Some(Ok(path)),
        None => (took < A_GLANCE).then_some(Err(NoDialog)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialog_that_ends_at_once_was_none_and_a_later_end_is_the_users() {
        assert_eq!(answer_of(None, Duration::ZERO), Some(Err(NoDialog)));
        assert_eq!(answer_of(None, Duration::from_secs(2)), None);
        let path = PathBuf::from("film.mp4");
        assert_eq!(answer_of(Some(path.clone()), Duration::ZERO), Some(Ok(path)));
    }
}
