//! Steadies the points of one face: One-Euro filters (Casiez, Roussel and Vogel, CHI 2012), which hold still what is
//! still and let go of what moves.
//!
//! A face's motion as a whole (place, size, lean) and the shape of its points within it are filtered apart: noise in
//! the shape is held down hard without holding back a head that turns. Everything is in units of the face's own size
//! and of time, so near and far faces, and slow and fast cameras, are treated alike.

use std::time::Duration;

use nalgebra::Vector2;
use one_euro::{OneEuroFilter, OneEuroState};

use crate::{
    geometry::{Point, Similarity, mean, turn_between},
    keypoints::PointScheme,
};

/// How much is smoothed: 0 (off) to 1 (all that helps); higher is steadier and later.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Strength(f32);

impl Strength {
    /// Nothing is smoothed.
    pub const OFF: Self = Self(0.0);

    /// A strength, brought into 0 to 1.
    pub fn new(strength: f32) -> Self {
        Self(if strength.is_finite() {
            strength.clamp(0.0, 1.0)
        } else {
            0.0
        })
    }

    /// The number, 0 to 1.
    pub fn value(self) -> f32 {
        self.0
    }
}

/// Tuned on videos with known points: see `ARCHITECTURE.md`.
impl Default for Strength {
    fn default() -> Self {
        Self(0.5)
    }
}

/// Two numbers of a filter: below `cutoff_hz` everything passes; every unit of speed adds `per_speed` to that.
#[derive(Debug, Clone, Copy)]
struct Tuning {
    cutoff_hz: f32,
    per_speed: f32,
}

/// At strength 0.5; cut-offs fall to a quarter and rise to four times that towards 1 and 0 (see [`Tuning::at`]).
/// Place of the face: speed in face sizes a second.
const PLACE: Tuning = Tuning {
    cutoff_hz: 1.2,
    per_speed: 14.0,
};
/// Lean of the face (radians a second), and its size (natural logarithm a second).
const TURN_AND_SIZE: Tuning = Tuning {
    cutoff_hz: 0.8,
    per_speed: 10.0,
};
/// Points that do not move within a face.
const RIGID_POINT: Tuning = Tuning {
    cutoff_hz: 0.35,
    per_speed: 2.5,
};
/// Points of eyes and mouth, which blink and speak.
const MOVING_POINT: Tuning = Tuning {
    cutoff_hz: 0.9,
    per_speed: 7.0,
};
/// Speeds are themselves smoothed below this.
const SPEED_CUTOFF_HZ: f32 = 2.0;
/// Groups of a scheme whose points move within a face.
const MOVING_GROUPS: [&str; 4] = ["eyes", "pupils", "mouth", "lips"];
/// Frames further apart than this have nothing to do with each other.
const LONGEST_GAP: Duration = Duration::from_millis(500);
/// What a frame that came at the same time as the last one counts as.
const SHORTEST_GAP: Duration = Duration::from_millis(1);

impl Tuning {
    /// The filter of this strength for what moves at `speed`.
    fn at(self, strength: Strength, speed: f32) -> OneEuroFilter<f32> {
        let factor = 4.0_f32.powf(1.0 - 2.0 * strength.0);
        low_pass((self.cutoff_hz + self.per_speed * speed) * factor)
    }
}

/// A filter that lets pass what is slower than `cutoff_hz`, whatever the speed.
fn low_pass(cutoff_hz: f32) -> OneEuroFilter<f32> {
    let mut filter = OneEuroFilter::default();
    filter.set_mincutoff(cutoff_hz.max(f32::MIN_POSITIVE));
    filter.set_beta(0.0);
    filter
}

/// Two numbers, filtered by the speed of both together. By itself the filter takes each axis for its own, and then what
/// moves in a bow falls behind whenever one of its axes turns round.
#[derive(Debug, Clone)]
struct Filtered {
    value: OneEuroState<f32, 2>,
    velocity: OneEuroState<f32, 2>,
}

impl Filtered {
    fn new(x: f32, y: f32) -> Self {
        Self {
            value: OneEuroState::new(Vector2::new(x, y)),
            velocity: OneEuroState::new(Vector2::zeros()),
        }
    }

