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
        get_version_minor, rotate,
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
    picture_of::{Spare, picture_of},
};
use crate::files::plain;

/// How long a stream may take to open, and to give its next picture, before it counts as lost.
const OPEN_TIMEOUT_MILLIS: i32 = 10_000;
const READ_TIMEOUT_MILLIS: i32 = 5_000;
/// Rate assumed for a video that does not say its own.
pub const ASSUMED_FPS: f64 = 25.0;
/// Rates that a camera or a player can have; anything else in a header is damage.
const SENSIBLE_FPS: std::ops::RangeInclusive<f64> = 0.01..=1000.0;
/// Longest side of a frame, as for pictures: a damaged header must not ask for all of the memory.
const LONGEST_SIDE_PX: f64 = 16_384.0;
/// Bytes at the start of a file that tell text from video.
const BYTES_LOOKED_AT: u64 = 512;

/// An open video.
#[derive(Debug)]
pub struct VideoSource {
    capture: VideoCapture,
    info: SourceInfo,
    origin: String,
    buffer: Mat,
    upright: Mat,
    spare: Spare,
    /// How OpenCV turns frames upright; `None`: they are.
    turn: Option<i32>,
    /// The first frame, decoded to know that there is one.
    first: Option<Grab>,
    count: u64,
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
        plain::open(path)
            .and_then(|file| file.take(BYTES_LOOKED_AT).read_to_end(&mut start))
            .map_err(|e| unreadable(&format!("{e}; check the name and that you may read it")))?;
        if start.is_empty() {
            return Err(unreadable("the file is empty"));
        }
        // FFmpeg would draw a text file as letters, and follow a play list to other files.
        if start
            .iter()
            .all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~'))
        {
            return Err(unreadable("it is text, neither a video nor a picture"));
        }
        let name = path.file_name().unwrap_or(path.as_os_str()).display().to_string();
        // A number in the name must not be taken for a pattern, nor a colon for a protocol.
        let mut address = OsString::from("file:");
        address.push(path.canonicalize().map_err(|e| unreadable(&e.to_string()))?);
        Self::open(&address, name, shown.clone(), false)
    }

    /// Opens a stream, such as `http://...` or `rtsp://...`.
    ///
    /// # Errors
    /// When it does not answer in time, or holds no video that FFmpeg decodes.
    pub fn open_url(url: &str) -> Result<Self, SourceError> {
        Self::open(url.as_ref(), url.to_owned(), url.to_owned(), true)
    }

    fn open(address: &OsStr, name: String, origin: String, live: bool) -> Result<Self, SourceError> {
        let unreadable = |why: String| SourceError::Unreadable {
            path: origin.clone(),
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
        if number(CAP_PROP_FRAME_WIDTH)?.max(number(CAP_PROP_FRAME_HEIGHT)?) > LONGEST_SIDE_PX {
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
            info,
            origin: origin.clone(),
            buffer: Mat::default(),
            upright: Mat::default(),
            spare: Spare::default(),
            turn,
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
        let damaged = |e: opencv::Error| SourceError::Unreadable {
            path: self.origin.clone(),
            why: format!("frame {} cannot be decoded: {e}", self.count),
        };
        if !self.capture.read(&mut self.buffer).map_err(damaged)? || self.buffer.empty() {
            return Ok(None);
        }
        let upright = match self.turn {
            None => &self.buffer,
            Some(turn) => {
                rotate(&self.buffer, &mut self.upright, turn).map_err(damaged)?;
                &self.upright
            }
        };
        let picture = picture_of(upright, &mut self.spare).map_err(damaged)?;
        let source_time = self.time_of_frame(self.capture.get(CAP_PROP_POS_MSEC).map_err(damaged)?);
        let grab = Grab {
            picture,
            source_time,
            origin: self.origin.clone(),
            index: self.count,
        };
        self.count += 1;
        self.last_time = source_time;
        Ok(Some(grab))
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
            }),
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
        let moved = moved.map_err(|e| SourceError::Unreadable {
            path: self.origin.clone(),
            why: format!("cannot go to frame {frame}: {e}"),
        })?;
        if moved {
            self.first = None;
            self.count = frame;
            self.last_time = self.step().mul_f64(frame as f64).saturating_sub(self.step());
        }
        Ok(moved)
    }

    fn take_back(&mut self, picture: RgbaImage) {
        self.spare.keep(picture);
    }
}
