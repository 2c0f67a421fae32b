//! Video files and streams, through OpenCV's FFmpeg back end.

use std::{
    ffi::{OsStr, OsString},
    io::Read,
    path::Path,
    time::Duration,
};

use opencv::{
    core::{
        Mat, ROTATE_90_CLOCKWISE, ROTATE_90_COUNTERCLOCKWISE, ROTATE_180, Vector, get_version_major,
        get_version_minor,
    },
    prelude::*,
    videoio::{
        CAP_FFMPEG, CAP_PROP_FPS, CAP_PROP_FRAME_COUNT, CAP_PROP_FRAME_HEIGHT, CAP_PROP_FRAME_WIDTH,
        CAP_PROP_OPEN_TIMEOUT_MSEC, CAP_PROP_ORIENTATION_AUTO, CAP_PROP_ORIENTATION_META,
        CAP_PROP_POS_FRAMES, CAP_PROP_POS_MSEC, CAP_PROP_READ_TIMEOUT_MSEC, VideoCapture,
    },
};

use image::RgbaImage;

use super::{
    Grab, Source, SourceError, SourceInfo,
    picture_of::{Upright, picture_of},
    without_password,
};
use crate::{files::plain, picture::LONGEST_SIDE_PX};

/// How long a stream may take to open, and to give its next picture, before it counts as lost.
const OPEN_TIMEOUT_MILLIS: i32 = 10_000;
const READ_TIMEOUT_MILLIS: i32 = 5_000;
/// Rate assumed for a video that does not say its own.
pub const ASSUMED_FPS: f64 = 25.0;
/// Rates that a camera or a player can have; anything else in a header is damage.
const SENSIBLE_FPS: std::ops::RangeInclusive<f64> = 0.01..=1000.0;
/// Bytes at the start of a file that tell text from video.
const BYTES_LOOKED_AT: u64 = 512;
/// A video may end this much earlier than it announces without being damaged: containers that store no count
/// announce one reckoned from length and rate.
const TOLERATED_MISSING_FRAMES: u64 = 2;
/// See [`TOLERATED_MISSING_FRAMES`].
const TOLERATED_MISSING_SHARE: f64 = 0.01;

/// An open video.
#[derive(Debug)]
pub struct VideoSource {
    capture: VideoCapture,
    info: SourceInfo,
    /// The file or address, for people.
    shown: String,
    buffer: Mat,
    upright: Upright,
    /// The first frame, decoded to know that there is one.
    first: Option<Grab>,
    count: u64,
    /// Frames that must come before the end, lest it be told that they are missing; `None` once that was told, and where
    /// frames were passed over.
    announced: Option<u64>,
    last_time: Duration,
}

impl VideoSource {
    /// Opens a video file.
    ///
    /// # Errors
    /// When the file cannot be read, or holds no video that FFmpeg decodes.
    pub fn open_file(path: &Path) -> Result<Self, SourceError> {
        let shown = path.display().to_string();
        let unreadable = |why: &str| SourceError::Unreadable {
            path: shown.clone(),
            why: why.to_owned(),
        };
        let mut start = Vec::new();
        let length = plain::open(path)
            .and_then(|file| {
                let length = file.metadata()?.len();
                file.take(BYTES_LOOKED_AT).read_to_end(&mut start)?;
                Ok(length)
            })
            .map_err(|e| unreadable(&format!("{e}; check the name and that you may read it")))?;
        if start.is_empty() {
            return Err(unreadable("the file is empty"));
        }
        // FFmpeg would draw a text file as letters, and follow a play list to other files.
        if is_text(&start) {
            return Err(unreadable("it is text, neither a video nor a picture"));
        }
        let name = path.file_name().unwrap_or(path.as_os_str()).display().to_string();
        // A number in the name must not be taken for a pattern, nor a colon for a protocol.
        let mut address = OsString::from("file:");
        address.push(path.canonicalize().map_err(|e| unreadable(&e.to_string()))?);
        let mut video = Self::open(&address, name, shown, false)?;
        video.announced = video.info.frame_count.filter(|_| counts(&start, length));
        Ok(video)
    }

    /// Opens a stream, such as `http://...` or `rtsp://...`.
    ///
    /// # Errors
    /// When it does not answer in time, or holds no video that FFmpeg decodes.
    pub fn open_url(url: &str) -> Result<Self, SourceError> {
        let shown = without_password(url);
        Self::open(url.as_ref(), shown.clone(), shown, true)
    }

