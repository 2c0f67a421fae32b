//! What another program reads of training: one JSON object a line.

use std::path::Path;

use serde_json::{Value, json};

use crate::train::{Event, TrainConfig};

/// What `--help` says of them.
pub const HELP: &str = "\
With --json, every line of stdout is an object; new keys may come, these stay:
  {\"event\":\"ready\", \"net\", \"epochs\", \"steps_per_epoch\", \"steps_done\", \"training\", \"validation\", \"left_out\", \"points\"}
  {\"event\":\"step\", \"step\", \"epoch\", \"loss\", \"learning_rate\", \"pictures\"}      step from 1, over the whole run
  {\"event\":\"epoch\", \"step\", and what metrics.csv holds}      a key is null where nobody was held back
  {\"event\":\"note\", \"text\"}
  {\"event\":\"report\", \"file\"}
  {\"event\":\"done\" or \"stopped\" or \"failed\", \"run\", \"why\"}      the last; why where it failed
Messages for people go to stderr.";

/// What a run tells, as an object.
pub fn of(event: &Event<'_>, config: &TrainConfig, steps: &mut usize) -> Value {
    match *event {
        Event::Ready {
            training,
            validation,
            left_out,
            steps_per_epoch,
            losses,
            ..
        } => {
            *steps = losses.len();
            json!({
                "event": "ready", "net": config.net, "epochs": config.epochs, "steps_per_epoch": steps_per_epoch,
                "steps_done": losses.len(), "training": training, "validation": validation, "left_out": left_out,
                "points": config.scheme.as_ref().map(|scheme| &scheme.name),
            })
        }
        Event::Step(step) => {
            *steps = step.number;
            json!({
                "event": "step", "step": step.number, "epoch": step.epoch, "loss": step.loss,
                "learning_rate": step.learning_rate, "pictures": step.pictures,
            })
        }
        Event::Epoch(metrics) => {
            let mut line = json!(metrics);
            line["event"] = "epoch".into();
            line["step"] = (*steps).into();
            line
        }
    }
}

/// Something that is worth a line.
pub fn note(text: &str) -> Value {
    json!({ "event": "note", "text": text })
}

/// The report that was written.
pub fn report(file: &Path) -> Value {
    json!({ "event": "report", "file": file.display().to_string() })
}

/// The last line.
pub fn end(how: &str, run: &Path, why: Option<&str>) -> Value {
    let mut line = json!({ "event": how, "run": run.display().to_string() });
    if let Some(why) = why {
        line["why"] = why.into();
    }
    line
}
