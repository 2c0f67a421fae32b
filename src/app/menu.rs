//! The menu bar, made from the table of commands and the list of cameras.

use egui::{Button, RichText, Ui};

use super::{
    commands::{self, Id, Menu},
    theme,
};
use crate::pipeline::Strength;
use crate::source::{
    SourceSpec,
    cameras::{self, Camera},
};

/// What can be seen or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// Keypoints.
    pub points: bool,
    /// Face boxes.
    pub boxes: bool,
    /// The first layer's filters.
    pub filters: bool,
    /// The first layer's maps.
    pub maps: bool,
    /// The status bar.
    pub status_bar: bool,
    /// The list of commands.
    pub help: bool,
    /// The picture is held still.
    pub paused: bool,
}

impl Default for View {
    fn default() -> Self {
        Self {
            points: true,
            boxes: true,
            filters: true,
            maps: true,
            status_bar: true,
            help: false,
            paused: false,
        }
    }
}

impl View {
    /// The switch that a command turns; `None` for commands that do something else.
    pub fn switch(&mut self, id: Id) -> Option<&mut bool> {
        match id {
            Id::Points => Some(&mut self.points),
            Id::Boxes => Some(&mut self.boxes),
            Id::Filters => Some(&mut self.filters),
            Id::Maps => Some(&mut self.maps),
            Id::StatusBar => Some(&mut self.status_bar),
            Id::Help => Some(&mut self.help),
            Id::Pause => Some(&mut self.paused),
            Id::OpenCamera | Id::OpenFile | Id::OpenDemo | Id::LoadWeights | Id::Quit => None,
        }
    }
}

/// What was chosen in the menu.
#[derive(Debug, Clone, PartialEq)]
pub enum Choice {
    /// A command.
    Command(Id),
    /// A camera.
    Source(SourceSpec),
    /// How much the points are smoothed.
    Smoothing(Strength),
}

/// What the menu offers for it.
const SMOOTHING: [(&str, f32, &str); 4] = [
    ("Off", 0.0, "Every frame's points as the net gives them."),
    ("Light", 0.25, "Points follow fast; they shiver a little."),
    ("Usual", 0.5, "Steady while the face rests, quick when it moves."),
    ("Strong", 0.8, "Very steady; fast expressions come a little late."),
];

/// The menu bar.
#[derive(Debug, Default)]
pub struct MenuBar {
    /// The cameras when the submenu was opened last; looked for once each time, not in every pass.
    cameras: Option<Vec<Camera>>,
}

impl MenuBar {
    /// Draws the bar; what was chosen, if anything.
    pub fn show(&mut self, ui: &mut Ui, mut view: View, smoothing: Strength) -> Option<Choice> {
        let mut choice = None;
        egui::MenuBar::new().ui(ui, |ui| {
            for menu in Menu::ALL {
                ui.menu_button(menu.title(), |ui| {
                    for command in commands::TABLE.iter().filter(|command| command.menu == menu) {
                        if command.id == Id::Quit {
                            ui.separator();
                        }
                        let button = Button::new(command.name)
                            .selected(view.switch(command.id).is_some_and(|on| *on))
                            .shortcut_text(ui.ctx().format_shortcut(&command.shortcut));
                        if ui.add(button).on_hover_text(command.help).clicked() {
                            choice = Some(Choice::Command(command.id));
                        }
                        if command.id == Id::OpenCamera {
                            self.camera_menu(ui, &mut choice);
                        }
                    }
                    if menu == Menu::View {
                        ui.separator();
                        smoothing_menu(ui, smoothing, &mut choice);
                    }
                });
            }
        });
        choice
    }

    fn camera_menu(&mut self, ui: &mut Ui, choice: &mut Option<Choice>) {
        let opened = ui.menu_button("Open camera", |ui| {
            let found = self.cameras.get_or_insert_with(cameras::list);
            if found.is_empty() {
                ui.label(RichText::new("No camera found").color(theme::TEXT_WEAK));
            }
            for camera in found.iter() {
                let text = format!("{} ({})", camera.name, camera.node.display());
                if ui.button(text).clicked() {
                    *choice = Some(Choice::Source(SourceSpec::Device(camera.node.clone())));
                }
            }
        });
        if opened.inner.is_none() {
            self.cameras = None;
        }
    }
}

fn smoothing_menu(ui: &mut Ui, now: Strength, choice: &mut Option<Choice>) {
    ui.menu_button("Smoothing", |ui| {
        for (name, strength, help) in SMOOTHING {
            let strength = Strength::new(strength);
            let button = Button::new(name).selected(strength == now);
            if ui.add(button).on_hover_text(help).clicked() {
                *choice = Some(Choice::Smoothing(strength));
            }
        }
    });
}

/// Draws the list of commands in a window of its own.
pub fn show_help(ctx: &egui::Context, open: &mut bool) {
    egui::Window::new("Commands and keys")
        .open(open)
        .collapsible(false)
        .default_width(theme::CARD_WIDTH)
        .vscroll(true)
        .show(ctx, |ui| {
            for menu in Menu::ALL {
                ui.label(RichText::new(menu.title()).heading());
                let grid = egui::Grid::new(menu.title()).num_columns(2);
                grid.min_col_width(theme::KEYS_WIDTH).show(ui, |ui| {
                    for command in commands::TABLE.iter().filter(|command| command.menu == menu) {
                        let keys = ui.ctx().format_shortcut(&command.shortcut);
                        ui.label(RichText::new(keys).monospace().color(theme::ACCENT));
                        ui.vertical(|ui| {
                            ui.label(command.name);
                            ui.label(RichText::new(command.help).small().color(theme::TEXT_WEAK));
                        });
                        ui.end_row();
                    }
                });
                ui.add_space(theme::SPACE);
            }
        });
}
