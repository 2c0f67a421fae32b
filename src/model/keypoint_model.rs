//! A loaded net: crops in, keypoints and feature maps out. Owns the net; `net` runs it.

use std::{cell::Cell, collections::HashMap, path::Path};

use tch::{Device, Tensor};

use super::{
    Contract, DeviceChoice, ModelError, Reading,
    archive::{self, Archive},
    error::brief,
    maps::{self, LayerMaps, Method, Tapped},
    net::{Net, points_of},
    output::{Certainty, Output, Prediction},
    probe, taps,
};

/// Batch that a net is tried on before it is taken: several faces at once have to work.
const TRIED_BATCH: usize = 2;
/// Threads that one forward pass uses: the pipeline's other stages need the other cores, and two threads on busy cores
/// are much slower than one.
const THREADS: i32 = 1;

/// A net loaded onto a device. Belongs to one thread at a time.
#[derive(Debug)]
pub struct KeypointModel {
    net: Net,
    contract: Contract,
    /// The file does not say how it is to be read.
    assumed: bool,
    parameters: Vec<(String, Tensor)>,
    maps_method: Method,
    /// Whether the net was given taps.
    tapped: bool,
    /// Names and shapes of the layers that can be shown: those that the file gives by itself, then those that its taps give.
    layers: Vec<(String, [usize; 3])>,
    /// How many of them the file gives by itself.
    own: usize,
    /// Shapes of what the net's parts give, by their places in it.
    modules: HashMap<String, [usize; 3]>,
    /// Why the file's layers cannot be shown, where that is so.
    closed: Option<String>,
    /// Kernels that are no parameters.
    kernels: Vec<(String, Tensor)>,
    passes: Cell<Passes>,
}

/// How often a net was run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Passes {
    /// Forward passes for keypoints.
    pub forward: u64,
    /// Crops in the last of them.
    pub last_batch: usize,
}

impl KeypointModel {
    /// Loads the file and tries it out.
    ///
    /// # Errors
    /// Says what is wrong with the file and what to do.
    pub fn load(path: &Path, device: DeviceChoice) -> Result<Self, ModelError> {
        Self::load_as(path, device, None)
    }

    /// Like [`Self::load`]; a file that does not say itself how it is to be read is read as somebody says who knows.
    ///
    /// # Errors
    /// As [`Self::load`], and when the file cannot be read so.
    pub fn load_as(path: &Path, device: DeviceChoice, reading: Option<Reading>) -> Result<Self, ModelError> {
        Self::of(path, archive::look_into(path)?, device, reading)
    }

    /// Loads a file that was looked into before; see [`Self::load`].
    ///
    /// # Errors
    /// Says what is wrong with the file and what to do.
    pub fn from_archive(path: &Path, archive: Archive, device: DeviceChoice) -> Result<Self, ModelError> {
        Self::of(path, archive, device, None)
    }

