//! `pinkpoint dataset`: what is in a data set, and what looks wrong with it.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
    path::PathBuf,
};

use anyhow::Result;
use image::RgbaImage;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::say_json;
use crate::{
    dataset::{DataFolder, LabelRow, Part, SchemeChoice},
    evaluate::median,
    files,
    geometry::{CropTransform, Rect},
    keypoints::PointScheme,
    model::CropRule,
    picture,
    record::sheet,
    text::listed,
};

/// Pictures on the contact sheet.
const SHEET_PICTURES: usize = 24;

/// Say what is in a data set, what looks wrong with it, and draw a contact sheet
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The folder is the YouTube-Faces keypoint set as it is distributed (training_frames_keypoints.csv with training/,\n\
test_frames_keypoints.csv with test/; the README says where to get it), or a set of your own: keypoints.csv with\n\
images/, see docs/own-net.md.")]
pub struct DatasetArgs {
    /// Folder of the data set
    dir: PathBuf,
    /// What the points are: ibug68, wflw98, kaggle15, five, unnamed, or a file (`pinkpoint scheme` prints them)
    /// [default: points.json beside the labels, else by their number and the columns' names]
    #[arg(long, value_name = "NAME|FILE.json")]
    scheme: Option<SchemeChoice>,
    /// Contact sheet to write
    #[arg(long, value_name = "FILE.png", default_value = "contact-sheet.png")]
    sheet: PathBuf,
    /// Print what is known as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// When a label file is missing or damaged, or the sheet cannot be written.
pub fn run(args: DatasetArgs) -> Result<()> {
    let data = DataFolder::open(&args.dir)?;
    let scheme = data.training.scheme(args.scheme.as_ref())?;
    files::check(&args.sheet)?;
    let mut surveys = Vec::new();
    for (title, part) in [("training", Some(&data.training)), ("test", data.test.as_ref())] {
        let Some(part) = part else { continue };
        part.check(&scheme)?;
        surveys.push((title, part, Survey::of(title, part, &scheme)));
    }
    let mut pictures: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for (title, _, survey) in &surveys {
        for (hash, name) in &survey.contents {
            pictures.entry(*hash).or_default().push(format!("{title}/{name}"));
        }
    }
    let same: Vec<Vec<String>> = pictures.into_values().filter(|names| names.len() > 1).collect();
    let shared = data
        .test
        .as_ref()
        .map(|test| SharedPersons::of(&data.training, test));
    if args.json {
        let mut all = serde_json::Map::new();
        all.insert("scheme".into(), json!(scheme.name));
        for (title, part, survey) in &surveys {
            all.insert((*title).to_owned(), survey.json(part));
        }
        all.insert("same_pictures".into(), json!(same));
        all.insert(
            "test_persons_in_training".into(),
            json!(shared.map(|shared| shared.in_both)),
        );
        all.insert("sheet".into(), json!(args.sheet));
        say_json(&all)?;
    } else {
        say!("points: {}", scheme.name);
        for (title, part, survey) in &surveys {
            survey.print(title, part);
        }
        say!();
        let same: Vec<String> = same.iter().map(|names| names.join(" = ")).collect();
        list("pictures that occur more than once", &same);
        if let Some(shared) = shared {
            shared.print();
        }
    }

    let step = (data.training.rows.len() / SHEET_PICTURES).max(1);
    let cells = data
        .training
        .rows
        .iter()
        .step_by(step)
        .take(SHEET_PICTURES)
        .filter_map(|row| {
            // Those that cannot be read were named above.
            let picture = picture::read(&data.training.folder.join(&row.name)).ok()?;
            Some(sheet::Cell {
                picture,
                labelled: Vec::new(),
                predicted: row.points.clone(),
                caption: row.name.clone(),
            })
        })
        .collect::<Vec<_>>();
    sheet::write(&args.sheet, &cells)?;
    if !args.json {
        say!(
            "contact sheet of {} training pictures: {}",
            cells.len(),
            args.sheet.display()
        );
    }
    Ok(())
}

/// Something measured of every picture.
struct Measure<'a> {
    /// For programs.
    name: &'a str,
    /// For people, as the rest.
    what: &'a str,
    values: &'a [f64],
    scale: f64,
    digits: usize,
    unit: &'a str,
}

