//! What makes training pictures more various: keypoints stay on what they mark, and pictures without a face show none.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use image::{GrayImage, Luma};
use pinkpoint::{
    geometry::{Point, Rect},
    keypoints::{FaceExtent, PointScheme},
    network::Architecture,
    transform::{Alteration, Blur, Coarse, CutOut, Dim, FaceCrop, Flip, Jpeg, Light, Noise, Picture, Sample},
};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_pcg::Pcg64;

const SIDE: u32 = 112;
/// Grey of a mark that is painted on every keypoint; the rest is black.
const MARK: u8 = 250;

/// Faces as detectors give them, none left out.
const CROP: FaceCrop = FaceCrop {
    extent: None,
    side: SIDE,
    margin: 1.3,
    roll: 0.5,
    scale: 1.2,
    shift: 0.08,
    steady: 0.0,
    negatives: 0.0,
};

fn generator(seed: u64) -> Pcg64 {
    Pcg64::seed_from_u64(seed)
}

/// A picture of 240 x 200 with a "face": four marks of 9 pixels at the corners of a box.
fn face() -> (Sample, Rect) {
    let tight = Rect::new(90.0, 60.0, 80.0, 70.0);
    let corners = [(90, 60), (170, 60), (90, 130), (170, 130)];
    let picture = GrayImage::from_fn(240, 200, |x, y| {
        let near = |&(cx, cy): &(u32, u32)| x.abs_diff(cx) <= 4 && y.abs_diff(cy) <= 4;
        Luma([if corners.iter().any(near) { MARK } else { 0 }])
    });
    let keypoints = corners.map(|(x, y)| Point::new(x as f32, y as f32));
    (Sample::new(picture, keypoints.to_vec()), tight)
}

fn bytes(sample: &Sample) -> &GrayImage {
    let Picture::Bytes(picture) = &sample.picture else {
        unreachable!("no step here makes anything but bytes")
    };
    picture
}

fn grey_at(sample: &Sample, point: Point) -> u8 {
    bytes(sample).get_pixel(point.x.round() as u32, point.y.round() as u32)[0]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_face_crop_keeps_the_keypoints_on_their_marks_and_the_face_in_the_middle(seed in 0u64..10_000) {
        let out = CROP.apply(face().0, &mut generator(seed)).unwrap();
        prop_assert!(out.is_face);
        prop_assert_eq!(bytes(&out).dimensions(), (SIDE, SIDE));
        let middle = Rect::around(&out.keypoints).unwrap().centre();
        let off = middle.distance(Point::new(55.5, 55.5));
        // 8 % of the box's long side in x and y, which is at most 112 / 1.3 * 1.2 pixels.
        prop_assert!(off < 0.08 * 1.42 * 104.0, "{:?}", out.keypoints);
        // A turned box has corners beyond the crop.
        let seen = |p: &&Point| Rect::new(1.0, 1.0, 109.0, 109.0).contains(**p);
        for &point in out.keypoints.iter().filter(seen) {
            prop_assert!(grey_at(&out, point) > MARK - 5, "{point:?}");
        }
    }

    #[test]
    fn a_crop_without_a_face_overlaps_it_little(seed in 0u64..10_000) {
        let (sample, _) = face();
        let crop = FaceCrop { negatives: 1.0, roll: 0.0, ..CROP };
        let out = crop.apply(sample, &mut generator(seed)).unwrap();
        prop_assert!(!out.is_face);
        // The face's box and the one that a face would fill, both in crop pixels.
        let there = Rect::around(&out.keypoints).unwrap();
        let middle = (SIDE as f32 - 1.0) / 2.0;
        let (size, centre) = (SIDE as f32 / crop.margin, Point::new(middle, middle));
        prop_assert!(Rect::from_centre(centre, size, size).iou(&there) < 0.251, "{there:?}");
    }

    #[test]
    fn many_crops_without_a_face_show_a_part_of_it(seed in 0u64..10_000) {
        let crop = FaceCrop { negatives: 1.0, roll: 0.0, ..CROP };
        let shows_a_part = |seed| {
            let out = crop.apply(face().0, &mut generator(seed)).unwrap();
            let there = Rect::around(&out.keypoints).unwrap();
            Rect::new(0.0, 0.0, SIDE as f32, SIDE as f32).iou(&there) > 0.02
        };
        let parts = (seed..seed + 100).filter(|&seed| shows_a_part(seed)).count();
        prop_assert!(parts > 35, "{parts} of 100");
    }

    #[test]
    fn a_mirror_picture_has_the_keypoints_on_their_marks_under_their_counterparts_names(seed in 0u64..40) {
        let flip = Flip { mirror: vec![1, 0, 3, 2] };
        let (sample, _) = face();
        let mut upper_left = sample.clone();
        if let Picture::Bytes(picture) = &mut upper_left.picture {
            picture.put_pixel(90, 60, Luma([111]));
        }
        let out = flip.apply(upper_left.clone(), &mut generator(seed)).unwrap();
        let mirrored = out != upper_left;
        // The names stay left and right; the odd mark changes sides.
        prop_assert!(out.keypoints[0].x < out.keypoints[1].x && out.keypoints[2].y > out.keypoints[0].y);
        prop_assert_eq!(grey_at(&out, out.keypoints[usize::from(mirrored)]), 111);
        prop_assert_eq!(grey_at(&out, out.keypoints[usize::from(!mirrored)]), MARK);
        prop_assert_eq!(out.mirrored, mirrored);
        if mirrored {
            let again = (0..64)
                .map(|seed| flip.apply(out.clone(), &mut generator(seed)).unwrap())
                .find(|again| *again != out);
            prop_assert_eq!(again, Some(upper_left));
        }
    }
}

