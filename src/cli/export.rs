//! `pinkpoint export`: a training checkpoint becomes a weights file for the program and for Python.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::say_json;
use crate::{
    keypoints::PointScheme,
    model::{Contract, Training},
    network::export,
    train::{Run, TrainConfig, TrainError, pictures_in},
};

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
    let config = config_beside(&args.checkpoint)?;
    let recipe = config.as_ref().filter(|config| {
        config.net == net && config.scheme.as_ref().is_none_or(|scheme| scheme.count == points)
    });
    if config.is_some() && recipe.is_none() {
        complain!(
            "Note: the recipe beside the checkpoint is that of another net; it is exported without one"
        );
    }
    let contract = recipe.map_or_else(
        || net.contract(PointScheme::assumed_for(points)),
        |recipe| recipe.contract(points),
    );
    let contract = Contract {
        name: name.unwrap_or_default(),
        training: match recipe {
            Some(recipe) => recipe.training(pictures_in(&args.checkpoint)?),
            None => Training::default(),
        },
        ..contract
    };
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

/// The recipe of the run in whose folder a checkpoint lies; `None` for one that was taken out of it.
fn config_beside(checkpoint: &Path) -> Result<Option<TrainConfig>, TrainError> {
    let folder = checkpoint.parent().unwrap_or(Path::new(""));
    if !folder.join("config.json").exists() {
        return Ok(None);
    }
    Ok(Some(Run::open(folder)?.config().clone()))
}
