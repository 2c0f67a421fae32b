//! Recordings and snapshots of what the live threads see, read back from the files.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod script;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use pinkpoint::{
    overlay::{Style, Trails},
    picture,
    pipeline::{Event, Pipeline, Recording, Scene, Snapshot},
    record::VideoFile,
    source::{self, SourceSpec},
};
use script::{OneFace, Script, number_in, picture_of, start, until};

/// A recording of the test's own pictures, looked at by a net that sees a face wherever it looks.
fn watched(pictures: u64) -> Pipeline {
    let script = Script {
        live: false,
        pictures,
        interval: Duration::from_millis(50),
        ..Script::camera()
    };
    let mut setup = script.setup(OneFace::default());
    let net: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "weights", "steady-64.pt"]
        .iter()
        .collect();
    setup.weights = Some(net);
    start(setup)
}

fn with_a_face(pipeline: &Pipeline) -> Arc<Scene> {
    until(|| pipeline.newest_scene().filter(|scene| scene.faces.len() == 1))
}

fn saved(pipeline: &Pipeline) -> Result<(Vec<PathBuf>, String), String> {
    until(|| {
        pipeline.events().find_map(|event| match event {
            Event::Saved { files, about, .. } => Some(Ok((files, about))),
            Event::SaveFailed { why, .. } => Some(Err(why)),
            _ => None,
        })
    })
}

fn pictures_of(path: &Path) -> Vec<image::RgbaImage> {
    let mut video = source::open(&SourceSpec::File(path.to_path_buf())).unwrap();
    let mut pictures = Vec::new();
    while let Some(grab) = video.next_picture().unwrap() {
        pictures.push(grab.picture);
    }
    pictures
}

#[test]
fn a_recording_has_the_pictures_and_points_of_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let (video, points) = (folder.path().join("seen.mkv"), folder.path().join("seen.csv"));
    let pipeline = watched(1000);
    let first = with_a_face(&pipeline);
    assert!(pipeline.record(Recording {
        video: Some((video.clone(), None)),
        fps: Some(20.0),
        keypoints: Some(points.clone()),
    }));
    // A second and a half of the source, however long that takes.
    let end = first.frame.source_time + Duration::from_millis(1500);
    until(|| (pipeline.newest_scene()?.frame.source_time >= end).then_some(()));
    assert!(pipeline.stop_recording());
    let (files, about) = saved(&pipeline).unwrap();
    assert_eq!(files, [video.clone(), points.clone()]);
    assert!(about.contains("frames"), "{about}");

    let pictures = pictures_of(&video);
    let text = std::fs::read_to_string(&points).unwrap();
    let rows: Vec<&str> = text.lines().skip(1).collect();
    assert!(
        rows.len() >= 10 && pictures.len() >= 10,
        "{} {}",
        rows.len(),
        pictures.len()
    );
    assert!(rows.iter().all(|row| row.starts_with("camera:0,")));
    // What was seen goes on from picture to picture; JPEG leaves bits of black and white as they are.
    let numbers: Vec<u64> = pictures.iter().map(number_in).collect();
    assert!(numbers[0] >= number_in(&first.frame.picture));
    assert!(
        numbers
            .windows(2)
            .all(|two| two[0] <= two[1] && two[1] - two[0] < 20),
        "{numbers:?}"
    );
    // Rows name the time within the recording, in which its pictures lie as well.
    let seconds = |row: &str| row.split(',').nth(2).unwrap().parse::<f64>().unwrap();
    let length = seconds(rows[rows.len() - 1]);
    assert_eq!(seconds(rows[0]), 0.0);
    assert!(
        (length - (pictures.len() - 1) as f64 / 20.0).abs() < 0.06,
        "{length} {}",
        pictures.len()
    );
}

#[test]
fn the_overlay_is_drawn_where_that_is_wished() {
    let folder = tempfile::tempdir().unwrap();
    let pipeline = watched(1000);
    with_a_face(&pipeline);
    let pink = |pictures: &[image::RgbaImage]| {
        let last = pictures.last().unwrap();
        // The test's own pictures are grey.
        last.pixels()
            .filter(|p| i32::from(p[0]) - i32::from(p[1]) > 60)
            .count()
    };
    for (name, style) in [("plain.mkv", None), ("drawn.mkv", Some(Style::default()))] {
        let video = folder.path().join(name);
        let recording = Recording {
            video: Some((video.clone(), style.clone())),
            fps: Some(20.0),
            keypoints: None,
        };
        assert!(pipeline.record(recording));
        std::thread::sleep(Duration::from_millis(500));
        pipeline.stop_recording();
        saved(&pipeline).unwrap();
        assert_eq!(pink(&pictures_of(&video)) > 0, style.is_some(), "{name}");
    }
}

#[test]
fn the_end_of_the_program_ends_a_recording_well() {
    let folder = tempfile::tempdir().unwrap();
    let video = folder.path().join("seen.mkv");
    let mut pipeline = watched(1000);
    with_a_face(&pipeline);
    pipeline.record(Recording {
        video: Some((video.clone(), None)),
        fps: None,
        keypoints: None,
    });
    std::thread::sleep(Duration::from_millis(500));
    pipeline.stop();
    assert!(pictures_of(&video).len() > 3);
}

