//! The thread that owns the net: frames in, scenes out. Faces are followed from their own keypoints; the search for
//! new ones runs beside, in another thread, and its finds are taken in when they come.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::Receiver;
use image::GrayImage;

use super::{
    detect::{Found, Wanted},
    events::{Event, EventSender},
    fit::KeypointFitter,
    follow::Follower,
    scene::{Atlas, Inside, NetInfo, Scene, StageTimes},
    slot::{Slot, Taken},
    weights::LoadedNet,
};
use crate::{
    detect::{Planner, smooth::Strength, track::Need},
    face::Face,
    frame::Frame,
    geometry::Point,
    model::LayerMaps,
    transform::crop,
};

/// How soon commands, finds and new nets are noticed while no frames come.
const PATIENCE: Duration = Duration::from_millis(50);

/// A machine that needs longer than this for a frame cannot follow faces: there each frame waits for a search of its own.
const SLOW_FRAME: Duration = Duration::from_millis(400);
/// And waits so long at most.
const PATIENCE_WITH_SEARCH: Duration = Duration::from_secs(5);

/// What the window asks of the thread.
pub(super) enum Command {
    /// Look at the face at this point of the frame.
    Choose(Point),
    /// Look inside the net, or stop doing so.
    LookInside(bool),
    /// Smooth the points so much.
    Smooth(Strength),
}

/// The thread's belongings.
pub(super) struct Infer {
    pub(super) commands: Receiver<Command>,
    pub(super) events: EventSender,
    pub(super) frames: Arc<Slot<Arc<Frame>>>,
    pub(super) wanted: Arc<Slot<Wanted>>,
    pub(super) found: Arc<Slot<Found>>,
    pub(super) loaded: Arc<Slot<LoadedNet>>,
    pub(super) scenes: Arc<Slot<Arc<Scene>>>,
    pub(super) wake: super::Wake,
    /// How much points are smoothed at first.
    pub(super) smoothing: Strength,
}

/// What lasts from frame to frame.
struct State {
    net: Option<(Follower, Arc<NetInfo>)>,
    planner: Planner,
    /// Clock of the planner: searches are rationed by real time.
    started: Instant,
    /// A search is under way.
    searching: bool,
    /// How long the last frame took.
    took: Duration,
    /// The luma of the frame; its memory is used again once no search holds it.
    grey: Arc<GrayImage>,
    /// Which opening of which source the last frame was from.
    opening: u64,
    strength: Strength,
    look_inside: bool,
    /// Id of the face that the user chose.
    chosen: Option<u32>,
    /// Id of the face that was looked at inside the net in the last frame.
    looked_at: Option<u32>,
    /// The faces of the last frame.
    faces: Vec<Face>,
    failing: bool,
}

impl Infer {
    /// Runs until the slot of frames is closed.
    pub(super) fn run(self) {
        // No gradients are needed, and recording them costs time and memory.
        let _no_grad = tch::no_grad_guard();
        let mut state = State {
            net: None,
            planner: Planner::default(),
            started: Instant::now(),
            searching: false,
            took: Duration::ZERO,
            grey: Arc::default(),
            opening: 0,
            strength: self.smoothing,
            look_inside: false,
            chosen: None,
            looked_at: None,
            faces: Vec::new(),
            failing: false,
        };
        let mut last: Option<Arc<Frame>> = None;
        loop {
            let mut changed = self.obey(&mut state);
            changed |= self.swap_net(&mut state);
            match self.frames.take(PATIENCE) {
                Taken::Value(frame) => last = Some(frame),
                // A still picture is looked at again when something was found in it, or to look inside at what was.
                Taken::Nothing if changed || self.found.is_full() || state.wants_to_look() => {}
                Taken::Nothing => continue,
                Taken::Closed => return,
            }
            if let Some(frame) = &last {
                let scene = self.scene(&mut state, frame);
                self.scenes.put(Arc::new(scene));
                (self.wake)();
            }
        }
    }

    fn obey(&self, state: &mut State) -> bool {
        let mut changed = false;
        for command in self.commands.try_iter() {
            changed = true;
            match command {
                Command::LookInside(on) => state.look_inside = on,
                Command::Smooth(strength) => {
                    state.strength = strength;
                    if let Some((follower, _)) = &mut state.net {
                        follower.set_strength(strength);
                    }
                }
                Command::Choose(point) => {
                    let hit = state
                        .faces
                        .iter()
                        .rev()
                        .find(|face| face.face_box.contains(point));
                    if let Some(face) = hit {
                        state.chosen = Some(face.id);
                    }
                }
            }
        }
        changed
    }

    /// Takes a net that was loaded meanwhile, unless it fails in this thread. The picture stands still while it is warmed up.
    fn swap_net(&self, state: &mut State) -> bool {
        let Some(LoadedNet { path, model }) = self.loaded.take_now() else {
            return false;
        };
        // libtorch prepares a net per thread: without this the first faces would wait.
        if let Err(error) = model.warm_up() {
            let why = error.to_string();
            self.events.send(Event::WeightsFailed { path, why });
            return false;
        }
        let info = Arc::new(NetInfo {
            name: model.contract().name.clone(),
            path,
            device: model.device(),
            filters: model.first_filters().as_ref().map(Atlas::of),
        });
        let follower = Follower::new(KeypointFitter::new(model), state.strength);
        state.net = Some((follower, info.clone()));
        self.events.send(Event::WeightsLoaded(info));
        true
    }

