//! Inputs that nobody should have to give, and what they get for it: a message that says what and why, soon, and nothing lost.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    ffi::{OsStr, OsString},
    io::{Cursor, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::Command as System,
    time::Duration,
};

use assert_cmd::Command;
use image::{ImageBuffer, ImageFormat, Rgb, RgbImage, RgbaImage};
use pinkpoint::{
    dataset::{Labels, read_names},
    detect::{CascadeDetector, CascadeSettings},
    picture,
    source::{self, Source, SourceError, SourceSpec},
};
use predicates::{prelude::*, str::contains};

/// Only a hang reaches it.
const LONG: Duration = Duration::from_secs(240);

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

fn media(name: &str) -> PathBuf {
    fixture("media").join(name)
}

fn open(path: &Path) -> Result<Box<dyn Source>, SourceError> {
    source::open(&SourceSpec::File(path.into()))
}

fn frames(path: &Path) -> Vec<RgbaImage> {
    let mut source = open(path).unwrap();
    std::iter::from_fn(|| source.next_picture().unwrap().map(|grab| grab.picture)).collect()
}

/// The command with a small net of made-up parameters.
fn annotate() -> Command {
    let mut command = Command::cargo_bin("pinkpoint").unwrap();
    command
        .timeout(LONG)
        .args(["annotate", "--device", "cpu", "--jobs", "1", "--weights"])
        .arg(fixture("weights/scripted.pt"));
    command
}

fn names_in(folder: &Path) -> Vec<OsString> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<OsString> = entries.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

fn coded(picture: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn pattern(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([(x * 5) as u8, (y * 9) as u8, 60]))
}

fn mean_difference(a: &RgbaImage, b: &RgbaImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let sum: u64 = a
        .iter()
        .zip(b.iter())
        .map(|(x, y)| u64::from(x.abs_diff(*y)))
        .sum();
    sum as f64 / a.len() as f64
}

/// A JPEG with the EXIF note that it is stored as `orientation` says.
fn with_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let exif = [
        b"\xff\xe1\x00\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0",
        &[orientation][..],
        b"\0\0\0\0\0\0",
    ];
    [&jpeg[..2], &exif.concat(), &jpeg[2..]].concat()
}

#[test]
fn pictures_of_every_kind_look_alike() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let small = pattern(40, 24);
    let expected = picture::read(&write("plain", &coded(&small, ImageFormat::Png))).unwrap();
    // 16 bits a channel.
    let deep: ImageBuffer<Rgb<u16>, Vec<u16>> = ImageBuffer::from_fn(40, 24, |x, y| {
        Rgb(small.get_pixel(x, y).0.map(|v| u16::from(v) * 257))
    });
    let path = folder.path().join("deep.png");
    deep.save(&path).unwrap();
    assert_eq!(picture::read(&path).unwrap(), expected);
    for format in [ImageFormat::Bmp, ImageFormat::WebP] {
        let read = picture::read(&write("other", &coded(&small, format))).unwrap();
        assert_eq!(read, expected, "{format:?}");
    }
    // All eight ways in which a camera may have been held.
    let upright = image::DynamicImage::from(small.clone());
    for (orientation, stored) in [
        (1, upright.clone()),
        (2, upright.fliph()),
        (3, upright.rotate180()),
        (4, upright.flipv()),
        (5, upright.rotate90().fliph()),
        (6, upright.rotate270()),
        (7, upright.rotate270().fliph()),
        (8, upright.rotate90()),
        // No such way.
        (99, upright.clone()),
    ] {
        let jpeg = with_orientation(&coded(&stored.into_rgb8(), ImageFormat::Jpeg), orientation);
        let read = picture::read(&write("turned", &jpeg)).unwrap();
        assert!(mean_difference(&read, &expected) < 8.0, "{orientation}");
    }
    for side in [(1, 1), (1, 3000), (3000, 1)] {
        for format in [
            ImageFormat::Png,
            ImageFormat::Jpeg,
            ImageFormat::Bmp,
            ImageFormat::WebP,
        ] {
            let path = write("thin", &coded(&pattern(side.0, side.1), format));
            assert_eq!(picture::read(&path).unwrap().dimensions(), side, "{format:?}");
        }
    }
}

