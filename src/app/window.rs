//! The window's contents: takes what the pipeline gives, draws it, and hands on what the user wants.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use egui::{CentralPanel, Frame, Panel, Ui, ViewportCommand};

use super::{
    commands::{self, Id},
    dialogs::{Dialogs, Purpose},
    menu::{self, Choice, MenuBar, View},
    notices::{self, Notices, Severity},
    panels::Panels,
    prepare::{Prepared, Preparer},
    status_bar::Status,
    theme,
    video_view::VideoView,
};
use crate::{
    model::catalogue,
    overlay::Style,
    pipeline::{Event, Pipeline, Recorder, RunFacts, Scene, Stats, Wake},
    source::{SourceInfo, SourceSpec},
};

/// The window's contents and what lies behind them.
pub struct Window {
    pipeline: Pipeline,
    /// Below the pipeline, which is to end first.
    preparer: Preparer,
    scene: Option<Arc<Scene>>,
    source: SourceState,
    loading_weights: bool,
    view: View,
    menu: MenuBar,
    video: VideoView,
    panels: Panels,
    notices: Notices,
    dialogs: Dialogs,
    recorder: Arc<Mutex<Recorder>>,
    closes_at: Option<Instant>,
    /// The pipeline was told to pause.
    pipeline_paused: bool,
    /// The end of the preparing thread was told.
    told_of_end: bool,
}

/// What is known of the source.
#[derive(Debug, Default)]
struct SourceState {
    info: Option<SourceInfo>,
    /// What the picture waits for.
    waiting: Option<String>,
    /// Since when.
    waiting_since: Option<Instant>,
    /// What kept the source from being opened the last time.
    trouble: Option<String>,
}

impl SourceState {
    fn wait_for(&mut self, what: String) {
        self.waiting = Some(what);
        self.waiting_since = Some(Instant::now());
    }

    fn stop_waiting(&mut self) {
        self.waiting = None;
        self.waiting_since = None;
    }
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The run in numbers.
    pub stats: Stats,
    /// Why no picture ever came, when that is so.
    pub never_came: Option<String>,
}

impl Window {
    /// A window onto a pipeline; `wake` has it drawn anew, `run_for` closes it after a while.
    pub fn new(pipeline: Pipeline, wake: Wake, run_for: Option<Duration>) -> Self {
        let view = View::default();
        pipeline.look_inside(view.maps);
        Self {
            preparer: Preparer::start(pipeline.scenes(), wake),
            pipeline,
            scene: None,
            source: SourceState::default(),
            loading_weights: false,
            view,
            menu: MenuBar::default(),
            video: VideoView::default(),
            panels: Panels::default(),
            notices: Notices::default(),
            dialogs: Dialogs::default(),
            recorder: Arc::default(),
            closes_at: run_for.and_then(|time| Instant::now().checked_add(time)),
            pipeline_paused: false,
            told_of_end: false,
        }
    }

    /// Takes in what happened; draws nothing.
    pub fn update(&mut self, ctx: &egui::Context) {
        let events: Vec<Event> = self.pipeline.events().collect();
        for event in events {
            self.take_in(event);
        }
        self.preparer
            .limit_side(ctx.input(|input| input.max_texture_side));
        if let Some(Prepared { scene, video, maps }) = self.preparer.newest() {
            // A picture from before the source was lost does not end the waiting for it.
            let is_news = |since: Instant| scene.frame.captured_at >= since;
            if self.source.waiting_since.is_some_and(is_news) {
                self.source.stop_waiting();
            }
            self.video.upload(ctx, video);
            if let Some(maps) = maps {
                self.panels.upload_maps(ctx, maps);
            }
            self.scene = Some(scene);
        }
        if self.preparer.has_ended() && !std::mem::replace(&mut self.told_of_end, true) {
            let text = "no more pictures can be shown; start the program again";
            self.notices.say(Severity::Error, text);
        }
        // What nobody sees costs nothing either.
        let seen = ctx.input(|input| input.viewport().visible().unwrap_or(true));
        let pause = self.view.paused || !seen;
        if pause != self.pipeline_paused && self.pipeline.pause(pause) {
            self.pipeline_paused = pause;
        }
        if let Some(moment) = self.closes_at {
            match moment.checked_duration_since(Instant::now()) {
                None => ctx.send_viewport_cmd(ViewportCommand::Close),
                Some(left) => ctx.request_repaint_after(left),
            }
        }
    }

