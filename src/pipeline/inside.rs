//! What a scene holds of the inside of the net: maps of a layer as one picture, pinned maps beside each other, and the crop that they
//! are of. Plain data, and how it is drawn.

use image::{Rgba, RgbaImage};
use serde::{Deserialize, Serialize};

use super::fit::Crop;
use crate::{
    look::{self, Colours, Palette, Range},
    model::{Kernels, LayerMaps},
};

/// What a face looks like from inside the net.
#[derive(Debug, Clone)]
pub struct Inside {
    /// The layer that is looked at; `None` when nobody looks or the file cannot give it.
    pub maps: Option<Atlas>,
    /// The map of that layer that is shown large.
    pub large: Option<(Channel, RgbaImage)>,
    /// The maps that are pinned, as far as the net has them.
    pub pinned: Option<Strip>,
    /// What the net was given of the face.
    pub crop: Crop,
}

/// How one looks at a layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Looking {
    /// Its name; the first layer where the net has none of this name.
    pub layer: Option<String>,
    /// Every map has a range of colours of its own, so that weak ones are seen as well.
    pub each_by_itself: bool,
    /// The maps that say most come first, by their largest magnitude.
    pub strongest_first: bool,
    /// Colours; `None`: as suits the layer.
    pub palette: Option<Palette>,
    /// How they are bent; see [`Colours::new`].
    pub gamma: f32,
    /// Maps that are shown beside each other, whatever layer is looked at.
    pub pins: Vec<Pin>,
}

impl Default for Looking {
    fn default() -> Self {
        Self {
            layer: None,
            each_by_itself: false,
            strongest_first: false,
            palette: None,
            gamma: 1.0,
            pins: Vec::new(),
        }
    }
}

/// Which of a layer's maps are on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnScreen {
    /// Rows of maps that can be seen, the first and the one after the last: only those are drawn.
    pub rows: (usize, usize),
    /// The map that is shown large, by its number.
    pub large: Option<usize>,
}

impl Default for OnScreen {
    fn default() -> Self {
        Self {
            rows: look::ALL_ROWS,
            large: None,
        }
    }
}

impl Looking {
    /// More maps are not pinned at a time.
    pub const MOST_PINS: usize = 8;

    /// The colours for a layer whose values are in this range.
    fn colours(&self, range: Range) -> Colours {
        Colours::new(
            self.palette.unwrap_or_else(|| Palette::suited_to(range)),
            self.gamma,
        )
    }

    /// Pins a map, or takes its pin away. Whether it was done: there may be no more room.
    pub fn pin(&mut self, pin: Pin) -> bool {
        let before = self.pins.len();
        self.pins.retain(|other| *other != pin);
        if self.pins.len() == before {
            if before >= Self::MOST_PINS {
                return false;
            }
            self.pins.push(pin);
        }
        true
    }
}

/// A map that is pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// Its layer.
    pub layer: String,
    /// Its number there, from 0.
    pub number: usize,
}

/// The channels of one layer as one picture, side by side, row by row.
#[derive(Debug, Clone)]
pub struct Atlas {
    /// Name of the layer, such as `conv1`.
    pub layer: String,
    /// `[channels, height, width]` of the layer.
    pub shape: [usize; 3],
    /// Which channels are shown, in the order of their cells.
    pub channels: Vec<Channel>,
    /// Cells in a row.
    pub columns: usize,
    /// Width and height of a cell, pixels of the picture.
    pub cell: (u32, u32),
    /// The row of cells that the picture begins with.
    pub first_row: usize,
    /// Each channel in a cell of its own, as far as its row was to be drawn, ready for upload.
    pub picture: RgbaImage,
}

/// Pinned maps as one picture, side by side, each in a square cell.
#[derive(Debug, Clone)]
pub struct Strip {
    /// What is in the cells.
    pub cells: Vec<(Pin, Channel)>,
    /// All of them.
    pub picture: RgbaImage,
}

/// What is known of a channel that is shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Channel {
    /// Its number, from 0.
    pub number: usize,
    /// Its smallest value.
    pub least: f32,
    /// Its mean.
    pub mean: f32,
    /// Its largest value.
    pub most: f32,
    /// It has been zero everywhere for seconds.
    pub is_dead: bool,
}

impl Channel {
    fn of(number: usize, values: &[f32]) -> Self {
        let (mut count, mut sum) = (0_usize, 0.0_f64);
        let (mut least, mut most) = (f32::INFINITY, f32::NEG_INFINITY);
        for &value in values.iter().filter(|value| value.is_finite()) {
            count += 1;
            sum += f64::from(value);
            least = least.min(value);
            most = most.max(value);
        }
        Self {
            number,
            least,
            mean: (sum / count.max(1) as f64) as f32,
            most,
            is_dead: false,
        }
    }

    /// All of a layer.
    fn all(maps: &LayerMaps) -> Vec<Self> {
        let of = |number| Self::of(number, channel_of(maps, number));
        (0..maps.shape[0]).map(of).collect()
    }

