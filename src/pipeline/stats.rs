//! How fast it goes: what was shown, how late, and how long each stage took. Plain arithmetic, bounded memory.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use serde::Serialize;

use super::scene::Scene;
use crate::process::Usage;

/// Rates are measured over so many of the last frames: steady enough to read, quick enough to follow.
const RECENT_FRAMES: usize = 45;
/// How much of a smoothed time is the newest frame's: it follows within about ten frames.
const NEWEST_SHARE: f64 = 0.1;
/// Widths of a distribution's bins: each is this factor wider than the one before, so percentiles are good to 1 %.
const BIN_GROWTH: f64 = 1.01;
/// Lower edge of the first bin, in milliseconds; shorter times count as this.
const SHORTEST_MS: f64 = 1e-3;
/// Bins up to about 10 minutes; longer times count as this.
const BINS: usize = 2_050;

/// Durations by how often they happened; bounded memory, however long it runs.
#[derive(Debug, Clone)]
pub struct Distribution {
    bins: Vec<u64>,
    count: u64,
}

impl Default for Distribution {
    fn default() -> Self {
        Self {
            bins: vec![0; BINS],
            count: 0,
        }
    }
}

impl Distribution {
    /// Counts one duration.
    pub fn add(&mut self, duration: Duration) {
        let ms = duration.as_secs_f64() * 1e3;
        let bin = (ms.max(SHORTEST_MS) / SHORTEST_MS).ln() / BIN_GROWTH.ln();
        self.bins[(bin as usize).min(BINS - 1)] += 1;
        self.count += 1;
    }

    /// The duration in milliseconds that `share` (0 to 1) of all durations do not exceed, to 1 %; 0 when there are none.
    pub fn percentile_ms(&self, share: f64) -> f64 {
        let rank = ((share * self.count as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, count) in self.bins.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return SHORTEST_MS * BIN_GROWTH.powf(index as f64 + 0.5);
            }
        }
        0.0
    }
}

/// A gap that is so long, and so many times as long as usual, is a pause.
const LEAST_PAUSE: Duration = Duration::from_secs(2);
const TIMES_USUAL: u32 = 10;

/// Events per second over the last few of them.
#[derive(Debug, Clone, Default)]
pub struct Rate {
    /// A moment and how many events there had been by then.
    recent: VecDeque<(Instant, u64)>,
}

impl Rate {
    /// Notes that there had been `count` events at `moment`.
    pub fn note(&mut self, moment: Instant, count: u64) {
        if self.is_after_a_pause(moment) {
            self.recent.clear();
        }
        self.recent.push_back((moment, count));
        if self.recent.len() > RECENT_FRAMES {
            self.recent.pop_front();
        }
    }

    /// Whether nothing came for far longer than usual: a rate over that time would say nothing of what comes now.
    fn is_after_a_pause(&self, moment: Instant) -> bool {
        let (Some(first), Some(last)) = (self.recent.front(), self.recent.back()) else {
            return false;
        };
        let Some(gaps) = u32::try_from(self.recent.len() - 1).ok().filter(|&gaps| gaps > 0) else {
            return false;
        };
        let usual = (last.0 - first.0) / gaps;
        moment.saturating_duration_since(last.0) > LEAST_PAUSE.max(usual * TIMES_USUAL)
    }

    /// Events per second; `None` when too little is known.
    pub fn per_second(&self) -> Option<f64> {
        let (first, last) = (self.recent.front()?, self.recent.back()?);
        let seconds = (last.0 - first.0).as_secs_f64();
        (seconds > 0.0).then(|| (last.1 - first.1) as f64 / seconds)
    }
}

/// Notes every frame that the window has painted.
#[derive(Debug, Clone, Default)]
pub struct Recorder {
    shown: u64,
    faces: u64,
    first_and_last: Option<(Instant, Instant)>,
    latency: Distribution,
    /// The same since it was last taken.
    lately: Distribution,
    latency_before_painting: Distribution,
    dropped: u64,
    stages: BTreeMap<&'static str, Distribution>,
    last_sequence: Option<u64>,
    recent: Recent,
    shown_rate: Rate,
    captured_rate: Rate,
}

/// Times of the last few frames, smoothed so that they can be read while they change; milliseconds. What was not done yet has none.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Recent {
    /// From capture to screen.
    pub latency_ms: Option<f64>,
    /// Finding faces.
    pub detect_ms: Option<f64>,
    /// The net.
    pub infer_ms: Option<f64>,
    /// The net that is compared with it.
    pub compare_ms: Option<f64>,
}

