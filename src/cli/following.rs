//! What the live window and `pinkpoint follow` share: how their arguments are read and checked, and how they may end.

use std::{path::Path, time::Duration};

use anyhow::Context;
use clap::builder::{OsStringValueParser, TypedValueParser};

use crate::{
    send::{self, Target},
    source::SourceSpec,
};

/// Exit status when a camera asked for by name never came while `--run-for` lasted.
pub const CAMERA_NEVER_CAME_STATUS: u8 = 3;

/// The camera or stream asked for was not there all the time.
#[derive(Debug, thiserror::Error)]
#[error("no picture came while the program ran: {why}")]
pub struct CameraNeverCame {
    pub(super) why: String,
}

/// Reads what `--source` and the like take.
pub(super) fn source_spec() -> impl TypedValueParser<Value = SourceSpec> {
    OsStringValueParser::new().try_map(|text| SourceSpec::of(&text))
}

pub(super) fn above_zero(text: &str) -> Result<f64, String> {
    text.parse::<f64>()
        .ok()
        .filter(|number| number.is_finite() && *number > 0.0)
        .ok_or_else(|| format!("'{text}' is not a number above 0"))
}

pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = above_zero(text)?;
    Duration::try_from_secs_f64(seconds).map_err(|e| format!("{seconds} seconds are too many: {e}"))
}

/// Tells a file that is not there before anything is opened.
///
/// # Errors
/// When it is so.
pub(super) fn check_source(path: &Path) -> anyhow::Result<()> {
    let there = path.metadata();
    there.with_context(|| format!("cannot open the source; check its name: {}", path.display()))?;
    Ok(())
}

/// Opens every target once, so that one that cannot be used is told before anything begins.
///
/// # Errors
/// Why a target cannot be used.
pub(super) fn check_targets(targets: &[Target]) -> anyhow::Result<()> {
    for target in targets {
        send::open(target).with_context(|| format!("cannot send to {target}"))?;
    }
    Ok(())
}

/// Targets without those that were given before.
pub(super) fn each_once(targets: Vec<Target>) -> Vec<Target> {
    let mut once = Vec::new();
    for target in targets {
        if !once.contains(&target) {
            once.push(target);
        }
    }
    once
}
