//! Weights files from Python and from here: they give what they gave in Python, and bad ones give clear errors.
//! The files are in `tests/weights/`, where a README says how they were made.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    collections::{BTreeMap, HashMap},
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use pinkpoint::{
    keypoints::PointScheme,
    model::{Contract, DeviceChoice, KeypointModel, ModelError, Prediction, archive, catalogue},
    network::{Architecture, course_cnn::INPUT_SIDE, export},
};
use serde::Deserialize;
use tch::{Device, Tensor};

/// Largest difference from what Python computed, in units of the net's output (which are near 1): the same
/// arithmetic in single precision, but in an order that depends on processor and number of threads.
const TOLERANCE: f32 = 1e-5;

/// What a net gave in Python for three crops, and its layers for the first of them.
#[derive(Deserialize)]
struct Captured {
    side: u32,
    points: usize,
    output: Vec<f32>,
    maps: Vec<CapturedMaps>,
    contract: Option<Contract>,
    parameters: Option<HashMap<String, Vec<i64>>>,
}

#[derive(Deserialize)]
struct CapturedMaps {
    name: String,
    shape: [usize; 3],
    /// Of the values, which were kept: every so many.
    stride: usize,
    values: Vec<f32>,
}

fn captured() -> BTreeMap<String, Captured> {
    let text = std::fs::read(file("captured.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/weights")
        .join(name)
}

fn load(path: &Path) -> Result<KeypointModel, ModelError> {
    KeypointModel::load(path, DeviceChoice::Cpu)
}

/// `[count, 1, side, side]`, the numbers that `scripts/make_fixtures.py` makes.
fn crops(count: usize, side: u32) -> Vec<f32> {
    let side = side as usize;
    let grey = |i: usize, y: usize, x: usize| ((7 * x + 13 * y + x * y / 5 + 29 * i) % 256) as f32 / 255.0;
    let pixels = (0..count).flat_map(|i| (0..side * side).map(move |at| grey(i, at / side, at % side)));
    pixels.collect()
}

fn assert_close(actual: &[f32], expected: &[f32], scale: f32, what: &str) {
    assert_eq!(actual.len(), expected.len(), "{what}");
    let far = actual
        .iter()
        .zip(expected)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max);
    assert!(far <= TOLERANCE * scale, "{what}: {far}");
}

/// The net's own numbers, taken back from its points.
fn raw(model: &KeypointModel, predictions: &[Prediction]) -> Vec<f32> {
    let output = model.contract().output;
    predictions
        .iter()
        .flat_map(|prediction| &prediction.points)
        .flat_map(|p| [output.value(p.x), output.value(p.y)])
        .collect()
}

#[test]
fn nets_give_here_what_they_gave_in_python() {
    let captured = captured();
    assert_eq!(captured.len(), 9);
    for (name, expected) in captured {
        let model = load(&file(&name)).unwrap();
        let contract = model.contract();
        assert_eq!(
            (contract.input_side, contract.scheme.count),
            (expected.side, expected.points),
            "{name}"
        );
        let pixels = crops(3, expected.side);
        let points = model.predict(&pixels, 3).unwrap();
        assert_eq!(points.len(), 3);
        // To pixels and back costs digits: the offset is twice the scale.
        assert_close(&raw(&model, &points), &expected.output, 4.0, &name);
        let maps = model.feature_maps(&pixels[..pixels.len() / 3]).unwrap();
        // Nets that do not say it themselves are looked into: tests/looking_inside.rs.
        assert!(!maps.is_empty(), "{name}: {:?}", model.why_closed());
        assert!(
            expected.maps.is_empty() || maps.len() == expected.maps.len(),
            "{name}"
        );
        for (maps, expected) in maps.iter().zip(&expected.maps) {
            assert_eq!(
                (&maps.name, maps.shape),
                (&expected.name, expected.shape),
                "{name}"
            );
            assert_eq!(maps.values.len(), maps.shape.iter().product::<usize>());
            let some: Vec<f32> = maps.values.iter().copied().step_by(expected.stride).collect();
            let largest = some.iter().fold(1.0f32, |most, v| most.max(v.abs()));
            assert_close(&some, &expected.values, largest, &format!("{name} {}", maps.name));
        }
        if let Some(contract) = &expected.contract {
            assert_eq!(model.contract(), contract, "{name}");
        }
        if let Some(parameters) = expected.parameters {
            assert_eq!(
                model.parameters().into_iter().collect::<HashMap<_, _>>(),
                parameters,
                "{name}"
            );
        }
    }
}

