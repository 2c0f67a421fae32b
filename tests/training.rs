//! Training on a small set of made-up pictures: resuming is exact, the optimisers are the known ones, and what a
//! run leaves behind can be used.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::Stdio,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use common::synthetic_set;
use image::GrayImage;
use pinkpoint::{
    evaluate::{Outcome, score},
    geometry::{OutputScale, Point},
    keypoints::PointScheme,
    model::DeviceChoice,
    network::Architecture,
    train::{Event, Finish, Optimiser, OptimiserKind, Precision, Run, Schedule, TrainConfig},
    transform::Sample,
};
use predicates::prelude::PredicateBooleanExt;
use rand::SeedableRng;
use rand_pcg::Pcg64;
use tch::{
    Device, Kind, Tensor,
    nn::{self, OptimizerConfig},
};

/// libtorch has one generator of random numbers for the process: tests that draw from it take turns.
static GENERATOR: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    GENERATOR.lock().unwrap_or_else(PoisonError::into_inner)
}

fn recipe(data: &Path, optimiser: OptimiserKind) -> TrainConfig {
    TrainConfig {
        epochs: 2,
        batch_size: 2,
        optimiser,
        schedule: Schedule::Cosine,
        seed: 5,
        device: "cpu".into(),
        validation: 0.25,
        ..TrainConfig::usual(Architecture::Course, vec![data.to_path_buf()])
    }
}

/// Trains, and asks to stop after so many steps where a number is given.
fn train(run: &Run, stop_after: Option<usize>) -> Finish {
    let stop = AtomicBool::new(false);
    let mut steps = 0;
    run.train(&stop, &mut |event| {
        if let Event::Step(_) = event {
            steps += 1;
            if Some(steps) == stop_after {
                stop.store(true, Ordering::Relaxed);
            }
        }
    })
    .unwrap()
}

/// The recipe of the program's own net, with everything that has a state of its own.
fn own_recipe(data: &Path) -> TrainConfig {
    TrainConfig {
        epochs: 2,
        batch_size: 4,
        warm_up: 0.3,
        average: 0.9,
        seed: 5,
        device: "cpu".into(),
        validation: 0.25,
        ..TrainConfig::usual(Architecture::Pinkpoint, vec![data.to_path_buf()])
    }
}

#[test]
fn a_stopped_run_goes_on_bit_for_bit() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_set(&folder.path().join("data"), 16);
    let recipes = [
        recipe(&data, OptimiserKind::Rmsprop),
        recipe(&data, OptimiserKind::Adam),
        own_recipe(&data),
        TrainConfig {
            precision: Precision::Bf16,
            ..own_recipe(&data)
        },
    ];
    for (number, recipe) in recipes.into_iter().enumerate() {
        let whole = folder.path().join(format!("whole-{number}"));
        let parts = folder.path().join(format!("parts-{number}"));
        let run = Run::create(&whole, recipe.clone()).unwrap();
        assert_eq!(train(&run, None), Finish::Done);

        // Stopped in the middle of the first epoch, and once more in the second; watched in a preview and by a report.
        let mut run = Run::create(&parts, recipe.clone()).unwrap();
        run.preview_every(Duration::ZERO);
        assert_eq!(train(&run, Some(2)), Finish::Stopped);
        assert!(parts.join("preview.pt").is_file());
        run.results().unwrap();
        let mut run = Run::open(&parts).unwrap();
        run.preview_every(Duration::ZERO);
        assert_eq!(train(&run, Some(2)), Finish::Stopped);
        assert_eq!(train(&Run::open(&parts).unwrap(), None), Finish::Done);

        let read = |folder: &Path| std::fs::read(folder.join("checkpoint.safetensors")).unwrap();
        assert!(read(&whole) == read(&parts), "{recipe:?}: the checkpoints differ");
        let losses = |folder: &Path| -> Vec<String> {
            let text = std::fs::read_to_string(folder.join("metrics.csv")).unwrap();
            // All columns but the last, which is wall time.
            let without_time = |line: &str| line.rsplit_once(',').unwrap().0.to_owned();
            text.lines().map(without_time).collect()
        };
        assert_eq!(losses(&whole), losses(&parts));
        assert_eq!(losses(&whole).len(), 3, "a header and two epochs");
        for file in ["config.json", "loss.png", "net.pt"] {
            assert!(whole.join(file).is_file(), "{file}");
        }
    }
}

