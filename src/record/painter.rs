//! Paints the shapes of [`crate::overlay`] into pictures, smooth and at fractions of pixels.

use image::{Rgba, RgbaImage, imageops};
use opencv::{
    core::{Mat, Point as PixelPoint, Scalar, Vec4b, Vector},
    imgproc::{self, FILLED, FONT_HERSHEY_SIMPLEX, LINE_AA},
};

use super::RecordError;
use crate::{
    geometry::{Point, Rect},
    overlay::{self, Colour, Shape},
};

/// OpenCV takes coordinates as whole numbers of 1 / 2^SHIFT pixels, counted from pixel centres as ours are.
const SHIFT: i32 = 4;
/// Shapes further away than this are not in any picture, and their coordinates might not fit OpenCV's numbers.
const FARTHEST_PX: f32 = 60_000.0;
/// Outlines are a pixel thick for every so many pixels of the picture's long side, so that they look the same in a
/// large photograph shown small.
const PIXELS_PER_LINE_WIDTH: u32 = 640;
/// Height of a capital letter of OpenCV's font at scale 1, pixels.
const CAPITAL_PX: f32 = 22.0;
/// OpenCV draws no lines thicker than this.
const THICKEST: i32 = 32_767;

/// Paints `shapes` over `picture`, in order.
///
/// # Errors
/// When OpenCV fails, such as for an empty picture.
pub fn paint(picture: &mut RgbaImage, shapes: &[Shape]) -> Result<(), RecordError> {
    let (width, height) = picture.dimensions();
    let line_width = width.max(height).div_ceil(PIXELS_PER_LINE_WIDTH) as i32;
    for shape in shapes {
        match *shape {
            Shape::Dot {
                opacity,
                centre,
                radius,
                ..
            } if opacity < 1.0 => {
                let bounds = Rect::from_centre(centre, 2.0 * radius, 2.0 * radius);
                paint_faintly(picture, shape, &bounds, opacity, line_width)?;
            }
            Shape::Line {
                ref points,
                opacity,
                width,
                ..
            } if opacity < 1.0 => {
                if let Some(bounds) = Rect::around(points) {
                    let bounds =
                        Rect::from_centre(bounds.centre(), bounds.width + width, bounds.height + width);
                    paint_faintly(picture, shape, &bounds, opacity, line_width)?;
                }
            }
            _ => draw(picture, shape, Point::new(0.0, 0.0), line_width)?,
        }
    }
    Ok(())
}

/// Paints a shape that lies within `bounds` so that what is below shines through.
fn paint_faintly(
    picture: &mut RgbaImage,
    shape: &Shape,
    bounds: &Rect,
    opacity: f32,
    line_width: i32,
) -> Result<(), RecordError> {
    /// Smooth edges reach beyond the shape.
    const EDGE: f32 = 2.0;
    let (across, down) = (bounds.width + 2.0 * EDGE, bounds.height + 2.0 * EDGE);
    let reached = Rect::from_centre(bounds.centre(), across, down);
    let Some((left, top, width, height)) = reached.pixels_of(picture.dimensions()) else {
        return Ok(());
    };
    let mut part = imageops::crop_imm(picture, left, top, width, height).to_image();
    draw(&mut part, shape, Point::new(left as f32, top as f32), line_width)?;
    for (x, y, Rgba(drawn)) in part.enumerate_pixels() {
        let Rgba(below) = picture.get_pixel_mut(left + x, top + y);
        for (below, &drawn) in below.iter_mut().zip(drawn) {
            *below = (f32::from(*below) + opacity * (f32::from(drawn) - f32::from(*below))).round() as u8;
        }
    }
    Ok(())
}