    /// Draws the window.
    pub fn show(&mut self, ui: &mut Ui) {
        self.open_dropped_files(ui);
        if let Some(id) = commands::pressed(ui.ctx()) {
            self.perform(ui.ctx(), id);
        }
        let bar = Frame::new().fill(theme::PANEL).inner_margin(theme::PANEL_MARGIN);
        let choice = Panel::top("menu")
            .frame(bar)
            .show(ui, |ui| self.menu.show(ui, self.view, self.pipeline.smoothing()))
            .inner;
        match choice {
            Some(Choice::Command(id)) => self.perform(ui.ctx(), id),
            Some(Choice::Source(spec)) => self.open(spec),
            Some(Choice::Smoothing(strength)) => self.pipeline.smooth(strength),
            None => {}
        }
        if self.view.status_bar {
            let status = self.status();
            Panel::bottom("status").frame(bar).show(ui, |ui| status.show(ui));
        }
        self.show_panels(ui);
        let video = CentralPanel::default().frame(Frame::new().fill(theme::BACKGROUND));
        let area = video.show(ui, |ui| self.show_video(ui)).inner;
        menu::show_help(ui.ctx(), &mut self.view.help);
        if let Some((purpose, path)) = self.dialogs.show(ui.ctx()) {
            self.open_path(purpose, &path);
        }
        self.notices.show(ui.ctx(), area);
        self.note_when_painted(ui.ctx());
    }

    /// Stops the pipeline; what came of the run.
    pub fn finish(&mut self) -> Outcome {
        self.pipeline.stop();
        let net = self.scene.as_ref().and_then(|scene| scene.net.clone());
        let facts = RunFacts {
            frames_captured: self.pipeline.frames_captured(),
            device: net.as_ref().map(|net| net.device.clone()),
            source: self
                .source
                .info
                .as_ref()
                .map_or_else(String::new, |info| info.name.clone()),
            weights: net.map(|net| net.path.display().to_string()),
        };
        let no_picture = facts.frames_captured == 0;
        let trouble = self.source.trouble.take();
        Outcome {
            stats: self.recorder().summary(facts),
            never_came: trouble.filter(|_| no_picture),
        }
    }

    fn take_in(&mut self, event: Event) {
        match event {
            Event::Opening(spec) => self.source.wait_for(format!("Starting {spec} …")),
            Event::Opened { spec, info } => {
                if spec == SourceSpec::FirstCamera && !info.live {
                    let text = format!("There is no camera to show, so this is the {}.", info.name);
                    self.notices.say(Severity::Hint, text);
                }
                self.source.wait_for(format!("Starting {} …", info.name));
                self.source.info = Some(info);
                self.source.trouble = None;
            }
            Event::Waiting { spec, why, retry_in } => {
                let seconds = retry_in.as_secs_f32();
                let text = format!("Waiting for {spec}, trying again in {seconds:.1} s");
                self.source.wait_for(text);
                self.source.trouble = Some(why);
            }
            Event::SourceFailed { why, .. } => {
                self.source.stop_waiting();
                self.source.trouble = Some(why.clone());
                self.notices.say(Severity::Error, why);
            }
            Event::LoadingWeights(_) => self.loading_weights = true,
            Event::WeightsLoaded(net) => {
                self.loading_weights = false;
                tracing::info!(net = net.name, device = net.device, "net loaded");
            }
            Event::WeightsFailed { why, .. } => {
                self.loading_weights = false;
                self.notices.say(Severity::Error, why);
            }
            Event::StageFailed { stage, why } => {
                self.notices.say(Severity::Error, format!("{stage}: {why}"));
            }
        }
    }

    fn perform(&mut self, ctx: &egui::Context, id: Id) {
        match id {
            Id::OpenCamera => self.open(SourceSpec::FirstCamera),
            Id::OpenDemo => self.open(SourceSpec::Demo),
            Id::OpenFile => self.dialogs.ask(Purpose::Source),
            Id::LoadWeights => self.dialogs.ask(Purpose::Weights),
            Id::Quit => ctx.send_viewport_cmd(ViewportCommand::Close),
            Id::Points | Id::Boxes | Id::Filters | Id::Maps | Id::StatusBar | Id::Help | Id::Pause => {
                if let Some(switch) = self.view.switch(id) {
                    *switch = !*switch;
                }
                if id == Id::Maps {
                    self.pipeline.look_inside(self.view.maps);
                }
            }
        }
    }

    /// Shows another source; whoever asks for one wants to see it, so a pause ends.
    fn open(&mut self, source: SourceSpec) {
        self.view.paused = false;
        self.pipeline.open(source);
    }

