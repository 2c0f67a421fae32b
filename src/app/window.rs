//! The window's contents: takes what the pipeline gives, draws it, and hands on what the user wants.

mod events;
mod inside;
mod perform;
mod sending;
mod source_state;
mod video;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use egui::{CentralPanel, Frame, Panel, Ui, ViewportCommand};

use super::{
    commands,
    dialogs::{Answer, Dialogs},
    menu::{self, MenuBar},
    notices::{Notices, Severity},
    palette::Palette,
    panels::Panels,
    performance::{self, History, Now},
    playback_bar::{self, Playback, Wish},
    prepare::{Prepared, Preparer},
    sending::Sending,
    settings::{Keeper, Place, Settings},
    settings_panel,
    signs::{Sign, Watch},
    stats_log::StatsLog,
    status_bar::{Beside, Status},
    theme::{self, Theme},
    video_view::VideoView,
};
use crate::model::{Reading, catalogue};
use crate::pipeline::{self, Event, Pipeline, Recorder, RunFacts, Scene, Stats, Studying, Wake};
use crate::send::Target;
use source_state::SourceState;

/// How a window starts.
#[derive(Debug, Default)]
pub struct Start {
    /// As they were kept, or as they are at first.
    pub settings: Settings,
    /// Where they are kept; `None`: not at all.
    pub settings_file: Option<PathBuf>,
    /// What is to be said at once.
    pub notices: Vec<String>,
    /// Where the log is kept, if it is.
    pub log_file: Option<PathBuf>,
    /// Where figures are written down every while, if they are.
    pub stats_log: Option<StatsLog>,
    /// Other programs that are sent what is seen in this run, besides those in the settings.
    pub send: Vec<Target>,
    /// How long the window stays open; `None`: until it is closed.
    pub run_for: Option<Duration>,
}

/// The window's contents and what lies behind them.
pub struct Window {
    pipeline: Pipeline,
    /// Below the pipeline, which is to end first.
    preparer: Preparer,
    scene: Option<Arc<Scene>>,
    source: SourceState,
    /// The file of a net that is being loaded.
    loading_weights: Option<PathBuf>,
    /// The same of one that is to be compared.
    loading_compared: Option<PathBuf>,
    /// A second net is compared, or is to be once it is loaded.
    comparing: bool,
    settings: Settings,
    keeper: Keeper,
    /// The theme that the window was dressed in.
    dressed: Option<Theme>,
    menu: MenuBar,
    palette: Palette,
    video: VideoView,
    panels: Panels,
    /// What is studied beside the frames.
    studying: Studying,
    notices: Notices,
    dialogs: Dialogs,
    recorder: Arc<Mutex<Recorder>>,
    closes_at: Option<Instant>,
    /// The pipeline was told to pause.
    pipeline_paused: bool,
    /// The end of the preparing thread was told.
    told_of_end: bool,
    /// When the recording began, while there is one.
    recording: Option<Instant>,
    /// Times as fast as they are that recordings are played.
    speed: f64,
    stats_log: Option<StatsLog>,
    history: History,
    /// Where the log is kept, if it is.
    log_file: Option<PathBuf>,
    /// Whether anybody is seen.
    watch: Watch,
    /// Keypoints of a face that the net in use gives.
    points: Option<usize>,
    /// A net that is being loaded to be read so.
    wanted_reading: Option<(PathBuf, Option<Reading>)>,
    /// Who is sent something in this run.
    sending: Sending,
    /// What the pipeline was told to send.
    sent: pipeline::Sending,
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The run in numbers.
    pub stats: Stats,
    /// Why no picture ever came, when that is so.
    pub never_came: Option<String>,
    /// What was still being saved at the end and could not be, and why.
    pub not_saved: Vec<String>,
}

impl Window {
    /// A window onto a pipeline; `wake` has it drawn anew.
    pub fn new(pipeline: Pipeline, wake: Wake, start: Start) -> Self {
        let Start {
            settings,
            settings_file,
            notices: to_say,
            log_file,
            stats_log,
            send,
            run_for,
        } = start;
        pipeline.look_at(settings.view.looking.clone());
        pipeline.look_inside(settings.view.maps);
        pipeline.repeat(settings.view.repeats);
        pipeline.search(settings.detection.searching());
        let mut notices = Notices::default();
        for text in to_say {
            notices.say(Severity::Hint, text);
        }
        let compared = settings.compared.clone();
        let mut window = Self {
            preparer: Preparer::start(pipeline.scenes(), wake.clone()),
            pipeline,
            scene: None,
            source: SourceState::default(),
            loading_weights: None,
            loading_compared: None,
            comparing: false,
            keeper: Keeper::start(settings_file, settings.clone()),
            settings,
            dressed: None,
            menu: MenuBar::new(wake),
            palette: Palette::default(),
            video: VideoView::default(),
            panels: Panels::default(),
            studying: Studying::default(),
            notices,
            dialogs: Dialogs::default(),
            recorder: Arc::default(),
            closes_at: run_for.and_then(|time| Instant::now().checked_add(time)),
            pipeline_paused: false,
            told_of_end: false,
            recording: None,
            speed: 1.0,
            history: History::default(),
            stats_log,
            log_file,
            watch: Watch::default(),
            points: None,
            wanted_reading: None,
            sending: Sending::new(&send),
            sent: pipeline::Sending::default(),
        };
        match compared.map(|name| (catalogue::resolve(&name), name)) {
            Some((Ok(path), _)) => window.compare_with(path),
            Some((Err(_), name)) => {
                window.settings.compared = None;
                let text = format!("The net that was compared last is not there any more: {name}");
                window.notices.say(Severity::Hint, text);
            }
            None => {}
        }
        window
    }

