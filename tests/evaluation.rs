//! The figures of a test agree with those of an independent program, and the command says what is wrong with bad
//! input.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::{collections::HashMap, path::Path};

use assert_cmd::Command;
use common::synthetic_set;
use image::RgbaImage;
use pinkpoint::{
    dataset::Labels,
    evaluate::{Outcome, Score, score},
    geometry::Point,
    keypoints::PointScheme,
    record::sheet::Cell,
};
use predicates::{prelude::*, str::contains};

fn outcomes() -> Vec<Outcome> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/evaluation");
    let predictions = Labels::read(&folder.join("predictions.csv")).unwrap();
    let mut predictions: HashMap<String, Vec<Point>> = predictions
        .rows
        .into_iter()
        .map(|row| (row.name, row.points))
        .collect();
    Labels::read(&folder.join("labels.csv"))
        .unwrap()
        .rows
        .into_iter()
        .map(|row| Outcome {
            predicted: predictions.remove(&row.name),
            name: row.name,
            labelled: row.points,
            crop_extent: 224.0,
        })
        .collect()
}

#[test]
fn figures_agree_with_an_independent_program() {
    let result = score(&outcomes(), &PointScheme::ibug68());
    let text = include_str!("evaluation/expected.json");
    let expected: HashMap<String, f64> = serde_json::from_str(text).unwrap();
    let group = |name: &str| result.groups.iter().find(|(n, _)| n == name).unwrap().1;
    let pairs = [
        ("n", Some(result.n as f64)),
        ("miss", Some(result.miss as f64)),
        ("nme_io_mean", result.nme_io_mean),
        ("nme_io_median", result.nme_io_median),
        ("nme_box_mean", result.nme_box_mean),
        ("nme_box_median", result.nme_box_median),
        ("auc8", result.auc8),
        ("fr8", result.fr8),
        ("fr10", result.fr10),
        ("io_jaw", group("jaw")),
        ("io_brows", group("brows")),
        ("io_nose", group("nose")),
        ("io_eyes", group("eyes")),
        ("io_mouth", group("mouth")),
    ];
    assert_eq!(pairs.len(), expected.len());
    for (name, value) in pairs {
        let (value, wanted) = (value.unwrap(), expected[name]);
        // Points are kept in 32 bits here and in 64 there.
        assert!((value - wanted).abs() < 1e-6, "{name}: {value} and not {wanted}");
    }
}

#[test]
fn the_courses_scale_is_fifty_pixels_of_a_224_pixel_crop() {
    let labelled = vec![Point::new(10.0, 10.0), Point::new(60.0, 10.0)];
    let moved = |by: f32| labelled.iter().map(|p| Point::new(p.x + by, p.y)).collect();
    let outcome = |by: f32, crop_extent: f32| Outcome {
        name: "a".into(),
        labelled: labelled.clone(),
        predicted: Some(moved(by)),
        crop_extent,
    };
    let scheme = PointScheme::unnamed(2);
    let mse = |outcome| score(&[outcome], &scheme).mse_course.unwrap();
    // One of two coordinates is off by 50 px of the crop: the mean of 1 and 0.
    assert!((mse(outcome(50.0, 224.0)) - 0.5).abs() < 1e-9);
    // The same error in a picture that is shrunk to half for the crop counts half.
    assert!((mse(outcome(50.0, 448.0)) - 0.125).abs() < 1e-9);
    assert_eq!(score(&[outcome(1.0, 224.0)], &scheme).nme_io_mean, None);
}

#[test]
fn nothing_but_misses_has_no_mean_and_fails_everywhere() {
    let mut all = outcomes();
    all.iter_mut().for_each(|outcome| outcome.predicted = None);
    let Score {
        n,
        miss,
        nme_io_mean,
        auc8,
        fr8,
        ..
    } = score(&all, &PointScheme::ibug68());
    assert_eq!((n, miss), (14, 14));
    assert_eq!((nme_io_mean, auc8, fr8), (None, Some(0.0), Some(1.0)));
}

