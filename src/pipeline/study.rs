//! The thread that answers what would hold up the frames: what a keypoint hangs on, and what a filter makes of the whole picture.
//! It has a copy of the net of its own while somebody asks for a keypoint, and works on the newest frame whenever it is ready for one.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use image::{GrayImage, RgbaImage};

use super::{
    events::EventSender,
    inside::Inside,
    scene::NetInfo,
    slot::{Slot, Taken},
};
use crate::{
    geometry::Point,
    look::{self, Colours, Palette, Range},
    model::{DeviceChoice, KeypointModel, ModelError, Occlusion},
    process,
    transform::crop,
    worker::Pulse,
};

/// How often the thread looks up while there is nothing to do; closing its slot wakes it at once.
const PATIENCE: Duration = Duration::from_secs(1);
/// While frames come, the window is drawn for them and finds what is new; where none has come for so long it is woken.
const QUIET: Duration = Duration::from_millis(100);
/// A net that works longer for a gradient has fewer parts covered.
const SLOW: Duration = Duration::from_millis(30);
/// Long side of a picture that a filter is applied to, pixels.
const FILTERED_SIDE: std::ops::RangeInclusive<f32> = 48.0..=960.0;
/// The same where no face says how large the net would see it.
const USUAL_FILTERED_SIDE: f32 = 640.0;

/// What is to be studied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Studying {
    /// A keypoint of the face that is looked at, by its number.
    pub point: Option<usize>,
    /// A filter, for the whole picture.
    pub filter: Option<FilterId>,
}

impl Studying {
    /// Whether anything is.
    pub fn is_some(&self) -> bool {
        self.point.is_some() || self.filter.is_some()
    }
}

/// A filter of a net.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilterId {
    /// Place of its convolution in [`NetInfo::filters`].
    pub convolution: usize,
    /// Its number there, from 0.
    pub number: usize,
}

/// What is known by now.
#[derive(Debug, Clone, Default)]
pub struct Study {
    /// What the keypoint hangs on.
    pub why: Option<Why>,
    /// What the filter makes of the picture.
    pub response: Option<Arc<Response>>,
}

/// What a keypoint hangs on. Both findings are of one face.
#[derive(Debug, Clone)]
pub struct Why {
    /// The net.
    pub net: Arc<NetInfo>,
    /// The keypoint's number.
    pub point: usize,
    /// Id of the face; `None` where there is none to look at.
    pub face: Option<u32>,
    /// Which pixels would move it: crop pixels that it would move for a pixel that turned from black to white. Or why that is
    /// not known.
    pub saliency: Option<Result<Arc<Finding>, String>>,
    /// Which parts of the crop it would miss: how far it moves when a part is grey, crop pixels. Or why that is not known.
    pub occlusion: Option<Result<Arc<Finding>, String>>,
    /// Whether all parts were covered at least once; until then `occlusion` is of the first rows only.
    pub is_whole: bool,
}

/// Something found about the crop of a face.
#[derive(Debug)]
pub struct Finding {
    /// The crop, grey.
    pub crop: RgbaImage,
    /// How much of it is where, to be laid over all of the crop.
    pub heat: RgbaImage,
    /// Where the keypoint is, crop pixels.
    pub at: Point,
    /// The largest value, in the unit that the finding is in.
    pub most: f32,
    /// Frame pixels per crop pixel.
    pub scale: f32,
}

/// What a filter makes of a whole picture, shrunk or enlarged as the net sees the face that is looked at.
#[derive(Debug)]
pub struct Response {
    /// The filter.
    pub filter: FilterId,
    /// Zero white, positive values pink, negative ones green.
    pub picture: RgbaImage,
    /// The largest magnitude.
    pub most: f32,
}

/// A frame to study.
pub(super) struct WantedStudy {
    pub(super) what: Studying,
    pub(super) net: Arc<NetInfo>,
    pub(super) grey: Arc<GrayImage>,
    /// The face that is looked at; `None` where there is none.
    pub(super) face: Option<StudiedFace>,
}

/// A face to study.
pub(super) struct StudiedFace {
    pub(super) id: u32,
    pub(super) inside: Arc<Inside>,
    /// Its keypoints, frame pixels.
    pub(super) points: Vec<Point>,
}

/// The thread's belongings.
pub(super) struct StudyThread {
    pub(super) device: DeviceChoice,
    pub(super) events: EventSender,
    pub(super) wanted: Arc<Slot<WantedStudy>>,
    pub(super) studies: Arc<Slot<Study>>,
    pub(super) pulse: Pulse,
}

