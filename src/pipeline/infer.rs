//! The thread that owns the net: frames with face boxes in, scenes out.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::Receiver;

use super::{
    events::{Event, EventSender},
    fit::{FitError, KeypointFitter},
    scene::{Atlas, Detections, Inside, NetInfo, Scene},
    slot::{Slot, Taken},
    weights::LoadedNet,
};
use crate::{
    face::Face,
    geometry::{Point, Rect},
};

/// How soon commands and new nets are noticed while no frames come.
const PATIENCE: Duration = Duration::from_millis(50);
/// A box that overlaps the chosen face's last one by more than this (intersection over union) is the same face:
/// from one frame to the next a face moves by a fraction of its size.
const SAME_FACE_IOU: f32 = 0.2;

/// What the window asks of the thread.
pub(super) enum Command {
    /// Look at the face at this point of the frame.
    Choose(Point),
    /// Look inside the net, or stop doing so.
    LookInside(bool),
}

/// The thread's belongings.
pub(super) struct Infer {
    pub(super) commands: Receiver<Command>,
    pub(super) events: EventSender,
    pub(super) detections: Arc<Slot<Detections>>,
    pub(super) loaded: Arc<Slot<LoadedNet>>,
    pub(super) scenes: Arc<Slot<Arc<Scene>>>,
    pub(super) wake: super::Wake,
}

/// What lasts from frame to frame.
#[derive(Default)]
struct State {
    net: Option<(KeypointFitter, Arc<NetInfo>)>,
    look_inside: bool,
    /// Where the chosen face was last.
    chosen: Option<Rect>,
    failing: bool,
}

impl Infer {
    /// Runs until the slot of detections is closed.
    pub(super) fn run(self) {
        // No gradients are needed, and recording them costs time and memory.
        let _no_grad = tch::no_grad_guard();
        let mut state = State::default();
        let mut last: Option<Detections> = None;
        loop {
            let mut changed = self.obey(&mut state, last.as_ref());
            changed |= self.swap_net(&mut state);
            match self.detections.take(PATIENCE) {
                Taken::Value(detections) => last = Some(detections),
                Taken::Nothing if changed => {}
                Taken::Nothing => continue,
                Taken::Closed => return,
            }
            if let Some(detections) = &last {
                let scene = self.scene(&mut state, detections);
                self.scenes.put(Arc::new(scene));
                (self.wake)();
            }
        }
    }

    fn obey(&self, state: &mut State, last: Option<&Detections>) -> bool {
        let mut changed = false;
        for command in self.commands.try_iter() {
            changed = true;
            match command {
                Command::LookInside(on) => state.look_inside = on,
                Command::Choose(point) => {
                    let boxes = last.map_or(&[][..], |d| &d.boxes);
                    if let Some(chosen) = boxes.iter().rev().find(|b| b.contains(point)) {
                        state.chosen = Some(*chosen);
                    }
                }
            }
        }
        changed
    }
}

impl Infer {
    /// Takes a net that was loaded meanwhile, unless it fails on a blank picture in this thread.
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
        state.net = Some((KeypointFitter::new(model), info.clone()));
        self.events.send(Event::WeightsLoaded(info));
        true
    }

    fn scene(&self, state: &mut State, detections: &Detections) -> Scene {
        let mut times = detections.times;
        let faces = match self.fit(state, detections) {
            Ok(faces) => {
                state.failing = false;
                faces
            }
            Err(error) => {
                self.fail(state, &error);
                without_points(&detections.boxes)
            }
        };
        let chosen = choose(&mut state.chosen, &faces);
        let mut inside = None;
        if let Some((fitter, _)) = &state.net {
            if chosen.is_some() {
                times.crop = fitter.crop_time;
                times.infer = fitter.infer_time;
            }
            if let Some(index) = chosen.filter(|&i| state.look_inside && !faces[i].points.is_empty()) {
                let start = Instant::now();
                match fitter.feature_maps(index) {
                    Ok(maps) => {
                        inside = Some(Arc::new(Inside {
                            maps: maps.first().map(Atlas::of),
                        }))
                    }
                    Err(error) => self.fail(state, &error),
                }
                times.look = start.elapsed();
            }
        }
        Scene {
            frame: detections.frame.clone(),
            faces,
            chosen,
            inside,
            net: state.net.as_ref().map(|(_, info)| info.clone()),
            times,
        }
    }

    fn fit(&self, state: &mut State, detections: &Detections) -> Result<Vec<Face>, FitError> {
        match &mut state.net {
            Some((fitter, _)) => fitter.fit(&detections.grey, &detections.boxes),
            None => Ok(without_points(&detections.boxes)),
        }
    }

    /// Tells the window of the first of several failures in a row.
    fn fail(&self, state: &mut State, error: &FitError) {
        if !std::mem::replace(&mut state.failing, true) {
            self.events.send(Event::StageFailed {
                stage: "finding keypoints",
                why: error.to_string(),
            });
        }
    }
}

/// Faces of which only the boxes are known.
fn without_points(boxes: &[Rect]) -> Vec<Face> {
    let faces = boxes.iter().enumerate();
    faces
        .map(|(index, &face_box)| Face {
            id: index as u32,
            face_box,
            points: Vec::new(),
            confidence: None,
        })
        .collect()
}

/// The face that was chosen, where it is now; the first, which is the largest, when nobody chose or it is gone.
fn choose(chosen: &mut Option<Rect>, faces: &[Face]) -> Option<usize> {
    let same = chosen.and_then(|last| {
        let overlaps = faces.iter().map(|face| face.face_box.iou(&last)).enumerate();
        overlaps
            .filter(|(_, iou)| *iou > SAME_FACE_IOU)
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .map(|(index, _)| index)
    });
    if let Some(index) = same {
        *chosen = Some(faces[index].face_box);
    }
    same.or((!faces.is_empty()).then_some(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chosen_face_is_followed_and_the_first_stands_in() {
        let boxes = |xs: &[f32]| {
            let rects: Vec<Rect> = xs.iter().map(|&x| Rect::new(x, 0.0, 100.0, 100.0)).collect();
            without_points(&rects)
        };
        let mut chosen = None;
        assert_eq!(choose(&mut chosen, &boxes(&[])), None);
        assert_eq!(choose(&mut chosen, &boxes(&[0.0, 300.0])), Some(0));
        chosen = Some(Rect::new(300.0, 0.0, 100.0, 100.0));
        assert_eq!(choose(&mut chosen, &boxes(&[0.0, 330.0])), Some(1));
        assert_eq!(choose(&mut chosen, &boxes(&[360.0, 0.0])), Some(0), "it moved on");
        assert_eq!(choose(&mut chosen, &boxes(&[0.0])), Some(0), "it is gone");
        assert_eq!(choose(&mut chosen, &boxes(&[0.0, 365.0])), Some(1), "it is back");
    }
}
