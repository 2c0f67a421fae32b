//! `pinkpoint annotate`: photographs, folders and videos with the keypoints drawn in, and the keypoints as numbers.

mod crew;
mod folder;
mod inputs;
mod journal;
mod ledger;
mod medium;
mod shard;
mod stats;
mod worker;

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::atomic::Ordering,
    thread::available_parallelism,
};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{say_json, stop_on_ctrl_c, weights};
use crate::{
    detect::{CascadeSettings, Search, smooth::Strength},
    files,
    model::{DeviceChoice, catalogue},
    overlay::Style,
    pipeline::Searches,
    record::{KeypointFormat, KeypointWriter},
    source::limit_opencv_threads,
};
use inputs::{Inputs, Job};
use journal::{Journal, Settings};
use ledger::Ledger;
use medium::Medium;
use shard::Shard;
use stats::Stats;
use worker::{Ended, Report, Setup, Worker};

/// Draw keypoints into photographs and videos, and write them down.
///
/// Every frame is searched, in order, none is left out; photographs and videos are turned upright as they say. Videos
/// become MP4 of the same size and rate. Ctrl-C ends after the frame at hand; what was done until then is kept.
#[derive(Debug, clap::Args)]
pub struct AnnotateArgs {
    /// Photographs, videos, and folders of both (with the folders in them); in folders, NAME-points.EXT beside NAME is
    /// left out
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// File (for one input file) or folder to write to; beside the inputs as NAME-points.EXT unless given, or nothing
    /// when --keypoints is given
    #[arg(long)]
    out: Option<PathBuf>,
    /// Write the keypoints, a row per face: .csv or .jsonl; called NAME.partial.EXT while it grows
    #[arg(long, value_name = "FILE.csv|.jsonl")]
    keypoints: Option<PathBuf>,
    /// Write time per stage, CPU time and counts as JSON
    #[arg(long, value_name = "FILE.json")]
    stats: Option<PathBuf>,
    /// Print the same as JSON, in place of its summary
    #[arg(long)]
    json: bool,
    /// Weights file, or the name of a bundled net
    #[arg(long, value_name = "FILE|NAME", default_value = catalogue::DEFAULT)]
    weights: String,
    /// Where the net runs: auto, cpu, cuda or cuda:N
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// Face cascade of OpenCV's to find faces with
    #[arg(long, value_name = "FILE.xml")]
    cascade: Option<PathBuf>,
    /// How much larger each face size looked for is than the one before (1.1 for photographs, 1.2 for videos unless given)
    #[arg(long, value_name = "FACTOR")]
    scale_factor: Option<f64>,
    /// Overlapping finds that make a face: more gives fewer false faces (6 for photographs, 3 for videos unless given)
    #[arg(long, value_name = "COUNT")]
    min_neighbours: Option<u32>,
    /// Smallest face as a fraction of the short side (0.02 for photographs, 0.03 for videos unless given)
    #[arg(long, value_name = "FRACTION")]
    min_size: Option<f32>,
    /// How much the points of videos are steadied, 0 (off) to 1
    #[arg(long, value_name = "STRENGTH", default_value_t = Strength::default().value())]
    smooth: f32,
    /// Draw no face boxes
    #[arg(long)]
    no_boxes: bool,
    /// Cores to use, all that the process may unless given: so many files are worked on at a time, a video by one worker;
    /// the results are the same
    #[arg(long, value_name = "COUNT")]
    jobs: Option<NonZeroUsize>,
    /// Do only the I-th of N equal parts of the files, for runs on several machines
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Write down in this file what is finished, and leave out what it says is finished: the same command goes on after
    /// an interruption. One file per run or shard; refused once options or weights differ
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// When an input, the weights or the cascade cannot be used, before anything is written; when a file turns out damaged
/// or cannot be written, after all others are done.
pub fn run(args: AnnotateArgs) -> anyhow::Result<()> {
    let Inputs { mut jobs, unread } =
        Inputs::of(&args.inputs, args.out.as_deref(), args.keypoints.is_none())?;
    if !unread.is_empty() {
        let names: Vec<String> = unread.iter().map(|path| path.display().to_string()).collect();
        complain!(
            "Note: left out, as there is no decoder for them: {}",
            names.join(", ")
        );
    }
    if let Some(shard) = args.shard {
        let mut indices = 0..;
        jobs.retain(|_| indices.next().is_some_and(|index| shard.takes(index)));
    }
    let setup = args.setup()?;
    if let Some(path) = &args.stats {
        files::check(path)?;
    }
    let mut first = Worker::new(&setup)?;
    let device = first.device();
    let journal = args.journal(&setup, &device)?;
    let keypoints = match (&args.keypoints, first.rows()) {
        (Some(path), Some(rows)) => Some(KeypointWriter::create(path, rows)?),
        _ => None,
    };
    let mut ledger = Ledger::new(&jobs, journal, keypoints)?;
    let to_do = ledger.to_do();
    let cores = args
        .jobs
        .or(available_parallelism().ok())
        .map_or(1, NonZeroUsize::get);
    let workers = cores.min(to_do.len()).max(1);
    limit_opencv_threads(cores / workers);
    first.warm_up()?;
    let stop = stop_on_ctrl_c(|| ())?;
    let bar = progress_bar(to_do.iter().map(|&job| &jobs[job]));
    let mut stats = Stats::start();
    let mut problems = Vec::new();
    let mut take = |index: usize, report| {
        let job: &Job = &jobs[index];
        match report {
            Report::Begun => bar.set_message(job.input.file_name().unwrap_or_default().display().to_string()),
            // A picture's one frame is in the bar's length from the beginning.
            Report::Expect(frames) if job.medium == Medium::Video => bar.inc_length(frames),
            Report::Expect(_) => {}
            Report::Decoded(time) => stats.decode_cpu += time,
            Report::Frame { rows, faces, stages } => {
                stats.add(faces, stages);
                ledger.rows(index, rows.as_bytes())?;
                bar.inc(1);
            }
            Report::Ended(ended) => {
                ledger.end(index, ended == Ended::Whole)?;
                if let Ended::Failed(problem) = ended {
                    bar.suspend(|| complain!("Error: {problem}"));
                    problems.push((index, problem));
                }
            }
        }
        Ok(())
    };
    let done = crew::work(&jobs, &to_do, workers, first, &setup, &stop, &mut take);
    bar.finish_and_clear();
    done?;
    ledger.finish()?;
    // As they came, they depend on who was faster.
    problems.sort();
    let problems: Vec<String> = problems.into_iter().map(|(_, problem)| problem).collect();
    let mut all = stats.json();
    if !args.json {
        say!("{}", stats::summary(&all));
    }
    all["inputs"] = json!(jobs.len());
    all["finished_before"] = json!(jobs.len() - to_do.len());
    all["problems"] = json!(problems);
    all["interrupted"] = json!(stop.load(Ordering::Relaxed));
    all["weights"] = json!(setup.weights.display().to_string());
    all["device"] = json!(device);
    all["workers"] = json!(workers);
    if args.json {
        say_json(&all)?;
    }
    if let Some(path) = &args.stats {
        files::replace_json(path, &all)?;
    }
    if stop.load(Ordering::Relaxed) {
        bail!("interrupted; the files hold what was done until then");
    }
    match problems.len() {
        0 => Ok(()),
        count => bail!(
            "{count} of {} inputs could not be annotated, or not to their end",
            jobs.len()
        ),
    }
}

impl AnnotateArgs {
    /// What workers are made of; weights are read from disk once.
    fn setup(&self) -> anyhow::Result<Setup> {
        let format = self.keypoints.as_deref().map(KeypointFormat::of).transpose()?;
        let (weights, archive) = weights::open(&self.weights)?;
        let verifies = archive
            .contract
            .as_ref()
            .is_some_and(|contract| contract.confidence);
        Ok(Setup {
            searches: self.searches(Searches::usual(verifies)),
            archive,
            weights,
            device: self.device,
            strength: Strength::new(self.smooth),
            format,
            style: Style {
                boxes: !self.no_boxes,
                ..Style::default()
            },
        })
    }

