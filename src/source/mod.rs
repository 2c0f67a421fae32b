//! Where frames come from: cameras, videos, pictures, the built-in demo. One trait, one file each.
//! One of the rooms that know OpenCV; owned pictures go out.

mod camera;
pub mod cameras;
mod controls;
mod demo;
mod picture_of;
mod pictures;
mod settle;
mod video;
mod wishes;

use std::{
    ffi::OsStr,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use image::RgbaImage;

use crate::picture::{self, PictureError};
pub use camera::{CameraFacts, CameraSource};
pub use controls::{Control, ControlKind};
pub use demo::DemoSource;
pub use pictures::{PicturesSource, is_picture, pictures_in};
pub use settle::{limit_opencv_threads, settle_opencv};
pub use video::{ASSUMED_FPS, VideoSource};
pub use wishes::{CameraWish, CameraWishes, PixelFormat, Turn};

/// Where the user wants frames from.
///
/// ```
/// use pinkpoint::source::SourceSpec;
///
/// assert_eq!("camera:1".parse(), Ok(SourceSpec::Camera(1)));
/// assert_eq!("rtsp://host/door".parse(), Ok(SourceSpec::Url("rtsp://host/door".into())));
/// assert_eq!("film.mp4".parse(), Ok(SourceSpec::File("film.mp4".into())));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub enum SourceSpec {
    /// The first camera that can capture; the demo where there is none.
    FirstCamera,
    /// The N-th camera that can capture, from 0.
    Camera(usize),
    /// The camera of this name, else the first with this in its name, upper and lower case alike.
    CameraNamed(String),
    /// The first camera of exactly this name: one that was open is waited for so, and no other takes its place.
    CameraCalled(String),
    /// The camera at a device node, such as `/dev/video2`.
    Device(PathBuf),
    /// A video, a picture, or a folder of pictures.
    File(PathBuf),
    /// A stream, such as `rtsp://...` or `http://.../video.mjpg`.
    Url(String),
    /// The built-in picture of a face, gently moving.
    Demo,
}

impl SourceSpec {
    /// Whether it is worth trying again what cannot be opened.
    pub fn comes_and_goes(&self) -> bool {
        match self {
            Self::FirstCamera
            | Self::Camera(_)
            | Self::CameraNamed(_)
            | Self::CameraCalled(_)
            | Self::Device(_)
            | Self::Url(_) => true,
            Self::File(_) | Self::Demo => false,
        }
    }

    /// What an argument means, which need not be text: then it is a file.
    ///
    /// # Errors
    /// When it names nothing.
    pub fn of(argument: &OsStr) -> Result<Self, String> {
        match argument.to_str() {
            Some(text) => text.parse(),
            None => Ok(Self::File(argument.into())),
        }
    }

    /// For people: without a name and password before the host, and without a query, which may hold some as well.
    pub fn shown(&self) -> String {
        match self {
            Self::Url(url) => without_password(url),
            Self::CameraNamed(name) | Self::CameraCalled(name) => name.clone(),
            other => other.to_string(),
        }
    }
}

/// As [`Self::shown`]: logs show it, and are brought along to reports of bugs.
impl fmt::Debug for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SourceSpec").field(&self.shown()).finish()
    }
}

impl FromStr for SourceSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Files of this folder are in memory, and no devices.
        let is_device = text.starts_with("/dev/") && !text.starts_with("/dev/shm/");
        match text {
            "" | "camera:" | "camera:=" => Err(
                "a source is needed: camera, camera:N, camera:NAME, camera:=EXACT NAME, /dev/videoN, a file, a URL or demo"
                    .into(),
            ),
            "camera" => Ok(Self::FirstCamera),
            "demo" => Ok(Self::Demo),
            "file://" => Err("a file is needed behind file://".into()),
            _ if is_device => Ok(Self::Device(text.into())),
            // Cameras are called anything, also like an address.
            _ => Ok(if let Some(name) = text.strip_prefix("camera:=") {
                Self::CameraCalled(name.into())
            } else if let Some(which) = text.strip_prefix("camera:") {
                which
                    .parse()
                    .map_or_else(|_| Self::CameraNamed(which.into()), Self::Camera)
            } else if let Some(path) = text.strip_prefix("file://") {
                Self::File(path.into())
            } else if text.contains("://") {
                Self::Url(text.into())
            } else {
                Self::File(text.into())
            }),
        }
    }
}

