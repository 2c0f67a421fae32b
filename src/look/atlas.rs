//! All maps of a layer in one picture, as a grid.

use image::{Rgba, RgbaImage};

use super::palette::{Colours, Range};
use crate::model::LayerMaps;

/// See [`Layout::rows`].
pub const ALL_ROWS: (usize, usize) = (0, usize::MAX);

/// Transparent pixels between two maps of an atlas.
pub const GAP_PX: u32 = 2;

/// How maps are laid out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Layout {
    /// Maps in a row.
    pub columns: usize,
    /// Long side of a map's cell, pixels.
    pub cell_px: u32,
    /// The range of values that all maps share; `None`: every map has one of its own.
    pub common: Option<Range>,
    /// Which rows are drawn, the first and the one after the last, as far as there are so many.
    pub rows: (usize, usize),
}

/// All maps of a layer in one grid, row by row, `columns` in a row.
///
/// Each map fills a cell whose long side is `cell_px` pixels: enlarged without smoothing, shrunk by averaging. Gaps of
/// [`GAP_PX`] and unused cells are transparent. All maps share one range of values, so that weak maps look weak.
/// Every input gives a picture of at least 1 x 1: values that are not finite or missing are grey, and a layer without
/// maps is one transparent pixel.
pub fn atlas(maps: &LayerMaps, columns: usize, cell_px: u32, colours: &Colours) -> RgbaImage {
    let mut picture = RgbaImage::default();
    let layout = Layout {
        columns,
        cell_px,
        common: Some(Range::of(&maps.values)),
        rows: ALL_ROWS,
    };
    let order: Vec<usize> = (0..maps.shape[0]).collect();
    atlas_into(maps, &order, layout, colours, &mut picture);
    picture
}

/// As [`atlas`], of the maps in this order and only of the rows that are to be drawn, into `picture`, whose memory is used again when it
/// has the right size.
pub fn atlas_into(
    maps: &LayerMaps,
    order: &[usize],
    layout: Layout,
    colours: &Colours,
    picture: &mut RgbaImage,
) {
    let [_, height, width] = maps.shape;
    let count = order.len();
    if count == 0 || height == 0 || width == 0 {
        *picture = RgbaImage::new(1, 1);
        return;
    }
    let columns = layout.columns.clamp(1, count) as u32;
    let (first, end) = (layout.rows.0, layout.rows.1.min(count.div_ceil(columns as usize)));
    let rows = end.saturating_sub(first) as u32;
    if rows == 0 {
        *picture = RgbaImage::new(1, 1);
        return;
    }
    let (cell_width, cell_height) = cell_size((width, height), layout.cell_px);
    let extent = |cells: u32, cell: u32| cells * cell + (cells - 1) * GAP_PX;
    let size = (extent(columns, cell_width), extent(rows, cell_height));
    if picture.dimensions() == size {
        picture.fill(0);
    } else {
        *picture = RgbaImage::new(size.0, size.1);
    }
    let drawn = order.iter().skip(first * columns as usize);
    for (index, &number) in drawn.take((rows * columns) as usize).enumerate() {
        let left = (index as u32 % columns) * (cell_width + GAP_PX);
        let top = (index as u32 / columns) * (cell_height + GAP_PX);
        let start = number * width * height;
        let map = maps.values.get(start..start + width * height).unwrap_or_default();
        let range = layout.common.unwrap_or_else(|| Range::of(map));
        let cell = Cell {
            left,
            top,
            width: cell_width,
            height: cell_height,
        };
        draw(map, (width, height), colours, range, cell, picture);
    }
}

/// A map for a strip: its values, its width and height, and its colours. It has a range of values of its own.
pub type StripMap<'a> = (&'a [f32], (usize, usize), Colours);

