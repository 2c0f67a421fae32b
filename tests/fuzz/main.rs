//! Every parser of files and arguments, given what is nearly right: none may panic, hang, or take what it should not. Each prints how
//! many inputs it tried: `cargo test --test fuzz -- --nocapture`; with PINKPOINT_FUZZ_SECONDS=60 each runs so long.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod mutation;

use std::path::Path;

use image::{GrayImage, ImageFormat, Luma, RgbImage};
use mutation::{Target, file};
use pinkpoint::{
    app::Settings,
    dataset::{Labels, read_names},
    detect::{CascadeDetector, CascadeSettings, FaceDetector},
    evaluate::{Outcome, write_predictions},
    geometry::{FaceBox, Point, Rect},
    model::{Contract, archive},
    picture,
    source::{self, PixelFormat, SourceSpec},
    train::TrainConfig,
};

fn media(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/media");
    std::fs::read(folder.join(name)).unwrap()
}

#[test]
fn label_files() {
    Target {
        name: "labels",
        more: Vec::new(),
        words: &[
            ",", "\n", "\r\n", "\"", "name", "x0", "../", "\0", "\u{feff}", "é", ",,,",
        ],
        usual: 4000,
    }
    .try_all(|text| {
        let parsed = [false, true].map(|misses| Labels::parse(text, Path::new("labels.csv"), misses));
        for labels in parsed.iter().flatten() {
            assert!(!labels.rows.is_empty());
            for row in &labels.rows {
                assert_eq!(row.points.len(), labels.point_count);
                assert!(row.points.iter().all(|p| p.x.is_finite() && p.y.is_finite()));
                assert!(!row.name.is_empty() && !row.name.contains(['/', '\\', '\0']));
            }
        }
        parsed[0].is_ok()
    });
}

#[test]
fn predictions_come_back_as_they_were_written() {
    let path = file("predictions.csv");
    Target {
        name: "predictions",
        more: Vec::new(),
        words: &["\"", ",", "\n", "\r", "é", "0", ".jpg"],
        usual: 400,
    }
    .try_all(|bytes| {
        // Every eight bytes are a point, and every fourth picture is a miss.
        let outcomes: Vec<Outcome> = bytes
            .chunks_exact(8)
            .enumerate()
            .map(|(index, chunk)| {
                let number = |at: usize| f32::from_le_bytes(chunk[at..at + 4].try_into().unwrap());
                let point = Point::new(number(0), number(4));
                let whole = point.x.is_finite() && point.y.is_finite() && index % 4 != 3;
                let name: String = String::from_utf8_lossy(chunk).replace(['/', '\\', '\0'], "_");
                Outcome {
                    name: format!("n{}{index}", name.trim()),
                    labelled: Vec::new(),
                    predicted: whole.then(|| vec![point]),
                    crop_extent: 1.0,
                }
            })
            .collect();
        write_predictions(&path, &outcomes, 1).unwrap();
        let found: Vec<(String, Vec<Point>)> = outcomes
            .into_iter()
            .filter_map(|outcome| Some((outcome.name, outcome.predicted?)))
            .collect();
        match Labels::read_predictions(&path) {
            Ok(labels) => {
                let read: Vec<_> = labels
                    .rows
                    .into_iter()
                    .map(|row| (row.name, row.points))
                    .collect();
                assert_eq!(read, found);
                true
            }
            Err(error) => {
                assert!(found.is_empty(), "{error}");
                false
            }
        }
    });
}

#[test]
fn lists_of_names() {
    let path = file("names.txt");
    Target {
        name: "names",
        more: Vec::new(),
        words: &["\n", ",", "name", "\r", "é"],
        usual: 400,
    }
    .try_all(|text| {
        std::fs::write(&path, text).unwrap();
        let names = read_names(&path);
        assert_eq!(names.is_ok(), std::str::from_utf8(text).is_ok());
        names.is_ok_and(|names| names.iter().all(|name| !name.is_empty() && name.trim() == name))
    });
}

#[test]
fn settings() {
    let usual = serde_json::to_vec(&Settings::default()).unwrap();
    Target {
        name: "settings",
        more: vec![usual],
        words: &[
            "{",
            "}",
            "[",
            "null",
            "true",
            "\"",
            ":",
            ",",
            "\"zoom\":",
            "\\u0000",
            "\\ud800",
        ],
        usual: 4000,
    }
    .try_all(|json| {
        let Ok(settings) = Settings::from_json(json) else {
            return false;
        };
        assert!(settings.zoom.is_finite() && settings.zoom > 0.0);
        assert!((0.0..=1.0).contains(&settings.smoothing));
        // What was taken is kept as it is.
        let again = Settings::from_json(&serde_json::to_vec(&settings).unwrap());
        assert_eq!(again, Ok(settings));
        true
    });
}

#[test]
fn contracts() {
    Target {
        name: "contract",
        more: Vec::new(),
        words: &["{", "}", "[", "]", "null", "\"", ":", ",", "true"],
        usual: 4000,
    }
    .try_all(|json| {
        let Ok(contract) = Contract::from_json(json) else {
            return false;
        };
        let face = FaceBox::upright(&Rect::new(10.0, 20.0, 30.0, 40.0));
        let crop = contract.crop_of_face(&face);
        assert!(crop.extent.is_finite() && crop.extent > 0.0);
        assert!(contract.output.pixel(0.0).is_finite());
        let again = Contract::from_json(&contract.to_json().unwrap()).unwrap();
        assert_eq!(again, contract);
        true
    });
}

