//! A net being trained: its parameters, the optimiser, how far it has come, and the steps of an epoch.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use tch::{Device, Kind, Reduction, Tensor, nn};

use super::{
    Event, Finish, Loss, Optimiser, TrainConfig, TrainError,
    batches::{self, Batch, Plan},
    checkpoint::{self, Progress},
    data::Data,
};
use crate::{
    keypoints::PointScheme,
    model::{Contract, DeviceChoice, Training},
    network::export::export,
    transform::Compose,
};

/// A crash loses at most this much work.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(120);

/// A net being trained.
pub(super) struct Trainer<'a> {
    config: &'a TrainConfig,
    checkpoint: PathBuf,
    net: Box<dyn nn::ModuleT>,
    parameters: Vec<(String, Tensor)>,
    optimiser: Optimiser,
    pub(super) progress: Progress,
    pub(super) steps_per_epoch: usize,
    pub(super) contract: Contract,
    device: Device,
    saved_at: Instant,
    /// Owns the parameters.
    _variables: nn::VarStore,
}

impl<'a> Trainer<'a> {
    /// A fresh net, or the one in the file `checkpoint` where there is one.
    ///
    /// # Errors
    /// When the device is not there, or the checkpoint is damaged or of another net or other data.
    pub(super) fn new(config: &'a TrainConfig, checkpoint: PathBuf, data: &Data) -> Result<Self, TrainError> {
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
        let progress = if checkpoint.exists() {
            checkpoint::load(&checkpoint, &parameters, &mut optimiser)?
        } else {
            Progress {
                pictures: data.training.len(),
                ..Progress::default()
            }
        };
        let unfit = |why| TrainError::Checkpoint {
            path: checkpoint.clone(),
            why,
        };
        if progress.pictures != data.training.len() {
            return Err(unfit(format!(
                "it was trained on {} pictures and the data now give {}",
                progress.pictures,
                data.training.len()
            )));
        }
        let steps_per_epoch = data.training.len().div_ceil(config.batch_size);
        if !progress.is_consistent(steps_per_epoch) {
            return Err(unfit(format!(
                "it holds {} losses after {} epochs of {steps_per_epoch} steps and {} steps",
                progress.losses.len(),
                progress.epoch,
                progress.step
            )));
        }
        Ok(Self {
            config,
            checkpoint,
            net,
            parameters,
            optimiser,
            progress,
            steps_per_epoch,
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

    /// Writes the checkpoint.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn save(&mut self) -> Result<(), TrainError> {
        self.saved_at = Instant::now();
        checkpoint::save(
            &self.checkpoint,
            &self.parameters,
            &self.optimiser,
            &self.progress,
        )
    }

    /// Writes the net as a weights file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn export(&self, path: &Path) -> Result<(), TrainError> {
        let named = self
            .parameters
            .iter()
            .map(|(name, t)| (name.clone(), t.shallow_clone()));
        Ok(export(&named.collect(), &self.contract, false, path)?)
    }

    /// The step size now.
    pub(super) fn learning_rate(&self) -> f64 {
        let all = self.steps_per_epoch * self.config.epochs as usize;
        self.config
            .learning_rate_at(self.progress.losses.len() as f64 / all as f64)
    }

    /// Trains for the rest of the epoch that is under way, or until `stop` is set.
    ///
    /// # Errors
    /// When a picture cannot be transformed, a checkpoint not written, or the loss is no number any more.
    pub(super) fn epoch(
        &mut self,
        data: &Data,
        transform: &Compose,
        stop: &AtomicBool,
        observe: &mut dyn FnMut(Event<'_>),
    ) -> Result<Finish, TrainError> {
        let config = &self.config;
        let plan = Plan {
            seed: config.seed,
            epoch: self.progress.epoch,
            first_batch: self.progress.step,
            batch_size: config.batch_size,
        };
        std::thread::scope(|scope| {
            let batches = batches::spawn(scope, &data.training, transform, plan);
            for batch in batches {
                if stop.load(Ordering::Relaxed) {
                    return Ok(Finish::Stopped);
                }
                let batch = batch?;
                let loss = self.step(&batch)?;
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

    fn step(&mut self, batch: &Batch) -> Result<f64, TrainError> {
        // Dropout draws from tch's generator: seeding it for every step makes a resumed run draw the same.
        let number = self.progress.losses.len() as u64;
        tch::manual_seed((self.config.seed ^ (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)) as i64);
        let (pixels, targets) = self.tensors(batch)?;
        let loss = self.loss(&self.net.forward_t(&pixels, true), &targets);
        self.optimiser.step(&loss, self.learning_rate());
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
        match self.config.loss {
            Loss::Mse => output.mse_loss(targets, Reduction::Mean),
            Loss::L1 => output.l1_loss(targets, Reduction::Mean),
            Loss::SmoothL1 => output.smooth_l1_loss(targets, Reduction::Mean, 1.0),
        }
    }

    /// The loss and the net's numbers, `[count * 2 * points]`, for a batch, without learning from it.
    ///
    /// # Errors
    /// When libtorch fails.
    pub(super) fn try_out(&self, batch: &Batch) -> Result<(f64, Vec<f32>), TrainError> {
        let (pixels, targets) = self.tensors(batch)?;
        let output = tch::no_grad(|| self.net.forward_t(&pixels, false));
        let loss = f64::try_from(&self.loss(&output, &targets))?;
        let values = output.to_kind(Kind::Float).to_device(Device::Cpu).f_view(-1)?;
        Ok((loss, Vec::try_from(values)?))
    }
}
