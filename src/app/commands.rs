//! Everything that can be done in the window, in one table: menu, shortcuts, tooltips and help are made from it.

use egui::{Key, KeyboardShortcut, Modifiers};

/// Which command it is; its row says what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the table says what each does")]
pub enum Id {
    OpenCamera,
    OpenFile,
    OpenDemo,
    LoadWeights,
    Compare,
    StopComparing,
    Compared,
    Snapshot,
    Record,
    Send,
    ShowFolder,
    Pause,
    StepOn,
    StepBack,
    Forwards,
    Backwards,
    Faster,
    Slower,
    Repeat,
    Quit,
    Points,
    Contours,
    Numbers,
    Boxes,
    Ids,
    Trails,
    Fade,
    NextPoints,
    Mirror,
    Filters,
    Maps,
    Hold,
    Graph,
    Why,
    SettingsPanel,
    Performance,
    StatusBar,
    FullScreen,
    NextTheme,
    Enlarge,
    Shrink,
    UsualSize,
    UsualView,
    Palette,
    Help,
    ShowLog,
}

/// The menu that a command is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "they are called so on the screen")]
pub enum Menu {
    File,
    Playback,
    Overlay,
    View,
    Help,
}

impl Menu {
    /// All menus, from left to right.
    pub const ALL: [Self; 5] = [Self::File, Self::Playback, Self::Overlay, Self::View, Self::Help];

    /// What stands in the menu bar.
    pub const fn title(self) -> &'static str {
        match self {
            Self::File => "File",
            Self::Playback => "Playback",
            Self::Overlay => "Overlay",
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
const CTRL_SHIFT: Modifiers = Modifiers::COMMAND.plus(Modifiers::SHIFT);
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
    row(Menu::File, Id::Compare, "Compare with…", (CTRL, Key::K),
        "Runs a second net on the same faces, beside the one in use; its points are drawn in aqua."),
    row(Menu::File, Id::StopComparing, "Stop comparing", (CTRL_SHIFT, Key::K),
        "Runs one net only again."),
    row(Menu::File, Id::Snapshot, "Snapshot", (CTRL, Key::S),
        "Saves the picture, the picture with its overlay, and the keypoints."),
    row(Menu::File, Id::Record, "Record", (CTRL, Key::R),
        "Records video and keypoints until it is chosen again. What is recorded is set in the settings."),
    row(Menu::File, Id::Send, "Send to other programs", (CTRL_SHIFT, Key::E),
        "Turns off all that is sent to other programs, and on again. Who gets something is set in the settings."),
    row(Menu::File, Id::ShowFolder, "Show saved files", (CTRL, Key::E),
        "Opens the folder that snapshots and recordings are in."),
    row(Menu::File, Id::Quit, "Quit", (CTRL, Key::Q),
        "Closes the window."),
    row(Menu::Playback, Id::Pause, "Pause", (NONE, Key::Space),
        "Holds the picture still; a recording goes on from there, a camera from now."),
    row(Menu::Playback, Id::StepOn, "Next frame", (NONE, Key::Period),
        "Holds a recording still and goes on by one frame."),
    row(Menu::Playback, Id::StepBack, "Frame before", (NONE, Key::Comma),
        "Holds a recording still and goes back by one frame."),
    row(Menu::Playback, Id::Forwards, "Forwards 5 seconds", (NONE, Key::ArrowRight),
        "Goes forwards in a recording."),
    row(Menu::Playback, Id::Backwards, "Back 5 seconds", (NONE, Key::ArrowLeft),
        "Goes back in a recording."),
    row(Menu::Playback, Id::Faster, "Faster", (NONE, Key::CloseBracket),
        "Plays a recording faster, up to eight times as fast as it is."),
    row(Menu::Playback, Id::Slower, "Slower", (NONE, Key::OpenBracket),
        "Plays a recording slower, down to a tenth of its speed."),
    row(Menu::Playback, Id::Repeat, "Repeat", (NONE, Key::A),
        "Begins recordings again at their end."),
    row(Menu::Overlay, Id::Points, "Keypoints", (NONE, Key::P),
        "Draws the keypoints of every face."),
    row(Menu::Overlay, Id::Contours, "Contours", (NONE, Key::L),
        "Draws the lines of jaw, brows, eyes, nose and mouth."),
    row(Menu::Overlay, Id::Numbers, "Numbers", (NONE, Key::N),
        "Writes its number beside every keypoint, counted from 0."),
    row(Menu::Overlay, Id::Boxes, "Face boxes", (NONE, Key::B),
        "Draws the box of every face."),
    row(Menu::Overlay, Id::Ids, "Face numbers", (NONE, Key::I),
        "Writes every face's number above it, and how sure the net is that it is a face."),
    row(Menu::Overlay, Id::Trails, "Trails", (NONE, Key::T),
        "Draws where every keypoint was in the last half second."),
    row(Menu::Overlay, Id::Fade, "Fade unsure points", (NONE, Key::U),
        "Draws keypoints fainter the less sure the net is of them."),
    row(Menu::Overlay, Id::NextPoints, "Smoothed, raw, both", (NONE, Key::R),
        "Goes on from smoothed points to those that the net gave, then to both, and back."),
    row(Menu::Overlay, Id::Compared, "Compared net", (NONE, Key::V),
        "Draws the points of the net that is compared. Its key hides them as long as it is held."),
    row(Menu::View, Id::SettingsPanel, "Settings", (NONE, Key::O),
        "Shows the panel in which overlay, smoothing and recordings are set."),
    row(Menu::View, Id::Filters, "Filters", (NONE, Key::F),
        "Shows the kernels of the net's convolutions in the side panel."),
    row(Menu::View, Id::Maps, "Feature maps", (NONE, Key::M),
        "Shows, live, what a layer of the net makes of the chosen face. Click a face to choose it."),
    row(Menu::View, Id::Hold, "Hold feature maps", (NONE, Key::Z),
        "Keeps the maps as they are, while the video goes on."),
    row(Menu::View, Id::Graph, "Graph of the net", (NONE, Key::G),
        "Shows every layer of the net with its shape and time; a click looks at it."),
    row(Menu::View, Id::Why, "Why is that point there?", (NONE, Key::W),
        "Shows what a keypoint hangs on; a click on a keypoint does the same."),
    row(Menu::View, Id::StatusBar, "Status bar", (NONE, Key::S),
        "Shows source, speeds and delays below the video."),
    row(Menu::View, Id::Performance, "Performance", (NONE, Key::H),
        "Shows rates, delays and memory of the last minute as plots."),
    row(Menu::View, Id::Mirror, "Mirror", (NONE, Key::X),
        "Shows the video as in a mirror. Only on the screen: nothing that is saved is mirrored."),
    row(Menu::View, Id::FullScreen, "Full screen", (NONE, Key::F11),
        "Fills the screen with the window, or takes it back."),
    row(Menu::View, Id::Enlarge, "Enlarge", (CTRL, Key::Plus),
        "Makes text and controls larger."),
    row(Menu::View, Id::Shrink, "Shrink", (CTRL, Key::Minus),
        "Makes text and controls smaller."),
    row(Menu::View, Id::UsualSize, "Usual size", (CTRL, Key::Num0),
        "Makes text and controls as large as the screen suggests."),
    row(Menu::View, Id::NextTheme, "Next theme", (CTRL, Key::T),
        "Goes on from the dark theme to the light one, then to high contrast, and back."),
    row(Menu::View, Id::UsualView, "Everything as at first", (CTRL, Key::Backspace),
        "Sets overlay, panels, smoothing, theme and size back to what they are at first."),
    row(Menu::Help, Id::Palette, "Find a command…", (CTRL, Key::P),
        "Finds a command by a few letters of its name and does it."),
    row(Menu::Help, Id::Help, "Commands and keys", (NONE, Key::F1),
        "Lists everything that can be done here, with its keys."),
    row(Menu::Help, Id::ShowLog, "Show the log", (CTRL_SHIFT, Key::L),
        "Opens the folder of the log, which a bug report should bring along."),
];

// No two rows are of one command, which a test sees to: so every command has one.
const _: () = assert!(TABLE.len() == Id::ShowLog as usize + 1);

/// The row of a command.
pub fn row_of(id: Id) -> &'static Command {
    // Every command has a row, and none of them two.
    TABLE.iter().find(|command| command.id == id).unwrap_or(&TABLE[0])
}

