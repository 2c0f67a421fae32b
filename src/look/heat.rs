//! How much of something is where, as a picture to lay over another one: nothing is clear, the most is opaque.

use image::{Rgba, RgbaImage};

use super::palette::{Colours, Palette, Range};

/// One pixel a value, `width` x `height`; colours go from purple over pink to pale yellow at `most`, and so does how opaque they are.
/// Values below 0, and those that are not finite, are clear. The picture's colours are premultiplied.
pub fn heat(values: &[f32], (width, height): (usize, usize), most: f32) -> RgbaImage {
    let colours = Colours::of(Palette::Magma);
    let range = Range {
        smallest: 0.0,
        largest: most,
    };
    RgbaImage::from_fn(width as u32, height as u32, |x, y| {
        let value = values.get(y as usize * width + x as usize).copied();
        let Some(value) = value.filter(|value| value.is_finite() && *value > 0.0 && most > 0.0) else {
            return Rgba([0; 4]);
        };
        let opacity = (value / most).min(1.0);
        let [r, g, b, _] = colours.colour(value, range);
        Rgba([r, g, b, u8::MAX].map(|channel| (f32::from(channel) * opacity).round() as u8))
    })
}

/// Of gradients this share of all pixels is not drawn stronger than the strongest of them: few stand out by far.
pub const SHOWN_SHARE: f32 = 0.995;

/// A crop `[side, side]`, grey 0..1, as a picture to lay heat over.
pub fn grey_picture(pixels: &[f32], side: u32) -> RgbaImage {
    RgbaImage::from_fn(side, side, |x, y| {
        let grey = pixels.get((y * side + x) as usize).copied().unwrap_or_default();
        let grey = (grey.clamp(0.0, 1.0) * 255.0).round() as u8;
        Rgba([grey, grey, grey, u8::MAX])
    })
}

/// The value that this share of the finite ones of `values` does not exceed, `share` from 0 to 1; 0 where there are none. A few
/// pixels that stand out by far would else leave all others dark.
pub fn quantile(values: &[f32], share: f32) -> f32 {
    let mut finite: Vec<f32> = values.iter().copied().filter(|value| value.is_finite()).collect();
    if finite.is_empty() {
        return 0.0;
    }
    let place = ((finite.len() - 1) as f32 * share.clamp(0.0, 1.0)).round() as usize;
    *finite.select_nth_unstable_by(place, f32::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_clear_and_the_most_is_opaque() {
        let picture = heat(&[0.0, 0.5, 2.0, 9.0, f32::NAN, -1.0], (3, 2), 2.0);
        let opacity: Vec<u8> = picture.pixels().map(|pixel| pixel[3]).collect();
        assert_eq!((opacity[0], opacity[2], opacity[3]), (0, 255, 255));
        assert_eq!((opacity[1], opacity[4], opacity[5]), (64, 0, 0));
        assert!(heat(&[1.0], (2, 1), 0.0).pixels().all(|pixel| pixel[3] == 0));
    }

    #[test]
    fn quantiles_pass_over_what_stands_out() {
        let mut values: Vec<f32> = (0..100).map(|value| value as f32).collect();
        values[7] = 1e9;
        values[8] = f32::NAN;
        assert_eq!(quantile(&values, 0.5), 51.0);
        assert!(quantile(&values, 0.98) < 100.0);
        assert_eq!((quantile(&values, 0.0), quantile(&values, 1.0)), (0.0, 1e9));
        assert_eq!(quantile(&[], 0.5), 0.0);
    }
}