    /// The range of all of them.
    fn range(channels: &[Self]) -> Range {
        let known = channels.iter().filter(|channel| channel.least <= channel.most);
        let both = known.map(|channel| (channel.least, channel.most));
        let (smallest, largest) = both
            .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
            .unwrap_or_default();
        Range { smallest, largest }
    }

    /// Whether it is zero everywhere.
    pub(super) fn is_silent(&self) -> bool {
        self.least == 0.0 && self.most == 0.0
    }

    /// Zero where it has no finite value.
    fn magnitude(&self) -> f32 {
        if self.least > self.most {
            return 0.0;
        }
        self.most.abs().max(self.least.abs())
    }
}

/// Cells in a row of an [`Atlas`]: few, so that a narrow panel shows them large enough to see something.
const ATLAS_COLUMNS: usize = 4;
/// Long side of a cell, in pixels: what a panel of comfortable width has for it.
const ATLAS_CELL_PX: u32 = 64;
/// Layers of more channels than this get a square of smaller cells.
const MANY_CHANNELS: usize = 64;
/// See [`MANY_CHANNELS`].
const SMALL_CELL_PX: u32 = 24;
/// More channels are not drawn: every graphics card takes the picture, and drawing it takes a few milliseconds.
const MOST_CHANNELS: usize = 1024;
/// Side of a pinned map's cell, pixels.
const STRIP_CELL_PX: u32 = 112;

impl Atlas {
    /// Draws the `rows` of a layer's maps that are wanted, in the memory of an older picture where there is one.
    pub fn of(maps: &LayerMaps, looking: &Looking, rows: (usize, usize), old: Option<Self>) -> Self {
        let mut channels = Channel::all(maps);
        if looking.strongest_first {
            channels.sort_by(|a, b| b.magnitude().total_cmp(&a.magnitude()));
        }
        let range = Channel::range(&channels);
        let common = (!looking.each_by_itself).then_some(range);
        Self::drawn(maps, channels, (common, rows), &looking.colours(range), old)
    }

    /// Draws a convolution's filters, with zero in the middle of the colours; those of the largest norm first where that is wished.
    pub fn of_kernels(kernels: &Kernels, each_by_itself: bool, by_norm: bool) -> Self {
        let mut channels = Channel::all(&kernels.maps);
        if by_norm {
            let norm = |channel: &Channel| kernels.norms.get(channel.number).copied().unwrap_or_default();
            channels.sort_by(|a, b| norm(b).total_cmp(&norm(a)));
        }
        let common = (!each_by_itself).then(|| Channel::range(&channels));
        let colours = Colours::of(Palette::PinkGreen);
        Self::drawn(&kernels.maps, channels, (common, look::ALL_ROWS), &colours, None)
    }

    fn drawn(
        maps: &LayerMaps,
        mut channels: Vec<Channel>,
        (common, rows): (Option<Range>, (usize, usize)),
        colours: &Colours,
        old: Option<Self>,
    ) -> Self {
        channels.truncate(MOST_CHANNELS);
        let (columns, cell_px) = if channels.len() > MANY_CHANNELS {
            (look::columns_for(channels.len()), SMALL_CELL_PX)
        } else {
            (ATLAS_COLUMNS.min(channels.len().max(1)), ATLAS_CELL_PX)
        };
        let mut picture = old.map_or_else(RgbaImage::default, |old| old.picture);
        let layout = look::Layout {
            columns,
            cell_px,
            common,
            rows,
        };
        let order: Vec<usize> = channels.iter().map(|channel| channel.number).collect();
        look::atlas_into(maps, &order, layout, colours, &mut picture);
        Self {
            layer: maps.name.clone(),
            shape: maps.shape,
            channels,
            columns,
            cell: look::cell_size((maps.shape[2], maps.shape[1]), cell_px),
            first_row: rows.0,
            picture,
        }
    }

    /// The range of the layer's values.
    pub fn range(&self) -> Range {
        Channel::range(&self.channels)
    }

    /// Rows of cells that there are, drawn or not.
    pub fn rows(&self) -> usize {
        self.channels.len().div_ceil(self.columns)
    }

    /// Whether all rows are drawn.
    pub fn is_whole(&self) -> bool {
        let height = self.rows() as u32 * (self.cell.1 + look::GAP_PX);
        self.first_row == 0 && self.picture.height() + look::GAP_PX >= height
    }
}

