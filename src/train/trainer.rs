//! A net being trained: its parameters, the optimiser, how far it has come, and the steps of an epoch.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use tch::{Device, Kind, Tensor, nn};

use super::{
    Finish, Optimiser, Precision, Step, TrainConfig, TrainError,
    average::Average,
    batches::{self, Batch, Plan},
    checkpoint::{self, Progress},
    data::Data,
    filters,
    loss::Criterion,
    offsets::{self, Offsets},
    sorted_variables,
};
use crate::{
    model::{Contract, DeviceChoice, LayerMaps},
    network::export::{AVERAGE, export},
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
    average: Option<Average>,
    criterion: Criterion,
    offsets: Option<Offsets>,
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
        super::seed_parameters(config);
        let net = config.net.build(&variables.root(), data.points);
        let parameters = sorted_variables(&variables);
        // The others are running means of batch norms, which change by themselves.
        let trained = parameters.iter().filter(|(_, t)| t.requires_grad());
        let trained = trained.map(|(name, t)| (name.clone(), t.shallow_clone()));
        let offsets = config
            .label_offsets
            .then(|| Offsets::new(data.sets, &config.scheme(data.points), device))
            .flatten();
        let learned = offsets
            .iter()
            .map(|o| (offsets::NAME.to_owned(), o.values.shallow_clone()));
        let trained = trained.chain(learned).collect();
        let mut optimiser = Optimiser::new(config.optimiser, config.weight_decay, trained);
        let average = (config.average > 0.0)
            .then(|| Average::of(config.net, data.points, config.average, &parameters, device));
        let progress = if checkpoint.exists() {
            let parts = saved(&parameters, average.as_ref(), offsets.as_ref());
            checkpoint::load(&checkpoint, &parts, &mut optimiser)?
        } else {
            Progress {
                pictures: data.counts.clone(),
                ..Progress::default()
            }
        };
        let unfit = |why| TrainError::Checkpoint {
            path: checkpoint.clone(),
            why,
        };
        if progress.pictures != data.counts {
            return Err(unfit(format!(
                "it was trained on {} pictures and the data now give {}; the same sets in the same order are needed",
                in_words(&progress.pictures),
                in_words(&data.counts)
            )));
        }
        let steps_per_epoch = data.training_pictures().div_ceil(config.batch_size);
        if !progress.is_consistent(steps_per_epoch) {
            return Err(unfit(format!(
                "it holds {} losses after {} epochs of {steps_per_epoch} steps and {} steps",
                progress.losses.len(),
                progress.epoch,
                progress.step
            )));
        }
        let contract = Contract {
            training: config.training(data.training_pictures()),
            ..config.contract(data.points)
        };
        Ok(Self {
            config,
            checkpoint,
            net,
            parameters,
            optimiser,
            average,
            criterion: Criterion::new(config.loss, &contract),
            offsets,
            progress,
            steps_per_epoch,
            contract,
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
            &saved(&self.parameters, self.average.as_ref(), self.offsets.as_ref()),
            &self.optimiser,
            &self.progress,
        )
    }

    /// Writes the net as a weights file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn export(&self, path: &Path) -> Result<(), TrainError> {
        let named = self.exported().iter();
        let named = named.map(|(name, t)| (name.clone(), t.shallow_clone()));
        Ok(export(
            self.config.net,
            &named.collect(),
            &self.contract,
            false,
            path,
        )?)
    }

    /// The parameters that are exported: the running averages where they are kept.
    pub(super) fn exported(&self) -> &[(String, Tensor)] {
        let averages = self.average.as_ref().map(|average| &average.parameters);
        averages.unwrap_or(&self.parameters)
    }

    /// The kernels of the first layer as they would be exported.
    ///
    /// # Errors
    /// When libtorch fails.
    pub(super) fn first_filters(&self) -> Result<LayerMaps, TrainError> {
        filters::first_of(self.config.net, self.exported())
    }

    /// The step size now.
    pub(super) fn learning_rate(&self) -> f64 {
        let all = self.steps_per_epoch * self.config.epochs as usize;
        self.config
            .learning_rate_at(self.progress.losses.len() as f64 / all as f64)
    }

    /// Trains for the rest of the epoch that is under way, or until `stop` is set; `after_step` must not change anything that
    /// training hangs on.
    ///
    /// # Errors
    /// When a picture cannot be transformed, a checkpoint not written, or the loss is no number any more, and those of
    /// `after_step`.
    pub(super) fn epoch(
        &mut self,
        data: &Data,
        transform: &Compose,
        stop: &AtomicBool,
        after_step: &mut dyn FnMut(&Self, Step) -> Result<(), TrainError>,
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
                let learning_rate = self.learning_rate();
                let loss = self.step(&batch)?;
                let step = Step {
                    number: self.progress.losses.len(),
                    epoch: self.progress.epoch + 1,
                    loss,
                    learning_rate,
                    pictures: batch.count,
                };
                after_step(self, step)?;
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
        let (pixels, targets, faces) = self.tensors(batch)?;
        let pixels = match self.config.precision {
            Precision::Single => pixels,
            Precision::Bf16 => pixels.to_kind(Kind::BFloat16),
        };
        let output = self.in_labels_habits(self.net.forward_t(&pixels, true), batch)?;
        let loss = self.criterion.of(&output, &targets, &faces);
        self.optimiser.step(&loss, self.learning_rate());
        if let Some(average) = &self.average {
            average.follow(&self.parameters, self.progress.losses.len());
        }
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

    /// Pixels `[n, 1, side, side]`, targets `[n, 2k]` and faces `[n]`.
    fn tensors(&self, batch: &Batch) -> Result<(Tensor, Tensor, Tensor), TrainError> {
        let (count, side) = (batch.count as i64, i64::from(self.contract.input_side));
        let pixels = Tensor::from_slice(&batch.pixels).f_view([count, 1, side, side])?;
        let targets = Tensor::from_slice(&batch.targets).f_view([count, -1])?;
        let faces = Tensor::from_slice(&batch.faces);
        let here = |tensor: Tensor| tensor.to_device(self.device);
        Ok((here(pixels), here(targets), here(faces)))
    }

    /// The net's `output` as the labels of the batch's data sets have it.
    fn in_labels_habits(&self, output: Tensor, batch: &Batch) -> Result<Tensor, TrainError> {
        match &self.offsets {
            Some(offsets) => offsets.added_to(&output, batch),
            None => Ok(output),
        }
    }

    /// The loss and the net's numbers for points, `[count * 2 * points]`, for a batch, without learning from it: those of
    /// the averaged net where there is one.
    ///
    /// # Errors
    /// When libtorch fails.
    pub(super) fn try_out(&self, batch: &Batch) -> Result<(f64, Vec<f32>), TrainError> {
        let (pixels, targets, faces) = self.tensors(batch)?;
        let net = self.average.as_ref().map_or(&self.net, |average| &average.net);
        let output = tch::no_grad(|| self.in_labels_habits(net.forward_t(&pixels, false), batch))?;
        let loss = f64::try_from(&self.criterion.of(&output, &targets, &faces))?;
        let points = self.criterion.points_in(&output);
        let values = points.to_kind(Kind::Float).to_device(Device::Cpu).f_reshape(-1)?;
        Ok((loss, Vec::try_from(values)?))
    }
}

/// Numbers of pictures, a data set each.
fn in_words(counts: &[usize]) -> String {
    let counts: Vec<String> = counts.iter().map(usize::to_string).collect();
    counts.join(" and ")
}

/// What a checkpoint holds: the net's parameters, their averages where they are kept, and the labels' habits where they
/// are learned.
fn saved(
    parameters: &[(String, Tensor)],
    average: Option<&Average>,
    offsets: Option<&Offsets>,
) -> Vec<(String, Tensor)> {
    let averages = average.map_or(&[][..], |average| &average.parameters);
    let averages = averages
        .iter()
        .map(|(name, t)| (format!("{AVERAGE}{name}"), t.shallow_clone()));
    let own = parameters
        .iter()
        .map(|(name, t)| (name.clone(), t.shallow_clone()));
    let habits = offsets.map(|o| (offsets::NAME.to_owned(), o.values.shallow_clone()));
    own.chain(averages).chain(habits).collect()
}
