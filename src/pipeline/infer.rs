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
    model::LayerMaps,
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
        state.net = Some((KeypointFitter::new(model), info.clone()));
        self.events.send(Event::WeightsLoaded(info));
        true
    }

    fn scene(&self, state: &mut State, detections: &Detections) -> Scene {
        let mut times = detections.times;
        let chosen = choose(&mut state.chosen, &detections.boxes);
        let (faces, maps) = self.fit(state, detections, chosen).unwrap_or_else(|error| {
            self.fail(state, &error);
            (without_points(&detections.boxes), None)
        });
        if let (Some((fitter, _)), Some(_)) = (&state.net, chosen) {
            times.crop = fitter.crop_time;
            times.infer = fitter.infer_time;
        }
        let start = Instant::now();
        let has_points = chosen.is_some_and(|index| !faces[index].points.is_empty());
        let inside = (state.look_inside && has_points).then(|| {
            let maps = maps.as_ref().map(Atlas::of);
            times.look = start.elapsed();
            Arc::new(Inside { maps })
        });
        Scene {
            frame: detections.frame.clone(),
            faces,
            chosen,
            inside,
            net: state.net.as_ref().map(|(_, info)| info.clone()),
            times,
        }
    }

    fn fit(
        &self,
        state: &mut State,
        detections: &Detections,
        chosen: Option<usize>,
    ) -> Result<(Vec<Face>, Option<LayerMaps>), FitError> {
        let Some((fitter, _)) = &mut state.net else {
            return Ok((without_points(&detections.boxes), None));
        };
        let looked_at = chosen.filter(|_| state.look_inside);
        let fitted = fitter.fit_and_look(&detections.grey, &detections.boxes, looked_at)?;
        state.failing = false;
        Ok(fitted)
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
fn choose(chosen: &mut Option<Rect>, boxes: &[Rect]) -> Option<usize> {
    let same = chosen.and_then(|last| {
        let overlaps = boxes.iter().map(|face_box| face_box.iou(&last)).enumerate();
        overlaps
            .filter(|(_, iou)| *iou > SAME_FACE_IOU)
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .map(|(index, _)| index)
    });
    if let Some(index) = same {
        *chosen = Some(boxes[index]);
    }
    same.or((!boxes.is_empty()).then_some(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chosen_face_is_followed_and_the_first_stands_in() {
        let boxes = |xs: &[f32]| -> Vec<Rect> {
            xs.iter().map(|&x| Rect::new(x, 0.0, 100.0, 100.0)).collect()
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
