//! The course's net: five convolutions, each with ReLU and pooling, and two linear layers.

use tch::{
    Tensor,
    nn::{self, Module},
};

/// Side of the square input, pixels.
pub const INPUT_SIDE: u32 = 224;
/// Chance that a value between the linear layers is dropped in training.
const DROPOUT: f64 = 0.6;
/// Values that reach the first linear layer: 512 maps of 4 x 4.
const FLAT: i64 = 512 * 4 * 4;

/// `[n, 1, 224, 224]` to `[n, 2 * points]`.
#[derive(Debug)]
pub struct CourseCnn {
    convolutions: Vec<nn::Conv2D>,
    fc1: nn::Linear,
    fc2: nn::Linear,
}

impl CourseCnn {
    /// A net with fresh parameters below `path`, named `conv1.weight` and so on, for `points` keypoints.
    pub fn new(path: &nn::Path, points: usize) -> Self {
        let shapes = [(1, 16, 7), (16, 32, 5), (32, 64, 3), (64, 128, 3), (128, 512, 3)];
        let layer = |(i, &(from, to, kernel)): (usize, &(i64, i64, i64))| {
            nn::conv2d(
                path / format!("conv{}", i + 1),
                from,
                to,
                kernel,
                nn::ConvConfig::default(),
            )
        };
        Self {
            convolutions: shapes.iter().enumerate().map(layer).collect(),
            fc1: nn::linear(path / "fc1", FLAT, 1024, nn::LinearConfig::default()),
            fc2: nn::linear(path / "fc2", 1024, 2 * points as i64, nn::LinearConfig::default()),
        }
    }

    /// The outputs of the five blocks: after pooling, `[n, 16, 109, 109]` to `[n, 512, 4, 4]`.
    pub fn blocks(&self, input: &Tensor) -> Vec<Tensor> {
        let mut outputs: Vec<Tensor> = Vec::with_capacity(self.convolutions.len());
        for convolution in &self.convolutions {
            let maps = convolution.forward(outputs.last().unwrap_or(input));
            outputs.push(maps.relu().max_pool2d_default(2));
        }
        outputs
    }
}

impl nn::ModuleT for CourseCnn {
    fn forward_t(&self, input: &Tensor, train: bool) -> Tensor {
        let blocks = self.blocks(input);
        let flat = blocks.last().unwrap_or(input).flatten(1, -1);
        self.fc2
            .forward(&self.fc1.forward(&flat).relu().dropout(DROPOUT, train))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind, nn::ModuleT};

    #[test]
    fn shapes_after_each_layer_and_number_of_parameters() {
        let vs = nn::VarStore::new(Device::Cpu);
        let net = CourseCnn::new(&vs.root(), 68);
        let input = Tensor::zeros([2, 1, 224, 224], (Kind::Float, Device::Cpu));
        let conv1 = net.convolutions[0].forward(&input);
        assert_eq!(conv1.size(), [2, 16, 218, 218]);
        let shapes: Vec<Vec<i64>> = net.blocks(&input).iter().map(Tensor::size).collect();
        let expected = [
            [2, 16, 109, 109],
            [2, 32, 52, 52],
            [2, 64, 25, 25],
            [2, 128, 11, 11],
            [2, 512, 4, 4],
        ];
        assert_eq!(shapes, expected.map(|s| s.to_vec()));
        assert_eq!(net.forward_t(&input, false).size(), [2, 136]);
        // By hand: 800 + 12832 + 18496 + 73856 + 590336 + 8389632 + 139400.
        let count: usize = vs.trainable_variables().iter().map(Tensor::numel).sum();
        assert_eq!(count, 9_225_352);
        let names = vs.variables();
        assert!(
            names.contains_key("conv1.weight") && names.contains_key("fc2.bias"),
            "{names:?}"
        );
    }

    #[test]
    fn dropout_works_in_training_only() {
        let vs = nn::VarStore::new(Device::Cpu);
        let net = CourseCnn::new(&vs.root(), 68);
        let input = Tensor::rand([1, 1, 224, 224], (Kind::Float, Device::Cpu));
        let same = |train| net.forward_t(&input, train).equal(&net.forward_t(&input, train));
        assert!(same(false));
        assert!(!same(true));
    }
}
