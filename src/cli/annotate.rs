//! `pinkpoint annotate`: photographs, folders and videos with the keypoints drawn in, and the keypoints as numbers.

mod folder;
mod inputs;
mod medium;
mod stats;
mod worker;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Context, bail};
use image::GrayImage;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::{
    detect::{FaceDetector, HaarDetector, HaarSettings, Planner, Search, smooth::Strength},
    files,
    model::{DeviceChoice, KeypointModel, catalogue},
    overlay::Style,
    pipeline::{Follower, KeypointFitter},
    record::{KeypointFormat, KeypointWriter},
};
use inputs::{Inputs, Job};
use medium::Medium;
use stats::Stats;
use worker::{Progress, Worker};

/// Side of the empty picture that the detector is warmed up with.
const WARM_UP_SIDE: u32 = 128;

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
    /// Weights file, or the name of a bundled net
    #[arg(long, value_name = "FILE|NAME", default_value = catalogue::DEFAULT)]
    weights: String,
    /// Where the net runs: auto, cpu, cuda or cuda:N
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// Haar cascade to find faces with
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
}

/// Runs the command.
///
/// # Errors
/// When an input, the weights or the cascade cannot be used, before anything is written; when a file turns out damaged
/// or cannot be written, after all others are done.
pub fn run(args: AnnotateArgs) -> anyhow::Result<()> {
    let Inputs { jobs, unread } = Inputs::of(&args.inputs, args.out.as_deref(), args.keypoints.is_none())?;
    if !unread.is_empty() {
        let names: Vec<String> = unread.iter().map(|path| path.display().to_string()).collect();
        eprintln!(
            "Note: left out, as there is no decoder for them: {}",
            names.join(", ")
        );
    }
    if let Some(path) = &args.keypoints {
        KeypointFormat::of(path)?;
    }
    if let Some(path) = &args.stats {
        files::check(path)?;
    }
    let weights = catalogue::resolve(&args.weights)?;
    let mut picture_detector = HaarDetector::open(args.detector(HaarSettings::thorough()))?;
    let mut video_detector = HaarDetector::open(args.detector(HaarSettings::following()))?;
    // Starts the threads that OpenCV shares out its work to, lest they be taken for a decoder's.
    picture_detector.detect(&GrayImage::new(WARM_UP_SIDE, WARM_UP_SIDE))?;
    let fitter = KeypointFitter::new(KeypointModel::load(&weights, args.device)?);
    let points = fitter.contract().scheme.count;
    let device = fitter.model().device();
    let mut follower = Follower::new(fitter, Strength::new(args.smooth));
    let mut keypoints = match &args.keypoints {
        Some(path) => Some(KeypointWriter::create(path, points)?),
        None => None,
    };
    let stop = stop_on_ctrl_c()?;
    let bar = progress_bar(&jobs);
    let mut stats = Stats::start();
    let mut worker = Worker {
        picture_detector: &mut picture_detector,
        video_detector: &mut video_detector,
        planner: args.planner(),
        follower: &mut follower,
        keypoints: keypoints.as_mut(),
        style: Style {
            boxes: !args.no_boxes,
            ..Style::default()
        },
        stop: &stop,
        stats: &mut stats,
    };
    let problems = annotate_all(&jobs, &mut worker, &bar);
    bar.finish_and_clear();
    if let Some(keypoints) = keypoints {
        keypoints.finish()?;
    }
    say!("{}", stats.summary());
    if let Some(path) = &args.stats {
        let mut all = stats.json();
        all["inputs"] = json!(jobs.len());
        all["problems"] = json!(problems);
        all["interrupted"] = json!(stop.load(Ordering::Relaxed));
        all["weights"] = json!(weights.display().to_string());
        all["device"] = json!(device);
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
    /// The settings with what the user asked for.
    fn detector(&self, settings: HaarSettings) -> HaarSettings {
        HaarSettings {
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

    /// When videos are searched.
    fn planner(&self) -> Planner {
        match self.min_size {
            Some(min_size) => Planner::default().from_size(min_size),
            None => Planner::default(),
        }
    }
}

/// Annotates every file and gives what went wrong, which is also said at once.
fn annotate_all(jobs: &[Job], worker: &mut Worker, bar: &ProgressBar) -> Vec<String> {
    let mut problems = Vec::new();
    for job in jobs {
        if worker.stop.load(Ordering::Relaxed) {
            break;
        }
        bar.set_message(job.input.file_name().unwrap_or_default().display().to_string());
        let progress = |progress| match progress {
            // A picture's one frame is in the bar's length from the beginning.
            Progress::Expect(frames) if job.medium == Medium::Video => bar.inc_length(frames),
            Progress::Expect(_) => {}
            Progress::FrameDone => bar.inc(1),
        };
        if let Err(error) = worker.run(job, &progress) {
            let problem = format!("{error:#}");
            let problem = match problem.contains(&*job.input.to_string_lossy()) {
                true => problem,
                false => format!("{problem}: {}", job.input.display()),
            };
            bar.suspend(|| eprintln!("Error: {problem}"));
            problems.push(problem);
        }
    }
    problems
}

fn stop_on_ctrl_c() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed)).context("cannot watch for Ctrl-C")?;
    Ok(stop)
}

/// A bar that hides itself when nobody watches.
fn progress_bar(jobs: &[Job]) -> ProgressBar {
    let pictures = jobs.iter().filter(|job| job.medium == Medium::Picture).count();
    let template = "{bar:30} {pos}/{len} frames, {per_sec}, {eta} left  {msg}";
    ProgressBar::new(pictures as u64)
        .with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}
