//! Weights files: looking into them without running them, loading, and running the net on crops.

mod contract;
mod device;
mod keypoint_model;

pub use contract::{Contract, ContractError, CropRule, FILE_NAME, FORMAT, OutputScale, Training};
pub use device::DeviceChoice;
pub use keypoint_model::{KeypointModel, LayerMaps, ModelError};
