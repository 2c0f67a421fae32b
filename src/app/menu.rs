//! The menu bar, made from the table of commands, the list of cameras, the bundled nets and what was opened lately.

use std::time::Instant;

use egui::{Button, RichText, Ui};

use super::{
    camera_list::CameraList,
    commands::{self, Command, Id, Menu},
    settings::Settings,
    theme,
};
use crate::{
    model::catalogue::{self, BundledNet},
    pipeline::{Strength, Wake},
    source::{SourceSpec, cameras::Camera},
    text::shortened_to_end,
};

/// What was chosen in the menu.
#[derive(Debug, Clone, PartialEq)]
pub enum Choice {
    /// A command.
    Command(Id),
    /// A camera.
    Source(SourceSpec),
    /// A file or stream of those that were opened lately.
    RecentSource(String),
    /// A weights file, or the name of a bundled net.
    Weights(String),
    /// The same, to be compared with the net in use.
    Compared(String),
    /// How much the points are smoothed.
    Smoothing(Strength),
}

/// Most of a path that a menu shows, characters: it would be too wide else.
const LONGEST_PATH: usize = 48;

/// What the menu offers for it.
const SMOOTHING: [(&str, f32, &str); 4] = [
    ("Off", 0.0, "Every frame's points as the net gives them."),
    ("Light", 0.25, "Points follow fast; they shiver a little."),
    ("Usual", 0.5, "Steady while the face rests, quick when it moves."),
    ("Strong", 0.8, "Very steady; fast expressions come a little late."),
];

/// The menu bar.
pub struct MenuBar {
    cameras: CameraList,
    /// The bundled nets, as they were when they were asked for first.
    nets: Option<Vec<BundledNet>>,
}

/// What the menus show as it is now.
pub struct Now<'a> {
    /// Whether a live source is shown.
    pub live: bool,
    /// The camera that is shown.
    pub camera: Option<&'a Camera>,
    /// How much points are smoothed.
    pub smoothing: Strength,
    /// For what was opened lately.
    pub settings: &'a Settings,
    /// Whether a second net is compared.
    pub comparing: bool,
    /// What is sent to other programs, where nothing else says so.
    pub sending: Option<String>,
}

impl MenuBar {
    /// A bar; `wake` has the window drawn when a camera came or went while it is looked at.
    pub fn new(wake: Wake) -> Self {
        Self {
            cameras: CameraList::start(wake),
            nets: None,
        }
    }

    /// Draws the bar; what was chosen, if anything.
    pub fn show(&mut self, ui: &mut Ui, now: &Now<'_>) -> Option<Choice> {
        let mut choice = None;
        egui::MenuBar::new().ui(ui, |ui| {
            for menu in Menu::ALL {
                ui.menu_button(menu.title(), |ui| {
                    // The bar has room of its own: it would lie on the keys else.
                    ui.spacing_mut().scroll = egui::style::ScrollStyle::solid();
                    ui.style_mut().wrap_mode = Some(egui::TextWrapMode::Extend);
                    let most = ui.ctx().content_rect().height() - theme::MENU_LEAVES;
                    egui::ScrollArea::vertical().max_height(most).show(ui, |ui| {
                        for command in commands::TABLE.iter().filter(|command| command.menu == menu) {
                            self.entry(ui, command, now, &mut choice);
                        }
                        if menu == Menu::Overlay {
                            ui.separator();
                            smoothing_menu(ui, now.smoothing, &mut choice);
                        }
                    });
                });
            }
            if let Some(sending) = &now.sending {
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    let text = RichText::new(format!("sending {sending}")).small();
                    ui.label(text.color(theme::colours(ui.ctx()).accent))
                        .on_hover_text(
                            "What is seen leaves this program; who gets it is set in the settings.",
                        );
                });
            }
        });
        choice
    }

    /// A command, and what belongs below it.
    fn entry(&mut self, ui: &mut Ui, command: &Command, now: &Now<'_>, choice: &mut Option<Choice>) {
        if command.id == Id::Quit {
            ui.separator();
        }
        let button = Button::new(command.name)
            .selected(now.settings.view.is_on(command.id, now.live) == Some(true))
            .shortcut_text(commands::keys_of(ui.ctx(), command));
        let of_use = now.comparing || !matches!(command.id, Id::StopComparing | Id::Compared);
        if ui
            .add_enabled(of_use, button)
            .on_hover_text(command.help)
            .clicked()
        {
            *choice = Some(Choice::Command(command.id));
        }
        match command.id {
            Id::OpenCamera => self.camera_menu(ui, now.camera, choice),
            Id::OpenFile => recent_menu(
                ui,
                "Open recent",
                &now.settings.recent_sources,
                // Without passwords.
                |source| {
                    source
                        .parse()
                        .map_or_else(|_| source.to_owned(), |spec: SourceSpec| spec.shown())
                },
                choice,
                Choice::RecentSource,
            ),
            Id::LoadWeights => {
                self.net_menu(ui, "Load bundled net", choice, Choice::Weights);
                recent_menu(
                    ui,
                    "Load recent",
                    &now.settings.recent_weights,
                    str::to_owned,
                    choice,
                    Choice::Weights,
                );
            }
            Id::Compare => {
                self.net_menu(ui, "Compare with bundled net", choice, Choice::Compared);
                recent_menu(
                    ui,
                    "Compare with recent",
                    &now.settings.recent_weights,
                    str::to_owned,
                    choice,
                    Choice::Compared,
                );
            }
            _ => {}
        }
    }

    fn camera_menu(&mut self, ui: &mut Ui, shown: Option<&Camera>, choice: &mut Option<Choice>) {
        ui.menu_button("Open camera", |ui| {
            let (found, again_in) = self.cameras.get(Instant::now());
            ui.ctx().request_repaint_after(again_in);
            let Some(found) = found else {
                ui.label(RichText::new("Looking for cameras …").weak());
                return;
            };
            if found.is_empty() {
                ui.label(RichText::new("No camera found").weak());
            }
            for camera in found {
                let button = Button::new(&camera.name)
                    .selected(shown.is_some_and(|shown| shown.node == camera.node))
                    .shortcut_text(camera.node.display().to_string());
                if ui.add(button).clicked() {
                    *choice = Some(Choice::Source(spec_among(camera, found)));
                }
            }
        });
    }

    fn net_menu(
        &mut self,
        ui: &mut Ui,
        title: &str,
        choice: &mut Option<Choice>,
        chosen: fn(String) -> Choice,
    ) {
        ui.menu_button(title, |ui| {
            for BundledNet { name, description } in self.nets.get_or_insert_with(catalogue::described).iter()
            {
                let button = Button::new(name).shortcut_text(&description.figure);
                if ui.add(button).on_hover_text(&description.about).clicked() {
                    *choice = Some(chosen(name.clone()));
                }
            }
        });
    }
}