#[test]
fn the_optimisers_step_as_tchs_own_do() {
    for kind in [OptimiserKind::Rmsprop, OptimiserKind::Adam, OptimiserKind::Adamw] {
        // A kernel: AdamW leaves what has one dimension alone.
        let start = Tensor::from_slice(&[0.5f32, -2.0, 3.0]).view([1, 3]);
        let target = Tensor::from_slice(&[1.0f32, 1.0, -1.0]);
        let loss = |p: &Tensor| (p - &target).pow_tensor_scalar(4).sum(Kind::Float);

        let own = start.copy().set_requires_grad(true);
        let mut optimiser = Optimiser::new(kind, 0.05, vec![("p".into(), own.shallow_clone())]);

        let vs = nn::VarStore::new(Device::Cpu);
        let theirs = vs.root().var_copy("p", &start);
        let mut reference = match kind {
            OptimiserKind::Rmsprop => nn::RmsProp::default().build(&vs, 0.01).unwrap(),
            OptimiserKind::Adam => nn::Adam::default().build(&vs, 0.01).unwrap(),
            OptimiserKind::Adamw => nn::AdamW {
                wd: 0.05,
                ..nn::AdamW::default()
            }
            .build(&vs, 0.01)
            .unwrap(),
            OptimiserKind::Muon => unreachable!("tch has none"),
        };
        for step in 0..50 {
            optimiser.step(&loss(&own), 0.01);
            reference.backward_step(&loss(&theirs));
            let apart = f64::try_from((&own - &theirs).abs().max()).unwrap();
            assert!(apart < 1e-5, "{kind:?}, step {step}: {apart}");
        }
        assert!(f64::try_from((&own - &start).abs().max()).unwrap() > 0.1);
    }
}

#[test]
fn a_net_is_scored_and_used_on_the_scale_that_it_is_trained_on() {
    const SIDE: u32 = 400;
    let net = Architecture::Course;
    let contract = net.contract(PointScheme::unnamed(2));
    let labelled = vec![Point::new(190.0, 200.0), Point::new(210.0, 200.0)];
    let sample = Sample::new(GrayImage::new(SIDE, SIDE), labelled.clone());
    let mut generator = Pcg64::seed_from_u64(1);
    let trained = net
        .training_transform(&contract.scheme)
        .unwrap()
        .apply(sample, &mut generator);
    let targets = trained.unwrap().keypoints;

    // The random crop moves both points alike: their distance in crop pixels is that in the crop a net is used on.
    let crop = contract.crop_of_picture(SIDE, SIDE).unwrap();
    let pixels = contract.points(&[targets[0].x, targets[0].y, targets[1].x, targets[1].y]);
    assert_eq!(contract.output, OutputScale::COURSE);
    let used = labelled
        .iter()
        .map(|&p| crop.crop_from_frame(p))
        .collect::<Vec<_>>();
    let (trained_on, used_on) = (pixels[0].distance(pixels[1]), used[0].distance(used[1]));
    assert!((trained_on - used_on).abs() < 1e-3, "{trained_on} {used_on}");

    // The course's MSE of points that are exchanged is the mean square of what training calls their distance.
    let outcome = Outcome {
        name: "exchanged".into(),
        predicted: Some(vec![labelled[1], labelled[0]]),
        labelled,
        crop_extent: crop.extent,
    };
    let mse = score(&[outcome], &contract.scheme).mse_course.unwrap();
    let expected = f64::from(targets[0].distance(targets[1])).powi(2) / 2.0;
    assert!((mse - expected).abs() < 1e-5, "{mse} {expected}");
}

/// A folder with `keypoints.csv` and `images/` made of a set's training part, under names that say nothing of persons.
fn plain_set(folder: &Path, count: usize) -> std::path::PathBuf {
    let set = synthetic_set(&folder.join("made-of"), count);
    let plain = folder.join("plain");
    std::fs::create_dir_all(plain.join("images")).unwrap();
    let text = std::fs::read_to_string(set.join("training_frames_keypoints.csv")).unwrap();
    let text = text.replace("Person_", "photo_");
    std::fs::write(plain.join("keypoints.csv"), text).unwrap();
    for entry in set.join("training").read_dir().unwrap() {
        let entry = entry.unwrap();
        let name = entry
            .file_name()
            .into_string()
            .unwrap()
            .replace("Person_", "photo_");
        std::fs::copy(entry.path(), plain.join("images").join(name)).unwrap();
    }
    plain
}

