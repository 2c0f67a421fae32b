//! The stage that fits keypoints: face boxes in, faces with keypoints out, all faces of a frame in one batch.
//! Used by the live inference thread and by the commands without a window alike.

use std::time::{Duration, Instant};

use image::GrayImage;

use crate::{
    face::Face,
    geometry::{CropTransform, Point, Rect},
    model::{Contract, KeypointModel, LayerMaps, ModelError, Prediction},
    transform::{TransformError, crop::CropBatch},
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

/// A net and the buffers it is fed from.
#[derive(Debug)]
pub struct KeypointFitter {
    model: KeypointModel,
    batch: CropBatch,
    /// Time spent cutting crops for the last frame.
    pub crop_time: Duration,
    /// Time spent in the net for the last frame.
    pub infer_time: Duration,
}

impl KeypointFitter {
    /// A fitter with a net of its own.
    pub fn new(model: KeypointModel) -> Self {
        Self {
            model,
            batch: CropBatch::default(),
            crop_time: Duration::ZERO,
            infer_time: Duration::ZERO,
        }
    }

    /// The net.
    pub fn model(&self) -> &KeypointModel {
        &self.model
    }

    /// What the net needs and gives.
    pub fn contract(&self) -> &Contract {
        self.model.contract()
    }

    /// Keypoints for every box, in frame pixels, in the order of the boxes; ids are their indices.
    ///
    /// # Errors
    /// When a crop cannot be cut or the net fails.
    pub fn fit(&mut self, grey: &GrayImage, boxes: &[Rect]) -> Result<Vec<Face>, FitError> {
        Ok(self.fit_and_look(grey, boxes, None)?.0)
    }

    /// As [`Self::fit`], and with it what the net's first layer makes of box `looked_at`, where the file can say.
    ///
    /// # Errors
    /// As [`Self::fit`].
    pub fn fit_and_look(
        &mut self,
        grey: &GrayImage,
        boxes: &[Rect],
        looked_at: Option<usize>,
    ) -> Result<(Vec<Face>, Option<LayerMaps>), FitError> {
        let crops: Vec<CropTransform> = boxes.iter().map(|b| self.contract().crop_of_face(b)).collect();
        let (predictions, maps) = self.predictions(grey, &crops, looked_at)?;
        let both = boxes.iter().zip(predictions).enumerate();
        let faces = both.map(|(index, (&face_box, prediction))| Face {
            id: index as u32,
            face_box,
            points: prediction.points,
            confidence: prediction.certainty.map(|certainty| certainty.confidence),
        });
        Ok((faces.collect(), maps))
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

    /// What the net says of every crop, with keypoints in frame pixels, and the first layer's maps for crop `looked_at`.
    fn predictions(
        &mut self,
        grey: &GrayImage,
        crops: &[CropTransform],
        looked_at: Option<usize>,
    ) -> Result<(Vec<Prediction>, Option<LayerMaps>), FitError> {
        let start = Instant::now();
        self.batch.clear();
        for &crop in crops {
            self.batch.push(grey, crop)?;
        }
        let cut = Instant::now();
        self.crop_time = cut - start;
        let (pixels, count) = (self.batch.pixels(), self.batch.len());
        let (mut predictions, maps) = match looked_at {
            Some(index) => self.model.predict_and_look(pixels, count, index)?,
            None => (self.model.predict(pixels, count)?, None),
        };
        for (prediction, crop) in predictions.iter_mut().zip(crops) {
            for point in &mut prediction.points {
                *point = crop.frame_from_crop(*point);
            }
        }
        self.infer_time = cut.elapsed();
        Ok((predictions, maps))
    }
}
