//! What stands in the window, read as a screen reader would, without a screen.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod harness;

use egui_kittest::kittest::Queryable;
use harness::{click, has, press, type_in, wait_for, wait_until, window, window_with};
use pinkpoint::{
    app::{COMMANDS, Id, Settings, Start},
    geometry::Rect,
    source::SourceSpec,
};

#[test]
fn the_status_bar_says_what_is_shown_with_units_and_can_be_put_away() {
    let face = Rect::new(100.0, 60.0, 80.0, 90.0);
    let mut harness = window(SourceSpec::Demo, vec![face], "steady-64.pt");
    wait_for(&mut harness, "still.png");
    wait_for(&mut harness, "320×240 px");
    assert!(!has(&harness, "Starting"), "it is there");
    wait_for(&mut harness, "cpu");
    for text in ["fps", "ms", "frames", "latency", "detect", "infer"] {
        assert!(has(&harness, text), "{text}");
    }
    click(&mut harness, "View");
    harness.get_by_label_contains("Status bar").click();
    harness.run_steps(3);
    assert!(!has(&harness, "latency"));
}

#[test]
fn the_side_panel_shows_filters_and_maps_of_the_face() {
    let face = Rect::new(100.0, 60.0, 80.0, 90.0);
    let mut harness = window(SourceSpec::Demo, vec![face], "steady-64.pt");
    wait_for(&mut harness, "Filters");
    wait_for(&mut harness, "Feature maps");
    wait_for(&mut harness, "4 of 62×62");
    assert!(!has(&harness, "There is no"));
    for key in [egui::Key::F, egui::Key::M] {
        press(&mut harness, egui::Modifiers::NONE, key);
    }
    assert!(!has(&harness, "Feature maps") && !has(&harness, "Filters"));
}

#[test]
fn without_a_face_the_panel_says_so_and_a_sign_says_why_that_may_be() {
    let mut harness = window(SourceSpec::Demo, Vec::new(), "steady-64.pt");
    wait_for(&mut harness, "There is no face to look at");
    assert!(
        !has(&harness, "No face seen"),
        "a glance away is nothing to remark on"
    );
    wait_for(&mut harness, "No face seen");
    assert!(has(&harness, "hidden faces may be missed"));
}

#[test]
fn a_pause_is_seen_over_the_video() {
    let face = Rect::new(100.0, 60.0, 80.0, 90.0);
    let mut harness = window(SourceSpec::Demo, vec![face], "steady-64.pt");
    wait_for(&mut harness, "320×240 px");
    press(&mut harness, egui::Modifiers::NONE, egui::Key::Space);
    wait_for(&mut harness, "Space goes on");
    press(&mut harness, egui::Modifiers::NONE, egui::Key::Space);
    harness.run_steps(3);
    assert!(!has(&harness, "Space goes on"));
}

#[test]
fn an_error_stays_until_it_is_put_away() {
    let mut harness = window(SourceSpec::Demo, Vec::new(), "state-dict.pt");
    wait_for(&mut harness, "state-dict.pt");
    wait_for(&mut harness, "still.png");
    harness.run_steps(5);
    assert!(has(&harness, "state-dict.pt"));
    click(&mut harness, "×");
    assert!(!has(&harness, "state-dict.pt"));
}

#[test]
fn a_camera_that_is_not_there_is_said_in_the_window_also_in_a_pause() {
    let mut harness = window(SourceSpec::Camera(7), Vec::new(), "steady-64.pt");
    wait_for(&mut harness, "Trying camera:7 again");
    assert!(has(&harness, "No camera") && has(&harness, "camera 7 is not there"));
    press(&mut harness, egui::Modifiers::NONE, egui::Key::Space);
    assert!(has(&harness, "No camera") && has(&harness, "Space goes on"));
}

#[test]
fn a_file_that_is_called_like_something_else_is_remembered_as_a_file() {
    let source = SourceSpec::File("/dev/shm/film.mp4".into());
    let mut harness = window(source.clone(), Vec::new(), "steady-64.pt");
    wait_for(&mut harness, "320×240 px");
    let settings = harness.state().settings();
    let kept = settings.source.clone().unwrap();
    assert_eq!(kept.parse(), Ok(source));
    assert_eq!(settings.recent_sources, [kept]);
}

