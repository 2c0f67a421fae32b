//! Every command in the docs is run, in a folder that holds what they name, by a shell, as it stands there: trainings for one
//! epoch and windows for two seconds. What takes too long or changes this machine (cargo, setup.sh, scripts) is looked at: the
//! tests, benches, files and options that it names have to be there.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

mod commands;
#[path = "../common/mod.rs"]
mod common;
#[path = "../screen/mod.rs"]
mod screen;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use commands::Written;
use common::synthetic_set;
use screen::Screen;
use tempfile::TempDir;

/// What commands ask for that is not there where tests run, and what the program says then: a graphics card, a second camera,
/// a virtual camera.
const FAILS: [(&str, &str); 3] = [
    ("--device cuda", "NVIDIA driver"),
    ("--source camera:1", "camera 1"),
    ("v4l2:/dev/video9", "/dev/video9"),
];
/// Far longer than any takes on a busy machine: only a hang reaches it.
const LONGEST_SECONDS: &str = "300";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The documents.
fn documents() -> Vec<PathBuf> {
    let mut documents = Vec::new();
    for folder in [".", "docs", "weights", "tests/media", "cascades", "assets"] {
        let entries = fs::read_dir(root().join(folder)).unwrap();
        let files = entries.map(|entry| entry.unwrap().path());
        documents.extend(files.filter(|file| file.extension().is_some_and(|extension| extension == "md")));
    }
    documents.sort();
    documents
}

fn written() -> Vec<Written> {
    documents()
        .iter()
        .flat_map(|file| commands::of(root(), file))
        .collect()
}

/// A folder with everything that the docs' commands name.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for set in ["DIR", "DIR2"] {
        synthetic_set(&path.join(set), 12);
    }
    let tests = root().join("tests");
    for (from, to) in [
        ("media/face.jpg", "photo.jpg"),
        ("media/face.jpg", "photos/one.jpg"),
        ("media/turned.jpg", "photos/two.jpg"),
        ("media/face.mp4", "film.mp4"),
        ("weights/steady-64.pt", "NET.pt"),
        ("weights/steady-64.pt", "mine.pt"),
    ] {
        fs::create_dir_all(path.join(to).parent().unwrap()).unwrap();
        fs::copy(tests.join(from), path.join(to)).unwrap();
    }
    fs::create_dir(path.join("weights")).unwrap();
    for entry in fs::read_dir(root().join("weights")).unwrap() {
        let file = entry.unwrap().path();
        if file
            .extension()
            .is_some_and(|extension| extension == "txt" || extension == "csv")
        {
            fs::copy(&file, path.join("weights").join(file.file_name().unwrap())).unwrap();
        }
    }
    for (kaggle, file) in [
        ("kaggle/keypoints.csv", "keypoints.csv"),
        ("kaggle/images", "images"),
    ] {
        fs::create_dir_all(path.join("kaggle")).unwrap();
        std::os::unix::fs::symlink(tests.join("schemes/five").join(file), path.join(kaggle)).unwrap();
    }
    let reader = path.join("my-program");
    fs::write(&reader, "#!/bin/sh\nhead -2\n").unwrap();
    fs::set_permissions(&reader, fs::Permissions::from_mode(0o755)).unwrap();
    for shared in ["tests", "assets"] {
        std::os::unix::fs::symlink(root().join(shared), path.join(shared)).unwrap();
    }
    for (list, more) in [
        ("excluded.csv", "Person_5_10.jpg,for the test\n"),
        ("pinkpoint-left-out.txt", "Person_2\n"),
    ] {
        let list = path.join("weights").join(list);
        fs::write(&list, fs::read_to_string(&list).unwrap() + more).unwrap();
    }
    // Test pictures are chosen by it, too.
    let fold = path.join("weights/fold-0.txt");
    fs::write(
        &fold,
        fs::read_to_string(&fold).unwrap() + "Person_0_00.jpg\nPerson_0_01.jpg\n",
    )
    .unwrap();
    folder
}

/// Makes it short: one epoch, a window of two seconds.
fn shortened(command: &str) -> String {
    let mut words: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
    // Behind the program and its subcommand: what follows may be the shell's.
    let mut set = |option: &str, value: &str| match words.iter().position(|word| word == option) {
        Some(place) => words[place + 1] = value.to_owned(),
        None => {
            let place = if words[1].starts_with('-') { 1 } else { 2 };
            words.splice(place..place, [option.to_owned(), value.to_owned()]);
        }
    };
    match command.split_whitespace().nth(1) {
        Some("train") => {
            set("--epochs", "1");
            if !command.contains("--resume") {
                set("--batch", "2");
                set("--threads", "1");
            }
        }
        Some("follow") => set("--run-for", "2"),
        Some(option) if option.starts_with("--") && option != "--help" && option != "--version" => {
            set("--run-for", "2");
        }
        _ => {}
    }
    words.join(" ")
}

fn run(folder: &Path, screen: &Screen, command: &str) -> Output {
    // A run is begun anew where the docs begin one.
    let words: Vec<&str> = command.split_whitespace().collect();
    let out = words.iter().position(|word| *word == "--out");
    if let (Some("train"), Some(place)) = (words.get(1).copied(), out) {
        let _ = fs::remove_dir_all(folder.join(words[place + 1]));
    }
    let programs = Path::new(env!("CARGO_BIN_EXE_pinkpoint")).parent().unwrap();
    Command::new("timeout")
        .args(["--kill-after=5", LONGEST_SECONDS, "sh", "-c"])
        .arg(shortened(command))
        .current_dir(folder)
        .env(
            "PATH",
            format!("{}:.:{}", programs.display(), std::env::var("PATH").unwrap()),
        )
        .env("DISPLAY", &screen.display)
        .env_remove("WAYLAND_DISPLAY")
        .env("HOME", folder)
        .env("SLURM_ARRAY_TASK_ID", "1")
        .env("JOB_COMPLETION_INDEX", "0")
        .output()
        .unwrap()
}

