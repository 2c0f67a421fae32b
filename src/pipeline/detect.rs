//! The thread that owns the detector: frames in, frames with face boxes out.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use image::GrayImage;

use super::{
    events::{Event, EventSender},
    scene::{Detections, StageTimes},
    slot::{Slot, Taken},
};
use crate::{detect::FaceDetector, frame::Frame, geometry::Rect, transform::crop};

/// How often the thread looks up when there are no frames; closing the slot wakes it at once.
const PATIENCE: Duration = Duration::from_secs(1);

/// The thread's belongings.
pub(super) struct Detect {
    pub(super) detector: Box<dyn FaceDetector>,
    pub(super) events: EventSender,
    pub(super) frames: Arc<Slot<Arc<Frame>>>,
    pub(super) detections: Arc<Slot<Detections>>,
}

impl Detect {
    /// Runs until the slot of frames is closed. A frame on which the detector fails goes on without faces.
    pub(super) fn run(mut self) {
        let mut failing = false;
        loop {
            let frame = match self.frames.take(PATIENCE) {
                Taken::Value(frame) => frame,
                Taken::Nothing => continue,
                Taken::Closed => return,
            };
            let mut times = StageTimes::default();
            let (grey, boxes) = match self.look_for_faces(&frame, &mut times) {
                Ok(found) => {
                    failing = false;
                    found
                }
                Err(why) => {
                    if !std::mem::replace(&mut failing, true) {
                        self.events.send(Event::StageFailed {
                            stage: "finding faces",
                            why,
                        });
                    }
                    (GrayImage::default(), Vec::new())
                }
            };
            self.detections.put(Detections {
                frame,
                grey: Arc::new(grey),
                boxes,
                times,
            });
        }
    }

    fn look_for_faces(
        &mut self,
        frame: &Frame,
        times: &mut StageTimes,
    ) -> Result<(GrayImage, Vec<Rect>), String> {
        let start = Instant::now();
        let grey = crop::grey(&frame.picture).map_err(|e| e.to_string())?;
        times.grey = start.elapsed();
        let start = Instant::now();
        let found = self.detector.detect(&grey).map_err(|e| e.to_string())?;
        times.detect = start.elapsed();
        Ok((grey, found.into_iter().map(|face| face.face_box).collect()))
    }
}
