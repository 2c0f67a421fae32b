//! Looking inside a loaded net: which layers it has, what they make of a crop, how long each takes, what its kernels are.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use tch::Tensor;

use super::{
    KeypointModel, ModelError,
    error::brief,
    keypoint_model::{TRIED_BATCH, ramps},
    maps::{self, Kernels, LayerMaps, Method, Tapped},
    net::{Net, points_of},
    output::{Output, Prediction},
    taps,
};

/// Passes by which layers are timed, after those in which libtorch prepares the net.
const TIMED_PASSES: usize = 7;
/// See [`TIMED_PASSES`].
const PREPARING_PASSES: usize = 2;

/// What is known of a net's layers.
#[derive(Debug, Default)]
pub(super) struct Layers {
    /// Names and shapes of those that can be shown, in the order of their work, those within another before it.
    shown: Vec<(String, [usize; 3])>,
    /// Names of those that the file gives by itself; the others are what its taps give.
    own: HashSet<String>,
    /// Shapes of what the net's parts give, by their places in it.
    modules: HashMap<String, [usize; 3]>,
    /// Why none can be shown, where that is so.
    closed: Option<String>,
    /// Kernels that are no parameters.
    kernels: Vec<(String, Tensor)>,
    /// Whether the net was given taps.
    tapped: bool,
    /// How the file itself gives layers.
    method: Method,
}

/// Keypoints of every crop, and what the layers that were wanted make of one of them.
pub type Looked = (Vec<Prediction>, Vec<LayerMaps>);

impl KeypointModel {
    /// Finds out what can be seen, and takes the net with taps in the place of the one without. `output` is what it gives for
    /// `crops`, several of them.
    pub(super) fn open_layers(
        &mut self,
        bytes: &[u8],
        crops: &Tensor,
        output: &Output,
    ) -> Result<(), ModelError> {
        self.layers.method = Method::of(&self.net.module, crops, output);
        let refused = self.give_taps(bytes, crops, output).err();
        self.layers.closed = refused.filter(|_| self.layers.method == Method::Absent);
        self.list_layers()
    }

    /// Takes the same net with taps in its place, unless anything about it is not the same.
    ///
    /// # Errors
    /// Says why it has none; the net stays as it is then.
    fn give_taps(&mut self, bytes: &[u8], crops: &Tensor, output: &Output) -> Result<(), String> {
        let said = |error: ModelError| error.to_string();
        let rewritten = taps::with_taps(bytes)?;
        let net = Net::load(&self.net.path, &rewritten, self.net.device).map_err(said)?;
        let again = net.run(crops, self.contract.confidence).map_err(said)?;
        let given = maps::tapped(&net.module, crops, &[]).map_err(|error| brief(&error))?;
        let same = |tensor: &Tensor| {
            tensor.size() == output.points.size() && tensor.f_equal(&output.points).unwrap_or(false)
        };
        if !points_of(given.output).is_some_and(|points| same(&points) && same(&again.points)) {
            return Err("its taps change what it gives".into());
        }
        if shown(given.layers, TRIED_BATCH).next().is_none() {
            return Err("none of its parts gives anything that can be drawn".into());
        }
        self.parameters = net.parameters().map_err(said)?;
        self.layers.kernels = given.kernels;
        self.net = net;
        self.layers.tapped = true;
        Ok(())
    }

    /// Finds out which layers can be shown. What a file gives by itself has its own names; its taps add what lies within.
    fn list_layers(&mut self) -> Result<(), ModelError> {
        let crop = self.made_up(1)?;
        let listed = |layers: &[(String, Tensor)]| -> Result<Vec<_>, ModelError> {
            let maps = layers.iter().map(|layer| self.maps_of(layer, 0, Vec::new()));
            maps.map(|maps| maps.map(|maps| (maps.name, maps.shape)))
                .collect()
        };
        let own = match self.layers.method {
            Method::Absent => Vec::new(),
            Method::WithoutOutput | Method::WithOutput => listed(&self.own_layers(&crop)?)?,
        };
        // Of several crops: what is the same for all, such as a table of positions, is none of a face's.
        let parts = if self.layers.tapped {
            listed(&self.tapped_layers(&self.made_up(TRIED_BATCH)?, &[])?)?
        } else {
            Vec::new()
        };
        self.layers.own = own.iter().map(|(name, _)| name.clone()).collect();
        self.layers.modules = parts.iter().cloned().collect();
        self.layers.shown = in_order(own, parts);
        Ok(())
    }

    /// Names and shapes, `[channels, height, width]`, of the layers that can be shown, in the order of their work.
    pub fn layers_shown(&self) -> &[(String, [usize; 3])] {
        &self.layers.shown
    }