/// What opens the camera, also after it was plugged in again where nothing else is called so.
fn spec_among(camera: &Camera, all: &[Camera]) -> SourceSpec {
    let spec = camera.spec();
    let alike = all.iter().filter(|other| other.spec() == spec).count();
    if alike > 1 {
        SourceSpec::Device(camera.node.clone())
    } else {
        spec
    }
}

fn recent_menu(
    ui: &mut Ui,
    title: &str,
    recent: &[String],
    shown: fn(&str) -> String,
    choice: &mut Option<Choice>,
    chosen: fn(String) -> Choice,
) {
    ui.add_enabled_ui(!recent.is_empty(), |ui| {
        ui.menu_button(title, |ui| {
            for path in recent {
                // The end of a path tells more than its beginning.
                let shown = shown(path);
                let short = shortened_to_end(&shown, LONGEST_PATH);
                if ui.button(short).on_hover_text(shown).clicked() {
                    *choice = Some(chosen(path.clone()));
                }
            }
        });
    });
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
        .pivot(egui::Align2::CENTER_CENTER)
        .default_pos(ctx.content_rect().center())
        .default_size([
            theme::CARD_WIDTH,
            ctx.content_rect().height() - 3.0 * theme::MENU_LEAVES,
        ])
        .vscroll(true)
        .show(ctx, |ui| {
            for menu in Menu::ALL {
                ui.label(RichText::new(menu.title()).heading());
                let grid = egui::Grid::new(menu.title()).num_columns(2);
                grid.min_col_width(theme::KEYS_WIDTH).show(ui, |ui| {
                    for command in commands::TABLE.iter().filter(|command| command.menu == menu) {
                        let keys = commands::keys_of(ui.ctx(), command);
                        ui.label(
                            RichText::new(keys)
                                .monospace()
                                .color(theme::colours(ui.ctx()).accent),
                        );
                        ui.vertical(|ui| {
                            ui.label(command.name);
                            ui.label(RichText::new(command.help).small().weak());
                        });
                        ui.end_row();
                    }
                });
                ui.add_space(theme::SPACE);
            }
        });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_cameras_that_are_called_the_same_the_node_is_opened() {
        let camera = |number: u32, name: &str| Camera {
            node: format!("/dev/video{number}").into(),
            name: name.into(),
            stable_path: None,
        };
        let all = [camera(0, "Twin"), camera(2, "Twin"), camera(4, "Single")];
        let spec = |index: usize| spec_among(&all[index], &all);
        assert_eq!(spec(1), SourceSpec::Device("/dev/video2".into()));
        assert_eq!(spec(2), SourceSpec::CameraCalled("Single".into()));
    }
}
