//! What a run leaves for people: `metrics.csv` and the loss curve. Knows files and plotters.

use std::{io, path::Path};

use plotters::prelude::*;
use serde::{Deserialize, Serialize};

use super::TrainError;
use crate::{
    files::{self, plain},
    font, overlay,
};

/// Bytes of the largest small JSON file: a recipe that leaves out a million pictures has fewer.
const LARGEST_FILE: u64 = 64 << 20;

/// One line of `metrics.csv`: one epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// From 1.
    pub epoch: u32,
    /// Mean loss of the epoch's training steps, on the scale of the recipe's loss.
    pub training_loss: f64,
    /// The same loss on the held-back persons; empty without such.
    pub validation_loss: Option<f64>,
    /// Mean inter-ocular NME on the held-back persons, as a fraction; empty without such.
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
/// Steps that the drawn training loss is averaged over.
const SMOOTHING: usize = 20;

/// Draws the loss of every step (averaged over 20) and of every epoch's validation, on a logarithmic scale.
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
    let training: Vec<(f64, f64)> = losses
        .chunks(SMOOTHING)
        .enumerate()
        .map(|(i, part)| {
            let mean = part.iter().map(|&l| f64::from(l)).sum::<f64>() / part.len() as f64;
            (epoch_at(i * SMOOTHING + part.len()), mean)
        })
        .collect();
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
        .label("training, mean of 20 steps")
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

/// Reads a small JSON file.
///
/// # Errors
/// When it is missing or damaged.
pub fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, TrainError> {
    let damaged =
        |why: String| TrainError::Config(format!("{why}; a run's own file is needed: {}", path.display()));
    let text = plain::read_text(path, LARGEST_FILE).map_err(|e| damaged(e.to_string()))?;
    serde_json::from_str(&text).map_err(|e| damaged(e.to_string()))
}
