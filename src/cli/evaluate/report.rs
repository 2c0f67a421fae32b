//! What comes of an evaluation, as a table and as JSON.

use serde::Serialize;

use crate::evaluate::{Condition, Score};

/// What `--json` holds: the figures, and of what they are.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The weights file.
    pub weights: String,
    /// Where the face is known from, as in `--boxes`.
    pub boxes: &'static str,
    /// Where the net ran.
    pub device: String,
    /// Pictures a second, reading them and finding faces included.
    pub images_per_second: f64,
    /// 95 % interval of the mean NMEio: bootstrap over persons, as far as names say who that is.
    pub nme_io_interval: Option<(f64, f64)>,
    /// Figures of hard faces.
    pub conditions: Vec<OfCondition>,
    /// Faces found a picture that are not the labelled one; whether they are faces nobody says.
    pub extra_faces: f64,
    /// How far off the points are.
    #[serde(flatten)]
    pub score: Score,
}

/// Figures of the faces under one condition.
#[derive(Debug, Serialize)]
pub struct OfCondition {
    /// The condition.
    pub condition: &'static str,
    /// Labelled faces.
    pub n: usize,
    /// Those without a prediction.
    pub miss: usize,
    /// Mean error over the distance of the outer eye corners.
    pub nme_io_mean: Option<f64>,
}

impl OfCondition {
    /// The figures `score` of the faces under `condition`.
    pub fn new(condition: Condition, score: &Score) -> Self {
        Self {
            condition: condition.name(),
            n: score.n,
            miss: score.miss,
            nme_io_mean: score.nme_io_mean,
        }
    }
}

impl Report {
    /// Prints the table; the net is called `weights`.
    pub fn print(&self, weights: &str) {
        let figure = |value: Option<f64>, scale: f64, digits: usize| {
            value.map_or_else(|| "-".to_owned(), |v| format!("{:.digits$}", scale * v))
        };
        let percent = |value: Option<f64>, digits: usize| figure(value, 100.0, digits);
        let result = &self.score;
        say!(
            "{weights}, boxes from {}: {} pictures, {} missed, {:.1} images/s",
            self.boxes,
            result.n,
            result.miss,
            self.images_per_second
        );
        if self.boxes == "detector" {
            say!("  further faces          {:.3} a picture", self.extra_faces);
        }
        say!("  MSE, course's scale    {}", figure(result.mse_course, 1.0, 4));
        let interval = self
            .nme_io_interval
            .map(|(low, high)| format!(" ({} to {})", percent(Some(low), 2), percent(Some(high), 2)));
        say!(
            "  inter-ocular NME       mean {} %{}, median {} %",
            percent(result.nme_io_mean, 2),
            interval.unwrap_or_default(),
            percent(result.nme_io_median, 2)
        );
        say!(
            "  NME by box             mean {} %, median {} %",
            percent(result.nme_box_mean, 2),
            percent(result.nme_box_median, 2)
        );
        say!("  AUC at 0.08            {}", figure(result.auc8, 1.0, 3));
        say!(
            "  failures above 0.08    {} %, above 0.10 {} %",
            percent(result.fr8, 1),
            percent(result.fr10, 1)
        );
        let groups: Vec<String> = result
            .groups
            .iter()
            .map(|(name, error)| format!("{name} {}", percent(*error, 1)))
            .collect();
        say!("  by group, % of eye distance: {}", groups.join(", "));
        let hard: Vec<String> = self
            .conditions
            .iter()
            .filter(|of| of.n > 0)
            .map(|of| {
                let missed = if of.miss > 0 {
                    format!(", {} missed", of.miss)
                } else {
                    String::new()
                };
                format!(
                    "{} {} ({}{missed})",
                    of.condition,
                    percent(of.nme_io_mean, 2),
                    of.n
                )
            })
            .collect();
        if !hard.is_empty() {
            say!("  hard faces, NME %: {}", hard.join(", "));
        }
    }
}
