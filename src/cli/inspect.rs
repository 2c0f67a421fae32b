//! `pinkpoint inspect`: what a weights file is, what it holds, and what its layers look like.

mod figures;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use image::GrayImage;
use serde::Serialize;

use super::{say_json, weights};
use crate::{
    detect::{CascadeDetector, CascadeSettings, FaceDetector},
    geometry::{CropTransform, FaceBox, Rect},
    model::{Archive, Contract, DeviceChoice, KeypointModel, LayerMaps, catalogue},
    picture,
    transform::crop::{self, CropBatch},
};

/// Look into a weights file.
#[derive(Debug, clap::Args)]
pub struct InspectArgs {
    /// Weights file, or the name of a bundled net
    #[arg(default_value = catalogue::DEFAULT)]
    file: String,
    /// Write figures to this folder: every convolution's filters and, with --image, every layer's maps, what the first filters make of
    /// the picture, and what a keypoint hangs on
    #[arg(long, value_name = "DIR", visible_alias = "pictures")]
    out: Option<PathBuf>,
    /// Print what is known as JSON
    #[arg(long, conflicts_with_all = ["out", "image"])]
    json: bool,
    /// Picture of a face to run the net on
    #[arg(long, value_name = "PICTURE")]
    image: Option<PathBuf>,
    /// The face in the picture, from the brows to the chin, in pixels; the largest face that is found unless given
    #[arg(long = "box", value_name = "X,Y,W,H", requires = "image", value_parser = parse_box)]
    face_box: Option<Rect>,
    /// Number of the keypoint of which the figures show what it hangs on; the first corner of an eye unless given
    #[arg(long, value_name = "NUMBER", requires = "image", requires = "out")]
    point: Option<usize>,
}

fn parse_box(text: &str) -> Result<Rect, String> {
    let sides: Vec<f32> = text
        .split(',')
        .filter_map(|part| part.trim().parse().ok())
        .collect();
    match *sides.as_slice() {
        [x, y, width, height] if width > 0.0 && height > 0.0 && sides.iter().all(|v| v.is_finite()) => {
            Ok(Rect::new(x, y, width, height))
        }
        _ => Err("a box is four numbers, left, top, width and height, such as 120,80,200,220".into()),
    }
}

/// Runs the command.
///
/// # Errors
/// When the file cannot be used, the picture cannot be read, or the folder cannot be written to.
pub fn run(args: InspectArgs) -> anyhow::Result<()> {
    let (path, archive) = weights::open(&args.file)?;
    if args.json {
        return say_json(&About::of(&path, archive)?);
    }
    say!("{}", path.display());
    say!("{}", about_file(&archive));
    let carried = archive.contract.is_some();
    let model = KeypointModel::from_archive(&path, &archive, DeviceChoice::Cpu, None)?;
    say!("{}", about_contract(model.contract(), carried).trim_end());
    say!("{}", about_parameters(&model.parameters()).trim_end());
    let figures = match &args.out {
        Some(folder) => Some((
            folder,
            figures::prepare(folder, &model.contract().scheme, args.point)?,
        )),
        None => None,
    };
    let face = match &args.image {
        Some(image) => Some(Face::read(image, args.face_box, model.contract())?),
        None => None,
    };
    let blank = || vec![0.0; (model.contract().input_side as usize).pow(2)];
    let layers = model.feature_maps(&face.as_ref().map_or_else(blank, |face| face.pixels.clone()))?;
    say!(
        "{}",
        about_layers(&layers, &model, &model.layer_times()?).trim_end()
    );
    if let Some((folder, point)) = figures {
        figures::write(folder, &model, &layers, face.as_ref(), point)?;
        if face.is_none() {
            say!("of the layers nothing was drawn: --image PICTURE gives them something to look at");
        }
    }
    Ok(())
}

fn about_file(archive: &Archive) -> String {
    format!(
        "TorchScript, {:.1} MB, {} entries, all checksums right",
        archive.bytes.len() as f64 / 1e6,
        archive.entries
    )
}

fn about_contract(contract: &Contract, carried: bool) -> String {
    let Contract {
        name,
        input_side,
        output,
        crop,
        scheme,
        training,
        ..
    } = contract;
    let groups: Vec<String> = scheme
        .groups
        .iter()
        .map(|g| format!("{} {}", g.name, g.points.len()))
        .collect();
    let origin = if carried {
        "carried by the file"
    } else {
        "assumed: the file carries none"
    };
    let mut text = format!(
        "\ncontract ({origin})\n  name    {name}\n  input   {input_side} x {input_side}, grey 0 to 1\n  points  {} ({}): {}\n  \
         output  crop pixel = {} x value + {}\n  crop    {} x the face box's long side, {} of it further down\n",
        scheme.count,
        scheme.name,
        groups.join(", "),
        output.scale,
        output.offset,
        crop.margin,
        crop.shift_down,
    );
    for (what, words) in [("data", &training.data), ("recipe", &training.recipe)] {
        if !words.is_empty() {
            text += &format!("  {what:7} {words}\n");
        }
    }
    for (figure, value) in &training.figures {
        text += &format!("  {figure}: {value}\n");
    }
    text
}

fn about_parameters(parameters: &[(String, Vec<i64>)]) -> String {
    if parameters.is_empty() {
        return "\nparameters: none by name (a frozen net keeps them as constants)\n".into();
    }
    let total: i64 = parameters
        .iter()
        .map(|(_, shape)| shape.iter().product::<i64>())
        .sum();
    let rows = parameters.iter().map(|(name, shape)| {
        let shape: Vec<String> = shape.iter().map(i64::to_string).collect();
        format!("  {name:16} {}\n", shape.join(" x "))
    });
    format!("\nparameters ({total} numbers)\n{}", rows.collect::<String>())
}

