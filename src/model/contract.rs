//! The weights contract: what a weights file says about itself, as JSON inside the archive. The one place that
//! knows how a net's numbers become pixels. Plain data: nothing here runs a net.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    geometry::{CropTransform, FaceBox, OutputScale, Point, Similarity},
    keypoints::PointScheme,
    text::shortened,
};

/// Version of the JSON; a file with a larger one was written by a newer program.
pub const FORMAT: u32 = 1;
/// Name of the JSON in the archive, below `NAME/extra/`.
pub const FILE_NAME: &str = "pinkpoint.json";
/// Input sides that make sense; anything else is a damaged file.
const SIDES: std::ops::RangeInclusive<u32> = 16..=1024;
/// A crop shifted by more face sizes than this would miss the face.
const LARGEST_SHIFT: f32 = 2.0;
/// Characters of a net's name, and of what is said of one that cannot be used: both are from the file, and are shown.
const LONGEST_NAME: usize = 200;
const LONGEST_REASON: usize = 300;
/// In a crop larger than so many face sizes, or pictures, a face is a few pixels.
const LARGEST_MARGIN: f32 = 20.0;
/// A net's numbers may mean so many pixels a unit, and be off by so many: above, points are so far away that arithmetic fails.
const LARGEST_SCALE: f32 = 1e6;

/// What a net needs and gives: `forward([n, 1, side, side] grey 0..1) -> [n, 2 * count]` or `[n, count, 2]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contract {
    /// Version of this JSON.
    pub format: u32,
    /// Name shown to people.
    pub name: String,
    /// Side of the square input, pixels.
    pub input_side: u32,
    /// From the net's numbers to crop pixels.
    pub output: OutputScale,
    /// Which part of a picture the net was trained to see.
    pub crop: CropRule,
    /// What the points are; in a contract written by hand also the name of a bundled scheme.
    #[serde(deserialize_with = "scheme_or_its_name")]
    pub scheme: PointScheme,
    /// Whether the file's method `predict` says how sure the net is: `predict([n, 1, side, side]) -> ([n, 2 * count] as
    /// forward gives it, confidence that this is a face [n] 0..1, spread [n, count] crop pixels)`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confidence: bool,
    /// Where the weights come from.
    #[serde(default)]
    pub training: Training,
}

/// A scheme, or the name that a bundled one has on the command line.
fn scheme_or_its_name<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<PointScheme, D::Error> {
    use serde::de::Error;
    match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::String(name) => PointScheme::bundled(&name).ok_or_else(|| {
            let names = PointScheme::BUNDLED.map(|(name, _)| name).join(", ");
            let name = shortened(&name, LONGEST_NAME);
            D::Error::custom(format!("there is no point scheme '{name}'; there are {names}"))
        }),
        written => serde_json::from_value(written).map_err(D::Error::custom),
    }
}

/// How the crop handed to the net is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CropRule {
    /// Side of the square crop divided by the long side of the face box ([`PointScheme::face_box`]).
    pub margin: f32,
    /// How far the crop's centre lies below that of the face box, divided by the box's long side.
    #[serde(default)]
    pub shift_down: f32,
    /// For nets trained on whole pictures: side of the centred square crop divided by the picture's short side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture_fraction: Option<f32>,
}

/// How the numbers of a file that does not say so itself are read.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Side of the square input, pixels.
    pub input_side: u32,
    /// From the net's numbers to crop pixels.
    pub output: OutputScale,
    /// Which part of a picture the net was trained to see.
    pub crop: CropRule,
}

/// Where weights come from; shown, not used.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Training {
    /// The data, in words.
    pub data: String,
    /// The recipe, in words.
    pub recipe: String,
    /// Figures measured on held-back data, by name.
    pub figures: BTreeMap<String, f64>,
}

/// Why a contract cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}", shortened(why, LONGEST_REASON))]
pub struct ContractError {
    why: String,
}

impl Reading {
    /// Checks the numbers.
    ///
    /// # Errors
    /// When no net can be read so.
    pub fn check(self) -> Result<(), ContractError> {
        Contract::assumed(String::new(), self.input_side, 1)
            .read_as(self)
            .map(drop)
    }
}