#[test]
fn a_miss_counts_as_a_failure_and_in_no_mean() {
    let scheme = PointScheme {
        inter_ocular: vec![0, 1],
        ..PointScheme::unnamed(3)
    };
    let labelled = vec![
        Point::new(0.0, 0.0),
        Point::new(100.0, 0.0),
        Point::new(50.0, 60.0),
    ];
    let outcome = |off: Option<f32>| Outcome {
        name: "a".into(),
        predicted: off.map(|by| labelled.iter().map(|p| Point::new(p.x + by, p.y)).collect()),
        labelled: labelled.clone(),
        crop_extent: 224.0,
    };
    // Eight and ten of a hundred pixels are just at the two limits, which is no failure yet.
    let result = score(&[outcome(Some(8.0)), outcome(Some(10.0)), outcome(None)], &scheme);
    assert_eq!((result.n, result.miss), (3, 1));
    let near = |value: Option<f64>, wanted: f64| assert!((value.unwrap() - wanted).abs() < 1e-9, "{value:?}");
    near(result.nme_io_mean, 0.09);
    near(result.fr8, 2.0 / 3.0);
    near(result.fr10, 1.0 / 3.0);
    // Of 8 and 10 pixels divided by 50, squared; half of the coordinates are not off.
    near(result.mse_course, (0.16f64.powi(2) + 0.2f64.powi(2)) / 2.0 / 2.0);
}

#[test]
fn no_pictures_have_no_figures_and_faces_without_eyes_no_failures() {
    let none = score(&[], &PointScheme::ibug68());
    assert_eq!(
        (none.n, none.auc8, none.fr8, none.fr10, none.mse_course),
        (0, None, None, None, None)
    );
    let blind = score(&outcomes(), &PointScheme::unnamed(68));
    assert_eq!(
        (blind.auc8, blind.fr8, blind.fr10, blind.nme_io_mean),
        (None, None, None, None)
    );
    assert!(blind.nme_box_mean.is_some());
    assert_eq!(
        (blind.error_mean(), blind.error_median()),
        (blind.nme_box_mean, blind.nme_box_median)
    );
}

#[test]
fn pictures_are_ranked_by_the_eyes_or_by_the_box_where_there_are_none() {
    let labelled = vec![
        Point::new(0.0, 0.0),
        Point::new(40.0, 0.0),
        Point::new(20.0, 10.0),
    ];
    let outcome = Outcome {
        name: "a.jpg".into(),
        predicted: Some(labelled.iter().map(|p| Point::new(p.x, p.y + 2.0)).collect()),
        labelled,
        crop_extent: 1.0,
    };
    let blind = PointScheme::unnamed(3);
    let seeing = PointScheme {
        inter_ocular: vec![0, 1],
        ..blind.clone()
    };
    // Two pixels off; eyes 40 pixels apart, a box of 400.
    for (scheme, error, caption) in [(&seeing, 0.05, "5.0 %  a.jpg"), (&blind, 0.1, "10.0 %  a.jpg")] {
        assert!((outcome.error(scheme).unwrap() - error).abs() < 1e-6);
        let cell = Cell::of(&outcome, RgbaImage::new(50, 50), scheme);
        assert_eq!(cell.caption, caption);
        let miss = Outcome {
            predicted: None,
            ..outcome.clone()
        };
        assert_eq!(miss.error(scheme), None);
        assert_eq!(
            Cell::of(&miss, RgbaImage::new(50, 50), scheme).caption,
            "missed  a.jpg"
        );
    }
}

fn evaluate() -> Command {
    let mut command = Command::cargo_bin("pinkpoint").unwrap();
    command.arg("evaluate");
    command
}

