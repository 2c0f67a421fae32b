//! `pinkpoint annotate` and `pinkpoint cameras` from outside: what is written, and what is not when something is wrong.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use image::RgbaImage;
use pinkpoint::source::{self, SourceSpec};
use predicates::prelude::*;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// The command with a small net of made-up parameters: its points are nowhere in particular, but there are 68.
fn annotate() -> Command {
    let mut command = Command::cargo_bin("pinkpoint").unwrap();
    command
        .args(["annotate", "--device", "cpu", "--weights"])
        .arg(fixture("weights/scripted.pt"));
    command
}

fn frames_of(path: &Path) -> Vec<RgbaImage> {
    let mut source = source::open(&SourceSpec::File(path.into())).unwrap();
    std::iter::from_fn(|| source.next_picture().unwrap().map(|grab| grab.picture)).collect()
}

fn rows_of(path: &Path) -> Vec<csv::StringRecord> {
    csv::Reader::from_path(path)
        .unwrap()
        .records()
        .map(Result::unwrap)
        .collect()
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|name| name.display().to_string()).collect();
    names.sort();
    names
}

#[test]
fn a_video_is_annotated_frame_by_frame() {
    let folder = tempfile::tempdir().unwrap();
    let [out, csv, stats] = ["out.mp4", "points.csv", "stats.json"].map(|name| folder.path().join(name));
    // Only a net that sees the face can follow it.
    let net = Path::new(env!("CARGO_MANIFEST_DIR")).join("weights/course-long.pt");
    let mut command = Command::cargo_bin("pinkpoint").unwrap();
    command
        .args(["annotate", "--device", "cpu", "--weights"])
        .arg(net)
        .arg(fixture("media/face.mp4"))
        .arg("--out")
        .arg(&out)
        .arg("--keypoints")
        .arg(&csv)
        .arg("--stats")
        .arg(&stats)
        .assert()
        .success()
        .stderr(predicate::str::is_empty())
        .stdout(predicate::str::contains("12 frames, 12 faces"));
    assert_eq!(names_in(folder.path()), ["out.mp4", "points.csv", "stats.json"]);

    let (before, after) = (frames_of(&fixture("media/face.mp4")), frames_of(&out));
    assert_eq!(after.len(), 12);
    assert!(
        before
            .iter()
            .zip(&after)
            .all(|(a, b)| a.dimensions() == b.dimensions())
    );

    let rows = rows_of(&csv);
    assert_eq!(rows.len(), 12);
    for (n, row) in rows.iter().enumerate() {
        assert_eq!(row.len(), 9 + 2 * 136);
        assert_eq!((&row[1], &row[3], &row[4]), (&*n.to_string(), "0", ""));
        let time: f64 = row[2].parse().unwrap();
        assert!((time - n as f64 / 15.0).abs() < 0.002, "{time}");
    }
    // The picture moves to the left by four pixels a frame, and the box with it.
    let left = |row: &csv::StringRecord| row[5].parse::<f32>().unwrap();
    let moved = left(&rows[0]) - left(&rows[11]);
    assert!((moved - 44.0).abs() < 12.0, "{moved}");

    let stats: serde_json::Value = serde_json::from_slice(&std::fs::read(&stats).unwrap()).unwrap();
    assert_eq!((&stats["frames"], &stats["faces"]), (&12.into(), &12.into()));
    for stage in ["decode", "detect", "crop", "infer", "draw", "write"] {
        assert!(stats["stage_ms"][stage].as_f64().unwrap() > 0.0, "{stage}");
    }
    let cpu = |key: &str| stats[key].as_f64().unwrap();
    assert!(cpu("cpu_ms_per_frame") > cpu("cpu_ms_per_frame_decode") && cpu("cpu_ms_per_frame_decode") > 0.0);
}

#[test]
fn every_frame_of_a_video_without_faces_is_kept_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.mp4");
    annotate()
        .arg(fixture("media/turned.mp4"))
        .arg("--out")
        .arg(&out)
        .assert()
        .success();
    let (before, after) = (frames_of(&fixture("media/turned.mp4")), frames_of(&out));
    assert_eq!((before.len(), after.len()), (20, 20));
    for (a, b) in before.iter().zip(&after) {
        let bits = |picture: &RgbaImage| -> Vec<bool> {
            (0..5)
                .map(|bit| picture.get_pixel(50, 16 + 32 * bit)[1] > 128)
                .collect()
        };
        assert_eq!(bits(a), bits(b));
        assert_eq!(b.dimensions(), (120, 160));
    }
}

