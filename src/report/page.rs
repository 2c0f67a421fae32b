//! The page: everything that is text, in its order. Whatever comes from outside is escaped by `maud`.

use std::collections::BTreeSet;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{
    ReportError,
    curve::{Curve, Series, Unit, plain},
    parts,
};
use crate::{
    evaluate::Score,
    train::{EpochMetrics, Results, Schedule, Sitting, Smoothed, name},
};

const STYLE: &str = include_str!("style.css");
/// Nothing is fetched and nothing runs, whatever gets into the page.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// The page about a run that people call `run`; `command` gives it once more.
pub fn of(results: &Results, run: &str, command: &str) -> Result<String, ReportError> {
    let validated = results.validated.as_ref();
    let score = validated.ok().map(|validated| validated.validation.score());
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (run) " – training report" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (run) }
                    p { "A net " strong { (results.config.net) } " for " (results.points) " keypoints, trained on "
                        (results.training_pictures) " pictures an epoch of " (results.config.data_name()) "." }
                    p class="state" { (state(results)) }
                }
                main {
                    section { h2 { "Figures" } (figures(results, score.as_ref())) }
                    section { h2 { "Curves" } (curves(results)) (epochs(&results.metrics)) }
                    section {
                        h2 { "Faces" }
                        @match validated {
                            Ok(validated) => (parts::faces(validated)?),
                            Err(why) => p class="note" { "No faces are shown: " (why) },
                        }
                    }
                    section { h2 { "Filters" } (parts::filters(results.filters_before.as_ref(), &results.filters)?) }
                    section { h2 { "Recipe" } (recipe(results)) }
                    section { h2 { "Once more" } (again(results, command)) }
                    section { h2 { "Machine" } (machine(&results.sittings)) }
                }
                footer { "Written by Pinkpoint " (env!("CARGO_PKG_VERSION")) ". The faces are those of the data set; mind its terms before \
                          you pass this on." }
            }
        }
    };
    Ok(page.into_string())
}

/// How far the run has come, in words.
fn state(results: &Results) -> String {
    let (done, all) = (results.epochs_done, results.config.epochs);
    let steps = results.losses.len();
    if done >= all {
        format!("Finished: {done} epochs, {steps} steps.")
    } else {
        format!("Not finished: {done} of {all} epochs, {steps} steps.")
    }
}

fn figures(results: &Results, score: Option<&Score>) -> Markup {
    let seconds: f64 = results.metrics.iter().map(|epoch| epoch.seconds).sum();
    let last = results.metrics.last();
    let scheme = results.config.scheme(results.points);
    let percent =
        |value: Option<f64>| value.map_or_else(|| "–".into(), |v| format!("{:.2}\u{202f}%", 100.0 * v));
    let loss = |value: Option<f64>| value.map_or_else(|| "–".into(), |v| format!("{v:.4}"));
    let tile = |what: &str, value: &str| html! { div { dt { (what) } dd { (value) } } };
    html! {
        dl class="tiles" {
            @if let Some(score) = score {
                (tile("mean NME", &percent(score.error_mean())))
                (tile("median NME", &percent(score.error_median())))
                @if scheme.has_eyes() {
                    (tile("AUC to 8 %", &percent(score.auc8)))
                    (tile("above 8 %", &percent(score.fr8)))
                    (tile("above 10 %", &percent(score.fr10)))
                }
                (tile("persons held back", &format!("{} pictures", score.n)))
            }
            (tile("training loss", &loss(last.map(|epoch| epoch.training_loss))))
            (tile("validation loss", &loss(last.and_then(|epoch| epoch.validation_loss))))
            (tile("parameters", &grouped(results.parameters)))
            (tile("time of whole epochs", &duration(seconds)))
        }
        p class="note" {
            @if score.is_some() {
                "NME: mean distance of the points from the labelled ones, divided by " (scheme.norm_in_words()) ", on pictures of \
                 persons that the net was not trained on, as it is after step " (results.losses.len()) ". "
                @if scheme.has_eyes() {
                    "AUC: area below the curve that says which share of the pictures has at most which NME, up to 8 %; more is better. \
                     Above 8 % and 10 %: the share of pictures with more; less is better. "
                }
            }
            "Losses: of the last finished epoch."
        }
    }
}

