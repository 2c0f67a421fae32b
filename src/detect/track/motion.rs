//! How one face moves: its box with a velocity, an alpha-beta filter. Plain arithmetic.

use std::time::Duration;

use crate::geometry::{FaceBox, Point, turn_between};

/// How much of an observed size and lean is believed at once: the box of noisy points is noisier than the head.
const SIZE_GAIN: f32 = 0.5;
/// How much of the difference between the observed and the predicted place goes into the velocity.
const VELOCITY_GAIN: f32 = 0.45;
/// Faces are not led further than this: what is older says little.
const LONGEST_LEAD: Duration = Duration::from_millis(100);
/// A face that is away can come back this far from its last place, in face sizes, and so much further per second.
const REACH: f32 = 1.0;
/// See [`REACH`].
const REACH_PER_SECOND: f32 = 2.5;
/// And with its size changed by no more than this factor.
const REACH_SIZE: f32 = 1.7;

/// A face's box on its way.
#[derive(Debug, Clone, PartialEq)]
pub struct Motion {
    last: FaceBox,
    time: Duration,
    /// Pixels per second.
    velocity: Point,
}

impl Motion {
    /// A face that was seen for the first time.
    pub fn begin(seen: FaceBox, time: Duration) -> Self {
        Self {
            last: seen,
            time,
            velocity: Point::default(),
        }
    }

    /// The box when it was last seen.
    pub fn last(&self) -> FaceBox {
        self.last
    }

    /// The box as it should be at `time`.
    pub fn predicted(&self, time: Duration) -> FaceBox {
        let lead = time.saturating_sub(self.time).min(LONGEST_LEAD).as_secs_f32();
        let centre = Point::new(
            self.last.centre.x + self.velocity.x * lead,
            self.last.centre.y + self.velocity.y * lead,
        );
        FaceBox { centre, ..self.last }
    }

    /// The face was seen at `time`.
    pub fn observe(&mut self, seen: FaceBox, time: Duration) {
        let expected = self.predicted(time);
        let seconds = time.saturating_sub(self.time).as_secs_f32();
        if seconds > 0.0 {
            self.velocity.x += (seen.centre.x - expected.centre.x) / seconds * VELOCITY_GAIN;
            self.velocity.y += (seen.centre.y - expected.centre.y) / seconds * VELOCITY_GAIN;
        }
        let mix = |old: f32, new: f32| old + (new - old) * SIZE_GAIN;
        self.last = FaceBox {
            centre: seen.centre,
            width: mix(self.last.width, seen.width),
            height: mix(self.last.height, seen.height),
            roll: self.last.roll + turn_between(self.last.roll, seen.roll) * SIZE_GAIN,
        };
        self.time = time;
    }

    /// Whether a face lost here could be at `other` after it was `away`.
    pub fn could_reach(&self, other: &Self, away: Duration) -> bool {
        let (a, b) = (self.last.long_side(), other.last.long_side());
        let reach = (REACH + REACH_PER_SECOND * away.as_secs_f32()) * a.max(b);
        self.last.centre.distance(other.last.centre) < reach && a.max(b) < REACH_SIZE * a.min(b)
    }
}
