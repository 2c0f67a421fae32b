//! The threads of the pipeline: what they are called, for people and for debuggers, and what to do where one hangs. Plain text.

/// A thread.
#[derive(Debug)]
pub(super) struct Stage {
    /// The thread's name.
    pub(super) thread: &'static str,
    /// What it does, for people.
    pub(super) what: &'static str,
    /// What to do where it hangs.
    pub(super) advice: &'static str,
    /// Times the usual patience that it may take for one thing.
    pub(super) times: u32,
}

pub(super) const CAPTURE: Stage = Stage {
    thread: "capture",
    what: "The source",
    advice: "Unplug it and plug it in again, or choose another one.",
    times: 2,
};
pub(super) const INFER: Stage = Stage {
    thread: "infer",
    what: "Finding keypoints",
    advice: "If it stays so, start the program again with another net.",
    times: 1,
};
pub(super) const DETECT: Stage = Stage {
    thread: "detect",
    what: "Finding faces",
    advice: "If it stays so, start the program again.",
    times: 1,
};
pub(super) const OUTPUT: Stage = Stage {
    thread: "output",
    what: "Recording",
    advice: "The disk may be full, slow or gone; what was written so far is in its file.",
    times: 2,
};
pub(super) const WEIGHTS: Stage = Stage {
    thread: "weights",
    what: "Loading the net",
    advice: "Load another one.",
    times: 20,
};
pub(super) const COMPARED: Stage = Stage {
    thread: "compared",
    what: "Loading the net to compare",
    advice: "Load another one.",
    times: 20,
};
pub(super) const STUDY: Stage = Stage {
    thread: "study",
    what: "Studying a keypoint",
    advice: "Load a smaller net for that.",
    times: 4,
};
pub(super) const SEND: Stage = Stage {
    thread: "send",
    what: "Sending to other programs",
    advice: "One of them may not read what it is sent; end it, or turn it off in the settings.",
    times: 2,
};
/// Nobody watches this one.
pub(super) const WATCH: Stage = Stage {
    thread: "watch",
    what: "Watching over the other parts",
    advice: "",
    times: 1,
};