fn curves(results: &Results) -> Markup {
    let per_epoch = results.steps_per_epoch.max(1) as f64;
    let smoothed = Smoothed::of(&results.losses);
    let means = smoothed.means.iter();
    let training = means.map(|&(step, mean)| (step as f64 / per_epoch, mean));
    let of_epochs = |value: fn(&EpochMetrics) -> Option<f64>| -> Vec<(f64, f64)> {
        let points = results.metrics.iter();
        points
            .filter_map(|epoch| Some((f64::from(epoch.epoch), value(epoch)?)))
            .collect()
    };
    let steps = results.losses.len();
    let rates = (0..=steps).step_by(steps.div_ceil(200).max(1));
    let rates = rates.map(|step| (step as f64 / per_epoch, results.learning_rate_after(step)));
    let end = steps as f64 / per_epoch;
    let series = |name: &str, class, points, marked| Series {
        name: name.into(),
        class,
        points,
        marked,
    };
    let loss = Curve {
        title: "Loss",
        series: vec![
            series(&smoothed.in_words(), "training", training.collect(), false),
            series(
                "validation",
                "validation",
                of_epochs(|epoch| epoch.validation_loss),
                true,
            ),
        ],
        end,
        unit: Unit::Plain,
    };
    let nme = Curve {
        title: "Mean NME",
        series: vec![series(
            "validation",
            "validation",
            of_epochs(|epoch| epoch.validation_nme),
            true,
        )],
        end,
        unit: Unit::Percent,
    };
    let rate = Curve {
        title: "Learning rate",
        series: vec![series("step size", "rate", rates.collect(), false)],
        end,
        unit: Unit::Plain,
    };
    html! {
        div class="curves" {
            @for curve in [loss, nme, rate] { @if let Some(drawn) = curve.draw() { (drawn) } }
        }
    }
}

