//! A loaded net: crops in, keypoints out. Owns the net; `net` runs it, `inside` looks into it.

use std::{cell::Cell, path::Path};

use tch::{Device, Tensor};

use super::{
    Contract, DeviceChoice, ModelError, Reading,
    archive::{self, Archive},
    inside::Layers,
    net::Net,
    output::{Certainty, Output, Prediction},
    probe,
};

/// Batch that a net is tried on before it is taken: several faces at once have to work.
pub(super) const TRIED_BATCH: usize = 2;
/// Threads that one forward pass uses: the pipeline's other stages need the other cores, and two threads on busy cores
/// are much slower than one.
const THREADS: i32 = 1;

/// A net loaded onto a device. Belongs to one thread at a time.
#[derive(Debug)]
pub struct KeypointModel {
    pub(super) net: Net,
    pub(super) contract: Contract,
    /// The file does not say how it is to be read.
    assumed: bool,
    pub(super) parameters: Vec<(String, Tensor)>,
    pub(super) layers: Layers,
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
    /// Loads the file and tries it out. What is from a stranger has to pass a [`super::Trial`] first.
    ///
    /// # Errors
    /// Says what is wrong with the file and what to do.
    pub fn load(path: &Path, device: DeviceChoice) -> Result<Self, ModelError> {
        Self::from_archive(path, &archive::look_into(path)?, device, None)
    }

    /// Loads a file that was looked into before; see [`Self::load`]. One that does not say itself how it is to be read is read as
    /// somebody says who knows.
    ///
    /// # Errors
    /// As [`Self::load`], and when the file cannot be read so.
    pub fn from_archive(
        path: &Path,
        archive: &Archive,
        device: DeviceChoice,
        reading: Option<Reading>,
    ) -> Result<Self, ModelError> {
        tch::set_num_threads(THREADS);
        let net = Net::load(path, &archive.bytes, device.resolve()?)?;
        let assumed = archive.contract.is_none();
        let contract = match (archive.contract.clone(), reading) {
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
            layers: Layers::default(),
            passes: Cell::default(),
        };
        let crops = model.input(&ramps(TRIED_BATCH, model.crop_length()), TRIED_BATCH)?;
        let output = model.net.run(&crops, model.contract.confidence)?;
        model.predictions(&output, TRIED_BATCH)?;
        model.open_layers(&archive.bytes, &crops, &output)?;
        Ok(model)
    }

    /// Runs the net once on `count` made-up crops, and once more as for the panel of maps. libtorch prepares a net per thread and batch size, in its first two
    /// passes: so a thread that takes over a net calls this before the first frame, and for further sizes when it has time.
    ///
    /// # Errors
    /// When the net fails or gives something other than its contract says.
    pub fn warm_up(&self, count: usize) -> Result<(), ModelError> {
        let crops = ramps(count, self.crop_length());
        self.predict(&crops, count)?;
        if let Some((first, _)) = self.layers_shown().first() {
            self.predict_and_look(&crops, count, 0, &[first], &mut Vec::new())?;
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

    pub(super) fn predict_input(&self, input: &Tensor) -> Result<Vec<Prediction>, ModelError> {
        let output = self.net.run(input, self.contract.confidence)?;
        let count = input.size()[0] as usize;
        self.count_pass(count);
        self.predictions(&output, count)
    }

    pub(super) fn count_pass(&self, batch: usize) {
        self.passes.set(Passes {
            forward: self.passes.get().forward + 1,
            last_batch: batch,
        });
    }

    /// What the net's output says of `count` crops.
    pub(super) fn predictions(&self, output: &Output, count: usize) -> Result<Vec<Prediction>, ModelError> {
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

    /// Values of one crop.
    pub(super) fn crop_length(&self) -> usize {
        (self.contract.input_side as usize).pow(2)
    }

    /// `[count, 1, side, side]` on the net's device. Also sets the thread count, which libtorch keeps per thread.
    pub(super) fn input(&self, pixels: &[f32], count: usize) -> Result<Tensor, ModelError> {
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

fn read_as(path: &Path, contract: Contract, reading: Reading) -> Result<Contract, ModelError> {
    contract.read_as(reading).map_err(|error| ModelError::Reading {
        path: path.to_path_buf(),
        why: error.to_string(),
    })
}

/// `count` crops of `length` pixels to try a net on: rising grey, no two alike, so that outputs can be told apart.
pub(super) fn ramps(count: usize, length: usize) -> Vec<f32> {
    let grey = |place: usize| ((place % length) as f32 / length as f32) / (1 + place / length) as f32;
    (0..count * length).map(grey).collect()
}
