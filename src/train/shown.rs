//! Pictures of an epoch for TensorBoard: the first filters, and the same few faces again and again, with their points.

use image::DynamicImage;

use super::{TrainError, Validation, data::Example, filters, tensorboard::Named};
use crate::{model::LayerMaps, record::sheet};

/// Name of the picture of filters.
pub(super) const FILTERS: &str = "filters";
/// Name of the picture of faces.
const FACES: &str = "faces";
/// Faces in the picture: the first ones held back.
const MOST: usize = 8;

/// The pictures after an epoch; faces where some were held back, labelled points green and the net's pink.
///
/// # Errors
/// When drawing fails.
pub(super) fn of_epoch(
    kernels: &LayerMaps,
    validation: Option<&Validation>,
    pictures: &[Example],
) -> Result<Vec<Named>, TrainError> {
    let mut shown = vec![(FILTERS, filters::picture(kernels))];
    if let Some(validation) = validation {
        let both = validation.outcomes.iter().zip(pictures).take(MOST);
        let cells: Vec<sheet::Cell> = both
            .map(|(outcome, example)| {
                let picture = DynamicImage::ImageLuma8(example.labelled.picture.clone()).into_rgba8();
                sheet::Cell::of(outcome, picture, &validation.scheme)
            })
            .collect();
        shown.push((FACES, sheet::drawn(&cells)?));
    }
    Ok(shown)
}
