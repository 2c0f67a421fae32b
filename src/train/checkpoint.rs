//! The state of a run in one safetensors file: the net's parameters under their plain names (`conv1.weight`), their
//! averages below `average/`, the habits of the data sets' labels as `labels/offsets`, and below `optimiser/` and `progress/` what
//! else is needed to go on. Knows tch and files.

use std::{collections::HashMap, io, path::Path};

use tch::Tensor;

use super::{TrainError, optimiser::Optimiser};
use crate::files;

/// How far a run has come.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Progress {
    /// Finished epochs.
    pub epoch: u32,
    /// Finished steps of the epoch that is under way.
    pub step: usize,
    /// Loss of every step so far.
    pub losses: Vec<f32>,
    /// Training pictures of every data set, in the recipe's order; a resumed run has to find as many.
    pub pictures: Vec<usize>,
}

impl Progress {
    /// Whether one loss was kept of every step, and the epoch under way has no more steps than an epoch has.
    pub fn is_consistent(&self, steps_per_epoch: usize) -> bool {
        let steps = (self.epoch as usize)
            .checked_mul(steps_per_epoch)
            .and_then(|steps| steps.checked_add(self.step));
        self.step <= steps_per_epoch && steps == Some(self.losses.len())
    }
}

/// Writes the state; an older file stays until the new one is whole.
///
/// # Errors
/// When the file cannot be written.
pub fn save(
    path: &Path,
    parameters: &[(String, Tensor)],
    optimiser: &Optimiser,
    progress: &Progress,
) -> Result<(), TrainError> {
    let mut entries: Vec<(String, Tensor)> = Vec::new();
    for (name, parameter) in parameters {
        entries.push((name.clone(), on_cpu(parameter)));
    }
    for (name, value) in optimiser.state() {
        entries.push((format!("optimiser/{name}"), on_cpu(&value)));
    }
    let counts = progress.pictures.iter().map(|&count| count as i64);
    let place: Vec<i64> = [i64::from(progress.epoch), progress.step as i64]
        .into_iter()
        .chain(counts)
        .collect();
    entries.push(("progress/place".into(), Tensor::from_slice(&place)));
    entries.push(("progress/losses".into(), Tensor::from_slice(&progress.losses)));
    files::replace_by_path(path, |beside| {
        Tensor::write_safetensors(&entries, beside).map_err(io::Error::other)
    })?;
    Ok(())
}

/// Reads the state into `parameters` and `optimiser`.
///
/// # Errors
/// When the file is missing, damaged, or of another net or optimiser.
pub fn load(
    path: &Path,
    parameters: &[(String, Tensor)],
    optimiser: &mut Optimiser,
) -> Result<Progress, TrainError> {
    let entries = Entries::read(path)?;
    tch::no_grad(|| -> Result<(), TrainError> {
        for (name, parameter) in parameters {
            let saved = entries.find(name)?;
            if saved.size() != parameter.size() {
                return Err(entries.damaged(format!(
                    "its '{name}' has the shape {:?} and not {:?}",
                    saved.size(),
                    parameter.size()
                )));
            }
            parameter.shallow_clone().f_copy_(&saved)?;
        }
        optimiser.restore(|name| entries.find(&format!("optimiser/{name}")))
    })?;
    entries.progress()
}

/// Reads only how far the run has come.
///
/// # Errors
/// When the file is missing or damaged.
pub fn progress(path: &Path) -> Result<Progress, TrainError> {
    Entries::read(path)?.progress()
}

/// Training pictures of an epoch of the run that wrote a checkpoint.
///
/// # Errors
/// When the file is missing or damaged.
pub fn pictures_in(path: &Path) -> Result<usize, TrainError> {
    Ok(progress(path)?.pictures.iter().sum())
}

/// What a checkpoint holds, by name.
struct Entries<'a> {
    path: &'a Path,
    entries: HashMap<String, Tensor>,
}

impl<'a> Entries<'a> {
    fn read(path: &'a Path) -> Result<Self, TrainError> {
        let mut read = Self {
            path,
            entries: HashMap::new(),
        };
        let entries = Tensor::read_safetensors(path).map_err(|e| read.damaged(e.to_string()))?;
        read.entries.extend(entries);
        Ok(read)
    }

    fn damaged(&self, why: String) -> TrainError {
        TrainError::Checkpoint {
            path: self.path.to_path_buf(),
            why,
        }
    }

    fn find(&self, name: &str) -> Result<Tensor, TrainError> {
        let found = self.entries.get(name).map(Tensor::shallow_clone);
        found.ok_or_else(|| self.damaged(format!("it has no entry '{name}'")))
    }

    fn progress(&self) -> Result<Progress, TrainError> {
        let place: Vec<i64> = Vec::try_from(&self.find("progress/place")?)?;
        let losses = Vec::try_from(&self.find("progress/losses")?)?;
        match place[..] {
            [epoch, step, ref pictures @ ..]
                if epoch >= 0 && step >= 0 && pictures.iter().all(|&n| n >= 0) =>
            {
                Ok(Progress {
                    epoch: u32::try_from(epoch).map_err(|e| self.damaged(e.to_string()))?,
                    step: step as usize,
                    losses,
                    pictures: pictures.iter().map(|&count| count as usize).collect(),
                })
            }
            _ => Err(self.damaged(format!("its place {place:?} makes no sense"))),
        }
    }
}

/// Safetensors are written from plain memory.
fn on_cpu(tensor: &Tensor) -> Tensor {
    tensor.detach().to_device(tch::Device::Cpu).contiguous()
}
