//! Curves as SVG within a page, in the page's own colours. Pure functions from numbers to markup.

use std::fmt::Write;

use maud::{Markup, html};

/// Size of a curve in its own units, and room left of it, below it, above and right of it.
const SIZE: (f64, f64) = (640.0, 300.0);
const LEFT: f64 = 96.0;
const BELOW: f64 = 40.0;
const EDGE: f64 = 14.0;
/// Points of a line: more are not seen.
const MOST_POINTS: usize = 400;

/// A line of a curve.
pub struct Series {
    /// What it shows.
    pub name: String,
    /// How the page colours it.
    pub class: &'static str,
    /// Places and values, from left to right.
    pub points: Vec<(f64, f64)>,
    /// Whether every point is marked.
    pub marked: bool,
}

/// A curve with its axes.
pub struct Curve<'a> {
    /// What it shows, in a word or two.
    pub title: &'a str,
    /// The lines; those without points are left out.
    pub series: Vec<Series>,
    /// Where the run ends, epochs.
    pub end: f64,
    /// How values are written.
    pub unit: Unit,
}

/// How values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// As they are.
    Plain,
    /// In percent.
    Percent,
}

impl Unit {
    fn written(self, value: f64) -> String {
        match self {
            Self::Percent => format!("{}\u{202f}%", plain(100.0 * value)),
            Self::Plain => plain(value),
        }
    }
}

/// Three digits that say something, and no zeros behind them.
pub fn plain(value: f64) -> String {
    let without_zeros = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    match 2 - value.abs().log10().floor() as i32 {
        digits if digits < 0 => format!("{value:.0}"),
        digits @ 0..=6 => without_zeros(&format!("{value:.*}", digits as usize)),
        _ => {
            let text = format!("{value:.2e}");
            let (number, power) = text.split_once('e').unwrap_or((&text, "0"));
            format!("{}e{power}", without_zeros(number))
        }
    }
}

impl Curve<'_> {
    /// The picture, with what it shows in words; `None` where there is nothing to draw on a logarithmic scale, or no step was done.
    pub fn draw(mut self) -> Option<Markup> {
        for series in &mut self.series {
            series
                .points
                .retain(|&(at, value)| at.is_finite() && value.is_finite() && value > 0.0);
            series.points = thinned(&series.points);
        }
        self.series.retain(|series| !series.points.is_empty());
        let values = || {
            self.series
                .iter()
                .flat_map(|series| series.points.iter().map(|point| point.1))
        };
        let (low, high) = (values().reduce(f64::min)?, values().reduce(f64::max)?);
        // What does not change lies in the middle, between values that are easily read.
        let (below, above) = if low < high { (0.9, 1.1) } else { (0.4, 2.5) };
        let (low, high) = (low * below, high * above);
        let last = self
            .series
            .iter()
            .flat_map(|series| series.points.last())
            .map(|point| point.0);
        let end = last.fold(self.end, f64::max);
        if end <= 0.0 {
            return None;
        }
        let (width, height) = (SIZE.0 - LEFT - EDGE, SIZE.1 - BELOW - EDGE);
        let x = |at: f64| LEFT + width * at / end;
        let y = |value: f64| EDGE + height * (1.0 - (value / low).ln() / (high / low).ln());
        Some(html! {
            figure class="curve" {
                svg viewBox={ "0 0 " (SIZE.0) " " (SIZE.1) } role="img" aria-label=(self.in_words()) {
                    @for value in ticks(low, high) {
                        line class="grid" x1=(LEFT) x2=(SIZE.0 - EDGE) y1=(place(y(value))) y2=(place(y(value))) {}
                        text class="value" x=(LEFT - 8.0) y=(place(y(value) + 5.0)) { (self.unit.written(value)) }
                    }
                    line class="axis" x1=(LEFT) x2=(SIZE.0 - EDGE) y1=(SIZE.1 - BELOW) y2=(SIZE.1 - BELOW) {}
                    @for at in even_ticks(end) {
                        text class="at" x=(place(x(at))) y=(SIZE.1 - BELOW + 22.0) { (plain(at)) }
                    }
                    @for series in &self.series {
                        path class=(series.class) d=(path(&series.points, x, y)) {}
                        @if series.marked || series.points.len() == 1 {
                            @for &(at, value) in &series.points {
                                circle class=(series.class) cx=(place(x(at))) cy=(place(y(value))) r="4" {}
                            }
                        }
                    }
                }
                figcaption {
                    strong { (self.title) } " over epochs"
                    @for series in &self.series {
                        span class="key" { span class={ "swatch " (series.class) } {} " " (series.name) }
                    }
                }
            }
        })
    }

    fn in_words(&self) -> String {
        let mut words = format!(
            "{} over {} epochs, on a logarithmic scale.",
            self.title,
            plain(self.end)
        );
        for series in &self.series {
            if let (Some((_, first)), Some((_, last))) = (series.points.first(), series.points.last()) {
                let (first, last) = (self.unit.written(*first), self.unit.written(*last));
                // Writing into a text does not fail.
                let _ = write!(words, " {}: from {first} to {last}.", series.name);
            }
        }
        words
    }
}

