//! What the threads tell the window, apart from pictures. Plain data in a bounded channel.

use std::{path::PathBuf, sync::Arc, time::Duration};

use crossbeam_channel::{Receiver, Sender, TrySendError};

use super::scene::NetInfo;
use crate::send::Target;
use crate::source::{Cause, Control, SourceInfo, SourceSpec};

/// More events than happen between two passes of the window, unless it hangs.
const CAPACITY: usize = 64;

/// What a net is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Its points are followed, smoothed and saved.
    Shown,
    /// It runs beside the one that is shown, on the same faces, to be compared with it.
    Compared,
}

/// Something that happened in a thread of the pipeline.
#[derive(Debug, Clone)]
pub enum Event {
    /// A source is being opened.
    Opening {
        /// What was asked for.
        spec: SourceSpec,
        /// Which opening of a source its frames will be of, or a later one.
        opening: u64,
    },
    /// A source is open; pictures follow.
    Opened {
        /// What was asked for.
        spec: SourceSpec,
        /// What was opened.
        info: Box<SourceInfo>,
        /// Which opening of a source its frames are of.
        opening: u64,
    },
    /// A camera or stream is not there, busy, or was lost; it is tried again.
    Waiting {
        /// What was asked for.
        spec: SourceSpec,
        /// What kind of trouble it has.
        cause: Cause,
        /// What is wrong and what to do.
        why: String,
        /// When it is tried next.
        retry_in: Duration,
        /// Which opening of a source its frames will be of, or a later one.
        opening: u64,
    },
    /// A source cannot be used; the one before, if any, goes on.
    SourceFailed {
        /// What was asked for.
        spec: SourceSpec,
        /// What is wrong and what to do.
        why: String,
    },
    /// Controls of the camera were set; all of them as they are now.
    Controls(Vec<Control>),
    /// A control of the camera was not set.
    ControlRefused {
        /// Which.
        id: u32,
        /// What the system said.
        why: String,
    },
    /// A recording is over, and stands at its last picture until told to go on.
    Ended,
    /// Weights are being loaded; the net before, if any, goes on.
    LoadingWeights {
        /// The file.
        path: PathBuf,
        /// What they are for.
        role: Role,
    },
    /// From the next scene on this net is the one in that role.
    WeightsLoaded {
        /// The net.
        net: Arc<NetInfo>,
        /// What it is for.
        role: Role,
    },
    /// A weights file cannot be used.
    WeightsFailed {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        why: String,
        /// What it was for.
        role: Role,
        /// Whether it is the net in use that was let go; else the net before, if any, goes on.
        let_go: bool,
    },
    /// A recording or a snapshot is finished.
    Saved {
        /// Its files; none when there was nothing to record.
        files: Vec<PathBuf>,
        /// What it is.
        about: String,
        /// Whether a recording ended with it.
        recording: bool,
    },
    /// A recording or a snapshot could not be written.
    SaveFailed {
        /// What is wrong and what to do.
        why: String,
        /// Whether a recording ended with it.
        recording: bool,
    },
    /// Another program cannot be sent anything; told once until it can. It is tried again.
    SendFailed {
        /// Which.
        target: Target,
        /// What is wrong and what to do.
        why: String,
        /// It read standard output, and has ended.
        nobody_reads: bool,
    },
    /// A thread is at work on one thing for longer than anything should take.
    Hangs {
        /// What it does.
        stage: &'static str,
        /// How long by now.
        at_work: Duration,
        /// What to do.
        advice: &'static str,
    },
    /// A thread that was told to hang goes on.
    GoesOn {
        /// What it does.
        stage: &'static str,
    },
    /// A stage failed on a frame; told once until it works again.
    StageFailed {
        /// Name of the stage.
        stage: &'static str,
        /// What is wrong and what to do.
        why: String,
    },
}

/// The threads' end of the channel.
#[derive(Clone)]
pub(super) struct EventSender {
    sender: Sender<Event>,
    wake: super::Wake,
}

impl EventSender {
    /// Both ends; `wake` is called after every event.
    pub(super) fn channel(wake: super::Wake) -> (Self, Receiver<Event>) {
        let (sender, receiver) = crossbeam_channel::bounded(CAPACITY);
        (Self { sender, wake }, receiver)
    }

    /// Has the window look what is new.
    pub(super) fn wake(&self) {
        (self.wake)();
    }

    /// Tells the window, without ever waiting for it.
    pub(super) fn send(&self, event: Event) {
        match self.sender.try_send(event) {
            Ok(()) => (self.wake)(),
            Err(TrySendError::Full(event)) => tracing::warn!(?event, "the window does not read its events"),
            Err(TrySendError::Disconnected(_)) => {}
        }
    }
}
