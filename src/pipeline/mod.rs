//! The stages of a frame's life and the live threads that run them. Knows `source`, `detect`, `transform`, `model`, `look`,
//! `record` and `send`, and no egui.
//!
//! ```text
//! capture ──Slot<Frame>──> infer ──Slot<Scene>──> whoever shows them
//!                          │   ^
//!                Slot<Wanted>  Slot<Found>
//!                          v   │
//!                         detect     2 x weights ──Slot<LoadedNet>──> infer ──scenes──> output, send
//!
//! infer ──Slot<WantedStudy>──> study ──Slot<Study>──> whoever shows them
//!
//! commands: window ──> capture, infer, output     wishes: window ──> weights     events: all threads ──> window
//! ```
//!
//! A slot holds one value and the newest wins: however slow a stage is, delay does not grow. The picture and the
//! points of a scene are of one frame.

mod beside;
mod capture;
mod detect;
mod events;
mod finder;
mod fit;
mod follow;
mod govern;
mod infer;
mod inside;
mod output;
mod pace;
mod recycle;
mod scene;
mod send;
mod setup;
mod silence;
mod slot;
#[cfg(test)]
mod slot_tests;
mod stages;
mod stats;
mod study;
mod tap;
mod verify;
mod watch;
mod weights;

use std::{
    io,
    path::PathBuf,
    sync::{self, Arc, atomic::Ordering},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender};

pub use crate::detect::smooth::Strength;
pub use capture::Opener;
pub use detect::Searching;
pub use events::{Event, Role};
pub use finder::{FindError, KeypointFinder, Searches};
pub use fit::{Crop, FitError, KeypointFitter, Sight};
pub use follow::{Followed, Follower};
pub use govern::Limits;
pub use inside::{Atlas, Channel, Inside, Looking, OnScreen, Pin, Strip};
pub use output::{Recording, Snapshot};
pub use recycle::Recycled;
#[cfg(all(test, feature = "window"))]
pub(crate) use scene::tests::empty as empty_scene;
pub use scene::{Compared, Layer, NetInfo, Scene, Searched, StageTimes};
pub use send::{SendState, Sending};
pub use setup::Setup;
pub use slot::{Slot, Taken};
pub use stats::{Percentiles, Recent, Recorder, RunFacts, Stats};
pub use study::{FilterId, Finding, Response, Study, Studying, Why};
pub use verify::verified;
pub use watch::USUAL_PATIENCE;

use stages::Stage;

use crate::{
    frame::Frame,
    geometry::Point,
    model::Reading,
    source::{CameraWishes, SourceSpec},
    worker::{self, Pulse},
};

/// Called whenever there is something new; must not block.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// More commands than a person gives, dragging a slider, while a source does not answer for ten seconds.
const COMMANDS: usize = 1024;
/// More of what is to be saved, which holds pictures, than waits for a disk that works; further wishes are refused.
const WAITING_TO_BE_SAVED: usize = 16;
/// How long the end of the program waits for a source that does not answer, or a program that does not read what it is sent:
/// longer than a camera may take for a picture. Only those threads may be left behind: they know nothing of libtorch, whose end
/// must not come before its users'.
const PATIENCE_WITH_OTHERS: Duration = Duration::from_secs(4);
/// What the part of the program that reads the source is called in [`Event`]s.
pub const SOURCE_STAGE: &str = stages::CAPTURE.what;
/// How often it is looked whether such a thread has ended.
const GLANCE: Duration = Duration::from_millis(5);

