//! The training loop, and the folder it keeps its things in.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tch::Device;

use super::{
    EpochMetrics, Sitting, TrainConfig, TrainError,
    data::{Selection, scheme_of},
    filters, journal, shown, sitting,
    tensorboard::{self, History, Past},
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
        /// Names to leave out that are nowhere in the data.
        found_nowhere: &'a [String],
        /// Labels and pictures that do not match.
        unmatched: Unmatched,
        /// Steps of an epoch.
        steps_per_epoch: usize,
        /// Loss of every step done in earlier sittings.
        losses: &'a [f32],
        /// Every epoch finished in earlier sittings.
        metrics: &'a [EpochMetrics],
    },
    /// A step is done.
    Step(Step),
    /// An epoch is done and its files are written.
    Epoch(&'a EpochMetrics),
}

/// A step that is done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// From 1, over the whole run.
    pub number: usize,
    /// From 1.
    pub epoch: u32,
    /// Its loss.
    pub loss: f64,
    /// Its step size.
    pub learning_rate: f64,
    /// Pictures in it.
    pub pictures: usize,
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
/// `metrics.csv`, `loss.png`, TensorBoard's event file, and `sittings.json`.
#[derive(Debug)]
pub struct Run {
    folder: PathBuf,
    config: TrainConfig,
    preview_every: Option<Duration>,
    /// Nobody looks at the preview any more.
    preview_over: AtomicBool,
    /// What keeps others from the run between its being made or changed and its being trained.
    alone: Mutex<Option<File>>,
}

impl Run {
    /// Starts a new run in `folder`, which is made once the recipe can be followed. What the points are is written down with
    /// it, told by the data where the recipe does not say. What a run left there that died before its first checkpoint is
    /// removed, and nothing else. Nobody else can change it or train in it until it was trained.
    ///
    /// # Errors
    /// When the recipe makes no sense, its device or data are not there, or the folder holds a run already, or files that are
    /// none of a run that died so early, or cannot be written to.
    pub fn create(folder: &Path, mut config: TrainConfig) -> Result<Self, TrainError> {
        if config.scheme.is_none() {
            config.scheme = Some(scheme_of(&config.data, None)?);
        }
        let run = Self::in_folder(folder, settled(config)?);
        fs::create_dir_all(folder).map_err(|e| {
            TrainError::run(folder, format!("its folder cannot be made: {e}; choose another"))
        })?;
        let alone = run.lock()?;
        run.clear()?;
        run.save_config(&run.config)?;
        run.stay_alone(alone);
        Ok(run)
    }

    fn in_folder(folder: &Path, config: TrainConfig) -> Self {
        Self {
            folder: folder.to_path_buf(),
            config,
            preview_every: None,
            preview_over: AtomicBool::new(false),
            alone: Mutex::new(None),
        }
    }

    /// Removes what a run left that died before its first checkpoint.
    ///
    /// # Errors
    /// When a file that a run would write is there and is not surely of such; then none is removed.
    fn clear(&self) -> Result<(), TrainError> {
        if is_there(&self.checkpoint_path())? {
            let why = "the folder holds a run already; go on with it by --resume, or choose another";
            return Err(TrainError::run(&self.folder, why));
        }
        let foreign = |file: &Path| {
            let why =
                "it is not of a run that died before its first checkpoint, and stays; choose another folder";
            Err(TrainError::run(file, why))
        };
        // An epoch was finished: what came of it is worth more than a place to train in.
        for file in [self.metrics_path(), self.curve_path(), self.weights_path()] {
            if is_there(&file)? {
                return foreign(&file);
            }
        }
        let config = self.config_path();
        let is_run = is_there(&config)?;
        if is_run && super::read_own::<TrainConfig>(&config).is_err() {
            return foreign(&config);
        }
        let mut left = Vec::new();
        for file in [self.events_path(), self.sittings_path(), self.preview_path()] {
            if is_there(&file)? {
                left.push(file);
            }
        }
        match left.first() {
            Some(file) if !is_run => return foreign(file),
            _ => {}
        }
        for file in left {
            fs::remove_file(&file).map_err(|e| {
                let why = format!("a file of an earlier run cannot be removed: {e}; choose another folder");
                TrainError::run(&file, why)
            })?;
        }
        Ok(())
    }

    /// Opens a run that was started before.
    ///
    /// # Errors
    /// When there is none in the folder or its recipe is damaged.
    pub fn open(folder: &Path) -> Result<Self, TrainError> {
        let run = Self::in_folder(folder, super::read_own(&folder.join("config.json"))?);
        run.config.validate()?;
        Ok(run)
    }

