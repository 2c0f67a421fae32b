//! `pinkpoint try-net`: the process in which a net from a stranger runs first; started by the program itself, not by people.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde::de::DeserializeOwned;

use crate::model::{
    Reading,
    trial::{self, Limits},
};

/// What is tried, and how.
#[derive(Debug, Args)]
pub struct TryNetArgs {
    /// The net
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What it may use
    #[arg(long, value_name = "JSON", value_parser = json::<Limits>)]
    limits: Limits,
    /// How its numbers are read
    #[arg(long, value_name = "JSON", value_parser = json::<Reading>)]
    reading: Option<Reading>,
}

fn json<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    serde_json::from_str(text)
}

/// Runs the command.
///
/// # Errors
/// When the file is not there, or nobody takes the report.
pub fn run(args: TryNetArgs) -> anyhow::Result<()> {
    trial::take(&args.file, args.limits, args.reading).context("the net could not be tried")
}
