//! `pinkpoint scheme`: the point schemes that come with the program, to look at and to begin one's own with.

use std::collections::BTreeMap;

use super::say_json;
use crate::keypoints::PointScheme;

/// List the point schemes, or print one as the JSON that --scheme takes
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:  pinkpoint scheme five > points.json")]
pub struct SchemeArgs {
    /// One of those that are listed
    #[arg(value_parser = named)]
    name: Option<PointScheme>,
    /// Print all of them as JSON, by name; a single one is JSON anyway
    #[arg(long)]
    json: bool,
}

fn named(text: &str) -> Result<PointScheme, String> {
    let names = || PointScheme::BUNDLED.map(|(name, _)| name).join(", ");
    PointScheme::bundled(text).ok_or_else(|| format!("there are {}", names()))
}

/// Runs the command.
///
/// # Errors
/// Never for the schemes that come with the program.
pub fn run(args: SchemeArgs) -> anyhow::Result<()> {
    if let Some(scheme) = args.name {
        return say_json(&scheme);
    }
    let all = PointScheme::BUNDLED.map(|(name, scheme)| (name, scheme()));
    if args.json {
        return say_json(&BTreeMap::from(all));
    }
    for (name, scheme) in all {
        let groups: Vec<String> = scheme
            .groups
            .iter()
            .map(|group| format!("{} {}", group.name, group.points.len()))
            .collect();
        say!("{name:9} {:3} points: {}", scheme.count, groups.join(", "));
    }
    Ok(())
}
