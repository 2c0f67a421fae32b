//! The stage that fits keypoints: face boxes in, faces with keypoints out, all faces of a frame in one batch.
//! Used by the live inference thread and by the commands without a window alike.

use std::time::{Duration, Instant};

use image::GrayImage;

use crate::{
    face::Face,
    geometry::{CropTransform, Rect},
    model::{Contract, KeypointModel, LayerMaps, ModelError},
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
        let crops: Vec<CropTransform> = boxes.iter().map(|b| self.contract().crop_of_face(b)).collect();
        let points = self.fit_crops(grey, &crops)?;
        let both = boxes.iter().zip(points).enumerate();
        Ok(both
            .map(|(index, (&face_box, points))| Face {
                id: index as u32,
                face_box,
                points,
                confidence: None,
            })
            .collect())
    }

    /// Keypoints for every crop, in frame pixels.
    ///
    /// # Errors
    /// When a crop cannot be cut or the net fails.
    pub fn fit_crops(
        &mut self,
        grey: &GrayImage,
        crops: &[CropTransform],
    ) -> Result<Vec<Vec<crate::geometry::Point>>, FitError> {
        let start = Instant::now();
        self.batch.clear();
        for &crop in crops {
            self.batch.push(grey, crop)?;
        }
        let cut = Instant::now();
        self.crop_time = cut - start;
        let points = if crops.is_empty() {
            Vec::new()
        } else {
            self.batch
                .points_in_frame(self.model.predict(self.batch.pixels(), self.batch.len())?)
        };
        self.infer_time = cut.elapsed();
        Ok(points)
    }

    /// Every layer's maps for face `index` of the last frame, with the crop's own pixels (`[side, side]`).
    ///
    /// # Errors
    /// When the net fails.
    pub fn feature_maps(&self, index: usize) -> Result<Vec<LayerMaps>, FitError> {
        Ok(self.model.feature_maps(self.batch.crop_pixels(index))?)
    }
}