    fn open_path(&mut self, purpose: Purpose, path: &str) {
        let problem = match purpose {
            Purpose::Source => path.parse().map(|spec| self.open(spec)).err(),
            Purpose::Weights => catalogue::resolve(path)
                .map(|path| self.pipeline.load_weights(path))
                .map_err(|e| e.to_string())
                .err(),
        };
        if let Some(problem) = problem {
            self.notices.say(Severity::Error, problem);
        }
    }

    /// Files dropped onto the window: nets are loaded, everything else is shown.
    fn open_dropped_files(&mut self, ui: &Ui) {
        let paths: Vec<PathBuf> = ui.input(|input| {
            let files = input.raw.dropped_files.iter();
            files.map(|file| file.path().to_path_buf()).collect()
        });
        for path in paths {
            if path.extension().is_some_and(|e| e == "pt" || e == "pth") {
                self.pipeline.load_weights(path);
            } else {
                self.open(SourceSpec::File(path));
            }
        }
    }

    fn show_panels(&mut self, ui: &mut Ui) {
        let View { filters, maps, .. } = self.view;
        if !filters && !maps {
            return;
        }
        let most = (ui.available_width() * theme::SIDE_PANEL_SHARE).min(*theme::SIDE_PANEL_RANGE.end());
        let least = theme::SIDE_PANEL_RANGE.start().min(most);
        Panel::right("inside")
            .frame(Frame::new().fill(theme::PANEL).inner_margin(theme::CARD_MARGIN))
            .default_size(theme::SIDE_PANEL.min(most))
            .size_range(least..=most)
            .show(ui, |ui| {
                self.panels.show(ui, self.scene.as_deref(), filters, maps);
            });
    }

    /// Draws the video or why there is none; the place that it has.
    fn show_video(&mut self, ui: &mut Ui) -> egui::Rect {
        let area = ui.available_rect_before_wrap();
        if let Some(scene) = &self.scene {
            let style = Style {
                points: self.view.points,
                boxes: self.view.boxes,
                ..Style::default()
            };
            let several = scene.faces.len() > 1;
            let mark_chosen = self.view.maps && several;
            if let Some(point) = self.video.show(ui, scene, &style, mark_chosen) {
                self.pipeline.choose_face(point);
            }
        }
        if let Some(title) = &self.source.waiting {
            notices::show_waiting(ui, area, title, self.source.trouble.as_deref());
        }
        area
    }

    fn status(&self) -> Status {
        let recorder = self.recorder();
        let scene = self.scene.as_deref();
        let recent = recorder.recent();
        let net = scene.and_then(|scene| scene.net.as_ref());
        Status {
            paused: self.view.paused,
            source: self
                .source
                .info
                .as_ref()
                .map_or_else(|| "–".into(), |info| info.name.clone()),
            size: scene.map(|scene| scene.frame.picture.dimensions()),
            captured_fps: recorder.captured_fps(),
            shown_fps: recorder.shown_fps(),
            detect_ms: recent.map(|recent| recent.detect_ms),
            infer_ms: recent.filter(|_| net.is_some()).map(|recent| recent.infer_ms),
            latency_ms: recent.map(|recent| recent.latency_ms),
            dropped: recorder.frames_dropped(),
            net: net.map(|net| (net.name.clone(), net.device.clone())),
            loading: self.loading_weights,
        }
    }

    /// Has the recorder told when the newest scene is painted, if it was not before. The callback is the last thing of
    /// the paint pass; what follows is only the exchange of buffers.
    fn note_when_painted(&self, ctx: &egui::Context) {
        let Some(scene) = &self.scene else { return };
        if self.recorder().has_shown(scene.frame.sequence) {
            return;
        }
        let (scene, recorder, laid_out_at) = (scene.clone(), self.recorder.clone(), Instant::now());
        let painted = eframe::egui_glow::CallbackFn::new(move |_, painter| {
            finish_drawing(painter.gl());
            let mut recorder = recorder.lock().unwrap_or_else(PoisonError::into_inner);
            recorder.shown(&scene, laid_out_at, Instant::now());
        });
        ctx.debug_painter().add(egui::PaintCallback {
            rect: ctx.content_rect(),
            callback: Arc::new(painted),
        });
    }

    fn recorder(&self) -> std::sync::MutexGuard<'_, Recorder> {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until the graphics card has drawn everything, so that the moment after it is an honest one.
fn finish_drawing(gl: &eframe::glow::Context) {
    use eframe::glow::HasContext;
    // SAFETY: egui calls paint callbacks with this context current in this thread, and glFinish takes no arguments.
    unsafe { gl.finish() };
}
