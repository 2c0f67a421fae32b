//! The running average of a net's parameters: steadier than their last values, and what is validated and exported where
//! the recipe asks for it. Knows tch only.

use tch::{Device, Tensor, nn};

use crate::network::Architecture;

/// A second net whose parameters follow those of the one that is trained.
pub(super) struct Average {
    decay: f64,
    pub(super) net: Box<dyn nn::ModuleT>,
    /// In the order of the names.
    pub(super) parameters: Vec<(String, Tensor)>,
    /// Owns the parameters.
    _variables: nn::VarStore,
}

impl Average {
    /// A net with the values of `parameters`, which are in the order of their names.
    pub(super) fn of(
        architecture: Architecture,
        points: usize,
        decay: f64,
        parameters: &[(String, Tensor)],
        device: Device,
    ) -> Self {
        let variables = nn::VarStore::new(device);
        let net = architecture.build(&variables.root(), points);
        let own = super::sorted_variables(&variables);
        let average = Self {
            decay,
            net,
            parameters: own,
            _variables: variables,
        };
        average.move_towards(parameters, 1.0);
        average
    }

    /// Takes a step's parameters in, after `steps` of them: early averages forget faster, since the net changes faster.
    pub(super) fn follow(&self, parameters: &[(String, Tensor)], steps: usize) {
        let steps = steps as f64;
        let decay = self.decay.min((1.0 + steps) / (10.0 + steps));
        self.move_towards(parameters, 1.0 - decay);
    }

    fn move_towards(&self, parameters: &[(String, Tensor)], share: f64) {
        tch::no_grad(|| {
            for ((_, own), (_, other)) in self.parameters.iter().zip(parameters) {
                let _ = own.shallow_clone().lerp_(other, share);
            }
        });
    }
}
