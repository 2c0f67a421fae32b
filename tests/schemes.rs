//! Nets of another number of points than 68, from labels to faces in pictures; and labels and schemes with which something
//! is wrong.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use assert_cmd::Command;
use image::GrayImage;
use pinkpoint::{
    dataset::Labels,
    detect::{CascadeDetector, CascadeSettings, Detection, FaceDetector, smooth::Strength},
    geometry::{Point, mean},
    keypoints::PointScheme,
    model::{Contract, DeviceChoice, KeypointModel, archive},
    overlay::{Shape, Style, shapes},
    picture,
    pipeline::{Follower, KeypointFitter},
    train::Run,
    transform::crop,
};
use predicates::{
    prelude::*,
    str::{contains, is_match},
};

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn pinkpoint(arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("pinkpoint").unwrap();
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// The sample's pictures with other points: some of the 68, or others made of them.
fn set_of(folder: &Path, header: &str, points: impl Fn(&[Point]) -> Vec<Point>) -> PathBuf {
    std::fs::create_dir_all(folder.join("images")).unwrap();
    let mut csv = header.to_owned();
    for row in Labels::read(&here("tests/schemes/points68.csv")).unwrap().rows {
        let sample = here("tests/schemes/five/images").join(&row.name);
        std::fs::copy(sample, folder.join("images").join(&row.name)).unwrap();
        let numbers = points(&row.points)
            .into_iter()
            .map(|p| format!(",{},{}", p.x, p.y));
        csv += &format!("{}{}\n", row.name, numbers.collect::<String>());
    }
    std::fs::write(folder.join("keypoints.csv"), csv).unwrap();
    folder.to_path_buf()
}

/// Seven points of the mouth: a quarter of a face, far below its middle.
fn mouth(points: &[Point]) -> Vec<Point> {
    [48, 50, 52, 54, 56, 58, 62].map(|i| points[i]).into()
}

fn kaggle(points: &[Point]) -> Vec<Point> {
    let (left, right) = (mean(&points[36..42]), mean(&points[42..48]));
    let others = [42, 45, 39, 36, 22, 26, 21, 17, 30, 54, 48, 51, 57].map(|i| points[i]);
    [right, left].into_iter().chain(others).collect()
}

fn five(points: &[Point]) -> Vec<Point> {
    let eyes = [mean(&points[36..42]), mean(&points[42..48])];
    eyes.into_iter().chain([30, 48, 54].map(|i| points[i])).collect()
}

fn train(data: &Path, run: &Path, arguments: &[&str]) -> assert_cmd::assert::Assert {
    let mut command = common::train("--validation 0", data, run);
    command.args(arguments);
    Command::from_std(command).assert()
}

/// The command that scores a net on a set.
fn evaluate(net: &Path, data: &Path) -> Command {
    let mut command = pinkpoint(&["evaluate"]);
    for (option, value) in [
        ("--weights", net.to_path_buf()),
        ("--labels", data.join("keypoints.csv")),
        ("--images", data.join("images")),
    ] {
        command.arg(option).arg(value);
    }
    command
}

fn contract_of(net: &Path) -> Contract {
    archive::look_into(net).unwrap().contract.unwrap()
}

fn grey(path: &str) -> GrayImage {
    crop::grey(&picture::read(&here(path)).unwrap()).unwrap()
}

fn faces_in(grey: &GrayImage) -> Vec<Detection> {
    let mut detector = CascadeDetector::open(CascadeSettings::thorough()).unwrap();
    detector.detect(grey).unwrap()
}

/// The keypoints that `annotate` finds in the demo's picture, which has one face.
fn annotated(net: &str, folder: &Path) -> Vec<Point> {
    let csv = folder.join("found.csv");
    pinkpoint(&["annotate", "assets/demo.jpg", "--weights", net, "--out"])
        .arg(folder.join("pictures"))
        .arg("--keypoints")
        .arg(&csv)
        .assert()
        .success()
        .stdout(contains("1 faces"));
    let mut reader = csv::Reader::from_path(csv).unwrap();
    let headers = reader.headers().unwrap().clone();
    let row = reader.records().next().unwrap().unwrap();
    let both = headers.iter().zip(&row);
    let smoothed = both.filter(|(name, _)| {
        let rest = name.strip_prefix(['x', 'y']).unwrap_or_default();
        rest.parse::<u32>().is_ok()
    });
    let numbers: Vec<f32> = smoothed.map(|(_, text)| text.parse().unwrap()).collect();
    numbers
        .chunks_exact(2)
        .map(|xy| Point::new(xy[0], xy[1]))
        .collect()
}

#[test]
fn five_points_go_from_labels_to_a_net_that_says_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    train(
        &here("tests/schemes/five"),
        &run,
        &["--net", "pinkpoint", "--epochs", "2", "--batch", "4"],
    )
    .success()
    .stdout(contains("points: eyes, nose, mouth").and(contains("8 pictures to train on")));
    assert_eq!(
        Run::open(&run).unwrap().config().scheme,
        Some(PointScheme::five())
    );
    assert_eq!(contract_of(&run.join("net.pt")).scheme, PointScheme::five());

    // Going on needs nothing to be said again, and the points are still those.
    pinkpoint(&["train", "--epochs", "3", "--resume"])
        .arg(&run)
        .assert()
        .success();
    pinkpoint(&["train", "--scheme", "unnamed", "--resume"])
        .arg(&run)
        .assert()
        .code(2);
    let net = folder.path().join("five.pt");
    pinkpoint(&["export"])
        .arg(run.join("checkpoint.safetensors"))
        .arg("--out")
        .arg(&net)
        .assert()
        .success();
    let contract = contract_of(&net);
    assert_eq!(contract.scheme, PointScheme::five());
    assert!(contract.confidence && contract.crop == contract_of(&run.join("net.pt")).crop);

    pinkpoint(&["inspect"])
        .arg(&net)
        .assert()
        .success()
        .stdout(contains("eyes, nose, mouth"));
    pinkpoint(&[
        "evaluate",
        "--labels",
        "tests/schemes/five/keypoints.csv",
        "--images",
        "tests/schemes/five/images",
        "--weights",
    ])
    .arg(&net)
    .assert()
    .success()
    .stdout(contains("eye distance           left eye to right eye").and(contains("eyes ")));
}

