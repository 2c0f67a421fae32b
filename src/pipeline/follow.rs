//! Follows the faces of a video from frame to frame: the tracker says where to look, the net looks.
//! Used by the live inference thread and by the commands without a window alike.

use std::time::Duration;

use image::GrayImage;

use super::fit::{FitError, KeypointFitter, Sight};
use crate::{
    detect::{
        Detection,
        smooth::Strength,
        track::{Again, Need, Tracker},
    },
    face::Face,
    geometry::FaceBox,
};

/// A net and the faces that it follows.
#[derive(Debug)]
pub struct Follower {
    fitter: KeypointFitter,
    tracker: Tracker,
}

/// What came of a frame.
#[derive(Debug)]
pub struct Followed {
    /// The faces in it.
    pub faces: Vec<Face>,
    /// The face that was looked at inside the net, where the one asked for was expected in the frame.
    pub looked_at: Option<u32>,
    /// What there is to be seen of that face.
    pub sight: Option<Sight>,
}

impl Follower {
    /// Follows with a net; no face is known yet.
    pub fn new(fitter: KeypointFitter, strength: Strength) -> Self {
        let tracker = Tracker::new(fitter.contract().scheme.clone(), strength);
        Self { fitter, tracker }
    }

    /// The net.
    pub fn fitter(&mut self) -> &mut KeypointFitter {
        &mut self.fitter
    }

    /// How much points are smoothed from now on.
    pub fn set_strength(&mut self, strength: Strength) {
        self.tracker.set_strength(strength);
    }

    /// Forgets all faces; ids go on.
    pub fn forget(&mut self) {
        self.tracker.forget();
    }

    /// Begins a recording that has nothing to do with what came before; ids begin anew.
    pub fn begin_anew(&mut self) {
        self.tracker.begin_anew();
    }

    /// How the search for faces should be going on.
    pub fn need(&self) -> Need {
        Need {
            verifies: self.fitter.contract().confidence,
            ..self.tracker.need()
        }
    }

    /// The next frame is the last one once more: see [`Tracker::picture_stays`].
    pub fn picture_stays(&mut self) {
        self.tracker.picture_stays();
    }

    /// Where the face `id` is in the last frame.
    pub fn region_of(&self, id: u32) -> Option<FaceBox> {
        self.tracker.region_of(id)
    }

    /// What there is to be seen of the face `id` of the last frame, which was `grey`.
    ///
    /// # Errors
    /// As [`Self::frame`].
    pub fn look_at(&mut self, grey: &GrayImage, id: u32) -> Result<Option<Sight>, FitError> {
        match self.tracker.looked_at(id) {
            Some(region) => Ok(self.fitter.look(grey, &[region], Some(0))?.1),
            None => Ok(None),
        }
    }

    /// The faces in the frame at `time`, given what searches found since the last frame; the face of id `looked_at` is looked
    /// at inside the net on the way.
    ///
    /// # Errors
    /// When a crop cannot be cut or the net fails.
    pub fn frame(
        &mut self,
        grey: &GrayImage,
        time: Duration,
        found: &[Detection],
        looked_at: Option<u32>,
    ) -> Result<Followed, FitError> {
        let mut regions = self.tracker.propose(time, found);
        let place = looked_at.and_then(|id| self.tracker.place_of(id));
        let (mut looks, sight) = self.fitter.look(grey, &regions, place)?;
        loop {
            let again = self.tracker.take_in(looks);
            if again.is_empty() {
                return Ok(Followed {
                    faces: self.tracker.faces(),
                    looked_at: looked_at.filter(|_| place.is_some()),
                    sight,
                });
            }
            regions = again
                .into_iter()
                .map(|again| match again {
                    Again::At(region) => Ok(region),
                    Again::Round(region, patch) => self.fitter.seek(grey, &region, &patch),
                })
                .collect::<Result<_, _>>()?;
            looks = self.fitter.look(grey, &regions, None)?.0;
        }
    }
}
