//! What sources give, for good files and bad ones, and what detectors find in it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod stream;

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    time::Duration,
};

use image::{Rgba, RgbaImage};
use pinkpoint::{
    detect::{CascadeDetector, CascadeSettings, DetectError, FaceDetector},
    geometry::{Point, Rect},
    picture,
    resources::{Kind, find},
    source::{self, Grab, SourceError, SourceInfo, SourceSpec},
    transform::crop,
};

fn media(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/media")
        .join(name)
}

fn read_all(path: &Path) -> Result<(SourceInfo, Vec<Grab>), SourceError> {
    let mut source = source::open(&SourceSpec::File(path.to_path_buf()))?;
    let mut grabs = Vec::new();
    while let Some(grab) = source.next_picture()? {
        assert!(grab.picture.pixels().all(|pixel| pixel[3] == u8::MAX));
        grabs.push(grab);
    }
    Ok((source.info().clone(), grabs))
}

fn message_of(path: &Path) -> String {
    let error = match read_all(path) {
        Ok(_) => panic!("{} was read", path.display()),
        Err(error) => error.to_string(),
    };
    assert!(error.contains(&*path.to_string_lossy()), "{error}");
    error
}

/// The number that a frame of `count.mp4` shows.
fn number_shown(picture: &RgbaImage) -> u32 {
    (0..5)
        .map(|bit| u32::from(picture.get_pixel(16 + 32 * bit, 70)[1] > 128) << bit)
        .sum()
}

fn is_red(pixel: &Rgba<u8>) -> bool {
    pixel[0] > 180 && pixel[1] < 80
}

#[test]
fn a_video_gives_every_frame_in_order_at_its_time() {
    let (info, grabs) = read_all(&media("count.mp4")).unwrap();
    assert_eq!(
        (info.width, info.height, info.fps, info.frame_count),
        (160, 120, Some(20.0), Some(20))
    );
    assert!(!info.live);
    assert_eq!(grabs.len(), 20);
    for (n, grab) in grabs.iter().enumerate() {
        assert_eq!((number_shown(&grab.picture), grab.index), (n as u32, n as u64));
        let time = Duration::from_millis(50 * n as u64);
        assert!(
            grab.source_time.abs_diff(time) < Duration::from_millis(2),
            "{:?}",
            grab.source_time
        );
    }
}

#[test]
fn recordings_go_to_any_of_their_times() {
    let mut video = source::open(&SourceSpec::File(media("count.mp4"))).unwrap();
    assert_eq!(video.info().duration, Some(Duration::from_secs(1)));
    for wanted in [12, 3, 0, 19, 7] {
        assert!(video.seek(Duration::from_millis(50 * wanted)).unwrap());
        for frame in wanted..20.min(wanted + 3) {
            let grab = video.next_picture().unwrap().unwrap();
            assert_eq!(
                (u64::from(number_shown(&grab.picture)), grab.index),
                (frame, frame)
            );
            let time = Duration::from_millis(50 * frame);
            assert!(
                grab.source_time.abs_diff(time) < Duration::from_millis(2),
                "{:?}",
                grab.source_time
            );
        }
    }
    // Beyond the end is its last frame.
    assert!(video.seek(Duration::from_secs(900)).unwrap());
    assert_eq!(number_shown(&video.next_picture().unwrap().unwrap().picture), 19);
    assert!(video.next_picture().unwrap().is_none());

    let folder = tempfile::tempdir().unwrap();
    for grey in [10, 20, 30] {
        let picture = RgbaImage::from_pixel(8, 8, Rgba([grey, grey, grey, 255]));
        picture.save(folder.path().join(format!("{grey}.png"))).unwrap();
    }
    let mut pictures = source::open(&SourceSpec::File(folder.path().into())).unwrap();
    assert_eq!(pictures.info().duration, Some(Duration::from_secs(6)));
    for (seconds, grey) in [(4, 30), (0, 10), (3, 20), (99, 30)] {
        assert!(pictures.seek(Duration::from_secs(seconds)).unwrap());
        let picture = pictures.next_picture().unwrap().unwrap().picture;
        assert_eq!(picture.get_pixel(0, 0)[0], grey, "{seconds}");
    }
    assert!(
        !source::open(&SourceSpec::Demo)
            .unwrap()
            .seek(Duration::ZERO)
            .unwrap()
    );
}

#[test]
fn times_are_those_of_the_video_and_not_of_a_fixed_rate() {
    let (_, grabs) = read_all(&media("variable.mp4")).unwrap();
    let millis: Vec<u128> = grabs.iter().map(|grab| grab.source_time.as_millis()).collect();
    assert_eq!(millis, [0, 100, 400, 900, 1600]);
}

