//! `pinkpoint follow` from outside: what other programs get of a source, and how it ends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::{
    io::{BufRead, BufReader, Read},
    net::UdpSocket,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use pinkpoint::send::FrameMessage;
use rosc::{OscMessage, OscPacket};

/// Far longer than anything takes on a busy machine: only a hang reaches it.
const LONG: Duration = Duration::from_secs(120);
/// Exit status where an argument makes no sense.
const WRONG_USAGE: i32 = 2;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// The command with its arguments; nothing of the user's is changed.
fn follow(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pinkpoint"));
    command
        .args(["follow", "--device", "cpu"])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// The end of a program, which must come.
fn ended(mut child: Child) -> (Option<i32>, String) {
    let deadline = Instant::now() + LONG;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("it does not end");
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let mut message = String::new();
    child.stderr.take().unwrap().read_to_string(&mut message).unwrap();
    (status.code(), message)
}

/// What a run says that ends by itself: status, lines, messages.
fn run(arguments: &[&str]) -> (Option<i32>, Vec<FrameMessage>, String) {
    let output = follow(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), lines.collect(), message)
}

/// A socket that something is sent to.
fn receiver() -> (UdpSocket, u16) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    let port = socket.local_addr().unwrap().port();
    (socket, port)
}

fn datagram(socket: &UdpSocket) -> Vec<u8> {
    let mut bytes = vec![0; 1 << 16];
    let length = socket.recv(&mut bytes).expect("a datagram");
    bytes.truncate(length);
    bytes
}

fn signal(child: &Child, signal: i32) {
    let killed = Command::new("kill")
        .arg(format!("-{signal}"))
        .arg(child.id().to_string())
        .status();
    assert!(killed.unwrap().success());
}

/// Points of a frame as `annotate` gives them, without smoothing.
fn annotated(film: &Path, frame: u64) -> Vec<[f32; 2]> {
    let folder = tempfile::tempdir().unwrap();
    let points = folder.path().join("points.csv");
    let status = Command::new(env!("CARGO_BIN_EXE_pinkpoint"))
        .args(["annotate", "--device", "cpu", "--keypoints"])
        .args([points.as_path(), film])
        .status();
    assert!(status.unwrap().success());
    let mut reader = csv::Reader::from_path(points).unwrap();
    let columns = reader.headers().unwrap().clone();
    let first = columns.iter().position(|column| column == "raw_x0").unwrap();
    let row = reader
        .records()
        .map(Result::unwrap)
        .find(|row| row[1].parse() == Ok(frame));
    let row = row.expect("a face in the frame");
    let numbers: Vec<f32> = row
        .iter()
        .skip(first)
        .map(|field| field.parse().unwrap())
        .collect();
    numbers.as_chunks::<2>().0.to_vec()
}

#[test]
fn every_frame_of_a_file_is_a_line_with_points_where_annotate_has_them() {
    let film = fixture("media/face.mp4");
    let name = film.display().to_string();
    let (status, lines, message) = run(&["--source", &name, "--fast"]);
    assert_eq!(status, Some(0), "{message}");
    let numbers: Vec<u64> = {
        let mut numbers: Vec<u64> = lines.iter().map(|line| line.frame).collect();
        // A frame in which somebody else was found is said again.
        numbers.dedup();
        numbers
    };
    assert!(numbers.len() > 10, "{}", numbers.len());
    assert_eq!(
        numbers,
        Vec::from_iter(0..numbers.len() as u64),
        "every frame, in order"
    );
    assert!(
        lines
            .iter()
            .all(|line| line.source == "face.mp4" && line.face_count == line.faces.len())
    );
    assert!(lines.is_sorted_by(|a, b| a.time_seconds <= b.time_seconds));

    let last = lines.iter().rfind(|line| line.face_count == 1).expect("a face");
    let expected = annotated(&film, last.frame);
    let raw = last.faces[0].raw_points.as_ref().unwrap();
    assert_eq!(raw.len(), expected.len());
    let away = raw
        .iter()
        .zip(&expected)
        .map(|(a, b)| (a[0] - b[0]).hypot(a[1] - b[1]));
    let mean = away.sum::<f32>() / raw.len() as f32;
    let eyes = expected[36][0] - expected[45][0];
    // They were found on other frames, so that the crops are not the same.
    assert!(mean < 0.06 * eyes.abs(), "{mean} px away, eyes {eyes} px apart");
}

