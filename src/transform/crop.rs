//! Grey pictures, square crops of them (what a net gets to see, in training and live alike), and OpenCV's part of what else is
//! done to pictures.

use image::{GrayImage, RgbaImage};
use opencv::{
    core::{BORDER_REPLICATE, CV_32F, Mat, MatTraitConst, MatTraitConstManual, Scalar, Size, ToInputArray},
    imgcodecs,
    imgproc::{self, INTER_AREA, INTER_LINEAR, WARP_INVERSE_MAP},
};

use super::TransformError;
use crate::geometry::{CropTransform, Point};

/// A crop that shrinks the frame by more than this is made from a part of the frame shrunk first, since bilinear
/// sampling of a finer picture would skip pixels and flicker.
const LARGEST_DIRECT_SHRINK: f32 = 2.0;

/// The luma of an RGBA picture (ITU-R BT.601 weights, as OpenCV and the course use).
///
/// # Errors
/// When OpenCV fails, which for a picture of at least one pixel means that memory ran out.
pub fn grey(picture: &RgbaImage) -> Result<GrayImage, TransformError> {
    let mut grey = GrayImage::default();
    grey_into(picture, &mut grey)?;
    Ok(grey)
}

/// As [`grey`], into `grey`, whose memory is used again when it has the size of the picture.
///
/// # Errors
/// As [`grey`].
pub fn grey_into(picture: &RgbaImage, grey: &mut GrayImage) -> Result<(), TransformError> {
    let (width, height) = picture.dimensions();
    size_to(grey, width, height);
    let from =
        Mat::new_rows_cols_with_bytes::<opencv::core::Vec4b>(height as i32, width as i32, picture.as_raw())?;
    let mut to = Mat::new_rows_cols_with_bytes_mut::<u8>(height as i32, width as i32, grey)?;
    imgproc::cvt_color_def(&from, &mut to, imgproc::COLOR_RGBA2GRAY)?;
    Ok(())
}

/// `picture` resized to `width` x `height` pixels: averaged when it shrinks, bilinear when it grows.
///
/// # Errors
/// When OpenCV fails, such as for a size of zero.
pub fn resized(picture: &GrayImage, width: u32, height: u32) -> Result<GrayImage, TransformError> {
    let mut out = GrayImage::default();
    resize_into(picture, width, height, &mut out)?;
    Ok(out)
}

/// As [`resized`], into `out`, whose memory is used again when it has that size.
///
/// # Errors
/// As [`resized`].
pub fn resize_into(
    picture: &GrayImage,
    width: u32,
    height: u32,
    out: &mut GrayImage,
) -> Result<(), TransformError> {
    size_to(out, width, height);
    let from = mat_of(picture)?;
    let mut to = Mat::new_rows_cols_with_bytes_mut::<u8>(height as i32, width as i32, out)?;
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
    Ok(())
}

/// `picture` out of focus: a Gaussian blur of deviation `sigma`, in pixels.
///
/// # Errors
/// When OpenCV fails, such as for a sigma that is not above 0.
pub fn blurred(picture: &GrayImage, sigma: f32) -> Result<GrayImage, TransformError> {
    let mut out = GrayImage::new(picture.width(), picture.height());
    let from = mat_of(picture)?;
    let (width, height) = (picture.width() as i32, picture.height() as i32);
    let mut to = Mat::new_rows_cols_with_bytes_mut::<u8>(height, width, &mut out)?;
    imgproc::gaussian_blur_def(&from, &mut to, Size::new(0, 0), f64::from(sigma))?;
    drop(to);
    Ok(out)
}

/// What a convolution's filter makes of a picture: `kernel` (`height` x `width`, row by row, as nets apply it, which is not turned
/// round) over grey from 0 to 1, with `bias` added; one value a pixel. Beyond its edges the picture goes on as it ends.
///
/// # Errors
/// When OpenCV fails, such as for a kernel that has not that many values.
pub fn filtered(
    picture: &GrayImage,
    kernel: &[f32],
    (width, height): (usize, usize),
    bias: f32,
) -> Result<Vec<f32>, TransformError> {
    let kernel = Mat::new_rows_cols_with_data(height as i32, width as i32, kernel)?;
    let mut grey = Mat::default();
    mat_of(picture)?.convert_to(&mut grey, CV_32F, 1.0 / 255.0, 0.0)?;
    let mut out = Mat::default();
    let anchor = opencv::core::Point::new(-1, -1);
    imgproc::filter_2d(
        &grey,
        &mut out,
        CV_32F,
        &kernel,
        anchor,
        f64::from(bias),
        BORDER_REPLICATE,
    )?;
    Ok(out.data_typed::<f32>()?.to_vec())
}

