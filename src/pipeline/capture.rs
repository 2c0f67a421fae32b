//! The thread that owns the source: stamps frames, paces recordings, comes back to lost cameras.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use image::RgbaImage;

use super::{
    events::{Event, EventSender},
    govern::Governor,
    pace::Pace,
    recycle::Recycled,
    slot::Slot,
    stages::CAPTURE,
};
use crate::{
    frame::Frame,
    process::process_cpu_time,
    source::{CameraWishes, Cause, Source, SourceError, SourceSpec},
    worker::Pulse,
};

/// Opens a source with wishes for cameras; [`crate::source::open_with`] in the program, something else in tests.
pub type Opener = Box<dyn FnMut(&SourceSpec, &CameraWishes) -> Result<Box<dyn Source>, SourceError> + Send>;

/// From one try for a camera to the next: short enough that replugging feels immediate, then long enough to cost nothing.
/// With what may hold a try up they are less than two seconds apart.
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LONGEST_RETRY: Duration = Duration::from_millis(1500);
/// A try that took long itself is followed by the next one after this.
const LEAST_REST: Duration = Duration::from_millis(100);
/// A recording of which only one picture can be read is not begun again sooner than this.
const LEAST_ROUND: Duration = Duration::from_secs(1);
/// How often the thread looks up in a pause; a command wakes it at once.
const PATIENCE_IN_A_PAUSE: Duration = Duration::from_secs(1);

/// How often it is looked whether a picture was taken that the next one waits for: far less than one takes.
const GLANCE_AT_SLOT: Duration = Duration::from_micros(500);

/// What the window asks of the thread.
pub(super) enum Command {
    Open(SourceSpec),
    /// Give no more pictures until told to.
    Pause(bool),
    /// Go to this time of a recording.
    Seek(Duration),
    /// Go so far on or back in a recording.
    Go {
        on: bool,
        by: Duration,
    },
    /// Give one more picture in a pause.
    Step,
    /// Play recordings so many times as fast.
    Speed(f64),
    /// Begin recordings again at their end.
    Repeat(bool),
    /// Give every picture of a recording, as fast as they are taken, or keep to its own speed.
    EveryFrame(bool),
    /// Open cameras so from now on.
    Wish(CameraWishes),
    /// Set a control of the camera that is open.
    Control(u32, i64),
    /// Set all of them back.
    ResetControls,
}

/// What the thread shares with the pipeline's handle.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Set to end the thread: passes the queue of commands by.
    pub(super) stop: AtomicBool,
    /// Frames captured since the start.
    pub(super) captured: AtomicU64,
}

/// The thread's belongings.
pub(super) struct Capture {
    pub(super) opener: Opener,
    /// Disconnected to wake the thread up for its end.
    pub(super) commands: Receiver<Command>,
    pub(super) events: EventSender,
    pub(super) frames: Arc<Slot<Arc<Frame>>>,
    pub(super) shared: Arc<Shared>,
    /// How often a source was opened so far.
    pub(super) openings: u64,
    /// What the last one is called.
    pub(super) name: Arc<str>,
    /// Frames given lately; those that everybody has done with go back to the source.
    pub(super) under_way: Recycled<Frame>,
    pub(super) governor: Governor,
    pub(super) paused: bool,
    /// How recordings are played.
    pub(super) playback: Playback,
    /// What is asked of cameras.
    pub(super) wishes: CameraWishes,
    /// Controls that are to be set, by number.
    pub(super) to_set: BTreeMap<u32, i64>,
    /// Before that, all are to be set back.
    pub(super) to_reset: bool,
    pub(super) pulse: Pulse,
    /// What is told once the source has given something.
    pub(super) news: Option<Event>,
}

/// How recordings are played.
#[derive(Debug)]
pub(super) struct Playback {
    /// Times as fast as they are.
    speed: f64,
    /// They begin again at their end.
    repeats: bool,
    /// As fast as their pictures are taken, and none is left out.
    every_frame: bool,
    /// Where the window wants to go.
    seek: Option<Duration>,
    /// Where it is: the last picture that was given, or what was gone to since.
    position: Duration,
    /// So many more pictures are wanted in a pause.
    steps: u32,
}

impl Default for Playback {
    fn default() -> Self {
        Self {
            speed: 1.0,
            repeats: true,
            every_frame: false,
            seek: None,
            position: Duration::ZERO,
            steps: 0,
        }
    }
}

impl Playback {
    /// Whether something is to be shown although there is a pause.
    fn is_asked_for(&self) -> bool {
        self.steps > 0 || self.seek.is_some()
    }

