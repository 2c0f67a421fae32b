//! Killed at any moment, as by kill -9 or a power switch, while it records, trains, keeps settings or exports: what was written
//! before is whole, nothing is half replaced, and training goes on to the same numbers.
//!
//! Has a `main` of its own, since it starts itself as the program to be killed. PINKPOINT_KILLS says how often each of the four
//! kinds of work is killed, PINKPOINT_SEED after what random times.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;
mod event_file;
mod script;

use std::{
    collections::HashMap,
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::AtomicBool,
    time::{Duration, Instant},
};

use common::synthetic_set;
use pinkpoint::{
    app::{Keeper, Settings},
    keypoints::PointScheme,
    model::{Contract, archive},
    network::{Architecture, export},
    pipeline::{Event, Recording},
    source::{self, SourceSpec},
    train::{Run, TrainConfig},
};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use script::{OneFace, Script, start, until};
use tch::{Device, Tensor, nn};

/// Names the work that this process is to do until it is killed.
const WORK: &str = "PINKPOINT_WORK_UNTIL_KILLED";
/// A kill comes so long after the work began to write, at most.
const LONGEST: Duration = Duration::from_millis(400);
const USUAL_KILLS: u32 = 50;
const EPOCHS: u32 = 40;

fn main() {
    if let Ok(work) = std::env::var(WORK) {
        let folder = PathBuf::from(std::env::args_os().nth(1).unwrap());
        match work.as_str() {
            "recording" => record(&folder),
            "training" => train(&folder),
            "settings" => keep_settings(&folder),
            _ => export_again_and_again(&folder),
        }
        return;
    }
    let number = |name, usual| std::env::var(name).map_or(usual, |text| text.parse().unwrap());
    let (kills, seed) = (
        number("PINKPOINT_KILLS", USUAL_KILLS),
        number("PINKPOINT_SEED", 7),
    );
    let mut random = Pcg64::seed_from_u64(u64::from(seed));
    recordings_outlive_kills(kills, &mut random);
    training_outlives_kills(kills, &mut random);
    settings_outlive_kills(kills, &mut random);
    exports_outlive_kills(kills, &mut random);
    println!("killed {} times, seed {seed}: nothing lost", 4 * kills);
}