/// A picture as large as a net sees the face of `crop` in it, but with a long side within `sides` pixels; of `usual` pixels where there
/// is no face.
///
/// # Errors
/// As [`resized`].
pub fn as_seen(
    picture: &GrayImage,
    crop: Option<&CropTransform>,
    usual: f32,
    sides: std::ops::RangeInclusive<f32>,
) -> Result<GrayImage, TransformError> {
    let (width, height) = picture.dimensions();
    let long_side = width.max(height).max(1) as f32;
    let wished = match crop {
        Some(crop) => long_side / crop.scale().max(f32::MIN_POSITIVE),
        None => long_side.min(usual),
    };
    let scale = wished.clamp(*sides.start(), *sides.end()) / long_side;
    let side = |side: u32| ((side as f32 * scale).round() as u32).max(1);
    resized(picture, side(width), side(height))
}

/// `picture` after it was saved as JPEG of `quality`, 0 to 100, and read again.
///
/// # Errors
/// When OpenCV fails, such as for an empty picture.
pub fn saved_as_jpeg(picture: &GrayImage, quality: u8) -> Result<GrayImage, TransformError> {
    let mut file = opencv::core::Vector::<u8>::new();
    let quality = [imgcodecs::IMWRITE_JPEG_QUALITY, i32::from(quality)];
    imgcodecs::imencode(
        ".jpg",
        &mat_of(picture)?,
        &mut file,
        &quality.into_iter().collect(),
    )?;
    // What cannot be decoded comes back empty, without an error.
    let read = imgcodecs::imdecode(&file, imgcodecs::IMREAD_GRAYSCALE)?;
    let (width, height) = picture.dimensions();
    GrayImage::from_raw(width, height, read.data_bytes()?.to_vec())
        .ok_or_else(|| TransformError::Size("OpenCV could not read its own JPEG".into()))
}

/// Square crops, one after the other, as a net takes them: `[count, 1, side, side]`, grey from 0 to 1.
/// Kept from frame to frame so that its memory is reused.
#[derive(Debug, Default)]
pub struct CropBatch {
    transforms: Vec<CropTransform>,
    pixels: Vec<f32>,
    /// The crop that was cut last, in bytes.
    bytes: GrayImage,
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
        cut_into(frame, &crop, &mut self.bytes)?;
        self.pixels
            .extend(self.bytes.as_raw().iter().map(|&grey| f32::from(grey) / 255.0));
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

