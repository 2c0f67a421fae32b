//! The transforms of training: keypoints stay on what they mark, whatever is done to the picture.

use image::{GrayImage, Luma, Rgba, RgbaImage};
use pinkpoint::{
    geometry::{CropTransform, OutputScale, Point},
    transform::{
        Compose, Normalize, Picture, RandomCrop, Rescale, Sample, Step, ToTensor,
        crop::{self, CropBatch},
    },
};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_pcg::Pcg64;

const COURSE: Normalize = Normalize(OutputScale::COURSE);

/// Where a normalised keypoint lies, pixels.
fn pixel(keypoint: Point) -> Point {
    Point::new(COURSE.0.pixel(keypoint.x), COURSE.0.pixel(keypoint.y))
}

/// A dark picture with a soft bright spot, whose middle is the keypoint.
fn spot(width: u32, height: u32, at: Point) -> Sample {
    const REACH: f32 = 7.0;
    let picture = GrayImage::from_fn(width, height, |x, y| {
        let distance = Point::new(x as f32, y as f32).distance(at);
        Luma([(255.0 * (1.0 - distance / REACH).max(0.0)) as u8])
    });
    Sample::new(picture, vec![at])
}

/// Width and height, pixels.
fn size(picture: &Picture) -> (u32, u32) {
    match picture {
        Picture::Bytes(picture) => picture.dimensions(),
        Picture::Unit { width, height, .. } => (*width, *height),
        Picture::Tensor { shape, .. } => (shape[2] as u32, shape[1] as u32),
    }
}

/// The middle of all brightness, pixels.
fn brightest(picture: &Picture) -> Point {
    let (width, _) = size(picture);
    let values: Vec<f64> = match picture {
        Picture::Bytes(picture) => picture.as_raw().iter().map(|&v| f64::from(v)).collect(),
        Picture::Unit { values, .. } | Picture::Tensor { values, .. } => {
            values.iter().map(|&v| f64::from(v)).collect()
        }
    };
    let total: f64 = values.iter().sum();
    let mean = |place: &dyn Fn(usize) -> usize| -> f32 {
        let sum: f64 = values.iter().enumerate().map(|(i, v)| v * place(i) as f64).sum();
        (sum / total) as f32
    };
    Point::new(mean(&|i| i % width as usize), mean(&|i| i / width as usize))
}

/// A picture's size and a spot well inside it.
fn placed() -> impl Strategy<Value = (u32, u32, Point)> {
    (60u32..300, 60u32..300).prop_flat_map(|(w, h)| {
        let inside = (12.0..w as f32 - 12.0, 12.0..h as f32 - 12.0);
        inside.prop_map(move |(x, y)| (w, h, Point::new(x, y)))
    })
}

