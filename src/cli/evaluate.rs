//! `pinkpoint evaluate`: how far a net's keypoints lie from labelled ones.

mod finder;
mod report;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

use super::{say_json, weights};
use crate::{
    dataset::{LabelRow, Labels, Part, SchemeChoice, read_names},
    evaluate::{Bias, Condition, Outcome, write_predictions},
    files,
    geometry::Point,
    keypoints::PointScheme,
    model::{DeviceChoice, KeypointModel, catalogue},
    picture,
    pipeline::KeypointFitter,
    record::sheet,
    transform::crop,
};
use finder::{Boxes, Finder};
use report::{Figures, Report};

/// Pictures in each figure.
const PICTURES_PER_FIGURE: usize = 8;
/// The figures: of the smallest errors, those in the middle, the largest.
const FIGURES: [&str; 3] = ["best.png", "median.png", "worst.png"];

/// Measure a net against labelled pictures
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Boxes:
  image      whole pictures, as the course's net is trained; for nets whose weights file says so
  labels     the face about the labelled points: their tight box, or more where the net's points fill less of a face
  detector   the faces that the cascade finds; the one that overlaps the label most (IoU > 0.3) counts, else a miss

Example:  pinkpoint evaluate --weights course --labels data/test_frames_keypoints.csv --images data/test")]
pub struct EvaluateArgs {
    /// Weights file, or name of a bundled net
    #[arg(long, value_name = "FILE|NAME", default_value = catalogue::DEFAULT)]
    weights: String,
    /// Labels: name,x0,y0,x1,y1,... in pixels
    #[arg(long, value_name = "CSV")]
    labels: PathBuf,
    /// Folder of the pictures
    #[arg(long, value_name = "DIR")]
    images: PathBuf,
    /// What the points are: ibug68, wflw98, kaggle15, five, unnamed, or a file (`pinkpoint scheme` prints them) [default: as
    /// the net has it; where its file does not say, as points.json beside the labels or the columns' names do]
    #[arg(long, value_name = "NAME|FILE.json")]
    scheme: Option<SchemeChoice>,
    /// Where the face is known from [default: image for nets trained on whole pictures, else labels]
    #[arg(long, value_enum)]
    boxes: Option<Boxes>,
    /// Score only the pictures named in this file, one a line; what follows a comma is a note
    #[arg(long, value_name = "FILE")]
    names: Option<PathBuf>,
    /// Score once more without the net's mean offset from such labels, point by point: learned from its --predictions for
    /// other pictures, labelled in --bias-labels
    #[arg(long, value_name = "PRED.csv", requires = "bias_labels")]
    bias: Option<PathBuf>,
    /// See --bias
    #[arg(long, value_name = "CSV", requires = "bias")]
    bias_labels: Option<PathBuf>,
    /// Write every picture's keypoints: name,x0,y0,... in pixels
    #[arg(long, value_name = "OUT.csv")]
    predictions: Option<PathBuf>,
    /// Write figures into this folder: predicted points pink, labelled ones green; best, median and worst
    #[arg(long, value_name = "DIR")]
    figures: Option<PathBuf>,
    /// Print the table as JSON, or write it to a file and print the table as well; shares and not percent
    #[arg(long, value_name = "OUT")]
    json: Option<Option<PathBuf>>,
    /// Where the net runs: auto, cpu, cuda or cuda:N
    #[arg(long, default_value_t)]
    device: DeviceChoice,
    /// Another face cascade; with --boxes detector only
    #[arg(long, value_name = "FILE.xml")]
    cascade: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// When the net, the labels or a picture cannot be used, or an output cannot be written.
pub fn run(args: EvaluateArgs) -> Result<()> {
    let part = Part::open(&args.labels, &args.images)?;
    let unmatched = part.unmatched();
    if unmatched.any() {
        complain!("Note: not scored: {unmatched}");
    }
    let (weights, archive) = weights::open(&args.weights)?;
    let model = KeypointModel::from_archive(&weights, &archive, args.device, None)?;
    let mut fitter = KeypointFitter::new(model);
    let mut scheme = fitter.contract().scheme.clone();
    if scheme.count != part.point_count {
        bail!(
            "the net gives {} points and the labels have {}; use labels of the net's kind: {}",
            scheme.count,
            part.point_count,
            args.labels.display()
        );
    }
    if args.scheme.is_some() || scheme.is_unnamed() {
        scheme = part.scheme(args.scheme.as_ref())?;
    }
    part.check(&scheme)?;
    let rows = chosen(part.rows, args.names.as_deref())?;
    let bias = args.bias(&scheme)?;
    let mut finder = Finder::new(args.boxes, args.cascade.as_deref(), fitter.contract())?;
    args.check_outputs()?;

    let bar = progress_bar(rows.len());
    let start = Instant::now();
    let (mut outcomes, mut conditions) = (Vec::<Outcome>::with_capacity(rows.len()), Vec::new());
    let (mut found, mut extra_faces_in) = (0, Vec::new());
    for row in &rows {
        let grey = crop::grey(&picture::read(&args.images.join(&row.name))?)?;
        let (outcome, faces) = finder.outcome(&mut fitter, row, &grey)?;
        conditions.push(Condition::of(&row.points, &grey, &scheme));
        if faces > usize::from(outcome.predicted.is_some()) {
            extra_faces_in.push(row.name.clone());
        }
        outcomes.push(outcome);
        found += faces;
        bar.inc(1);
    }
    let seconds = start.elapsed().as_secs_f64();
    bar.finish_and_clear();

    if let Some(path) = &args.predictions {
        write_predictions(path, &outcomes, scheme.count)?;
    }
    let figures = Figures::of(&outcomes, &conditions, &scheme);
    let offset_pictures = bias.as_ref().map_or(0, |bias| bias.pictures);
    let offset_away = bias.map(|bias| {
        let moved = |outcome: &Outcome| {
            let predicted = outcome.predicted.as_ref();
            Outcome {
                predicted: predicted.map(|points| bias.applied(&scheme, points)),
                ..outcome.clone()
            }
        };
        let moved: Vec<Outcome> = outcomes.iter().map(moved).collect();
        Figures::of(&moved, &conditions, &scheme)
    });
    let (pictures, missed) = (outcomes.len(), figures.score.miss);
    let report = Report {
        weights: weights.display().to_string(),
        boxes: finder.boxes(),
        device: fitter.model().device(),
        images_per_second: pictures as f64 / seconds,
        extra_faces: (found + missed) as f64 / pictures.max(1) as f64 - 1.0,
        extra_faces_in,
        figures,
        offset_away,
        offset_pictures,
        normalised_by: scheme
            .inter_ocular
            .iter()
            .map(|&point| scheme.name_of(point))
            .collect(),
    };
    match &args.json {
        Some(None) => say_json(&report)?,
        Some(Some(path)) => {
            report.print(&args.weights);
            files::replace_json(path, &report)?;
        }
        None => report.print(&args.weights),
    }
    if let Some(folder) = &args.figures {
        write_figures(folder, &args.images, outcomes, &scheme)?;
    }
    Ok(())
}

impl EvaluateArgs {
    /// The net's mean offset from labels, where one is to be taken away.
    fn bias(&self, scheme: &PointScheme) -> Result<Option<Bias>> {
        let (Some(predictions), Some(labels)) = (&self.bias, &self.bias_labels) else {
            return Ok(None);
        };
        let labelled: HashMap<String, Vec<Point>> = Labels::read(labels)?
            .rows
            .into_iter()
            .map(|row| (row.name, row.points))
            .collect();
        let predicted = Labels::read_predictions(predictions)?.rows;
        let both = predicted.iter().filter_map(|row| {
            let labels = labelled.get(&row.name)?;
            let fit = labels.len() == scheme.count && row.points.len() == scheme.count;
            fit.then_some((&row.points[..], &labels[..]))
        });
        let bias = Bias::learn(scheme, both).with_context(|| {
            format!(
                "no picture in {} is labelled in {} and near its labels; predictions of this net for labelled pictures are needed",
                predictions.display(),
                labels.display()
            )
        })?;
        Ok(Some(bias))
    }

