//! From trained parameters to a weights file: TorchScript that Python reads too, with the contract inside.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
};

use clap::ValueEnum;
use tch::{CModule, Device, Kind, TchError, Tensor};

use super::{Architecture, channels_last};
use crate::{
    files::{self, WriteError},
    model::{Contract, archive},
};

/// A net's code without its numbers, made by `scripts/make_templates.py`.
struct Template {
    /// TorchScript whose parameters are empty; batch norms are folded away.
    code: &'static [u8],
    /// A parameter that no other net has, and how many values it has a keypoint.
    mark: (&'static str, usize),
    /// Whether the convolutions are quicker with the channels of a place side by side in memory.
    channels_last: bool,
}

impl Architecture {
    fn template(self) -> Template {
        match self {
            Self::Course => Template {
                code: include_bytes!("templates/course.pt"),
                mark: ("fc2.bias", 2),
                channels_last: false,
            },
            Self::Naimish => Template {
                code: include_bytes!("templates/naimish.pt"),
                mark: ("dense3.bias", 2),
                channels_last: false,
            },
            Self::Pinkpoint => Template {
                code: include_bytes!("templates/pinkpoint.pt"),
                mark: ("votes.bias", 1),
                channels_last: true,
            },
        }
    }
}

/// The archive's own name, without `.pt` the folder that all of its entries lie in.
const ARCHIVE_NAME: &str = "net.pt";

/// Why a net was not exported; nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The checkpoint is of another net.
    #[error(
        "the checkpoint has no parameter {0}, so it is not of a net known here; name one that `pinkpoint train` wrote"
    )]
    Missing(String),
    /// The checkpoint is of a similar net.
    #[error(
        "the parameters are not those of the net that they are named after ({0}); name a checkpoint that `pinkpoint train` wrote"
    )]
    Unfit(String),
    /// Training went astray.
    #[error("the net gives values that are not finite: train it again, with a lower learning rate")]
    NotFinite,
    /// The checkpoint is not there, or is no checkpoint.
    #[error("cannot read the checkpoint ({why}); name a .safetensors file that `pinkpoint train` wrote: {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// libtorch failed.
    #[error("libtorch could not make the net: {0}")]
    Torch(#[from] TchError),
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Below this name a checkpoint keeps the running averages of parameters, which are better than their last values.
pub const AVERAGE: &str = "average/";

/// The parameters in a checkpoint: their running averages where there are such. Other entries whose names hold a `/` are
/// the state of training and are left out.
///
/// # Errors
/// When it cannot be read or is no safetensors file.
pub fn read_checkpoint(path: &Path) -> Result<HashMap<String, Tensor>, ExportError> {
    let unreadable = |why: String| ExportError::Unreadable {
        path: path.to_path_buf(),
        why,
    };
    // Asked first: of a missing file libtorch's wrapper gives no plain reason.
    if let Err(e) = std::fs::File::open(path) {
        return Err(unreadable(e.to_string()));
    }
    let entries = Tensor::read_safetensors(path).map_err(|e| unreadable(e.to_string()))?;
    let (averages, others): (Vec<_>, Vec<_>) = entries
        .into_iter()
        .partition(|(name, _)| name.starts_with(AVERAGE));
    let last = others.into_iter().filter(|(name, _)| !name.contains('/'));
    let averages = averages
        .into_iter()
        .map(|(name, tensor)| (name[AVERAGE.len()..].to_owned(), tensor));
    Ok(last.chain(averages).collect())
}

/// The net that has these parameters, and the number of points that it gives.
///
/// # Errors
/// When no net has them.
pub fn recognise(variables: &HashMap<String, Tensor>) -> Result<(Architecture, usize), ExportError> {
    let nets = Architecture::value_variants();
    let known = nets.iter().find_map(|&net| {
        let (name, values) = net.template().mark;
        Some((net, variables.get(name)?.numel() / values))
    });
    let marks = || nets.iter().map(|net| net.template().mark.0);
    known.ok_or_else(|| ExportError::Missing(marks().collect::<Vec<_>>().join(" or ")))
}

/// Writes a net of the kind `net` with the parameters `variables` (`conv1.weight` and so on, as `VarStore::variables`
/// gives them; others are ignored) and `contract` as a weights file, in half precision where `half` is set.
///
/// # Errors
/// When a parameter is missing or of the wrong shape, or the file cannot be written; an older file is untouched then.
pub fn export(
    net: Architecture,
    variables: &HashMap<String, Tensor>,
    contract: &Contract,
    half: bool,
    path: &Path,
) -> Result<(), ExportError> {
    let template = net.template();
    let variables = tch::no_grad(|| folded(variables))?;
    let module = template.filled(&variables, if half { Kind::Half } else { Kind::Float })?;
    check(&template.filled(&variables, Kind::Float)?, contract)?;
    Ok(files::replace_by_path(path, |beside| {
        // libtorch names everything in the archive after the file that it saves to.
        let folder = tempfile::tempdir()?;
        let saved = folder.path().join(ARCHIVE_NAME);
        module.save(&saved).map_err(io::Error::other)?;
        let whole = archive::with_contract(&std::fs::read(&saved)?, contract);
        std::fs::write(beside, whole.map_err(io::Error::other)?)
    })?)
}

/// The parameters with every batch norm `NAME.norm` folded into the convolution `NAME`: in prediction it is no more than a
/// factor and an offset for every channel, `y = (x - mean) / sqrt(variance + epsilon) * weight + bias`.
fn folded(variables: &HashMap<String, Tensor>) -> Result<HashMap<String, Tensor>, ExportError> {
    /// What libtorch adds to variances unless told otherwise.
    const EPSILON: f64 = 1e-5;
    const VARIANCE: &str = ".norm.running_var";
    let mut folded: HashMap<String, Tensor> = variables
        .iter()
        .map(|(name, tensor)| (name.clone(), tensor.shallow_clone()))
        .collect();
    let convolutions = variables.keys().filter_map(|name| name.strip_suffix(VARIANCE));
    for name in convolutions {
        let find = |part: &str| find(variables, &format!("{name}.{part}"));
        let deviation = (find("norm.running_var")? + EPSILON).f_sqrt()?;
        let factor = find("norm.weight")?.f_div(&deviation)?;
        let bias = find("norm.bias")?.f_sub(&find("norm.running_mean")?.f_mul(&factor)?)?;
        let weight = find("weight")?.f_mul(&factor.f_view([-1, 1, 1, 1])?)?;
        folded.insert(format!("{name}.weight"), weight);
        folded.insert(format!("{name}.bias"), bias);
    }
    Ok(folded)
}

fn find<'a>(variables: &'a HashMap<String, Tensor>, name: &str) -> Result<&'a Tensor, ExportError> {
    variables
        .get(name)
        .ok_or_else(|| ExportError::Missing(name.to_owned()))
}

