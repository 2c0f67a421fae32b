//! The stages of `annotate` for one file, in one thread: source, detector, fitter, overlay, record.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use anyhow::Context;

use super::{
    inputs::Job,
    medium::Medium,
    stats::{DecoderThreads, Stats, thread_cpu_time},
};
use crate::{
    detect::{FaceDetector, Planner},
    geometry::FaceBox,
    overlay::{self, Style},
    pipeline::Follower,
    record::{self, KeypointWriter, VideoFile},
    source::{ASSUMED_FPS, Grab, PicturesSource, Source, SourceError, VideoSource},
    transform::crop,
};

/// A video may end this much earlier than it announces without being damaged: containers that store no count
/// announce one reckoned from length and rate.
const TOLERATED_MISSING_FRAMES: u64 = 2;
const TOLERATED_MISSING_SHARE: f64 = 0.01;

/// What all files share.
pub struct Worker<'a> {
    /// For pictures.
    pub picture_detector: &'a mut dyn FaceDetector,
    /// For videos.
    pub video_detector: &'a mut dyn FaceDetector,
    /// Says when a video is searched.
    pub planner: Planner,
    /// Fits the keypoints, and follows the faces of videos.
    pub follower: &'a mut Follower,
    /// Where keypoints go.
    pub keypoints: Option<&'a mut KeypointWriter>,
    /// What is drawn.
    pub style: Style,
    /// Set from outside to end after the frame at hand.
    pub stop: &'a AtomicBool,
    /// Times and counts.
    pub stats: &'a mut Stats,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// A file has so many frames.
    Expect(u64),
    /// One more frame is done.
    FrameDone,
}

impl Worker<'_> {
    /// Annotates one file, every frame in order, and tells `progress`. What was written until a stop or a damaged frame is kept.
    ///
    /// # Errors
    /// When the file cannot be read, to its end or at all, or something cannot be written.
    pub fn run(&mut self, job: &Job, progress: &dyn Fn(Progress)) -> anyhow::Result<()> {
        if let Some(folder) = job.output.as_deref().and_then(Path::parent) {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the output folder: {}", folder.display()))?;
        }
        let before = (thread_cpu_time(), Instant::now());
        let (source, threads) = DecoderThreads::born_in(|| open(job));
        let mut source = source?;
        let mut decode = Clock::since(before);
        let announced = source.info().frame_count;
        progress(Progress::Expect(announced.unwrap_or(0)));
        let fps = source.info().fps.unwrap_or(ASSUMED_FPS);
        self.follower.forget();
        let mut planner = self.planner.clone();
        let mut video = None;
        let mut frames = 0;
        let ended = loop {
            if self.stop.load(Ordering::Relaxed) {
                break Ok(());
            }
            let next = decode.time(|| source.next_picture());
            self.stats.decode_cpu += std::mem::take(&mut decode.cpu);
            match next {
                Ok(Some(grab)) => {
                    let decode = std::mem::take(&mut decode.wall);
                    self.frame(job, grab, fps, &mut planner, &mut video, decode)?;
                }
                Ok(None) => break check_length(announced, frames),
                Err(error) => break Err(error.into()),
            }
            frames += 1;
            progress(Progress::FrameDone);
        };
        self.stats.decode_cpu += threads.cpu_time();
        if let Some(video) = video {
            video.finish()?;
        }
        ended
    }

    fn frame(
        &mut self,
        job: &Job,
        grab: Grab,
        fps: f64,
        planner: &mut Planner,
        video: &mut Option<VideoFile>,
        decode: Duration,
    ) -> anyhow::Result<()> {
        let start = Instant::now();
        let grey = crop::grey(&grab.picture)?;
        let found = match job.medium {
            Medium::Picture => self.picture_detector.detect(&grey)?,
            Medium::Video => match planner.next(grab.source_time, self.follower.need()) {
                Some(search) => self.video_detector.search(&grey, &search)?,
                None => Vec::new(),
            },
        };
        let detect = start.elapsed();
        let faces = match job.medium {
            Medium::Picture => {
                let boxes: Vec<FaceBox> = found.iter().map(|found| found.face_box).collect();
                self.follower.fitter().fit(&grey, &boxes)?
            }
            Medium::Video => self.follower.frame(&grey, grab.source_time, &found, None)?.0,
        };
        let (crop, infer) = self.follower.fitter().take_times();
        let start = Instant::now();
        let mut picture = grab.picture;
        if job.output.is_some() {
            record::paint(&mut picture, &overlay::shapes(&faces, &self.style))?;
        }
        let draw = start.elapsed();
        let start = Instant::now();
        if let Some(keypoints) = self.keypoints.as_deref_mut() {
            keypoints.write(
                &job.input.display().to_string(),
                grab.index,
                grab.source_time,
                &faces,
            )?;
        }
        match (&job.output, job.medium) {
            (None, _) => {}
            (Some(output), Medium::Picture) => record::write_picture(output, picture)?,
            (Some(output), Medium::Video) => {
                let file = match video {
                    Some(file) => file,
                    None => video.insert(VideoFile::create(output, picture.width(), picture.height(), fps)?),
                };
                file.write(&picture)?;
            }
        }
        let write = start.elapsed();
        self.stats
            .add(faces.len(), [decode, detect, crop, infer, draw, write]);
        Ok(())
    }
}

/// Opens a file as what it was taken for, so that a damaged picture is told to be one and not a damaged video.
fn open(job: &Job) -> Result<Box<dyn Source>, SourceError> {
    Ok(match job.medium {
        Medium::Picture => Box::new(PicturesSource::open(&job.input)?),
        Medium::Video => Box::new(VideoSource::open_file(&job.input)?),
    })
}

/// Wall and CPU time of this thread, added up.
struct Clock {
    wall: Duration,
    cpu: Duration,
}

impl Clock {
    fn since((cpu, wall): (Duration, Instant)) -> Self {
        Self {
            wall: wall.elapsed(),
            cpu: thread_cpu_time().saturating_sub(cpu),
        }
    }

    fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let before = (thread_cpu_time(), Instant::now());
        let result = work();
        let spent = Self::since(before);
        self.wall += spent.wall;
        self.cpu += spent.cpu;
        result
    }
}

/// Damage in the middle of a video looks to OpenCV like its end; the count tells.
fn check_length(announced: Option<u64>, frames: u64) -> anyhow::Result<()> {
    let Some(announced) = announced else { return Ok(()) };
    let missing = announced.saturating_sub(frames);
    if missing > TOLERATED_MISSING_FRAMES && missing as f64 > TOLERATED_MISSING_SHARE * announced as f64 {
        anyhow::bail!(
            "it is damaged: only {frames} of {announced} frames could be read; those were annotated"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_video_that_ends_early_is_noticed() {
        assert!(check_length(Some(300), 300).is_ok());
        assert!(check_length(Some(300), 298).is_ok());
        assert!(check_length(Some(300), 150).is_err());
        assert!(check_length(Some(10), 5).is_err());
        assert!(check_length(None, 5).is_ok());
    }
}
