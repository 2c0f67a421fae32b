//! What every stage of a frame costs, and a whole frame: `cargo bench`. Runs on the bundled demo picture and nets; times
//! are of one thread, and only ratios within one run say anything.
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on has failed")]

use std::{path::Path, time::Duration};

use divan::{Bencher, black_box};
use image::{GrayImage, RgbaImage};
use pinkpoint::{
    detect::{
        CascadeDetector, CascadeSettings, Detection, FaceDetector, Planner, Search, Tilted,
        smooth::{Smoother, Strength},
        track::Need,
    },
    face::Face,
    geometry::{CropTransform, FaceBox},
    model::{DeviceChoice, KeypointModel, Occlusion, catalogue},
    overlay::{self, Style},
    pipeline::{Follower, KeypointFitter},
    record,
    source::{self, SourceSpec},
    transform::crop::{self, CropBatch},
};

/// Nets that come with the program.
const NETS: [&str; 3] = ["course", "course-long", "pinkpoint"];
/// Time between two frames.
const STEP: Duration = Duration::from_millis(33);

fn main() {
    divan::main();
}

/// The demo's first picture, 640x480.
fn picture() -> RgbaImage {
    let mut demo = source::open(&SourceSpec::Demo).unwrap();
    demo.next_picture().unwrap().unwrap().picture
}

fn grey() -> GrayImage {
    crop::grey(&picture()).unwrap()
}

fn model(net: &str) -> KeypointModel {
    let model = KeypointModel::load(&catalogue::resolve(net).unwrap(), DeviceChoice::Cpu).unwrap();
    for count in 1..=4 {
        for _ in 0..2 {
            model.warm_up(count).unwrap();
        }
    }
    model
}

fn detector() -> CascadeDetector {
    CascadeDetector::open(CascadeSettings::following()).unwrap()
}

fn found(grey: &GrayImage) -> Vec<Detection> {
    let found = detector().detect(grey).unwrap();
    assert!(!found.is_empty(), "the demo shows a face");
    found
}

/// The demo's face.
fn faces(grey: &GrayImage) -> Vec<Face> {
    let boxes: Vec<FaceBox> = found(grey).iter().map(|find| find.face_box).collect();
    KeypointFitter::new(model("pinkpoint")).fit(grey, &boxes).unwrap()
}

#[divan::bench]
fn decode_a_video_frame(bencher: Bencher<'_, '_>) {
    let video = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/media/face.mp4");
    let open = || source::open(&SourceSpec::File(video.clone())).unwrap();
    let mut source = open();
    bencher.bench_local(|| {
        let grab = source.next_picture().unwrap();
        if grab.is_none() {
            source = open();
        }
        grab
    });
}

#[divan::bench]
fn to_grey(bencher: Bencher<'_, '_>) {
    let (picture, mut grey) = (picture(), GrayImage::default());
    bencher.bench_local(|| crop::grey_into(black_box(&picture), &mut grey).unwrap());
}

#[divan::bench(args = [96, 112, 224])]
fn cut_a_crop(bencher: Bencher<'_, '_>, side: u32) {
    let (grey, mut batch) = (grey(), CropBatch::default());
    let face = found(&grey)[0].face_box;
    let transform = CropTransform {
        roll: 0.1,
        ..CropTransform::upright(face.centre, 1.3 * face.long_side(), side)
    };
    bencher.bench_local(|| {
        batch.clear();
        batch.push(black_box(&grey), transform).unwrap();
    });
}

/// One forward pass; the time is per pass, not per face.
#[divan::bench(consts = [1, 4, 16], args = NETS)]
fn run_the_net<const FACES: usize>(bencher: Bencher<'_, '_>, net: &str) {
    let model = model(net);
    let side = model.contract().input_side as usize;
    let pixels = vec![0.5; FACES * side * side];
    bencher.bench_local(|| model.predict(black_box(&pixels), FACES).unwrap());
}

#[divan::bench]
fn smooth_a_face(bencher: Bencher<'_, '_>) {
    let face = faces(&grey()).remove(0);
    let scheme = model("pinkpoint").contract().scheme.clone();
    let (mut smoother, mut time) = (Smoother::new(&scheme), Duration::ZERO);
    bencher.bench_local(|| {
        time += STEP;
        smoother.smooth(black_box(&face.points), time, Strength::default())
    });
}

/// The searches that the planner has made, first sweeps then glances; sure ones, and proposals for a net to verify.
#[divan::bench(args = ["glance", "sweep", "glance for proposals", "sweep for proposals"])]
fn search(bencher: Bencher<'_, '_>, what: &str) {
    let need = Need {
        verifies: what.ends_with("proposals"),
        ..Need::default()
    };
    let mut planner = Planner::default();
    let mut search: Search = planner.next(Duration::ZERO, need, (1280, 720)).unwrap();
    if what.starts_with("glance") {
        search = planner.glance(STEP, need);
        search.tilted = Tilted::Never;
    }
    let (grey, mut detector) = (grey(), detector());
    bencher.bench_local(|| detector.search(black_box(&grey), &search).unwrap());
}

#[divan::bench]
fn paint_the_overlay(bencher: Bencher<'_, '_>) {
    let faces = faces(&grey());
    let picture = picture();
    let shapes = overlay::shapes(&faces, None, &Style::default());
    bencher
        .with_inputs(|| picture.clone())
        .bench_local_values(|mut picture| record::paint(&mut picture, &shapes).unwrap());
}

/// Grey, crop, net (`pinkpoint`), tracker and smoothing of one face; the search runs beside and is not in it.
#[divan::bench]
fn a_frame(bencher: Bencher<'_, '_>) {
    let (picture, mut grey) = (picture(), grey());
    let found = found(&grey);
    let mut follower = Follower::new(KeypointFitter::new(model("pinkpoint")), Strength::default());
    let mut time = STEP;
    follower.frame(&grey, time, &found[..1], None).unwrap();
    bencher.bench_local(|| {
        time += STEP;
        crop::grey_into(black_box(&picture), &mut grey).unwrap();
        let faces = follower.frame(&grey, time, &found[..1], None).unwrap().faces;
        assert_eq!(faces.len(), 1);
    });
}

/// Which pixels would move a keypoint: the chosen face's, for every frame, in a thread of its own.
#[divan::bench(args = NETS)]
fn what_a_keypoint_hangs_on_by_its_gradient(bencher: Bencher<'_, '_>, net: &str) {
    let (model, crop) = (model(net), crop_for(net));
    bencher.bench_local(|| model.saliency(&crop, 36).unwrap());
}

/// Which parts a keypoint would miss: all of them, one after the other.
#[divan::bench(args = NETS, sample_count = 5)]
fn what_a_keypoint_hangs_on_by_covering_parts(bencher: Bencher<'_, '_>, net: &str) {
    let (model, crop) = (model(net), crop_for(net));
    bencher.bench_local(|| {
        let mut occlusion = Occlusion::begin(&model, &crop, 36, Occlusion::CELLS).unwrap();
        while !occlusion.is_finished() {
            occlusion.next_row(&model).unwrap();
        }
        occlusion.shifts().len()
    });
}

/// What a net gets to see of the demo's face.
fn crop_for(net: &str) -> Vec<f32> {
    let grey = grey();
    let mut batch = CropBatch::default();
    let face = found(&grey)[0].face_box;
    batch
        .push(&grey, model(net).contract().crop_of_face(&face))
        .unwrap();
    batch.pixels().to_vec()
}
