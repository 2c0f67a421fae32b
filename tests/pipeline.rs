//! The live threads, driven by a source and a detector made for the purpose.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod script;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use image::GrayImage;
use pinkpoint::{
    detect::{DetectError, Detection, FaceDetector},
    geometry::{Point, Rect},
    pipeline::{Event, Pipeline, Recorder, RunFacts, Scene, Setup},
    source::{SourceError, SourceSpec},
};
use script::{NumberDetector, Script, box_for, number_in};

/// Far longer than any stage takes on a busy machine: only a hang reaches it.
const LONG: Duration = Duration::from_secs(60);
fn start(setup: Setup) -> Pipeline {
    Pipeline::start(setup, Arc::new(|| ())).unwrap()
}

fn until<T>(mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LONG;
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < deadline, "nothing came");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn next_scene(pipeline: &Pipeline) -> Arc<Scene> {
    until(|| pipeline.newest_scene())
}

fn next_event<T>(pipeline: &Pipeline, mut wanted: impl FnMut(Event) -> Option<T>) -> T {
    until(|| pipeline.events().find_map(&mut wanted))
}

#[test]
fn scenes_come_in_order_and_boxes_belong_to_their_picture() {
    let pipeline = Script::camera().start();
    let mut last = None;
    for _ in 0..50 {
        let scene = next_scene(&pipeline);
        let number = number_in(&scene.frame.picture);
        assert_eq!(scene.frame.sequence, number);
        assert!(last < Some(number), "{number} after {last:?}");
        last = Some(number);
        let boxes: Vec<Rect> = scene.faces.iter().map(|face| face.face_box).collect();
        assert_eq!(boxes, [box_for(number)]);
    }
}

#[test]
fn a_slow_stage_drops_frames_and_every_frame_is_accounted_for() {
    let detector = NumberDetector {
        delay: Duration::from_millis(30),
        ..NumberDetector::default()
    };
    let mut pipeline = start(Script::camera().setup(detector));
    let mut shown = 0;
    while shown < 10 {
        next_scene(&pipeline);
        shown += 1;
    }
    // Ask for what was captured last, so that a frame captured in between only makes the sum too small.
    let dropped = pipeline.frames_dropped();
    let captured = pipeline.frames_captured();
    assert!(dropped > 0, "the detector is slower than the source");
    assert!(shown + dropped <= captured);
    pipeline.stop();
    let (dropped, captured) = (pipeline.frames_dropped(), pipeline.frames_captured());
    // Not dropped and not shown is only what was in the stages and slots: one frame each, and the one that was given
    // to a closed slot.
    let elsewhere = captured - shown - dropped;
    assert!(
        elsewhere <= 6,
        "{elsewhere} of {captured} frames are queued somewhere"
    );
}

#[test]
fn the_delay_does_not_grow_however_slow_a_stage_is() {
    let detector = NumberDetector {
        delay: Duration::from_millis(30),
        ..NumberDetector::default()
    };
    let script = Script::camera();
    let pipeline = start(script.setup(detector));
    for _ in 0..15 {
        let before = pipeline.frames_captured();
        // Four frames may be under way: in two stages and in the two slots after the detector. The fifth is one that
        // was the newest when the detector took it.
        for _ in 0..4 {
            next_scene(&pipeline);
        }
        let scene = next_scene(&pipeline);
        assert!(scene.frame.sequence + 2 >= before, "an old frame was kept");
    }
}

#[test]
fn the_reported_latency_is_that_of_the_time_in_the_picture() {
    let start = Instant::now();
    let script = Script {
        clock: Some(start),
        ..Script::camera()
    };
    let pipeline = script.start();
    for _ in 0..20 {
        let scene = next_scene(&pipeline);
        let painted_at = Instant::now();
        let mut recorder = Recorder::default();
        recorder.shown(&scene, painted_at);
        let reported_ms = recorder.summary(RunFacts::default()).latency_ms.p50;
        let made_at = start + Duration::from_micros(number_in(&scene.frame.picture));
        // The frame was stamped after its picture was made and before the source was asked for the next one.
        let asked_next = until(|| {
            let asked = script.asked.lock().unwrap();
            asked
                .iter()
                .copied()
                .find(|moment| *moment >= scene.frame.captured_at)
        });
        assert!(asked_next > made_at);
        let most = (painted_at - made_at).as_secs_f64() * 1e3;
        let least = painted_at.saturating_duration_since(asked_next).as_secs_f64() * 1e3;
        // Percentiles are good to one percent.
        assert!(
            (least * 0.99 - 0.01..=most * 1.01 + 0.01).contains(&reported_ms),
            "{reported_ms} ms reported, {least} to {most} ms by the picture"
        );
    }
}