    /// Goes so far on or back from where it is, or is about to be.
    fn go(&mut self, on: bool, by: Duration) {
        let from = self.seek.unwrap_or(self.position);
        self.seek = Some(if on {
            from.saturating_add(by)
        } else {
            from.saturating_sub(by)
        });
    }
}

/// Why a source was left.
enum Left {
    Stop,
    Another(SourceSpec),
    Failed(SourceError),
}

impl Capture {
    /// Runs until stopped, beginning with `spec`.
    pub(super) fn run(&mut self, spec: &mut SourceSpec) {
        // What to go back to when a file that was asked for cannot be used.
        let mut played = None;
        self.pulse.works();
        loop {
            match self.serve(spec, &mut played) {
                Left::Stop => return,
                Left::Another(next) => *spec = next,
                Left::Failed(error) => {
                    let why = error.to_string();
                    self.events.send(Event::SourceFailed {
                        spec: spec.clone(),
                        why,
                    });
                    match played.take().filter(|last| last != spec) {
                        Some(last) => *spec = last,
                        None => match self.hold() {
                            Left::Another(next) => *spec = next,
                            Left::Stop | Left::Failed(_) => return,
                        },
                    }
                }
            }
        }
    }

    /// Gives the pictures of one source, and comes back to cameras and streams however often they are lost.
    fn serve(&mut self, spec: &SourceSpec, played: &mut Option<SourceSpec>) -> Left {
        let mut retry = FIRST_RETRY;
        // Once a camera was there it is that one that is waited for, not whichever now has its place in the list.
        let mut wanted = spec.clone();
        let mut was_there = false;
        // It was open and silent: that it is open again is no news before there is a picture.
        let mut was_silent = false;
        self.events.send(Event::Opening {
            spec: spec.clone(),
            opening: self.openings + 1,
        });
        loop {
            let tried_at = Instant::now();
            tracing::debug!(source = wanted.shown(), "trying");
            // What was to be set was of another camera.
            (self.to_set, self.to_reset) = (BTreeMap::new(), false);
            let left = match (self.opener)(&wanted, &self.wishes) {
                Ok(mut source) => {
                    self.openings += 1;
                    self.name = source.info().name.as_str().into();
                    (retry, was_there) = (FIRST_RETRY, true);
                    wanted = source.info().reopen_as.clone().unwrap_or(wanted);
                    self.news = Some(Event::Opened {
                        spec: spec.clone(),
                        info: Box::new(source.info().clone()),
                        opening: self.openings,
                    });
                    if !was_silent {
                        self.tell_news();
                    }
                    *played = Some(spec.clone());
                    let left = self.play(spec, &mut source);
                    // What came with the wish to open it anew.
                    if matches!(left, Left::Another(_)) {
                        self.set_controls(source.as_mut());
                    }
                    left
                }
                Err(error) => Left::Failed(error),
            };
            match left {
                Left::Failed(error) if spec.comes_and_goes() => {
                    was_silent = error.cause() == Cause::Lost;
                    let rest = retry.saturating_sub(tried_at.elapsed()).max(LEAST_REST);
                    tracing::debug!("no pictures, next try in {} ms: {error}", rest.as_millis());
                    self.events.send(Event::Waiting {
                        spec: spec.clone(),
                        // Once it was there, it is waited for to come back.
                        cause: match error.cause() {
                            Cause::Absent if was_there => Cause::Lost,
                            cause => cause,
                        },
                        why: error.to_string(),
                        retry_in: rest,
                        opening: self.openings + 1,
                    });
                    // Nothing can be gone to in what is not there.
                    if let Some(left) = self.wait(rest, false) {
                        return left;
                    }
                    retry = (retry * 2).min(LONGEST_RETRY);
                }
                left => return left,
            }
        }
    }

