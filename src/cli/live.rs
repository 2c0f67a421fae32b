//! `pinkpoint` without a subcommand: the live window.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use clap::Args;

use super::following::{
    CameraNeverCame, above_zero, check_source, check_targets, each_once, seconds, source_spec,
};
use crate::{
    app::{self, Settings, Start, StatsLog},
    detect::{CascadeDetector, CascadeSettings, smooth::Strength},
    files, log,
    model::{DeviceChoice, Trial, catalogue},
    pipeline::{Limits, Setup},
    send::Target,
    source::{self, SourceSpec},
};

/// What the live window shows and with which net.
#[derive(Debug, Args)]
pub struct LiveArgs {
    /// Where pictures come from: camera, camera:N, camera:NAME, camera:=EXACT NAME, /dev/videoN, FILE, URL or demo [default: what was shown
    /// last, at first the first camera]
    #[arg(long, value_name = "SOURCE", value_parser = source_spec())]
    source: Option<SourceSpec>,
    /// The net: a TorchScript file, or the name of a net that comes with the program [default: the one used last, at first
    /// pinkpoint]
    #[arg(long, value_name = "FILE|NAME")]
    weights: Option<String>,
    /// Where the net runs: auto, cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: DeviceChoice,
    /// The face cascade [default: the frontal one that comes with the program]
    #[arg(long, value_name = "FILE")]
    cascade: Option<PathBuf>,
    /// How much the points are steadied, 0 (off) to 1 [default: as it was last, at first 0.5]
    #[arg(long, value_name = "STRENGTH")]
    smooth: Option<f32>,
    /// Keep settings in this file, and not in the user's own
    #[arg(long, value_name = "FILE.json")]
    settings: Option<PathBuf>,
    /// Begin with everything as at first; the settings so far are kept under another name
    #[arg(long)]
    reset_settings: bool,
    /// Send what is seen to another program as well: udp://HOST:PORT (JSON), osc://HOST:PORT, v4l2:/dev/videoN (a virtual
    /// camera), or - for JSON on standard output; may be given several times, and holds for this run
    #[arg(long, value_name = "TARGET")]
    send: Vec<Target>,
    /// Take no more than so many frames a second
    #[arg(long, value_name = "N", value_parser = above_zero)]
    max_fps: Option<f64>,
    /// Use no more than about this share of one core, in percent; frames are left out to keep to it
    #[arg(long, value_name = "PERCENT", value_parser = above_zero)]
    max_cpu: Option<f64>,
    /// Close the window after so many seconds; settings are neither used nor kept then, unless --settings names a file
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    run_for: Option<Duration>,
    /// Write counts, speeds and delays to this file when the window closes
    #[arg(long, value_name = "FILE.json")]
    stats: Option<PathBuf>,
    /// Write speeds, delays and memory to this file every ten seconds
    #[arg(long, value_name = "FILE.jsonl")]
    stats_log: Option<PathBuf>,
}

/// Opens the window and runs until it is closed.
///
/// # Errors
/// When a file named in the arguments is missing, there is no display, or the statistics or what was recorded cannot be
/// written; [`CameraNeverCame`] when that is so.
pub fn run(args: LiveArgs) -> anyhow::Result<()> {
    let mut start = remembered(&args)?;
    let source = match args.source {
        Some(source) => {
            if let SourceSpec::File(path) = &source {
                check_source(path)?;
            }
            source
        }
        None => last_source(&mut start),
    };
    let weights = match &args.weights {
        Some(weights) => catalogue::resolve(weights)?,
        None => last_weights(&mut start)?,
    };
    if let Some(strength) = args.smooth {
        start.settings.smoothing = Strength::new(strength).value();
    }
    start.send = each_once(args.send);
    check_targets(&start.send)?;
    if let Some(path) = &args.stats {
        files::check(path)?;
    }
    if let Some(path) = &args.stats_log {
        let begun = StatsLog::create(path);
        start.stats_log =
            Some(begun.with_context(|| format!("cannot write; choose another file: {}", path.display()))?);
    }
    args.device.resolve()?;
    // Searches run beside everything else: spread over the cores they would hold up frames more than they gain.
    source::limit_opencv_threads(1);
    let detector = CascadeDetector::open(CascadeSettings {
        cascade: args.cascade,
        ..CascadeSettings::following()
    })?;
    let is_file = matches!(source, SourceSpec::File(_));
    let setup = Setup {
        wishes: start.settings.cameras.clone(),
        reading: start.settings.reading(&weights),
        weights: Some(weights),
        device: args.device,
        trial: Some(Arc::new(Trial::of_this_program()?)),
        smoothing: Strength::new(start.settings.smoothing),
        limits: Limits {
            fps: args.max_fps,
            cpu: args.max_cpu.map(|percent| percent / 100.0),
        },
        ..Setup::new(Box::new(source::open_with), source, Box::new(detector))
    };
    start.log_file = kept_log(args.run_for.is_some());
    let outcome = app::run(setup, start)?;
    if let Some(path) = &args.stats {
        files::replace_json(path, &outcome.stats)?;
    }
    if !outcome.not_saved.is_empty() {
        bail!("not all could be saved: {}", outcome.not_saved.join("; "));
    }
    match outcome.never_came {
        Some(why) if args.run_for.is_some() && is_file => bail!(why),
        Some(why) if args.run_for.is_some() => Err(CameraNeverCame { why }.into()),
        _ => Ok(()),
    }
}

