//! The live threads, driven by a source and a detector made for the purpose. `playing.rs` has how sources are played.
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
    geometry::{FaceBox, OutputScale, Point, Rect},
    model::{DeviceChoice, KeypointModel, Reading},
    pipeline::{
        Event, FilterId, Looking, OnScreen, Pin, Pipeline, Recorder, Role, RunFacts, Scene, Setup, Studying,
    },
};
use script::{FACE, OneFace, Script, grey_of, grey_seen, next_event, next_scene, number_in, start, until};

/// What runs `script` with a net that sees a face wherever it looks.
fn with_net(script: &Script, detector: OneFace) -> Setup {
    let mut setup = script.setup(detector);
    setup.weights = Some(net("steady-64.pt"));
    setup
}

fn with_faces(pipeline: &Pipeline, count: usize) -> Arc<Scene> {
    until(|| Some(next_scene(pipeline)).filter(|scene| scene.faces.len() == count))
}

#[test]
fn scenes_come_in_order_and_points_belong_to_their_picture() {
    let pipeline = start(with_net(&Script::camera(), OneFace::default()));
    with_faces(&pipeline, 1);
    let mut last = None;
    for _ in 0..50 {
        let scene = next_scene(&pipeline);
        let number = number_in(&scene.frame.picture);
        assert_eq!(scene.frame.sequence, number);
        assert!(last < Some(number), "{number} after {last:?}");
        last = Some(number);
        let seen = grey_seen(&scene.faces[0]);
        let shown = f32::from(grey_of(number));
        assert!(
            (seen - shown).abs() < 1.0,
            "points of grey {seen} on a picture of {shown}"
        );
    }
}

#[test]
fn no_frame_waits_for_the_search() {
    let detector = OneFace::default();
    detector.held.store(true, Ordering::Relaxed);
    let pipeline = start(with_net(&Script::camera(), detector.clone()));
    until(|| (detector.searches.load(Ordering::Relaxed) == 1).then_some(()));
    for _ in 0..30 {
        assert!(next_scene(&pipeline).faces.is_empty());
    }
    assert_eq!(detector.searches.load(Ordering::Relaxed), 1, "one at a time");
    detector.held.store(false, Ordering::Relaxed);
    with_faces(&pipeline, 1);
}

#[test]
fn a_fast_source_drops_frames_and_every_frame_is_accounted_for() {
    let script = Script {
        interval: Duration::ZERO,
        ..Script::camera()
    };
    let mut pipeline = start(with_net(&script, OneFace::default()));
    let mut recorder = Recorder::default();
    let mut last = 0;
    let mut seen = 0;
    // A busy machine may hold the source up for a while.
    until(|| {
        let scene = next_scene(&pipeline);
        let now = Instant::now();
        recorder.shown(&scene, now, now);
        last = scene.frame.sequence;
        seen += 1;
        (seen >= 20 && recorder.frames_dropped() > 0).then_some(())
    });
    // A frame may be looked at twice; it is shown once.
    let stats = recorder.summary(RunFacts::default());
    assert!(stats.frames_dropped > 0, "the source is faster than the net");
    assert_eq!(stats.frames_shown + stats.frames_dropped, last + 1);
    assert!(last < pipeline.frames_captured());
    pipeline.stop();
}