#[test]
fn a_crop_is_of_the_face_around_its_keypoints() {
    let crop = FaceCrop {
        extent: Some(FaceExtent {
            width: 1.5,
            height: 1.2,
            right: 0.0,
            down: 0.25,
        }),
        margin: 1.0,
        roll: 0.0,
        scale: 1.0,
        shift: 0.0,
        ..CROP
    };
    let (sample, tight) = face();
    let out = crop.apply(sample, &mut generator(1)).unwrap();
    let there = Rect::around(&out.keypoints).unwrap();
    // The face is 1.5 times as wide as the keypoints' box, whose middle lies a quarter of that width above the face's.
    let (width, middle) = (SIDE as f32 / 1.5, (SIDE as f32 - 1.0) / 2.0);
    assert!((there.width - width).abs() < 1e-3, "{there:?}");
    assert!(
        (there.height - width * tight.height / tight.width).abs() < 1e-3,
        "{there:?}"
    );
    assert!(
        there.centre().distance(Point::new(middle, middle - width / 4.0)) < 1e-3,
        "{there:?}"
    );
}

/// Where the crop without a face lies that `seed` gives: its centre, as seen from the face's, and its size, both in sizes of
/// the face.
fn beside(sample: &Sample, seed: u64) -> (Point, f32) {
    let crop = FaceCrop {
        negatives: 1.0,
        roll: 0.0,
        ..CROP
    };
    let out = crop.apply(sample.clone(), &mut generator(seed)).unwrap();
    let there = Rect::around(&out.keypoints).unwrap();
    let (face, middle) = (there.long_side(), there.centre());
    let off = |at: f32| ((SIDE as f32 - 1.0) / 2.0 - at) / face;
    (
        Point::new(off(middle.x), off(middle.y)),
        SIDE as f32 / crop.margin / face,
    )
}

/// A face of 80 x 70 pixels whose box begins at `left`, `top`.
fn face_at(left: f32, top: f32, width: u32, height: u32) -> Sample {
    let corners = [(0.0, 0.0), (80.0, 0.0), (0.0, 70.0), (80.0, 70.0)];
    let keypoints = corners.map(|(x, y)| Point::new(left + x, top + y));
    Sample::new(GrayImage::new(width, height), keypoints.to_vec())
}

/// Least and largest of some numbers.
fn extremes(values: impl Iterator<Item = f32>) -> (f32, f32) {
    values.fold((f32::MAX, f32::MIN), |(least, most), value| {
        (least.min(value), most.max(value))
    })
}

