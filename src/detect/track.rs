//! Follows faces from frame to frame: where to look next, which face is which, who is lost and who is back.
//!
//! Runs no net and sees no picture. For every frame it is asked where to look ([`Tracker::propose`]), is told what was
//! seen there ([`Tracker::take_in`], which may ask for a second, better aimed look), and then knows the faces
//! ([`Tracker::faces`]). Times are those of the frames in their source, so a recording is followed alike however fast
//! it is worked through.

mod judge;
mod learn;
mod motion;
mod patch;

use std::time::Duration;

use super::{
    Detection,
    smooth::{Smoother, Strength},
};
use crate::{
    face::Face,
    geometry::{FaceBox, Point, Similarity},
    keypoints::PointScheme,
};
pub use judge::{Verdict, better_aim, judge};
use learn::Learner;
use motion::Motion;
use patch::correlation;
pub use patch::unit;

/// Frames further apart than this show nothing of how a face moved in between: everybody is lost, and may be found again.
const LONGEST_STEP: Duration = Duration::from_millis(500);
/// A lost face is looked for at its last place for so long: a hand before it, a blurred turn.
const RETRY_TIME: Duration = Duration::from_millis(400);
/// A lost face is remembered for so long: who comes back sooner keeps their number.
const MEMORY: Duration = Duration::from_millis(1200);
/// A find whose box overlaps that of a face by more than this (intersection over union) is that face.
const SAME_FACE_IOU: f32 = 0.3;
/// More regions are not looked at in one frame: a crowd costs time, and cannot be told apart in a window.
const MOST_REGIONS: usize = 32;
/// A find that overlaps a followed face by less than this is looked at all the same: the face may be followed wrongly.
const SURELY_SAME_IOU: f32 = 0.55;
/// Two followed faces whose boxes overlap by more than this are one face followed twice.
const DOUBLE_IOU: f32 = 0.4;
/// Patches that correlate less than this are not of one face.
const SAME_LOOKS: f32 = 0.5;
/// From one frame to the next the patch of a face correlates more than this: so in 1658 of 1659 followed faces of six
/// videos, and in 3 of 40 at cuts between portraits.
const SAME_SCENE: f32 = 0.65;
/// And its shape changes less than this: so in 1658 of the 1659, and in 12 of the 40.
const SAME_SHAPE: f32 = 0.13;
/// How much of a face's remembered patch is its newest: it follows within a second or two.
const NEWEST_LOOKS: f32 = 0.05;
/// Without a confidence from the net, a face that no search has found for so long is taken for something else.
const UNCONFIRMED_TIME: Duration = Duration::from_secs(2);
/// A place where a find proved to be no face is left alone for so long: the cascade finds it again and again.
const GRUDGE: Duration = Duration::from_millis(1500);

/// What a net saw in one region, frame pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// The region.
    pub region: FaceBox,
    /// The keypoints.
    pub points: Vec<Point>,
    /// Whether it is a face, 0 to 1; `None` when the net does not say.
    pub confidence: Option<f32>,
    /// By how much each keypoint's coordinates are expected to be off; empty when the net does not say.
    pub spread: Vec<f32>,
    /// What the region looks like: a few values, mean 0 and length 1, to tell faces apart by; empty when not known.
    pub patch: Vec<f32>,
}

/// Where the tracker wants to look again.
#[derive(Debug, Clone, PartialEq)]
pub enum Again {
    /// In this region.
    At(FaceBox),
    /// Where the patch, that of a face gone astray, is found best round this region.
    Round(FaceBox, Vec<f32>),
}

/// Why the tracker wants a region looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aim {
    /// The track of this id, which was there in the last frame or is looked for at its last place.
    Track(u32),
    /// A find of the search that is no known face.
    New,
}

/// A region that was proposed, and what was seen there.
#[derive(Debug)]
struct Proposal {
    aim: Aim,
    region: FaceBox,
    look: Option<Look>,
    tries: Tries,
}

impl Proposal {
    fn new(aim: Aim, region: FaceBox) -> Self {
        Self {
            aim,
            region,
            look: None,
            tries: Tries::default(),
        }
    }

