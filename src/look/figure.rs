//! Figures for paper and screen: pictures in cells with labels, a title, and a bar that says what colours mean.

use image::{RgbImage, Rgba, RgbaImage, imageops};
use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::palette::{Colours, Range};
use crate::font;

/// Width of a figure, pixels; its height is as it comes.
const WIDTH: u32 = 1800;
/// Room at the edges, and between cells, pixels.
const EDGE: u32 = 36;
/// See [`EDGE`].
const GAP: u32 = 12;
/// Height of the title, and of the line below it, pixels of their letters.
const TITLE: u32 = 34;
/// See [`TITLE`].
const NOTE: u32 = 22;
/// Height of labels, pixels of their letters; narrower cells than this have none.
const LABEL: u32 = 17;
/// See [`LABEL`].
const NARROWEST_LABELLED: u32 = 40;
/// Pictures that are no wider than this are made of values that one wants to see, pixels.
const LARGEST_OF_VALUES: u32 = 128;
/// A single picture is not higher than this, pixels.
const HIGHEST: u32 = 1400;
/// Below the title there is so much room at least, for the bar with its numbers.
const LEAST_BODY: u32 = 120;
/// Side of a map of a single value, pixels.
const SINGLE_VALUE: u32 = 64;
/// Width of the bar of colours with its numbers, pixels.
const BAR: u32 = 150;
/// Width of the bar itself.
const BAR_COLOURS: u32 = 26;
/// It is not higher than this.
const BAR_HEIGHT: u32 = 420;
/// Grey of labels.
const GREY: RGBColor = RGBColor(90, 90, 96);

/// What is drawn.
pub struct Figure<'a> {
    /// What it is.
    pub title: &'a str,
    /// What one has to know to read it.
    pub note: &'a str,
    /// The pictures, all of the shape of the first, with a label each.
    pub cells: Vec<(RgbaImage, String)>,
    /// Cells in a row.
    pub columns: usize,
    /// What colours stand for, where they do.
    pub bar: Option<(Colours, Range)>,
}

/// Why a figure could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("the figure could not be drawn: {0}")]
pub struct FigureError(String);

impl Figure<'_> {
    /// Draws it. Maps and filters are enlarged without smoothing, as far as whole numbers of pixels go; photographs smoothly.
    ///
    /// # Errors
    /// When there is nothing to draw, or drawing text fails.
    pub fn draw(&self) -> Result<RgbImage, FigureError> {
        let first = self.cells.first().map(|(picture, _)| picture.dimensions());
        let (from_width, from_height) = first
            .filter(|(width, height)| *width > 0 && *height > 0)
            .ok_or_else(|| FigureError("it has no pictures".into()))?;
        let columns = self.columns.clamp(1, self.cells.len()) as u32;
        let room = WIDTH - 2 * EDGE - if self.bar.is_some() { BAR } else { 0 };
        let columns = columns.min(room / 2);
        let rows = (self.cells.len() as u32).div_ceil(columns);
        // Where there are very many, gaps must not take all of the room.
        let gap = GAP.min(room / (3 * columns)).max(1);
        let most = (room.saturating_sub((columns - 1) * gap) / columns).max(1);
        // Small pictures are made of values, each of which gets as many whole pixels; others are photographs.
        let is_of_values = from_width <= LARGEST_OF_VALUES;
        let wanted = if is_of_values && most >= from_width {
            let most_a_value = if from_width == 1 { SINGLE_VALUE } else { most };
            (most.min(most_a_value * from_width)) / from_width * from_width
        } else {
            most
        };
        // A picture that is far higher than wide is as high as is bearable.
        let height_of =
            |width: u32| (u64::from(width) * u64::from(from_height) / u64::from(from_width)).max(1);
        let highest = u64::from(HIGHEST);
        let cell_width = if height_of(wanted) > highest {
            (highest * u64::from(from_width) / u64::from(from_height)).max(1) as u32
        } else {
            wanted
        };
        let cell_height = height_of(cell_width).min(highest) as u32;
        let labelled =
            cell_width >= NARROWEST_LABELLED && self.cells.iter().any(|(_, label)| !label.is_empty());
        let label_height = if labelled { LABEL + GAP / 2 } else { 0 };
        let head = EDGE + TITLE + GAP + if self.note.is_empty() { 0 } else { NOTE + GAP } + GAP;
        let body = (rows * (cell_height + label_height + gap) - gap).max(LEAST_BODY);
        let size = (WIDTH, head + body + EDGE);
        let mut canvas = RgbaImage::from_pixel(size.0, size.1, Rgba([255; 4]));
        let place = |index: usize| {
            let (column, row) = (index as u32 % columns, index as u32 / columns);
            let left = EDGE + column * (cell_width + gap);
            (left, head + row * (cell_height + label_height + gap))
        };
        for (index, (picture, _)) in self.cells.iter().enumerate() {
            let (left, top) = place(index);
            let how = if is_of_values && cell_width >= picture.width() {
                imageops::FilterType::Nearest
            } else {
                imageops::FilterType::Triangle
            };
            let picture = imageops::resize(picture, cell_width, cell_height, how);
            imageops::overlay(&mut canvas, &picture, i64::from(left), i64::from(top));
        }
        if let Some((colours, range)) = &self.bar {
            draw_bar(&mut canvas, colours, *range, head, body);
        }
        let mut pixels = image::DynamicImage::ImageRgba8(canvas).into_rgb8();
        let mut write = || -> Result<(), Box<dyn std::error::Error>> {
            font::register();
            let area = BitMapBackend::with_buffer(&mut pixels, size).into_drawing_area();
            let text = |text: &str, (x, y): (u32, u32), height: u32, colour: RGBColor, anchor: HPos| {
                let style = ("sans-serif", height).into_font().color(&colour);
                let style = style.pos(Pos::new(anchor, VPos::Top));
                area.draw_text(text, &style, (x as i32, y as i32))
            };
            text(self.title, (EDGE, EDGE), TITLE, BLACK, HPos::Left)?;
            text(self.note, (EDGE, EDGE + TITLE + GAP), NOTE, GREY, HPos::Left)?;
            if labelled {
                for (index, (_, label)) in self.cells.iter().enumerate() {
                    let (left, top) = place(index);
                    let at = (left + cell_width / 2, top + cell_height + GAP / 4);
                    text(label, at, LABEL, GREY, HPos::Center)?;
                }
            }
            if let Some((colours, range)) = &self.bar {
                let height = body.min(BAR_HEIGHT);
                let (low, high) = colours.ends(*range);
                let x = WIDTH - EDGE - BAR + 2 * GAP + BAR_COLOURS + GAP;
                let marks = [(0.0, high), (0.5, f32::midpoint(low, high)), (1.0, low)];
                for (share, value) in marks {
                    let y = head as f32 + share * (height - LABEL) as f32;
                    text(&format!("{value:.3}"), (x, y as u32), LABEL + 3, GREY, HPos::Left)?;
                }
            }
            area.present()?;
            Ok(())
        };
        write().map_err(|error| FigureError(error.to_string()))?;
        Ok(pixels)
    }
}

