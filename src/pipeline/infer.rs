//! The thread that owns the net: frames in, scenes out. Faces are followed from their own keypoints; the search for
//! new ones runs beside, in another thread, and its finds are taken in when they come.

mod state;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::Receiver;
use image::GrayImage;

use super::{
    detect::{Found, Wanted},
    events::{Event, EventSender, Role},
    fit::{KeypointFitter, Sight},
    follow::{Followed, Follower},
    inside::{Looking, OnScreen},
    scene::{Compared, NetInfo, Scene, StageTimes},
    silence::Silence,
    slot::{Slot, Taken},
    stages::INFER,
    study::{StudiedFace, Studying, WantedStudy},
    tap::Tap,
    weights::LoadedNet,
};
use crate::{
    detect::{Search, smooth::Strength, track::Need},
    frame::Frame,
    geometry::Point,
    model::{KeypointModel, Reading},
    transform::crop,
    worker::Pulse,
};
pub(super) use state::State;

/// How soon commands, finds and new nets are noticed while no frames come.
const PATIENCE: Duration = Duration::from_millis(50);

/// A machine that needs longer than this for a frame cannot follow faces: there each frame waits for a search of its own.
const SLOW_FRAME: Duration = Duration::from_millis(400);
/// And waits so long at most.
const PATIENCE_WITH_SEARCH: Duration = Duration::from_secs(5);

/// Numbers of faces for which a net is warmed up while frames leave time for it; more are rare, and then cost one slow
/// frame. Two passes each, until libtorch has optimised the net for that batch size.
const WARMED_UP_FOR: [usize; 6] = [2, 2, 3, 3, 4, 4];

/// So long a picture that stays is searched in every way that there is while nobody is found in it.
const STILL_SEARCHED: Duration = Duration::from_secs(12);

/// What the window asks of the thread.
pub(super) enum Command {
    /// Look at the face at this point of the frame.
    Choose(Point),
    /// Look at the face of this id.
    ChooseFace(u32),
    /// Look inside the net, or stop doing so.
    LookInside(bool),
    /// Look at a layer so.
    LookAt(Looking),
    /// Draw these of its maps.
    Show(OnScreen),
    /// Have this studied, as far as anything is.
    Study(Studying),
    /// Smooth the points so much.
    Smooth(Strength),
    /// Search soon, since pictures are searched in another way from now on.
    SearchAnew,
    /// Read the net's numbers so.
    ReadAs(Reading),
    /// Run a second net beside, once it is loaded, or do not any more.
    Compare(bool),
}

/// The thread's belongings.
pub(super) struct Infer {
    pub(super) commands: Receiver<Command>,
    pub(super) events: EventSender,
    pub(super) frames: Arc<Slot<Arc<Frame>>>,
    pub(super) wanted: Arc<Slot<Wanted>>,
    pub(super) found: Arc<Slot<Found>>,
    pub(super) loaded: Arc<Slot<LoadedNet>>,
    /// Nets to compare.
    pub(super) loaded_to_compare: Arc<Slot<LoadedNet>>,
    pub(super) scenes: Arc<Slot<Arc<Scene>>>,
    /// Frames to study.
    pub(super) to_study: Arc<Slot<WantedStudy>>,
    /// Where scenes are recorded, and where they are sent to other programs.
    pub(super) taps: [Tap; 2],
    pub(super) pulse: Pulse,
}

