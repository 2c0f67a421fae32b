//! The command line: one file per subcommand; without a subcommand the live window opens. Knows every room.
//!
//! A subcommand `NAME` is a file `NAME.rs` with `NameArgs` and `run(NameArgs) -> anyhow::Result<()>`, a variant of
//! `Command`, and an arm in [`run`].

/// Prints a line. That nobody reads it any more (`| head`) is no reason to stop: the work goes on.
macro_rules! say {
    ($($line:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(std::io::stdout(), $($line)*);
    }};
}

/// The same on stderr.
macro_rules! complain {
    ($($line:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), $($line)*);
    }};
}

/// Prints what `--json` asks for.
///
/// # Errors
/// When a value is none that JSON knows.
fn say_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    say!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

/// A flag that Ctrl-C sets, and whatever else asks for the end; `first` is called before that, each time.
///
/// # Errors
/// When the system does not let one listen.
fn stop_on_ctrl_c(first: impl Fn() + Send + 'static) -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let asked = move || {
        first();
        flag.store(true, Ordering::Relaxed);
    };
    ctrlc::set_handler(asked).context("cannot listen for Ctrl-C")?;
    Ok(stop)
}

mod annotate;
mod cameras;
mod dataset;
mod evaluate;
mod export;
mod follow;
mod following;
mod inspect;
#[cfg(feature = "window")]
mod live;
mod report;
mod scheme;
mod train;
mod try_net;
mod weights;

use std::{
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::Context;
use clap::{Parser, Subcommand};

use crate::model::trial;

#[cfg(feature = "window")]
const EXAMPLES: &str = "\
Examples:
  pinkpoint                                open the first camera, or the demo where there is none
  pinkpoint --source demo                  the built-in picture of a face, gently moving
  pinkpoint --source camera:1              the second camera (see `pinkpoint cameras`); camera:NAME, one so called
  pinkpoint --source film.mp4              a video; also a picture, a folder of pictures, rtsp:// or http://
  pinkpoint --weights mine.pt              with a net of your own (TorchScript)
  pinkpoint --source film.mp4 --run-for 10 --stats stats.json
                                           run for ten seconds and write down how fast it was
  pinkpoint --send udp://127.0.0.1:5005    and send the keypoints to another program (docs/other-programs.md)
  pinkpoint follow | my-program            the same without a window, a line of JSON a frame

Exit status: 0 well, 1 error, 2 wrong usage, 3 the camera asked for never came (with --run-for), 70 a bug.
PINKPOINT_HOME names the folder that holds cascades/, weights/ and assets/, where they are not beside the program.";
#[cfg(feature = "window")]
const HEADING: &str = "Commands (without one, the window opens)";

#[cfg(not(feature = "window"))]
const EXAMPLES: &str = "\
This program was built without its window (cargo's feature \"window\").

Exit status: 0 well, 1 error, 2 wrong usage, 3 the camera asked for never came (with --run-for), 70 a bug.
PINKPOINT_HOME names the folder that holds cascades/ and weights/, where they are not beside the program.";
#[cfg(not(feature = "window"))]
const HEADING: &str = "Commands";

/// 68 pink keypoints on every face of a live video, and the road to the nets that find them.
#[derive(Debug, Parser)]
#[command(
    name = "pinkpoint",
    version,
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = true,
    subcommand_help_heading = HEADING
)]
pub struct Cli {
    #[cfg(feature = "window")]
    #[command(subcommand)]
    command: Option<Command>,
    #[cfg(feature = "window")]
    #[command(flatten)]
    live: live::LiveArgs,
    #[cfg(not(feature = "window"))]
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Annotate(annotate::AnnotateArgs),
    Cameras(cameras::CamerasArgs),
    Dataset(dataset::DatasetArgs),
    Evaluate(evaluate::EvaluateArgs),
    Export(export::ExportArgs),
    Follow(follow::FollowArgs),
    Inspect(inspect::InspectArgs),
    Report(report::ReportArgs),
    Scheme(scheme::SchemeArgs),
    Train(train::TrainArgs),
    #[command(name = trial::SUBCOMMAND, hide = true)]
    TryNet(try_net::TryNetArgs),
}

/// Does what the arguments ask for.
///
/// # Errors
/// Whatever the subcommand could not do: what, why, and what to do about it.
pub fn run(cli: Cli) -> anyhow::Result<()> {
    #[cfg(feature = "window")]
    let Some(command) = cli.command else {
        return live::run(cli.live);
    };
    #[cfg(not(feature = "window"))]
    let command = cli.command;
    match command {
        Command::Annotate(args) => annotate::run(args),
        Command::Cameras(args) => cameras::run(args),
        Command::Dataset(args) => dataset::run(args),
        Command::Evaluate(args) => evaluate::run(args),
        Command::Export(args) => export::run(args),
        Command::Follow(args) => follow::run(args),
        Command::Inspect(args) => inspect::run(args),
        Command::Report(args) => report::run(args),
        Command::Scheme(args) => scheme::run(args),
        Command::Train(args) => train::run(args),
        Command::TryNet(args) => try_net::run(args),
    }
}

/// The exit status for an error: 3 for a camera that never came, else 1.
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    if error.is::<following::CameraNeverCame>() {
        ExitCode::from(following::CAMERA_NEVER_CAME_STATUS)
    } else {
        ExitCode::FAILURE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_argument_table_is_sound() {
        Cli::command().debug_assert();
    }

    #[cfg(feature = "window")]
    #[test]
    fn without_a_subcommand_the_window_opens() {
        let cli = Cli::try_parse_from(["pinkpoint", "--source", "demo", "--run-for", "2.5"]).unwrap();
        assert!(cli.command.is_none());
        assert!(Cli::try_parse_from(["pinkpoint", "--run-for", "-1"]).is_err());
        assert!(Cli::try_parse_from(["pinkpoint", "--source", "camera:"]).is_err());
        assert!(Cli::try_parse_from(["pinkpoint", "--device", "tpu"]).is_err());
    }
}
