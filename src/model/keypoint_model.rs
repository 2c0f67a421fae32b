//! A loaded net: crops in, keypoints and feature maps out. Owns the net; `net` runs it.

use std::{
    cell::Cell,
    path::Path,
    time::{Duration, Instant},
};

use tch::{Device, Tensor};

use super::{
    Contract, DeviceChoice, ModelError,
    archive::{self, Archive},
    maps::{self, LayerMaps},
    net::Net,
    probe,
};
use crate::geometry::Point;

/// Faces of one frame for which a net is warmed up: more are rare, and then cost one slow frame.
const WARM_BATCHES: std::ops::RangeInclusive<usize> = 1..=4;
/// Passes of one batch size until libtorch has specialised and optimised the net for it.
const WARM_PASSES: usize = 2;
/// Warming up ends after this long: on a slow machine the first face matters more than the first crowd.
const WARM_UP_TIME: Duration = Duration::from_secs(2);
/// Batch that a net is tried on before it is taken: several faces at once have to work.
const TRIED_BATCH: usize = 2;
/// Threads that one forward pass uses unless told otherwise: the pipeline's other stages need the other cores, and
/// two threads on busy cores are much slower than one.
const DEFAULT_THREADS: usize = 1;

/// A net loaded onto a device. Belongs to one thread at a time.
#[derive(Debug)]
pub struct KeypointModel {
    net: Net,
    contract: Contract,
    threads: usize,
    parameters: Vec<(String, Tensor)>,
    /// Whether the file gives feature maps; found out by the first one who asks.
    gives_maps: Cell<Option<bool>>,
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
    /// Loads the file and tries it out on black crops.
    ///
    /// # Errors
    /// Says what is wrong with the file and what to do.
    pub fn load(path: &Path, device: DeviceChoice) -> Result<Self, ModelError> {
        Self::from_archive(path, archive::look_into(path)?, device)
    }

    /// Loads a file that was looked into before; see [`Self::load`].
    ///
    /// # Errors
    /// Says what is wrong with the file and what to do.
    pub fn from_archive(path: &Path, archive: Archive, device: DeviceChoice) -> Result<Self, ModelError> {
        tch::set_num_threads(DEFAULT_THREADS as i32);
        let net = Net::load(path, &archive.bytes, device.resolve()?)?;
        let contract = match archive.contract {
            Some(contract) => contract,
            None => probe::contract(&net)?,
        };
        let model = Self {
            parameters: net.parameters()?,
            net,
            contract,
            threads: DEFAULT_THREADS,
            gives_maps: Cell::default(),
            passes: Cell::default(),
        };
        model.predict_black(TRIED_BATCH)?;
        model.passes.take();
        Ok(model)
    }

    /// Runs the net on black crops of every usual batch size, as far as there is time. libtorch prepares a net per
    /// thread and batch size, so a thread that takes over a net calls this before the first frame.
    ///
    /// # Errors
    /// When the net fails or gives something other than its contract says.
    pub fn warm_up(&self) -> Result<(), ModelError> {
        let start = Instant::now();
        for count in WARM_BATCHES {
            for _ in 0..WARM_PASSES {
                self.predict_black(count)?;
                if start.elapsed() > WARM_UP_TIME {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn predict_black(&self, count: usize) -> Result<(), ModelError> {
        let pixels = vec![0.0; count * self.crop_length()];
        self.predict(&pixels, count).map(drop)
    }

    /// What the net needs and gives.
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// Name of the device that it runs on, such as `cpu` or `cuda:0`.
    pub fn device(&self) -> String {
        match self.net.device {
            Device::Cuda(number) => format!("cuda:{number}"),
            _ => "cpu".into(),
        }
    }

    /// Threads that one forward pass may use, from now on; at least 1. One leaves the other cores to other stages.
    pub fn set_threads(&mut self, threads: usize) {
        self.threads = threads.max(1);
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

    /// Keypoints of `count` crops (`[count, 1, side, side]`, grey 0..1), in crop pixels, by one forward pass.
    ///
    /// # Errors
    /// When the net fails or gives something other than its contract says.
    pub fn predict(&self, pixels: &[f32], count: usize) -> Result<Vec<Vec<Point>>, ModelError> {
        if count == 0 && pixels.is_empty() {
            return Ok(Vec::new());
        }
        let output = self.net.forward(&self.input(pixels, count)?)?;
        self.passes.set(Passes {
            forward: self.passes.get().forward + 1,
            last_batch: count,
        });
        let points = self.contract.scheme.count;
        if self.net.points(&output, count)? != points {
            return Err(self
                .net
                .output_error(&output, count, &format!("{points} points a crop")));
        }
        let values = self.net.values(&output)?;
        Ok(values
            .chunks_exact(2 * points)
            .map(|values| self.contract.points(values))
            .collect())
    }

    /// Every layer's output for one crop (`[1, side, side]`); empty when the file cannot give them.
    ///
    /// # Errors
    /// When the net fails.
    pub fn feature_maps(&self, pixels: &[f32]) -> Result<Vec<LayerMaps>, ModelError> {
        if self.gives_maps.get() == Some(false) {
            return Ok(Vec::new());
        }
        match self.layer_maps(pixels) {
            Err(why) if self.gives_maps.get().is_none() => {
                tracing::info!("no feature maps from this file: {why}");
                self.gives_maps.set(Some(false));
                Ok(Vec::new())
            }
            maps => {
                self.gives_maps.set(Some(true));
                maps
            }
        }
    }

    fn layer_maps(&self, pixels: &[f32]) -> Result<Vec<LayerMaps>, ModelError> {
        let input = self.input(pixels, 1)?;
        tch::no_grad(|| maps::of_layers(&self.net.module, &input)).map_err(|e| self.net.forward_error(&e))
    }

    /// The kernels of the first convolution, `[filters, height, width]` (first input channel); `None` when the file
    /// holds no parameter of that shape.
    pub fn first_filters(&self) -> Option<LayerMaps> {
        maps::first_filters(&self.parameters)
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
        if tch::get_num_threads() != self.threads as i32 {
            tch::set_num_threads(self.threads as i32);
        }
        let shape = [count as i64, 1, i64::from(side), i64::from(side)];
        Tensor::f_from_slice(pixels)
            .and_then(|flat| flat.f_view(shape)?.f_to(self.net.device))
            .map_err(|e| self.net.forward_error(&e))
    }
}