    /// Takes in the newest value; speeds are in `unit`s a second.
    fn follow(&mut self, raw: Vector2<f32>, tuning: Tuning, strength: Strength, unit: f32, rate: f32) {
        let step = (raw - self.value.raw()) * rate;
        low_pass(SPEED_CUTOFF_HZ).filter(&mut self.velocity, &step, rate);
        let speed = self.velocity.data().norm() / unit.max(f32::MIN_POSITIVE);
        tuning.at(strength, speed).filter(&mut self.value, &raw, rate);
    }

    fn raw(&self) -> Vector2<f32> {
        *self.value.raw()
    }

    fn smooth(&self) -> Vector2<f32> {
        *self.value.data()
    }
}

/// The filters of one face.
#[derive(Debug, Clone)]
pub struct Smoother {
    moving: Vec<bool>,
    state: Option<State>,
}

#[derive(Debug, Clone)]
struct State {
    time: Duration,
    /// The shape that a face's place is measured by: middle of mass 0, root mean square distance from it 1.
    shape: Vec<Point>,
    place: Filtered,
    /// Lean, and logarithm of the size.
    turn_and_size: Filtered,
    /// The points within the face.
    points: Vec<Filtered>,
}

impl Smoother {
    /// Filters for a face of a scheme.
    pub fn new(scheme: &PointScheme) -> Self {
        let mut moving = vec![false; scheme.count];
        let groups = scheme
            .groups
            .iter()
            .filter(|group| MOVING_GROUPS.contains(&group.name.as_str()));
        for &index in groups.flat_map(|group| &group.points) {
            moving[index] = true;
        }
        Self { moving, state: None }
    }

    /// The smoothed points for `points` (frame pixels) at `time`. Begins anew after a gap, or when time goes back.
    pub fn smooth(&mut self, points: &[Point], time: Duration, strength: Strength) -> Vec<Point> {
        let gap = self
            .state
            .as_ref()
            .and_then(|state| time.checked_sub(state.time))
            .filter(|gap| *gap <= LONGEST_GAP);
        let (Some(state), Some(gap), true) = (&mut self.state, gap, strength != Strength::OFF) else {
            self.state = State::begin(points, time);
            return points.to_vec();
        };
        let Some(raw) = Similarity::fit(&state.shape, points) else {
            self.state = None;
            return points.to_vec();
        };
        let rate = gap.max(SHORTEST_GAP).as_secs_f32().recip();
        state.time = time;
        // The lean nearest to the last one: half a turn more is the same lean.
        let last = state.turn_and_size.raw()[0];
        let roll = last + turn_between(last, raw.roll);
        let shift = Vector2::new(raw.shift.x, raw.shift.y);
        state.place.follow(shift, PLACE, strength, raw.scale, rate);
        let turn_and_size = Vector2::new(roll, raw.scale.ln());
        state
            .turn_and_size
            .follow(turn_and_size, TURN_AND_SIZE, strength, 1.0, rate);
        let (shift, turn_and_size) = (state.place.smooth(), state.turn_and_size.smooth());
        let smooth = Similarity {
            shift: Point::new(shift[0], shift[1]),
            roll: turn_and_size[0],
            scale: turn_and_size[1].exp(),
        };
        let all = points.iter().zip(&mut state.points).zip(&self.moving);
        all.map(|((&point, filtered), &moves)| {
            let local = raw.invert(point);
            let tuning = if moves { MOVING_POINT } else { RIGID_POINT };
            filtered.follow(Vector2::new(local.x, local.y), tuning, strength, 1.0, rate);
            let local = filtered.smooth();
            smooth.apply(Point::new(local[0], local[1]))
        })
        .collect()
    }
}

