//! Everything that can be done in the window, in one table: menu, shortcuts, tooltips and help are made from it.

use egui::{Key, KeyboardShortcut, Modifiers};

/// Which command it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Id {
    OpenCamera,
    OpenFile,
    OpenDemo,
    LoadWeights,
    Pause,
    Quit,
    Points,
    Boxes,
    Filters,
    Maps,
    StatusBar,
    Help,
}

/// The menu that a command is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Menu {
    File,
    View,
    Help,
}

impl Menu {
    /// All menus, from left to right.
    pub const ALL: [Self; 3] = [Self::File, Self::View, Self::Help];

    /// What stands in the menu bar.
    pub const fn title(self) -> &'static str {
        match self {
            Self::File => "File",
            Self::View => "View",
            Self::Help => "Help",
        }
    }
}

/// A row of the table.
#[derive(Debug)]
pub struct Command {
    /// Which it is.
    pub id: Id,
    /// As it stands in the menu.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub help: &'static str,
    /// The keys that do it.
    pub shortcut: KeyboardShortcut,
    /// Where it stands.
    pub menu: Menu,
}

const fn row(
    menu: Menu,
    id: Id,
    name: &'static str,
    (modifiers, key): (Modifiers, Key),
    help: &'static str,
) -> Command {
    Command {
        id,
        name,
        help,
        shortcut: KeyboardShortcut::new(modifiers, key),
        menu,
    }
}

const CTRL: Modifiers = Modifiers::COMMAND;
const NONE: Modifiers = Modifiers::NONE;

/// All commands, in the order of the menus.
#[rustfmt::skip]
pub const TABLE: &[Command] = &[
    row(Menu::File, Id::OpenCamera, "Open first camera", (NONE, Key::C),
        "Shows the first camera that can capture; the demo where there is none."),
    row(Menu::File, Id::OpenFile, "Open file or stream…", (CTRL, Key::O),
        "Shows a video, a picture, a folder of pictures, or a stream from the network."),
    row(Menu::File, Id::OpenDemo, "Open demo", (NONE, Key::D),
        "Shows the built-in picture of a face, gently moving."),
    row(Menu::File, Id::LoadWeights, "Load weights…", (CTRL, Key::L),
        "Takes another net from a TorchScript file; the one in use goes on until the new one works."),
    row(Menu::File, Id::Pause, "Pause", (NONE, Key::Space),
        "Holds the picture still; a recording goes on from there, a camera from now."),
    row(Menu::File, Id::Quit, "Quit", (CTRL, Key::Q),
        "Closes the window."),
    row(Menu::View, Id::Points, "Keypoints", (NONE, Key::P),
        "Draws the keypoints of every face."),
    row(Menu::View, Id::Boxes, "Face boxes", (NONE, Key::B),
        "Draws the box of every face."),
    row(Menu::View, Id::Filters, "Filters of the first layer", (NONE, Key::F),
        "Shows the kernels of the net's first layer in the side panel."),
    row(Menu::View, Id::Maps, "Maps of the first layer", (NONE, Key::M),
        "Shows, live, what the net's first layer makes of the chosen face. Click a face to choose it."),
    row(Menu::View, Id::StatusBar, "Status bar", (NONE, Key::S),
        "Shows source, speeds and delays below the video."),
    row(Menu::Help, Id::Help, "Commands and keys", (NONE, Key::F1),
        "Lists everything that can be done here, with its keys."),
];

/// The command whose keys were pressed, unless they go into a text field.
pub fn pressed(ctx: &egui::Context) -> Option<Id> {
    if ctx.egui_wants_keyboard_input() {
        return None;
    }
    let hit = |command: &&Command| ctx.input_mut(|input| input.consume_shortcut(&command.shortcut));
    TABLE.iter().find(hit).map(|command| command.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_keys_do_two_things_and_no_command_lacks_help() {
        for (index, command) in TABLE.iter().enumerate() {
            for other in &TABLE[index + 1..] {
                assert_ne!(
                    command.shortcut, other.shortcut,
                    "{} and {}",
                    command.name, other.name
                );
                assert_ne!(command.id, other.id);
                assert_ne!(command.name, other.name);
            }
            assert!(
                !command.name.is_empty() && command.help.ends_with('.'),
                "{}",
                command.name
            );
        }
    }

    #[test]
    fn every_menu_has_commands() {
        for menu in Menu::ALL {
            assert!(
                TABLE.iter().any(|command| command.menu == menu),
                "{}",
                menu.title()
            );
        }
    }
}
