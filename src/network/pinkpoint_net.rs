//! The program's own net: small, quick on one thread, and able to say how sure it is. A plain first convolution whose
//! filters are worth looking at, residual stages of 3x3 convolutions (He et al., 2016), and a head in which every place of
//! the last maps votes for where each point lies.

use tch::{
    Kind, Tensor,
    nn::{self, Module, ModuleT},
};

use super::channels_last;

/// Side of the square input, pixels.
pub const INPUT_SIDE: u32 = 112;
/// Filters of the first convolution, and their side in pixels.
const STEM: (i64, i64) = (16, 5);
/// Channels, blocks and stride of every stage. Chosen by time on one thread: first stages of few channels, where the maps
/// are large.
const STAGES: [(i64, usize, i64); 4] = [(32, 1, 2), (48, 2, 2), (96, 2, 2), (128, 1, 1)];
/// Side of the last maps, places.
const PLACES: i64 = 7;
/// Distance of neighbouring places of the last maps, in the units of the net's points (16 crop pixels).
const STEP: f32 = 0.5;
/// Channels that reach the heads for spread and face, each with all its places.
const REDUCED: i64 = 16;

/// `[n, 1, 112, 112]` to `[n, 3 * points + 1]`: x, y, x, y, ... of the points, then the logarithm of every point's spread
/// (mean absolute error of a coordinate, crop pixels), then the logit that this is a face.
///
/// It computes in the precision of its input up to the heads, with parameters in single precision.
#[derive(Debug)]
pub struct PinkpointNet {
    stem: Convolution,
    stages: Vec<Vec<Block>>,
    reduce: nn::Linear,
    votes: nn::Linear,
    points: nn::Linear,
    spread: nn::Linear,
    face: nn::Linear,
    /// Where the places of the last maps lie, `[1, places, 1, 2]`, x and y in the units of the points.
    grid: Tensor,
}

impl PinkpointNet {
    /// A net with fresh parameters below `path` for `points` keypoints.
    pub fn new(path: &nn::Path, points: usize) -> Self {
        let points = points as i64;
        let mut channels = STEM.0;
        let stages = STAGES
            .iter()
            .enumerate()
            .map(|(stage, &(width, blocks, stride))| {
                let block = |number: usize| {
                    let stride = if number == 0 { stride } else { 1 };
                    let below = path / format!("stage{}", stage + 1) / number.to_string();
                    Block::new(&below, std::mem::replace(&mut channels, width), width, stride)
                };
                (0..blocks).map(block).collect()
            });
        let stages = stages.collect();
        let linear = |name: &str, from, to| nn::linear(path / name, from, to, nn::LinearConfig::default());
        let flat = REDUCED * PLACES * PLACES;
        Self {
            stem: Convolution::new(&(path / "stem"), 1, STEM.0, STEM.1, 2),
            stages,
            reduce: linear("reduce", channels, REDUCED),
            votes: linear("votes", channels, points),
            points: linear("points", channels, 2 * points),
            spread: linear("spread", flat, points),
            face: linear("face", flat, 1),
            grid: grid().to_device(path.device()),
        }
    }
}

impl ModuleT for PinkpointNet {
    fn forward_t(&self, input: &Tensor, train: bool) -> Tensor {
        let stem = channels_last(&self.stem.forward_t(input, train).relu());
        let blocks = self.stages.iter().flatten();
        let maps = blocks.fold(stem, |maps, block| block.forward_t(&maps, train));
        // [n, places, channels]
        let places = maps.to_kind(Kind::Float).permute([0, 2, 3, 1]).flatten(1, 2);
        let votes = self.votes.forward(&places).softmax(1, Kind::Float);
        let reached = self.points.forward(&places);
        let reached = reached.view([-1, PLACES * PLACES, votes.size()[2], 2]) + &self.grid;
        let points = (reached * votes.unsqueeze(3)).sum_dim_intlist(1, false, Kind::Float);
        let flat = self.reduce.forward(&places).relu().flatten(1, 2);
        let [spread, face] = [&self.spread, &self.face].map(|head| head.forward(&flat));
        Tensor::cat(&[points.flatten(1, 2), spread, face], 1)
    }
}

/// Where the places of the last maps lie from the middle of the crop: `[1, places, 1, 2]`.
fn grid() -> Tensor {
    let middle = (PLACES - 1) as f32 / 2.0;
    let places = (0..PLACES).flat_map(|row| (0..PLACES).map(move |column| [column, row]));
    let values: Vec<f32> = places
        .flatten()
        .map(|place| (place as f32 - middle) * STEP)
        .collect();
    Tensor::from_slice(&values).view([1, PLACES * PLACES, 1, 2])
}

