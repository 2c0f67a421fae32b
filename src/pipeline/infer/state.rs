//! What lasts from frame to frame in the inference thread: the net, the faces, what is searched and looked at.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use image::GrayImage;

use super::super::{
    beside::Beside,
    detect::Found,
    events::Role,
    fit::Sight,
    follow::Follower,
    inside::{Atlas, Inside, Looking, OnScreen, Strip},
    recycle::Recycled,
    scene::{NetInfo, Searched},
    silence::Silence,
    study::Studying,
};
use super::STILL_SEARCHED;

use crate::{
    detect::{Planner, smooth::Strength},
    face::Face,
    frame::Frame,
};

/// A net under which the thread panics so often within [`UNBEARABLE_WITHIN`] is let go.
const UNBEARABLE: usize = 3;
const UNBEARABLE_WITHIN: Duration = Duration::from_secs(10);

/// What lasts from frame to frame, and over a panic of the thread.
pub(in crate::pipeline) struct State {
    has_begun: bool,
    /// When it panicked lately.
    panics: Vec<Instant>,
    /// The newest frame.
    pub(super) last: Option<Arc<Frame>>,
    /// Number of the frame in which faces were followed last, by the net as it is.
    pub(super) followed: Option<u64>,
    pub(super) net: Option<(Follower, Arc<NetInfo>)>,
    /// The net that is compared with it.
    pub(super) beside: Beside,
    /// Numbers of faces for which the net is still to be warmed up.
    pub(super) cold: std::slice::Iter<'static, usize>,
    pub(super) planner: Planner,
    /// Clock of the planner: searches are rationed by real time.
    pub(super) started: Instant,
    /// Searches begun so far: the number of the last one.
    pub(super) searches: u64,
    /// What searches up to this one find is of no use: of another source, or searched in another way.
    pub(super) outdated: u64,
    /// The last search is under way.
    pub(super) searching: bool,
    /// How long the last frame took, without waiting for a search.
    pub(super) took: Duration,
    /// The luma of the frame.
    pub(super) grey: Arc<GrayImage>,
    /// Lumas of the last frames: memory for the next, once no search holds them.
    pub(super) greys: Recycled<GrayImage>,
    /// Which opening of which source the last frame was from.
    pub(super) opening: u64,
    pub(super) strength: Strength,
    pub(super) look_inside: bool,
    pub(super) looking: Looking,
    pub(super) on_screen: OnScreen,
    /// What is studied.
    pub(super) studying: Studying,
    pub(super) silence: Silence,
    /// Id of the face that the user chose.
    pub(super) chosen: Option<u32>,
    /// The faces of the last frame.
    pub(super) faces: Vec<Face>,
    pub(super) failing: bool,
    /// What the last search found, to look at.
    pub(super) searched: Option<Arc<Searched>>,
    /// The insides of the last scenes: memory for the next.
    pub(super) insides: Recycled<Inside>,
}

impl State {
    pub(in crate::pipeline) fn new(strength: Strength) -> Self {
        Self {
            has_begun: false,
            panics: Vec::new(),
            last: None,
            followed: None,
            net: None,
            beside: Beside::default(),
            cold: [].iter(),
            planner: Planner::default(),
            started: Instant::now(),
            searches: 0,
            outdated: 0,
            searching: false,
            took: Duration::ZERO,
            grey: Arc::default(),
            greys: Recycled::default(),
            opening: 0,
            strength,
            look_inside: false,
            looking: Looking::default(),
            on_screen: OnScreen::default(),
            studying: Studying::default(),
            silence: Silence::default(),
            chosen: None,
            faces: Vec::new(),
            failing: false,
            searched: None,
            insides: Recycled::default(),
        }
    }

    /// To be called when the thread begins, also after a panic: then nobody is known any more. The nets that are let go, where it
    /// seems to be their fault.
    pub(super) fn begin_work(&mut self, now: Instant) -> Vec<(Arc<NetInfo>, Role)> {
        if !std::mem::replace(&mut self.has_begun, true) {
            return Vec::new();
        }
        self.begin_anew(self.opening);
        self.greys = Recycled::default();
        self.insides = Recycled::default();
        self.panics
            .retain(|panic| now.saturating_duration_since(*panic) < UNBEARABLE_WITHIN);
        self.panics.push(now);
        if self.panics.len() < UNBEARABLE {
            return Vec::new();
        }
        // The next net begins with a clean sheet.
        self.panics.clear();
        let shown = self.net.take().map(|(_, net)| (net, Role::Shown));
        let compared = self.beside.let_go().map(|net| (net, Role::Compared));
        shown.into_iter().chain(compared).collect()
    }