    /// Changes what may change between sittings: the number of epochs, where the data lie, and the device, though on
    /// another one the run is not bit for bit what it would have been. Nobody else can until it was trained.
    ///
    /// # Errors
    /// When the recipe makes no sense any more, its device or data are not there, it cannot be written, or somebody trains by
    /// it; it stays as it was then.
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
        let config = settled(config)?;
        let alone = self.lock()?;
        self.save_config(&config)?;
        self.config = config;
        self.stay_alone(alone);
        Ok(())
    }

    /// Keeps others from the run as long as what is given back is open: what was kept since it was made or changed, or anew.
    fn lock(&self) -> Result<File, TrainError> {
        let kept = self.alone.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let folder = File::open(&self.folder).map_err(|e| {
            let why = format!("its folder cannot be opened: {e}; make it readable, or choose another");
            TrainError::run(&self.folder, why)
        })?;
        if files::lock(&folder) {
            Ok(folder)
        } else {
            let why = "another run is training in it now; wait for its end, or choose another folder";
            Err(TrainError::run(&self.folder, why))
        }
    }

    fn stay_alone(&self, alone: File) {
        *self.alone.lock().unwrap_or_else(PoisonError::into_inner) = Some(alone);
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

    /// The net as it is now, where [`Self::preview_every`] asks for it.
    pub fn preview_path(&self) -> PathBuf {
        self.folder.join("preview.pt")
    }

    /// Has the net written when training starts, and again after a step when the last time is so long ago. The run's numbers
    /// stay the same, bit for bit.
    pub fn preview_every(&mut self, interval: Duration) {
        self.preview_every = Some(interval);
    }

    /// Has it written no more, also while training goes on, and removed: nobody looks at it.
    pub fn end_preview(&self) {
        self.preview_over.store(true, Ordering::Relaxed);
        // Where it cannot be removed it is made anew the next time.
        let _ = fs::remove_file(self.preview_path());
    }

    /// Where the run lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// One line per epoch.
    pub fn metrics_path(&self) -> PathBuf {
        self.folder.join("metrics.csv")
    }

    /// History for TensorBoard.
    pub fn events_path(&self) -> PathBuf {
        self.folder.join(tensorboard::FILE)
    }

    pub(super) fn sittings_path(&self) -> PathBuf {
        self.folder.join("sittings.json")
    }

    fn config_path(&self) -> PathBuf {
        self.folder.join("config.json")
    }

    fn curve_path(&self) -> PathBuf {
        self.folder.join("loss.png")
    }

    fn save_config(&self, config: &TrainConfig) -> Result<(), TrainError> {
        Ok(files::replace_json(&self.config_path(), config)?)
    }

    /// Trains until all epochs are done or `stop` is set, from the checkpoint where there is one.
    ///
    /// # Errors
    /// When the data, the checkpoint or a file cannot be used, the run is trained by somebody else, or the loss is no number any
    /// more.
    pub fn train(&self, stop: &AtomicBool, observe: &mut dyn FnMut(Event<'_>)) -> Result<Finish, TrainError> {
        let config = &self.config;
        let _alone = self.lock()?;
        self.take_threads()?;
        let selection = Selection::of(config)?;
        let data = selection.load()?;
        let transform = pictures(config, data.points)?;
        let mut trainer = Trainer::new(config, self.checkpoint_path(), &data)?;
        let steps_per_epoch = trainer.steps_per_epoch;
        let mut metrics = journal::read(&self.metrics_path())?;
        metrics.retain(|epoch| epoch.epoch <= trainer.progress.epoch);
        let mut history = self.history(&trainer, &metrics)?;
        let mut preview = self.preview(&trainer)?;
        let sitting = Sitting::now(trainer.progress.losses.len(), config);
        sitting::note(&self.sittings_path(), sitting)?;
        observe(Event::Ready {
            training: data.training.len(),
            validation: data.validation.len(),
            left_out: selection.left_out,
            found_nowhere: &selection.found_nowhere,
            unmatched: selection.unmatched,
            steps_per_epoch,
            losses: &trainer.progress.losses,
            metrics: &metrics,
        });
        while trainer.progress.epoch < config.epochs {
            let start = Instant::now();
            let mut after_step = |trainer: &Trainer<'_>, step: Step| {
                history.step(step.number, step.loss as f32, step.learning_rate)?;
                if let Some(preview) = &mut preview {
                    preview.refresh(trainer)?;
                }
                observe(Event::Step(step));
                Ok(())
            };
            if trainer.epoch(&data, &transform, stop, &mut after_step)? == Finish::Stopped {
                trainer.save()?;
                preview.iter_mut().for_each(|preview| preview.end(&trainer));
                return Ok(Finish::Stopped);
            }
            let losses = &trainer.progress.losses;
            let of_epoch = &losses[losses.len() - steps_per_epoch..];
            let validation = validate(&trainer, &data.validation)?;
            let last = EpochMetrics {
                epoch: trainer.progress.epoch,
                training_loss: of_epoch.iter().map(|&l| f64::from(l)).sum::<f64>() / steps_per_epoch as f64,
                validation_loss: validation.as_ref().map(|validation| validation.loss),
                validation_nme: validation
                    .as_ref()
                    .and_then(|validation| validation.score().error_mean()),
                learning_rate: trainer.learning_rate(),
                seconds: start.elapsed().as_secs_f64(),
            };
            metrics.push(last.clone());
            // The checkpoint comes last: after a crash in between, the surplus line is dropped on resuming.
            journal::write(&self.metrics_path(), &metrics)?;
            journal::draw_curve(&self.curve_path(), losses, &metrics, steps_per_epoch)?;
            let shown = shown::of_epoch(&trainer.first_filters()?, validation.as_ref(), &data.validation)?;
            history.epoch(&last, shown)?;
            trainer.export(&self.weights_path())?;
            trainer.save()?;
            observe(Event::Epoch(&last));
        }
        preview.iter_mut().for_each(|preview| preview.end(&trainer));
        Ok(Finish::Done)
    }

    /// Has libtorch compute in as many threads as the recipe says: with another number it rounds differently.
    pub(super) fn take_threads(&self) -> Result<(), TrainError> {
        let threads = i32::try_from(self.config.threads).map_err(|e| TrainError::Config(e.to_string()))?;
        tch::set_num_threads(threads);
        Ok(())
    }

    /// The event file, as it has to be when `trainer` goes on.
    fn history(&self, trainer: &Trainer<'_>, metrics: &[EpochMetrics]) -> Result<History, TrainError> {
        let sittings = sitting::read(&self.sittings_path())?;
        let past = Past {
            losses: &trainer.progress.losses,
            learning_rate: &|step| {
                sitting::learning_rate(&self.config, &sittings, trainer.steps_per_epoch, step)
            },
            epochs: trainer.progress.epoch as usize,
            metrics,
            steps_per_epoch: trainer.steps_per_epoch,
        };
        let fresh = filters::picture(&trainer.first_filters()?);
        History::open(&self.events_path(), &past, (shown::FILTERS, fresh))
    }

    /// Writes the preview for the first time where one is asked for.
    fn preview(&self, trainer: &Trainer<'_>) -> Result<Option<Preview<'_>>, TrainError> {
        let Some(interval) = self.preview_every else {
            return Ok(None);
        };
        let mut preview = Preview {
            path: self.preview_path(),
            is_over: &self.preview_over,
            interval,
            written: Instant::now(),
        };
        preview.write(trainer)?;
        Ok(Some(preview))
    }
}

/// The net as it is now, in a file that follows it.
struct Preview<'a> {
    path: PathBuf,
    is_over: &'a AtomicBool,
    interval: Duration,
    written: Instant,
}

impl Preview<'_> {
    fn refresh(&mut self, trainer: &Trainer<'_>) -> Result<(), TrainError> {
        if self.written.elapsed() >= self.interval {
            self.write(trainer)?;
        }
        Ok(())
    }

    fn write(&mut self, trainer: &Trainer<'_>) -> Result<(), TrainError> {
        if !self.is_over.load(Ordering::Relaxed) {
            trainer.export(&self.path)?;
            self.written = Instant::now();
        }
        Ok(())
    }

    /// Writes it for the last time. The run is saved by then, and does not fail by this.
    fn end(&mut self, trainer: &Trainer<'_>) {
        if let Err(error) = self.write(trainer) {
            tracing::warn!("the last preview is not written: {error}");
        }
    }
}

/// Whether a file is there, be it a link that leads nowhere.
fn is_there(file: &Path) -> Result<bool, TrainError> {
    match fs::symlink_metadata(file) {
        Ok(_) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(TrainError::run(
            file,
            format!("it cannot be looked at: {e}; choose another folder"),
        )),
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
