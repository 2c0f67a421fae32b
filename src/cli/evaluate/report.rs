//! What comes of an evaluation, as a table and as JSON.

use serde::Serialize;

use super::finder::Boxes;
use crate::{
    dataset::person_of,
    evaluate::{Condition, Outcome, Score, interval, score},
    keypoints::PointScheme,
    train::name,
};

/// What `--json` holds: the figures, and of what they are.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The weights file.
    pub weights: String,
    /// Where the face is known from, as in `--boxes`.
    pub boxes: Boxes,
    /// Where the net ran.
    pub device: String,
    /// Pictures a second, reading them and finding faces included.
    pub images_per_second: f64,
    /// Faces found a picture that are not the labelled one; whether they are faces nobody says.
    pub extra_faces: f64,
    /// The pictures that they are in.
    pub extra_faces_in: Vec<String>,
    /// How far off the points are.
    #[serde(flatten)]
    pub figures: Figures,
    /// The same without the net's mean offset from such labels, where it is known.
    pub offset_away: Option<Figures>,
    /// Other pictures that the offset was learned from.
    pub offset_pictures: usize,
    /// The two points whose distance the inter-ocular errors are given in; none of a scheme without eyes.
    pub normalised_by: Vec<String>,
}

/// How far off points are.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// Over all pictures.
    #[serde(flatten)]
    pub score: Score,
    /// 95 % interval of the mean NMEio: bootstrap over persons, as far as names say who that is.
    pub nme_io_interval: Option<(f64, f64)>,
    /// That of the mean NME by box, of points without eyes.
    pub nme_box_interval: Option<(f64, f64)>,
    /// Of hard faces.
    pub conditions: Vec<OfCondition>,
    /// Whether errors can be given by the distance of the eyes.
    #[serde(skip)]
    has_eyes: bool,
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
    /// The same, or by box of points without eyes.
    pub error_mean: Option<f64>,
}

impl Report {
    /// Prints the tables; the net is called `weights`.
    pub fn print(&self, weights: &str) {
        let result = &self.figures.score;
        say!(
            "{weights}, boxes from {}: {} pictures, {} missed, {:.1} images/s",
            name(self.boxes),
            result.n,
            result.miss,
            self.images_per_second
        );
        if self.boxes == Boxes::Detector {
            say!("  further faces          {:.3} a picture", self.extra_faces);
        }
        match &self.normalised_by[..] {
            [left, right] => say!("  eye distance           {left} to {right}"),
            _ => {
                say!("  eye distance           none: these points have no eyes, and errors are given by box")
            }
        }
        self.figures.print();
        if let Some(figures) = &self.offset_away {
            say!(
                "without the net's mean offset from such labels, learned from {} other pictures:",
                self.offset_pictures
            );
            figures.print();
        }
    }
}

impl Figures {
    /// The figures of `outcomes`, each under the `conditions` beside it.
    pub fn of(outcomes: &[Outcome], conditions: &[Vec<Condition>], scheme: &PointScheme) -> Self {
        let errors = outcomes
            .iter()
            .filter_map(|o| Some((person_of(&o.name), o.error(scheme)?)));
        let under = |condition: Condition| {
            let pairs = outcomes.iter().zip(conditions);
            let faces: Vec<Outcome> = pairs
                .filter(|(_, has)| has.contains(&condition))
                .map(|(outcome, _)| outcome.clone())
                .collect();
            let score = score(&faces, scheme);
            OfCondition {
                condition: condition.name(),
                n: score.n,
                miss: score.miss,
                nme_io_mean: score.nme_io_mean,
                error_mean: score.error_mean(),
            }
        };
        let interval = interval(errors);
        Self {
            score: score(outcomes, scheme),
            nme_io_interval: interval.filter(|_| scheme.has_eyes()),
            nme_box_interval: interval.filter(|_| !scheme.has_eyes()),
            has_eyes: scheme.has_eyes(),
            conditions: Condition::ALL.into_iter().map(under).collect(),
        }
    }

    fn print(&self) {
        let result = &self.score;
        say!("  MSE, course's scale    {}", figure(result.mse_course, 1.0, 4));
        let between = |interval: Option<(f64, f64)>| {
            interval.map_or_else(String::new, |(low, high)| {
                format!(" ({} to {})", percent(Some(low), 2), percent(Some(high), 2))
            })
        };
        if self.has_eyes {
            say!(
                "  inter-ocular NME       mean {} %{}, median {} %",
                percent(result.nme_io_mean, 2),
                between(self.nme_io_interval),
                percent(result.nme_io_median, 2)
            );
        }
        say!(
            "  NME by box             mean {} %{}, median {} %",
            percent(result.nme_box_mean, 2),
            between(self.nme_box_interval),
            percent(result.nme_box_median, 2)
        );
        if self.has_eyes {
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
        }
        let hard: Vec<String> = self
            .conditions
            .iter()
            .filter(|of| of.n > 0)
            .map(OfCondition::in_words)
            .collect();
        if !hard.is_empty() {
            say!("  hard faces, NME %: {}", hard.join(", "));
        }
    }
}

impl OfCondition {
    fn in_words(&self) -> String {
        let missed = if self.miss > 0 {
            format!(", {} missed", self.miss)
        } else {
            String::new()
        };
        let error = percent(self.error_mean, 2);
        format!("{} {error} ({}{missed})", self.condition, self.n)
    }
}

fn percent(value: Option<f64>, digits: usize) -> String {
    figure(value, 100.0, digits)
}

fn figure(value: Option<f64>, scale: f64, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |v| format!("{:.digits$}", scale * v))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Point;

    #[test]
    fn errors_of_points_without_eyes_are_by_box_everywhere() {
        let labelled: Vec<Point> = [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)]
            .map(|(x, y)| Point::new(x, y))
            .to_vec();
        let outcome = |person: u32, off: f32| Outcome {
            name: format!("Person_{person}_01.jpg"),
            predicted: Some(labelled.iter().map(|p| Point::new(p.x + off, p.y)).collect()),
            labelled: labelled.clone(),
            crop_extent: 20.0,
        };
        let outcomes = [outcome(1, 1.0), outcome(2, 3.0)];
        let conditions = [vec![Condition::Dark], Vec::new()];
        let figures = Figures::of(&outcomes, &conditions, &PointScheme::unnamed(3));
        let (low, high) = figures.nme_box_interval.unwrap();
        assert!(low >= 0.1 && high <= 0.3 + 1e-9 && low < high, "{low} {high}");
        assert_eq!(figures.nme_io_interval, None);
        let dark = figures
            .conditions
            .iter()
            .find(|of| of.condition == "dark")
            .unwrap();
        assert_eq!(dark.in_words(), "dark 10.00 (1)");
    }
}
