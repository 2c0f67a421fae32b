//! What a run keeps in its folder: a history for TensorBoard with every step once, whatever happened between sittings; a preview
//! as long as somebody looks; and a lock.
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
    time::Duration,
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
fn a_history_stays_when_the_metrics_of_earlier_epochs_are_moved_away() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let mut run = new_run(folder.path());
    assert_eq!(train(&run, 6), Finish::Stopped);
    fs::remove_file(run.metrics_path()).unwrap();
    assert_eq!(train(&run, usize::MAX), Finish::Done);
    let epochs = || -> Vec<i64> {
        let (entries, _) = read(&run.events_path());
        let of_epochs = entries.iter().filter(|(_, tag, _)| tag == "loss/training_epoch");
        of_epochs.map(|(step, _, _)| *step).collect()
    };
    assert_eq!(epochs(), [3, 6, 9]);
    let whole = fs::read(run.events_path()).unwrap();
    assert_eq!(train(&run, usize::MAX), Finish::Done);
    assert!(fs::read(run.events_path()).unwrap() == whole, "nothing is cut");
    let results = run.results().unwrap();
    assert_eq!((results.epochs_done, results.metrics.len()), (3, 1));
    assert_eq!(results.metrics[0].epoch, 3);

    // What is not known of the epochs is not made up, and the size of steps stays as it was, also in a run that is to be longer.
    fs::remove_file(run.events_path()).unwrap();
    run.amend(Some(6), Vec::new(), None).unwrap();
    assert_eq!(train(&run, 0), Finish::Stopped);
    let (entries, _) = read(&run.events_path());
    let rates = entries.iter().filter_map(|(step, tag, value)| match value {
        Value::Number(rate) if tag == "learning_rate" => Some((*step, *rate)),
        _ => None,
    });
    for (step, rate) in rates.take_while(|(step, _)| *step <= 9) {
        let expected = run.config().learning_rate_at((step - 1) as f64 / 9.0);
        assert!(
            (f64::from(rate) - expected).abs() < 1e-8,
            "step {step}: {rate} {expected}"
        );
    }
    let (entries, _) = read(&run.events_path());
    let epochs = entries.iter().filter(|(_, tag, _)| tag == "loss/training_epoch");
    assert_eq!(epochs.map(|(step, _, _)| *step).collect::<Vec<_>>(), [9]);
}

#[test]
fn what_a_run_left_that_died_early_is_not_taken_over_by_a_new_one() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let mut run = new_run(folder.path());
    run.preview_every(Duration::from_secs(3600));
    assert_eq!(train(&run, 2), Finish::Stopped);
    fs::remove_file(run.checkpoint_path()).unwrap();
    let left = [
        run.events_path(),
        run.preview_path(),
        run.folder().join("sittings.json"),
    ];
    assert!(left.iter().all(|left| left.exists()));
    let run = Run::create(run.folder(), run.config().clone()).unwrap();
    for left in left {
        assert!(!left.exists(), "{left:?}");
    }
    assert_eq!(train(&run, usize::MAX), Finish::Done);
    check(&run, true);
}

#[test]
fn what_is_not_surely_of_a_run_that_died_early_stays_and_keeps_a_new_one_out() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_set(&folder.path().join("data"), 16);
    let place = folder.path().join("place");
    fs::create_dir(&place).unwrap();
    let refused = |name: &str| {
        let error = Run::create(&place, recipe(data.clone())).unwrap_err().to_string();
        assert!(
            error.contains("stays; choose another folder") && error.contains(name),
            "{name}: {error}"
        );
    };
    // Somebody's own files, of names that a run uses, too.
    for name in [
        "metrics.csv",
        "sittings.json",
        "loss.png",
        "net.pt",
        "config.json",
    ] {
        fs::write(place.join(name), "mine").unwrap();
        refused(name);
        assert_eq!(fs::read(place.join(name)).unwrap(), b"mine");
        fs::remove_file(place.join(name)).unwrap();
    }
    // A file may be elsewhere, on a disk that is not there now.
    std::os::unix::fs::symlink("/nowhere/net.pt", place.join("net.pt")).unwrap();
    refused("net.pt");
    fs::remove_file(place.join("net.pt")).unwrap();
    fs::write(place.join("notes.txt"), "mine").unwrap();

    // A run that came to something, whose checkpoint was moved away.
    let run = Run::create(&place, recipe(data.clone())).unwrap();
    assert_eq!(train(&run, 4), Finish::Stopped);
    fs::remove_file(run.checkpoint_path()).unwrap();
    refused("metrics.csv");
    for kept in [run.metrics_path(), run.events_path(), run.weights_path()] {
        assert!(kept.exists(), "{kept:?}");
    }
}

#[test]
fn nobody_changes_a_run_between_its_being_made_or_changed_and_its_being_trained() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let mut run = new_run(folder.path());
    let others = |epochs: u32| {
        Run::open(&folder.path().join("run"))
            .unwrap()
            .amend(Some(epochs), Vec::new(), None)
    };
    others(9).unwrap_err();
    run.amend(Some(2), Vec::new(), None).unwrap();
    others(9).unwrap_err();
    assert_eq!(train(&run, usize::MAX), Finish::Done);
    assert_eq!(run.results().unwrap().epochs_done, 2);
    others(3).unwrap();
    // What cannot be written down is not what is trained by.
    fs::remove_dir_all(run.folder()).unwrap();
    run.amend(Some(9), Vec::new(), None).unwrap_err();
    assert_eq!(run.config().epochs, 2);
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
        error.contains("cannot be read") && error.contains("tfevents"),
        "{error}"
    );
}

#[test]
fn nobody_else_trains_in_a_folder_meanwhile() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let run = new_run(folder.path());
    let (path, recipe) = (run.folder(), run.config());
    let never = AtomicBool::new(false);
    let mut refused = Vec::new();
    let finish = run.train(&never, &mut |event| {
        if let Event::Ready { .. } = event {
            let mut other = Run::open(path).unwrap();
            refused.extend(other.train(&never, &mut |_| ()).err());
            refused.extend(other.amend(Some(9), Vec::new(), None).err());
            refused.extend(Run::create(path, recipe.clone()).err());
        }
    });
    assert_eq!(finish.unwrap(), Finish::Done);
    assert_eq!(refused.len(), 3);
    for error in refused {
        assert!(
            error.to_string().contains("another run is training in it now"),
            "{error}"
        );
    }
    assert_eq!(Run::open(path).unwrap().config().epochs, 3);
    run.results().unwrap();
}

#[test]
fn a_preview_shows_the_net_at_which_a_run_was_stopped_unless_nobody_looks() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let mut run = new_run(folder.path());
    run.preview_every(Duration::from_secs(3600));
    let stop = AtomicBool::new(false);
    let mut first = Vec::new();
    run.train(&stop, &mut |event| match event {
        Event::Ready { .. } => first = std::fs::read(run.preview_path()).unwrap(),
        _ => stop.store(true, Ordering::Relaxed),
    })
    .unwrap();
    assert!(std::fs::read(run.preview_path()).unwrap() != first);
    // Its window is closed while it goes on.
    run.preview_every(Duration::ZERO);
    let finish = run.train(&AtomicBool::new(false), &mut |event| {
        if let Event::Ready { .. } = event {
            run.end_preview();
        }
    });
    assert_eq!(finish.unwrap(), Finish::Done);
    assert!(!run.preview_path().exists());
}