    /// A path that cannot be written to is told before all the work and not after it.
    fn check_outputs(&self) -> Result<()> {
        let json = self.json.iter().flatten();
        for path in self.predictions.iter().chain(json) {
            files::check(path)?;
        }
        if let Some(folder) = &self.figures {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the folder for figures: {}", folder.display()))?;
            for name in FIGURES {
                files::check(&folder.join(name))?;
            }
        }
        Ok(())
    }
}

fn chosen(mut rows: Vec<LabelRow>, names: Option<&Path>) -> Result<Vec<LabelRow>> {
    let Some(path) = names else { return Ok(rows) };
    let wanted = read_names(path)?;
    rows.retain(|row| wanted.contains(&row.name));
    if rows.is_empty() {
        bail!(
            "none of the names is a labelled picture; one name a line is needed: {}",
            path.display()
        );
    }
    if rows.len() < wanted.len() {
        complain!(
            "Note: {} of {} names have no labelled picture",
            wanted.len() - rows.len(),
            wanted.len()
        );
    }
    Ok(rows)
}

fn progress_bar(pictures: usize) -> ProgressBar {
    let bar = ProgressBar::new(pictures as u64);
    match ProgressStyle::with_template("{bar:32.magenta}  {pos}/{len} pictures  {per_sec}  {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Writes the [`FIGURES`] into a folder that is there.
fn write_figures(
    folder: &Path,
    images: &Path,
    mut outcomes: Vec<Outcome>,
    scheme: &PointScheme,
) -> Result<()> {
    // A miss has no error and is worse than any.
    let error = |o: &Outcome| o.error(scheme).unwrap_or(f64::INFINITY);
    outcomes.sort_by(|a, b| error(a).total_cmp(&error(b)));
    let count = PICTURES_PER_FIGURE.min(outcomes.len());
    let middle = (outcomes.len() - count) / 2;
    let starts = [0, middle, outcomes.len() - count];
    for (name, first) in FIGURES.into_iter().zip(starts) {
        let cells = outcomes[first..first + count]
            .iter()
            .map(|outcome| {
                let picture = picture::read(&images.join(&outcome.name))?;
                Ok(sheet::Cell::of(outcome, picture, scheme))
            })
            .collect::<Result<Vec<_>>>()?;
        sheet::write(&folder.join(name), &cells)?;
    }
    Ok(())
}
