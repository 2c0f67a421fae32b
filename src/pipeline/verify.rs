//! Every face of a photograph: whatever might be one is looked at by the net, which knows better. For nets that say how
//! sure they are; used by the commands without a window.

use image::GrayImage;

use super::fit::{FitError, KeypointFitter};
use crate::{
    detect::{
        Detection,
        track::{Look, Verdict, better_aim, judge},
    },
    face::Face,
    geometry::{FaceBox, Point, Rect},
};

/// So many crops go through the net at once: more take memory and save no time.
const BATCH: usize = 32;
/// A second look is worth it where the first one is at least so sure: badly aimed crops of faces are not believed at once.
const WORTH_A_SECOND_LOOK: f32 = 0.05;
/// Times that a face is aimed at anew, by the points seen last.
const LOOKS: usize = 3;
/// Two faces whose points' boxes overlap by more than this (intersection over union) are one.
const SAME_FACE_IOU: f32 = 0.4;

/// Sizes of the faces that the net looks for by itself, as shares of the picture's short side: large ones, of which a few
/// hundred looks miss none, and which detectors miss when they lean, are close to the border or partly covered.
const OWN_SIZES: [f32; 4] = [0.8, 0.56, 0.4, 0.28];
/// From one such look to the next, in sizes: the net bears crops that are off by about half of this.
const OWN_STEP: f32 = 0.3;
/// A size that takes more looks than this is left out: the picture is a strip, and looking all along it takes minutes.
const MOST_LOOKS_OF_A_SIZE: usize = 1000;
/// Smaller faces, pixels, are nothing that a net could tell.
const LEAST_SIZE: f32 = 16.0;
/// So sure the net has to be of a face that no detector proposed: hundreds of looks at anything are hundreds of chances to
/// err. Set with a net before the present one: of 180 labelled photographs it kept all that were found in this way, the least
/// sure (0.9987) behind a hand; of eight without faces it refused the one that was found, in a page of print (0.9963). With the
/// present net no face of the 180 is missed, and none is found on the eight.
const OWN_CONFIDENCE: f32 = 0.998;

/// The faces of `grey`: those among `finds`, which may be in any order and overlap, and large ones that are not among them.
/// Where two are one the surer one stays; ids by size, the largest 0. Each is aimed at by its own points until that changes
/// little.
///
/// # Errors
/// When a crop cannot be cut or the net fails.
pub fn verified(
    fitter: &mut KeypointFitter,
    grey: &GrayImage,
    finds: &[Detection],
) -> Result<Vec<Face>, FitError> {
    let scheme = fitter.contract().scheme.clone();
    let proposed = finds.iter().map(|find| find.face_box).collect();
    let mut seen = surely(fitter, grey, proposed, 0.0)?;
    let own = everywhere(grey.width() as f32, grey.height() as f32).collect();
    seen.extend(surely(fitter, grey, own, OWN_CONFIDENCE)?);
    seen.sort_by(|a, b| {
        b.confidence
            .unwrap_or(1.0)
            .total_cmp(&a.confidence.unwrap_or(1.0))
    });
    let mut faces: Vec<Face> = Vec::new();
    for look in seen {
        let Some(found) = scheme.leaning_face_box(&look.points) else {
            continue;
        };
        let face_box = found.bounds();
        if faces
            .iter()
            .any(|face| face.face_box.iou(&face_box) > SAME_FACE_IOU)
        {
            continue;
        }
        faces.push(Face {
            id: 0,
            face_box,
            raw_points: look.points.clone(),
            points: look.points,
            confidence: look.confidence,
            spread: look.spread,
        });
    }
    faces.sort_by(|a, b| b.face_box.long_side().total_cmp(&a.face_box.long_side()));
    for (id, face) in (0..).zip(&mut faces) {
        face.id = id;
    }
    Ok(faces)
}

/// What the net is sure of in `regions`: at least as much as is usual, and by `least_confidence`.
fn surely(
    fitter: &mut KeypointFitter,
    grey: &GrayImage,
    mut regions: Vec<FaceBox>,
    least_confidence: f32,
) -> Result<Vec<Look>, FitError> {
    let scheme = fitter.contract().scheme.clone();
    let is_face = |look: &Look| {
        judge(&scheme, look) == Verdict::Face && look.confidence.is_none_or(|c| c >= least_confidence)
    };
    let mut seen = Vec::new();
    for round in 1..=LOOKS {
        let mut again = Vec::new();
        for part in regions.chunks(BATCH) {
            for look in fitter.look(grey, part, None)?.0 {
                let promising = look.confidence.is_none_or(|c| c >= WORTH_A_SECOND_LOOK);
                match better_aim(&scheme, &look) {
                    Some(better) if promising && round < LOOKS => again.push(better),
                    _ if is_face(&look) => seen.push(look),
                    _ => {}
                }
            }
        }
        regions = again;
    }
    Ok(seen)
}

/// Regions of large faces all over a picture of this size.
fn everywhere(width: f32, height: f32) -> impl Iterator<Item = FaceBox> {
    let sizes = OWN_SIZES.map(|share| share * width.min(height));
    sizes
        .into_iter()
        .filter(|&size| size >= LEAST_SIZE)
        .flat_map(move |size| {
            let (columns, rows) = (places(width, size), places(height, size));
            let few_enough = columns.len() * rows.len() <= MOST_LOOKS_OF_A_SIZE;
            let rows = if few_enough { rows } else { Vec::new() };
            rows.into_iter().flat_map(move |y| {
                let row = columns.clone().into_iter();
                row.map(move |x| FaceBox::upright(&Rect::from_centre(Point::new(x, y), size, size)))
            })
        })
}

/// Centres of faces of one size along one side of a picture: at about the step, the first and the last one touch the border.
fn places(length: f32, size: f32) -> Vec<f32> {
    let room = (length - size).max(0.0);
    let steps = (room / (OWN_STEP * size)).ceil() as u32;
    (0..=steps)
        .map(|i| (size - 1.0) / 2.0 + room * i as f32 / steps.max(1) as f32)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_face_anywhere_is_near_one_of_the_looks() {
        let regions: Vec<FaceBox> = everywhere(640.0, 480.0).collect();
        assert!((200..600).contains(&regions.len()), "{}", regions.len());
        for size in [140.0, 200.0, 300.0] {
            for (x, y) in [(0.0, 0.0), (120.0, 77.0), (640.0 - size, 480.0 - size)] {
                let face = Rect::new(x, y, size, size);
                let best = regions.iter().map(|region| region.bounds().iou(&face));
                assert!(best.fold(0.0, f32::max) > 0.45, "{face:?}");
            }
        }
    }

    #[test]
    fn pictures_of_any_shape_take_a_few_thousand_looks_at_most() {
        for (width, height) in [
            (60_000.0, 100.0),
            (30.0, 9000.0),
            (1.0, 1.0),
            (60_000.0, 40_000.0),
        ] {
            assert!(everywhere(width, height).count() <= OWN_SIZES.len() * MOST_LOOKS_OF_A_SIZE);
        }
    }
}