#[test]
fn pictures_of_four_inks_and_moving_ones_are_read() {
    let face = image::DynamicImage::from(picture::read(&media("face.jpg")).unwrap());
    let small = face
        .resize_exact(60, 60, image::imageops::FilterType::CatmullRom)
        .into_rgba8();
    let inks = picture::read(&media("cmyk.jpg")).unwrap();
    assert!(
        mean_difference(&inks, &small) < 12.0,
        "{}",
        mean_difference(&inks, &small)
    );
    // The first picture of count.mp4 shows nothing but its red strip.
    for name in ["moving.png", "moving.webp"] {
        let first = picture::read(&media(name)).unwrap();
        assert_eq!(first.dimensions(), (40, 30));
        let (strip, below) = (first.get_pixel(20, 2), first.get_pixel(4, 20));
        assert!(
            strip[0] > 180 && strip[1] < 90 && below[1] < 60,
            "{name}: {strip:?} {below:?}"
        );
    }
}

#[test]
fn pictures_that_are_cut_off_anywhere_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut");
    for format in [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::Bmp,
        ImageFormat::WebP,
    ] {
        let whole = coded(&pattern(40, 24), format);
        for part in 0..20 {
            std::fs::write(&path, &whole[..whole.len() * part / 20]).unwrap();
            let message = picture::read(&path).unwrap_err().to_string();
            assert!(message.contains("cut"), "{format:?} {part}: {message}");
        }
    }
}

/// The head of a PNG that says how large it is, and no pixels.
fn png_of(width: u32, height: u32, bits: u8) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
    let mut head = b"IHDR".to_vec();
    head.extend([width.to_be_bytes(), height.to_be_bytes()].concat());
    head.extend([bits, 6, 0, 0, 0]);
    let mut crc = u32::MAX;
    for byte in &head {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 * (crc & 1));
        }
    }
    bytes.extend(&head);
    bytes.extend((!crc).to_be_bytes());
    bytes.extend(b"\0\0\0\0IDAT\x35\xaf\x06\x1e\0\0\0\0IEND\xae\x42\x60\x82");
    bytes
}

#[test]
fn pictures_that_would_fill_the_memory_are_refused_by_their_size() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.png");
    for (width, height, bits) in [(30_000, 30_000, 8), (16_000, 16_000, 16), (u32::MAX / 2, 1, 8)] {
        std::fs::write(&path, png_of(width, height, bits)).unwrap();
        let message = picture::read(&path).unwrap_err().to_string();
        let named = message.contains(&format!("{width} x {height}")) && message.contains("smaller");
        assert!(named || message.contains("memory"), "{message}");
    }
}

#[test]
fn what_is_no_file_is_refused_at_once_by_every_reader() {
    let folder = tempfile::tempdir().unwrap();
    let [pipe, csv] = ["pipe.jpg", "points.csv"].map(|name| folder.path().join(name));
    assert!(System::new("mkfifo").arg(&pipe).status().unwrap().success());
    for (path, named) in [(pipe.as_path(), "pipe"), (Path::new("/dev/zero"), "device")] {
        let cascade = CascadeSettings {
            cascade: Some(path.into()),
            ..CascadeSettings::following()
        };
        for message in [
            picture::read(path).unwrap_err().to_string(),
            open(path).map(drop).unwrap_err().to_string(),
            Labels::read(path).unwrap_err().to_string(),
            read_names(path).unwrap_err().to_string(),
            CascadeDetector::open(cascade).unwrap_err().to_string(),
        ] {
            assert!(message.contains(named), "{message}");
        }
        annotate()
            .arg(path)
            .arg("--keypoints")
            .arg(&csv)
            .assert()
            .code(1)
            .stderr(contains(named).and(contains(&*path.to_string_lossy())));
    }
    annotate()
        .arg(media("face.jpg"))
        .arg("--keypoints")
        .arg(&csv)
        .arg("--resume")
        .arg(&pipe)
        .assert()
        .code(1)
        .stderr(contains("pipe"));
    assert_eq!(names_in(folder.path()), ["pipe.jpg"]);
}

#[test]
fn files_are_found_whatever_they_are_called() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["a b", "é€🙂", "two\nlines", "-v", "%03d", "a:b", "q'\"", "{x}"].map(OsString::from);
    let latin = OsStr::from_bytes(b"caf\xe9").to_owned();
    for name in names.into_iter().chain([latin]) {
        for (extension, from, count) in [(".mp4", "variable.mp4", 5), (".jpg", "face.jpg", 1)] {
            let mut full = name.clone();
            full.push(extension);
            let path = folder.path().join(full);
            std::fs::copy(media(from), &path).unwrap();
            assert_eq!(frames(&path).len(), count, "{path:?}");
        }
    }
    let (video, out) = (
        folder.path().join(OsStr::from_bytes(b"caf\xe9.mp4")),
        folder.path().join("out"),
    );
    annotate().arg(&video).arg("--out").arg(&out).assert().success();
    assert_eq!(names_in(&out), [OsStr::from_bytes(b"caf\xe9.mp4")]);
    assert_eq!(SourceSpec::of(video.as_os_str()), Ok(SourceSpec::File(video)));
    // A name that begins with a dash is one behind two of them.
    annotate()
        .current_dir(folder.path())
        .args(["--out", "dash.jpg", "--", "-v.jpg"])
        .assert()
        .success();
}

