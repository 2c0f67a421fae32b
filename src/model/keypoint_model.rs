//! A loaded net: crops in, keypoints and feature maps out.

use std::path::{Path, PathBuf};

use super::{Contract, DeviceChoice};
use crate::geometry::Point;

/// Why a weights file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// Placeholder until loading is written.
    #[error("cannot load {0}")]
    Load(PathBuf),
}

/// The output of one layer for one crop.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerMaps {
    /// Name of the layer, such as `conv1`.
    pub name: String,
    /// `[channels, height, width]`; a vector's maps are `[n, 1, 1]`.
    pub shape: [usize; 3],
    /// The values, row by row, channel after channel.
    pub values: Vec<f32>,
}

/// A net loaded onto a device. Belongs to one thread.
#[derive(Debug)]
pub struct KeypointModel {
    contract: Contract,
}

impl KeypointModel {
    /// Loads the file, checks it, and warms it up for batches of 1 to 4 faces on the calling thread.
    ///
    /// # Errors
    /// Says what is wrong with the file and what to do.
    pub fn load(path: &Path, _device: DeviceChoice) -> Result<Self, ModelError> {
        Err(ModelError::Load(path.to_path_buf()))
    }

    /// What the net needs and gives.
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// Name of the device that it runs on, such as `cpu` or `cuda:0`.
    pub fn device(&self) -> String {
        String::new()
    }

    /// Keypoints of `count` crops (`[count, 1, side, side]`, grey 0..1), in crop pixels, by one forward pass.
    ///
    /// # Errors
    /// When the net fails or gives something other than its contract says.
    pub fn predict(&self, _pixels: &[f32], _count: usize) -> Result<Vec<Vec<Point>>, ModelError> {
        Ok(Vec::new())
    }

    /// Every layer's output for one crop (`[1, side, side]`); empty when the file cannot give them.
    ///
    /// # Errors
    /// When the net fails.
    pub fn feature_maps(&self, _pixels: &[f32]) -> Result<Vec<LayerMaps>, ModelError> {
        Ok(Vec::new())
    }

    /// The kernels of the first convolution, `[filters, height, width]` (first input channel); `None` when the file
    /// holds no parameter of that shape.
    pub fn first_filters(&self) -> Option<LayerMaps> {
        None
    }
}