#[test]
fn a_video_is_turned_as_it_says() {
    let (info, grabs) = read_all(&media("turned.mp4")).unwrap();
    assert_eq!((info.width, info.height), (120, 160));
    // A quarter clockwise takes the red strip from the top to the right, and the lowest bit from the left to the top.
    let picture = &grabs[1].picture;
    assert_eq!(picture.dimensions(), (120, 160));
    assert!(is_red(picture.get_pixel(110, 80)) && !is_red(picture.get_pixel(10, 80)));
    assert!(picture.get_pixel(50, 16)[1] > 128 && picture.get_pixel(50, 144)[1] < 128);
}

#[test]
fn a_picture_is_turned_as_it_says_and_its_format_is_known_by_content() {
    let (info, upright) = read_all(&media("face.jpg")).unwrap();
    assert_eq!((info.frame_count, upright.len()), (Some(1), 1));
    let (_, turned) = read_all(&media("turned.jpg")).unwrap();
    assert!(mean_difference(&upright[0].picture, &turned[0].picture) < 4.0);

    let folder = tempfile::tempdir().unwrap();
    let misnamed = folder.path().join("really-a-png.jpg");
    let mut translucent = upright[0].picture.clone();
    translucent.pixels_mut().for_each(|pixel| pixel[3] = 100);
    translucent
        .save_with_format(&misnamed, image::ImageFormat::Png)
        .unwrap();
    let (_, grabs) = read_all(&misnamed).unwrap();
    assert_eq!(grabs[0].picture, upright[0].picture);
}

fn mean_difference(a: &RgbaImage, b: &RgbaImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let sum: u64 = a
        .as_raw()
        .iter()
        .zip(b.as_raw())
        .map(|(x, y)| u64::from(x.abs_diff(*y)))
        .sum();
    sum as f64 / a.as_raw().len() as f64
}

#[test]
fn a_damaged_picture_of_a_folder_is_reported_and_the_others_come() {
    let folder = tempfile::tempdir().unwrap();
    let whole = std::fs::read(media("face.jpg")).unwrap();
    for (name, bytes) in [
        ("0-empty.jpg", &[][..]),
        ("1.jpg", &whole),
        ("2-cut.jpg", &whole[..400]),
        ("3.jpg", &whole),
        ("notes.txt", b"no picture"),
    ] {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let mut source = source::open(&SourceSpec::File(folder.path().into())).unwrap();
    let mut seen = Vec::new();
    loop {
        seen.push(match source.next_picture() {
            // Each is shown for two seconds.
            Ok(Some(grab)) => format!("{}.jpg", grab.source_time.as_secs() / 2),
            Ok(None) => break,
            Err(SourceError::Picture(error)) => {
                assert!(error.to_string().contains(".jpg"), "{error}");
                "damaged".to_owned()
            }
            Err(error) => panic!("{error}"),
        });
    }
    assert_eq!(seen, ["damaged", "1.jpg", "damaged", "3.jpg"]);
}

#[test]
fn bad_files_are_errors_that_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    assert!(message_of(&folder.path().join("absent.mp4")).contains("check the name"));
    assert!(message_of(&write("empty.mp4", b"")).contains("empty"));
    assert!(message_of(&write("text.mp4", b"just a note\n")).contains("text"));
    assert!(message_of(&write("noise.mp4", &[0x5a, 0xff, 0x00, 0x13].repeat(5000))).contains("damaged"));
    let video = std::fs::read(media("count.mp4")).unwrap();
    assert!(message_of(&write("head.mp4", &video[..400])).contains("damaged"));
    let nothing_in_it = folder.path().join("folder");
    std::fs::create_dir(&nothing_in_it).unwrap();
    assert!(message_of(&nothing_in_it).contains("no picture"));
}

#[test]
fn a_film_of_printable_pixels_is_no_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dark.y4m");
    let frame = [&b"FRAME\n"[..], &[b' '; 32 * 32], &[b'~'; 2 * 16 * 16]].concat();
    let film = [&b"YUV4MPEG2 W32 H32 F25:1 Ip A1:1 C420jpeg\n"[..], &frame, &frame].concat();
    std::fs::write(&path, film).unwrap();
    let (info, grabs) = read_all(&path).unwrap();
    assert_eq!(((info.width, info.height), grabs.len()), ((32, 32), 2));
    std::fs::write(&path, "#EXTM3U\n# für uns\n").unwrap();
    assert!(message_of(&path).contains("text"));
}

#[test]
fn a_video_damaged_anywhere_neither_panics_nor_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.mp4");
    let whole = std::fs::read(media("face.mp4")).unwrap();
    for at in (0..whole.len()).step_by(whole.len() / 40) {
        let mut damaged = whole.clone();
        let end = (at + 24).min(whole.len());
        damaged[at..end].iter_mut().for_each(|byte| *byte ^= 0xa5);
        std::fs::write(&path, damaged).unwrap();
        if let Ok((_, grabs)) = read_all(&path) {
            assert!(grabs.len() <= 100);
        }
    }
}

#[test]
fn cameras_that_are_not_there_are_absent() {
    for spec in ["camera:97", "/dev/video97"] {
        let error = source::open(&spec.parse().unwrap()).err().unwrap();
        assert!(matches!(error, SourceError::CameraAbsent { .. }), "{error}");
    }
    let error = source::open(&"/dev/null".parse().unwrap()).err().unwrap();
    assert!(matches!(error, SourceError::CameraUnfit { .. }), "{error}");
}

