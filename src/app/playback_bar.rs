//! The bar below a recording: where it is, how fast it goes, and a slider to go elsewhere.

use std::time::Duration;

use egui::{Align, Button, Layout, RichText, Slider, Ui};

use super::{
    commands::{self, Id},
    theme,
};

/// Speeds that can be chosen, times as fast as the recording is.
const SPEEDS: [f64; 7] = [0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0];

/// What the bar shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Playback {
    /// Where the recording is.
    pub position: Duration,
    /// How long it is.
    pub duration: Duration,
    /// It is held still.
    pub paused: bool,
    /// It begins again at its end.
    pub repeats: bool,
    /// Times as fast as it is.
    pub speed: f64,
}

/// What was wished.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Wish {
    /// A command.
    Command(Id),
    /// To go there.
    Seek(Duration),
    /// Another speed.
    Speed(f64),
}

/// The next slower or faster speed.
pub fn next_speed(now: f64, faster: bool) -> f64 {
    let next = if faster {
        SPEEDS.into_iter().find(|&speed| speed > now)
    } else {
        SPEEDS.into_iter().rev().find(|&speed| speed < now)
    };
    next.unwrap_or(now)
}

/// Draws the bar.
pub fn show(ui: &mut Ui, now: Playback) -> Option<Wish> {
    let mut wish = None;
    ui.horizontal(|ui| {
        let play = if now.paused { "Play" } else { "Pause" };
        for (sign, on, id) in [
            ("‹", false, Id::StepBack),
            (play, false, Id::Pause),
            ("›", false, Id::StepOn),
            ("Repeat", now.repeats, Id::Repeat),
        ] {
            if button(ui, sign, on, id) {
                wish = Some(Wish::Command(id));
            }
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.menu_button(format!("{}×", now.speed), |ui| {
                for speed in SPEEDS {
                    let entry = Button::new(format!("{speed}×")).selected(speed == now.speed);
                    if ui.add(entry).clicked() {
                        wish = Some(Wish::Speed(speed));
                    }
                }
            })
            .response
            .on_hover_text("How fast the recording goes");
            let clock = format!("{} / {}", clock(now.position), clock(now.duration));
            ui.label(RichText::new(clock).monospace());
            ui.spacing_mut().slider_width = ui.available_width() - theme::SPACE;
            let mut seconds = now.position.as_secs_f64();
            let slider = Slider::new(&mut seconds, 0.0..=now.duration.as_secs_f64()).show_value(false);
            let moved = ui
                .add(slider)
                .on_hover_text("Where the recording is, in seconds")
                .changed();
            // A held slider is set back to where the recording is in every pass; only what moves it is a wish.
            let at_rest = ui.input(|input| input.pointer.primary_down() && !input.pointer.is_moving());
            if moved && !at_rest {
                wish = Duration::try_from_secs_f64(seconds).ok().map(Wish::Seek);
            }
        });
    });
    wish
}

fn button(ui: &mut Ui, sign: &str, on: bool, id: Id) -> bool {
    let command = commands::row_of(id);
    let button = ui.add(Button::new(sign).selected(on));
    let keys = commands::keys_of(ui.ctx(), command);
    // Signs are nothing to be read out.
    button.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, command.name));
    button
        .on_hover_text(format!("{} ({keys})", command.help))
        .clicked()
}

/// Minutes, seconds and tenths.
fn clock(time: Duration) -> String {
    let tenths = time.as_millis() / 100;
    format!("{}:{:02}.{}", tenths / 600, tenths / 10 % 60, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_go_up_and_down_and_end() {
        assert_eq!(next_speed(1.0, true), 2.0);
        assert_eq!(next_speed(1.0, false), 0.5);
        assert_eq!(next_speed(8.0, true), 8.0);
        assert_eq!(next_speed(0.1, false), 0.1);
    }

    #[test]
    fn clocks_show_minutes_seconds_and_tenths() {
        assert_eq!(clock(Duration::ZERO), "0:00.0");
        assert_eq!(clock(Duration::from_millis(3_725_960)), "62:05.9");
    }
}
