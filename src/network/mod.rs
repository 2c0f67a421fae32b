//! The nets that can be trained here, in tch. One file each; this one is the list of them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use tch::nn::{self, ModuleT};

use crate::{
    keypoints::PointScheme,
    model::Contract,
    transform::{Compose, Normalize, RandomCrop, Rescale, Step, ToTensor, TransformError},
};

pub mod course_cnn;
pub mod export;

/// A net that can be trained by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Architecture {
    /// Five convolutions and two linear layers, on whole pictures: the net of the course.
    Course,
}

/// Side that pictures are rescaled to before the course's random crop, pixels.
const COURSE_RESCALE: u32 = 250;

impl Architecture {
    /// Every net.
    pub const ALL: [Self; 1] = [Self::Course];

    /// Fresh parameters below `path`, drawn from tch's random numbers: `[n, 1, side, side]` to `[n, 2 * points]`.
    pub fn build(self, path: &nn::Path, points: usize) -> Box<dyn ModuleT> {
        match self {
            Self::Course => Box::new(course_cnn::CourseCnn::new(path, points)),
        }
    }

    /// What the finished weights file will say of itself.
    pub fn contract(self, scheme: PointScheme) -> Contract {
        match self {
            Self::Course => Contract {
                scheme: scheme.clone(),
                ..Contract::assumed("course".into(), course_cnn::INPUT_SIDE, scheme.count)
            },
        }
    }

    /// From a labelled picture to the tensor and the numbers that the net is trained on.
    ///
    /// # Errors
    /// Never for the nets here; the chain checks its own order.
    pub fn training_transform(self) -> Result<Compose, TransformError> {
        match self {
            Self::Course => Compose::new(vec![
                Step::Rescale(Rescale::ShortSide(COURSE_RESCALE)),
                Step::RandomCrop(RandomCrop::square(course_cnn::INPUT_SIDE)),
                Step::Normalize(Normalize::COURSE),
                Step::ToTensor(ToTensor),
            ]),
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Course => f.write_str("course"),
        }
    }
}

impl FromStr for Architecture {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let names = || Self::ALL.map(|a| a.to_string()).join(", ");
        Self::ALL
            .into_iter()
            .find(|a| a.to_string() == text)
            .ok_or_else(|| format!("there is no net '{text}'; there are: {}", names()))
    }
}