#[test]
fn passwords_of_streams_are_not_shown_in_the_menu() {
    let mut start = Start::default();
    start.settings.recent_sources = vec!["rtsp://me:secret@host/door".into()];
    let mut harness = window_with(SourceSpec::Demo, Vec::new(), "steady-64.pt", start);
    click(&mut harness, "File");
    harness.get_by_label_contains("Open recent").click();
    wait_for(&mut harness, "rtsp://host/door");
    assert!(!has(&harness, "secret"));
}

#[test]
fn every_command_is_in_the_help_window() {
    let mut harness = window(SourceSpec::Demo, Vec::new(), "steady-64.pt");
    click(&mut harness, "Help");
    harness.get_by_label_contains("Commands and keys").click();
    wait_for(&mut harness, "Closes the window.");
    for text in ["Draws the keypoints", "Takes another net", "F1", "Ctrl+Q"] {
        assert!(has(&harness, text), "{text}");
    }
}

#[test]
fn a_path_can_be_typed_where_the_system_has_no_dialog() {
    let mut harness = window(SourceSpec::Camera(7), Vec::new(), "steady-64.pt");
    click(&mut harness, "File");
    harness.get_by_label_contains("Open file or stream").click();
    wait_for(&mut harness, "Browse…");
    harness.run_steps(2);
    harness.event(egui::Event::Text("some.png".into()));
    harness.run_steps(2);
    click(&mut harness, "Open");
    wait_for(&mut harness, "still.png");
}

#[test]
fn a_command_is_found_by_a_few_letters_and_done() {
    let mut harness = window(SourceSpec::Demo, Vec::new(), "steady-64.pt");
    wait_for(&mut harness, "latency");
    press(&mut harness, egui::Modifiers::COMMAND, egui::Key::P);
    type_in(&mut harness, "status");
    press(&mut harness, egui::Modifiers::NONE, egui::Key::Enter);
    assert!(!has(&harness, "latency") && !has(&harness, "A few letters"));
    // Escape leaves everything as it is.
    press(&mut harness, egui::Modifiers::COMMAND, egui::Key::P);
    type_in(&mut harness, "status");
    press(&mut harness, egui::Modifiers::NONE, egui::Key::Escape);
    assert!(!has(&harness, "latency") && !has(&harness, "Ctrl+P"));
}

