//! How faces are searched, as the user sets it. Plain data, kept between runs.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{
    detect::{CascadeSettings, DEFAULT_CASCADE, Finds, Search, Tilted},
    pipeline::Searching,
    resources::{self, Kind},
};

/// How faces are searched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Detection {
    /// As set below, and not as the program sees fit.
    pub by_hand: bool,
    /// Name of the cascade, or path of its file.
    pub cascade: String,
    /// How much larger each size looked for is than the one before.
    pub scale_factor: f64,
    /// How many overlapping finds make a face.
    pub min_neighbours: u32,
    /// Smallest face, share of the picture's short side.
    pub min_size: f32,
    /// Long side of the copy that is searched, pixels.
    pub working_width: u32,
    /// Faces that lean are looked for in every search.
    pub leaning: bool,
    /// Eyes are looked for in what is found.
    pub eyes: bool,
    /// What is found is drawn.
    pub show: bool,
}

/// What can be set; beyond that searches are too slow to be of use, or find nothing.
pub const SCALE_FACTOR: std::ops::RangeInclusive<f64> = 1.02..=2.0;
/// See [`SCALE_FACTOR`].
pub const NEIGHBOURS: std::ops::RangeInclusive<u32> = 0..=20;
/// See [`SCALE_FACTOR`].
pub const MIN_SIZE: std::ops::RangeInclusive<f32> = 0.02..=0.9;
/// See [`SCALE_FACTOR`].
pub const WORKING_WIDTH: std::ops::RangeInclusive<u32> = 100..=1920;

impl Default for Detection {
    fn default() -> Self {
        let usual = CascadeSettings::following();
        Self {
            by_hand: false,
            cascade: DEFAULT_CASCADE.into(),
            scale_factor: usual.scale_factor,
            min_neighbours: usual.min_neighbours,
            min_size: usual.search.min_size,
            working_width: usual.search.work_side,
            leaning: false,
            eyes: false,
            show: false,
        }
    }
}

impl Detection {
    /// What the pipeline is told.
    pub fn searching(&self) -> Searching {
        let by_hand = CascadeSettings {
            // A name that is not bundled may be a path; opening it says what is wrong with it.
            cascade: Some(
                resources::find(Kind::Cascade, &self.cascade)
                    .unwrap_or_else(|_| PathBuf::from(&self.cascade)),
            ),
            scale_factor: self.scale_factor,
            min_neighbours: self.min_neighbours,
            search: Search {
                work_side: self.working_width,
                min_size: self.min_size,
                tilted: if self.leaning {
                    Tilted::Always
                } else {
                    Tilted::Never
                },
                finds: Finds::Sure,
            },
            ..CascadeSettings::following()
        };
        Searching {
            by_hand: self.by_hand.then_some(by_hand),
            eyes: self.eyes,
        }
    }

    /// Numbers that a person may have written by hand, as far as they make sense.
    pub fn in_range(self) -> Self {
        let usual = Self::default();
        let within = |number: f64, range: (f64, f64), usual: f64| {
            if number.is_finite() {
                number.clamp(range.0, range.1)
            } else {
                usual
            }
        };
        let scale = (*SCALE_FACTOR.start(), *SCALE_FACTOR.end());
        let size = (f64::from(*MIN_SIZE.start()), f64::from(*MIN_SIZE.end()));
        Self {
            scale_factor: within(self.scale_factor, scale, usual.scale_factor),
            min_size: within(self.min_size.into(), size, usual.min_size.into()) as f32,
            min_neighbours: self.min_neighbours.clamp(*NEIGHBOURS.start(), *NEIGHBOURS.end()),
            working_width: self
                .working_width
                .clamp(*WORKING_WIDTH.start(), *WORKING_WIDTH.end()),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::CascadeDetector;

    #[test]
    fn whatever_can_be_set_makes_a_detector() {
        assert_eq!(Detection::default().searching().by_hand, None);
        for odd in [
            Detection {
                scale_factor: 0.0,
                min_neighbours: 9999,
                min_size: -5.0,
                working_width: 0,
                ..Detection::default()
            },
            Detection {
                scale_factor: f64::NAN,
                min_size: f32::INFINITY,
                working_width: 99_999,
                ..Detection::default()
            },
        ] {
            let set = Detection {
                by_hand: true,
                ..odd.in_range()
            };
            CascadeDetector::open(set.searching().by_hand.unwrap()).unwrap();
        }
        let nowhere = Detection {
            by_hand: true,
            cascade: "/no/such.xml".into(),
            ..Detection::default()
        };
        let why = CascadeDetector::open(nowhere.searching().by_hand.unwrap())
            .unwrap_err()
            .to_string();
        assert!(why.contains("/no/such.xml"), "{why}");
    }
}