#[test]
fn several_sets_are_trained_on_together_and_names_are_left_out_of_all() {
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_set(&folder.path().join("data"), 8);
    let plain = plain_set(folder.path(), 8);
    let list = folder.path().join("left-out.txt");
    // All of person 1 of the set; of the photographs, of whom nobody knows the persons, the one.
    std::fs::write(&list, "Person_1_02.jpg\nphoto_1_02.jpg\nPersn_3\n").unwrap();
    let pictures = folder.path().join("pictures.csv");
    std::fs::write(
        &pictures,
        "name,why\nPerson_3_06.jpg,blurred\nphoto_3_06.jpg\nPersn_2_05.jpg\n\n",
    )
    .unwrap();
    let options = "--net pinkpoint --epochs 1 --batch 16 --validation 0";
    let mut command = common::train(options, &data, &folder.path().join("run"));
    command.arg("--data").arg(&plain).arg("--leave-out").arg(&list);
    command.arg("--leave-out-pictures").arg(&pictures);
    assert_cmd::Command::from_std(command).assert().success().stdout(
        predicates::str::contains("11 pictures to train on")
            .and(predicates::str::contains("5 left out"))
            .and(predicates::str::contains(
                "not in the data, and so not left out (all right where a list is for several sets): Persn_3, Persn_2_05.jpg\n",
            )),
    );
    let run = Run::open(&folder.path().join("run")).unwrap();
    assert_eq!(run.config().data, [data.clone(), plain.clone()]);
    assert_eq!(run.config().data_name(), "data and plain");
    let names = ["Persn_3", "Person_1_02.jpg", "photo_1_02.jpg"];
    assert_eq!(run.config().persons_left_out(), names, "as they were given");
    let twice = TrainConfig {
        data: vec![plain.clone(), plain, data],
        ..run.config().clone()
    };
    assert_eq!(twice.data_name(), "plain (2 times) and data");
}

#[test]
fn a_list_of_what_to_leave_out_that_fits_nothing_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_set(&folder.path().join("data"), 8);
    let names = |name: &str| [name.to_owned()].into();
    let refused = |left_out: &str, left_out_pictures: &str| {
        let config = TrainConfig {
            left_out: names(left_out),
            left_out_pictures: names(left_out_pictures),
            ..recipe(&data, OptimiserKind::Rmsprop)
        };
        Run::create(&folder.path().join("run"), config)
            .unwrap_err()
            .to_string()
    };
    let message = refused("Person_1", "Person_3.jpg");
    assert!(message.contains("none of the pictures"), "{message}");
    let message = refused("Nobody", "Person_3_06.jpg");
    assert!(message.contains("none of the persons"), "{message}");
    assert!(!folder.path().join("run").exists());
}

#[test]
fn sets_in_another_order_are_no_way_to_go_on() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_set(&folder.path().join("data"), 6);
    let plain = plain_set(folder.path(), 8);
    let config = TrainConfig {
        data: vec![data.clone(), plain.clone()],
        ..recipe(&data, OptimiserKind::Rmsprop)
    };
    let mut run = Run::create(&folder.path().join("run"), config).unwrap();
    train(&run, Some(1));
    run.amend(None, vec![plain.clone(), data.clone()], None).unwrap();
    let never = AtomicBool::new(false);
    let message = run.train(&never, &mut |_| ()).unwrap_err().to_string();
    assert!(message.contains("same order"), "{message}");
    run.amend(None, vec![data, plain], None).unwrap();
    assert_eq!(run.train(&never, &mut |_| ()).unwrap(), Finish::Done);
}

#[test]
fn an_optimiser_without_weight_decay_needs_no_option_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_set(&folder.path().join("data"), 4);
    let options = "--net pinkpoint --optimiser adam --epochs 1 --validation 0";
    let command = common::train(options, &data, &folder.path().join("run"));
    assert_cmd::Command::from_std(command).assert().success();
    let run = Run::open(&folder.path().join("run")).unwrap();
    assert_eq!(run.config().weight_decay, 0.0);
}

