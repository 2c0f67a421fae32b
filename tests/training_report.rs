//! What training tells others: the page about a run, and lines for other programs.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod common;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use common::synthetic_set;
use predicates::prelude::PredicateBooleanExt;
use serde_json::Value;

fn pinkpoint() -> assert_cmd::Command {
    assert_cmd::Command::cargo_bin("pinkpoint").unwrap()
}

/// A folder of its own with a data set in it, called as nobody should call one.
fn strange_set(folder: &Path) -> PathBuf {
    let data = folder.join("<script>alert(1)&\"'<b>");
    synthetic_set(&data, 12)
}

fn train(data: &Path, run: &Path) -> assert_cmd::Command {
    let options = "--net pinkpoint --epochs 2 --batch 4 --validation 0.3 --device cpu";
    assert_cmd::Command::from_std(common::train(options, data, run))
}

/// A run that came to its end, with the data set that it was trained on, and the folder of both.
fn finished_run() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let data = strange_set(folder.path());
    let run = folder.path().join("run");
    train(&data, &run).assert().success();
    (folder, data, run)
}

/// The rows of metrics.csv, by the names of the columns.
fn metrics(run: &Path) -> Vec<std::collections::HashMap<String, f64>> {
    let mut reader = csv::Reader::from_path(run.join("metrics.csv")).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

/// What a page shows, without its markup.
fn text_of(page: &str) -> String {
    let body = &page[page.find("<body>").unwrap()..];
    let mut text = String::new();
    let mut within = false;
    for character in body.chars() {
        match character {
            '<' => within = true,
            '>' => within = false,
            _ if !within => text.push(character),
            _ => {}
        }
    }
    text
}

#[test]
fn the_report_holds_what_the_run_gave_and_nothing_from_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let data = strange_set(folder.path());
    let run = folder.path().join("run <i>one</i>");
    train(&data, &run)
        .assert()
        .success()
        .stdout(predicates::str::contains("Report: ").and(predicates::str::contains("report.html")));
    let page = fs::read_to_string(run.join("report.html")).unwrap();

    let last = metrics(&run).pop().unwrap();
    let text = text_of(&page);
    for shown in [
        format!("{:.2}\u{202f}%", 100.0 * last["validation_nme"]),
        format!("{:.4}", last["training_loss"]),
        format!("{:.4}", last["validation_loss"]),
        "Finished: 2 epochs".into(),
        // Of the net with 68 points.
        "parameters".into(),
    ] {
        assert!(text.contains(&shown), "{shown} is not in: {text}");
    }
    for row in metrics(&run) {
        assert!(
            text.contains(&format!("{:.4}", row["validation_loss"])),
            "{row:?}"
        );
    }

    // Names are text, wherever they stand.
    assert!(!page.contains("<script") && !page.contains("<i>one") && !page.contains("<b>"));
    assert!(text.contains("&lt;script&gt;alert(1)&amp;"), "{text}");
    // Nothing is fetched.
    for word in ["http://", "https://", "src=\"/", "url(", "@import", "<link"] {
        assert!(!page.contains(word), "{word}");
    }
    let pictures: Vec<&str> = page
        .split("<img ")
        .skip(1)
        .map(|rest| rest.split('>').next().unwrap())
        .collect();
    // Both kinds of filters, and the faces held back, each once.
    assert!(pictures.len() >= 2 + 2, "{}", pictures.len());
    for picture in pictures {
        assert!(
            picture.starts_with("src=\"data:image/"),
            "{}",
            &picture[..40.min(picture.len())]
        );
        assert!(picture.contains("alt=\"") && !picture.contains("alt=\"\""));
    }
    assert!(page.contains("<svg") && page.matches("role=\"img\" aria-label=\"").count() >= 3);
    assert!(page.contains("prefers-color-scheme: dark") && page.contains("@media print"));
}

