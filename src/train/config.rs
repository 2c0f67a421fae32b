//! A training run's recipe: what `config.json` in its folder holds. Plain data.

use std::{collections::BTreeSet, ops::RangeInclusive, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::TrainError;
use crate::{
    dataset::{LabelRow, Part, person_of},
    keypoints::PointScheme,
    model::{Contract, CropRule, Training},
    network::Architecture,
    transform::Alteration,
};

/// Threads that a run may ask for: more than any machine has cores, fewer than a system refuses to start.
pub const THREADS: RangeInclusive<u32> = 1..=1024;

/// What the net is punished for, over the coordinates of a batch: crop pixels for Wing,
/// Soft Wing, and nets that say how sure they are as well, else normalised ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Mean squared error.
    Mse,
    /// Mean absolute error.
    L1,
    /// Squared below 1, absolute above.
    SmoothL1,
    /// Logarithmic for errors of up to 10 crop pixels, absolute above: small errors count for more.
    Wing,
    /// Absolute for errors of up to 2 crop pixels, logarithmic above: neither tiny nor large errors count for much.
    SoftWing,
}

/// How gradients become steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum OptimiserKind {
    /// RMSProp with PyTorch's defaults.
    Rmsprop,
    /// Adam with PyTorch's defaults.
    Adam,
    /// Adam with weight decay apart from the gradient.
    Adamw,
    /// Kernels of convolutions by steps that go equally far in every direction, the rest by AdamW: fewer epochs.
    Muon,
}

impl OptimiserKind {
    /// Whether kernels shrink by themselves.
    pub fn decays(self) -> bool {
        matches!(self, Self::Adamw | Self::Muon)
    }
}

/// How the learning rate moves over a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// It stays.
    Constant,
    /// Half a cosine from the full rate down to a hundredth of it at the end of the last epoch.
    Cosine,
}

/// In which numbers a step is computed; parameters are kept in single precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// 32 bits.
    #[default]
    Single,
    /// Convolutions in bfloat16: twice as fast where the processor knows it, for nets that can.
    Bf16,
}

/// The recipe; with the data it determines the weights bit for bit on one machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainConfig {
    /// The net.
    pub net: Architecture,
    /// Folders of the data sets; one that is named twice counts double.
    #[serde(deserialize_with = "one_or_many")]
    pub data: Vec<PathBuf>,
    /// What the points of the labels are; recipes from before there was a choice have none.
    #[serde(default)]
    pub scheme: Option<PointScheme>,
    /// Which part of a picture nets of whole pictures see: in these pictures, measured by their faces. `None` is as in the
    /// course's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crop: Option<CropRule>,
    /// Passes over the training pictures.
    pub epochs: u32,
    /// Pictures a step.
    pub batch_size: usize,
    /// What is minimised.
    pub loss: Loss,
    /// How.
    pub optimiser: OptimiserKind,
    /// Step size at the start.
    pub learning_rate: f64,
    /// How the step size moves.
    pub schedule: Schedule,
    /// Share of the run in which the step size rises from 0 to its start, 0 to below 1.
    #[serde(default)]
    pub warm_up: f64,
    /// AdamW and Muon: share of every kernel that a step takes away, times the step size.
    #[serde(default)]
    pub weight_decay: f64,
    /// Share of the running average of the parameters that a step keeps; 0 keeps no average.
    #[serde(default)]
    pub average: f64,
    /// Whether the labels of every data set may be off in their own way: the first set says where points lie, the others
    /// how a face looks there.
    #[serde(default)]
    pub label_offsets: bool,
    /// In which numbers a step is computed.
    #[serde(default)]
    pub precision: Precision,
    /// What training pictures are made without.
    #[serde(default)]
    pub without: BTreeSet<Alteration>,
    /// Start of all randomness: parameters, order, crops, dropout, held-back persons.
    pub seed: u64,
    /// CPU threads of the net, within [`THREADS`]; another number rounds differently, so a run keeps its own.
    pub threads: u32,
    /// `auto`, `cpu`, `cuda` or `cuda:N`; in a run's own recipe never `auto`, which another machine may take for another
    /// device.
    pub device: String,
    /// Share of the persons that are held back for validation, 0 to below 1.
    pub validation: f64,
    /// Persons whose pictures are not used at all.
    pub left_out: BTreeSet<String>,
    /// Names of single pictures that are not used either.
    #[serde(default)]
    pub left_out_pictures: BTreeSet<String>,
}

