//! Training on a terminal, and in a window beside it: the real program on a made-up terminal and a virtual screen.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod common;
mod screen;

use std::{
    fs::{self, File},
    io::Read,
    ops::{Deref, DerefMut},
    os::fd::{FromRawFd, OwnedFd},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use common::synthetic_set;
use screen::Screen;
use sha2::{Digest, Sha256};

/// Far longer than anything here takes: only a hang reaches it.
const LONG: Duration = Duration::from_secs(180);

/// Waits for something.
fn until<T>(mut ready: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LONG;
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(Instant::now() < deadline, "it hangs");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn interrupt(pid: u32) {
    let status = Command::new("kill").args(["-INT", &pid.to_string()]).status();
    assert!(status.unwrap().success());
}

/// A run that does not end by itself.
fn endless(data: &Path, run: &Path) -> Command {
    let options = "--net pinkpoint --epochs 100000 --batch 2 --device cpu";
    let mut command = common::train(options, data, run);
    command
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR")
        .env_remove("CLICOLOR_FORCE")
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("WAYLAND_SOCKET");
    command
}

/// A run that ends with the test, however that ends.
struct Running(Child);

impl Deref for Running {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A terminal without a screen, and what is to be seen on it.
struct Terminal {
    master: File,
    slave: OwnedFd,
    screen: vt100::Parser,
}

impl Terminal {
    /// Waits for the end of a program that writes to it: a terminal that nobody reads from would hold it up.
    fn ends(&mut self, child: &mut Child) {
        until(|| {
            self.seen();
            child.try_wait().unwrap()
        });
    }

    fn open(rows: u16, columns: u16) -> Self {
        let (mut master, mut slave) = (0, 0);
        let size = libc::winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        // SAFETY: all pointers are to live values or null, as the call allows.
        let opened = unsafe {
            libc::openpty(
                &raw mut master,
                &raw mut slave,
                std::ptr::null_mut(),
                std::ptr::null(),
                &raw const size,
            )
        };
        assert_eq!(opened, 0);
        // SAFETY: both were just opened and belong to nobody else; reading must not wait.
        let (master, slave) = unsafe {
            libc::fcntl(master, libc::F_SETFL, libc::O_NONBLOCK);
            (File::from_raw_fd(master), OwnedFd::from_raw_fd(slave))
        };
        Self {
            master,
            slave,
            screen: vt100::Parser::new(rows, columns, 1000),
        }
    }

    fn start(&self, command: &mut Command) -> Running {
        let end = || Stdio::from(self.slave.try_clone().unwrap());
        command
            .env("TERM", "xterm-256color")
            .stdin(end())
            .stdout(end())
            .stderr(end());
        Running(command.spawn().unwrap())
    }

    /// Takes in what was written so far, and gives what is to be seen.
    fn seen(&mut self) -> String {
        let mut bytes = [0; 65536];
        while let Ok(length @ 1..) = self.master.read(&mut bytes) {
            self.screen.process(&bytes[..length]);
        }
        let screen = self.screen.screen();
        // Row by row: a full one goes on in the next, as far as the terminal knows.
        let rows: Vec<String> = screen.rows(0, screen.size().1).collect();
        rows.join("\n")
    }

    fn is_coloured(&self) -> bool {
        let screen = self.screen.screen();
        let (rows, columns) = screen.size();
        let cells = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
        cells
            .filter_map(|(row, column)| screen.cell(row, column))
            .any(|cell| cell.fgcolor() != vt100::Color::Default)
    }

    fn settings(&self) -> String {
        let output = Command::new("stty")
            .arg("-g")
            .stdin(Stdio::from(self.slave.try_clone().unwrap()))
            .output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    }
}

fn is_curve(character: char) -> bool {
    ('\u{2801}'..='\u{28ff}').contains(&character)
}

#[test]
fn a_terminal_shows_the_curve_and_is_as_it_was_after_ctrl_c() {
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_set(&folder.path().join("data"), 12);
    let mut terminal = Terminal::open(24, 80);
    let settings = terminal.settings();
    let mut child = terminal.start(&mut endless(&data, &folder.path().join("run")));
    let seen = until(|| {
        let seen = terminal.seen();
        (seen.contains("● validation loss") && seen.chars().filter(|&c| is_curve(c)).count() > 20)
            .then_some(seen)
    });
    assert!(
        seen.contains("training loss") && seen.contains("images/s"),
        "{seen}"
    );
    let bar = seen.lines().find(|line| line.contains("steps")).unwrap();
    assert!(
        bar.contains("epoch ") && bar.contains(" left"),
        "the bar is not cut: {seen}"
    );
    assert!(terminal.is_coloured());
    // Earlier lines stay: the newest epoch's above the curve.
    let lines: Vec<&str> = seen.lines().collect();
    let first_of_curve = lines.iter().position(|line| line.contains('│')).unwrap();
    assert!(lines[..first_of_curve].join("").contains("NME"), "{seen}");

    interrupt(child.id());
    terminal.ends(&mut child);
    let seen = terminal.seen();
    assert!(
        !seen.contains(is_curve) && !seen.contains("images/s") && !seen.contains('│'),
        "{seen}"
    );
    assert!(seen.contains("Report: ") && seen.contains("--resume"), "{seen}");
    assert!(!terminal.screen.screen().hide_cursor());
    assert_eq!(
        terminal.screen.screen().cursor_position().1,
        0,
        "at the beginning of a line"
    );
    assert_eq!(terminal.settings(), settings);
}

#[test]
fn without_colours_and_in_a_small_terminal_less_is_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_set(&folder.path().join("data"), 12);
    let mut terminal = Terminal::open(60, 160);
    let run = folder.path().join("grey");
    let mut child = terminal.start(endless(&data, &run).env("NO_COLOR", "1"));
    until(|| {
        let seen = terminal.seen();
        let rows = seen.lines().filter(|line| line.contains(is_curve)).count();
        (rows >= 6 && seen.contains("validation loss")).then_some(())
    });
    assert!(!terminal.is_coloured());
    interrupt(child.id());
    terminal.ends(&mut child);

    let mut terminal = Terminal::open(10, 60);
    let mut child = terminal.start(&mut endless(&data, &folder.path().join("small")));
    until(|| terminal.seen().contains("images/s").then_some(()));
    assert!(!terminal.seen().contains(is_curve));
    interrupt(child.id());
    terminal.ends(&mut child);
}

/// The processes that have this among their arguments.
fn processes_with(argument: &str) -> Vec<u32> {
    let all = fs::read_dir("/proc").unwrap();
    let pids = all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|&byte| byte == 0)
            .any(|word| word == argument.as_bytes())
    })
    .collect()
}

