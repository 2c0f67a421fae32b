//! Reading data sets: as they are distributed, and with everything that can be wrong with them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use assert_cmd::Command;
use common::synthetic_set;
use image::Rgba;
use pinkpoint::{
    dataset::{DataFolder, Labels, load_pictures},
    picture,
};
use predicates::{prelude::*, str::contains};

#[test]
fn alpha_is_dropped_and_the_name_says_nothing_about_the_format() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("half-seen.jpg");
    let see_through = image::RgbaImage::from_pixel(20, 10, Rgba([200, 100, 50, 7]));
    see_through
        .save_with_format(&path, image::ImageFormat::Png)
        .unwrap();
    let picture = picture::read(&path).unwrap();
    assert!(picture.pixels().all(|p| p.0 == [200, 100, 50, 255]));
}

#[test]
fn pictures_and_labels_are_matched_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_set(folder.path(), 5);
    std::fs::remove_file(data.join("training/Person_1_02.jpg")).unwrap();
    std::fs::copy(
        data.join("test/Person_0_00.jpg"),
        data.join("training/Stranger_9_99.jpg"),
    )
    .unwrap();
    std::fs::write(data.join("training/notes.txt"), "not a picture").unwrap();
    let part = DataFolder::open(&data).unwrap().training;
    assert_eq!(part.rows.len(), 4);
    assert_eq!(part.without_picture, ["Person_1_02.jpg"]);
    assert_eq!(part.without_label, ["Stranger_9_99.jpg"]);
    let loaded = load_pictures(&part.folder, &part.rows).unwrap();
    assert_eq!(loaded[0].name, part.rows[0].name);
    assert_eq!(loaded[0].points.len(), 68);
}

#[test]
fn labels_with_and_without_a_header_and_other_line_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.csv");
    for text in [
        ",0,1,2,3\na.jpg,1.0,2,3,4\n",
        "name,x0,y0,x1,y1\r\na.jpg,1.0,2,3,4\r\n",
        "Name, left, top, right, bottom\na.jpg,1.0,2,3,4\n",
        "a.jpg,1.0,2,3,4",
    ] {
        std::fs::write(&path, text).unwrap();
        let labels = Labels::read(&path).unwrap();
        assert_eq!((labels.rows.len(), labels.point_count), (1, 2), "{text:?}");
        assert_eq!(
            (labels.rows[0].points[1].x, labels.rows[0].points[1].y),
            (3.0, 4.0)
        );
    }
}

#[test]
fn numbers_of_a_picture_are_no_header() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.csv");
    for (text, rows) in [
        ("a.jpg,0,1\n", 1),
        ("a.jpg,0,7.5,3,4\nb.jpg,1,2,3,4\n", 2),
        ("a.jpg,0,1,2,3\nb.jpg,1,2,3,4\n", 2),
    ] {
        std::fs::write(&path, text).unwrap();
        assert_eq!(Labels::read(&path).unwrap().rows.len(), rows, "{text:?}");
    }
    std::fs::write(&path, ",4,5\na.jpg,1,2\n").unwrap();
    let message = Labels::read(&path).unwrap_err().to_string();
    assert!(
        message.contains("line 1") && message.contains("column 1"),
        "{message}"
    );
}

#[test]
fn a_bad_line_is_named_with_file_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.csv");
    for (text, wanted) in [
        ("a.jpg,1,2\nb.jpg,1,two\n", ["line 2", "column 3", "'two'"]),
        ("a.jpg,1,2\nb.jpg,1\n", ["line 2", "2 columns", "has 3"]),
        ("a.jpg,1,2\nb.jpg,1,nan\n", ["line 2", "column 3", "finite"]),
        ("a.jpg,1,2,3\n", ["line 1", "4 columns", "pairs"]),
        ("../a.jpg,1,2\n", ["line 1", "column 1", "not the name"]),
    ] {
        std::fs::write(&path, text).unwrap();
        let message = Labels::read(&path).unwrap_err().to_string();
        for part in wanted.iter().chain(&["labels.csv"]) {
            assert!(message.contains(part), "{message:?} lacks {part:?}");
        }
    }
    std::fs::write(&path, b"a.jpg,1,2\n\xff\xfe,1,2\n").unwrap();
    assert!(Labels::read(&path).unwrap_err().to_string().contains("line 2"));
}

fn dataset() -> Command {
    let mut command = Command::cargo_bin("pinkpoint").unwrap();
    command.arg("dataset");
    command
}

#[test]
fn the_command_counts_and_names_what_looks_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let data = synthetic_set(&folder.path().join("data"), 6);
    let labels = data.join("training_frames_keypoints.csv");
    let text = std::fs::read_to_string(&labels).unwrap();
    let outside = text.lines().nth(1).unwrap().replacen(",25.0", ",-25.0", 1);
    let first = text.lines().nth(1).unwrap();
    std::fs::write(&labels, text.replacen(first, &outside, 1) + &outside + "\n").unwrap();
    std::fs::write(data.join("training/Person_2_04.jpg"), "damaged").unwrap();
    std::fs::remove_file(data.join("training/Person_2_05.jpg")).unwrap();
    let sheet = folder.path().join("sheet.png");
    dataset()
        .arg(&data)
        .arg("--sheet")
        .arg(&sheet)
        .assert()
        .success()
        .stdout(
            contains("training: 6 labelled pictures of 3 persons")
                .and(contains("labels without pictures: 1 (Person_2_05.jpg)"))
                .and(contains("cannot be read: 1 (Person_2_04.jpg)"))
                .and(contains("labelled twice: 1 (Person_0_00.jpg)"))
                .and(contains("points outside the picture: 2"))
                .and(contains("training/Person_0_00.jpg = training/Person_0_00.jpg").not())
                .and(contains("persons in training and test: 1 of 1")),
        );
    assert!(image::open(&sheet).unwrap().width() > 500);
}

#[test]
fn a_folder_that_is_no_data_set_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    dataset()
        .arg(folder.path())
        .assert()
        .code(1)
        .stderr(contains("training_frames_keypoints.csv"));
    let data = synthetic_set(&folder.path().join("data"), 2);
    dataset()
        .arg(&data)
        .args(["--sheet", "/no/such/folder/sheet.png"])
        .assert()
        .code(1)
        .stdout("")
        .stderr(contains("cannot write"));
}
