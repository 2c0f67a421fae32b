//! The stages of `annotate` for one file, in one thread: source, detector, fitter, overlay, record.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use anyhow::Context;

use super::{
    inputs::Job,
    medium::Medium,
    stats::{DecoderThreads, STAGES, alone},
};
use crate::{
    detect::smooth::Strength,
    model::{Archive, DeviceChoice, KeypointModel},
    overlay::{self, Style},
    pipeline::{KeypointFinder, Searches},
    process::thread_cpu_time,
    record::{self, KeypointFormat, KeypointRows, VideoFile},
    source::{ASSUMED_FPS, Grab, PicturesSource, Source, SourceError, VideoSource},
};

/// What workers are made of.
pub struct Setup {
    /// How faces are searched for.
    pub searches: Searches,
    /// Where the net was read from.
    pub weights: PathBuf,
    /// The net.
    pub archive: Archive,
    /// Where the net runs.
    pub device: DeviceChoice,
    /// How much points are smoothed.
    pub strength: Strength,
    /// How keypoints are written; `None`: not at all.
    pub format: Option<KeypointFormat>,
    /// What is drawn.
    pub style: Style,
}

/// Annotates files, one after the other. What comes of a file does not depend on those before it.
pub struct Worker {
    finder: KeypointFinder,
    rows: Option<KeypointRows>,
    style: Style,
}

/// What a worker tells of a file while it goes on.
#[derive(Debug)]
pub enum Report {
    /// It is begun.
    Begun,
    /// It has so many frames.
    Expect(u64),
    /// One more frame is done.
    Frame {
        /// Keypoints, as they are written.
        rows: String,
        /// Faces in it.
        faces: usize,
        /// Time that each stage took.
        stages: [Duration; STAGES.len()],
    },
    /// CPU time that decoding took since the last such report.
    Decoded(Duration),
    /// It is done.
    Ended(Ended),
}

/// How the work on a file ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    /// All of it is done.
    Whole,
    /// It was to stop.
    Stopped,
    /// What went wrong.
    Failed(String),
}

impl Worker {
    /// A worker with detectors and a net of its own.
    ///
    /// # Errors
    /// When the cascade or the net cannot be used.
    pub fn new(setup: &Setup) -> anyhow::Result<Self> {
        let model = KeypointModel::from_archive(&setup.weights, &setup.archive, setup.device, None)?;
        let points = model.contract().scheme.count;
        Ok(Self {
            finder: KeypointFinder::with(model, setup.searches.clone(), setup.strength)?,
            rows: setup.format.map(|format| KeypointRows::new(format, points)),
            style: setup.style.clone(),
        })
    }

    /// Searches an empty picture: starts the threads that OpenCV shares out its work to, lest they be taken for a
    /// decoder's.
    ///
    /// # Errors
    /// When the detector fails.
    pub fn warm_up(&mut self) -> anyhow::Result<()> {
        Ok(self.finder.warm_up()?)
    }

    /// How keypoints are written, when they are.
    pub fn rows(&self) -> Option<&KeypointRows> {
        self.rows.as_ref()
    }

    /// Name of the device that the net runs on, such as `cpu` or `cuda:0`.
    pub fn device(&mut self) -> String {
        self.finder.device()
    }

    /// Annotates one file, every frame in order, and `report`s. What was written until a stop or a damaged frame is kept.
    ///
    /// # Errors
    /// When the file cannot be read, to its end or at all, or something cannot be written.
    pub fn run(&mut self, job: &Job, stop: &AtomicBool, report: &dyn Fn(Report)) -> anyhow::Result<Ended> {
        if let Some(folder) = job.output.as_deref().and_then(Path::parent) {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the output folder: {}", folder.display()))?;
        }
        let before = (thread_cpu_time(), Instant::now());
        let (source, threads) = open(job);
        let mut source = source?;
        let mut decode = Clock::since(before);
        report(Report::Expect(source.info().frame_count.unwrap_or(0)));
        let fps = source.info().fps.unwrap_or(ASSUMED_FPS);
        self.finder.begin_anew();
        let mut video = None;
        let ended = loop {
            if stop.load(Ordering::Relaxed) {
                break Ok(Ended::Stopped);
            }
            let next = decode.time(|| source.next_picture());
            report(Report::Decoded(std::mem::take(&mut decode.cpu)));
            match next {
                Ok(Some(grab)) => {
                    let decode = std::mem::take(&mut decode.wall);
                    report(self.frame(job, grab, fps, &mut video, decode)?);
                }
                Ok(None) => break Ok(Ended::Whole),
                Err(error) => break Err(error.into()),
            }
        };
        report(Report::Decoded(threads.cpu_time()));
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
        video: &mut Option<VideoFile>,
        decode: Duration,
    ) -> anyhow::Result<Report> {
        let faces = match job.medium {
            Medium::Picture => self.finder.photograph(&grab.picture)?,
            Medium::Video => self.finder.frame(&grab.picture, grab.source_time)?,
        };
        let (detect, crop, infer) = self.finder.take_times();
        let start = Instant::now();
        let mut picture = grab.picture;
        if job.output.is_some() {
            record::paint(
                &mut picture,
                &overlay::shapes(&faces, Some(self.finder.scheme()), &self.style),
            )?;
        }
        let draw = start.elapsed();
        let start = Instant::now();
        let source = job.input.display().to_string();
        let rows = match &self.rows {
            Some(rows) => rows.of(&source, grab.index, grab.source_time, &faces),
            None => String::new(),
        };
        match (&job.output, job.medium) {
            (None, _) => {}
            (Some(output), Medium::Picture) => record::write_picture(output, picture)?,
            (Some(output), Medium::Video) => {
                let file = match video {
                    Some(file) => file,
                    None => {
                        let (width, height) = picture.dimensions();
                        // Encoders start threads, too.
                        video.insert(alone(|| VideoFile::create(output, width, height, fps))?)
                    }
                };
                file.write(&picture)?;
            }
        }
        let write = start.elapsed();
        Ok(Report::Frame {
            rows,
            faces: faces.len(),
            stages: [decode, detect, crop, infer, draw, write],
        })
    }
}

/// Opens a file as what it was taken for, so that a damaged picture is told to be one and not a damaged video.
fn open(job: &Job) -> (Result<Box<dyn Source>, SourceError>, DecoderThreads) {
    fn boxed(source: impl Source + 'static) -> Box<dyn Source> {
        Box::new(source)
    }
    match job.medium {
        Medium::Picture => (
            PicturesSource::open(&job.input).map(boxed),
            DecoderThreads::default(),
        ),
        Medium::Video => {
            let (source, threads) = DecoderThreads::born_in(|| VideoSource::open_file(&job.input));
            (source.map(boxed), threads)
        }
    }
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