    /// Whether it may be aimed at once more. What a detector proposes is further off its face than where a tracker leads,
    /// and nets are surest where they are aimed well: it is given two tries.
    fn may_aim(&self) -> bool {
        let most = match self.aim {
            Aim::New => 2,
            Aim::Track(_) => 1,
        };
        self.tries.aimed < most && !(self.tries.together || self.tries.sought)
    }
}

/// Which further looks a proposal has had.
#[derive(Debug, Clone, Copy, Default)]
struct Tries {
    /// At what was seen, which the look before was aimed at badly.
    aimed: u32,
    /// Where it should be when it moved together with the others.
    together: bool,
    /// Where its patch is found best.
    sought: bool,
}

/// One face.
#[derive(Debug)]
struct Track {
    id: u32,
    motion: Motion,
    /// Where it was last looked at.
    region: FaceBox,
    points: Vec<Point>,
    smooth_points: Vec<Point>,
    smoother: Smoother,
    confidence: Option<f32>,
    spread: Vec<f32>,
    /// What it looked like over the last seconds, and in the last frame.
    patch: Vec<f32>,
    last_patch: Vec<f32>,
    /// `None` while it is followed.
    lost_at: Option<Duration>,
    /// It is lost as another track is on its face: nobody is missing.
    is_double: bool,
    /// When a search last found it.
    confirmed_at: Duration,
}

/// Follows faces.
#[derive(Debug)]
pub struct Tracker {
    /// As the net has it.
    given: PointScheme,
    /// With what was learned.
    scheme: PointScheme,
    learner: Option<Learner>,
    strength: Strength,
    tracks: Vec<Track>,
    proposals: Vec<Proposal>,
    time: Duration,
    /// The frame is the last one once more.
    stays: bool,
    next_id: u32,
    grudges: Vec<(FaceBox, Duration)>,
}

/// How the search for faces should be going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Need {
    /// Faces that are followed.
    pub followed: usize,
    /// Faces that were lost a moment ago and are not back yet.
    pub missing: usize,
    /// Whether whoever follows tells faces from other things, so that finds need not be sure.
    pub verifies: bool,
}

impl Tracker {
    /// A tracker that knows no face yet, for points of `scheme`.
    pub fn new(scheme: PointScheme, strength: Strength) -> Self {
        Self {
            learner: Learner::of(&scheme),
            given: scheme.clone(),
            scheme,
            strength,
            tracks: Vec::new(),
            proposals: Vec::new(),
            time: Duration::ZERO,
            stays: false,
            next_id: 0,
            grudges: Vec::new(),
        }
    }

    /// How much points are smoothed from now on.
    pub fn set_strength(&mut self, strength: Strength) {
        self.strength = strength;
    }

    /// Forgets all faces; ids go on.
    pub fn forget(&mut self) {
        self.tracks.clear();
        self.grudges.clear();
    }

    /// Knows nothing any more, as when it was made: a recording gives the same whatever came before it.
    pub fn begin_anew(&mut self) {
        *self = Self::new(self.given.clone(), self.strength);
    }

    /// The next frame is the last one once more: faces are looked at where they were, and what comes of it is the same. Where each
    /// look led to the next one, the points of a still picture would never come to rest.
    pub fn picture_stays(&mut self) {
        self.stays = true;
    }

    /// Where to look in the frame at `time`, given what searches have found since the last frame.
    pub fn propose(&mut self, time: Duration, found: &[Detection]) -> Vec<FaceBox> {
        if time < self.time {
            // A recording that begins again.
            self.forget();
        }
        if time.saturating_sub(self.time) > LONGEST_STEP {
            let seen_at = self.time;
            for track in &mut self.tracks {
                track.lost_at.get_or_insert(seen_at);
            }
        }
        self.time = time;
        self.tracks.retain(|track| {
            track
                .lost_at
                .is_none_or(|lost| time.saturating_sub(lost) <= MEMORY)
        });
        self.grudges.retain(|(_, until)| time < *until);
        self.proposals.clear();
        for track in self.tracks.iter().filter(|track| track.lost_at.is_none()) {
            let region = if self.stays {
                track.region
            } else {
                track.motion.predicted(time)
            };
            self.proposals.push(Proposal::new(Aim::Track(track.id), region));
        }
        for track in &self.tracks {
            let region = track.motion.last();
            // Without a confidence nothing could be told from a look: then a search has to find the face.
            let just_lost = track.confidence.is_some()
                && track
                    .lost_at
                    .is_some_and(|lost| time.saturating_sub(lost) <= RETRY_TIME);
            let taken = |other: &Proposal| other.region.bounds().iou(&region.bounds()) > SAME_FACE_IOU;
            if just_lost && !self.proposals.iter().any(taken) {
                self.proposals.push(Proposal::new(Aim::Track(track.id), region));
            }
        }
        for find in found {
            self.propose_find(find);
        }
        self.proposals.iter().map(|proposal| proposal.region).collect()
    }

