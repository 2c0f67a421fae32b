//! Faces with their keypoints, of photographs or of a video's frames, in one call: search, tracker and net, one after the
//! other in the calling thread. For the commands without a window, and for programs that use this crate.

use std::{
    mem::take,
    time::{Duration, Instant},
};

use image::{GrayImage, RgbaImage};

use super::{
    fit::{FitError, KeypointFitter},
    follow::Follower,
    verify::verified,
};
use crate::{
    detect::{CascadeDetector, CascadeSettings, DetectError, FaceDetector, Planner, smooth::Strength},
    face::Face,
    geometry::FaceBox,
    keypoints::PointScheme,
    model::KeypointModel,
    transform::{TransformError, crop},
};

/// Side of the empty picture that the detector is warmed up with.
const WARM_UP_SIDE: u32 = 128;

/// Finds faces and their keypoints.
///
/// ```no_run
/// use pinkpoint::{model::{DeviceChoice, KeypointModel, catalogue}, picture, pipeline::KeypointFinder};
///
/// # fn main() -> anyhow::Result<()> {
/// let net = KeypointModel::load(&catalogue::resolve("pinkpoint")?, DeviceChoice::Auto)?;
/// let mut finder = KeypointFinder::new(net)?;
/// for face in finder.photograph(&picture::read("family.jpg".as_ref())?)? {
///     println!("{} points in {:?}", face.points.len(), face.face_box);
/// }
/// # Ok(())
/// # }
/// ```
pub struct KeypointFinder {
    in_photographs: Box<dyn FaceDetector>,
    in_videos: Box<dyn FaceDetector>,
    follower: Follower,
    planner: Planner,
    /// The planner as it is at the beginning of a video.
    fresh_planner: Planner,
    search_time: Duration,
}

/// How faces are searched for.
#[derive(Debug, Clone)]
pub struct Searches {
    /// In photographs.
    pub photographs: CascadeSettings,
    /// In videos.
    pub videos: CascadeSettings,
    /// When a video is searched.
    pub planner: Planner,
}

/// Why no keypoints could be found.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The picture could not be made grey.
    #[error(transparent)]
    Grey(#[from] TransformError),
    /// The search failed.
    #[error(transparent)]
    Detect(#[from] DetectError),
    /// The net failed.
    #[error(transparent)]
    Fit(#[from] FitError),
}

impl Searches {
    /// What suits a net that says how sure it is of a face, or one that does not.
    pub fn usual(verifies: bool) -> Self {
        Self {
            photographs: CascadeSettings::for_photographs(verifies),
            videos: CascadeSettings::following(),
            planner: Planner::default(),
        }
    }
}

impl KeypointFinder {
    /// A finder that uses `net`, searches as suits it, and steadies the points of videos as usual.
    ///
    /// # Errors
    /// When a bundled cascade is missing or damaged.
    pub fn new(net: KeypointModel) -> Result<Self, DetectError> {
        let searches = Searches::usual(net.contract().confidence);
        Self::with(net, searches, Strength::default())
    }

    /// A finder that searches and steadies as it is told.
    ///
    /// # Errors
    /// When a cascade cannot be used or a setting makes no sense.
    pub fn with(net: KeypointModel, searches: Searches, strength: Strength) -> Result<Self, DetectError> {
        let in_photographs = Box::new(CascadeDetector::open(searches.photographs)?);
        let in_videos = Box::new(CascadeDetector::open(searches.videos)?);
        Ok(Self::with_detectors(
            net,
            in_photographs,
            in_videos,
            searches.planner,
            strength,
        ))
    }

    /// A finder that uses these detectors, the second one when `planner` says so.
    pub fn with_detectors(
        net: KeypointModel,
        in_photographs: Box<dyn FaceDetector>,
        in_videos: Box<dyn FaceDetector>,
        planner: Planner,
        strength: Strength,
    ) -> Self {
        Self {
            in_photographs,
            in_videos,
            follower: Follower::new(KeypointFitter::new(net), strength),
            planner: planner.clone(),
            fresh_planner: planner,
            search_time: Duration::ZERO,
        }
    }

    /// Searches an empty picture: starts the threads that OpenCV shares out its work to.
    ///
    /// # Errors
    /// When the detector fails.
    pub fn warm_up(&mut self) -> Result<(), DetectError> {
        let empty = GrayImage::new(WARM_UP_SIDE, WARM_UP_SIDE);
        self.in_photographs.detect(&empty).map(drop)
    }

    /// What the points are.
    pub fn scheme(&mut self) -> &PointScheme {
        &self.fitter().contract().scheme
    }

    /// Name of the device that the net runs on, such as `cpu` or `cuda:0`.
    pub fn device(&mut self) -> String {
        self.fitter().model().device()
    }

    /// Begins a video that has nothing to do with what came before; ids of faces begin anew.
    pub fn begin_anew(&mut self) {
        self.follower.begin_anew();
        self.planner = self.fresh_planner.clone();
    }

    /// All faces of a photograph, in its pixels; ids by size, the largest 0.
    ///
    /// # Errors
    /// When the search or the net fails.
    pub fn photograph(&mut self, picture: &RgbaImage) -> Result<Vec<Face>, FindError> {
        let start = Instant::now();
        let grey = crop::grey(picture)?;
        let found = self.in_photographs.detect(&grey)?;
        self.search_time += start.elapsed();
        let fitter = self.follower.fitter();
        if fitter.contract().confidence {
            return Ok(verified(fitter, &grey, &found)?);
        }
        let boxes: Vec<FaceBox> = found.iter().map(|found| found.face_box).collect();
        Ok(fitter.fit(&grey, &boxes)?)
    }

    /// The faces of a video's next frame, which lies at `time` in it, in its pixels: followed from frame to frame by id,
    /// their points steadied.
    ///
    /// # Errors
    /// When the search or the net fails.
    pub fn frame(&mut self, picture: &RgbaImage, time: Duration) -> Result<Vec<Face>, FindError> {
        let start = Instant::now();
        let grey = crop::grey(picture)?;
        let search = self.planner.next(time, self.follower.need(), grey.dimensions());
        let found = match search {
            Some(search) => self.in_videos.search(&grey, &search)?,
            None => Vec::new(),
        };
        self.search_time += start.elapsed();
        Ok(self.follower.frame(&grey, time, &found, None)?.faces)
    }

    /// Time spent on greys and searches, on crops, and in the net, since the last call.
    pub fn take_times(&mut self) -> (Duration, Duration, Duration) {
        let (crop, infer) = self.fitter().take_times();
        (take(&mut self.search_time), crop, infer)
    }

    fn fitter(&mut self) -> &mut KeypointFitter {
        self.follower.fitter()
    }
}
