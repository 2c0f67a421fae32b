//! `pinkpoint export`: a training checkpoint becomes a weights file for the program and for Python.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::say_json;
use crate::{keypoints::PointScheme, model::Contract, network::export, train::Run};

/// Make a weights file (TorchScript) of a training checkpoint.
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// Checkpoint that `pinkpoint train` wrote (.safetensors)
    #[arg(value_name = "FILE.safetensors")]
    checkpoint: PathBuf,
    /// Weights file to write; an older one is replaced
    #[arg(long, value_name = "NET.pt")]
    out: PathBuf,
    /// Name shown to people; the output's file name unless given
    #[arg(long)]
    name: Option<String>,
    /// Store numbers in half precision: half the size, nearly the same points
    #[arg(long)]
    half: bool,
    /// Print what was written as JSON
    #[arg(long)]
    json: bool,
}

/// What was written, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Exported<'a> {
    file: &'a Path,
    bytes: u64,
    contract: &'a Contract,
}

/// Runs the command.
///
/// # Errors
/// When the checkpoint is not of a net known here or the output cannot be written.
pub fn run(args: ExportArgs) -> anyhow::Result<()> {
    let variables = export::read_checkpoint(&args.checkpoint)?;
    let name = args.name.or_else(|| {
        args.out
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
    });
    let (net, points) = export::recognise(&variables)?;
    let mut contract = Contract {
        name: name.unwrap_or_default(),
        ..net.contract(PointScheme::assumed_for(points))
    };
    // A checkpoint that was taken out of its run's folder is exported without the recipe.
    if let Ok(run) = Run::open(args.checkpoint.parent().unwrap_or(Path::new("."))) {
        contract.training.data = run.config().data_name();
        contract.training.recipe = run.config().in_words();
    }
    export::export(net, &variables, &contract, args.half, &args.out)?;
    let exported = Exported {
        file: &args.out,
        bytes: args.out.metadata().map_or(0, |m| m.len()),
        contract: &contract,
    };
    if args.json {
        return say_json(&exported);
    }
    say!(
        "{}: {}, {} points, {:.1} MB",
        args.out.display(),
        contract.name,
        contract.scheme.count,
        exported.bytes as f64 / 1e6
    );
    Ok(())
}
