//! When, where and with which program a run was trained: a sitting each time that it was started or gone on with. Reads and writes
//! one small file.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{TrainConfig, TrainError};
use crate::files;

/// One time that a run was started or gone on with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sitting {
    /// When it began, with the zone.
    pub began: String,
    /// Steps that were done before.
    pub steps_before: usize,
    /// Version of the program.
    pub version: String,
    /// Name of the processor; empty where the system does not say.
    pub processor: String,
    /// Cores that could be used.
    pub cores: usize,
    /// Where the net was trained, `cpu` or `cuda:0`.
    pub device: String,
    /// Epochs that the run was to have; not noted by earlier versions.
    #[serde(default)]
    pub epochs: Option<u32>,
    /// Version of libtorch; empty where it was not known, as in earlier versions.
    #[serde(default)]
    pub libtorch: String,
}

impl Sitting {
    /// One that begins now, on this machine.
    pub fn now(steps_before: usize, config: &TrainConfig) -> Self {
        let system = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Self {
            began: jiff::Zoned::now().strftime("%Y-%m-%d %H:%M:%S %:z").to_string(),
            steps_before,
            version: env!("CARGO_PKG_VERSION").into(),
            processor: processor_in(&system),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            device: config.device.clone(),
            epochs: Some(config.epochs),
            libtorch: option_env!("PINKPOINT_LIBTORCH").unwrap_or_default().into(),
        }
    }

    /// Which of a run's sittings did the step of this number, from 1: what an earlier one did beyond the checkpoint that a later
    /// one went on from is lost.
    pub fn of_step(sittings: &[Self], step: usize) -> Option<&Self> {
        sittings.iter().rfind(|sitting| sitting.steps_before < step)
    }
}

/// The step size of a run's step of this number, from 1, by what was to come of the run then.
pub(super) fn learning_rate(
    config: &TrainConfig,
    sittings: &[Sitting],
    steps_per_epoch: usize,
    step: usize,
) -> f64 {
    let sitting = Sitting::of_step(sittings, step);
    let epochs = sitting
        .and_then(|sitting| sitting.epochs)
        .unwrap_or(config.epochs);
    let all = steps_per_epoch.max(1) * epochs as usize;
    config.learning_rate_at(step.saturating_sub(1) as f64 / all as f64)
}

/// Every sitting of a run so far; none of a run from before they were noted.
///
/// # Errors
/// When the file is damaged.
pub(super) fn read(path: &Path) -> Result<Vec<Sitting>, TrainError> {
    if path.exists() {
        super::read_own(path)
    } else {
        Ok(Vec::new())
    }
}

/// Notes one more.
///
/// # Errors
/// When the file is damaged or cannot be written.
pub(super) fn note(path: &Path, sitting: Sitting) -> Result<(), TrainError> {
    let mut all = read(path)?;
    all.push(sitting);
    Ok(files::replace_json(path, &all)?)
}

/// The name of the first processor in a text like that of `/proc/cpuinfo`.
fn processor_in(text: &str) -> String {
    let name = text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == "model name").then(|| value.trim().to_owned())
    });
    name.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{network::Architecture, train::Schedule};

    fn recipe(epochs: u32) -> TrainConfig {
        TrainConfig {
            epochs,
            schedule: Schedule::Cosine,
            ..TrainConfig::usual(Architecture::Course, Vec::new())
        }
    }

    #[test]
    fn a_step_has_the_size_that_it_had_when_it_was_done() {
        // The second went on to step 12 and was killed; the third went on from step 8.
        let sittings = [(0, 2), (10, 2), (8, 4)].map(|(steps, epochs)| Sitting::now(steps, &recipe(epochs)));
        let done_by = |step| Sitting::of_step(&sittings, step).and_then(|sitting| sitting.epochs);
        assert_eq!([1, 8, 9, 12, 99].map(done_by), [2, 2, 4, 4, 4].map(Some));
        assert_eq!(Sitting::of_step(&[], 1), None);
        let rate = |sittings: &[Sitting], step| learning_rate(&recipe(4), sittings, 10, step);
        assert_eq!(rate(&sittings, 6), recipe(2).learning_rate_at(0.25));
        assert_eq!(rate(&sittings, 21), recipe(4).learning_rate_at(0.5));
        assert_eq!(rate(&[], 21), recipe(4).learning_rate_at(0.5));
    }

    #[test]
    fn sittings_of_earlier_versions_are_read() {
        let text = r#"{ "began": "then", "steps_before": 0, "version": "0.1.0", "processor": "", "cores": 2, "device": "cpu" }"#;
        let sitting: Sitting = serde_json::from_str(text).unwrap();
        assert_eq!((sitting.epochs, &*sitting.libtorch), (None, ""));
    }

    #[test]
    fn sittings_are_noted_one_after_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sittings.json");
        assert_eq!(read(&path).unwrap(), []);
        let both = [0, 7].map(|steps| Sitting::now(steps, &recipe(3)));
        for sitting in both.clone() {
            note(&path, sitting).unwrap();
        }
        assert_eq!(read(&path).unwrap(), both);
        std::fs::write(&path, "[").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("sittings.json"));
    }

    #[test]
    fn a_processor_is_named_where_the_system_names_it() {
        assert_eq!(
            processor_in("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n"),
            "Some CPU @ 2 GHz"
        );
        assert_eq!(processor_in(""), "");
    }
}