#[test]
fn all_faces_go_through_one_forward_pass() {
    let model = load(&file("pairs-96.pt")).unwrap();
    assert_eq!(model.passes().forward, 0, "warming up is not counted");
    let pixels = crops(5, 96);
    let together = model.predict(&pixels, 5).unwrap();
    assert_eq!((model.passes().forward, model.passes().last_batch), (1, 5));
    for (index, crop) in pixels.chunks_exact(96 * 96).enumerate() {
        let alone = model.predict(crop, 1).unwrap();
        assert_close(
            &raw(&model, &alone),
            &raw(&model, &together[index..=index]),
            4.0,
            "alone and together",
        );
    }
    assert_eq!((model.passes().forward, model.passes().last_batch), (6, 1));
    assert!(model.predict(&[], 0).unwrap().is_empty());
    assert!(matches!(
        model.predict(&pixels, 4),
        Err(ModelError::Pixels { .. })
    ));
    assert!(matches!(model.predict(&[], 1), Err(ModelError::Pixels { .. })));
    assert!(matches!(
        model.predict(&pixels, usize::MAX),
        Err(ModelError::Pixels { .. })
    ));
}

#[test]
fn looking_inside_changes_no_point_and_costs_no_pass_where_the_layers_end_with_the_output() {
    for (name, side) in [
        ("exported.pt", INPUT_SIDE),
        ("listed-64.pt", 64),
        ("contract-64.pt", 64),
        ("traced.pt", 224),
    ] {
        let model = load(&file(name)).unwrap();
        let pixels = crops(3, side);
        let listed: Vec<&str> = model
            .layers_shown()
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        let (first, last) = (listed[0], listed[listed.len() - 1]);
        let look =
            |wanted: &[&str], crop| model.predict_and_look(&pixels, 3, crop, wanted, &mut vec![vec![7.0; 3]]);
        let (points, _) = look(&[first], 1).unwrap();
        assert_eq!(model.passes().forward, 1, "{name}");
        let plain = model.predict(&pixels, 3).unwrap();
        assert_close(&raw(&model, &points), &raw(&model, &plain), 4.0, name);
        let of_second = &pixels[pixels.len() / 3..2 * pixels.len() / 3];
        let layers = model.feature_maps(of_second).unwrap();
        for wanted in [
            vec![first],
            vec![last],
            vec![last, "no such layer", first],
            listed.clone(),
        ] {
            let (points, seen) = look(&wanted, 1).unwrap();
            assert_close(&raw(&model, &points), &raw(&model, &plain), 4.0, name);
            let known = wanted.iter().filter(|wanted| listed.contains(wanted));
            assert_eq!(seen.len(), known.clone().count(), "{name}: {wanted:?}");
            for (seen, wanted) in seen.iter().zip(known) {
                let expected = layers.iter().find(|layer| layer.name == *wanted).unwrap();
                assert_eq!((&seen.name, seen.shape), (&expected.name, expected.shape));
                let largest = expected.values.iter().fold(1.0f32, |most, v| most.max(v.abs()));
                assert_close(&seen.values, &expected.values, largest, name);
            }
        }
        let (_, nothing) = look(&[], 1).unwrap();
        assert!(nothing.is_empty());
        assert!(look(&[first], 3).is_err(), "there is no fourth crop");
    }
}

#[test]
fn a_net_can_be_loaded_on_one_thread_and_run_on_another() {
    let model = load(&file("listed-64.pt")).unwrap();
    let pixels = crops(2, 64);
    let here = model.predict(&pixels, 2).unwrap();
    let there = std::thread::spawn(move || {
        model.warm_up(1).unwrap();
        model.predict(&pixels, 2).unwrap()
    });
    assert_eq!(there.join().unwrap(), here);
}

#[test]
fn a_file_without_a_contract_gets_the_assumed_one() {
    let model = load(&file("traced.pt")).unwrap();
    assert_eq!(*model.contract(), Contract::assumed("traced".into(), 224, 68));
    assert_eq!(model.contract().scheme, PointScheme::ibug68());
    let five = load(&file("tupled-64.pt")).unwrap();
    assert_eq!(*five.contract(), Contract::assumed("tupled-64".into(), 64, 5));
}