    /// The pictures are of something else: nobody is known there.
    pub(super) fn begin_anew(&mut self, opening: u64) {
        self.opening = opening;
        self.search_anew();
        self.searching = false;
        self.faces.clear();
        self.searched = None;
        if let Some((follower, _)) = &mut self.net {
            follower.forget();
        }
    }

    /// What was searched up to now is of no use any more.
    pub(super) fn search_anew(&mut self) {
        self.planner = Planner::default();
        self.started = Instant::now();
        self.outdated = self.searches;
    }

    /// Whether the picture that stays is still worth searching.
    pub(super) fn keeps_looking(&self) -> bool {
        self.net.is_some() && self.faces.is_empty() && self.started.elapsed() < STILL_SEARCHED
    }

    /// Notes that a search has ended; what it found, unless it is of another source.
    pub(super) fn of_use(&mut self, found: Found) -> Option<Found> {
        if found.number == self.searches {
            self.searching = false;
        }
        if found.number <= self.outdated {
            return None;
        }
        self.planner.took(found.cost);
        self.searched = Some(found.searched.clone());
        Some(found)
    }

    /// Has the net show the layers that are looked at.
    pub(super) fn look(&mut self) {
        let Some((follower, net)) = &mut self.net else {
            return;
        };
        let mut wanted: Vec<String> = Vec::new();
        if self.look_inside {
            wanted.extend(
                net.layer(self.looking.layer.as_deref())
                    .map(|layer| layer.name.clone()),
            );
        }
        for pin in &self.looking.pins {
            if !wanted.contains(&pin.layer) {
                wanted.push(pin.layer.clone());
            }
        }
        follower.fitter().look_at_layers(wanted);
    }

    /// What was seen as pictures, in the memory of older ones.
    pub(super) fn drawn(&mut self, Sight { maps, crop }: Sight) -> Arc<Inside> {
        let (old_maps, old_large, old_strip, old_crop) = match self.insides.done_with() {
            Some(old) => (
                old.maps,
                old.large.map(|(_, picture)| picture),
                old.pinned,
                Some(old.crop),
            ),
            None => (None, None, None, None),
        };
        let shown = self
            .net
            .as_ref()
            .and_then(|(_, net)| net.layer(self.looking.layer.as_deref()));
        let shown = shown.filter(|_| self.look_inside);
        let shown = shown.and_then(|shown| maps.iter().find(|maps| maps.name == shown.name));
        let rows = self.on_screen.rows;
        let mut atlas = shown.map(|maps| Atlas::of(maps, &self.looking, rows, old_maps));
        if let Some(atlas) = &mut atlas {
            self.silence.mark(atlas, Instant::now());
        }
        let range = atlas.as_ref().map(Atlas::range).unwrap_or_default();
        let large = shown
            .zip(self.on_screen.large)
            .and_then(|(maps, number)| self.looking.large(maps, number, range, old_large));
        let pinned = Strip::of(&maps, &self.looking, old_strip);
        if let Some((follower, _)) = &mut self.net {
            follower.fitter().take_back(maps, old_crop);
        }
        self.insides.share(Inside {
            maps: atlas,
            large,
            pinned,
            crop,
        })
    }

    /// The face to look at inside the net.
    pub(super) fn id_to_look_at(&self) -> Option<u32> {
        let looks = self.look_inside || !self.looking.pins.is_empty() || self.studying.is_some();
        let chosen = self.chosen_face().filter(|_| looks)?;
        Some(self.faces[chosen].id)
    }

    /// Place of the face that was chosen; of the largest when nobody chose or it is gone.
    pub(super) fn chosen_face(&self) -> Option<usize> {
        let is_chosen = |face: &Face| self.chosen == Some(face.id);
        let size = |face: &Face| face.face_box.long_side();
        let largest =
            || (0..self.faces.len()).max_by(|&a, &b| size(&self.faces[a]).total_cmp(&size(&self.faces[b])));
        self.faces.iter().position(is_chosen).or_else(largest)
    }
}