impl Looking {
    /// The map `number` of a layer, a pixel a value, in the memory of an older picture where there is one; `None` where there is no such
    /// map. `range` is the layer's.
    pub(super) fn large(
        &self,
        maps: &LayerMaps,
        number: usize,
        range: Range,
        old: Option<RgbaImage>,
    ) -> Option<(Channel, RgbaImage)> {
        if number >= maps.shape[0] {
            return None;
        }
        let (map, [_, height, width]) = (channel_of(maps, number), maps.shape);
        let colours = self.colours(range);
        let range = if self.each_by_itself {
            Range::of(map)
        } else {
            range
        };
        let size = (width as u32, height as u32);
        let mut picture = old
            .filter(|old| old.dimensions() == size)
            .unwrap_or_else(|| RgbaImage::new(size.0, size.1));
        for (pixel, value) in picture.pixels_mut().zip(map) {
            *pixel = Rgba(colours.colour(*value, range));
        }
        Some((Channel::of(number, map), picture))
    }
}

impl Strip {
    /// Draws the pinned maps that are in `layers`, in the memory of an older picture where there is one; `None` where there are none.
    pub fn of(layers: &[LayerMaps], looking: &Looking, old: Option<Self>) -> Option<Self> {
        let pinned = looking.pins.iter().filter_map(|pin| {
            let layer = layers.iter().find(|layer| layer.name == pin.layer)?;
            (pin.number < layer.shape[0]).then_some((pin, layer))
        });
        let pinned: Vec<(&Pin, &LayerMaps)> = pinned.collect();
        if pinned.is_empty() {
            return None;
        }
        let mut picture = old.map_or_else(RgbaImage::default, |old| old.picture);
        let maps = pinned.iter().map(|(pin, layer)| {
            let [_, height, width] = layer.shape;
            let colours = looking.colours(Range::of(&layer.values));
            (channel_of(layer, pin.number), (width, height), colours)
        });
        look::strip_into(maps, STRIP_CELL_PX, &mut picture);
        let cells = pinned.into_iter().map(|(pin, layer)| {
            (
                pin.clone(),
                Channel::of(pin.number, channel_of(layer, pin.number)),
            )
        });
        Some(Self {
            cells: cells.collect(),
            picture,
        })
    }
}

/// The values of a channel.
fn channel_of(maps: &LayerMaps, number: usize) -> &[f32] {
    let [_, height, width] = maps.shape;
    let start = number * height * width;
    maps.values.get(start..start + height * width).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(name: &str, shape: [usize; 3], values: Vec<f32>) -> LayerMaps {
        LayerMaps {
            name: name.into(),
            shape,
            values,
        }
    }

    #[test]
    fn layers_of_any_size_make_pictures_that_every_graphics_card_takes() {
        for shape in [
            [1, 300, 300],
            [16, 218, 218],
            [512, 4, 4],
            [1024, 1, 1],
            [50_176, 1, 1],
            [3000, 9, 2],
        ] {
            let maps = layer("layer", shape, vec![0.5; shape.iter().product()]);
            let atlas = Atlas::of(&maps, &Looking::default(), look::ALL_ROWS, None);
            let (width, height) = atlas.picture.dimensions();
            assert!(
                width.max(height) <= 2048 && atlas.channels.len() <= shape[0],
                "{shape:?}: {width}x{height}"
            );
        }
    }

    #[test]
    fn filters_come_by_number_or_by_norm() {
        let kernels = Kernels {
            maps: layer("conv.weight", [3, 1, 2], vec![0.1, 0.0, -3.0, 0.0, 0.0, 2.0]),
            inputs: 1,
            takes_picture: true,
            norms: vec![0.1, 3.0, 2.0],
            biases: Vec::new(),
        };
        let order = |by_norm| {
            let atlas = Atlas::of_kernels(&kernels, false, by_norm);
            atlas
                .channels
                .iter()
                .map(|channel| channel.number)
                .collect::<Vec<_>>()
        };
        assert_eq!((order(false), order(true)), (vec![0, 1, 2], vec![1, 2, 0]));
    }

    #[test]
    fn what_is_pinned_is_shown_as_far_as_the_net_has_it_and_a_second_time_takes_it_away() {
        let mut looking = Looking::default();
        let pin = |layer: &str, number| Pin {
            layer: layer.into(),
            number,
        };
        for (layer, number) in [("a", 1), ("b", 0), ("gone", 0), ("a", 7)] {
            assert!(looking.pin(pin(layer, number)));
        }
        let layers = [
            layer("a", [2, 1, 1], vec![0.0, 4.0]),
            layer("b", [1, 2, 2], vec![-1.0; 4]),
        ];
        let strip = Strip::of(&layers, &looking, None).unwrap();
        let shown: Vec<_> = strip
            .cells
            .iter()
            .map(|(pin, channel)| (pin.layer.as_str(), channel.most))
            .collect();
        assert_eq!(shown, [("a", 4.0), ("b", -1.0)]);
        assert!(looking.pin(pin("a", 1)) && looking.pins.len() == 3);
        for number in 0..5 {
            assert!(looking.pin(pin("c", number)));
        }
        assert!(!looking.pin(pin("c", 5)), "there is no more room");
        assert_eq!(looking.pins.len(), Looking::MOST_PINS);
        assert!(Strip::of(&layers[..0], &looking, None).is_none());
    }
}