/// Starts this program for a kind of work in a folder.
fn begin(work: &str, folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .arg(folder)
        .env(WORK, work)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits for a line, which means that from now on it writes; kills it a random time later. Whether it had ended by itself.
fn kill(mut child: Child, random: &mut Pcg64) -> bool {
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert!(!line.is_empty(), "it ended before it began");
    std::thread::sleep(random.random_range(Duration::ZERO..LONGEST));
    let ended = child.try_wait().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    ended.is_some_and(|status| {
        assert!(status.success(), "{status}");
        true
    })
}

fn say_that_it_writes() {
    println!("writes");
    std::io::stdout().flush().unwrap();
}

/// Records short films and tables over and over.
fn record(folder: &Path) {
    let mut setup = Script::camera().setup(OneFace::default());
    setup.weights = Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/weights/steady-64.pt"));
    let pipeline = start(setup);
    until(|| pipeline.newest_scene().filter(|scene| scene.faces.len() == 1));
    say_that_it_writes();
    loop {
        assert!(pipeline.record(Recording {
            video: Some((folder.join("film.mkv"), None)),
            fps: Some(30.0),
            keypoints: Some(folder.join("points.csv")),
        }));
        std::thread::sleep(Duration::from_millis(120));
        assert!(pipeline.stop_recording());
        until(|| {
            pipeline
                .events()
                .find(|event| matches!(event, Event::Saved { .. }))
        });
    }
}

fn recordings_outlive_kills(kills: u32, random: &mut Pcg64) {
    let folder = tempfile::tempdir().unwrap();
    let (mut whole, mut partial) = (0, 0);
    for _ in 0..kills {
        assert!(!kill(begin("recording", folder.path()), random));
        for (name, finished) in [
            ("points.csv", true),
            ("points.partial.csv", false),
            ("film.mkv", true),
            ("film.partial.mkv", false),
        ] {
            let path = folder.path().join(name);
            if !path.exists() {
                continue;
            }
            let things = if name.ends_with("csv") {
                rows_of(&path, finished)
            } else {
                pictures_of(&path)
            };
            if finished {
                assert!(things > 0, "{name} is finished and has nothing in it");
                whole += 1;
            } else {
                partial += usize::from(things > 0);
                fs::remove_file(path).unwrap();
            }
        }
    }
    assert!(partial > 0, "what was under way can be read");
    println!(
        "recording: {kills} kills, {whole} whole files found, {partial} of those under way held something"
    );
}

/// Rows of a table whose lines are all whole, but for the last where it is not finished.
fn rows_of(path: &Path, finished: bool) -> usize {
    let text = fs::read_to_string(path).unwrap();
    let Some((header, rows)) = text.split_once('\n') else {
        assert!(!finished, "a table without a header");
        return 0;
    };
    assert!(!finished || text.ends_with('\n'));
    let columns = header.split(',').count();
    let whole = rows.split_inclusive('\n').filter(|row| row.ends_with('\n'));
    whole
        .inspect(|row| assert_eq!(row.split(',').count(), columns, "{row}"))
        .count()
}

/// Pictures in a film; none in one that was only begun.
fn pictures_of(path: &Path) -> usize {
    let Ok(mut film) = source::open(&SourceSpec::File(path.to_path_buf())) else {
        return 0;
    };
    std::iter::from_fn(|| film.next_picture().ok().flatten()).count()
}

fn recipe(data: &Path) -> TrainConfig {
    TrainConfig {
        epochs: EPOCHS,
        batch_size: 4,
        seed: 5,
        device: "cpu".into(),
        validation: 0.25,
        ..TrainConfig::usual(Architecture::Pinkpoint, vec![data.to_path_buf()])
    }
}

/// Goes on with the run in a folder, or begins it.
fn train(folder: &Path) {
    let run = if folder.join("run/config.json").exists() {
        Run::open(&folder.join("run")).unwrap()
    } else {
        Run::create(&folder.join("run"), recipe(&folder.join("data"))).unwrap()
    };
    say_that_it_writes();
    run.train(&AtomicBool::new(false), &mut |_| {}).unwrap();
}

fn training_outlives_kills(kills: u32, random: &mut Pcg64) {
    let folder = tempfile::tempdir().unwrap();
    synthetic_set(&folder.path().join("data"), 16);
    let (mut done, mut killed) = (false, 0);
    while killed < kills && !done {
        // What a kill leaves behind is what the next one goes on with.
        done = kill(begin("training", folder.path()), random);
        killed += u32::from(!done);
    }
    let status = begin("training", folder.path()).wait().unwrap();
    assert!(status.success(), "{status}");
    let alone = tempfile::tempdir().unwrap();
    let run = Run::create(&alone.path().join("run"), recipe(&folder.path().join("data"))).unwrap();
    run.train(&AtomicBool::new(false), &mut |_| {}).unwrap();
    let read = |folder: &Path, name: &str| fs::read(folder.join("run").join(name)).unwrap();
    let same = read(folder.path(), "checkpoint.safetensors") == read(alone.path(), "checkpoint.safetensors");
    assert!(same, "another net than that of a run that was left alone");
    let lines = String::from_utf8(read(folder.path(), "metrics.csv"))
        .unwrap()
        .lines()
        .count();
    assert_eq!(lines, 1 + EPOCHS as usize);
    archive::look_into(&folder.path().join("run/net.pt")).unwrap();
    // Pictures of an epoch that was killed at its end are not made again.
    let numbers = |folder: &Path| -> Vec<_> {
        let (entries, _) = event_file::read(&folder.join("run/events.out.tfevents.pinkpoint"));
        let is_number = |value: &event_file::Value| matches!(value, event_file::Value::Number(_));
        entries
            .into_iter()
            .filter(|(_, _, value)| is_number(value))
            .collect()
    };
    let same = numbers(folder.path()) == numbers(alone.path());
    assert!(same, "another history than that of a run that was left alone");
    println!("training: {killed} kills, and the net is bit for bit that of a run that was left alone");
}

/// Keeps settings that change all the time.
fn keep_settings(folder: &Path) {
    let file = folder.join("settings.json");
    let mut settings = Settings::load(&file).unwrap().0;
    let mut keeper = Keeper::start(Some(file), settings.clone());
    say_that_it_writes();
    // A clock that runs fast: settings are written once they have been calm for a while.
    let mut now = Instant::now();
    for number in 0.. {
        settings.opened(&format!("film {number}.mp4"));
        for _ in 0..2 {
            keeper.keep(settings.clone(), now);
            now += Duration::from_secs(10);
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn settings_outlive_kills(kills: u32, random: &mut Pcg64) {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..kills {
        assert!(!kill(begin("settings", folder.path()), random));
        let (settings, trouble) = Settings::load(&folder.path().join("settings.json")).unwrap();
        assert_eq!(trouble, None, "round {round}");
        assert!(round == 0 || !settings.recent_sources.is_empty());
    }
    println!("settings: {kills} kills");
}

fn parameters(seed: i64) -> HashMap<String, Tensor> {
    tch::manual_seed(seed);
    let store = nn::VarStore::new(Device::Cpu);
    Architecture::Pinkpoint.build(&store.root(), 68);
    store.variables()
}

/// Exports one net and another over and over into the same file.
fn export_again_and_again(folder: &Path) {
    let nets = [("first", parameters(1)), ("second", parameters(2))];
    for (round, (name, parameters)) in nets.iter().cycle().enumerate() {
        let contract = Contract {
            name: (*name).into(),
            ..Architecture::Pinkpoint.contract(PointScheme::assumed_for(68))
        };
        let path = folder.join("net.pt");
        export::export(Architecture::Pinkpoint, parameters, &contract, false, &path).unwrap();
        // From here on there is something to be lost.
        if round == 0 {
            say_that_it_writes();
        }
    }
}

fn exports_outlive_kills(kills: u32, random: &mut Pcg64) {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..kills {
        assert!(!kill(begin("exporting", folder.path()), random));
        let path = folder.path().join("net.pt");
        let name = archive::look_into(&path).unwrap().contract.unwrap().name;
        assert!(name == "first" || name == "second", "{name}");
    }
    println!("exporting: {kills} kills, a whole net after each of them");
}
