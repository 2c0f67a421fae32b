//! What the user asked for, done: commands, choices of the menus, files that were dropped onto the window.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use egui::{Ui, ViewportCommand};
use jiff::Zoned;

use super::Window;
use crate::{
    app::{
        camera_panel::Wish,
        commands::Id,
        dialogs::Purpose,
        menu::Choice,
        notices::{self, Severity},
        playback_bar::next_speed,
        theme,
    },
    model::{Reading, catalogue},
    pipeline::{Strength, Studying},
    source::{CameraWish, SourceInfo, SourceSpec},
};

/// How far the arrow keys go.
const SKIP: Duration = Duration::from_secs(5);
/// Why something cannot be saved now.
const STILL_WRITING: &str = "the disk is still busy with what was saved before; try again in a moment";

impl Window {
    pub(super) fn choose(&mut self, ctx: &egui::Context, choice: Choice) {
        match choice {
            Choice::Command(id) => self.perform(ctx, id),
            Choice::Source(spec) => self.open(spec),
            Choice::RecentSource(path) => self.open_path(Purpose::Source, &path),
            Choice::Weights(name) => self.open_path(Purpose::Weights, &name),
            Choice::Compared(name) => self.open_path(Purpose::Compared, &name),
            Choice::Smoothing(strength) => self.smooth(strength),
        }
    }

    pub(super) fn perform(&mut self, ctx: &egui::Context, id: Id) {
        let live = self.source.is_live();
        match id {
            Id::OpenCamera => self.open(SourceSpec::FirstCamera),
            Id::OpenDemo => self.open(SourceSpec::Demo),
            Id::OpenFile => self.dialogs.ask(Purpose::Source),
            Id::LoadWeights => self.dialogs.ask(Purpose::Weights),
            Id::Compare => self.dialogs.ask(Purpose::Compared),
            Id::StopComparing => self.stop_comparing(),
            Id::Snapshot => self.take_snapshot(),
            Id::Record => self.start_or_stop_recording(),
            Id::Send => self.turn_sending(),
            Id::ShowFolder => self.show_folder(),
            Id::ShowLog => self.show_log(),
            Id::StepOn | Id::StepBack => self.step(id == Id::StepOn),
            Id::Forwards => self.skip(true),
            Id::Backwards => self.skip(false),
            Id::Faster | Id::Slower => self.play_at(next_speed(self.speed, id == Id::Faster)),
            Id::Why => self.ask_why(),
            Id::Quit => ctx.send_viewport_cmd(ViewportCommand::Close),
            Id::NextPoints => self.settings.view.next_points(),
            Id::NextTheme => self.settings.view.next_theme(),
            Id::Enlarge => self.zoom(ctx, self.settings.zoom + theme::ZOOM_STEP),
            Id::Shrink => self.zoom(ctx, self.settings.zoom - theme::ZOOM_STEP),
            Id::UsualSize => self.zoom(ctx, 1.0),
            Id::UsualView => {
                self.settings.view.reset();
                self.smooth(Strength::default());
                self.zoom(ctx, 1.0);
            }
            _ => {
                if let Some(switch) = self.settings.view.switch(id, live) {
                    *switch = !*switch;
                }
            }
        }
        if matches!(id, Id::Maps | Id::UsualView) {
            self.pipeline.look_at(self.settings.view.looking.clone());
            self.pipeline.look_inside(self.settings.view.maps);
        }
        if id == Id::Repeat || id == Id::UsualView {
            self.pipeline.repeat(self.settings.view.repeats);
        }
        if id == Id::FullScreen {
            ctx.send_viewport_cmd(ViewportCommand::Fullscreen(self.settings.view.full_screen));
        }
    }

    /// Begins to study a keypoint, or ends it.
    fn ask_why(&mut self) {
        let net = self.scene.as_ref().and_then(|scene| scene.net.as_ref());
        let first = net.and_then(|net| net.scheme.inter_ocular.first().copied());
        self.study(Studying {
            point: match self.studying.point {
                Some(_) => None,
                None => Some(first.unwrap_or_default()),
            },
            ..self.studying
        });
    }

    /// Loads a net, to be read as it was last.
    pub(super) fn load_weights(&mut self, path: PathBuf) {
        self.wanted_reading = None;
        let reading = self.settings.reading(&path);
        self.pipeline.load_weights(path, reading);
    }

