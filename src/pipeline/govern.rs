//! Keeps a run to the frames a second and the share of the processor that the user grants it, by leaving pictures out.
//! Knows no other room: it is told the time.

use std::time::{Duration, Instant};

/// What a run may use; nothing is limited by default.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Limits {
    /// Most frames a second, above 0.
    pub fps: Option<f64>,
    /// Most CPU time a second, in seconds: 1 is all of one core. Above 0.
    pub cpu: Option<f64>,
}

/// How often the CPU time used is looked at: long enough that a single search for faces does not count for much.
const ROUND: Duration = Duration::from_secs(1);
/// The rate changes by no more than this factor a round: what loading a net costs says little of what comes after it.
const MOST_CHANGE: f64 = 2.0;
/// However little is granted, a picture is shown this often.
const LONGEST_PAUSE: f64 = 2.0;
/// One picture an hour is as few as anybody can ask for.
const LONGEST_ASKED_FOR: f64 = 3600.0;
/// A picture that is early by less than this share of the pause is on time: cameras are not punctual.
const EARLY: f64 = 0.1;

/// Decides which pictures are taken.
#[derive(Debug)]
pub(super) struct Governor {
    limits: Limits,
    /// Seconds between pictures that the granted CPU time allows; 0 while it allows all.
    pause: f64,
    /// When the next picture is due.
    due: Option<Instant>,
    round: Option<Round>,
}

/// What happened since the CPU time was last looked at.
#[derive(Debug)]
struct Round {
    began: Instant,
    cpu_at_begin: Duration,
    taken: u32,
}

impl Governor {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            pause: 0.0,
            due: None,
            round: None,
        }
    }

    /// Whether the picture that comes `now` is taken; `cpu` is the CPU time that the process used so far.
    pub(super) fn takes(&mut self, now: Instant, cpu: impl FnOnce() -> Duration) -> bool {
        let least = self
            .limits
            .fps
            .map_or(0.0, |fps| (1.0 / fps).min(LONGEST_ASKED_FOR));
        let pause = Duration::from_secs_f64(self.pause.max(least));
        let due = self.due.unwrap_or(now);
        if now + pause.mul_f64(EARLY) < due {
            return false;
        }
        // Later pictures are due from when this one was, so that the rate is right on the whole; but not ever earlier.
        self.due = Some((due + pause).max(now));
        if let Some(granted) = self.limits.cpu {
            self.watch(now, cpu(), granted);
        }
        true
    }

    fn watch(&mut self, now: Instant, cpu: Duration, granted: f64) {
        let round = self.round.get_or_insert(Round {
            began: now,
            cpu_at_begin: cpu,
            taken: 0,
        });
        let lasted = now.saturating_duration_since(round.began);
        if lasted < ROUND {
            round.taken += 1;
            return;
        }
        let used = cpu.saturating_sub(round.cpu_at_begin).as_secs_f64() / lasted.as_secs_f64();
        let between = lasted.as_secs_f64() / f64::from(round.taken.max(1));
        let change = (used / granted).clamp(1.0 / MOST_CHANGE, MOST_CHANGE);
        // Below the pace at which pictures come anyway a pause means nothing: it starts from there when it is needed.
        self.pause = if change > 1.0 {
            (between.max(self.pause) * change).min(LONGEST_PAUSE)
        } else {
            self.pause * change
        };
        self.round = Some(Round {
            began: now,
            cpu_at_begin: cpu,
            taken: 1,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A camera of 30 pictures a second for `seconds`, with `cost` of CPU time for every picture taken and `idle` of a
    /// core beside; how many were taken a second, and the CPU time a second, in the last half.
    fn run(limits: Limits, seconds: u32, cost: f64, idle: f64) -> (f64, f64) {
        let start = Instant::now();
        let mut governor = Governor::new(limits);
        let (mut taken, mut cpu) = (0, 0.0);
        let frames = seconds * 30;
        let mut at_half = (0, 0.0);
        for frame in 0..frames {
            // A little early and late in turns.
            let jitter = if frame % 2 == 0 { 0.001 } else { 0.0 };
            let time = f64::from(frame) / 30.0 + jitter;
            cpu += idle / 30.0;
            if governor.takes(start + Duration::from_secs_f64(time), || {
                Duration::from_secs_f64(cpu)
            }) {
                taken += 1;
                cpu += cost;
            }
            if frame == frames / 2 {
                at_half = (taken, cpu);
            }
        }
        let half = f64::from(seconds) / 2.0;
        (f64::from(taken - at_half.0) / half, (cpu - at_half.1) / half)
    }

    #[test]
    fn without_limits_every_picture_is_taken() {
        assert_eq!(run(Limits::default(), 10, 0.5, 0.0).0.round(), 30.0);
    }

    #[test]
    fn frames_a_second_are_met_on_the_whole_though_the_camera_has_its_own_pace() {
        for fps in [1.0, 7.0, 15.0, 20.0, 29.0, 60.0] {
            let limits = Limits {
                fps: Some(fps),
                cpu: None,
            };
            let (taken, _) = run(limits, 20, 0.0, 0.0);
            let wanted = fps.min(30.0);
            assert!((taken - wanted).abs() < 0.05 * wanted + 0.1, "{taken} for {fps}");
        }
    }

    #[test]
    fn numbers_near_nothing_are_no_trouble() {
        for tiny in [f64::MIN_POSITIVE, 1e-19, 1e-20] {
            let limits = Limits {
                fps: Some(tiny),
                cpu: Some(tiny),
            };
            assert!(run(limits, 60, 0.02, 0.0).0 <= 1.0);
        }
    }

    #[test]
    fn cpu_time_is_kept_to_what_is_granted_and_used_when_it_is_there() {
        // 30 pictures of 20 ms are 0.6 of a core.
        for (granted, idle) in [(0.3, 0.0), (0.3, 0.1), (0.1, 0.02)] {
            let limits = Limits {
                fps: None,
                cpu: Some(granted),
            };
            let (taken, used) = run(limits, 60, 0.02, idle);
            assert!((used / granted - 1.0).abs() < 0.15, "{used} of {granted}");
            assert!(taken > 1.0, "{taken}");
        }
        let enough = Limits {
            fps: None,
            cpu: Some(0.9),
        };
        assert_eq!(run(enough, 60, 0.02, 0.0).0.round(), 30.0);
    }

    #[test]
    fn a_picture_comes_now_and_then_though_nothing_is_left_for_it() {
        let limits = Limits {
            fps: None,
            cpu: Some(0.05),
        };
        let (taken, _) = run(limits, 60, 0.02, 0.5);
        assert!(taken >= 1.0 / LONGEST_PAUSE * 0.9, "{taken}");
    }
}