/// Means of neighbours, so that not too many points are left.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let together = points.len().div_ceil(MOST_POINTS).max(1);
    let means = points.chunks(together).map(|part| {
        let sum = part.iter().map(|point| point.1).sum::<f64>();
        (part[part.len() - 1].0, sum / part.len() as f64)
    });
    means.collect()
}

fn path(points: &[(f64, f64)], x: impl Fn(f64) -> f64, y: impl Fn(f64) -> f64) -> String {
    let mut path = String::new();
    for (index, &(at, value)) in points.iter().enumerate() {
        let letter = if index == 0 { 'M' } else { 'L' };
        // Writing into a text does not fail.
        let _ = write!(path, "{letter}{} {}", place(x(at)), place(y(value)));
    }
    path
}

fn place(value: f64) -> String {
    format!("{value:.1}")
}

/// Values of 1, 2 and 5 times tens where a few of them fit, else even steps.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let decades = low.log10().floor() as i32..=high.log10().ceil() as i32;
    let all = |factors: &[f64]| -> Vec<f64> {
        let ticks = decades
            .clone()
            .flat_map(|decade| factors.iter().map(move |f| f * 10f64.powi(decade)));
        ticks.filter(|tick| (low..=high).contains(tick)).collect()
    };
    for factors in [&[1.0][..], &[1.0, 3.0], &[1.0, 2.0, 5.0]] {
        let ticks = all(factors);
        if (3..=6).contains(&ticks.len()) {
            return ticks;
        }
    }
    let step = even_step(high - low);
    let first = (low / step).ceil() as i64;
    (first..)
        .map(|tick| tick as f64 * step)
        .take_while(|tick| *tick <= high)
        .take(8)
        .collect()
}

/// Numbers along the epochs, beginning with 0.
fn even_ticks(end: f64) -> Vec<f64> {
    let step = even_step(end).max(if end >= 3.0 { 1.0 } else { 0.0 });
    (0..=10)
        .map(|tick| f64::from(tick) * step)
        .take_while(|tick| *tick <= end * 1.0001)
        .collect()
}

/// 1, 2 or 5 times a ten, so that four to ten of them make `length`.
fn even_step(length: f64) -> f64 {
    let ten = 10f64.powf((length / 4.0).log10().floor());
    let factors = [5.0, 2.0, 1.0];
    let fits = factors.into_iter().find(|factor| factor * ten * 4.0 <= length);
    fits.unwrap_or(1.0) * ten
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(points: Vec<(f64, f64)>, end: f64) -> Option<String> {
        let curve = Curve {
            title: "Loss",
            series: vec![Series {
                name: "training".into(),
                class: "training",
                points,
                marked: false,
            }],
            end,
            unit: Unit::Plain,
        };
        curve.draw().map(|markup| markup.into_string())
    }

    #[test]
    fn a_curve_says_in_words_what_it_shows() {
        let drawn = curve(
            (1..=5000)
                .map(|n| (f64::from(n) / 1000.0, 100.0 / f64::from(n)))
                .collect(),
            5.0,
        )
        .unwrap();
        assert!(
            drawn.contains("Loss over 5 epochs") && drawn.contains("training: from"),
            "{drawn}"
        );
        assert!(drawn.matches('L').count() < MOST_POINTS + 3);
        for tick in ["1", "10"] {
            assert!(drawn.contains(&format!(">{tick}</text>")), "{drawn}");
        }
    }

    #[test]
    fn odd_numbers_draw_what_can_be_drawn() {
        assert_eq!(curve(vec![(1.0, f64::NAN), (2.0, 0.0), (3.0, -1.0)], 3.0), None);
        assert_eq!(curve(Vec::new(), 3.0), None);
        assert_eq!(curve(vec![(0.0, 0.5)], 0.0), None, "before the first step");
        for (points, end) in [
            (vec![(1.0, 0.5)], 0.0),
            (vec![(0.1, 1e-30), (0.2, 1e30)], 0.2),
            (vec![(1.0, 0.123456), (2.0, 0.123457)], 2.0),
        ] {
            let drawn = curve(points, end).unwrap();
            assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
        }
    }

    #[test]
    fn numbers_are_as_long_as_they_need_to_be() {
        let numbers = [0.0, 1.0, 0.25, 1234.5, 12.345, 0.000_012_3, 3e-5, 3e9].map(plain);
        assert_eq!(
            numbers,
            ["0", "1", "0.25", "1234", "12.3", "1.23e-5", "3e-5", "3000000000"]
        );
        assert_eq!(even_ticks(3.0), [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(ticks(0.5, 200.0), [1.0, 10.0, 100.0]);
        assert_eq!(ticks(0.11, 0.16).len(), 6);
    }
}