impl Recent {
    fn of(scene: &Scene, latency: Duration) -> Self {
        let ms = |time: Duration| (!time.is_zero()).then_some(time.as_secs_f64() * 1e3);
        Self {
            latency_ms: ms(latency),
            detect_ms: ms(scene.times.detect),
            infer_ms: ms(scene.times.infer),
            compare_ms: ms(scene.times.compare),
        }
    }

    fn smoothed(self, newest: Self) -> Self {
        // A stage that had nothing to do says nothing of its speed.
        let mix = |old: Option<f64>, new: Option<f64>| match (old, new) {
            (Some(old), Some(new)) => Some(old + (new - old) * NEWEST_SHARE),
            (old, new) => new.or(old),
        };
        Self {
            latency_ms: mix(self.latency_ms, newest.latency_ms),
            detect_ms: mix(self.detect_ms, newest.detect_ms),
            infer_ms: mix(self.infer_ms, newest.infer_ms),
            compare_ms: mix(self.compare_ms, newest.compare_ms),
        }
    }
}

impl Recorder {
    /// Whether the frame of this number was noted last: a frame counts when it is first shown.
    pub fn has_shown(&self, sequence: u64) -> bool {
        self.last_sequence == Some(sequence)
    }

    /// Notes that `scene` was laid out in the window at `laid_out_at`, and on the screen at `painted_at`.
    pub fn shown(&mut self, scene: &Scene, laid_out_at: Instant, painted_at: Instant) {
        if self.has_shown(scene.frame.sequence) {
            return;
        }
        // Frames are counted through, so what is missing between two that were shown gave way to a newer one somewhere.
        let expected = self.last_sequence.map_or(0, |last| last + 1);
        self.dropped += scene.frame.sequence.saturating_sub(expected);
        self.last_sequence = Some(scene.frame.sequence);
        self.shown += 1;
        self.faces += scene.faces.len() as u64;
        let first = self.first_and_last.map_or(painted_at, |(first, _)| first);
        self.first_and_last = Some((first, painted_at));
        let latency = painted_at.saturating_duration_since(scene.frame.captured_at);
        self.latency.add(latency);
        self.lately.add(latency);
        let before_painting = laid_out_at.saturating_duration_since(scene.frame.captured_at);
        self.latency_before_painting.add(before_painting);
        self.recent = self.recent.smoothed(Recent::of(scene, latency));
        let stages = scene.times.by_name().into_iter();
        for (stage, time) in stages.filter(|(_, time)| !time.is_zero()) {
            self.stages.entry(stage).or_default().add(time);
        }
        self.shown_rate.note(painted_at, self.shown);
        self.captured_rate
            .note(scene.frame.captured_at, scene.frame.sequence);
    }

    /// Notes the times of `scene`, whose frame was shown before: a picture that stays was looked at anew.
    pub fn looked_again(&mut self, scene: &Scene) {
        if self.has_shown(scene.frame.sequence) {
            self.recent = self.recent.smoothed(Recent::of(scene, Duration::ZERO));
        }
    }

    /// Frames shown since this was called last, and from capture to screen how long they took.
    pub fn take_lately(&mut self) -> (u64, Percentiles) {
        let lately = std::mem::take(&mut self.lately);
        (lately.count, Percentiles::of(&lately))
    }

    /// Frames before the last one shown that were not shown.
    pub fn frames_dropped(&self) -> u64 {
        self.dropped
    }

    /// Times of the last few frames.
    pub fn recent(&self) -> Recent {
        self.recent
    }

    /// Frames a second on the screen, lately.
    pub fn shown_fps(&self) -> Option<f64> {
        self.shown_rate.per_second()
    }

    /// Frames a second out of the source, lately.
    pub fn captured_fps(&self) -> Option<f64> {
        self.captured_rate.per_second()
    }

    /// Everything in numbers; `run` says what the recorder cannot know.
    pub fn summary(&self, run: RunFacts) -> Stats {
        let seconds = self
            .first_and_last
            .map_or(0.0, |(first, last)| (last - first).as_secs_f64());
        let intervals = self.shown.saturating_sub(1) as f64;
        Stats {
            frames_captured: run.frames_captured,
            frames_shown: self.shown,
            frames_dropped: self.dropped,
            shown_fps: if seconds > 0.0 { intervals / seconds } else { 0.0 },
            latency_ms: Percentiles::of(&self.latency),
            latency_before_painting_ms: Percentiles::of(&self.latency_before_painting),
            stage_ms: self
                .stages
                .iter()
                .map(|(&stage, times)| (stage, times.percentile_ms(0.5)))
                .collect(),
            faces_mean: if self.shown > 0 {
                self.faces as f64 / self.shown as f64
            } else {
                0.0
            },
            peak_memory_mb: Usage::now().peak_memory_mb,
            device: run.device,
            source: run.source,
            weights: run.weights,
        }
    }
}