    /// Which of the proposed regions is that of the face `id`.
    pub fn place_of(&self, id: u32) -> Option<usize> {
        self.proposals
            .iter()
            .position(|proposal| proposal.aim == Aim::Track(id))
    }

    /// Where the face `id` is now, or was last.
    pub fn region_of(&self, id: u32) -> Option<FaceBox> {
        Some(self.track(id)?.motion.last())
    }

    /// Where the face `id` was looked at when its points were seen.
    pub fn looked_at(&self, id: u32) -> Option<FaceBox> {
        Some(self.track(id)?.region)
    }

    fn track(&self, id: u32) -> Option<&Track> {
        self.tracks.iter().find(|track| track.id == id)
    }

    /// A find confirms the face that it overlaps, or is looked at as a new one.
    fn propose_find(&mut self, find: &Detection) {
        let overlap = |region: &FaceBox| region.bounds().iou(&find.face_box.bounds());
        let mut known = false;
        for proposal in &self.proposals {
            let iou = overlap(&proposal.region);
            if iou > SAME_FACE_IOU {
                let mut by_this = iou > SURELY_SAME_IOU || proposal.aim == Aim::New;
                if let Aim::Track(id) = proposal.aim
                    && let Some(track) = self.tracks.iter_mut().find(|track| track.id == id)
                {
                    // A lost face that is found a little off its last place is not found by looking there.
                    by_this &= track.lost_at.is_none();
                    track.confirmed_at = self.time;
                }
                known |= by_this;
            }
        }
        let refused = self
            .grudges
            .iter()
            .any(|(place, _)| overlap(place) > SURELY_SAME_IOU);
        if !known && !refused && self.proposals.len() < MOST_REGIONS {
            self.proposals.push(Proposal::new(Aim::New, find.face_box));
        }
    }

    /// Takes in what was seen in the regions, in their order. Faces that were aimed at badly, or not seen any more, are to
    /// be looked at again, a few times at most: those come back, and the answer is taken in the same way. The frame is done when none
    /// come back.
    pub fn take_in(&mut self, looks: Vec<Look>) -> Vec<Again> {
        let open = self
            .proposals
            .iter_mut()
            .filter(|proposal| proposal.look.is_none());
        for (proposal, look) in open.zip(looks) {
            let is_a_find = proposal.aim == Aim::New && proposal.tries.aimed == 0;
            if let Some(learner) = self.learner.as_mut().filter(|_| is_a_find) {
                self.scheme.face = learner.learn(&look);
            }
            proposal.look = Some(look);
        }
        let together = self.common_move();
        let mut all = Vec::new();
        for proposal in &mut self.proposals {
            let Some(look) = &proposal.look else { continue };
            let holds = self.stays && proposal.aim != Aim::New;
            let better = judge::better_aim(&self.scheme, look).filter(|_| proposal.may_aim() && !holds);
            let again = if better.is_some() || judge::judge(&self.scheme, look) != Verdict::NoFace {
                proposal.tries.aimed += u32::from(better.is_some());
                better.map(Again::At)
            } else {
                // A face that was there in the last frame moved faster than it was led.
                let followed = self.tracks.iter().find(|track| {
                    proposal.aim == Aim::Track(track.id)
                        && track.lost_at.is_none()
                        && !track.last_patch.is_empty()
                });
                followed.and_then(|track| proposal.tries.next_for(track, together.as_ref()))
            };
            if let Some(again) = again {
                proposal.look = None;
                all.push(again);
            }
        }
        if !all.is_empty() {
            return all;
        }
        self.settle();
        Vec::new()
    }

