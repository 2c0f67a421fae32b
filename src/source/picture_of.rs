//! From OpenCV's pictures to the program's: opaque RGBA in memory of its own.

use image::RgbaImage;
use opencv::{
    core::{Mat, ROTATE_180, ToInputArray, Vec4b, rotate},
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

/// Makes pictures upright, in memory of older ones.
#[derive(Debug, Default)]
pub(super) struct Upright {
    /// By OpenCV's number for the turn; `None`: they come upright.
    turn: Option<i32>,
    /// Memory for one as it lies.
    lying: Spare,
    /// And for what goes out.
    spare: Spare,
}

impl Upright {
    pub(super) fn by(turn: Option<i32>) -> Self {
        Self {
            turn,
            ..Self::default()
        }
    }

    /// Keeps the memory of a picture that nobody needs any more.
    pub(super) fn keep(&mut self, picture: RgbaImage) {
        self.spare.keep(picture);
    }

    /// What `make` makes, upright.
    ///
    /// # Errors
    /// When it makes nothing, or nothing that can be turned.
    pub(super) fn picture(
        &mut self,
        make: impl FnOnce(&mut Spare) -> opencv::Result<RgbaImage>,
    ) -> opencv::Result<RgbaImage> {
        let Some(turn) = self.turn else {
            return make(&mut self.spare);
        };
        let lying = make(&mut self.lying)?;
        let (width, height) = lying.dimensions();
        let (columns, rows) = match turn {
            ROTATE_180 => (width, height),
            _ => (height, width),
        };
        let mut upright = self.spare.picture(columns, rows);
        let from = Mat::new_rows_cols_with_bytes::<Vec4b>(height as i32, width as i32, lying.as_raw())?;
        let mut to = Mat::new_rows_cols_with_bytes_mut::<Vec4b>(rows as i32, columns as i32, &mut upright)?;
        rotate(&from, &mut to, turn)?;
        self.lying.keep(lying);
        Ok(upright)
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
    fn what_is_turned_comes_back_after_four_quarters_and_asks_for_no_more_memory() {
        use crate::source::Turn;
        let mut picture = RgbaImage::new(3, 2);
        picture.put_pixel(0, 0, image::Rgba([255, 0, 0, 255]));
        let turned = |turn: Turn, picture: &RgbaImage| {
            let whole = Upright::by(turn.rotation())
                .picture(|_| Ok(picture.clone()))
                .unwrap();
            assert_eq!(whole.dimensions(), turn.of_size(picture.dimensions()));
            whole
        };
        let right = turned(Turn::Right, &picture);
        assert_eq!(
            right.get_pixel(1, 0).0[0],
            255,
            "the upper left corner comes to the upper right"
        );
        assert_eq!(turned(Turn::Left, &right), picture);
        assert_eq!(turned(Turn::Right, &right), turned(Turn::Over, &picture));
        assert_eq!(turned(Turn::None, &picture), picture);

        for turn in Turn::ALL {
            let mut upright = Upright::by(turn.rotation());
            for round in 0..3 {
                let made = upright.picture(|spare| {
                    let mut lying = spare.picture(3, 2);
                    // What was in it is still there.
                    assert_eq!(lying.get_pixel(0, 0).0[3] == 7, round > 0, "{turn:?} {round}");
                    lying.put_pixel(0, 0, image::Rgba([0, 0, 0, 7]));
                    Ok(lying)
                });
                upright.keep(made.unwrap());
            }
        }
    }

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
