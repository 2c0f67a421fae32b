//! The stage that fits keypoints: face boxes in, faces with keypoints out, all faces of a frame in one batch.
//! Used by the live inference thread and by the commands without a window alike.

use std::{
    mem::take,
    time::{Duration, Instant},
};

use image::GrayImage;

use crate::{
    detect::track::{Look, unit},
    face::Face,
    geometry::{CropTransform, FaceBox, Point},
    model::{Contract, KeypointModel, LayerMaps, ModelError, Prediction, Reading},
    transform::{
        TransformError,
        crop::{self, CropBatch},
    },
};

/// Why keypoints could not be fitted.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// A crop could not be cut.
    #[error(transparent)]
    Crop(#[from] TransformError),
    /// The net failed.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// Fields in a row of a face's patch: enough to tell two faces apart, too coarse to mind an expression.
const PATCH_SIDE: usize = 14;
/// A face that moved faster than it was led is sought this far off, in fields: its own size and a half.
const SEEK_FIELDS: usize = 17;

/// What a net gets to see of a face.
#[derive(Debug, Clone, PartialEq)]
pub struct Crop {
    /// `[side, side]`, grey 0..1.
    pub pixels: Vec<f32>,
    /// Where it is in the frame.
    pub transform: CropTransform,
}

/// What there is to be seen of a face that is looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Sight {
    /// What the layers make of it that are looked at, as far as the net has them.
    pub maps: Vec<LayerMaps>,
    /// What the net is given.
    pub crop: Crop,
}

/// A net and the buffers it is fed from.
#[derive(Debug)]
pub struct KeypointFitter {
    model: KeypointModel,
    batch: CropBatch,
    /// Names of the layers that are looked at.
    layers: Vec<String>,
    /// Values of maps that are not needed any more.
    maps_memory: Vec<Vec<f32>>,
    /// The same of a crop.
    crop_memory: Vec<f32>,
    /// Time spent cutting crops since [`Self::take_times`].
    crop_time: Duration,
    /// Time spent in the net since then.
    infer_time: Duration,
}

impl KeypointFitter {
    /// A fitter with a net of its own.
    pub fn new(model: KeypointModel) -> Self {
        Self {
            model,
            batch: CropBatch::default(),
            layers: Vec::new(),
            maps_memory: Vec::new(),
            crop_memory: Vec::new(),
            crop_time: Duration::ZERO,
            infer_time: Duration::ZERO,
        }
    }

    /// The net.
    pub fn model(&self) -> &KeypointModel {
        &self.model
    }

    /// Looks at these layers from now on, as far as the net has them.
    pub fn look_at_layers(&mut self, layers: Vec<String>) {
        self.layers = layers;
    }

    /// Reads the net's numbers in another way.
    ///
    /// # Errors
    /// When it cannot be read so.
    pub fn read_as(&mut self, reading: Reading) -> Result<(), ModelError> {
        self.model.read_as(reading)
    }

    /// What the net needs and gives.
    pub fn contract(&self) -> &Contract {
        self.model.contract()
    }

    /// Time spent on cutting crops, and in the net, since the last call.
    pub fn take_times(&mut self) -> (Duration, Duration) {
        (take(&mut self.crop_time), take(&mut self.infer_time))
    }

    /// Takes back what is not needed any more; its memory serves the next.
    pub fn take_back(&mut self, maps: Vec<LayerMaps>, crop: Option<Crop>) {
        // The next of the first layer is taken from the end.
        self.maps_memory = maps.into_iter().rev().map(|maps| maps.values).collect();
        if let Some(crop) = crop {
            self.crop_memory = crop.pixels;
        }
    }

    /// Faces for boxes of a picture that has nothing to do with another one: in the order of the boxes, ids are their
    /// indices, points are not smoothed.
    ///
    /// # Errors
    /// When a crop cannot be cut or the net fails.
    pub fn fit(&mut self, grey: &GrayImage, boxes: &[FaceBox]) -> Result<Vec<Face>, FitError> {
        let (looks, _) = self.look(grey, boxes, None)?;
        let both = boxes.iter().zip(looks).enumerate();
        let faces = both.map(|(index, (face_box, look))| Face {
            id: index as u32,
            face_box: face_box.bounds(),
            raw_points: look.points.clone(),
            points: look.points,
            confidence: look.confidence,
            spread: look.spread,
        });
        Ok(faces.collect())
    }

    /// What the net sees in every box, and what there is to be seen of box `looked_at`.
    ///
    /// # Errors
    /// As [`Self::fit`].
    pub fn look(
        &mut self,
        grey: &GrayImage,
        boxes: &[FaceBox],
        looked_at: Option<usize>,
    ) -> Result<(Vec<Look>, Option<Sight>), FitError> {
        let crops: Vec<CropTransform> = boxes.iter().map(|b| self.contract().crop_of_face(b)).collect();
        let (predictions, sight) = self.predictions(grey, &crops, looked_at)?;
        let looks = predictions.into_iter().enumerate().map(|(index, prediction)| {
            let (confidence, spread) = prediction
                .certainty
                .map_or((None, Vec::new()), |sure| (Some(sure.confidence), sure.spread));
            Look {
                region: boxes[index],
                points: prediction.points,
                confidence,
                spread,
                patch: unit(self.batch.fields(index, PATCH_SIDE)),
            }
        });
        Ok((looks.collect(), sight))
    }

