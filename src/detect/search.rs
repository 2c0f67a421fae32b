//! When to search a frame for faces that are not followed yet, and how thoroughly. Searching costs far more than
//! following, so it is rationed: each kind of search may take a share of the time, by its own measured cost.

use std::time::Duration;

use super::track::Need;

/// How a picture is searched.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Search {
    /// Long side of the copy that is searched, in pixels; larger pictures are shrunk to it.
    pub work_side: u32,
    /// Smallest face, as a fraction of the picture's short side; never less than the detector can see in the copy.
    pub min_size: f32,
    /// Whether faces that lean to the left or right are looked for.
    pub tilted: Tilted,
    /// How sure a find has to be.
    pub finds: Finds,
}

/// How sure a find has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finds {
    /// Most finds are faces: what is found is believed.
    Sure,
    /// Whatever might be a face, quickly: a net that tells faces from others looks at all of them.
    Proposals,
    /// Whatever might be a face to any of the detector's means, at any cost; the same face may be found several times.
    Everything,
}

impl Finds {
    /// Proposals are enough where somebody tells faces from others.
    fn needed(need: Need) -> Self {
        if need.verifies {
            Self::Proposals
        } else {
            Self::Sure
        }
    }
}

/// When to look for faces that lean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tilted {
    /// Never.
    Never,
    /// In pictures without an upright face, which takes two more searches there.
    WhenNoneIsUpright,
    /// In all pictures.
    Always,
    /// Only those that lean to the left, and no upright ones.
    OnlyLeft,
    /// Only those that lean to the right, and no upright ones.
    OnlyRight,
}

/// A quick look for faces of usual size, in a small copy.
const GLANCE: Search = Search {
    work_side: 320,
    min_size: 0.1,
    tilted: Tilted::Never,
    finds: Finds::Sure,
};
/// A search for small faces as well: down to 25 pixels in a picture 1280 wide.
const SWEEP: Search = Search {
    work_side: 960,
    min_size: 0.03,
    tilted: Tilted::Never,
    finds: Finds::Sure,
};
/// What they cost until it was measured: estimated from whole runs on pictures of 640x480, not timed one by one.
const ASSUMED_GLANCE: Duration = Duration::from_millis(15);
/// See [`ASSUMED_GLANCE`].
const ASSUMED_SWEEP: Duration = Duration::from_millis(200);
/// A copy is made smaller when searching it takes longer than this: results that are older are of little use.
const MOST_GLANCE: Duration = Duration::from_millis(40);
/// The same for sweeps.
const MOST_SWEEP: Duration = Duration::from_millis(400);
/// It grows again when the larger one is expected to take no more than this share of that time.
const ROOM_TO_GROW: f64 = 0.6;
/// By how much, and down to which side.
const SHRINK: f32 = 0.75;
/// See [`SHRINK`].
const LEAST_SIDE: u32 = 200;
/// How much of the known cost is the newest measurement.
const NEWEST_COST: f64 = 0.3;

/// Shares of one core.
#[derive(Debug, Clone, Copy)]
struct Shares {
    glance: f64,
    sweep: f64,
}

/// Proposals for small faces come and go with their sizes in the copy: so the first sweeps follow each other this fast, and
/// each has another copy. One sweep sees the smaller of two faces of 39 and 48 pixels in 4 to 9 of ten pictures,
/// by the copy. A picture that is no larger than the smallest of the copies would be searched as it is every time: there one
/// sweep has to do.
const FIRST_SWEEPS: Duration = Duration::from_millis(300);
/// Sides of the copies by those of a sure sweep, one after the other: the quick cascade sees nothing below 24 pixels.
const COPIES_FOR_PROPOSALS: [f32; 3] = [1.15, 1.0, 1.07];

/// While proposals are enough, which find more faces at the same cost, a followed face needs less of a core.
const FOLLOWING_WITH_PROPOSALS: Shares = Shares {
    glance: 0.01,
    sweep: 0.01,
};
/// While nobody is in view: a tenth of a core for both kinds; what else runs then comes on top.
const NOBODY: Shares = Shares {
    glance: 0.06,
    sweep: 0.04,
};
/// The same for proposals, of which a glance costs a third: somebody who comes is found within half a second all the same.
const NOBODY_WITH_PROPOSALS: Shares = Shares {
    glance: 0.03,
    sweep: 0.02,
};
/// While faces are followed: newcomers are found within a second.
const FOLLOWING: Shares = Shares {
    glance: 0.02,
    sweep: 0.015,
};
/// Just after a face was lost: it should be back at once.
const MISSING: Shares = Shares {
    glance: 0.35,
    sweep: 0.06,
};

/// One kind of search.
#[derive(Debug, Clone)]
struct Kind {
    search: Search,
    most: Duration,
    cost: Duration,
    last: Option<Duration>,
    /// Side of the copy where there is time.
    full_side: u32,
}