#[test]
fn the_delay_does_not_grow_however_fast_the_source_is() {
    let script = Script {
        interval: Duration::ZERO,
        ..Script::camera()
    };
    let pipeline = start(with_net(&script, OneFace::default()));
    with_faces(&pipeline, 1);
    for _ in 0..15 {
        let before = pipeline.frames_captured();
        // Two frames may be under way: one with the net and one in the slot after it.
        for _ in 0..2 {
            next_scene(&pipeline);
        }
        let scene = next_scene(&pipeline);
        assert!(scene.frame.sequence + 1 >= before, "an old frame was kept");
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
        recorder.shown(&scene, painted_at, painted_at);
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
fn a_detector_that_fails_is_told_of_once_and_the_video_goes_on() {
    let detector = OneFace::default();
    detector.fails.store(true, Ordering::Relaxed);
    let pipeline = start(with_net(&Script::camera(), detector.clone()));
    until(|| {
        next_scene(&pipeline);
        (detector.searches.load(Ordering::Relaxed) >= 3).then_some(())
    });
    let told = pipeline
        .events()
        .filter(|event| matches!(event, Event::StageFailed { .. }));
    assert_eq!(told.count(), 1);
    detector.fails.store(false, Ordering::Relaxed);
    with_faces(&pipeline, 1);
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
    let mut pipeline = Pipeline::start(absent.setup(OneFace::default()), wake).unwrap();
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
    let mut setup = Script::camera().setup(OneFace::default());
    setup.weights = Some(net("state-dict.pt"));
    let pipeline = start(setup);
    let why = next_event(&pipeline, failure);
    assert!(why.contains("state-dict.pt"), "{why}");
    let scene = next_scene(&pipeline);
    assert!(scene.net.is_none() && scene.faces.is_empty());
}

#[test]
fn a_net_stays_until_another_one_works() {
    let mut setup = Script::camera().setup(OneFace::default());
    setup.weights = Some(net("steady-64.pt"));
    let pipeline = start(setup);
    let loaded = |event| match event {
        Event::WeightsLoaded { net, .. } => Some(net),
        _ => None,
    };
    let first = next_event(&pipeline, loaded);
    let face_of = |wanted: &Path| {
        until(|| {
            let scene = next_scene(&pipeline);
            let right = scene.net.as_ref().is_some_and(|net| net.path == wanted);
            (right && !scene.faces.is_empty()).then_some(())
        })
    };
    face_of(&first.path);

    pipeline.load_weights(net("wrong-output.pt"), None);
    let why = next_event(&pipeline, failure);
    assert!(why.contains("wrong-output.pt"), "{why}");
    // Nothing older than the failure is left after these.
    for _ in 0..5 {
        next_scene(&pipeline);
    }
    assert_eq!(next_scene(&pipeline).net.as_ref().unwrap().path, first.path);

    pipeline.load_weights(net("steady-96.pt"), None);
    let second = next_event(&pipeline, loaded);
    assert_ne!(first.path, second.path);
    face_of(&second.path);
}

#[test]
fn a_second_net_sees_the_same_faces_until_it_is_sent_away() {
    let mut setup = Script::camera().setup(OneFace::default());
    setup.weights = Some(net("steady-64.pt"));
    let pipeline = start(setup);
    pipeline.compare_with(net("steady-64.pt"), None);
    let compared = |pipeline: &Pipeline| {
        until(|| {
            let scene = next_scene(pipeline);
            let compared = scene.compared.clone()?;
            (scene.faces.len() == 1 && compared.points.len() == 1).then_some((scene, compared))
        })
    };
    let (scene, same) = compared(&pipeline);
    assert_eq!(same.points[0].len(), scene.faces[0].raw_points.len());
    // The same net at nearly the same place; how far that is off is a matter of where the second one looked.
    let apart = same.points[0].iter().zip(&scene.faces[0].raw_points);
    let apart = apart.map(|(a, b)| a.distance(*b)).fold(0.0, f32::max);
    assert!(apart < 2.0, "{apart}");
    // Another one takes its place, and one that fails does not.
    pipeline.compare_with(net("steady-96.pt"), None);
    until(|| (compared(&pipeline).1.net.path == net("steady-96.pt")).then_some(()));
    pipeline.compare_with(net("state-dict.pt"), None);
    let role = next_event(&pipeline, |event| match event {
        Event::WeightsFailed { role, .. } => Some(role),
        _ => None,
    });
    assert_eq!(role, Role::Compared);
    assert_eq!(compared(&pipeline).1.net.path, net("steady-96.pt"));
    pipeline.stop_comparing();
    until(|| next_scene(&pipeline).compared.is_none().then_some(()));
}

#[test]
fn a_net_whose_file_changes_is_loaded_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.pt");
    std::fs::copy(net("steady-64.pt"), &path).unwrap();
    let mut setup = Script::camera().setup(OneFace::default());
    setup.weights = Some(path.clone());
    let pipeline = start(setup);
    let name = |event| match event {
        Event::WeightsLoaded { net, .. } => Some(net.name.clone()),
        _ => None,
    };
    let first = next_event(&pipeline, name);
    // As training does it: written beside, then renamed.
    let beside = folder.path().join("beside.pt");
    std::fs::copy(net("steady-96.pt"), &beside).unwrap();
    std::fs::rename(&beside, &path).unwrap();
    let second = next_event(&pipeline, name);
    assert_ne!(first, second);
    // One that cannot be used is told once, and the net before goes on.
    std::fs::copy(net("state-dict.pt"), &path).unwrap();
    next_event(&pipeline, failure);
    assert_eq!(with_faces(&pipeline, 1).net.as_ref().unwrap().name, second);
}

#[test]
fn the_numbers_of_a_net_can_be_read_in_another_way() {
    let folder = tempfile::tempdir().unwrap();
    let mut setup = Script::camera().setup(OneFace::default());
    // A file that does not say how it is to be read: told so at the start, as by somebody who found out once.
    let told = KeypointModel::load(&net("steady-64.pt"), DeviceChoice::Cpu)
        .unwrap()
        .contract()
        .reading();
    setup.weights = Some(without_contract(&net("steady-64.pt"), folder.path()));
    setup.reading = Some(told);
    let pipeline = start(setup);
    let before = with_faces(&pipeline, 1);
    assert_eq!(before.net.as_ref().unwrap().assumed, Some(told));
    let reading = before.net.as_ref().unwrap().assumed.unwrap();
    let width = |scene: &Scene| Rect::around(&scene.faces[0].raw_points).unwrap().width;
    let halved = Reading {
        output: OutputScale {
            scale: reading.output.scale / 2.0,
            ..reading.output
        },
        ..reading
    };
    pipeline.read_as(halved);
    let after = until(|| {
        let scene = next_scene(&pipeline);
        let read = scene.net.as_ref().and_then(|net| net.assumed) == Some(halved);
        (read && scene.faces.len() == 1).then_some(scene)
    });
    let ratio = width(&after) / width(&before);
    assert!(ratio < 0.75, "{ratio}");
    // Nothing that no net can be.
    pipeline.read_as(Reading {
        output: OutputScale {
            scale: f32::NAN,
            offset: 0.0,
        },
        ..reading
    });
    assert!(
        next_event(&pipeline, |event| match event {
            Event::StageFailed { why, .. } => Some(why),
            _ => None,
        })
        .contains("bare.pt")
    );
}

/// A copy of a weights file that does not say how its numbers are read.
fn without_contract(net: &Path, folder: &Path) -> PathBuf {
    let path = folder.join("bare.pt");
    let config = zip::read::Config {
        archive_offset: zip::read::ArchiveOffset::Known(0),
    };
    let mut archive = zip::ZipArchive::with_config(config, std::fs::File::open(net).unwrap()).unwrap();
    let mut copy = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    for index in 0..archive.len() {
        let entry = archive.by_index(index).unwrap();
        if !entry.name().unwrap().ends_with("pinkpoint.json") {
            copy.raw_copy_file(entry).unwrap();
        }
    }
    copy.finish().unwrap();
    path
}

#[test]
fn the_look_inside_is_there_when_it_is_asked_for() {
    let mut setup = Script::camera().setup(OneFace::default());
    setup.weights = Some(net("steady-64.pt"));
    let pipeline = start(setup);
    let scene = until(|| Some(next_scene(&pipeline)).filter(|scene| !scene.faces.is_empty()));
    assert!(scene.inside.is_none());
    pipeline.look_inside(true);
    let inside = until(|| next_scene(&pipeline).inside.clone());
    let maps = inside.maps.as_ref().unwrap();
    assert!(maps.shape.iter().all(|&length| length > 0) && maps.picture.width() > 1);
    pipeline.look_inside(false);
    until(|| next_scene(&pipeline).inside.is_none().then_some(()));
}

#[test]
fn only_maps_that_are_on_the_screen_are_drawn_and_one_of_them_large() {
    let pipeline = start(with_net(&Script::camera(), OneFace::default()));
    pipeline.look_inside(true);
    let whole = until(|| next_scene(&pipeline).inside.clone());
    let atlas = whole.maps.as_ref().unwrap();
    assert_eq!((atlas.rows(), atlas.columns, atlas.channels.len()), (1, 4, 4));
    assert!(whole.large.is_none() && atlas.picture.width() > atlas.cell.0);
    pipeline.show_maps(OnScreen {
        rows: (1, 3),
        large: Some(2),
    });
    let part = until(|| {
        next_scene(&pipeline)
            .inside
            .clone()
            .filter(|inside| inside.large.is_some())
    });
    let drawn = part.maps.as_ref().unwrap();
    assert_eq!(drawn.picture.dimensions(), (1, 1), "its only row is out of sight");
    assert_eq!(drawn.channels.len(), 4, "all are known");
    let (channel, large) = part.large.as_ref().unwrap();
    assert_eq!((channel.number, large.dimensions()), (2, (62, 62)));
    pipeline.show_maps(OnScreen {
        rows: (0, 1),
        large: Some(99),
    });
    let again = until(|| {
        next_scene(&pipeline)
            .inside
            .clone()
            .filter(|inside| inside.large.is_none())
    });
    let drawn = again.maps.as_ref().unwrap();
    assert_eq!(drawn.picture.dimensions(), atlas.picture.dimensions());
}

#[test]
fn pinned_maps_come_with_the_layer_that_is_looked_at_or_alone() {
    let pipeline = start(with_net(&Script::camera(), OneFace::default()));
    let net = with_faces(&pipeline, 1).net.clone().unwrap();
    let [first, last] = [&net.layers[0], &net.layers[net.layers.len() - 1]].map(|layer| layer.name.clone());
    let pin = |layer: &str, number| Pin {
        layer: layer.into(),
        number,
    };
    let mut looking = Looking::default();
    for pin in [pin(&last, 1), pin(&first, 2), pin("gone", 0)] {
        assert!(looking.pin(pin));
    }
    pipeline.look_at(looking.clone());
    // Nobody looks at a layer: only what is pinned is there.
    let inside = until(|| {
        next_scene(&pipeline)
            .inside
            .clone()
            .filter(|inside| inside.pinned.is_some())
    });
    assert!(inside.maps.is_none());
    let shown: Vec<Pin> = inside
        .pinned
        .as_ref()
        .unwrap()
        .cells
        .iter()
        .map(|cell| cell.0.clone())
        .collect();
    assert_eq!(shown, [pin(&last, 1), pin(&first, 2)]);
    pipeline.look_inside(true);
    let inside = until(|| {
        next_scene(&pipeline)
            .inside
            .clone()
            .filter(|inside| inside.maps.is_some())
    });
    assert_eq!(inside.maps.as_ref().unwrap().layer, first);
    assert!(inside.pinned.is_some());
    pipeline.look_inside(false);
    pipeline.look_at(Looking::default());
    until(|| next_scene(&pipeline).inside.is_none().then_some(()));
}

#[test]
fn a_keypoint_and_a_filter_are_studied_beside_the_frames_until_told_otherwise() {
    let pipeline = start(with_net(&Script::camera(), OneFace::default()));
    with_faces(&pipeline, 1);
    let filter = FilterId {
        convolution: 0,
        number: 1,
    };
    pipeline.study(Studying {
        point: Some(40),
        filter: Some(filter),
    });
    let study = until(|| {
        pipeline
            .newest_study()
            .filter(|study| study.why.as_ref().is_some_and(|why| why.is_whole))
    });
    let why = study.why.unwrap();
    assert!(why.point == 40 && why.face.is_some());
    let (saliency, occlusion) = (why.saliency.unwrap().unwrap(), why.occlusion.unwrap().unwrap());
    assert_eq!(saliency.crop.dimensions(), (64, 64));
    assert_eq!(saliency.heat.dimensions(), (64, 64));
    assert!(occlusion.heat.width() < 64 && occlusion.scale > 0.0);
    let response = study.response.unwrap();
    assert_eq!(response.filter, filter);
    let (width, height) = next_scene(&pipeline).frame.picture.dimensions();
    let [seen, shown] = [response.picture.dimensions(), (width, height)].map(|(w, h)| w as f32 / h as f32);
    assert!((seen - shown).abs() < 0.1 * shown, "the whole picture");
    // Another keypoint, of which nothing of the first is said; and one that there is not.
    pipeline.study(Studying {
        point: Some(7),
        filter: None,
    });
    let study = until(|| {
        pipeline
            .newest_study()
            .filter(|study| study.why.as_ref().is_some_and(|why| why.point == 7))
    });
    assert!(study.response.is_none());
    pipeline.study(Studying::default());
    until(|| pipeline.newest_study().filter(|study| study.why.is_none()));
    for _ in 0..10 {
        next_scene(&pipeline);
    }
    assert!(pipeline.newest_study().is_none(), "nothing is studied any more");
}

#[test]
fn where_there_is_no_face_nothing_is_said_of_a_keypoint() {
    struct Nobody;
    impl FaceDetector for Nobody {
        fn detect(&mut self, _grey: &GrayImage) -> Result<Vec<Detection>, DetectError> {
            Ok(Vec::new())
        }
    }
    let mut setup = with_net(&Script::camera(), OneFace::default());
    setup.detector = Box::new(Nobody);
    let pipeline = start(setup);
    pipeline.study(Studying {
        point: Some(3),
        filter: None,
    });
    let why = until(|| pipeline.newest_study().and_then(|study| study.why));
    assert_eq!((why.point, why.face), (3, None));
    assert!(why.saliency.is_none() && why.occlusion.is_none() && !why.is_whole);
}

#[test]
fn the_face_that_is_clicked_is_the_one_looked_at() {
    struct Two;
    impl FaceDetector for Two {
        fn detect(&mut self, _grey: &GrayImage) -> Result<Vec<Detection>, DetectError> {
            let beside = FaceBox {
                centre: Point::new(FACE.centre().x + 40.0, FACE.centre().y),
                ..FaceBox::upright(&FACE)
            };
            let finds = [FaceBox::upright(&FACE), beside];
            Ok(finds.map(|face_box| Detection { face_box, score: 1.0 }).to_vec())
        }
    }
    let mut setup = with_net(&Script::camera(), OneFace::default());
    setup.detector = Box::new(Two);
    let pipeline = start(setup);
    let both = with_faces(&pipeline, 2);
    let other = 1 - both.chosen.unwrap();
    let there = both.faces[other].face_box.centre();
    pipeline.choose_face(there);
    until(|| (next_scene(&pipeline).chosen == Some(other)).then_some(()));
    pipeline.choose_face(Point::new(5.0, 5.0));
    for _ in 0..5 {
        assert_eq!(
            next_scene(&pipeline).chosen,
            Some(other),
            "nothing is there to be chosen"
        );
    }
}