/// Keys as they stand in menus and help: signs by themselves and not by name.
pub fn keys_of(ctx: &egui::Context, command: &Command) -> String {
    let named = ctx.format_shortcut(&command.shortcut);
    let (modifiers, key) = named.rsplit_once('+').unwrap_or(("", &named));
    let sign = match key {
        "Comma" => ",",
        "Period" => ".",
        "OpenBracket" => "[",
        "CloseBracket" => "]",
        "Plus" => "+",
        "Minus" => "-",
        other => other,
    };
    if modifiers.is_empty() {
        sign.to_owned()
    } else {
        format!("{modifiers}+{sign}")
    }
}

/// The commands whose keys were pressed, in that order. While a text field has the keyboard, only keys that it has no use for
/// count; another widget that has it keeps those that it is used by.
pub fn pressed(ctx: &egui::Context) -> Vec<Id> {
    let mut typing = ctx.text_edit_focused();
    let focused = ctx.memory(|memory| memory.focused().is_some());
    let mut done = Vec::new();
    let mut take = |event: &egui::Event| {
        let &egui::Event::Key {
            key,
            pressed: true,
            repeat,
            modifiers,
            ..
        } = event
        else {
            return false;
        };
        let Some(command) = meant(modifiers, key) else {
            return false;
        };
        let elsewhere = (typing && goes_into_text(&command.shortcut))
            || (focused && moves_a_widget(&command.shortcut))
            || (repeat && !goes_on(command.id));
        if elsewhere {
            return false;
        }
        // What follows is for the field that it opens.
        typing |= asks(command.id);
        done.push(command.id);
        true
    };
    ctx.input_mut(|input| input.events.retain(|event| !take(event)));
    done
}

