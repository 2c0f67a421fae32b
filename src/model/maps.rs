//! What can be seen inside a net: the outputs of its layers and the kernels of its convolutions.

use std::{collections::HashMap, time::Duration};

use tch::{CModule, Device, IValue, Kind, TchError, Tensor};

use super::{output::Output, taps};
use crate::text::shortened;

/// The output of one layer for one crop.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerMaps {
    /// Name of the layer, such as `conv1`.
    pub name: String,
    /// `[channels, height, width]`; a vector's maps are `[n, 1, 1]`, and what is a row of vectors is one map, a row each.
    pub shape: [usize; 3],
    /// The values, row by row, channel after channel.
    pub values: Vec<f32>,
}

/// What the net as a whole gives is called so.
const OUTPUT: &str = "output";

/// The method of a file that gives every layer's output.
const METHOD: &str = "feature_maps";

/// What a file's method for feature maps is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Method {
    /// The file has none, or none that gives maps.
    #[default]
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
    /// What every one of `layers` took, with the layers within it. On a GPU, which works later, only the time to ask for it.
    pub(super) times: Vec<Duration>,
}

/// Runs a net with taps; what some layers make where some are wanted, else what all make.
pub(super) fn tapped(module: &CModule, crops: &Tensor, wanted: &[&str]) -> Result<Tapped, TchError> {
    // One that works more than once is told apart below, and a part that is called as the whole is.
    let places = |name: &&str| {
        let place = name.split(" (").next().unwrap_or(name);
        let whole = (place == OUTPUT).then(String::new);
        [Some(format!(".{place}")), whole]
    };
    let wanted = IValue::StringList(wanted.iter().flat_map(places).flatten().collect());
    let arguments = [wanted, IValue::Tensor(crops.shallow_clone())];
    let given = tch::no_grad(|| module.method_is(taps::METHOD, &arguments))?;
    let IValue::Tuple(parts) = given else {
        return Err(unexpected(&given));
    };
    let Ok([output, tensors, names, moments]) = <[IValue; 4]>::try_from(parts) else {
        return Err(TchError::Kind(
            "its taps give something else than they should".into(),
        ));
    };
    let moments = match moments {
        IValue::IntList(moments) => moments,
        other => return Err(unexpected(&other)),
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
    let times = times_of(&names, &moments);
    let (mut layers, mut kernels, mut counts) = (Vec::new(), Vec::new(), HashMap::<String, u32>::new());
    let mut times_of_layers = Vec::new();
    for ((name, tensor), time) in names.into_iter().zip(tensors).zip(times) {
        if let Some(name) = name.strip_prefix(taps::KERNEL) {
            kernels.push((name.trim_start_matches('.').to_owned(), tensor));
            continue;
        }
        let place = match name.trim_start_matches('.') {
            "" => OUTPUT,
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
        times_of_layers.push(time);
    }
    Ok(Tapped {
        output,
        layers,
        kernels,
        times: times_of_layers,
    })
}

/// What every part took that was noted under these names, given the moments at which that was: at the start, then before and after
/// every note. The parts within one are noted before it, and their time is part of its own.
fn times_of(names: &[String], moments: &[i64]) -> Vec<Duration> {
    let mut times: Vec<Duration> = Vec::new();
    // For every note the first of those that it holds, so that each is passed over as a whole.
    let mut begins: Vec<usize> = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let took = match moments.get(2 * index..=2 * index + 1) {
            Some(&[from, to]) => Duration::from_nanos(u64::try_from(to - from).unwrap_or(0)),
            _ => Duration::ZERO,
        };
        let (mut sum, mut first) = (took, index);
        while let Some(before) = first.checked_sub(1) {
            let within = names[before].strip_prefix(taps::KERNEL).unwrap_or(&names[before]);
            if !within
                .strip_prefix(name.as_str())
                .is_some_and(|rest| rest.starts_with('.'))
            {
                break;
            }
            sum += times[before];
            first = begins[before];
        }
        times.push(sum);
        begins.push(first);
    }
    times
}

impl Method {
    /// Finds out with crops `[n, 1, side, side]`, n at least 2, that are not all alike, and the net's `output` for them.
    pub(super) fn of(module: &CModule, crops: &Tensor, output: &Output) -> Self {
        if let Ok(layers) = of_layers(module, crops)
            && Output::from_layers(&layers, output.certainty.is_some()).is_some_and(|o| o.is_close_to(output))
            && can_be_drawn(&layers, 1)
        {
            return Self::WithOutput;
        }
        match crops.f_narrow(0, 0, 1).and_then(|one| of_layers(module, &one)) {
            Ok(layers) if can_be_drawn(&layers, 0) => Self::WithoutOutput,
            Ok(_) => Self::Absent,
            Err(why) => {
                tracing::info!("no feature maps from this file: {why}");
                Self::Absent
            }
        }
    }
}

/// Whether there are layers, and all have maps or values of crop `index`.
fn can_be_drawn(layers: &[(String, Tensor)], index: usize) -> bool {
    !layers.is_empty()
        && layers
            .iter()
            .all(|(name, layer)| of_crop(name, layer, index).is_ok())
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
    let text = shortened(&format!("{value:?}"), 60);
    TchError::Kind(format!("layers should be tensors by name, not {text}"))
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
        [_, rows, length] => [1, *rows, *length],
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
    if flat.numel() == 0 {
        // Its sides may be anything as long as one of them is 0.
        return Err(unexpected(&values.size()));
    }
    memory.resize(flat.numel(), 0.0);
    flat.f_copy_data(&mut memory, flat.numel())?;
    Ok(LayerMaps {
        name,
        shape: shape.map(|side| side as usize),
        values: memory,
    })
}

/// The filters of a convolution.
#[derive(Debug, Clone, PartialEq)]
pub struct Kernels {
    /// What every filter does to the first input channel, `[filters, height, width]`, by the parameter's name.
    pub maps: LayerMaps,
    /// Input channels; the others' kernels are not in `maps`.
    pub inputs: usize,
    /// Whether it is the file's first convolution and has one input: then it works on the picture itself.
    pub takes_picture: bool,
    /// Euclidean norm of every filter over all its input channels.
    pub norms: Vec<f32>,
    /// What is added to every filter's response; empty where the file has no such parameter.
    pub biases: Vec<f32>,
}

/// The kernels of every convolution but for those of one value. Files hold parameters in the order of their layers; frozen files hold
/// none.
pub(super) fn kernels(parameters: &[(String, Tensor)]) -> impl Iterator<Item = Kernels> {
    let is_convolution = |(_, weights): &&(String, Tensor)| weights.dim() == 4;
    let of = |(place, (name, weights)): (usize, &(String, Tensor))| {
        let [filters, inputs, height, width] = weights.size().try_into().ok()?;
        if height < 2 || width < 2 {
            return None;
        }
        let first_channel = weights.f_select(1, 0).ok()?;
        let norms = weights.f_flatten(1, -1).ok()?.f_to_kind(Kind::Float).ok()?;
        let norms = norms.f_norm_scalaropt_dim(2, [1], false).ok()?;
        let bias = name.strip_suffix("weight").map(|stem| format!("{stem}bias"));
        let bias = bias.and_then(|bias| parameters.iter().find(|(other, _)| *other == bias));
        let bias = bias.filter(|(_, values)| values.size() == [filters]);
        Some(Kernels {
            maps: from_tensor(name.clone(), [filters, height, width], &first_channel, Vec::new()).ok()?,
            inputs: inputs as usize,
            takes_picture: place == 0 && inputs == 1,
            norms: numbers(&norms).ok()?,
            biases: bias
                .map_or_else(|| Ok(Vec::new()), |(_, values)| numbers(values))
                .ok()?,
        })
    };
    parameters
        .iter()
        .filter(is_convolution)
        .enumerate()
        .filter_map(of)
}

fn numbers(tensor: &Tensor) -> Result<Vec<f32>, TchError> {
    Vec::try_from(
        tensor
            .f_to_device(Device::Cpu)?
            .f_to_kind(Kind::Float)?
            .f_contiguous()?,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_takes_as_long_as_what_lies_within_it() {
        let names =
            ["stem", "block.a", "block.b.c", "block.b", "block", "blocks", ""].map(|name| match name {
                "" => String::new(),
                name => format!(".{name}"),
            });
        // Each note takes 100 ns itself, which nobody answers for.
        let took = [1, 2, 3, 4, 5, 6, 7];
        let mut moments = vec![0];
        for time in took {
            let now = moments[moments.len() - 1] + time;
            moments.extend([now, now + 100]);
        }
        let times: Vec<u128> = times_of(&names, &moments)
            .iter()
            .map(Duration::as_nanos)
            .collect();
        assert_eq!(times, [1, 2, 3, 3 + 4, 2 + 7 + 5, 6, 1 + 14 + 6 + 7]);
    }
}