/// Maps of any layers side by side in cells of `cell_px` by `cell_px` pixels, with gaps as in [`atlas`]; in the memory of `picture` where
/// it has the right size. Maps that are not square leave a part of their cell transparent.
pub fn strip_into<'a>(
    maps: impl ExactSizeIterator<Item = StripMap<'a>>,
    cell_px: u32,
    picture: &mut RgbaImage,
) {
    let (cell_px, count) = (cell_px.max(1), maps.len() as u32);
    let size = (
        (count * (cell_px + GAP_PX)).saturating_sub(GAP_PX).max(1),
        cell_px,
    );
    if picture.dimensions() == size {
        picture.fill(0);
    } else {
        *picture = RgbaImage::new(size.0, size.1);
    }
    for (index, (map, (width, height), colours)) in maps.enumerate() {
        if width == 0 || height == 0 {
            continue;
        }
        let (cell_width, cell_height) = cell_size((width, height), cell_px);
        let cell = Cell {
            left: index as u32 * (cell_px + GAP_PX) + (cell_px - cell_width) / 2,
            top: (cell_px - cell_height) / 2,
            width: cell_width,
            height: cell_height,
        };
        draw(map, (width, height), &colours, Range::of(map), cell, picture);
    }
}

/// Size in pixels of a map whose long side gets `cell_px` of them.
pub fn cell_size((width, height): (usize, usize), cell_px: u32) -> (u32, u32) {
    let long_side = width.max(height).max(1) as u128;
    // No more than `cell_px`, which is 32 bits.
    let cell = |side: usize| ((u128::from(cell_px.max(1)) * side as u128 / long_side) as u32).max(1);
    (cell(width), cell(height))
}

/// Where a map is drawn, pixels.
struct Cell {
    left: u32,
    top: u32,
    width: u32,
    height: u32,
}

/// Draws a map of `width` x `height` values, at least one, into a cell of a picture.
fn draw(
    map: &[f32],
    (width, height): (usize, usize),
    colours: &Colours,
    range: Range,
    cell: Cell,
    picture: &mut RgbaImage,
) {
    for y in 0..cell.height {
        for x in 0..cell.width {
            let value = average(
                map,
                width,
                covered(x, cell.width, width),
                covered(y, cell.height, height),
            );
            picture.put_pixel(cell.left + x, cell.top + y, Rgba(colours.colour(value, range)));
        }
    }
}

/// As many columns as make the atlas of `count` maps about square.
pub fn columns_for(count: usize) -> usize {
    (count as f64).sqrt().ceil().max(1.0) as usize
}

/// Which of `from` values pixel `at` of `to` pixels stands for; at least one.
fn covered(at: u32, to: u32, from: usize) -> std::ops::Range<usize> {
    let edge = |at: u32| at as usize * from / to as usize;
    edge(at)..edge(at + 1).max(edge(at) + 1)
}