    /// Runs a net beside the one in use, to be read as it was last.
    pub(super) fn compare_with(&mut self, path: PathBuf) {
        let reading = self.settings.reading(&path);
        self.comparing = true;
        self.pipeline.compare_with(path, reading);
    }

    fn stop_comparing(&mut self) {
        self.comparing = false;
        self.settings.compared = None;
        self.pipeline.stop_comparing();
    }

    /// Reads the net in use in another way, and remembers that; `None`: as is usual.
    pub(super) fn read_net_as(&mut self, reading: Option<Reading>) {
        let Some(net) = self.scene.as_ref().and_then(|scene| scene.net.clone()) else {
            return;
        };
        if let Some(Err(why)) = reading.map(Reading::check) {
            return self.notices.say(Severity::Error, why.to_string());
        }
        match (reading, net.assumed) {
            (Some(reading), Some(now)) if reading.input_side == now.input_side => {
                self.settings.read_as(&net.path, Some(reading));
                self.pipeline.read_as(reading);
            }
            // Kept once the net works so.
            _ => {
                self.wanted_reading = Some((net.path.clone(), reading));
                self.pipeline.load_weights(net.path.clone(), reading);
            }
        }
    }

    /// Sets the camera that is shown, and remembers that for it.
    pub(super) fn set_camera(&mut self, wish: Wish) {
        let Some(facts) = self.source.camera_mut() else {
            return;
        };
        let camera = facts.camera.clone();
        let mut kept = self.settings.cameras.of(&camera);
        let before = kept.clone();
        match wish {
            Wish::Capture(wish) => kept = wish,
            Wish::Control(id, value) => {
                kept.controls.insert(id, value);
                // Until the camera says what became of it.
                if let Some(control) = facts.controls.iter_mut().find(|control| control.id == id) {
                    control.value = value;
                }
                self.pipeline.set_control(id, value);
            }
            Wish::Reset => {
                kept = CameraWish::default();
                self.pipeline.reset_controls();
            }
        }
        let captures_alike = |wish: &CameraWish| {
            CameraWish {
                controls: before.controls.clone(),
                ..wish.clone()
            } == before
        };
        let reopens = !captures_alike(&kept);
        self.settings.cameras.set(&camera, kept);
        self.pipeline.wish(self.settings.cameras.clone());
        // This camera and no other, even where the first one was asked for.
        let this = self.source.info.as_ref().and_then(|info| info.reopen_as.clone());
        if let Some(spec) = this.or(self.source.spec.clone()).filter(|_| reopens) {
            self.open(spec);
        }
    }

    /// Forgets a wish that the camera does not fulfil.
    pub(super) fn control_refused(&mut self, id: u32, why: &str) {
        let Some(facts) = self.source.camera() else { return };
        let name = facts.controls.iter().find(|control| control.id == id);
        let name = name.map_or_else(|| id.to_string(), |control| control.name.clone());
        let camera = facts.camera.clone();
        let mut kept = self.settings.cameras.of(&camera);
        kept.controls.remove(&id);
        self.settings.cameras.set(&camera, kept);
        self.pipeline.wish(self.settings.cameras.clone());
        let text = format!("the camera does not take that for {name} ({why})");
        self.notices.say(Severity::Error, text);
    }

    pub(super) fn smooth(&mut self, strength: Strength) {
        self.settings.smoothing = strength.value();
        self.pipeline.smooth(strength);
    }

    pub(super) fn play_at(&mut self, times: f64) {
        self.speed = times;
        self.pipeline.play_at(times);
    }

    /// Holds a recording still and shows the frame after or before the one that is shown.
    fn step(&mut self, on: bool) {
        if self.playback().is_none() {
            return;
        }
        self.settings.view.paused = true;
        // Before the step, which would be one of a running recording otherwise.
        self.pipeline.pause(true);
        self.pipeline_paused = true;
        if on {
            self.pipeline.step();
        } else {
            let frame = self.source.info.as_ref().map(SourceInfo::frame_time);
            let frame = frame.unwrap_or_default();
            self.pipeline.go(false, frame);
        }
    }

    /// Goes some seconds on or back in a recording.
    fn skip(&mut self, on: bool) {
        if self.playback().is_some() {
            self.pipeline.go(on, SKIP);
        }
    }