    fn of(
        path: &Path,
        archive: Archive,
        device: DeviceChoice,
        reading: Option<Reading>,
    ) -> Result<Self, ModelError> {
        tch::set_num_threads(THREADS);
        let net = Net::load(path, &archive.bytes, device.resolve()?)?;
        let assumed = archive.contract.is_none();
        let contract = match (archive.contract, reading) {
            (Some(contract), _) => contract,
            (None, None) => probe::contract(&net)?,
            (None, Some(reading)) => {
                let probed = probe::contract_at(&net, reading.input_side)?;
                read_as(path, probed, reading)?
            }
        };
        let mut model = Self {
            parameters: net.parameters()?,
            net,
            contract,
            assumed,
            maps_method: Method::Absent,
            tapped: false,
            layers: Vec::new(),
            own: 0,
            modules: HashMap::new(),
            closed: None,
            kernels: Vec::new(),
            passes: Cell::default(),
        };
        let crops = model.input(&ramps(TRIED_BATCH, model.crop_length()), TRIED_BATCH)?;
        let output = model.net.run(&crops, model.contract.confidence)?;
        model.predictions(&output, TRIED_BATCH)?;
        model.maps_method = Method::of(&model.net.module, &crops, &output);
        let refused = model.give_taps(&archive.bytes, &crops, &output).err();
        model.closed = refused.filter(|_| model.maps_method == Method::Absent);
        model.list_layers()?;
        Ok(model)
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
        let given = maps::tapped(&net.module, crops, None).map_err(|error| brief(&error))?;
        let same = |tensor: &Tensor| tensor.size() == output.points.size() && tensor.equal(&output.points);
        if !points_of(given.output).is_some_and(|points| same(&points) && same(&again.points)) {
            return Err("its taps change what it gives".into());
        }
        if shown(given.layers, TRIED_BATCH).next().is_none() {
            return Err("none of its parts gives anything that can be drawn".into());
        }
        self.parameters = net.parameters().map_err(said)?;
        self.kernels = given.kernels;
        self.net = net;
        self.tapped = true;
        Ok(())
    }

    /// Finds out which layers can be shown. What a file gives by itself has its own names; its taps add what lies within.
    fn list_layers(&mut self) -> Result<(), ModelError> {
        let crop = self.input(&ramps(1, self.crop_length()), 1)?;
        let listed = |layers: &[(String, Tensor)]| -> Result<Vec<_>, ModelError> {
            let maps = layers.iter().map(|layer| self.maps_of(layer, 0, Vec::new()));
            maps.map(|maps| maps.map(|maps| (maps.name, maps.shape)))
                .collect()
        };
        let mut layers = match self.maps_method {
            Method::Absent => Vec::new(),
            Method::WithoutOutput | Method::WithOutput => listed(&self.own_layers(&crop)?)?,
        };
        let own = layers.len();
        let mut modules = HashMap::new();
        if self.tapped {
            let known = |name: &str| layers.iter().any(|(other, _): &(String, _)| other == name);
            let all = listed(&self.tapped_layers(&crop, None)?)?;
            let inner = all
                .iter()
                .filter(|(name, _)| own == 0 || (name.contains('.') && !known(name)));
            let inner: Vec<_> = inner.cloned().collect();
            layers.extend(inner);
            modules = all.into_iter().collect();
        }
        (self.layers, self.own, self.modules) = (layers, own, modules);
        Ok(())
    }

    /// Names and shapes, `[channels, height, width]`, of the layers that can be shown, in the order of their work.
    pub fn layers_shown(&self) -> &[(String, [usize; 3])] {
        &self.layers
    }

    /// Multiplications with additions that a layer of [`Self::layers_shown`] takes for one crop; `None` where that is not known: it is
    /// for convolutions and linear layers whose kernels the file shows.
    pub fn multiply_adds(&self, layer: &str) -> Option<u64> {
        let (_, shape) = self.layers.iter().find(|(name, _)| name == layer)?;
        // What a file calls so itself may be something else than what the part of that name gives.
        let [_, height, width] = self.modules.get(layer).filter(|given| *given == shape)?;
        let weight = format!("{layer}.weight");
        let parameter = self.parameters.iter().find(|(name, _)| *name == weight);
        let kernel = parameter.or_else(|| self.kernels.iter().find(|(name, _)| name == layer));
        let (_, kernel) = kernel?;
        // A linear layer or convolution: every value of the output takes the kernel of its channel.
        matches!(kernel.size().len(), 2..=4).then(|| kernel.numel() as u64 * (height * width) as u64)
    }

    /// Why the net's layers cannot be shown; `None` where they can.
    pub fn why_closed(&self) -> Option<&str> {
        self.closed.as_deref()
    }