fn epochs(metrics: &[EpochMetrics]) -> Markup {
    let number = |value: Option<f64>, factor: f64, digits: usize| {
        value.map_or_else(|| "–".into(), |v| format!("{:.digits$}", factor * v))
    };
    html! {
        @if !metrics.is_empty() {
            details {
                summary { "Every epoch" }
                div class="wide" {
                    table {
                        thead { tr {
                            th { "epoch" } th { "training loss" } th { "validation loss" } th { "NME, %" } th { "learning rate" } th { "s" }
                        } }
                        tbody {
                            @for epoch in metrics {
                                tr {
                                    td { (epoch.epoch) }
                                    td { (format!("{:.4}", epoch.training_loss)) }
                                    td { (number(epoch.validation_loss, 1.0, 4)) }
                                    td { (number(epoch.validation_nme, 100.0, 2)) }
                                    td { (plain(epoch.learning_rate)) }
                                    td { (format!("{:.1}", epoch.seconds)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn recipe(results: &Results) -> Markup {
    let config = &results.config;
    let held_back = format!("{} % of the persons", plain(100.0 * config.validation));
    let without: Vec<String> = config.without.iter().map(|&what| name(what)).collect();
    let rows: Vec<(&str, String)> = vec![
        ("net", config.net.to_string()),
        ("points", config.scheme(results.points).name),
        ("epochs", config.epochs.to_string()),
        ("pictures a step", config.batch_size.to_string()),
        ("steps an epoch", results.steps_per_epoch.to_string()),
        ("loss", name(config.loss)),
        ("optimiser", name(config.optimiser)),
        ("learning rate", plain(config.learning_rate)),
        ("schedule", name(config.schedule)),
        ("warm-up", plain(config.warm_up)),
        ("weight decay", plain(config.weight_decay)),
        ("running average", plain(config.average)),
        (
            "label offsets",
            if config.label_offsets { "learned" } else { "none" }.into(),
        ),
        ("precision", name(config.precision)),
        (
            "pictures made without",
            if without.is_empty() {
                "nothing".into()
            } else {
                without.join(", ")
            },
        ),
        ("held back", held_back),
        (
            "left out",
            format!(
                "{} names",
                config.persons_left_out().len() + config.left_out_pictures.len()
            ),
        ),
        ("seed", config.seed.to_string()),
        ("threads", config.threads.to_string()),
        ("device", config.device.clone()),
    ];
    html! {
        table class="pairs" {
            tbody {
                @for (what, value) in &rows { tr { th scope="row" { (what) } td { (value) } } }
                tr {
                    th scope="row" { "data" }
                    td { @for folder in &config.data { div { code { (folder.display()) } } } }
                }
            }
        }
    }
}

fn again(results: &Results, command: &str) -> Markup {
    let config = &results.config;
    let lists = [
        ("left-out.txt", &config.left_out),
        ("left-out-pictures.txt", &config.left_out_pictures),
    ];
    // A scheme of one's own is in a file, by this name.
    let scheme = config
        .scheme
        .as_ref()
        .filter(|_| command.contains("--scheme scheme.json"));
    let scheme = scheme.and_then(|scheme| serde_json::to_string_pretty(scheme).ok());
    html! {
        p { (gives(results)) }
        pre { code { (command) } }
        @if let Some(scheme) = scheme {
            details {
                summary { "What has to stand in " code { "scheme.json" } }
                pre { code { (scheme) } }
            }
        }
        @for (file, names) in lists.into_iter().filter(|(_, names)| !names.is_empty()) {
            details {
                summary { "What has to stand in " code { (file) } " (" (names.len()) " lines)" }
                pre { code { @for name in names { (name) "\n" } } }
            }
        }
    }
}

/// What the command gives, in words.
fn gives(results: &Results) -> String {
    let steps = 1..=results.losses.len();
    let sittings: Vec<&Sitting> = steps
        .filter_map(|step| Sitting::of_step(&results.sittings, step))
        .collect();
    let config = &results.config;
    let is_by_share = config.schedule != Schedule::Constant || config.warm_up > 0.0;
    let other_epochs = |sitting: &&Sitting| sitting.epochs.is_some_and(|epochs| epochs != config.epochs);
    // What was not known then is not taken for another.
    let differs = |of: fn(&Sitting) -> &str| {
        let known: BTreeSet<&str> = sittings.iter().map(|sitting| of(sitting)).collect();
        known.into_iter().filter(|name| !name.is_empty()).count() > 1
    };
    let changed: Vec<&str> = [
        (
            is_by_share && sittings.iter().any(other_epochs),
            "the number of epochs (and with it the step size)",
        ),
        (
            sittings.iter().any(|sitting| sitting.device != config.device),
            "the device",
        ),
        (differs(|sitting| &sitting.version), "the program's version"),
        (differs(|sitting| &sitting.libtorch), "libtorch's version"),
        (differs(|sitting| &sitting.processor), "the processor"),
    ]
    .into_iter()
    .filter_map(|(is, what)| is.then_some(what))
    .collect();
    if let [others @ .., last] = &changed[..] {
        let and = if others.is_empty() { "" } else { " and " };
        format!(
            "This trains by the same recipe, but does not give the same net. Changed on the way: {}{and}{last}.",
            others.join(", ")
        )
    } else if results.epochs_done < config.epochs {
        "On a machine of this kind this gives, bit for bit, the net that the run will have given at its end:"
            .into()
    } else {
        "On a machine of this kind this gives the same net, bit for bit:".into()
    }
}

fn machine(sittings: &[Sitting]) -> Markup {
    html! {
        @if sittings.is_empty() {
            p class="note" { "Where this run was trained was not noted: it is from an earlier version." }
        } @else {
            div class="wide" {
                table {
                    thead { tr { th { "began" } th { "after step" } th { "Pinkpoint" } th { "libtorch" } th { "cores" } th { "device" } th { "processor" } } }
                    tbody {
                        @for sitting in sittings {
                            tr {
                                td { (sitting.began) } td { (sitting.steps_before) } td { (sitting.version) }
                                td { (sitting.libtorch) } td { (sitting.cores) }
                                td { (sitting.device) } td { (sitting.processor) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// With a narrow space between thousands.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, _) => format!("{seconds:.1} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_numbers_are_for_people() {
        assert_eq!(
            [0.25, 61.0, 7322.0].map(duration),
            ["0.2 s", "1 min 1 s", "2 h 2 min"]
        );
        assert_eq!(
            [7, 1234, 1_234_567].map(grouped),
            ["7", "1\u{202f}234", "1\u{202f}234\u{202f}567"]
        );
    }
}
