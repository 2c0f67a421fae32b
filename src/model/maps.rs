//! What can be seen inside a net: the outputs of its layers and the kernels of its first one.

use std::collections::HashMap;

use tch::{CModule, IValue, Kind, TchError, Tensor};

use super::{output::Output, taps};

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

/// The method of a file that gives every layer's output.
const METHOD: &str = "feature_maps";

/// What a file's method for feature maps is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// The file has none, or none that gives maps.
    Absent,
    /// It gives the layers of one crop, and the net has to be run for its output as well.
    WithoutOutput,
    /// It gives the layers of several crops at once, and the net's output is among them, points last: one pass gives both.
    WithOutput,
}

/// What a net with taps gives.
pub(super) struct Tapped {
    /// As `forward` gives it.
    pub(super) output: IValue,
    /// What every part made, by the part's place in the net, in the order of their work; those of several crops are `[n, ...]`.
    pub(super) layers: Vec<(String, Tensor)>,
    /// Kernels of convolutions that are no parameters, as in frozen files.
    pub(super) kernels: Vec<(String, Tensor)>,
}

/// Runs a net with taps; what only one layer makes where one is wanted, else what all make.
pub(super) fn tapped(module: &CModule, crops: &Tensor, wanted: Option<&str>) -> Result<Tapped, TchError> {
    let wanted = match wanted {
        None | Some("output") => String::new(),
        // One that works more than once is told apart below.
        Some(name) => format!(".{}", name.split(" (").next().unwrap_or(name)),
    };
    let arguments = [IValue::Tensor(crops.shallow_clone()), IValue::String(wanted)];
    let given = tch::no_grad(|| module.method_is(taps::METHOD, &arguments))?;
    let IValue::Tuple(parts) = given else {
        return Err(unexpected(&given));
    };
    let Ok([output, tensors, names]) = <[IValue; 3]>::try_from(parts) else {
        return Err(TchError::Kind(
            "its taps give something else than they should".into(),
        ));
    };
    let tensors = match tensors {
        IValue::TensorList(tensors) => tensors,
        IValue::GenericList(values) if values.is_empty() => Vec::new(),
        other => return Err(unexpected(&other)),
    };
    let names = match names {
        IValue::StringList(names) => names,
        IValue::GenericList(names) => names
            .into_iter()
            .map(|name| match name {
                IValue::String(name) => Ok(name),
                other => Err(unexpected(&other)),
            })
            .collect::<Result<_, _>>()?,
        other => return Err(unexpected(&other)),
    };
    let (mut layers, mut kernels, mut counts) = (Vec::new(), Vec::new(), HashMap::<String, u32>::new());
    for (name, tensor) in names.into_iter().zip(tensors) {
        if let Some(name) = name.strip_prefix(taps::KERNEL) {
            kernels.push((name.trim_start_matches('.').to_owned(), tensor));
            continue;
        }
        let place = match name.trim_start_matches('.') {
            "" => "output",
            place => place,
        };
        // A part that works more than once is shown each time.
        let count = counts.entry(place.to_owned()).or_default();
        *count += 1;
        let name = match *count {
            1 => place.to_owned(),
            number => format!("{place} ({number})"),
        };
        layers.push((name, tensor));
    }
    Ok(Tapped {
        output,
        layers,
        kernels,
    })
}

impl Method {
    /// Finds out with crops `[n, 1, side, side]`, n at least 2, that are not all alike, and the net's `output` for them.
    pub(super) fn of(module: &CModule, crops: &Tensor, output: &Output) -> Self {
        if let Ok(layers) = of_layers(module, crops)
            && let Some((name, first)) = layers.first()
            && Output::from_layers(&layers, output.certainty.is_some()).is_some_and(|o| o.is_close_to(output))
            && of_crop(name, first, 1).is_ok()
        {
            return Self::WithOutput;
        }
        match crops.f_narrow(0, 0, 1).and_then(|one| of_layers(module, &one)) {
            Ok(layers) if layers.iter().all(|(name, layer)| of_crop(name, layer, 0).is_ok()) => {
                Self::WithoutOutput
            }
            Ok(_) => Self::Absent,
            Err(why) => {
                tracing::info!("no feature maps from this file: {why}");
                Self::Absent
            }
        }
    }
}

