//! The live threads, driven by sources and detectors made for the purpose.

mod support;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use pinkpoint::{
    pipeline::{Event, Pipeline, Recorder, RunFacts, Scene},
    source::{SourceError, SourceSpec},
};
use support::{FakeSource, PixelDetector, Script, number_in, setup};

/// Far longer than any stage takes on a busy machine: only a hang reaches it.
const LONG: Duration = Duration::from_secs(60);

/// The next scene; fails when there is none for a long time.
fn next_scene(pipeline: &Pipeline) -> Arc<Scene> {
    until(|| pipeline.newest_scene())
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

fn next_event<T>(pipeline: &Pipeline, mut wanted: impl FnMut(Event) -> Option<T>) -> T {
    until(|| pipeline.events().find_map(&mut wanted))
}

#[test]
fn scenes_come_in_order_and_their_boxes_belong_to_their_picture() {
    let script = Script::endless();
    let pipeline = Pipeline::start(setup(script), Arc::new(|| ())).unwrap();
    let mut last = None;
    for _ in 0..50 {
        let scene = next_scene(&pipeline);
        let number = number_in(&scene.frame.picture);
        assert_eq!(scene.frame.sequence, number, "the frame is the picture that the source gave");
        assert!(last < Some(number), "{number} after {last:?}");
        last = Some(number);
        // The detector puts the box where the picture's number says.
        assert_eq!(scene.faces.len(), 1);
        assert_eq!(scene.faces[0].face_box, PixelDetector::box_for(number));
    }
}

#[test]
fn the_latest_frame_wins_and_every_frame_is_accounted_for() {
    let script = Script {
        detector_delay: Duration::from_millis(20),
        ..Script::endless()
    };
    let captured = script.given.clone();
    let mut pipeline = Pipeline::start(setup(script), Arc::new(|| ())).unwrap();
    let mut shown = 0;
    for _ in 0..20 {
        let before = pipeline.frames_captured();
        let scene = next_scene(&pipeline);
        shown += 1;
        // Three stages and the slots between them hold what is older; nothing queues up behind them.
        let _ = before;
        assert!(scene.frame.sequence < pipeline.frames_captured());
    }
    assert!(pipeline.frames_dropped() > 0, "a slow stage has to drop frames");
    let dropped_before_the_end = pipeline.frames_dropped();
    pipeline.stop();
    let captured = *captured.lock().unwrap();
    let in_flight = captured - shown - dropped_before_the_end.min(captured - shown);
    assert!(
        pipeline.frames_captured() <= captured && shown + pipeline.frames_dropped() <= captured,
        "{shown} shown, {} dropped, {captured} captured, {in_flight} in flight",
        pipeline.frames_dropped()
    );
}