    fn open(address: &OsStr, name: String, shown: String, live: bool) -> Result<Self, SourceError> {
        let unreadable = |why: String| SourceError::Unreadable {
            path: shown.clone(),
            why,
        };
        let failed = |e: opencv::Error| unreadable(format!("OpenCV: {e}"));
        let not_a_video = || {
            unreadable(if live {
                "it does not answer or is no video stream; check the address and the network".into()
            } else {
                "it is damaged, has no picture in it, or is of a codec that this FFmpeg does not know; \
                 convert it to MP4 with H.264, for example"
                    .into()
            })
        };
        let settings = Vector::from_slice(&[
            CAP_PROP_OPEN_TIMEOUT_MSEC,
            OPEN_TIMEOUT_MILLIS,
            CAP_PROP_READ_TIMEOUT_MSEC,
            READ_TIMEOUT_MILLIS,
        ]);
        let mut capture =
            VideoCapture::from_file_with_params(address, CAP_FFMPEG, &settings).map_err(failed)?;
        if !capture.is_opened().map_err(failed)? {
            return Err(not_a_video());
        }
        // OpenCV would turn frames itself, and in some versions the wrong way.
        capture.set(CAP_PROP_ORIENTATION_AUTO, 0.0).map_err(failed)?;
        let number = |property| capture.get(property).map_err(failed);
        let longest = number(CAP_PROP_FRAME_WIDTH)?.max(number(CAP_PROP_FRAME_HEIGHT)?);
        if longest > f64::from(LONGEST_SIDE_PX) {
            return Err(unreadable(format!(
                "its frames are larger than {LONGEST_SIDE_PX} pixels"
            )));
        }
        let fps = number(CAP_PROP_FPS)?;
        // Streams report a hugely negative count; where the rate cannot be true, neither can a count that is reckoned from it, as
        // of the picture that goes with a song.
        let frames = number(CAP_PROP_FRAME_COUNT)?;
        let counted = frames >= 1.0 && (fps == 0.0 || SENSIBLE_FPS.contains(&fps));
        let turn = turn_upright(number(CAP_PROP_ORIENTATION_META)?);
        let info = SourceInfo {
            name,
            width: 0,
            height: 0,
            fps: SENSIBLE_FPS.contains(&fps).then_some(fps),
            frame_count: counted.then_some(frames as u64),
            duration: Duration::try_from_secs_f64(frames / rate_of(fps))
                .ok()
                .filter(|_| counted && frames > 1.0),
            // A film on a server is a recording and comes as fast as it is read; only a stream has no length.
            live: live && frames < 1.0,
            reopen_as: None,
            camera: None,
        };
        let mut video = Self {
            capture,
            announced: None,
            info,
            shown: shown.clone(),
            buffer: Mat::default(),
            upright: Upright::by(turn),
            first: None,
            count: 0,
            last_time: Duration::ZERO,
        };
        let first = video.decode()?.ok_or_else(not_a_video)?;
        (video.info.width, video.info.height) = first.picture.dimensions();
        video.first = Some(first);
        Ok(video)
    }

    fn decode(&mut self) -> Result<Option<Grab>, SourceError> {
        let damaged = |e: opencv::Error| SourceError::Broken {
            path: self.shown.clone(),
            why: format!("frame {} cannot be decoded: {e}", self.count),
        };
        if !self.capture.read(&mut self.buffer).map_err(damaged)? || self.buffer.empty() {
            return Ok(None);
        }
        let picture = self.upright.picture(|spare| picture_of(&self.buffer, spare));
        let picture = picture.map_err(damaged)?;
        let source_time = self.time_of_frame(self.capture.get(CAP_PROP_POS_MSEC).map_err(damaged)?);
        let grab = Grab {
            picture,
            source_time,
            index: self.count,
        };
        self.count += 1;
        self.last_time = source_time;
        Ok(Some(grab))
    }

    /// At the end: damage in the middle of a video looks to OpenCV like that, and the count tells.
    fn check_length(&mut self) -> Result<(), SourceError> {
        match self.announced.take() {
            Some(announced) if ends_early(announced, self.count) => Err(SourceError::CutShort {
                path: self.shown.clone(),
                read: self.count,
                announced,
            }),
            _ => Ok(()),
        }
    }

    /// From one frame to the next.
    fn step(&self) -> Duration {
        self.info.frame_time()
    }

    /// The frame's time as the video says; one frame after the last where it says nothing that can be true, as OpenCV 4.6
    /// does of the last frames of a video whose frames are stored out of order.
    fn time_of_frame(&self, millis: f64) -> Duration {
        let said = Duration::try_from_secs_f64(millis / 1000.0).ok();
        let said = said.filter(|time| *time < LONGEST);
        if self.count == 0 {
            return said.unwrap_or_default();
        }
        let step = self.step();
        said.filter(|&time| time > self.last_time)
            .unwrap_or(self.last_time.saturating_add(step))
    }
}

/// Whether a file that begins so, and is so long, has to have as many frames as FFmpeg announces: MP4, QuickTime and AVI store
/// how many there are. For others that is what length and rate come to, and in a film that has more sound than pictures, or no constant
/// rate, there are fewer; but not in a Matroska file of which the end is missing.
fn counts(start: &[u8], length: u64) -> bool {
    let atoms: [&[u8]; 4] = [b"ftyp", b"moov", b"mdat", b"wide"];
    let is_quick_time = start.get(4..8).is_some_and(|kind| atoms.contains(&kind));
    is_quick_time || start.starts_with(b"RIFF") || matroska_length(start).is_some_and(|whole| length < whole)
}

