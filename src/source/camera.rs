//! A camera, through OpenCV's video4linux back end.

use std::{
    io::ErrorKind,
    path::PathBuf,
    time::{Duration, Instant},
};

use opencv::{
    core::Mat,
    prelude::*,
    videoio::{
        CAP_PROP_BUFFERSIZE, CAP_PROP_FOURCC, CAP_PROP_FPS, CAP_PROP_FRAME_HEIGHT, CAP_PROP_FRAME_WIDTH,
        CAP_V4L2, VideoCapture, VideoWriter,
    },
};

use image::RgbaImage;

use super::{
    Grab, Source, SourceError, SourceInfo,
    cameras::Camera,
    picture_of::{Spare, picture_of},
};

/// A camera that has given no picture for so long is lost: longer than an exposure in the dark or one broken frame,
/// short enough that a person does not take the still picture for a live one.
const SILENCE_OF_A_LOST_CAMERA: Duration = Duration::from_millis(2500);
/// Pause before asking again after a picture that could not be read.
const PAUSE_AFTER_A_FAILED_READ: Duration = Duration::from_millis(20);

/// What is asked of a camera; it gives the nearest that it can.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CameraRequest {
    /// Pixels per row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Frames a second.
    pub fps: f64,
}

/// Every webcam gives 640x480 at 30 frames a second, and faces in it are larger than any net's input.
impl Default for CameraRequest {
    fn default() -> Self {
        Self {
            width: 640,
            height: 480,
            fps: 30.0,
        }
    }
}

/// An open camera.
#[derive(Debug)]
pub struct CameraSource {
    capture: VideoCapture,
    info: SourceInfo,
    node: PathBuf,
    buffer: Mat,
    spare: Spare,
    opened_at: Instant,
    last_picture_at: Instant,
    count: u64,
}

impl CameraSource {
    /// Opens a camera.
    ///
    /// # Errors
    /// When it is not there any more, or cannot be used now or by this user.
    pub fn open(camera: &Camera, request: CameraRequest) -> Result<Self, SourceError> {
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
        let mut capture = VideoCapture::from_file(&node, CAP_V4L2).map_err(refused)?;
        if !capture.is_opened().map_err(refused)? {
            return Err(busy("it is in use, or is no camera that can capture".into()));
        }
        // The order matters: many cameras offer 30 frames a second at full size as MJPG only, and forget the rate when
        // format or size change. What a camera does not know it ignores, so answers are not looked at.
        let wishes = [
            (
                CAP_PROP_FOURCC,
                f64::from(VideoWriter::fourcc('M', 'J', 'P', 'G').map_err(refused)?),
            ),
            (CAP_PROP_FRAME_WIDTH, f64::from(request.width)),
            (CAP_PROP_FRAME_HEIGHT, f64::from(request.height)),
            (CAP_PROP_FPS, request.fps),
            (CAP_PROP_BUFFERSIZE, 1.0),
        ];
        for (property, value) in wishes {
            capture.set(property, value).map_err(refused)?;
        }
        let fps = capture.get(CAP_PROP_FPS).map_err(refused)?;
        let info = SourceInfo {
            name: camera.name.clone(),
            width: capture.get(CAP_PROP_FRAME_WIDTH).map_err(refused)? as u32,
            height: capture.get(CAP_PROP_FRAME_HEIGHT).map_err(refused)? as u32,
            fps: (fps.is_finite() && fps > 0.0).then_some(fps),
            frame_count: None,
            duration: None,
            live: true,
            reopen_as: Some(camera.spec()),
        };
        let now = Instant::now();
        Ok(Self {
            capture,
            info,
            node,
            buffer: Mat::default(),
            spare: Spare::default(),
            opened_at: now,
            last_picture_at: now,
            count: 0,
        })
    }
}

impl CameraSource {
    /// What `read` makes of the next picture. One that arrived broken reads as a failure too, so a camera gets more
    /// than one chance.
    fn when_it_comes<T>(&mut self, read: impl Fn(&mut Self) -> Option<T>) -> Result<T, SourceError> {
        loop {
            if let Some(read) = read(self) {
                self.last_picture_at = Instant::now();
                self.count += 1;
                return Ok(read);
            }
            if !self.node.exists() || self.last_picture_at.elapsed() > SILENCE_OF_A_LOST_CAMERA {
                let what = self.info.name.clone();
                return Err(SourceError::Lost { what });
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
        let picture = self.when_it_comes(|camera| {
            let got = camera.capture.read(&mut camera.buffer).unwrap_or(false) && !camera.buffer.empty();
            let picture = got.then(|| picture_of(&camera.buffer, &mut camera.spare).ok());
            picture.flatten()
        })?;
        Ok(Some(Grab {
            picture,
            source_time: self.last_picture_at - self.opened_at,
            origin: self.info.name.clone(),
            index: self.count - 1,
        }))
    }

    fn skip_picture(&mut self) -> Result<bool, SourceError> {
        let grab = |camera: &mut Self| camera.capture.grab().unwrap_or(false).then_some(());
        self.when_it_comes(grab).map(|()| true)
    }

    fn take_back(&mut self, picture: RgbaImage) {
        self.spare.keep(picture);
    }
}
