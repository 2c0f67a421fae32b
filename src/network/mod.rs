//! The nets that can be trained here, in tch. One file each; this one is the list of them.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tch::{
    Tensor,
    nn::{self, ModuleT},
};

use crate::{
    geometry::OutputScale,
    keypoints::PointScheme,
    model::{Contract, CropRule},
    transform::{
        Blur, Coarse, Compose, CutOut, Dim, FaceCrop, Flip, Jpeg, Light, Noise, Normalize, RandomCrop,
        Rescale, Step, ToTensor, TransformError,
    },
};

pub mod course_cnn;
pub mod export;
pub mod naimish_net;
pub mod pinkpoint_net;

/// A net that can be trained by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Architecture {
    /// Five convolutions and two linear layers, on whole pictures: the net of the course.
    Course,
    /// Four convolutions and three linear layers, on tight crops: the published net that the course's is modelled on.
    Naimish,
    /// A small residual net on tight crops, which says how sure it is as well: the program's own.
    Pinkpoint,
}

/// Side that pictures are rescaled to before the course's random crop, pixels.
const COURSE_RESCALE: u32 = 250;
/// Side of a tight crop divided by the long side of the face's box: room for what a detector's box is
/// off, and for the forehead.
const MARGIN: f32 = 1.3;
/// A tight crop around the face.
const TIGHT: CropRule = CropRule {
    margin: MARGIN,
    shift_down: 0.0,
    picture_fraction: None,
};
/// Share of the training pictures without a face, for a net that says whether it sees one.
const NO_FACE: f32 = 0.2;
/// What the program's own net says: pixels from the middle of the crop, of which about 43 are the way to the edge of the
/// face's box.
const PINKPOINT_OUTPUT: OutputScale = OutputScale {
    scale: 32.0,
    offset: (pinkpoint_net::INPUT_SIDE as f32 - 1.0) / 2.0,
};

/// What NaimishNet says: from -1 at one edge of the crop to 1 at the other.
const NAIMISH_OUTPUT: OutputScale = OutputScale {
    scale: naimish_net::INPUT_SIDE as f32 / 2.0,
    offset: (naimish_net::INPUT_SIDE as f32 - 1.0) / 2.0,
};

impl Architecture {
    /// Fresh parameters below `path`, drawn from tch's random numbers: `[n, 1, side, side]` to `[n, 2 * points]`, or
    /// `[n, 3 * points + 1]` where the contract says that it gives confidence: a logarithm of every point's spread and the
    /// logit of a face come after the points then.
    pub fn build(self, path: &nn::Path, points: usize) -> Box<dyn ModuleT> {
        match self {
            Self::Course => Box::new(course_cnn::CourseCnn::new(path, points)),
            Self::Naimish => Box::new(naimish_net::NaimishNet::new(path, points)),
            Self::Pinkpoint => Box::new(pinkpoint_net::PinkpointNet::new(path, points)),
        }
    }

    /// Name of the kernels that see the picture itself, `[filters, 1, height, width]`.
    pub fn first_kernels(self) -> &'static str {
        match self {
            Self::Course | Self::Naimish => "conv1.weight",
            Self::Pinkpoint => "stem.weight",
        }
    }

    /// Whether the net computes in bfloat16 when its input is of that kind.
    pub fn computes_in_bf16(self) -> bool {
        match self {
            Self::Naimish | Self::Pinkpoint => true,
            Self::Course => false,
        }
    }

    /// What the finished weights file will say of itself.
    pub fn contract(self, scheme: PointScheme) -> Contract {
        match self {
            Self::Course => Contract {
                scheme: scheme.clone(),
                ..Contract::assumed("course".into(), course_cnn::INPUT_SIDE, scheme.count)
            },
            Self::Naimish => Contract {
                output: NAIMISH_OUTPUT,
                crop: TIGHT,
                scheme: scheme.clone(),
                ..Contract::assumed("naimish".into(), naimish_net::INPUT_SIDE, scheme.count)
            },
            Self::Pinkpoint => Contract {
                output: PINKPOINT_OUTPUT,
                crop: TIGHT,
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
                Step::Normalize(Normalize(OutputScale::COURSE)),
                Step::ToTensor(ToTensor),
            ]),
            Self::Naimish => Compose::new(tight_steps(naimish_net::INPUT_SIDE, 0.0, NAIMISH_OUTPUT, scheme)),
            Self::Pinkpoint => {
                let side = pinkpoint_net::INPUT_SIDE;
                Compose::new(tight_steps(side, NO_FACE, PINKPOINT_OUTPUT, scheme))
            }
        }
    }
}

/// Three of ten crops are further off than the cascades' boxes mostly are (their width differs by 0.86 to 1.15 times, their
/// centre by 6 %), since a tracker's slip more; seven are as near as a tracker that has not slipped gives them. With what webcams
/// add: roll, poor light, blur, noise, hands.
fn tight_steps(side: u32, negatives: f32, output: OutputScale, scheme: &PointScheme) -> Vec<Step> {
    let crop = FaceCrop {
        side,
        extent: scheme.face,
        margin: MARGIN,
        roll: 30f32.to_radians(),
        scale: 1.35,
        shift: 0.2,
        steady: 0.7,
        negatives,
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
    let coarse = Coarse {
        share: 0.1,
        factor: 4.0,
    };
    let dim = Dim {
        share: 0.05,
        least: 0.1,
        sigma: 0.02,
    };
    let jpeg = Jpeg {
        share: 0.2,
        lowest: 20,
    };
    let mut steps = vec![Step::FaceCrop(crop)];
    steps.extend(flip);
    steps.extend([
        Step::Light(light),
        Step::Blur(blur),
        Step::Coarse(coarse),
        Step::CutOut(cut_out),
        Step::Noise(noise),
        Step::Dim(dim),
        Step::Jpeg(jpeg),
        Step::Normalize(Normalize(output)),
        Step::ToTensor(ToTensor),
    ]);
    steps
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

/// The same `[n, channels, height, width]` with the channels of a place side by side in memory: the convolutions of our own net
/// are a quarter faster on CPUs that way.
fn channels_last(maps: &Tensor) -> Tensor {
    maps.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2])
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    #[test]
    fn channels_last_changes_the_order_in_memory_only() {
        let maps = Tensor::rand([2, 3, 4, 5], (Kind::Float, Device::Cpu));
        let last = channels_last(&maps);
        assert!(last.equal(&maps));
        assert_eq!(last.stride(), [60, 1, 15, 3]);
    }
}
