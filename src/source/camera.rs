//! A camera, through OpenCV's video4linux back end.

use std::{
    io::ErrorKind,
    path::PathBuf,
    time::{Duration, Instant},
};

use opencv::{
    core::Mat,
    imgproc::{COLOR_YUV2RGBA_NV12, COLOR_YUV2RGBA_NV21},
    prelude::*,
    videoio::{
        CAP_PROP_BUFFERSIZE, CAP_PROP_CONVERT_RGB, CAP_PROP_FOURCC, CAP_PROP_FPS, CAP_PROP_FRAME_HEIGHT,
        CAP_PROP_FRAME_WIDTH, CAP_V4L2, VideoCapture,
    },
};

use image::RgbaImage;

use super::{
    CameraWishes, Control, Grab, PixelFormat, Source, SourceError, SourceInfo,
    cameras::{Camera, Mode},
    controls,
    picture_of::{Upright, converted, picture_of, yvyu},
};

/// A camera that has given no picture for so long is lost: longer than an exposure in the dark or one broken frame,
/// short enough that a person does not take the still picture for a live one. Less than two of OpenCV's waits, a second
/// each, so that it is noticed when the second one is over.
const SILENCE_OF_A_LOST_CAMERA: Duration = Duration::from_millis(1900);
/// Its first picture may take longer, and until then none stands still on the screen.
const PATIENCE_FOR_THE_FIRST: Duration = Duration::from_secs(4);
/// Pause before asking again after a picture that could not be read.
const PAUSE_AFTER_A_FAILED_READ: Duration = Duration::from_millis(20);

/// What is known of an open camera.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraFacts {
    /// Which it is.
    pub camera: Camera,
    /// In which ways it can capture; empty when it does not say.
    pub modes: Vec<Mode>,
    /// The format that it gives pictures in.
    pub format: PixelFormat,
    /// Width and height as it gives them, before they are turned.
    pub size: (u32, u32),
    /// What can be set, as it was when the camera was opened.
    pub controls: Vec<Control>,
}

/// An open camera.
#[derive(Debug)]
pub struct CameraSource {
    capture: VideoCapture,
    info: SourceInfo,
    node: PathBuf,
    /// How pictures that OpenCV gives as they come are converted, by its number for that.
    conversion: Option<Conversion>,
    buffer: Mat,
    upright: Upright,
    opened_at: Instant,
    last_picture_at: Instant,
    count: u64,
}

impl CameraSource {
    /// Opens a camera as is wished for it.
    ///
    /// # Errors
    /// When it is not there any more, or cannot be used now or by this user.
    pub fn open(camera: &Camera, wishes: &CameraWishes) -> Result<Self, SourceError> {
        let wish = wishes.of(camera);
        let (node, what) = (camera.node.clone(), camera.name.clone());
        let busy = |why: String| SourceError::CameraBusy {
            what: what.clone(),
            why,
        };
        // OpenCV only says that it failed; the system says why.
        std::fs::File::options()
            .read(true)
            .write(true)
            .open(&node)
            .map_err(|e| match e.kind() {
                ErrorKind::NotFound => SourceError::CameraAbsent { what: what.clone() },
                ErrorKind::PermissionDenied => SourceError::CameraForbidden { what: what.clone() },
                _ => busy(e.to_string()),
            })?;
        let refused = |e: opencv::Error| busy(e.to_string());
        // Before it streams, when drivers answer best.
        let formats = camera.formats().map_err(|e| SourceError::CameraUnfit {
            what: what.clone(),
            why: format!("it does not say its formats: {e}"),
        })?;
        if !formats.iter().any(|format| format.is_read()) {
            let why = why_unfit(&formats);
            return Err(SourceError::CameraUnfit { what, why });
        }
        let modes = camera.modes();
        let mut capture = VideoCapture::from_file(&node, CAP_V4L2).map_err(refused)?;
        if !capture.is_opened().map_err(refused)? {
            return Err(busy("it is in use, or does not answer".into()));
        }
        // The order matters: many cameras offer 30 frames a second at full size as MJPG only, and forget the rate when
        // format or size change. What a camera does not know it ignores, so answers are not looked at.
        let (width, height) = wish.size_or_usual();
        let properties = [
            (CAP_PROP_FOURCC, f64::from(wish.format_or_usual().code())),
            (CAP_PROP_FRAME_WIDTH, f64::from(width)),
            (CAP_PROP_FRAME_HEIGHT, f64::from(height)),
            (CAP_PROP_FPS, wish.fps_or_usual()),
            (CAP_PROP_BUFFERSIZE, 1.0),
        ];
        for (property, value) in properties {
            capture.set(property, value).map_err(refused)?;
        }
        // Some take effect only in the order of their numbers: an exposure time after the choice that it is set by hand.
        for (&id, &value) in &wish.controls {
            if let Err(error) = controls::set(&node, id, value) {
                tracing::warn!("{what} does not take {value} for its control {id}: {error}");
            }
        }
        let read = |property| capture.get(property).map_err(refused);
        let (fps, size) = (
            read(CAP_PROP_FPS)?,
            (
                read(CAP_PROP_FRAME_WIDTH)? as u32,
                read(CAP_PROP_FRAME_HEIGHT)? as u32,
            ),
        );
        let facts = CameraFacts {
            camera: camera.clone(),
            modes,
            format: PixelFormat::from_code(read(CAP_PROP_FOURCC)? as u32),
            size,
            controls: controls::of(&node),
        };
        let as_wished = wish.format.is_none_or(|format| format == facts.format)
            && wish.size.is_none_or(|wished| wished == size);
        if !as_wished {
            let ((width, height), format) = (size, facts.format);
            tracing::warn!("camera gives {width}x{height} {format}, which is not what is asked for: {what}");
        }
        let conversion = Conversion::of(facts.format, size);
        if conversion.is_some() && !capture.set(CAP_PROP_CONVERT_RGB, 0.0).map_err(refused)? {
            let why = format!("OpenCV does not give {} as it comes", facts.format);
            return Err(SourceError::CameraUnfit { what, why });
        }
        let (width, height) = wish.turn.of_size(size);
        let info = SourceInfo {
            name: camera.name.clone(),
            width,
            height,
            fps: (fps.is_finite() && fps > 0.0).then_some(fps),
            frame_count: None,
            duration: None,
            live: true,
            reopen_as: Some(camera.spec()),
            camera: Some(facts),
        };
        let now = Instant::now();
        Ok(Self {
            capture,
            info,
            node,
            conversion,
            buffer: Mat::default(),
            upright: Upright::by(wish.turn.rotation()),
            opened_at: now,
            last_picture_at: now,
            count: 0,
        })
    }
}

