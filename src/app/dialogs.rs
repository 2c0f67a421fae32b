//! Asking for a file: a field to type or paste its path into, and the system's own dialog where there is one.

use std::path::PathBuf;

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

/// A dialog that is open.
#[derive(Debug)]
struct Open {
    purpose: Purpose,
    path: String,
    /// The system's dialog, while it is open. Nothing is sent when it was cancelled or does not exist.
    browsing: Option<Receiver<PathBuf>>,
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
            fresh: true,
        });
    }

    /// Draws the dialog; the answer, once it is given.
    pub fn show(&mut self, ctx: &egui::Context) -> Option<(Purpose, String)> {
        let dialog = self.open.as_mut()?;
        let (mut keep, mut done) = (true, false);
        egui::Window::new(dialog.purpose.title())
            .open(&mut keep)
            .collapsible(false)
            .resizable(false)
            .anchor(Align2::CENTER_CENTER, egui::Vec2::ZERO)
            .show(ctx, |ui| done = dialog.contents(ui));
        keep &= !ctx.input(|input| input.key_pressed(egui::Key::Escape));
        let answer = done.then(|| (dialog.purpose, dialog.path.trim().to_owned()));
        if done || !keep {
            self.open = None;
        }
        answer
    }
}

impl Open {
    /// Whether the path was confirmed.
    fn contents(&mut self, ui: &mut egui::Ui) -> bool {
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
            }
        });
        match self.browsing.as_ref().map(|answer| answer.try_recv()) {
            Some(Ok(path)) => {
                self.path = path.display().to_string();
                confirmed = true;
            }
            Some(Err(crossbeam_channel::TryRecvError::Disconnected)) => self.browsing = None,
            Some(Err(crossbeam_channel::TryRecvError::Empty)) | None => {}
        }
        confirmed && !self.path.trim().is_empty()
    }
}

/// Opens the system's dialog in a thread of its own, since it takes as long as the user does. The thread ends with the
/// dialog and is left alone when the program ends first: it knows nothing of the rest of the program.
fn browse(purpose: Purpose, ctx: egui::Context) -> Option<Receiver<PathBuf>> {
    let (sender, answer) = crossbeam_channel::bounded(1);
    let dialog = rfd::FileDialog::new().set_title(purpose.title());
    let dialog = match purpose {
        Purpose::Source => dialog,
        Purpose::Weights | Purpose::Compared => dialog.add_filter("TorchScript", &["pt", "pth"]),
    };
    let run = move || {
        if let Some(path) = dialog.pick_file() {
            let _ = sender.send(path);
        }
        drop(sender);
        ctx.request_repaint();
    };
    let thread = std::thread::Builder::new().name("file dialog".into()).spawn(run);
    thread.map(|_| answer).ok()
}