impl Contract {
    /// What to assume of a file that says nothing: the course's normalisation, scaled to its input side, and
    /// a crop as wide as the pictures of the course. A name that is too long is cut.
    pub fn assumed(name: String, input_side: u32, points: usize) -> Self {
        let relative = input_side as f32 / 224.0;
        let course = OutputScale::COURSE;
        Self {
            format: FORMAT,
            name: name.chars().take(LONGEST_NAME).collect(),
            input_side,
            output: OutputScale {
                scale: course.scale * relative,
                offset: course.offset * relative,
            },
            crop: CropRule::COURSE,
            scheme: PointScheme::assumed_for(points),
            confidence: false,
            training: Training::default(),
        }
    }

    /// How the net's numbers are read.
    pub fn reading(&self) -> Reading {
        Reading {
            input_side: self.input_side,
            output: self.output,
            crop: self.crop,
        }
    }

    /// The same net, read in another way.
    ///
    /// # Errors
    /// When no net can be read so.
    pub fn read_as(self, reading: Reading) -> Result<Self, ContractError> {
        let Reading {
            input_side,
            output,
            crop,
        } = reading;
        let contract = Self {
            input_side,
            output,
            crop,
            ..self
        };
        contract.validate()?;
        Ok(contract)
    }

    /// Reads and checks the JSON of an archive.
    ///
    /// # Errors
    /// When it is not this JSON, is of a newer format, or holds values that no net can have.
    pub fn from_json(json: &[u8]) -> Result<Self, ContractError> {
        let contract: Self =
            serde_json::from_slice(json).map_err(|e| ContractError { why: e.to_string() })?;
        contract.validate()?;
        Ok(contract)
    }

    /// The JSON for an archive.
    ///
    /// # Errors
    /// When a value cannot be written as JSON or would not be accepted when read.
    pub fn to_json(&self) -> Result<Vec<u8>, ContractError> {
        self.validate()?;
        serde_json::to_vec_pretty(self).map_err(|e| ContractError { why: e.to_string() })
    }

    fn validate(&self) -> Result<(), ContractError> {
        let fail = |why: String| Err(ContractError { why });
        if self.name.chars().nth(LONGEST_NAME).is_some() {
            return fail(format!("its name has more than {LONGEST_NAME} characters"));
        }
        if self.format > FORMAT {
            return fail(format!(
                "format {} is newer than {FORMAT}; a newer pinkpoint is needed",
                self.format
            ));
        }
        if !SIDES.contains(&self.input_side) {
            return fail(format!(
                "input side {}; {} to {} are allowed",
                self.input_side,
                SIDES.start(),
                SIDES.end()
            ));
        }
        let OutputScale { scale, offset } = self.output;
        let is_within = |x: f32| x.abs() <= LARGEST_SCALE;
        if scale == 0.0 || !is_within(scale) || !is_within(offset) {
            return fail(format!(
                "output scale {scale} and offset {offset}; up to {LARGEST_SCALE} are allowed, and no scale of 0"
            ));
        }
        let margins = [
            ("crop margin", Some(self.crop.margin)),
            ("picture fraction", self.crop.picture_fraction),
        ];
        for (what, margin) in margins {
            if let Some(margin) = margin.filter(|m| !(*m > 0.0 && *m <= LARGEST_MARGIN)) {
                return fail(format!(
                    "{what} {margin}; above 0 and up to {LARGEST_MARGIN} are allowed"
                ));
            }
        }
        if self.crop.shift_down.is_nan() || self.crop.shift_down.abs() > LARGEST_SHIFT {
            return fail(format!(
                "crop shift {} is more than {LARGEST_SHIFT}",
                self.crop.shift_down
            ));
        }
        self.scheme
            .validate()
            .map_err(|e| ContractError { why: e.to_string() })
    }

    /// The crop in which the net looks for the keypoints of the face in `face_box` (frame pixels), leaning with it.
    pub fn crop_of_face(&self, face_box: &FaceBox) -> CropTransform {
        let long_side = face_box.long_side().max(1.0);
        let face = Similarity {
            shift: face_box.centre,
            scale: long_side,
            roll: face_box.roll,
        };
        CropTransform {
            centre: face.apply(Point::new(0.0, self.crop.shift_down)),
            extent: self.crop.margin * long_side,
            roll: face_box.roll,
            side: self.input_side,
        }
    }

