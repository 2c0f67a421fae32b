//! The contract of a file that carries none: found by trying inputs, as a person with the file would.

use tch::Tensor;

use super::{Contract, ModelError, net::Net};

/// Sides of the square input that are tried, pixels: the course's first, then what others use, most usual first.
const SIDES: [u32; 16] = [
    224, 96, 128, 160, 192, 256, 112, 64, 320, 384, 512, 227, 100, 80, 48, 32,
];

/// Input side and number of points from what the net accepts and gives; the course's scale and crop for the rest.
///
/// # Errors
/// When it accepts none of the sides, or gives something other than keypoints for the first that it accepts.
pub(super) fn contract(net: &Net) -> Result<Contract, ModelError> {
    let mut first_failure = None;
    for side in SIDES {
        let input = blank(net, side)?;
        match net.forward(&input) {
            Ok(output) => return assumed(net, side, &output),
            // Most nets accept one side only, so most of these failures say nothing about the file.
            Err(ModelError::Forward { why, .. }) => first_failure = first_failure.or(Some(why)),
            Err(other) => return Err(other),
        }
    }
    Err(ModelError::NoInput {
        path: net.path.clone(),
        tried: SIDES.map(|side| side.to_string()).join(", "),
        why: first_failure.unwrap_or_default(),
    })
}

/// The same for a side that somebody knows.
///
/// # Errors
/// When the net does not accept it, or gives something other than keypoints.
pub(super) fn contract_at(net: &Net, side: u32) -> Result<Contract, ModelError> {
    let output = net.forward(&blank(net, side)?)?;
    assumed(net, side, &output)
}

fn blank(net: &Net, side: u32) -> Result<Tensor, ModelError> {
    let shape = [1, 1, i64::from(side), i64::from(side)];
    Tensor::f_zeros(shape, (net.kind, net.device)).map_err(|e| net.forward_error(&e))
}

fn assumed(net: &Net, side: u32, output: &Tensor) -> Result<Contract, ModelError> {
    let points = net.points(output, 1)?;
    let name = net
        .path
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned());
    Ok(Contract::assumed(name.unwrap_or_default(), side, points))
}
