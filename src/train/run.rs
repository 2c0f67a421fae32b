//! The training loop, and the folder it keeps its things in.

use std::{
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
    time::Instant,
};

use tch::Device;

use super::{
    EpochMetrics, TrainConfig, TrainError,
    data::{Selection, scheme_of},
    journal,
    trainer::Trainer,
    validate::validate,
};
use crate::{dataset::Unmatched, files, model::DeviceChoice, transform::Compose};

/// What a run tells while it goes on.
#[derive(Debug)]
pub enum Event<'a> {
    /// The data are loaded; training starts.
    Ready {
        /// Pictures trained on.
        training: usize,
        /// Pictures of persons held back.
        validation: usize,
        /// Pictures left out as the recipe says.
        left_out: usize,
        /// Labels and pictures that do not match.
        unmatched: Unmatched,
        /// Steps of an epoch.
        steps_per_epoch: usize,
        /// Steps done in earlier sittings.
        steps_done: usize,
    },
    /// A step is done.
    Step {
        /// From 1.
        epoch: u32,
        /// Loss of this step.
        loss: f64,
        /// Pictures in this step.
        pictures: usize,
    },
    /// An epoch is done and its files are written.
    Epoch(&'a EpochMetrics),
}

/// How a sitting ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// All epochs are done.
    Done,
    /// It was asked to stop, and saved; it can be resumed.
    Stopped,
}

/// A folder with a recipe (`config.json`) and what came of it so far: `checkpoint.safetensors`, `net.pt`,
/// `metrics.csv`, `loss.png`.
#[derive(Debug)]
pub struct Run {
    folder: PathBuf,
    config: TrainConfig,
}

impl Run {
    /// Starts a new run in `folder`, which is made once the recipe can be followed. What the points are is written down with
    /// it, told by the data where the recipe does not say.
    ///
    /// # Errors
    /// When the recipe makes no sense, its device or data are not there, or the folder holds a run already or cannot be
    /// written to.
    pub fn create(folder: &Path, mut config: TrainConfig) -> Result<Self, TrainError> {
        if config.scheme.is_none() {
            config.scheme = Some(scheme_of(&config.data, None)?);
        }
        let run = Self {
            folder: folder.to_path_buf(),
            config: settled(config)?,
        };
        if run.checkpoint_path().exists() {
            return Err(TrainError::Config(format!(
                "the folder holds a run already; go on with it by --resume, or choose another: {}",
                folder.display()
            )));
        }
        std::fs::create_dir_all(folder).map_err(|e| {
            TrainError::Config(format!(
                "cannot make the run's folder ({e}): {}",
                folder.display()
            ))
        })?;
        run.save_config()?;
        Ok(run)
    }

    /// Opens a run that was started before.
    ///
    /// # Errors
    /// When there is none in the folder or its recipe is damaged.
    pub fn open(folder: &Path) -> Result<Self, TrainError> {
        let run = Self {
            folder: folder.to_path_buf(),
            config: journal::read_json(&folder.join("config.json"))?,
        };
        run.config.validate()?;
        Ok(run)
    }

    /// Changes what may change between sittings: the number of epochs, where the data lie, and the device, though on
    /// another one the run is not bit for bit what it would have been.
    ///
    /// # Errors
    /// When the recipe makes no sense any more, its device or data are not there, or it cannot be written; it stays as
    /// it was then.
    pub fn amend(
        &mut self,
        epochs: Option<u32>,
        data: Vec<PathBuf>,
        device: Option<DeviceChoice>,
    ) -> Result<(), TrainError> {
        let mut config = self.config.clone();
        config.epochs = epochs.unwrap_or(config.epochs);
        if !data.is_empty() {
            config.data = data;
        }
        config.device = device.map_or(config.device, |device| device.to_string());
        self.config = settled(config)?;
        self.save_config()
    }

    /// The recipe.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// The state to go on from, and the parameters to export.
    pub fn checkpoint_path(&self) -> PathBuf {
        self.folder.join("checkpoint.safetensors")
    }