    /// Multiplications with additions that a layer of [`Self::layers_shown`] takes for one crop; `None` where that is not known: it is
    /// for convolutions and linear layers whose kernels the file shows.
    pub fn multiply_adds(&self, layer: &str) -> Option<u64> {
        let (_, shape) = self.layers.shown.iter().find(|(name, _)| name == layer)?;
        let [channels, height, width] = *self.part_called(layer, shape)?;
        let weight = format!("{layer}.weight");
        let parameter = self.parameters.iter().find(|(name, _)| *name == weight);
        let kernel = parameter.or_else(|| self.layers.kernels.iter().find(|(name, _)| name == layer));
        let (_, kernel) = kernel?;
        let size = kernel.size();
        let outputs = *size.first()? as usize;
        let times = match size.len() {
            // A linear layer, for one vector or a row of them.
            2 if (channels * height * width).is_multiple_of(outputs) => channels * height * width / outputs,
            // A convolution: every value of the output takes the kernel of its channel.
            3 | 4 if outputs == channels => height * width,
            _ => return None,
        };
        Some(kernel.numel() as u64 * times as u64)
    }

    /// The shape of a layer, where a part of the net of that name gives it: what a file calls so itself may be something else.
    fn part_called(&self, layer: &str, shape: &[usize; 3]) -> Option<&[usize; 3]> {
        self.layers.modules.get(layer).filter(|given| *given == shape)
    }

    /// How long every layer of [`Self::layers_shown`] takes for one crop, in their order: the median of a few passes, with the layers
    /// within it. `None` for those of which that is not known, such as all of a net without taps or on a GPU, which works later
    /// than it is asked to.
    ///
    /// # Errors
    /// When the net fails.
    pub fn layer_times(&self) -> Result<Vec<Option<Duration>>, ModelError> {
        let mut times = vec![None; self.layers.shown.len()];
        if !self.layers.tapped || self.net.device.is_cuda() {
            return Ok(times);
        }
        let crop = self.made_up(1)?;
        let mut taken: HashMap<String, Vec<Duration>> = HashMap::new();
        for pass in 0..PREPARING_PASSES + TIMED_PASSES {
            let given = self.look_through_taps(&crop, &[])?;
            for ((name, _), time) in given.layers.into_iter().zip(given.times) {
                if pass >= PREPARING_PASSES {
                    taken.entry(name).or_default().push(time);
                }
            }
        }
        for ((name, shape), time) in self.layers.shown.iter().zip(&mut times) {
            if let Some(taken) = taken
                .get_mut(name)
                .filter(|_| self.part_called(name, shape).is_some())
            {
                taken.sort_unstable();
                *time = taken.get(taken.len() / 2).copied();
            }
        }
        Ok(times)
    }

    /// Why the net's layers cannot be shown; `None` where they can.
    pub fn why_closed(&self) -> Option<&str> {
        self.layers.closed.as_deref()
    }

    /// Keypoints as [`KeypointModel::predict`] gives them, and what layers of [`Self::layers_shown`] make of crop `looked_at`, in the
    /// order in which they are wanted; names that the net does not have are passed over. Values are put into `memory` as far as that
    /// goes. One forward pass where what gives the layers gives the output as well, else further ones for the one crop.
    ///
    /// # Errors
    /// As [`KeypointModel::predict`].
    pub fn predict_and_look(
        &self,
        pixels: &[f32],
        count: usize,
        looked_at: usize,
        wanted: &[&str],
        memory: &mut Vec<Vec<f32>>,
    ) -> Result<Looked, ModelError> {
        let input = self.input(pixels, count)?;
        let shown = |name: &str| self.layers.shown.iter().any(|(shown, _)| shown == name);
        let known = wanted.iter().copied().filter(|name| shown(name));
        let (own, inner): (Vec<&str>, Vec<&str>) = known.partition(|name| self.layers.own.contains(*name));
        let (mut predictions, mut layers) = (None, Vec::new());
        if !own.is_empty() && self.layers.method == Method::WithOutput {
            let given = self.own_layers(&input)?;
            if let Some(output) = Output::from_layers(&given, self.contract.confidence) {
                predictions = Some(self.predictions(&output, count)?);
                layers.push((given, looked_at));
            }
        } else if own.is_empty() && !inner.is_empty() && !self.contract.confidence {
            let given = self.look_through_taps(&input, &inner)?;
            if let Some(points) = points_of(given.output) {
                let output = Output {
                    points,
                    certainty: None,
                };
                predictions = Some(self.predictions(&output, count)?);
                layers.push((given.layers, looked_at));
            }
        }
        let predictions = match predictions {
            Some(predictions) => {
                self.count_pass(count);
                predictions
            }
            None => self.predict_input(&input)?,
        };
        let has = |name: &str| {
            layers
                .iter()
                .any(|(given, _): &(Vec<(String, Tensor)>, _)| contains(given, name))
        };
        let (more_own, more_inner) = (
            own.iter().any(|name| !has(name)),
            inner.iter().any(|name| !has(name)),
        );
        if more_own || more_inner {
            let crop = input.f_narrow(0, looked_at as i64, 1);
            let crop = crop.map_err(|e| self.net.forward_error(&e))?;
            if more_own {
                layers.push((self.own_layers(&crop)?, 0));
            }
            if more_inner {
                layers.push((self.tapped_layers(&crop, &inner)?, 0));
            }
        }
        let mut maps = Vec::new();
        for name in wanted {
            let found = layers.iter().find_map(|(given, crop)| {
                let layer = given.iter().find(|(other, _)| other == name)?;
                Some((layer, *crop))
            });
            if let Some((layer, crop)) = found {
                maps.push(self.maps_of(layer, crop, memory.pop().unwrap_or_default())?);
            }
        }
        Ok((predictions, maps))
    }

