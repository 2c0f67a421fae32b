//! What people do most, done in the real window on a virtual screen by keys and mouse (xdotool, which `setup.sh` installs), and
//! judged by what came of it: settings that were kept, files that were written.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod screen;

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use screen::Screen;
use serde_json::Value;

/// Far longer than anything takes on a busy machine: only a hang reaches it.
const LONG: Duration = Duration::from_secs(90);

/// The program in a window that has the keyboard.
struct Window {
    program: Child,
    screen: Screen,
    folder: tempfile::TempDir,
}

impl Window {
    fn open(arguments: &[&str]) -> Self {
        let (screen, folder) = (Screen::open(), tempfile::tempdir().unwrap());
        let program = Command::new(env!("CARGO_BIN_EXE_pinkpoint"))
            .args(arguments)
            .arg("--settings")
            .arg(folder.path().join("settings.json"))
            .arg("--stats")
            .arg(folder.path().join("stats.json"))
            .env("DISPLAY", &screen.display)
            .env("XDG_STATE_HOME", folder.path().join("state"))
            .env("HOME", folder.path())
            .env_remove("WAYLAND_DISPLAY")
            .env_remove("WAYLAND_SOCKET")
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let window = Self {
            program,
            screen,
            folder,
        };
        // There is no window manager: nobody else gives it the keyboard, and it lies in the upper left corner.
        window.xdotool(&[
            "search",
            "--sync",
            "--onlyvisible",
            "--name",
            "Pinkpoint",
            "windowfocus",
            "--sync",
        ]);
        // Kept once a picture of the first source was asked for and a net was loaded.
        window.wait(|settings| settings["weights"].is_string() && settings["source"].is_string());
        window
    }

    fn xdotool(&self, what: &[&str]) {
        let status = Command::new("xdotool")
            .args(what)
            .env("DISPLAY", &self.screen.display)
            .stdout(Stdio::null())
            .status()
            .expect("xdotool is missing: run ./setup.sh");
        assert!(status.success(), "xdotool {what:?}");
    }

    fn press(&self, keys: &str) {
        self.xdotool(&["key", "--clearmodifiers", "--delay", "40", keys]);
    }

    fn type_in(&self, text: &str) {
        // A dialog that was just asked for has the keyboard from the next pass on.
        std::thread::sleep(Duration::from_millis(400));
        self.xdotool(&["type", "--delay", "15", text]);
        self.press("Return");
    }

    fn click(&self, x: u32, y: u32) {
        self.xdotool(&["mousemove", &x.to_string(), &y.to_string()]);
        std::thread::sleep(Duration::from_millis(150));
        self.xdotool(&["click", "1"]);
        std::thread::sleep(Duration::from_millis(250));
    }

    fn settings(&self) -> Value {
        let file = std::fs::read(self.folder.path().join("settings.json")).unwrap_or_default();
        serde_json::from_slice(&file).unwrap_or_default()
    }

    /// Waits until the settings that were kept are so.
    #[track_caller]
    fn wait(&self, is_so: impl Fn(&Value) -> bool) {
        let deadline = Instant::now() + LONG;
        while !is_so(&self.settings()) {
            assert!(Instant::now() < deadline, "{:#}", self.settings());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The files of this extension in the folder of what was saved, once there are so many.
    #[track_caller]
    fn saved(&self, extension: &str, count: usize) -> Vec<PathBuf> {
        let deadline = Instant::now() + LONG;
        loop {
            let found = files(self.folder.path(), extension);
            if found.len() >= count {
                return found;
            }
            assert!(
                Instant::now() < deadline,
                "{found:?} are not {count} of .{extension}"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Closes the window as its command does; its statistics.
    fn quit(mut self) -> Value {
        self.press("ctrl+q");
        let deadline = Instant::now() + LONG;
        let status = loop {
            if let Some(status) = self.program.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "it does not end");
            std::thread::sleep(Duration::from_millis(50));
        };
        assert!(status.success(), "{status}");
        serde_json::from_slice(&std::fs::read(self.folder.path().join("stats.json")).unwrap()).unwrap()
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// Files of an extension below a folder; those that are still being written are called `.partial.EXTENSION`.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let ending = format!(".{extension}");
    let mut found = Vec::new();
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path, extension));
            continue;
        }
        let name = entry.file_name().to_string_lossy().into_owned();
        // What begins with a point is still being written.
        if name.ends_with(&ending)
            && !name.starts_with('.')
            && (extension.contains("partial") || !name.contains(".partial."))
        {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn here(path: &str) -> String {
    format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn sources_and_nets_are_changed_by_keys_and_mouse() {
    let window = Window::open(&[
        "--source",
        "demo",
        "--weights",
        &here("tests/weights/steady-64.pt"),
    ]);
    // A video is opened by its path.
    let video = here("tests/media/face.mp4");
    window.press("ctrl+o");
    window.type_in(&video);
    window.wait(|settings| settings["source"] == video);
    // Another net takes the place of the first.
    let net = here("tests/weights/steady-96.pt");
    window.press("ctrl+l");
    window.type_in(&net);
    window.wait(|settings| settings["weights"] == net);
    // Two nets are compared, and are not any more.
    window.press("ctrl+k");
    window.type_in("course");
    window.wait(|settings| settings["compared"] == "course");
    window.press("ctrl+shift+k");
    window.wait(|settings| settings["compared"].is_null());
    // A command is found by its letters.
    window.press("ctrl+p");
    window.type_in("contours");
    window.wait(|settings| settings["view"]["overlay"]["contours"] == true);
    // A panel is put away by the mouse, in the menu.
    let filters = |settings: &Value| settings["view"]["filters"] == true;
    assert!(filters(&window.settings()));
    // "View", and in it "Filters".
    window.click(182, 14);
    window.click(200, 68);
    window.wait(|settings| settings["view"]["filters"] == false);
    // Theme and size.
    window.press("ctrl+t");
    window.wait(|settings| settings["view"]["theme"] != "dark");
    window.press("ctrl+plus");
    window.wait(|settings| settings["zoom"].as_f64() > Some(1.05));
    let stats = window.quit();
    assert!(stats["frames_shown"].as_u64() > Some(0), "{stats}");
}

#[test]
fn what_is_seen_is_saved_and_held_still_by_keys() {
    let window = Window::open(&[
        "--source",
        "demo",
        "--weights",
        &here("tests/weights/steady-64.pt"),
    ]);
    // A recording of video and keypoints.
    window.press("ctrl+r");
    window.saved("partial.mkv", 1);
    std::thread::sleep(Duration::from_millis(800));
    window.press("ctrl+r");
    let (videos, rows) = (window.saved("mkv", 1), window.saved("csv", 1));
    assert!(std::fs::metadata(&videos[0]).unwrap().len() > 50_000);
    assert!(std::fs::read_to_string(&rows[0]).unwrap().lines().count() > 2);
    // A snapshot: the picture, the picture as drawn, its keypoints. In a pause the next is of the same frame.
    window.press("space");
    std::thread::sleep(Duration::from_millis(600));
    window.press("ctrl+s");
    window.saved("png", 2);
    std::thread::sleep(Duration::from_millis(1200));
    window.press("ctrl+s");
    let pictures = window.saved("png", 4);
    let plain: Vec<_> = pictures
        .iter()
        .filter(|path| !path.to_string_lossy().ends_with(".points.png"))
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    assert_eq!(plain.len(), 2, "{pictures:?}");
    assert_eq!(plain[0], plain[1], "the picture moves in a pause");
    window.quit();
}