#[test]
fn every_command_does_by_its_keys_what_its_row_says() {
    let folder = tempfile::tempdir().unwrap();
    let mut start = Start::default();
    start.settings.saving.folder = Some(folder.path().to_path_buf());
    let face = Rect::new(100.0, 60.0, 80.0, 90.0);
    let mut harness = window_with(SourceSpec::Demo, vec![face], "steady-64.pt", start);
    wait_for(&mut harness, "320×240 px");
    for command in COMMANDS {
        let before = harness.state().settings().clone();
        let switch = |settings: &Settings| settings.view.is_on(command.id, false);
        // Elsewhere: the window's end; what the screen does; what holds only as long as the key.
        if matches!(command.id, Id::Quit | Id::FullScreen | Id::Compared) {
            continue;
        }
        press(
            &mut harness,
            command.shortcut.modifiers,
            command.shortcut.logical_key,
        );
        let after = harness.state().settings().clone();
        if let Some(was) = switch(&before) {
            assert_eq!(switch(&after), Some(!was), "{}", command.name);
            press(
                &mut harness,
                command.shortcut.modifiers,
                command.shortcut.logical_key,
            );
            assert_eq!(switch(harness.state().settings()), Some(was), "{}", command.name);
            continue;
        }
        match command.id {
            Id::NextPoints => assert_ne!(after.view.overlay.which, before.view.overlay.which),
            Id::NextTheme => assert_ne!(after.view.theme, before.view.theme),
            Id::Enlarge => assert!(after.zoom > before.zoom),
            Id::Shrink => assert!(after.zoom < before.zoom),
            Id::UsualSize => assert_eq!(after.zoom, 1.0),
            Id::UsualView => assert_eq!(after.view, Settings::default().view),
            Id::OpenFile | Id::LoadWeights | Id::Compare => {
                wait_for(&mut harness, "Browse…");
                press(&mut harness, egui::Modifiers::NONE, egui::Key::Escape);
            }
            Id::OpenCamera => wait_until(&mut harness, |h| {
                h.state().settings().source.as_deref() == Some("camera")
            }),
            Id::OpenDemo => wait_until(&mut harness, |h| {
                h.state().settings().source.as_deref() == Some("demo")
            }),
            Id::Snapshot => wait_for(&mut harness, "Snapshot: "),
            Id::Record => {
                wait_for(&mut harness, "recording");
                press(
                    &mut harness,
                    command.shortcut.modifiers,
                    command.shortcut.logical_key,
                );
                wait_until(&mut harness, |harness| !has(harness, "What is seen"));
            }
            Id::Why => {
                wait_for(&mut harness, "Why is that point there?");
                press(
                    &mut harness,
                    command.shortcut.modifiers,
                    command.shortcut.logical_key,
                );
                assert!(!has(&harness, "Why is that point there?"));
            }
            Id::Send => wait_for(&mut harness, "Nothing is sent"),
            Id::ShowLog => wait_for(&mut harness, "No log is kept"),
            Id::StopComparing => assert_eq!(after.compared, None),
            // There is nothing to go on or back in, and the folder is the desktop's to show.
            Id::StepOn
            | Id::StepBack
            | Id::Forwards
            | Id::Backwards
            | Id::Faster
            | Id::Slower
            | Id::ShowFolder => {}
            other => panic!("{other:?} is done by nothing"),
        }
    }
}

#[test]
fn settings_stand_in_their_panel_with_what_the_search_found() {
    let face = Rect::new(100.0, 60.0, 80.0, 90.0);
    let mut harness = window(SourceSpec::Demo, vec![face], "steady-64.pt");
    press(&mut harness, egui::Modifiers::NONE, egui::Key::O);
    for text in [
        "Contours",
        "smoothing",
        "Finding faces",
        "by hand",
        "Recordings have",
        "JSON lines",
    ] {
        wait_for(&mut harness, text);
    }
    wait_for(&mut harness, "last search: 1 found");
    // A cascade sees nothing in an even grey, also in a picture that stays.
    harness.set_size(egui::vec2(800.0, 1200.0));
    harness.run_steps(5);
    harness.get_by_label("by hand").click();
    wait_for(&mut harness, "last search: 0 found");
    wait_for(&mut harness, "Its file says how its numbers are read");
}

#[test]
fn settings_are_kept_until_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.json");
    let start = || {
        let (settings, trouble) = Settings::load(&file).unwrap();
        assert_eq!(trouble, None);
        Start {
            settings,
            settings_file: Some(file.clone()),
            ..Start::default()
        }
    };
    let mut harness = window_with(SourceSpec::Demo, Vec::new(), "steady-64.pt", start());
    wait_for(&mut harness, "latency");
    press(&mut harness, egui::Modifiers::NONE, egui::Key::S);
    press(&mut harness, egui::Modifiers::NONE, egui::Key::O);
    drop(harness);
    let mut harness = window_with(SourceSpec::Demo, Vec::new(), "steady-64.pt", start());
    wait_for(&mut harness, "Finding faces");
    assert!(!has(&harness, "latency"));
    press(&mut harness, egui::Modifiers::COMMAND, egui::Key::Backspace);
    wait_for(&mut harness, "latency");
    assert!(!has(&harness, "Finding faces"));
}