impl Template {
    /// The template with its parameters set.
    fn filled(&self, variables: &HashMap<String, Tensor>, kind: Kind) -> Result<CModule, ExportError> {
        let mut module = CModule::load_data(&mut &*self.code)?;
        for (name, mut empty) in module.named_parameters()? {
            // A copy: the file must not hold all of a larger tensor that this one may be a part of.
            let trained = find(variables, &name)?
                .f_detach()?
                .f_to_device(Device::Cpu)?
                .f_to_kind(kind)?
                .f_contiguous()?;
            let is_kernel = trained.dim() == 4;
            empty.f_set_data(&if self.channels_last && is_kernel {
                channels_last(&trained)
            } else {
                trained
            })?;
        }
        module.f_set_eval()?;
        Ok(module)
    }
}

/// Runs the net once: it fits its contract or is not written.
fn check(module: &CModule, contract: &Contract) -> Result<(), ExportError> {
    let side = i64::from(contract.input_side);
    let input = Tensor::f_zeros([1, 1, side, side], (Kind::Float, Device::Cpu))?;
    let output = tch::no_grad(|| module.forward_ts(&[input]))
        .map_err(|_| ExportError::Unfit("their shapes do not fit together".into()))?;
    let wanted = [1, 2 * contract.scheme.count as i64];
    if output.size() != wanted {
        return Err(ExportError::Unfit(format!(
            "they give {:?} and the contract says {wanted:?}",
            output.size()
        )));
    }
    if !output
        .f_isfinite()?
        .f_all()?
        .f_double_value(&[])
        .is_ok_and(|all| all != 0.0)
    {
        return Err(ExportError::NotFinite);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tch::nn::{self, ModuleT};

    use super::*;
    use crate::{
        keypoints::PointScheme,
        model::{Certainty, DeviceChoice, KeypointModel},
        network::course_cnn::{CourseCnn, INPUT_SIDE},
    };

    fn net(points: usize) -> (nn::VarStore, CourseCnn, Contract) {
        tch::manual_seed(7);
        let vs = nn::VarStore::new(Device::Cpu);
        let net = CourseCnn::new(&vs.root(), points);
        (vs, net, Contract::assumed("tiny".into(), INPUT_SIDE, points))
    }

    #[test]
    fn the_exported_net_gives_exactly_what_the_trained_one_gives() {
        // Five points: nothing on the way may know of 68.
        let (vs, net, contract) = net(5);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("net.pt");
        export(Architecture::Course, &vs.variables(), &contract, false, &path).unwrap();
        let model = KeypointModel::load(&path, DeviceChoice::Cpu).unwrap();
        assert_eq!(model.contract(), &contract);
        let input = pictures(2, &contract);
        let pixels = says_the_same(&model, &net, &input);
        let maps = model.feature_maps(&pixels[..pixels.len() / 2]).unwrap();
        let names: Vec<&str> = maps.iter().map(|m| m.name.as_str()).collect();
        assert_eq!(
            (names[0], names[1], names[2], names.len()),
            ("conv1", "relu1", "pool1", 18)
        );
        assert_eq!(maps[0].shape, [16, 218, 218]);
        let one = tch::no_grad(|| net.forward_t(&input.slice(0, 0, 1, 1), false));
        assert_eq!(maps[17].values, Vec::<f32>::try_from(one.flatten(0, -1)).unwrap());
        assert_eq!(model.filters()[0].maps.shape, [16, 7, 7]);
    }

    /// Checks that both give the same points for two pictures `[2, 1, side, side]`; their pixels.
    fn says_the_same(model: &KeypointModel, net: &dyn ModuleT, input: &Tensor) -> Vec<f32> {
        let trained = tch::no_grad(|| net.forward_t(input, false));
        let expected: Vec<f32> = trained.flatten(0, -1).try_into().unwrap();
        let pixels: Vec<f32> = input.flatten(0, -1).try_into().unwrap();
        let points = model.predict(&pixels, 2).unwrap();
        let points: Vec<_> = points.into_iter().flat_map(|p| p.points).collect();
        let expected = model.contract().points(&expected);
        assert_eq!(points.len(), expected.len());
        // Sums that are made in another order round differently.
        let apart = points.iter().zip(&expected).map(|(a, b)| a.distance(*b));
        assert!(apart.fold(0.0, f32::max) < 1e-3, "{points:?} and {expected:?}");
        pixels
    }

    #[test]
    fn the_published_net_is_exported_as_it_is_trained() {
        const POINTS: usize = 5;
        tch::manual_seed(7);
        let net = Architecture::Naimish;
        let vs = nn::VarStore::new(Device::Cpu);
        let built = net.build(&vs.root(), POINTS);
        let contract = net.contract(PointScheme::assumed_for(POINTS));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("net.pt");
        export(net, &vs.variables(), &contract, false, &path).unwrap();
        assert_eq!(recognise(&vs.variables()).unwrap(), (net, POINTS));
        let model = KeypointModel::load(&path, DeviceChoice::Cpu).unwrap();
        assert_eq!(model.contract(), &contract);

        let pixels = says_the_same(&model, &*built, &pictures(2, &contract));
        let maps = model.feature_maps(&pixels[..pixels.len() / 2]).unwrap();
        let (first, last) = (&maps[0], &maps[maps.len() - 1]);
        assert_eq!(
            (first.name.as_str(), &first.shape[..]),
            ("conv1", &[32, 93, 93][..])
        );
        assert_eq!((last.name.as_str(), &last.shape[..]), ("dense3", &[10, 1, 1][..]));
    }

    /// A net of ours with batch norms that have seen pictures.
    fn own_net(points: usize) -> (nn::VarStore, Box<dyn ModuleT>, Contract) {
        tch::manual_seed(7);
        let net = Architecture::Pinkpoint;
        let vs = nn::VarStore::new(Device::Cpu);
        let built = net.build(&vs.root(), points);
        let contract = net.contract(PointScheme::assumed_for(points));
        for (name, mut parameter) in vs.variables() {
            if name.ends_with("norm.weight") || name.ends_with("norm.bias") {
                let _ = tch::no_grad(|| parameter.uniform_(0.5, 1.5));
            }
        }
        for _ in 0..20 {
            let _ = tch::no_grad(|| built.forward_t(&pictures(8, &contract), true));
        }
        (vs, built, contract)
    }

    fn pictures(count: i64, contract: &Contract) -> Tensor {
        let side = i64::from(contract.input_side);
        Tensor::rand([count, 1, side, side], (Kind::Float, Device::Cpu))
    }

    #[test]
    fn norms_are_folded_away_and_the_file_says_how_sure_it_is() {
        const POINTS: usize = 5;
        let (vs, net, contract) = own_net(POINTS);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("net.pt");
        export(Architecture::Pinkpoint, &vs.variables(), &contract, false, &path).unwrap();
        let model = KeypointModel::load(&path, DeviceChoice::Cpu).unwrap();
        assert_eq!(model.contract(), &contract);
        assert!(model.parameters().iter().all(|(name, _)| !name.contains("norm")));
        assert_eq!(model.filters()[0].maps.shape, [16, 5, 5]);

        let input = pictures(3, &contract);
        let trained = tch::no_grad(|| net.forward_t(&input, false));
        let trained = Vec::<f32>::try_from(trained.flatten(0, -1)).unwrap();
        let pixels = Vec::<f32>::try_from(input.flatten(0, -1)).unwrap();
        let predictions = model.predict(&pixels, 3).unwrap();
        let first = model.layers_shown()[0].0.clone();
        let (looked, maps) = model
            .predict_and_look(&pixels, 3, 1, &[&first], &mut Vec::new())
            .unwrap();
        assert_eq!(model.passes().forward, 2, "looking costs no pass of its own");
        assert_eq!(maps[0].shape, [16, 56, 56]);
        for (values, both) in trained
            .chunks_exact(3 * POINTS + 1)
            .zip(predictions.iter().zip(&looked))
        {
            for prediction in [both.0, both.1] {
                let expected = contract.points(&values[..2 * POINTS]);
                for (a, b) in expected.iter().zip(&prediction.points) {
                    assert!(a.distance(*b) < 0.01, "{a:?} {b:?}");
                }
                let Certainty { confidence, spread } = prediction.certainty.clone().unwrap();
                let logit = values[3 * POINTS];
                assert!((confidence - 1.0 / (1.0 + (-logit).exp())).abs() < 1e-3);
                for (a, b) in values[2 * POINTS..3 * POINTS].iter().zip(spread) {
                    assert!((a.exp() - b).abs() < 1e-3 * b.max(1.0), "{a} {b}");
                }
            }
        }
        let maps = model.feature_maps(&pixels[..pixels.len() / 3]).unwrap();
        let place = |name: &str| maps.iter().position(|maps| maps.name == name).unwrap();
        // In the order of their work, what lies within a block before the block.
        let order = [
            "stem",
            "stage2.0.conv1",
            "stage2.0",
            "stage2",
            "stage3.0.conv1",
            "points",
        ]
        .map(place);
        assert!(order.is_sorted(), "{order:?}");
    }

    #[test]
    fn our_net_is_a_small_file() {
        let (vs, _, contract) = own_net(68);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("net.pt");
        export(Architecture::Pinkpoint, &vs.variables(), &contract, true, &path).unwrap();
        let size = path.metadata().unwrap().len();
        assert!(size < 2_000_000, "{size} bytes");
        KeypointModel::load(&path, DeviceChoice::Cpu).unwrap();
    }

    #[test]
    fn averages_are_exported_where_a_checkpoint_has_them() {
        let (vs, _, _) = net(5);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.safetensors");
        let mut entries: Vec<(String, Tensor)> = vs.variables().into_iter().collect();
        let averages: Vec<(String, Tensor)> = entries
            .iter()
            .map(|(name, tensor)| (format!("{AVERAGE}{name}"), tensor.detach() + 1.0))
            .collect();
        entries.extend(averages);
        Tensor::write_safetensors(&entries, &path).unwrap();
        let read = read_checkpoint(&path).unwrap();
        assert_eq!(read.len(), vs.variables().len());
        for (name, last) in vs.variables() {
            assert!(read[&name].equal(&(last.detach() + 1.0)), "{name}");
        }
    }

    #[test]
    fn half_precision_halves_the_file_and_nearly_keeps_the_points() {
        let (vs, _, contract) = net(68);
        let folder = tempfile::tempdir().unwrap();
        let [full, half] = [false, true].map(|half| {
            let path = folder.path().join(format!("{half}.pt"));
            export(Architecture::Course, &vs.variables(), &contract, half, &path).unwrap();
            path
        });
        let size = |path: &Path| path.metadata().unwrap().len() as f64;
        assert!((size(&full) / size(&half) - 2.0).abs() < 0.02);
        let pixels = vec![0.5; 224 * 224];
        let points = |path: &Path| {
            let model = KeypointModel::load(path, DeviceChoice::Cpu).unwrap();
            model.predict(&pixels, 1).unwrap().remove(0).points
        };
        let far = points(&full)
            .iter()
            .zip(points(&half))
            .map(|(a, b)| a.distance(b))
            .fold(0.0, f32::max);
        // Of 224: eleven bits of every weight are kept.
        assert!(far > 0.0 && far < 0.2, "{far} px");
    }

    #[test]
    fn a_checkpoint_gives_its_parameters_and_not_the_state_of_training() {
        let (vs, _, _) = net(5);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.safetensors");
        let mut entries: Vec<(String, Tensor)> = vs.variables().into_iter().collect();
        entries.push(("optimiser/conv1.weight".into(), Tensor::from_slice(&[1i64])));
        Tensor::write_safetensors(&entries, &path).unwrap();
        let variables = read_checkpoint(&path).unwrap();
        assert_eq!(variables.len(), 14);
        assert_eq!(recognise(&variables).unwrap(), (Architecture::Course, 5));

        let whole = std::fs::read(&path).unwrap();
        for (name, bytes) in [
            ("cut.safetensors", &whole[..whole.len() / 2]),
            ("text.safetensors", b"hello"),
        ] {
            let bad = folder.path().join(name);
            std::fs::write(&bad, bytes).unwrap();
            assert!(read_checkpoint(&bad).unwrap_err().to_string().contains(name));
        }
        assert!(read_checkpoint(folder.path()).is_err());
        assert!(
            read_checkpoint(&folder.path().join("absent"))
                .unwrap_err()
                .to_string()
                .contains("absent")
        );
    }

    #[test]
    fn parameters_that_do_not_fit_leave_the_old_file_alone() {
        let (vs, _, contract) = net(5);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("net.pt");
        std::fs::write(&path, "old").unwrap();
        type Damage = fn(&mut HashMap<String, Tensor>);
        let damages: [(Damage, &str); 3] = [
            (|v| drop(v.remove("fc2.bias")), "pinkpoint train"),
            (
                |v| {
                    drop(v.insert(
                        "conv3.weight".into(),
                        Tensor::zeros([64, 30, 3, 3], (Kind::Float, Device::Cpu)),
                    ))
                },
                "pinkpoint train",
            ),
            (
                |v| {
                    drop(v.insert(
                        "fc2.bias".into(),
                        Tensor::full([10], f64::NAN, (Kind::Float, Device::Cpu)),
                    ))
                },
                "lower learning rate",
            ),
        ];
        for (damage, named) in damages {
            let mut variables = vs.variables();
            damage(&mut variables);
            let message = export(Architecture::Course, &variables, &contract, false, &path)
                .unwrap_err()
                .to_string();
            assert!(message.contains(named), "{message}");
        }
        let other = Contract::assumed("other".into(), INPUT_SIDE, 6);
        assert!(export(Architecture::Course, &vs.variables(), &other, false, &path).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }
}
