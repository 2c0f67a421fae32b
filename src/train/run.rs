//! The training loop, and the folder it keeps its things in.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use tch::{Device, Kind, Reduction, Tensor, nn};

use super::{
    EpochMetrics, Loss, Optimiser, TrainConfig, TrainError,
    batches::{self, Batch, Plan},
    checkpoint::{self, Progress},
    journal,
};
use crate::{
    dataset::{DataFolder, LabelledPicture, load_pictures, person_of, split_by_person},
    evaluate::{Outcome, score},
    geometry::Rect,
    keypoints::PointScheme,
    model::{Contract, DeviceChoice, Training},
    network::export::export,
    transform::{Compose, crop::CropBatch},
};

/// A crash loses at most this much work.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(120);
/// Pictures that are validated at once.
const VALIDATION_BATCH: usize = 32;

/// What a run tells while it goes on.
#[derive(Debug)]
pub enum Event<'a> {
    /// The data are loaded; training starts.
    Ready {
        /// Pictures trained on.
        training: usize,
        /// Pictures of persons held back.
        validation: usize,
        /// Pictures of persons left out.
        left_out: usize,
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
    /// Starts a new run in `folder`, which is made.
    ///
    /// # Errors
    /// When the recipe makes no sense, the folder holds a run already, or it cannot be written to.
    pub fn create(folder: &Path, config: TrainConfig) -> Result<Self, TrainError> {
        config.validate()?;
        let run = Self {
            folder: folder.to_path_buf(),
            config,
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

    /// Changes what may change between sittings: the number of epochs, and where the data lie.
    ///
    /// # Errors
    /// When the recipe makes no sense any more or cannot be written.
    pub fn amend(&mut self, epochs: Option<u32>, data: Option<PathBuf>) -> Result<(), TrainError> {
        self.config.epochs = epochs.unwrap_or(self.config.epochs);
        self.config.data = data.unwrap_or_else(|| self.config.data.clone());
        self.config.validate()?;
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
        journal::write_json(&self.config_path(), &self.config)
    }

    /// Trains until all epochs are done or `stop` is set, from the checkpoint where there is one.
    ///
    /// # Errors
    /// When the data, the checkpoint or a file cannot be used, or the loss is no number any more.
    pub fn train(&self, stop: &AtomicBool, observe: &mut dyn FnMut(Event<'_>)) -> Result<Finish, TrainError> {
        let config = &self.config;
        tch::set_num_threads(config.threads as i32);
        let data = Data::load(config)?;
        let transform = config.net.training_transform()?;
        let mut session = Session::new(self, &data)?;
        let steps_per_epoch = data.training.len().div_ceil(config.batch_size);
        observe(Event::Ready {
            training: data.training.len(),
            validation: data.validation.len(),
            left_out: data.left_out,
            steps_per_epoch,
            steps_done: session.progress.losses.len(),
        });
        let mut metrics = journal::read(&self.metrics_path())?;
        metrics.truncate(session.progress.epoch as usize);
        while session.progress.epoch < config.epochs {
            let start = Instant::now();
            if session.epoch(&data, &transform, stop, observe)? == Finish::Stopped {
                session.save()?;
                return Ok(Finish::Stopped);
            }
            let losses = &session.progress.losses;
            let of_epoch = &losses[losses.len() - steps_per_epoch..];
            let validation = session.validate(&data.validation)?;
            metrics.push(EpochMetrics {
                epoch: session.progress.epoch,
                training_loss: of_epoch.iter().map(|&l| f64::from(l)).sum::<f64>() / steps_per_epoch as f64,
                validation_loss: validation.map(|(loss, _)| loss),
                validation_nme: validation.and_then(|(_, nme)| nme),
                learning_rate: session.learning_rate(steps_per_epoch),
                seconds: start.elapsed().as_secs_f64(),
            });
            // The checkpoint comes last: after a crash in between, the surplus line is dropped on resuming.
            journal::write(&self.metrics_path(), &metrics)?;
            journal::draw_curve(&self.folder.join("loss.png"), losses, &metrics, steps_per_epoch)?;
            session.export(&self.weights_path())?;
            session.save()?;
            if let Some(last) = metrics.last() {
                observe(Event::Epoch(last));
            }
        }
        Ok(Finish::Done)
    }
}

/// The pictures of a run, in memory.
struct Data {
    training: Vec<LabelledPicture>,
    validation: Vec<LabelledPicture>,
    left_out: usize,
    points: usize,
}

impl Data {
    fn load(config: &TrainConfig) -> Result<Self, TrainError> {
        let part = DataFolder::open_training(&config.data)?;
        let all = part.rows.len();
        let mut rows = part.rows;
        rows.retain(|row| !config.left_out.contains(person_of(&row.name)));
        let left_out = all - rows.len();
        if left_out == 0 && !config.left_out.is_empty() {
            return Err(TrainError::Config(
                "none of the persons to leave out is in the data; give their names as in the pictures' names"
                    .into(),
            ));
        }
        let (training, validation) = split_by_person(rows, config.validation, config.seed);
        if training.is_empty() {
            return Err(TrainError::Config("no picture is left to train on".into()));
        }
        Ok(Self {
            training: load_pictures(&part.folder, &training)?,
            validation: load_pictures(&part.folder, &validation)?,
            left_out,
            points: part.point_count,
        })
    }
}

/// A net being trained.
struct Session<'a> {
    run: &'a Run,
    net: Box<dyn nn::ModuleT>,
    parameters: Vec<(String, Tensor)>,
    optimiser: Optimiser,
    progress: Progress,
    contract: Contract,
    device: Device,
    saved_at: Instant,
    /// Owns the parameters.
    _variables: nn::VarStore,
}

impl<'a> Session<'a> {
    fn new(run: &'a Run, data: &Data) -> Result<Self, TrainError> {
        let config = &run.config;
        let choice: DeviceChoice = config.device.parse().map_err(TrainError::Config)?;
        let device = choice.resolve()?;
        let variables = nn::VarStore::new(device);
        tch::manual_seed(config.seed as i64);
        let net = config.net.build(&variables.root(), data.points);
        let mut parameters: Vec<(String, Tensor)> = variables.variables().into_iter().collect();
        parameters.sort_by(|a, b| a.0.cmp(&b.0));
        let own = parameters
            .iter()
            .map(|(name, t)| (name.clone(), t.shallow_clone()));
        let mut optimiser = Optimiser::new(config.optimiser, own.collect());
        let path = run.checkpoint_path();
        let fresh = Progress {
            pictures: data.training.len(),
            ..Progress::default()
        };
        let progress = if path.exists() {
            checkpoint::load(&path, &parameters, &mut optimiser)?
        } else {
            fresh
        };
        if progress.pictures != data.training.len() {
            let why = format!(
                "it was trained on {} pictures and the data now give {}",
                progress.pictures,
                data.training.len()
            );
            return Err(TrainError::Checkpoint { path, why });
        }
        Ok(Self {
            run,
            net,
            parameters,
            optimiser,
            progress,
            contract: Contract {
                training: Training {
                    data: format!(
                        "{} labelled pictures of {}",
                        data.training.len(),
                        config.data_name()
                    ),
                    recipe: config.in_words(),
                    ..Training::default()
                },
                ..config.net.contract(PointScheme::assumed_for(data.points))
            },
            device,
            saved_at: Instant::now(),
            _variables: variables,
        })
    }

    fn save(&mut self) -> Result<(), TrainError> {
        self.saved_at = Instant::now();
        checkpoint::save(
            &self.run.checkpoint_path(),
            &self.parameters,
            &self.optimiser,
            &self.progress,
        )
    }

    fn export(&self, path: &Path) -> Result<(), TrainError> {
        let named = self
            .parameters
            .iter()
            .map(|(name, t)| (name.clone(), t.shallow_clone()));
        Ok(export(&named.collect(), &self.contract, false, path)?)
    }

    fn learning_rate(&self, steps_per_epoch: usize) -> f64 {
        let all = steps_per_epoch * self.run.config.epochs as usize;
        self.run
            .config
            .learning_rate_at(self.progress.losses.len() as f64 / all as f64)
    }

    /// The rest of the epoch that is under way.
    fn epoch(
        &mut self,
        data: &Data,
        transform: &Compose,
        stop: &AtomicBool,
        observe: &mut dyn FnMut(Event<'_>),
    ) -> Result<Finish, TrainError> {
        let config = &self.run.config;
        let plan = Plan {
            seed: config.seed,
            epoch: self.progress.epoch,
            first_batch: self.progress.step,
            batch_size: config.batch_size,
        };
        let steps_per_epoch = data.training.len().div_ceil(config.batch_size);
        std::thread::scope(|scope| {
            let batches = batches::spawn(scope, &data.training, transform, plan);
            for batch in batches {
                if stop.load(Ordering::Relaxed) {
                    return Ok(Finish::Stopped);
                }
                let batch = batch?;
                let loss = self.step(&batch, steps_per_epoch)?;
                observe(Event::Step {
                    epoch: self.progress.epoch + 1,
                    loss,
                    pictures: batch.count,
                });
                if self.saved_at.elapsed() > CHECKPOINT_INTERVAL {
                    self.save()?;
                }
            }
            self.progress.epoch += 1;
            self.progress.step = 0;
            Ok(Finish::Done)
        })
    }

    fn step(&mut self, batch: &Batch, steps_per_epoch: usize) -> Result<f64, TrainError> {
        // Dropout draws from tch's generator: seeding it for every step makes a resumed run draw the same.
        let number = self.progress.losses.len() as u64;
        tch::manual_seed((self.run.config.seed ^ (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)) as i64);
        let (pixels, targets) = self.tensors(batch)?;
        let loss = self.loss(&self.net.forward_t(&pixels, true), &targets);
        self.optimiser.step(&loss, self.learning_rate(steps_per_epoch));
        let loss = f64::try_from(&loss)?;
        self.progress.step += 1;
        self.progress.losses.push(loss as f32);
        if loss.is_finite() {
            Ok(loss)
        } else {
            Err(TrainError::Diverged {
                loss,
                epoch: self.progress.epoch + 1,
                step: self.progress.step,
            })
        }
    }

    fn tensors(&self, batch: &Batch) -> Result<(Tensor, Tensor), TrainError> {
        let (count, side) = (batch.count as i64, i64::from(self.contract.input_side));
        let pixels = Tensor::from_slice(&batch.pixels).f_view([count, 1, side, side])?;
        let targets = Tensor::from_slice(&batch.targets).f_view([count, -1])?;
        Ok((pixels.to_device(self.device), targets.to_device(self.device)))
    }

    fn loss(&self, output: &Tensor, targets: &Tensor) -> Tensor {
        match self.run.config.loss {
            Loss::Mse => output.mse_loss(targets, Reduction::Mean),
            Loss::L1 => output.l1_loss(targets, Reduction::Mean),
            Loss::SmoothL1 => output.smooth_l1_loss(targets, Reduction::Mean, 1.0),
        }
    }

    /// Loss and mean NME on pictures of persons held back, whole pictures without random crops; `None` without such.
    fn validate(&self, pictures: &[LabelledPicture]) -> Result<Option<(f64, Option<f64>)>, TrainError> {
        let (mut outcomes, mut losses) = (Vec::new(), 0.0);
        for part in pictures.chunks(VALIDATION_BATCH) {
            let mut batch = CropBatch::default();
            let mut targets = Vec::new();
            for labelled in part {
                let (width, height) = labelled.picture.dimensions();
                let tight = Rect::around(&labelled.points).unwrap_or_default();
                let crop = self
                    .contract
                    .crop_of_picture(width, height)
                    .unwrap_or_else(|| self.contract.crop_of_face(&tight));
                batch.push(&labelled.picture, crop)?;
                let value = |v: f32| self.contract.output.value(v);
                targets.extend(labelled.points.iter().flat_map(|&p| {
                    let p = crop.crop_from_frame(p);
                    [value(p.x), value(p.y)]
                }));
            }
            let (pixels, targets) = self.tensors(&Batch {
                count: part.len(),
                pixels: batch.pixels().to_vec(),
                targets,
            })?;
            let output = tch::no_grad(|| self.net.forward_t(&pixels, false));
            losses += f64::try_from(self.loss(&output, &targets))? * part.len() as f64;
            let values: Vec<f32> =
                Vec::try_from(output.to_kind(Kind::Float).to_device(Device::Cpu).f_view(-1)?)?;
            let in_crops: Vec<_> = values
                .chunks_exact(2 * self.contract.scheme.count)
                .map(|v| self.contract.points(v))
                .collect();
            let extents: Vec<f32> = batch.transforms().iter().map(|t| t.extent).collect();
            let predictions = batch.points_in_frame(in_crops);
            for ((labelled, predicted), crop_extent) in part.iter().zip(predictions).zip(extents) {
                outcomes.push(Outcome {
                    name: labelled.name.clone(),
                    labelled: labelled.points.clone(),
                    predicted: Some(predicted),
                    crop_extent,
                });
            }
        }
        if outcomes.is_empty() {
            return Ok(None);
        }
        let nme = score(&outcomes, &self.contract.scheme).nme_io_mean;
        Ok(Some((losses / outcomes.len() as f64, nme)))
    }
}