    /// Runs the net once on `count` made-up crops, and once more as for the panel of maps. libtorch prepares a net per thread and batch size, in its first two
    /// passes: so a thread that takes over a net calls this before the first frame, and for further sizes when it has time.
    ///
    /// # Errors
    /// When the net fails or gives something other than its contract says.
    pub fn warm_up(&self, count: usize) -> Result<(), ModelError> {
        let crops = ramps(count, self.crop_length());
        self.predict(&crops, count)?;
        if !self.layers.is_empty() {
            self.predict_and_look(&crops, count, 0, None, Vec::new())?;
        }
        Ok(())
    }

    /// What the net needs and gives.
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// Whether the file does not say itself how it is to be read, so that this is what is usual, or what somebody said.
    pub fn is_assumed(&self) -> bool {
        self.assumed
    }

    /// Reads the numbers of a file that does not say so itself in another way, at the same input side.
    ///
    /// # Errors
    /// When no net can be read so, or it is one that says how it is to be read, or of another side.
    pub fn read_as(&mut self, reading: Reading) -> Result<(), ModelError> {
        if !self.assumed || reading.input_side != self.contract.input_side {
            return Err(ModelError::Reading {
                path: self.net.path.clone(),
                why: "it says itself how it is to be read, or has another input side".into(),
            });
        }
        self.contract = read_as(&self.net.path, self.contract.clone(), reading)?;
        Ok(())
    }

    /// Name of the device that it runs on, such as `cpu` or `cuda:0`.
    pub fn device(&self) -> String {
        match self.net.device {
            Device::Cuda(number) => format!("cuda:{number}"),
            _ => "cpu".into(),
        }
    }

    /// How often the net was run for keypoints since it was loaded.
    pub fn passes(&self) -> Passes {
        self.passes.get()
    }

    /// Names and shapes of the parameters, in the order of the file; empty for frozen nets.
    pub fn parameters(&self) -> Vec<(String, Vec<i64>)> {
        self.parameters
            .iter()
            .map(|(name, tensor)| (name.clone(), tensor.size()))
            .collect()
    }

    /// Keypoints of `count` crops (`[count, 1, side, side]`, grey 0..1), in crop pixels, by one forward pass; with them how
    /// sure the net is, where it says so.
    ///
    /// # Errors
    /// When the net fails or gives something other than its contract says.
    pub fn predict(&self, pixels: &[f32], count: usize) -> Result<Vec<Prediction>, ModelError> {
        if count == 0 && pixels.is_empty() {
            return Ok(Vec::new());
        }
        self.predict_input(&self.input(pixels, count)?)
    }

    /// Keypoints as [`Self::predict`] gives them, and what a layer makes of crop `looked_at`, the first where there is none of this
    /// name; `None` when the file cannot say; its values are put into `memory`. One forward pass
    /// where what gives the layer gives the output as well, else one more for the one crop.
    ///
    /// # Errors
    /// As [`Self::predict`].
    pub fn predict_and_look(
        &self,
        pixels: &[f32],
        count: usize,
        looked_at: usize,
        layer: Option<&str>,
        memory: Vec<f32>,
    ) -> Result<(Vec<Prediction>, Option<LayerMaps>), ModelError> {
        let input = self.input(pixels, count)?;
        let place = self
            .layers
            .iter()
            .position(|(name, _)| Some(name.as_str()) == layer);
        let place = place.unwrap_or(0);
        let Some((wanted, _)) = self.layers.get(place) else {
            return Ok((self.predict_input(&input)?, None));
        };
        let is_own = place < self.own;
        if is_own && self.maps_method == Method::WithOutput {
            let layers = self.own_layers(&input)?;
            if let Some(output) = Output::from_layers(&layers, self.contract.confidence) {
                self.count_pass(count);
                let predictions = self.predictions(&output, count)?;
                return Ok((predictions, self.maps_called(wanted, &layers, looked_at, memory)?));
            }
        }
        if !is_own && !self.contract.confidence {
            let given = self.look_through_taps(&input, Some(wanted))?;
            if let Some(points) = points_of(given.output) {
                self.count_pass(count);
                let output = Output {
                    points,
                    certainty: None,
                };
                let predictions = self.predictions(&output, count)?;
                return Ok((
                    predictions,
                    self.maps_called(wanted, &given.layers, looked_at, memory)?,
                ));
            }
        }
        let predictions = self.predict_input(&input)?;
        let crop = input.f_narrow(0, looked_at as i64, 1);
        let crop = crop.map_err(|e| self.net.forward_error(&e))?;
        let layers = if is_own {
            self.own_layers(&crop)?
        } else {
            self.tapped_layers(&crop, Some(wanted))?
        };
        Ok((predictions, self.maps_called(wanted, &layers, 0, memory)?))
    }