/// Every layer's name and output `[n, ...]` for `crops` `[n, 1, side, side]`, by the file's own method.
pub(super) fn of_layers(module: &CModule, crops: &Tensor) -> Result<Vec<(String, Tensor)>, TchError> {
    let layers = tch::no_grad(|| module.method_is(METHOD, &[IValue::Tensor(crops.shallow_clone())]))?;
    match layers {
        IValue::GenericDict(layers) => layers
            .into_iter()
            .map(|layer| match layer {
                (IValue::String(name), IValue::Tensor(maps)) => Ok((name, maps)),
                other => Err(unexpected(&other)),
            })
            .collect(),
        IValue::TensorList(layers) => Ok(numbered(layers)),
        IValue::Tuple(layers) | IValue::GenericList(layers) => {
            let layers = layers.into_iter().map(|layer| match layer {
                IValue::Tensor(maps) => Ok(maps),
                other => Err(unexpected(&other)),
            });
            Ok(numbered(layers.collect::<Result<_, _>>()?))
        }
        other => Err(unexpected(&other)),
    }
}

fn unexpected(value: &impl std::fmt::Debug) -> TchError {
    let text: String = format!("{value:?}").chars().take(60).collect();
    TchError::Kind(format!("{METHOD} should give tensors by name, not {text}"))
}

fn numbered(layers: Vec<Tensor>) -> Vec<(String, Tensor)> {
    let name = |(index, maps)| (format!("layer {}", index + 1), maps);
    layers.into_iter().enumerate().map(name).collect()
}

/// The maps of crop `index` in a layer's output `[n, channels, height, width]` or `[n, values]`.
pub(super) fn of_crop(name: &str, layer: &Tensor, index: usize) -> Result<LayerMaps, TchError> {
    of_crop_into(Vec::new(), name, layer, index)
}

/// As [`of_crop`], with the values in `memory`.
pub(super) fn of_crop_into(
    memory: Vec<f32>,
    name: &str,
    layer: &Tensor,
    index: usize,
) -> Result<LayerMaps, TchError> {
    let shape = match layer.size().as_slice() {
        [_, channels, height, width] => [*channels, *height, *width],
        [_, channels, length] => [*channels, *length, 1],
        [_, values] => [*values, 1, 1],
        other => return Err(unexpected(&other)),
    };
    from_tensor(name.to_owned(), shape, &layer.f_select(0, index as i64)?, memory)
}

fn from_tensor(
    name: String,
    shape: [i64; 3],
    values: &Tensor,
    mut memory: Vec<f32>,
) -> Result<LayerMaps, TchError> {
    let flat = values.f_to_kind(Kind::Float)?.f_contiguous()?;
    memory.resize(flat.numel(), 0.0);
    flat.f_copy_data(&mut memory, flat.numel())?;
    Ok(LayerMaps {
        name,
        shape: shape.map(|side| side as usize),
        values: memory,
    })
}

/// The kernels of every convolution, `[filters, height, width]` (first input channel), but for those of one value. Files hold parameters
/// in the order of their layers; frozen files hold none.
pub(super) fn filters(parameters: &[(String, Tensor)]) -> impl Iterator<Item = LayerMaps> {
    let is_kernel = |tensor: &Tensor| matches!(tensor.size().as_slice(), [_, _, h, w] if *h >= 2 && *w >= 2);
    let kernels = parameters.iter().filter(move |(_, tensor)| is_kernel(tensor));
    kernels.filter_map(|(name, kernels)| {
        let first_channel = kernels.f_select(1, 0).ok()?;
        let [filters, height, width] = first_channel.size().try_into().ok()?;
        from_tensor(name.clone(), [filters, height, width], &first_channel, Vec::new()).ok()
    })
}