#[test]
fn a_net_of_five_points_finds_them_on_a_face_that_the_program_finds() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    train(
        &here("tests/schemes/five"),
        &run,
        &["--net", "naimish", "--epochs", "60", "--batch", "8"],
    )
    .success();
    let net = run.join("net.pt");
    let found = annotated(net.to_str().unwrap(), folder.path());
    let expected = five(&annotated("pinkpoint", folder.path()));
    let eyes = expected[0].distance(expected[1]);
    let off = found.iter().zip(&expected).map(|(a, b)| a.distance(*b) / eyes);
    let off = off.sum::<f32>() / 5.0;
    assert_eq!(found.len(), 5);
    assert!(off < 0.2, "{off} eye distances off: {found:?} {expected:?}");
}

#[test]
fn where_a_face_is_around_points_that_nobody_knows_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let data = set_of(&folder.path().join("mouths"), "", mouth);
    let run = folder.path().join("run");
    train(&data, &run, &["--net", "naimish", "--epochs", "1"])
        .success()
        .stdout(contains("points: 7 points").and(contains("8 faces found")));
    let scheme = contract_of(&run.join("net.pt")).scheme;
    let rows = Labels::read(&here("tests/schemes/points68.csv")).unwrap().rows;
    for row in rows {
        let all = PointScheme::ibug68().upright_face(&row.points).unwrap();
        let face = scheme.upright_face(&mouth(&row.points)).unwrap();
        assert!(face.iou(&all) > 0.6, "{face:?} {all:?}");
    }
    pinkpoint(&["annotate", "assets/demo.jpg", "--out"])
        .arg(folder.path())
        .arg("--weights")
        .arg(run.join("net.pt"))
        .assert()
        .success()
        .stdout(contains("1 faces"));
    evaluate(&run.join("net.pt"), &data).assert().success().stdout(
        contains("these points have no eyes")
            .and(contains("NME by box"))
            .and(contains("inter-ocular").not())
            .and(contains("by group").not()),
    );
}