/// The folders of a recipe; earlier recipes name one by itself.
fn one_or_many<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<PathBuf>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Folders {
        One(PathBuf),
        Many(Vec<PathBuf>),
    }
    Ok(match Folders::deserialize(deserializer)? {
        Folders::One(folder) => vec![folder],
        Folders::Many(folders) => folders,
    })
}

impl TrainConfig {
    /// What is usual for `net`: of the course's, what the course does, of NaimishNet, what its
    /// authors did, on training pictures made as ours are (theirs were only mirrored); nobody is left out.
    pub fn usual(net: Architecture, data: Vec<PathBuf>) -> Self {
        let course = Self {
            net,
            data,
            scheme: None,
            crop: None,
            epochs: 3,
            batch_size: 16,
            loss: Loss::Mse,
            optimiser: OptimiserKind::Rmsprop,
            learning_rate: 1e-4,
            schedule: Schedule::Constant,
            warm_up: 0.0,
            weight_decay: 0.0,
            average: 0.0,
            label_offsets: false,
            precision: Precision::Single,
            without: BTreeSet::new(),
            seed: 1,
            threads: 1,
            device: "auto".into(),
            validation: 0.1,
            left_out: BTreeSet::new(),
            left_out_pictures: BTreeSet::new(),
        };
        match net {
            Architecture::Course => course,
            // As published, but for the end of the run, which theirs found by looking at held-back pictures.
            Architecture::Naimish => Self {
                epochs: 300,
                batch_size: 128,
                optimiser: OptimiserKind::Adam,
                learning_rate: 1e-3,
                ..course
            },
            Architecture::Pinkpoint => Self {
                epochs: 90,
                batch_size: 64,
                loss: Loss::Wing,
                optimiser: OptimiserKind::Muon,
                learning_rate: 2e-3,
                schedule: Schedule::Cosine,
                warm_up: 0.02,
                weight_decay: 0.02,
                average: 0.998,
                label_offsets: true,
                ..course
            },
        }
    }

    /// The weight decay that is usual for `net` with an optimiser, which may know none.
    pub fn usual_decay(net: Architecture, optimiser: OptimiserKind) -> f64 {
        if optimiser.decays() {
            Self::usual(net, Vec::new()).weight_decay
        } else {
            0.0
        }
    }

