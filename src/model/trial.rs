//! The first run of a net from a stranger: in a process of its own, under limits of time and memory, so that a bad file costs a
//! message and not the program. Starts the program itself; nets that passed are remembered by the checksum of their file.

mod limits;
mod passed;

use std::{
    ffi::OsString,
    io::{self, Read, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

pub use limits::Limits;
use passed::Passed;

use super::{Archive, DeviceChoice, KeypointModel, ModelError, Reading, archive, catalogue};
use crate::resources;

/// The hidden subcommand that calls [`take`].
pub const SUBCOMMAND: &str = "try-net";
/// File in which nets that passed are remembered.
const PASSED: &str = "tried-nets.json";
/// Numbers of faces at once that a net is tried for: those that the window prepares it for.
const FACES: std::ops::RangeInclusive<usize> = 1..=4;
/// How often it is looked whether the trial is over.
const GLANCE: Duration = Duration::from_millis(5);

/// Tries nets out before they are let into this process.
#[derive(Debug)]
pub struct Trial {
    program: PathBuf,
    passed: Option<Passed>,
    limits: Limits,
}

/// What the process that tried a net says of it.
#[derive(Debug, Serialize, Deserialize)]
struct Report {
    /// Of the file that it read.
    checksum: String,
    /// What is wrong with it, and what to do; `None` where it works.
    failure: Option<String>,
}

impl Trial {
    /// Tries nets with `program`, which has to be this one, and remembers those that passed in the file `passed`, where one is
    /// given.
    pub fn new(program: PathBuf, passed: Option<PathBuf>, limits: Limits) -> Self {
        Self {
            program,
            passed: passed.map(Passed::new),
            limits,
        }
    }

    /// As the program does it: with itself, and a list among what it keeps for the user.
    ///
    /// # Errors
    /// When the system does not say which program this is.
    pub fn of_this_program() -> io::Result<Self> {
        let passed = resources::users_state_folder().map(|folder| folder.join(PASSED));
        Ok(Self::new(std::env::current_exe()?, passed, Limits::default()))
    }

    /// Lets a net pass that is known, or works in a process of its own. `archive` is what was read from `path`.
    ///
    /// # Errors
    /// When it does not work there, needs too long or too much memory, or ends the process; or none can be started.
    pub fn pass(&self, path: &Path, archive: &Archive, reading: Option<Reading>) -> Result<(), ModelError> {
        let checksum = archive.checksum();
        // A net that works on crops of one side may not on those of another.
        let key = match reading.filter(|_| archive.contract.is_none()) {
            Some(reading) => format!("{checksum} at {}", reading.input_side),
            None => checksum.clone(),
        };
        let known = self.passed.as_ref().is_some_and(|passed| passed.has(&key));
        if known || catalogue::is_bundled(&checksum) {
            return Ok(());
        }
        tracing::info!("trying a net that was not seen before: {}", path.display());
        let report = self.report(path, reading)?;
        match report.failure {
            Some(failure) => Err(ModelError::Failed(failure)),
            None if report.checksum != checksum => Err(ModelError::Trial {
                path: path.to_path_buf(),
                why: "its file was changed meanwhile; load it again".into(),
            }),
            None => {
                if let Some(passed) = &self.passed {
                    passed.add(&key);
                }
                Ok(())
            }
        }
    }

    fn report(&self, path: &Path, reading: Option<Reading>) -> Result<Report, ModelError> {
        let none = |why: io::Error| ModelError::NoTrial {
            path: path.to_path_buf(),
            why: why.to_string(),
        };
        let mut child = Command::new(&self.program)
            .args(self.arguments(path, reading).map_err(none)?)
            .stdin(Stdio::null())
            // A report fits into a pipe, so nobody has to read it meanwhile.
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(none)?;
        let status = self.wait(&mut child).map_err(none)?;
        let mut said = String::new();
        if let Some(stdout) = &mut child.stdout {
            stdout.read_to_string(&mut said).map_err(none)?;
        }
        serde_json::from_str(&said).map_err(|_| ModelError::Trial {
            path: path.to_path_buf(),
            why: format!("{}; load another one", self.end_of(status)),
        })
    }

    fn arguments(&self, path: &Path, reading: Option<Reading>) -> io::Result<Vec<OsString>> {
        let mut arguments: Vec<OsString> = vec![SUBCOMMAND.into()];
        arguments.push(format!("--limits={}", serde_json::to_string(&self.limits)?).into());
        if let Some(reading) = reading {
            arguments.push(format!("--reading={}", serde_json::to_string(&reading)?).into());
        }
        // A name may begin with a dash.
        arguments.extend(["--".into(), path.into()]);
        Ok(arguments)
    }

    /// Waits for the end of the trial, and ends one that takes too long: `None` then.
    fn wait(&self, child: &mut Child) -> io::Result<Option<ExitStatus>> {
        let deadline = Instant::now() + self.limits.time;
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(Some(status));
            }
            if Instant::now() >= deadline {
                child.kill()?;
                child.wait()?;
                return Ok(None);
            }
            thread::sleep(GLANCE);
        }
    }

    /// In words, how a trial ended that reported nothing.
    fn end_of(&self, status: Option<ExitStatus>) -> String {
        let Some(status) = status else {
            return format!("it gave nothing in {} s", self.limits.time.as_secs());
        };
        #[cfg(unix)]
        {
            use std::os::unix::process::ExitStatusExt;
            match status.signal() {
                // The second is what a process gets that goes on after the first.
                Some(libc::SIGXCPU | libc::SIGKILL) => {
                    let seconds = self.limits.computing.as_secs();
                    return format!("it gave nothing in {seconds} s of computing, or memory ran out");
                }
                Some(signal) => {
                    return format!("it brought down the process that it ran in, by signal {signal}");
                }
                None => {}
            }
        }
        format!("it ended the process that it ran in: {status}")
    }
}

/// The trial itself, in the process made for it: does with the net what the window will do, and says on stdout how that went.
///
/// # Errors
/// When nothing can be said.
pub fn take(path: &Path, limits: Limits, reading: Option<Reading>) -> io::Result<()> {
    limits.impose(path.metadata()?.len());
    let mut checksum = String::new();
    let tried = catch_unwind(AssertUnwindSafe(|| works(path, reading, &mut checksum)));
    let failure = match tried {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!(
            "memory ran out, or libtorch failed in an unforeseen way: {}",
            path.display()
        )),
    };
    let mut stdout = io::stdout();
    serde_json::to_writer(&mut stdout, &Report { checksum, failure })?;
    stdout.flush()
}

fn works(path: &Path, reading: Option<Reading>, checksum: &mut String) -> Result<(), ModelError> {
    let archive = archive::look_into(path)?;
    *checksum = archive.checksum();
    let model = KeypointModel::from_archive(path, &archive, DeviceChoice::Cpu, reading)?;
    FACES.into_iter().try_for_each(|faces| model.warm_up(faces))?;
    model.layer_times().map(drop)
}