/// Two 3x3 convolutions beside a short cut: `[n, from, s, s]` to `[n, to, s / stride, s / stride]`.
#[derive(Debug)]
struct Block {
    conv1: Convolution,
    conv2: Convolution,
    /// 1x1, where the shape changes.
    shortcut: Option<Convolution>,
}

impl Block {
    fn new(path: &nn::Path, from: i64, to: i64, stride: i64) -> Self {
        let changes = stride != 1 || from != to;
        Self {
            conv1: Convolution::new(&(path / "conv1"), from, to, 3, stride),
            conv2: Convolution::new(&(path / "conv2"), to, to, 3, 1),
            shortcut: changes.then(|| Convolution::new(&(path / "shortcut"), from, to, 1, stride)),
        }
    }
}

impl ModuleT for Block {
    fn forward_t(&self, input: &Tensor, train: bool) -> Tensor {
        let inner = self.conv1.forward_t(input, train).relu();
        let outer = self.conv2.forward_t(&inner, train);
        match &self.shortcut {
            Some(shortcut) => (outer + shortcut.forward_t(input, train)).relu(),
            None => (outer + input).relu(),
        }
    }
}

/// A convolution that keeps places, then batch norm (Ioffe and Szegedy, 2015). Parameters: `weight`, and below `norm` those
/// that export folds into it.
#[derive(Debug)]
struct Convolution {
    weight: Tensor,
    stride: i64,
    padding: i64,
    norm: nn::BatchNorm,
}

impl Convolution {
    fn new(path: &nn::Path, from: i64, to: i64, kernel: i64, stride: i64) -> Self {
        let norm = nn::BatchNormConfig {
            ws_init: nn::Init::Const(1.0),
            ..nn::BatchNormConfig::default()
        };
        Self {
            weight: path.var(
                "weight",
                &[to, from, kernel, kernel],
                nn::init::DEFAULT_KAIMING_NORMAL,
            ),
            stride,
            padding: kernel / 2,
            norm: nn::batch_norm2d(path / "norm", to, norm),
        }
    }
}

impl ModuleT for Convolution {
    fn forward_t(&self, input: &Tensor, train: bool) -> Tensor {
        let weight = self.weight.to_kind(input.kind());
        let maps = input.conv2d(
            &weight,
            None::<&Tensor>,
            [self.stride; 2],
            [self.padding; 2],
            [1; 2],
            1,
        );
        self.norm.forward_t(&maps, train)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn shapes_and_number_of_parameters() {
        let vs = nn::VarStore::new(Device::Cpu);
        let net = PinkpointNet::new(&vs.root(), 68);
        let input = Tensor::rand([2, 1, 112, 112], (Kind::Float, Device::Cpu));
        assert_eq!(net.forward_t(&input, false).size(), [2, 3 * 68 + 1]);
        let stem = net.stem.forward_t(&input, false);
        assert_eq!(stem.size(), [2, 16, 56, 56]);
        let mut maps = stem;
        let mut sides = Vec::new();
        for stage in &net.stages {
            maps = stage
                .iter()
                .fold(maps, |maps, block| block.forward_t(&maps, false));
            sides.push((maps.size()[1], maps.size()[3]));
        }
        assert_eq!(sides, [(32, 28), (48, 14), (96, 7), (128, 7)]);
        let count: usize = vs.trainable_variables().iter().map(Tensor::numel).sum();
        assert!(count < 900_000, "{count}");
    }

    #[test]
    fn it_computes_in_the_precision_of_its_input_and_nearly_the_same() {
        tch::manual_seed(3);
        let vs = nn::VarStore::new(Device::Cpu);
        let net = PinkpointNet::new(&vs.root(), 5);
        let input = Tensor::rand([4, 1, 112, 112], (Kind::Float, Device::Cpu));
        let single = net.forward_t(&input, true);
        let half = net.forward_t(&input.to_kind(Kind::BFloat16), true);
        assert_eq!(
            half.kind(),
            Kind::Float,
            "losses are computed in single precision"
        );
        let far = f64::try_from((&single - &half).abs().max()).unwrap();
        let size = f64::try_from(single.abs().max()).unwrap();
        assert!(far > 0.0 && far < 0.1 * size, "{far} of {size}");
    }
}
