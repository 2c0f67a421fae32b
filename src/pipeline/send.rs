//! The thread that sends what is seen to other programs. Nobody waits for it; a way that fails is tried again every while, and
//! told of once.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use image::RgbaImage;

use super::{
    Pipeline,
    capture::Command,
    events::{Event, EventSender},
    output::drawn,
    scene::Scene,
    slot::{Slot, Taken},
    tap::Valve,
};
use crate::{
    overlay::{Style, Trails},
    record,
    send::{self, Delivery, Moment, SendError, Sink, Target},
    worker::Pulse,
};

/// Scenes that wait to be sent: what is older than that is better left out.
pub(super) const WAITING: usize = 2;
/// How soon a new wish is noticed while no scenes come.
const PATIENCE: Duration = Duration::from_millis(100);
/// And while nothing is sent; its slot wakes the thread at once.
const PATIENCE_WITHOUT_TARGETS: Duration = Duration::from_secs(1);
/// From one try for a way that failed to the next.
const RETRY: Duration = Duration::from_secs(2);
/// A picture that stays is given to virtual cameras this often, as whoever begins to read would see none else.
const STILL: Duration = Duration::from_millis(500);

/// What is sent, and to whom.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sending {
    /// To whom; each once.
    pub targets: Vec<Target>,
    /// What is drawn over pictures.
    pub style: Style,
}

/// How it goes with a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendState {
    /// Which.
    pub target: Target,
    /// Frames that were sent.
    pub sent: u64,
    /// Frames that it had no room for; those that came too fast for all targets are counted with each.
    pub left_out: u64,
    /// Why the last frame could not be sent.
    pub trouble: Option<String>,
}

/// How it goes with all of them: for whoever shows it.
#[derive(Debug, Default)]
pub(super) struct Board(Mutex<Vec<SendState>>);

impl Board {
    pub(super) fn read(&self) -> Vec<SendState> {
        self.lock().clone()
    }

    /// A thread that panicked while it wrote leaves whole states.
    fn lock(&self) -> MutexGuard<'_, Vec<SendState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is said of a target.
    fn note(&self, target: &Target, change: impl FnOnce(&mut SendState)) {
        if let Some(state) = self.lock().iter_mut().find(|state| state.target == *target) {
            change(state);
        }
    }
}

impl Pipeline {
    /// Sends what is seen to other programs from now on, to these and no others; at first to none.
    pub fn send_to(&self, sending: Sending) {
        // Scenes are kept for the thread from here on, however long it takes to notice.
        self.valve
            .open
            .store(!sending.targets.is_empty(), Ordering::Relaxed);
        self.to_send.put(sending);
    }

    /// How it goes with the programs that something is sent to.
    pub fn sending(&self) -> Vec<SendState> {
        self.sending.read()
    }

    /// Takes every picture of a recording, as fast as they can be looked at and sent, and leaves none out; or keeps to its own
    /// speed, as at first.
    pub fn take_every_frame(&self, on: bool) {
        self.valve.whole.store(on, Ordering::Relaxed);
        self.ask_capture(Command::EveryFrame(on));
    }
}

/// The thread's belongings.
pub(super) struct SendThread {
    pub(super) wishes: Arc<Slot<Sending>>,
    pub(super) scenes: Receiver<Arc<Scene>>,
    pub(super) valve: Arc<Valve>,
    pub(super) board: Arc<Board>,
    pub(super) events: EventSender,
    pub(super) pulse: Pulse,
}

/// What outlives a panic.
#[derive(Default)]
pub(super) struct Lines {
    wish: Sending,
    lines: Vec<Line>,
    trails: Trails,
    /// The scene that was sent last, and when.
    last: Option<(Arc<Scene>, Instant)>,
}

/// The way to a target.
struct Line {
    target: Target,
    sink: Option<Box<dyn Sink>>,
    /// When it is tried next, while it is not open.
    due: Instant,
    /// It was told that it does not work.
    failing: bool,
    /// Its picture in the size that it wants, where that is another one.
    fitted: RgbaImage,
}

