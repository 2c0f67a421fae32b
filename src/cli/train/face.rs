//! Where faces are around the points of a data set, and in its pictures: what a net of such points has to know before it is
//! shown what a detector finds. Measured once, when a run begins, and kept in its recipe.

use anyhow::Result;

use crate::{
    dataset::{DataFolder, LabelRow, Part},
    detect::{CascadeDetector, CascadeSettings, Detection, FaceDetector, Search, Tilted},
    evaluate::median,
    geometry::{CropTransform, FaceBox, Rect, mean},
    keypoints::{FaceExtent, PointScheme},
    model::CropRule,
    picture,
    train::TrainConfig,
    transform::crop,
};

/// Pictures that are looked at, evenly spread over a data set; medians of more differ by less than faces do.
const MOST_PICTURES: usize = 200;
/// With fewer faces found nothing is said about where they are.
const FEWEST_FACES: usize = 5;
/// How sure a find has to be: what the cascade's own box was measured with.
const SEARCHED: (f64, u32) = (1.1, 4);
/// What is measured is written with so many digits: further ones are chance.
const DIGITS: f64 = 1000.0;
/// Crops that are measured have two, as that of the course.
const CROP_DIGITS: f64 = 100.0;

/// What was measured.
pub struct Measured {
    /// The scheme, which says where a face is around its points.
    pub scheme: PointScheme,
    /// Which part of these pictures nets of whole pictures see.
    pub crop: Option<CropRule>,
    /// What is to be said of it.
    pub note: Option<String>,
}

/// Measures in the data sets of a recipe what its net, with points of `scheme`, has to know and the scheme does not say. What
/// the recipe leaves out is not looked at.
///
/// # Errors
/// When labels or the cascade cannot be used. Pictures that cannot be read are told of by whoever trains on them.
pub fn measured(config: &TrainConfig, mut scheme: PointScheme) -> Result<Measured> {
    let bundled = PointScheme::BUNDLED.iter().any(|(_, other)| other() == scheme);
    let mut parts = Vec::new();
    for folder in &config.data {
        let mut part = DataFolder::open_training(folder)?;
        let mut rows = std::mem::take(&mut part.rows);
        rows.retain(|row| !config.leaves_out(&part, row));
        parts.push(Part { rows, ..part });
    }
    let mut note = None;
    if scheme.face.is_none() && !bundled {
        let extents = extents(&parts)?;
        scheme.face = Some(match middle(&extents) {
            Some(extent) => {
                note = Some(format!(
                    "{} faces found in a sample of the pictures: a face is {:.2} x {:.2} as large as the box of its points, \
                     its middle {:.2} lower",
                    extents.len(),
                    extent.width,
                    extent.height,
                    extent.down
                ));
                extent
            }
            None => {
                note = Some(format!(
                    "Only {} faces are found in the pictures: taken for as large as the box of their points. If they are not, \
                     the net will not find its points on faces that the program finds; say it in a scheme's `face`",
                    extents.len()
                ));
                FaceExtent::OF_POINTS
            }
        });
    }
    let usual = config.net.contract(scheme.clone()).crop;
    let crop = match usual.picture_fraction {
        Some(fraction) => crop_of_pictures(&parts, &scheme, fraction),
        None => None,
    };
    Ok(Measured { scheme, crop, note })
}

/// Rows of a part, evenly spread.
fn sample(part: &Part) -> impl Iterator<Item = (&Part, &LabelRow)> {
    let step = part.rows.len().div_ceil(MOST_PICTURES).max(1);
    part.rows.iter().step_by(step).map(move |row| (part, row))
}

/// Where the cascade finds faces around the points of a sample.
fn extents(parts: &[Part]) -> Result<Vec<FaceExtent>> {
    let usual = CascadeSettings::following();
    let mut detector = CascadeDetector::open(CascadeSettings {
        scale_factor: SEARCHED.0,
        min_neighbours: SEARCHED.1,
        search: Search {
            tilted: Tilted::Never,
            ..usual.search
        },
        ..usual
    })?;
    let mut extents = Vec::new();
    for (part, row) in parts.iter().flat_map(sample) {
        let Ok(picture) = picture::read(&part.folder.join(&row.name)) else {
            continue;
        };
        let finds = detector.detect(&crop::grey(&picture)?)?;
        let (middle, tight) = (mean(&row.points), Rect::around(&row.points));
        let holds = |find: &&Detection| find.face_box.bounds().contains(middle);
        let both = finds.iter().find(holds).zip(tight);
        extents.extend(
            both.and_then(|(find, tight)| FaceExtent::between(&FaceBox::upright(&tight), &find.face_box)),
        );
    }
    Ok(extents)
}

/// The median of each number; `None` of too few.
fn middle(extents: &[FaceExtent]) -> Option<FaceExtent> {
    let of = |number: fn(&FaceExtent) -> f32| {
        let numbers: Vec<f64> = extents.iter().map(|extent| f64::from(number(extent))).collect();
        Some(rounded(median(&numbers)?, DIGITS))
    };
    if extents.len() < FEWEST_FACES {
        return None;
    }
    Some(FaceExtent {
        width: of(|e| e.width)?,
        height: of(|e| e.height)?,
        right: of(|e| e.right)?,
        down: of(|e| e.down)?,
    })
}

/// How the part of a picture that is seen lies to its face: medians over a sample, as those of the course are over its own
/// pictures.
fn crop_of_pictures(parts: &[Part], scheme: &PointScheme, fraction: f32) -> Option<CropRule> {
    let (mut margins, mut shifts) = (Vec::new(), Vec::new());
    for (part, row) in parts.iter().flat_map(sample) {
        let face = scheme
            .upright_face(&row.points)
            .filter(|face| face.long_side() >= 1.0);
        let Some((face, picture)) = face.zip(picture::read(&part.folder.join(&row.name)).ok()) else {
            continue;
        };
        let crop = CropTransform::of_picture(picture.width(), picture.height(), fraction, 1);
        let (margin, shift) = crop.about(&face);
        margins.push(f64::from(margin));
        shifts.push(f64::from(shift));
    }
    Some(CropRule {
        margin: rounded(median(&margins)?, CROP_DIGITS),
        shift_down: rounded(median(&shifts)?, CROP_DIGITS),
        picture_fraction: Some(fraction),
    })
}

fn rounded(number: f64, digits: f64) -> f32 {
    ((number * digits).round() / digits) as f32
}