#[test]
fn a_run_that_is_over_in_time_sends_datagrams_of_json_and_says_how_many() {
    let (socket, port) = receiver();
    let target = format!("udp://127.0.0.1:{port}");
    let child = follow(&["--source", "demo", "--send", &target, "--run-for", "5"])
        .spawn()
        .unwrap();
    let with_a_face = loop {
        let message: FrameMessage = serde_json::from_slice(&datagram(&socket)).unwrap();
        assert_eq!(
            (message.width, message.height, message.source.as_str()),
            (640, 480, "built-in demo")
        );
        if message.face_count == 1 {
            break message;
        }
    };
    let face = &with_a_face.faces[0];
    assert_eq!(face.points.len(), 68);
    assert!(face.raw_points.is_none(), "they were not asked for");
    assert!(face.confidence.unwrap() > 0.5);
    for [x, y] in &face.points {
        let near = |at: f32, from: f32, size: f32| (from - size..from + 2.0 * size).contains(&at);
        assert!(near(*x, face.box_x, face.box_width) && near(*y, face.box_y, face.box_height));
    }
    let (status, message) = ended(child);
    assert_eq!(status, Some(0), "{message}");
    assert!(
        message.contains(&format!("{target}: ")) && message.contains("frames sent"),
        "{message}"
    );
}

#[test]
fn a_net_whose_file_is_renewed_or_spoilt_again_and_again_does_not_put_off_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let net = folder.path().join("net.pt");
    let good = std::fs::read(fixture("weights/steady-64.pt")).unwrap();
    let renew = |bytes: &[u8]| {
        std::fs::write(folder.path().join("new.pt"), bytes).unwrap();
        std::fs::rename(folder.path().join("new.pt"), &net).unwrap();
    };
    renew(&good);
    let mut child = follow(&["--source", "demo", "--run-for", "8", "--weights"])
        .arg(&net)
        .env("XDG_STATE_HOME", folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // More often than the time to go on for: were it counted from the last of them, it would not be over.
    let deadline = Instant::now() + LONG;
    for bytes in [&good[..], b"no net"].iter().cycle() {
        std::thread::sleep(Duration::from_millis(1500));
        if child.try_wait().unwrap().is_some() || Instant::now() > deadline {
            break;
        }
        renew(bytes);
    }
    let (status, message) = ended(child);
    assert_eq!(status, Some(0), "{message}");
    assert!(message.contains("The net before goes on: "), "{message}");
}

#[test]
fn several_programs_get_the_same_frame_each_in_its_way() {
    let ((json, json_port), (osc, osc_port)) = (receiver(), receiver());
    let child = follow(&["--source", "demo", "--max-fps", "10"])
        .args(["--send", &format!("udp://127.0.0.1:{json_port}?raw")])
        .args([
            "--send",
            &format!("osc://127.0.0.1:{osc_port}?pixels"),
            "--send",
            "-",
        ])
        .spawn()
        .unwrap();
    let messages = |bytes: &[u8]| -> Vec<OscMessage> {
        let (_, packet) = rosc::decoder::decode_udp(bytes).unwrap();
        let OscPacket::Bundle(bundle) = packet else {
            panic!("{packet:?}");
        };
        let messages = bundle.content.into_iter().map(|packet| match packet {
            OscPacket::Message(message) => message,
            OscPacket::Bundle(bundle) => panic!("{bundle:?}"),
        });
        messages.collect()
    };
    let (said, number) = loop {
        let said = messages(&datagram(&osc));
        assert_eq!(said[0].addr, "/pinkpoint/frame");
        if said
            .iter()
            .any(|message| message.addr == "/pinkpoint/face/0/points")
        {
            let number = said[0].args[0].clone().int().unwrap();
            break (said, u64::try_from(number).unwrap());
        }
    };
    let points = said
        .iter()
        .find(|message| message.addr.ends_with("/points"))
        .unwrap();
    let points: Vec<f32> = points
        .args
        .iter()
        .map(|arg| arg.clone().float().unwrap())
        .collect();
    let of_frame = loop {
        let message: FrameMessage = serde_json::from_slice(&datagram(&json)).unwrap();
        if message.frame == number && message.face_count == 1 {
            break message;
        }
    };
    assert!(of_frame.faces[0].raw_points.is_some());
    let expected = of_frame.faces[0].points.as_flattened();
    assert_eq!(points.len(), expected.len());
    assert!(points.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.01));
    let mut child = child;
    let stdout = child.stdout.take().unwrap();
    let line = BufReader::new(stdout).lines().next().unwrap().unwrap();
    assert!(serde_json::from_str::<FrameMessage>(&line).is_ok());
    signal(&child, libc::SIGTERM);
    let (status, message) = ended(child);
    assert_eq!(status, Some(0), "{message}");
}

