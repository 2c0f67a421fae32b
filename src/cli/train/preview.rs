//! The window beside training: the program itself, in a process of its own, with the run's newest net.

use std::{
    ffi::OsString,
    fs::File,
    io::{Read, Seek},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};

use crate::{process, source::SourceSpec};

/// How often the run's newest net is written for the window.
pub const INTERVAL: Duration = Duration::from_secs(10);
/// How often it is looked whether the window is still there.
const GLANCE: Duration = Duration::from_secs(1);

/// The window of a run, which outlives the run's training.
pub struct Preview {
    child: Option<Child>,
    /// What it complains about.
    complaints: File,
    glanced: Instant,
}

/// Whether there can be one, asked before anything is written.
///
/// # Errors
/// When there is no display.
#[cfg(feature = "window")]
pub fn check() -> Result<()> {
    crate::app::can_open().map_err(|why| {
        anyhow!(
            "no preview: {why}; run this on a desktop (DISPLAY or WAYLAND_DISPLAY has to be set), or without --preview"
        )
    })
}

/// There can be none.
///
/// # Errors
/// Always.
#[cfg(not(feature = "window"))]
pub fn check() -> Result<()> {
    Err(anyhow!(
        "no preview: this program was built without its window (cargo's feature \"window\"); run this without --preview"
    ))
}

impl Preview {
    /// Opens the window on a net that is there.
    ///
    /// # Errors
    /// When the program cannot be started once more.
    pub fn open(folder: &Path, weights: &Path, source: Option<&SourceSpec>) -> Result<Self> {
        let complaints = tempfile::tempfile().context("cannot keep what the preview complains about")?;
        let program = std::env::current_exe().context("cannot find this program to open a preview")?;
        let mut command = Command::new(program);
        command
            .arg(option("--weights=", weights.as_os_str()))
            .arg(option("--settings=", folder.join("preview.json").as_os_str()))
            // Training has the GPU where there is one.
            .arg("--device=cpu")
            .args(source.map(|source| option("--source=", source.to_string().as_ref())))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(complaints.try_clone()?)
            // Ctrl-C is meant for training.
            .process_group(0);
        // What is started gets the priority of the thread that starts it: training comes first.
        let started = thread::scope(|scope| {
            let starter = scope.spawn(move || {
                process::yield_to_others();
                command.spawn()
            });
            starter.join()
        });
        let child = started
            .map_err(|_| anyhow!("cannot start a thread"))?
            .context("cannot open a preview")?;
        Ok(Self {
            child: Some(child),
            complaints,
            glanced: Instant::now(),
        })
    }

    /// Once when the window is gone: how it ended.
    pub fn glance(&mut self) -> Option<String> {
        if self.glanced.elapsed() < GLANCE {
            return None;
        }
        self.glanced = Instant::now();
        let status = self.child.as_mut()?.try_wait().ok()??;
        self.child = None;
        if status.success() {
            return Some("The preview was closed; training goes on".into());
        }
        let mut said = String::new();
        // Without it there is the status.
        let _ = self
            .complaints
            .rewind()
            .and_then(|()| self.complaints.read_to_string(&mut said));
        let last = said
            .lines()
            .last()
            .map_or_else(|| status.to_string(), str::to_owned);
        Some(format!("The preview ended ({last}); training goes on"))
    }

    /// Whether the window is still there; it stays as long as its user wants, also after training.
    pub fn is_open(&mut self) -> bool {
        let child = self.child.as_mut();
        child.is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }
}

/// `--name=value`, whatever the value begins with.
fn option(name: &str, value: &std::ffi::OsStr) -> OsString {
    let mut option = OsString::from(name);
    option.push(value);
    option
}