/// How formats are converted that OpenCV makes no pictures of, or such with red for blue, as 4.6 does.
#[derive(Debug, Clone, Copy)]
enum Conversion {
    /// NV12 and NV21, by OpenCV's number: rows of chroma, half as many, below those of luma.
    Planes(i32),
    /// YVYU, of this size.
    Yvyu((u32, u32)),
}

impl Conversion {
    fn of(format: PixelFormat, size: (u32, u32)) -> Option<Self> {
        match &format.0 {
            b"NV12" => Some(Self::Planes(COLOR_YUV2RGBA_NV12)),
            b"NV21" => Some(Self::Planes(COLOR_YUV2RGBA_NV21)),
            b"YVYU" => Some(Self::Yvyu(size)),
            _ => None,
        }
    }
}

/// Why a device with these formats cannot be used as a camera.
fn why_unfit(formats: &[PixelFormat]) -> String {
    let names: Vec<String> = formats.iter().map(PixelFormat::to_string).collect();
    match &names[..] {
        [] => "it offers no format to capture in, as an output, or a loopback that nobody feeds".into(),
        names => format!(
            "its pictures come as {} only, which is not read here",
            names.join(", ")
        ),
    }
}

impl CameraSource {
    /// Reads a picture; `None` where none came.
    fn picture(&mut self) -> opencv::Result<Option<RgbaImage>> {
        let buffer = &mut self.buffer;
        if !self.capture.read(buffer)? || buffer.empty() {
            return Ok(None);
        }
        let picture = self.upright.picture(|spare| match self.conversion {
            None => picture_of(buffer, spare),
            Some(Conversion::Planes(conversion)) => {
                converted(buffer, conversion, buffer.rows() * 2 / 3, spare)
            }
            Some(Conversion::Yvyu(size)) => yvyu(buffer, size, spare),
        });
        picture.map(Some)
    }

    /// What `read` makes of the next picture. One that arrived broken reads as a failure too, so a camera gets more
    /// than one chance.
    fn when_it_comes<T>(
        &mut self,
        read: impl Fn(&mut Self) -> opencv::Result<Option<T>>,
    ) -> Result<T, SourceError> {
        let mut why = None;
        loop {
            match read(self) {
                Ok(Some(read)) => {
                    self.last_picture_at = Instant::now();
                    self.count += 1;
                    return Ok(read);
                }
                Ok(None) => {}
                Err(error) => why = Some(error.message),
            }
            let patience = if self.count == 0 {
                PATIENCE_FOR_THE_FIRST
            } else {
                SILENCE_OF_A_LOST_CAMERA
            };
            if !self.node.exists() || self.last_picture_at.elapsed() > patience {
                let what = self.info.name.clone();
                return Err(match self.count {
                    0 => SourceError::Silent { what, why },
                    _ => SourceError::Lost { what, why },
                });
            }
            std::thread::sleep(PAUSE_AFTER_A_FAILED_READ);
        }
    }
}

impl Source for CameraSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_picture(&mut self) -> Result<Option<Grab>, SourceError> {
        Ok(Some(Grab {
            picture: self.when_it_comes(Self::picture)?,
            source_time: self.last_picture_at - self.opened_at,
            index: self.count - 1,
        }))
    }

    fn skip_picture(&mut self) -> Result<bool, SourceError> {
        self.when_it_comes(|camera| Ok(camera.capture.grab()?.then_some(())))?;
        Ok(true)
    }

    fn controls(&self) -> Vec<Control> {
        controls::of(&self.node)
    }

    fn set_control(&mut self, id: u32, value: i64) -> std::io::Result<()> {
        controls::set(&self.node, id, value)
    }

    fn take_back(&mut self, picture: RgbaImage) {
        self.upright.keep(picture);
    }
}
