//! What can be seen inside a net: the outputs of its layers and the kernels of its first one.

use tch::{CModule, IValue, Kind, TchError, Tensor};

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

/// Every layer's output for `input` `[1, 1, side, side]`, by the file's own method.
pub(super) fn of_layers(module: &CModule, input: &Tensor) -> Result<Vec<LayerMaps>, TchError> {
    let layers = module.method_is(METHOD, &[IValue::Tensor(input.shallow_clone())])?;
    let named = match layers {
        IValue::GenericDict(layers) => layers
            .into_iter()
            .map(|layer| match layer {
                (IValue::String(name), IValue::Tensor(maps)) => Ok((name, maps)),
                other => Err(unexpected(&other)),
            })
            .collect::<Result<_, _>>()?,
        IValue::TensorList(layers) => numbered(layers),
        IValue::Tuple(layers) | IValue::GenericList(layers) => numbered(
            layers
                .into_iter()
                .map(|layer| match layer {
                    IValue::Tensor(maps) => Ok(maps),
                    other => Err(unexpected(&other)),
                })
                .collect::<Result<_, _>>()?,
        ),
        other => return Err(unexpected(&other)),
    };
    named
        .into_iter()
        .map(|(name, maps): (String, Tensor)| of_first_crop(name, &maps))
        .collect()
}

fn unexpected(value: &impl std::fmt::Debug) -> TchError {
    let text: String = format!("{value:?}").chars().take(60).collect();
    TchError::Kind(format!("{METHOD} should give tensors by name, not {text}"))
}

fn numbered(layers: Vec<Tensor>) -> Vec<(String, Tensor)> {
    let name = |(index, maps)| (format!("layer {}", index + 1), maps);
    layers.into_iter().enumerate().map(name).collect()
}

/// `[1, channels, height, width]` or `[1, n]` as maps.
fn of_first_crop(name: String, maps: &Tensor) -> Result<LayerMaps, TchError> {
    let shape = match maps.size().as_slice() {
        [1, channels, height, width] => [*channels, *height, *width],
        [1, count] => [*count, 1, 1],
        other => return Err(unexpected(&other)),
    };
    from_tensor(name, shape, maps)
}

fn from_tensor(name: String, shape: [i64; 3], values: &Tensor) -> Result<LayerMaps, TchError> {
    Ok(LayerMaps {
        name,
        shape: shape.map(|side| side as usize),
        values: Vec::try_from(values.f_to_kind(Kind::Float)?.f_contiguous()?.f_flatten(0, -1)?)?,
    })
}

/// The kernels of the first convolution, `[filters, height, width]` (first input channel). Files hold parameters in the
/// order of their layers; frozen files hold none.
pub(super) fn first_filters(parameters: &[(String, Tensor)]) -> Option<LayerMaps> {
    let is_kernel = |tensor: &Tensor| matches!(tensor.size().as_slice(), [_, _, h, w] if *h >= 2 && *w >= 2);
    let (name, kernels) = parameters.iter().find(|(_, tensor)| is_kernel(tensor))?;
    let first_channel = kernels.f_select(1, 0).ok()?;
    let [filters, height, width] = first_channel.size().try_into().ok()?;
    from_tensor(name.clone(), [filters, height, width], &first_channel).ok()
}
