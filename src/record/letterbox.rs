//! A picture fitted into one of another size: whole and in its own proportions, with black beside or above and below.

use image::{Rgba, RgbaImage};
use opencv::{
    core::{Mat, Rect, Size, Vec4b},
    imgproc::{self, INTER_AREA, INTER_LINEAR},
};

use super::RecordError;

/// What is beside a picture of other proportions.
const BLACK: Rgba<u8> = Rgba([0, 0, 0, 255]);

/// Fits `picture` into `into`, which keeps its size.
///
/// # Errors
/// When OpenCV fails, such as for an empty picture.
pub fn letterbox(picture: &RgbaImage, into: &mut RgbaImage) -> Result<(), RecordError> {
    let (from, to) = (picture.dimensions(), into.dimensions());
    let scale = (f64::from(to.0) / f64::from(from.0)).min(f64::from(to.1) / f64::from(from.1));
    let side = |own: u32, most: u32| ((f64::from(own) * scale).round() as i32).clamp(1, most as i32);
    let (width, height) = (side(from.0, to.0), side(from.1, to.1));
    let place = Rect::new(
        (to.0 as i32 - width) / 2,
        (to.1 as i32 - height) / 2,
        width,
        height,
    );
    into.pixels_mut().for_each(|pixel| *pixel = BLACK);
    let whole = Mat::new_rows_cols_with_bytes::<Vec4b>(from.1 as i32, from.0 as i32, picture.as_raw())?;
    let mut canvas = Mat::new_rows_cols_with_bytes_mut::<Vec4b>(to.1 as i32, to.0 as i32, into)?;
    // Shrunk, every pixel of the picture counts.
    let way = if scale < 1.0 { INTER_AREA } else { INTER_LINEAR };
    let mut part = Mat::roi_mut(&mut canvas, place)?;
    imgproc::resize(&whole, &mut part, Size::new(width, height), 0.0, 0.0, way)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PINK: Rgba<u8> = Rgba([255, 64, 160, 255]);

    /// An even picture of `from`, fitted into `to`.
    fn fitted(from: (u32, u32), to: (u32, u32)) -> RgbaImage {
        let mut into = RgbaImage::from_pixel(to.0, to.1, Rgba([9, 9, 9, 9]));
        letterbox(&RgbaImage::from_pixel(from.0, from.1, PINK), &mut into).unwrap();
        into
    }

    /// The box that is not black, left, top, right, bottom, the last two not in it.
    fn filled(picture: &RgbaImage) -> [u32; 4] {
        let pixels = picture
            .enumerate_pixels()
            .filter(|(_, _, pixel)| **pixel != BLACK);
        pixels.fold(
            [u32::MAX, u32::MAX, 0, 0],
            |[left, top, right, bottom], (x, y, pixel)| {
                assert_eq!(*pixel, PINK);
                [left.min(x), top.min(y), right.max(x + 1), bottom.max(y + 1)]
            },
        )
    }

    #[test]
    fn a_picture_is_whole_in_the_middle_of_another_size() {
        for (from, to, at) in [
            ((640, 480), (640, 480), [0, 0, 640, 480]),
            ((1280, 720), (640, 480), [0, 60, 640, 420]),
            ((480, 640), (640, 480), [140, 0, 500, 480]),
            ((32, 32), (640, 480), [80, 0, 560, 480]),
            ((4000, 2), (64, 48), [0, 23, 64, 24]),
        ] {
            let fitted = fitted(from, to);
            assert_eq!(fitted.dimensions(), to);
            assert_eq!(filled(&fitted), at, "{from:?} into {to:?}");
        }
    }

    #[test]
    fn an_empty_picture_is_an_error() {
        assert!(letterbox(&RgbaImage::new(0, 0), &mut RgbaImage::new(4, 4)).is_err());
    }
}
