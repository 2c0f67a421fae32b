//! All maps of a layer in one picture, as a grid.

use image::{Rgba, RgbaImage};

use super::palette::{Palette, Range};
use crate::model::LayerMaps;

/// Transparent pixels between two maps of an atlas.
pub const GAP_PX: u32 = 2;

/// How maps are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Maps after so many are left out.
    pub most: usize,
    /// Maps in a row.
    pub columns: usize,
    /// Long side of a map's cell, pixels.
    pub cell_px: u32,
    /// Whether every map has a range of values of its own, and not one for all.
    pub each_by_itself: bool,
}

/// All maps of a layer in one grid, row by row, `columns` in a row.
///
/// Each map fills a cell whose long side is `cell_px` pixels: enlarged without smoothing, shrunk by averaging. Gaps of
/// [`GAP_PX`] and unused cells are transparent. All maps share one range of values, so that weak maps look weak.
/// Every input gives a picture of at least 1 x 1: values that are not finite or missing are grey, and a layer without
/// maps is one transparent pixel.
pub fn atlas(maps: &LayerMaps, columns: usize, cell_px: u32, palette: Palette) -> RgbaImage {
    let mut picture = RgbaImage::default();
    let layout = Layout {
        most: usize::MAX,
        columns,
        cell_px,
        each_by_itself: false,
    };
    let order: Vec<usize> = (0..maps.shape[0]).collect();
    atlas_into(maps, &order, layout, palette, &mut picture);
    picture
}

/// As [`atlas`], of the maps in this order, into `picture`, whose memory is used again when it has the right size.
pub fn atlas_into(
    maps: &LayerMaps,
    order: &[usize],
    layout: Layout,
    palette: Palette,
    picture: &mut RgbaImage,
) {
    let [_, height, width] = maps.shape;
    let count = order.len().min(layout.most);
    if count == 0 || height == 0 || width == 0 {
        *picture = RgbaImage::new(1, 1);
        return;
    }
    let columns = layout.columns.clamp(1, count) as u32;
    let rows = (count as u32).div_ceil(columns);
    let long_side = width.max(height) as u32;
    let cell = |side: usize| (layout.cell_px.max(1) * side as u32 / long_side).max(1);
    let (cell_width, cell_height) = (cell(width), cell(height));
    let extent = |cells: u32, cell: u32| cells * cell + (cells - 1) * GAP_PX;
    let size = (extent(columns, cell_width), extent(rows, cell_height));
    if picture.dimensions() == size {
        picture.fill(0);
    } else {
        *picture = RgbaImage::new(size.0, size.1);
    }
    let common = Range::of(&maps.values);
    for (index, &number) in order.iter().take(count).enumerate() {
        let left = (index as u32 % columns) * (cell_width + GAP_PX);
        let top = (index as u32 / columns) * (cell_height + GAP_PX);
        let start = number * width * height;
        let map = maps.values.get(start..start + width * height).unwrap_or_default();
        let range = if layout.each_by_itself {
            Range::of(map)
        } else {
            common
        };
        for y in 0..cell_height {
            for x in 0..cell_width {
                let value = average(
                    map,
                    width,
                    covered(x, cell_width, width),
                    covered(y, cell_height, height),
                );
                picture.put_pixel(left + x, top + y, Rgba(palette.colour(value, range)));
            }
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
        let picture = atlas(&layer, 2, 4, Palette::Sequential);
        assert_eq!(picture.dimensions(), (4 + GAP_PX + 4, 4 + GAP_PX + 4));
        let range = Range::of(&layer.values);
        let colour = |value| Rgba(Palette::Sequential.colour(value, range));
        // Map 0, its right top value; map 1, its left top one; map 2, its right bottom one, which is the largest.
        assert_eq!(*picture.get_pixel(3, 1), colour(1.0));
        assert_eq!(*picture.get_pixel(4 + GAP_PX, 0), colour(4.0));
        assert_eq!(*picture.get_pixel(2, 4 + GAP_PX + 2), colour(11.0));
        assert_eq!(picture.get_pixel(4, 0)[3], 0, "gap");
        assert_eq!(picture.get_pixel(8, 8)[3], 0, "unused cell");
        let mut used = RgbaImage::from_pixel(picture.width(), picture.height(), Rgba([9; 4]));
        let layout = Layout {
            most: 3,
            columns: 2,
            cell_px: 4,
            each_by_itself: false,
        };
        atlas_into(&layer, &[0, 1, 2], layout, Palette::Sequential, &mut used);
        assert_eq!(used, picture, "whatever was in the memory before");
    }

    #[test]
    fn maps_come_in_the_order_asked_for_and_with_a_range_each_where_that_is_wished() {
        let layer = maps([2, 1, 2], vec![0.0, 1.0, 0.0, 100.0]);
        let mut picture = RgbaImage::default();
        let mut layout = Layout {
            most: 2,
            columns: 1,
            cell_px: 2,
            each_by_itself: true,
        };
        let palette = Palette::Sequential;
        atlas_into(&layer, &[1, 0], layout, palette, &mut picture);
        let (first, second) = (picture.get_pixel(1, 0), picture.get_pixel(1, 1 + GAP_PX));
        assert_eq!(first, second, "both are at the end of their own range");
        layout.each_by_itself = false;
        atlas_into(&layer, &[1, 0], layout, palette, &mut picture);
        let common = Range::of(&layer.values);
        assert_eq!(picture.get_pixel(1, 0).0, palette.colour(100.0, common));
        assert_eq!(picture.get_pixel(1, 1 + GAP_PX).0, palette.colour(1.0, common));
    }

    #[test]
    fn shrinking_averages() {
        let layer = maps([1, 2, 4], vec![0.0, 4.0, 8.0, 8.0, 4.0, 0.0, 8.0, 8.0]);
        let picture = atlas(&layer, 1, 2, Palette::Sequential);
        assert_eq!(picture.dimensions(), (2, 1));
        let range = Range::of(&layer.values);
        assert_eq!(picture.get_pixel(0, 0).0, Palette::Sequential.colour(2.0, range));
        assert_eq!(picture.get_pixel(1, 0).0, Palette::Sequential.colour(8.0, range));
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
                let picture = atlas(&layer, columns, cell, Palette::suited_to(&layer));
                assert!(picture.width() > 0 && picture.height() > 0);
            }
        }
    }

    #[test]
    fn columns_make_a_square() {
        assert_eq!([0, 1, 16, 17, 512].map(columns_for), [1, 1, 4, 5, 23]);
    }
}
