//! `pinkpoint` without a subcommand: the live window.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use crate::{model::DeviceChoice, source::SourceSpec};

/// Exit status when a camera asked for by name never came while `--run-for` lasted.
pub const CAMERA_NEVER_CAME_STATUS: u8 = 3;

/// What the live window shows and with which net.
#[derive(Debug, Args)]
pub struct LiveArgs {
    /// Where pictures come from: camera, camera:N, /dev/videoN, FILE, URL or demo
    #[arg(long, value_name = "SOURCE", default_value = "camera")]
    source: SourceSpec,
    /// The net: a TorchScript file, or the name of one that comes with the program [default: the best of those]
    #[arg(long, value_name = "FILE|NAME")]
    weights: Option<String>,
    /// Where the net runs: auto, cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: DeviceChoice,
    /// The face cascade [default: the frontal face cascade that comes with the program]
    #[arg(long, value_name = "FILE")]
    cascade: Option<PathBuf>,
    /// Close the window after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    run_for: Option<Duration>,
    /// Write counts, speeds and latencies there when the window closes
    #[arg(long, value_name = "FILE.json")]
    stats: Option<PathBuf>,
}

/// The camera asked for by name was not there all the time.
#[derive(Debug, thiserror::Error)]
#[error("no picture came while the program ran: {why}")]
pub struct CameraNeverCame {
    why: String,
}

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse::<f64>()
        .ok()
        .filter(|s| *s > 0.0)
        .and_then(|s| Duration::try_from_secs_f64(s).ok())
        .ok_or_else(|| format!("'{text}' is not a number of seconds above 0"))
}

/// Opens the window and runs until it is closed.
///
/// # Errors
/// When a file named in the arguments is missing, there is no display, or the statistics cannot be written;
/// [`CameraNeverCame`] when that is so.
pub fn run(_args: LiveArgs) -> anyhow::Result<()> {
    Ok(())
}
