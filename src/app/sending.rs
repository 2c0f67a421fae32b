//! Which other programs are sent what is seen: those that are remembered, those of the command line, and the section of the
//! settings in which they are turned on and off.

use egui::{Align, Layout, RichText, TextEdit, TextWrapMode, Ui};
use serde::{Deserialize, Serialize};

use super::theme;
use crate::{pipeline::SendState, send::Target, text::shortened};

/// More than anybody looks after; what is beyond them in a file is left out.
const MOST: usize = 16;
/// Most of a target that the status bar shows, characters.
const LONGEST_NAME: usize = 36;
/// What is written into the field by a button, to be changed.
const EXAMPLES: [(&str, &str, &str); 3] = [
    (
        "JSON",
        "udp://127.0.0.1:5005",
        "A datagram of JSON a frame. With ?raw behind it, also the points as the net gave them.",
    ),
    (
        "OSC",
        "osc://127.0.0.1:9000",
        "Open Sound Control, for Processing, Max, TouchDesigner. With ?pixels behind it, in pixels.",
    ),
    (
        "virtual camera",
        "v4l2:/dev/video9",
        "The picture with its overlay, for OBS and browsers. Needs the driver v4l2loopback.",
    ),
];

/// A program that is sent something while it is on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendTo {
    /// Where, as `--send` takes it.
    pub to: String,
    /// Whether it is sent something.
    pub on: bool,
}

impl SendTo {
    fn to(target: &Target) -> Self {
        Self {
            to: target.to_string(),
            on: true,
        }
    }

    fn target(&self) -> Option<Target> {
        self.to.parse().ok()
    }
}

/// Those of a settings file that make sense, each once.
pub fn in_range(kept: &mut Vec<SendTo>) {
    let mut seen = Vec::new();
    kept.retain(|one| match one.target() {
        // There is nobody to read the standard output of a window that the desktop opened.
        None | Some(Target::Stdout) => false,
        Some(target) if seen.contains(&target) => false,
        Some(target) => {
            seen.push(target);
            true
        }
    });
    kept.truncate(MOST);
}

/// What of it holds for this run only.
#[derive(Debug, Default)]
pub struct Sending {
    /// Those of the command line.
    given: Vec<SendTo>,
    /// Those that the command turned off, which it turns on again.
    turned_off: Vec<String>,
    /// What is being typed.
    typed: String,
    /// Why it cannot be used.
    wrong: Option<String>,
}

impl Sending {
    /// Begins with those of the command line.
    pub fn new(given: &[Target]) -> Self {
        Self {
            given: given.iter().map(SendTo::to).collect(),
            ..Self::default()
        }
    }

    /// Those that are on, each once.
    pub fn on(&self, kept: &[SendTo]) -> Vec<Target> {
        let on = self.given.iter().chain(kept).filter(|one| one.on);
        let mut targets: Vec<Target> = Vec::new();
        for target in on.filter_map(SendTo::target) {
            if !targets.contains(&target) {
                targets.push(target);
            }
        }
        targets
    }

    /// Turns off all that are on, or on again what was turned off so; whether there was anything to turn.
    pub fn turn(&mut self, kept: &mut [SendTo]) -> bool {
        let all = || self.given.iter().chain(kept.iter());
        let on: Vec<String> = all().filter(|one| one.on).map(|one| one.to.clone()).collect();
        let (turned, now) = if on.is_empty() {
            (std::mem::take(&mut self.turned_off), true)
        } else {
            self.turned_off.clone_from(&on);
            (on, false)
        };
        let mut any = false;
        for one in self.given.iter_mut().chain(kept) {
            // It may have been removed since.
            if turned.contains(&one.to) {
                one.on = now;
                any = true;
            }
        }
        any
    }

    /// Draws the section.
    pub fn show(&mut self, ui: &mut Ui, kept: &mut Vec<SendTo>, states: &[SendState]) {
        for one in &mut self.given {
            row(ui, one, states, false);
        }
        // What the command line asks for stands there already.
        let given = |one: &SendTo| self.given.iter().any(|given| given.to == one.to);
        let mut removed = None;
        for (place, one) in kept.iter_mut().enumerate().filter(|(_, one)| !given(one)) {
            if row(ui, one, states, true) {
                removed = Some(place);
            }
        }
        if let Some(place) = removed {
            kept.remove(place);
        }
        if self.given.is_empty() && kept.is_empty() {
            ui.label(RichText::new("Nothing leaves this program.").weak());
        }
        self.show_field(ui, kept);
    }

