//! The real program in a real window, on a virtual screen (Xvfb, which `setup.sh` installs).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod screen;

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use screen::Screen;
use serde_json::Value;

/// Far longer than the program takes on a busy machine: only a hang reaches it.
const LONG: Duration = Duration::from_secs(120);

/// Runs the program on a screen of its own.
fn run(arguments: &[&str]) -> Output {
    let screen = Screen::open();
    finish(program(arguments).env("DISPLAY", &screen.display))
}

fn program(arguments: &[&str]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_pinkpoint"));
    program.args(arguments);
    program
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("WAYLAND_SOCKET");
    // Nobody's own settings.
    program.env("XDG_CONFIG_HOME", "/nowhere/at/all");
    // Found from anywhere.
    program.current_dir(std::env::temp_dir());
    program
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    program
}

/// Runs a program to its end, which has to come.
fn finish(program: &mut Command) -> Output {
    let mut child = program.spawn().unwrap();
    let deadline = Instant::now() + LONG;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("the program hangs");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.wait_with_output().unwrap()
}

fn message(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A small net that comes with the tests.
fn net() -> String {
    weights("steady-64.pt")
}

fn weights(name: &str) -> String {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "weights", name]
        .iter()
        .collect();
    path.display().to_string()
}

fn stats(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn the_demo_runs_and_says_how_fast_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stats.json");
    let file = path.display().to_string();
    let net = net();
    let output = run(&[
        "--source",
        "demo",
        "--weights",
        &net,
        "--device",
        "cpu",
        "--run-for",
        "4",
        "--stats",
        &file,
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", message(&output));
    let stats = stats(&path);
    let number = |key: &str| stats[key].as_f64().unwrap_or_else(|| panic!("{key} in {stats}"));
    let (captured, shown, dropped) = (
        number("frames_captured"),
        number("frames_shown"),
        number("frames_dropped"),
    );
    assert!(shown >= 3.0, "{stats}");
    assert!(shown + dropped <= captured, "{stats}");
    // What is neither shown nor dropped came after the last frame shown: in each stage and slot, and while the window closed.
    assert!(captured - shown - dropped <= 30.0, "{stats}");
    // The demo gives 30 frames a second, and no more than that can be shown.
    assert!((0.5..=40.0).contains(&number("shown_fps")), "{stats}");
    let latency = &stats["latency_ms"];
    let [p50, p95, p99] = ["p50", "p95", "p99"].map(|key| latency[key].as_f64().unwrap());
    assert!(0.0 < p50 && p50 <= p95 && p95 <= p99, "{stats}");
    let stages = ["grey", "detect", "crop", "infer"].map(|key| stats["stage_ms"][key].as_f64().unwrap());
    assert!(stages.iter().all(|&ms| ms > 0.0), "{stats}");
    assert!(
        (0.5..=1.5).contains(&number("faces_mean")),
        "the demo shows one face: {stats}"
    );
    assert!(number("peak_memory_mb") > 20.0, "{stats}");
    assert_eq!(stats["device"], "cpu");
    assert_eq!(stats["weights"], net);
    assert!(stats["source"].as_str().unwrap().contains("demo"), "{stats}");
}

#[test]
fn a_run_that_is_measured_changes_no_settings_unless_it_is_given_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deep/settings.json");
    let screen = Screen::open();
    let arguments = ["--source", "demo", "--weights", &net(), "--run-for", "2"].map(str::to_owned);
    let home = folder.path().join("home");
    let run = |extra: &[&str]| {
        let all: Vec<&str> = arguments
            .iter()
            .map(String::as_str)
            .chain(extra.iter().copied())
            .collect();
        let output = finish(
            program(&all)
                .env("DISPLAY", &screen.display)
                .env("XDG_CONFIG_HOME", &home),
        );
        assert_eq!(output.status.code(), Some(0), "{}", message(&output));
    };
    run(&[]);
    assert!(!home.exists());
    let given = file.display().to_string();
    run(&["--settings", &given]);
    assert_eq!(stats(&file)["source"], "demo");
    std::fs::write(&file, "{ damaged").unwrap();
    run(&["--settings", &given]);
    let aside = file.with_extension("old-1.json");
    assert_eq!(std::fs::read_to_string(aside).unwrap(), "{ damaged");
    run(&["--settings", &given, "--reset-settings"]);
    assert!(file.with_extension("old-2.json").exists());
}

#[test]
fn a_camera_that_never_comes_has_a_status_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stats.json");
    let file = path.display().to_string();
    let output = run(&[
        "--source",
        "camera:77",
        "--weights",
        &net(),
        "--run-for",
        "2",
        "--stats",
        &file,
    ]);
    assert_eq!(output.status.code(), Some(3), "{}", message(&output));
    assert!(message(&output).contains("camera 77"), "{}", message(&output));
    assert_eq!(stats(&path)["frames_shown"], 0);
}

