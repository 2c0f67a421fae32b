//! How sources are played: ends, pauses, jumps and limits, and cameras that are waited for.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod script;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use pinkpoint::{
    pipeline::{Event, Pipeline},
    source::{Cause, SourceError, SourceSpec},
};
use script::{OneFace, Script, next_event, next_scene, number_in, start, until};

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
        Event::Waiting { why, cause, .. } => Some((why, cause)),
        _ => None,
    };
    let (why, cause) = next_event(&pipeline, waiting);
    assert!(why.contains("camera:0") && why.contains("plug it in"), "{why}");
    assert_eq!(cause, Cause::Absent);
    next_scene(&pipeline);
    let (why, cause) = next_event(&pipeline, waiting);
    assert!(why.contains("no pictures any more"), "{why}");
    assert_eq!(cause, Cause::Lost);
    until(|| (script.opened.load(Ordering::Relaxed) >= 2).then_some(()));
    next_scene(&pipeline);
}

#[test]
fn that_a_silent_camera_is_open_again_is_no_news_before_there_is_a_picture() {
    let script = Script {
        pictures: 5,
        ..Script::camera()
    };
    let silent = Script {
        pictures: 0,
        ..script.clone()
    };
    let mut setup = script.setup(OneFace::default());
    let (mut gives, mut stands_still) = (setup.opener, silent.setup(OneFace::default()).opener);
    let mut times = 0;
    setup.opener = Box::new(move |spec, wishes| {
        times += 1;
        if (2..=4).contains(&times) {
            stands_still(spec, wishes)
        } else {
            gives(spec, wishes)
        }
    });
    let pipeline = start(setup);
    let opened = |event| match event {
        Event::Opened { opening, .. } => Some(opening),
        _ => None,
    };
    assert_eq!(next_event(&pipeline, opened), 1);
    assert_eq!(next_event(&pipeline, opened), 5);
}

