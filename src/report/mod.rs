//! A run as one page of HTML that needs nothing beside it: to look at, print and pass on. Knows `train` and what draws pictures; asks
//! nobody anything.

mod curve;
mod page;
mod parts;

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use crate::{
    files::{self, WriteError},
    record::RecordError,
    train::{Run, TrainError},
};

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The run cannot be read.
    #[error(transparent)]
    Run(#[from] TrainError),
    /// A face cannot be drawn.
    #[error(transparent)]
    Face(#[from] RecordError),
    /// A picture cannot be written as a file.
    #[error("cannot encode a picture of the report: {0}")]
    Picture(#[from] image::ImageError),
    /// The page cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Where a run's report lies unless somebody wants it elsewhere.
pub fn usual_file(run: &Run) -> PathBuf {
    run.folder().join("report.html")
}

/// Writes the report of what has come of a run so far; `command` gives it once more.
///
/// # Errors
/// When the run has no checkpoint yet or is damaged, or the file cannot be written. That its data are not there any more is no error:
/// the report says so.
pub fn write(run: &Run, command: &str, path: &Path) -> Result<(), ReportError> {
    files::check(path)?;
    let page = page::of(&run.results()?, &name_of(run.folder()), command)?;
    files::replace(path, |out| out.write_all(page.as_bytes()))?;
    Ok(())
}

/// What people call the run: its folder's name, however it was given.
fn name_of(folder: &Path) -> String {
    let whole = folder.canonicalize();
    let folder = whole.as_deref().unwrap_or(folder);
    let name = folder.file_name().unwrap_or(folder.as_os_str());
    name.to_string_lossy().into_owned()
}
