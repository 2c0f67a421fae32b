//! The history that a run leaves for TensorBoard: every step once, whatever happened between sittings.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod common;
mod event_file;

use std::{
    fs,
    io::Write,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use common::synthetic_set;
use event_file::{Entry, Value, read};
use pinkpoint::{
    network::Architecture,
    train::{Event, Finish, Run, TrainConfig},
};
use tch::Tensor;

/// libtorch has one generator of random numbers for the process.
static GENERATOR: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    GENERATOR.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Three epochs of three steps.
fn recipe(data: PathBuf) -> TrainConfig {
    TrainConfig {
        epochs: 3,
        batch_size: 4,
        device: "cpu".into(),
        validation: 0.25,
        ..TrainConfig::usual(Architecture::Pinkpoint, vec![data])
    }
}

fn new_run(folder: &Path) -> Run {
    let data = synthetic_set(&folder.join("data"), 16);
    Run::create(&folder.join("run"), recipe(data)).unwrap()
}

fn train(run: &Run, steps: usize) -> Finish {
    let stop = AtomicBool::new(false);
    let mut done = 0;
    let observe = &mut |event: Event<'_>| {
        if let Event::Step(_) = event {
            done += 1;
            stop.store(done >= steps, Ordering::Relaxed);
        }
    };
    run.train(&stop, observe).unwrap()
}

/// Checks that the file holds the run up to its checkpoint and nothing else.
fn check(run: &Run, with_pictures: bool) {
    let (entries, whole) = read(&run.events_path());
    assert_eq!(whole as u64, run.events_path().metadata().unwrap().len());
    let numbers = |tag: &str| -> Vec<(i64, f32)> {
        let of_tag = entries.iter().filter(|(_, name, _)| name == tag);
        of_tag
            .map(|(step, _, value)| match value {
                Value::Number(number) => (*step, *number),
                Value::Picture(_) => panic!("{tag} is a picture"),
            })
            .collect()
    };
    let checkpoint = Tensor::read_safetensors(run.checkpoint_path()).unwrap();
    let (_, losses) = checkpoint
        .iter()
        .find(|(name, _)| name == "progress/losses")
        .unwrap();
    let losses: Vec<f32> = Vec::try_from(losses).unwrap();
    let of_steps: Vec<(i64, f32)> = (1..).zip(losses).collect();
    assert_eq!(numbers("loss/training"), of_steps);
    let rates = numbers("learning_rate");
    assert_eq!(rates.len(), of_steps.len());
    for (step, rate) in rates {
        let expected = run.config().learning_rate_at((step - 1) as f64 / 9.0);
        assert!(
            (f64::from(rate) - expected).abs() < 1e-8,
            "step {step}: {rate} {expected}"
        );
    }

    let rows: Vec<csv::StringRecord> = match csv::Reader::from_path(run.metrics_path()) {
        Ok(mut reader) => reader.records().map(Result::unwrap).collect(),
        Err(_) => Vec::new(),
    };
    assert_eq!(rows.len(), of_steps.len() / 3);
    for (tag, column) in [
        ("loss/training_epoch", 1),
        ("loss/validation", 2),
        ("nme/validation", 3),
    ] {
        let expected: Vec<(i64, f32)> = rows
            .iter()
            .map(|row| {
                (
                    row[0].parse::<i64>().unwrap() * 3,
                    row[column].parse::<f64>().unwrap() as f32,
                )
            })
            .collect();
        assert_eq!(numbers(tag), expected, "{tag}");
    }
    assert!(entries.is_sorted_by_key(|(step, _, _)| *step));
    if with_pictures {
        check_pictures(&entries, rows.len() as i64);
    }
}

fn check_pictures(entries: &[Entry], epochs: i64) {
    let pictures = |tag: &str| -> Vec<(i64, image::DynamicImage)> {
        let of_tag = entries.iter().filter(|(_, name, _)| name == tag);
        of_tag
            .map(|(step, _, value)| match value {
                Value::Picture(file) => (*step, image::load_from_memory(file).unwrap()),
                Value::Number(_) => panic!("{tag} is a number"),
            })
            .collect()
    };
    let steps = |pictures: &[(i64, image::DynamicImage)]| -> Vec<i64> {
        pictures.iter().map(|(step, _)| *step).collect()
    };
    let (filters, faces) = (pictures("filters"), pictures("faces"));
    let ends: Vec<i64> = (1..=epochs).map(|epoch| 3 * epoch).collect();
    assert_eq!(steps(&filters), [&[0], &ends[..]].concat());
    assert_eq!(steps(&faces), ends);
    if let [(_, first), .., (_, last)] = &filters[..] {
        assert_ne!(first, last, "filters are learned");
    }
}

#[test]
fn every_step_and_epoch_is_there_once() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let run = new_run(folder.path());
    assert_eq!(train(&run, 4), Finish::Stopped);
    check(&run, true);
    // A TensorBoard that reads the file need not begin again.
    let file = fs::metadata(run.events_path()).unwrap().ino();
    assert_eq!(train(&run, usize::MAX), Finish::Done);
    assert_eq!(fs::metadata(run.events_path()).unwrap().ino(), file);
    check(&run, true);
    assert_eq!(train(&run, usize::MAX), Finish::Done, "nothing is left to do");
    check(&run, true);
}

#[test]
fn what_a_killed_run_wrote_beyond_its_checkpoint_is_not_there_twice() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let run = new_run(folder.path());
    assert_eq!(train(&run, 2), Finish::Stopped);
    let [checkpoint, events] = [run.checkpoint_path(), run.events_path()];
    let saved = fs::read(&checkpoint).unwrap();
    // It went on to the second epoch, and was killed within a record.
    assert_eq!(train(&run, 3), Finish::Stopped);
    fs::write(&checkpoint, saved).unwrap();
    let mut file = fs::OpenOptions::new().append(true).open(&events).unwrap();
    file.write_all(&[60, 0, 0, 0, 0, 0]).unwrap();
    let (entries, whole) = read(&events);
    assert_eq!(
        entries
            .iter()
            .filter(|(_, name, _)| name == "loss/training")
            .count(),
        5
    );
    assert_eq!(fs::metadata(&events).unwrap().len(), whole as u64 + 6);

    assert_eq!(train(&run, usize::MAX), Finish::Done);
    check(&run, true);
}

#[test]
fn a_history_that_is_lost_or_damaged_is_made_again_from_the_checkpoint() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let run = new_run(folder.path());
    assert_eq!(train(&run, 4), Finish::Stopped);
    let events = run.events_path();
    let whole = fs::read(&events).unwrap();
    let mut changed = whole.clone();
    changed[300] ^= 0xff;
    for damaged in [
        &b""[..],
        b"no event file at all, but longer than a record",
        &changed,
        &whole[..whole.len() / 2],
    ] {
        fs::write(&events, damaged).unwrap();
        assert_eq!(train(&run, 0), Finish::Stopped);
        check(&run, false);
    }
    fs::remove_file(&events).unwrap();
    assert_eq!(train(&run, usize::MAX), Finish::Done);
    check(&run, false);
}

#[test]
fn what_is_no_file_is_not_taken_for_the_history() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let run = new_run(folder.path());
    fs::create_dir(run.events_path()).unwrap();
    let error = run
        .train(&AtomicBool::new(false), &mut |_| ())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("cannot write") && error.contains("tfevents"),
        "{error}"
    );
}
