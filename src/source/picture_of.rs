//! From OpenCV's pictures to the program's: opaque RGBA in memory of its own.

use image::RgbaImage;
use opencv::{
    core::{Mat, Vec4b},
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
    let (rows, columns) = (mat.rows(), mat.cols());
    let mut picture = spare.picture(columns.max(0) as u32, rows.max(0) as u32);
    let mut to = Mat::new_rows_cols_with_bytes_mut::<Vec4b>(rows, columns, &mut picture)?;
    imgproc::cvt_color_def(mat, &mut to, from_mat)?;
    drop(to);
    if mat.channels() == 4 {
        picture.pixels_mut().for_each(|pixel| pixel[3] = u8::MAX);
    }
    Ok(picture)
}
