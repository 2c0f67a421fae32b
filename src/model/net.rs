//! A TorchScript module behind typed errors: loading checked bytes, and single forward passes.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use tch::{CModule, Device, IValue, Kind, TchError, Tensor};

use super::{ModelError, error::brief, output::Output};

/// A TorchScript module with where it came from and where it runs.
#[derive(Debug)]
pub(super) struct Net {
    pub(super) module: CModule,
    pub(super) device: Device,
    /// What it computes in: single precision, but half on a GPU where the file is in half.
    pub(super) kind: Kind,
    pub(super) path: PathBuf,
}

impl Net {
    /// Loads the bytes of an archive that was checked, for prediction.
    pub(super) fn load(path: &Path, bytes: &[u8], device: Device) -> Result<Self, ModelError> {
        let path = path.to_path_buf();
        let module = match CModule::load_data_on_device(&mut &*bytes, device) {
            Ok(module) => module,
            Err(e) => return Err(ModelError::Load { path, why: brief(&e) }),
        };
        let mut net = Self {
            module,
            device,
            kind: Kind::Float,
            path,
        };
        net.module.f_set_eval().map_err(|e| net.load_error(&e))?;
        let parameters = net.parameters()?;
        let all_half = !parameters.is_empty() && parameters.iter().all(|(_, p)| p.kind() == Kind::Half);
        if all_half && device.is_cuda() {
            net.kind = Kind::Half;
            return Ok(net);
        }
        // Half precision saves space on disk; on a CPU it is slow.
        if parameters
            .iter()
            .any(|(_, p)| matches!(p.kind(), Kind::Half | Kind::BFloat16 | Kind::Double))
        {
            // tch has no version of this that gives an error: it panics where memory runs out.
            let module = &mut net.module;
            catch_unwind(AssertUnwindSafe(|| module.to(device, Kind::Float, false))).map_err(|_| {
                let why = format!("its parameters could not be turned to single precision on {device:?}");
                ModelError::Load {
                    path: net.path.clone(),
                    why,
                }
            })?;
        }
        Ok(net)
    }

    /// The parameters by name, in the order of the file.
    pub(super) fn parameters(&self) -> Result<Vec<(String, Tensor)>, ModelError> {
        self.module.named_parameters().map_err(|e| self.load_error(&e))
    }

    /// What the net gives for `[n, 1, side, side]`.
    pub(super) fn forward(&self, input: &Tensor) -> Result<Tensor, ModelError> {
        let output = tch::no_grad(|| self.module.forward_is(&[IValue::Tensor(input.shallow_clone())]));
        match points_of(output.map_err(|e| self.forward_error(&e))?) {
            Some(output) => Ok(output),
            None => Err(ModelError::Output {
                path: self.path.clone(),
                batch: input.size().first().copied().unwrap_or(0),
                got: "something other than a tensor".into(),
                wanted: "a tensor [n, 2k] or [n, k, 2], by itself or before others,".into(),
            }),
        }
    }

    /// What the net gives for `[n, 1, side, side]`, with how sure it is where the file says that (`sure`).
    pub(super) fn run(&self, input: &Tensor, sure: bool) -> Result<Output, ModelError> {
        /// The method of such files.
        const METHOD: &str = "predict";
        if !sure {
            return Ok(Output {
                points: self.forward(input)?,
                certainty: None,
            });
        }
        let output = tch::no_grad(|| {
            self.module
                .method_is(METHOD, &[IValue::Tensor(input.shallow_clone())])
        });
        let output = output.map_err(|e| self.forward_error(&e))?;
        Output::from_predict(output).ok_or_else(|| ModelError::Output {
            path: self.path.clone(),
            batch: input.size().first().copied().unwrap_or(0),
            got: format!("something else from its method {METHOD}"),
            wanted: "a tuple of points, confidence and spread".into(),
        })
    }

    /// Number of points a crop in an output for `count` crops.
    pub(super) fn points(&self, output: &Tensor, count: usize) -> Result<usize, ModelError> {
        let points = match *output.size().as_slice() {
            [n, values] if n == count as i64 && values % 2 == 0 => values / 2,
            [n, points, 2] if n == count as i64 => points,
            _ => 0,
        };
        if points > 0 {
            Ok(points as usize)
        } else {
            let wanted = format!("[{count}, 2k] or [{count}, k, 2]");
            Err(self.output_error(output, count, &wanted))
        }
    }

    /// The numbers of an output, crop after crop, all finite.
    pub(super) fn values(&self, output: &Tensor) -> Result<Vec<f32>, ModelError> {
        let flat = output
            .f_to_device(Device::Cpu)
            .and_then(|o| o.f_to_kind(Kind::Float)?.f_contiguous()?.f_flatten(0, -1));
        let values = flat
            .and_then(Vec::<f32>::try_from)
            .map_err(|e| self.forward_error(&e))?;
        if values.iter().all(|v| v.is_finite()) {
            Ok(values)
        } else {
            Err(ModelError::NotFinite {
                path: self.path.clone(),
            })
        }
    }

    pub(super) fn output_error(&self, output: &Tensor, count: usize, wanted: &str) -> ModelError {
        ModelError::Output {
            path: self.path.clone(),
            batch: count as i64,
            got: format!("{:?}", output.size()),
            wanted: wanted.to_owned(),
        }
    }

    pub(super) fn load_error(&self, error: &TchError) -> ModelError {
        ModelError::Load {
            path: self.path.clone(),
            why: brief(error),
        }
    }

    pub(super) fn forward_error(&self, error: &TchError) -> ModelError {
        ModelError::Forward {
            path: self.path.clone(),
            why: brief(error),
        }
    }
}

/// The points in what `forward` gives: all of it, or the first of several things.
pub(super) fn points_of(output: IValue) -> Option<Tensor> {
    match output {
        IValue::Tensor(points) => Some(points),
        IValue::Tuple(several) => match several.into_iter().next() {
            Some(IValue::Tensor(points)) => Some(points),
            _ => None,
        },
        _ => None,
    }
}
