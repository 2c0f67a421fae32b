//! What is seen inside nets of many kinds, compared with what Python's forward hooks saw (`scripts/make_corpus.py`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use pinkpoint::model::{DeviceChoice, KeypointModel, LayerMaps, ModelError, Reading, archive};
use predicates::prelude::PredicateBooleanExt;
use serde::Deserialize;

mod nets;

const SIDE: usize = 32;

/// Where the values of a tensor lie.
#[derive(Deserialize)]
struct Kept {
    shape: Vec<usize>,
    at: usize,
}

#[derive(Deserialize)]
struct Captured {
    output: Kept,
    modules: BTreeMap<String, Vec<Kept>>,
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

fn captured() -> (BTreeMap<String, Captured>, Vec<f32>) {
    let json = std::fs::read(corpus().join("captured.json")).unwrap();
    let bytes = std::fs::read(corpus().join("captured.bin")).unwrap();
    let values = bytes
        .chunks_exact(4)
        .map(|four| f32::from_le_bytes(four.try_into().unwrap()));
    (serde_json::from_slice(&json).unwrap(), values.collect())
}

/// The second of the crops that Python saw, `[side, side]`.
fn crop() -> Vec<f32> {
    let value = |place: usize| {
        let (x, y) = (place % SIDE, place / SIDE);
        ((x * 7 + y * 13 + 29) % 64) as f32 / 64.0
    };
    (0..SIDE * SIDE).map(value).collect()
}

/// Most take any side, and are found to take the course's first.
fn load(path: &Path) -> Result<KeypointModel, ModelError> {
    let model = KeypointModel::load(path, DeviceChoice::Cpu)?;
    let reading = Reading {
        input_side: SIDE as u32,
        ..model.contract().reading()
    };
    KeypointModel::from_archive(path, &archive::look_into(path)?, DeviceChoice::Cpu, Some(reading))
}

/// The values of the second crop in what was kept; `None` for what has no such.
fn second<'a>(kept: &Kept, values: &'a [f32]) -> Option<&'a [f32]> {
    let count: usize = kept.shape.iter().product();
    let shown = (2..=4).contains(&kept.shape.len()) && kept.shape[0] == 2;
    shown.then(|| &values[kept.at + count / 2..kept.at + count])
}

fn apart(seen: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(seen.len(), expected.len());
    let pairs = seen.iter().zip(expected);
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// Layers by the modules' paths, in the order of their calls.
fn of_module<'a>(layers: &'a [LayerMaps], path: &str) -> Vec<&'a LayerMaps> {
    let whole = path.is_empty();
    let path = if whole { "output" } else { path };
    let is_of = |name: &str| {
        let rest = name.strip_prefix(path);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(" ("))
    };
    let mut found: Vec<_> = layers.iter().filter(|layer| is_of(&layer.name)).collect();
    if whole {
        // What the whole gives comes behind what a part of that name gives.
        found.drain(..found.len().saturating_sub(1));
    }
    found
}