    /// Every layer's output for one crop (`[1, side, side]`); empty when the file cannot give them.
    ///
    /// # Errors
    /// When the net fails.
    pub fn feature_maps(&self, pixels: &[f32]) -> Result<Vec<LayerMaps>, ModelError> {
        let input = self.input(pixels, 1)?;
        let mut layers = match self.own {
            0 => Vec::new(),
            _ => self.own_layers(&input)?,
        };
        if self.layers.len() > self.own {
            let listed = |name: &str| self.layers[self.own..].iter().any(|(other, _)| other == name);
            let inner = self.tapped_layers(&input, None)?.into_iter();
            layers.extend(inner.filter(|(name, _)| listed(name)));
        }
        let maps = |layer| self.maps_of(layer, 0, Vec::new());
        layers.iter().map(maps).collect()
    }

    /// The maps of crop `crop` in the layer of this name; `None` where it is not among `layers`.
    fn maps_called(
        &self,
        name: &str,
        layers: &[(String, Tensor)],
        crop: usize,
        memory: Vec<f32>,
    ) -> Result<Option<LayerMaps>, ModelError> {
        let layer = layers.iter().find(|(other, _)| other == name);
        layer.map(|layer| self.maps_of(layer, crop, memory)).transpose()
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

    fn look_through_taps(&self, input: &Tensor, wanted: Option<&str>) -> Result<Tapped, ModelError> {
        maps::tapped(&self.net.module, input, wanted).map_err(|e| self.net.forward_error(&e))
    }

    /// What the net's taps give for some crops, as far as it can be drawn: all, or what is wanted.
    fn tapped_layers(
        &self,
        input: &Tensor,
        wanted: Option<&str>,
    ) -> Result<Vec<(String, Tensor)>, ModelError> {
        let count = input.size()[0] as usize;
        let given = self.look_through_taps(input, wanted)?;
        Ok(shown(given.layers, count).collect())
    }

    fn predict_input(&self, input: &Tensor) -> Result<Vec<Prediction>, ModelError> {
        let output = self.net.run(input, self.contract.confidence)?;
        let count = input.size()[0] as usize;
        self.count_pass(count);
        self.predictions(&output, count)
    }

    fn count_pass(&self, batch: usize) {
        self.passes.set(Passes {
            forward: self.passes.get().forward + 1,
            last_batch: batch,
        });
    }

    /// What the net's output says of `count` crops.
    fn predictions(&self, output: &Output, count: usize) -> Result<Vec<Prediction>, ModelError> {
        let points = self.contract.scheme.count;
        if self.net.points(&output.points, count)? != points {
            let wanted = format!("{points} points a crop");
            return Err(self.net.output_error(&output.points, count, &wanted));
        }
        let joined = self.joined(output, count)?;
        let values = self.net.values(&joined)?;
        let prediction = |values: &[f32]| {
            let (coordinates, certainty) = values.split_at(2 * points);
            Prediction {
                points: self.contract.points(coordinates),
                certainty: certainty.split_first().map(|(confidence, spread)| Certainty {
                    confidence: confidence.clamp(0.0, 1.0),
                    spread: spread.to_vec(),
                }),
            }
        };
        Ok(values
            .chunks_exact(values.len() / count)
            .map(prediction)
            .collect())
    }

    /// All that the net says in one tensor, so that it comes from the device at once: `[count, 2k]`, where the net says how
    /// sure it is `[count, 3k + 1]` with the confidence and then the spread behind the points.
    fn joined(&self, output: &Output, count: usize) -> Result<Tensor, ModelError> {
        let (rows, points) = (count as i64, self.contract.scheme.count as i64);
        let flat = output.points.f_reshape([rows, -1]);
        let Some((confidence, spread)) = &output.certainty else {
            return flat.map_err(|e| self.net.forward_error(&e));
        };
        for (tensor, shape) in [(confidence, vec![rows]), (spread, vec![rows, points])] {
            if tensor.size() != shape {
                return Err(self.net.output_error(tensor, count, &format!("{shape:?}")));
            }
        }
        let joined = flat
            .and_then(|flat| Tensor::f_cat(&[flat, confidence.f_unsqueeze(1)?, spread.shallow_clone()], 1));
        joined.map_err(|e| self.net.forward_error(&e))
    }

    /// The kernels of every convolution, `[filters, height, width]` (first input channel), in the order of the file; without those of
    /// one value, which are no pictures.
    pub fn filters(&self) -> Vec<LayerMaps> {
        let parameters: Vec<LayerMaps> = maps::filters(&self.parameters).collect();
        if parameters.is_empty() {
            return maps::filters(&self.kernels).collect();
        }
        parameters
    }

    /// The kernels of the first convolution; `None` when the file holds none.
    pub fn first_filters(&self) -> Option<LayerMaps> {
        self.filters().into_iter().next()
    }

    /// Values of one crop.
    fn crop_length(&self) -> usize {
        (self.contract.input_side as usize).pow(2)
    }

    /// `[count, 1, side, side]` on the net's device. Also sets the thread count, which libtorch keeps per thread.
    fn input(&self, pixels: &[f32], count: usize) -> Result<Tensor, ModelError> {
        let side = self.contract.input_side;
        if count == 0 || Some(pixels.len()) != count.checked_mul(self.crop_length()) {
            return Err(ModelError::Pixels {
                given: pixels.len(),
                count,
                side,
            });
        }
        if tch::get_num_threads() != THREADS {
            tch::set_num_threads(THREADS);
        }
        let shape = [count as i64, 1, i64::from(side), i64::from(side)];
        let Net { device, kind, .. } = self.net;
        let input = Tensor::f_from_slice(pixels).and_then(|flat| {
            let pixels = flat.f_view(shape)?;
            if device.is_cuda() {
                // From pinned memory the copy goes on beside what the GPU is doing.
                pixels
                    .f_pin_memory(device)?
                    .f_to_device_(device, kind, true, false)
            } else {
                pixels.f_to_device_(device, kind, false, false)
            }
        });
        input.map_err(|e| self.net.forward_error(&e))
    }
}

/// Those of a net's layers that can be drawn: maps or values of every one of `count` crops.
fn shown(layers: Vec<(String, Tensor)>, count: usize) -> impl Iterator<Item = (String, Tensor)> {
    layers.into_iter().filter(move |(_, tensor)| {
        let size = tensor.size();
        (2..=4).contains(&size.len()) && size[0] == count as i64 && size.iter().all(|side| *side > 0)
    })
}

fn read_as(path: &Path, contract: Contract, reading: Reading) -> Result<Contract, ModelError> {
    contract.read_as(reading).map_err(|error| ModelError::Reading {
        path: path.to_path_buf(),
        why: error.to_string(),
    })
}

/// `count` crops of `length` pixels to try a net on: rising grey, no two alike, so that outputs can be told apart.
fn ramps(count: usize, length: usize) -> Vec<f32> {
    let ramp = |crop: usize| (0..length).map(move |at| (at as f32 / length as f32) / (1 + crop) as f32);
    (0..count).flat_map(ramp).collect()
}