impl Infer {
    /// Runs until the slot of frames is closed.
    pub(super) fn run(&self, state: &mut State) {
        // No gradients are needed, and recording them costs time and memory.
        let _no_grad = tch::no_grad_guard();
        for (net, role) in state.begin_work(Instant::now()) {
            self.events.send(Event::WeightsFailed {
                path: net.path.clone(),
                why: format!(
                    "the net made the program fail again and again; load another one: {}",
                    net.path.display()
                ),
                role,
                let_go: true,
            });
        }
        loop {
            let mut changed = self.obey(state);
            changed |= self.swap_net(state);
            changed |= self.swap_compared(state);
            match self.pulse.rests(|| self.frames.take(PATIENCE)) {
                Taken::Value(frame) => state.last = Some(frame),
                // A still picture is looked at again when something was found in it, and for a while when nobody was.
                Taken::Nothing if changed || self.has_found(state) || state.keeps_looking() => {}
                Taken::Nothing => continue,
                Taken::Closed => return,
            }
            if let Some(frame) = state.last.clone() {
                let scene = Arc::new(self.scene(state, &frame));
                self.have_studied(state, &scene);
                // Where every frame is wanted, that may wait for whoever takes them.
                self.pulse
                    .rests(|| self.taps.iter().for_each(|tap| tap.offer(&scene)));
                self.scenes.put(scene);
                self.warm_up(state);
            }
        }
    }

    /// Whether a search has found something that the net can look at.
    fn has_found(&self, state: &State) -> bool {
        state.net.is_some() && self.found.is_full()
    }

    /// Has a scene studied, as far as anything is.
    fn have_studied(&self, state: &State, scene: &Scene) {
        let Some(net) = scene.net.as_ref().filter(|_| state.studying.is_some()) else {
            return;
        };
        let face = scene.chosen.and_then(|chosen| scene.faces.get(chosen));
        let face = scene.inside.as_ref().zip(face).map(|(inside, face)| StudiedFace {
            inside: inside.clone(),
            points: face.raw_points.clone(),
            // Who it is: ids go on from source to source, but begin anew with another net.
            id: face.id,
        });
        self.to_study.put(WantedStudy {
            what: state.studying,
            net: net.clone(),
            grey: state.grey.clone(),
            face,
        });
    }

    /// Lets go of what was studied.
    fn end_study(&self, state: &State) {
        if let Some((_, net)) = &state.net {
            self.to_study.put(WantedStudy {
                what: Studying::default(),
                net: net.clone(),
                grey: state.grey.clone(),
                face: None,
            });
        }
    }

