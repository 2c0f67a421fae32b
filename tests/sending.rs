//! What the live threads send to other programs, with a source that does what it is told.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod script;

use std::{collections::BTreeMap, net::UdpSocket, path::PathBuf, time::Duration};

use pinkpoint::{
    pipeline::{Event, Pipeline, SendState, Sending},
    send::{FrameMessage, Target},
};
use script::{OneFace, Script, start, until};

/// What runs `script` with a net that sees a face wherever it looks.
fn with_net(script: &Script) -> Pipeline {
    let mut setup = script.setup(OneFace::default());
    let net: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "weights", "steady-64.pt"]
        .iter()
        .collect();
    setup.weights = Some(net);
    start(setup)
}

fn to(targets: &[&str]) -> Sending {
    Sending {
        targets: targets.iter().map(|target| target.parse().unwrap()).collect(),
        ..Sending::default()
    }
}

/// A socket, and how it is spelled as a target.
fn receiver() -> (UdpSocket, String) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let target = format!("udp://{}", socket.local_addr().unwrap());
    (socket, target)
}

fn next(socket: &UdpSocket) -> FrameMessage {
    let mut bytes = vec![0; 1 << 16];
    until(|| {
        let length = socket.recv(&mut bytes).ok()?;
        Some(serde_json::from_slice(&bytes[..length]).unwrap())
    })
}

fn state_of(pipeline: &Pipeline, target: &str) -> Option<SendState> {
    let target: Target = target.parse().unwrap();
    pipeline
        .sending()
        .into_iter()
        .find(|state| state.target == target)
}

#[test]
fn what_is_sent_is_what_is_seen_and_is_counted() {
    let pipeline = with_net(&Script::camera());
    let (socket, target) = receiver();
    pipeline.send_to(to(&[&target]));
    let message = until(|| Some(next(&socket)).filter(|message| message.face_count == 1));
    assert_eq!((message.width, message.height), (64, 64));
    assert_eq!(message.source, "camera:0");
    // Of those that are shown and those that are sent, each may lack some of the other.
    let (mut scenes, mut messages) = (BTreeMap::new(), BTreeMap::new());
    let (scene, later) = until(|| {
        let scene = pipeline.newest_scene().filter(|scene| scene.faces.len() == 1);
        scenes.extend(scene.map(|scene| (scene.frame.sequence, scene)));
        let message = next(&socket);
        messages.insert(message.frame, message);
        let mut shown = scenes.iter();
        shown.find_map(|(number, scene)| Some((scene.clone(), messages.get(number)?.clone())))
    });
    let face = &later.faces[0];
    assert_eq!(face.face, scene.faces[0].id);
    for (sent, seen) in face.points.iter().zip(&scene.faces[0].points) {
        assert!((sent[0] - seen.x).abs() < 0.01 && (sent[1] - seen.y).abs() < 0.01);
    }
    assert!(state_of(&pipeline, &target).is_some_and(|state| state.sent > 0 && state.trouble.is_none()));

    pipeline.send_to(Sending::default());
    until(|| pipeline.sending().is_empty().then_some(()));
    // What was sent before has come; nothing is sent any more.
    while socket.recv(&mut [0; 10]).is_ok() {}
    let seen = pipeline.frames_captured();
    until(|| (pipeline.frames_captured() > seen + 20).then_some(()));
    assert!(socket.recv(&mut [0; 10]).is_err());
}

#[test]
fn a_target_that_does_not_work_is_told_once_and_holds_nothing_up() {
    let pipeline = with_net(&Script::camera());
    let (socket, target) = receiver();
    let missing = "v4l2:/dev/video987";
    pipeline.send_to(to(&[missing, &target]));
    let failures = || {
        let failed = |event: &Event| matches!(event, Event::SendFailed { .. });
        pipeline.events().filter(failed).count()
    };
    let mut told = 0;
    until(|| {
        told += failures();
        (told > 0).then_some(())
    });
    let first = next(&socket).frame;
    until(|| (next(&socket).frame > first + 20).then_some(()));
    // Longer than until it is tried again.
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(told + failures(), 1);
    let state = state_of(&pipeline, missing).unwrap();
    assert!(state.trouble.is_some_and(|why| why.contains("modprobe")) && state.sent == 0);
}

#[test]
fn every_frame_of_a_recording_comes_where_all_are_wanted() {
    const FRAMES: u64 = 300;
    let script = Script {
        live: false,
        pictures: FRAMES,
        interval: Duration::from_secs(1),
        ..Script::camera()
    };
    let mut setup = script.setup(OneFace::default());
    // The source waits until all is said that it is to do.
    let (gate, opens) = crossbeam_channel::bounded::<()>(1);
    let mut opener = setup.opener;
    setup.opener = Box::new(move |spec, wishes| {
        let _ = opens.recv();
        opener(spec, wishes)
    });
    let mut pipeline = start(setup);
    let (socket, target) = receiver();
    pipeline.repeat(false);
    pipeline.take_every_frame(true);
    pipeline.send_to(to(&[&target]));
    drop(gate);
    for number in 0..FRAMES {
        let message = next(&socket);
        assert_eq!(message.frame, number);
    }
    until(|| pipeline.events().find(|event| matches!(event, Event::Ended)));
    pipeline.stop();
    let state = state_of(&pipeline, &target).unwrap();
    assert_eq!((state.sent, state.left_out), (FRAMES, 0));
}

#[test]
fn a_picture_that_stays_is_said_again_when_somebody_is_found_in_it() {
    let script = Script {
        live: false,
        pictures: 1,
        ..Script::camera()
    };
    let pipeline = with_net(&script);
    let (socket, target) = receiver();
    pipeline.send_to(to(&[&target]));
    let with_a_face = until(|| Some(next(&socket)).filter(|message| message.face_count == 1));
    assert_eq!(with_a_face.frame, 0);
}