/// The command that these keys mean when they are pressed, if any.
fn meant(modifiers: Modifiers, key: Key) -> Option<&'static Command> {
    // One key on many keyboards.
    let key = if key == Key::Equals { Key::Plus } else { key };
    let fits = TABLE.iter().filter(|command| {
        let keys = &command.shortcut;
        // Its key does something as long as it is held.
        command.id != Id::Compared && keys.logical_key == key && modifiers.matches_logically(keys.modifiers)
    });
    // Those without Shift fit as well where it is held.
    fits.max_by_key(|command| command.shortcut.modifiers.shift)
}

/// Whether the keys of a command are held down, and not into a text field.
pub fn is_held(ctx: &egui::Context, id: Id) -> bool {
    let keys = &row_of(id).shortcut;
    let typing = ctx.text_edit_focused() && goes_into_text(keys);
    !typing && ctx.input(|input| input.key_down(keys.logical_key) && input.modifiers == keys.modifiers)
}

/// Whether a command opens a field to type into.
fn asks(id: Id) -> bool {
    matches!(id, Id::OpenFile | Id::LoadWeights | Id::Compare | Id::Palette)
}

/// Whether a command is done again and again while its keys are held.
fn goes_on(id: Id) -> bool {
    matches!(
        id,
        Id::StepOn | Id::StepBack | Id::Forwards | Id::Backwards | Id::Enlarge | Id::Shrink
    )
}

/// Whether a text field has a use for these keys.
fn goes_into_text(keys: &KeyboardShortcut) -> bool {
    let is_function_key = (Key::F1..=Key::F35).contains(&keys.logical_key);
    let edits = keys.logical_key == Key::Backspace;
    edits || (!keys.modifiers.command && !is_function_key)
}

/// Whether buttons, sliders and the like have a use for these keys.
fn moves_a_widget(keys: &KeyboardShortcut) -> bool {
    let moves = [Key::Space, Key::ArrowLeft, Key::ArrowRight];
    keys.modifiers.is_none() && moves.contains(&keys.logical_key)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is done when these keys are pressed in one pass, after others that are held down.
    fn done(focused: bool, held: &[Key], keys: &[(Modifiers, Key)]) -> Vec<Id> {
        let ctx = egui::Context::default();
        let pass = |keys: &[(Modifiers, Key)]| {
            let event = |&(modifiers, key)| egui::Event::Key {
                key,
                physical_key: None,
                pressed: true,
                repeat: false,
                modifiers,
            };
            let input = egui::RawInput {
                events: keys.iter().map(event).collect(),
                ..Default::default()
            };
            let mut done = Vec::new();
            let mut output = ctx.run_ui(input, |ui| {
                done = pressed(ui.ctx());
                let button = ui.button("button");
                if focused {
                    button.request_focus();
                }
            });
            // Nothing is drawn.
            output.textures_delta.clear();
            done
        };
        pass(&held.iter().map(|&key| (NONE, key)).collect::<Vec<_>>());
        pass(keys)
    }

    #[test]
    fn every_key_of_a_pass_counts_also_beside_one_that_is_held() {
        let keys = [
            (NONE, Key::ArrowRight),
            (NONE, Key::P),
            (NONE, Key::L),
            (CTRL, Key::S),
            (CTRL_SHIFT, Key::K),
            (CTRL_SHIFT, Key::Plus),
            (CTRL, Key::Equals),
        ];
        let all = [
            Id::Forwards,
            Id::Points,
            Id::Snapshot,
            Id::StopComparing,
            Id::Enlarge,
            Id::Enlarge,
        ];
        assert_eq!(done(false, &[Key::ArrowRight, Key::L], &keys), all);
        // Behind a command that asks for a path, letters are of the path.
        let keys = [(CTRL, Key::O), (NONE, Key::C), (CTRL, Key::Q)];
        assert_eq!(done(false, &[], &keys), [Id::OpenFile, Id::Quit]);
    }

    #[test]
    fn a_button_that_has_the_keyboard_keeps_what_it_is_used_by_and_no_more() {
        let keys = [Key::Space, Key::ArrowLeft, Key::P, Key::Period].map(|key| (NONE, key));
        assert_eq!(done(true, &[], &keys), [Id::Points, Id::StepOn]);
        let all = [Id::Pause, Id::Backwards, Id::Points, Id::StepOn];
        assert_eq!(done(false, &[], &keys), all);
    }

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
    fn letters_are_typed_and_other_keys_work_while_a_text_field_is_used() {
        let find = |id| TABLE.iter().find(|command| command.id == id).unwrap();
        assert!(goes_into_text(&find(Id::Points).shortcut));
        assert!(goes_into_text(&find(Id::Pause).shortcut));
        assert!(goes_into_text(&find(Id::UsualView).shortcut));
        assert!(!goes_into_text(&find(Id::Palette).shortcut));
        assert!(!goes_into_text(&find(Id::Help).shortcut));
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
