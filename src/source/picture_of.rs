//! From OpenCV's pictures to the program's: opaque RGBA in memory of its own.

use image::RgbaImage;
use opencv::{
    core::{Mat, Vec4b},
    imgproc,
    prelude::*,
};

/// A copy of `mat` (8 bit BGR, BGRA or grey) as opaque RGBA.
///
/// # Errors
/// When the picture is empty or of another kind.
pub(super) fn picture_of(mat: &Mat) -> opencv::Result<RgbaImage> {
    let from_mat = match mat.channels() {
        1 => imgproc::COLOR_GRAY2RGBA,
        4 => imgproc::COLOR_BGRA2RGBA,
        _ => imgproc::COLOR_BGR2RGBA,
    };
    let (rows, columns) = (mat.rows(), mat.cols());
    let mut picture = RgbaImage::new(columns.max(0) as u32, rows.max(0) as u32);
    let mut to = Mat::new_rows_cols_with_bytes_mut::<Vec4b>(rows, columns, &mut picture)?;
    imgproc::cvt_color_def(mat, &mut to, from_mat)?;
    drop(to);
    if mat.channels() == 4 {
        picture.pixels_mut().for_each(|pixel| pixel[3] = u8::MAX);
    }
    Ok(picture)
}
