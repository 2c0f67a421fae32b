//! When, where and with which program a run was trained: a sitting each time that it was started or gone on with. Reads and writes
//! one small file.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{TrainError, journal};
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
}

impl Sitting {
    /// One that begins now, on this machine.
    pub fn now(steps_before: usize, device: &str) -> Self {
        let system = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Self {
            began: jiff::Zoned::now().strftime("%Y-%m-%d %H:%M:%S %:z").to_string(),
            steps_before,
            version: env!("CARGO_PKG_VERSION").into(),
            processor: processor_in(&system),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            device: device.into(),
        }
    }
}

/// Every sitting of a run so far; none of a run from before they were noted.
///
/// # Errors
/// When the file is damaged.
pub(super) fn read(path: &Path) -> Result<Vec<Sitting>, TrainError> {
    if path.exists() {
        journal::read_json(path)
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

    #[test]
    fn sittings_are_noted_one_after_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sittings.json");
        assert_eq!(read(&path).unwrap(), []);
        let both = [Sitting::now(0, "cpu"), Sitting::now(7, "cuda:0")];
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
