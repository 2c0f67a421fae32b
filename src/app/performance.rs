//! The panel of rolling plots: rates, delays, memory of the last minute; and all of it as text for a bug report.

use std::{
    collections::VecDeque,
    path::Path,
    time::{Duration, Instant},
};

use egui::{RichText, Ui};
use egui_plot::{HoverPosition, Legend, Line, Plot, PlotPoints};

use super::theme;
use crate::{
    pipeline::{Recent, Stats},
    process::Usage,
};

/// From one sample to the next.
const EVERY: Duration = Duration::from_millis(500);
/// So many lines across a plot at most.
const LINES: f64 = 4.0;
/// Samples that are shown: a minute.
const SAMPLES: usize = 120;

/// How it went at one moment; what is not known is NaN, which plots leave out.
#[derive(Debug, Clone, Copy)]
struct Sample {
    captured_fps: f64,
    shown_fps: f64,
    latency_ms: f64,
    net_ms: f64,
    search_ms: f64,
    compared_ms: f64,
    dropped: f64,
    memory_mb: f64,
    threads: f64,
}

/// What a sample is made of, apart from what the process itself knows.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// Frames a second out of the source.
    pub captured_fps: Option<f64>,
    /// Frames a second on the screen.
    pub shown_fps: Option<f64>,
    /// Times of the last frames.
    pub recent: Recent,
    /// Frames that gave way to a newer one so far.
    pub dropped: u64,
}

/// The last minute.
#[derive(Debug, Default)]
pub struct History {
    samples: VecDeque<Sample>,
    last: Option<Instant>,
    dropped: u64,
}

impl History {
    /// Takes a sample when it is time for one; when it is time for the next.
    pub fn note(&mut self, moment: Instant, now: Now) -> Duration {
        let since = self.last.map(|last| moment.saturating_duration_since(last));
        if let Some(left) = since
            .and_then(|since| EVERY.checked_sub(since))
            .filter(|left| !left.is_zero())
        {
            return left;
        }
        // What was before the panel was closed is not joined to what is now.
        let since = since.filter(|&since| since <= 2 * EVERY);
        if since.is_none() {
            self.samples.clear();
        }
        self.last = Some(moment);
        let or_nan = |value: Option<f64>| value.unwrap_or(f64::NAN);
        let usage = Usage::now();
        let new_drops = now.dropped.saturating_sub(self.dropped);
        if self.samples.len() >= SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample {
            captured_fps: or_nan(now.captured_fps),
            shown_fps: or_nan(now.shown_fps),
            latency_ms: or_nan(now.recent.latency_ms),
            net_ms: or_nan(now.recent.infer_ms),
            search_ms: or_nan(now.recent.detect_ms),
            compared_ms: or_nan(now.recent.compare_ms),
            dropped: since.map_or(f64::NAN, |since| new_drops as f64 / since.as_secs_f64()),
            memory_mb: usage.memory_mb,
            threads: f64::from(usage.threads),
        });
        self.dropped = now.dropped;
        EVERY
    }

    /// Draws the plots side by side; whether the report is to be copied.
    pub fn show(&self, ui: &mut Ui) -> bool {
        let mut copy = false;
        ui.horizontal(|ui| {
            ui.label(RichText::new("Performance").heading());
            ui.label(RichText::new("the last minute").weak());
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let help = "Version, source, net and all figures, to paste into a bug report";
                copy = ui.button("Copy as text").on_hover_text(help).clicked();
            });
        });
        let plots: [(&str, Lines); 4] = [
            (
                "frames a second",
                &[
                    ("camera", |s| s.captured_fps),
                    ("shown", |s| s.shown_fps),
                    ("dropped", |s| s.dropped),
                ],
            ),
            (
                "ms",
                &[
                    ("latency", |s| s.latency_ms),
                    ("net", |s| s.net_ms),
                    ("search", |s| s.search_ms),
                    ("compared net", |s| s.compared_ms),
                ],
            ),
            ("MB", &[("memory", |s| s.memory_mb)]),
            ("threads", &[("threads", |s| s.threads)]),
        ];
        let height = ui.available_height();
        ui.columns(plots.len(), |columns| {
            for (ui, (unit, lines)) in columns.iter_mut().zip(plots) {
                self.plot(ui, unit, lines, height);
            }
        });
        copy
    }

    fn plot(&self, ui: &mut Ui, unit: &str, lines: Lines, height: f32) {
        let seconds = EVERY.as_secs_f64();
        let span = (SAMPLES - 1) as f64 * seconds;
        let plot = Plot::new(unit)
            .height(height)
            .include_x(-span)
            .include_x(0.0)
            .include_y(0.0)
            .show_axes([false, true])
            .y_axis_min_width(theme::AXIS_WIDTH)
            .y_grid_spacer(egui_plot::uniform_grid_spacer(|grid| {
                let step = round_step((grid.bounds.1 - grid.bounds.0) / LINES);
                [step, 2.0 * step, 10.0 * step]
            }))
            .allow_drag(false)
            .allow_zoom(false)
            .allow_scroll(false)
            .allow_boxed_zoom(false)
            .allow_double_click_reset(false)
            .legend(
                Legend::default()
                    .title(unit)
                    .position(egui_plot::Corner::LeftBottom),
            )
            .label_formatter(|at| match at {
                HoverPosition::NearDataPoint {
                    plot_name, position, ..
                } => Some(format!("{plot_name} {:.1}\n{:.0} s ago", position.y, -position.x)),
                HoverPosition::Elsewhere { .. } => None,
            });
        plot.show(ui, |plot| {
            for (name, value) in lines {
                let last = self.samples.len().saturating_sub(1) as f64;
                let points = self.samples.iter().enumerate();
                let points = points.map(|(i, sample)| [(i as f64 - last) * seconds, value(sample)]);
                let known: PlotPoints<'_> = points.filter(|[_, y]| y.is_finite()).collect();
                plot.line(Line::new(*name, known));
            }
        });
    }
}