#[test]
fn a_folder_keeps_its_layout_and_one_damaged_picture_does_not_stop_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let (input, out) = (folder.path().join("in"), folder.path().join("out"));
    std::fs::create_dir_all(input.join("deep")).unwrap();
    let face = std::fs::read(fixture("media/face.jpg")).unwrap();
    for (name, bytes) in [
        ("a.jpg", &face[..]),
        ("broken.jpg", &face[..600]),
        ("deep/b.jpg", &face),
        ("deep/notes.txt", b"-"),
    ] {
        std::fs::write(input.join(name), bytes).unwrap();
    }
    let lines = folder.path().join("points.jsonl");
    annotate()
        .arg(&input)
        .arg("--out")
        .arg(&out)
        .arg("--keypoints")
        .arg(&lines)
        .assert()
        .code(1)
        .stderr(predicate::str::contains("broken.jpg").and(predicate::str::contains("1 of 3 inputs")));
    assert_eq!(names_in(&out), ["a.jpg", "deep"]);
    assert_eq!(names_in(&out.join("deep")), ["b.jpg"]);
    let text = std::fs::read_to_string(&lines).unwrap();
    let rows: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.len(), 2);
    assert!(rows[1]["source"].as_str().unwrap().ends_with("deep/b.jpg"));
    assert!(rows[1]["confidence"].is_null() && rows[1]["y67"].is_f64());
}

#[test]
fn a_folder_can_be_annotated_again() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path();
    std::fs::copy(fixture("media/face.jpg"), input.join("a.jpg")).unwrap();
    for _ in 0..2 {
        annotate().arg(input).assert().success();
        assert_eq!(names_in(input), ["a-points.jpg", "a.jpg"]);
    }
    for _ in 0..2 {
        annotate()
            .arg(input)
            .arg("--out")
            .arg(input.join("out"))
            .assert()
            .success();
        assert_eq!(names_in(input), ["a-points.jpg", "a.jpg", "out"]);
        assert_eq!(names_in(&input.join("out")), ["a.jpg"]);
    }
}

#[test]
fn what_cannot_be_read_in_a_folder_is_named_and_the_rest_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let (input, out) = (folder.path().join("in"), folder.path().join("out"));
    std::fs::create_dir(&input).unwrap();
    std::fs::copy(fixture("media/face.jpg"), input.join("a.jpg")).unwrap();
    std::fs::write(input.join("phone.heic"), b"\0\0\0\x18ftypheic").unwrap();
    // Opens, and fails to be read, whoever tries.
    std::os::unix::fs::symlink("/proc/self/mem", input.join("memory")).unwrap();
    let run = || {
        let mut command = annotate();
        command.arg(&input).arg("--out").arg(&out);
        command
    };
    run()
        .assert()
        .success()
        .stderr(predicate::str::contains("Note: left out").and(predicate::str::contains("phone.heic")));
    assert_eq!(names_in(&out), ["a.jpg"]);

    std::os::unix::fs::symlink("/proc/self/mem", input.join("memory.jpg")).unwrap();
    run().assert().code(1).stderr(
        predicate::str::contains("cannot read the picture")
            .and(predicate::str::contains("memory.jpg"))
            .and(predicate::str::contains("1 of 2 inputs")),
    );
    assert_eq!(names_in(&out), ["a.jpg"]);
}

#[test]
fn a_picture_that_cannot_be_decoded_is_not_taken_for_a_video() {
    let folder = tempfile::tempdir().unwrap();
    let heic = b"\0\0\0\x18ftypheic\0\0\0\0";
    for name in ["phone.heic", "renamed.jpg"] {
        let path = folder.path().join(name);
        std::fs::write(&path, heic).unwrap();
        annotate().arg(&path).assert().code(1).stderr(
            predicate::str::contains("JPEG, PNG, BMP and WebP are read")
                .and(predicate::str::contains(name))
                .and(predicate::str::contains("MP4").not()),
        );
    }
    assert_eq!(names_in(folder.path()), ["phone.heic", "renamed.jpg"]);
}

