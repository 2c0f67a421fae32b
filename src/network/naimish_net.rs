//! NaimishNet (Agarwal, Krohn-Grimberghe and Vyas, 2017, arXiv 1710.00977), the net that the course's is modelled on: four
//! convolutions of shrinking kernels with ELU, pooling and rising dropout, and three linear layers. Layers, dropouts and
//! initialisation are as published; theirs gives one point, this one gives all.

use tch::{
    Kind, Tensor,
    nn::{self, Module},
};

use super::channels_last;

/// Side of the square input, pixels.
pub const INPUT_SIDE: u32 = 96;
/// Filters and side of the kernel of every convolution; none is padded.
const CONVOLUTIONS: [(i64, i64); 4] = [(32, 4), (64, 3), (128, 2), (256, 1)];
/// Kernels of convolutions begin within this of 0 (what Keras called `uniform` when the paper was written).
const KERNELS_WITHIN: f64 = 0.05;
/// Values that reach the first linear layer: 256 maps of 5 x 5.
const FLAT: i64 = 256 * 5 * 5;
/// Values between the linear layers.
const HIDDEN: i64 = 1000;
/// Chance that a value is dropped in training, after every layer but the last.
const DROPOUTS: [f64; 6] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6];

/// `[n, 1, 96, 96]` to `[n, 2 * points]`.
///
/// Its convolutions compute in the precision of their input, with parameters in single precision.
#[derive(Debug)]
pub struct NaimishNet {
    convolutions: Vec<nn::Conv2D>,
    dense: Vec<nn::Linear>,
}

impl NaimishNet {
    /// A net with fresh parameters below `path`, named `conv1.weight` to `dense3.bias`, for `points` keypoints.
    pub fn new(path: &nn::Path, points: usize) -> Self {
        let mut channels = 1;
        let mut convolution = |(number, &(filters, kernel)): (usize, &(i64, i64))| {
            let from = std::mem::replace(&mut channels, filters);
            let config = nn::ConvConfig {
                ws_init: uniform_within(KERNELS_WITHIN),
                bs_init: nn::Init::Const(0.0),
                ..nn::ConvConfig::default()
            };
            let path = path / format!("conv{}", number + 1);
            nn::conv2d(path, from, filters, kernel, config)
        };
        let convolutions = CONVOLUTIONS.iter().enumerate().map(&mut convolution);
        let convolutions = convolutions.collect();
        let sizes = [FLAT, HIDDEN, HIDDEN, 2 * points as i64];
        let dense = sizes.windows(2).enumerate().map(|(number, sizes)| {
            let (from, to) = (sizes[0], sizes[1]);
            // Glorot and Bengio, 2010.
            let config = nn::LinearConfig {
                ws_init: uniform_within((6.0 / (from + to) as f64).sqrt()),
                bs_init: Some(nn::Init::Const(0.0)),
                bias: true,
            };
            nn::linear(path / format!("dense{}", number + 1), from, to, config)
        });
        Self {
            convolutions,
            dense: dense.collect(),
        }
    }

    /// The outputs of the four blocks, after pooling: `[n, 32, 46, 46]` to `[n, 256, 5, 5]`.
    pub fn blocks(&self, input: &Tensor, train: bool) -> Vec<Tensor> {
        let mut outputs: Vec<Tensor> = Vec::with_capacity(self.convolutions.len());
        for (convolution, chance) in self.convolutions.iter().zip(DROPOUTS) {
            let maps = convolve(convolution, outputs.last().unwrap_or(input));
            // Pooling first is the same, since ELU only grows, and leaves it a quarter of the values.
            let pooled = channels_last(&maps).max_pool2d_default(2);
            outputs.push(pooled.elu().dropout(chance, train));
        }
        outputs
    }
}

impl nn::ModuleT for NaimishNet {
    fn forward_t(&self, input: &Tensor, train: bool) -> Tensor {
        let blocks = self.blocks(input, train);
        let flat = blocks.last().unwrap_or(input).to_kind(Kind::Float).flatten(1, -1);
        let [first, second, last] = [0, 1, 2].map(|layer| &self.dense[layer]);
        let [.., after_first, after_second] = DROPOUTS;
        let hidden = first.forward(&flat).elu().dropout(after_first, train);
        // The second linear layer has no activation in the paper.
        last.forward(&second.forward(&hidden).dropout(after_second, train))
    }
}

/// One unpadded convolution, in the precision of its input.
fn convolve(convolution: &nn::Conv2D, input: &Tensor) -> Tensor {
    let cast = |parameters: &Tensor| parameters.to_kind(input.kind());
    let bias = convolution.bs.as_ref().map(cast);
    input.conv2d(&cast(&convolution.ws), bias, [1; 2], [0; 2], [1; 2], 1)
}

fn uniform_within(bound: f64) -> nn::Init {
    nn::Init::Uniform {
        lo: -bound,
        up: bound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind, nn::ModuleT};

    #[test]
    fn shapes_after_each_layer_and_number_of_parameters() {
        let vs = nn::VarStore::new(Device::Cpu);
        let net = NaimishNet::new(&vs.root(), 68);
        let input = Tensor::zeros([2, 1, 96, 96], (Kind::Float, Device::Cpu));
        let shapes: Vec<Vec<i64>> = net.blocks(&input, false).iter().map(Tensor::size).collect();
        let expected = [[2, 32, 46, 46], [2, 64, 22, 22], [2, 128, 10, 10], [2, 256, 5, 5]];
        assert_eq!(shapes, expected.map(|s| s.to_vec()));
        assert_eq!(net.forward_t(&input, false).size(), [2, 136]);
        // By hand: 544 + 18496 + 32896 + 33024 + 6401000 + 1001000 + 136136.
        let count: usize = vs.trainable_variables().iter().map(Tensor::numel).sum();
        assert_eq!(count, 7_623_096);
    }

    #[test]
    fn parameters_begin_as_published() {
        let vs = nn::VarStore::new(Device::Cpu);
        NaimishNet::new(&vs.root(), 68);
        let largest = |name: &str| f64::try_from(vs.variables()[name].abs().max()).unwrap();
        let kernels = largest("conv3.weight");
        assert!(kernels > 0.049 && kernels <= 0.05, "{kernels}");
        // sqrt(6 / (6400 + 1000))
        let dense = largest("dense1.weight");
        assert!(dense > 0.0284 && dense < 0.0285, "{dense}");
        assert_eq!((largest("conv1.bias"), largest("dense3.bias")), (0.0, 0.0));
    }

    #[test]
    fn dropout_works_in_training_only() {
        let vs = nn::VarStore::new(Device::Cpu);
        let net = NaimishNet::new(&vs.root(), 68);
        let input = Tensor::rand([1, 1, 96, 96], (Kind::Float, Device::Cpu));
        let same = |train| net.forward_t(&input, train).equal(&net.forward_t(&input, train));
        assert!(same(false));
        assert!(!same(true));
    }
}
