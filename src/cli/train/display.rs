//! What a person sees of training: a line per epoch anywhere; on a terminal a progress bar, and above it the loss curve.

use std::{
    io::{self, IsTerminal},
    time::{Duration, Instant},
};

use console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::plot::{Plot, size_on};
use crate::{
    keypoints::PointScheme,
    train::{EpochMetrics, Event, Step, TrainConfig},
};

/// The curve is drawn anew no more often than this.
const CURVE_INTERVAL: Duration = Duration::from_millis(250);

/// Draws and prints.
pub struct Display {
    epochs: u32,
    /// Name of the point scheme; recipes from before there was a choice say none.
    points: Option<String>,
    /// Whether errors are divided by the distance of the eyes.
    has_eyes: bool,
    /// Of one bar; it writes over what is there and does not clear it first, so nothing flickers.
    drawn: MultiProgress,
    bar: ProgressBar,
    started: Instant,
    pictures: usize,
    steps_per_epoch: usize,
    /// `None` where lines go into a file or another program.
    curve: Option<Curve>,
}

/// What the curve is drawn from.
#[derive(Default)]
struct Curve {
    losses: Vec<f32>,
    validation: Vec<(usize, f64)>,
    drawn: Option<Instant>,
    text: String,
}

impl Display {
    /// For a run by this recipe.
    pub fn new(config: &TrainConfig) -> Self {
        let on_terminal = io::stdout().is_terminal() && io::stderr().is_terminal();
        let drawn = MultiProgress::new();
        drawn.set_move_cursor(true);
        Self {
            epochs: config.epochs,
            points: config.scheme.as_ref().map(|scheme| scheme.name.clone()),
            has_eyes: config.scheme.as_ref().is_none_or(PointScheme::has_eyes),
            drawn,
            bar: ProgressBar::hidden(),
            started: Instant::now(),
            pictures: 0,
            steps_per_epoch: 0,
            curve: on_terminal.then(Curve::default),
        }
    }

    /// Shows what a run tells.
    pub fn show(&mut self, event: &Event<'_>) {
        match *event {
            Event::Ready {
                training,
                validation,
                left_out,
                found_nowhere: _,
                unmatched,
                steps_per_epoch,
                losses,
                metrics,
            } => {
                let points = self.points.as_ref();
                let points = points.map_or(String::new(), |name| format!("; points: {name}"));
                say!(
                    "{training} pictures to train on, {validation} of persons held back for validation, \
                     {left_out} left out; {steps_per_epoch} steps an epoch{points}"
                );
                if unmatched.any() {
                    say!("not used: {unmatched}");
                }
                if !losses.is_empty() {
                    say!("Going on after step {}", losses.len());
                }
                self.steps_per_epoch = steps_per_epoch;
                if let Some(curve) = &mut self.curve {
                    curve.losses.extend(losses);
                    let validated = metrics
                        .iter()
                        .filter_map(|epoch| validation_of(epoch, steps_per_epoch));
                    curve.validation.extend(validated);
                }
                self.started = Instant::now();
                let steps = (steps_per_epoch * self.epochs as usize) as u64;
                self.bar = self.drawn.add(ProgressBar::new(steps));
                self.restyle(false);
                self.bar.set_position(losses.len() as u64);
                self.bar.reset_eta();
            }
            Event::Step(step) => self.step(step),
            Event::Epoch(metrics) => {
                if let Some(curve) = &mut self.curve {
                    curve
                        .validation
                        .extend(validation_of(metrics, self.steps_per_epoch));
                }
                let line = self.epoch_line(metrics);
                self.bar.suspend(|| say!("{line}"));
            }
        }
    }

    /// Prints a line above what is drawn.
    pub fn say(&self, line: &str) {
        self.bar.suspend(|| say!("{line}"));
    }

    /// Takes away what was drawn.
    pub fn clear(&self) {
        // That there is nothing to clear is fine. Whatever comes is not drawn any more: what the bar clears by itself is a line short.
        let _ = self.drawn.clear();
        self.drawn.set_draw_target(ProgressDrawTarget::hidden());
        self.bar.finish_and_clear();
    }

    fn step(&mut self, step: Step) {
        self.pictures += step.pictures;
        let rate = self.pictures as f64 / self.started.elapsed().as_secs_f64();
        let (epoch, epochs, loss) = (step.epoch, self.epochs, step.loss);
        self.bar.set_prefix(format!(
            "epoch {epoch}/{epochs}  loss {loss:.4}  {rate:.1} images/s"
        ));
        if let Some(curve) = &mut self.curve {
            let lines = curve.text.lines().count();
            curve.push(step);
            let text = curve.text.clone();
            if text.lines().count() != lines {
                // What is written over has to have as many lines.
                let _ = self.drawn.clear();
                self.restyle(!text.is_empty());
            }
            self.bar.set_message(text);
        }
        self.bar.inc(1);
    }

    /// With the curve above the bar or without.
    fn restyle(&self, with_curve: bool) {
        let above = if with_curve { "{msg}\n" } else { "" };
        let bar = "{prefix}  {wide_bar:.magenta}  {pos}/{len} steps  {eta} left";
        if let Ok(style) = ProgressStyle::with_template(&format!("{above}{bar}")) {
            self.bar.set_style(style);
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
            // In full where somebody may read it later; 80 characters have to do on a terminal.
            let name = match self.curve {
                Some(_) => "NME",
                None if self.has_eyes => "inter-ocular NME",
                None => "NME by box",
            };
            line += &format!(", {name} {:.2} %", 100.0 * nme);
        }
        line + &format!(", {:.0} s", metrics.seconds)
    }
}

/// Where an epoch's validation loss lies on the curve.
fn validation_of(metrics: &EpochMetrics, steps_per_epoch: usize) -> Option<(usize, f64)> {
    Some((metrics.epoch as usize * steps_per_epoch, metrics.validation_loss?))
}

impl Curve {
    /// Takes a step in, which is seen as soon as the curve is drawn anew; it is empty where the terminal is too small.
    fn push(&mut self, step: Step) {
        self.losses.push(step.loss as f32);
        if self.drawn.is_none_or(|drawn| drawn.elapsed() >= CURVE_INTERVAL) {
            let (rows, columns) = Term::stderr().size();
            let plot = Plot {
                losses: &self.losses,
                validation: &self.validation,
            };
            let size = size_on((usize::from(columns), usize::from(rows)));
            self.text = size.map_or_else(String::new, |size| plot.draw(size));
            self.drawn = Some(Instant::now());
        }
    }
}
