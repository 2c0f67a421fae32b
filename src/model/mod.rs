//! Weights files: looking into them without running them, loading, and running the net on crops.

pub mod archive;
mod attribution;
pub mod catalogue;
mod contract;
mod device;
mod error;
mod inside;
mod keypoint_model;
mod maps;
mod net;
mod operators;
mod output;
mod pickle;
mod probe;
mod taps;
pub mod trial;

pub use archive::{Archive, ArchiveError};
pub use attribution::Occlusion;
pub use contract::{Contract, ContractError, CropRule, FILE_NAME, FORMAT, Reading, Training};
pub use device::{CudaState, DeviceChoice, DeviceError, prepare_cuda};
pub use error::ModelError;
pub use inside::Looked;
pub use keypoint_model::{KeypointModel, Passes};
pub use maps::{Kernels, LayerMaps};
pub use output::{Certainty, Prediction};
pub use trial::Trial;
