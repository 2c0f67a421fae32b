//! Video as a file through OpenCV's FFmpeg back end: MP4 to pass on, Matroska for what must survive a crash.

use std::{io, path::Path};

use image::RgbaImage;
use opencv::{
    core::{Mat, Size, Vec4b},
    imgproc,
    prelude::*,
    videoio::{CAP_FFMPEG, CAP_PROP_FRAME_COUNT, VideoCapture, VideoWriter},
};

use super::{RecordError, letterbox};
use crate::files::Partial;

/// A kind of file and how videos are stored in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Container {
    /// Needs its end to be played.
    Mp4,
    /// Every picture by itself, so that it can be played up to where it was cut off. FFmpeg keeps back 256 KB at most, less
    /// than a second of it.
    Matroska,
}

impl Container {
    fn of(path: &Path) -> Result<Self, RecordError> {
        let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
        match extension.as_deref() {
            Some("mp4") => Ok(Self::Mp4),
            Some("mkv") => Ok(Self::Matroska),
            _ => Err(RecordError::Extension {
                path: path.to_path_buf(),
                allowed: ".mp4 or .mkv",
            }),
        }
    }

    /// Codecs, best first: H.264 plays everywhere; MPEG-4 part 2 is in every FFmpeg, and so is motion JPEG.
    fn codecs(self) -> &'static [[char; 4]] {
        match self {
            Self::Mp4 => &[['a', 'v', 'c', '1'], ['m', 'p', '4', 'v']],
            Self::Matroska => &[['M', 'J', 'P', 'G']],
        }
    }
}

/// A video that is being written. Until [`Self::finish`] it is called `NAME.partial.EXT`; without `finish` an MP4 is removed,
/// which nobody could play, and a Matroska file stays.
#[derive(Debug)]
pub struct VideoFile {
    writer: VideoWriter,
    partial: Partial,
    size: (u32, u32),
    frames: u64,
    /// A picture of another size in that of the video: memory for the next.
    fitted: RgbaImage,
}

impl VideoFile {
    /// Begins a video of `width` x `height` pixels at a constant rate. In MP4 files sizes are even, so the last column or row
    /// of an odd size is cut off.
    ///
    /// # Errors
    /// When the file cannot be created, is called neither `.mp4` nor `.mkv`, or no encoder takes the size and rate.
    pub fn create(path: &Path, width: u32, height: u32, fps: f64) -> Result<Self, RecordError> {
        let container = Container::of(path)?;
        let mut partial = Partial::beside(path)?;
        // OpenCV does not say why it cannot write; creating the file first does.
        std::fs::File::create(partial.path()).map_err(|e| partial.error(e))?;
        let size = Size::new(width as i32, height as i32);
        let open = |[a, b, c, d]: [char; 4]| {
            let fourcc = VideoWriter::fourcc(a, b, c, d)?;
            let writer = VideoWriter::new_with_backend(partial.path(), CAP_FFMPEG, fourcc, fps, size, true)?;
            Ok(writer.is_opened()?.then_some(writer))
        };
        for &codec in container.codecs() {
            if let Some(writer) = open(codec).map_err(|e| refused(path, &e))? {
                if container == Container::Matroska {
                    partial.stay();
                }
                return Ok(Self {
                    writer,
                    partial,
                    size: (width, height),
                    frames: 0,
                    fitted: RgbaImage::default(),
                });
            }
        }
        let advice = match container {
            Container::Mp4 => "try .mkv, or another size",
            Container::Matroska => "try another size",
        };
        Err(RecordError::Video {
            path: path.to_path_buf(),
            why: format!("no encoder takes {width} x {height} pixels at {fps:.2} frames a second; {advice}"),
        })
    }

    /// Adds a frame. One of another size than the video's is fitted into it, whole and in its own proportions.
    ///
    /// # Errors
    /// When OpenCV fails.
    pub fn write(&mut self, picture: &RgbaImage) -> Result<(), RecordError> {
        let picture = if picture.dimensions() == self.size {
            picture
        } else {
            if self.fitted.dimensions() != self.size {
                self.fitted = RgbaImage::new(self.size.0, self.size.1);
            }
            letterbox(picture, &mut self.fitted)?;
            &self.fitted
        };
        let written = encode(&mut self.writer, picture);
        written.map_err(|e| refused(self.partial.target(), &e))?;
        self.frames += 1;
        Ok(())
    }

    /// Ends the video and gives it its name; an older file is replaced.
    ///
    /// # Errors
    /// When not all of it reached the disk, which OpenCV does not report: the frames are counted.
    pub fn finish(mut self) -> Result<(), RecordError> {
        let released = self.writer.release();
        let counted = released.and_then(|()| {
            VideoCapture::from_file(self.partial.path(), CAP_FFMPEG)?.get(CAP_PROP_FRAME_COUNT)
        });
        let written = counted.map_err(|e| refused(self.partial.target(), &e))?;
        if written < self.frames as f64 {
            let why = format!(
                "only {written} of {} frames were stored; the disk may be full",
                self.frames
            );
            return Err(self.partial.error(io::Error::other(why)).into());
        }
        Ok(self.partial.finish()?)
    }
}

fn encode(writer: &mut VideoWriter, picture: &RgbaImage) -> opencv::Result<()> {
    let (width, height) = (picture.width() as i32, picture.height() as i32);
    let rgba = Mat::new_rows_cols_with_bytes::<Vec4b>(height, width, picture.as_raw())?;
    let mut bgr = Mat::default();
    imgproc::cvt_color_def(&rgba, &mut bgr, imgproc::COLOR_RGBA2BGR)?;
    writer.write(&bgr)
}

fn refused(path: &Path, error: &opencv::Error) -> RecordError {
    RecordError::Video {
        path: path.to_path_buf(),
        why: format!("OpenCV: {}", error.message),
    }
}
