//! From trained parameters to a weights file: TorchScript that Python reads too, with the contract inside.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
};

use tch::{CModule, Device, Kind, TchError, Tensor};

use crate::{
    files::{self, WriteError},
    model::{Contract, archive},
};

/// The course net's code without its numbers, made by `scripts/make_templates.py`.
const COURSE_TEMPLATE: &[u8] = include_bytes!("templates/course.pt");

/// The archive's own name, without `.pt` the folder that all of its entries lie in.
const ARCHIVE_NAME: &str = "net.pt";

/// Why a net was not exported; nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The checkpoint is of another net.
    #[error(
        "the checkpoint has no parameter {0}, so it is not one of the course's net; name one that `pinkpoint train` wrote"
    )]
    Missing(String),
    /// The checkpoint is of a similar net.
    #[error(
        "the parameters are not those of the course's net ({0}); name a checkpoint that `pinkpoint train` wrote"
    )]
    Unfit(String),
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

/// The parameters in a checkpoint. Entries whose names hold a `/` are the state of training and are left out.
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
    Ok(entries
        .into_iter()
        .filter(|(name, _)| !name.contains('/'))
        .collect())
}

/// Number of points that a net with these parameters gives: half the length of the last layer's bias.
///
/// # Errors
/// When there is no such layer.
pub fn points(variables: &HashMap<String, Tensor>) -> Result<usize, ExportError> {
    const LAST: &str = "fc2.bias";
    let bias = variables
        .get(LAST)
        .ok_or_else(|| ExportError::Missing(LAST.into()))?;
    Ok(bias.numel() / 2)
}

/// Writes the course's net with the parameters `variables` (`conv1.weight` and so on, as `VarStore::variables` gives
/// them; others are ignored) and `contract` as a weights file, in half precision where `half` is set.
///
/// # Errors
/// When a parameter is missing or of the wrong shape, or the file cannot be written; an older file is untouched then.
pub fn export(
    variables: &HashMap<String, Tensor>,
    contract: &Contract,
    half: bool,
    path: &Path,
) -> Result<(), ExportError> {
    let module = filled(variables, if half { Kind::Half } else { Kind::Float })?;
    check(&filled(variables, Kind::Float)?, contract)?;
    Ok(files::replace_by_path(path, |beside| {
        // libtorch names everything in the archive after the file that it saves to.
        let folder = tempfile::tempdir()?;
        let saved = folder.path().join(ARCHIVE_NAME);
        module.save(&saved).map_err(io::Error::other)?;
        let whole = archive::with_contract(&std::fs::read(&saved)?, contract);
        std::fs::write(beside, whole.map_err(io::Error::other)?)
    })?)
}

/// The template with its parameters set.
fn filled(variables: &HashMap<String, Tensor>, kind: Kind) -> Result<CModule, ExportError> {
    let mut module = CModule::load_data(&mut &*COURSE_TEMPLATE)?;
    for (name, mut empty) in module.named_parameters()? {
        let trained = variables.get(&name).ok_or(ExportError::Missing(name))?;
        // A copy: the file must not hold all of a larger tensor that this one may be a part of.
        empty.f_set_data(
            &trained
                .f_detach()?
                .f_to_device(Device::Cpu)?
                .f_to_kind(kind)?
                .f_contiguous()?,
        )?;
    }
    module.f_set_eval()?;
    Ok(module)
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
        return Err(ExportError::Unfit("they give values that are not finite".into()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tch::nn::{self, ModuleT};

    use super::*;
    use crate::{
        model::{DeviceChoice, KeypointModel},
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
        export(&vs.variables(), &contract, false, &path).unwrap();
        let model = KeypointModel::load(&path, DeviceChoice::Cpu).unwrap();
        assert_eq!(model.contract(), &contract);
        let side = i64::from(INPUT_SIDE);
        let input = Tensor::rand([2, 1, side, side], (Kind::Float, Device::Cpu));
        let trained = tch::no_grad(|| net.forward_t(&input, false));
        let expected: Vec<f32> = trained.flatten(0, -1).try_into().unwrap();
        let pixels: Vec<f32> = input.flatten(0, -1).try_into().unwrap();
        let points = model.predict(&pixels, 2).unwrap();
        assert_eq!(points.concat(), contract.points(&expected));

        let maps = model.feature_maps(&pixels[..pixels.len() / 2]).unwrap();
        let names: Vec<&str> = maps.iter().map(|m| m.name.as_str()).collect();
        assert_eq!(
            (names[0], names[1], names[2], names.len()),
            ("conv1", "relu1", "pool1", 18)
        );
        assert_eq!(maps[0].shape, [16, 218, 218]);
        let one = tch::no_grad(|| net.forward_t(&input.slice(0, 0, 1, 1), false));
        assert_eq!(maps[17].values, Vec::<f32>::try_from(one.flatten(0, -1)).unwrap());
        assert_eq!(model.first_filters().unwrap().shape, [16, 7, 7]);
    }

    #[test]
    fn half_precision_halves_the_file_and_nearly_keeps_the_points() {
        let (vs, _, contract) = net(68);
        let folder = tempfile::tempdir().unwrap();
        let [full, half] = [false, true].map(|half| {
            let path = folder.path().join(format!("{half}.pt"));
            export(&vs.variables(), &contract, half, &path).unwrap();
            path
        });
        let size = |path: &Path| path.metadata().unwrap().len() as f64;
        assert!((size(&full) / size(&half) - 2.0).abs() < 0.02);
        let pixels = vec![0.5; 224 * 224];
        let points = |path: &Path| {
            let model = KeypointModel::load(path, DeviceChoice::Cpu).unwrap();
            model.predict(&pixels, 1).unwrap().remove(0)
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
        assert_eq!((variables.len(), points(&variables).unwrap()), (14, 5));

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
        let damages: [fn(&mut HashMap<String, Tensor>); 3] = [
            |v| drop(v.remove("fc2.bias")),
            |v| {
                drop(v.insert(
                    "conv3.weight".into(),
                    Tensor::zeros([64, 30, 3, 3], (Kind::Float, Device::Cpu)),
                ))
            },
            |v| {
                drop(v.insert(
                    "fc2.bias".into(),
                    Tensor::full([10], f64::NAN, (Kind::Float, Device::Cpu)),
                ))
            },
        ];
        for damage in damages {
            let mut variables = vs.variables();
            damage(&mut variables);
            let message = export(&variables, &contract, false, &path)
                .unwrap_err()
                .to_string();
            assert!(message.contains("pinkpoint train"), "{message}");
        }
        let other = Contract::assumed("other".into(), INPUT_SIDE, 6);
        assert!(export(&vs.variables(), &other, false, &path).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }
}