    fn obey(&self, state: &mut State) -> bool {
        let mut changed = false;
        for command in self.commands.try_iter() {
            changed = true;
            match command {
                Command::LookInside(on) => state.look_inside = on,
                Command::LookAt(looking) => state.looking = looking,
                Command::Show(on_screen) => state.on_screen = on_screen,
                Command::Study(studying) => {
                    if !studying.is_some() && state.studying.is_some() {
                        self.end_study(state);
                    }
                    state.studying = studying;
                }
                Command::Smooth(strength) => {
                    state.strength = strength;
                    if let Some((follower, _)) = &mut state.net {
                        follower.set_strength(strength);
                    }
                }
                Command::SearchAnew => state.search_anew(),
                Command::ReadAs(reading) => self.read_as(state, reading),
                Command::Compare(on) => state.beside.want(on),
                Command::ChooseFace(id) => state.chosen = Some(id),
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
        if changed {
            state.look();
        }
        changed
    }

    /// Reads the net's numbers in another way; who shows them learns of it by the scenes.
    fn read_as(&self, state: &mut State, reading: Reading) {
        let Some((follower, info)) = &mut state.net else {
            return;
        };
        match follower.fitter().read_as(reading) {
            Ok(()) => {
                state.followed = None;
                *info = Arc::new(NetInfo {
                    assumed: Some(reading),
                    ..NetInfo::clone(info)
                });
            }
            Err(error) => self.events.send(Event::StageFailed {
                stage: "Reading the net",
                why: error.to_string(),
            }),
        }
    }

    /// Takes a net that was loaded meanwhile, unless it fails in this thread.
    fn swap_net(&self, state: &mut State) -> bool {
        let Some((model, info)) = self
            .loaded
            .take_now()
            .and_then(|net| self.ready(net, Role::Shown))
        else {
            return false;
        };
        let follower = Follower::new(KeypointFitter::new(model), state.strength);
        state.silence = Silence::default();
        state.net = Some((follower, info));
        state.look();
        state.cold = WARMED_UP_FOR.iter();
        // Its faces are counted anew.
        state.chosen = None;
        true
    }

    /// Takes a net to compare that was loaded meanwhile, unless none is wanted any more or it fails in this thread.
    fn swap_compared(&self, state: &mut State) -> bool {
        let loaded = self
            .loaded_to_compare
            .take_now()
            .filter(|_| state.beside.is_wanted());
        let Some((model, info)) = loaded.and_then(|net| self.ready(net, Role::Compared)) else {
            return false;
        };
        state.beside.take(model, info);
        true
    }

    /// The net with what is known of it, after its first pass, for which no frame with a face is to wait. Tells how it went.
    fn ready(
        &self,
        LoadedNet {
            path,
            archive,
            model,
            times,
        }: LoadedNet,
        role: Role,
    ) -> Option<(KeypointModel, Arc<NetInfo>)> {
        if let Err(error) = model.warm_up(1) {
            self.events.send(Event::WeightsFailed {
                path,
                why: error.to_string(),
                role,
                let_go: false,
            });
            return None;
        }
        let net = Arc::new(NetInfo::of(&model, path, archive, times));
        self.events.send(Event::WeightsLoaded {
            net: net.clone(),
            role,
        });
        Some((model, net))
    }

    /// Has the net prepare for one more number of faces, unless a frame waits, or frames take so long that what may come does
    /// not count.
    fn warm_up(&self, state: &mut State) {
        if self.frames.is_full() || state.took > SLOW_FRAME {
            return;
        }
        if let (Some((follower, _)), Some(&count)) = (&mut state.net, state.cold.next())
            && let Err(error) = follower.fitter().model().warm_up(count)
        {
            tracing::warn!("the net fails for {count} faces at once: {error}");
        }
    }

    fn scene(&self, state: &mut State, frame: &Arc<Frame>) -> Scene {
        let mut times = StageTimes::default();
        if frame.opening != state.opening {
            state.begin_anew(frame.opening);
        }
        let sight = match self.follow(state, frame, &mut times) {
            Ok(sight) => {
                state.failing = false;
                sight
            }
            Err(why) => {
                if let Some((follower, _)) = &mut state.net {
                    // Not to be counted with the next frame.
                    follower.fitter().take_times();
                }
                self.fail(state, why);
                None
            }
        };
        let compared = self.compare(state);
        times.compare = compared.as_ref().map_or(Duration::ZERO, |compared| compared.took);
        state.took += times.compare;
        let chosen = state.chosen_face();
        let start = Instant::now();
        let inside = sight.filter(|_| chosen.is_some()).map(|sight| state.drawn(sight));
        if inside.is_some() {
            times.look = start.elapsed();
        }
        Scene {
            frame: frame.clone(),
            faces: state.faces.clone(),
            chosen,
            inside,
            searched: state.searched.clone(),
            net: state.net.as_ref().map(|(_, info)| info.clone()),
            compared,
            light: state.faces.is_empty().then(|| mean_luma(&state.grey)).flatten(),
            times,
        }
    }

    /// What the net beside sees where the first one found faces.
    fn compare(&self, state: &mut State) -> Option<Arc<Compared>> {
        let (follower, _) = state.net.as_mut()?;
        let looked = state.beside.look(follower, &state.grey, &state.faces);
        looked.unwrap_or_else(|(net, error)| {
            self.events.send(Event::WeightsFailed {
                path: net.path.clone(),
                why: error.to_string(),
                role: Role::Compared,
                let_go: true,
            });
            None
        })
    }

    /// Finds the faces of the frame; without a net there are none.
    fn follow(
        &self,
        state: &mut State,
        frame: &Frame,
        times: &mut StageTimes,
    ) -> Result<Option<Sight>, String> {
        let looked_at = state.id_to_look_at();
        state.faces.clear();
        let Some((follower, _)) = &state.net else {
            return Ok(None);
        };
        let need = follower.need();
        let start = Instant::now();
        let mut grey = state.greys.done_with().unwrap_or_default();
        crop::grey_into(&frame.picture, &mut grey).map_err(|e| e.to_string())?;
        state.grey = state.greys.share(grey);
        times.grey = start.elapsed();
        let before_search = Instant::now();
        let found = if state.took > SLOW_FRAME {
            self.search_first(state, need)
        } else {
            self.search_beside(state, need)
        };
        let waited = before_search.elapsed();
        times.detect = found.as_ref().map_or(Duration::ZERO, |found| found.cost);
        let finds = found.map(|found| found.faces).unwrap_or_default();
        let Some((follower, _)) = &mut state.net else {
            return Ok(None);
        };
        // The same picture once more, unless it is to be seen with other eyes.
        if state.followed.replace(frame.sequence) == Some(frame.sequence) {
            follower.picture_stays();
        }
        let followed = follower.frame(&state.grey, frame.source_time, &finds, looked_at);
        let Followed {
            faces,
            looked_at,
            mut sight,
        } = followed.map_err(|e| e.to_string())?;
        state.faces = faces;
        // A face that has just appeared was not expected to be the one to look at.
        let unexpected = state.id_to_look_at().filter(|&id| looked_at != Some(id));
        if let Some((follower, _)) = &mut state.net {
            if let Some(id) = unexpected {
                if let Some(Sight { maps, crop }) = sight.take() {
                    follower.fitter().take_back(maps, Some(crop));
                }
                sight = follower.look_at(&state.grey, id).map_err(|e| e.to_string())?;
            }
            (times.crop, times.infer) = follower.fitter().take_times();
        }
        state.took = start.elapsed().saturating_sub(waited);
        Ok(sight)
    }

    /// Has the frame searched when it is time for that, and gives what an earlier search found meanwhile.
    fn search_beside(&self, state: &mut State, need: Need) -> Option<Found> {
        let found = self.found.take_now().and_then(|found| state.of_use(found));
        if !state.searching
            && let Some(search) = state
                .planner
                .next(state.started.elapsed(), need, state.grey.dimensions())
        {
            self.begin_search(state, search);
        }
        found
    }

    /// Has this very frame searched, and waits for that.
    fn search_first(&self, state: &mut State, need: Need) -> Option<Found> {
        let search = state.planner.glance(state.started.elapsed(), need);
        self.begin_search(state, search);
        let deadline = Instant::now() + PATIENCE_WITH_SEARCH;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.found.take(left) {
                // What was found in an older frame says nothing of this one.
                Taken::Value(found) if found.number < state.searches => {}
                Taken::Value(found) => return state.of_use(found),
                Taken::Nothing | Taken::Closed => return None,
            }
        }
    }

    fn begin_search(&self, state: &mut State, search: Search) {
        state.searching = true;
        state.searches += 1;
        self.wanted.put(Wanted {
            grey: state.grey.clone(),
            search,
            number: state.searches,
        });
    }

    /// Tells the window of the first of several failures in a row.
    fn fail(&self, state: &mut State, why: String) {
        if !std::mem::replace(&mut state.failing, true) {
            self.events.send(Event::StageFailed {
                stage: INFER.what,
                why,
            });
        }
    }
}

/// Mean luma of a grey picture, 0 to 1, from a few of its pixels; `None` for a picture without any.
fn mean_luma(grey: &GrayImage) -> Option<f32> {
    /// From one pixel looked at to the next: a prime, so that they do not lie in columns.
    const STEP: usize = 61;
    let pixels = grey.as_raw().iter().step_by(STEP);
    let (count, sum) = pixels.fold((0_u32, 0_u64), |(count, sum), &luma| {
        (count + 1, sum + u64::from(luma))
    });
    (count > 0).then(|| sum as f32 / count as f32 / 255.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        detect::{DetectError, Detection, FaceDetector},
        geometry::{FaceBox, Rect},
        model::{DeviceChoice, KeypointModel, archive},
        pipeline::detect::{Detect, Searching},
    };
    use image::RgbaImage;
    use std::{path::PathBuf, thread::JoinHandle};

    /// Finds a face in the middle of every picture, in its own time.
    struct OneFace;

    impl FaceDetector for OneFace {
        fn detect(&mut self, grey: &GrayImage) -> Result<Vec<Detection>, DetectError> {
            std::thread::sleep(Duration::from_millis(50));
            let (width, height) = grey.dimensions();
            let (width, height) = (width as f32, height as f32);
            let face_box = Rect::new(width / 4.0, height / 4.0, width / 2.0, height / 2.0);
            Ok(vec![Detection {
                face_box: FaceBox::upright(&face_box),
                score: 1.0,
            }])
        }
    }

    fn with_detector() -> (Infer, State, JoinHandle<()>) {
        let (events, _) = EventSender::channel(Arc::new(|| ()));
        let (_, commands) = crossbeam_channel::bounded(1);
        let infer = Infer {
            commands,
            events: events.clone(),
            frames: Arc::default(),
            wanted: Arc::default(),
            found: Arc::default(),
            loaded: Arc::default(),
            loaded_to_compare: Arc::default(),
            scenes: Arc::default(),
            to_study: Arc::default(),
            taps: [Tap::channel(1).0, Tap::channel(1).0],
            pulse: Pulse::default(),
        };
        let mut detect = Detect {
            detector: Box::new(OneFace),
            pulse: Pulse::default(),
            under_way: None,
            how: Searching::default(),
            searching: Arc::default(),
            events,
            wanted: infer.wanted.clone(),
            found: infer.found.clone(),
        };
        let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "weights", "steady-64.pt"]
            .iter()
            .collect();
        let archive = Arc::new(archive::look_into(&path).unwrap());
        infer.loaded.put(LoadedNet {
            model: KeypointModel::from_archive(&path, &archive, DeviceChoice::Cpu, None).unwrap(),
            path,
            archive,
            times: Vec::new(),
        });
        let mut state = State::new(Strength::default());
        state.look_inside = true;
        assert!(infer.swap_net(&mut state));
        (infer, state, std::thread::spawn(move || detect.run()))
    }

