//! What `--json` prints, of every command that prints: one JSON value on standard output and nothing else.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use common::{synthetic_set, train};
use serde_json::{Value, json};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// What the program prints, run in `folder`.
fn printed(folder: &Path, arguments: &[&str]) -> Value {
    let output = Command::cargo_bin("pinkpoint")
        .unwrap()
        .args(arguments)
        .current_dir(folder)
        .assert()
        .success()
        .get_output()
        .clone();
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn of_a_data_set_all_that_was_counted_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_set(&folder.path().join("data"), 6);
    std::fs::remove_file(data.join("training/Person_2_05.jpg")).unwrap();
    let all = printed(folder.path(), &["dataset", "data", "--json"]);
    let training = &all["training"];
    assert_eq!(
        [
            &training["labelled"],
            &training["persons"],
            &training["points"],
            &training["odd"]["without_picture"]
        ],
        [&json!(5), &json!(3), &json!(68), &json!(["Person_2_05.jpg"])]
    );
    let width = &training["measures"]["width"];
    let number = |name: &str| width[name].as_f64().unwrap();
    assert!(
        90.0 <= number("least") && number("least") < number("median") && number("median") < number("most")
    );
    assert_eq!(all["test"]["labelled"], 2);
    assert_eq!(all["test_persons_in_training"], 1);
    // The first training picture is the first test picture.
    assert_eq!(
        all["same_pictures"][0],
        json!(["training/Person_0_00.jpg", "test/Person_0_00.jpg"])
    );
    assert!(folder.path().join(all["sheet"].as_str().unwrap()).is_file());
}

#[test]
fn persons_are_counted_only_where_names_say_who_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let five = fixture("schemes/five");
    let all = printed(folder.path(), &["dataset", five.to_str().unwrap(), "--json"]);
    assert_eq!(
        [&all["training"]["labelled"], &all["training"]["persons"]],
        [&json!(8), &Value::Null]
    );
}

#[test]
fn of_annotated_pictures_counts_and_times_are_printed() {
    let folder = tempfile::tempdir().unwrap();
    let photo = fixture("media/face.jpg");
    let weights = fixture("weights/steady-64.pt");
    let arguments = [
        "annotate",
        photo.to_str().unwrap(),
        "--keypoints",
        "points.csv",
        "--weights",
        weights.to_str().unwrap(),
        "--json",
    ];
    let all = printed(folder.path(), &arguments);
    assert_eq!(
        [&all["frames"], &all["faces"], &all["inputs"]],
        [1, 1, 1].map(|n| json!(n)).each_ref()
    );
    assert!(all["stage_ms"]["infer"].as_f64().unwrap() > 0.0);
    assert_eq!(all["problems"], json!([]));
}

#[test]
fn scores_and_what_is_exported_are_printed() {
    let folder = tempfile::tempdir().unwrap();
    synthetic_set(&folder.path().join("data"), 4);
    let run = folder.path().join("run");
    Command::from_std(train("--epochs 1 --batch 4", &folder.path().join("data"), &run))
        .assert()
        .success();
    let export = [
        "export",
        "run/checkpoint.safetensors",
        "--out",
        "net.pt",
        "--half",
        "--json",
    ];
    let exported = printed(folder.path(), &export);
    let size = folder.path().join("net.pt").metadata().unwrap().len();
    assert_eq!(
        [&exported["file"], &exported["bytes"]],
        [&json!("net.pt"), &json!(size)]
    );
    assert_eq!(
        [
            &exported["contract"]["name"],
            &exported["contract"]["scheme"]["count"]
        ],
        [&json!("net"), &json!(68)]
    );
    let said = &exported["contract"]["training"];
    assert!(
        said["data"].as_str().unwrap().starts_with("4 labelled pictures"),
        "{said}"
    );
    let report = printed(folder.path(), &["report", "run", "--out", "page.html", "--json"]);
    assert_eq!(report, json!({"report": "page.html"}));
    assert!(folder.path().join("page.html").is_file());
    export_with_another_recipe(folder.path(), &export);
    // A picture without a label is told of elsewhere.
    std::fs::copy(
        fixture("media/face.jpg"),
        folder.path().join("data/test/more.jpg"),
    )
    .unwrap();
    let labels = "data/test_frames_keypoints.csv";
    let scored = printed(
        folder.path(),
        &[
            "evaluate",
            "--json",
            "--weights",
            "net.pt",
            "--labels",
            labels,
            "--images",
            "data/test",
        ],
    );
    assert_eq!([&scored["n"], &scored["miss"]], [&json!(2), &json!(0)]);
    assert!(scored["nme_io_mean"].as_f64().unwrap() > 0.0);
}

/// A recipe beside a checkpoint that is damaged is told of, and one of another net not taken for its own.
fn export_with_another_recipe(folder: &Path, export: &[&str]) {
    let recipe = folder.join("run/config.json");
    let text = std::fs::read_to_string(&recipe).unwrap();
    let again = |recipe_text: &str| {
        std::fs::write(&recipe, recipe_text).unwrap();
        let mut command = Command::cargo_bin("pinkpoint").unwrap();
        command.args(export).current_dir(folder);
        command.assert()
    };
    again("{")
        .code(1)
        .stderr(predicates::str::contains("config.json"));
    let other = again(&text.replace("\"net\": \"course\"", "\"net\": \"naimish\"")).success();
    let other: Value = serde_json::from_slice(
        &other
            .stderr(predicates::str::contains("another net"))
            .get_output()
            .stdout,
    )
    .unwrap();
    assert_eq!(other["contract"]["training"]["recipe"], "");
    again(&text).success().stderr("");
}

#[test]
fn cameras_are_a_list() {
    let folder = tempfile::tempdir().unwrap();
    let listed = printed(folder.path(), &["cameras", "--json"]);
    assert_eq!(
        listed.as_array().unwrap().len(),
        pinkpoint::source::cameras::list().len()
    );
}

#[test]
fn schemes_are_printed_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let all = printed(folder.path(), &["scheme", "--json"]);
    assert_eq!(
        [&all["ibug68"]["count"], &all["five"]["count"]],
        [&json!(68), &json!(5)]
    );
    assert_eq!(printed(folder.path(), &["scheme", "five", "--json"]), all["five"]);
}