#[test]
fn programs_read_json_alone_also_of_points_that_are_measured_and_have_no_eyes() {
    let folder = tempfile::tempdir().unwrap();
    let data = set_of(&folder.path().join("mouths"), "", mouth);
    let left_out = folder.path().join("left-out.txt");
    std::fs::write(&left_out, "view-3.jpg\n").unwrap();
    let run = folder.path().join("run");
    let options = "--json --net pinkpoint --epochs 1 --batch 4 --validation 0.3 --device cpu --leave-out";
    let mut command = common::train(options, &data, &run);
    command.arg(&left_out);
    let output = Command::from_std(command).assert().success().get_output().clone();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!([&lines[0]["event"], &lines[1]["event"]], ["note", "ready"]);
    // Who is left out is not measured either.
    assert!(
        lines[0]["text"].as_str().unwrap().starts_with("7 faces found"),
        "{text}"
    );
    let epoch = lines.iter().find(|line| line["event"] == "epoch").unwrap();
    assert!(
        epoch["validation_nme"].as_f64().unwrap() > 0.0,
        "by the box: {epoch}"
    );
    let page = std::fs::read_to_string(run.join("report.html")).unwrap();
    assert!(
        page.contains("the points' box") && !page.contains("no error"),
        "errors by the box"
    );
}

#[test]
fn nets_of_whole_pictures_are_told_what_part_of_them_a_face_is() {
    let folder = tempfile::tempdir().unwrap();
    let data = set_of(&folder.path().join("kaggle"), "", kaggle);
    let run = folder.path().join("run");
    train(&data, &run, &["--epochs", "1"])
        .success()
        .stdout(contains("Kaggle 15"));
    let contract = contract_of(&run.join("net.pt"));
    assert_eq!(contract.scheme, PointScheme::kaggle15());
    let crop = Run::open(&run).unwrap().config().crop.unwrap();
    assert_eq!(contract.crop, crop);
    // The sample's views are 1.7 to 2.3 faces wide, of which 224 of 250 are seen.
    assert!(
        (1.5..2.1).contains(&crop.margin) && crop.shift_down < 0.0,
        "{crop:?}"
    );
}

#[test]
fn faces_are_followed_by_points_of_any_scheme_or_none() {
    let grey = grey("assets/demo.jpg");
    let found = faces_in(&grey);
    for net in [
        "notebook-5.pt",
        "notebook-15.pt",
        "notebook-98.pt",
        "notebook-20.pt",
    ] {
        let path = here("tests/schemes").join(net);
        let mut model = KeypointModel::load(&path, DeviceChoice::Cpu).unwrap();
        let mut reading = model.contract().reading();
        if net == "notebook-15.pt" {
            // As the settings have it: its notebook takes 48 away and divides by 48.
            (reading.output.scale, reading.output.offset) = (48.0, 48.0);
            model.read_as(reading).unwrap();
        }
        let mut follower = Follower::new(KeypointFitter::new(model), Strength::OFF);
        let mut faces = Vec::new();
        // No more frames: what a net guesses moves with what it is shown, and drifts as nothing that is seen does.
        for frame in 0..12 {
            let time = Duration::from_millis(33 * frame);
            let finds = if frame == 0 { &found[..] } else { &[] };
            faces = follower.frame(&grey, time, finds, None).unwrap().faces;
        }
        assert_eq!(faces.len(), 1, "{net}");
        let iou = faces[0].face_box.iou(&found[0].face_box.bounds());
        assert!(iou > 0.6, "{net}: {iou}");
    }
}