#[test]
fn the_command_scores_writes_and_draws() {
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_set(&folder.path().join("data"), 4);
    let (csv, json, figures) = (
        folder.path().join("p.csv"),
        folder.path().join("p.json"),
        folder.path().join("figures"),
    );
    let output = evaluate()
        .args(["--weights", "course-long"])
        .args(["--device", "cpu", "--boxes", "image", "--labels"])
        .arg(data.join("test_frames_keypoints.csv"))
        .arg("--images")
        .arg(data.join("test"))
        .arg("--predictions")
        .arg(&csv)
        .arg("--json")
        .arg(&json)
        .arg("--figures")
        .arg(&figures)
        .assert()
        .success()
        .stdout(contains("2 pictures, 0 missed"))
        .stderr(contains("not scored").not())
        .get_output()
        .clone();
    let text = String::from_utf8(output.stdout).unwrap();
    let predictions = Labels::read(&csv).unwrap();
    assert_eq!((predictions.rows.len(), predictions.point_count), (2, 68));
    let written: serde_json::Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    assert_eq!(
        (&written["n"], &written["boxes"], &written["device"]),
        (&2.into(), &"image".into(), &"cpu".into())
    );
    assert!(written["images_per_second"].as_f64().unwrap() > 0.0);
    assert!(written["weights"].as_str().unwrap().ends_with(".pt"));
    // What is printed is what is written.
    let printed = |title: &str| {
        let line = text.lines().find(|line| line.contains(title)).unwrap();
        line.split_whitespace().last().unwrap().to_owned()
    };
    let written_figure =
        |value: &serde_json::Value, digits: usize| format!("{:.digits$}", value.as_f64().unwrap());
    assert_eq!(printed("MSE"), written_figure(&written["mse_course"], 4));
    assert_eq!(printed("AUC"), written_figure(&written["auc8"], 3));
    let mouth = 100.0 * written["groups"]["mouth"].as_f64().unwrap();
    assert_eq!(printed("by group"), format!("{mouth:.1}"));
    for name in ["best.png", "median.png", "worst.png"] {
        let picture = image::open(figures.join(name)).unwrap();
        assert!(picture.width() > 200 && picture.height() > 200);
    }
}

#[test]
fn an_offset_from_labels_that_is_learned_elsewhere_is_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_set(&folder.path().join("data"), 8);
    let labels = data.join("training_frames_keypoints.csv");
    let (pictures, predictions) = (data.join("training"), folder.path().join("predictions.csv"));
    let figures = folder.path().join("figures");
    let worst = || std::fs::read(figures.join("worst.png")).unwrap();
    let scored = |more: &[&Path]| -> (serde_json::Value, String) {
        let json = folder.path().join("out.json");
        let mut command = evaluate();
        command
            .args(["--boxes", "labels", "--labels"])
            .arg(&labels)
            .arg("--images")
            .arg(&pictures)
            .arg("--json")
            .arg(&json)
            .arg("--figures")
            .arg(&figures);
        let output = command.args(more).assert().success().get_output().clone();
        let written = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
        (written, String::from_utf8(output.stdout).unwrap())
    };
    // Somebody who sees every point a little to the right.
    let mut lines = Vec::new();
    for row in Labels::read(&labels).unwrap().rows {
        let points = row.points.iter().flat_map(|p| [p.x + 2.0, p.y]);
        let numbers: Vec<String> = points.map(|v| v.to_string()).collect();
        lines.push(format!("{},{}", row.name, numbers.join(",")));
    }
    std::fs::write(&predictions, lines.join("\n")).unwrap();
    let (plain, _) = scored(&[]);
    let drawn = worst();
    assert!(plain["offset_away"].is_null());
    let (low, high) = (&plain["nme_io_interval"][0], &plain["nme_io_interval"][1]);
    let mean = plain["nme_io_mean"].as_f64().unwrap();
    assert!(low.as_f64().unwrap() <= mean && mean <= high.as_f64().unwrap());
    let conditions: Vec<&str> = plain["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|of| of["condition"].as_str().unwrap())
        .collect();
    assert_eq!(conditions, ["turned over 30 degrees", "dark", "small"]);

    let (both, text) = scored(&[
        Path::new("--bias"),
        &predictions,
        Path::new("--bias-labels"),
        &labels,
    ]);
    assert_eq!(both["nme_io_mean"], plain["nme_io_mean"], "as it is comes first");
    let away = both["offset_away"]["nme_io_mean"].as_f64().unwrap();
    assert_ne!(away, mean, "points are moved");
    assert!(worst() == drawn, "and shown where the net has them");
    assert_eq!(both["offset_pictures"], 8);
    assert!(text.contains("from 8 other pictures"), "{text}");
}

