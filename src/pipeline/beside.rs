//! A second net beside the one in use, on the same faces. Part of the inference thread.

use std::{sync::Arc, time::Instant};

use image::GrayImage;

use super::{
    fit::{FitError, KeypointFitter},
    follow::Follower,
    scene::{Compared, NetInfo},
};
use crate::{face::Face, geometry::FaceBox, model::KeypointModel};

/// The second net, where one is wanted and loaded.
#[derive(Debug, Default)]
pub(super) struct Beside {
    wanted: bool,
    net: Option<(KeypointFitter, Arc<NetInfo>)>,
}

impl Beside {
    /// Whether one is wanted from now on.
    pub(super) fn want(&mut self, on: bool) {
        self.wanted = on;
        if !on {
            self.net = None;
        }
    }

    /// Gives the net up; another one may come.
    pub(super) fn let_go(&mut self) -> Option<Arc<NetInfo>> {
        self.net.take().map(|(_, net)| net)
    }

    /// See [`Self::want`].
    pub(super) fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// Takes this net.
    pub(super) fn take(&mut self, model: KeypointModel, info: Arc<NetInfo>) {
        self.net = Some((KeypointFitter::new(model), info));
    }

    /// What it sees in `grey` where the first net has found `faces`; `None` while there is none.
    ///
    /// # Errors
    /// When it fails; it is not asked again, and comes with the error.
    pub(super) fn look(
        &mut self,
        first: &mut Follower,
        grey: &GrayImage,
        faces: &[Face],
    ) -> Result<Option<Arc<Compared>>, (Arc<NetInfo>, FitError)> {
        let Some((fitter, net)) = &mut self.net else {
            return Ok(None);
        };
        let start = Instant::now();
        let regions = faces.iter().map(|face| {
            let region = first.region_of(face.id);
            region.unwrap_or_else(|| FaceBox::upright(&face.face_box))
        });
        let regions: Vec<FaceBox> = regions.collect();
        let net = net.clone();
        let looks = match fitter.look(grey, &regions, None) {
            Ok((looks, _)) => looks,
            Err(error) => {
                self.net = None;
                return Err((net, error));
            }
        };
        let points: Vec<_> = looks.into_iter().map(|look| look.points).collect();
        let scheme = &first.fitter().contract().scheme;
        let same = *scheme == net.scheme;
        Ok(Some(Arc::new(Compared {
            apart: Compared::distance(faces, &points, scheme).filter(|_| same),
            net,
            points,
            took: start.elapsed(),
        })))
    }
}
