//! The filters that see the picture itself, out of a net's parameters: before a run's first step and after any other.

use image::RgbaImage;
use tch::{Device, Kind, Tensor, nn};

use super::{TrainConfig, TrainError};
use crate::{
    look::{self, Colours, Palette, Range},
    model::{DeviceChoice, LayerMaps},
    network::{Architecture, export::ExportError},
};

/// The first layer's filters among the parameters of a net, `[filters, height, width]`.
///
/// # Errors
/// When there are none of this net, or libtorch fails.
pub(super) fn first_of(net: Architecture, parameters: &[(String, Tensor)]) -> Result<LayerMaps, TrainError> {
    let name = net.first_kernels();
    let kernels = parameters.iter().find(|(own, _)| own == name);
    let (_, kernels) = kernels.ok_or_else(|| ExportError::Missing(name.into()))?;
    let kernels = kernels.detach().to_kind(Kind::Float).to_device(Device::Cpu);
    let (filters, _, height, width) = kernels.size4()?;
    Ok(LayerMaps {
        name: name.trim_end_matches(".weight").into(),
        shape: [filters, height, width].map(|side| side as usize),
        values: Vec::try_from(kernels.f_reshape(-1)?)?,
    })
}

/// The first filters of the net that a run of this recipe begins with on a device.
///
/// # Errors
/// When the device, which draws its own numbers, is not there, or libtorch fails.
pub(super) fn untrained(config: &TrainConfig, device: &str, points: usize) -> Result<LayerMaps, TrainError> {
    let choice: DeviceChoice = device.parse().map_err(TrainError::Config)?;
    let variables = nn::VarStore::new(choice.resolve()?);
    super::seed_parameters(config);
    let _net = config.net.build(&variables.root(), points);
    first_of(config.net, &super::sorted_variables(&variables))
}

/// How many numbers are learned of those in a checkpoint: all but the running means of batch norms.
pub(super) fn learned_in(parameters: &[(String, Tensor)]) -> usize {
    let learned = parameters.iter().filter(|(name, _)| !name.contains(".running_"));
    learned.map(|(_, tensor)| tensor.numel()).sum()
}

/// They in one picture.
pub(super) fn picture(filters: &LayerMaps) -> RgbaImage {
    /// Side of a filter, pixels.
    const CELL: u32 = 84;
    let colours = Colours::of(Palette::suited_to(Range::of(&filters.values)));
    look::atlas(filters, look::columns_for(filters.shape[0]), CELL, &colours)
}