    fn take_snapshot(&mut self) {
        let Some(scene) = &self.scene else {
            return self
                .notices
                .say(Severity::Hint, "There is no picture to save yet.");
        };
        let style = &self.settings.view.overlay;
        match self
            .settings
            .saving
            .snapshot(&Zoned::now(), style, self.video.trails())
        {
            Ok(snapshot) => {
                if !self.pipeline.snapshot(scene.clone(), snapshot) {
                    self.notices.say(Severity::Error, STILL_WRITING);
                }
            }
            Err(why) => self.notices.say(Severity::Error, why),
        }
    }

    fn start_or_stop_recording(&mut self) {
        if self.recording.is_some() {
            self.stop_recording();
            return;
        }
        let (saving, style) = (&self.settings.saving, &self.settings.view.overlay);
        let fps = self.source.info.as_ref().and_then(|info| info.fps);
        match saving.recording(&Zoned::now(), style, fps) {
            Ok(Some(recording)) => {
                if self.pipeline.record(recording) {
                    self.recording = Some(Instant::now());
                } else {
                    self.notices.say(Severity::Error, STILL_WRITING);
                }
            }
            Ok(None) => {
                let text = "Neither video nor keypoints are to be recorded; choose one in the settings.";
                self.notices.say(Severity::Hint, text);
            }
            Err(why) => self.notices.say(Severity::Error, why),
        }
    }

    /// Whether the recording ends; what was said if not.
    pub(super) fn stop_recording(&mut self) -> bool {
        let ends = self.pipeline.stop_recording();
        if !ends {
            self.notices.say(Severity::Error, STILL_WRITING);
        }
        ends
    }

    fn show_folder(&mut self) {
        let folder = self.settings.saving.folder();
        if folder.is_dir() {
            notices::open_folder(&folder);
        } else {
            let text = format!("Nothing was saved yet; files will be in {}", folder.display());
            self.notices.say(Severity::Hint, text);
        }
    }

    fn show_log(&mut self) {
        let Some(file) = &self.log_file else {
            let text = "No log is kept in this run; it is on the terminal.";
            return self.notices.say(Severity::Hint, text);
        };
        let folder = file.parent().unwrap_or(file).to_path_buf();
        let text = format!("The log is {}", file.display());
        notices::open_folder(&folder);
        self.notices.say_of_folder(text, folder);
    }

    fn zoom(&mut self, ctx: &egui::Context, factor: f32) {
        let range = theme::ZOOM;
        self.settings.zoom = factor.clamp(*range.start(), *range.end());
        ctx.set_zoom_factor(self.settings.zoom);
    }

    /// Shows another source; whoever asks for one wants to see it, so a pause ends. The one before goes on where a recording of
    /// it cannot be ended.
    pub(super) fn open(&mut self, source: SourceSpec) {
        if self.recording.is_some() {
            // Rows of keypoints name one source.
            if !self.stop_recording() {
                return;
            }
            self.notices
                .say(Severity::Hint, "The recording ends with its source.");
        }
        self.settings.view.paused = false;
        self.pipeline.open(source);
    }

    pub(super) fn open_path(&mut self, purpose: Purpose, path: &str) {
        let net = || catalogue::resolve(path).map_err(|error| error.to_string());
        let done = match purpose {
            Purpose::Source => path.parse().map(|spec| self.open(spec)),
            Purpose::Weights | Purpose::Compared => net().map(|path| self.open_file(purpose, path)),
        };
        if let Err(problem) = done {
            self.notices.say(Severity::Error, problem);
        }
    }

    /// Takes a file for what it was chosen for, whatever it is called.
    pub(super) fn open_file(&mut self, purpose: Purpose, path: PathBuf) {
        match purpose {
            Purpose::Source => self.open(SourceSpec::File(path)),
            Purpose::Weights => self.load_weights(path),
            Purpose::Compared => self.compare_with(path),
        }
    }

    /// Files dropped onto the window: nets are loaded, everything else is shown.
    pub(super) fn open_dropped_files(&mut self, ui: &Ui) {
        let paths: Vec<PathBuf> = ui.input(|input| {
            let files = input.raw.dropped_files.iter();
            files.map(|file| file.path().to_path_buf()).collect()
        });
        for path in paths {
            let is_net = path.extension().is_some_and(|e| e == "pt" || e == "pth");
            self.open_file(if is_net { Purpose::Weights } else { Purpose::Source }, path);
        }
    }
}