#[test]
fn the_demo_stands_in_for_a_camera_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stats.json");
    let file = path.display().to_string();
    let output = run(&["--weights", &net(), "--run-for", "3", "--stats", &file]);
    assert_eq!(output.status.code(), Some(0), "{}", message(&output));
    let stats = stats(&path);
    let is_demo = stats["source"].as_str().unwrap().contains("demo");
    assert_eq!(is_demo, pinkpoint::source::cameras::list().is_empty(), "{stats}");
}

#[test]
fn weights_that_cannot_be_used_leave_the_video_running() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stats.json");
    let file = path.display().to_string();
    let output = run(&[
        "--source",
        "demo",
        "--weights",
        &weights("state-dict.pt"),
        "--run-for",
        "3",
        "--stats",
        &file,
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", message(&output));
    let stats = stats(&path);
    assert!(stats["frames_shown"].as_u64().unwrap() >= 3, "{stats}");
    assert!(stats["weights"].is_null() && stats["device"].is_null(), "{stats}");
}

#[test]
fn without_a_display_it_says_what_to_do() {
    let mut nowhere = program(&["--source", "demo", "--weights", &net()]);
    let output = finish(&mut nowhere);
    assert_eq!(output.status.code(), Some(1));
    let text = message(&output);
    assert!(
        text.starts_with("Error: cannot open a window: ") && text.contains("DISPLAY"),
        "{text}"
    );
    let output = finish(nowhere.env("DISPLAY", ":6543"));
    assert_eq!(output.status.code(), Some(1), "{}", message(&output));
    assert!(
        message(&output).contains("cannot open a window"),
        "{}",
        message(&output)
    );
}

#[test]
fn a_display_that_goes_away_is_told_and_the_settings_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.json");
    let screen = Screen::open();
    let mut program = program(&["--source", "demo", "--weights", &net(), "--settings"]);
    program
        .arg(&file)
        .env("DISPLAY", &screen.display)
        .env("XDG_STATE_HOME", folder.path().join("state"));
    let mut child = program.spawn().unwrap();
    // Settings are written once the window runs.
    let deadline = Instant::now() + LONG;
    while !file.exists() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(screen);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("the program hangs");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", message(&output));
    let text = message(&output);
    assert!(
        text.contains("Error: the display went away") && text.contains("settings kept"),
        "{text}"
    );
    assert_eq!(stats(&file)["source"], "demo");
}

#[test]
fn arguments_that_name_nothing_are_errors_before_the_window_opens() {
    let net = net();
    for (arguments, named) in [
        (
            &["--source", "/no/such/film.mp4", "--weights", &net][..],
            "/no/such/film.mp4",
        ),
        (&["--weights", "no-such-net"], "no-such-net"),
        (
            &["--weights", &net, "--cascade", "/no/such/cascade.xml"],
            "/no/such/cascade.xml",
        ),
        (
            &["--weights", &net, "--stats", "/no/such/folder/stats.json"],
            "/no/such/folder",
        ),
    ] {
        let output = finish(&mut program(arguments));
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(
            message(&output).contains(named),
            "{arguments:?}: {}",
            message(&output)
        );
    }
    assert_eq!(
        finish(&mut program(&["--run-for", "soon"])).status.code(),
        Some(2)
    );
}