#[test]
fn a_video_whose_size_changes_goes_on_in_the_size_that_it_began_with() {
    let folder = tempfile::tempdir().unwrap();
    let (path, out) = (folder.path().join("sizes.mjpeg"), folder.path().join("out.mp4"));
    // Motion JPEG is one picture behind the other.
    let pictures = [(64, 48), (64, 48), (160, 90), (16, 16), (64, 48)]
        .map(|(width, height)| coded(&pattern(width, height), ImageFormat::Jpeg));
    std::fs::write(&path, pictures.concat()).unwrap();
    let read = frames(&path);
    assert!((4..=5).contains(&read.len()), "{}", read.len());
    assert_eq!(read[0].dimensions(), (64, 48));
    annotate().arg(&path).arg("--out").arg(&out).assert().success();
    let written = frames(&out);
    assert_eq!(written.len(), read.len());
    assert!(written.iter().all(|frame| frame.dimensions() == (64, 48)));
}

#[test]
fn videos_without_pictures_are_refused_and_the_picture_of_a_song_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let sound = folder.path().join("sound.wav");
    let mut wave =
        b"RIFF\x24\x10\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data\0\x10\0\0"
            .to_vec();
    wave.resize(wave.len() + 0x1000, 0x80);
    std::fs::write(&sound, wave).unwrap();
    for path in [sound, media("none.mp4")] {
        let message = open(&path).map(drop).unwrap_err().to_string();
        assert!(message.contains("no picture in it"), "{message}");
    }
    let song = open(&media("song.mp3")).unwrap();
    assert_eq!(song.info().frame_count, None);
    let out = folder.path().join("out.mp4");
    annotate()
        .arg(media("song.mp3"))
        .arg("--out")
        .arg(out)
        .assert()
        .success();
}

#[test]
fn what_a_recording_without_an_index_holds_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole.mkv");
    let mut file = pinkpoint::record::VideoFile::create(&path, 64, 48, 25.0).unwrap();
    for shade in 0..60 {
        file.write(&RgbaImage::from_pixel(
            64,
            48,
            image::Rgba([shade * 4, 90, 90, 255]),
        ))
        .unwrap();
    }
    file.finish().unwrap();
    let whole = std::fs::read(&path).unwrap();
    let cut = folder.path().join("cut.mkv");
    std::fs::write(&cut, &whole[..whole.len() * 3 / 5]).unwrap();
    let mut source = open(&cut).unwrap();
    let mut read = 0;
    let error = loop {
        match source.next_picture() {
            Ok(picture) => read += u64::from(picture.unwrap().index == read),
            Err(error) => break error,
        }
    };
    assert!((20..60).contains(&read), "{read}");
    assert!(
        error.passes() && error.to_string().contains(&format!("only {read} of 60")),
        "{error}"
    );
    assert!(source.next_picture().unwrap().is_none(), "said once");
    // More sound than pictures: as long as the sound, with as many pictures as there are.
    let longer = folder.path().join("longer.mkv");
    let mut bytes = whole.clone();
    let is_duration = |part: &[u8]| part == [0x44, 0x89, 0x88];
    let at = 3 + whole.windows(3).position(is_duration).unwrap();
    let number: [u8; 8] = whole[at..at + 8].try_into().unwrap();
    bytes[at..at + 8].copy_from_slice(&(2.0 * f64::from_be_bytes(number)).to_be_bytes());
    std::fs::write(&longer, bytes).unwrap();
    let mut source = open(&longer).unwrap();
    assert_eq!(source.info().frame_count, Some(120));
    let read = std::iter::from_fn(|| source.next_picture().unwrap()).count();
    assert_eq!(read, 60);
    annotate()
        .arg(&cut)
        .arg("--out")
        .arg(folder.path().join("out.mp4"))
        .assert()
        .stderr(predicate::str::is_empty().or(contains("damaged")));
}

/// Serves every client with `answer` and gives the address.
fn server(answer: impl Fn(&mut TcpStream) -> std::io::Result<()> + Clone + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/video", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let answer = answer.clone();
            std::thread::spawn(move || {
                let mut client = client.unwrap();
                let _ = client.read(&mut [0; 4096]);
                // A client that has had enough hangs up.
                let _ = answer(&mut client);
            });
        }
    });
    address
}