#[test]
fn archives() {
    let small = [
        "contract-64.pt",
        "steady-64.pt",
        "state-dict.pt",
        "state-dict-old.pt",
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/weights");
    Target {
        name: "archive",
        more: small
            .map(|name| std::fs::read(folder.join(name)).unwrap())
            .to_vec(),
        words: &["PK\x03\x04", "PK\x01\x02", "PK\x05\x06", "constants.pkl", "code/"],
        usual: 1000,
    }
    .try_all(|bytes| archive::check(bytes.to_vec()).is_ok());
}

#[test]
fn recipes() {
    Target {
        name: "recipe",
        more: Vec::new(),
        words: &[
            "{",
            "}",
            "[",
            "null",
            "\"",
            "true",
            "pinkpoint",
            "course",
            "\"data\":\"\"",
        ],
        usual: 4000,
    }
    .try_all(|json| {
        let Ok(config) = serde_json::from_slice::<TrainConfig>(json) else {
            return false;
        };
        let again: TrainConfig = serde_json::from_slice(&serde_json::to_vec(&config).unwrap()).unwrap();
        assert_eq!(again, config);
        let words = (config.in_words(), config.data_name());
        assert!(!words.0.is_empty());
        if config.validate().is_err() {
            return false;
        }
        let rates = [0.0, 0.01, 0.5, 1.0].map(|progress| config.learning_rate_at(progress));
        assert!(
            rates.iter().all(|rate| rate.is_finite() && *rate >= 0.0),
            "{rates:?}"
        );
        true
    });
}

#[test]
fn spellings_of_sources() {
    Target {
        name: "source",
        more: Vec::new(),
        words: &[
            "camera:", "file://", "://", "/dev/", "demo", "http://", "camera", "%", "\0", "é",
        ],
        usual: 20_000,
    }
    .try_all(|text| {
        let text = String::from_utf8_lossy(text);
        let _ = text.parse::<PixelFormat>();
        let Ok(spec) = text.parse::<SourceSpec>() else {
            return false;
        };
        assert_eq!(spec.to_string().parse(), Ok(spec), "settings keep it as text");
        true
    });
}

/// Whatever passes our check is given to OpenCV and asked for faces.
#[test]
fn cascades() {
    let path = file("cascade.xml");
    let grey = GrayImage::from_fn(64, 64, |x, y| Luma([((x * 7) ^ (y * 13)) as u8]));
    Target {
        name: "cascade",
        more: Vec::new(),
        words: &[
            "<_>",
            "</_>",
            "<rects>",
            "</rects>",
            "<width>",
            "</stages>",
            "&lt;",
            "<!--",
            "-->",
            " 0 -1 ",
            "<_ >",
            "<tilted>1</tilted>",
            "<rects><_>0 0 1 1 1.</_></rects>",
            " 012 ",
        ],
        usual: 300,
    }
    .try_all(|xml| {
        std::fs::write(&path, xml).unwrap();
        let settings = CascadeSettings {
            cascade: Some(path.clone()),
            ..CascadeSettings::following()
        };
        match CascadeDetector::open(settings) {
            Ok(mut detector) => drop(detector.detect(&grey)),
            Err(error) => {
                assert!(error.to_string().contains("cascade.xml"), "{error}");
                return false;
            }
        }
        true
    });
}

#[test]
fn pictures() {
    let path = file("picture");
    let small = RgbImage::from_fn(20, 16, |x, y| image::Rgb([(x * 12) as u8, (y * 15) as u8, 90]));
    let coded = [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::Bmp,
        ImageFormat::WebP,
    ]
    .map(|format| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        small.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    });
    Target {
        name: "picture",
        more: [&coded[..], &[media("turned.jpg")]].concat(),
        words: &[
            "IHDR",
            "IDAT",
            "acTL",
            "eXIf",
            "VP8 ",
            "VP8L",
            "ALPH",
            "\u{1}Exif",
        ],
        usual: 1000,
    }
    .try_all(|bytes| {
        std::fs::write(&path, bytes).unwrap();
        match picture::read(&path) {
            Ok(picture) => {
                assert!(picture.width() > 0 && picture.height() > 0);
                assert!(picture.pixels().all(|pixel| pixel[3] == u8::MAX));
                true
            }
            Err(error) => {
                assert!(error.to_string().contains(&*path.to_string_lossy()), "{error}");
                false
            }
        }
    });
}

/// FFmpeg's decoders, by way of OpenCV.
#[test]
fn videos() {
    const MOST_FRAMES: usize = 30;
    let path = file("video");
    Target {
        name: "video",
        more: [media("count.mp4"), media("variable.mp4"), media("turned.mp4")].to_vec(),
        words: &["moov", "mdat", "trak", "stsz", "RIFF", "idx1", "\u{1a}E\u{df}"],
        usual: 60,
    }
    .try_all(|bytes| {
        std::fs::write(&path, bytes).unwrap();
        let Ok(mut video) = source::open(&SourceSpec::File(path.clone())) else {
            return false;
        };
        let mut last = None;
        for _ in 0..MOST_FRAMES {
            let Ok(Some(grab)) = video.next_picture() else {
                break;
            };
            assert!(grab.picture.width() > 0 && grab.picture.height() > 0);
            assert!(last.is_none_or(|last| last < grab.source_time), "times go on");
            last = Some(grab.source_time);
        }
        last.is_some()
    });
}
