//! The command line that gives a run once more.

use crate::{
    keypoints::PointScheme,
    train::{TrainConfig, name},
};

/// The command; what is as usual for the net is left out, but for what hangs on the machine. Names that are left out, and a scheme
/// of one's own, stand in files, which are called `left-out.txt`, `left-out-pictures.txt` and `scheme.json` here.
pub fn again(config: &TrainConfig) -> String {
    let usual = TrainConfig::usual(config.net, Vec::new());
    let mut words: Vec<String> = vec!["pinkpoint".into(), "train".into()];
    let mut give = |option: &str, value: String| words.extend([format!("--{option}"), value]);
    give("net", config.net.to_string());
    for folder in &config.data {
        give("data", folder.display().to_string());
    }
    give("out", "again".into());
    if let Some(scheme) = &config.scheme {
        let bundled = PointScheme::BUNDLED
            .iter()
            .find(|(_, bundled)| bundled() == *scheme);
        give(
            "scheme",
            bundled.map_or("scheme.json", |(name, _)| name).to_owned(),
        );
    }
    if config.epochs != usual.epochs {
        give("epochs", config.epochs.to_string());
    }
    if config.loss != usual.loss {
        give("loss", name(config.loss));
    }
    if config.optimiser != usual.optimiser {
        give("optimiser", name(config.optimiser));
    }
    if config.learning_rate != usual.learning_rate {
        give("learning-rate", config.learning_rate.to_string());
    }
    if config.schedule != usual.schedule {
        give("schedule", name(config.schedule));
    }
    if config.warm_up != usual.warm_up {
        give("warm-up", config.warm_up.to_string());
    }
    if config.weight_decay != TrainConfig::usual_decay(config.net, config.optimiser) {
        give("weight-decay", config.weight_decay.to_string());
    }
    if config.average != usual.average {
        give("average", config.average.to_string());
    }
    if config.label_offsets != usual.label_offsets {
        give("label-offsets", config.label_offsets.to_string());
    }
    if config.precision != usual.precision {
        give("precision", name(config.precision));
    }
    if !config.without.is_empty() {
        let without: Vec<String> = config
            .without
            .iter()
            .map(|&alteration| name(alteration))
            .collect();
        give("without", without.join(","));
    }
    if config.batch_size != usual.batch_size {
        give("batch", config.batch_size.to_string());
    }
    if config.validation != usual.validation {
        give("validation", config.validation.to_string());
    }
    if !config.left_out.is_empty() {
        give("leave-out", "left-out.txt".into());
    }
    if !config.left_out_pictures.is_empty() {
        give("leave-out-pictures", "left-out-pictures.txt".into());
    }
    give("seed", config.seed.to_string());
    give("threads", config.threads.to_string());
    give("device", config.device.clone());
    let words = words.iter().map(String::as_str);
    // Nothing that was given as an argument holds the one character that cannot be quoted.
    shlex::try_join(words).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use clap::{Parser, ValueEnum};

    use super::*;
    use crate::{
        cli::train::TrainArgs,
        network::Architecture,
        train::{Loss, OptimiserKind, Precision, Schedule},
        transform::Alteration,
    };

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: TrainArgs,
    }

    fn understood(command: &str) -> TrainConfig {
        let words = shlex::split(command).unwrap();
        let args = Line::parse_from(&words[1..]).args;
        let device = args.device.unwrap_or_default();
        args.recipe.without_data(args.data, args.epochs, device).unwrap()
    }

    #[test]
    fn the_command_means_the_same_recipe() {
        for &net in Architecture::value_variants() {
            let usual = TrainConfig::usual(net, vec!["a folder/it's".into(), "$(touch x)".into()]);
            let usual = TrainConfig {
                device: "cpu".into(),
                ..usual
            };
            assert_eq!(understood(&again(&usual)), usual);
            let changed = TrainConfig {
                epochs: 7,
                batch_size: 5,
                loss: Loss::SoftWing,
                optimiser: OptimiserKind::Adamw,
                learning_rate: 3.3e-7,
                schedule: Schedule::Cosine,
                warm_up: 0.1,
                weight_decay: 0.3,
                average: 0.5,
                label_offsets: net != Architecture::Pinkpoint,
                precision: Precision::Bf16,
                without: [Alteration::Blur, Alteration::Light].into(),
                seed: 99,
                threads: 3,
                device: "cuda:1".into(),
                validation: 0.0,
                ..usual
            };
            assert_eq!(understood(&again(&changed)), changed);
            let adam = TrainConfig {
                optimiser: OptimiserKind::Adam,
                weight_decay: 0.0,
                ..changed
            };
            assert_eq!(understood(&again(&adam)), adam);
        }
    }

    #[test]
    fn the_scheme_is_named_or_in_a_file() {
        let with = |scheme| {
            again(&TrainConfig {
                scheme: Some(scheme),
                ..TrainConfig::usual(Architecture::Course, vec!["data".into()])
            })
        };
        assert!(with(PointScheme::kaggle15()).contains("--scheme kaggle15 "));
        assert!(with(PointScheme::unnamed(7)).contains("--scheme scheme.json "));
    }
}
