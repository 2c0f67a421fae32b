//! Paints the shapes of [`crate::overlay`] into pictures, smooth and at fractions of pixels.

use image::RgbaImage;
use opencv::{
    core::{Mat, Point as PixelPoint, Scalar, Vec4b},
    imgproc::{self, FILLED, LINE_AA},
};

use super::RecordError;
use crate::{
    geometry::Point,
    overlay::{Colour, Shape},
};

/// OpenCV takes coordinates as whole numbers of 1 / 2^SHIFT pixels, counted from pixel centres as ours are.
const SHIFT: i32 = 4;
/// Shapes further away than this are not in any picture, and their coordinates might not fit OpenCV's numbers.
const FARTHEST_PX: f32 = 60_000.0;
/// Outlines are a pixel thick for every so many pixels of the picture's long side, so that they look the same in a
/// large photograph shown small.
const PIXELS_PER_LINE_WIDTH: u32 = 640;

/// Paints `shapes` over `picture`, in order.
///
/// # Errors
/// When OpenCV fails, such as for an empty picture.
pub fn paint(picture: &mut RgbaImage, shapes: &[Shape]) -> Result<(), RecordError> {
    let (width, height) = picture.dimensions();
    let line_width = width.max(height).div_ceil(PIXELS_PER_LINE_WIDTH) as i32;
    let mut canvas = Mat::new_rows_cols_with_bytes_mut::<Vec4b>(height as i32, width as i32, picture)?;
    for shape in shapes {
        match *shape {
            Shape::Dot {
                centre,
                radius,
                colour,
            } => {
                if let (Some(middle), Some(radius)) = (fixed_point(centre), fixed(radius)) {
                    imgproc::circle(
                        &mut canvas,
                        middle,
                        radius.max(0),
                        scalar(colour),
                        FILLED,
                        LINE_AA,
                        SHIFT,
                    )?;
                }
            }
            Shape::Outline { rect, colour } => {
                let left_top = fixed_point(Point::new(rect.x, rect.y));
                let right_bottom = fixed_point(Point::new(rect.x + rect.width, rect.y + rect.height));
                if let (Some(from), Some(to)) = (left_top, right_bottom) {
                    imgproc::rectangle_points(
                        &mut canvas,
                        from,
                        to,
                        scalar(colour),
                        line_width,
                        LINE_AA,
                        SHIFT,
                    )?;
                }
            }
        }
    }
    Ok(())
}

fn fixed(pixels: f32) -> Option<i32> {
    (pixels.abs() <= FARTHEST_PX).then(|| (pixels * (1 << SHIFT) as f32).round() as i32)
}

fn fixed_point(point: Point) -> Option<PixelPoint> {
    Some(PixelPoint::new(fixed(point.x)?, fixed(point.y)?))
}

fn scalar([red, green, blue]: Colour) -> Scalar {
    Scalar::new(f64::from(red), f64::from(green), f64::from(blue), 255.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{geometry::Rect, overlay::PINK};
    use image::Rgba;

    fn grey() -> RgbaImage {
        RgbaImage::from_pixel(60, 40, Rgba([90, 90, 90, 255]))
    }

    fn dot(x: f32, y: f32, radius: f32) -> Shape {
        Shape::Dot {
            centre: Point::new(x, y),
            radius,
            colour: PINK,
        }
    }

    #[test]
    fn a_dot_covers_its_pixels_and_no_others() {
        let mut picture = grey();
        paint(&mut picture, &[dot(20.0, 10.0, 3.0)]).unwrap();
        assert_eq!(picture.get_pixel(20, 10).0, [255, 64, 160, 255]);
        for (x, y, pixel) in picture.enumerate_pixels() {
            let distance = (x as f32 - 20.0).hypot(y as f32 - 10.0);
            if distance > 4.5 {
                assert_eq!(pixel.0, [90, 90, 90, 255], "{x} {y}");
            }
            if distance < 1.5 {
                assert_eq!(pixel.0[0], 255, "{x} {y}");
            }
        }
    }

    #[test]
    fn half_pixels_count() {
        let mut picture = grey();
        paint(&mut picture, &[dot(20.5, 10.0, 3.0)]).unwrap();
        // Symmetric round 20.5: columns 20 - k and 21 + k are alike.
        for k in 0..6 {
            let (left, right) = (
                picture.get_pixel(20 - k, 10).0[0],
                picture.get_pixel(21 + k, 10).0[0],
            );
            assert!(left.abs_diff(right) < 40, "{k}: {left} {right}");
        }
    }

    #[test]
    fn an_outline_leaves_its_inside_alone() {
        let mut picture = grey();
        let shape = Shape::Outline {
            rect: Rect::new(10.0, 5.0, 30.0, 20.0),
            colour: [10, 200, 30],
        };
        paint(&mut picture, &[shape]).unwrap();
        for (x, y) in [(10, 15), (40, 15), (25, 5), (25, 25)] {
            let green = picture.get_pixel(x, y).0[1];
            assert!(green.abs_diff(200) < 20, "{x} {y}: {green}");
        }
        assert_eq!(picture.get_pixel(25, 15).0, [90, 90, 90, 255]);
    }

    #[test]
    fn shapes_that_are_nowhere_are_left_out() {
        let mut picture = grey();
        let far = [
            dot(1e9, 5.0, 2.0),
            dot(f32::NAN, 5.0, 2.0),
            dot(-500.0, 5.0, 2.0),
            dot(5.0, 5.0, f32::INFINITY),
        ];
        paint(&mut picture, &far).unwrap();
        assert_eq!(picture, grey());
    }
}