/// Everything that is known of a file, for other programs.
#[derive(Debug, Serialize)]
struct About {
    file: PathBuf,
    bytes: usize,
    /// Whether the file says itself how it is to be read; else the contract is assumed.
    contract_carried: bool,
    contract: Contract,
    parameters: Vec<Part>,
    /// Numbers in all parameters.
    parameter_count: i64,
    layers: Vec<Part>,
    /// Why the layers cannot be shown, where that is so.
    closed: Option<String>,
}

/// A parameter, or a layer's output for one crop.
#[derive(Debug, Serialize)]
struct Part {
    name: String,
    shape: Vec<i64>,
    /// Multiplications with additions, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    multiply_adds: Option<u64>,
    /// Milliseconds for one crop on this machine, with the layers within it, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    ms: Option<f64>,
}

impl About {
    fn of(path: &Path, archive: Archive) -> anyhow::Result<Self> {
        let (bytes, contract_carried) = (archive.bytes.len(), archive.contract.is_some());
        let model = KeypointModel::from_archive(path, &archive, DeviceChoice::Cpu, None)?;
        let parameters = model.parameters().into_iter().map(|(name, shape)| Part {
            name,
            shape,
            multiply_adds: None,
            ms: None,
        });
        let parameters: Vec<Part> = parameters.collect();
        let times = model.layer_times()?;
        let layers = model
            .layers_shown()
            .iter()
            .zip(times)
            .map(|((name, shape), time)| Part {
                name: name.clone(),
                shape: shape.iter().map(|side| *side as i64).collect(),
                multiply_adds: model.multiply_adds(name),
                ms: time.map(|time| time.as_secs_f64() * 1e3),
            });
        Ok(Self {
            file: path.to_path_buf(),
            bytes,
            contract_carried,
            contract: model.contract().clone(),
            parameter_count: parameters
                .iter()
                .map(|part| part.shape.iter().product::<i64>())
                .sum(),
            parameters,
            layers: layers.collect(),
            closed: model.why_closed().map(str::to_owned),
        })
    }
}

fn about_layers(layers: &[LayerMaps], model: &KeypointModel, times: &[Option<Duration>]) -> String {
    if layers.is_empty() {
        return format!(
            "\nlayers: they cannot be shown ({})\n",
            model.why_closed().unwrap_or("there are none")
        );
    }
    let shown = || model.layers_shown().iter().zip(times);
    let rows = layers.iter().map(|layer| {
        let [maps, height, width] = layer.shape;
        let name = &layer.name;
        let time = shown().find(|((other, _), _)| other == name);
        let time = time.and_then(|(_, time)| *time).map_or_else(String::new, |time| {
            format!(", {:.2} ms", time.as_secs_f64() * 1e3)
        });
        let work = model.multiply_adds(name).map_or_else(String::new, |count| {
            format!(", {:.2} million multiply-adds", count as f64 / 1e6)
        });
        if (height, width) == (1, 1) {
            let values = if maps == 1 { "value" } else { "values" };
            format!("  {name:24} {maps} {values}{work}{time}\n")
        } else {
            format!("  {name:24} {maps} maps of {width} x {height}{work}{time}\n")
        }
    });
    format!("\nlayers\n{}", rows.collect::<String>())
}

/// A face to run the net on.
struct Face {
    /// The picture that it is in.
    grey: GrayImage,
    /// Where the net looks.
    crop: CropTransform,
    /// What it gets to see, `[side, side]`, grey 0 to 1.
    pixels: Vec<f32>,
}

impl Face {
    fn read(path: &Path, face_box: Option<Rect>, contract: &Contract) -> anyhow::Result<Self> {
        let grey = crop::grey(&picture::read(path)?)?;
        let (width, height) = grey.dimensions();
        let whole = || CropTransform::of_picture(width, height, 1.0, contract.input_side);
        let given = face_box.map(|face_box| FaceBox::upright(&face_box));
        let found = match given {
            Some(given) => Some(given),
            None => largest_face(&grey)?,
        };
        let crop = match found {
            Some(face_box) => contract.crop_of_face(&face_box),
            None => {
                say!(
                    "no face was found in the picture: all of it is taken as one; --box X,Y,W,H says where it is"
                );
                contract.crop_of_picture(width, height).unwrap_or_else(whole)
            }
        };
        let mut batch = CropBatch::default();
        batch.push(&grey, crop)?;
        let pixels = batch.pixels().to_vec();
        Ok(Self { grey, crop, pixels })
    }
}

/// The largest face that the usual cascade finds.
fn largest_face(grey: &GrayImage) -> anyhow::Result<Option<FaceBox>> {
    let found = CascadeDetector::open(CascadeSettings::thorough())?.detect(grey)?;
    let faces = found.into_iter().map(|found| found.face_box);
    Ok(faces.max_by(|a, b| a.bounds().long_side().total_cmp(&b.bounds().long_side())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_is_four_numbers() {
        assert_eq!(parse_box("1, 2,3,4.5"), Ok(Rect::new(1.0, 2.0, 3.0, 4.5)));
        for text in ["", "1,2,3", "1,2,3,0", "a,b,c,d", "1,2,3,NaN"] {
            assert!(parse_box(text).is_err(), "{text}");
        }
    }
}