/// What was seen while looking at every picture of a part.
#[derive(Default)]
struct Survey {
    widths: Vec<f64>,
    heights: Vec<f64>,
    box_widths: Vec<f64>,
    box_heights: Vec<f64>,
    box_long_sides: Vec<f64>,
    margins: Vec<f64>,
    shifts: Vec<f64>,
    unreadable: Vec<String>,
    outside: Vec<String>,
    twice: Vec<String>,
    flat: Vec<String>,
    contents: Vec<(u64, String)>,
}

impl Survey {
    fn of(title: &str, part: &Part, scheme: &PointScheme) -> Self {
        let mut survey = Self::default();
        let bar = ProgressBar::new(part.rows.len() as u64);
        if let Ok(style) = ProgressStyle::with_template("looking at {msg}  {bar:32.magenta}  {pos}/{len}") {
            bar.set_style(style);
        }
        bar.set_message(title.to_owned());
        let mut seen = BTreeSet::new();
        for row in &part.rows {
            let first = seen.insert(&row.name);
            if !first {
                survey.twice.push(row.name.clone());
            }
            match picture::read(&part.folder.join(&row.name)) {
                Ok(picture) => {
                    if first {
                        survey.contents.push((hash_of(&picture), row.name.clone()));
                    }
                    survey.add(row, &picture, scheme);
                }
                Err(_) => survey.unreadable.push(row.name.clone()),
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        survey
    }

    fn add(&mut self, row: &LabelRow, picture: &RgbaImage, scheme: &PointScheme) {
        let (width, height) = picture.dimensions();
        let both = Rect::around(&row.points).zip(scheme.upright_face(&row.points));
        let Some((tight, face)) = both else {
            return;
        };
        if tight.width.min(tight.height) < 1.0 {
            self.flat.push(row.name.clone());
            return;
        }
        // Pixel centres: a picture reaches half a pixel beyond its outer ones.
        let whole = Rect::new(-0.5, -0.5, width as f32, height as f32);
        if row.points.iter().any(|&p| !whole.contains(p)) {
            self.outside.push(row.name.clone());
        }
        let long_side = f64::from(tight.long_side());
        self.widths.push(f64::from(width));
        self.heights.push(f64::from(height));
        self.box_widths.push(f64::from(tight.width) / f64::from(width));
        self.box_heights.push(f64::from(tight.height) / f64::from(height));
        self.box_long_sides.push(long_side);
        let fraction = CropRule::COURSE.picture_fraction.unwrap_or(1.0);
        let crop = CropTransform::of_picture(width, height, fraction, 1);
        let (margin, shift) = crop.about(&face);
        self.margins.push(f64::from(margin));
        self.shifts.push(f64::from(shift));
    }

    fn print(&self, title: &str, part: &Part) {
        let of_persons = if part.persons_known {
            format!(" of {} persons", persons(part).len())
        } else {
            String::new()
        };
        say!(
            "\n{title}: {} labelled pictures{of_persons}, {} points each",
            part.rows.len(),
            part.point_count
        );
        say!("  {}", part.unmatched());
        for Measure {
            what,
            values,
            scale,
            digits,
            unit,
            ..
        } in self.measures()
        {
            if let Some((low, middle, high)) = spread(values) {
                let number = |v: f64| format!("{:.digits$}", v * scale);
                say!(
                    "  {what:34} median {} {unit}, from {} to {}",
                    number(middle),
                    number(low),
                    number(high)
                );
            }
        }
        for (_, what, names) in self.oddities(part) {
            list(what, names);
        }
    }

    fn json(&self, part: &Part) -> Value {
        let spreads = self.measures().into_iter().map(|measure| {
            let spread = spread(measure.values);
            let spread =
                spread.map(|(least, median, most)| json!({"least": least, "median": median, "most": most}));
            (measure.name.to_owned(), json!(spread))
        });
        let oddities = self.oddities(part);
        let oddities = oddities
            .into_iter()
            .map(|(name, _, names)| (name.to_owned(), json!(names)));
        let unmatched = part.unmatched();
        json!({
            "labelled": part.rows.len(),
            "persons": part.persons_known.then(|| persons(part).len()),
            "points": part.point_count,
            "pictures_without_label": unmatched.pictures,
            "measures": serde_json::Map::from_iter(spreads),
            "odd": serde_json::Map::from_iter(oddities),
        })
    }

    /// What was measured of every picture.
    fn measures(&self) -> [Measure<'_>; 7] {
        let measure = |name, what, values, (scale, digits, unit)| Measure {
            name,
            what,
            values,
            scale,
            digits,
            unit,
        };
        let (pixels, percent) = ((1.0, 0, "px"), (100.0, 0, "%"));
        [
            measure("width", "width", &self.widths, pixels),
            measure("height", "height", &self.heights, pixels),
            measure(
                "box_of_width",
                "points' box, of the width",
                &self.box_widths,
                percent,
            ),
            measure(
                "box_of_height",
                "points' box, of the height",
                &self.box_heights,
                percent,
            ),
            measure(
                "box_long_side",
                "points' box, long side",
                &self.box_long_sides,
                pixels,
            ),
            measure(
                "crop_over_face",
                "course's crop / face's long side",
                &self.margins,
                (1.0, 2, ""),
            ),
            measure(
                "crop_below_face",
                "crop's centre below the face's",
                &self.shifts,
                (1.0, 2, "long sides"),
            ),
        ]
    }

    /// Rows that look wrong: for programs, for people, and their pictures.
    fn oddities<'a>(&'a self, part: &'a Part) -> [(&'a str, &'a str, &'a [String]); 6] {
        [
            (
                "without_picture",
                "labels without pictures",
                &part.without_picture,
            ),
            (
                "incomplete",
                "labels with empty fields, left out",
                &part.incomplete,
            ),
            ("unreadable", "pictures that cannot be read", &self.unreadable),
            ("labelled_twice", "labelled twice", &self.twice),
            ("points_outside", "points outside the picture", &self.outside),
            ("points_on_a_line", "points that all lie on one line", &self.flat),
        ]
    }
}

