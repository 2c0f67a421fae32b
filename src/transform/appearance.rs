//! What makes training pictures more various without moving anything: other light, lenses, sensors and files, and parts that
//! are hidden. Values with parameters that are called on a sample; keypoints stay where they are.

use image::Luma;
use rand::Rng;

use super::{Sample, TransformError, augment::triangular, crop};

/// Other light: `grey = gain * grey^gamma + offset`, on the scale 0..1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Light {
    /// Gamma is drawn from 1 / this to this.
    pub gamma: f32,
    /// Gain is drawn from 1 / this to this.
    pub gain: f32,
    /// Offset is drawn from minus this to this.
    pub offset: f32,
}

impl Light {
    /// Applies it to a sample that is still in bytes.
    ///
    /// # Errors
    /// When the sample is past Normalize.
    pub fn apply(&self, sample: Sample, rng: &mut impl Rng) -> Result<Sample, TransformError> {
        let gamma = self.gamma.powf(triangular(rng));
        let gain = self.gain.powf(triangular(rng));
        let offset = self.offset * triangular(rng);
        let curve: Vec<u8> = (0..=u8::MAX)
            .map(|grey| grey_of(gain * (f32::from(grey) / 255.0).powf(gamma) + offset))
            .collect();
        sample.repainted("Light", |picture| {
            for grey in picture.iter_mut() {
                *grey = curve[usize::from(*grey)];
            }
            Ok(())
        })
    }
}

/// Out of focus, or from a small picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Blur {
    /// Share of the samples that are blurred.
    pub share: f32,
    /// Largest standard deviation, pixels.
    pub sigma: f32,
}

impl Blur {
    /// Applies it to a sample that is still in bytes.
    ///
    /// # Errors
    /// When the sample is past Normalize, or OpenCV fails.
    pub fn apply(&self, sample: Sample, rng: &mut impl Rng) -> Result<Sample, TransformError> {
        if rng.random::<f32>() >= self.share {
            return Ok(sample);
        }
        let sigma = self.sigma * rng.random_range(0.2..=1.0);
        sample.repainted("Blur", |picture| {
            *picture = crop::blurred(picture, sigma)?;
            Ok(())
        })
    }
}

/// A sensor's noise, the same everywhere.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Noise {
    /// Share of the samples that are noisy.
    pub share: f32,
    /// Largest standard deviation, on the scale 0..1.
    pub sigma: f32,
}

impl Noise {
    /// Applies it to a sample that is still in bytes.
    ///
    /// # Errors
    /// When the sample is past Normalize.
    pub fn apply(&self, sample: Sample, rng: &mut impl Rng) -> Result<Sample, TransformError> {
        if rng.random::<f32>() >= self.share {
            return Ok(sample);
        }
        let sigma = self.sigma * rng.random::<f32>();
        sample.repainted("Noise", |picture| {
            for grey in picture.iter_mut() {
                *grey = grey_of(f32::from(*grey) / 255.0 + sigma * bell(rng));
            }
            Ok(())
        })
    }
}

/// A small picture, such as a face far from the camera, enlarged again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coarse {
    /// Share of the samples that are made so.
    pub share: f32,
    /// The picture is made up to so many times smaller first.
    pub factor: f32,
}

impl Coarse {
    /// Applies it to a sample that is still in bytes.
    ///
    /// # Errors
    /// When the sample is past Normalize, or OpenCV fails.
    pub fn apply(&self, sample: Sample, rng: &mut impl Rng) -> Result<Sample, TransformError> {
        if rng.random::<f32>() >= self.share {
            return Ok(sample);
        }
        let factor = self.factor.powf(rng.random());
        sample.repainted("Coarse", |picture| {
            let (width, height) = picture.dimensions();
            let smaller = |length: u32| ((length as f32 / factor).round() as u32).max(1);
            let small = crop::resized(picture, smaller(width), smaller(height))?;
            *picture = crop::resized(&small, width, height)?;
            Ok(())
        })
    }
}

/// Too little light: few steps of grey are left, and noise of the strength that a sensor has in the dark.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dim {
    /// Share of the samples that are dim.
    pub share: f32,
    /// Least share of the light that is left.
    pub least: f32,
    /// Standard deviation of the noise, on the scale 0..1.
    pub sigma: f32,
}

impl Dim {
    /// Applies it to a sample that is still in bytes.
    ///
    /// # Errors
    /// When the sample is past Normalize.
    pub fn apply(&self, sample: Sample, rng: &mut impl Rng) -> Result<Sample, TransformError> {
        if rng.random::<f32>() >= self.share {
            return Ok(sample);
        }
        let left = self.least.powf(rng.random());
        sample.repainted("Dim", |picture| {
            for grey in picture.iter_mut() {
                *grey = grey_of(left * f32::from(*grey) / 255.0 + self.sigma * bell(rng));
            }
            Ok(())
        })
    }
}

/// Saved as JPEG, as pictures and most webcams' frames are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Jpeg {
    /// Share of the samples that are saved.
    pub share: f32,
    /// Lowest quality, 1 to 100; the highest is 95.
    pub lowest: u8,
}

impl Jpeg {
    /// Applies it to a sample that is still in bytes.
    ///
    /// # Errors
    /// When the sample is past Normalize, or OpenCV fails.
    pub fn apply(&self, sample: Sample, rng: &mut impl Rng) -> Result<Sample, TransformError> {
        const HIGHEST: u8 = 95;
        if rng.random::<f32>() >= self.share {
            return Ok(sample);
        }
        let quality = rng.random_range(self.lowest.min(HIGHEST)..=HIGHEST);
        sample.repainted("Jpeg", |picture| {
            *picture = crop::saved_as_jpeg(picture, quality)?;
            Ok(())
        })
    }
}

/// A rectangle of one grey over a part of the picture, as a hand or a microphone would hide it (DeVries and Taylor, 2017).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CutOut {
    /// Share of the samples with such a rectangle.
    pub share: f32,
    /// Its longest side, as a share of the picture's.
    pub side: f32,
}

impl CutOut {
    /// Applies it to a sample that is still in bytes.
    ///
    /// # Errors
    /// When the sample is past Normalize.
    pub fn apply(&self, sample: Sample, rng: &mut impl Rng) -> Result<Sample, TransformError> {
        if rng.random::<f32>() >= self.share {
            return Ok(sample);
        }
        sample.repainted("CutOut", |picture| {
            let mut span = |length: u32| {
                let part = (length as f32 * self.side * rng.random_range(0.2..=1.0)) as u32;
                let start = rng.random_range(0..=length.saturating_sub(part));
                start..(start + part).min(length)
            };
            let (columns, rows) = (span(picture.width()), span(picture.height()));
            let grey = Luma([rng.random()]);
            for y in rows {
                for x in columns.clone() {
                    picture.put_pixel(x, y, grey);
                }
            }
            Ok(())
        })
    }
}

/// About normal with deviation 1: the sum of four uniform numbers (Irwin and Hall, 1927), whose variance is a third.
fn bell(rng: &mut impl Rng) -> f32 {
    const DEVIATION: f32 = 0.577_350_3;
    let bits: u64 = rng.random();
    let sum: u32 = (0..4).map(|part| (bits >> (16 * part)) as u32 & 0xffff).sum();
    (sum as f32 / 65_535.0 - 2.0) / DEVIATION
}

fn grey_of(unit: f32) -> u8 {
    (unit.clamp(0.0, 1.0) * 255.0).round() as u8
}