    /// Every layer's output for one crop (`[1, side, side]`); empty when the file cannot give them.
    ///
    /// # Errors
    /// When the net fails.
    pub fn feature_maps(&self, pixels: &[f32]) -> Result<Vec<LayerMaps>, ModelError> {
        let input = self.input(pixels, 1)?;
        let own = if self.layers.own.is_empty() {
            Vec::new()
        } else {
            self.own_layers(&input)?
        };
        let parts = if self.layers.own.len() < self.layers.shown.len() {
            self.tapped_layers(&input, &[])?
        } else {
            Vec::new()
        };
        let maps = self.layers.shown.iter().filter_map(|(name, _)| {
            let from = if self.layers.own.contains(name) {
                &own
            } else {
                &parts
            };
            let layer = from.iter().find(|(other, _)| other == name)?;
            Some(self.maps_of(layer, 0, Vec::new()))
        });
        maps.collect()
    }

    /// The kernels of every convolution, in the order of the file; without those of one value, which are no pictures.
    pub fn filters(&self) -> Vec<Kernels> {
        let parameters: Vec<Kernels> = maps::kernels(&self.parameters).collect();
        if parameters.is_empty() {
            return maps::kernels(&self.layers.kernels).collect();
        }
        parameters
    }

    /// `count` made-up crops.
    fn made_up(&self, count: usize) -> Result<Tensor, ModelError> {
        self.input(&ramps(count, self.crop_length()), count)
    }

    fn maps_of(
        &self,
        (name, layer): &(String, Tensor),
        crop: usize,
        memory: Vec<f32>,
    ) -> Result<LayerMaps, ModelError> {
        maps::of_crop_into(memory, name, layer, crop).map_err(|e| self.net.forward_error(&e))
    }

    /// What the file's own method gives for some crops.
    fn own_layers(&self, input: &Tensor) -> Result<Vec<(String, Tensor)>, ModelError> {
        maps::of_layers(&self.net.module, input).map_err(|e| self.net.forward_error(&e))
    }

    fn look_through_taps(&self, input: &Tensor, wanted: &[&str]) -> Result<Tapped, ModelError> {
        maps::tapped(&self.net.module, input, wanted).map_err(|e| self.net.forward_error(&e))
    }

    /// What the net's taps give for some crops, as far as it can be drawn: all, or what is wanted.
    fn tapped_layers(&self, input: &Tensor, wanted: &[&str]) -> Result<Vec<(String, Tensor)>, ModelError> {
        let count = input.size()[0] as usize;
        let given = self.look_through_taps(input, wanted)?;
        Ok(shown(given.layers, count).collect())
    }
}

/// What a file gives by itself, which has its own names, with the parts that lie within that: each before what it lies within. Where
/// the file gives nothing by itself, all parts as they are.
fn in_order(own: Vec<(String, [usize; 3])>, parts: Vec<(String, [usize; 3])>) -> Vec<(String, [usize; 3])> {
    if own.is_empty() {
        return parts;
    }
    let known: HashSet<String> = own.iter().map(|(name, _)| name.clone()).collect();
    let inner = parts
        .into_iter()
        .filter(|(name, _)| name.contains('.') && !known.contains(name));
    let mut inner: Vec<_> = inner.collect();
    let mut ordered = Vec::new();
    for layer in own {
        let prefix = format!("{}.", layer.0);
        let (within, others) = inner.into_iter().partition(|(name, _)| name.starts_with(&prefix));
        inner = others;
        ordered.extend::<Vec<_>>(within);
        ordered.push(layer);
    }
    ordered.extend(inner);
    ordered
}

fn contains(layers: &[(String, Tensor)], name: &str) -> bool {
    layers.iter().any(|(other, _)| other == name)
}

/// Those of a net's layers that can be drawn: maps or values of every one of `count` crops.
fn shown(layers: Vec<(String, Tensor)>, count: usize) -> impl Iterator<Item = (String, Tensor)> {
    layers.into_iter().filter(move |(_, tensor)| {
        let size = tensor.size();
        (2..=4).contains(&size.len()) && size[0] == count as i64 && size.iter().all(|side| *side > 0)
    })
}