/// An address without the name and password that may stand before its host: those are for the host, and what is shown,
/// sent and written down is for everybody.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (host, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let (path, query) = match path.split_once('?') {
        Some((path, _)) => (path, "?…"),
        None => (path, ""),
    };
    format!("{scheme}://{host}{path}{query}")
}

/// As it can be read back.
impl fmt::Display for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FirstCamera => f.write_str("camera"),
            Self::Camera(number) => write!(f, "camera:{number}"),
            Self::CameraNamed(name) => write!(f, "camera:{name}"),
            Self::CameraCalled(name) => write!(f, "camera:={name}"),
            // A file may be called like something else.
            Self::File(path)
                if path
                    .to_str()
                    .is_some_and(|text| text.parse::<Self>().as_ref() != Ok(self)) =>
            {
                write!(f, "file://{}", path.display())
            }
            Self::Device(path) | Self::File(path) => write!(f, "{}", path.display()),
            Self::Url(url) => f.write_str(url),
            Self::Demo => f.write_str("demo"),
        }
    }
}

/// What an open source says about itself.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceInfo {
    /// Name shown to people: a camera's name, a file's name, an address without a password.
    pub name: String,
    /// Pixels per row of the frames, after turning them upright.
    pub width: u32,
    /// Rows of the frames.
    pub height: u32,
    /// Frames a second that it announces, where it does.
    pub fps: Option<f64>,
    /// Frames it has, where that is known.
    pub frame_count: Option<u64>,
    /// How long it lasts, where one can go to any place in it; `None` for cameras, streams and the demo.
    pub duration: Option<Duration>,
    /// Cameras and streams: frames come in their own time. Others give the next frame whenever they are asked,
    /// and whoever shows them keeps to their `source_time`.
    pub live: bool,
    /// How to open the same camera again, whatever was plugged in or out meanwhile; `None` for other sources.
    pub reopen_as: Option<SourceSpec>,
    /// What more is known of a camera; `None` for other sources.
    pub camera: Option<CameraFacts>,
}

impl SourceInfo {
    /// From one frame to the next; as is assumed where no rate is announced.
    pub fn frame_time(&self) -> Duration {
        Duration::from_secs_f64(1.0 / self.fps.unwrap_or(ASSUMED_FPS))
    }
}

/// One picture as it came from a source.
#[derive(Debug, Clone)]
pub struct Grab {
    /// Opaque RGBA, upright.
    pub picture: RgbaImage,
    /// Its time in the source: presentation time in a video, time since opening of a camera.
    pub source_time: Duration,
    /// Which picture of its file it is, from 0.
    pub index: u64,
}

/// A place that pictures come from, one after the other. Owned by one thread.
pub trait Source: Send {
    /// What is known of it.
    fn info(&self) -> &SourceInfo;

    /// The next picture; `None` at the end. Blocks until there is one (cameras: at most a few seconds).
    ///
    /// # Errors
    /// When a camera was unplugged or stalls, or a file is damaged. After errors that [pass](SourceError::passes) there is
    /// more to come, if only the end.
    fn next_picture(&mut self) -> Result<Option<Grab>, SourceError>;

    /// Lets the next picture go by unseen, which costs a camera less than giving it; whether there was one.
    ///
    /// # Errors
    /// As [`Self::next_picture`].
    fn skip_picture(&mut self) -> Result<bool, SourceError> {
        let skipped = self.next_picture()?.map(|grab| self.take_back(grab.picture));
        Ok(skipped.is_some())
    }

    /// Goes to `time`, from which on pictures come next; whether that can be done.
    ///
    /// # Errors
    /// When the file is damaged there.
    fn seek(&mut self, _time: Duration) -> Result<bool, SourceError> {
        Ok(false)
    }

    /// What can be set on a camera, as it is now; nothing for other sources.
    fn controls(&self) -> Vec<Control> {
        Vec::new()
    }

    /// Sets a control of a camera.
    ///
    /// # Errors
    /// When it is not there, or does not take the value.
    fn set_control(&mut self, _id: u32, _value: i64) -> std::io::Result<()> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    /// Takes back a picture that nobody needs any more: a later one may be put into its memory.
    fn take_back(&mut self, _picture: RgbaImage) {}
}