#[test]
fn crops_of_a_part_of_a_face_lie_round_it_and_have_about_its_size() {
    // Centres anywhere in this picture are no further than 0.63 sizes from the face's.
    let sample = face_at(10.0, 10.0, 100, 90);
    let near: Vec<(Point, f32)> = (0..600)
        .map(|seed| beside(&sample, seed))
        .filter(|(off, _)| off.x.abs().max(off.y.abs()) > 0.63)
        .collect();
    let (left, right) = extremes(near.iter().map(|(off, _)| off.x));
    let (top, bottom) = extremes(near.iter().map(|(off, _)| off.y));
    for reach in [-left, right, -top, bottom] {
        assert!((1.1..1.201).contains(&reach), "{left} {right} {top} {bottom}");
    }
    let (least, most) = extremes(near.iter().map(|(_, size)| *size));
    assert!(
        (0.499..0.55).contains(&least) && (1.8..2.001).contains(&most),
        "{least} {most}"
    );
}

#[test]
fn crops_of_the_background_lie_anywhere_in_the_picture_and_are_of_many_sizes() {
    let sample = face_at(100.0, 100.0, 1000, 800);
    let far: Vec<(Point, f32)> = (0..600)
        .map(|seed| beside(&sample, seed))
        .filter(|(off, _)| off.x.max(off.y) > 1.21)
        .collect();
    assert!(far.len() > 200, "{}", far.len());
    let (left, right) = extremes(far.iter().map(|(off, _)| 140.0 + 80.0 * off.x));
    let (top, bottom) = extremes(far.iter().map(|(off, _)| 135.0 + 80.0 * off.y));
    assert!(
        (-0.1..20.0).contains(&left) && (980.0..1000.1).contains(&right),
        "{left} {right}"
    );
    assert!(
        (-0.1..20.0).contains(&top) && (780.0..800.1).contains(&bottom),
        "{top} {bottom}"
    );
    let (least, most) = extremes(far.iter().map(|(_, size)| *size));
    assert!(
        (0.249..0.27).contains(&least) && (3.2..3.501).contains(&most),
        "{least} {most}"
    );
}

#[test]
fn crops_without_a_face_lean_as_those_with_one_do() {
    let crop = FaceCrop {
        negatives: 1.0,
        ..CROP
    };
    let lean = |seed| {
        let out = crop.apply(face().0, &mut generator(seed)).unwrap().keypoints;
        (out[1].y - out[0].y).atan2(out[1].x - out[0].x)
    };
    let (left, right) = extremes((0..200).map(lean));
    assert!(
        (0.35..0.501).contains(&-left) && (0.35..0.501).contains(&right),
        "{left} {right}"
    );
}

#[test]
fn what_changes_grey_values_moves_no_keypoint() {
    let (sample, _) = face();
    let light = Light {
        gamma: 2.0,
        gain: 1.6,
        offset: 0.2,
    };
    let all = |share| {
        let blur = Blur { share, sigma: 2.0 };
        let noise = Noise { share, sigma: 0.05 };
        let cut_out = CutOut { share, side: 0.4 };
        let coarse = Coarse { share, factor: 4.0 };
        let dim = Dim {
            share,
            least: 0.1,
            sigma: 0.02,
        };
        let jpeg = Jpeg { share, lowest: 20 };
        let sample = sample.clone();
        let outcomes = (0..50).map(generator).map(move |mut rng| {
            [
                blur.apply(sample.clone(), &mut rng).unwrap(),
                coarse.apply(sample.clone(), &mut rng).unwrap(),
                dim.apply(sample.clone(), &mut rng).unwrap(),
                noise.apply(sample.clone(), &mut rng).unwrap(),
                jpeg.apply(sample.clone(), &mut rng).unwrap(),
                cut_out.apply(sample.clone(), &mut rng).unwrap(),
            ]
        });
        outcomes.collect::<Vec<_>>()
    };
    let lit = (0..50).map(|seed| light.apply(sample.clone(), &mut generator(seed)).unwrap());
    let lit: Vec<Sample> = lit.collect();
    let changed = |outcomes: &mut dyn Iterator<Item = &Sample>| {
        outcomes.filter(|out| bytes(out) != bytes(&sample)).count()
    };
    assert!(changed(&mut lit.iter()) > 40);
    let (never, always) = (all(0.0), all(1.0));
    for step in 0..6 {
        assert_eq!(changed(&mut never.iter().map(|out| &out[step])), 0);
        let often = changed(&mut always.iter().map(|out| &out[step]));
        assert!(often > 40, "step {step}: {often}");
    }
    for out in lit.iter().chain(always.iter().flatten()) {
        assert_eq!((&out.keypoints, out.is_face), (&sample.keypoints, true));
        assert_eq!(bytes(out).dimensions(), bytes(&sample).dimensions());
    }
}

