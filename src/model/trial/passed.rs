//! Remembers which nets have passed their trial, by their checksum and how they were read. Reads and writes one file.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::files;

/// More nets than anybody tries in a year; the oldest go.
const MOST: usize = 500;
/// What passed with another version of the program is tried again: it may do other things with a net.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The file in which they are kept.
#[derive(Debug)]
pub(super) struct Passed {
    file: PathBuf,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct List {
    version: String,
    /// SHA-256 of the files, in hexadecimal, with the input side where that was said; the newest last.
    nets: Vec<String>,
}

impl Passed {
    pub(super) fn new(file: PathBuf) -> Self {
        Self { file }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.list().nets.iter().any(|net| net == key)
    }

    /// Where it cannot be written down the net is tried again the next time.
    pub(super) fn add(&self, key: &str) {
        let mut nets = self.list().nets;
        nets.retain(|net| net != key);
        nets.push(key.to_owned());
        nets.drain(..nets.len().saturating_sub(MOST));
        let list = List {
            version: VERSION.into(),
            nets,
        };
        if let Some(folder) = self.file.parent() {
            // Whether it is there now, the writing tells.
            let _ = std::fs::create_dir_all(folder);
        }
        if let Err(error) = files::replace_json(&self.file, &list) {
            tracing::warn!("that a net works cannot be remembered: {error}");
        }
    }

    /// What is not there or not to be read is an empty list.
    fn list(&self) -> List {
        let read = std::fs::read(&self.file).ok();
        let list: Option<List> = read.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        list.filter(|list| list.version == VERSION).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passed_is_remembered_up_to_a_number_and_for_this_version() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/nets.json");
        let passed = Passed::new(file.clone());
        assert!(!passed.has("a"));
        for number in 0..=MOST {
            passed.add(&number.to_string());
        }
        passed.add("7");
        assert!(passed.has("7") && passed.has(&MOST.to_string()) && !passed.has("0"));
        assert_eq!(passed.list().nets.len(), MOST);

        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace(VERSION, "0.0.1")).unwrap();
        assert!(!passed.has("7"));
        std::fs::write(&file, "{").unwrap();
        assert!(!passed.has("7"));
        passed.add("7");
        assert!(passed.has("7"));
    }
}