impl SendThread {
    /// Runs until nobody can wish or see anything any more; what waits then is sent first.
    pub(super) fn run(&self, lines: &mut Lines) {
        loop {
            if lines.wish.targets.is_empty() {
                match self.pulse.rests(|| self.wishes.take(PATIENCE_WITHOUT_TARGETS)) {
                    Taken::Value(wish) => self.take_wish(lines, wish),
                    Taken::Nothing => {}
                    Taken::Closed => return,
                }
                continue;
            }
            if let Some(wish) = self.wishes.take_now() {
                self.take_wish(lines, wish);
            }
            self.open_due(lines);
            match self.pulse.rests(|| self.scenes.recv_timeout(PATIENCE)) {
                Ok(scene) => self.send(lines, &scene),
                Err(RecvTimeoutError::Timeout) => self.send_again(lines),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Ways to targets that stay are kept.
    fn take_wish(&self, lines: &mut Lines, wish: Sending) {
        let mut before = std::mem::take(&mut lines.lines);
        let mut states = self.board.lock();
        let mut kept_states = Vec::new();
        for target in &wish.targets {
            let kept = before.iter().position(|line| line.target == *target);
            lines.lines.push(match kept {
                Some(place) => before.swap_remove(place),
                None => Line::to(target.clone()),
            });
            let kept = states.iter().find(|state| state.target == *target).cloned();
            kept_states.push(kept.unwrap_or_else(|| SendState {
                target: target.clone(),
                sent: 0,
                left_out: 0,
                trouble: None,
            }));
        }
        *states = kept_states;
        if wish.targets.is_empty() {
            // Nobody is to get what was seen before, when something is sent again.
            lines.last = None;
            while self.scenes.try_recv().is_ok() {}
        }
        lines.wish = wish;
    }

    fn open_due(&self, lines: &mut Lines) {
        for line in &mut lines.lines {
            if line.sink.is_none() && line.due <= Instant::now() {
                match send::open(&line.target) {
                    Ok(sink) => line.sink = Some(sink),
                    Err(error) => self.fail(line, &error),
                }
            }
        }
    }

    /// Sends a scene, unless it is one more of the frame that was sent last, with the same net and nobody else in it.
    fn send(&self, lines: &mut Lines, scene: &Arc<Scene>) {
        let came_too_fast = self.valve.left_out.swap(0, Ordering::Relaxed);
        for line in lines.lines.iter().filter(|_| came_too_fast > 0) {
            self.board
                .note(&line.target, |state| state.left_out += came_too_fast);
        }
        let seen = |scene: &Scene| {
            let ids: Vec<u32> = scene.faces.iter().map(|face| face.id).collect();
            let net = scene.net.as_ref().map(Arc::as_ptr);
            (scene.frame.opening, scene.frame.sequence, net, ids)
        };
        if lines
            .last
            .as_ref()
            .is_some_and(|(last, _)| seen(last) == seen(scene))
        {
            return;
        }
        lines.trails.push(&scene.faces);
        self.send_to(lines, scene, |_| true);
        lines.last = Some((scene.clone(), Instant::now()));
    }

    /// Gives a picture that stays to those that take pictures.
    fn send_again(&self, lines: &mut Lines) {
        let stays = lines.last.as_ref().filter(|(_, since)| since.elapsed() >= STILL);
        if let Some((scene, _)) = stays.cloned() {
            self.send_to(lines, &scene, |target| matches!(target, Target::VirtualCamera(_)));
            lines.last = Some((scene, Instant::now()));
        }
    }

    fn send_to(&self, lines: &mut Lines, scene: &Scene, to: impl Fn(&Target) -> bool) {
        let Lines {
            wish, lines, trails, ..
        } = lines;
        let mut with_overlay = None;
        for line in lines.iter_mut().filter(|line| to(&line.target)) {
            let Some(sink) = &mut line.sink else { continue };
            let fitted = &mut line.fitted;
            let mut deliver = || {
                let own = scene.frame.picture.dimensions();
                let picture = match sink.picture_size(own)? {
                    None => None,
                    Some(size) => {
                        if with_overlay.is_none() {
                            let drawn = drawn(scene, Some(&wish.style), trails);
                            with_overlay =
                                Some(drawn.map_err(|error| SendError::Picture(error.to_string()))?);
                        }
                        match with_overlay.as_deref() {
                            Some(whole) if size != own => {
                                if fitted.dimensions() != size {
                                    *fitted = RgbaImage::new(size.0, size.1);
                                }
                                let made = record::letterbox(whole, fitted);
                                made.map_err(|error| SendError::Picture(error.to_string()))?;
                                Some(&*fitted)
                            }
                            whole => whole,
                        }
                    }
                };
                sink.send(&Moment {
                    source: &scene.frame.source,
                    frame: scene.frame.sequence,
                    time: scene.frame.source_time,
                    size: own,
                    faces: &scene.faces,
                    picture,
                })
            };
            match deliver() {
                Ok(delivery) => {
                    line.failing = false;
                    self.board.note(&line.target, |state| {
                        state.trouble = None;
                        match delivery {
                            Delivery::Sent => state.sent += 1,
                            Delivery::LeftOut => state.left_out += 1,
                        }
                    });
                }
                Err(error) => self.fail(line, &error),
            }
        }
    }

    /// Tells of the first of several failures in a row, and has it tried again.
    fn fail(&self, line: &mut Line, error: &SendError) {
        // Standard output cannot be opened anew, and its sink knows what it has written.
        if line.target != Target::Stdout {
            line.sink = None;
        }
        line.due = Instant::now() + RETRY;
        let why = error.to_string();
        self.board
            .note(&line.target, |state| state.trouble = Some(why.clone()));
        if !std::mem::replace(&mut line.failing, true) {
            self.events.send(Event::SendFailed {
                target: line.target.clone(),
                why,
                nobody_reads: matches!(error, SendError::NobodyReads),
            });
        }
    }
}

impl Line {
    fn to(target: Target) -> Self {
        Self {
            target,
            sink: None,
            due: Instant::now(),
            failing: false,
            fitted: RgbaImage::default(),
        }
    }
}
