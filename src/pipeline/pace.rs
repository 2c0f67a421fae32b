//! Keeps a recording to its own speed, whatever the machine does. Knows clocks and nothing else.

use std::time::{Duration, Instant};

/// A recording whose clock jumps ahead by more than this is not waited for.
const LONGEST_STILL: Duration = Duration::from_secs(60);
/// A recording that is later than this is not hurried after: it goes on from where it is.
const MOST_BEHIND: Duration = Duration::from_millis(250);

/// Keeps a recording to its own speed.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// A moment and the time in the source that belongs to it.
    anchor: Option<(Instant, Duration)>,
    /// Time in the source of the last picture.
    last: Option<Duration>,
    /// How long the picture before that was shown.
    interval: Duration,
    /// Times as fast as it is that the recording is played.
    speed: f64,
}

impl Pace {
    /// How long to wait before the picture of `source_time` is due.
    pub(super) fn early(&mut self, source_time: Duration, speed: f64) -> Duration {
        self.interval = self
            .last
            .map_or(Duration::ZERO, |last| source_time.saturating_sub(last));
        self.last = Some(source_time);
        self.due_in(source_time, speed)
    }

    /// How long the last picture stays before the recording begins again.
    pub(super) fn until_end(&mut self, speed: f64) -> Duration {
        let end = self.last.unwrap_or_default().saturating_add(self.interval);
        self.due_in(end, speed)
    }

    fn due_in(&mut self, source_time: Duration, speed: f64) -> Duration {
        let now = Instant::now();
        if std::mem::replace(&mut self.speed, speed) != speed {
            self.anchor = None;
        }
        let (moment, time) = *self.anchor.get_or_insert((now, source_time));
        let ahead = source_time.saturating_sub(time).as_secs_f64() / speed;
        let due = Duration::try_from_secs_f64(ahead)
            .ok()
            .and_then(|ahead| moment.checked_add(ahead));
        let Some(due) = due else {
            self.anchor = Some((now, source_time));
            return Duration::ZERO;
        };
        if now > due + MOST_BEHIND || due > now + LONGEST_STILL {
            self.anchor = Some((now, source_time));
            return Duration::ZERO;
        }
        due.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_that_is_late_is_not_hurried_after() {
        let mut pace = Pace::default();
        assert_eq!(pace.early(Duration::from_secs(10), 1.0), Duration::ZERO);
        assert!(pace.early(Duration::from_secs(60), 1.0) > Duration::from_secs(30));
        assert_eq!(
            pace.early(Duration::from_secs(3600), 1.0),
            Duration::ZERO,
            "a clock that jumps"
        );
        let long_ago = Instant::now() - Duration::from_secs(2);
        pace.anchor = Some((long_ago, Duration::from_secs(10)));
        assert_eq!(pace.early(Duration::from_secs(11), 1.0), Duration::ZERO);
        assert!(
            pace.early(Duration::from_secs(12), 1.0) > Duration::from_millis(500),
            "one second after the late one"
        );
    }

    #[test]
    fn a_clock_that_jumps_by_ages_is_begun_anew() {
        let mut pace = Pace::default();
        for speed in [1.0, 0.1, 10.0] {
            assert_eq!(pace.early(Duration::ZERO, speed), Duration::ZERO);
            assert_eq!(pace.early(Duration::MAX, speed), Duration::ZERO);
            assert_eq!(pace.until_end(speed), Duration::ZERO);
        }
    }

    #[test]
    fn a_recording_is_due_as_fast_as_is_wished() {
        let mut pace = Pace::default();
        let second = Duration::from_secs;
        assert_eq!(pace.early(second(10), 10.0), Duration::ZERO);
        let wait = pace.early(second(20), 10.0);
        assert!(wait <= second(1) && wait > Duration::from_millis(500), "{wait:?}");
        // Another speed counts from here.
        assert_eq!(pace.early(second(21), 0.5), Duration::ZERO);
        let wait = pace.early(second(26), 0.5);
        assert!(wait <= second(10) && wait > second(9), "{wait:?}");
    }
}
