//! Data sets made up for tests, whose keypoints can be learnt from pictures without faces; and the command that trains on them.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use image::{Rgb, RgbImage};

/// Writes a set of `count` training pictures (two per person) and two test pictures into `folder`, and gives it back.
#[allow(dead_code, reason = "one test has sets of its own")]
pub fn synthetic_set(folder: &Path, count: usize) -> PathBuf {
    for (labels, pictures, count) in [
        ("training_frames_keypoints.csv", "training", count),
        ("test_frames_keypoints.csv", "test", 2),
    ] {
        std::fs::create_dir_all(folder.join(pictures)).unwrap();
        let columns: Vec<String> = (0..136).map(|i| i.to_string()).collect();
        let mut csv = format!(",{}\n", columns.join(","));
        for index in 0..count {
            let name = format!("Person_{}_{:02}.jpg", index / 2, index);
            let side = 90 + (index as u32 * 7) % 40;
            let shift = (index * 5 % 13) as f32;
            let points: Vec<(f32, f32)> = (0..68)
                .map(|i| {
                    (
                        25.0 + shift + (i % 9) as f32 * 5.0,
                        22.0 + shift + (i / 9) as f32 * 6.0,
                    )
                })
                .collect();
            let mut picture = RgbImage::from_fn(side, side, |x, y| Rgb([(x / 2) as u8, (y / 2) as u8, 40]));
            for &(x, y) in &points {
                if (x as u32) < side && (y as u32) < side {
                    picture.put_pixel(x as u32, y as u32, Rgb([250; 3]));
                }
            }
            // PNG bytes under a .jpg name, as the set is distributed.
            picture
                .save_with_format(folder.join(pictures).join(&name), image::ImageFormat::Png)
                .unwrap();
            let numbers: Vec<String> = points
                .iter()
                .flat_map(|(x, y)| [format!("{x:.1}"), format!("{y:.1}")])
                .collect();
            csv += &format!("{name},{}\n", numbers.join(","));
        }
        std::fs::write(folder.join(labels), csv).unwrap();
    }
    folder.to_path_buf()
}

/// `pinkpoint train` of `data` into the folder `run`, in one thread, with options as one writes them.
#[allow(dead_code, reason = "not every test trains")]
pub fn train(options: &str, data: &Path, run: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pinkpoint"));
    command
        .args(["train", "--threads", "1", "--data"])
        .arg(data)
        .arg("--out")
        .arg(run)
        .args(options.split_whitespace());
    command
}