    fn scene(&self, state: &mut State, frame: &Arc<Frame>) -> Scene {
        let mut times = StageTimes::default();
        if frame.opening != state.opening {
            state.begin_anew(frame.opening);
        }
        let maps = match self.follow(state, frame, &mut times) {
            Ok(maps) => {
                state.failing = false;
                maps
            }
            Err(why) => {
                self.fail(state, why);
                None
            }
        };
        let chosen = state.chosen_face();
        let start = Instant::now();
        // A face that has just appeared is looked at in the next frame.
        let was_looked_at = chosen.is_some_and(|index| state.looked_at == Some(state.faces[index].id));
        let inside = (state.look_inside && was_looked_at).then(|| {
            let maps = maps.as_ref().map(Atlas::of);
            times.look = start.elapsed();
            Arc::new(Inside { maps })
        });
        Scene {
            frame: frame.clone(),
            faces: state.faces.clone(),
            chosen,
            inside,
            net: state.net.as_ref().map(|(_, info)| info.clone()),
            times,
        }
    }

    /// Finds the faces of the frame; without a net there are none.
    fn follow(
        &self,
        state: &mut State,
        frame: &Frame,
        times: &mut StageTimes,
    ) -> Result<Option<LayerMaps>, String> {
        let looked_at = state.chosen_face().map(|index| state.faces[index].id);
        state.looked_at = looked_at.filter(|_| state.look_inside);
        state.faces.clear();
        let Some((follower, _)) = &state.net else {
            return Ok(None);
        };
        let need = follower.need();
        let start = Instant::now();
        if Arc::get_mut(&mut state.grey).is_none() {
            state.grey = Arc::default();
        }
        if let Some(grey) = Arc::get_mut(&mut state.grey) {
            crop::grey_into(&frame.picture, grey).map_err(|e| e.to_string())?;
        }
        times.grey = start.elapsed();
        let found = if state.took > SLOW_FRAME {
            self.search_first(state)
        } else {
            self.search_beside(state, need)
        };
        times.detect = found.as_ref().map_or(Duration::ZERO, |found| found.cost);
        let finds = found.map(|found| found.faces).unwrap_or_default();
        let Some((follower, _)) = &mut state.net else {
            return Ok(None);
        };
        let followed = follower.frame(&state.grey, frame.source_time, &finds, state.looked_at);
        (times.crop, times.infer) = follower.fitter().take_times();
        state.took = start.elapsed();
        let (faces, maps) = followed.map_err(|e| e.to_string())?;
        state.faces = faces;
        Ok(maps)
    }

    /// Has the frame searched when it is time for that, and gives what an earlier search found meanwhile.
    fn search_beside(&self, state: &mut State, need: Need) -> Option<Found> {
        let found = self.found.take_now();
        if let Some(found) = &found {
            state.searching = false;
            state.planner.took(found.cost);
        }
        if !state.searching
            && let Some(search) = state.planner.next(state.started.elapsed(), need)
        {
            state.searching = true;
            let grey = state.grey.clone();
            self.wanted.put(Wanted { grey, search });
        }
        found
    }

    /// Has this very frame searched, and waits for that.
    fn search_first(&self, state: &mut State) -> Option<Found> {
        if state.searching {
            // What is found in an older frame says nothing of this one.
            self.found.take(PATIENCE_WITH_SEARCH);
        }
        let search = state.planner.glance(state.started.elapsed());
        let grey = state.grey.clone();
        self.wanted.put(Wanted { grey, search });
        let found = match self.found.take(PATIENCE_WITH_SEARCH) {
            Taken::Value(found) => Some(found),
            Taken::Nothing | Taken::Closed => None,
        };
        state.searching = found.is_none();
        if let Some(found) = &found {
            state.planner.took(found.cost);
        }
        found
    }

    /// Tells the window of the first of several failures in a row.
    fn fail(&self, state: &mut State, why: String) {
        if !std::mem::replace(&mut state.failing, true) {
            self.events.send(Event::StageFailed {
                stage: "finding keypoints",
                why,
            });
        }
    }
}

impl State {
    /// The pictures are of something else: nobody is known there.
    fn begin_anew(&mut self, opening: u64) {
        self.opening = opening;
        self.planner = Planner::default();
        self.started = Instant::now();
        self.faces.clear();
        if let Some((follower, _)) = &mut self.net {
            follower.forget();
        }
    }

    /// Whether there is a face to look at inside the net that was not looked at: it has just appeared, or was chosen.
    fn wants_to_look(&self) -> bool {
        let wanted = self.chosen_face().map(|index| self.faces[index].id);
        self.look_inside && wanted.is_some() && wanted != self.looked_at
    }

    /// Place of the face that was chosen; of the largest when nobody chose or it is gone.
    fn chosen_face(&self) -> Option<usize> {
        let is_chosen = |face: &Face| self.chosen == Some(face.id);
        let size = |face: &Face| face.face_box.long_side();
        let largest =
            || (0..self.faces.len()).max_by(|&a, &b| size(&self.faces[a]).total_cmp(&size(&self.faces[b])));
        self.faces.iter().position(is_chosen).or_else(largest)
    }
}