    /// Checks the numbers.
    ///
    /// # Errors
    /// Says which number cannot be used and what can.
    pub fn validate(&self) -> Result<(), TrainError> {
        let complaint = if self.epochs == 0 {
            "0 epochs; at least 1 is needed".into()
        } else if self.batch_size == 0 {
            "a batch of 0 pictures; at least 1 is needed".into()
        } else if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            format!("a learning rate of {}; it has to be above 0", self.learning_rate)
        } else if let Some(Err(e)) = self.scheme.as_ref().map(PointScheme::validate) {
            e.to_string()
        } else if !THREADS.contains(&self.threads) {
            format!(
                "{} threads; {} to {} can be used",
                self.threads,
                THREADS.start(),
                THREADS.end()
            )
        } else if !(0.0..1.0).contains(&self.validation) {
            format!(
                "a validation share of {}; it has to be from 0 to below 1",
                self.validation
            )
        } else if self.data.is_empty() {
            "no data; at least one folder is needed".into()
        } else if let Some((name, share)) = [("warm-up", self.warm_up), ("average", self.average)]
            .into_iter()
            .find(|(_, share)| !(0.0..1.0).contains(share))
        {
            format!("{name} of {share}; it has to be from 0 to below 1")
        } else if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            format!("a weight decay of {}; it has to be 0 or more", self.weight_decay)
        } else if self.weight_decay > 0.0 && !self.optimiser.decays() {
            "weight decay is for the optimisers adamw and muon only".into()
        } else if self.precision == Precision::Bf16 && !self.net.computes_in_bf16() {
            format!("the net {} computes in single precision only", self.net)
        } else {
            return Ok(());
        };
        Err(TrainError::Config(complaint))
    }

    /// What `points` keypoints are.
    pub fn scheme(&self, points: usize) -> PointScheme {
        self.scheme.clone().unwrap_or_else(|| match points {
            68 => PointScheme::ibug68(),
            _ => PointScheme::unnamed(points),
        })
    }

    /// What the weights file will say of itself, of a net with `points` keypoints.
    pub fn contract(&self, points: usize) -> Contract {
        let contract = self.net.contract(self.scheme(points));
        Contract {
            crop: self.crop.unwrap_or(contract.crop),
            ..contract
        }
    }

    /// What the weights file will say of its training with so many pictures an epoch.
    pub fn training(&self, pictures: usize) -> Training {
        Training {
            data: format!("{pictures} labelled pictures an epoch, of {}", self.data_name()),
            recipe: self.in_words(),
            ..Training::default()
        }
    }

    /// Whether a row of a data set is not used: its person, or the picture itself.
    pub fn leaves_out(&self, part: &Part, row: &LabelRow) -> bool {
        self.left_out.contains(part.person(&row.name)) || self.left_out_pictures.contains(&row.name)
    }

    /// The names whose persons are left out, as they were given: one of a picture stands for the person on it as well.
    pub fn persons_left_out(&self) -> Vec<&str> {
        let names = || self.left_out.iter().map(String::as_str);
        let implied: BTreeSet<&str> = names()
            .filter_map(|name| Some(person_of(name)).filter(|person| *person != name))
            .collect();
        names().filter(|name| !implied.contains(name)).collect()
    }

    /// Names of the data sets' folders, each once.
    pub fn data_name(&self) -> String {
        let last = |folder: &PathBuf| {
            let part = folder.components().next_back()?;
            Some(part.as_os_str().to_string_lossy().into_owned())
        };
        let times = |folder: &PathBuf| self.data.iter().filter(|other| *other == folder).count();
        let named = self.data.iter().enumerate().filter_map(|(place, folder)| {
            if self.data[..place].contains(folder) {
                return None;
            }
            let name = last(folder)?;
            Some(match times(folder) {
                1 => name,
                times => format!("{name} ({times} times)"),
            })
        });
        named.collect::<Vec<_>>().join(" and ")
    }

    /// The recipe in one line, for people.
    pub fn in_words(&self) -> String {
        let mut words = format!(
            "{} epochs, batches of {}, {} loss, {}, learning rate {:e} ({}), seed {}",
            self.epochs,
            self.batch_size,
            name(self.loss),
            name(self.optimiser),
            self.learning_rate,
            name(self.schedule),
            self.seed
        );
        for (share, what) in [
            (self.warm_up, "warm-up"),
            (self.weight_decay, "weight decay"),
            (self.average, "average"),
        ] {
            if share > 0.0 {
                words += &format!(", {what} {share}");
            }
        }
        if self.label_offsets {
            words += ", label offsets";
        }
        if self.precision != Precision::default() {
            words += &format!(", {}", name(self.precision));
        }
        for &alteration in &self.without {
            words += &format!(", without {}", name(alteration));
        }
        words
    }

    /// The learning rate after the share `progress` (0 to 1) of the run.
    pub fn learning_rate_at(&self, progress: f64) -> f64 {
        /// Where the cosine ends, relative to where it starts.
        const FLOOR: f64 = 0.01;
        if progress < self.warm_up {
            return self.learning_rate * progress / self.warm_up;
        }
        match self.schedule {
            Schedule::Constant => self.learning_rate,
            Schedule::Cosine => {
                let progress = (progress - self.warm_up) / (1.0 - self.warm_up);
                let wave = (1.0 + (std::f64::consts::PI * progress.clamp(0.0, 1.0)).cos()) / 2.0;
                self.learning_rate * (FLOOR + (1.0 - FLOOR) * wave)
            }
        }
    }
}

/// The name of a choice as it is given on the command line.
pub fn name(choice: impl clap::ValueEnum) -> String {
    choice
        .to_possible_value()
        .map_or_else(String::new, |value| value.get_name().to_owned())
}