#[test]
fn commands_of_the_program_do_what_the_docs_say() {
    let (folder, screen) = (folder(), Screen::open());
    let mut failed = Vec::new();
    let mut done: Vec<String> = Vec::new();
    for command in written() {
        let words = command.words();
        // By itself it is the program's name, or that of its net; that its window opens is tested elsewhere.
        if words[0] != "pinkpoint" || words.len() == 1 {
            continue;
        }
        // Named, and not given.
        let text = match words[..] {
            [_, name] if !name.starts_with('-') => format!("pinkpoint {name} --help"),
            _ => command.text.clone(),
        };
        // The same is run once; trainings and what is made of them anew.
        let is_new = text.contains("RUN") || !done.contains(&text);
        if !is_new {
            continue;
        }
        let output = run(folder.path(), &screen, &text);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let expected = FAILS.iter().find(|(failing, _)| text.contains(failing));
        let is_right = match expected {
            Some((_, words)) => output.status.success() || said.contains(words),
            None => output.status.success(),
        };
        if !is_right {
            failed.push(format!("{}: {text}\n{}\n{said}", command.place, output.status));
        }
        done.push(text);
    }
    assert!(done.len() > 15, "{done:?}");
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// What is wrong with a command that is not run.
fn wrong_with(command: &Written) -> Option<String> {
    let words = command.words();
    let there = |path: &str| root().join(path).exists();
    let missing = |what: &str| Some(format!("{}: {}: there is no {what}", command.place, command.text));
    match words[0] {
        "cargo" => {
            for pair in words.windows(2) {
                let [option, name] = pair else { continue };
                let places = match *option {
                    "--test" => vec![format!("tests/{name}.rs"), format!("tests/{name}/main.rs")],
                    "--bench" => vec![format!("benches/{name}.rs")],
                    "--example" => vec![format!("examples/{name}.rs")],
                    _ => continue,
                };
                if !places.iter().any(|place| there(place)) {
                    return missing(name);
                }
            }
            let source = words.iter().position(|word| *word == "--test");
            let source = source.map(|place| format!("tests/{}.rs", words[place + 1]));
            let known = |variable: &&str| {
                let read = |path: &str| fs::read_to_string(root().join(path)).unwrap_or_default();
                source.as_ref().is_none_or(|source| {
                    let mut all = read(source) + &read(&source.replace(".rs", "/main.rs"));
                    all += &read("tests/harness/mod.rs");
                    // egui_kittest's own.
                    all.contains(*variable) || *variable == "UPDATE_SNAPSHOTS"
                })
            };
            command
                .variables()
                .iter()
                .find(|variable| !known(variable))
                .and_then(|variable| missing(variable))
        }
        "python3" => None,
        script => {
            let script = script.trim_start_matches("./");
            if let Some((begin, _)) = script.split_once('*') {
                let (folder, begin) = begin.rsplit_once('/').unwrap_or((".", begin));
                let mut names = fs::read_dir(root().join(folder))
                    .unwrap()
                    .map(|entry| entry.unwrap().file_name());
                let is_there = names.any(|name| name.to_string_lossy().starts_with(begin));
                return if is_there { None } else { missing(script) };
            }
            let Ok(text) = fs::read_to_string(root().join(script)) else {
                return missing(script);
            };
            let options = words
                .iter()
                .filter(|word| word.starts_with("--") && word.len() > 2);
            let mut unknown = options.filter(|option| !text.contains(*option));
            unknown.next().and_then(|option| missing(option))
        }
    }
}

#[test]
fn what_other_commands_name_is_there() {
    let all = written();
    let others = all.iter().filter(|command| command.words()[0] != "pinkpoint");
    let wrong: Vec<String> = others.clone().filter_map(wrong_with).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(others.count() > 20);
    for script in fs::read_dir(root().join("scripts")).unwrap() {
        let script = script.unwrap().path();
        let text = fs::read_to_string(&script).unwrap_or_default();
        if !text.contains("ArgumentParser") {
            continue;
        }
        let help = Command::new("python3")
            .arg(&script)
            .arg("--help")
            .output()
            .expect("python3 is missing: run ./setup.sh");
        // Some need packages that are nothing to a user.
        let said = String::from_utf8_lossy(&help.stderr);
        let is_right = help.status.success() || said.contains("ModuleNotFoundError");
        assert!(is_right, "{}: {said}", script.display());
    }
}

#[test]
fn commands_are_found_as_they_stand() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.md");
    fs::write(
        &file,
        "See `pinkpoint train`, `pinkpoint.pt`.\n```sh\n./setup.sh && A_B=1 cargo test   # all\npinkpoint train \\\n  --out RUN [--loss l1]\n```\n```python\npinkpoint no\n```\n",
    )
    .unwrap();
    let found = commands::of(folder.path(), &file);
    let texts: Vec<&str> = found.iter().map(|command| command.text.trim()).collect();
    assert_eq!(
        texts,
        [
            "pinkpoint train",
            "./setup.sh",
            "A_B=1 cargo test",
            "pinkpoint train --out RUN"
        ]
    );
    assert_eq!(found[2].words(), ["cargo", "test"]);
    assert_eq!(found[2].variables(), ["A_B"]);
    assert_eq!(found[3].place, "a.md:5");
}