    /// The field in which another one is typed.
    fn show_field(&mut self, ui: &mut Ui, kept: &mut Vec<SendTo>) {
        ui.add_space(theme::SPACE);
        ui.label(RichText::new("Another one").weak());
        ui.horizontal_wrapped(|ui| {
            for (name, example, help) in EXAMPLES {
                if ui.small_button(name).on_hover_text(help).clicked() {
                    example.clone_into(&mut self.typed);
                    self.wrong = None;
                }
            }
        });
        let field = TextEdit::singleline(&mut self.typed)
            .hint_text(EXAMPLES[0].1)
            .desired_width(f32::INFINITY);
        let field = ui.add(field);
        if field.changed() {
            self.wrong = None;
        }
        let entered = field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
        if (ui.button("Add").clicked() || entered) && !self.typed.trim().is_empty() {
            self.add(kept);
        }
        if let Some(why) = &self.wrong {
            ui.label(RichText::new(why).color(theme::colours(ui.ctx()).error));
        }
    }

    /// Adds what was typed, and turns it on.
    fn add(&mut self, kept: &mut Vec<SendTo>) {
        let target = match self.typed.trim().parse::<Target>() {
            Ok(Target::Stdout) => Err("standard output (-) is for the command line".to_owned()),
            other => other,
        };
        match target {
            Err(why) => self.wrong = Some(why),
            Ok(target) => {
                let (one, full) = (SendTo::to(&target), kept.len() >= MOST);
                let mut there = self.given.iter_mut().chain(kept.iter_mut());
                match there.find(|other| other.to == one.to) {
                    Some(there) => there.on = true,
                    None if full => {
                        self.wrong = Some("there are enough; remove one first".into());
                        return;
                    }
                    None => kept.push(one),
                }
                self.typed.clear();
                self.wrong = None;
            }
        }
    }
}

/// A target with how it goes; whether it is to be removed.
fn row(ui: &mut Ui, one: &mut SendTo, states: &[SendState], can_go: bool) -> bool {
    let mut removed = false;
    let help = if can_go {
        "Sent to while this is on, also after the next start."
    } else {
        "Asked for on the command line, for this run."
    };
    ui.horizontal(|ui| {
        // The button keeps its place at the end, and what is long is cut.
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if can_go {
                removed = ui.small_button("×").on_hover_text("Remove it").clicked();
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.style_mut().wrap_mode = Some(TextWrapMode::Truncate);
                ui.checkbox(&mut one.on, &one.to)
                    .on_hover_text(format!("{}\n{help}", one.to));
            });
        });
    });
    let target = one.target();
    let state = states.iter().find(|state| Some(&state.target) == target.as_ref());
    if let Some(state) = state.filter(|_| one.on) {
        ui.indent(&one.to, |ui| match &state.trouble {
            Some(why) => {
                ui.label(RichText::new(why).color(theme::colours(ui.ctx()).error));
            }
            None => {
                ui.label(RichText::new(counted(state)).weak());
            }
        });
    }
    removed
}

/// How many frames it got.
fn counted(state: &SendState) -> String {
    let (what, sent) = (state.target.what(), state.sent);
    match state.left_out {
        0 => format!("{what} of {sent} frames"),
        left_out => format!("{what} of {sent} frames; {left_out} came too fast"),
    }
}