/// Where the log is kept: nowhere for a run that ends by itself, which changes nothing of the user's.
fn kept_log(is_measured: bool) -> Option<PathBuf> {
    let file = log::usual_file().filter(|_| !is_measured)?;
    match log::keep_in(&file) {
        Ok(()) => {
            tracing::info!(version = env!("CARGO_PKG_VERSION"), "started");
            Some(file)
        }
        Err(error) => {
            tracing::warn!("no log is kept ({error}): {}", file.display());
            None
        }
    }
}

/// How the window starts: with the settings that were kept, unless they are to be reset.
fn remembered(args: &LiveArgs) -> anyhow::Result<Start> {
    // A run that ends by itself is there to be measured or tested: it begins as at first, and changes nothing.
    let usual = || Settings::usual_file().filter(|_| args.run_for.is_none());
    let file = args.settings.clone().or_else(usual);
    let mut start = Start {
        run_for: args.run_for,
        settings_file: file.clone(),
        ..Start::default()
    };
    let Some(file) = file else {
        return Ok(start);
    };
    if args.reset_settings && file.exists() {
        let aside = app::set_aside(&file)
            .with_context(|| format!("cannot set the settings aside: {}", file.display()))?;
        let text = format!(
            "Everything is as at first. The settings so far are kept as {}",
            aside.display()
        );
        start.notices.push(text);
    }
    match Settings::load(&file) {
        Ok((settings, trouble)) => {
            start.settings = settings;
            start.notices.extend(trouble);
        }
        Err(why) => {
            start.settings_file = None;
            start.notices.push(why);
        }
    }
    Ok(start)
}

/// What was shown last, where it is still there; else the first camera.
fn last_source(start: &mut Start) -> SourceSpec {
    let last = start
        .settings
        .source
        .as_deref()
        .and_then(|text| text.parse().ok());
    match last {
        Some(SourceSpec::File(path)) if !path.exists() => {
            let text = format!("What was shown last is not there any more: {}", path.display());
            start.notices.push(text);
            SourceSpec::FirstCamera
        }
        Some(source) => source,
        None => SourceSpec::FirstCamera,
    }
}

/// The net that was used last, where it is still there; else the program's own.
fn last_weights(start: &mut Start) -> anyhow::Result<PathBuf> {
    if let Some(last) = start.settings.weights.clone() {
        match catalogue::resolve(&last) {
            Ok(path) => return Ok(path),
            Err(_) => start.notices.push(format!(
                "The net that was used last is not there any more: {last}"
            )),
        }
    }
    Ok(catalogue::resolve(catalogue::DEFAULT)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Arguments {
        #[command(flatten)]
        live: LiveArgs,
    }

    #[test]
    fn in_what_cannot_be_read_as_settings_nothing_is_kept_and_it_stays_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().to_str().unwrap();
        let parse = |more: &[&str]| {
            let all = ["live", "--settings", place]
                .into_iter()
                .chain(more.iter().copied());
            Arguments::try_parse_from(all).unwrap().live
        };
        let start = remembered(&parse(&[])).unwrap();
        assert_eq!(start.settings_file, None);
        assert!(start.notices[0].contains("it is a folder"), "{:?}", start.notices);
        let why = remembered(&parse(&["--reset-settings"])).unwrap_err();
        assert!(format!("{why:#}").contains("it is no file"), "{why:#}");
        assert!(folder.path().is_dir());
    }
}