/// Why there are no pictures.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The camera is not there.
    #[error("{what} is not there; plug it in, or list what is there with `pinkpoint cameras`")]
    CameraAbsent {
        /// The camera asked for.
        what: String,
    },
    /// The camera is there and this user may not use it.
    #[error(
        "{what} may not be used by this user; have root add you to the group video (usermod -aG video USER) and log in again"
    )]
    CameraForbidden {
        /// The camera asked for.
        what: String,
    },
    /// The camera is there and cannot be used.
    #[error("{what} cannot be opened ({why}); close other programs that use it")]
    CameraBusy {
        /// The camera asked for.
        what: String,
        /// What the system said.
        why: String,
    },
    /// It is there and is no camera that can be used.
    #[error("{what} cannot be used as a camera ({why}); choose another one, `pinkpoint cameras` lists them")]
    CameraUnfit {
        /// The device asked for.
        what: String,
        /// What it lacks.
        why: String,
    },
    /// The camera or stream stopped giving pictures.
    #[error("{what} gives no pictures any more{}", because(why))]
    Lost {
        /// The camera or stream.
        what: String,
        /// What was wrong with the last one, where that is known.
        why: Option<String>,
    },
    /// The camera was opened and has not given a picture since.
    #[error(
        "{what} can be opened, and gives no picture{}; if it is fed by another program, is that one running?",
        because(why)
    )]
    Silent {
        /// The camera.
        what: String,
        /// What was wrong with what it gave, where that is known.
        why: Option<String>,
    },
    /// The file or stream cannot be opened.
    #[error("cannot open ({why}): {path}")]
    Unreadable {
        /// The file or address.
        path: String,
        /// What is wrong and what to do.
        why: String,
    },
    /// The file or stream was opened and cannot be read further.
    #[error("cannot go on ({why}): {path}")]
    Broken {
        /// The file or address.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// A video is over before its announced end.
    #[error(
        "only {read} of {announced} frames could be read, the rest is damaged or missing; fetch the file anew: {path}"
    )]
    CutShort {
        /// The file.
        path: String,
        /// Frames that were read.
        read: u64,
        /// Frames that its header announces.
        announced: u64,
    },
    /// One picture cannot be read.
    #[error(transparent)]
    Picture(#[from] PictureError),
}

fn because(why: &Option<String>) -> String {
    why.as_ref().map_or_else(String::new, |why| format!(" ({why})"))
}

/// What kind of trouble a source has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// It is not there.
    Absent,
    /// Somebody else uses it.
    Busy,
    /// This user may not use it.
    Forbidden,
    /// It was there and gives nothing any more.
    Lost,
    /// It cannot be read.
    Unreadable,
}

impl SourceError {
    /// What kind of trouble it is.
    pub fn cause(&self) -> Cause {
        match self {
            Self::CameraAbsent { .. } => Cause::Absent,
            Self::CameraBusy { .. } => Cause::Busy,
            Self::CameraForbidden { .. } => Cause::Forbidden,
            Self::Lost { .. } | Self::Silent { .. } => Cause::Lost,
            Self::CameraUnfit { .. }
            | Self::Unreadable { .. }
            | Self::Broken { .. }
            | Self::CutShort { .. }
            | Self::Picture(_) => Cause::Unreadable,
        }
    }

    /// Whether whoever asks the source again gets what comes next: the picture behind one of a folder that cannot be read,
    /// or the end.
    pub fn passes(&self) -> bool {
        matches!(self, Self::Picture(_) | Self::CutShort { .. })
    }
}

/// Opens a source.
///
/// # Errors
/// When the camera is absent or busy, or the file cannot be read. [`SourceSpec::FirstCamera`] without any camera
/// that can be used gives the demo and not an error.
pub fn open(spec: &SourceSpec) -> Result<Box<dyn Source>, SourceError> {
    open_with(spec, &CameraWishes::default())
}

/// Like [`open`], with wishes for how cameras capture.
///
/// # Errors
/// As [`open`].
pub fn open_with(spec: &SourceSpec, wishes: &CameraWishes) -> Result<Box<dyn Source>, SourceError> {
    Ok(match spec {
        SourceSpec::FirstCamera => return first_camera_or_demo(wishes),
        SourceSpec::Camera(number) => {
            let camera = cameras::list().into_iter().nth(*number);
            let camera = camera.ok_or_else(|| SourceError::CameraAbsent {
                what: format!("camera {number}"),
            })?;
            Box::new(CameraSource::open(&camera, wishes)?)
        }
        SourceSpec::CameraNamed(name) => {
            let camera = cameras::named(cameras::list(), name);
            Box::new(CameraSource::open(
                &camera.ok_or_else(|| nobody_called(name))?,
                wishes,
            )?)
        }
        SourceSpec::CameraCalled(name) => {
            let camera = cameras::list().into_iter().find(|camera| camera.name == *name);
            Box::new(CameraSource::open(
                &camera.ok_or_else(|| nobody_called(name))?,
                wishes,
            )?)
        }
        SourceSpec::Device(path) => Box::new(CameraSource::open(&cameras::at(path)?, wishes)?),
        SourceSpec::File(path) => return open_file(path),
        SourceSpec::Url(url) => Box::new(VideoSource::open_url(url)?),
        SourceSpec::Demo => Box::new(DemoSource::open("built-in demo")?),
    })
}