#[test]
fn recipes_from_before_there_were_several_sets_can_be_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"{ "net": "course", "data": "data/youtube-faces", "epochs": 3, "batch_size": 16, "loss": "mse",
        "optimiser": "rmsprop", "learning_rate": 1e-4, "schedule": "constant", "seed": 1, "threads": 2,
        "device": "cpu", "validation": 0.1, "left_out": [] }"#;
    std::fs::write(folder.path().join("config.json"), text).unwrap();
    let config = Run::open(folder.path()).unwrap().config().clone();
    assert_eq!(config.data, [Path::new("data/youtube-faces")]);
    assert_eq!((config.average, config.precision), (0.0, Precision::Single));
    assert_eq!(
        config.in_words(),
        "3 epochs, batches of 16, mse loss, rmsprop, learning rate 1e-4 (constant), seed 1"
    );
}

#[test]
fn the_step_size_rises_and_then_falls() {
    let config = own_recipe(Path::new("data"));
    let rates: Vec<f64> = (0..=100)
        .map(|part| config.learning_rate_at(f64::from(part) / 100.0))
        .collect();
    assert_eq!(rates[0], 0.0);
    assert!((rates[15] - config.learning_rate / 2.0).abs() < 1e-9);
    assert!((rates[30] - config.learning_rate).abs() < 1e-9);
    assert!(rates[..30].is_sorted() && rates[30..].is_sorted_by(|a, b| a >= b));
    assert!((rates[100] - config.learning_rate / 100.0).abs() < 1e-9);
}

#[test]
fn a_recipe_that_makes_no_sense_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_set(&folder.path().join("data"), 4);
    let damage: [fn(&mut TrainConfig); 13] = [
        |c| c.epochs = 0,
        |c| c.batch_size = 0,
        |c| c.learning_rate = f64::NAN,
        |c| c.validation = 1.0,
        |c| c.threads = 0,
        |c| c.threads = u32::MAX,
        |c| c.device = "cuda:99".into(),
        |c| c.data = vec!["nowhere".into()],
        |c| c.data.clear(),
        |c| c.average = 1.0,
        |c| c.warm_up = -0.1,
        |c| c.weight_decay = 0.1,
        |c| c.precision = Precision::Bf16,
    ];
    for change in damage {
        let mut config = recipe(&data, OptimiserKind::Adam);
        change(&mut config);
        assert!(Run::create(&folder.path().join("run"), config).is_err());
        assert!(!folder.path().join("run").exists());
    }
}

#[test]
fn a_damaged_checkpoint_or_other_data_are_errors() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_set(&folder.path().join("data"), 6);
    let path = folder.path().join("run");
    let mut config = recipe(&data, OptimiserKind::Rmsprop);
    config.epochs = 1;
    let mut run = Run::create(&path, config.clone()).unwrap();
    train(&run, None);
    assert!(
        Run::create(&path, config)
            .unwrap_err()
            .to_string()
            .contains("--resume"),
        "a run that is there is not overwritten"
    );

    let fewer = synthetic_set(&folder.path().join("fewer"), 4);
    run.amend(Some(2), vec![fewer], None).unwrap();
    let never = AtomicBool::new(false);
    let message = run.train(&never, &mut |_| ()).unwrap_err().to_string();
    assert!(
        message.contains("on 4 pictures") && message.contains("give 2"),
        "{message}"
    );

    run.amend(None, vec![data], None).unwrap();
    let bytes = std::fs::read(run.checkpoint_path()).unwrap();
    std::fs::write(run.checkpoint_path(), &bytes[..bytes.len() / 2]).unwrap();
    let message = run.train(&never, &mut |_| ()).unwrap_err().to_string();
    assert!(message.contains("checkpoint"), "{message}");
    assert!(Run::open(&folder.path().join("nothing")).is_err());
}

#[test]
fn a_checkpoint_whose_numbers_do_not_fit_together_is_an_error() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_set(&folder.path().join("data"), 6);
    let run = Run::create(&folder.path().join("run"), recipe(&data, OptimiserKind::Rmsprop)).unwrap();
    assert_eq!(train(&run, Some(2)), Finish::Stopped);
    let whole = Tensor::read_safetensors(run.checkpoint_path()).unwrap();
    for (entry, value) in [
        ("progress/losses", Tensor::from_slice(&[0.5f32])),
        ("progress/place", Tensor::from_slice(&[1i64, 2, 4])),
    ] {
        let mut damaged: Vec<(String, Tensor)> = whole.iter().map(|(n, t)| (n.clone(), t.copy())).collect();
        let place = damaged.iter().position(|(name, _)| name == entry).unwrap();
        assert_eq!(damaged[place].1.kind(), value.kind());
        damaged[place].1 = value;
        Tensor::write_safetensors(&damaged, run.checkpoint_path()).unwrap();
        let message = run.train(&AtomicBool::new(false), &mut |_| ()).unwrap_err();
        let message = message.to_string();
        assert!(
            message.contains("checkpoint") && message.contains("losses"),
            "{message}"
        );
    }
}

