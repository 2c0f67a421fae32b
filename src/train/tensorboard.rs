//! A run's history for TensorBoard, in one event file of its folder: loss and step size of every step, validation and pictures of
//! every epoch. It holds every step once, whatever happened between sittings.

mod format;

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    time::SystemTime,
};

use image::{RgbImage, RgbaImage, codecs::jpeg::JpegEncoder};

use super::{EpochMetrics, TrainError};
use crate::files::{self, WriteError, plain};
use format::{Event, Image, Summary, VERSION, Value, first, frame};

/// TensorBoard reads files whose names hold `tfevents`.
pub const FILE: &str = "events.out.tfevents.pinkpoint";
/// Bytes of the longest history that is gone on with; a step takes a hundred, an epoch's pictures some ten thousand.
const LARGEST_FILE: u64 = 4 << 30;
/// Of pictures, 0 to 100.
const JPEG_QUALITY: u8 = 90;

/// Names of the curves.
const LOSS: &str = "loss/training";
const EPOCH_LOSS: &str = "loss/training_epoch";
const VALIDATION_LOSS: &str = "loss/validation";
const VALIDATION_NME: &str = "nme/validation";
const LEARNING_RATE: &str = "learning_rate";

/// A picture and what it is called.
pub type Named = (&'static str, RgbaImage);

/// The steps and epochs that a run has behind it, and how they went.
pub struct Past<'a> {
    /// The loss of every step.
    pub losses: &'a [f32],
    /// The step size of the step of this number, from 1.
    pub learning_rate: &'a dyn Fn(usize) -> f64,
    /// Finished epochs.
    pub epochs: usize,
    /// How they went, as far as that is known.
    pub metrics: &'a [EpochMetrics],
    /// Steps of an epoch.
    pub steps_per_epoch: usize,
}

/// The event file, open to be written on.
pub struct History {
    file: File,
    steps_per_epoch: usize,
    path: PathBuf,
}

impl History {
    /// Opens the file of a run, or begins one, so that it holds the run's past and nothing else: what is damaged, or came after
    /// the checkpoint that the run goes on from, is dropped, and what is missing is added as far as it is known. `fresh` is a picture of the net before its
    /// first step, for a run that has not begun.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn open(path: &Path, past: &Past<'_>, fresh: Named) -> Result<Self, TrainError> {
        let old = match plain::read(path, LARGEST_FILE) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(cause) => {
                let why = format!("its history for TensorBoard cannot be read: {cause}; move it away");
                return Err(TrainError::run(path, why));
            }
        };
        let kept = Kept::of(&old, past);
        // A file that need not be cut stays in its place, and a TensorBoard that has it open goes on reading.
        if kept.bytes == 0 {
            let version = Event {
                wall_time: now(),
                file_version: Some(VERSION.into()),
                ..Event::default()
            };
            files::replace(path, |out| out.write_all(&frame(&version)))?;
        } else if kept.bytes < old.len() {
            files::replace(path, |out| out.write_all(&old[..kept.bytes]))?;
        }
        let mut history = Self {
            file: files::append(path)?,
            steps_per_epoch: past.steps_per_epoch,
            path: path.to_path_buf(),
        };
        if kept.bytes == 0 && past.losses.is_empty() {
            history.add(0, pictures(vec![fresh])?)?;
        }
        for step in kept.steps..=past.losses.len() {
            if step > kept.steps {
                history.step(step, past.losses[step - 1], (past.learning_rate)(step))?;
            }
            let epoch = past.ended_by(step).filter(|&epoch| epoch > kept.epochs);
            if let Some(metrics) = epoch.and_then(|epoch| past.metrics_of(epoch)) {
                history.epoch(metrics, Vec::new())?;
            }
        }
        Ok(history)
    }

    /// Adds a step, the first of which is number 1.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn step(&mut self, step: usize, loss: f32, learning_rate: f64) -> Result<(), TrainError> {
        self.add(
            step,
            vec![number(LOSS, loss), number(LEARNING_RATE, learning_rate as f32)],
        )
    }

    /// Adds an epoch, of whose steps the last was added before.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn epoch(&mut self, metrics: &EpochMetrics, shown: Vec<Named>) -> Result<(), TrainError> {
        let mut values = vec![number(EPOCH_LOSS, metrics.training_loss as f32)];
        let validation = [
            (VALIDATION_LOSS, metrics.validation_loss),
            (VALIDATION_NME, metrics.validation_nme),
        ];
        values.extend(
            validation
                .into_iter()
                .filter_map(|(tag, value)| Some(number(tag, value? as f32))),
        );
        values.extend(pictures(shown)?);
        self.add(metrics.epoch as usize * self.steps_per_epoch, values)
    }

    /// In one piece, so that whoever reads meanwhile sees whole records.
    fn add(&mut self, step: usize, value: Vec<Value>) -> Result<(), TrainError> {
        let event = Event {
            wall_time: now(),
            step: step as i64,
            file_version: None,
            summary: Some(Summary { value }),
        };
        let written = self.file.write_all(&frame(&event));
        Ok(written.map_err(|cause| unwritten(&self.path, cause))?)
    }
}

