//! What the window shows: one frame with everything that was found in it. Plain data.

use std::{path::PathBuf, sync::Arc, time::Duration};

use image::RgbaImage;
use serde::{Deserialize, Serialize};

use crate::{
    face::Face,
    frame::Frame,
    geometry::{Point, Rect},
    keypoints::PointScheme,
    look::{self, Palette},
    model::{KeypointModel, LayerMaps, Reading},
    overlay::{self, Shape, Style},
};

/// One frame and what belongs to it. Never changed once published; shared by `Arc`.
#[derive(Debug, Clone)]
pub struct Scene {
    /// The picture.
    pub frame: Arc<Frame>,
    /// The faces in this very picture, by id; none without a net.
    pub faces: Vec<Face>,
    /// Which of `faces` the panels look at; `None` when there are none.
    pub chosen: Option<usize>,
    /// What the net sees in the chosen face, when a panel asks for it.
    pub inside: Option<Arc<Inside>>,
    /// What the last search found, which ended before this frame and may be of an earlier one; `None` before the first.
    pub searched: Option<Arc<Searched>>,
    /// The net that made the points; `None` before one is loaded.
    pub net: Option<Arc<NetInfo>>,
    /// What the net beside it sees in the same faces; `None` while there is none.
    pub compared: Option<Arc<Compared>>,
    /// Mean luma of the picture, 0 to 1, where nobody was found in it.
    pub light: Option<f32>,
    /// Time spent on this frame.
    pub times: StageTimes,
}

impl Scene {
    /// What `style` draws over the picture, from the lowest shape to the uppermost.
    pub fn shapes(&self, style: &Style) -> Vec<Shape> {
        let mut shapes = match self.compared.as_ref().filter(|_| style.compared) {
            Some(compared) => overlay::compared_shapes(&compared.points, Some(&compared.net.scheme), style),
            None => Vec::new(),
        };
        let scheme = self.net.as_ref().map(|net| &net.scheme);
        shapes.extend(overlay::shapes(&self.faces, scheme, style));
        shapes
    }
}

/// What a second net sees in the faces of a scene.
#[derive(Debug, Clone)]
pub struct Compared {
    /// The net.
    pub net: Arc<NetInfo>,
    /// Its keypoints for every face, in the order of the scene's, as it gives them: not smoothed. Frame pixels.
    pub points: Vec<Vec<Point>>,
    /// Mean distance of its points from those that the first net gave, in eye distances (outer corners, by the first); `None`
    /// where there is no face or the points of the two do not mean the same.
    pub apart: Option<f32>,
    /// How long it took for all faces, with their crops.
    pub took: Duration,
}

impl Compared {
    /// Mean over `faces` of the distance between their points, as `scheme` says where the eyes are, and `others`, in eye
    /// distances.
    pub(super) fn distance(faces: &[Face], others: &[Vec<Point>], scheme: &PointScheme) -> Option<f32> {
        let apart = faces.iter().zip(others).filter_map(|(face, other)| {
            let (left, right) = scheme.eyes(&face.raw_points)?;
            let eyes = left.distance(right);
            if other.len() != face.raw_points.len() || eyes <= 0.0 {
                return None;
            }
            let both = face.raw_points.iter().zip(other);
            Some(both.map(|(a, b)| a.distance(*b)).sum::<f32>() / (other.len() as f32 * eyes))
        });
        let apart: Vec<f32> = apart.collect();
        (!apart.is_empty()).then(|| apart.iter().sum::<f32>() / apart.len() as f32)
    }
}

/// What came of a search, to look at; frame pixels.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Searched {
    /// Boxes that a face's keypoints are expected to fill. Not all of them are faces.
    pub finds: Vec<Rect>,
    /// Eyes in them, where they are looked for.
    pub eyes: Vec<Rect>,
    /// How long it took.
    pub cost: Duration,
}

/// What a face looks like from inside the net.
#[derive(Debug, Clone)]
pub struct Inside {
    /// The first layer's output for the face's crop; `None` when the file cannot give it.
    pub maps: Option<Atlas>,
}