    /// Gives one picture after the other; recordings begin again at their end, a single picture stays.
    fn play(&mut self, spec: &SourceSpec, source: &mut Box<dyn Source>) -> Left {
        let live = source.info().live;
        let mut pace = Pace::default();
        let mut given = 0_u64;
        let mut began = Instant::now();
        let mut told = HashSet::new();
        // It was told that the recording is over, and is not begun again by itself.
        let mut ended = false;
        (self.playback.seek, self.playback.position) = (None, Duration::ZERO);
        loop {
            if let Some(left) = self.next_command(Duration::ZERO) {
                return left;
            }
            if let Some(time) = self.playback.seek.take() {
                let time = source.info().duration.map_or(time, |end| time.min(end));
                match source.seek(time) {
                    Ok(true) => {
                        self.playback.position = time;
                        (pace, ended) = (Pace::default(), false);
                        // Nothing behind that place means its end, not that there is no picture at all.
                        given = given.max(2);
                        self.playback.steps = self.playback.steps.max(1);
                    }
                    Ok(false) => {}
                    Err(error) => return Left::Failed(error),
                }
            }
            self.set_controls(source.as_mut());
            if self.paused && self.playback.steps == 0 {
                match self.stand_still(source.as_mut()) {
                    Ok(()) => pace = Pace::default(),
                    Err(left) => return left,
                }
                self.tell_news();
                continue;
            }
            if let Some(frame) = self.under_way.done_with() {
                source.take_back(frame.picture);
            }
            // A camera's picture is left out before it is decoded; of a recording, the time is not known before.
            if live && !self.is_granted() {
                match pass_by(source.as_mut()) {
                    Ok(()) => self.tell_news(),
                    Err(left) => return left,
                }
                continue;
            }
            match source.next_picture() {
                Ok(Some(grab)) => {
                    self.tell_news();
                    let early = if live || self.playback.every_frame {
                        Duration::ZERO
                    } else {
                        pace.early(grab.source_time, self.playback.speed)
                    };
                    if let Some(left) = self.wait(early, true) {
                        return left;
                    }
                    // What was read already waits as well.
                    while self.paused && !live && !self.playback.is_asked_for() {
                        if let Err(left) = self.stand_still(source.as_mut()) {
                            return left;
                        }
                        pace = Pace::default();
                    }
                    while self.playback.every_frame
                        && !live
                        && self.playback.seek.is_none()
                        && self.frames.is_full()
                    {
                        if let Some(left) = self.wait(GLANCE_AT_SLOT, true) {
                            return left;
                        }
                    }
                    if self.playback.seek.is_some() {
                        // Another place is wanted by now.
                        source.take_back(grab.picture);
                        continue;
                    }
                    given += 1;
                    if live && given == 1 {
                        tracing::debug!(opening = self.openings, "first picture");
                    }
                    // Limits are no reason not to show what was asked for, or the only picture that there is.
                    let must_be_shown = self.playback.steps > 0 || source.info().frame_count == Some(1);
                    self.playback.steps = self.playback.steps.saturating_sub(1);
                    self.playback.position = grab.source_time;
                    if live || self.is_granted() || must_be_shown {
                        self.give(grab.picture, grab.source_time);
                    } else {
                        source.take_back(grab.picture);
                    }
                }
                Ok(None) if live => {
                    let what = source.info().name.clone();
                    return Left::Failed(SourceError::Lost { what, why: None });
                }
                Ok(None) if given == 0 => {
                    return Left::Failed(SourceError::Unreadable {
                        path: spec.shown(),
                        why: "there is no picture in it; choose another one".into(),
                    });
                }
                Ok(None) if given == 1 && source.info().frame_count == Some(1) => return self.hold(),
                Ok(None) if !self.playback.repeats && !ended => {
                    ended = true;
                    self.paused = true;
                    self.playback.steps = 0;
                    self.events.send(Event::Ended);
                }
                Ok(None) => {
                    // The last picture is shown as long as the one before it was.
                    let round = LEAST_ROUND.saturating_sub(began.elapsed());
                    let rest = if ended {
                        Duration::ZERO
                    } else {
                        pace.until_end(self.playback.speed).max(round)
                    };
                    if let Some(left) = self.wait(rest, true) {
                        return left;
                    }
                    ended = false;
                    match (self.opener)(spec, &self.wishes) {
                        Ok(again) => {
                            *source = again;
                            self.openings += 1;
                        }
                        Err(error) => return Left::Failed(error),
                    }
                    pace = Pace::default();
                    given = 0;
                    began = Instant::now();
                }
                // Told once, though it is met in every round.
                Err(error) if error.passes() => {
                    let why = error.to_string();
                    if told.insert(why.clone()) {
                        self.events.send(Event::StageFailed {
                            stage: CAPTURE.what,
                            why,
                        });
                    }
                }
                Err(error) => return Left::Failed(error),
            }
        }
    }

    /// Tells that the source is open, where that was not told yet.
    fn tell_news(&mut self) {
        if let Some(news) = self.news.take() {
            self.events.send(news);
        }
    }

    /// Waits for another source, however long.
    fn hold(&mut self) -> Left {
        loop {
            match self.pulse.rests(|| self.commands.recv()) {
                Ok(command) => {
                    if let Some(left) = self.obey(command) {
                        return left;
                    }
                }
                Err(_) => return Left::Stop,
            }
        }
    }