#[test]
fn a_file_that_cannot_be_used_gives_way_to_what_was_shown() {
    let script = Script::camera();
    let mut setup = script.setup(OneFace::default());
    let mut camera = setup.opener;
    setup.opener = Box::new(move |spec, wishes| match spec {
        SourceSpec::File(path) => Err(SourceError::Unreadable {
            path: path.display().to_string(),
            why: "damaged; choose another one".into(),
        }),
        other => camera(other, wishes),
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

/// A recording of `count` pictures, a tenth of a second apart.
fn recording(count: u64) -> Script {
    Script {
        live: false,
        pictures: count,
        interval: Duration::from_millis(100),
        ..Script::camera()
    }
}

fn shown(pipeline: &Pipeline) -> u64 {
    number_in(&next_scene(pipeline).frame.picture)
}

#[test]
fn in_a_pause_a_recording_goes_where_it_is_told_and_shows_one_picture() {
    let pipeline = start(recording(50).setup(OneFace::default()));
    next_scene(&pipeline);
    pipeline.pause(true);
    pipeline.seek(Duration::from_millis(3000));
    until(|| (shown(&pipeline) == 30).then_some(()));
    pipeline.step();
    assert_eq!(shown(&pipeline), 31);
    // The next picture was read already, and is none of those that are asked for.
    pipeline.seek(Duration::from_millis(700));
    assert_eq!(shown(&pipeline), 7);
    std::thread::sleep(Duration::from_millis(300));
    assert!(
        pipeline
            .newest_scene()
            .is_none_or(|scene| number_in(&scene.frame.picture) == 7)
    );
    // What is asked for several times in one moment is done several times.
    for _ in 0..3 {
        pipeline.go(true, Duration::from_millis(500));
    }
    until(|| (shown(&pipeline) == 22).then_some(()));
    pipeline.go(false, Duration::from_millis(100));
    pipeline.go(false, Duration::from_millis(100));
    until(|| (shown(&pipeline) == 20).then_some(()));
    pipeline.step();
    pipeline.step();
    until(|| (shown(&pipeline) == 22).then_some(()));
    pipeline.go(false, Duration::from_secs(100));
    until(|| (shown(&pipeline) == 0).then_some(()));
    pipeline.pause(false);
    assert!((0..4).contains(&shown(&pipeline)));
}

#[test]
fn a_recording_that_does_not_repeat_stays_at_its_end_until_it_goes_on() {
    let script = recording(5);
    let pipeline = start(script.setup(OneFace::default()));
    pipeline.repeat(false);
    pipeline.play_at(10.0);
    let ended = |event| matches!(event, Event::Ended).then_some(());
    next_event(&pipeline, ended);
    assert_eq!(script.opened.load(Ordering::Relaxed), 1);
    pipeline.pause(false);
    until(|| (script.opened.load(Ordering::Relaxed) == 2).then_some(()));
    next_event(&pipeline, ended);
    // Going back from the end does not begin it again.
    pipeline.seek(Duration::from_millis(100));
    until(|| (shown(&pipeline) == 1).then_some(()));
    assert_eq!(script.opened.load(Ordering::Relaxed), 2);
}

/// Waits until `script`'s camera is asked for pictures and none of them is given; how many were given then.
fn goes_by_unseen(pipeline: &Pipeline, script: &Script) -> u64 {
    until(|| {
        let (given, asked) = (pipeline.frames_captured(), script.asked.lock().unwrap().len());
        until(|| (script.asked.lock().unwrap().len() > asked + 20).then_some(()));
        (pipeline.frames_captured() == given).then_some(given)
    })
}

#[test]
fn a_paused_camera_goes_on_unseen() {
    let script = Script::camera();
    let pipeline = start(script.setup(OneFace::default()));
    next_scene(&pipeline);
    pipeline.pause(true);
    let given = goes_by_unseen(&pipeline, &script);
    pipeline.pause(false);
    let first_after = until(|| Some(next_scene(&pipeline)).filter(|scene| scene.frame.sequence >= given));
    let number = number_in(&first_after.frame.picture);
    assert!(
        number >= given + 20,
        "{number} is from before the pause, after {given} pictures"
    );
}

#[test]
fn a_paused_recording_goes_on_from_where_it_is() {
    let script = Script {
        live: false,
        interval: Duration::from_millis(5),
        pictures: 10_000,
        ..Script::camera()
    };
    let pipeline = start(script.setup(OneFace::default()));
    next_scene(&pipeline);
    pipeline.pause(true);
    // A camera that goes on tells that the recording had the time for many pictures.
    let (other, asked) = (Script::camera(), || script.asked.lock().unwrap().len());
    let _camera = start(other.setup(OneFace::default()));
    let others = || other.asked.lock().unwrap().len();
    until(|| {
        let (before, since) = (asked(), others());
        until(|| (others() > since + 50).then_some(()));
        (asked() == before).then_some(())
    });
    pipeline.pause(false);
    let before = pipeline.frames_captured();
    until(|| (pipeline.frames_captured() > before + 3).then_some(()));
    let scene = next_scene(&pipeline);
    assert_eq!(
        number_in(&scene.frame.picture),
        scene.frame.sequence,
        "no picture is left out"
    );
}

#[test]
fn another_source_that_is_opened_in_a_pause_is_shown_after_it() {
    let script = Script::camera();
    let pipeline = start(script.setup(OneFace::default()));
    next_scene(&pipeline);
    pipeline.pause(true);
    goes_by_unseen(&pipeline, &script);
    pipeline.open(SourceSpec::Demo);
    next_event(&pipeline, |event| match event {
        Event::Opened { spec, .. } => (spec == SourceSpec::Demo).then_some(()),
        _ => None,
    });
    let given = goes_by_unseen(&pipeline, &script);
    pipeline.pause(false);
    until(|| Some(next_scene(&pipeline)).filter(|scene| scene.frame.sequence >= given));
}

#[test]
fn limits_do_not_swallow_the_only_picture() {
    let script = Script {
        live: false,
        pictures: 1,
        ..Script::camera()
    };
    let mut setup = Script::camera().setup(OneFace::default());
    let mut camera = setup.opener;
    let mut photo = script.setup(OneFace::default()).opener;
    setup.opener = Box::new(move |spec, wishes| match spec {
        SourceSpec::File(_) => photo(spec, wishes),
        other => camera(other, wishes),
    });
    // Far less than one while the test runs.
    setup.limits.fps = Some(0.001);
    let pipeline = start(setup);
    let first = next_scene(&pipeline);
    pipeline.open(SourceSpec::File("photo.jpg".into()));
    until(|| Some(next_scene(&pipeline)).filter(|scene| scene.frame.opening > first.frame.opening));
}

#[test]
fn limits_do_not_swallow_what_is_asked_for_in_a_pause() {
    let mut setup = recording(50).setup(OneFace::default());
    setup.limits.fps = Some(0.001);
    let pipeline = start(setup);
    next_scene(&pipeline);
    pipeline.pause(true);
    pipeline.seek(Duration::from_millis(3000));
    assert_eq!(shown(&pipeline), 30);
    pipeline.step();
    assert_eq!(shown(&pipeline), 31);
}
