//! What the window shows: one frame with everything that was found in it. Plain data.

use std::{path::PathBuf, sync::Arc, time::Duration};

use super::inside::Inside;
use crate::{
    face::Face,
    frame::Frame,
    geometry::{Point, Rect},
    keypoints::PointScheme,
    model::{Archive, Kernels, KeypointModel, Reading},
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

/// What is known of the net in use.
#[derive(Debug, Clone)]
pub struct NetInfo {
    /// Its name.
    pub name: String,
    /// The file it is from.
    pub path: PathBuf,
    /// The file as it was read: what is on the disk may be another one by now.
    pub archive: Arc<Archive>,
    /// Where it runs, such as `cpu`.
    pub device: String,
    /// How its numbers are read, where the file does not say so itself.
    pub assumed: Option<Reading>,
    /// What its points mean.
    pub scheme: PointScheme,
    /// Kernels of the convolutions, the first one's first; none when the file does not show them.
    pub filters: Vec<Kernels>,
    /// The layers that can be looked at, in the order of their work.
    pub layers: Vec<Layer>,
    /// Why none can be, where that is so.
    pub closed: Option<String>,
}

impl NetInfo {
    /// The layer of this name; the first where there is none, and `None` where there are no layers.
    pub fn layer(&self, name: Option<&str>) -> Option<&Layer> {
        let named = self.layers.iter().find(|layer| Some(layer.name.as_str()) == name);
        named.or(self.layers.first())
    }

    /// What is known of a net from a file, given how long its layers take.
    pub(super) fn of(
        model: &KeypointModel,
        path: PathBuf,
        archive: Arc<Archive>,
        times: Vec<Option<Duration>>,
    ) -> Self {
        let mut times = times.into_iter();
        Self {
            name: model.contract().name.clone(),
            path,
            archive,
            device: model.device(),
            assumed: model.is_assumed().then(|| model.contract().reading()),
            scheme: model.contract().scheme.clone(),
            filters: model.filters(),
            layers: model
                .layers_shown()
                .iter()
                .map(|(name, shape)| Layer {
                    name: name.clone(),
                    shape: *shape,
                    multiply_adds: model.multiply_adds(name),
                    time: times.next().flatten(),
                })
                .collect(),
            closed: model.why_closed().map(str::to_owned),
        }
    }
}

/// A layer that can be looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Its place in the net, such as `stage1.0.conv1`.
    pub name: String,
    /// `[channels, height, width]` for one crop.
    pub shape: [usize; 3],
    /// Multiplications with additions for one crop, where that is known.
    pub multiply_adds: Option<u64>,
    /// What it takes for one crop, with the layers within it, as measured when the net was loaded; where that is known.
    pub time: Option<Duration>,
}

/// How long each stage took for one frame; zero for a stage that had nothing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StageTimes {
    /// Making the luma.
    pub grey: Duration,
    /// A search for faces that ended before this frame; it ran beside; only where frames take very long has this one waited for it.
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
pub(super) mod tests {
    use super::*;
    use image::RgbaImage;
    use std::time::Instant;

    /// A scene without faces, of the frame of this number at this time of its source.
    pub(crate) fn empty(sequence: u64, source_time: Duration) -> Scene {
        let frame = Frame {
            picture: RgbaImage::new(8, 8),
            sequence,
            opening: 1,
            captured_at: Instant::now(),
            source: "test".into(),
            source_time,
        };
        Scene {
            frame: Arc::new(frame),
            faces: Vec::new(),
            chosen: None,
            inside: None,
            searched: None,
            net: None,
            compared: None,
            light: None,
            times: StageTimes::default(),
        }
    }

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
}