    /// Takes in what happened; draws nothing.
    pub fn update(&mut self, ctx: &egui::Context) {
        self.dress(ctx);
        let events: Vec<Event> = self.pipeline.events().collect();
        for event in events {
            self.take_in(event);
        }
        self.preparer
            .limit_side(ctx.input(|input| input.max_texture_side));
        if let Some(prepared) = self.preparer.newest() {
            self.source.shows(prepared.scene.frame.opening);
            self.panels.take(ctx, &prepared, self.settings.view.held);
            let Prepared { scene, video, .. } = prepared;
            self.video.upload(ctx, video);
            self.recorder().looked_again(&scene);
            self.scene = Some(scene);
        }
        if let Some(study) = self.pipeline.newest_study() {
            self.panels.take_study(ctx, study);
        }
        if self.preparer.has_ended() && !std::mem::replace(&mut self.told_of_end, true) {
            let text = "no more pictures can be shown; start the program again";
            self.notices.say(Severity::Error, text);
        }
        self.send_as_wished();
        // What nobody sees costs nothing either, unless it is recorded or sent.
        let seen = ctx.input(|input| input.viewport().visible().unwrap_or(true));
        let pause = self.settings.view.paused || (!seen && self.recording.is_none() && !self.is_sending());
        if std::mem::replace(&mut self.pipeline_paused, pause) != pause {
            self.pipeline.pause(pause);
        }
        self.keep_settings(ctx);
        if self.settings.view.performance {
            let next = self.note_performance();
            ctx.request_repaint_after(next);
        }
        let recorder = self.recorder.clone();
        if let Some(log) = &mut self.stats_log {
            let mut recorder = recorder.lock().unwrap_or_else(PoisonError::into_inner);
            match log.note(Instant::now(), &mut recorder) {
                Ok(next) => ctx.request_repaint_after(next),
                Err(why) => self.notices.say(Severity::Error, why),
            }
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
        for id in commands::pressed(ui.ctx()) {
            self.perform(ui.ctx(), id);
        }
        let colours = theme::colours(ui.ctx());
        let bar = Frame::new().fill(colours.panel).inner_margin(theme::PANEL_MARGIN);
        let now = menu::Now {
            live: self.source.is_live(),
            camera: self.source.camera().map(|facts| &facts.camera),
            smoothing: self.pipeline.smoothing(),
            settings: &self.settings,
            comparing: self.comparing,
            sending: self.sending_in_short().filter(|_| !self.settings.view.status_bar),
        };
        let choice = Panel::top("menu")
            .frame(bar)
            .show(ui, |ui| self.menu.show(ui, &now))
            .inner;
        if let Some(choice) = choice {
            self.choose(ui.ctx(), choice);
        }
        if self.settings.view.status_bar {
            let status = self.status();
            Panel::bottom("status").frame(bar).show(ui, |ui| status.show(ui));
        }
        if self.settings.view.performance {
            let panel = Panel::bottom("performance")
                .frame(bar)
                .resizable(true)
                .default_size(theme::PLOTS_HEIGHT)
                .max_size(theme::PLOTS_SHARE * ui.ctx().content_rect().height());
            if panel.show(ui, |ui| self.history.show(ui)).inner {
                let report = performance::report(&self.stats(), self.log_file.as_deref());
                ui.ctx().copy_text(report);
                self.notices
                    .say(Severity::Hint, "The figures are in the clipboard.");
            }
        }
        if let Some(playback) = self.playback() {
            let wish = Panel::bottom("playback")
                .frame(bar)
                .show(ui, |ui| playback_bar::show(ui, playback))
                .inner;
            match wish {
                Some(Wish::Command(id)) => self.perform(ui.ctx(), id),
                Some(Wish::Seek(time)) => self.pipeline.seek(time),
                Some(Wish::Speed(times)) => self.play_at(times),
                None => {}
            }
        }
        self.show_graph(ui, bar);
        self.show_panels(ui);
        self.show_pins(ui, bar);
        let video = CentralPanel::default().frame(Frame::new().fill(colours.background));
        let area = video.show(ui, |ui| self.show_video(ui)).inner;
        menu::show_help(ui.ctx(), &mut self.settings.view.help);
        if let Some(id) = self.palette.show(ui.ctx(), &mut self.settings.view.palette) {
            self.perform(ui.ctx(), id);
        }
        match self.dialogs.show(ui.ctx()) {
            Some((purpose, Answer::Typed(text))) => self.open_path(purpose, &text),
            Some((purpose, Answer::Chosen(path))) => self.open_file(purpose, path),
            None => {}
        }
        self.notices.show(ui.ctx(), area);
        self.note_when_painted(ui.ctx());
    }

    /// The settings as they are.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Stops the pipeline; what came of the run.
    pub fn finish(&mut self) -> Outcome {
        self.pipeline.stop();
        let no_picture = self.pipeline.frames_captured() == 0;
        let trouble = self.source.trouble.take();
        Outcome {
            stats: self.stats(),
            never_came: trouble.filter(|_| no_picture),
            not_saved: self.not_saved(),
        }
    }

    /// What became of that which was being saved when the window closed, which is not there to tell it any more: into the
    /// log; what could not be saved is given back.
    fn not_saved(&self) -> Vec<String> {
        let failed = self.pipeline.events().filter_map(|event| match event {
            Event::Saved { files, about, .. } => {
                tracing::info!(?files, "{about}");
                None
            }
            Event::SaveFailed { why, .. } => {
                tracing::error!("{why}");
                Some(why)
            }
            _ => None,
        });
        failed.collect()
    }

    /// The run so far in numbers.
    fn stats(&self) -> Stats {
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
        self.recorder().summary(facts)
    }

    /// Takes a sample for the plots; when the next is due.
    fn note_performance(&mut self) -> Duration {
        let recorder = self.recorder();
        let now = Now {
            captured_fps: recorder.captured_fps(),
            shown_fps: recorder.shown_fps(),
            recent: recorder.recent(),
            dropped: recorder.frames_dropped(),
        };
        drop(recorder);
        self.history.note(Instant::now(), now)
    }

    /// Dresses the window in the theme that is chosen, and enlarges it as it was.
    fn dress(&mut self, ctx: &egui::Context) {
        let theme = self.settings.view.theme;
        if self.dressed.is_none() {
            // Its keys are commands of ours, with a range of ours.
            ctx.options_mut(|options| options.zoom_with_keyboard = false);
            ctx.set_zoom_factor(self.settings.zoom);
        }
        if self.dressed.replace(theme) != Some(theme) {
            theme::apply(ctx, theme);
        }
    }

    /// Notes where the window is, and has everything kept that is remembered.
    fn keep_settings(&mut self, ctx: &egui::Context) {
        // What this pass is laid out by; a new one counts from the next.
        let zoom = ctx.zoom_factor();
        let (full_screen, place) = ctx.input(|input| {
            let viewport = input.viewport();
            let maximised = viewport.maximized.unwrap_or_default();
            // What is laid out: Wayland does not tell a window's place.
            let size = input.content_rect().size() * zoom;
            let place = Place {
                width: size.x,
                height: size.y,
                maximised,
            };
            (viewport.fullscreen.unwrap_or_default(), place)
        });
        self.settings.view.full_screen = full_screen;
        // The size of a window that fills the screen is not the one to come back to.
        match (place, &mut self.settings.window) {
            (place, Some(kept)) if place.maximised => kept.maximised = true,
            (place, kept) if !full_screen && !place.maximised => *kept = Some(place),
            _ => {}
        }
        if let Some(time) = self.keeper.keep(self.settings.clone(), Instant::now()) {
            ctx.request_repaint_after(time);
        }
        if let Some(why) = self.keeper.failure() {
            self.notices.say(Severity::Error, why);
        }
    }

    fn show_panels(&mut self, ui: &mut Ui) {
        let view = &self.settings.view;
        let inside = view.filters || view.maps || self.studying.point.is_some();
        let settings = view.settings_panel;
        // Two of them leave the video as much as one.
        let share = theme::SIDE_PANEL_SHARE / f32::from(u8::from(settings) + u8::from(inside)).max(1.0);
        let most = (ui.available_width() * share).min(*theme::SIDE_PANEL_RANGE.end());
        let least = theme::SIDE_PANEL_RANGE.start().min(most);
        let dressed = |panel: Panel| {
            panel
                .frame(
                    Frame::new()
                        .fill(theme::colours(ui.ctx()).panel)
                        .inner_margin(theme::CARD_MARGIN),
                )
                .default_size(theme::SIDE_PANEL.min(most))
                .size_range(least..=most)
        };
        let (left, right) = (dressed(Panel::left("settings")), dressed(Panel::right("inside")));
        if settings {
            let sent = self.pipeline.sending();
            if self.is_sending() {
                // How many were sent goes on while a picture stands still.
                ui.ctx().request_repaint_after(sending::COUNTS_CHANGE);
            }
            let now = settings_panel::Now {
                sent: &sent,
                smoothing: self.pipeline.smoothing(),
                live: self.source.is_live(),
                searched: self.scene.as_ref().and_then(|scene| scene.searched.as_deref()),
                net: self.scene.as_ref().and_then(|scene| scene.net.as_deref()),
                source: self.source.info.as_ref(),
            };
            let before = self.settings.detection.clone();
            let wishes = left
                .show(ui, |ui| {
                    settings_panel::show(ui, &mut self.settings, &mut self.sending, &now)
                })
                .inner;
            if self.settings.detection != before {
                self.pipeline.search(self.settings.detection.searching());
            }
            if let Some(strength) = wishes.smoothing {
                self.smooth(strength);
            }
            if let Some(reading) = wishes.reading {
                self.read_net_as(reading);
            }
            if let Some(wish) = wishes.camera {
                self.set_camera(wish);
            }
        }
        if inside {
            let view = &mut self.settings.view;
            let (before, mut studying) = (view.looking.clone(), self.studying);
            let on_screen = self.panels.on_screen();
            right.show(ui, |ui| {
                self.panels.show(ui, self.scene.as_deref(), view, &mut studying)
            });
            self.look_anew(&before);
            if self.panels.on_screen() != on_screen {
                self.pipeline.show_maps(self.panels.on_screen());
            }
            self.study(studying);
        } else if self.studying.is_some() {
            self.study(Studying::default());
        }
    }

    /// What stands over the video.
    fn signs(&mut self, ctx: &egui::Context) -> Vec<Sign> {
        let paused = self.settings.view.paused.then(|| {
            let keys = commands::keys_of(ctx, commands::row_of(commands::Id::Pause));
            Sign::paused(&keys)
        });
        if let Some(sign) = &self.source.waiting {
            self.watch = Watch::default();
            // No picture comes as long as it is paused.
            return std::iter::once(sign.clone()).chain(paused).collect();
        }
        let Some(scene) = &self.scene else {
            let trouble = self.source.trouble.as_deref();
            return trouble.map(Sign::nothing).into_iter().collect();
        };
        let mut signs = Vec::new();
        if let Some(path) = self.loading_weights.as_ref().or(self.loading_compared.as_ref()) {
            let name = path.file_name().unwrap_or(path.as_os_str());
            signs.push(Sign::loading(&name.to_string_lossy()));
        } else {
            signs.extend(paused);
        }
        match self.watch.look(scene, self.source.is_live(), Instant::now()) {
            Ok(sign) => signs.extend(sign),
            Err(again_in) => ctx.request_repaint_after(again_in),
        }
        signs
    }

    /// Where the recording is; `None` while there is none.
    fn playback(&self) -> Option<Playback> {
        let duration = self
            .source
            .info
            .as_ref()?
            .duration
            .filter(|_| self.source.waiting.is_none())?;
        let view = &self.settings.view;
        Some(Playback {
            position: self.scene.as_ref()?.frame.source_time.min(duration),
            duration,
            paused: view.paused,
            repeats: view.repeats,
            speed: self.speed,
        })
    }

    fn status(&self) -> Status {
        let recorder = self.recorder();
        let scene = self.scene.as_deref();
        let recent = recorder.recent();
        let net = scene.and_then(|scene| scene.net.as_ref());
        let compared = scene.and_then(|scene| scene.compared.as_ref());
        Status {
            paused: self.settings.view.paused,
            recording: self.recording.map(|since| since.elapsed()),
            sending: self.sending_in_short(),
            source: self
                .source
                .info
                .as_ref()
                .map_or_else(|| "–".into(), |info| info.name.clone()),
            size: scene.map(|scene| scene.frame.picture.dimensions()),
            captured_fps: recorder.captured_fps(),
            shown_fps: recorder.shown_fps(),
            detect_ms: recent.detect_ms,
            infer_ms: recent.infer_ms.filter(|_| net.is_some()),
            latency_ms: recent.latency_ms,
            dropped: recorder.frames_dropped(),
            net: net.map(|net| (net.name.clone(), net.device.clone())),
            loading: self.loading_weights.is_some(),
            compared: compared.map(|compared| Beside {
                net: compared.net.name.clone(),
                took_ms: recent.compare_ms,
                apart: compared.apart,
            }),
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
