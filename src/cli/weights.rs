//! Opens the weights that a command is given: every net of the command line passes its trial first.

use std::path::PathBuf;

use crate::model::{Archive, Trial, archive, catalogue};

/// The file that `text` means, a path or the name of a bundled net, and what is in it.
///
/// # Errors
/// When there is none, it is no net, or the net does not pass its trial.
pub fn open(text: &str) -> anyhow::Result<(PathBuf, Archive)> {
    let path = catalogue::resolve(text)?;
    let archive = archive::look_into(&path)?;
    Trial::of_this_program()?.pass(&path, &archive, None)?;
    Ok((path, archive))
}
