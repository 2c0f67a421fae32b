//! What `annotate` measures of itself: time per stage, CPU time with decoding apart.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    evaluate::{mean, median},
    process::process_cpu_time,
};

/// The stages, in the order of a frame's way; also the order of [`Stats::add`]'s times.
pub const STAGES: [&str; 6] = ["decode", "detect", "crop", "infer", "draw", "write"];

/// Times and counts of a run.
#[derive(Debug)]
pub struct Stats {
    started: Instant,
    cpu_at_start: Duration,
    /// Frames done.
    pub frames: u64,
    /// Faces found in them.
    pub faces: u64,
    /// CPU time spent on decoding.
    pub decode_cpu: Duration,
    /// Milliseconds per stage and frame.
    millis: [Vec<f64>; STAGES.len()],
}

impl Stats {
    /// Starts the clocks.
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
            cpu_at_start: process_cpu_time(),
            frames: 0,
            faces: 0,
            decode_cpu: Duration::ZERO,
            millis: Default::default(),
        }
    }

    /// Adds one frame with the time that each stage took.
    pub fn add(&mut self, faces: usize, stages: [Duration; STAGES.len()]) {
        self.frames += 1;
        self.faces += faces as u64;
        for (all, time) in self.millis.iter_mut().zip(stages) {
            all.push(time.as_secs_f64() * 1000.0);
        }
    }

    /// All figures; the times per frame are null when there was no frame.
    pub fn json(&self) -> Value {
        let wall = self.started.elapsed();
        let cpu = process_cpu_time().saturating_sub(self.cpu_at_start);
        let per_frame = |time: Duration| match self.frames {
            0 => Value::Null,
            frames => json!(rounded(time.as_secs_f64() * 1000.0 / frames as f64)),
        };
        let table = |figure: fn(&[f64]) -> Option<f64>| -> Value {
            let rows = STAGES.iter().zip(&self.millis);
            rows.map(|(name, millis)| ((*name).to_owned(), json!(figure(millis).map(rounded))))
                .collect::<serde_json::Map<_, _>>()
                .into()
        };
        json!({
            "frames": self.frames,
            "faces": self.faces,
            "wall_seconds": rounded(wall.as_secs_f64()),
            "frames_per_second": rounded(self.frames as f64 / wall.as_secs_f64().max(1e-9)),
            "stage_ms": table(median),
            "stage_ms_mean": table(mean),
            "cpu_ms_per_frame": per_frame(cpu),
            "cpu_ms_per_frame_decode": per_frame(self.decode_cpu),
            "cpu_ms_per_frame_without_decode": per_frame(cpu.saturating_sub(self.decode_cpu)),
        })
    }
}

/// The figures of [`Stats::json`] in one line per kind, for people.
pub fn summary(all: &Value) -> String {
    if all["frames"] == 0 {
        return "0 frames".into();
    }
    let stages = STAGES.map(|name| format!("{name} {}", all["stage_ms"][name]));
    format!(
        "{} frames, {} faces in {} s ({} frames/s)\nms per frame (median): {}\nCPU ms per frame: {}, of which decoding {}",
        all["frames"],
        all["faces"],
        all["wall_seconds"],
        all["frames_per_second"],
        stages.join(", "),
        all["cpu_ms_per_frame"],
        all["cpu_ms_per_frame_decode"],
    )
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// Runs `work` while no other thread runs what it gave here: what starts threads, so that they can be told apart.
pub fn alone<T>(work: impl FnOnce() -> T) -> T {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    work()
}

/// The threads that a decoder starts for itself, told from all others by being born while it is opened, [`alone`].
#[derive(Debug, Default)]
pub struct DecoderThreads(Vec<String>);

impl DecoderThreads {
    /// What `open` gives, and the threads that it started.
    pub fn born_in<T>(open: impl FnOnce() -> T) -> (T, Self) {
        alone(|| {
            let before = threads();
            let opened = open();
            let born = threads().into_iter().filter(|thread| !before.contains(thread));
            let born = born.collect();
            (opened, Self(born))
        })
    }

    /// CPU time that they have used; to be asked before they end.
    pub fn cpu_time(&self) -> Duration {
        self.0.iter().filter_map(|thread| cpu_time_of(thread)).sum()
    }
}

fn threads() -> Vec<String> {
    let entries = std::fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// The kernel's own count for one thread, in nanoseconds: the first number of its `schedstat`.
fn cpu_time_of(thread: &str) -> Option<Duration> {
    let text = std::fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")).ok()?;
    Some(Duration::from_nanos(
        text.split_whitespace().next()?.parse().ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::thread_cpu_time;

    #[test]
    fn figures_are_per_frame() {
        let mut stats = Stats::start();
        let stages = |ms| [Duration::from_millis(ms); STAGES.len()];
        stats.add(2, stages(10));
        stats.add(1, stages(20));
        stats.add(0, stages(60));
        let json = stats.json();
        assert_eq!((&json["frames"], &json["faces"]), (&json!(3), &json!(3)));
        assert_eq!(json["stage_ms"]["crop"], 20.0);
        assert_eq!(json["stage_ms_mean"]["write"], 30.0);
        assert!(Stats::start().json()["cpu_ms_per_frame"].is_null());
    }

    #[test]
    fn work_in_a_thread_of_the_decoder_is_counted() {
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        let (worker, threads) = DecoderThreads::born_in(|| {
            let worker = std::thread::spawn(move || {
                let start = thread_cpu_time();
                while thread_cpu_time() - start < Duration::from_millis(30) {}
                let _ = receiver.recv();
            });
            std::thread::sleep(Duration::from_millis(1));
            worker
        });
        while threads.cpu_time() < Duration::from_millis(30) {
            std::thread::sleep(Duration::from_millis(5));
        }
        drop(sender);
        worker.join().unwrap();
    }
}