#[test]
fn crops_are_as_various_as_they_are_said_to_be_and_depend_on_the_generator_only() {
    let crop = FaceCrop {
        negatives: 0.25,
        ..CROP
    };
    let samples: Vec<Sample> = (0..400)
        .map(|seed| crop.apply(face().0, &mut generator(seed)).unwrap())
        .collect();
    let faces = samples.iter().filter(|sample| sample.is_face);
    assert!((270..330).contains(&faces.clone().count()));
    assert_eq!(samples[7], crop.apply(face().0, &mut generator(7)).unwrap());

    let width = |sample: &Sample| sample.keypoints[0].distance(sample.keypoints[1]);
    let widths: Vec<f32> = faces.clone().map(width).collect();
    let largest = widths.iter().fold(0.0f32, |most, w| most.max(*w));
    let smallest = widths.iter().fold(f32::MAX, |least, w| least.min(*w));
    // The box's width is its long side: it takes 1 / 1.3 of a crop that is neither larger nor smaller.
    let usual = SIDE as f32 / 1.3;
    assert!(largest < 1.21 * usual && largest > 1.15 * usual, "{largest}");
    assert!(smallest > usual / 1.21 && smallest < usual / 1.15, "{smallest}");

    let roll = |sample: &Sample| {
        let (a, b) = (sample.keypoints[0], sample.keypoints[1]);
        (b.y - a.y).atan2(b.x - a.x).abs()
    };
    let turned = faces.clone().filter(|sample| roll(sample) > 0.25).count();
    assert!(faces.clone().all(|sample| roll(sample) < 0.51));
    assert!(
        (40..120).contains(&turned),
        "a quarter is turned by more than half: {turned}"
    );
}

#[test]
fn steady_crops_are_off_by_a_third() {
    let far = |steady| {
        let crop = FaceCrop { steady, ..CROP };
        let off = |seed| {
            let out = crop.apply(face().0, &mut generator(seed)).unwrap();
            let middle = Rect::around(&out.keypoints).unwrap().centre();
            middle.distance(Point::new(55.5, 55.5))
        };
        (0..200).map(off).sum::<f32>()
    };
    let (none, all, half) = (far(0.0), far(1.0), far(0.5));
    assert!((0.28..0.38).contains(&(all / none)), "{}", all / none);
    assert!(half > 1.3 * all && half < 0.85 * none, "{all}, {half}, {none}");
}

#[test]
fn noise_is_as_strong_as_asked_for_and_centred() {
    let grey = GrayImage::from_pixel(200, 200, Luma([128]));
    let noise = Noise {
        share: 1.0,
        sigma: 0.05,
    };
    let mut strongest = 0.0f64;
    for seed in 0..20 {
        let sample = Sample::new(grey.clone(), Vec::new());
        let out = noise.apply(sample, &mut generator(seed)).unwrap();
        let off = |grey: &u8| f64::from(*grey) - 128.0;
        let values = bytes(&out).as_raw();
        let mean = values.iter().map(off).sum::<f64>() / values.len() as f64;
        assert!(mean.abs() < 0.3, "{mean}");
        let variance = values.iter().map(|v| off(v).powi(2)).sum::<f64>() / values.len() as f64;
        strongest = strongest.max(variance.sqrt());
    }
    assert!((0.04 * 255.0..0.052 * 255.0).contains(&strongest), "{strongest}");
}

