//! RMSProp, Adam and AdamW with state that can be saved: tch's own optimisers keep theirs to themselves, and a run that is
//! resumed without it does not go on where it stopped. Knows tch only.

use tch::{Kind, Tensor};

use super::{TrainError, config::OptimiserKind};

/// RMSProp: share of the old mean square that is kept (PyTorch's default).
const ALPHA: f64 = 0.99;
/// Adam: shares of the old means that are kept (Kingma and Ba, 2015).
const BETAS: (f64, f64) = (0.9, 0.999);
/// Added to every denominator.
const EPSILON: f64 = 1e-8;

/// Running means for one parameter.
#[derive(Debug)]
struct Slot {
    name: String,
    parameter: Tensor,
    /// Mean of the gradient; Adam and AdamW only.
    mean: Option<Tensor>,
    /// Mean of the squared gradient.
    square: Tensor,
}

/// An optimiser over named parameters.
#[derive(Debug)]
pub struct Optimiser {
    kind: OptimiserKind,
    weight_decay: f64,
    steps: i64,
    slots: Vec<Slot>,
}

impl Optimiser {
    /// Fresh state for `parameters`, which share their storage with the net's. `weight_decay` is for AdamW.
    pub fn new(kind: OptimiserKind, weight_decay: f64, parameters: Vec<(String, Tensor)>) -> Self {
        let slot = |(name, parameter): (String, Tensor)| Slot {
            name,
            mean: (kind != OptimiserKind::Rmsprop).then(|| parameter.zeros_like()),
            square: parameter.zeros_like(),
            parameter,
        };
        Self {
            kind,
            weight_decay,
            steps: 0,
            slots: parameters.into_iter().map(slot).collect(),
        }
    }

    /// Forgets the gradients, follows those of `loss` by one step.
    pub fn step(&mut self, loss: &Tensor, learning_rate: f64) {
        self.slots.iter_mut().for_each(|slot| slot.parameter.zero_grad());
        loss.backward();
        self.steps += 1;
        let (kind, steps, decay) = (self.kind, self.steps, self.weight_decay);
        tch::no_grad(|| {
            for slot in &mut self.slots {
                match kind {
                    OptimiserKind::Rmsprop => slot.rmsprop(learning_rate),
                    OptimiserKind::Adam => slot.adam(learning_rate, steps),
                    OptimiserKind::Adamw => {
                        slot.decay(learning_rate * decay);
                        slot.adam(learning_rate, steps);
                    }
                }
            }
        });
    }

    /// Everything that a later run needs, by name.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let mut state = vec![("steps".into(), Tensor::from_slice(&[self.steps]))];
        for slot in &self.slots {
            state.push((format!("square/{}", slot.name), slot.square.shallow_clone()));
            if let Some(mean) = &slot.mean {
                state.push((format!("mean/{}", slot.name), mean.shallow_clone()));
            }
        }
        state
    }

    /// Takes over the state that [`Self::state`] gave; `find` looks an entry up by name.
    ///
    /// # Errors
    /// When an entry is missing or has another shape.
    pub fn restore(&mut self, find: impl Fn(&str) -> Result<Tensor, TrainError>) -> Result<(), TrainError> {
        self.steps = i64::try_from(&find("steps")?.f_view(-1)?.f_get(0)?)?;
        for slot in &mut self.slots {
            slot.square.f_copy_(&find(&format!("square/{}", slot.name))?)?;
            if let Some(mean) = &mut slot.mean {
                mean.f_copy_(&find(&format!("mean/{}", slot.name))?)?;
            }
        }
        Ok(())
    }
}

impl Slot {
    /// `square = ALPHA square + (1 - ALPHA) g^2; p -= rate g / (sqrt(square) + EPSILON)` (Tieleman and Hinton, 2012).
    fn rmsprop(&mut self, learning_rate: f64) {
        let gradient = self.parameter.grad();
        let _ = self.square.lerp_(&gradient.square(), 1.0 - ALPHA);
        let denominator = self.square.sqrt().g_add_scalar_(EPSILON);
        let _ = self
            .parameter
            .addcdiv_(&(gradient * -learning_rate), &denominator);
    }

    /// Makes kernels smaller by `share` (Loshchilov and Hutter, 2019); biases and norms have one dimension and stay.
    fn decay(&mut self, share: f64) {
        if self.parameter.dim() > 1 {
            let _ = self.parameter.g_mul_scalar_(1.0 - share);
        }
    }

    /// Adam with its bias correction, algorithm 1 of Kingma and Ba, 2015.
    fn adam(&mut self, learning_rate: f64, steps: i64) {
        let gradient = self.parameter.grad();
        let correction = |beta: f64| 1.0 - beta.powf(steps as f64);
        let _ = self.square.lerp_(&gradient.square(), 1.0 - BETAS.1);
        let denominator = (self.square.sqrt() / correction(BETAS.1).sqrt()).g_add_scalar_(EPSILON);
        if let Some(mean) = &mut self.mean {
            let _ = mean.lerp_(&gradient, 1.0 - BETAS.0);
            let step = &*mean * (-learning_rate / correction(BETAS.0));
            let _ = self.parameter.addcdiv_(&step.to_kind(Kind::Float), &denominator);
        }
    }
}
