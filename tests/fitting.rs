//! A net, its crops and its contract together: keypoints land on the face that they were asked for.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;

use image::{GrayImage, Luma, imageops};
use pinkpoint::{
    detect::Detection,
    geometry::{FaceBox, Point, Rect},
    model::{DeviceChoice, KeypointModel, Passes},
    picture,
    pipeline::{KeypointFitter, verified},
    transform::crop,
};

/// Where the keypoints of `face.jpg` lie, measured by hand: brows to chin, ear to ear.
const FACE: Rect = Rect::new(60.0, 70.0, 106.0, 102.0);

fn fitter() -> KeypointFitter {
    let weights = Path::new(env!("CARGO_MANIFEST_DIR")).join("weights/course-long.pt");
    KeypointFitter::new(KeypointModel::load(&weights, DeviceChoice::Cpu).unwrap())
}

/// `face.jpg` enlarged and put into a grey frame with its corner at `left`, `top`, and where the face is there.
fn placed(scale: u32, left: u32, top: u32) -> (GrayImage, Rect) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/media/face.jpg");
    let small = crop::grey(&picture::read(&path).unwrap()).unwrap();
    let (width, height) = (small.width() * scale, small.height() * scale);
    let mut frame = GrayImage::from_pixel(width + 2 * left, height + 2 * top, Luma([128]));
    let large = crop::resized(&small, width, height).unwrap();
    imageops::replace(&mut frame, &large, i64::from(left), i64::from(top));
    let factor = scale as f32;
    let centre = FACE.centre().resized(factor, factor);
    let centre = Point::new(centre.x + left as f32, centre.y + top as f32);
    let face = Rect::from_centre(centre, factor * FACE.width, factor * FACE.height);
    (frame, face)
}

/// The middle of a group's points.
fn middle(fitter: &KeypointFitter, points: &[Point], group: &str) -> Point {
    let groups = &fitter.contract().scheme.groups;
    let group = groups.iter().find(|g| g.name == group).unwrap();
    let chosen: Vec<Point> = group.points.iter().map(|&i| points[i]).collect();
    Rect::around(&chosen).unwrap().centre()
}

#[test]
fn keypoints_lie_on_the_face_wherever_it_is() {
    let mut fitter = fitter();
    for (scale, left, top) in [(1, 0, 0), (2, 300, 150)] {
        let (frame, face) = placed(scale, left, top);
        let faces = fitter.fit(&frame, &[FaceBox::upright(&face)]).unwrap();
        let points = &faces[0].points;
        let around = Rect::around(points).unwrap();
        assert!(around.iou(&face) > 0.5, "{around:?} and not {face:?}");

        let [eyes, nose, mouth] = ["eyes", "nose", "mouth"].map(|group| middle(&fitter, points, group));
        assert!(eyes.y < nose.y && nose.y < mouth.y, "{eyes:?} {nose:?} {mouth:?}");
        let corners = &fitter.contract().scheme.inter_ocular;
        let (first, second) = (points[corners[0]], points[corners[1]]);
        assert!(
            first.x < nose.x && nose.x < second.x,
            "{first:?} {nose:?} {second:?}"
        );
    }
}

/// What the program does with photographs: everything that might be a face is proposed, and the net decides.
#[test]
fn of_what_is_proposed_the_net_keeps_every_face_once_and_nothing_else() {
    let weights = Path::new(env!("CARGO_MANIFEST_DIR")).join("weights/pinkpoint.pt");
    let mut fitter = KeypointFitter::new(KeypointModel::load(&weights, DeviceChoice::Cpu).unwrap());
    let (frame, face) = placed(2, 300, 150);
    let around = |dx: f32, dy: f32, scale: f32| {
        let centre = Point::new(
            face.centre().x + dx * face.width,
            face.centre().y + dy * face.height,
        );
        let size = Rect::from_centre(centre, scale * face.width, scale * face.height);
        Detection {
            face_box: FaceBox::upright(&size),
            score: 1.0,
        }
    };
    let same = [
        around(0.1, 0.0, 1.0),
        around(-0.15, 0.1, 1.3),
        around(0.0, -0.1, 0.85),
    ];
    // A corner of the grey frame, the neck, half an ear.
    let others = [
        around(-1.6, -1.0, 0.6),
        around(0.1, 1.1, 0.7),
        around(0.7, 0.2, 0.3),
    ];
    let finds: Vec<Detection> = others.into_iter().chain(same).collect();
    let faces = verified(&mut fitter, &frame, &finds).unwrap();
    assert_eq!(faces.len(), 1, "{faces:?}");
    assert!(faces[0].face_box.iou(&face) > 0.6 && faces[0].id == 0);
    // Large faces are looked for by the net itself, and not seen where there are none.
    let own = verified(&mut fitter, &frame, &others).unwrap();
    assert!(own.len() == 1 && own[0].face_box.iou(&face) > 0.6, "{own:?}");
    let waves = GrayImage::from_fn(400, 300, |x, y| Luma([(x * x / 90 + y * 7 / 3) as u8]));
    assert!(verified(&mut fitter, &waves, &others).unwrap().is_empty());

    // Two faces, the larger one first, whatever the order of the finds.
    let (small, small_face) = placed(1, 0, 0);
    let mut both = frame.clone();
    imageops::replace(&mut both, &small, 0, 0);
    let find = |face: &Rect| Detection {
        face_box: FaceBox::upright(face),
        score: 1.0,
    };
    let faces = verified(&mut fitter, &both, &[find(&small_face), find(&face)]).unwrap();
    let sizes: Vec<f32> = faces.iter().map(|face| face.face_box.long_side()).collect();
    assert_eq!(faces.iter().map(|face| face.id).collect::<Vec<_>>(), [0, 1]);
    assert!(sizes[0] > 1.5 * sizes[1], "{sizes:?}");
}

#[test]
fn all_faces_of_a_frame_go_through_the_net_at_once() {
    let mut fitter = fitter();
    let (frame, face) = placed(1, 0, 0);
    let beside = Rect::new(face.x + 8.0, face.y - 4.0, face.width, face.height);
    let smaller = Rect::from_centre(face.centre(), 0.9 * face.width, 0.9 * face.height);
    let boxes = [face, beside, smaller];
    let faces = fitter.fit(&frame, &boxes.map(|b| FaceBox::upright(&b))).unwrap();
    assert_eq!(
        fitter.model().passes(),
        Passes {
            forward: 1,
            last_batch: 3
        }
    );
    for (face, face_box) in faces.iter().zip(boxes) {
        assert_eq!(face.face_box, face_box);
        // Each box's points are its own: as if it were the only one.
        let alone = &fitter.fit(&frame, &[FaceBox::upright(&face_box)]).unwrap()[0].points;
        let apart = face.points.iter().zip(alone).map(|(a, b)| a.distance(*b));
        assert!(apart.fold(0.0, f32::max) < 0.05);
    }
}
