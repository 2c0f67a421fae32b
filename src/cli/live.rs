//! `pinkpoint` without a subcommand: the live window.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, bail};
use clap::Args;

use crate::{
    app,
    detect::{HaarDetector, HaarSettings, smooth::Strength},
    files,
    model::{DeviceChoice, catalogue},
    pipeline::Setup,
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

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse::<f64>()
        .ok()
        .filter(|seconds| *seconds > 0.0)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| format!("'{text}' is not a number of seconds above 0"))
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
    let detector = HaarDetector::open(HaarSettings {
        cascade: args.cascade,
        ..HaarSettings::following()
    })?;
    let is_file = matches!(args.source, SourceSpec::File(_));
    let setup = Setup {
        opener: Box::new(source::open),
        source: args.source,
        detector: Box::new(detector),
        weights: Some(catalogue::resolve(&args.weights)?),
        device: args.device,
        smoothing: Strength::new(args.smooth),
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