impl StudyThread {
    /// Runs until the slot of wishes is closed.
    pub(super) fn run(&self) {
        // The frames' own threads need the cores more.
        process::yield_to_others();
        let mut desk = Desk {
            device: self.device,
            net: None,
            frame: None,
            cells: Occlusion::CELLS,
            sweep: None,
            study: Study::default(),
        };
        // When the last frame came, and whether the window knows what was found since.
        let (mut last_frame, mut known) = (Instant::now(), true);
        loop {
            let patience = match (&desk.sweep, known) {
                (Some(_), _) => Duration::ZERO,
                (None, false) => QUIET,
                (None, true) => PATIENCE,
            };
            let changed = match self.pulse.rests(|| self.wanted.take(patience)) {
                Taken::Value(wanted) => {
                    last_frame = Instant::now();
                    desk.take(wanted)
                }
                Taken::Nothing => desk.sweep_on(),
                Taken::Closed => return,
            };
            if changed {
                self.studies.put(desk.study.clone());
                known = false;
            }
            if !known && last_frame.elapsed() >= QUIET {
                self.events.wake();
                known = true;
            }
        }
    }
}

/// Parts of a crop that are covered, one after the other.
struct Sweep {
    occlusion: Occlusion,
    inside: Arc<Inside>,
    /// Where the keypoint is, crop pixels.
    at: Point,
    began: Instant,
}

/// What lies on the thread's desk.
struct Desk {
    device: DeviceChoice,
    /// The net that points are studied with, or why there is none.
    net: Option<(Arc<NetInfo>, Result<KeypointModel, String>)>,
    /// The newest frame.
    frame: Option<WantedStudy>,
    /// Places in a row of those that are covered, as the net is quick or slow.
    cells: usize,
    /// Parts of a crop are being covered.
    sweep: Option<Sweep>,
    study: Study,
}

impl Desk {
    /// Begins with another frame. Whether there is anything new to be seen.
    fn take(&mut self, wanted: WantedStudy) -> bool {
        self.study.response = wanted.what.filter.and_then(|filter| response(&wanted, filter));
        self.begin(&wanted);
        self.frame = wanted.what.is_some().then_some(wanted);
        self.look();
        true
    }

    /// Lets go of what is known of another keypoint, net or face, and gets the net ready.
    fn begin(&mut self, wanted: &WantedStudy) {
        let Some(point) = wanted.what.point else {
            (self.net, self.sweep, self.study.why) = (None, None, None);
            return;
        };
        let face = wanted.face.as_ref().map(|face| face.id);
        let same =
            self.study.why.as_ref().is_some_and(|why| {
                Arc::ptr_eq(&why.net, &wanted.net) && why.point == point && why.face == face
            });
        if same {
            return;
        }
        self.sweep = None;
        self.study.why = Some(Why {
            net: wanted.net.clone(),
            point,
            face,
            saliency: None,
            occlusion: None,
            is_whole: false,
        });
        let is_ready = |(net, _): &(Arc<NetInfo>, _)| Arc::ptr_eq(net, &wanted.net);
        if self.net.as_ref().is_some_and(is_ready) {
            return;
        }
        let NetInfo {
            path,
            archive,
            assumed,
            ..
        } = &*wanted.net;
        // The same file, whose numbers are read in another way.
        let again = self
            .net
            .take()
            .filter(|(net, _)| Arc::ptr_eq(&net.archive, archive));
        let read_anew = again.and_then(|(_, model)| {
            let mut model = model.ok()?;
            model.read_as((*assumed)?).ok()?;
            Some(model)
        });
        let model = match read_anew {
            Some(model) => Ok(model),
            None => KeypointModel::from_archive(path, archive, self.device, *assumed),
        };
        if let Ok(model) = &model {
            self.cells = if quickest_gradient(model) > SLOW {
                Occlusion::FEW_CELLS
            } else {
                Occlusion::CELLS
            };
        }
        self.net = Some((wanted.net.clone(), model.map_err(|error| error.to_string())));
    }

    /// Looks what would move the keypoint in the newest frame, and begins to cover parts where none is being covered.
    fn look(&mut self) {
        let (Some(why), Some((_, model)), Some(wanted)) = (&mut self.study.why, &self.net, &self.frame)
        else {
            return;
        };
        let Some(face) = &wanted.face else { return };
        let Some(&place) = face.points.get(why.point) else {
            return;
        };
        let at = face.inside.crop.transform.crop_from_frame(place);
        let failed = |error: ModelError| error.to_string();
        match model {
            Ok(model) => {
                why.saliency = Some(saliency(model, &face.inside, why.point, at).map_err(failed));
                if self.sweep.is_none() {
                    match Occlusion::begin(model, &face.inside.crop.pixels, why.point, self.cells) {
                        Ok(occlusion) => {
                            self.sweep = Some(Sweep {
                                occlusion,
                                inside: face.inside.clone(),
                                at,
                                began: Instant::now(),
                            });
                        }
                        Err(error) => why.occlusion = Some(Err(failed(error))),
                    }
                }
            }
            Err(trouble) => {
                why.saliency = Some(Err(trouble.clone()));
                why.occlusion = Some(Err(trouble.clone()));
            }
        }
        if self.sweep.is_some() {
            self.sweep_on();
        }
    }