/// What is known of a run apart from the frames shown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunFacts {
    /// Frames that came out of the source.
    pub frames_captured: u64,
    /// Where the net ran; `None` when there was none.
    pub device: Option<String>,
    /// The source, as it calls itself.
    pub source: String,
    /// The weights file; `None` when none was loaded.
    pub weights: Option<String>,
}

/// A run in numbers, as `--stats` writes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stats {
    /// Frames that came out of the source.
    pub frames_captured: u64,
    /// Frames that were painted.
    pub frames_shown: u64,
    /// Frames that a newer one took the place of.
    pub frames_dropped: u64,
    /// Frames painted per second, from the first to the last.
    pub shown_fps: f64,
    /// From capture (see [`Frame::captured_at`](crate::frame::Frame::captured_at)) to the end of the paint pass that showed the frame.
    pub latency_ms: Percentiles,
    /// From capture until the window is laid out: what remains is the graphics card's work, or that of software in its place.
    pub latency_before_painting_ms: Percentiles,
    /// Median time per stage, over the frames in which it had something to do.
    pub stage_ms: BTreeMap<&'static str, f64>,
    /// Faces per frame shown.
    pub faces_mean: f64,
    /// Most memory that the process used, in MB (10^6 bytes); 0 where the system does not say.
    pub peak_memory_mb: f64,
    /// Where the net ran.
    pub device: Option<String>,
    /// The source.
    pub source: String,
    /// The weights file.
    pub weights: Option<String>,
}

/// Half, 95 % and 99 % of the frames took no longer, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[expect(missing_docs, reason = "named by what they are")]
pub struct Percentiles {
    pub p50: f64,
    pub p95: f64,
    pub p99: f64,
}

impl Percentiles {
    fn of(times: &Distribution) -> Self {
        Self {
            p50: times.percentile_ms(0.50),
            p95: times.percentile_ms(0.95),
            p99: times.percentile_ms(0.99),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::scene::{StageTimes, tests::empty};

    #[test]
    fn percentiles_are_good_to_one_percent() {
        let mut times = Distribution::default();
        assert_eq!(times.percentile_ms(0.5), 0.0);
        for ms in 1..=1000 {
            times.add(Duration::from_millis(ms));
        }
        for (share, ms) in [(0.5, 500.0), (0.95, 950.0), (0.99, 990.0), (1.0, 1000.0)] {
            let found = times.percentile_ms(share);
            assert!((found / ms - 1.0).abs() < 0.01, "{share}: {found} for {ms}");
        }
        // What is shorter or longer than all of them counts at the ends.
        let ends = |times: &Distribution| (times.bins[0], *times.bins.last().unwrap());
        let before = ends(&times);
        times.add(Duration::from_secs(1_000_000));
        times.add(Duration::ZERO);
        assert_eq!(ends(&times), (before.0 + 1, before.1 + 1));
    }

    #[test]
    fn a_rate_follows_its_last_events_and_begins_anew_after_a_pause() {
        let start = Instant::now();
        let mut rate = Rate::default();
        assert_eq!(rate.per_second(), None);
        for i in 0..200_u32 {
            rate.note(start + Duration::from_millis(20) * i, u64::from(i) * 2);
        }
        assert!((rate.per_second().unwrap() - 100.0).abs() < 1e-6);
        assert_eq!(rate.recent.len(), RECENT_FRAMES);
        let after = start + Duration::from_secs(60);
        rate.note(after, 400);
        assert_eq!(rate.per_second(), None);
        // Rare events are no pause.
        for i in 1..4_u32 {
            rate.note(after + Duration::from_secs(5) * i, 400 + u64::from(i));
        }
        assert!((rate.per_second().unwrap() - 0.2).abs() < 1e-6);
    }

    #[test]
    fn what_is_looked_at_anew_has_times_though_its_frame_was_shown() {
        let scene = |times| Scene {
            times,
            ..empty(0, Duration::ZERO)
        };
        let mut recorder = Recorder::default();
        let now = Instant::now();
        recorder.shown(&scene(StageTimes::default()), now, now);
        assert_eq!(recorder.recent().infer_ms, None, "nothing was done yet");
        let infer = Duration::from_millis(4);
        recorder.looked_again(&scene(StageTimes {
            infer,
            ..StageTimes::default()
        }));
        let recent = recorder.recent();
        assert_eq!((recent.infer_ms, recent.detect_ms), (Some(4.0), None));
    }
}