#[test]
fn a_video_that_is_cut_off_can_be_played_up_to_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seen.mkv");
    let mut video = VideoFile::create(&path, 640, 480, 30.0).unwrap();
    // What a camera sees is never as smooth as this, so files grow faster.
    let picture = image::imageops::resize(&picture_of(5), 640, 480, image::imageops::FilterType::Nearest);
    for _ in 0..300 {
        video.write(&picture).unwrap();
    }
    // As after a crash: what the file holds while it is still being written.
    let partial = folder.path().join("seen.partial.mkv");
    let copy = folder.path().join("copy.mkv");
    std::fs::copy(&partial, &copy).unwrap();
    let kept = pictures_of(&copy).len();
    let lost = 300 - kept;
    assert!(lost < 60, "{lost} pictures are lost");
    // Let go of without an end, it stays.
    drop(video);
    assert!(partial.exists() && !path.exists());
}

#[test]
fn what_has_another_size_keeps_its_proportions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("turned.mkv");
    let light =
        |width, height| image::RgbaImage::from_pixel(width, height, image::Rgba([230, 230, 230, 255]));
    let mut video = VideoFile::create(&path, 128, 96, 25.0).unwrap();
    for picture in [light(128, 96), light(96, 128), light(128, 96)] {
        video.write(&picture).unwrap();
    }
    video.finish().unwrap();
    let pictures = pictures_of(&path);
    let is_light = |picture: &image::RgbaImage, x| picture.get_pixel(x, 48)[0] > 128;
    for (picture, side) in pictures.iter().zip([true, false, true]) {
        assert_eq!(picture.dimensions(), (128, 96));
        // Upright, it is 72 pixels wide.
        for (x, expected) in [
            (8, side),
            (24, side),
            (32, true),
            (64, true),
            (95, true),
            (104, side),
        ] {
            assert_eq!(is_light(picture, x), expected, "{x}");
        }
    }
    assert_eq!(pictures.len(), 3);
}

#[test]
fn a_video_that_cannot_be_begun_leaves_nothing_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["none.mkv", "none.mp4"] {
        let error = VideoFile::create(&folder.path().join(name), 0, 0, 25.0).unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains(name) && message.contains("another size"),
            "{message}"
        );
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_snapshot_is_the_picture_the_drawing_and_the_points() {
    let folder = tempfile::tempdir().unwrap();
    let pipeline = watched(1000);
    let scene = with_a_face(&pipeline);
    let file = |name: &str| folder.path().join(name);
    let snapshot = Snapshot {
        plain: file("a.png"),
        drawn: file("a.points.png"),
        keypoints: file("a.jsonl"),
        style: Style {
            trails: true,
            ..Style::default()
        },
        trails: Trails::default(),
    };
    assert!(pipeline.snapshot(scene.clone(), snapshot.clone()));
    let (files, _) = saved(&pipeline).unwrap();
    assert_eq!(files, [file("a.png"), file("a.points.png"), file("a.jsonl")]);
    assert_eq!(picture::read(&file("a.png")).unwrap(), scene.frame.picture);
    assert_ne!(picture::read(&file("a.points.png")).unwrap(), scene.frame.picture);
    let row: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(file("a.jsonl")).unwrap()).unwrap();
    let x = row["x30"].as_f64().unwrap();
    assert!((x - f64::from(scene.faces[0].points[30].x)).abs() < 1e-3);

    // With trails, as the window shows them.
    let mut trails = Trails::default();
    let mut faces = scene.faces.clone();
    trails.push(&faces);
    for point in &mut faces[0].points {
        point.x += 40.0;
    }
    trails.push(&faces);
    let without = picture::read(&file("a.points.png")).unwrap();
    let trailed = Snapshot {
        trails,
        ..snapshot.clone()
    };
    assert!(pipeline.snapshot(scene.clone(), trailed));
    saved(&pipeline).unwrap();
    assert_ne!(picture::read(&file("a.points.png")).unwrap(), without);

    let nowhere = Snapshot {
        plain: file("no/such/folder.png"),
        ..snapshot
    };
    pipeline.snapshot(scene, nowhere);
    assert!(saved(&pipeline).unwrap_err().contains("folder.png"));
}

#[test]
fn a_recording_that_cannot_be_written_is_told_of_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let pipeline = watched(1000);
    let scene = with_a_face(&pipeline);
    assert!(pipeline.record(Recording {
        video: Some((file("seen.mkv"), None)),
        fps: None,
        keypoints: Some(file("no/such/folder.csv")),
    }));
    let why = saved(&pipeline).unwrap_err();
    assert!(why.contains("folder.csv"), "{why}");
    // The window may ask for its end before it has read that.
    assert!(pipeline.stop_recording());
    assert!(pipeline.snapshot(
        scene,
        Snapshot {
            plain: file("a.png"),
            drawn: file("a.points.png"),
            keypoints: file("a.jsonl"),
            style: Style::default(),
            trails: Trails::default(),
        }
    ));
    let (files, about) = saved(&pipeline).unwrap();
    assert_eq!(
        (files.len(), &about[..]),
        (3, "Snapshot"),
        "nothing is told twice"
    );
}