#[test]
fn poor_light_small_pictures_and_files_lose_what_they_lose() {
    // Columns that alternate: the finest detail there is.
    let striped = GrayImage::from_fn(112, 112, |x, _| Luma([if x % 2 == 0 { 40 } else { 200 }]));
    let sample = Sample::new(striped, Vec::new());
    let mean = |sample: &Sample| {
        let values = bytes(sample).as_raw();
        values.iter().map(|v| f64::from(*v)).sum::<f64>() / values.len() as f64
    };
    let detail = |sample: &Sample| {
        let values = bytes(sample).as_raw();
        let steps = values.windows(2).map(|pair| f64::from(pair[0].abs_diff(pair[1])));
        steps.sum::<f64>() / values.len() as f64
    };
    let coarse = Coarse {
        share: 1.0,
        factor: 4.0,
    };
    let dim = Dim {
        share: 1.0,
        least: 0.1,
        sigma: 0.0,
    };
    let jpeg = Jpeg {
        share: 1.0,
        lowest: 20,
    };
    let (mut left, mut darkest) = (f64::MAX, f64::MAX);
    for seed in 0..30 {
        let small = coarse.apply(sample.clone(), &mut generator(seed)).unwrap();
        left = left.min(detail(&small));
        assert!((mean(&small) - mean(&sample)).abs() < 6.0);
        let dark = dim.apply(sample.clone(), &mut generator(seed)).unwrap();
        darkest = darkest.min(mean(&dark) / mean(&sample));
        assert!(mean(&dark) < mean(&sample) + 0.5 && mean(&dark) > 0.099 * mean(&sample));
        let saved = jpeg.apply(sample.clone(), &mut generator(seed)).unwrap();
        assert!((mean(&saved) - mean(&sample)).abs() < 3.0 && detail(&saved) > 100.0);
    }
    assert!(left < 0.2 * detail(&sample), "{left} of {}", detail(&sample));
    assert!(darkest < 0.15, "{darkest}");
}

#[test]
fn a_recipe_can_do_without_an_alteration_that_it_has() {
    /// How many of 200 pictures of a face are mirrored: its chin is further from the left end of its jaw than from the right.
    fn mirrored(without: &[Alteration]) -> usize {
        let scheme = PointScheme::ibug68();
        let points: Vec<Point> = (0..68)
            .map(|i| Point::new(90.0 + (i % 17) as f32 * 5.0, 60.0 + (i / 17) as f32 * 20.0))
            .map(|point| Point::new(if point.x == 90.0 { 70.0 } else { point.x }, point.y))
            .collect();
        let chain = Architecture::Pinkpoint.training_transform(&scheme).unwrap();
        let chain = chain.without(&without.iter().copied().collect()).unwrap();
        (0..200)
            .filter(|&seed| {
                let sample = Sample::new(GrayImage::new(240, 200), points.clone());
                let out = chain.apply(sample, &mut generator(seed)).unwrap().keypoints;
                out[0].distance(out[8]) < out[16].distance(out[8])
            })
            .count()
    }
    assert!((60..140).contains(&mirrored(&[])));
    assert_eq!(mirrored(&[Alteration::Mirror, Alteration::Noise]), 0);
    let course = Architecture::Course
        .training_transform(&PointScheme::ibug68())
        .unwrap();
    let message = course
        .without(&[Alteration::CutOut].into())
        .unwrap_err()
        .to_string();
    assert!(message.starts_with("cut-out cannot be left out"), "{message}");
}

#[test]
fn what_cannot_be_done_is_an_error() {
    let (sample, _) = face();
    let nobody = Sample::new(bytes(&sample).clone(), Vec::new());
    assert!(CROP.apply(nobody, &mut generator(1)).is_err());
    let flip = Flip {
        mirror: PointScheme::ibug68().mirror,
    };
    let errors = (0..20).filter(|&seed| flip.apply(sample.clone(), &mut generator(seed)).is_err());
    assert!(errors.count() > 0, "68 names for four keypoints");
}