    /// The net as it was after the last finished epoch, ready for use.
    pub fn weights_path(&self) -> PathBuf {
        self.folder.join("net.pt")
    }

    /// One line per epoch.
    pub fn metrics_path(&self) -> PathBuf {
        self.folder.join("metrics.csv")
    }

    fn config_path(&self) -> PathBuf {
        self.folder.join("config.json")
    }

    fn save_config(&self) -> Result<(), TrainError> {
        Ok(files::replace_json(&self.config_path(), &self.config)?)
    }

    /// Trains until all epochs are done or `stop` is set, from the checkpoint where there is one.
    ///
    /// # Errors
    /// When the data, the checkpoint or a file cannot be used, or the loss is no number any more.
    pub fn train(&self, stop: &AtomicBool, observe: &mut dyn FnMut(Event<'_>)) -> Result<Finish, TrainError> {
        let config = &self.config;
        let threads = i32::try_from(config.threads).map_err(|e| TrainError::Config(e.to_string()))?;
        tch::set_num_threads(threads);
        let selection = Selection::of(config)?;
        let data = selection.load()?;
        let transform = pictures(config, data.points)?;
        let mut trainer = Trainer::new(config, self.checkpoint_path(), &data)?;
        let steps_per_epoch = trainer.steps_per_epoch;
        observe(Event::Ready {
            training: data.training.len(),
            validation: data.validation.len(),
            left_out: selection.left_out,
            unmatched: selection.unmatched,
            steps_per_epoch,
            steps_done: trainer.progress.losses.len(),
        });
        let mut metrics = journal::read(&self.metrics_path())?;
        metrics.truncate(trainer.progress.epoch as usize);
        while trainer.progress.epoch < config.epochs {
            let start = Instant::now();
            if trainer.epoch(&data, &transform, stop, observe)? == Finish::Stopped {
                trainer.save()?;
                return Ok(Finish::Stopped);
            }
            let losses = &trainer.progress.losses;
            let of_epoch = &losses[losses.len() - steps_per_epoch..];
            let validation = validate(&trainer, &data.validation)?;
            metrics.push(EpochMetrics {
                epoch: trainer.progress.epoch,
                training_loss: of_epoch.iter().map(|&l| f64::from(l)).sum::<f64>() / steps_per_epoch as f64,
                validation_loss: validation.map(|(loss, _)| loss),
                validation_nme: validation.and_then(|(_, nme)| nme),
                learning_rate: trainer.learning_rate(),
                seconds: start.elapsed().as_secs_f64(),
            });
            // The checkpoint comes last: after a crash in between, the surplus line is dropped on resuming.
            journal::write(&self.metrics_path(), &metrics)?;
            journal::draw_curve(&self.folder.join("loss.png"), losses, &metrics, steps_per_epoch)?;
            trainer.export(&self.weights_path())?;
            trainer.save()?;
            if let Some(last) = metrics.last() {
                observe(Event::Epoch(last));
            }
        }
        Ok(Finish::Done)
    }
}

/// The recipe as it will be followed, with the device by its own name, once it is known that it can be.
///
/// # Errors
/// When it makes no sense, or its device or data are not there.
fn settled(mut config: TrainConfig) -> Result<TrainConfig, TrainError> {
    config.validate()?;
    let choice: DeviceChoice = config.device.parse().map_err(TrainError::Config)?;
    let device = match choice.resolve()? {
        Device::Cuda(number) => DeviceChoice::Cuda(number),
        _ => DeviceChoice::Cpu,
    };
    config.device = device.to_string();
    let selection = Selection::of(&config)?;
    selection.check(&config)?;
    pictures(&config, selection.points)?;
    Ok(config)
}

/// How training pictures with `points` keypoints are made.
///
/// # Errors
/// When they are to be made without something that this net's pictures have not.
fn pictures(config: &TrainConfig, points: usize) -> Result<Compose, TrainError> {
    let all = config.net.training_transform(&config.scheme(points))?;
    Ok(all.without(&config.without)?)
}
