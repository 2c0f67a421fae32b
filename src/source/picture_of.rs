//! From OpenCV's pictures to the program's: opaque RGBA in memory of its own.

use image::RgbaImage;
use opencv::{
    core::{Mat, ToInputArray, Vec4b},
    imgproc,
    prelude::*,
};

/// Memory of pictures that nobody needs any more.
#[derive(Debug, Default)]
pub(super) struct Spare(Option<RgbaImage>);

impl Spare {
    /// Keeps the memory of one picture, the newest: whoever gives pictures back one by one needs no more.
    pub(super) fn keep(&mut self, picture: RgbaImage) {
        self.0 = Some(picture);
    }

    /// A picture of this size, with anything in it.
    pub(super) fn picture(&mut self, width: u32, height: u32) -> RgbaImage {
        let fits = |picture: &RgbaImage| picture.dimensions() == (width, height);
        let spare = self.0.take().filter(fits);
        spare.unwrap_or_else(|| RgbaImage::new(width, height))
    }
}

/// A copy of `mat` (8 bit BGR, BGRA or grey) as opaque RGBA, in spare memory where there is some.
///
/// # Errors
/// When the picture is empty or of another kind.
pub(super) fn picture_of(mat: &Mat, spare: &mut Spare) -> opencv::Result<RgbaImage> {
    let from_mat = match mat.channels() {
        1 => imgproc::COLOR_GRAY2RGBA,
        4 => imgproc::COLOR_BGRA2RGBA,
        _ => imgproc::COLOR_BGR2RGBA,
    };
    let mut picture = converted(mat, from_mat, mat.rows(), spare)?;
    if mat.channels() == 4 {
        picture.pixels_mut().for_each(|pixel| pixel[3] = u8::MAX);
    }
    Ok(picture)
}

/// A picture of `rows` from `mat`, by OpenCV's number for a conversion to RGBA.
///
/// # Errors
/// When `mat` is not what the conversion is from.
pub(super) fn converted(
    mat: &(impl MatTraitConst + ToInputArray),
    conversion: i32,
    rows: i32,
    spare: &mut Spare,
) -> opencv::Result<RgbaImage> {
    let columns = mat.cols();
    let mut picture = spare.picture(columns.max(0) as u32, rows.max(0) as u32);
    let mut to = Mat::new_rows_cols_with_bytes_mut::<Vec4b>(rows, columns, &mut picture)?;
    imgproc::cvt_color_def(mat, &mut to, conversion)?;
    Ok(picture)
}

/// A picture of the format YVYU, which OpenCV does not know and gives as bytes in one row.
///
/// # Errors
/// When there are too few of them for a picture of this size.
pub(super) fn yvyu(bytes: &Mat, (width, height): (u32, u32), spare: &mut Spare) -> opencv::Result<RgbaImage> {
    let (width, height) = (width as i32, height as i32);
    let whole = bytes.col_bounds(0, 2 * width * height)?;
    converted(
        &whole.reshape(2, height)?,
        imgproc::COLOR_YUV2RGBA_YVYU,
        height,
        spare,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use opencv::core::{CV_8UC2, Scalar};

    #[test]
    fn colours_that_come_as_luma_and_chroma_are_not_exchanged() {
        // A red picture of 4 x 2: two rows of luma, one of chroma by turns.
        let (luma, blue, red) = (81_u8, 90, 240);
        let mut spare = Spare::default();
        for (conversion, chroma) in [
            (imgproc::COLOR_YUV2RGBA_NV12, [blue, red]),
            (imgproc::COLOR_YUV2RGBA_NV21, [red, blue]),
        ] {
            let mut bytes = [luma; 12];
            bytes[8..].copy_from_slice(&chroma.repeat(2));
            let mat = Mat::new_rows_cols_with_data(3, 4, &bytes)
                .unwrap()
                .clone_pointee();
            let picture = converted(&mat, conversion, 2, &mut spare).unwrap();
            assert_eq!(picture.dimensions(), (4, 2));
            let [r, g, b, a] = picture.get_pixel(3, 1).0;
            assert!(r > 240 && g < 15 && b < 15 && a == 255, "{r} {g} {b} {a}");
        }
        let two = Mat::new_rows_cols_with_default(2, 4, CV_8UC2, Scalar::all(128.0)).unwrap();
        let picture = converted(&two, imgproc::COLOR_YUV2RGBA_YVYU, 2, &mut spare).unwrap();
        assert_eq!(picture.dimensions(), (4, 2));
        // As a driver gives it: red, in one row, with something behind it.
        let bytes = [[luma, red, luma, blue].repeat(4), vec![0; 5]].concat();
        let row = Mat::from_slice(&bytes).unwrap().clone_pointee();
        let picture = yvyu(&row, (4, 2), &mut spare).unwrap();
        assert_eq!(picture.dimensions(), (4, 2));
        let [r, g, b, a] = picture.get_pixel(3, 1).0;
        assert!(r > 240 && g < 15 && b < 15 && a == 255, "{r} {g} {b} {a}");
        assert!(
            yvyu(&row, (4, 3), &mut spare).is_err(),
            "a picture that was cut off"
        );
        // What does not fit is no picture.
        assert!(converted(&two, imgproc::COLOR_YUV2RGBA_NV12, 2, &mut spare).is_err());
    }
}