/// How long the Matroska file is that begins so; `None` where it does not say so, or is none (RFC 8794, 9559).
fn matroska_length(start: &[u8]) -> Option<u64> {
    const HEADER: &[u8] = &[0x1a, 0x45, 0xdf, 0xa3];
    const SEGMENT: &[u8] = &[0x18, 0x53, 0x80, 0x67];
    /// Size of the element of this kind at the start, and how many bytes stand before its content.
    fn element(bytes: &[u8], id: &[u8]) -> Option<(u64, usize)> {
        let size = bytes.strip_prefix(id)?;
        let width = size.first()?.leading_zeros() as usize + 1;
        let digits = size.get(..width)?.iter();
        let value = digits.fold(0, |value: u64, &byte| value << 8 | u64::from(byte));
        // Without the bit that says how wide it is. All others set: not known.
        let most = (1_u64 << (7 * width)) - 1;
        Some(value & most)
            .filter(|value| *value < most)
            .map(|value| (value, id.len() + width))
    }
    let (size, begins) = element(start, HEADER)?;
    let segment_at = begins.checked_add(usize::try_from(size).ok()?)?;
    let (size, begins) = element(start.get(segment_at..)?, SEGMENT)?;
    size.checked_add((segment_at + begins) as u64)
}

fn ends_early(announced: u64, read: u64) -> bool {
    let missing = announced.saturating_sub(read);
    missing > TOLERATED_MISSING_FRAMES && missing as f64 > TOLERATED_MISSING_SHARE * announced as f64
}

/// Whether a file that begins so is text, and no film that has printable pixels behind a line of text.
fn is_text(start: &[u8]) -> bool {
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        // The last character goes on behind what was read.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&start[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    let is_of_text = |letter: char| !letter.is_control() || matches!(letter, '\t' | '\n' | '\r');
    !text.starts_with("YUV4MPEG2 ") && text.chars().all(is_of_text)
}

/// No recording is so long: times beyond it are damage.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Frames a second as a header says, where it can be true.
fn rate_of(fps: f64) -> f64 {
    if SENSIBLE_FPS.contains(&fps) {
        fps
    } else {
        ASSUMED_FPS
    }
}

/// The turn that makes frames upright of which OpenCV says that they lie by `meta` degrees. The number is how far to
/// turn clockwise, but 4.6 counts the other way round (opencv/opencv#22088).
fn turn_upright(meta: f64) -> Option<i32> {
    let counts_backwards = get_version_major() == 4 && get_version_minor() == 6;
    match ((meta as i32).rem_euclid(360), counts_backwards) {
        (90, false) | (270, true) => Some(ROTATE_90_CLOCKWISE),
        (270, false) | (90, true) => Some(ROTATE_90_COUNTERCLOCKWISE),
        (180, _) => Some(ROTATE_180),
        _ => None,
    }
}

impl Source for VideoSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_picture(&mut self) -> Result<Option<Grab>, SourceError> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        match self.decode()? {
            None if self.info.live => Err(SourceError::Lost {
                what: self.info.name.clone(),
                why: None,
            }),
            None => self.check_length().map(|()| None),
            grab => Ok(grab),
        }
    }

    fn seek(&mut self, time: Duration) -> Result<bool, SourceError> {
        let Some(frames) = self.info.frame_count.filter(|_| !self.info.live) else {
            return Ok(false);
        };
        let frame = (time.as_secs_f64() / self.step().as_secs_f64()).round() as u64;
        let frame = frame.min(frames.saturating_sub(1));
        let moved = self.capture.set(CAP_PROP_POS_FRAMES, frame as f64);
        let moved = moved.map_err(|e| SourceError::Broken {
            path: self.shown.clone(),
            why: format!("cannot go to frame {frame}: {e}"),
        })?;
        if moved {
            self.first = None;
            self.announced = None;
            self.count = frame;
            self.last_time = self.step().mul_f64(frame as f64).saturating_sub(self.step());
        }
        Ok(moved)
    }

    fn take_back(&mut self, picture: RgbaImage) {
        self.upright.keep(picture);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_video_that_ends_early_is_noticed() {
        assert!(!ends_early(300, 300));
        assert!(!ends_early(300, 298));
        assert!(ends_early(300, 150));
        assert!(ends_early(10, 5));
    }

    #[test]
    fn text_is_told_from_films_by_its_letters() {
        let cut = &"straße und weg".as_bytes()[..5];
        for text in [
            &b"just a note\r\n\t#EXTM3U"[..],
            "für uns: 日本\n".as_bytes(),
            cut,
            b"",
        ] {
            assert!(is_text(text), "{text:?}");
        }
        let dark = b"YUV4MPEG2 W16 H16 F25:1\nFRAME\n                ~~~~";
        for film in [
            &dark[..],
            b"\x1aE\xdf\xa3",
            b"RIFF\0\0",
            b"caf\xe9 ",
            b"\0\0\0\x18ftyp",
        ] {
            assert!(!is_text(film), "{film:?}");
        }
    }
}
