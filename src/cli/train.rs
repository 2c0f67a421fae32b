//! `pinkpoint train`: trains a net from scratch, or goes on where a run stopped.

mod face;

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    dataset::{SchemeChoice, person_of, read_names},
    model::DeviceChoice,
    network::Architecture,
    train::{
        EpochMetrics, Event, Finish, Loss, OptimiserKind, Precision, Run, Schedule, THREADS, TrainConfig,
        scheme_of,
    },
    transform::Alteration,
};

/// Train a net on labelled pictures
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:  pinkpoint train --net course --data data/youtube-faces --out runs/course\n\
                        Ctrl-C saves; `pinkpoint train --resume runs/course` goes on bit for bit."
)]
pub struct TrainArgs {
    /// Folder of a data set: training_frames_keypoints.csv and training/, or keypoints.csv and images/; may be given again,
    /// and a set that is given twice counts double
    #[arg(long, value_name = "DIR", required_unless_present = "resume")]
    data: Vec<PathBuf>,
    /// Folder for the run: recipe, checkpoint, metrics, loss curve, weights
    #[arg(
        long,
        value_name = "RUN",
        required_unless_present = "resume",
        conflicts_with = "resume"
    )]
    out: Option<PathBuf>,
    /// Go on with this run; only --epochs, --data and --device can be given anew (another device rounds differently)
    #[arg(long, value_name = "RUN")]
    resume: Option<PathBuf>,
    /// Passes over the training pictures [default: 3; of naimish 300, of pinkpoint 90]
    #[arg(long, value_name = "N")]
    epochs: Option<u32>,
    /// Where to train: auto, cpu, cuda or cuda:N [default: auto; with --resume, where it began]
    #[arg(long)]
    device: Option<DeviceChoice>,
    #[command(flatten)]
    recipe: RecipeArgs,
}

/// What cannot change once a run has begun. What is not given is as `TrainConfig::usual` has it for the net.
#[derive(Debug, clap::Args)]
struct RecipeArgs {
    /// What the points are: ibug68, wflw98, kaggle15, five, unnamed, or a file (`pinkpoint scheme` prints them)
    /// [default: points.json beside the labels, else by their number and the columns' names]
    #[arg(long, value_name = "NAME|FILE.json", conflicts_with = "resume")]
    scheme: Option<SchemeChoice>,
    /// The net
    #[arg(long, default_value = "course", conflicts_with = "resume")]
    net: Architecture,
    /// What is minimised [default: mse; of pinkpoint wing]
    #[arg(long, value_enum, conflicts_with = "resume")]
    loss: Option<Loss>,
    /// How it is minimised [default: rmsprop; of naimish adam, of pinkpoint muon]
    #[arg(long, visible_alias = "optimizer", value_enum, conflicts_with = "resume")]
    optimiser: Option<OptimiserKind>,
    /// Step size at the start [default: 1e-4; of naimish 1e-3, of pinkpoint 2e-3]
    #[arg(long, value_name = "RATE", conflicts_with = "resume")]
    learning_rate: Option<f64>,
    /// How the step size moves over the run [default: constant; of pinkpoint cosine]
    #[arg(long, value_enum, conflicts_with = "resume")]
    schedule: Option<Schedule>,
    /// Share of the run in which the step size rises to its start [default: 0; of pinkpoint 0.02]
    #[arg(long, value_name = "SHARE", conflicts_with = "resume")]
    warm_up: Option<f64>,
    /// AdamW and Muon: how fast kernels shrink by themselves [default: 0; of pinkpoint 0.02]
    #[arg(long, value_name = "RATE", conflicts_with = "resume")]
    weight_decay: Option<f64>,
    /// Export the running average of the parameters, of which a step keeps this share; 0 exports their last values
    /// [default: 0; of pinkpoint 0.998]
    #[arg(long, value_name = "SHARE", conflicts_with = "resume")]
    average: Option<f64>,
    /// Learn beside the net how each data set's labels are off in their own way; the first --data says where points lie
    /// [default: false; of pinkpoint true]
    #[arg(long, value_name = "true|false", conflicts_with = "resume")]
    label_offsets: Option<bool>,
    /// Numbers that a step is computed in; bf16 is for the net pinkpoint, and faster where the processor knows it
    #[arg(long, value_enum, default_value = "single", conflicts_with = "resume")]
    precision: Precision,
    /// Make training pictures without these, to see what each gives; naimish and pinkpoint have them all
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        value_name = "NAME,NAME",
        conflicts_with = "resume"
    )]
    without: Vec<Alteration>,
    /// Pictures a step [default: 16; of naimish 128, of pinkpoint 64]
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    batch: Option<usize>,
    /// Start of all randomness
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "resume")]
    seed: u64,
    /// CPU threads; on busy cores one is faster than two [default: all cores]
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    threads: Option<u32>,
    /// Share of the persons held back for validation; 0 trains on all
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, conflicts_with = "resume")]
    validation: f64,
    /// File of persons to leave out altogether, one a line; the name of a picture stands for the person on it, or for
    /// itself where names do not say who that is; what follows a comma is a note
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    leave_out: Option<PathBuf>,
    /// File of single pictures to leave out, one name a line; what follows a comma is a note
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    leave_out_pictures: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// When the data or the run's folder cannot be used, or training was interrupted.
pub fn run(args: TrainArgs) -> Result<()> {
    let (run, folder) = match (args.resume, args.out) {
        (Some(folder), _) => {
            let mut run = Run::open(&folder)?;
            run.amend(args.epochs, args.data, args.device)?;
            (run, folder)
        }
        (None, Some(folder)) => {
            let config = args
                .recipe
                .config(args.data, args.epochs, args.device.unwrap_or_default())?;
            (Run::create(&folder, config)?, folder)
        }
        (None, None) => bail!("--out or --resume is needed"),
    };
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed)).context("cannot listen for Ctrl-C")?;
    let mut display = Display::new(run.config());
    match run.train(&stop, &mut |event| display.show(event))? {
        Finish::Done => {
            say!("Done. The run is in {}", folder.display());
            Ok(())
        }
        Finish::Stopped => bail!(
            "stopped before the end; everything is saved, go on with: pinkpoint train --resume {}",
            folder.display()
        ),
    }
}