impl Kind {
    fn new(search: Search, cost: Duration, most: Duration) -> Self {
        Self {
            search,
            most,
            cost,
            last: None,
            full_side: search.work_side,
        }
    }

    fn is_due(&self, time: Duration, share: f64) -> bool {
        self.is_older_than(self.cost.div_f64(share), time)
    }

    /// Whether the last search was longer ago than `pause`; time may have begun anew.
    fn is_older_than(&self, pause: Duration, time: Duration) -> bool {
        self.last
            .is_none_or(|last| time.saturating_sub(last) >= pause || time < last)
    }

    fn took(&mut self, cost: Duration) {
        self.cost = self.cost.mul_f64(1.0 - NEWEST_COST) + cost.mul_f64(NEWEST_COST);
        if self.cost > self.most && self.search.work_side > LEAST_SIDE {
            self.search.work_side = ((self.search.work_side as f32 * SHRINK) as u32).max(LEAST_SIDE);
            self.cost = self.cost.mul_f64(f64::from(SHRINK * SHRINK));
            return;
        }
        let larger = self.cost.div_f64(f64::from(SHRINK * SHRINK));
        if self.search.work_side < self.full_side && larger < self.most.mul_f64(ROOM_TO_GROW) {
            self.search.work_side = ((self.search.work_side as f32 / SHRINK) as u32).min(self.full_side);
            self.cost = larger;
        }
    }
}

/// Decides when to search.
#[derive(Debug, Clone)]
pub struct Planner {
    glance: Kind,
    sweep: Kind,
    /// Glances so far: which way to lean next.
    turn: usize,
    /// Whether the last search was a sweep.
    swept: bool,
    /// Sweeps so far.
    sweeps: usize,
}

impl Default for Planner {
    fn default() -> Self {
        Self {
            glance: Kind::new(GLANCE, ASSUMED_GLANCE, MOST_GLANCE),
            sweep: Kind::new(SWEEP, ASSUMED_SWEEP, MOST_SWEEP),
            turn: 0,
            swept: false,
            sweeps: 0,
        }
    }
}

impl Planner {
    /// Looks for faces from this fraction of the picture's short side.
    pub fn from_size(mut self, min_size: f32) -> Self {
        self.glance.search.min_size = min_size;
        self.sweep.search.min_size = min_size;
        self
    }

    /// The search to make in the frame at `time`, of this width and height, if any; the first frame of all is swept.
    pub fn next(&mut self, time: Duration, need: Need, (width, height): (u32, u32)) -> Option<Search> {
        let among_first = (1..COPIES_FOR_PROPOSALS.len()).contains(&self.sweeps)
            && width.max(height) > self.sweep.search.work_side;
        let search = if need.verifies && among_first && self.sweep.is_older_than(FIRST_SWEEPS, time) {
            self.begin_sweep(time)
        } else {
            self.choose(time, need)?
        };
        let larger = match self.swept && need.verifies {
            true => COPIES_FOR_PROPOSALS[(self.sweeps - 1) % COPIES_FOR_PROPOSALS.len()],
            false => 1.0,
        };
        Some(Search {
            work_side: (search.work_side as f32 * larger) as u32,
            finds: Finds::needed(need),
            ..search
        })
    }

    fn begin_sweep(&mut self, time: Duration) -> Search {
        self.sweep.last = Some(time);
        self.glance.last = Some(time);
        self.swept = true;
        self.sweeps += 1;
        self.sweep.search
    }

    fn choose(&mut self, time: Duration, need: Need) -> Option<Search> {
        let shares = match need {
            Need { missing: 1.., .. } => MISSING,
            Need {
                followed: 0,
                verifies: true,
                ..
            } => NOBODY_WITH_PROPOSALS,
            Need { followed: 0, .. } => NOBODY,
            Need { verifies: true, .. } => FOLLOWING_WITH_PROPOSALS,
            _ => FOLLOWING,
        };
        if self.sweep.is_due(time, shares.sweep) {
            return Some(self.begin_sweep(time));
        }
        if !self.glance.is_due(time, shares.glance) {
            return None;
        }
        self.glance.last = Some(time);
        self.turn += 1;
        self.swept = false;
        // Upright every other time; leaning faces only while somebody is looked for.
        let tilted = match self.turn % 4 {
            _ if need.followed > 0 && need.missing == 0 => Tilted::Never,
            1 => Tilted::OnlyLeft,
            3 => Tilted::OnlyRight,
            _ => Tilted::Never,
        };
        Some(Search {
            tilted,
            ..self.glance.search
        })
    }