#[test]
fn a_stream_is_live_and_lost_when_it_ends() {
    let address = stream::mjpeg_server(60);
    let spec: SourceSpec = format!("http://me:secret@{address}/video.mjpg").parse().unwrap();
    let mut source = source::open(&spec).unwrap();
    assert_eq!(source.info().name, format!("http://{address}/video.mjpg"));
    assert!(source.info().live && source.info().frame_count.is_none());
    let size = picture::read(&media("face.jpg")).unwrap().dimensions();
    for _ in 0..10 {
        assert_eq!(source.next_picture().unwrap().unwrap().picture.dimensions(), size);
    }
    let end = std::iter::repeat_with(|| source.next_picture()).find_map(Result::err);
    assert!(matches!(end, Some(SourceError::Lost { .. })), "{end:?}");
}

#[test]
fn a_stream_that_nobody_serves_is_an_error_that_names_it() {
    let address = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/video.mjpg", listener.local_addr().unwrap())
    };
    let with_password = address.replace("://", "://me:secret@");
    let error = source::open(&SourceSpec::Url(with_password))
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains(&address) && error.contains("network"), "{error}");
    assert!(!error.contains("secret"), "{error}");
}

#[test]
fn the_demo_shows_a_face_all_the_time() {
    let mut demo = source::open(&SourceSpec::Demo).unwrap();
    let mut detector = CascadeDetector::open(CascadeSettings::following()).unwrap();
    for n in 0..150 {
        let grab = demo.next_picture().unwrap().unwrap();
        if n % 15 == 0 {
            assert_eq!(grab.picture.dimensions(), (640, 480));
            assert_eq!(
                detector
                    .detect(&crop::grey(&grab.picture).unwrap())
                    .unwrap()
                    .len(),
                1,
                "frame {n}"
            );
        }
    }
}

/// Where the keypoints of `face.jpg` lie, measured by hand: brows to chin, ear to ear.
const FACE: Rect = Rect::new(60.0, 70.0, 106.0, 102.0);

#[test]
fn the_face_box_is_that_of_the_keypoints_at_any_size() {
    let grey = crop::grey(&picture::read(&media("face.jpg")).unwrap()).unwrap();
    for settings in [CascadeSettings::following(), CascadeSettings::thorough()] {
        let mut detector = CascadeDetector::open(settings).unwrap();
        for scale in [1, 4] {
            let picture = crop::resized(&grey, 240 * scale, 240 * scale).unwrap();
            let found = detector.detect(&picture).unwrap();
            let scale = scale as f32;
            let expected = Rect::from_centre(
                FACE.centre().resized(scale, scale),
                FACE.width * scale,
                FACE.height * scale,
            );
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(
                found[0].face_box.bounds().iou(&expected) > 0.6,
                "{found:?} {expected:?}"
            );
        }
    }
}

#[test]
fn a_face_that_leans_is_found() {
    use pinkpoint::geometry::CropTransform;
    let grey = crop::grey(&picture::read(&media("face.jpg")).unwrap()).unwrap();
    let mut detector = CascadeDetector::open(CascadeSettings::following()).unwrap();
    for roll in [-0.5, 0.5] {
        let leaning = CropTransform {
            roll,
            ..CropTransform::upright(Point::new(119.5, 119.5), 240.0, 240)
        };
        let found = detector.detect(&crop::cut(&grey, &leaning).unwrap()).unwrap();
        let middle = leaning.crop_from_frame(FACE.centre());
        assert!(
            found
                .iter()
                .any(|face| face.face_box.centre.distance(middle) < 25.0),
            "{roll}: {found:?}"
        );
    }
}

#[test]
fn a_picture_without_anything_has_no_face() {
    let mut detector = CascadeDetector::open(CascadeSettings::thorough()).unwrap();
    for (width, height) in [(0, 0), (1, 1), (5, 300), (320, 240)] {
        assert!(
            detector
                .detect(&image::GrayImage::new(width, height))
                .unwrap()
                .is_empty()
        );
    }
}

#[test]
fn bad_cascades_are_errors_that_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let good = std::fs::read(find(Kind::Cascade, "haarcascade_frontalface_alt2.xml").unwrap()).unwrap();
    let xml = b"<?xml version=\"1.0\"?>\n<opencv_storage><a>1</a></opencv_storage>\n";
    for (name, bytes) in [
        ("empty.xml", &[][..]),
        ("cut.xml", &good[..good.len() / 2]),
        ("other.xml", xml),
        ("noise.xml", &[0xff; 900]),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let cascade = Some(path);
        let error = CascadeDetector::open(CascadeSettings {
            cascade,
            ..CascadeSettings::following()
        })
        .unwrap_err();
        assert!(
            matches!(error, DetectError::Cascade { .. }) && error.to_string().contains(name),
            "{error}"
        );
    }
}
