//! Where the face of a labelled picture is, and the net's points there.

use std::path::Path;

use anyhow::{Context, Result, bail};
use image::GrayImage;

use crate::{
    dataset::LabelRow,
    detect::{CascadeDetector, CascadeSettings, Detection, FaceDetector},
    evaluate::Outcome,
    geometry::{CropTransform, FaceBox, Point, Rect},
    model::Contract,
    pipeline::{KeypointFitter, verified},
};

/// A detected face is the labelled one when their boxes share more than this of their union.
const SAME_FACE_IOU: f32 = 0.3;

/// Where the crop handed to the net comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Boxes {
    /// Whole pictures.
    Image,
    /// The labelled points.
    Labels,
    /// What is found.
    Detector,
}

/// Says which part of a picture the net gets to see.
pub enum Finder {
    /// As [`Boxes::Image`].
    Image,
    /// As [`Boxes::Labels`].
    Labels,
    /// As [`Boxes::Detector`].
    Detector(Box<CascadeDetector>),
}

impl Finder {
    /// What finds faces as `boxes` has it, or as is usual for the net.
    ///
    /// # Errors
    /// When that does not suit the net, or the cascade cannot be used.
    pub fn new(boxes: Option<Boxes>, cascade: Option<&Path>, contract: &Contract) -> Result<Self> {
        let whole_pictures = contract.crop.picture_fraction.is_some();
        if let (Some(cascade), false) = (cascade, boxes == Some(Boxes::Detector)) {
            bail!(
                "a cascade is only used with --boxes detector; add that, or leave --cascade out: {}",
                cascade.display()
            );
        }
        match boxes {
            Some(Boxes::Image) if !whole_pictures => {
                bail!("this net was not trained on whole pictures; use --boxes labels or --boxes detector")
            }
            Some(Boxes::Detector) => {
                let settings = CascadeSettings {
                    cascade: cascade.map(Path::to_path_buf),
                    ..CascadeSettings::for_photographs(contract.confidence)
                };
                Ok(Self::Detector(Box::new(CascadeDetector::open(settings)?)))
            }
            Some(Boxes::Image) => Ok(Self::Image),
            None if whole_pictures => Ok(Self::Image),
            Some(Boxes::Labels) | None => Ok(Self::Labels),
        }
    }

    /// Its kind, as `--boxes` has it.
    pub fn boxes(&self) -> Boxes {
        match self {
            Self::Image => Boxes::Image,
            Self::Labels => Boxes::Labels,
            Self::Detector(_) => Boxes::Detector,
        }
    }

    /// What the net makes of a labelled picture, and how many faces were found; no points when the labelled one was not.
    ///
    /// # Errors
    /// When the detector or the net fails.
    pub fn outcome(
        &mut self,
        fitter: &mut KeypointFitter,
        row: &LabelRow,
        grey: &GrayImage,
    ) -> Result<(Outcome, usize)> {
        let scheme = &fitter.contract().scheme;
        let labelled = scheme
            .upright_face(&row.points)
            .context("a label without points")?;
        let (crop, predicted, found) = match self {
            Self::Image => at(fitter, grey, |net| {
                net.crop_of_picture(grey.width(), grey.height())
            })?,
            Self::Labels => at(fitter, grey, |net| {
                Some(net.crop_of_face(&FaceBox::upright(&labelled)))
            })?,
            Self::Detector(detector) => {
                let finds = detector.detect(grey)?;
                if fitter.contract().confidence {
                    let faces = verified(fitter, grey, &finds)?;
                    let face = nearest(&labelled, &faces, |face| face.face_box);
                    let crop =
                        face.map(|face| fitter.contract().crop_of_face(&FaceBox::upright(&face.face_box)));
                    (crop, face.map(|face| face.points.clone()), faces.len())
                } else {
                    let find = if scheme.is_unnamed() {
                        around(&row.points, &finds)
                    } else {
                        nearest(&labelled, &finds, |find| find.face_box.bounds())
                    };
                    let (crop, predicted, _) = at(fitter, grey, |net| {
                        find.map(|find| net.crop_of_face(&find.face_box))
                    })?;
                    (crop, predicted, finds.len())
                }
            }
        };
        let outcome = Outcome {
            name: row.name.clone(),
            labelled: row.points.clone(),
            predicted,
            crop_extent: crop.map_or(f32::NAN, |crop| crop.extent),
        };
        Ok((outcome, found))
    }
}

/// A crop, the points in it, and the number of faces.
type Fitted = (Option<CropTransform>, Option<Vec<Point>>, usize);

/// The points in one crop, if there is one.
fn at(
    fitter: &mut KeypointFitter,
    grey: &GrayImage,
    crop: impl FnOnce(&Contract) -> Option<CropTransform>,
) -> Result<Fitted> {
    Ok(match crop(fitter.contract()) {
        Some(crop) => (Some(crop), fitter.fit_crops(grey, &[crop])?.pop(), 1),
        None => (None, None, 0),
    })
}

/// Of all that was found what most of the points lie in, the smallest of several: where a face is around them is not known.
fn around<'a>(points: &[Point], finds: &'a [Detection]) -> Option<&'a Detection> {
    let holds = |find: &&Detection| {
        let bounds = find.face_box.bounds();
        2 * points.iter().filter(|&&point| bounds.contains(point)).count() > points.len()
    };
    let size = |find: &Detection| find.face_box.long_side();
    finds
        .iter()
        .filter(holds)
        .min_by(|a, b| size(a).total_cmp(&size(b)))
}

/// Of all that was found what overlaps the labelled face most, if it overlaps it enough.
fn nearest<'a, T>(labelled: &Rect, found: &'a [T], bounds: impl Fn(&T) -> Rect) -> Option<&'a T> {
    let overlaps = found.iter().map(|face| (bounds(face).iou(labelled), face));
    let enough = overlaps.filter(|(iou, _)| *iou > SAME_FACE_IOU);
    enough.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, face)| face)
}
