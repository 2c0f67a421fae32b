//! `pinkpoint train`: trains a net from scratch, or goes on where a run stopped.

mod command;
mod display;
mod face;
mod lines;
mod plot;
mod preview;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use anyhow::{Result, bail};
use serde_json::Value;

use super::following::source_spec;
use crate::{
    dataset::{SchemeChoice, person_of, read_names},
    model::DeviceChoice,
    network::Architecture,
    report,
    source::SourceSpec,
    text::listed,
    train::{Event, Finish, Loss, OptimiserKind, Precision, Run, Schedule, THREADS, TrainConfig, scheme_of},
    transform::Alteration,
};
pub(super) use command::again;
use display::Display;
use preview::Preview;

const HELP: &str = "\
Example:  pinkpoint train --net course --data data/youtube-faces --out runs/course
Ctrl-C saves; `pinkpoint train --resume runs/course` goes on bit for bit.

In the run's folder: config.json, the recipe; checkpoint.safetensors, to go on from; net.pt, the net after the last epoch;
metrics.csv and loss.png; report.html, to look at and pass on (see `pinkpoint report`); and what `tensorboard --logdir runs/course`
shows. On a terminal the loss is drawn as it falls.";

/// Train a net on labelled pictures
#[derive(Debug, clap::Args)]
#[command(after_help = HELP, after_long_help = format!("{HELP}\n\n{}", lines::HELP))]
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
    /// Open the window on the net while it is trained; its net is renewed every ten seconds. SOURCE as `pinkpoint --source`
    /// takes it. Closing the window ends nothing, and the end of training leaves it open
    #[arg(
        long,
        value_name = "SOURCE",
        num_args = 0..=1,
        require_equals = true,
        value_parser = source_spec()
    )]
    preview: Option<Option<SourceSpec>>,
    /// Print a JSON object for every step, for other programs, and nothing for people
    #[arg(long)]
    json: bool,
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
    #[arg(long, value_enum, default_value = "course", conflicts_with = "resume")]
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
    let is_for_programs = args.json;
    let Some(folder) = args.resume.clone().or_else(|| args.out.clone()) else {
        bail!("--out or --resume is needed");
    };
    let trained = train(args, &folder);
    let (how, why) = match &trained {
        Ok(Finish::Done) => ("done", None),
        Ok(Finish::Stopped) => ("stopped", None),
        Err(error) => ("failed", Some(format!("{error:#}"))),
    };
    if is_for_programs {
        print(&lines::end(how, &folder, why.as_deref()));
    }
    match trained? {
        Finish::Done if is_for_programs => {}
        Finish::Done => say!("Done. The run is in {}", folder.display()),
        Finish::Stopped => bail!(stopped(&folder)),
    }
    Ok(())
}

fn stopped(folder: &Path) -> String {
    format!(
        "stopped before the end; everything is saved, go on with: pinkpoint train --resume {}",
        folder.display()
    )
}

/// Trains in a folder, new or gone on with; whoever calls says how it ended.
fn train(args: TrainArgs, folder: &Path) -> Result<Finish> {
    if args.preview.is_some() {
        preview::check()?;
    }
    let mut teller = Teller::new(args.json);
    let mut run = if args.resume.is_some() {
        let mut run = Run::open(folder)?;
        run.amend(args.epochs, args.data, args.device)?;
        run
    } else {
        let device = args.device.unwrap_or_default();
        let (config, note) = args.recipe.config(args.data, args.epochs, device)?;
        if let Some(note) = note {
            teller.note(&note);
        }
        Run::create(folder, config)?
    };
    if args.preview.is_some() {
        run.preview_every(preview::INTERVAL);
    }
    let saved = Arc::new(OnceLock::new());
    let stop = super::stop_on_ctrl_c(at_once(saved.clone(), args.json, folder.to_path_buf()))?;
    teller.begin(run.config());
    let mut window = Beside::new(args.preview);
    let trained = run.train(&stop, &mut |event| {
        teller.tell(&event, run.config());
        if let Some(note) = window.follow(&event, &run) {
            teller.note(&note);
        }
    });
    teller.clear();
    if let Some(note) = window.leave(&run) {
        teller.note(note);
    }
    let finish = trained?;
    saved.get_or_init(|| finish);
    if finish == Finish::Stopped {
        teller.note("Everything is saved; the report is being written (Ctrl-C leaves it out)");
    }
    teller.report(&run);
    Ok(finish)
}

/// What Ctrl-C does: nothing by itself until all is `saved`, which is soon done and may be asked for twice by one terminal that
/// closes; the end at once while a report of what is saved is written, which may take long.
fn at_once(saved: Arc<OnceLock<Finish>>, is_for_programs: bool, folder: PathBuf) -> impl Fn() + Send {
    move || {
        let status = match saved.get() {
            None => return,
            Some(Finish::Done) if is_for_programs => {
                print(&lines::end("done", &folder, None));
                0
            }
            Some(Finish::Done) => {
                say!("Done. The run is in {}, without a report", folder.display());
                0
            }
            Some(Finish::Stopped) => {
                if is_for_programs {
                    print(&lines::end("stopped", &folder, None));
                }
                complain!("Error: {}", stopped(&folder));
                1
            }
        };
        // SAFETY: it takes a plain number. What other threads use stays as it is, since nothing is cleaned up.
        unsafe { libc::_exit(status) };
    }
}