/// The running threads. Dropping it stops and joins them.
pub struct Pipeline {
    capture: Option<Sender<capture::Command>>,
    capture_shared: Arc<capture::Shared>,
    infer: Sender<infer::Command>,
    smoothing: Strength,
    frames: Arc<Slot<Arc<Frame>>>,
    wanted: Arc<Slot<detect::Wanted>>,
    searching: Arc<Slot<Searching>>,
    scenes: Arc<Slot<Arc<Scene>>>,
    to_study: Arc<Slot<study::WantedStudy>>,
    studies: Arc<Slot<Study>>,
    wanted_weights: Arc<Slot<Option<weights::WantedNet>>>,
    wanted_to_compare: Arc<Slot<Option<weights::WantedNet>>>,
    reading: Arc<Slot<Reading>>,
    output: Option<Sender<output::Command>>,
    to_send: Arc<Slot<Sending>>,
    sending: Arc<send::Board>,
    /// Of what is sent.
    valve: Arc<tap::Valve>,
    events: Receiver<Event>,
    end_of_watch: Arc<Slot<()>>,
    capture_thread: Option<JoinHandle<()>>,
    send_thread: Option<JoinHandle<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl Pipeline {
    /// Starts the threads; `wake` is called after every event. Who wants scenes waits for them.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn start(setup: Setup, wake: Wake) -> io::Result<Self> {
        let (event_sender, events) = events::EventSender::channel(wake);
        let (capture, capture_commands) = crossbeam_channel::bounded(COMMANDS);
        let (infer, infer_commands) = crossbeam_channel::bounded(COMMANDS);
        let (output_sender, output_commands) = crossbeam_channel::bounded(WAITING_TO_BE_SAVED);
        let (tap_to_record, scenes_to_record, recording) = tap::Tap::channel(output::WAITING);
        let (tap_to_send, scenes_to_send, valve) = tap::Tap::channel(send::WAITING);
        let (loaded, loaded_to_compare) = (Arc::new(Slot::default()), Arc::new(Slot::default()));
        let mut pipeline = Self {
            capture: Some(capture),
            capture_shared: Arc::default(),
            infer,
            smoothing: setup.smoothing,
            frames: Arc::default(),
            wanted: Arc::default(),
            searching: Arc::default(),
            scenes: Arc::default(),
            to_study: Arc::default(),
            studies: Arc::default(),
            wanted_weights: Arc::default(),
            wanted_to_compare: Arc::default(),
            reading: Arc::default(),
            output: Some(output_sender),
            to_send: Arc::default(),
            sending: Arc::default(),
            valve,
            events,
            end_of_watch: Arc::default(),
            capture_thread: None,
            send_thread: None,
            threads: Vec::new(),
        };
        let mut watched = Vec::new();
        let mut pulse_of = |stage: &'static Stage| {
            let pulse = Pulse::default();
            watched.push(watch::Watched::new(stage, pulse.clone()));
            pulse
        };
        let mut load_weights = weights::LoadWeights {
            role: Role::Shown,
            device: setup.device,
            trial: setup.trial.clone(),
            pulse: pulse_of(&stages::WEIGHTS),
            current: None,
            has_loaded: false,
            under_way: None,
            events: event_sender.clone(),
            wanted: pipeline.wanted_weights.clone(),
            reading: pipeline.reading.clone(),
            loaded: loaded.clone(),
        };
        let mut load_to_compare = weights::LoadWeights {
            role: Role::Compared,
            device: setup.device,
            trial: setup.trial,
            pulse: pulse_of(&stages::COMPARED),
            current: None,
            has_loaded: false,
            under_way: None,
            events: event_sender.clone(),
            wanted: pipeline.wanted_to_compare.clone(),
            reading: Arc::default(),
            loaded: loaded_to_compare.clone(),
        };
        let found = Arc::new(Slot::default());
        let infer = infer::Infer {
            pulse: pulse_of(&stages::INFER),
            commands: infer_commands,
            events: event_sender.clone(),
            frames: pipeline.frames.clone(),
            wanted: pipeline.wanted.clone(),
            found: found.clone(),
            loaded,
            loaded_to_compare,
            scenes: pipeline.scenes.clone(),
            to_study: pipeline.to_study.clone(),
            taps: [tap_to_record, tap_to_send],
        };
        let output = output::Output {
            pulse: pulse_of(&stages::OUTPUT),
            commands: output_commands,
            scenes: scenes_to_record,
            valve: recording,
            events: event_sender.clone(),
        };
        let send = send::SendThread {
            pulse: pulse_of(&stages::SEND),
            wishes: pipeline.to_send.clone(),
            scenes: scenes_to_send,
            valve: pipeline.valve.clone(),
            board: pipeline.sending.clone(),
            events: event_sender.clone(),
        };
        let mut detect = detect::Detect {
            detector: setup.detector,
            pulse: pulse_of(&stages::DETECT),
            under_way: None,
            how: Searching::default(),
            searching: pipeline.searching.clone(),
            events: event_sender.clone(),
            wanted: pipeline.wanted.clone(),
            found,
        };
        let study = study::StudyThread {
            pulse: pulse_of(&stages::STUDY),
            device: setup.device,
            events: event_sender.clone(),
            wanted: pipeline.to_study.clone(),
            studies: pipeline.studies.clone(),
        };
        let mut capture = capture::Capture {
            pulse: pulse_of(&stages::CAPTURE),
            opener: setup.opener,
            commands: capture_commands,
            events: event_sender.clone(),
            frames: pipeline.frames.clone(),
            shared: pipeline.capture_shared.clone(),
            openings: 0,
            name: "".into(),
            under_way: recycle::Recycled::default(),
            governor: govern::Governor::new(setup.limits),
            paused: false,
            playback: capture::Playback::default(),
            wishes: setup.wishes,
            to_set: std::collections::BTreeMap::new(),
            to_reset: false,
            news: None,
        };
        let (mut state, mut tape, mut source) = (infer::State::new(setup.smoothing), None, setup.source);
        let mut lines = send::Lines::default();
        let mut watch = watch::Watch {
            watched,
            patience: setup.patience,
            events: event_sender.clone(),
            end: pipeline.end_of_watch.clone(),
        };
        // Dropped on the way out of a failure, the pipeline stops the threads that were started.
        let spawn = |stage, run| spawn(stage, event_sender.clone(), run);
        let threads: [(&Stage, Work); 7] = [
            (&stages::OUTPUT, Box::new(move || output.run(&mut tape))),
            (&stages::WEIGHTS, Box::new(move || load_weights.run())),
            (&stages::COMPARED, Box::new(move || load_to_compare.run())),
            (&stages::INFER, Box::new(move || infer.run(&mut state))),
            (&stages::DETECT, Box::new(move || detect.run())),
            (&stages::STUDY, Box::new(move || study.run())),
            (&stages::WATCH, Box::new(move || watch.run())),
        ];
        for (stage, work) in threads {
            pipeline.threads.push(spawn(stage, work)?);
        }
        pipeline.send_thread = Some(spawn(&stages::SEND, Box::new(move || send.run(&mut lines)))?);
        pipeline.capture_thread = Some(spawn(
            &stages::CAPTURE,
            Box::new(move || capture.run(&mut source)),
        )?);
        if let Some(weights) = setup.weights {
            pipeline.load_weights(weights, setup.reading);
        }
        Ok(pipeline)
    }

    /// Where scenes come out; closed when the pipeline stops.
    pub fn scenes(&self) -> Arc<Slot<Arc<Scene>>> {
        self.scenes.clone()
    }

    /// The newest scene, when there is one that was not taken before.
    pub fn newest_scene(&self) -> Option<Arc<Scene>> {
        self.scenes.take_now()
    }

    /// The newest study, when there is one that was not taken before.
    pub fn newest_study(&self) -> Option<Study> {
        self.studies.take_now()
    }

    /// What happened since the last call.
    pub fn events(&self) -> impl Iterator<Item = Event> + '_ {
        self.events.try_iter()
    }

    /// Shows another source.
    pub fn open(&self, source: SourceSpec) {
        self.ask_capture(capture::Command::Open(source));
    }

    /// Asks this of cameras that are opened from now on.
    pub fn wish(&self, wishes: CameraWishes) {
        self.ask_capture(capture::Command::Wish(wishes));
    }

    /// Sets a control of the camera that is open; an event says how all controls are then.
    pub fn set_control(&self, id: u32, value: i64) {
        self.ask_capture(capture::Command::Control(id, value));
    }

    /// Sets all controls of the camera that is open back; an event says how they are then.
    pub fn reset_controls(&self) {
        self.ask_capture(capture::Command::ResetControls);
    }

    /// Gives no more frames until told to: a recording stays where it is, a camera's pictures go by unseen.
    pub fn pause(&self, on: bool) {
        self.ask_capture(capture::Command::Pause(on));
    }

    /// Goes to this time of a recording, also in a pause.
    pub fn seek(&self, time: Duration) {
        self.ask_capture(capture::Command::Seek(time));
    }

    /// Goes so far on or back in a recording, from where it is or is about to be, also in a pause.
    pub fn go(&self, on: bool, by: Duration) {
        self.ask_capture(capture::Command::Go { on, by });
    }

    /// Gives one more picture in a pause.
    pub fn step(&self) {
        self.ask_capture(capture::Command::Step);
    }

    /// Plays recordings so many times as fast as they are, 0.1 to 10.
    pub fn play_at(&self, times: f64) {
        if times.is_finite() {
            self.ask_capture(capture::Command::Speed(times.clamp(0.1, 10.0)));
        }
    }

    /// Whether recordings begin again at their end; at first they do.
    pub fn repeat(&self, on: bool) {
        self.ask_capture(capture::Command::Repeat(on));
    }

    fn ask_capture(&self, wish: capture::Command) {
        let sent = self.capture.as_ref().map(|capture| capture.try_send(wish));
        if let Some(Err(error)) = sent {
            tracing::warn!("a wish for the source is lost: {error}");
        }
    }

    fn ask_infer(&self, wish: infer::Command) {
        if let Err(error) = self.infer.try_send(wish) {
            tracing::warn!("a wish for the net is lost: {error}");
        }
    }

    /// Loads another net; the one in use goes on until the new one has proved to work. A file that does not say how its numbers
    /// are read is read by `reading`. When the file changes, it is loaded again.
    pub fn load_weights(&self, path: PathBuf, reading: Option<Reading>) {
        self.wanted_weights
            .put(Some(weights::WantedNet { path, reading }));
    }

    /// Runs another net beside the one in use, on the same faces; its points come with the scenes. As [`Self::load_weights`] else.
    pub fn compare_with(&self, path: PathBuf, reading: Option<Reading>) {
        self.ask_infer(infer::Command::Compare(true));
        self.wanted_to_compare
            .put(Some(weights::WantedNet { path, reading }));
    }

    /// Ends the comparison.
    pub fn stop_comparing(&self) {
        self.wanted_to_compare.put(None);
        self.ask_infer(infer::Command::Compare(false));
    }

    /// Reads the numbers of the net in use in another way, at the same input side.
    pub fn read_as(&self, reading: Reading) {
        self.reading.put(reading);
        self.ask_infer(infer::Command::ReadAs(reading));
    }

    /// Looks at the face at `point_in_frame`, if there is one.
    pub fn choose_face(&self, point_in_frame: Point) {
        self.ask_infer(infer::Command::Choose(point_in_frame));
    }

    /// Looks at the face of this id from now on.
    pub fn choose_face_of(&self, id: u32) {
        self.ask_infer(infer::Command::ChooseFace(id));
    }

    /// Looks at a layer so from now on.
    pub fn look_at(&self, looking: Looking) {
        self.ask_infer(infer::Command::LookAt(looking));
    }

    /// Draws these of the layer's maps from now on; at first it is all of them.
    pub fn show_maps(&self, on_screen: OnScreen) {
        self.ask_infer(infer::Command::Show(on_screen));
    }

    /// Puts the look inside the net into the scenes, or leaves it out.
    pub fn look_inside(&self, on: bool) {
        self.ask_infer(infer::Command::LookInside(on));
    }

    /// Has this studied beside the frames from now on.
    pub fn study(&self, studying: Studying) {
        self.ask_infer(infer::Command::Study(studying));
    }

    /// Searches pictures so from now on, also the one that is held still.
    pub fn search(&self, searching: Searching) {
        self.searching.put(searching);
        self.ask_infer(infer::Command::SearchAnew);
    }

    /// Smooths the points so much from now on.
    pub fn smooth(&mut self, strength: Strength) {
        self.smoothing = strength;
        self.ask_infer(infer::Command::Smooth(strength));
    }

    /// How much the points are smoothed.
    pub fn smoothing(&self) -> Strength {
        self.smoothing
    }

    /// Records what is seen from now on, until told to stop. Whether the wish was taken.
    pub fn record(&self, recording: Recording) -> bool {
        self.ask_output(output::Command::Record(recording))
    }

    /// Ends the recording; an event says where it is. Whether the wish was taken.
    pub fn stop_recording(&self) -> bool {
        self.ask_output(output::Command::Stop)
    }

    /// Writes a scene down; an event says where. Whether the wish was taken.
    pub fn snapshot(&self, scene: Arc<Scene>, snapshot: Snapshot) -> bool {
        self.ask_output(output::Command::Snapshot(scene, snapshot))
    }

    fn ask_output(&self, command: output::Command) -> bool {
        self.output
            .as_ref()
            .is_some_and(|output| output.try_send(command).is_ok())
    }

    /// Frames that came out of the sources so far.
    pub fn frames_captured(&self) -> u64 {
        self.capture_shared.captured.load(Ordering::Relaxed)
    }

    /// Ends all threads and waits for them; what waits to be sent is sent first. A source that does not answer is left behind
    /// after some seconds, as is a program that does not read.
    pub fn stop(&mut self) {
        self.capture_shared.stop.store(true, Ordering::Relaxed);
        self.valve.ended.store(true, Ordering::Relaxed);
        self.capture = None;
        self.output = None;
        self.frames.close();
        self.wanted.close();
        self.scenes.close();
        self.to_study.close();
        self.wanted_weights.close();
        self.wanted_to_compare.close();
        self.to_send.close();
        self.end_of_watch.close();
        for thread in self.threads.drain(..) {
            join(thread);
        }
        let deadline = Instant::now() + PATIENCE_WITH_OTHERS;
        join_or_leave(
            self.send_thread.take(),
            deadline,
            "a program that is sent something does not take it",
        );
        join_or_leave(self.capture_thread.take(), deadline, "the source does not answer");
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What a thread does, and does again after a panic.
type Work = Box<dyn FnMut() + Send>;

/// Starts a thread; after a panic the window is told, and it begins anew.
fn spawn(stage: &'static Stage, events: events::EventSender, work: Work) -> io::Result<JoinHandle<()>> {
    worker::spawn(stage.thread, work, move |message| {
        events.send(Event::StageFailed {
            stage: stage.what,
            why: format!(
                "an error in the program, after which this part began anew; please report it ({message})"
            ),
        });
    })
}

/// Waits for a thread's end until `deadline`, and leaves it behind then.
fn join_or_leave(thread: Option<JoinHandle<()>>, deadline: Instant, why: &str) {
    let Some(thread) = thread else { return };
    while !thread.is_finished() && Instant::now() < deadline {
        std::thread::sleep(GLANCE);
    }
    if thread.is_finished() {
        join(thread);
    } else {
        tracing::warn!("{why}; it is left behind");
    }
}

/// Waits for a thread's end. One that panicked has said so.
fn join(thread: JoinHandle<()>) {
    let _ = thread.join();
}
