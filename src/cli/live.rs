//! `pinkpoint` without a subcommand: the live window.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, bail};
use clap::Args;

use crate::{
    app,
    detect::{CascadeDetector, CascadeSettings, smooth::Strength},
    files,
    model::{DeviceChoice, catalogue},
    pipeline::{Limits, Setup},
    source::{self, SourceSpec},
};

/// Exit status when a camera asked for by name never came while `--run-for` lasted.
pub const CAMERA_NEVER_CAME_STATUS: u8 = 3;

/// What the live window shows and with which net.
#[derive(Debug, Args)]
pub struct LiveArgs {
    /// Where pictures come from: camera, camera:N, camera:NAME, /dev/videoN, FILE, URL or demo
    #[arg(long, value_name = "SOURCE", default_value = "camera")]
    source: SourceSpec,
    /// The net: a TorchScript file, or the name of a net that comes with the program
    #[arg(long, value_name = "FILE|NAME", default_value = catalogue::DEFAULT)]
    weights: String,
    /// Where the net runs: auto, cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: DeviceChoice,
    /// The face cascade [default: the frontal one that comes with the program]
    #[arg(long, value_name = "FILE")]
    cascade: Option<PathBuf>,
    /// How much the points are steadied, 0 (off) to 1
    #[arg(long, value_name = "STRENGTH", default_value_t = Strength::default().value())]
    smooth: f32,
    /// Take no more than so many frames a second
    #[arg(long, value_name = "N", value_parser = above_zero)]
    max_fps: Option<f64>,
    /// Use no more than about this share of one core, in percent; frames are left out to keep to it
    #[arg(long, value_name = "PERCENT", value_parser = above_zero)]
    max_cpu: Option<f64>,
    /// Close the window after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    run_for: Option<Duration>,
    /// Write counts, speeds and delays to this file when the window closes
    #[arg(long, value_name = "FILE.json")]
    stats: Option<PathBuf>,
}

/// The camera or stream asked for was not there all the time.
#[derive(Debug, thiserror::Error)]
#[error("no picture came while the program ran: {why}")]
pub struct CameraNeverCame {
    why: String,
}

fn above_zero(text: &str) -> Result<f64, String> {
    text.parse::<f64>()
        .ok()
        .filter(|number| number.is_finite() && *number > 0.0)
        .ok_or_else(|| format!("'{text}' is not a number above 0"))
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = above_zero(text)?;
    Duration::try_from_secs_f64(seconds).map_err(|e| format!("{seconds} seconds are too many: {e}"))
}

/// Opens the window and runs until it is closed.
///
/// # Errors
/// When a file named in the arguments is missing, there is no display, or the statistics cannot be written;
/// [`CameraNeverCame`] when that is so.
pub fn run(args: LiveArgs) -> anyhow::Result<()> {
    if let SourceSpec::File(path) = &args.source {
        path.metadata()
            .with_context(|| format!("cannot open the source; check its name: {}", path.display()))?;
    }
    if let Some(path) = &args.stats {
        files::check(path)?;
    }
    args.device.resolve()?;
    // Searches run beside everything else: spread over the cores they would hold up frames more than they gain.
    source::limit_opencv_threads(1);
    let detector = CascadeDetector::open(CascadeSettings {
        cascade: args.cascade,
        ..CascadeSettings::following()
    })?;
    let is_file = matches!(args.source, SourceSpec::File(_));
    let setup = Setup {
        opener: Box::new(source::open),
        source: args.source,
        detector: Box::new(detector),
        weights: Some(catalogue::resolve(&args.weights)?),
        device: args.device,
        smoothing: Strength::new(args.smooth),
        limits: Limits {
            fps: args.max_fps,
            cpu: args.max_cpu.map(|percent| percent / 100.0),
        },
    };
    let outcome = app::run(setup, args.run_for)?;
    if let Some(path) = &args.stats {
        files::replace_json(path, &outcome.stats)?;
    }
    match outcome.never_came {
        Some(why) if args.run_for.is_some() && is_file => bail!(why),
        Some(why) if args.run_for.is_some() => Err(CameraNeverCame { why }.into()),
        _ => Ok(()),
    }
}