impl Past<'_> {
    /// The number of the epoch that ended with a step.
    fn ended_by(&self, step: usize) -> Option<usize> {
        (step > 0 && step.is_multiple_of(self.steps_per_epoch)).then(|| step / self.steps_per_epoch)
    }

    fn metrics_of(&self, epoch: usize) -> Option<&EpochMetrics> {
        self.metrics
            .iter()
            .find(|metrics| metrics.epoch as usize == epoch)
    }
}

/// How much of a file is the run's past.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Kept {
    bytes: usize,
    steps: usize,
    epochs: usize,
}

impl Kept {
    fn of(file: &[u8], past: &Past<'_>) -> Self {
        let mut kept = Self::default();
        while let Some((event, length)) = first(&file[kept.bytes..]) {
            let tags: Vec<&str> = event.summary.iter().flat_map(tags).collect();
            let mut next = Self {
                bytes: kept.bytes + length,
                ..kept
            };
            let fits = if kept.bytes == 0 {
                event.file_version.as_deref() == Some(VERSION)
            } else if tags.contains(&LOSS) {
                // An epoch that is known has to be there before the next one begins.
                let ended = past.ended_by(kept.steps).filter(|&epoch| epoch > kept.epochs);
                next.steps += 1;
                next.steps <= past.losses.len() && ended.and_then(|epoch| past.metrics_of(epoch)).is_none()
            } else if tags.contains(&EPOCH_LOSS) {
                let ended = past.ended_by(next.steps);
                next.epochs = ended.unwrap_or_default();
                (kept.epochs + 1..=past.epochs).contains(&next.epochs)
            } else {
                next.steps == 0
            };
            if !fits || event.step != next.steps as i64 {
                break;
            }
            kept = next;
        }
        kept
    }
}

fn tags(summary: &Summary) -> impl Iterator<Item = &str> {
    summary.value.iter().map(|value| value.tag.as_str())
}

fn number(tag: &str, value: f32) -> Value {
    Value {
        tag: tag.into(),
        simple_value: Some(value),
        image: None,
    }
}

fn pictures(named: Vec<Named>) -> Result<Vec<Value>, TrainError> {
    let encoded = |(tag, picture): Named| {
        let picture: RgbImage = image::DynamicImage::ImageRgba8(picture).into_rgb8();
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY)
            .encode_image(&picture)
            .map_err(|e| TrainError::Picture(e.to_string()))?;
        Ok(Value {
            tag: tag.into(),
            simple_value: None,
            image: Some(Image {
                height: picture.height() as i32,
                width: picture.width() as i32,
                colorspace: 3,
                encoded_image_string: bytes,
            }),
        })
    };
    named.into_iter().map(encoded).collect()
}

fn now() -> f64 {
    SystemTime::UNIX_EPOCH
        .elapsed()
        .map_or(0.0, |since| since.as_secs_f64())
}

fn unwritten(path: &Path, cause: io::Error) -> WriteError {
    WriteError::Failed {
        path: path.to_path_buf(),
        cause,
    }
}
