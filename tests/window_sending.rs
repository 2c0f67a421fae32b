//! What the window sends to other programs: turned on and off in the settings, seen in the status bar, remembered.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod harness;

use std::{net::UdpSocket, time::Duration};

use egui_kittest::{Harness, kittest::Queryable};
use harness::{click, has, press, wait_for, wait_until, window_with};
use pinkpoint::{
    app::{SendTo, Settings, Start, Window},
    geometry::Rect,
    send::FrameMessage,
    source::SourceSpec,
};

const FACE: Rect = Rect::new(100.0, 60.0, 80.0, 90.0);
const NONE: egui::Modifiers = egui::Modifiers::NONE;
const CTRL_SHIFT: egui::Modifiers = egui::Modifiers::COMMAND.plus(egui::Modifiers::SHIFT);

/// A socket, and how it is spelled as a target.
fn receiver() -> (UdpSocket, String) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let target = format!("udp://{}", socket.local_addr().unwrap());
    (socket, target)
}

/// What came of those that wait, the last one.
fn newest(socket: &UdpSocket) -> Option<FrameMessage> {
    let mut bytes = vec![0; 1 << 16];
    let received = std::iter::from_fn(|| {
        socket
            .recv(&mut bytes)
            .ok()
            .map(|length| bytes[..length].to_vec())
    });
    received
        .last()
        .map(|datagram| serde_json::from_slice(&datagram).unwrap())
}

fn open(start: Start) -> Harness<'static, Window> {
    let mut harness = window_with(SourceSpec::Demo, vec![FACE], "steady-64.pt", start);
    harness.set_size(egui::vec2(1200.0, 1700.0));
    wait_for(&mut harness, "320×240 px");
    harness
}

/// Waits until nothing in the settings moves any more by what comes to stand above it.
fn come_to_rest(harness: &mut Harness<'_, Window>) {
    wait_for(harness, "Its file says how its numbers are read");
    wait_for(harness, "last search");
    harness.run_steps(12);
}

/// Looks at the still picture again, so that there is something to send.
fn look_again(harness: &mut Harness<'_, Window>) {
    press(harness, NONE, egui::Key::D);
}

#[test]
fn a_target_is_turned_on_in_the_settings_and_its_frames_are_counted() {
    let (socket, target) = receiver();
    let mut start = Start::default();
    start.settings.sending = vec![SendTo {
        to: target.clone(),
        on: false,
    }];
    let mut harness = open(start);
    press(&mut harness, NONE, egui::Key::O);
    wait_for(&mut harness, "Other programs");
    come_to_rest(&mut harness);
    assert!(
        !has(&harness, "points to") && newest(&socket).is_none(),
        "it is off"
    );

    click(&mut harness, &target);
    wait_for(&mut harness, &format!("points to {target}"));
    look_again(&mut harness);
    wait_for(&mut harness, "points of");
    wait_until(&mut harness, |_| {
        newest(&socket).is_some_and(|newest| newest.face_count == 1 && newest.source == "still.png")
    });
    look_again(&mut harness);
    wait_until(&mut harness, |_| newest(&socket).is_some());
    // Without the status bar, the menu bar says so.
    press(&mut harness, NONE, egui::Key::S);
    wait_for(&mut harness, &format!("sending points to {target}"));

    press(&mut harness, CTRL_SHIFT, egui::Key::E);
    wait_until(&mut harness, |harness| !has(harness, "points to"));
    assert!(!harness.state().settings().sending[0].on);
    // What was on its way has come by then.
    std::thread::sleep(Duration::from_millis(300));
    drop(newest(&socket));
    look_again(&mut harness);
    wait_for(&mut harness, "last search");
    assert!(newest(&socket).is_none(), "it is off");
    press(&mut harness, CTRL_SHIFT, egui::Key::E);
    wait_for(&mut harness, &format!("points to {target}"));
}

#[test]
fn what_is_added_is_remembered_and_what_cannot_be_used_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.json");
    let start = || Start {
        settings: Settings::load(&file).unwrap().0,
        settings_file: Some(file.clone()),
        ..Start::default()
    };
    let mut harness = open(start());
    press(&mut harness, NONE, egui::Key::O);
    wait_for(&mut harness, "Nothing leaves this program");
    come_to_rest(&mut harness);
    click(&mut harness, "virtual camera");
    click(&mut harness, "Add");
    wait_for(&mut harness, "picture to v4l2:/dev/video9 (not working)");
    wait_for(&mut harness, "sudo modprobe v4l2loopback");
    wait_for(&mut harness, "Problem");
    let kept = [SendTo {
        to: "v4l2:/dev/video9".into(),
        on: true,
    }];
    assert_eq!(harness.state().settings().sending, kept);
    drop(harness);

    let mut harness = open(start());
    wait_for(&mut harness, "(not working)");
    come_to_rest(&mut harness);
    click(&mut harness, "v4l2:/dev/video9");
    wait_until(&mut harness, |harness| !has(harness, "not working"));
    drop(harness);
    // It was off, and stays off.
    let mut harness = open(start());
    wait_for(&mut harness, "v4l2:/dev/video9");
    come_to_rest(&mut harness);
    assert!(!has(&harness, "sending"));
    harness.get_by_label("×").click();
    harness.run_steps(3);
    assert_eq!(harness.state().settings().sending, []);
}

#[test]
fn what_the_command_line_asks_for_holds_for_one_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.json");
    let (socket, target) = receiver();
    let start = Start {
        settings_file: Some(file.clone()),
        send: vec![target.parse().unwrap()],
        ..Start::default()
    };
    let mut harness = open(start);
    wait_for(&mut harness, &format!("points to {target}"));
    wait_until(&mut harness, |_| newest(&socket).is_some());
    press(&mut harness, NONE, egui::Key::O);
    drop(harness);
    let (settings, _) = Settings::load(&file).unwrap();
    assert!(settings.view.settings_panel, "they were kept");
    assert_eq!(settings.sending, []);
}
