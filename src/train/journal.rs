//! What a run leaves for people: `metrics.csv` and the loss curve. Knows files and plotters.

use std::{io, path::Path};

use plotters::prelude::*;
use serde::{Deserialize, Serialize};

use super::TrainError;
use crate::{files, font, overlay};

/// One line of `metrics.csv`: one epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// From 1.
    pub epoch: u32,
    /// Mean loss of the epoch's training steps, on the scale of the recipe's loss.
    pub training_loss: f64,
    /// The same loss on the held-back persons; empty without such.
    pub validation_loss: Option<f64>,
    /// Mean NME on the held-back persons, inter-ocular or for points without eyes by their box, as a fraction; empty without
    /// such.
    pub validation_nme: Option<f64>,
    /// Step size at the epoch's end.
    pub learning_rate: f64,
    /// Wall time of the epoch, as far as it was run in one go.
    pub seconds: f64,
}

/// Reads the lines that are there; none when there is no file yet.
///
/// # Errors
/// When the file is damaged.
pub fn read(path: &Path) -> Result<Vec<EpochMetrics>, TrainError> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let damaged = |e: csv::Error| TrainError::Metrics {
        path: path.to_path_buf(),
        why: e.to_string(),
    };
    let mut reader = csv::Reader::from_path(path).map_err(damaged)?;
    reader
        .deserialize()
        .collect::<Result<_, csv::Error>>()
        .map_err(damaged)
}

/// Writes all lines.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, metrics: &[EpochMetrics]) -> Result<(), TrainError> {
    files::replace(path, |out| {
        let mut writer = csv::Writer::from_writer(out);
        for line in metrics {
            writer.serialize(line).map_err(io::Error::other)?;
        }
        writer.flush()
    })?;
    Ok(())
}

/// Size of the curve, pixels.
const CURVE: (u32, u32) = (960, 540);

/// The training loss as it is drawn: means over a few steps, so that its course is seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Smoothed {
    /// Steps that each mean is over; the last may be over fewer.
    pub together: usize,
    /// Steps done, and the mean of the last of them.
    pub means: Vec<(usize, f64)>,
}

impl Smoothed {
    /// Means of the loss of every step.
    pub fn of(losses: &[f32]) -> Self {
        /// Steps that are averaged over, at most; fewer in a short run.
        const MOST: usize = 20;
        /// A curve of so many points shows all that is worth seeing.
        const ENOUGH: usize = 60;
        let together = (losses.len() / ENOUGH).clamp(1, MOST);
        let mean = |(index, part): (usize, &[f32])| {
            let sum = part.iter().map(|&loss| f64::from(loss)).sum::<f64>();
            (index * together + part.len(), sum / part.len() as f64)
        };
        Self {
            together,
            means: losses.chunks(together).enumerate().map(mean).collect(),
        }
    }

    /// What it shows.
    pub fn in_words(&self) -> String {
        match self.together {
            1 => "training".into(),
            steps => format!("training, mean of {steps} steps"),
        }
    }
}

/// Draws the training loss and that of every epoch's validation, on a logarithmic scale.
///
/// # Errors
/// When drawing fails or the file cannot be written.
pub fn draw_curve(
    path: &Path,
    losses: &[f32],
    metrics: &[EpochMetrics],
    steps_per_epoch: usize,
) -> Result<(), TrainError> {
    let mut pixels = vec![0; (CURVE.0 * CURVE.1 * 3) as usize];
    draw(&mut pixels, losses, metrics, steps_per_epoch).map_err(|e| TrainError::Curve(e.to_string()))?;
    let picture = image::RgbImage::from_raw(CURVE.0, CURVE.1, pixels)
        .ok_or_else(|| TrainError::Curve("its size does not fit its pixels".into()))?;
    files::replace(path, |out| {
        picture
            .write_to(out, image::ImageFormat::Png)
            .map_err(io::Error::other)
    })?;
    Ok(())
}

fn draw(
    pixels: &mut [u8],
    losses: &[f32],
    metrics: &[EpochMetrics],
    steps_per_epoch: usize,
) -> Result<(), Box<dyn std::error::Error>> {
    font::register();
    let epoch_at = |step: usize| step as f64 / steps_per_epoch.max(1) as f64;
    let smoothed = Smoothed::of(losses);
    let means = smoothed.means.iter();
    let training: Vec<(f64, f64)> = means.map(|&(step, mean)| (epoch_at(step), mean)).collect();
    let validation: Vec<(f64, f64)> = metrics
        .iter()
        .filter_map(|m| Some((f64::from(m.epoch), m.validation_loss?)))
        .collect();
    let values = training.iter().chain(&validation).map(|&(_, loss)| loss);
    let (low, high) = values
        .filter(|loss| loss.is_finite() && *loss > 0.0)
        .fold((f64::MAX, f64::MIN), |(low, high), loss| {
            (low.min(loss), high.max(loss))
        });
    let (low, high) = if low > high {
        (0.1, 1.0)
    } else {
        (low * 0.8, high * 1.25)
    };

    let root = BitMapBackend::with_buffer(pixels, CURVE).into_drawing_area();
    root.fill(&WHITE)?;
    let ink = RGBColor(60, 60, 70);
    let text = |size: u32| ("sans-serif", size).into_font().color(&ink);
    let mut chart = ChartBuilder::on(&root)
        .margin(18)
        .caption("Loss", text(26))
        .x_label_area_size(44)
        .y_label_area_size(70)
        .build_cartesian_2d(0.0..epoch_at(losses.len()).max(1.0), (low..high).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("epoch")
        .y_desc("loss")
        .light_line_style(WHITE)
        .bold_line_style(RGBColor(225, 225, 230))
        .axis_style(ink)
        .label_style(text(16))
        .axis_desc_style(text(18))
        .y_label_formatter(&|loss| format!("{loss:.3}"))
        .draw()?;
    let [r, g, b] = overlay::PINK;
    let pink = RGBColor(r, g, b);
    chart
        .draw_series(LineSeries::new(training, pink.stroke_width(2)))?
        .label(smoothed.in_words())
        .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], pink.stroke_width(2)));
    if !validation.is_empty() {
        let blue = RGBColor(40, 90, 200);
        chart
            .draw_series(LineSeries::new(validation, blue.stroke_width(2)).point_size(4))?
            .label("validation, persons held back")
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], blue.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE)
        .border_style(RGBColor(225, 225, 230))
        .label_font(text(16))
        .draw()?;
    root.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_is_smoothed_and_a_short_one_shown_step_by_step() {
        let short = Smoothed::of(&[3.0, 1.0]);
        assert_eq!(
            (short.means.clone(), short.in_words()),
            (vec![(1, 3.0), (2, 1.0)], "training".into())
        );
        let losses: Vec<f32> = (0..130).map(|step| (step % 2) as f32).collect();
        let long = Smoothed::of(&losses[..125]);
        assert_eq!(long.means.len(), 63);
        assert_eq!((long.means[0], long.means[62]), ((2, 0.5), (125, 0.0)));
        assert!(long.in_words().contains("mean of 2 steps"));
        assert_eq!(Smoothed::of(&[0.5; 100_000]).together, 20);
        assert_eq!(Smoothed::of(&[]).means, []);
    }
}
