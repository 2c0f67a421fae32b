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

use pinkpoint::model::{DeviceChoice, KeypointModel, LayerMaps, ModelError, Reading};
use serde::Deserialize;

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
    KeypointModel::load_as(path, DeviceChoice::Cpu, Some(reading))
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
    let path = if path.is_empty() { "output" } else { path };
    let is_of = |name: &str| {
        let rest = name.strip_prefix(path);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(" ("))
    };
    layers.iter().filter(|layer| is_of(&layer.name)).collect()
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