/// How one looks at a layer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Looking {
    /// Its name; the first layer where the net has none of this name.
    pub layer: Option<String>,
    /// Every map has a range of colours of its own, so that weak ones are seen as well.
    pub each_by_itself: bool,
    /// The maps that say most come first, by their largest magnitude.
    pub strongest_first: bool,
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
    /// Each channel in a cell of its own, ready for upload.
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
        let finite = || values.iter().copied().filter(|value| value.is_finite());
        let (count, sum) = finite().fold((0_usize, 0.0_f64), |(count, sum), v| {
            (count + 1, sum + f64::from(v))
        });
        Self {
            number,
            least: finite().fold(f32::INFINITY, f32::min),
            mean: (sum / count.max(1) as f64) as f32,
            most: finite().fold(f32::NEG_INFINITY, f32::max),
            is_dead: false,
        }
    }

    /// Whether it is zero everywhere.
    pub(super) fn is_silent(&self) -> bool {
        self.least == 0.0 && self.most == 0.0
    }

    fn magnitude(&self) -> f32 {
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

impl Atlas {
    /// Draws a layer's filters or maps, in the memory of an older picture where there is one.
    pub fn of(maps: &LayerMaps, looking: &Looking, old: Option<Self>) -> Self {
        let [count, height, width] = maps.shape;
        let area = (height * width).max(1);
        let values = |number: usize| {
            let start = number * area;
            maps.values.get(start..start + area).unwrap_or_default()
        };
        let mut channels: Vec<Channel> = (0..count)
            .map(|number| Channel::of(number, values(number)))
            .collect();
        if looking.strongest_first {
            channels.sort_by(|a, b| b.magnitude().total_cmp(&a.magnitude()));
        }
        channels.truncate(MOST_CHANNELS);
        let (columns, cell_px) = if channels.len() > MANY_CHANNELS {
            (look::columns_for(channels.len()), SMALL_CELL_PX)
        } else {
            (ATLAS_COLUMNS.min(channels.len().max(1)), ATLAS_CELL_PX)
        };
        let mut picture = old.map_or_else(RgbaImage::default, |old| old.picture);
        let layout = look::Layout {
            most: MOST_CHANNELS,
            columns,
            cell_px,
            each_by_itself: looking.each_by_itself,
        };
        let order: Vec<usize> = channels.iter().map(|channel| channel.number).collect();
        look::atlas_into(maps, &order, layout, Palette::suited_to(maps), &mut picture);
        Self {
            layer: maps.name.clone(),
            shape: maps.shape,
            channels,
            columns,
            picture,
        }
    }
}

/// What is known of the net in use.
#[derive(Debug, Clone)]
pub struct NetInfo {
    /// Its name.
    pub name: String,
    /// The file it is from.
    pub path: PathBuf,
    /// Where it runs, such as `cpu`.
    pub device: String,
    /// How its numbers are read, where the file does not say so itself.
    pub assumed: Option<Reading>,
    /// What its points mean.
    pub scheme: PointScheme,
    /// Kernels of the convolutions, the first one's first; none when the file does not show them.
    pub filters: Vec<Atlas>,
    /// Names and shapes, `[channels, height, width]`, of the layers that can be looked at, in the order of their work.
    pub layers: Vec<(String, [usize; 3])>,
    /// Why none can be, where that is so.
    pub closed: Option<String>,
}

impl NetInfo {
    /// What is known of a net from a file.
    pub(super) fn of(model: &KeypointModel, path: PathBuf) -> Self {
        Self {
            name: model.contract().name.clone(),
            path,
            device: model.device(),
            assumed: model.is_assumed().then(|| model.contract().reading()),
            scheme: model.contract().scheme.clone(),
            filters: model
                .filters()
                .iter()
                .map(|filters| Atlas::of(filters, &Looking::default(), None))
                .collect(),
            layers: model.layers_shown().to_vec(),
            closed: model.why_closed().map(str::to_owned),
        }
    }
}

/// How long each stage took for one frame; zero for a stage that had nothing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StageTimes {
    /// Making the luma.
    pub grey: Duration,
    /// A search for faces that ended before this frame; it ran beside, and no frame waited for it.
    pub detect: Duration,
    /// Cutting crops.
    pub crop: Duration,
    /// The net, with the maps of its layers when a panel shows them.
    pub infer: Duration,
    /// The net that is compared.
    pub compare: Duration,
    /// Drawing the maps.
    pub look: Duration,
}

impl StageTimes {
    /// The stages by name, in the order in which a frame goes through them.
    pub fn by_name(&self) -> [(&'static str, Duration); 6] {
        [
            ("grey", self.grey),
            ("detect", self.detect),
            ("crop", self.crop),
            ("infer", self.infer),
            ("compare", self.compare),
            ("look", self.look),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_two_nets_are_apart_is_told_in_eye_distances() {
        let scheme = PointScheme {
            inter_ocular: vec![0, 1],
            ..PointScheme::unnamed(2)
        };
        let face = Face {
            id: 0,
            face_box: Rect::new(0.0, 0.0, 10.0, 10.0),
            points: Vec::new(),
            raw_points: vec![Point::new(0.0, 0.0), Point::new(10.0, 0.0)],
            confidence: None,
            spread: Vec::new(),
        };
        let other = vec![Point::new(0.0, 1.0), Point::new(13.0, 0.0)];
        let faces = [face];
        let apart = |others: &[Vec<Point>]| Compared::distance(&faces, others, &scheme);
        let others = [other];
        assert_eq!(apart(&others), Some(0.2));
        assert_eq!(apart(&[vec![Point::default()]]), None, "another number of points");
        assert_eq!(Compared::distance(&[], &[], &scheme), None);
        assert_eq!(
            Compared::distance(&faces, &others, &PointScheme::unnamed(2)),
            None
        );
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
            let maps = LayerMaps {
                name: "layer".into(),
                shape,
                values: vec![0.5; shape.iter().product()],
            };
            let atlas = Atlas::of(&maps, &Looking::default(), None);
            let (width, height) = atlas.picture.dimensions();
            assert!(
                width.max(height) <= 2048 && atlas.channels.len() <= shape[0],
                "{shape:?}: {width}x{height}"
            );
        }
    }
}