/// Draws a shape without minding its opacity into a picture whose left top corner is at `origin`.
fn draw(picture: &mut RgbaImage, shape: &Shape, origin: Point, line_width: i32) -> Result<(), RecordError> {
    let (width, height) = picture.dimensions();
    let mut canvas = Mat::new_rows_cols_with_bytes_mut::<Vec4b>(height as i32, width as i32, picture)?;
    let place = |point: Point| fixed_point(Point::new(point.x - origin.x, point.y - origin.y));
    match shape {
        &Shape::Dot {
            centre,
            radius,
            colour,
            ..
        } => {
            if let (Some(middle), Some(radius)) = (place(centre), fixed(radius)) {
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
        Shape::Line {
            points,
            closed,
            width,
            colour,
            ..
        } => {
            let places: Option<Vector<PixelPoint>> = points.iter().map(|&point| place(point)).collect();
            if let Some(places) = places.filter(|places| places.len() > 1) {
                let width = (width.round() as i32).clamp(1, THICKEST);
                imgproc::polylines(
                    &mut canvas,
                    &places,
                    *closed,
                    scalar(*colour),
                    width,
                    LINE_AA,
                    SHIFT,
                )?;
            }
        }
        &Shape::Outline { rect, colour } => {
            let left_top = place(Point::new(rect.x, rect.y));
            let right_bottom = place(Point::new(rect.x + rect.width, rect.y + rect.height));
            if let (Some(from), Some(to)) = (left_top, right_bottom) {
                imgproc::rectangle_points(&mut canvas, from, to, scalar(colour), line_width, LINE_AA, SHIFT)?;
            }
        }
        Shape::Text {
            at,
            text,
            height,
            colour,
        } => {
            // Text has whole pixels.
            if let Some(corner) = place(*at).filter(|_| height.is_finite()) {
                let corner = PixelPoint::new(corner.x >> SHIFT, corner.y >> SHIFT);
                let scale = f64::from((height / CAPITAL_PX).clamp(0.0, FARTHEST_PX));
                let width = (line_width / 2).max(1);
                for (colour, width) in [(overlay::SHADE, width + 2), (*colour, width)] {
                    let colour = scalar(colour);
                    let font = FONT_HERSHEY_SIMPLEX;
                    imgproc::put_text(
                        &mut canvas,
                        text,
                        corner,
                        font,
                        scale,
                        colour,
                        width,
                        LINE_AA,
                        false,
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
            opacity: 1.0,
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
    fn what_is_faint_lets_shine_through_what_is_below() {
        let faint = |shape: Shape| match shape {
            Shape::Dot {
                centre,
                radius,
                colour,
                ..
            } => Shape::Dot {
                centre,
                radius,
                colour,
                opacity: 0.5,
            },
            other => other,
        };
        let (mut full, mut half) = (grey(), grey());
        // One of them is cut off by the picture's edge.
        let dots = [dot(20.0, 10.0, 4.0), dot(59.0, 39.0, 4.0)];
        paint(&mut full, &dots).unwrap();
        paint(&mut half, &dots.map(faint)).unwrap();
        for ((x, y, full), half) in full.enumerate_pixels().zip(half.pixels()) {
            for channel in 0..3 {
                let between = (90.0 + f32::from(full[channel])) / 2.0;
                assert!((f32::from(half[channel]) - between).abs() <= 1.0, "{x} {y}");
            }
        }
        assert_ne!(full, grey());
    }

    #[test]
    fn lines_and_words_are_drawn_where_they_should_be() {
        let mut picture = grey();
        let line = |closed, opacity| Shape::Line {
            points: [(10.0, 5.0), (50.0, 5.0), (50.0, 35.0)]
                .map(|(x, y)| Point::new(x, y))
                .to_vec(),
            closed,
            width: 1.0,
            colour: [10, 200, 30],
            opacity,
        };
        paint(&mut picture, &[line(false, 1.0)]).unwrap();
        let green = |picture: &RgbaImage, x, y| picture.get_pixel(x, y).0[1];
        assert!(green(&picture, 30, 5) > 180 && green(&picture, 50, 20) > 180);
        assert_eq!(green(&picture, 30, 20), 90, "it is open");
        paint(&mut picture, &[line(true, 0.5)]).unwrap();
        assert!(
            (120..170).contains(&green(&picture, 30, 20)),
            "it is closed, and faint"
        );

        let mut picture = grey();
        let text = Shape::Text {
            at: Point::new(5.0, 30.0),
            text: "17".into(),
            height: 14.0,
            colour: PINK,
        };
        paint(&mut picture, &[text]).unwrap();
        let rows: Vec<u32> = picture
            .enumerate_pixels()
            .filter(|(_, _, p)| p.0 != [90, 90, 90, 255])
            .map(|(_, y, _)| y)
            .collect();
        let (top, bottom) = (rows.iter().min().unwrap(), rows.iter().max().unwrap());
        assert!(
            (14..19).contains(top) && (29..33).contains(bottom),
            "{top} {bottom}"
        );
    }

    #[test]
    fn shapes_that_are_nowhere_are_left_out() {
        let mut picture = grey();
        let far = [
            dot(1e9, 5.0, 2.0),
            dot(f32::NAN, 5.0, 2.0),
            dot(-500.0, 5.0, 2.0),
            dot(5.0, 5.0, f32::INFINITY),
            Shape::Line {
                points: vec![Point::new(1e9, 0.0); 2],
                closed: false,
                width: 1.0,
                colour: PINK,
                opacity: 0.5,
            },
            Shape::Text {
                at: Point::new(f32::NAN, 5.0),
                text: "nowhere".into(),
                height: 10.0,
                colour: PINK,
            },
        ];
        paint(&mut picture, &far).unwrap();
        assert_eq!(picture, grey());
    }
}
