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
    geometry::FaceBox,
};

/// So many crops go through the net at once: more take memory and save no time.
const BATCH: usize = 32;
/// A second look is worth it where the first one is at least so sure: badly aimed crops of faces are not believed at once.
const WORTH_A_SECOND_LOOK: f32 = 0.05;
/// Times that a face is aimed at anew, by the points seen last.
const LOOKS: usize = 3;
/// Two faces whose points' boxes overlap by more than this (intersection over union) are one.
const SAME_FACE_IOU: f32 = 0.4;

/// The faces among `finds`, which may be in any order and overlap: the surest first where two are one, ids by size, the
/// largest 0. Each is aimed at by its own points until that changes little.
///
/// # Errors
/// When a crop cannot be cut or the net fails.
pub fn verified(
    fitter: &mut KeypointFitter,
    grey: &GrayImage,
    finds: &[Detection],
) -> Result<Vec<Face>, FitError> {
    let scheme = fitter.contract().scheme.clone();
    let mut regions: Vec<FaceBox> = finds.iter().map(|find| find.face_box).collect();
    let mut seen: Vec<Look> = Vec::new();
    for round in 1..=LOOKS {
        let mut again = Vec::new();
        for part in regions.chunks(BATCH) {
            for look in fitter.look(grey, part, None)?.0 {
                let promising = look.confidence.is_none_or(|c| c >= WORTH_A_SECOND_LOOK);
                match better_aim(&scheme, &look) {
                    Some(better) if promising && round < LOOKS => again.push(better),
                    _ if judge(&scheme, &look) == Verdict::Face => seen.push(look),
                    _ => {}
                }
            }
        }
        regions = again;
    }
    seen.sort_by(|a, b| {
        b.confidence
            .unwrap_or(1.0)
            .total_cmp(&a.confidence.unwrap_or(1.0))
    });
    let mut faces: Vec<Face> = Vec::new();
    for look in seen {
        let Some(found) = FaceBox::around(&look.points, scheme.roll(&look.points)) else {
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
        });
    }
    faces.sort_by(|a, b| b.face_box.long_side().total_cmp(&a.face_box.long_side()));
    for (id, face) in (0..).zip(&mut faces) {
        face.id = id;
    }
    Ok(faces)
}
