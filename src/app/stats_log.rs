//! Appends a line of figures to a file every ten seconds while the window is open, for those who watch it over hours. Knows the
//! recorder of the pipeline, and files.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde::Serialize;

use crate::{
    pipeline::{Percentiles, Recorder},
    process::Usage,
};

const EVERY: Duration = Duration::from_secs(10);

/// The file, with what is known of the lines before.
#[derive(Debug)]
pub struct StatsLog {
    path: PathBuf,
    /// `None` once it could not be written any more.
    file: Option<File>,
    began: Instant,
    next: Instant,
}

/// A line. Frames and delays are of the time since the line before, or the beginning; memory and threads of this moment.
#[derive(Debug, Serialize)]
struct Line {
    seconds: f64,
    frames_shown: u64,
    /// From capture to the end of the paint pass that showed the frame.
    latency_ms: Percentiles,
    memory_mb: f64,
    threads: u32,
}

impl StatsLog {
    /// Begins a new file; an older one is replaced.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        let began = Instant::now();
        Ok(Self {
            path: path.to_path_buf(),
            file: Some(File::create(path)?),
            began,
            next: began + EVERY,
        })
    }

    /// Writes a line where it is time for one; when the next is due, or why there will be none.
    ///
    /// # Errors
    /// When it cannot be written; told once.
    pub(super) fn note(&mut self, now: Instant, recorder: &mut Recorder) -> Result<Duration, String> {
        if now < self.next {
            return Ok(self.next - now);
        }
        self.next = now + EVERY;
        let Some(file) = &mut self.file else {
            return Ok(EVERY);
        };
        let (frames_shown, latency_ms) = recorder.take_lately();
        let usage = Usage::now();
        let line = Line {
            seconds: (now - self.began).as_secs_f64(),
            frames_shown,
            latency_ms,
            memory_mb: usage.memory_mb,
            threads: usage.threads,
        };
        let written = serde_json::to_string(&line)
            .map_err(io::Error::other)
            .and_then(|text| writeln!(file, "{text}"));
        written.map(|()| EVERY).map_err(|error| {
            self.file = None;
            format!(
                "the figures cannot be written any more ({error}): {}",
                self.path.display()
            )
        })
    }
}