fn draw_bar(canvas: &mut RgbaImage, colours: &Colours, range: Range, top: u32, body: u32) {
    let (low, high) = colours.ends(range);
    let height = body.min(BAR_HEIGHT);
    let left = WIDTH - EDGE - BAR + 2 * GAP;
    for y in 0..height {
        let share = y as f32 / (height - 1).max(1) as f32;
        let colour = colours.colour(high + (low - high) * share, range);
        for x in 0..BAR_COLOURS {
            canvas.put_pixel(left + x, top + y, Rgba(colour));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::Palette;

    #[test]
    fn a_figure_has_its_cells_its_words_and_its_bar() {
        let colours = Colours::of(Palette::PinkGreen);
        let cell = RgbaImage::from_pixel(7, 7, Rgba([200, 0, 0, 255]));
        let range = Range {
            smallest: -0.5,
            largest: 1.0,
        };
        let figure = |columns, bar| Figure {
            title: "conv1",
            note: "sixteen filters",
            cells: (0..16).map(|number| (cell.clone(), number.to_string())).collect(),
            columns,
            bar,
        };
        let picture = figure(8, Some((colours.clone(), range))).draw().unwrap();
        assert_eq!(picture.width(), WIDTH);
        let reds = picture.pixels().filter(|pixel| pixel.0 == [200, 0, 0]).count();
        let side = ((WIDTH - 2 * EDGE - BAR - 7 * GAP) / 8 / 7 * 7) as usize;
        assert_eq!(reds, 16 * side * side, "whole pixels each");
        let [r, g, b, _] = colours.colour(1.0, range);
        assert!(
            picture.pixels().any(|pixel| pixel.0 == [r, g, b]),
            "the bar's end"
        );
        let inked = |from: u32, to: u32| {
            (from..to).any(|y| (0..WIDTH).any(|x| picture.get_pixel(x, y).0 != [255; 3]))
        };
        assert!(inked(EDGE, EDGE + TITLE) && inked(EDGE + TITLE + GAP, EDGE + TITLE + GAP + NOTE));
        assert!(figure(40, None).draw().unwrap().height() < picture.height());
        let nothing = Figure {
            cells: Vec::new(),
            ..figure(1, None)
        };
        assert!(nothing.draw().is_err());
    }
}