impl State {
    /// `None` when the points have no extent.
    fn begin(points: &[Point], time: Duration) -> Option<Self> {
        let middle = mean(points);
        let squares = points.iter().map(|p| p.distance(middle).powi(2));
        let size = (squares.sum::<f32>() / points.len().max(1) as f32).sqrt();
        if !(size.is_finite() && size > 0.0) {
            return None;
        }
        let shape: Vec<Point> = points
            .iter()
            .map(|p| Point::new((p.x - middle.x) / size, (p.y - middle.y) / size))
            .collect();
        Some(Self {
            time,
            place: Filtered::new(middle.x, middle.y),
            turn_and_size: Filtered::new(0.0, size.ln()),
            points: shape.iter().map(|p| Filtered::new(p.x, p.y)).collect(),
            shape,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};

    const FRAME: Duration = Duration::from_millis(33);

    /// Sixty-eight places, all apart; `size` is about the extent of the face.
    fn face(x: f32, y: f32, size: f32) -> Vec<Point> {
        (0..68)
            .map(|i| {
                let angle = i as f32 * 2.4;
                let radius = size * (0.1 + 0.4 * (i as f32 / 68.0));
                Point::new(x + radius * angle.cos(), y + radius * angle.sin())
            })
            .collect()
    }

    fn rms(a: &[Point], b: &[Point]) -> f32 {
        let squares = a.iter().zip(b).map(|(a, b)| a.distance(*b).powi(2));
        (squares.sum::<f32>() / a.len() as f32).sqrt()
    }

    /// Feeds a face that goes along `path` under noise of `noise` pixels; gives each frame's truth and what came out.
    fn run(
        path: impl Fn(usize) -> Vec<Point>,
        noise: f32,
        strength: Strength,
    ) -> Vec<(Vec<Point>, Vec<Point>)> {
        let mut random = rand_pcg::Pcg64::seed_from_u64(3);
        let mut smoother = Smoother::new(&PointScheme::ibug68());
        (0..120)
            .map(|frame| {
                let truth = path(frame);
                let mut shake =
                    |v: f32| v + noise * (random.random::<f32>() + random.random::<f32>() - 1.0) * 2.4;
                let noisy: Vec<Point> = truth.iter().map(|p| Point::new(shake(p.x), shake(p.y))).collect();
                let smooth = smoother.smooth(&noisy, FRAME * frame as u32, strength);
                (truth, smooth)
            })
            .collect()
    }

    #[test]
    fn a_still_face_is_held_still() {
        let frames = run(|_| face(200.0, 150.0, 100.0), 1.0, Strength::default());
        let jitter = |frames: &[(Vec<Point>, Vec<Point>)]| {
            let steps = frames.windows(2).map(|two| rms(&two[0].1, &two[1].1));
            steps.sum::<f32>() / (frames.len() - 1) as f32
        };
        let raw = run(|_| face(200.0, 150.0, 100.0), 1.0, Strength::OFF);
        let (smooth, raw) = (jitter(&frames[30..]), jitter(&raw[30..]));
        assert!(smooth < 0.35 * raw, "{smooth} of {raw}");
        let stronger = run(|_| face(200.0, 150.0, 100.0), 1.0, Strength::new(1.0));
        assert!(jitter(&stronger[30..]) < jitter(&frames[30..]));
    }

    #[test]
    fn a_fast_face_is_not_held_back() {
        // Three face sizes a second.
        let speed = 10.0;
        let frames = run(
            |i| face(50.0 + speed * i as f32, 150.0, 100.0),
            0.0,
            Strength::default(),
        );
        let behind = rms(&frames[100].0, &frames[100].1);
        assert!(
            behind < speed / 2.0,
            "{behind} px behind is more than half a frame"
        );
    }

    #[test]
    fn off_changes_nothing_and_a_gap_begins_anew() {
        for (truth, out) in run(|i| face(50.0 + i as f32, 9.0, 40.0), 0.0, Strength::OFF) {
            assert_eq!(truth, out);
        }
        let mut smoother = Smoother::new(&PointScheme::ibug68());
        let (here, there) = (face(10.0, 10.0, 50.0), face(400.0, 300.0, 90.0));
        smoother.smooth(&here, Duration::ZERO, Strength::default());
        let later = LONGEST_GAP + FRAME;
        assert_eq!(smoother.smooth(&there, later, Strength::default()), there);
        assert_eq!(
            smoother.smooth(&here, Duration::ZERO, Strength::default()),
            here,
            "time went back"
        );
    }

    #[test]
    fn near_and_far_faces_are_treated_alike() {
        let small = run(|i| face(0.5 * i as f32, 0.0, 20.0), 0.0, Strength::default());
        let large = run(|i| face(5.0 * i as f32, 0.0, 200.0), 0.0, Strength::default());
        let (near, far) = (rms(&large[60].0, &large[60].1), rms(&small[60].0, &small[60].1));
        assert!((near / far - 10.0).abs() < 0.1, "{near} {far}");
    }

    #[test]
    fn points_without_extent_pass_through() {
        let mut smoother = Smoother::new(&PointScheme::unnamed(3));
        let same = [Point::new(4.0, 4.0); 3];
        for frame in 0..5 {
            assert_eq!(smoother.smooth(&same, FRAME * frame, Strength::default()), same);
        }
    }
}