/// What is sent, in a few words; `None` where nothing is.
pub fn in_short(on: &[Target], states: &[SendState]) -> Option<String> {
    let failing = states
        .iter()
        .filter(|state| state.trouble.is_some() && on.contains(&state.target));
    let text = match on {
        [] => return None,
        [one] => format!("{} to {}", one.what(), shortened(&one.to_string(), LONGEST_NAME)),
        several => format!("to {} programs", several.len()),
    };
    Some(match (failing.count(), on.len()) {
        (0, _) => text,
        (_, 1) => format!("{text} (not working)"),
        (failing, _) => format!("{text} ({failing} not working)"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(to: &str, on: bool) -> SendTo {
        SendTo { to: to.into(), on }
    }

    #[test]
    fn of_a_file_only_what_makes_sense_is_taken_and_each_once() {
        let mut kept = vec![
            to("udp://127.0.0.1:5005", true),
            to("udp://127.0.0.1:5005", false),
            to("-", true),
            to("nonsense", true),
            to("v4l2:/dev/video9", false),
        ];
        in_range(&mut kept);
        assert_eq!(
            kept,
            [to("udp://127.0.0.1:5005", true), to("v4l2:/dev/video9", false)]
        );
        let on = Sending::default().on(&kept);
        assert_eq!(on, ["udp://127.0.0.1:5005".parse().unwrap()]);
    }

    #[test]
    fn the_command_turns_off_all_and_on_again_only_those() {
        let mut kept = vec![to("osc://127.0.0.1:9000", true), to("v4l2:/dev/video9", false)];
        let given = ["udp://127.0.0.1:5005".parse().unwrap()];
        let mut sending = Sending::new(&given);
        assert_eq!(sending.on(&kept).len(), 2);
        assert!(sending.turn(&mut kept));
        assert_eq!(sending.on(&kept), []);
        assert!(sending.turn(&mut kept));
        assert_eq!(sending.on(&kept).len(), 2);
        assert!(!kept[1].on, "what was off stays off");
        // What was turned off and removed since cannot be turned on.
        sending = Sending::default();
        assert!(sending.turn(&mut [to("osc://127.0.0.1:9000", true)]));
        assert!(!sending.turn(&mut [to("v4l2:/dev/video9", false)]));
        // Nothing was turned off in this run: nothing begins to be sent by itself.
        assert!(!Sending::default().turn(&mut [to("v4l2:/dev/video9", false)]));
    }

    #[test]
    fn what_is_typed_is_added_and_turned_on_or_told_why_not() {
        let (mut sending, mut kept) = (Sending::default(), Vec::new());
        for (typed, known) in [
            ("udp://127.0.0.1", None),
            ("-", None),
            (" udp://127.0.0.1:5005 ", Some(1)),
        ] {
            sending.typed = typed.into();
            sending.add(&mut kept);
            assert_eq!(sending.wrong.is_none(), known.is_some(), "{typed}");
            assert_eq!(kept.len(), known.unwrap_or(0));
        }
        kept[0].on = false;
        sending.typed = "udp://127.0.0.1:5005".into();
        sending.add(&mut kept);
        assert_eq!(kept, [to("udp://127.0.0.1:5005", true)]);
        // Where there are enough, one of them can be turned on all the same.
        kept.extend((1..MOST).map(|port| to(&format!("udp://127.0.0.1:{port}"), false)));
        for (typed, wrong) in [("udp://127.0.0.1:7", false), ("udp://127.0.0.1:6000", true)] {
            sending.typed = typed.into();
            sending.add(&mut kept);
            assert_eq!((sending.wrong.is_some(), kept.len()), (wrong, MOST), "{typed}");
        }
        assert!(kept[7].on);
    }

    #[test]
    fn it_is_said_in_short_what_leaves_the_program_and_what_does_not_work() {
        let (udp, camera): (Target, Target) = (
            "udp://127.0.0.1:5005".parse().unwrap(),
            "v4l2:/dev/video9".parse().unwrap(),
        );
        let state = |trouble: Option<&str>| SendState {
            target: camera.clone(),
            sent: 3,
            left_out: 0,
            trouble: trouble.map(str::to_owned),
        };
        let short = |on: &[Target], states: &[SendState]| in_short(on, states);
        assert_eq!(short(&[], &[]), None);
        assert_eq!(
            short(std::slice::from_ref(&udp), &[]).as_deref(),
            Some("points to udp://127.0.0.1:5005")
        );
        assert_eq!(
            short(std::slice::from_ref(&camera), &[state(Some("gone"))]).as_deref(),
            Some("picture to v4l2:/dev/video9 (not working)")
        );
        let both = [udp, camera.clone()];
        assert_eq!(short(&both, &[state(None)]).as_deref(), Some("to 2 programs"));
        let one_fails = short(&both, &[state(Some("gone"))]);
        assert_eq!(one_fails.as_deref(), Some("to 2 programs (1 not working)"));
    }
}
