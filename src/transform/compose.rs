//! Transforms one after the other.

use std::collections::BTreeSet;

use clap::ValueEnum;
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::{
    Blur, Coarse, CutOut, Dim, FaceCrop, Flip, Jpeg, Light, Noise, Normalize, RandomCrop, Rescale, Sample,
    ToTensor, TransformError,
};

/// One transform of a chain.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Resize.
    Rescale(Rescale),
    /// Cut a part at a random place.
    RandomCrop(RandomCrop),
    /// Cut the face out, or something beside it.
    FaceCrop(FaceCrop),
    /// Mirror picture.
    Flip(Flip),
    /// Other light.
    Light(Light),
    /// Out of focus.
    Blur(Blur),
    /// A small picture enlarged.
    Coarse(Coarse),
    /// Too little light.
    Dim(Dim),
    /// A sensor's noise.
    Noise(Noise),
    /// Saved as JPEG.
    Jpeg(Jpeg),
    /// A part hidden.
    CutOut(CutOut),
    /// Bytes to 0..1, pixels to the net's units.
    Normalize(Normalize),
    /// To `[channels, height, width]`.
    ToTensor(ToTensor),
}

/// What makes training pictures differ from the originals: steps that a recipe can do without, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Alteration {
    /// Half of the pictures mirrored.
    Mirror,
    /// Brighter, darker, other contrast.
    Light,
    /// Out of focus.
    Blur,
    /// Small pictures enlarged.
    Coarse,
    /// A part hidden.
    CutOut,
    /// A sensor's noise.
    Noise,
    /// Too little light.
    Dim,
    /// Saved as JPEG.
    Jpeg,
}

impl Alteration {
    /// As it is spelled on the command line.
    fn name(self) -> String {
        self.to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

impl Step {
    /// The step's name, if a recipe can do without it.
    fn alteration(&self) -> Option<Alteration> {
        match self {
            Self::Flip(_) => Some(Alteration::Mirror),
            Self::Light(_) => Some(Alteration::Light),
            Self::Blur(_) => Some(Alteration::Blur),
            Self::Coarse(_) => Some(Alteration::Coarse),
            Self::CutOut(_) => Some(Alteration::CutOut),
            Self::Noise(_) => Some(Alteration::Noise),
            Self::Dim(_) => Some(Alteration::Dim),
            Self::Jpeg(_) => Some(Alteration::Jpeg),
            Self::Rescale(_)
            | Self::RandomCrop(_)
            | Self::FaceCrop(_)
            | Self::Normalize(_)
            | Self::ToTensor(_) => None,
        }
    }
}

/// A chain of transforms, called on a sample as one.
#[derive(Debug, Clone, PartialEq)]
pub struct Compose(Vec<Step>);

impl Compose {
    /// A chain, checked for its order.
    ///
    /// # Errors
    /// When RandomCrop comes without a Rescale before it, or a step comes after one that ends its kind of data.
    pub fn new(steps: Vec<Step>) -> Result<Self, TransformError> {
        let (mut rescaled, mut normalised, mut tensor) = (false, false, false);
        for step in &steps {
            let complaint = match step {
                _ if tensor => Some("nothing can follow ToTensor"),
                Step::ToTensor(_) if normalised => None,
                Step::ToTensor(_) => Some("ToTensor needs Normalize before it"),
                _ if normalised => Some("all steps but ToTensor have to come before Normalize"),
                Step::RandomCrop(_) if !rescaled => {
                    Some("RandomCrop needs Rescale before it: pictures differ in size and some are smaller")
                }
                _ => None,
            };
            if let Some(complaint) = complaint {
                return Err(TransformError::Order(complaint.into()));
            }
            rescaled |= matches!(step, Step::Rescale(_));
            normalised |= matches!(step, Step::Normalize(_));
            tensor |= matches!(step, Step::ToTensor(_));
        }
        Ok(Self(steps))
    }

    /// The same chain without some of its alterations.
    ///
    /// # Errors
    /// When one of them is not in it.
    pub fn without(mut self, alterations: &BTreeSet<Alteration>) -> Result<Self, TransformError> {
        let there: BTreeSet<Alteration> = self.0.iter().filter_map(Step::alteration).collect();
        if let Some(missing) = alterations.difference(&there).next() {
            return Err(TransformError::Unfit(format!(
                "{} cannot be left out: these pictures are made without it",
                missing.name()
            )));
        }
        self.0
            .retain(|step| step.alteration().is_none_or(|name| !alterations.contains(&name)));
        Ok(self)
    }

    /// Applies all steps in order; `rng` is drawn from by the random ones only.
    ///
    /// # Errors
    /// When a step cannot be applied to this sample.
    pub fn apply(&self, sample: Sample, rng: &mut impl Rng) -> Result<Sample, TransformError> {
        self.0.iter().try_fold(sample, |sample, step| match step {
            Step::Rescale(rescale) => rescale.apply(sample),
            Step::RandomCrop(crop) => crop.apply(sample, rng),
            Step::FaceCrop(crop) => crop.apply(sample, rng),
            Step::Flip(flip) => flip.apply(sample, rng),
            Step::Light(light) => light.apply(sample, rng),
            Step::Blur(blur) => blur.apply(sample, rng),
            Step::Coarse(coarse) => coarse.apply(sample, rng),
            Step::Dim(dim) => dim.apply(sample, rng),
            Step::Noise(noise) => noise.apply(sample, rng),
            Step::Jpeg(jpeg) => jpeg.apply(sample, rng),
            Step::CutOut(cut_out) => cut_out.apply(sample, rng),
            Step::Normalize(normalize) => normalize.apply(sample),
            Step::ToTensor(to_tensor) => to_tensor.apply(sample),
        })
    }
}