    /// Covers the next parts. Whether there is anything new to be seen: the first time every row, then all at once.
    fn sweep_on(&mut self) -> bool {
        let (Some(sweep), Some((_, Ok(model)))) = (&mut self.sweep, &self.net) else {
            return false;
        };
        let outcome = sweep.occlusion.next_row(model);
        let is_finished = outcome.is_err() || sweep.occlusion.is_finished();
        let is_first = self.study.why.as_ref().is_some_and(|why| !why.is_whole);
        if !is_finished && !is_first {
            return false;
        }
        let found = outcome
            .map(|()| occluded(sweep))
            .map_err(|error| error.to_string());
        if let Some(why) = &mut self.study.why {
            why.occlusion = Some(found);
            why.is_whole |= is_finished;
        }
        if is_finished {
            tracing::debug!(took = ?sweep.began.elapsed(), "all parts of a face were covered");
            let newest = self.frame.as_ref().and_then(|frame| frame.face.as_ref());
            let is_old = newest.is_some_and(|face| !Arc::ptr_eq(&face.inside, &sweep.inside));
            self.sweep = None;
            // A picture that stays gets no further frame: its own parts are to be covered, too.
            if is_old {
                self.look();
            }
        }
        true
    }
}

/// How long a net works for a gradient, in CPU time of this thread (other work is none of the net's), once libtorch has prepared it,
/// which it does in its first passes; nothing where it gives none.
fn quickest_gradient(model: &KeypointModel) -> Duration {
    /// Two to prepare, and some more, of which the quickest counts.
    const PASSES: usize = 5;
    let blank = vec![0.5; (model.contract().input_side as usize).pow(2)];
    let times = (0..PASSES).filter_map(|_| {
        let before = process::thread_cpu_time();
        model.saliency(&blank, 0).ok()?;
        Some(process::thread_cpu_time().saturating_sub(before))
    });
    times.min().unwrap_or_default()
}

fn saliency(
    model: &KeypointModel,
    inside: &Inside,
    point: usize,
    at: Point,
) -> Result<Arc<Finding>, ModelError> {
    let lengths = model.saliency(&inside.crop.pixels, point)?;
    let side = inside.crop.transform.side as usize;
    Ok(finding(
        &lengths,
        side,
        look::quantile(&lengths, look::SHOWN_SHARE),
        inside,
        at,
    ))
}

/// What is known of a sweep by now; the places that were not covered yet are clear.
fn occluded(sweep: &Sweep) -> Arc<Finding> {
    let shifts = sweep.occlusion.shifts();
    let most = look::quantile(shifts, 1.0);
    finding(shifts, sweep.occlusion.cells(), most, &sweep.inside, sweep.at)
}

/// `values` of `side` x `side` places of the crop, drawn up to `shown`.
fn finding(values: &[f32], side: usize, shown: f32, inside: &Inside, at: Point) -> Arc<Finding> {
    let transform = inside.crop.transform;
    Arc::new(Finding {
        crop: look::grey_picture(&inside.crop.pixels, transform.side),
        heat: look::heat(values, (side, side), shown),
        at,
        most: look::quantile(values, 1.0),
        scale: transform.scale(),
    })
}

/// What a filter makes of a frame; `None` where it does not work on the picture itself.
fn response(wanted: &WantedStudy, filter: FilterId) -> Option<Arc<Response>> {
    let kernels = wanted.net.filters.get(filter.convolution)?;
    let [count, height, width] = kernels.maps.shape;
    if !kernels.takes_picture || filter.number >= count {
        return None;
    }
    let area = height * width;
    let kernel = &kernels.maps.values[filter.number * area..(filter.number + 1) * area];
    let bias = kernels.biases.get(filter.number).copied().unwrap_or_default();
    let crop = wanted.face.as_ref().map(|face| &face.inside.crop.transform);
    let seen = crop::as_seen(&wanted.grey, crop, USUAL_FILTERED_SIDE, FILTERED_SIDE);
    let filtered = seen.and_then(|picture| {
        let values = crop::filtered(&picture, kernel, (width, height), bias)?;
        Ok((picture.dimensions(), values))
    });
    let ((to_width, to_height), values) = match filtered {
        Ok(filtered) => filtered,
        Err(error) => {
            tracing::warn!("a filter cannot be applied to the picture: {error}");
            return None;
        }
    };
    let (colours, range) = (Colours::of(Palette::PinkGreen), Range::of(&values));
    let colour = |x: u32, y: u32| {
        let value = values[(y * to_width + x) as usize];
        image::Rgba(colours.colour(value, range))
    };
    Some(Arc::new(Response {
        filter,
        picture: RgbaImage::from_fn(to_width, to_height, colour),
        most: range.magnitude(),
    }))
}