    /// Does as the window wishes; another source ends the one that is played.
    fn obey(&mut self, command: Command) -> Option<Left> {
        match command {
            Command::Open(spec) => return Some(Left::Another(spec)),
            Command::Pause(on) => self.paused = on,
            Command::Seek(time) => self.playback.seek = Some(time),
            Command::Go { on, by } => self.playback.go(on, by),
            Command::Step => self.playback.steps += 1,
            Command::Speed(times) => self.playback.speed = times,
            Command::Repeat(on) => self.playback.repeats = on,
            Command::EveryFrame(on) => self.playback.every_frame = on,
            Command::Wish(wishes) => self.wishes = wishes,
            Command::Control(id, value) => drop(self.to_set.insert(id, value)),
            Command::ResetControls => {
                self.to_set.clear();
                self.to_reset = true;
            }
        }
        None
    }

    /// Sets the controls that are to be set, and tells how all of them are then.
    fn set_controls(&mut self, source: &mut dyn Source) {
        if self.to_set.is_empty() && !self.to_reset {
            return;
        }
        if std::mem::take(&mut self.to_reset) {
            reset_controls(source);
        }
        for (id, value) in std::mem::take(&mut self.to_set) {
            if let Err(error) = source.set_control(id, value) {
                let why = error.to_string();
                self.events.send(Event::ControlRefused { id, why });
            }
        }
        self.events.send(Event::Controls(source.controls()));
    }

    /// Lets a pause go by: a recording waits at its place; a camera goes on unseen, so that what it gives afterwards is new.
    fn stand_still(&mut self, source: &mut dyn Source) -> Result<(), Left> {
        if source.info().live {
            return pass_by(source);
        }
        match self.next_command(PATIENCE_IN_A_PAUSE) {
            Some(left) => Err(left),
            None => Ok(()),
        }
    }

    /// Whether the run's limits leave room for a picture now.
    fn is_granted(&mut self) -> bool {
        self.governor.takes(Instant::now(), process_cpu_time)
    }

    fn give(&mut self, picture: RgbaImage, source_time: Duration) {
        let sequence = self.shared.captured.fetch_add(1, Ordering::Relaxed);
        let frame = self.under_way.share(Frame {
            picture,
            sequence,
            opening: self.openings,
            captured_at: Instant::now(),
            source: self.name.clone(),
            source_time,
        });
        self.frames.put(frame);
    }

    /// Waits for all of `time`, unless the window asks for another source, which ends the one that is played, or, where it
    /// `may_be_cut_short`, for another place in it.
    fn wait(&mut self, time: Duration, may_be_cut_short: bool) -> Option<Left> {
        let deadline = Instant::now() + time;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if let Some(left) = self.next_command(left) {
                return Some(left);
            }
            let cut_short = may_be_cut_short && self.playback.is_asked_for();
            if cut_short || Instant::now() >= deadline {
                return None;
            }
        }
    }

    /// Obeys the window's next command, if one comes in `time`, and all that wait behind it.
    fn next_command(&mut self, time: Duration) -> Option<Left> {
        let command = self.pulse.rests(|| self.commands.recv_timeout(time));
        if self.shared.stop.load(Ordering::Relaxed) {
            return Some(Left::Stop);
        }
        match command {
            Ok(command) => {
                let mut left = self.obey(command);
                while left.is_none() {
                    let Ok(command) = self.commands.try_recv() else {
                        break;
                    };
                    left = self.obey(command);
                }
                left
            }
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Left::Stop),
        }
    }
}

/// Sets all controls back to what they are at first, but for those that cannot be set, as an exposure time cannot while the
/// camera chooses it.
fn reset_controls(source: &mut dyn Source) {
    let mut controls = source.controls();
    let ids: Vec<u32> = controls.iter().map(|control| control.id).collect();
    for id in ids {
        let control = controls.iter().find(|control| control.id == id);
        let Some(control) = control.filter(|c| c.enabled && c.value != c.default) else {
            continue;
        };
        if let Err(error) = source.set_control(id, control.default) {
            tracing::warn!("{} cannot be set back: {error}", control.name);
        }
        // One may turn others on or off.
        controls = source.controls();
    }
}

/// Lets a camera's next picture go by unseen.
fn pass_by(source: &mut dyn Source) -> Result<(), Left> {
    match source.skip_picture() {
        Ok(true) | Err(SourceError::Picture(_)) => Ok(()),
        Ok(false) => Err(Left::Failed(SourceError::Lost {
            what: source.info().name.clone(),
            why: None,
        })),
        Err(error) => Err(Left::Failed(error)),
    }
}
