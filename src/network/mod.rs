//! The nets that can be trained here, in tch. One file each; this one is the list of them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use tch::nn::{self, ModuleT};

use crate::{
    keypoints::PointScheme,
    model::{Contract, CropRule, OutputScale},
    transform::{
        Blur, Compose, CutOut, FaceCrop, Flip, Light, Noise, Normalize, RandomCrop, Rescale, Step, ToTensor,
        TransformError,
    },
};

pub mod course_cnn;
pub mod export;
pub mod pinkpoint_net;

/// A net that can be trained by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Architecture {
    /// Five convolutions and two linear layers, on whole pictures: the net of the course.
    Course,
    /// A small residual net on tight crops, which says how sure it is as well: the program's own.
    Pinkpoint,
}

/// Side that pictures are rescaled to before the course's random crop, pixels.
const COURSE_RESCALE: u32 = 250;
/// Side of the program's own net's crop divided by the long side of the keypoints' box: room for what a detector's box is
/// off, and for the forehead.
const PINKPOINT_MARGIN: f32 = 1.3;
/// Its numbers: pixels from the middle of the crop, of which about 43 are the way to the edge of the keypoints' box.
const PINKPOINT_OUTPUT: OutputScale = OutputScale {
    scale: 32.0,
    offset: (pinkpoint_net::INPUT_SIDE as f32 - 1.0) / 2.0,
};

impl Architecture {
    /// Every net.
    pub const ALL: [Self; 2] = [Self::Course, Self::Pinkpoint];

    /// Fresh parameters below `path`, drawn from tch's random numbers: `[n, 1, side, side]` to `[n, 2 * points]`, or
    /// `[n, 3 * points + 1]` where the contract says that it gives confidence: a logarithm of every point's spread and the
    /// logit of a face come after the points then.
    pub fn build(self, path: &nn::Path, points: usize) -> Box<dyn ModuleT> {
        match self {
            Self::Course => Box::new(course_cnn::CourseCnn::new(path, points)),
            Self::Pinkpoint => Box::new(pinkpoint_net::PinkpointNet::new(path, points)),
        }
    }

    /// Whether the net computes in bfloat16 when its input is of that kind.
    pub fn computes_in_bf16(self) -> bool {
        self == Self::Pinkpoint
    }

    /// What the finished weights file will say of itself.
    pub fn contract(self, scheme: PointScheme) -> Contract {
        match self {
            Self::Course => Contract {
                scheme: scheme.clone(),
                ..Contract::assumed("course".into(), course_cnn::INPUT_SIDE, scheme.count)
            },
            Self::Pinkpoint => Contract {
                output: PINKPOINT_OUTPUT,
                crop: CropRule {
                    margin: PINKPOINT_MARGIN,
                    shift_down: 0.0,
                    picture_fraction: None,
                },
                scheme: scheme.clone(),
                confidence: true,
                ..Contract::assumed("pinkpoint".into(), pinkpoint_net::INPUT_SIDE, scheme.count)
            },
        }
    }

    /// From a labelled picture with the keypoints of `scheme` to the tensor and the numbers that the net is trained on.
    ///
    /// # Errors
    /// Never for the nets here; the chain checks its own order.
    pub fn training_transform(self, scheme: &PointScheme) -> Result<Compose, TransformError> {
        match self {
            Self::Course => Compose::new(vec![
                Step::Rescale(Rescale::ShortSide(COURSE_RESCALE)),
                Step::RandomCrop(RandomCrop::square(course_cnn::INPUT_SIDE)),
                Step::Normalize(Normalize::COURSE),
                Step::ToTensor(ToTensor),
            ]),
            Self::Pinkpoint => Compose::new(pinkpoint_steps(scheme)),
        }
    }
}

/// Crops further off than the cascades' boxes mostly are (their width differs by 0.86 to 1.15 times, their centre by 6 %),
/// since a tracker's slip more, with what webcams add: roll, poor light, blur, noise, hands.
fn pinkpoint_steps(scheme: &PointScheme) -> Vec<Step> {
    let crop = FaceCrop {
        side: pinkpoint_net::INPUT_SIDE,
        margin: PINKPOINT_MARGIN,
        roll: 30f32.to_radians(),
        scale: 1.35,
        shift: 0.2,
        negatives: 0.2,
    };
    let flip = (!scheme.mirror.is_empty()).then(|| {
        Step::Flip(Flip {
            mirror: scheme.mirror.clone(),
        })
    });
    let light = Light {
        gamma: 2.0,
        gain: 1.6,
        offset: 0.2,
    };
    let blur = Blur {
        share: 0.3,
        sigma: 2.5,
    };
    let noise = Noise {
        share: 0.3,
        sigma: 0.06,
    };
    let cut_out = CutOut {
        share: 0.3,
        side: 0.4,
    };
    let normalize = Normalize {
        offset: PINKPOINT_OUTPUT.offset,
        scale: PINKPOINT_OUTPUT.scale,
    };
    let mut steps = vec![Step::FaceCrop(crop)];
    steps.extend(flip);
    steps.extend([
        Step::Light(light),
        Step::Blur(blur),
        Step::CutOut(cut_out),
        Step::Noise(noise),
        Step::Normalize(normalize),
        Step::ToTensor(ToTensor),
    ]);
    steps
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Course => f.write_str("course"),
            Self::Pinkpoint => f.write_str("pinkpoint"),
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