/// Equal pictures have equal numbers.
fn hash_of(picture: &RgbaImage) -> u64 {
    let mut hasher = DefaultHasher::new();
    (picture.dimensions(), picture.as_raw()).hash(&mut hasher);
    hasher.finish()
}

fn persons(part: &Part) -> BTreeSet<&str> {
    part.rows.iter().map(|row| part.person(&row.name)).collect()
}

/// Persons of the test pictures, and those of them who are in training pictures as well.
#[derive(Debug, Clone, Copy)]
struct SharedPersons {
    in_both: usize,
    of_test: usize,
}

impl SharedPersons {
    fn of(training: &Part, test: &Part) -> Self {
        let (training, test) = (persons(training), persons(test));
        Self {
            in_both: training.intersection(&test).count(),
            of_test: test.len(),
        }
    }

    fn print(self) {
        let Self { in_both, of_test } = self;
        say!("persons in training and test: {in_both} of {of_test} test persons");
        if in_both > 0 {
            say!(
                "  the test set is not independent: leave persons out of training (`train --leave-out`) for an honest figure"
            );
        }
    }
}

fn list(what: &str, names: &[String]) {
    if names.is_empty() {
        return;
    }
    say!("  {what}: {} ({})", names.len(), listed(names));
}

/// Smallest, median and largest.
fn spread(values: &[f64]) -> Option<(f64, f64, f64)> {
    let smallest = values.iter().copied().min_by(f64::total_cmp)?;
    let largest = values.iter().copied().max_by(f64::total_cmp)?;
    Some((smallest, median(values)?, largest))
}