#[test]
fn the_command_in_the_report_gives_the_same_run() {
    let (folder, _data, run) = finished_run();
    let page = fs::read_to_string(run.join("report.html")).unwrap();
    let code = page
        .split("<pre><code>")
        .nth(1)
        .unwrap()
        .split("</code>")
        .next()
        .unwrap();
    let command = code
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&amp;", "&");
    // A shell reads it, as whoever copies it would have one do.
    let program = Path::new(env!("CARGO_BIN_EXE_pinkpoint")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-c", &command])
        .current_dir(folder.path())
        .env("PATH", path)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{command}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let checkpoint = |run: &str| fs::read(folder.path().join(run).join("checkpoint.safetensors")).unwrap();
    assert!(checkpoint("run") == checkpoint("again"), "{command}");
}

#[test]
fn a_report_of_an_older_run_says_what_it_cannot_know() {
    let (folder, data, run) = finished_run();
    fs::rename(&data, folder.path().join("elsewhere")).unwrap();
    // From before there were such files.
    fs::remove_file(run.join("sittings.json")).unwrap();
    let page = folder.path().join("page.html");
    let checkpoint = fs::read(run.join("checkpoint.safetensors")).unwrap();
    pinkpoint()
        .arg("report")
        .arg(&run)
        .arg("--out")
        .arg(&page)
        .assert()
        .success()
        .stdout(predicates::str::contains("page.html"));
    let text = text_of(&fs::read_to_string(page).unwrap());
    assert!(
        text.contains("No faces are shown: ") && text.contains("from an earlier version"),
        "{text}"
    );
    assert!(
        text.contains(&format!("{:.4}", metrics(&run)[1]["validation_loss"])),
        "{text}"
    );
    assert!(fs::read(run.join("checkpoint.safetensors")).unwrap() == checkpoint);
}

#[test]
fn a_report_says_what_was_changed_on_the_way() {
    let (_folder, data, run) = finished_run();
    let page = || text_of(&fs::read_to_string(run.join("report.html")).unwrap());
    assert!(page().contains("gives the same net, bit for bit"), "{}", page());
    // The step size falls along the whole of the run, whose end is elsewhere now.
    let longer = |epochs: &str| {
        let mut command = pinkpoint();
        command.args(["train", "--epochs", epochs, "--resume"]).arg(&run);
        command.assert().success();
    };
    longer("3");
    assert!(
        page().contains("the number of epochs") && !page().contains("same net, bit for bit"),
        "{}",
        page()
    );

    let rates = |results: &pinkpoint::train::Results| -> Vec<f64> {
        (0..results.losses.len())
            .map(|step| results.learning_rate_after(step))
            .collect()
    };
    let results = pinkpoint::train::Run::open(&run).unwrap().results().unwrap();
    let per_epoch = results.steps_per_epoch;
    let rates = rates(&results);
    let config = &results.config;
    assert_eq!(
        rates[per_epoch],
        config.learning_rate_at(0.5),
        "as it was, of two epochs"
    );
    assert_eq!(rates[2 * per_epoch], config.learning_rate_at(2.0 / 3.0));
    assert_eq!(results.epochs_done, 3);

    // Begun with another libtorch.
    let sittings = run.join("sittings.json");
    let text = fs::read_to_string(&sittings).unwrap();
    let mut noted: Value = serde_json::from_str(&text).unwrap();
    let epochs = noted[1]["epochs"].clone();
    noted[0]["epochs"] = epochs;
    let with = |first: &str, second: &str| {
        let mut noted = noted.clone();
        noted[0]["libtorch"] = first.into();
        noted[1]["libtorch"] = second.into();
        fs::write(&sittings, noted.to_string()).unwrap();
        pinkpoint().arg("report").arg(&run).assert().success();
        page()
    };
    let text_of_other = with("1.0", "2.0");
    assert!(
        text_of_other.contains("Changed on the way: libtorch's version."),
        "{text_of_other}"
    );
    assert!(with("2.0", "2.0").contains("same net, bit for bit"));
    assert!(
        with("", "2.0").contains("same net, bit for bit"),
        "not known is no other"
    );

    // Begun on a device that is not here, and on other data by now.
    fs::write(&sittings, text.replacen("\"cpu\"", "\"cuda:99\"", 1)).unwrap();
    synthetic_set(&data, 16);
    pinkpoint().arg("report").arg(&run).assert().success();
    let text = page();
    assert!(
        text.contains("the device was changed") || text.contains("and the device"),
        "{text}"
    );
    assert!(
        text.contains("drawn by the device that the run began on"),
        "{text}"
    );
    assert!(text.contains("No faces are shown: it was trained on"), "{text}");
    assert!(!text.contains("train again"), "{text}");
}

/// A run in training whose report is never written: nobody reads what stands in its place.
fn run_without_end_of_its_report(folder: &Path, options: &str) -> Child {
    let data = synthetic_set(&folder.join("data"), 8);
    let run = folder.join("run");
    fs::create_dir(&run).unwrap();
    let made = Command::new("mkfifo").arg(run.join("report.html")).status();
    assert!(made.unwrap().success());
    common::train(options, &data, &run)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn interrupt(child: &Child) {
    Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
}

#[test]
fn ctrl_c_leaves_the_report_of_a_run_that_is_done_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = run_without_end_of_its_report(folder.path(), "--json --epochs 1 --batch 4");
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    assert!(lines.any(|line| line.contains("\"event\":\"epoch\"")));
    // Until it is known that all is saved, it does nothing.
    let ended = (0..1200).find_map(|_| {
        interrupt(&child);
        std::thread::sleep(Duration::from_millis(50));
        child.try_wait().unwrap()
    });
    if ended.is_none() {
        child.kill().unwrap();
    }
    assert_eq!(ended.and_then(|status| status.code()), Some(0));
    let last: Value = serde_json::from_str(&lines.last().unwrap()).unwrap();
    assert_eq!(last["event"], "done");
}

#[test]
fn a_second_ctrl_c_leaves_the_report_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = run_without_end_of_its_report(folder.path(), "--json --epochs 1000 --batch 1");
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    assert!(lines.any(|line| line.contains("step")));
    interrupt(&child);
    assert!(lines.any(|line| line.contains("Everything is saved")));
    interrupt(&child);
    let last: Value = serde_json::from_str(&lines.last().unwrap()).unwrap();
    assert_eq!(last["event"], "stopped");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("train --resume"));
}