/// Who is told how training goes.
enum Teller {
    /// A person, who sees nothing drawn before the run begins.
    Person(Option<Display>),
    /// Another program; `steps` are done.
    Lines { steps: usize },
}

impl Teller {
    fn new(is_for_programs: bool) -> Self {
        if is_for_programs {
            Self::Lines { steps: 0 }
        } else {
            Self::Person(None)
        }
    }

    /// A run by this recipe begins.
    fn begin(&mut self, config: &TrainConfig) {
        if let Self::Person(display) = self {
            *display = Some(Display::new(config));
        }
    }

    fn tell(&mut self, event: &Event<'_>, config: &TrainConfig) {
        match self {
            Self::Person(Some(display)) => display.show(event),
            Self::Person(None) => {}
            Self::Lines { steps } => print(&lines::of(event, config, steps)),
        }
        if let Event::Ready { found_nowhere, .. } = event
            && !found_nowhere.is_empty()
        {
            self.note(&format!(
                "not in the data, and so not left out (all right where a list is for several sets): {}",
                listed(found_nowhere)
            ));
        }
    }

    fn note(&self, text: &str) {
        match self {
            Self::Person(Some(display)) => display.say(text),
            Self::Person(None) => say!("{text}"),
            Self::Lines { .. } => print(&lines::note(text)),
        }
    }

    /// Takes away what was drawn on the terminal.
    fn clear(&self) {
        if let Self::Person(Some(display)) = self {
            display.clear();
        }
    }

    /// Writes the run's report. That this fails does not make the run worse: it is only said.
    fn report(&self, run: &Run) {
        let file = report::usual_file(run);
        if let Err(error) = report::write(run, &again(run.config()), &file) {
            complain!("no report was written: {error}");
        } else if let Self::Lines { .. } = self {
            print(&lines::report(&file));
        } else {
            say!("Report: {}", file.display());
        }
    }
}

fn print(line: &Value) {
    say!("{line}");
}

/// The window beside training, where one is asked for.
enum Beside {
    Nothing,
    Wanted(Option<SourceSpec>),
    Open(Preview),
}

impl Beside {
    fn new(wanted: Option<Option<SourceSpec>>) -> Self {
        wanted.map_or(Self::Nothing, Self::Wanted)
    }

    /// Opens it once there is a net to show; what is to be said of it.
    fn follow(&mut self, event: &Event<'_>, run: &Run) -> Option<String> {
        match (&mut *self, event) {
            (Self::Wanted(source), Event::Ready { .. }) => {
                match Preview::open(run.folder(), &run.preview_path(), source.as_ref()) {
                    Ok(preview) => {
                        *self = Self::Open(preview);
                        None
                    }
                    Err(error) => Some(self.end(run, format!("no preview: {error:#}"))),
                }
            }
            (Self::Open(preview), _) => {
                let note = preview.glance()?;
                Some(self.end(run, note))
            }
            _ => None,
        }
    }

    /// Nobody looks at the net any more, and `net.pt` and the checkpoint hold the same.
    fn end(&mut self, run: &Run, note: String) -> String {
        *self = Self::Nothing;
        run.end_preview();
        note
    }

    /// What is to be said of it at the end of training.
    fn leave(self, run: &Run) -> Option<&'static str> {
        match self {
            Self::Open(mut preview) => {
                if preview.is_open() {
                    return Some("The preview shows the net as it is now; it stays until you close it");
                }
                run.end_preview();
                None
            }
            _ => None,
        }
    }
}

impl RecipeArgs {
    /// The recipe, and what is to be said of it.
    fn config(
        self,
        data: Vec<PathBuf>,
        epochs: Option<u32>,
        device: DeviceChoice,
    ) -> Result<(TrainConfig, Option<String>)> {
        let scheme = scheme_of(&data, self.scheme.as_ref())?;
        let config = self.without_data(data, epochs, device)?;
        let face::Measured { scheme, crop, note } = face::measured(&config, scheme)?;
        let config = TrainConfig {
            scheme: Some(scheme),
            crop,
            ..config
        };
        Ok((config, note))
    }

    /// All of it that does not depend on what is in the data.
    fn without_data(
        self,
        data: Vec<PathBuf>,
        epochs: Option<u32>,
        device: DeviceChoice,
    ) -> Result<TrainConfig> {
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
        let names = |file: Option<PathBuf>| match file {
            Some(file) => read_names(&file),
            None => Ok(BTreeSet::new()),
        };
        let left_out = names(self.leave_out)?;
        let usual = TrainConfig::usual(self.net, data);
        let optimiser = self.optimiser.unwrap_or(usual.optimiser);
        let usual_decay = TrainConfig::usual_decay(self.net, optimiser);
        Ok(TrainConfig {
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