#[test]
fn a_contract_written_by_python_is_used() {
    let model = load(&file("contract-64.pt")).unwrap();
    let contract = model.contract();
    assert_eq!(
        (contract.name.as_str(), contract.scheme.count),
        ("five points", 5)
    );
    assert_eq!((contract.output.scale, contract.crop.margin), (32.0, 1.5));
}

#[test]
fn filters_are_those_of_the_convolutions_whatever_they_are_called() {
    let first = |name| load(&file(name)).unwrap().filters().remove(0);
    let shape = |name| {
        let kernels = first(name);
        (kernels.maps.name, kernels.maps.shape, kernels.biases.len())
    };
    assert_eq!(shape("scripted.pt"), ("c1.weight".into(), [4, 5, 5], 4));
    assert_eq!(shape("traced.pt"), ("features.0.weight".into(), [3, 7, 7], 3));
    // A frozen net keeps no parameters; its kernels are constants of its code.
    assert_eq!(shape("frozen.pt"), ("conv2d".into(), [4, 5, 5], 0));
    let kernels = first("scripted.pt");
    assert_eq!(kernels.inputs, 1);
    for (kernel, norm) in kernels.maps.values.chunks_exact(25).zip(&kernels.norms) {
        let squares: f32 = kernel.iter().map(|value| value * value).sum();
        assert!((squares.sqrt() - norm).abs() < 1e-5);
    }
}

#[test]
fn layers_are_timed_with_what_lies_within_them() {
    let model = KeypointModel::load(
        &catalogue::resolve("pinkpoint-youtube").unwrap(),
        DeviceChoice::Cpu,
    )
    .unwrap();
    let times = model.layer_times().unwrap();
    let names = model.layers_shown().iter().map(|(name, _)| name);
    let timed: Vec<(&String, Duration)> = names
        .zip(&times)
        .filter_map(|(name, time)| Some((name, (*time)?)))
        .collect();
    assert!(timed.len() > 5, "{timed:?}");
    assert!(timed.iter().all(|(_, time)| !time.is_zero()), "{timed:?}");
    for (outer, all) in &timed {
        let within = timed.iter().filter(|(name, _)| {
            name.strip_prefix(outer.as_str())
                .is_some_and(|rest| rest.starts_with('.'))
        });
        assert!(within.clone().all(|(_, part)| part <= all), "{outer}: {timed:?}");
    }
}

/// What an error must say, besides naming the file.
fn assert_refused(path: &Path, words: &[&str]) {
    let message = load(path).map(|_| ()).unwrap_err().to_string();
    for word in words.iter().chain([&path.file_name().unwrap().to_str().unwrap()]) {
        assert!(message.contains(word), "'{word}' is not in: {message}");
    }
    assert!(message.lines().count() == 1 && message.len() < 700, "{message}");
}

#[test]
fn of_several_outputs_the_first_is_the_points() {
    assert!(load(&file("two-outputs.pt")).is_ok());
}

#[test]
fn files_from_python_that_are_no_keypoint_nets_are_named_for_what_they_are() {
    let export_line = "torch.jit.script(net.eval()).save(\"NET.pt\")";
    assert_refused(
        &file("state-dict.pt"),
        &["state dict", "load_state_dict", export_line],
    );
    assert_refused(
        &file("state-dict-old.pt"),
        &["state dict", "load_state_dict", export_line],
    );
    assert_refused(
        &file("checkpoint.pt"),
        &["training checkpoint", "load_state_dict", export_line],
    );
    assert_refused(
        &file("pickled-net.pt"),
        &["pickled", "weights_only=False", export_line],
    );
    assert_refused(&file("wrong-output.pt"), &["[1, 7]", "2k"]);
    assert_refused(&file("heatmaps.pt"), &["[1, 5, 222, 222]", "2k"]);
    assert_refused(&file("colour.pt"), &["224", "channels"]);
    assert_refused(&file("one-face-only.pt"), &["[1, 10] for 2 crops"]);
    assert_refused(&file("nan.pt"), &["not finite"]);
}