#[test]
fn what_is_no_run_has_no_report() {
    let folder = tempfile::tempdir().unwrap();
    let report = |arguments: &[&Path], message: &'static str| {
        pinkpoint()
            .arg("report")
            .args(arguments)
            .assert()
            .code(1)
            .stderr(predicates::str::contains(message));
    };
    report(&[folder.path()], "config.json");
    report(&[&folder.path().join("nowhere")], "config.json");
    let data = synthetic_set(&folder.path().join("data"), 6);
    let run = folder.path().join("run");
    let config = pinkpoint::train::TrainConfig {
        device: "cpu".into(),
        ..pinkpoint::train::TrainConfig::usual(pinkpoint::network::Architecture::Pinkpoint, vec![data])
    };
    pinkpoint::train::Run::create(&run, config).unwrap();
    report(&[&run], "nothing has come of it yet");
    assert!(!run.join("report.html").exists());
    fs::write(run.join("checkpoint.safetensors"), "damaged").unwrap();
    report(&[&run], "checkpoint");
}

#[test]
fn a_report_that_cannot_be_written_is_told_and_leaves_the_run_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_set(&folder.path().join("data"), 6);
    let run = folder.path().join("run");
    fs::create_dir_all(run.join("report.html")).unwrap();
    train(&data, &run).assert().success().stderr(
        predicates::str::contains("no report was written").and(predicates::str::contains("in the way")),
    );
    assert!(run.join("net.pt").is_file());
    pinkpoint()
        .arg("report")
        .arg(&run)
        .assert()
        .code(1)
        .stderr(predicates::str::contains("in the way"));
    let out = folder.path().join("no/such/folder/page.html");
    pinkpoint()
        .arg("report")
        .arg(&run)
        .arg("--out")
        .arg(out)
        .assert()
        .code(1)
        .stderr(predicates::str::contains("no/such/folder"));
}

fn parsed(stdout: &[u8]) -> Vec<Value> {
    let lines = std::str::from_utf8(stdout).unwrap().lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect()
}

fn events(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["event"].as_str().unwrap()).collect()
}

