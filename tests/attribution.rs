//! What keypoints hang on: for the program's own net on real faces that is what lies near them, and for a net that has learnt nothing it
//! is not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::path::{Path, PathBuf};

use image::{GrayImage, imageops};
use pinkpoint::{
    detect::{CascadeDetector, CascadeSettings, FaceDetector},
    geometry::{OutputScale, Point},
    model::{CropRule, DeviceChoice, KeypointModel, Occlusion, Reading, archive, catalogue},
    network::{Architecture, export},
    picture,
    source::{self, SourceSpec},
    transform::crop::{self, CropBatch},
};
use tch::{Device, nn};

/// Outer corners of the eyes.
const CORNERS: [usize; 2] = [36, 45];
/// Radius of what is near a corner, of the distance between the two.
const NEAR: f32 = 0.4;
/// A folder of pictures or videos of faces to look at; without it the demo's face is, as it moves and as in a mirror.
const FACES: &str = "PINKPOINT_FACES";
/// Frames of a video that are looked at.
const FRAMES: usize = 12;
/// Frames of the demo from one that is looked at to the next.
const DEMO_STEP: usize = 20;

/// A crop of a face, as a net gets it.
struct Face {
    pixels: Vec<f32>,
    corners: [Point; 2],
}

fn model(path: &Path) -> KeypointModel {
    KeypointModel::load(path, DeviceChoice::Cpu).unwrap()
}

/// The same net before it has learnt anything.
fn untrained(folder: &Path) -> KeypointModel {
    tch::manual_seed(5);
    let net = Architecture::Pinkpoint;
    let vs = nn::VarStore::new(Device::Cpu);
    let trained = model(&catalogue::resolve(catalogue::DEFAULT).unwrap());
    let contract = trained.contract();
    let _ = net.build(&vs.root(), contract.scheme.count);
    let path = folder.join("untrained.pt");
    export::export(net, &vs.variables(), contract, false, &path).unwrap();
    model(&path)
}

fn pictures() -> Vec<GrayImage> {
    match std::env::var_os(FACES) {
        Some(folder) => of_folder(&PathBuf::from(folder)),
        None => of_demo(),
    }
}

fn of_demo() -> Vec<GrayImage> {
    let mut demo = source::open(&SourceSpec::Demo).unwrap();
    let mut pictures = Vec::new();
    for index in 0..FRAMES * DEMO_STEP {
        let grab = demo.next_picture().unwrap().unwrap();
        if index % DEMO_STEP == 0 {
            let grey = crop::grey(&grab.picture).unwrap();
            pictures.push(imageops::flip_horizontal(&grey));
            pictures.push(grey);
        }
    }
    pictures
}

/// Frames of the videos, and the pictures, in a folder.
fn of_folder(folder: &Path) -> Vec<GrayImage> {
    let mut paths: Vec<PathBuf> = folder
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let mut pictures = Vec::new();
    for path in paths {
        if let Ok(one) = picture::read(&path) {
            pictures.push(crop::grey(&one).unwrap());
        } else if let Ok(mut film) = source::open(&SourceSpec::File(path)) {
            let every = film.info().frame_count.unwrap_or(0) as usize / FRAMES + 1;
            let mut index = 0;
            while let Ok(Some(grab)) = film.next_picture() {
                if index % every == 0 {
                    pictures.push(crop::grey(&grab.picture).unwrap());
                }
                index += 1;
            }
        }
    }
    pictures
}

/// The faces in them that the net is sure of.
fn faces(model: &KeypointModel) -> Vec<Face> {
    let mut detector = CascadeDetector::open(CascadeSettings::following()).unwrap();
    let mut faces = Vec::new();
    for picture in pictures() {
        for found in detector.detect(&picture).unwrap() {
            let mut batch = CropBatch::default();
            batch
                .push(&picture, model.contract().crop_of_face(&found.face_box))
                .unwrap();
            let said = model.predict(batch.pixels(), 1).unwrap().remove(0);
            if said.certainty.is_some_and(|sure| sure.confidence > 0.9) {
                faces.push(Face {
                    pixels: batch.pixels().to_vec(),
                    corners: CORNERS.map(|corner| said.points[corner]),
                });
            }
        }
    }
    faces
}

fn median(mut values: Vec<f32>) -> f32 {
    values.sort_by(f32::total_cmp);
    values[values.len() / 2]
}

/// How much of `values` (`[side, side]`, none negative) lies within `radius` of `middle`, all in crop pixels, against what would
/// if they were spread evenly: 1 for such. 0 where there is nothing.
fn concentration(values: &[f32], side: usize, middle: Point, radius: f32) -> f32 {
    let (mut inside, mut all, mut area) = (0.0_f64, 0.0_f64, 0_usize);
    for (index, &value) in values.iter().enumerate() {
        let at = Point::new((index % side) as f32, (index / side) as f32);
        all += f64::from(value);
        if at.distance(middle) <= radius {
            inside += f64::from(value);
            area += 1;
        }
    }
    let share_of_area = area as f64 / values.len().max(1) as f64;
    if all > 0.0 && area > 0 {
        (inside / all / share_of_area) as f32
    } else {
        0.0
    }
}

#[test]
fn what_is_even_is_not_concentrated_and_what_is_in_the_disc_is() {
    let middle = Point::new(10.0, 10.0);
    let even = concentration(&[1.0; 400], 20, middle, 4.0);
    assert!((even - 1.0).abs() < 1e-5, "{even}");
    let mut one = [0.0; 400];
    one[10 * 20 + 11] = 2.0;
    assert!(concentration(&one, 20, middle, 4.0) > 5.0);
    one[10 * 20 + 11] = 0.0;
    one[0] = 1.0;
    assert_eq!(concentration(&one, 20, middle, 4.0), 0.0);
    assert_eq!(concentration(&[0.0; 400], 20, middle, 4.0), 0.0);
}

