//! `pinkpoint train`: trains a net from scratch, or goes on where a run stopped.

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
    dataset::{person_of, read_names},
    model::DeviceChoice,
    network::Architecture,
    train::{EpochMetrics, Event, Finish, Loss, OptimiserKind, Run, Schedule, THREADS, TrainConfig},
};

/// Train a net on labelled pictures
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:  pinkpoint train --net course --data data/youtube-faces --out runs/course\n\
                        Ctrl-C saves; `pinkpoint train --resume runs/course` goes on bit for bit."
)]
pub struct TrainArgs {
    /// Folder of the data set: training_frames_keypoints.csv and training/
    #[arg(long, value_name = "DIR", required_unless_present = "resume")]
    data: Option<PathBuf>,
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
    /// Passes over the training pictures [default: 3]
    #[arg(long, value_name = "N")]
    epochs: Option<u32>,
    /// Where to train: auto, cpu, cuda or cuda:N [default: auto; with --resume, where it began]
    #[arg(long)]
    device: Option<DeviceChoice>,
    #[command(flatten)]
    recipe: RecipeArgs,
}

/// What cannot change once a run has begun.
#[derive(Debug, clap::Args)]
struct RecipeArgs {
    /// The net
    #[arg(long, default_value = "course", conflicts_with = "resume")]
    net: Architecture,
    /// What is minimised
    #[arg(long, value_enum, default_value = "mse", conflicts_with = "resume")]
    loss: Loss,
    /// How it is minimised
    #[arg(
        long,
        visible_alias = "optimizer",
        value_enum,
        default_value = "rmsprop",
        conflicts_with = "resume"
    )]
    optimiser: OptimiserKind,
    /// Step size at the start
    #[arg(long, value_name = "RATE", default_value_t = 1e-4, conflicts_with = "resume")]
    learning_rate: f64,
    /// How the step size moves over the run
    #[arg(long, value_enum, default_value = "constant", conflicts_with = "resume")]
    schedule: Schedule,
    /// Pictures a step
    #[arg(long, value_name = "N", default_value_t = 16, conflicts_with = "resume")]
    batch: usize,
    /// Start of all randomness
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "resume")]
    seed: u64,
    /// CPU threads [default: all cores]
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    threads: Option<u32>,
    /// Share of the persons held back for validation; 0 trains on all
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, conflicts_with = "resume")]
    validation: f64,
    /// File of persons to leave out altogether, one a line; the name of a picture stands for the person on it
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    leave_out: Option<PathBuf>,
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
            let data = args.data.context("--data is needed")?;
            let config = args
                .recipe
                .config(data, args.epochs, args.device.unwrap_or_default())?;
            (Run::create(&folder, config)?, folder)
        }
        (None, None) => bail!("--out or --resume is needed"),
    };
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed)).context("cannot listen for Ctrl-C")?;
    let mut display = Display::new(run.config().epochs);
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
    fn config(self, data: PathBuf, epochs: Option<u32>, device: DeviceChoice) -> Result<TrainConfig> {
        /// The course trains for this long.
        const EPOCHS: u32 = 3;
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
        let left_out = match &self.leave_out {
            Some(file) => read_names(file)?.iter().map(|name| person_in(name)).collect(),
            None => BTreeSet::new(),
        };
        Ok(TrainConfig {
            net: self.net,
            data,
            epochs: epochs.unwrap_or(EPOCHS),
            batch_size: self.batch,
            loss: self.loss,
            optimiser: self.optimiser,
            learning_rate: self.learning_rate,
            schedule: self.schedule,
            seed: self.seed,
            threads: self.threads.unwrap_or(cores.min(*THREADS.end())),
            device: device.to_string(),
            validation: self.validation,
            left_out,
        })
    }
}

/// The person that a line of a `--leave-out` file means.
fn person_in(line: &str) -> String {
    let is_picture = [".jpg", ".jpeg", ".png"]
        .iter()
        .any(|extension| line.to_ascii_lowercase().ends_with(extension));
    if is_picture { person_of(line) } else { line }.to_owned()
}

/// Progress bars on a terminal; one line per epoch anywhere.
struct Display {
    epochs: u32,
    bar: ProgressBar,
    started: Instant,
    pictures: usize,
    steps_per_epoch: usize,
}

impl Display {
    fn new(epochs: u32) -> Self {
        Self {
            epochs,
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
                say!(
                    "{training} pictures to train on, {validation} of persons held back for validation, \
                     {left_out} of persons left out; {steps_per_epoch} steps an epoch"
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