/// The smallest of 1, 2, 5, 10 and so on that is no smaller than `least`.
fn round_step(least: f64) -> f64 {
    let ten = 10_f64.powf(least.max(f64::MIN_POSITIVE).log10().floor());
    let steps = [1.0, 2.0, 5.0].map(|step| step * ten);
    steps
        .into_iter()
        .find(|&step| step >= least)
        .unwrap_or(10.0 * ten)
}

/// Lines of a plot: what they are called, and what they show of a sample.
type Lines = &'static [(&'static str, fn(&Sample) -> f64)];

/// Everything that a bug report should say.
pub fn report(stats: &Stats, log_file: Option<&Path>) -> String {
    let usage = Usage::now();
    // Statistics are plain numbers and texts, which can always be written.
    let figures = serde_json::to_string_pretty(stats).unwrap_or_default();
    let log = log_file.map_or_else(String::new, |file| format!("log: {}\n", file.display()));
    format!(
        "Pinkpoint {} on {} {}\nmemory {:.0} MB, threads {}\n{log}{figures}\n",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH,
        usage.memory_mb,
        usage.threads,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_lie_at_round_numbers() {
        for (least, step) in [
            (0.7, 1.0),
            (1.0, 1.0),
            (1.1, 2.0),
            (3.0, 5.0),
            (75.0, 100.0),
            (0.02, 0.02),
        ] {
            assert!(
                (round_step(least) - step).abs() < 1e-9,
                "{least}: {}",
                round_step(least)
            );
        }
        assert!(round_step(0.0) > 0.0);
    }

    #[test]
    fn samples_are_taken_twice_a_second_for_a_minute() {
        let mut history = History::default();
        let now = Now {
            captured_fps: Some(30.0),
            shown_fps: None,
            recent: Recent::default(),
            dropped: 10,
        };
        let start = Instant::now();
        assert_eq!(history.note(start, now), EVERY);
        let early = history.note(start + EVERY / 5, Now { dropped: 20, ..now });
        assert_eq!((history.samples.len(), early), (1, EVERY - EVERY / 5));
        for i in 1..1000 {
            history.note(start + EVERY * i, Now { dropped: 30, ..now });
        }
        assert_eq!(history.samples.len(), SAMPLES);
        let last = history.samples[SAMPLES - 1];
        assert_eq!((last.captured_fps, last.dropped), (30.0, 0.0));
        assert!(last.shown_fps.is_nan() && last.latency_ms.is_nan() && last.memory_mb > 1.0);
    }
}