impl RecipeArgs {
    fn config(self, data: Vec<PathBuf>, epochs: Option<u32>, device: DeviceChoice) -> Result<TrainConfig> {
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
        let names = |file: Option<PathBuf>| match file {
            Some(file) => read_names(&file),
            None => Ok(BTreeSet::new()),
        };
        let left_out = names(self.leave_out)?;
        let usual = TrainConfig::usual(self.net, data);
        let scheme = scheme_of(&usual.data, self.scheme.as_ref())?;
        let face::Measured { scheme, crop } = face::measured(&usual.data, scheme, self.net)?;
        let optimiser = self.optimiser.unwrap_or(usual.optimiser);
        let usual_decay = if optimiser.decays() {
            usual.weight_decay
        } else {
            0.0
        };
        Ok(TrainConfig {
            scheme: Some(scheme),
            crop,
            epochs: epochs.unwrap_or(usual.epochs),
            batch_size: self.batch.unwrap_or(usual.batch_size),
            loss: self.loss.unwrap_or(usual.loss),
            optimiser,
            learning_rate: self.learning_rate.unwrap_or(usual.learning_rate),
            schedule: self.schedule.unwrap_or(usual.schedule),
            warm_up: self.warm_up.unwrap_or(usual.warm_up),
            weight_decay: self.weight_decay.unwrap_or(usual_decay),
            average: self.average.unwrap_or(usual.average),
            label_offsets: self.label_offsets.unwrap_or(usual.label_offsets),
            precision: self.precision,
            without: self.without.into_iter().collect(),
            seed: self.seed,
            threads: self.threads.unwrap_or(cores.min(*THREADS.end())),
            device: device.to_string(),
            validation: self.validation,
            left_out: left_out.into_iter().flat_map(meant_by).collect(),
            left_out_pictures: names(self.leave_out_pictures)?,
            ..usual
        })
    }
}

/// What a line of a `--leave-out` file stands for: a person, or a picture, and with it the person on it where its name
/// says who that is.
fn meant_by(line: String) -> Vec<String> {
    let is_picture = [".jpg", ".jpeg", ".png"]
        .iter()
        .any(|extension| line.to_ascii_lowercase().ends_with(extension));
    if is_picture {
        vec![person_of(&line).to_owned(), line]
    } else {
        vec![line]
    }
}

/// Progress bars on a terminal; one line per epoch anywhere.
struct Display {
    epochs: u32,
    /// Name of the point scheme; recipes from before there was a choice say none.
    points: Option<String>,
    bar: ProgressBar,
    started: Instant,
    pictures: usize,
    steps_per_epoch: usize,
}

impl Display {
    fn new(config: &TrainConfig) -> Self {
        Self {
            epochs: config.epochs,
            points: config.scheme.as_ref().map(|scheme| scheme.name.clone()),
            bar: ProgressBar::hidden(),
            started: Instant::now(),
            pictures: 0,
            steps_per_epoch: 0,
        }
    }

    fn show(&mut self, event: Event<'_>) {
        match event {
            Event::Ready {
                training,
                validation,
                left_out,
                unmatched,
                steps_per_epoch,
                steps_done,
            } => {
                let points = self.points.as_ref();
                let points = points.map_or(String::new(), |name| format!("; points: {name}"));
                say!(
                    "{training} pictures to train on, {validation} of persons held back for validation, \
                     {left_out} left out; {steps_per_epoch} steps an epoch{points}"
                );
                if unmatched.any() {
                    say!("not used: {unmatched}");
                }
                if steps_done > 0 {
                    say!("Going on after step {steps_done}");
                }
                self.steps_per_epoch = steps_per_epoch;
                self.started = Instant::now();
                self.bar = ProgressBar::new((steps_per_epoch * self.epochs as usize) as u64);
                if let Ok(style) = ProgressStyle::with_template(
                    "{prefix}  {bar:32.magenta}  {pos}/{len} steps  {msg}  {eta} left",
                ) {
                    self.bar.set_style(style);
                }
                self.bar.set_position(steps_done as u64);
                self.bar.reset_eta();
            }
            Event::Step {
                epoch,
                loss,
                pictures,
            } => {
                self.pictures += pictures;
                let rate = self.pictures as f64 / self.started.elapsed().as_secs_f64();
                self.bar.set_prefix(format!("epoch {epoch}/{}", self.epochs));
                self.bar
                    .set_message(format!("loss {loss:.4}  {rate:.1} images/s"));
                self.bar.inc(1);
            }
            Event::Epoch(metrics) => {
                let line = self.epoch_line(metrics);
                self.bar.suspend(|| say!("{line}"));
            }
        }
    }

    fn epoch_line(&self, metrics: &EpochMetrics) -> String {
        let mut line = format!(
            "epoch {:3}/{}: training loss {:.4}",
            metrics.epoch, self.epochs, metrics.training_loss
        );
        if let Some(loss) = metrics.validation_loss {
            line += &format!(", validation loss {loss:.4}");
        }
        if let Some(nme) = metrics.validation_nme {
            line += &format!(", inter-ocular NME {:.2} %", 100.0 * nme);
        }
        line + &format!(", {:.0} s", metrics.seconds)
    }
}