    fn frame(sequence: u64) -> Arc<Frame> {
        Arc::new(Frame {
            picture: RgbaImage::new(64, 64),
            sequence,
            opening: 0,
            captured_at: Instant::now(),
            source: "test".into(),
            source_time: Duration::from_secs(sequence),
        })
    }

    #[test]
    fn on_a_slow_machine_every_frame_is_searched_itself_and_its_face_looked_into_at_once() {
        let (infer, mut state, detector) = with_detector();
        let beside = infer.scene(&mut state, &frame(0));
        assert!(beside.faces.is_empty(), "no frame waits for its search");
        for sequence in 1..4 {
            // As if the last frame had taken this long.
            state.took = SLOW_FRAME * 2;
            let scene = infer.scene(&mut state, &frame(sequence));
            assert_eq!(scene.faces.len(), 1);
            assert!(!scene.times.detect.is_zero());
            let inside = scene.inside.as_ref();
            assert!(inside.is_some_and(|inside| inside.maps.is_some()), "{sequence}");
        }
        infer.wanted.close();
        detector.join().unwrap();
    }
    #[test]
    fn a_net_is_let_go_with_the_third_panic_in_a_row() {
        let (infer, mut state, detector) = with_detector();
        infer.wanted.close();
        detector.join().unwrap();
        let start = Instant::now();
        let begins =
            |state: &mut State, seconds| state.begin_work(start + Duration::from_secs(seconds)).len();
        assert_eq!(begins(&mut state, 0), 0);
        // However many there are, far apart they are not its fault.
        for panic in 1..6 {
            assert_eq!(begins(&mut state, panic * 20), 0);
        }
        assert_eq!([101, 102].map(|seconds| begins(&mut state, seconds)), [0, 1]);
        assert!(state.net.is_none());
        assert_eq!(begins(&mut state, 103), 0, "of the next net, it is the first");
    }
}
