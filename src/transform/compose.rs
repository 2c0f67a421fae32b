//! Transforms one after the other.

use rand::Rng;

use super::{Normalize, RandomCrop, Rescale, Sample, ToTensor, TransformError};

/// One transform of a chain.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Step {
    /// Resize.
    Rescale(Rescale),
    /// Cut a part at a random place.
    RandomCrop(RandomCrop),
    /// Bytes to 0..1, pixels to the net's units.
    Normalize(Normalize),
    /// To `[channels, height, width]`.
    ToTensor(ToTensor),
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
                Step::Rescale(_) | Step::RandomCrop(_) | Step::Normalize(_) if normalised => {
                    Some("Rescale, RandomCrop and Normalize have to come before Normalize")
                }
                Step::RandomCrop(_) if !rescaled => {
                    Some("RandomCrop needs Rescale before it: pictures differ in size and some are smaller")
                }
                Step::ToTensor(_) if !normalised => Some("ToTensor needs Normalize before it"),
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

    /// Applies all steps in order; `rng` is drawn from by the random ones only.
    ///
    /// # Errors
    /// When a step cannot be applied to this sample.
    pub fn apply(&self, sample: Sample, rng: &mut impl Rng) -> Result<Sample, TransformError> {
        self.0.iter().try_fold(sample, |sample, step| match step {
            Step::Rescale(rescale) => rescale.apply(sample),
            Step::RandomCrop(crop) => crop.apply(sample, rng),
            Step::Normalize(normalize) => normalize.apply(sample),
            Step::ToTensor(to_tensor) => to_tensor.apply(sample),
        })
    }
}
