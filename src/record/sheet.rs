//! Pictures side by side with their points drawn in: contact sheets and figures of a test.

use std::{io, path::Path};

use image::{Rgba, RgbaImage, imageops};
use opencv::{
    core::{Mat, Scalar, Vec4b},
    imgproc,
};

use super::{RecordError, paint};
use crate::{
    evaluate::Outcome,
    files,
    geometry::{Point, Rect},
    keypoints::PointScheme,
    overlay::{GREEN, PINK, Shape, point_shapes},
};

/// Pictures in a row.
const COLUMNS: usize = 4;
/// Side of a picture, pixels.
const CELL: u32 = 260;
/// Space round pictures, pixels.
const GAP: u32 = 8;
/// Height of the line below a picture, pixels.
const CAPTION: u32 = 22;
/// What lies between pictures.
const BACKGROUND: Rgba<u8> = Rgba([24, 24, 30, 255]);
/// Part of the picture that is shown: the points' box enlarged by this.
const MARGIN: f32 = 1.7;

/// One picture of a sheet.
#[derive(Debug, Clone)]
pub struct Cell {
    /// The picture.
    pub picture: RgbaImage,
    /// Keypoints drawn in green, picture pixels; may be empty.
    pub labelled: Vec<Point>,
    /// Keypoints drawn in pink, picture pixels; may be empty.
    pub predicted: Vec<Point>,
    /// One line of text.
    pub caption: String,
}

impl Cell {
    /// What came of a labelled picture, which is `picture`: with the error in percent in the caption.
    pub fn of(outcome: &Outcome, picture: RgbaImage, scheme: &PointScheme) -> Self {
        let caption = match (&outcome.predicted, outcome.error(scheme)) {
            (None, _) => format!("missed  {}", outcome.name),
            (_, Some(error)) => format!("{:.1} %  {}", 100.0 * error, outcome.name),
            (_, None) => outcome.name.clone(),
        };
        Self {
            picture,
            labelled: outcome.labelled.clone(),
            predicted: outcome.predicted.clone().unwrap_or_default(),
            caption,
        }
    }
}

/// Draws `cells` row by row and writes the sheet as PNG.
///
/// # Errors
/// When drawing fails or the file cannot be written.
pub fn write(path: &Path, cells: &[Cell]) -> Result<(), RecordError> {
    let sheet = drawn(cells)?;
    files::replace(path, |out| {
        sheet
            .write_to(out, image::ImageFormat::Png)
            .map_err(io::Error::other)
    })?;
    Ok(())
}

/// Draws `cells` row by row.
///
/// # Errors
/// When drawing fails.
pub fn drawn(cells: &[Cell]) -> Result<RgbaImage, RecordError> {
    let columns = COLUMNS.min(cells.len().max(1)) as u32;
    let rows = cells.len().div_ceil(COLUMNS).max(1) as u32;
    let (step_x, step_y) = (CELL + GAP, CELL + CAPTION + GAP);
    let mut sheet = RgbaImage::from_pixel(columns * step_x + GAP, rows * step_y + GAP, BACKGROUND);
    for (index, cell) in cells.iter().enumerate() {
        let (column, row) = (index % COLUMNS, index / COLUMNS);
        let (left, top) = (GAP + column as u32 * step_x, GAP + row as u32 * step_y);
        imageops::replace(&mut sheet, &face(cell)?, i64::from(left), i64::from(top));
        write_line(&mut sheet, left, top + CELL, &cell.caption)?;
    }
    Ok(sheet)
}

/// The part of a cell's picture round its points, enlarged, with the points and without the caption.
///
/// # Errors
/// When drawing fails.
pub fn face(cell: &Cell) -> Result<RgbaImage, RecordError> {
    let (width, height) = cell.picture.dimensions();
    let all: Vec<Point> = cell.labelled.iter().chain(&cell.predicted).copied().collect();
    let whole = Rect::new(0.0, 0.0, width as f32, height as f32);
    let shown = Rect::around(&all).map_or(whole, |tight| {
        let side = tight.long_side() * MARGIN;
        Rect::from_centre(tight.centre(), side, side)
    });
    // Round the same middle, as far as the picture reaches.
    let side = shown.long_side().clamp(1.0, width.min(height) as f32);
    let shown = Rect::from_centre(shown.centre(), side, side);
    let within = |start: f32, length: u32| start.clamp(0.0, length as f32 - side) as u32;
    let (left, top) = (within(shown.x, width), within(shown.y, height));
    let part = imageops::crop_imm(&cell.picture, left, top, side as u32, side as u32).to_image();
    let mut enlarged = imageops::resize(&part, CELL, CELL, imageops::FilterType::Triangle);
    let factor = CELL as f32 / (side as u32) as f32;
    let moved = |points: &[Point]| -> Vec<Point> {
        let shift = |p: &Point| Point::new(p.x - left as f32, p.y - top as f32).resized(factor, factor);
        points.iter().map(shift).collect()
    };
    let (labelled, predicted) = (moved(&cell.labelled), moved(&cell.predicted));
    let shapes: Vec<Shape> = point_shapes(&labelled, GREEN)
        .chain(point_shapes(&predicted, PINK))
        .collect();
    paint(&mut enlarged, &shapes)?;
    Ok(enlarged)
}

/// Writes one line of light text below a picture, cut off at the picture's width.
fn write_line(sheet: &mut RgbaImage, left: u32, top: u32, text: &str) -> Result<(), RecordError> {
    /// Characters that fit below a picture at this size.
    const FITTING: usize = 34;
    let fitting: String = text.chars().take(FITTING).collect();
    let (width, height) = sheet.dimensions();
    let mut mat = Mat::new_rows_cols_with_bytes_mut::<Vec4b>(height as i32, width as i32, sheet.as_mut())?;
    imgproc::put_text(
        &mut mat,
        &fitting,
        opencv::core::Point::new(left as i32, (top + CAPTION) as i32 - 6),
        imgproc::FONT_HERSHEY_SIMPLEX,
        0.42,
        Scalar::new(225.0, 225.0, 232.0, 255.0),
        1,
        imgproc::LINE_AA,
        false,
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_face_that_nearly_fills_a_broad_picture_is_whole() {
        let points = [(105.0, 5.0), (195.0, 95.0)].map(|(x, y)| Point::new(x, y));
        let cell = Cell {
            picture: RgbaImage::from_pixel(300, 100, Rgba([90, 90, 90, 255])),
            labelled: Vec::new(),
            predicted: points.to_vec(),
            caption: String::new(),
        };
        let face = face(&cell).unwrap();
        // The middle hundred columns, enlarged.
        for point in points {
            let at = Point::new(point.x - 100.0, point.y).resized(2.6, 2.6);
            let pixel = face.get_pixel(at.x.round() as u32, at.y.round() as u32);
            assert!(pixel[0] > pixel[1] + 60, "{point:?}: {pixel:?}");
        }
    }
}