    /// What crop `index` looks like in a few values, row by row: the mean grey of `side` x `side` fields.
    pub fn fields(&self, index: usize, side: usize) -> Vec<f32> {
        let length = self.pixels.len() / self.len().max(1);
        let width = self.transforms.get(index).map_or(1, |crop| crop.side as usize);
        let pixels = &self.pixels[index * length..(index + 1) * length];
        let mut sums = vec![(0.0, 0.0); side * side];
        for (y, row) in pixels.chunks_exact(width).enumerate() {
            for (x, value) in row.iter().enumerate() {
                let (sum, count) = &mut sums[y * side / width * side + x * side / width];
                *sum += value;
                *count += 1.0;
            }
        }
        sums.into_iter()
            .map(|(sum, count)| sum / f32::max(count, 1.0))
            .collect()
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
/// When the crop is not finite, or OpenCV fails, such as for an empty frame.
pub fn cut(frame: &GrayImage, crop: &CropTransform) -> Result<GrayImage, TransformError> {
    let mut out = GrayImage::default();
    cut_into(frame, crop, &mut out)?;
    Ok(out)
}

/// As [`cut`], into `out`, whose memory is used again when it has the size of the crop.
///
/// # Errors
/// As [`cut`].
pub fn cut_into(frame: &GrayImage, crop: &CropTransform, out: &mut GrayImage) -> Result<(), TransformError> {
    let numbers = [crop.centre.x, crop.centre.y, crop.scale(), crop.roll];
    if !numbers.iter().all(|number| number.is_finite()) {
        return Err(TransformError::Size(format!("a crop of {crop:?} cannot be cut")));
    }
    let matrix = crop.frame_from_crop_matrix();
    if crop.scale() <= LARGEST_DIRECT_SHRINK {
        return warp_into(&mat_of(frame)?, &matrix, crop.side, out);
    }
    // Only the part of the frame under the crop is shrunk, by averaging; then the crop is cut out of that.
    let [x, y, width, height] = part_under(frame, crop);
    let whole = mat_of(frame)?;
    let part = Mat::roi(&whole, opencv::core::Rect::new(x, y, width, height))?;
    let shrink = f64::from(crop.scale() / LARGEST_DIRECT_SHRINK)
        .log2()
        .ceil()
        .exp2();
    let shrunk = |length: i32| ((f64::from(length) / shrink).round() as i32).max(1);
    let size = Size::new(shrunk(width), shrunk(height));
    let mut small = Mat::default();
    imgproc::resize(&part, &mut small, size, 0.0, 0.0, INTER_AREA)?;
    // The place of a frame pixel in the shrunk part, as by `Point::resized`.
    let row = |[a, b, c]: [f64; 3], start: i32, from: i32, to: i32| {
        let factor = f64::from(to) / f64::from(from);
        [
            a * factor,
            b * factor,
            (c - f64::from(start) + 0.5) * factor - 0.5,
        ]
    };
    let matrix = [
        row(matrix[0], x, width, size.width),
        row(matrix[1], y, height, size.height),
    ];
    warp_into(&small, &matrix, crop.side, out)
}

/// `side` x `side` pixels out of `from`, whose pixels `matrix` gives for those of the result.
fn warp_into(
    from: &impl ToInputArray,
    matrix: &[[f64; 3]; 2],
    side: u32,
    out: &mut GrayImage,
) -> Result<(), TransformError> {
    size_to(out, side, side);
    let mut to = Mat::new_rows_cols_with_bytes_mut::<u8>(side as i32, side as i32, out)?;
    imgproc::warp_affine(
        from,
        &mut to,
        &Mat::from_slice_2d(matrix)?,
        Size::new(side as i32, side as i32),
        INTER_LINEAR | WARP_INVERSE_MAP,
        BORDER_REPLICATE,
        Scalar::default(),
    )?;
    Ok(())
}

/// Gives a picture this size; what is in it then means nothing.
fn size_to(picture: &mut GrayImage, width: u32, height: u32) {
    if picture.dimensions() != (width, height) {
        *picture = GrayImage::new(width, height);
    }
}

/// Left, top, width and height of the part of the frame that a crop covers, at least one pixel. Where the crop reaches
/// beyond the frame, the part ends with the frame.
fn part_under(frame: &GrayImage, crop: &CropTransform) -> [i32; 4] {
    let end = crop.side as f32 - 1.0;
    let corners =
        [(0.0, 0.0), (end, 0.0), (0.0, end), (end, end)].map(|(x, y)| crop.frame_from_crop(Point::new(x, y)));
    // What bilinear sampling of the shrunk part needs beyond the corners' pixels.
    let margin = 2.0 * crop.scale();
    let span = |values: [f32; 4], length: u32| {
        let last = length as i32 - 1;
        let low = values.into_iter().fold(f32::INFINITY, f32::min) - margin;
        let high = values.into_iter().fold(f32::NEG_INFINITY, f32::max) + margin;
        let first = (low.floor() as i32).clamp(0, last.max(0));
        (
            first,
            (high.ceil() as i32).clamp(first, last.max(first)) - first + 1,
        )
    };
    let (x, width) = span(corners.map(|p| p.x), frame.width());
    let (y, height) = span(corners.map(|p| p.y), frame.height());
    [x, y, width, height]
}

/// OpenCV's view of a grey picture, without a copy.
fn mat_of(picture: &GrayImage) -> Result<opencv::boxed_ref::BoxedRef<'_, Mat>, TransformError> {
    Ok(Mat::new_rows_cols_with_bytes::<u8>(
        picture.height() as i32,
        picture.width() as i32,
        picture.as_raw(),
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Grey that rises to the right and, more slowly, downwards.
    fn slope(width: u32, height: u32) -> GrayImage {
        GrayImage::from_fn(width, height, |x, y| {
            image::Luma([(x as f32 * 0.4 + y as f32 * 0.1).round() as u8])
        })
    }

    #[test]
    fn a_shrunk_crop_shows_what_the_transform_says() {
        let frame = slope(400, 300);
        for (extent, roll) in [(60.0, 0.0), (150.0, 0.5), (200.0, -0.3), (260.0, 0.0)] {
            let crop = CropTransform {
                centre: Point::new(190.0, 150.0),
                extent,
                roll,
                side: 32,
            };
            let cut = cut(&frame, &crop).unwrap();
            for (x, y) in [(8, 9), (16, 16), (23, 20)] {
                let there = crop.frame_from_crop(Point::new(x as f32, y as f32));
                let expected = there.x * 0.4 + there.y * 0.1;
                let found = f32::from(cut.get_pixel(x, y)[0]);
                assert!(
                    (found - expected).abs() < 1.6,
                    "extent {extent}: {found} for {expected}"
                );
            }
        }
    }

    #[test]
    fn a_shrunk_crop_keeps_the_detail_that_its_pixels_can_show() {
        // Stripes of six pixels, of which the crop has two each.
        let striped = GrayImage::from_fn(400, 400, |x, _| {
            image::Luma([if (x / 6).is_multiple_of(2) { 40 } else { 200 }])
        });
        let crop = CropTransform::upright(Point::new(200.0, 200.0), 3.0 * 32.0, 32);
        let cut = cut(&striped, &crop).unwrap();
        let row: Vec<u8> = (0..32).map(|x| cut[(x, 16)][0]).collect();
        for four in row.windows(4) {
            let (dark, bright) = (four.iter().min().unwrap(), four.iter().max().unwrap());
            assert!(*dark < 60 && *bright > 180, "{row:?}");
        }
    }

    #[test]
    fn the_part_to_be_shrunk_reaches_two_crop_pixels_beyond_the_crops_and_ends_with_the_frame() {
        let frame = GrayImage::new(600, 500);
        let crop = |x, y| CropTransform::upright(Point::new(x, y), 4.0 * 64.0, 64);
        // From the middle of the first crop pixel to that of the last are 63 times 4 pixels.
        assert_eq!(part_under(&frame, &crop(300.0, 250.0)), [166, 116, 269, 269]);
        assert_eq!(part_under(&frame, &crop(0.0, 500.0)), [0, 366, 135, 134]);
    }

    #[test]
    fn fields_are_means_whatever_the_side() {
        for side in [28, 64, 96, 112] {
            let mut batch = CropBatch::default();
            let middle = (side - 1) as f32 / 2.0;
            let crop = CropTransform::upright(Point::new(middle, middle), side as f32, side);
            batch
                .push(&GrayImage::from_pixel(side, side, image::Luma([51])), crop)
                .unwrap();
            let fields = batch.fields(0, 14);
            assert_eq!(fields.len(), 14 * 14);
            assert!(fields.iter().all(|field| (field - 0.2).abs() < 1e-4), "{side}");
        }
    }

    #[test]
    fn crops_far_larger_than_the_frame_or_far_from_it_are_cut_all_the_same() {
        for (width, height) in [(1, 1), (64, 48), (3, 900)] {
            let frame = slope(width, height);
            for (centre, extent) in [(0.0, 1e9), (0.0, f32::MAX), (1e8, 50.0), (-1e8, 1e6), (5.0, 0.0)] {
                let crop = CropTransform::upright(Point::new(centre, -centre), extent, 16);
                assert_eq!(cut(&frame, &crop).unwrap().dimensions(), (16, 16), "{crop:?}");
            }
            let nowhere = CropTransform::upright(Point::new(f32::NAN, 0.0), 10.0, 16);
            assert!(cut(&frame, &nowhere).is_err());
            for roll in [f32::NAN, f32::INFINITY] {
                let here = CropTransform::upright(Point::new(0.0, 0.0), 10.0, 16);
                assert!(cut(&frame, &CropTransform { roll, ..here }).is_err());
            }
        }
    }
}