#[test]
fn a_recording_begins_again_at_its_end() {
    let script = Script {
        live: false,
        pictures: 3,
        ..Script::camera()
    };
    let pipeline = script.start();
    let mut lowest_again = 0;
    let mut last = u64::MAX;
    while lowest_again < 2 {
        let number = number_in(&next_scene(&pipeline).frame.picture);
        lowest_again += u64::from(number < last && last != u64::MAX);
        last = number;
    }
    assert!(script.opened.load(Ordering::Relaxed) >= 3);
    let opened = pipeline
        .events()
        .filter(|event| matches!(event, Event::Opened { .. }));
    assert_eq!(opened.count(), 1, "beginning again is no news");
}

#[test]
fn a_single_picture_stays() {
    let script = Script {
        live: false,
        pictures: 1,
        ..Script::camera()
    };
    let pipeline = script.start();
    let first = next_scene(&pipeline);
    // Another scene of it comes when there is something new to see.
    pipeline.look_inside(true);
    let second = next_scene(&pipeline);
    assert_eq!(first.frame.sequence, second.frame.sequence);
    assert_eq!(script.opened.load(Ordering::Relaxed), 1);
    assert_eq!(pipeline.frames_captured(), 1);
}

#[test]
fn a_recording_of_which_one_picture_can_be_read_is_not_begun_again_and_again() {
    let script = Script {
        live: false,
        pictures: 1,
        announced: Some(900),
        ..Script::camera()
    };
    let pipeline = script.start();
    next_scene(&pipeline);
    until(|| (script.opened.load(Ordering::Relaxed) >= 3).then_some(()));
    // Without a pause it is begun thousands of times until the third time is noticed.
    assert!(script.opened.load(Ordering::Relaxed) <= 4);
}

#[test]
fn an_absent_camera_is_waited_for_and_a_lost_one_comes_back() {
    let script = Script {
        pictures: 5,
        failures: Arc::new(AtomicU64::new(1)),
        ..Script::camera()
    };
    let pipeline = script.start();
    let waiting = |event| match event {
        Event::Waiting { why, .. } => Some(why),
        _ => None,
    };
    let why = next_event(&pipeline, waiting);
    assert!(why.contains("camera:0") && why.contains("plug it in"), "{why}");
    next_scene(&pipeline);
    let why = next_event(&pipeline, waiting);
    assert!(why.contains("no pictures any more"), "{why}");
    until(|| (script.opened.load(Ordering::Relaxed) >= 2).then_some(()));
    next_scene(&pipeline);
}

#[test]
fn a_file_that_cannot_be_used_gives_way_to_what_was_shown() {
    let script = Script::camera();
    let mut setup = script.setup(NumberDetector::default());
    let mut camera = setup.opener;
    setup.opener = Box::new(move |spec| match spec {
        SourceSpec::File(path) => Err(SourceError::Unreadable {
            path: path.display().to_string(),
            why: "damaged; choose another one".into(),
        }),
        other => camera(other),
    });
    let pipeline = start(setup);
    next_scene(&pipeline);
    pipeline.open(SourceSpec::File("bad.mp4".into()));
    let why = next_event(&pipeline, |event| match event {
        Event::SourceFailed { why, .. } => Some(why),
        _ => None,
    });
    assert!(why.contains("bad.mp4") && why.contains("choose another"), "{why}");
    until(|| (script.opened.load(Ordering::Relaxed) == 2).then_some(()));
    next_scene(&pipeline);
}

#[test]
fn a_thread_that_panics_is_told_of_and_the_others_end_as_usual() {
    struct Panics;
    impl FaceDetector for Panics {
        fn detect(&mut self, _grey: &GrayImage) -> Result<Vec<Detection>, DetectError> {
            panic!("on purpose");
        }
    }
    let mut setup = Script::camera().setup(NumberDetector::default());
    setup.detector = Box::new(Panics);
    let mut pipeline = start(setup);
    let why = next_event(&pipeline, |event| match event {
        Event::StageFailed { stage: "detect", why } => Some(why),
        _ => None,
    });
    assert!(why.contains("start the program again"), "{why}");
    pipeline.stop();
}

#[test]
fn a_detector_that_fails_is_told_of_once_and_the_video_goes_on() {
    let detector = NumberDetector::default();
    let pipeline = start(Script::camera().setup(detector.clone()));
    next_scene(&pipeline);
    detector.fails.store(true, Ordering::Relaxed);
    until(|| next_scene(&pipeline).faces.is_empty().then_some(()));
    for _ in 0..5 {
        next_scene(&pipeline);
    }
    let told = pipeline
        .events()
        .filter(|event| matches!(event, Event::StageFailed { .. }));
    assert_eq!(told.count(), 1);
}

