//! The transforms of training: keypoints stay on what they mark, whatever is done to the picture.

use image::{GrayImage, Luma};
use pinkpoint::{
    geometry::Point,
    transform::{Compose, Normalize, Picture, RandomCrop, Rescale, Sample, Step, ToTensor},
};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_pcg::Pcg64;

/// A dark picture with a soft bright spot, whose middle is the keypoint.
fn spot(width: u32, height: u32, at: Point) -> Sample {
    const REACH: f32 = 7.0;
    let picture = GrayImage::from_fn(width, height, |x, y| {
        let distance = Point::new(x as f32, y as f32).distance(at);
        Luma([(255.0 * (1.0 - distance / REACH).max(0.0)) as u8])
    });
    Sample::new(picture, vec![at])
}

/// The middle of all brightness, pixels.
fn brightest(picture: &Picture) -> Point {
    let (width, _) = picture.size();
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
        let (width, height) = out.picture.size();
        prop_assert_eq!(width.min(height), side);
        let stretch = side as f32 / w.min(h) as f32;
        prop_assert!(brightest(&out.picture).distance(out.keypoints[0]) < tolerance(stretch));
    }

    #[test]
    fn rescale_to_an_exact_size((w, h, at) in placed(), width in 90u32..300, height in 90u32..300) {
        let out = Rescale::Exact { height, width }.apply(spot(w, h, at)).unwrap();
        prop_assert_eq!(out.picture.size(), (width, height));
        let stretch = (width as f32 / w as f32).max(height as f32 / h as f32);
        prop_assert!(brightest(&out.picture).distance(out.keypoints[0]) < tolerance(stretch));
    }

    #[test]
    fn random_crop_keeps_the_point_on_the_spot((w, h, at) in placed(), seed in 0u64..1000) {
        let crop = RandomCrop { height: h - 20, width: w - 12 };
        let before = brightest(&spot(w, h, at).picture);
        let out = crop.apply(spot(w, h, at), &mut Pcg64::seed_from_u64(seed)).unwrap();
        prop_assert_eq!(out.picture.size(), (w - 12, h - 20));
        let p = out.keypoints[0];
        // Only a spot that is wholly inside has its middle where it was.
        prop_assume!(p.x > 8.0 && p.y > 8.0 && p.x < (w - 21) as f32 && p.y < (h - 29) as f32);
        let moved = Point::new(before.x - (at.x - p.x), before.y - (at.y - p.y));
        prop_assert!(brightest(&out.picture).distance(moved) < 0.05);
    }

    #[test]
    fn normalize_inverts_exactly(x in 0u16..224, y in 0u16..224, half in any::<bool>()) {
        let at = Point::new(f32::from(x) + if half { 0.5 } else { 0.0 }, f32::from(y));
        let out = Normalize::COURSE.apply(Sample::new(GrayImage::new(4, 4), vec![at])).unwrap();
        let back = Normalize::COURSE.pixel(out.keypoints[0]);
        prop_assert!(back.distance(at) < 2e-5, "{:?} {:?}", back, at);
    }

    #[test]
    fn the_whole_chain_keeps_the_point_on_the_spot((w, h, at) in placed(), seed in 0u64..1000) {
        let chain = Compose::new(vec![
            Step::Rescale(Rescale::ShortSide(250)),
            Step::RandomCrop(RandomCrop::square(224)),
            Step::Normalize(Normalize::COURSE),
            Step::ToTensor(ToTensor),
        ]).unwrap();
        let out = chain.apply(spot(w, h, at), &mut Pcg64::seed_from_u64(seed)).unwrap();
        let Picture::Tensor { shape, values } = &out.picture else { panic!("no tensor") };
        prop_assert_eq!(*shape, [1, 224, 224]);
        prop_assert!(values.iter().all(|v| (0.0..=1.0).contains(v)));
        let p = Normalize::COURSE.pixel(out.keypoints[0]);
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
    let out = Normalize::COURSE.apply(sample).unwrap();
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
fn a_wrong_order_is_an_error_that_names_the_remedy() {
    let crop = Step::RandomCrop(RandomCrop::square(8));
    let rescale = Step::Rescale(Rescale::ShortSide(10));
    let normalize = Step::Normalize(Normalize::COURSE);
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
    let error = RandomCrop::square(61)
        .apply(spot(60, 60, Point::new(30.0, 30.0)), &mut Pcg64::seed_from_u64(0))
        .unwrap_err();
    assert!(error.to_string().contains("Rescale"), "{error}");
    assert!(
        Rescale::ShortSide(0)
            .apply(spot(60, 60, Point::default()))
            .is_err()
    );
}