#[test]
fn how_far_the_window_is_enlarged_is_kept_by_the_first_pass_and_changed_by_our_commands_alone() {
    let mut start = Start::default();
    start.settings.zoom = 1.5;
    let net = harness::net("steady-64.pt");
    let opener = Box::new(harness::open);
    let mut window = harness::window_itself(opener, SourceSpec::Demo, Vec::new(), &net, start);
    let ctx = egui::Context::default();
    let mut pass = |events: Vec<egui::Event>| {
        let input = egui::RawInput {
            events,
            ..Default::default()
        };
        let mut output = ctx.run_ui(input, |ui| {
            window.update(ui.ctx());
            window.show(ui);
        });
        // Nothing is drawn.
        output.textures_delta.clear();
        (window.settings().zoom, ctx.zoom_factor())
    };
    assert_eq!(pass(Vec::new()).0, 1.5);
    // Our range ends before egui's does.
    let enlarge = egui::Event::Key {
        key: egui::Key::Plus,
        physical_key: None,
        pressed: true,
        repeat: false,
        modifiers: egui::Modifiers::COMMAND,
    };
    pass(vec![enlarge; 40]);
    let (kept, seen) = pass(Vec::new());
    assert_eq!(kept, seen);
    assert!((1.6..=3.0).contains(&kept), "{kept}");
}

#[test]
fn the_folder_for_what_is_saved_can_be_typed() {
    let mut start = Start::default();
    start.settings.saving.folder = Some("/at/first".into());
    let mut harness = window_with(SourceSpec::Demo, Vec::new(), "steady-64.pt", start);
    harness.set_size(egui::vec2(1000.0, 1800.0));
    press(&mut harness, egui::Modifiers::NONE, egui::Key::O);
    wait_for(&mut harness, "JSON lines");
    harness.run_steps(10);
    let fields = harness.query_all_by_role(egui::accesskit::Role::TextInput);
    let mut fields = fields.filter(|field| field.value().as_deref() == Some("/at/first"));
    fields.next().unwrap().focus();
    drop(fields);
    harness.run_steps(2);
    press(&mut harness, egui::Modifiers::COMMAND, egui::Key::A);
    press(&mut harness, egui::Modifiers::NONE, egui::Key::Backspace);
    for text in ["/my", " ", "films"] {
        type_in(&mut harness, text);
    }
    // What is saved meanwhile goes where the field says.
    let folder = harness.state().settings().saving.folder.clone();
    assert_eq!(folder, Some("/my films".into()));
    press(&mut harness, egui::Modifiers::NONE, egui::Key::Enter);
    assert_eq!(harness.state().settings().saving.folder, folder);
}

#[test]
fn a_snapshot_says_where_it_is_and_a_folder_that_cannot_be_made_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut start = Start::default();
    start.settings.saving.folder = Some(folder.path().join("new"));
    let mut harness = window_with(SourceSpec::Demo, Vec::new(), "steady-64.pt", start);
    wait_for(&mut harness, "320×240 px");
    press(&mut harness, egui::Modifiers::COMMAND, egui::Key::S);
    wait_for(&mut harness, "Snapshot: ");
    assert!(has(&harness, "Open folder"));
    assert_eq!(folder.path().join("new").read_dir().unwrap().count(), 3);

    let in_the_way = folder.path().join("file");
    std::fs::write(&in_the_way, "").unwrap();
    let mut start = Start::default();
    start.settings.saving.folder = Some(in_the_way.join("below"));
    let mut harness = window_with(SourceSpec::Demo, Vec::new(), "steady-64.pt", start);
    wait_for(&mut harness, "320×240 px");
    press(&mut harness, egui::Modifiers::COMMAND, egui::Key::S);
    wait_for(&mut harness, "choose another in the settings");
}

#[test]
fn every_theme_and_every_panel_at_once_fit_a_small_window() {
    let face = Rect::new(100.0, 60.0, 80.0, 90.0);
    let mut harness = window(SourceSpec::Demo, vec![face], "steady-64.pt");
    for key in [
        egui::Key::O,
        egui::Key::H,
        egui::Key::T,
        egui::Key::N,
        egui::Key::I,
    ] {
        press(&mut harness, egui::Modifiers::NONE, key);
    }
    for _ in 0..3 {
        wait_for(&mut harness, "Copy as text");
        press(&mut harness, egui::Modifiers::COMMAND, egui::Key::T);
    }
    wait_for(&mut harness, "Feature maps");
}
