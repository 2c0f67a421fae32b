//! Grey pictures and square crops of them: what a net gets to see, in training and live alike.

use image::{GrayImage, RgbaImage};
use opencv::{
    core::{BORDER_REPLICATE, Mat, Scalar, Size},
    imgproc::{self, INTER_AREA, INTER_LINEAR, WARP_INVERSE_MAP},
};

use super::TransformError;
use crate::geometry::{CropTransform, Point};

/// A crop that shrinks the frame by more than this is made from a frame halved first, since bilinear sampling
/// of a finer picture would skip pixels and flicker.
const LARGEST_DIRECT_SHRINK: f32 = 2.0;

/// The luma of an RGBA picture (ITU-R BT.601 weights, as OpenCV and the course use).
///
/// # Errors
/// When OpenCV fails, which for a picture of at least one pixel means that memory ran out.
pub fn grey(picture: &RgbaImage) -> Result<GrayImage, TransformError> {
    let (width, height) = picture.dimensions();
    let mut grey = GrayImage::new(width, height);
    let from =
        Mat::new_rows_cols_with_bytes::<opencv::core::Vec4b>(height as i32, width as i32, picture.as_raw())?;
    let mut to = Mat::new_rows_cols_with_bytes_mut::<u8>(height as i32, width as i32, &mut grey)?;
    imgproc::cvt_color_def(&from, &mut to, imgproc::COLOR_RGBA2GRAY)?;
    drop(to);
    Ok(grey)
}

/// `picture` resized to `width` x `height` pixels: averaged when it shrinks, bilinear when it grows.
///
/// # Errors
/// When OpenCV fails, such as for a size of zero.
pub fn resized(picture: &GrayImage, width: u32, height: u32) -> Result<GrayImage, TransformError> {
    let mut out = GrayImage::new(width, height);
    let from = mat_of(picture)?;
    let mut to = Mat::new_rows_cols_with_bytes_mut::<u8>(height as i32, width as i32, &mut out)?;
    let shrinks = width < picture.width() || height < picture.height();
    let how = if shrinks { INTER_AREA } else { INTER_LINEAR };
    imgproc::resize(
        &from,
        &mut to,
        Size::new(width as i32, height as i32),
        0.0,
        0.0,
        how,
    )?;
    drop(to);
    Ok(out)
}

/// Square crops, one after the other, as a net takes them: `[count, 1, side, side]`, grey from 0 to 1.
/// Kept from frame to frame so that its memory is reused.
#[derive(Debug, Default)]
pub struct CropBatch {
    transforms: Vec<CropTransform>,
    pixels: Vec<f32>,
}

impl CropBatch {
    /// Forgets all crops and keeps the memory.
    pub fn clear(&mut self) {
        self.transforms.clear();
        self.pixels.clear();
    }

    /// Cuts one more crop out of `frame`. Outside the frame its border pixels are repeated.
    ///
    /// # Errors
    /// When OpenCV fails, such as for an empty frame.
    pub fn push(&mut self, frame: &GrayImage, crop: CropTransform) -> Result<(), TransformError> {
        let bytes = cut(frame, &crop)?;
        self.pixels
            .extend(bytes.as_raw().iter().map(|&grey| f32::from(grey) / 255.0));
        self.transforms.push(crop);
        Ok(())
    }

    /// How many crops there are.
    pub fn len(&self) -> usize {
        self.transforms.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.transforms.is_empty()
    }

    /// The pixels of all crops, `[count, 1, side, side]`.
    pub fn pixels(&self) -> &[f32] {
        &self.pixels
    }

    /// Where each crop lies in the frame.
    pub fn transforms(&self) -> &[CropTransform] {
        &self.transforms
    }

    /// Takes one set of points per crop from crop pixels to frame pixels.
    pub fn points_in_frame(&self, points_in_crops: Vec<Vec<Point>>) -> Vec<Vec<Point>> {
        let both = self.transforms.iter().zip(points_in_crops);
        both.map(|(crop, points)| points.into_iter().map(|p| crop.frame_from_crop(p)).collect())
            .collect()
    }
}

/// The crop as a picture of `side` x `side` pixels.
///
/// # Errors
/// When OpenCV fails, such as for an empty frame.
pub fn cut(frame: &GrayImage, crop: &CropTransform) -> Result<GrayImage, TransformError> {
    if crop.scale() > LARGEST_DIRECT_SHRINK {
        let (width, height) = (frame.width().div_ceil(2), frame.height().div_ceil(2));
        let half = resized(frame, width, height)?;
        let (fx, fy) = (
            width as f32 / frame.width() as f32,
            height as f32 / frame.height() as f32,
        );
        let smaller = CropTransform {
            centre: crop.centre.resized(fx, fy),
            extent: crop.extent * fx,
            ..*crop
        };
        return cut(&half, &smaller);
    }
    let mut out = GrayImage::new(crop.side, crop.side);
    let matrix = Mat::from_slice_2d(&crop.frame_from_crop_matrix())?;
    let mut to = Mat::new_rows_cols_with_bytes_mut::<u8>(crop.side as i32, crop.side as i32, &mut out)?;
    imgproc::warp_affine(
        &mat_of(frame)?,
        &mut to,
        &matrix,
        Size::new(crop.side as i32, crop.side as i32),
        INTER_LINEAR | WARP_INVERSE_MAP,
        BORDER_REPLICATE,
        Scalar::default(),
    )?;
    drop(to);
    Ok(out)
}

/// OpenCV's view of a grey picture, without a copy.
fn mat_of(picture: &GrayImage) -> Result<opencv::boxed_ref::BoxedRef<'_, Mat>, TransformError> {
    Ok(Mat::new_rows_cols_with_bytes::<u8>(
        picture.height() as i32,
        picture.width() as i32,
        picture.as_raw(),
    )?)
}