#[test]
fn files_that_are_no_nets_at_all_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    assert_refused(&folder.path().join("absent.pt"), &["No such file"]);
    assert_refused(folder.path(), &["folder"]);
    assert_refused(&write("empty.pt", b""), &["empty"]);
    assert_refused(&write("text.pt", b"<html>not found</html>"), &["text", ".pt"]);
    assert_refused(&write("noise.pt", &[7, 200, 3, 9]), &["zip"]);
    assert_refused(&write("begins.pt", b"PK\x03\x04 and then nothing"), &["damaged"]);
    assert_refused(
        &write("a.safetensors", b"\x02\0\0\0\0\0\0\0{}"),
        &["pinkpoint export"],
    );

    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    zip.start_file("holiday/beach.txt", options).unwrap();
    zip.write_all(b"sand").unwrap();
    assert_refused(
        &write("zip.pt", &zip.finish().unwrap().into_inner()),
        &["holiday/beach.txt"],
    );
}

#[test]
fn archives_of_any_name_are_whole() {
    // The name stands before every entry of the table of contents; of the lengths one makes the first entry as long as
    // the records behind the table.
    let original = file("contract-64.pt");
    let folder = tempfile::tempdir().unwrap();
    for length in 1..40 {
        let net = tch::CModule::load(&original).unwrap();
        let path = folder.path().join("n".repeat(length) + ".pt");
        net.save(&path).unwrap();
        assert!(archive::look_into(&path).is_ok(), "a name of {length} letters");
    }
}

#[test]
fn a_zip_bomb_is_not_unpacked() {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for name in ["a/constants.pkl", "a/code/a.py"] {
        zip.start_file(name, zip::write::SimpleFileOptions::default())
            .unwrap();
        for _ in 0..60 {
            zip.write_all(&vec![0; 1 << 20]).unwrap();
        }
    }
    let message = archive::check(zip.finish().unwrap().into_inner())
        .unwrap_err()
        .to_string();
    assert!(message.contains("unpacks to more than"), "{message}");
}

#[test]
fn a_file_cut_off_anywhere_is_damaged() {
    let whole = std::fs::read(file("contract-64.pt")).unwrap();
    for length in (2..whole.len()).step_by(61).chain([whole.len() - 1]) {
        let message = archive::check(whole[..length].to_vec()).unwrap_err().to_string();
        assert!(message.contains("damaged"), "{length}: {message}");
    }
}

#[test]
fn flipped_bits_are_noticed_or_change_nothing() {
    let path = file("contract-64.pt");
    let whole = std::fs::read(&path).unwrap();
    let pixels = crops(1, 64);
    let expected = load(&path).unwrap().predict(&pixels, 1).unwrap();
    let (mut noticed, mut tried) = (0, 0);
    for at in (0..whole.len()).step_by(7) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        tried += 1;
        match archive::check(bytes) {
            Err(_) => noticed += 1,
            // Padding, dates, and headers that are in the file twice: the net is untouched.
            Ok(archive) => match KeypointModel::from_archive(&path, &archive, DeviceChoice::Cpu, None) {
                Ok(model) => assert_eq!(model.predict(&pixels, 1).unwrap(), expected, "byte {at}"),
                Err(_) => noticed += 1,
            },
        }
    }
    assert!(noticed * 2 > tried, "{noticed} of {tried}");
}

#[test]
fn a_flipped_bit_in_a_tensor_names_the_entry() {
    let mut bytes = std::fs::read(file("contract-64.pt")).unwrap();
    let weights: Vec<u8> = {
        let mut zip = zip::ZipArchive::new(std::io::Cursor::new(&bytes)).unwrap();
        let mut entry = zip.by_name("contract-64/data/0").unwrap();
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
        content
    };
    let at = bytes.windows(weights.len()).position(|w| w == weights).unwrap();
    bytes[at + 5] ^= 16;
    let message = archive::check(bytes).unwrap_err().to_string();
    assert!(
        message.contains("damaged") && message.contains("contract-64/data/0"),
        "{message}"
    );
}

#[test]
fn a_contract_can_be_put_into_any_net_and_must_fit_it() {
    let folder = tempfile::tempdir().unwrap();
    let original = std::fs::read(file("pairs-96.pt")).unwrap();
    let put = |contract: &Contract| {
        let path = folder.path().join("net.pt");
        std::fs::write(&path, archive::with_contract(&original, contract).unwrap()).unwrap();
        path
    };
    let contract = Contract::assumed("mine".into(), 96, 68);
    let path = put(&contract);
    let model = load(&path).unwrap();
    assert_eq!(model.contract(), &contract);
    let (pixels, plain) = (crops(1, 96), load(&file("pairs-96.pt")).unwrap());
    assert_eq!(
        model.predict(&pixels, 1).unwrap(),
        plain.predict(&pixels, 1).unwrap()
    );

    // Put in twice, the second one counts and nothing else is added.
    let again = archive::with_contract(
        &std::fs::read(&path).unwrap(),
        &Contract::assumed("new".into(), 96, 68),
    );
    let entries = |bytes: Vec<u8>| archive::check(bytes).unwrap().entries;
    assert_eq!(entries(again.unwrap()), entries(std::fs::read(&path).unwrap()));

    assert_refused(
        &put(&Contract::assumed("five".into(), 96, 5)),
        &["5 points", "[2, 68, 2]"],
    );
    assert_refused(&put(&Contract::assumed("small".into(), 64, 68)), &["failed"]);
}

