//! Video as a file: MP4 through OpenCV's FFmpeg back end.

use std::{io, path::Path};

use image::RgbaImage;
use opencv::{
    core::{Mat, Size, Vec4b},
    imgproc::{self, INTER_AREA},
    prelude::*,
    videoio::{CAP_FFMPEG, CAP_PROP_FRAME_COUNT, VideoCapture, VideoWriter},
};

use super::RecordError;
use crate::files::Partial;

/// Codecs, best first: H.264 plays everywhere; MPEG-4 part 2 is in every FFmpeg.
const CODECS: [[char; 4]; 2] = [['a', 'v', 'c', '1'], ['m', 'p', '4', 'v']];

/// A video that is being written. Until [`Self::finish`] it is called `NAME.partial.mp4`; without `finish` it is removed.
#[derive(Debug)]
pub struct VideoFile {
    writer: VideoWriter,
    partial: Partial,
    size: Size,
    frames: u64,
}

impl VideoFile {
    /// Begins a video of `width` x `height` pixels at a constant rate. Both codecs store even sizes only, so the last
    /// column or row of an odd size is cut off.
    ///
    /// # Errors
    /// When the file cannot be created, is not called `.mp4`, or no encoder takes the size and rate.
    pub fn create(path: &Path, width: u32, height: u32, fps: f64) -> Result<Self, RecordError> {
        if !path.extension().is_some_and(|e| e.eq_ignore_ascii_case("mp4")) {
            return Err(RecordError::Extension {
                path: path.to_path_buf(),
                allowed: ".mp4",
            });
        }
        let partial = Partial::beside(path)?;
        // OpenCV does not say why it cannot write; creating the file first does.
        std::fs::File::create(partial.path()).map_err(|e| partial.error(e))?;
        let size = Size::new(width as i32, height as i32);
        for [a, b, c, d] in CODECS {
            let fourcc = VideoWriter::fourcc(a, b, c, d)?;
            let writer = VideoWriter::new_with_backend(partial.path(), CAP_FFMPEG, fourcc, fps, size, true)?;
            if writer.is_opened()? {
                return Ok(Self {
                    writer,
                    partial,
                    size,
                    frames: 0,
                });
            }
        }
        Err(RecordError::Video {
            path: path.to_path_buf(),
            why: format!("no encoder takes {width} x {height} pixels at {fps:.2} frames a second"),
        })
    }

    /// Adds a frame. One of another size than the first is resized to it.
    ///
    /// # Errors
    /// When OpenCV fails.
    pub fn write(&mut self, picture: &RgbaImage) -> Result<(), RecordError> {
        let (width, height) = (picture.width() as i32, picture.height() as i32);
        let rgba = Mat::new_rows_cols_with_bytes::<Vec4b>(height, width, picture.as_raw())?;
        let mut bgr = Mat::default();
        imgproc::cvt_color_def(&rgba, &mut bgr, imgproc::COLOR_RGBA2BGR)?;
        if bgr.size()? != self.size {
            let mut resized = Mat::default();
            imgproc::resize(&bgr, &mut resized, self.size, 0.0, 0.0, INTER_AREA)?;
            bgr = resized;
        }
        self.writer.write(&bgr)?;
        self.frames += 1;
        Ok(())
    }

    /// Ends the video and gives it its name; an older file is replaced.
    ///
    /// # Errors
    /// When not all of it reached the disk, which OpenCV does not report: the frames are counted.
    pub fn finish(mut self) -> Result<(), RecordError> {
        self.writer.release()?;
        let written = VideoCapture::from_file(self.partial.path(), CAP_FFMPEG)?.get(CAP_PROP_FRAME_COUNT)?;
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