#[test]
fn it_ends_in_good_order_when_it_is_interrupted_or_nobody_reads() {
    for how in [Some(libc::SIGINT), Some(libc::SIGTERM), None] {
        let mut child = follow(&["--source", "demo"]).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first: FrameMessage = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        assert_eq!(first.source, "built-in demo");
        if let Some(how) = how {
            signal(&child, how);
            // What it still says is whole.
            for line in lines {
                assert!(serde_json::from_str::<FrameMessage>(&line.unwrap()).is_ok());
            }
        } else {
            drop(lines);
        }
        let (status, message) = ended(child);
        assert_eq!(status, Some(0), "{how:?}: {message}");
        assert!(!message.contains("Error"), "{message}");
    }
}

#[test]
fn a_reader_that_stands_still_holds_nothing_up_for_ever() {
    // Nobody reads, and the pipe is full soon.
    let film = fixture("media/face.mp4").display().to_string();
    for more in [&["--fast"][..], &[]] {
        let mut child = follow(&["--source", &film]).args(more).spawn().unwrap();
        // Held open until the program has ended.
        let mut stdout = child.stdout.take().unwrap();
        let mut first = [0; 1];
        stdout.read_exact(&mut first).unwrap();
        std::thread::sleep(Duration::from_secs(1));
        signal(&child, libc::SIGTERM);
        let (status, message) = ended(child);
        assert_eq!(status, Some(0), "{message}");
    }
}

#[test]
fn what_makes_no_sense_is_wrong_usage_and_what_cannot_be_used_an_error() {
    for (target, status, named) in [
        ("udp://127.0.0.1", WRONG_USAGE, "lacks a port"),
        ("udp://127.0.0.1:99999", WRONG_USAGE, "1 to 65535"),
        ("tcp://127.0.0.1:5005", WRONG_USAGE, "osc://HOST:PORT"),
        ("/dev/video9", WRONG_USAGE, "v4l2:/dev/video9"),
        ("udp://no-such-host.invalid:5005", 1, "no-such-host.invalid"),
        ("v4l2:/dev/video987", 1, "sudo modprobe v4l2loopback"),
        ("v4l2:/dev/null", 1, "no virtual camera"),
    ] {
        let (code, lines, message) = run(&["--source", "demo", "--send", target, "--run-for", "60"]);
        assert_eq!(code, Some(status), "{target}: {message}");
        assert!(message.contains(named) && lines.is_empty(), "{target}: {message}");
    }
    let (code, _, message) = run(&["--source", "no-such-film.mp4"]);
    assert_eq!(code, Some(1));
    assert!(message.contains("no-such-film.mp4"), "{message}");
    let (code, _, message) = run(&["--source", "demo", "--weights", "no-such-net.pt"]);
    assert_eq!(code, Some(1));
    assert!(message.contains("no-such-net.pt"), "{message}");
}

#[test]
fn a_film_of_which_the_end_is_missing_is_told_by_the_exit_status() {
    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("cut.mp4");
    let whole = std::fs::read(fixture("media/count.mp4")).unwrap();
    std::fs::write(&cut, &whole[..whole.len() * 3 / 4]).unwrap();
    let (code, lines, message) = run(&["--fast", "--source", cut.to_str().unwrap()]);
    assert_eq!(code, Some(1), "{message}");
    assert!(
        (1..20).contains(&lines.len()) && message.contains("of 20 frames"),
        "{message}"
    );
}

#[test]
fn a_camera_that_never_came_is_told_by_the_exit_status() {
    let (code, lines, message) = run(&["--source", "camera:87", "--run-for", "3"]);
    assert_eq!(code, Some(3), "{message}");
    assert!(
        lines.is_empty() && message.contains("camera 87 is not there"),
        "{message}"
    );
}

#[test]
fn the_receiver_in_the_docs_prints_what_it_gets() {
    let docs = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/other-programs.md"));
    let docs = docs.unwrap();
    let (_, program) = docs.split_once("```python\n").expect("a program in Python");
    let (program, _) = program.split_once("```").unwrap();
    // It listens at a port that is free here.
    let (socket, port) = receiver();
    drop(socket);
    assert!(program.contains("5005"));
    let program = program.replace("5005", &port.to_string());
    let mut python = Command::new("python3")
        .args(["-u", "-c", &program])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("python3 is missing: run ./setup.sh");
    let child = follow(&["--source", "demo", "--send", &format!("udp://127.0.0.1:{port}")])
        .spawn()
        .unwrap();
    let lines = BufReader::new(python.stdout.take().unwrap()).lines();
    let line = lines.map(Result::unwrap).find(|line| line.contains("nose"));
    signal(&child, libc::SIGINT);
    let (status, message) = ended(child);
    python.kill().unwrap();
    python.wait().unwrap();
    assert_eq!(status, Some(0), "{message}");
    assert!(line.is_some(), "it saw no face");
}