/// Resampling and rounding to bytes move the middle of a spot by a part of a pixel; enlarging enlarges that.
fn tolerance(stretch: f32) -> f32 {
    0.35 * stretch.max(1.0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn rescale_keeps_the_point_on_the_spot((w, h, at) in placed(), side in 80u32..320) {
        let out = Rescale::ShortSide(side).apply(spot(w, h, at)).unwrap();
        let (width, height) = size(&out.picture);
        prop_assert_eq!(width.min(height), side);
        let stretch = side as f32 / w.min(h) as f32;
        prop_assert!(brightest(&out.picture).distance(out.keypoints[0]) < tolerance(stretch));
    }

    #[test]
    fn rescale_to_an_exact_size((w, h, at) in placed(), width in 90u32..300, height in 90u32..300) {
        let out = Rescale::Exact { height, width }.apply(spot(w, h, at)).unwrap();
        prop_assert_eq!(size(&out.picture), (width, height));
        let stretch = (width as f32 / w as f32).max(height as f32 / h as f32);
        prop_assert!(brightest(&out.picture).distance(out.keypoints[0]) < tolerance(stretch));
    }

    #[test]
    fn random_crop_keeps_the_point_on_the_spot((w, h, at) in placed(), seed in 0u64..1000) {
        let crop = RandomCrop { height: h - 20, width: w - 12 };
        let before = brightest(&spot(w, h, at).picture);
        let out = crop.apply(spot(w, h, at), &mut Pcg64::seed_from_u64(seed)).unwrap();
        prop_assert_eq!(size(&out.picture), (w - 12, h - 20));
        let p = out.keypoints[0];
        // Only a spot that is wholly inside has its middle where it was.
        prop_assume!(p.x > 8.0 && p.y > 8.0 && p.x < (w - 21) as f32 && p.y < (h - 29) as f32);
        let moved = Point::new(before.x - (at.x - p.x), before.y - (at.y - p.y));
        prop_assert!(brightest(&out.picture).distance(moved) < 0.05);
    }

    #[test]
    fn normalize_inverts_exactly(x in 0u16..224, y in 0u16..224, half in any::<bool>()) {
        let at = Point::new(f32::from(x) + if half { 0.5 } else { 0.0 }, f32::from(y));
        let out = COURSE.apply(Sample::new(GrayImage::new(4, 4), vec![at])).unwrap();
        let back = pixel(out.keypoints[0]);
        prop_assert!(back.distance(at) < 2e-5, "{:?} {:?}", back, at);
    }

    #[test]
    fn the_whole_chain_keeps_the_point_on_the_spot((w, h, at) in placed(), seed in 0u64..1000) {
        let chain = Compose::new(vec![
            Step::Rescale(Rescale::ShortSide(250)),
            Step::RandomCrop(RandomCrop::square(224)),
            Step::Normalize(COURSE),
            Step::ToTensor(ToTensor),
        ]).unwrap();
        let out = chain.apply(spot(w, h, at), &mut Pcg64::seed_from_u64(seed)).unwrap();
        let Picture::Tensor { shape, values } = &out.picture else { panic!("no tensor") };
        prop_assert_eq!(*shape, [1, 224, 224]);
        prop_assert!(values.iter().all(|v| (0.0..=1.0).contains(v)));
        let p = pixel(out.keypoints[0]);
        let stretch = 250.0 / w.min(h) as f32;
        let reach = 9.0 * stretch.max(1.0);
        prop_assume!(p.x > reach && p.y > reach && p.x < 223.0 - reach && p.y < 223.0 - reach);
        prop_assert!(brightest(&out.picture).distance(p) < tolerance(stretch));
    }
}

#[test]
fn the_courses_numbers() {
    let sample = Sample::new(
        GrayImage::from_pixel(2, 2, Luma([51])),
        vec![Point::new(150.0, 25.0)],
    );
    let out = COURSE.apply(sample).unwrap();
    assert_eq!(out.keypoints, [Point::new(1.0, -1.5)]);
    assert!(
        matches!(&out.picture, Picture::Unit { values, .. } if values.iter().all(|v| (v - 0.2).abs() < 1e-6))
    );
}

#[test]
fn a_random_crop_depends_on_its_generator_only() {
    let at = |seed| {
        let sample = spot(100, 90, Point::new(50.0, 45.0));
        RandomCrop::square(40)
            .apply(sample, &mut Pcg64::seed_from_u64(seed))
            .unwrap()
    };
    assert_eq!(at(3), at(3));
    assert!((0..20).any(|seed| at(seed) != at(3)));
}

#[test]
fn a_random_crop_is_taken_from_anywhere_in_the_picture() {
    let sample = || Sample::new(GrayImage::new(100, 90), vec![Point::new(0.0, 0.0)]);
    let corners: Vec<Point> = (0..400)
        .map(|seed| {
            let mut rng = Pcg64::seed_from_u64(seed);
            RandomCrop::square(40)
                .apply(sample(), &mut rng)
                .unwrap()
                .keypoints[0]
        })
        .collect();
    let most = |axis: fn(&Point) -> f32| corners.iter().map(axis).fold(0.0, f32::max);
    assert_eq!(
        (most(|p| p.x), most(|p| p.y)),
        (0.0, 0.0),
        "from the very left and top"
    );
    assert_eq!(
        (most(|p| -p.x), most(|p| -p.y)),
        (60.0, 50.0),
        "to the very right and bottom"
    );
    let whole = RandomCrop {
        height: 90,
        width: 100,
    };
    assert_eq!(
        whole.apply(sample(), &mut Pcg64::seed_from_u64(0)).unwrap(),
        sample()
    );
}

#[test]
fn a_shrinking_crop_keeps_the_point_on_the_spot() {
    const REACH: f32 = 24.0;
    for (x, y) in [(150.0, 150.0), (141.3, 158.9), (160.4, 143.2)] {
        let at = Point::new(x, y);
        let frame = GrayImage::from_fn(300, 300, |x, y| {
            let distance = Point::new(x as f32, y as f32).distance(at);
            Luma([(255.0 * (1.0 - distance / REACH).max(0.0)) as u8])
        });
        for scale in [2.5, 3.0, 4.0, 7.0] {
            let crop = CropTransform::upright(Point::new(150.0, 150.0), 32.0 * scale, 32);
            let there = Picture::Bytes(crop::cut(&frame, &crop).unwrap());
            let off = brightest(&there).distance(crop.crop_from_frame(at));
            assert!(off < 0.03, "{off} at {at:?}, scale {scale}");
        }
    }
}

#[test]
fn a_wrong_order_is_an_error_that_names_the_remedy() {
    let crop = Step::RandomCrop(RandomCrop::square(8));
    let rescale = Step::Rescale(Rescale::ShortSide(10));
    let normalize = Step::Normalize(COURSE);
    let to_tensor = Step::ToTensor(ToTensor);
    let message = |steps: Vec<Step>| Compose::new(steps).unwrap_err().to_string();
    let steps = |steps: &[&Step]| steps.iter().map(|&step| step.clone()).collect::<Vec<_>>();
    assert!(message(steps(&[&crop])).contains("Rescale before it"));
    assert!(message(steps(&[&crop, &rescale])).contains("Rescale before it"));
    assert!(message(steps(&[&to_tensor])).contains("Normalize before it"));
    assert!(message(steps(&[&normalize, &rescale])).contains("before Normalize"));
    assert!(message(steps(&[&normalize, &to_tensor, &normalize])).contains("nothing can follow"));
    assert!(Compose::new(steps(&[&rescale, &crop, &normalize, &to_tensor])).is_ok());
}

#[test]
fn a_crop_larger_than_the_picture_is_an_error() {
    for (height, width) in [(61, 61), (61, 8), (8, 61)] {
        let error = RandomCrop { height, width }
            .apply(spot(60, 60, Point::new(30.0, 30.0)), &mut Pcg64::seed_from_u64(0))
            .unwrap_err();
        assert!(error.to_string().contains("Rescale"), "{error}");
    }
}

#[test]
fn a_size_of_zero_is_an_error() {
    let (exact, nothing) = (
        |height, width| Rescale::Exact { height, width },
        Rescale::ShortSide(0),
    );
    for rescale in [nothing, exact(0, 9), exact(9, 0)] {
        let error = rescale.apply(spot(60, 60, Point::default())).unwrap_err();
        assert_eq!(error.to_string(), "Rescale to a size of zero");
    }
}

#[test]
fn grey_is_luma() {
    let colours = [
        [255, 0, 0],
        [0, 255, 0],
        [0, 0, 255],
        [255, 255, 255],
        [10, 10, 10],
        [0, 0, 0],
    ];
    let picture = RgbaImage::from_fn(3, 2, |x, y| {
        let [r, g, b] = colours[(y * 3 + x) as usize];
        Rgba([r, g, b, 255])
    });
    let grey = crop::grey(&picture).unwrap();
    assert_eq!(grey.dimensions(), (3, 2));
    // 0.299, 0.587 and 0.114 of 255.
    assert_eq!(grey.into_raw(), [76, 150, 29, 255, 10, 0]);
}

#[test]
fn pictures_are_averaged_when_they_shrink_and_interpolated_when_they_grow() {
    // Every fourth pixel is bright: between four, two that are not would be all that interpolation sees.
    let comb = |place: u32| Luma([if place.is_multiple_of(4) { 200 } else { 0 }]);
    let columns = GrayImage::from_fn(16, 8, |x, _| comb(x));
    let rows = GrayImage::from_fn(8, 16, |_, y| comb(y));
    for (picture, width, height) in [(&columns, 4, 8), (&rows, 8, 4)] {
        let small = crop::resized(picture, width, height).unwrap();
        assert_eq!(small.dimensions(), (width, height));
        assert!(small.iter().all(|&grey| grey == 50), "{small:?}");
    }
    let wide = crop::resized(&GrayImage::from_raw(2, 1, vec![0, 200]).unwrap(), 4, 1).unwrap();
    let high = crop::resized(&GrayImage::from_raw(1, 2, vec![0, 200]).unwrap(), 1, 4).unwrap();
    assert_eq!(
        (wide.into_raw(), high.into_raw()),
        (vec![0, 50, 150, 200], vec![0, 50, 150, 200])
    );
}

#[test]
fn a_filter_is_applied_as_nets_apply_it() {
    let kernel: Vec<f32> = (1..=25).map(|value| value as f32).collect();
    let mut point = GrayImage::new(9, 7);
    point.put_pixel(4, 3, Luma([255]));
    let found = crop::filtered(&point, &kernel, (5, 5), 0.5).unwrap();
    assert_eq!(found.len(), 9 * 7);
    for (index, value) in found.into_iter().enumerate() {
        let (right, down) = (index as i32 % 9 - 4, index as i32 / 9 - 3);
        // To the right of the point, the left part of the kernel lies on it.
        let near = right.abs() <= 2 && down.abs() <= 2;
        let weight = if near { 13 - right - 5 * down } else { 0 };
        assert!(
            (value - (weight as f32 + 0.5)).abs() < 1e-4,
            "{right} {down}: {value}"
        );
    }
    // Three wide and one high; the picture goes on beyond its edges.
    let flat = GrayImage::from_pixel(4, 4, Luma([51]));
    let found = crop::filtered(&flat, &[1.0, 2.0, 3.0], (3, 1), -0.2).unwrap();
    assert!(found.iter().all(|value| (value - 1.0).abs() < 1e-5), "{found:?}");
}

#[test]
fn a_picture_is_as_large_as_the_net_sees_its_face() {
    let picture = GrayImage::new(200, 100);
    let face = |frame_pixels_per_crop_pixel: f32| {
        CropTransform::upright(Point::new(50.0, 50.0), 96.0 * frame_pixels_per_crop_pixel, 96)
    };
    let size = |face: Option<CropTransform>, usual, sides| {
        crop::as_seen(&picture, face.as_ref(), usual, sides)
            .unwrap()
            .dimensions()
    };
    assert_eq!(size(Some(face(2.0)), 70.0, 10.0..=500.0), (100, 50));
    assert_eq!(size(Some(face(0.5)), 70.0, 10.0..=500.0), (400, 200));
    assert_eq!(
        size(Some(face(2.0)), 70.0, 10.0..=80.0),
        (80, 40),
        "not larger than that"
    );
    assert_eq!(size(Some(face(20.0)), 70.0, 60.0..=80.0), (60, 30), "nor smaller");
    assert_eq!(size(None, 120.0, 10.0..=500.0), (120, 60));
    assert_eq!(
        size(None, 300.0, 10.0..=500.0),
        (200, 100),
        "without a face not larger than it is"
    );
    let line = crop::as_seen(&GrayImage::new(200, 1), Some(&face(8.0)), 70.0, 10.0..=500.0).unwrap();
    assert_eq!(line.dimensions(), (25, 1));
}

#[test]
fn a_batch_keeps_its_crops_one_after_the_other() {
    const SIDE: usize = 8;
    let mut batch = CropBatch::default();
    assert!(batch.is_empty() && batch.pixels().is_empty());
    // Dark on the left, bright on the right; the second crop sees the right half only.
    let frame = GrayImage::from_fn(32, 16, |x, _| Luma([if x < 16 { 0 } else { 255 }]));
    let both = CropTransform::upright(Point::new(15.5, 7.5), 16.0, SIDE as u32);
    let right = CropTransform::upright(Point::new(23.5, 7.5), 16.0, SIDE as u32);
    batch.push(&frame, both).unwrap();
    batch.push(&frame, right).unwrap();
    assert_eq!((batch.len(), batch.is_empty()), (2, false));
    assert_eq!(batch.transforms(), [both, right]);
    assert_eq!(batch.pixels().len(), 2 * SIDE * SIDE);
    for (index, &grey) in batch.pixels().iter().enumerate() {
        let dark = index < SIDE * SIDE && index % SIDE < SIDE / 2;
        assert_eq!(grey, if dark { 0.0 } else { 1.0 }, "{index}");
    }
    assert_eq!(batch.fields(0, 2), [0.0, 1.0, 0.0, 1.0]);
    assert_eq!(batch.fields(1, 2), [1.0; 4]);
    let corner = Point::new(-0.5, -0.5);
    let found = batch.points_in_frame(vec![vec![corner], vec![corner, corner]]);
    assert_eq!(
        found,
        [vec![Point::new(7.5, -0.5)], vec![Point::new(15.5, -0.5); 2]]
    );
    batch.clear();
    assert!(batch.is_empty() && batch.pixels().is_empty());
}
