//! Why a net cannot be loaded or run.

use std::path::PathBuf;

use tch::TchError;

use super::{ArchiveError, device::DeviceError};
use crate::text::shortened;

/// Longest reason taken over from libtorch, characters; it likes to add pages of stack trace.
const LONGEST_REASON: usize = 300;

/// Why a weights file cannot be used, or a net that was loaded fails.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The file is not whole, or not TorchScript.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The device is not there.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// libtorch refuses a file that is whole.
    #[error(
        "libtorch cannot load the net ({why}); save it again by torch.jit.script(net.eval()).save(...), not by \
         optimize_for_inference: {}", path.display()
    )]
    Load {
        /// The file.
        path: PathBuf,
        /// What libtorch said.
        why: String,
    },
    /// It was tried out, and what is wrong with it was said there.
    #[error("{0}")]
    Failed(String),
    /// It was tried out in a process of its own and is not fit for this one.
    #[error("the net was tried out in a process of its own, and {why}: {}", path.display())]
    Trial {
        /// The file.
        path: PathBuf,
        /// What happened, and what to do.
        why: String,
    },
    /// It could not be tried out.
    #[error(
        "a net that was not seen before is tried out in a process of its own, and none could be started ({why}); close other \
         programs, or start this one again: {}", path.display()
    )]
    NoTrial {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// The net cannot be read as it was said.
    #[error("the net cannot be read so ({why}); set it in another way: {}", path.display())]
    Reading {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// No square grey input works.
    #[error(
        "the net takes none of the square grey inputs that were tried ({tried} pixels; {why}); a net for keypoints takes \
         float [n, 1, side, side]. For another side, export it with a {} in the file: {}",
        super::FILE_NAME, path.display()
    )]
    NoInput {
        /// The file.
        path: PathBuf,
        /// The sides, in words.
        tried: String,
        /// What libtorch said of the first.
        why: String,
    },
    /// The output is not one of keypoints.
    #[error("the net gives {got} for {batch} crops where {wanted} is needed; name a net for face keypoints: {}", path.display())]
    Output {
        /// The file.
        path: PathBuf,
        /// Number of crops put in.
        batch: i64,
        /// Shape or kind of what came out.
        got: String,
        /// What should have come out.
        wanted: String,
    },
    /// Numbers that are no numbers.
    #[error("the net gives values that are not finite, so its weights are spoilt; train or export it again: {}", path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
    },
    /// The forward pass failed.
    #[error("the net failed ({why}); load another one: {}", path.display())]
    Forward {
        /// The file.
        path: PathBuf,
        /// What libtorch said.
        why: String,
    },
    /// It cannot be asked what its points hang on.
    #[error(
        "what moves a point cannot be told, since the net gives no gradients ({why}); such are nets that change values in place or were \
         made for inference only: {}", path.display()
    )]
    Gradient {
        /// The file.
        path: PathBuf,
        /// What libtorch said.
        why: String,
    },
    /// The caller's pixels do not make the number of crops that it names.
    #[error("{given} pixels were given for {count} crops of {side} x {side}")]
    Pixels {
        /// Number of values given.
        given: usize,
        /// Number of crops named.
        count: usize,
        /// The net's input side.
        side: u32,
    },
}

/// The part of libtorch's message that says what is wrong, on one line.
pub(super) fn brief(error: &TchError) -> String {
    let text = match error {
        TchError::Torch(text) => text.clone(),
        other => other.to_string(),
    };
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    // An error inside a net's code ends with the line that matters; others begin with it.
    let line = lines()
        .find_map(|line| line.strip_prefix("RuntimeError: "))
        .or_else(|| lines().next())
        .unwrap_or("no reason given");
    shortened(line, LONGEST_REASON)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_page_of_trace_the_reason_is_kept() {
        let trace = "The following operation failed in the TorchScript interpreter.\nTraceback:\n  File x\n\
                     RuntimeError: shapes cannot be multiplied\n";
        assert_eq!(
            brief(&TchError::Torch(trace.into())),
            "shapes cannot be multiplied"
        );
        assert_eq!(brief(&TchError::Torch("first\nsecond".into())), "first");
    }
}