    /// Where `patch`, which a face looked like, is found best round `region`.
    ///
    /// # Errors
    /// When a crop cannot be cut.
    pub fn seek(&mut self, grey: &GrayImage, region: &FaceBox, patch: &[f32]) -> Result<FaceBox, FitError> {
        let start = Instant::now();
        let near = self.contract().crop_of_face(region);
        // As many fields wider as the search goes beyond the crop, in pixels of one field each.
        let fields = PATCH_SIDE + 2 * SEEK_FIELDS;
        let wide = CropTransform {
            extent: near.extent * fields as f32 / PATCH_SIDE as f32,
            side: fields as u32,
            ..near
        };
        let picture = crop::cut(grey, &wide)?;
        let (x, y) = best_place(&picture, patch);
        let from = wide.frame_from_crop(Point::new(SEEK_FIELDS as f32, SEEK_FIELDS as f32));
        let to = wide.frame_from_crop(Point::new(x as f32, y as f32));
        self.crop_time += start.elapsed();
        Ok(FaceBox {
            centre: Point::new(region.centre.x + to.x - from.x, region.centre.y + to.y - from.y),
            ..*region
        })
    }

    /// Keypoints for every crop, in frame pixels.
    ///
    /// # Errors
    /// When a crop cannot be cut or the net fails.
    pub fn fit_crops(
        &mut self,
        grey: &GrayImage,
        crops: &[CropTransform],
    ) -> Result<Vec<Vec<Point>>, FitError> {
        let (predictions, _) = self.predictions(grey, crops, None)?;
        Ok(predictions
            .into_iter()
            .map(|prediction| prediction.points)
            .collect())
    }

    /// What the net says of every crop, with keypoints and their spread in frame pixels, and what there is to be seen of crop
    /// `looked_at`.
    fn predictions(
        &mut self,
        grey: &GrayImage,
        crops: &[CropTransform],
        looked_at: Option<usize>,
    ) -> Result<(Vec<Prediction>, Option<Sight>), FitError> {
        // What has nothing to do takes no time, and says nothing of the net's speed.
        if crops.is_empty() {
            return Ok((Vec::new(), None));
        }
        let start = Instant::now();
        self.batch.clear();
        for &crop in crops {
            self.batch.push(grey, crop)?;
        }
        let cut = Instant::now();
        self.crop_time += cut - start;
        let (pixels, count) = (self.batch.pixels(), self.batch.len());
        let (mut predictions, sight) = match looked_at {
            Some(index) => {
                let layers: Vec<&str> = self.layers.iter().map(String::as_str).collect();
                let memory = &mut self.maps_memory;
                let (predictions, maps) = self
                    .model
                    .predict_and_look(pixels, count, index, &layers, memory)?;
                let mut seen = take(&mut self.crop_memory);
                seen.clear();
                let length = pixels.len() / count;
                seen.extend_from_slice(&pixels[index * length..(index + 1) * length]);
                let crop = Crop {
                    pixels: seen,
                    transform: crops[index],
                };
                (predictions, Some(Sight { maps, crop }))
            }
            None => (self.model.predict(pixels, count)?, None),
        };
        for (prediction, crop) in predictions.iter_mut().zip(crops) {
            for point in &mut prediction.points {
                *point = crop.frame_from_crop(*point);
            }
            for spread in prediction.certainty.iter_mut().flat_map(|sure| &mut sure.spread) {
                *spread *= crop.scale();
            }
        }
        self.infer_time += cut.elapsed();
        Ok((predictions, sight))
    }
}

/// Left top corner of the part of `picture` that correlates best with `patch`, of which each value is a pixel.
fn best_place(picture: &GrayImage, patch: &[f32]) -> (u32, u32) {
    let side = PATCH_SIDE as u32;
    let places =
        (0..=picture.height() - side).flat_map(|y| (0..=picture.width() - side).map(move |x| (x, y)));
    let likeness = |(x, y): (u32, u32)| {
        let (mut sum, mut squares, mut product) = (0.0, 0.0, 0.0);
        for (row, values) in patch.chunks_exact(PATCH_SIDE).enumerate() {
            let start = ((y + row as u32) * picture.width() + x) as usize;
            for (&grey, value) in picture.as_raw()[start..start + PATCH_SIDE].iter().zip(values) {
                let grey = f32::from(grey);
                sum += grey;
                squares += grey * grey;
                product += grey * value;
            }
        }
        // The patch has mean 0 and length 1 already.
        let spread = squares - sum * sum / patch.len() as f32;
        if spread > 0.0 {
            product / spread.sqrt()
        } else {
            0.0
        }
    };
    places
        .map(|place| (place, likeness(place)))
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map_or((0, 0), |(place, _)| place)
}