#[test]
fn every_scheme_has_its_lines_drawn() {
    for (name, scheme) in PointScheme::BUNDLED {
        let scheme = scheme();
        let points: Vec<Point> = (0..scheme.count)
            .map(|i| Point::new(i as f32, (i * i % 17) as f32))
            .collect();
        let face = pinkpoint::face::Face {
            id: 0,
            face_box: scheme.upright_face(&points).unwrap(),
            raw_points: points.clone(),
            points,
            confidence: None,
            spread: Vec::new(),
        };
        let style = Style {
            contours: true,
            ..Style::default()
        };
        let drawn = shapes([&face], Some(&scheme), &style);
        let lines = drawn
            .iter()
            .filter(|shape| matches!(shape, Shape::Line { points, .. } if points.len() > 1));
        assert_eq!(lines.count(), scheme.contours.len(), "{name}");
        assert!(!scheme.contours.is_empty(), "{name}");
    }
}

#[test]
fn a_scheme_can_be_printed_changed_and_given_beside_the_labels() {
    let folder = tempfile::tempdir().unwrap();
    pinkpoint(&["scheme"])
        .assert()
        .success()
        .stdout(contains("wflw98     98 points: jaw 33, brows 18").and(contains("kaggle15")));
    let printed = pinkpoint(&["scheme", "five"]).output().unwrap().stdout;
    let text = String::from_utf8(printed).unwrap();
    assert_eq!(
        PointScheme::from_json(text.as_bytes()).unwrap(),
        PointScheme::five()
    );
    let data = set_of(&folder.path().join("own"), "", five);
    std::fs::write(
        data.join("points.json"),
        text.replace("eyes, nose, mouth", "my five"),
    )
    .unwrap();
    let sheet = folder.path().join("sheet.png");
    let dataset = || {
        let mut command = pinkpoint(&["dataset", "--sheet"]);
        command.arg(&sheet).arg(&data);
        command
    };
    dataset().assert().success().stdout(
        contains("points: my five")
            .and(contains("training: 8 labelled pictures, 5 points each"))
            .and(contains("persons").not()),
    );
    dataset()
        .args(["--scheme", "unnamed"])
        .assert()
        .success()
        .stdout(contains("points: 5 points"));
    pinkpoint(&["scheme", "six"])
        .assert()
        .code(2)
        .stderr(contains("kaggle15"));
}

#[test]
fn rows_with_empty_fields_are_left_out_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let data = set_of(
        &folder.path().join("gaps"),
        "image,lefteye_x,lefteye_y,righteye_x,righteye_y,nose_x,nose_y,leftmouth_x,leftmouth_y,rightmouth_x,rightmouth_y\n",
        five,
    );
    let path = data.join("keypoints.csv");
    let mut lines: Vec<String> = std::fs::read_to_string(&path)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    let (kept, _) = lines[3].rsplit_once(',').unwrap();
    lines[3] = format!("{kept},");
    std::fs::write(&path, lines.join("\n")).unwrap();
    train(&data, &folder.path().join("run"), &["--epochs", "1"])
        .success()
        .stdout(
            contains("eyes, nose, mouth")
                .and(contains("7 pictures to train on"))
                .and(contains(
                    "pictures without labels: 0; labels without pictures: 0; labels with empty fields: 1",
                )),
        );
}