#[test]
fn tensors_stay_aligned_when_a_contract_is_put_in() {
    let original = std::fs::read(file("scripted.pt")).unwrap();
    let bytes = archive::with_contract(&original, &Contract::assumed("mine".into(), 224, 68)).unwrap();
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(&bytes)).unwrap();
    for index in 0..zip.len() {
        let entry = zip.by_index(index).unwrap();
        let name = entry.name().unwrap();
        if name.contains("/data/") {
            assert_eq!(entry.compression(), zip::CompressionMethod::Stored);
            assert_eq!(entry.data_start().unwrap() % 64, 0, "{name}");
        }
    }
}

/// Made-up parameters of the course's net that repeat themselves, so that the fixture compresses well.
fn made_up_parameters() -> HashMap<String, Tensor> {
    let net = tch::nn::VarStore::new(Device::Cpu);
    pinkpoint::network::course_cnn::CourseCnn::new(&net.root(), 68);
    let made_up = |(name, tensor): (String, Tensor)| {
        let size = tensor.size();
        let inputs: i64 = size[1..].iter().product();
        let spread = (2.0 / inputs as f32).sqrt();
        let values: Vec<f32> = (0..tensor.numel())
            .map(|i| ((i * 37 % 101) as f32 / 50.0 - 1.0) * spread)
            .collect();
        (name, Tensor::from_slice(&values).view(size.as_slice()))
    };
    net.variables().into_iter().map(made_up).collect()
}

/// What `tests/weights/exported.pt` says of itself.
fn made_up_contract() -> Contract {
    Contract::assumed("made up".into(), INPUT_SIDE, 68)
}

#[test]
fn what_is_exported_today_is_what_python_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.pt");
    export::export(
        Architecture::Course,
        &made_up_parameters(),
        &made_up_contract(),
        true,
        &path,
    )
    .unwrap();
    let expected = captured().remove("exported.pt").unwrap();
    let model = load(&path).unwrap();
    assert_eq!(Some(model.contract()), expected.contract.as_ref());
    let points = model.predict(&crops(3, INPUT_SIDE), 3).unwrap();
    assert_close(&raw(&model, &points), &expected.output, 4.0, "exported");
}

#[test]
#[ignore = "writes the net from which scripts/make_fixtures.py --exported makes a fixture; see tests/weights/README.md"]
fn write_the_net_for_python_to_check() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("exported.pt");
    export::export(
        Architecture::Course,
        &made_up_parameters(),
        &made_up_contract(),
        true,
        &path,
    )
    .unwrap();
    println!("{}", path.display());
}

#[test]
fn a_file_that_does_not_say_how_sure_it_is_although_its_contract_does_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("boasting.pt");
    let original = std::fs::read(file("scripted.pt")).unwrap();
    for (confidence, loads) in [(false, true), (true, false)] {
        let contract = Contract {
            confidence,
            ..Contract::assumed("boasting".into(), 224, 68)
        };
        std::fs::write(&path, archive::with_contract(&original, &contract).unwrap()).unwrap();
        let loaded = load(&path);
        assert_eq!(loaded.is_ok(), loads, "{loaded:?}");
        if let Ok(model) = loaded {
            let prediction = model.predict(&crops(1, 224), 1).unwrap().remove(0);
            assert_eq!(prediction.certainty, None);
        }
    }
}

#[test]
fn spoilt_numbers_are_an_error_and_not_a_point() {
    let model = load(&file("listed-64.pt")).unwrap();
    let mut pixels = crops(2, 64);
    pixels[64 * 64 + 9] = f32::NAN;
    assert!(matches!(
        model.predict(&pixels, 2),
        Err(ModelError::NotFinite { .. })
    ));
}