fn nobody_called(name: &str) -> SourceError {
    SourceError::CameraAbsent {
        what: format!("a camera called {name}"),
    }
}

/// Extensions of pictures that are not read, besides those that the `image` crate knows.
const OTHER_PICTURES: [&str; 5] = ["heic", "heif", "jxl", "cr2", "nef"];

/// A picture, a folder of pictures or a video, told apart by what is in it.
fn open_file(path: &Path) -> Result<Box<dyn Source>, SourceError> {
    let unreadable = |why: String| SourceError::Unreadable {
        path: path.display().to_string(),
        why,
    };
    let pictures = path.is_dir()
        || is_picture(path)
            .map_err(|e| unreadable(format!("{e}; check the name and that you may read it")))?;
    // What is called a picture and is none that is read here should not be told off for being no video.
    let is_other = |e: &OsStr| OTHER_PICTURES.iter().any(|other| e.eq_ignore_ascii_case(other));
    let called_picture = image::ImageFormat::from_path(path)
        .is_ok_and(|format| format != image::ImageFormat::Gif)
        || path.extension().is_some_and(is_other);
    if !pictures && called_picture {
        return Err(unreadable(format!(
            "it is damaged, or a kind of picture that is not read; {} are",
            picture::FORMATS
        )));
    }
    Ok(if pictures {
        Box::new(PicturesSource::open(path)?)
    } else {
        Box::new(VideoSource::open_file(path)?)
    })
}

fn first_camera_or_demo(wishes: &CameraWishes) -> Result<Box<dyn Source>, SourceError> {
    let mut why = "no camera found".to_owned();
    for camera in cameras::list() {
        match CameraSource::open(&camera, wishes) {
            Ok(source) => return Ok(Box::new(source)),
            Err(error) => why = error.to_string(),
        }
    }
    Ok(Box::new(DemoSource::open(&format!("built-in demo ({why})"))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant_can_be_spelled_and_read_back() {
        use SourceSpec::*;
        for (spec, text) in [
            (FirstCamera, "camera"),
            (Camera(2), "camera:2"),
            (CameraNamed("webcam".into()), "camera:webcam"),
            (CameraCalled("1234".into()), "camera:=1234"),
            (CameraCalled("cam://one".into()), "camera:=cam://one"),
            (CameraNamed("cam://".into()), "camera:cam://"),
            (Device("/dev/video2".into()), "/dev/video2"),
            (File("/dev/shm/film.mp4".into()), "/dev/shm/film.mp4"),
            (File("film.mp4".into()), "film.mp4"),
            (File("camera:1".into()), "file://camera:1"),
            (
                Url("rtsp://me:secret@host/door".into()),
                "rtsp://me:secret@host/door",
            ),
            (Demo, "demo"),
        ] {
            assert_eq!(spec.to_string(), text);
            assert_eq!(text.parse(), Ok(spec));
        }
        for nothing in ["", "camera:", "camera:=", "file://"] {
            assert!(nothing.parse::<SourceSpec>().is_err(), "{nothing}");
        }
    }

    #[test]
    fn passwords_are_left_out_and_nothing_else() {
        for (url, shown) in [
            ("rtsp://me:secret@host:554/door", "rtsp://host:554/door"),
            ("rtsp://me:sec@ret@host", "rtsp://host"),
            ("http://host/@me?user=b@c&pwd=secret", "http://host/@me?…"),
            ("http://me@host?a", "http://host?…"),
            ("nonsense", "nonsense"),
        ] {
            assert_eq!(without_password(url), shown);
            // Nor in logs.
            let spec = SourceSpec::Url(url.into());
            assert!(!format!("{spec:?}").contains("secret"));
        }
    }
}