    /// The crop of a whole picture of one face, for nets that were trained on such; `None` for others.
    pub fn crop_of_picture(&self, width: u32, height: u32) -> Option<CropTransform> {
        let fraction = self.crop.picture_fraction?;
        Some(CropTransform::of_picture(
            width,
            height,
            fraction,
            self.input_side,
        ))
    }

    /// Points in crop pixels from one face's numbers, `[count, 2]` or `[2 * count]` as x, y, x, y, ...
    pub fn points(&self, values: &[f32]) -> Vec<Point> {
        let pixel = |v: f32| self.output.pixel(v);
        values
            .chunks_exact(2)
            .map(|xy| Point::new(pixel(xy[0]), pixel(xy[1])))
            .collect()
    }
}

impl CropRule {
    /// The course trains on whole pictures: short side rescaled to 250, of which 224 are seen. Margin and shift are
    /// medians over the training pictures: that crop's side is 2.04 times the long side of the labelled points' box,
    /// and its centre lies 0.13 long sides above the box's centre (`pinkpoint dataset DIR` prints both).
    pub const COURSE: Self = Self {
        margin: 2.04,
        shift_down: -0.13,
        picture_fraction: Some(224.0 / 250.0),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Rect;

    fn example() -> Contract {
        Contract::assumed("example".into(), 224, 68)
    }

    #[test]
    fn json_gives_the_same_contract_back() {
        let contract = example();
        assert_eq!(
            Contract::from_json(&contract.to_json().unwrap()).unwrap(),
            contract
        );
    }

    #[test]
    fn a_file_says_that_it_gives_confidence_or_nothing_about_it() {
        let quiet = String::from_utf8(example().to_json().unwrap()).unwrap();
        assert!(
            !quiet.contains("confidence"),
            "as files were written before there was such"
        );
        let sure = Contract {
            confidence: true,
            ..example()
        };
        assert_eq!(Contract::from_json(&sure.to_json().unwrap()).unwrap(), sure);
    }

    #[test]
    fn values_that_no_net_can_have_are_refused() {
        let broken: [fn(&mut Contract); 8] = [
            |c| c.format = FORMAT + 1,
            |c| c.input_side = 0,
            |c| c.output.scale = 0.0,
            |c| c.output.offset = f32::NAN,
            |c| c.crop.margin = -1.0,
            |c| c.crop.margin = 1e9,
            |c| c.crop.picture_fraction = Some(f32::INFINITY),
            |c| c.scheme.mirror[0] = 900,
        ];
        for (i, damage) in broken.iter().enumerate() {
            let mut contract = example();
            damage(&mut contract);
            assert!(contract.to_json().is_err(), "damage {i}");
        }
        let long = "long ".repeat(1000);
        let named = Contract {
            name: long.clone(),
            ..example()
        };
        assert!(named.to_json().is_err());
        let shown = ContractError { why: long }.to_string();
        assert!(shown.len() < 400, "{shown}");
        let assumed = Contract::assumed(named.name, 64, 5);
        assert!(assumed.to_json().is_ok(), "a long name of a file is cut");
        let fraction = Reading {
            crop: CropRule {
                picture_fraction: Some(0.0),
                ..CropRule::COURSE
            },
            ..example().reading()
        };
        assert_eq!(
            fraction.check().unwrap_err().to_string(),
            "picture fraction 0; above 0 and up to 20 are allowed"
        );
        assert!(Contract::from_json(b"{}").is_err());
        assert!(Contract::from_json(b"\x00\xff").is_err());
    }

    #[test]
    fn values_at_the_limits_are_accepted_and_those_beyond_refused() {
        let accepted = |change: fn(&mut Contract, f32), value: f32| {
            let mut contract = example();
            change(&mut contract, value);
            contract.to_json().is_ok()
        };
        let side: fn(&mut Contract, f32) = |c, side| c.input_side = side as u32;
        let scale: fn(&mut Contract, f32) = |c, scale| c.output.scale = scale;
        let offset: fn(&mut Contract, f32) = |c, offset| c.output.offset = offset;
        let margin: fn(&mut Contract, f32) = |c, margin| c.crop.margin = margin;
        let fraction: fn(&mut Contract, f32) = |c, fraction| c.crop.picture_fraction = Some(fraction);
        let shift: fn(&mut Contract, f32) = |c, shift| c.crop.shift_down = shift;
        for (change, good, bad) in [
            (side, [16.0, 1024.0], [15.0, 1025.0]),
            (scale, [-50.0, 1e-9], [0.0, f32::INFINITY]),
            (scale, [-1e6, 1e6], [1.1e6, -1.1e6]),
            (offset, [-50.0, 0.0], [f32::NAN, f32::INFINITY]),
            (offset, [-1e6, 1e6], [1.1e6, -1.1e6]),
            (margin, [20.0, 0.1], [20.1, 0.0]),
            (fraction, [20.0, 0.1], [20.1, 0.0]),
            (shift, [-2.0, 2.0], [-2.1, f32::NAN]),
        ] {
            for value in good {
                assert!(accepted(change, value), "{value}");
            }
            for value in bad {
                assert!(!accepted(change, value), "{value}");
            }
        }
    }

    #[test]
    fn the_crop_of_a_face_is_shifted_along_its_own_axis_and_enlarged() {
        let mut contract = example();
        contract.input_side = 96;
        contract.crop = CropRule {
            margin: 1.5,
            shift_down: 0.25,
            picture_fraction: None,
        };
        let face = |roll: f32, size: f32| FaceBox {
            centre: Point::new(100.0, 60.0),
            width: 40.0 * size,
            height: 80.0 * size,
            roll,
        };
        let crop = |x, y, extent, roll| CropTransform {
            centre: Point::new(x, y),
            extent,
            roll,
            side: 96,
        };
        assert_eq!(
            contract.crop_of_face(&face(0.0, 1.0)),
            crop(100.0, 80.0, 120.0, 0.0)
        );
        let quarter = std::f32::consts::FRAC_PI_2;
        let leaning = contract.crop_of_face(&face(quarter, 1.0));
        let expected = crop(80.0, 60.0, 120.0, quarter);
        assert!(
            leaning.centre.distance(expected.centre) < 1e-4,
            "what is below a face lies to its left now"
        );
        assert_eq!((leaning.extent, leaning.roll), (expected.extent, expected.roll));
        let point = contract.crop_of_face(&face(0.0, 0.0));
        assert_eq!(point.extent, 1.5, "a face without extent counts as a pixel");
    }

    #[test]
    fn a_file_that_says_nothing_is_read_as_the_course_does_whatever_its_side() {
        let course = example();
        let half = Contract::assumed("half".into(), 112, 68);
        assert_eq!((course.output.scale, course.output.offset), (50.0, 100.0));
        assert_eq!((half.output.scale, half.output.offset), (25.0, 50.0));
        let whole = course.crop_of_picture(300, 250).unwrap();
        assert_eq!((whole.centre, whole.side), (Point::new(149.5, 124.5), 224));
        assert!((whole.extent - 224.0).abs() < 1e-3, "224 of 250 pixels");
        let face = FaceBox::upright(&Rect::new(0.0, 0.0, 100.0, 100.0));
        let crop = course.crop_of_face(&face);
        assert!(
            crop.centre.y < face.centre.y,
            "there is more above the points than below"
        );
    }

    #[test]
    fn a_net_of_tight_crops_sees_no_whole_pictures() {
        let mut contract = example();
        contract.crop.picture_fraction = None;
        assert_eq!(contract.crop_of_picture(300, 250), None);
    }

    #[test]
    fn a_net_can_be_read_in_another_way_that_makes_sense() {
        let reading = Reading {
            input_side: 96,
            output: OutputScale {
                scale: 48.0,
                offset: 47.5,
            },
            crop: CropRule {
                margin: 1.3,
                shift_down: 0.0,
                picture_fraction: None,
            },
        };
        reading.check().unwrap();
        let read = example().read_as(reading).unwrap();
        assert_eq!((read.reading(), read.scheme), (reading, example().scheme));
        let nonsense = Reading {
            input_side: 0,
            ..reading
        };
        assert!(example().read_as(nonsense).is_err());
        assert!(nonsense.check().is_err());
    }

    #[test]
    fn pixels_and_values_are_inverse() {
        let output = OutputScale::COURSE;
        assert_eq!(output.pixel(0.0), 100.0);
        assert_eq!(output.value(output.pixel(1.5)), 1.5);
        assert_eq!(example().points(&[0.0, 1.0]), [Point::new(100.0, 150.0)]);
    }
}
