//! Threads of the pipeline that panic begin anew, and those that hang are told of.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod script;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use image::GrayImage;
use pinkpoint::{
    detect::{DetectError, Detection, FaceDetector},
    pipeline::{Event, Pipeline, Recording, Setup, Wake},
    source::{CameraWishes, Source, SourceError, SourceSpec},
};
use script::{OneFace, Script, next_event, start, until};

fn net() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/weights/steady-64.pt")
}

fn setup(script: &Script) -> Setup {
    let mut setup = script.setup(OneFace::default());
    setup.weights = Some(net());
    setup
}

/// Waits for a scene with a face.
fn face(pipeline: &Pipeline) {
    until(|| {
        let scene = pipeline.newest_scene()?;
        (scene.faces.len() == 1).then_some(())
    });
}

/// Waits until it is told that this thread began anew.
fn restarted(pipeline: &Pipeline, thread: &str) {
    let why = next_event(pipeline, |event| match event {
        Event::StageFailed { stage, why } if stage == thread => Some(why),
        _ => None,
    });
    assert!(
        why.contains("began anew") && why.contains("on purpose"),
        "{thread}: {why}"
    );
}

/// Panics in the thread of this name, the first time that it wakes the window after it was told to.
fn panics_in(thread: &'static str) -> (Wake, Arc<AtomicBool>) {
    let armed = Arc::new(AtomicBool::new(false));
    let trigger = armed.clone();
    let wake = move || {
        let is_it = std::thread::current().name() == Some(thread);
        assert!(
            !(is_it && trigger.swap(false, Ordering::Relaxed)),
            "on purpose, in {thread}"
        );
    };
    (Arc::new(wake), armed)
}

#[test]
fn a_detector_that_panics_searches_the_next_picture() {
    struct PanicsAtFirst(AtomicU64, OneFace);
    impl FaceDetector for PanicsAtFirst {
        fn detect(&mut self, grey: &GrayImage) -> Result<Vec<Detection>, DetectError> {
            assert!(self.0.fetch_add(1, Ordering::Relaxed) > 0, "on purpose");
            self.1.detect(grey)
        }
    }
    let mut setup = setup(&Script::camera());
    setup.detector = Box::new(PanicsAtFirst(AtomicU64::new(0), OneFace::default()));
    let pipeline = start(setup);
    restarted(&pipeline, "Finding faces");
    face(&pipeline);
}

#[test]
fn a_source_that_panics_is_opened_again() {
    let mut setup = setup(&Script::camera());
    let mut open = Script::camera().setup(OneFace::default()).opener;
    let opened = Arc::new(AtomicU64::new(0));
    let count = opened.clone();
    setup.opener = Box::new(
        move |spec: &SourceSpec, wishes: &CameraWishes| -> Result<Box<dyn Source>, SourceError> {
            assert!(count.fetch_add(1, Ordering::Relaxed) > 0, "on purpose");
            open(spec, wishes)
        },
    );
    let pipeline = start(setup);
    restarted(&pipeline, "The source");
    face(&pipeline);
    assert_eq!(opened.load(Ordering::Relaxed), 2);
}

#[test]
fn the_net_and_what_is_recorded_outlive_a_panic_beside_them() {
    let folder = tempfile::tempdir().unwrap();
    let (wake, armed) = panics_in("infer");
    let pipeline = Pipeline::start(setup(&Script::camera()), wake).unwrap();
    face(&pipeline);
    let table = folder.path().join("points.csv");
    assert!(pipeline.record(Recording {
        video: None,
        fps: None,
        keypoints: Some(table.clone()),
    }));
    // It wakes the window when it takes over a net.
    armed.store(true, Ordering::Relaxed);
    pipeline.load_weights(net(), None);
    restarted(&pipeline, "Finding keypoints");
    face(&pipeline);
    assert!(pipeline.stop_recording());
    let files = next_event(&pipeline, |event| match event {
        Event::Saved { files, .. } => Some(files),
        _ => None,
    });
    assert_eq!(files, std::slice::from_ref(&table));
    let lines = std::fs::read_to_string(&table).unwrap().lines().count();
    assert!(lines > 1, "{lines}");
}

#[test]
fn a_net_whose_loading_panics_is_told_of_and_the_next_one_comes() {
    let (wake, armed) = panics_in("weights");
    let pipeline = Pipeline::start(setup(&Script::camera()), wake).unwrap();
    face(&pipeline);
    armed.store(true, Ordering::Relaxed);
    // It wakes the window when it begins to load.
    pipeline.load_weights(net(), None);
    let why = next_event(&pipeline, |event| match event {
        Event::WeightsFailed { why, .. } => Some(why),
        _ => None,
    });
    assert!(why.contains("steady-64.pt"), "{why}");
    pipeline.load_weights(net(), None);
    next_event(&pipeline, |event| {
        matches!(event, Event::WeightsLoaded { .. }).then_some(())
    });
}

#[test]
fn a_net_whose_file_is_not_whole_yet_is_taken_once_it_is_where_there_is_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.pt");
    std::fs::write(&file, "half of a net").unwrap();
    let mut setup = setup(&Script::camera());
    let given_up = folder.path().join("another.pt");
    std::fs::write(&given_up, "half of another").unwrap();
    setup.weights = Some(given_up);
    let pipeline = start(setup);
    let fails = || {
        next_event(&pipeline, |event| {
            matches!(event, Event::WeightsFailed { .. }).then_some(())
        });
    };
    fails();
    pipeline.load_weights(file.clone(), None);
    fails();
    std::fs::copy(net(), &file).unwrap();
    face(&pipeline);
}

#[test]
fn a_thread_that_hangs_is_told_of_and_when_it_goes_on() {
    let detector = OneFace::default();
    let mut setup = setup(&Script::camera());
    setup.detector = Box::new(detector.clone());
    setup.patience = Duration::from_millis(300);
    detector.held.store(true, Ordering::Relaxed);
    let pipeline = start(setup);
    let (at_work, advice) = next_event(&pipeline, |event| match event {
        Event::Hangs {
            stage: "Finding faces",
            at_work,
            advice,
        } => Some((at_work, advice)),
        _ => None,
    });
    assert!(at_work >= Duration::from_millis(300) && !advice.is_empty());
    detector.held.store(false, Ordering::Relaxed);
    next_event(&pipeline, |event| {
        matches!(
            event,
            Event::GoesOn {
                stage: "Finding faces"
            }
        )
        .then_some(())
    });
    face(&pipeline);
}