#[test]
fn of_every_kind_of_net_is_seen_what_python_saw() {
    let (nets, values) = captured();
    assert!(nets.len() >= 25, "{}", nets.len());
    let (mut modules, mut wrong) = (0, Vec::new());
    for (name, captured) in &nets {
        let path = corpus().join(format!("{name}.pt"));
        let model = match load(&path) {
            Ok(model) => model,
            Err(error) => {
                wrong.push(format!("{name}: {error}"));
                continue;
            }
        };
        if let Some(why) = model.why_closed() {
            wrong.push(format!("{name}: {why}"));
            continue;
        }
        let filters = model.filters();
        if filters.is_empty() {
            wrong.push(format!("{name}: no filters"));
        }
        // Two convolutions, of which none is of one value.
        if name.starts_with("plain") {
            let shapes: Vec<_> = filters.iter().map(|filters| filters.maps.shape).collect();
            assert_eq!(shapes, [[4, 5, 5], [6, 3, 3]], "{name}");
        }
        let points = &model.predict(&crop(), 1).unwrap()[0].points;
        let expected = model
            .contract()
            .points(second(&captured.output, &values).unwrap());
        let off = points.iter().zip(&expected).map(|(a, b)| a.distance(*b));
        if points.len() != expected.len() || off.fold(0.0, f32::max) > 1e-3 {
            wrong.push(format!("{name}: {points:?} and not {expected:?}"));
        }
        let layers = model.feature_maps(&crop()).unwrap();
        assert!(layers.len() > 1, "{name}");
        // A frozen net has no modules any more; that it computes the same was seen when it was loaded.
        if name.ends_with("frozen") {
            continue;
        }
        for (path, calls) in &captured.modules {
            let expected: Vec<&[f32]> = calls.iter().filter_map(|kept| second(kept, &values)).collect();
            let seen = of_module(&layers, path);
            if seen.len() < expected.len() {
                wrong.push(format!(
                    "{name}: {path} is seen {} times of {}",
                    seen.len(),
                    expected.len()
                ));
                continue;
            }
            for (seen, expected) in seen.iter().zip(expected) {
                modules += 1;
                let size = expected.iter().fold(1.0_f32, |size, value| size.max(value.abs()));
                if seen.values.len() != expected.len() || apart(&seen.values, expected) > 1e-5 * size {
                    wrong.push(format!("{name}: {path} is not as in Python: {:?}", seen.shape));
                }
            }
        }
    }
    println!("{} nets, {modules} outputs of modules", nets.len());
    assert!(wrong.is_empty(), "{:#?}", wrong);
    assert!(modules > 150, "{modules}");
}

#[test]
fn what_a_net_is_can_be_read_by_other_programs() {
    let net = corpus().join("plain-trace.pt");
    let output = assert_cmd::Command::cargo_bin("pinkpoint")
        .unwrap()
        .args(["inspect", "--json"])
        .arg(&net)
        .output()
        .unwrap();
    assert!(output.status.success());
    let about: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    // By hand: 4*25 + 4, 6*4*9 + 6, 216*12 + 12, 12*8 + 8.
    assert_eq!(about["parameter_count"], 104 + 222 + 2604 + 104);
    assert_eq!(about["contract_carried"], false);
    let layers = about["layers"].as_array().unwrap();
    let conv1 = layers.iter().find(|layer| layer["name"] == "conv1").unwrap();
    assert_eq!(conv1["shape"], serde_json::json!([4, 28, 28]));
    assert_eq!(conv1["multiply_adds"], 4 * 25 * 28 * 28);
}

fn inspect() -> assert_cmd::Command {
    let mut command = assert_cmd::Command::cargo_bin("pinkpoint").unwrap();
    command.arg("inspect");
    command
}

/// The demo's picture, a face in it.
fn portrait() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "assets", "demo.jpg"]
        .iter()
        .collect()
}

#[test]
fn figures_of_a_net_are_written_for_the_face_in_a_picture() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("new").join("figures");
    inspect()
        .args(["course-long", "--point", "30", "--image"])
        .arg(portrait())
        .arg("--out")
        .arg(&out)
        .assert()
        .success()
        .stdout(predicates::str::contains("no face was found").not());
    let files = [
        "filters.png",
        "filters-02-conv2-weight.png",
        "01-conv1.png",
        "18-fc2.png",
        "filtered.png",
        "why-30.png",
    ];
    for file in files {
        let figure = image::open(out.join(file)).unwrap().into_rgb8();
        assert_eq!(figure.width(), 1800, "{file}");
        let ink = figure.pixels().filter(|pixel| pixel.0 != [255; 3]).count();
        assert!(ink > 5000, "{file} is empty");
    }
    // Of the filters alone there is more than one can see in 12 colours.
    let filters = image::open(out.join("filters.png")).unwrap().into_rgb8();
    let colours: std::collections::HashSet<_> = filters.pixels().map(|pixel| pixel.0).collect();
    assert!(colours.len() > 100, "{}", colours.len());
}