#[test]
fn stopping_ends_every_thread_even_while_a_camera_is_waited_for() {
    let absent = Script {
        failures: Arc::new(AtomicU64::new(u64::MAX)),
        ..Script::camera()
    };
    let kept = Arc::new(());
    let in_wake = kept.clone();
    let wake = Arc::new(move || drop(in_wake.clone()));
    let mut pipeline = Pipeline::start(absent.setup(NumberDetector::default()), wake).unwrap();
    next_event(&pipeline, |event| {
        matches!(event, Event::Waiting { .. }).then_some(())
    });
    pipeline.stop();
    // Every thread holds the wake: when all have ended, it and what it holds are gone.
    assert_eq!(Arc::strong_count(&kept), 1);
}

/// A net that comes with the tests.
fn net(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "weights", name]
        .iter()
        .collect()
}

fn failure(event: Event) -> Option<String> {
    match event {
        Event::WeightsFailed { why, .. } => Some(why),
        _ => None,
    }
}

#[test]
fn weights_that_fail_are_told_of_and_the_video_goes_on() {
    let mut setup = Script::camera().setup(NumberDetector::default());
    setup.weights = Some(net("state-dict.pt"));
    let pipeline = start(setup);
    let why = next_event(&pipeline, failure);
    assert!(why.contains("state-dict.pt"), "{why}");
    let scene = next_scene(&pipeline);
    assert!(scene.net.is_none() && scene.faces[0].points.is_empty());
}

#[test]
fn a_net_stays_until_another_one_works() {
    let mut setup = Script::camera().setup(NumberDetector::default());
    setup.weights = Some(net("contract-64.pt"));
    let pipeline = start(setup);
    let loaded = |event| match event {
        Event::WeightsLoaded(net) => Some(net),
        _ => None,
    };
    let first = next_event(&pipeline, loaded);
    let with_net = |wanted: &Path| {
        until(|| {
            let scene = next_scene(&pipeline);
            let right = scene.net.as_ref().is_some_and(|net| net.path == wanted);
            right.then_some(scene)
        })
    };
    let scene = with_net(&first.path);
    assert!(!scene.faces[0].points.is_empty());

    pipeline.load_weights(net("wrong-output.pt"));
    let why = next_event(&pipeline, failure);
    assert!(why.contains("wrong-output.pt"), "{why}");
    // Nothing older than the failure is left after these.
    for _ in 0..5 {
        next_scene(&pipeline);
    }
    assert_eq!(next_scene(&pipeline).net.as_ref().unwrap().path, first.path);

    pipeline.load_weights(net("pairs-96.pt"));
    let second = next_event(&pipeline, loaded);
    assert_ne!(first.path, second.path);
    assert!(!with_net(&second.path).faces[0].points.is_empty());
}

#[test]
fn the_look_inside_is_there_when_it_is_asked_for() {
    let mut setup = Script::camera().setup(NumberDetector::default());
    setup.weights = Some(net("contract-64.pt"));
    let pipeline = start(setup);
    let scene = until(|| Some(next_scene(&pipeline)).filter(|scene| scene.net.is_some()));
    assert!(scene.inside.is_none());
    pipeline.look_inside(true);
    let inside = until(|| next_scene(&pipeline).inside.clone());
    let maps = inside.maps.as_ref().unwrap();
    assert!(maps.shape.iter().all(|&length| length > 0) && maps.picture.width() > 1);
    pipeline.look_inside(false);
    until(|| next_scene(&pipeline).inside.is_none().then_some(()));
}

#[test]
fn the_face_that_is_clicked_is_the_one_looked_at() {
    struct Two;
    impl FaceDetector for Two {
        fn detect(&mut self, _grey: &GrayImage) -> Result<Vec<Detection>, DetectError> {
            let at = |x| Detection {
                face_box: Rect::new(x, 5.0, 20.0, 20.0),
                score: 1.0,
            };
            Ok(vec![at(2.0), at(40.0)])
        }
    }
    let mut setup = Script::camera().setup(NumberDetector::default());
    setup.detector = Box::new(Two);
    let pipeline = start(setup);
    assert_eq!(next_scene(&pipeline).chosen, Some(0));
    pipeline.choose_face(Point::new(50.0, 15.0));
    until(|| (next_scene(&pipeline).chosen == Some(1)).then_some(()));
    pipeline.choose_face(Point::new(30.0, 60.0));
    for _ in 0..5 {
        assert_eq!(
            next_scene(&pipeline).chosen,
            Some(1),
            "nothing is there to be chosen"
        );
    }
}
