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

#[cfg(test)]
mod tests {
    use super::*;
    use image::GrayImage;
    use rand::SeedableRng;
    use rand_pcg::Pcg64;

    /// What `step` makes of a picture with each of `SEEDS` generators.
    fn made<'a>(
        picture: &'a GrayImage,
        step: impl Fn(Sample, &mut Pcg64) -> Result<Sample, TransformError> + 'a,
    ) -> impl Iterator<Item = GrayImage> + 'a {
        const SEEDS: u64 = 60;
        (0..SEEDS).map(move |seed| {
            let sample = Sample::new(picture.clone(), Vec::new());
            let out = step(sample, &mut Pcg64::seed_from_u64(seed)).unwrap();
            out.picture.into_bytes("this test").unwrap()
        })
    }

    /// Least and largest of some numbers.
    fn extremes(values: impl Iterator<Item = f32>) -> (f32, f32) {
        values.fold((f32::MAX, f32::MIN), |(least, most), value| {
            (least.min(value), most.max(value))
        })
    }

    #[test]
    fn light_adds_scales_and_bends_by_no_more_than_it_is_told_to() {
        let greys = GrayImage::from_raw(5, 1, vec![0, 64, 100, 128, 255]).unwrap();
        let none = Light {
            gamma: 1.0,
            gain: 1.0,
            offset: 0.0,
        };
        assert!(made(&greys, |s, rng| none.apply(s, rng)).all(|out| out == greys));

        let added = Light { offset: 0.2, ..none };
        let shift = |out: GrayImage| {
            let [low, high] = [1, 2].map(|x| f32::from(out[(x, 0)][0]));
            assert!(
                (high - low - 36.0).abs() <= 1.0,
                "the same for all greys: {low} {high}"
            );
            low - 64.0
        };
        let (least, most) = extremes(made(&greys, |s, rng| added.apply(s, rng)).map(shift));
        assert!(
            (-51.0..-30.0).contains(&least) && (30.0..51.1).contains(&most),
            "{least} {most}"
        );

        let scaled = Light { gain: 1.6, ..none };
        let gain = |out: GrayImage| {
            assert_eq!(out[(0, 0)][0], 0, "black stays black");
            f32::from(out[(1, 0)][0]) / 64.0
        };
        let (least, most) = extremes(made(&greys, |s, rng| scaled.apply(s, rng)).map(gain));
        assert!(
            (0.6..0.8).contains(&least) && (1.3..1.61).contains(&most),
            "{least} {most}"
        );

        let bent = Light { gamma: 2.0, ..none };
        let middle = |out: GrayImage| {
            assert_eq!((out[(0, 0)][0], out[(4, 0)][0]), (0, 255), "black and white stay");
            f32::from(out[(3, 0)][0]) / 255.0
        };
        let (least, most) = extremes(made(&greys, |s, rng| bent.apply(s, rng)).map(middle));
        assert!(
            (0.25..0.35).contains(&least) && (0.62..0.71).contains(&most),
            "{least} {most}"
        );
    }

    #[test]
    fn a_blurred_edge_is_as_wide_as_asked_for_at_most_and_a_fifth_of_it_at_least() {
        // Columns from 20 are white: grey rises as the sum of a normal distribution does.
        let edge = GrayImage::from_fn(40, 5, |x, _| Luma([if x < 20 { 0 } else { 255 }]));
        let blur = Blur {
            share: 1.0,
            sigma: 4.0,
        };
        let width = |out: GrayImage| {
            // The slope of the edge is its height / (sigma * sqrt(2 pi)).
            let slope = f32::from(out[(20, 2)][0]) - f32::from(out[(19, 2)][0]);
            255.0 / slope / std::f32::consts::TAU.sqrt()
        };
        let (least, most) = extremes(made(&edge, |s, rng| blur.apply(s, rng)).map(width));
        assert!(
            (0.75..1.2).contains(&least) && (3.5..4.3).contains(&most),
            "{least} {most}"
        );
    }

    #[test]
    fn noise_of_dim_light_is_as_strong_as_told() {
        let picture = GrayImage::from_pixel(100, 100, Luma([128]));
        let noisy = Dim {
            share: 1.0,
            least: 1.0,
            sigma: 0.05,
        };
        for out in made(&picture, |s, rng| noisy.apply(s, rng)).take(3) {
            let squares = out.iter().map(|grey| (f32::from(*grey) - 128.0).powi(2));
            let deviation = (squares.sum::<f32>() / 10_000.0).sqrt() / 255.0;
            assert!((0.047..0.053).contains(&deviation), "{deviation}");
        }
    }

    #[test]
    fn coarse_pictures_keep_what_is_larger_than_their_pixels() {
        let halves = GrayImage::from_fn(112, 20, |x, _| Luma([if x < 56 { 40 } else { 200 }]));
        let coarse = Coarse {
            share: 1.0,
            factor: 4.0,
        };
        for out in made(&halves, |s, rng| coarse.apply(s, rng)) {
            assert_eq!((out[(46, 10)][0], out[(65, 10)][0]), (40, 200));
        }
    }

    #[test]
    fn what_is_cut_out_is_a_rectangle_of_one_grey_and_of_the_sides_told() {
        // No cut-out that is left unpainted anywhere could have both greys of this board.
        let board = GrayImage::from_fn(100, 60, |x, y| {
            Luma([if (x + y).is_multiple_of(2) { 0 } else { 255 }])
        });
        let cut_out = CutOut {
            share: 1.0,
            side: 0.4,
        };
        let sides: Vec<(f32, f32)> = made(&board, |s, rng| cut_out.apply(s, rng))
            .map(|out| {
                let hidden = |x: u32, y: u32| out[(x, y)] != board[(x, y)];
                let columns: Vec<u32> = (0..100).filter(|&x| (0..60).any(|y| hidden(x, y))).collect();
                let rows: Vec<u32> = (0..60).filter(|&y| (0..100).any(|x| hidden(x, y))).collect();
                let span = |places: &[u32]| places[0]..places[places.len() - 1] + 1;
                let mut inside = span(&columns).flat_map(|x| span(&rows).map(move |y| (x, y)));
                let grey = out[(columns[0], rows[0])];
                assert!(inside.all(|place| out[place] == grey), "one grey throughout");
                (columns.len() as f32, rows.len() as f32)
            })
            .collect();
        let (least, most) = extremes(sides.iter().map(|side| side.0));
        assert!(
            (8.0..12.0).contains(&least) && (36.0..=40.0).contains(&most),
            "{least} {most}"
        );
        let (least, most) = extremes(sides.iter().map(|side| side.1));
        assert!(
            (4.0..8.0).contains(&least) && (21.0..=24.0).contains(&most),
            "{least} {most}"
        );
    }
}
