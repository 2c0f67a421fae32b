//! What OpenCV has to be told once per process: to keep its messages to itself, to give up on a silent camera, and how
//! many threads it may use.

use opencv::core::{LogLevel, set_log_level, set_num_threads};

/// Read by OpenCV and by nothing else here. A camera that is silent for a second is reported to us, who give it a
/// little longer (OpenCV's own default is 10 s, and it takes whole seconds); FFmpeg's remarks about damaged files come back as our errors, so its
/// log is off (-8, "quiet").
const ENVIRONMENT: [(&str, &str); 2] = [
    ("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "1"),
    ("OPENCV_FFMPEG_LOGLEVEL", "-8"),
];

/// Quiets OpenCV and shortens its wait for cameras. To be called first thing in `main`: part of it is environment
/// variables, which can be set safely only while the process has one thread; with more that part is left out and
/// OpenCV's defaults hold. Variables that the user has set are kept.
pub fn settle_opencv() {
    // It only fails for a level that does not exist, and the worst outcome is a message too many.
    let _ = set_log_level(LogLevel::LOG_LEVEL_SILENT);
    if !is_only_thread() {
        return;
    }
    for (name, value) in ENVIRONMENT {
        if std::env::var_os(name).is_none() {
            // SAFETY: no other thread exists, so none reads or writes the environment at the same time.
            unsafe { std::env::set_var(name, value) };
        }
    }
}

/// Lets one call of OpenCV, such as a search for faces, spread over so many threads; all cores unless told.
pub fn limit_opencv_threads(threads: usize) {
    // The call itself cannot fail; as many as fit into the number are as good as all.
    let _ = set_num_threads(i32::try_from(threads).unwrap_or(i32::MAX));
}

fn is_only_thread() -> bool {
    std::fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1)
}