#[test]
fn servers_that_lead_nowhere_are_told_and_files_are_not_theirs_to_name() {
    let film = std::fs::read(media("count.mp4")).unwrap();
    let sent = move |client: &mut TcpStream, bytes: &[u8], pause: u64| {
        let head = format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", film.len());
        client.write_all(head.as_bytes())?;
        for byte in bytes {
            client.write_all(&[*byte])?;
            std::thread::sleep(Duration::from_millis(pause));
        }
        Ok(())
    };
    let redirect = |to: String| {
        move |client: &mut TcpStream| write!(client, "HTTP/1.0 302 Found\r\nLocation: {to}\r\n\r\n")
    };
    let forever = || std::thread::sleep(Duration::from_secs(600));
    let drip = std::fs::read(media("count.mp4")).unwrap();
    let local = media("count.mp4").display().to_string();
    let round = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let list = format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{local}\n#EXT-X-ENDLIST\n");
    let addresses = [
        server(move |_| {
            forever();
            Ok(())
        }),
        server(move |client| sent(client, &drip, 400)),
        server(redirect(format!("file://{local}"))),
        server(redirect(format!("http://{round}/"))),
        server(move |client| write!(client, "HTTP/1.0 200 OK\r\n\r\n{list}")),
        server(|client| write!(client, "HTTP/1.0 404 Not Found\r\n\r\n")),
        server(|client| {
            loop {
                client.write_all(&[0; 4096])?;
            }
        }),
        "http://".into(),
        "nonsense://x".into(),
    ];
    let waiting = addresses.map(|address| {
        std::thread::spawn(move || {
            let opened = source::open(&SourceSpec::Url(address.clone()));
            (address, opened.map(drop).map_err(|error| error.to_string()))
        })
    });
    for thread in waiting {
        let (address, opened) = thread.join().unwrap();
        let message = opened.unwrap_err();
        assert!(
            message.contains(&address) && message.contains("network"),
            "{message}"
        );
    }
}

#[test]
fn a_server_that_sends_one_round_in_circles_is_left() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/again", listener.local_addr().unwrap());
    let to = address.clone();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let _ = client.read(&mut [0; 4096]);
            let _ = write!(client, "HTTP/1.0 302 Found\r\nLocation: {to}\r\n\r\n");
        }
    });
    let message = source::open(&SourceSpec::Url(address))
        .map(drop)
        .unwrap_err()
        .to_string();
    assert!(message.contains("/again"), "{message}");
}

/// The command where no file may grow beyond so many blocks of 512 bytes: what a full disk is like.
fn with_little_room(blocks: u32, arguments: &[&OsStr]) -> Command {
    let mut command = Command::new("sh");
    command
        .timeout(LONG)
        .arg("-c")
        .arg(format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\""))
        .arg(assert_cmd::cargo::cargo_bin("pinkpoint"))
        .args(["annotate", "--device", "cpu", "--jobs", "1", "--weights"])
        .arg(fixture("weights/scripted.pt"))
        .args(arguments);
    command
}

#[test]
fn what_does_not_fit_on_the_disk_leaves_the_older_file_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let [video, csv, picture] = ["o.mp4", "o.csv", "o.png"].map(|name| folder.path().join(name));
    for path in [&video, &csv, &picture] {
        std::fs::write(path, "old").unwrap();
    }
    let (film, face) = (media("face.mp4"), media("face.jpg"));
    for (input, option, output) in [
        (&film, "--out", &video),
        (&face, "--out", &picture),
        (&film, "--keypoints", &csv),
    ] {
        let arguments = [input.as_os_str(), option.as_ref(), output.as_os_str()];
        with_little_room(1, &arguments)
            .assert()
            .code(1)
            .stderr(contains("Error: "));
        assert_eq!(std::fs::read(output).unwrap(), b"old", "{output:?}");
    }
    assert_eq!(names_in(folder.path()), ["o.csv", "o.mp4", "o.png"]);
}

#[test]
fn folders_that_cannot_be_written_to_are_named() {
    for (option, output) in [
        ("--out", "/proc/x.jpg"),
        ("--keypoints", "/proc/x.csv"),
        ("--stats", "/proc/x.json"),
    ] {
        annotate()
            .arg(media("face.jpg"))
            .args([option, output])
            .assert()
            .code(1)
            .stderr(contains("cannot write").and(contains(output)));
    }
}

#[test]
fn cascades_of_the_old_format_are_told() {
    let cascade = CascadeSettings {
        cascade: Some(fixture("fuzz/cascade/old.xml")),
        ..CascadeSettings::following()
    };
    let message = CascadeDetector::open(cascade).unwrap_err().to_string();
    assert!(
        message.contains("old format") && message.contains("cascades/"),
        "{message}"
    );
}