#[test]
fn the_box_is_drawn_unless_it_is_not_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let blue = |name: &str, more: &[&str]| {
        let out = folder.path().join(name);
        annotate()
            .arg(fixture("media/face.jpg"))
            .arg("--out")
            .arg(&out)
            .args(more)
            .assert()
            .success();
        let picture = &frames_of(&out)[0];
        picture
            .pixels()
            .filter(|p| p.0[2] > 220 && p.0[0] < 140 && p.0[1] > 140)
            .count()
    };
    let (with, without) = (blue("with.png", &[]), blue("without.png", &["--no-boxes"]));
    assert!(with > without + 150, "{with} {without}");
}

#[test]
fn a_video_cut_short_is_said_to_be_and_what_there_is_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("cut.mp4");
    // The index stands at the front of this file, so that it opens and then ends in the middle.
    let whole = std::fs::read(fixture("media/count.mp4")).unwrap();
    std::fs::write(&cut, &whole[..whole.len() * 3 / 4]).unwrap();
    annotate()
        .arg(&cut)
        .assert()
        .code(1)
        .stderr(predicate::str::contains("damaged").and(predicate::str::contains("of 20 frames")));
    let kept = frames_of(&folder.path().join("cut-points.mp4")).len();
    assert!((1..20).contains(&kept), "{kept}");
}

#[test]
fn what_cannot_work_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.xml");
    std::fs::write(&text, "no cascade").unwrap();
    let face = fixture("media/face.jpg");
    let face = face.to_str().unwrap();
    let out = folder.path().join("out");
    let out = out.to_str().unwrap();
    for (arguments, said) in [
        (vec![face, "/no/such/file.mp4", "--out", out], "/no/such/file.mp4"),
        (
            vec![face, "--out", out, "--keypoints", "points.xls"],
            ".csv or .jsonl",
        ),
        (
            vec![face, "--out", out, "--cascade", text.to_str().unwrap()],
            "text.xml",
        ),
        (vec![face, "--out", out, "--scale-factor", "0.5"], "scale factor"),
        (vec![face, "--out", face], "overwrite"),
        (vec![face, face, "--out", out], "both be written"),
        (
            vec![face, "--out", out, "--stats", "/no/such/folder/stats.json"],
            "/no/such/folder",
        ),
        (
            vec![face, "--out", out, "--keypoints", "/no/such/folder/points.csv"],
            "/no/such/folder",
        ),
    ] {
        annotate()
            .args(&arguments)
            .assert()
            .code(1)
            .stderr(predicate::str::contains(said));
        assert_eq!(names_in(folder.path()), ["text.xml"], "{arguments:?}");
    }
}

#[test]
fn an_output_that_cannot_be_written_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let in_the_way = folder.path().join("file");
    std::fs::write(&in_the_way, "x").unwrap();
    annotate()
        .arg(fixture("media/face.mp4"))
        .arg("--out")
        .arg(in_the_way.join("out.mp4"))
        .assert()
        .code(1)
        .stderr(predicate::str::contains("cannot make the output folder"));
    assert_eq!(names_in(folder.path()), ["file"]);
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("points.csv");
    let growing = folder.path().join("points.partial.csv");
    let program = assert_cmd::cargo::cargo_bin("pinkpoint");
    let inputs = vec![fixture("media/face.jpg"); 3000];
    let mut child = std::process::Command::new(program)
        .args(["annotate", "--device", "cpu", "--weights"])
        .arg(fixture("weights/scripted.pt"))
        .arg("--keypoints")
        .arg(&csv)
        .args(inputs)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // Rows can be followed while it runs; after some it is interrupted.
    while std::fs::read_to_string(&growing).map_or(0, |text| text.lines().count()) < 4 {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let killed = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("interrupted"));
    let rows = rows_of(&csv);
    assert!((3..3000).contains(&rows.len()) && rows.iter().all(|row| row.len() == 9 + 2 * 136));
    assert_eq!(names_in(folder.path()), ["points.csv"]);
}

#[test]
fn cameras_are_listed_or_said_to_be_missing() {
    Command::cargo_bin("pinkpoint")
        .unwrap()
        .arg("cameras")
        .assert()
        .success()
        .stdout(predicate::str::contains("camera:0").or(predicate::str::contains("No camera")));
}

