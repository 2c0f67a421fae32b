//! The section of the settings in which the open camera is set: how it captures, and everything that its driver offers.

use egui::{Checkbox, RichText, Slider, Ui};

use super::{
    theme,
    widgets::{choice, slider},
};
use crate::source::{CameraFacts, CameraWish, Control, ControlKind, PixelFormat, Turn};

/// What is wished of the camera.
#[derive(Debug, Clone, PartialEq)]
pub enum Wish {
    /// To capture so, which opens it again.
    Capture(CameraWish),
    /// To set this control to that value.
    Control(u32, i64),
    /// To set everything back.
    Reset,
}

/// Draws the section.
pub fn show(ui: &mut Ui, facts: &CameraFacts, wish: &CameraWish, fps: Option<f64>) -> Option<Wish> {
    ui.label(&facts.camera.name)
        .on_hover_text(facts.camera.node.display().to_string());
    let (width, height) = facts.size;
    let rate = fps.map_or_else(String::new, |fps| format!(", {fps:.0} frames/s"));
    let got = format!("gives {width}×{height}, {}{rate}", facts.format);
    let as_asked = wish.size.is_none_or(|size| size == facts.size)
        && wish.format.is_none_or(|format| format == facts.format)
        && wish
            .fps
            .zip(fps)
            .is_none_or(|(asked, got)| (asked - got).abs() < 1.0);
    if as_asked {
        ui.label(RichText::new(got).weak());
    } else {
        let text =
            RichText::new(format!("{got}: not what is asked for")).color(theme::colours(ui.ctx()).error);
        ui.label(text)
            .on_hover_text("The camera cannot do that just now, and gives what is nearest.");
    }
    let mut changed = wish.clone();
    capture(ui, facts, &mut changed);
    let mut asked = (changed != *wish).then_some(Wish::Capture(changed));
    ui.add_space(theme::SPACE);
    for control in &facts.controls {
        // Drivers may call two the same.
        let set = ui.push_id(control.id, |ui| {
            let enabled = ui.add_enabled_ui(control.enabled, |ui| set(ui, control));
            enabled.inner
        });
        if let Some(value) = set.inner {
            asked = Some(Wish::Control(control.id, value));
        }
    }
    let help = "Sets everything of this camera back.";
    if ui.button("As at first").on_hover_text(help).clicked() {
        asked = Some(Wish::Reset);
    }
    asked
}

/// Format, size, rate and turn.
fn capture(ui: &mut Ui, facts: &CameraFacts, wish: &mut CameraWish) {
    let formats = distinct(facts.modes.iter().map(|mode| mode.format));
    offered(ui, "format", &formats, &mut wish.format, PixelFormat::to_string);
    let of_format = || {
        let modes = facts.modes.iter();
        modes.filter(|mode| wish.format.is_none_or(|format| format == mode.format))
    };
    let mut sizes = distinct(of_format().map(|mode| mode.size));
    sizes.sort_unstable();
    let size = wish.size_or_usual();
    let rates = of_format().filter(|mode| mode.size == size);
    let mut rates = distinct(rates.flat_map(|mode| mode.rates.iter().copied()));
    rates.sort_by(|a, b| b.total_cmp(a));
    offered(ui, "size", &sizes, &mut wish.size, |(width, height)| {
        format!("{width}×{height}")
    });
    offered(ui, "rate", &rates, &mut wish.fps, |fps| {
        format!("{fps:.4} fps").replace(".0000", "")
    });
    let named = |turn: Turn| match turn {
        Turn::None => "as it comes",
        Turn::Right => "a quarter right",
        Turn::Over => "upside down",
        Turn::Left => "a quarter left",
    };
    choice(ui, "turned", named(wish.turn), |ui| {
        for turn in Turn::ALL {
            ui.selectable_value(&mut wish.turn, turn, named(turn));
        }
    });
}

/// A choice of what the camera offers, or of leaving it to the program.
fn offered<T: Copy + PartialEq>(
    ui: &mut Ui,
    name: &str,
    values: &[T],
    chosen: &mut Option<T>,
    text: impl Fn(&T) -> String,
) {
    const AUTOMATIC: &str = "automatic";
    let shown = chosen.as_ref().map_or_else(|| AUTOMATIC.to_owned(), &text);
    choice(ui, name, &shown, |ui| {
        ui.selectable_value(chosen, None, AUTOMATIC);
        for value in values {
            ui.selectable_value(chosen, Some(*value), text(value));
        }
    });
}

fn distinct<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut distinct = Vec::new();
    for value in values {
        if !distinct.contains(&value) {
            distinct.push(value);
        }
    }
    distinct
}

/// One control; what it is to be, where that was changed.
fn set(ui: &mut Ui, control: &Control) -> Option<i64> {
    let mut value = control.value;
    match &control.kind {
        ControlKind::Switch => {
            let mut on = value != 0;
            ui.add(Checkbox::new(&mut on, &control.name));
            value = i64::from(on);
        }
        &ControlKind::Number { least, most, step } => {
            let number = Slider::new(&mut value, least..=most).step_by(step as f64);
            slider(ui, &control.name, number, "");
        }
        ControlKind::Choice(choices) => {
            let now = choices.iter().find(|(number, _)| *number == value);
            let now = now.map_or_else(|| value.to_string(), |(_, name)| name.clone());
            choice(ui, &control.name, &now, |ui| {
                for (number, name) in choices {
                    ui.selectable_value(&mut value, *number, name);
                }
            });
        }
    }
    (value != control.value).then_some(value)
}