#[test]
fn a_picture_without_a_face_is_a_miss_with_the_detector() {
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_set(&folder.path().join("data"), 4);
    evaluate()
        .args(["--boxes", "detector", "--labels"])
        .arg(data.join("test_frames_keypoints.csv"))
        .arg("--images")
        .arg(data.join("test"))
        .assert()
        .success()
        .stdout(contains("2 missed"));
}

#[test]
fn bad_input_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_set(&folder.path().join("data"), 4);
    let labels = data.join("test_frames_keypoints.csv");
    let good = std::fs::read_to_string(&labels).unwrap();
    let fails = |text: &str, message: &str| {
        std::fs::write(&labels, text).unwrap();
        evaluate()
            .arg("--labels")
            .arg(&labels)
            .arg("--images")
            .arg(data.join("test"))
            .assert()
            .code(1)
            .stderr(contains(message));
    };
    fails("", "no row");
    fails(&good.replacen("25.0", "wide", 1), "column 2");
    fails(&good.replacen(",25.0", "", 1), "136 columns; a name and pairs");
    fails(&good.replace(".jpg", ".gif"), "none of the 2 labelled pictures");
    fails(&good.replace(".jpg", ".gif"), ".png are read");
    std::fs::write(&labels, &good).unwrap();
    std::fs::write(data.join("test/Person_0_00.jpg"), &b"no picture"[..]).unwrap();
    fails(&good, "Person_0_00.jpg");
}

#[test]
fn what_cannot_be_written_or_used_is_told_before_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_set(&folder.path().join("data"), 4);
    // The work would fail on this, had it begun.
    std::fs::write(data.join("test/Person_0_00.jpg"), "no picture").unwrap();
    std::fs::write(folder.path().join("file"), "in the way").unwrap();
    for (option, value, message) in [
        ("--json", "no/such/folder/a.json", "cannot write"),
        ("--json", "data", "a folder of that name"),
        ("--predictions", "no/such/folder/a.csv", "cannot write"),
        ("--figures", "file", "folder for figures"),
        ("--cascade", "some.xml", "--boxes detector"),
    ] {
        evaluate()
            .current_dir(folder.path())
            .args([
                "--labels",
                "data/test_frames_keypoints.csv",
                "--images",
                "data/test",
            ])
            .args([option, value])
            .assert()
            .code(1)
            .stderr(contains(message).and(contains(value)));
    }
}

#[test]
fn labels_and_pictures_that_do_not_match_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_set(&folder.path().join("data"), 4);
    std::fs::rename(data.join("test/Person_0_00.jpg"), data.join("test/Nobody.jpg")).unwrap();
    evaluate()
        .arg("--labels")
        .arg(data.join("test_frames_keypoints.csv"))
        .arg("--images")
        .arg(data.join("test"))
        .assert()
        .success()
        .stdout(contains("1 pictures, 0 missed"))
        .stderr(contains("pictures without labels: 1; labels without pictures: 1"));
}

#[test]
fn a_reader_that_goes_away_is_no_reason_to_stop() {
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_set(&folder.path().join("data"), 4);
    let sheet = folder.path().join("sheet.png");
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_pinkpoint"))
        .arg("dataset")
        .arg(&data)
        .arg("--sheet")
        .arg(&sheet)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
    assert!(sheet.is_file());
}