/// A folder of photographs, films and a damaged file.
fn many_files() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let face = image::open(fixture("media/face.jpg")).unwrap();
    for number in 0..6 {
        let name = format!("face-{number}.png");
        face.brighten(10 * number).save(folder.path().join(name)).unwrap();
    }
    std::fs::copy(fixture("media/face.mp4"), folder.path().join("a-film.mp4")).unwrap();
    std::fs::copy(fixture("media/face.mp4"), folder.path().join("z-film.mp4")).unwrap();
    std::fs::write(folder.path().join("broken.jpg"), b"no picture").unwrap();
    folder
}

/// Annotates `input` with further options into `csv`; one file is damaged, or none of those done now.
fn annotated(input: &Path, csv: &Path, options: &[&str]) -> Vec<u8> {
    let mut command = annotate();
    command.arg(input).arg("--keypoints").arg(csv).args(options);
    command.output().unwrap();
    std::fs::read(csv).unwrap()
}

#[test]
fn the_results_are_the_same_however_many_files_are_worked_on_at_a_time() {
    let (input, out) = (many_files(), tempfile::tempdir().unwrap());
    let with_jobs = |jobs| {
        annotated(
            input.path(),
            &out.path().join(format!("{jobs}.csv")),
            &["--jobs", jobs],
        )
    };
    let one = with_jobs("1");
    assert!(
        one.iter().filter(|&&byte| byte == b'\n').count() > 6,
        "a row for every photograph"
    );
    assert!(one == with_jobs("2") && one == with_jobs("5"));
}

#[test]
fn shards_together_are_the_whole_and_share_nothing() {
    let (input, out) = (many_files(), tempfile::tempdir().unwrap());
    let rows = |bytes: Vec<u8>| -> Vec<String> {
        let text = String::from_utf8(bytes).unwrap();
        text.lines().skip(1).map(str::to_owned).collect()
    };
    let mut parts = Vec::new();
    for shard in ["1/3", "2/3", "3/3"] {
        let part = rows(annotated(
            input.path(),
            &out.path().join("part.csv"),
            &["--shard", shard],
        ));
        assert!(!part.is_empty(), "{shard}");
        parts.extend(part);
    }
    parts.sort();
    let mut whole = rows(annotated(input.path(), &out.path().join("whole.csv"), &[]));
    whole.sort();
    assert_eq!(parts, whole);
    for wrong in ["0/3", "4/3", "x/y", "3"] {
        let mut command = annotate();
        let asserted = command.arg(input.path()).args(["--shard", wrong]).assert();
        asserted
            .failure()
            .stderr(predicate::str::contains("is not a shard"));
    }
}

#[test]
fn a_run_that_is_resumed_does_the_rest_and_no_more() {
    let (input, out) = (many_files(), tempfile::tempdir().unwrap());
    let [journal, csv, stats] = ["journal", "points.csv", "stats.json"].map(|name| out.path().join(name));
    let resumed = |options: &[&str]| {
        let mut command = annotate();
        command.arg(input.path()).arg("--keypoints").arg(&csv);
        command
            .arg("--resume")
            .arg(&journal)
            .arg("--stats")
            .arg(&stats)
            .args(options);
        command.assert()
    };
    let finished_before = || {
        let stats: serde_json::Value = serde_json::from_slice(&std::fs::read(&stats).unwrap()).unwrap();
        stats["finished_before"].as_u64().unwrap()
    };
    // A part of the files is what an interruption leaves; the last record is one that was being written.
    resumed(&["--shard", "1/2"]);
    assert_eq!(finished_before(), 0);
    let whole = std::fs::read(&journal).unwrap();
    std::fs::write(&journal, &whole[..whole.len() - 3]).unwrap();
    resumed(&[]);
    let before = finished_before();
    assert!((1..8).contains(&before), "{before}");
    assert_eq!(
        std::fs::read(&csv).unwrap(),
        annotated(input.path(), &out.path().join("at-once.csv"), &[])
    );
    resumed(&[]);
    assert_eq!(finished_before(), 8, "all but the damaged one");

    let kept = std::fs::read(&journal).unwrap();
    let other = resumed(&["--scale-factor", "1.3"]);
    other
        .failure()
        .stderr(predicate::str::contains("another --scale-factor"));
    assert_eq!(std::fs::read(&journal).unwrap(), kept);
}