    /// A glance at `time`, whatever it costs: where frames come so slowly that faces cannot be followed.
    pub fn glance(&mut self, time: Duration, need: Need) -> Search {
        self.glance.last = Some(time);
        self.swept = false;
        Search {
            tilted: Tilted::WhenNoneIsUpright,
            finds: Finds::needed(need),
            ..self.glance.search
        }
    }

    /// How long the last search took. Not told for recordings, so that what is found in them does not depend on the
    /// machine: then costs are assumed.
    pub fn took(&mut self, cost: Duration) {
        if self.swept {
            self.sweep.took(cost);
        } else {
            self.glance.took(cost);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_millis(33);
    /// A picture that is larger than every copy.
    const HD: (u32, u32) = (1280, 720);

    /// CPU time of the searches over 20 seconds, as a share of one core, with their real costs.
    fn load(planner: &mut Planner, need: Need, glance: Duration, sweep: Duration) -> f64 {
        let frames = 606;
        let mut spent = Duration::ZERO;
        for frame in 0..frames {
            if let Some(search) = planner.next(FRAME * frame, need, HD) {
                let cost = if search.min_size == SWEEP.min_size {
                    sweep
                } else {
                    glance
                };
                spent += cost;
                planner.took(cost);
            }
        }
        spent.as_secs_f64() / (FRAME * frames).as_secs_f64()
    }

    #[test]
    fn searching_keeps_to_its_share_on_fast_and_slow_machines() {
        for millis in [2, 12, 35] {
            let (glance, sweep) = (Duration::from_millis(millis), Duration::from_millis(9 * millis));
            let nobody = load(&mut Planner::default(), Need::default(), glance, sweep);
            assert!(nobody < 0.13, "{nobody} with {millis} ms");
            let need = Need {
                followed: 2,
                ..Need::default()
            };
            let following = load(&mut Planner::default(), need, glance, sweep);
            assert!(following < 0.08, "{following} with {millis} ms");
        }
    }

    #[test]
    fn the_first_frame_is_swept_and_a_lost_face_is_searched_for_at_once() {
        let mut planner = Planner::default();
        let first = planner.next(Duration::ZERO, Need::default(), HD).unwrap();
        assert_eq!(first.work_side, SWEEP.work_side);
        let following = Need {
            followed: 1,
            ..Need::default()
        };
        assert_eq!(planner.next(FRAME, following, HD), None);
        let lost = Need {
            missing: 1,
            ..Need::default()
        };
        assert!(planner.next(FRAME * 2, lost, HD).is_some());
    }

    #[test]
    fn a_net_that_verifies_gets_proposals_and_several_sweeps_at_the_start() {
        let mut planner = Planner::default();
        let need = Need {
            followed: 1,
            verifies: true,
            ..Need::default()
        };
        let searches: Vec<Search> = (0..31)
            .filter_map(|frame| planner.next(FRAME * frame, need, HD))
            .collect();
        assert!(searches.iter().all(|search| search.finds == Finds::Proposals));
        let sweeps = searches.iter().filter(|search| search.min_size == SWEEP.min_size);
        let mut sides: Vec<u32> = sweeps.map(|search| search.work_side).collect();
        assert_eq!(sides.len(), COPIES_FOR_PROPOSALS.len(), "in the first second");
        sides.sort_unstable();
        sides.dedup();
        assert_eq!(
            sides.len(),
            COPIES_FOR_PROPOSALS.len(),
            "in copies of other sizes"
        );

        let mut planner = Planner::default();
        let small = (0..31).filter_map(|frame| planner.next(FRAME * frame, need, (640, 480)));
        let sweeps = small.filter(|search| search.min_size == SWEEP.min_size).count();
        assert_eq!(sweeps, 1, "where all copies would be the same");

        let sure = Planner::default()
            .next(Duration::ZERO, Need::default(), HD)
            .unwrap();
        assert_eq!(sure.finds, Finds::Sure);
        let glance = |need| Planner::default().glance(FRAME, need).finds;
        assert_eq!(glance(need), Finds::Proposals);
        assert_eq!(glance(Need::default()), Finds::Sure);
    }

    #[test]
    fn what_takes_too_long_is_searched_in_a_smaller_copy() {
        let mut planner = Planner::default();
        for _ in 0..50 {
            planner.took(Duration::from_millis(300));
        }
        assert_eq!(planner.glance.search.work_side, LEAST_SIDE);
        assert_eq!(planner.sweep.search.work_side, SWEEP.work_side);
        for _ in 0..50 {
            planner.took(Duration::from_millis(5));
        }
        assert_eq!(
            planner.glance.search.work_side, GLANCE.work_side,
            "and in the full one when there is time again"
        );
    }

    #[test]
    fn a_recording_that_begins_again_is_searched_again() {
        let mut planner = Planner::default();
        planner.next(Duration::from_secs(100), Need::default(), HD);
        assert!(planner.next(Duration::ZERO, Need::default(), HD).is_some());
    }
}