#[test]
fn an_eyes_corner_hangs_on_that_eye_in_the_trained_net_and_on_anything_in_an_untrained_one() {
    let trained = model(&catalogue::resolve(catalogue::DEFAULT).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let untrained = untrained(folder.path());
    let faces = faces(&trained);
    assert!(faces.len() >= 8, "{}", faces.len());
    let side = trained.contract().input_side as usize;
    // How much more of the gradient lies near the corner than if it were spread evenly, and near the other eye's.
    let (mut near, mut other, mut near_untrained) = (Vec::new(), Vec::new(), Vec::new());
    for face in &faces {
        let radius = NEAR * face.corners[0].distance(face.corners[1]);
        for (own, corner) in CORNERS.into_iter().enumerate() {
            let lengths = trained.saliency(&face.pixels, corner).unwrap();
            near.push(concentration(&lengths, side, face.corners[own], radius));
            other.push(concentration(&lengths, side, face.corners[1 - own], radius));
            let lengths = untrained.saliency(&face.pixels, corner).unwrap();
            near_untrained.push(concentration(&lengths, side, face.corners[own], radius));
        }
    }
    let better = near.iter().zip(&near_untrained).filter(|(a, b)| a > b).count();
    let (count, all) = (near.len(), near.len() as f32);
    let (near, other, near_untrained) = (median(near), median(other), median(near_untrained));
    println!(
        "{} faces: {near:.2} times as much of the gradient near the corner as evenly spread (median), {other:.2} near the other \
         eye's; untrained {near_untrained:.2}; more than untrained in {better} of {count}",
        faces.len()
    );
    assert!(near > 2.0 && near > 2.0 * other && near > 1.7 * near_untrained);
    assert!(better as f32 > 0.9 * all);
}

#[test]
fn the_gradient_says_what_a_small_change_does() {
    let trained = model(&catalogue::resolve(catalogue::DEFAULT).unwrap());
    let face = faces(&trained).remove(0);
    let lengths = trained.saliency(&face.pixels, CORNERS[0]).unwrap();
    let at = |pixels: &[f32]| trained.predict(pixels, 1).unwrap()[0].points[CORNERS[0]];
    let before = at(&face.pixels);
    // The pixels that move it most, and some others; both ways, since to first order only.
    const STEP: f32 = 0.02;
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by(|a, b| lengths[*b].total_cmp(&lengths[*a]));
    for pixel in order[..5].iter().chain(&order[2000..2005]) {
        let moved = [-STEP, STEP].map(|step| {
            let mut pixels = face.pixels.clone();
            pixels[*pixel] += step;
            at(&pixels).distance(before) / STEP
        });
        let (mean, said) = ((moved[0] + moved[1]) / 2.0, lengths[*pixel]);
        assert!(
            (mean - said).abs() < 0.1 * said + 0.02,
            "{pixel}: {moved:?} and not {said}"
        );
    }
    assert!(
        trained.saliency(&face.pixels, 68).is_err(),
        "there is no such point"
    );
    assert!(
        trained.saliency(&face.pixels[1..], 0).is_err(),
        "these are not its pixels"
    );
}

#[test]
fn covering_an_eye_moves_its_corner_more_than_covering_anything_else() {
    let trained = model(&catalogue::resolve(catalogue::DEFAULT).unwrap());
    let side = trained.contract().input_side as f32;
    let (mut hits, faces) = (0, faces(&trained));
    for face in &faces {
        let mut occlusion = Occlusion::begin(&trained, &face.pixels, CORNERS[0], Occlusion::CELLS).unwrap();
        while !occlusion.is_finished() {
            occlusion.next_row(&trained).unwrap();
        }
        let shifts = occlusion.shifts();
        let most = (0..shifts.len())
            .max_by(|a, b| shifts[*a].total_cmp(&shifts[*b]))
            .unwrap();
        let cell = side / Occlusion::CELLS as f32;
        let (column, row) = (most % Occlusion::CELLS, most / Occlusion::CELLS);
        let middle = Point::new((column as f32 + 0.5) * cell, (row as f32 + 0.5) * cell);
        let eyes = face.corners[0].distance(face.corners[1]);
        hits += usize::from(middle.distance(face.corners[0]) < 0.5 * eyes);
    }
    println!("{hits} of {}", faces.len());
    assert!(3 * hits >= 2 * faces.len(), "{hits} of {}", faces.len());
}

#[test]
fn a_net_that_counts_backwards_moves_its_points_as_far() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/plain-script.pt");
    let lengths = |scale: f32| {
        let output = OutputScale { scale, offset: 16.0 };
        let reading = Reading {
            input_side: 32,
            output,
            crop: CropRule::COURSE,
        };
        let file = archive::look_into(&path).unwrap();
        let net = KeypointModel::from_archive(&path, &file, DeviceChoice::Cpu, Some(reading)).unwrap();
        let crop: Vec<f32> = (0..32 * 32).map(|place| (place % 7) as f32 / 7.0).collect();
        net.saliency(&crop, 0).unwrap()
    };
    let forwards = lengths(16.0);
    assert!(forwards.iter().all(|length| *length >= 0.0) && forwards.iter().any(|length| *length > 0.0));
    assert_eq!(lengths(-16.0), forwards);
}