    /// Where rows wait for their turn, and which files are finished.
    fn journal(&self, setup: &Setup, device: &str) -> anyhow::Result<Option<Journal>> {
        if let Some(path) = &self.resume {
            if self.keypoints.as_ref() == Some(path) || self.stats.as_ref() == Some(path) {
                bail!(
                    "--resume needs a file of its own, beside what is written: {}",
                    path.display()
                );
            }
            return Journal::open(path, self.settings(setup, device)?).map(Some);
        }
        let Some(path) = &self.keypoints else {
            return Ok(None);
        };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let journal = Journal::nameless(folder.unwrap_or(Path::new(".")));
        journal.map(Some).with_context(|| {
            format!(
                "cannot write; choose a folder that exists and can be written to: {}",
                path.display()
            )
        })
    }

    /// All that the results depend on, files by what is in them.
    fn settings(&self, setup: &Setup, device: &str) -> anyhow::Result<Settings> {
        let cascade = self.cascade.as_ref().map(std::fs::read).transpose()?;
        let all = [
            ("version of pinkpoint", json!(env!("CARGO_PKG_VERSION"))),
            ("--weights", json!(fingerprint(&setup.archive.bytes))),
            ("--device", json!(device.split(':').next())),
            ("--cascade", json!(cascade.as_deref().map(fingerprint))),
            ("--scale-factor", json!(self.scale_factor)),
            ("--min-neighbours", json!(self.min_neighbours)),
            ("--min-size", json!(self.min_size)),
            ("--smooth", json!(setup.strength.value())),
            ("--no-boxes", json!(self.no_boxes)),
            (
                "--out",
                json!(self.out.as_ref().map(|out| out.display().to_string())),
            ),
            (
                "--keypoints",
                json!(setup.format.map(|format| format!("{format:?}"))),
            ),
        ];
        Ok(all
            .map(|(name, value)| (name.to_owned(), value))
            .into_iter()
            .collect())
    }

    /// The searches with what the user asked for.
    fn searches(&self, usual: Searches) -> Searches {
        Searches {
            photographs: self.detector(usual.photographs),
            videos: self.detector(usual.videos),
            planner: match self.min_size {
                Some(min_size) => usual.planner.from_size(min_size),
                None => usual.planner,
            },
        }
    }

    fn detector(&self, settings: CascadeSettings) -> CascadeSettings {
        CascadeSettings {
            cascade: self.cascade.clone(),
            scale_factor: self.scale_factor.unwrap_or(settings.scale_factor),
            min_neighbours: self.min_neighbours.unwrap_or(settings.min_neighbours),
            proposals: (
                self.scale_factor.unwrap_or(settings.proposals.0),
                self.min_neighbours.unwrap_or(settings.proposals.1),
            ),
            search: Search {
                min_size: self.min_size.unwrap_or(settings.search.min_size),
                ..settings.search
            },
        }
    }
}

/// Tells contents apart.
fn fingerprint(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// A bar that hides itself when nobody watches.
fn progress_bar<'a>(jobs: impl Iterator<Item = &'a Job>) -> ProgressBar {
    let pictures = jobs.filter(|job| job.medium == Medium::Picture).count();
    let template = "{bar:30} {pos}/{len} frames, {per_sec}, {eta} left  {msg}";
    ProgressBar::new(pictures as u64)
        .with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}