    /// How the largest face that was surely seen again has moved since the last frame: when the camera shakes or zooms, all
    /// move alike.
    fn common_move(&self) -> Option<Similarity> {
        let seen = self.proposals.iter().filter_map(|proposal| {
            let (Aim::Track(id), Some(look)) = (proposal.aim, &proposal.look) else {
                return None;
            };
            let track = self.tracks.iter().find(|track| track.id == id)?;
            let is_same = track.lost_at.is_none()
                && judge::judge(&self.scheme, look) == Verdict::Face
                && track.is_like(look);
            is_same.then_some((track, look))
        });
        let size = |(track, _): &(&Track, &Look)| track.motion.last().long_side();
        let (track, look) = seen.max_by(|a, b| size(a).total_cmp(&size(b)))?;
        Similarity::fit(&track.points, &look.points)
    }

    /// Decides what every look means.
    fn settle(&mut self) {
        self.stays = false;
        let mut new = Vec::new();
        for proposal in std::mem::take(&mut self.proposals) {
            let Some(look) = proposal.look else { continue };
            match proposal.aim {
                Aim::New => new.push(look),
                Aim::Track(id) => self.follow(id, look),
            }
        }
        for look in new {
            self.welcome(look);
        }
        self.drop_doubles();
    }

    /// A followed face was seen again, or is lost.
    fn follow(&mut self, id: u32, look: Look) {
        let Some(index) = self.tracks.iter().position(|track| track.id == id) else {
            return;
        };
        let time = self.time;
        let track = &mut self.tracks[index];
        let verdict = judge::judge(&self.scheme, &look);
        let unconfirmed =
            look.confidence.is_none() && time.saturating_sub(track.confirmed_at) > UNCONFIRMED_TIME;
        tracing::trace!(
            id,
            time = time.as_secs_f32(),
            lost = track.lost_at.is_some(),
            confidence = look.confidence,
            ?verdict,
            "looked at a face"
        );
        if unconfirmed {
            self.tracks.remove(index);
            self.grudges.push((look.region, time + GRUDGE));
            return;
        }
        // At the place of the face may be another one now: after a cut, or while it is away.
        let (same, worth) = match track.lost_at {
            None => (track.is_like(&look), Verdict::Perhaps),
            Some(_) => (correlation(&track.patch, &look.patch) > SAME_LOOKS, Verdict::Face),
        };
        if same && verdict >= worth {
            self.set(index, look);
            return;
        }
        track.lost_at.get_or_insert(time);
        if verdict == Verdict::Face && look.confidence.is_some() {
            self.welcome(look);
        }
    }

    /// Of two tracks on one face, one is lost: the one that the net is less sure of, the newer one where it does not say.
    fn drop_doubles(&mut self) {
        for a in 0..self.tracks.len() {
            for b in a + 1..self.tracks.len() {
                let (one, other) = (&self.tracks[a], &self.tracks[b]);
                if one.lost_at.is_some() || other.lost_at.is_some() || one.overlap(other) < DOUBLE_IOU {
                    continue;
                }
                let goes = if other.confidence > one.confidence { a } else { b };
                self.tracks[goes].goes_as_double(self.time);
            }
        }
    }

