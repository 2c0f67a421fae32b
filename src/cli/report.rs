//! `pinkpoint report`: one page about a training run.

use std::path::PathBuf;

use serde::Serialize;

use super::{say_json, train::again};
use crate::{report, train::Run};

/// Write a page about a training run
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:  pinkpoint report runs/course\n\
                  `pinkpoint train` writes the same page at its end. The page is one file that needs nothing beside it; it holds \
                  faces of the data set.")]
pub struct ReportArgs {
    /// The run's folder; training may be going on in it
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Where to write the page [default: report.html in the run's folder]
    #[arg(long, value_name = "FILE.html")]
    out: Option<PathBuf>,
    /// Print the page's name as JSON instead of text
    #[arg(long)]
    json: bool,
}

/// What was written, as `--json` prints it.
#[derive(Serialize)]
struct Written {
    /// The page.
    report: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// When the folder holds no run, nothing has come of it yet, or the page cannot be written.
pub fn run(args: ReportArgs) -> anyhow::Result<()> {
    let run = Run::open(&args.run)?;
    let file = args.out.unwrap_or_else(|| report::usual_file(&run));
    report::write(&run, &again(run.config()), &file)?;
    if args.json {
        return say_json(&Written { report: file });
    }
    say!("Report: {}", file.display());
    Ok(())
}