#[test]
fn labels_and_schemes_that_do_not_fit_are_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let five_set = here("tests/schemes/five");
    let run = folder.path().join("run");
    let refused = |data: &Path, arguments: &[&str], code: i32, words: &[&str]| {
        let output = train(data, &run, arguments).code(code).get_output().clone();
        let message = String::from_utf8(output.stderr).unwrap();
        for word in words {
            assert!(message.contains(word), "{message:?} lacks {word:?}");
        }
        assert!(!run.exists(), "{message}");
    };
    refused(
        &five_set,
        &["--scheme", "ibug68"],
        1,
        &["5 keypoints", "'iBUG 68' has 68", "--scheme"],
    );
    refused(&five_set, &["--scheme", "ibug"], 2, &["ibug68", ".json"]);
    refused(
        &five_set,
        &["--scheme", "none.json"],
        1,
        &["none.json", "check its name"],
    );
    for (text, word) in [
        ("{", "EOF"),
        (r#"{"name": "own"}"#, "count"),
        (r#"{"name": "own", "count": 5, "miror": []}"#, "'miror'"),
        (
            r#"{"name": "own", "count": 5, "mirror": [1, 0, 2, 4, 9]}"#,
            "point 9",
        ),
        (
            r#"{"name": "own", "count": 5, "mirror": [1, 2, 0, 3, 4]}"#,
            "in pairs",
        ),
        (
            r#"{"name": "own", "count": 5, "inter_ocular": [0, 0]}"#,
            "two different points",
        ),
        (
            r#"{"name": "own", "count": 5, "names": ["eye"]}"#,
            "1 names for 5",
        ),
        (
            r#"{"name": "own", "count": 5, "face": {"width": 0, "height": 1}}"#,
            "above 0",
        ),
        (
            r#"{"name": "own", "count": 5, "groups": [{"name": "all", "points": [5]}]}"#,
            "point 5",
        ),
        (
            r#"{"name": "own", "count": 5, "inter_ocular": [1, 0]}"#,
            "other way round",
        ),
    ] {
        let file = folder.path().join("own.json");
        std::fs::write(&file, text).unwrap();
        refused(&five_set, &["--scheme", file.to_str().unwrap()], 1, &[word]);
    }
    let one = set_of(&folder.path().join("one"), "", |points| vec![points[30]]);
    refused(&one, &[], 1, &["1 keypoint has no size"]);
    let pixels = "left_eye_center_x,left_eye_center_y,Image\n66.0,39.0,1 2 3\n";
    std::fs::write(one.join("keypoints.csv"), pixels).unwrap();
    refused(&one, &[], 1, &["docs/own-net.md"]);
    std::fs::write(one.join("keypoints.csv"), "name,x0,y0\na.jpg,,\n").unwrap();
    refused(&one, &[], 1, &["1 have some"]);
}

#[test]
fn sets_of_other_points_cannot_be_mixed_unless_somebody_says_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let own = set_of(
        &folder.path().join("own"),
        "name,a_first,a_second,tip_x,tip_y,chin_x,chin_y,brow_x,brow_y,ear_x,ear_y\n",
        five,
    );
    let both = |scheme: &[&str]| {
        let more = ["--epochs", "1", "--data", own.to_str().unwrap()];
        train(
            &here("tests/schemes/five"),
            &folder.path().join("run"),
            &[&more, scheme].concat(),
        )
    };
    both(&[])
        .code(1)
        .stderr(is_match("not the same.*--scheme").unwrap());
    both(&["--scheme", "five"]).success();
}

#[test]
fn a_contract_written_by_hand_may_name_its_scheme() {
    let text = r#"{"format": 1, "name": "mine", "input_side": 96, "output": {"scale": 48, "offset": 48},
        "crop": {"margin": 1.3}, "scheme": "kaggle15"}"#;
    assert_eq!(
        Contract::from_json(text.as_bytes()).unwrap().scheme,
        PointScheme::kaggle15()
    );
    let wrong = text.replace("kaggle15", "kaggle");
    let message = Contract::from_json(wrong.as_bytes()).unwrap_err().to_string();
    assert!(message.contains("kaggle15"), "{message}");
}

#[test]
fn points_of_which_nothing_is_known_are_found_by_the_detector_where_they_lie_in_a_face() {
    let folder = tempfile::tempdir().unwrap();
    // Eyes and nose: their own box is far smaller than the face that is found.
    let data = set_of(folder.path(), "", |points| points[27..47].to_vec());
    evaluate(&here("tests/schemes/notebook-20.pt"), &data)
        .args(["--boxes", "detector"])
        .assert()
        .success()
        .stdout(contains("8 pictures, 0 missed"));
}