#[test]
fn a_run_keeps_its_device_and_stays_as_it_is_when_it_cannot_be_amended() {
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_set(&folder.path().join("data"), 6);
    let path = folder.path().join("run");
    let mut config = recipe(&data, OptimiserKind::Rmsprop);
    config.device = "auto".into();
    let mut run = Run::create(&path, config).unwrap();
    let device = run.config().device.clone();
    assert!(device == "cpu" || device.starts_with("cuda:"), "{device}");
    assert_eq!(Run::open(&path).unwrap().config().device, device);

    assert!(run.amend(Some(7), vec!["nowhere".into()], None).is_err());
    assert!(
        run.amend(Some(7), Vec::new(), Some(DeviceChoice::Cuda(99)))
            .is_err()
    );
    for config in [run.config(), Run::open(&path).unwrap().config()] {
        assert_eq!((config.epochs, &config.data), (2, &vec![data.clone()]));
        assert_eq!(config.device, device);
    }
}

#[test]
fn what_does_not_match_is_reported_and_not_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_set(&folder.path().join("data"), 6);
    std::fs::rename(
        data.join("training/Person_1_02.jpg"),
        data.join("training/Nobody.jpg"),
    )
    .unwrap();
    let command = common::train("--epochs 1 --validation 0", &data, &folder.path().join("run"));
    assert_cmd::Command::from_std(command).assert().success().stdout(
        predicates::str::contains("5 pictures to train on").and(predicates::str::contains(
            "pictures without labels: 1; labels without pictures: 1",
        )),
    );
}

#[test]
fn ctrl_c_saves_and_says_how_to_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_set(&folder.path().join("data"), 6);
    let run = folder.path().join("run");
    let mut child = common::train("--epochs 1000 --batch 1", &data, &run)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("to train on"));
    assert!(lines.next().unwrap().unwrap().contains("1/1000"));
    let pid = child.id().to_string();
    std::process::Command::new("kill")
        .args(["-INT", &pid])
        .status()
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("train --resume"), "{message}");
    assert!(run.join("checkpoint.safetensors").is_file());

    let metrics = std::fs::read_to_string(run.join("metrics.csv")).unwrap();
    let epochs = metrics.lines().count().to_string();
    assert_cmd::Command::cargo_bin("pinkpoint")
        .unwrap()
        .args(["train", "--epochs", &epochs, "--resume"])
        .arg(&run)
        .assert()
        .success()
        .stdout(predicates::str::contains("Going on after step"));
}

#[test]
fn the_command_names_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_set(&folder.path().join("data"), 4);
    let train = |arguments: &[&str], code: i32, message: &str| {
        assert_cmd::Command::cargo_bin("pinkpoint")
            .unwrap()
            .current_dir(folder.path())
            .arg("train")
            .args(arguments)
            .assert()
            .code(code)
            .stderr(predicates::str::contains(message));
    };
    std::fs::write(folder.path().join("nobody.txt"), "Nobody_Known\n").unwrap();
    let data = data.to_str().unwrap();
    train(&["--out", "run"], 2, "--data");
    train(&["--data", "nowhere", "--out", "run"], 1, "nowhere");
    train(&["--data", data, "--out", "run", "--loss", "none"], 2, "mse");
    train(&["--data", data, "--out", "run", "--net", "vgg"], 2, "course");
    train(
        &["--data", data, "--out", "run", "--device", "cuda:9"],
        1,
        "cuda:9",
    );
    train(
        &["--data", data, "--out", "run", "--leave-out", "nobody.txt"],
        1,
        "leave out",
    );
    train(
        &["--data", data, "--out", "run", "--leave-out", "missing.txt"],
        1,
        "missing.txt",
    );
    train(&["--data", data, "--out", "nobody.txt/run"], 1, "nobody.txt");
    train(
        &["--data", data, "--out", "run", "--threads", "4294967295"],
        1,
        "1 to 1024",
    );
    assert!(
        !folder.path().join("run").exists(),
        "a wrong argument leaves nothing behind"
    );
    train(&["--resume", "nowhere"], 1, "config.json");
    train(&["--resume", "nowhere", "--seed", "3"], 2, "cannot be used with");
}