/// The checksums of the nets that have passed their trial.
fn tried(state: &Path) -> Vec<String> {
    let text = fs::read_to_string(state.join("pinkpoint/tried-nets.json")).unwrap_or_default();
    let list: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    serde_json::from_value(list["nets"].clone()).unwrap_or_default()
}

/// Waits until the preview has taken over the net in a file.
fn is_taken_over(preview: &Previewed, net: &Path) {
    let checksum = format!("{:x}", Sha256::digest(fs::read(net).unwrap()));
    until(|| tried(&preview.state).contains(&checksum).then_some(()));
}

struct Previewed {
    run: PathBuf,
    state: PathBuf,
    child: Running,
    window: u32,
}

fn previewed(folder: &Path, screen: &Screen) -> Previewed {
    let data = synthetic_set(&folder.join("data"), 12);
    let (run, state) = (folder.join("run"), folder.join("state"));
    let child = endless(&data, &run)
        .args(["--preview=demo", "--json"])
        .env("DISPLAY", &screen.display)
        .env("XDG_STATE_HOME", &state)
        .env("XDG_CONFIG_HOME", folder.join("config"))
        .stdin(Stdio::null())
        .stdout(File::create(folder.join("stdout")).unwrap())
        .stderr(File::create(folder.join("stderr")).unwrap())
        .spawn()
        .unwrap();
    let child = Running(child);
    // Its settings are written once the window runs.
    until(|| run.join("preview.json").exists().then_some(()));
    let argument = format!("--weights={}", run.join("preview.pt").display());
    let window = until(|| processes_with(&argument).first().copied());
    Previewed {
        run,
        state,
        child,
        window,
    }
}

fn told(folder: &Path) -> String {
    fs::read_to_string(folder.join("stdout")).unwrap() + &fs::read_to_string(folder.join("stderr")).unwrap()
}

#[test]
fn the_preview_takes_over_newer_nets_and_outlives_training() {
    let folder = tempfile::tempdir().unwrap();
    let screen = Screen::open();
    let mut preview = previewed(folder.path(), &screen);
    // Every net that is taken over has passed a trial: the first one, and one that was written later.
    until(|| (tried(&preview.state).len() >= 2).then_some(()));
    interrupt(preview.child.id());
    assert_eq!(until(|| preview.child.try_wait().unwrap()).code(), Some(1));
    assert!(
        told(folder.path()).contains("stays until you close it"),
        "{}",
        told(folder.path())
    );
    // The last one was written when training stopped. It goes on: somebody else's newer net is taken over as well.
    is_taken_over(&preview, &preview.run.join("preview.pt"));
    let newer = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/weights/steady-64.pt");
    fs::copy(&newer, preview.run.join("preview.pt")).unwrap();
    is_taken_over(&preview, &newer);
    interrupt(preview.window);
    // One that nobody waited for has no arguments any more.
    let weights = format!("--weights={}", preview.run.join("preview.pt").display());
    until(|| processes_with(&weights).is_empty().then_some(()));
}

#[test]
fn training_goes_on_when_the_preview_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let screen = Screen::open();
    let mut preview = previewed(folder.path(), &screen);
    interrupt(preview.window);
    until(|| {
        told(folder.path())
            .contains("The preview was closed")
            .then_some(())
    });
    until(|| (!preview.run.join("preview.pt").exists()).then_some(()));
    let losses = || told(folder.path()).matches("\"loss\"").count();
    let before = losses();
    until(|| (losses() > before + 5).then_some(()));
    interrupt(preview.child.id());
    until(|| preview.child.try_wait().unwrap());
    assert!(
        !preview.run.join("preview.pt").exists(),
        "nobody looks at it any more"
    );
}

#[test]
fn a_preview_without_a_display_is_told_before_anything_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_set(&folder.path().join("data"), 8);
    let run = folder.path().join("run");
    for (variable, display, why) in [
        ("DISPLAY", "", "there is no display"),
        ("DISPLAY", ":6543", ":6543 does not answer"),
        (
            "WAYLAND_DISPLAY",
            "/no/such/wayland-7",
            "wayland-7 does not answer",
        ),
    ] {
        let output = endless(&data, &run)
            .arg("--preview")
            .env(variable, display)
            .output()
            .unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(
            message.contains("no preview") && message.contains(why),
            "{message}"
        );
        assert!(output.stdout.is_empty() && !run.exists());
    }
}
