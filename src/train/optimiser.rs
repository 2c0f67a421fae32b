//! RMSProp, Adam, AdamW and Muon with state that can be saved: tch's own optimisers keep theirs to themselves, and a run that is
//! resumed without it does not go on where it stopped. Knows tch only.

use tch::{Kind, Tensor};

use super::{TrainError, config::OptimiserKind, muon};

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
    means: Means,
}

/// What is remembered of the gradients of a parameter, in its shape.
#[derive(Debug)]
enum Means {
    /// Mean of the squares: RMSProp.
    Square(Tensor),
    /// Mean, and mean of the squares: Adam.
    Both(Tensor, Tensor),
    /// Mean: Muon.
    Mean(Tensor),
}

impl Means {
    /// Of nothing so far. Muon is for the kernels of convolutions; what else there is follows Adam.
    fn fresh(kind: OptimiserKind, parameter: &Tensor) -> Self {
        let zeros = || parameter.zeros_like();
        match kind {
            OptimiserKind::Rmsprop => Self::Square(zeros()),
            OptimiserKind::Muon if parameter.dim() == 4 => Self::Mean(zeros()),
            _ => Self::Both(zeros(), zeros()),
        }
    }

    /// Every mean under the name that it has in a checkpoint.
    fn named(&self) -> Vec<(&'static str, &Tensor)> {
        match self {
            Self::Square(square) => vec![("square", square)],
            Self::Both(mean, square) => vec![("square", square), ("mean", mean)],
            Self::Mean(mean) => vec![("mean", mean)],
        }
    }
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
    /// Fresh state for `parameters`, which share their storage with the net's. `weight_decay` is for AdamW and Muon.
    pub fn new(kind: OptimiserKind, weight_decay: f64, parameters: Vec<(String, Tensor)>) -> Self {
        let slot = |(name, parameter): (String, Tensor)| Slot {
            name,
            means: Means::fresh(kind, &parameter),
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
                if kind.decays() {
                    slot.decay(learning_rate * decay);
                }
                slot.step(learning_rate, steps);
            }
        });
    }

    /// Everything that a later run needs, by name.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let mut state = vec![("steps".into(), Tensor::from_slice(&[self.steps]))];
        for slot in &self.slots {
            let named = slot.means.named().into_iter();
            state.extend(named.map(|(what, mean)| (format!("{what}/{}", slot.name), mean.shallow_clone())));
        }
        state
    }

    /// Takes over the state that [`Self::state`] gave; `find` looks an entry up by name.
    ///
    /// # Errors
    /// When an entry is missing or has another shape.
    pub fn restore(&mut self, find: impl Fn(&str) -> Result<Tensor, TrainError>) -> Result<(), TrainError> {
        self.steps = i64::try_from(&find("steps")?.f_view(-1)?.f_get(0)?)?;
        for slot in &self.slots {
            for (what, mean) in slot.means.named() {
                mean.shallow_clone()
                    .f_copy_(&find(&format!("{what}/{}", slot.name))?)?;
            }
        }
        Ok(())
    }
}

impl Slot {
    fn step(&mut self, learning_rate: f64, steps: i64) {
        let gradient = self.parameter.grad();
        let parameter = &mut self.parameter;
        match &mut self.means {
            Means::Square(square) => rmsprop(parameter, &gradient, square, learning_rate),
            Means::Both(mean, square) => adam(parameter, &gradient, (mean, square), learning_rate, steps),
            Means::Mean(mean) => muon::step(parameter, &gradient, mean, learning_rate),
        }
    }

    /// Makes kernels smaller by `share` (Loshchilov and Hutter, 2019); biases and norms have one dimension and stay.
    fn decay(&mut self, share: f64) {
        if self.parameter.dim() > 1 {
            let _ = self.parameter.g_mul_scalar_(1.0 - share);
        }
    }
}

/// `square = ALPHA square + (1 - ALPHA) g^2; p -= rate g / (sqrt(square) + EPSILON)` (Tieleman and Hinton, 2012).
fn rmsprop(parameter: &mut Tensor, gradient: &Tensor, square: &mut Tensor, learning_rate: f64) {
    let _ = square.lerp_(&gradient.square(), 1.0 - ALPHA);
    let denominator = square.sqrt().g_add_scalar_(EPSILON);
    let _ = parameter.addcdiv_(&(gradient * -learning_rate), &denominator);
}

/// Adam with its bias correction, algorithm 1 of Kingma and Ba, 2015.
fn adam(
    parameter: &mut Tensor,
    gradient: &Tensor,
    (mean, square): (&mut Tensor, &mut Tensor),
    learning_rate: f64,
    steps: i64,
) {
    let correction = |beta: f64| 1.0 - beta.powf(steps as f64);
    let _ = square.lerp_(&gradient.square(), 1.0 - BETAS.1);
    let denominator = (square.sqrt() / correction(BETAS.1).sqrt()).g_add_scalar_(EPSILON);
    let _ = mean.lerp_(gradient, 1.0 - BETAS.0);
    let step = &*mean * (-learning_rate / correction(BETAS.0));
    let _ = parameter.addcdiv_(&step.to_kind(Kind::Float), &denominator);
}
