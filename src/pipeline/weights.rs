//! The threads that load nets beside those that run, and again when their files change: one for every role.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{
    events::{Event, EventSender, Role},
    slot::{Slot, Taken},
};
use crate::model::{Archive, DeviceChoice, KeypointModel, ModelError, Reading, Trial, archive};
use crate::worker::Pulse;

/// How often the file of the net is looked at while nothing is asked of the thread; closing the slot wakes it at once.
const PATIENCE: Duration = Duration::from_secs(1);

/// A net that is wanted.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct WantedNet {
    pub(super) path: PathBuf,
    /// How its numbers are read, where the file does not say so.
    pub(super) reading: Option<Reading>,
}

/// A net that was loaded and has not run on the inference thread yet.
#[derive(Debug)]
pub(super) struct LoadedNet {
    pub(super) path: PathBuf,
    /// The file as it was read.
    pub(super) archive: Arc<Archive>,
    pub(super) model: KeypointModel,
    /// How long each of its layers takes.
    pub(super) times: Vec<Option<Duration>>,
}

/// The thread's belongings.
pub(super) struct LoadWeights {
    /// What its nets are for.
    pub(super) role: Role,
    pub(super) device: DeviceChoice,
    pub(super) pulse: Pulse,
    /// The net that was loaded last, or tried last while there was none, and its file as it was then.
    pub(super) current: Option<(WantedNet, Option<Stamp>)>,
    /// Whether any was loaded since none was wanted.
    pub(super) has_loaded: bool,
    /// The file that is being loaded.
    pub(super) under_way: Option<PathBuf>,
    /// What nets have to pass.
    pub(super) trial: Option<Arc<Trial>>,
    pub(super) events: EventSender,
    /// Files asked for, or that none is wanted any more: the newest wins.
    pub(super) wanted: Arc<Slot<Option<WantedNet>>>,
    /// How the net in use is read by now, for when its file changes.
    pub(super) reading: Arc<Slot<Reading>>,
    /// Nets for the inference thread: the newest wins.
    pub(super) loaded: Arc<Slot<LoadedNet>>,
}

/// Tells one state of a file from the next.
pub(super) type Stamp = (SystemTime, u64);

impl LoadWeights {
    /// Runs until the slot of wishes is closed.
    pub(super) fn run(&mut self) {
        if let Some(path) = self.under_way.take() {
            let why = format!(
                "the net made the program fail; load another one: {}",
                path.display()
            );
            self.fail(path, why);
        }
        loop {
            match self.pulse.rests(|| self.wanted.take(PATIENCE)) {
                Taken::Value(None) => (self.current, self.has_loaded) = (None, false),
                Taken::Value(Some(wanted)) => {
                    // Before it is read: a file that changes meanwhile is read again.
                    let stamp = stamp_of(&wanted.path);
                    // Where there is no other net, one that cannot be used may yet become one: what writes it may be at it.
                    let loaded = self.load(&wanted);
                    if loaded || !self.has_loaded {
                        // What was set before was of another net.
                        self.reading.take_now();
                        self.current = Some((wanted, stamp));
                    }
                    self.has_loaded |= loaded;
                }
                Taken::Nothing => {
                    let again = self.current.as_mut();
                    let again = again.filter(|(wanted, known)| changed(&wanted.path, *known));
                    let Some((wanted, known)) = again else { continue };
                    *known = stamp_of(&wanted.path);
                    wanted.reading = self.reading.take_now().or(wanted.reading);
                    let wanted = wanted.clone();
                    self.has_loaded |= self.load(&wanted);
                }
                Taken::Closed => return,
            }
        }
    }

    /// The net in a file, once it has passed its trial.
    fn open(
        &self,
        path: &Path,
        reading: Option<Reading>,
    ) -> Result<(Arc<Archive>, KeypointModel), ModelError> {
        let archive = archive::look_into(path)?;
        if let Some(trial) = &self.trial {
            trial.pass(path, &archive, reading)?;
        }
        let model = KeypointModel::from_archive(path, &archive, self.device, reading)?;
        Ok((Arc::new(archive), model))
    }

    /// Whether the net was loaded. One that does not work as somebody said is read as is usual.
    fn load(&mut self, WantedNet { path, reading }: &WantedNet) -> bool {
        let role = self.role;
        self.under_way = Some(path.clone());
        self.events.send(Event::LoadingWeights {
            path: path.clone(),
            role,
        });
        let loaded = self.open(path, *reading).or_else(|error| {
            let as_usual = reading.and_then(|_| self.open(path, None).ok());
            as_usual.ok_or(error)
        });
        let path = path.clone();
        let is_loaded = match loaded {
            Ok((archive, model)) => {
                // Nobody sees the layers of a net that is only compared.
                let times = match role {
                    Role::Shown => model.layer_times().unwrap_or_default(),
                    Role::Compared => Vec::new(),
                };
                self.loaded.put(LoadedNet {
                    path,
                    archive,
                    model,
                    times,
                });
                true
            }
            Err(error) => {
                self.fail(path, error.to_string());
                false
            }
        };
        self.under_way = None;
        is_loaded
    }

    fn fail(&self, path: PathBuf, why: String) {
        self.events.send(Event::WeightsFailed {
            path,
            why,
            role: self.role,
            let_go: false,
        });
    }
}

/// Whether the file is another one than was known. One that is gone for a moment, as while it is replaced, has not changed.
fn changed(path: &Path, known: Option<Stamp>) -> bool {
    stamp_of(path).is_some_and(|now| known != Some(now))
}

fn stamp_of(path: &Path) -> Option<Stamp> {
    let metadata = path.metadata().ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_changed_when_it_is_another_one_and_not_while_it_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("net.pt");
        std::fs::write(&path, "one").unwrap();
        let known = stamp_of(&path);
        assert!(!changed(&path, known));
        std::fs::remove_file(&path).unwrap();
        assert!(!changed(&path, known));
        std::fs::write(&path, "another").unwrap();
        assert!(changed(&path, known));
        assert!(!changed(&path, stamp_of(&path)));
    }
}