#[test]
fn every_line_for_programs_is_an_object() {
    let folder = tempfile::tempdir().unwrap();
    let data = strange_set(folder.path());
    let run = folder.path().join("run");
    let output = train(&data, &run)
        .arg("--json")
        .assert()
        .success()
        .get_output()
        .clone();
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines = parsed(&output.stdout);
    let ready = &lines[0];
    let (per_epoch, training) = (
        ready["steps_per_epoch"].as_u64().unwrap(),
        ready["training"].as_u64().unwrap(),
    );
    assert_eq!(
        (ready["net"].as_str(), ready["epochs"].as_u64()),
        (Some("pinkpoint"), Some(2))
    );
    assert_eq!(
        (per_epoch, ready["steps_done"].as_u64()),
        (training.div_ceil(4), Some(0))
    );
    let epoch = [vec!["step"; per_epoch as usize], vec!["epoch"]].concat();
    let expected = [&["ready"][..], &epoch, &epoch, &["report", "done"]].concat();
    assert_eq!(events(&lines), expected);
    let steps = lines.iter().filter(|line| line["event"] == "step");
    for (number, step) in (1..).zip(steps) {
        assert_eq!(step["step"], number);
        assert!(step["loss"].as_f64().unwrap() > 0.0 && step["learning_rate"].is_number());
    }
    let epochs = lines.iter().filter(|line| line["event"] == "epoch");
    for (line, row) in epochs.zip(metrics(&run)) {
        assert_eq!(line["step"].as_u64().unwrap(), row["epoch"] as u64 * per_epoch);
        for (name, value) in row {
            // Readers of numbers differ in the last digit.
            let apart = (line[&name].as_f64().unwrap() - value).abs();
            assert!(apart <= 1e-12 * value.abs(), "{name} in {line}");
        }
    }

    // A run that goes on counts on.
    let output = pinkpoint()
        .args(["train", "--json", "--epochs", "3", "--resume"])
        .arg(&run)
        .assert()
        .success()
        .get_output()
        .clone();
    let lines = parsed(&output.stdout);
    assert_eq!(
        (&lines[0]["steps_done"], &lines[1]["step"]),
        (&(2 * per_epoch).into(), &(2 * per_epoch + 1).into())
    );
    assert_eq!(lines.last().unwrap()["run"], run.display().to_string());
}

#[test]
fn programs_are_told_how_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_set(&folder.path().join("data"), 8);
    // Steps as large as that end in infinity.
    let options = "--json --learning-rate 1e30 --epochs 50 --validation 0";
    let command = common::train(options, &data, &folder.path().join("diverged"));
    let output = assert_cmd::Command::from_std(command)
        .assert()
        .code(1)
        .get_output()
        .clone();
    let lines = parsed(&output.stdout);
    let last = lines.last().unwrap();
    assert_eq!(last["event"], "failed");
    assert!(last["why"].as_str().unwrap().contains("learning rate"), "{last}");

    // Before anything began.
    let nowhere = folder.path().join("nowhere");
    let command = common::train("--json", &nowhere, &folder.path().join("never"));
    let output = assert_cmd::Command::from_std(command)
        .assert()
        .code(1)
        .get_output()
        .clone();
    let lines = parsed(&output.stdout);
    assert_eq!(events(&lines), ["failed"]);
    assert!(lines[0]["why"].as_str().unwrap().contains("nowhere"), "{lines:?}");

    let stopped = folder.path().join("stopped");
    let mut child = common::train("--json --epochs 1000 --batch 1", &data, &stopped)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    stdout.read_line(&mut first).unwrap();
    stdout.read_line(&mut first).unwrap();
    let pid = child.id().to_string();
    Command::new("kill").args(["-INT", &pid]).status().unwrap();
    let rest: Vec<String> = stdout.lines().map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let lines = parsed((first + &rest.join("\n")).as_bytes());
    let told = events(&lines);
    assert_eq!(
        (told[0], told[told.len() - 2], told[told.len() - 1]),
        ("ready", "report", "stopped")
    );
    let page = fs::read_to_string(folder.path().join("stopped/report.html")).unwrap();
    assert!(page.contains("the net that the run will have given at its end"));
}