/// The mean of the finite values in a part of a map; not a number where there are none.
fn average(map: &[f32], width: usize, columns: std::ops::Range<usize>, rows: std::ops::Range<usize>) -> f32 {
    let (mut sum, mut count) = (0.0, 0);
    for row in rows {
        let line = map.get(row * width..(row + 1) * width).unwrap_or_default();
        for value in line.get(columns.clone()).unwrap_or_default() {
            if value.is_finite() {
                sum += f64::from(*value);
                count += 1;
            }
        }
    }
    (sum / f64::from(count)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::Palette;

    fn maps(shape: [usize; 3], values: Vec<f32>) -> LayerMaps {
        LayerMaps {
            name: "layer".into(),
            shape,
            values,
        }
    }

    #[test]
    fn every_map_gets_a_cell_and_gaps_stay_transparent() {
        let layer = maps([3, 2, 2], (0..12).map(|v| v as f32).collect());
        let colours = Colours::of(Palette::Magma);
        let picture = atlas(&layer, 2, 4, &colours);
        assert_eq!(picture.dimensions(), (4 + GAP_PX + 4, 4 + GAP_PX + 4));
        let range = Range::of(&layer.values);
        let colour = |value| Rgba(colours.colour(value, range));
        // Map 0, its right top value; map 1, its left top one; map 2, its right bottom one, which is the largest.
        assert_eq!(*picture.get_pixel(3, 1), colour(1.0));
        assert_eq!(*picture.get_pixel(4 + GAP_PX, 0), colour(4.0));
        assert_eq!(*picture.get_pixel(2, 4 + GAP_PX + 2), colour(11.0));
        assert_eq!(picture.get_pixel(4, 0)[3], 0, "gap");
        assert_eq!(picture.get_pixel(8, 8)[3], 0, "unused cell");
        let mut used = RgbaImage::from_pixel(picture.width(), picture.height(), Rgba([9; 4]));
        let layout = Layout {
            columns: 2,
            cell_px: 4,
            common: Some(range),
            rows: ALL_ROWS,
        };
        atlas_into(&layer, &[0, 1, 2], layout, &colours, &mut used);
        assert_eq!(used, picture, "whatever was in the memory before");
        let second = Layout {
            rows: (1, 7),
            ..layout
        };
        atlas_into(&layer, &[0, 1, 2], second, &colours, &mut used);
        let below = image::imageops::crop_imm(&picture, 0, 4 + GAP_PX, picture.width(), 4).to_image();
        assert_eq!(used, below, "the second row alone");
    }

    #[test]
    fn maps_come_in_the_order_asked_for_and_with_a_range_each_where_that_is_wished() {
        let layer = maps([2, 1, 2], vec![0.0, 1.0, 0.0, 100.0]);
        let mut picture = RgbaImage::default();
        let mut layout = Layout {
            columns: 1,
            cell_px: 2,
            common: None,
            rows: ALL_ROWS,
        };
        let colours = Colours::of(Palette::Magma);
        atlas_into(&layer, &[1, 0], layout, &colours, &mut picture);
        let (first, second) = (picture.get_pixel(1, 0), picture.get_pixel(1, 1 + GAP_PX));
        assert_eq!(first, second, "both are at the end of their own range");
        let common = Range::of(&layer.values);
        layout.common = Some(common);
        atlas_into(&layer, &[1, 0], layout, &colours, &mut picture);
        assert_eq!(picture.get_pixel(1, 0).0, colours.colour(100.0, common));
        assert_eq!(picture.get_pixel(1, 1 + GAP_PX).0, colours.colour(1.0, common));
    }

    #[test]
    fn shrinking_averages() {
        let layer = maps([1, 2, 4], vec![0.0, 4.0, 8.0, 8.0, 4.0, 0.0, 8.0, 8.0]);
        let colours = Colours::of(Palette::Magma);
        let picture = atlas(&layer, 1, 2, &colours);
        assert_eq!(picture.dimensions(), (2, 1));
        let range = Range::of(&layer.values);
        assert_eq!(picture.get_pixel(0, 0).0, colours.colour(2.0, range));
        assert_eq!(picture.get_pixel(1, 0).0, colours.colour(8.0, range));
    }

    #[test]
    fn odd_input_gives_a_picture_all_the_same() {
        for (shape, values) in [
            ([0, 5, 5], vec![]),
            ([2, 0, 0], vec![]),
            ([2, 3, 3], vec![1.0; 4]),
            ([5, 1, 1], vec![f32::NAN; 5]),
            ([1, 1, 900], vec![1.0; 900]),
        ] {
            let layer = maps(shape, values);
            for (columns, cell) in [(0, 0), (1, 1), (100, 7)] {
                let colours = Colours::of(Palette::suited_to(Range::of(&layer.values)));
                let picture = atlas(&layer, columns, cell, &colours);
                assert!(picture.width() > 0 && picture.height() > 0);
            }
        }
    }

    #[test]
    fn a_strip_has_a_cell_for_every_map_whatever_its_shape() {
        let (square, flat) = ([0.0, 1.0, 2.0, 3.0], [-1.0, 5.0]);
        let colours = Colours::of(Palette::Magma);
        let maps: [(&[f32], _); 3] = [(&square, (2, 2)), (&flat, (2, 1)), (&[], (0, 0))];
        let cells = |count| {
            let maps = maps.iter().take(count);
            maps.map(|(map, size)| (*map, *size, colours.clone()))
                .collect::<Vec<_>>()
                .into_iter()
        };
        let mut picture = RgbaImage::default();
        strip_into(cells(3), 4, &mut picture);
        assert_eq!(picture.dimensions(), (3 * 4 + 2 * GAP_PX, 4));
        let left = 4 + GAP_PX;
        assert_eq!(picture.get_pixel(left, 0)[3], 0, "a flat map leaves the top free");
        assert_eq!(picture.get_pixel(left, 1)[3], 255);
        let (last, largest) = (picture.get_pixel(3, 3), picture.get_pixel(left + 3, 2));
        assert_eq!(last, largest, "both are at the end of their own range");
        strip_into(cells(0), 4, &mut picture);
        assert_eq!(picture.dimensions(), (1, 4));
    }

    #[test]
    fn columns_make_a_square() {
        assert_eq!([0, 1, 16, 17, 512].map(columns_for), [1, 1, 4, 5, 23]);
    }
}