#[test]
fn figures_that_cannot_be_made_are_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("grey.png");
    image::RgbImage::from_pixel(200, 160, image::Rgb([90; 3]))
        .save(&empty)
        .unwrap();
    let with = |image: &std::path::Path, more: &[&str]| {
        let mut command = inspect();
        command
            .arg("pinkpoint-youtube")
            .arg("--image")
            .arg(image)
            .args(more);
        command.arg("--out").arg(folder.path().join("out"));
        command.assert()
    };
    with(&portrait(), &["--point", "68"])
        .failure()
        .stderr(predicates::str::contains("keypoints 0 to 67"));
    with(&folder.path().join("none.png"), &[])
        .failure()
        .stderr(predicates::str::contains("none.png"));
    // A picture without a face is looked at all the same, and that is said.
    with(&empty, &[])
        .success()
        .stdout(predicates::str::contains("no face was found"));
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    inspect()
        .args(["pinkpoint-youtube", "--out"])
        .arg(file.join("below"))
        .assert()
        .failure()
        .stderr(predicates::str::contains("cannot make the folder"));
}

#[test]
fn figures_of_odd_nets_are_of_bearable_size_and_leave_out_what_cannot_be_had() {
    for (net, why) in [("attention-script", true), ("in-place-script", false)] {
        let out = tempfile::tempdir().unwrap();
        inspect()
            .arg(corpus().join(format!("{net}.pt")))
            .arg("--image")
            .arg(portrait())
            .arg("--out")
            .arg(out.path())
            .assert()
            .success()
            .stdout(predicates::str::contains("no gradients").count(usize::from(!why)));
        for entry in out.path().read_dir().unwrap() {
            let (width, height) = image::image_dimensions(entry.unwrap().path()).unwrap();
            assert!(width == 1800 && height < 4000, "{net}: {width} x {height}");
        }
        assert!(out.path().join("why-0.png").exists() || out.path().join("why-36.png").exists());
    }
}

#[test]
fn multiply_adds_are_those_of_every_kind_of_layer_or_not_told() {
    let count = |net: &str, layer: &str| {
        load(&corpus().join(format!("{net}.pt")))
            .unwrap()
            .multiply_adds(layer)
    };
    // 8 x 8 for every one of 4 x 4 places.
    assert_eq!(count("attention-script", "query"), Some(4 * 4 * 64));
    assert_eq!(count("encoder-script", "up"), None, "a transposed convolution");
}

#[test]
fn a_part_that_is_called_as_the_whole_is_and_the_whole_are_told_apart_whichever_is_wanted() {
    for name in ["output-script", "output-trace"] {
        let model = load(&corpus().join(format!("{name}.pt"))).unwrap();
        let all = model.feature_maps(&crop()).unwrap();
        for wanted in ["output", "output (2)"] {
            let expected = all.iter().find(|layer| layer.name == wanted).unwrap();
            let (_, seen) = model
                .predict_and_look(&crop(), 1, 0, &[wanted], &mut Vec::new())
                .unwrap();
            assert_eq!(seen, std::slice::from_ref(expected), "{name}");
        }
    }
}

#[test]
fn what_a_file_gives_of_itself_is_taken_only_where_all_of_it_can_be_drawn() {
    const GIVEN: &str = r#"(conv1).forward(x, ), "face""#;
    let folder = tempfile::tempdir().unwrap();
    for (odd, own) in [
        ("torch.mean(x, [1, 2])", true),
        ("torch.mean(x, [1, 2, 3])", false),
        ("torch.unsqueeze(x, 1)", false),
    ] {
        let mut entries = nets::entries();
        let code = entries
            .iter_mut()
            .find(|(name, _)| name.ends_with("code/__torch__.py"));
        let (_, code) = code.unwrap();
        let text = String::from_utf8(code.clone()).unwrap();
        assert_eq!(text.matches(GIVEN).count(), 1);
        let given = format!(r#"(conv1).forward(x, ), "odd": {odd}, "face""#);
        *code = text.replace(GIVEN, &given).into_bytes();
        let path = folder.path().join("odd.pt");
        std::fs::write(&path, nets::zipped(&entries, "")).unwrap();
        let model = KeypointModel::load(&path, DeviceChoice::Cpu).unwrap();
        let is_shown = model.layers_shown().iter().any(|(name, _)| name == "odd");
        assert_eq!(is_shown, own, "{odd}");
        let first = model.layers_shown()[0].0.clone();
        let (_, maps) = model
            .predict_and_look(&vec![0.5; 64 * 64], 1, 0, &[&first], &mut Vec::new())
            .unwrap();
        assert_eq!(maps.len(), 1, "{odd}");
    }
}