    /// A face where none was followed: one that was lost, or a new one.
    fn welcome(&mut self, look: Look) {
        let verdict = judge::judge(&self.scheme, &look);
        tracing::trace!(
            time = self.time.as_secs_f32(),
            confidence = look.confidence,
            ?verdict,
            "looked at a find"
        );
        if verdict != Verdict::Face {
            self.grudges.push((look.region, self.time + GRUDGE));
            return;
        }
        let Some(found) = self.scheme.leaning_face_box(&look.points) else {
            return;
        };
        let time = self.time;
        let here = Motion::begin(found, time);
        // Followed already, unless wrongly: then the net is surer of what it sees now.
        let is_double = |track: &&mut Track| {
            track.lost_at.is_none() && track.motion.last().bounds().iou(&found.bounds()) > DOUBLE_IOU
        };
        let doubles: Vec<&mut Track> = self.tracks.iter_mut().filter(is_double).collect();
        if doubles.iter().any(|track| look.confidence <= track.confidence) {
            return;
        }
        for track in doubles {
            track.goes_as_double(time);
        }
        let old = self.tracks.iter().enumerate().filter_map(|(index, track)| {
            let away = time.saturating_sub(track.lost_at?);
            let likeness = correlation(&track.patch, &look.patch);
            let could_be = track.motion.could_reach(&here, away) && likeness > SAME_LOOKS;
            could_be.then_some((index, likeness))
        });
        match old.max_by(|a, b| a.1.total_cmp(&b.1)) {
            Some((index, _)) => {
                self.tracks[index].motion = here;
                self.set(index, look);
            }
            None => {
                self.tracks.push(Track {
                    id: self.next_id,
                    motion: here,
                    region: look.region,
                    points: Vec::new(),
                    smooth_points: Vec::new(),
                    smoother: Smoother::new(&self.scheme),
                    confidence: None,
                    spread: Vec::new(),
                    patch: Vec::new(),
                    last_patch: Vec::new(),
                    lost_at: None,
                    is_double: false,
                    confirmed_at: time,
                });
                self.next_id += 1;
                self.set(self.tracks.len() - 1, look);
            }
        }
    }

    /// The track was seen in this frame.
    fn set(&mut self, index: usize, look: Look) {
        let track = &mut self.tracks[index];
        if let Some(found) = self.scheme.leaning_face_box(&look.points) {
            track.motion.observe(found, self.time);
        }
        if track.lost_at.take().is_some() {
            track.is_double = false;
            track.smoother = Smoother::new(&self.scheme);
            track.confirmed_at = self.time;
        }
        track.smooth_points = track.smoother.smooth(&look.points, self.time, self.strength);
        track.region = look.region;
        track.points = look.points;
        track.confidence = look.confidence;
        track.spread = look.spread;
        track.remember(look.patch);
    }

    /// The faces in the frame, by id.
    pub fn faces(&self) -> Vec<Face> {
        let there = self.tracks.iter().filter(|track| track.lost_at.is_none());
        let mut faces: Vec<Face> = there
            .map(|track| Face {
                id: track.id,
                face_box: track.motion.last().bounds(),
                points: track.smooth_points.clone(),
                raw_points: track.points.clone(),
                confidence: track.confidence,
                spread: track.spread.clone(),
            })
            .collect();
        faces.sort_by_key(|face| face.id);
        faces
    }

    /// How the search should be going on.
    pub fn need(&self) -> Need {
        let count = |is: fn(&&Track) -> bool| self.tracks.iter().filter(is).count();
        Need {
            followed: count(|track| track.lost_at.is_none()),
            missing: count(|track| track.lost_at.is_some() && !track.is_double),
            verifies: false,
        }
    }
}

impl Tries {
    /// Where a face that is not where it was led is looked for next, if anywhere.
    fn next_for(&mut self, track: &Track, together: Option<&Similarity>) -> Option<Again> {
        let last = track.motion.last();
        if let Some(moved) = together
            && !std::mem::replace(&mut self.together, true)
        {
            return Some(Again::At(moved.of_box(&last)));
        }
        let sought = std::mem::replace(&mut self.sought, true);
        (!sought).then(|| Again::Round(last, track.last_patch.clone()))
    }
}

impl Track {
    fn goes_as_double(&mut self, time: Duration) {
        self.lost_at = Some(time);
        self.is_double = true;
    }

    /// Intersection over union with another face's box.
    fn overlap(&self, other: &Self) -> f32 {
        self.motion.last().bounds().iou(&other.motion.last().bounds())
    }

    /// Whether a look in the next frame shows the same face.
    fn is_like(&self, look: &Look) -> bool {
        correlation(&self.last_patch, &look.patch) > SAME_SCENE
            && judge::shape_change(&self.points, &look.points) < SAME_SHAPE
    }

    fn remember(&mut self, patch: Vec<f32>) {
        if self.patch.len() == patch.len() {
            let mixed = self.patch.iter().zip(&patch);
            self.patch = unit(mixed.map(|(old, new)| old + (new - old) * NEWEST_LOOKS).collect());
        } else {
            self.patch.clone_from(&patch);
        }
        self.last_patch = patch;
    }
}
