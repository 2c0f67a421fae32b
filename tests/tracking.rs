//! Following faces, on a made-up world in which the truth is known: crossings, hands before faces, people who leave and
//! come back, scene cuts, a shaking camera, and a search that finds what is no face.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::{collections::BTreeMap, time::Duration};

use pinkpoint::{
    detect::{
        Detection,
        smooth::Strength,
        track::{Again, Look, Tracker, unit},
    },
    geometry::{FaceBox, Point, Similarity},
    keypoints::PointScheme,
};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

const FRAME: Duration = Duration::from_millis(33);
/// The search finds what is in view every so many frames.
const SEARCH_EVERY: u32 = 10;
/// A net sees a face whose box it was shown at least roughly.
const SEEN_FROM_IOU: f32 = 0.35;

/// Where a person's face is in a frame: middle, size, lean; `None` when it cannot be seen.
type Path = fn(u32) -> Option<(f32, f32, f32, f32)>;

/// People and what the search takes for people.
struct World {
    people: Vec<Path>,
    false_finds: Vec<FaceBox>,
    /// Whether the net tells faces from others.
    confident: bool,
    random: Pcg64,
}

/// A face of sixty-eight points in the places of eyes, mouth and jaw, roughly; extent 1, middle 0.
fn shape() -> Vec<Point> {
    let arc = |i: usize, n: usize| (i as f32 / (n - 1) as f32 - 0.5) * 2.0;
    let mut points: Vec<Point> = (0..17)
        .map(|i| Point::new(0.5 * arc(i, 17), 0.5 - 0.9 * arc(i, 17).powi(4)))
        .collect();
    points.extend((0..10).map(|i| Point::new(0.4 * arc(i, 10), -0.45)));
    points.extend((0..9).map(|i| Point::new(0.02 * i as f32, -0.3 + 0.05 * i as f32)));
    for side in [-1.0, 1.0] {
        points.extend((0..6).map(|i| Point::new(side * 0.22 + 0.1 * arc(i, 6), -0.28)));
    }
    points.extend((0..20).map(|i| Point::new(0.2 * arc(i, 20), 0.25)));
    // The outer eye corners of the scheme.
    points[36] = Point::new(-0.32, -0.28);
    points[45] = Point::new(0.32, -0.28);
    points
}

impl World {
    fn new(people: &[Path]) -> Self {
        Self {
            people: people.to_vec(),
            false_finds: Vec::new(),
            confident: true,
            random: Pcg64::seed_from_u64(5),
        }
    }

    /// A person's points in a frame.
    fn truth(&self, person: usize, frame: u32) -> Option<Vec<Point>> {
        let (x, y, size, roll) = (self.people[person])(frame)?;
        let place = Similarity {
            shift: Point::new(x, y),
            scale: size,
            roll,
        };
        Some(shape().iter().map(|&p| place.apply(p)).collect())
    }

    fn truth_box(&self, person: usize, frame: u32) -> Option<FaceBox> {
        let roll = (self.people[person])(frame)?.3;
        FaceBox::around(&self.truth(person, frame)?, roll)
    }

    fn noise(&mut self, spread: f32) -> f32 {
        spread * (self.random.random::<f32>() + self.random.random::<f32>() - 1.0)
    }

    /// What the search finds: everybody in view, boxed loosely, and the false finds.
    fn search(&mut self, frame: u32) -> Vec<Detection> {
        let mut found = Vec::new();
        for person in 0..self.people.len() {
            if let Some(face_box) = self.truth_box(person, frame) {
                let size = face_box.long_side();
                let centre = Point::new(
                    face_box.centre.x + self.noise(0.08 * size),
                    face_box.centre.y + self.noise(0.08 * size),
                );
                let grown = 1.0 + self.noise(0.15);
                found.push(FaceBox {
                    centre,
                    width: face_box.width * grown,
                    height: face_box.height * grown,
                    roll: 0.0,
                });
            }
        }
        found.extend(&self.false_finds);
        found
            .into_iter()
            .map(|face_box| Detection { face_box, score: 5.0 })
            .collect()
    }

    /// What is seen where the tracker wants to look again; a patch is found within one and a half face sizes.
    fn look_again(&mut self, again: &Again, frame: u32) -> Look {
        let region = match again {
            Again::At(region) => *region,
            Again::Round(region, patch) => {
                let near = (0..self.people.len()).filter_map(|person| {
                    let there = self.truth_box(person, frame)?;
                    let is_near = there.centre.distance(region.centre) < 1.5 * region.long_side();
                    (is_near && patch_of(person as f32 + 1.0) == *patch).then_some(there)
                });
                let centre = near
                    .into_iter()
                    .next()
                    .map_or(region.centre, |there| there.centre);
                FaceBox { centre, ..*region }
            }
        };
        self.look(&region, frame)
    }

    /// What the net sees in a region: the face that fills it best, or a face-like guess where there is none.
    fn look(&mut self, region: &FaceBox, frame: u32) -> Look {
        let seen = (0..self.people.len())
            .filter_map(|person| {
                let iou = self.truth_box(person, frame)?.bounds().iou(&region.bounds());
                (iou > SEEN_FROM_IOU).then_some((person, iou))
            })
            .max_by(|a, b| a.1.total_cmp(&b.1));
        let (points, confidence, looks_like) =
            match seen.and_then(|(person, _)| Some((self.truth(person, frame)?, person))) {
                Some((points, person)) => (points, 0.995, person as f32 + 1.0),
                None => {
                    let guess = Similarity {
                        shift: region.centre,
                        scale: region.long_side(),
                        roll: region.roll,
                    };
                    let points = shape().iter().map(|&p| guess.apply(p)).collect();
                    (points, 0.05, 0.0)
                }
            };
        let size = region.long_side();
        let points = points
            .into_iter()
            .map(|p: Point| Point::new(p.x + self.noise(0.01 * size), p.y + self.noise(0.01 * size)))
            .collect();
        Look {
            region: *region,
            points,
            confidence: self.confident.then_some(confidence),
            spread: Vec::new(),
            patch: patch_of(looks_like),
        }
    }
}

/// A pattern for every person, and one for what is nobody.
fn patch_of(looks_like: f32) -> Vec<f32> {
    unit((0..49).map(|i| (i as f32 * (1.3 + looks_like)).sin()).collect())
}

/// What a tracker made of a world: for every frame the id that follows each person, and how many follow nobody.
struct Story {
    ids: Vec<BTreeMap<usize, u32>>,
    strays: Vec<usize>,
    doubles: usize,
    worst_error: f32,
}

/// Runs a tracker through `frames` frames; the search's finds are two frames old when they arrive.
fn run(world: &mut World, frames: u32) -> Story {
    let mut tracker = Tracker::new(PointScheme::ibug68(), Strength::default());
    let mut story = Story {
        ids: Vec::new(),
        strays: Vec::new(),
        doubles: 0,
        worst_error: 0.0,
    };
    let mut under_way = None;
    for frame in 0..frames {
        let found = match under_way.take() {
            Some((at, finds)) if frame >= at => finds,
            waiting => {
                under_way = waiting;
                Vec::new()
            }
        };
        let missing = tracker.need().missing > 0;
        if under_way.is_none() && (frame % SEARCH_EVERY == 0 || missing) {
            under_way = Some((frame + 2, world.search(frame)));
        }
        look_everywhere(&mut tracker, world, frame, &found);
        let (mut ids, mut strays) = (BTreeMap::new(), 0);
        for face in tracker.faces() {
            let centre = face.face_box.centre();
            let nearest = (0..world.people.len())
                .filter_map(|person| Some((person, world.truth(person, frame)?)))
                .map(|(person, truth)| {
                    let off = truth.iter().zip(&face.points).map(|(a, b)| a.distance(*b));
                    (
                        person,
                        off.sum::<f32>() / 68.0 / (world.people[person])(frame).unwrap().2,
                    )
                })
                .min_by(|a, b| a.1.total_cmp(&b.1));
            match nearest {
                Some((person, off)) if off < 0.3 => {
                    story.doubles += usize::from(ids.insert(person, face.id).is_some());
                    story.worst_error = story.worst_error.max(off);
                }
                _ => {
                    strays += 1;
                    assert!(centre.x.is_finite());
                }
            }
        }
        story.ids.push(ids);
        story.strays.push(strays);
    }
    story
}

/// At what was seen, where the others moved to, where the patch is found: each once.
const MOST_SECOND_LOOKS: usize = 3;

/// One frame: looks where the tracker wants to, until it is content.
fn look_everywhere(tracker: &mut Tracker, world: &mut World, frame: u32, found: &[Detection]) {
    let regions = tracker.propose(FRAME * frame, found);
    let looks = regions.iter().map(|region| world.look(region, frame)).collect();
    let mut again = tracker.take_in(looks);
    for _ in 0..MOST_SECOND_LOOKS {
        if again.is_empty() {
            return;
        }
        let looks = again.iter().map(|again| world.look_again(again, frame)).collect();
        again = tracker.take_in(looks);
    }
    assert_eq!(again, [], "looks again and again");
}

impl Story {
    /// How many of `frames` a person is followed in.
    fn covered(&self, person: usize, frames: std::ops::Range<usize>) -> f32 {
        let count = frames.len();
        frames.filter(|&f| self.ids[f].contains_key(&person)).count() as f32 / count as f32
    }

    /// The ids that a person had, in order.
    fn ids_of(&self, person: usize) -> Vec<u32> {
        let mut ids: Vec<u32> = self
            .ids
            .iter()
            .filter_map(|ids| ids.get(&person).copied())
            .collect();
        ids.dedup();
        ids
    }
}

#[test]
fn a_face_is_followed_from_the_first_find_on() {
    let mut world = World::new(&[|f| Some((200.0 + f as f32, 150.0, 90.0, 0.003 * f as f32))]);
    let story = run(&mut world, 150);
    assert_eq!(story.covered(0, 3..150), 1.0);
    assert_eq!(story.ids_of(0), [0]);
    assert!(story.worst_error < 0.05, "{}", story.worst_error);
    assert_eq!(story.strays.iter().sum::<usize>() + story.doubles, 0);
}

#[test]
fn a_track_that_goes_as_anothers_double_leaves_nobody_missing() {
    let mut tracker = Tracker::new(PointScheme::ibug68(), Strength::default());
    let seen_at = |x: f32| Similarity {
        shift: Point::new(x, 200.0),
        scale: 90.0,
        roll: 0.0,
    };
    let mut together = 0;
    // A second track slides off its place and onto the other's face.
    for frame in 0..30 {
        let places = [200.0, 380.0 - 6.0 * frame as f32];
        let look = |region: &FaceBox| {
            let x = places.into_iter().min_by(|a, b| {
                (a - region.centre.x)
                    .abs()
                    .total_cmp(&(b - region.centre.x).abs())
            });
            let seen = seen_at(x.unwrap());
            Look {
                region: *region,
                points: shape().iter().map(|&p| seen.apply(p)).collect(),
                confidence: Some(0.995),
                spread: Vec::new(),
                patch: patch_of(1.0),
            }
        };
        let find = |x: f32| Detection {
            face_box: FaceBox::around(
                &shape().iter().map(|&p| seen_at(x).apply(p)).collect::<Vec<_>>(),
                0.0,
            )
            .unwrap(),
            score: 5.0,
        };
        let found = if frame == 0 {
            places.map(find).to_vec()
        } else {
            Vec::new()
        };
        let mut regions = tracker.propose(FRAME * frame, &found);
        while !regions.is_empty() {
            let again = tracker.take_in(regions.iter().map(look).collect());
            let region = |again: Again| match again {
                Again::At(region) | Again::Round(region, _) => region,
            };
            regions = again.into_iter().map(region).collect();
        }
        together = together.max(tracker.need().followed);
    }
    assert_eq!(together, 2);
    let need = tracker.need();
    assert_eq!((need.followed, need.missing), (1, 0));
}

#[test]
fn people_who_cross_keep_their_ids_and_nobody_is_followed_twice() {
    // The one in front hides the other for half a second.
    let mut world = World::new(&[
        |f| Some((100.0 + 3.0 * f as f32, 200.0, 80.0, 0.0)),
        |f| {
            let x = 500.0 - 3.0 * f as f32;
            let hidden = (x - (100.0 + 3.0 * f as f32)).abs() < 45.0;
            (!hidden).then_some((x, 205.0, 78.0, 0.0))
        },
    ]);
    let story = run(&mut world, 130);
    assert_eq!(story.ids_of(0).len(), 1, "{:?}", story.ids_of(0));
    assert_eq!(story.ids_of(1).len(), 1, "{:?}", story.ids_of(1));
    assert_eq!(story.doubles, 0);
    assert!(story.covered(1, 85..130) > 0.9);
}

#[test]
fn a_hand_before_the_face_does_not_change_its_id() {
    let mut world = World::new(&[|f| {
        (!(60..72).contains(&f)).then_some((300.0 + 20.0 * (f as f32 / 15.0).sin(), 200.0, 100.0, 0.0))
    }]);
    let story = run(&mut world, 140);
    assert_eq!(story.ids_of(0), [0]);
    assert!(story.covered(0, 73..140) > 0.98);
    assert_eq!(story.covered(0, 61..72), 0.0);
    assert_eq!(story.strays.iter().sum::<usize>(), 0, "points stay on the hand");
}

#[test]
fn who_leaves_for_less_than_a_second_is_known_again_elsewhere_and_later_is_new() {
    let mut world = World::new(&[
        |f| match f {
            0..60 => Some((300.0, 200.0, 90.0, 0.0)),
            84.. => Some((380.0, 215.0, 95.0, 0.1)),
            _ => None,
        },
        |f| match f {
            0..60 => Some((100.0, 100.0, 60.0, 0.0)),
            140.. => Some((110.0, 100.0, 60.0, 0.0)),
            _ => None,
        },
    ]);
    let story = run(&mut world, 180);
    assert_eq!(story.ids_of(0).len(), 1, "{:?}", story.ids_of(0));
    assert_eq!(story.ids_of(1).len(), 2, "{:?}", story.ids_of(1));
    assert!(story.covered(0, 100..180) > 0.98);
}

#[test]
fn after_a_cut_the_old_place_is_let_go_and_the_new_face_is_another_person() {
    let mut world = World::new(&[
        |f| (f < 60).then_some((200.0, 200.0, 100.0, 0.0)),
        // At the very place of the first.
        |f| (60..120).contains(&f).then_some((204.0, 197.0, 100.0, 0.0)),
        |f| (f >= 120).then_some((420.0, 120.0, 70.0, 0.0)),
    ]);
    let story = run(&mut world, 180);
    assert!(
        story.covered(1, 63..120) == 1.0,
        "the new face within three frames"
    );
    assert!(story.covered(2, 126..180) == 1.0);
    assert_eq!(
        story.strays.iter().sum::<usize>(),
        0,
        "no points where the last face was"
    );
    let all: Vec<u32> = (0..3).flat_map(|person| story.ids_of(person)).collect();
    assert_eq!(all, [0, 1, 2]);
}

#[test]
fn a_shaking_camera_loses_nobody() {
    let mut world = World::new(&[|f| {
        let t = f as f32 / 30.0;
        let shake = 0.35 * 120.0 * (std::f32::consts::TAU * 2.5 * t).sin();
        Some((
            300.0 + shake,
            200.0 + 0.5 * shake,
            120.0 * (1.0 + 0.1 * (6.0 * t).sin()),
            0.2 * (9.0 * t).sin(),
        ))
    }]);
    let story = run(&mut world, 200);
    assert!(story.covered(0, 3..200) > 0.98, "{}", story.covered(0, 3..200));
    assert_eq!(story.ids_of(0), [0]);
    assert!(story.worst_error < 0.12, "{}", story.worst_error);
}

/// A camera that is turned and zoomed at once: the large face is found again by its looks, and that tells where the small one
/// is, which went much farther for its size and looks like somebody near by.
#[test]
fn who_is_seen_again_tells_where_the_camera_took_the_others() {
    fn taken(frame: u32, x: f32, y: f32, size: f32) -> Option<(f32, f32, f32, f32)> {
        let moved = Similarity {
            shift: Point::new(110.0, -20.0),
            scale: 1.15,
            roll: 0.1,
        };
        let to = moved.apply(Point::new(x, y));
        Some(if (frame / 7).is_multiple_of(2) {
            (x, y, size, 0.0)
        } else {
            (to.x, to.y, size * 1.15, 0.1)
        })
    }
    let mut world = World::new(&[
        |f| taken(f, 150.0, 250.0, 120.0),
        |f| taken(f, 400.0, 200.0, 50.0),
    ]);
    let story = run(&mut world, 100);
    for person in [0, 1] {
        assert_eq!(story.ids_of(person).len(), 1, "{:?}", story.ids_of(person));
        assert_eq!(story.covered(person, 3..100), 1.0);
    }
}

#[test]
fn a_face_that_jumps_farther_than_it_is_led_is_sought_by_its_looks() {
    let mut world = World::new(&[|f| Some((if f / 5 % 2 == 0 { 200.0 } else { 310.0 }, 200.0, 100.0, 0.0))]);
    let story = run(&mut world, 120);
    assert_eq!(story.ids_of(0), [0]);
    assert_eq!(story.covered(0, 3..120), 1.0);
}

#[test]
fn what_the_search_takes_for_a_face_is_not_followed() {
    let mut world = World::new(&[|_| Some((400.0, 200.0, 100.0, 0.0))]);
    for (x, y) in [(100.0, 100.0), (405.0, 320.0), (250.0, 60.0)] {
        world.false_finds.push(FaceBox {
            centre: Point::new(x, y),
            width: 70.0,
            height: 70.0,
            roll: 0.0,
        });
    }
    let story = run(&mut world, 120);
    assert_eq!(story.strays.iter().sum::<usize>() + story.doubles, 0);
    assert_eq!(story.covered(0, 3..120), 1.0);
}

#[test]
fn without_a_confidence_what_no_search_confirms_is_let_go() {
    let mut world = World::new(&[|_| Some((400.0, 200.0, 100.0, 0.0))]);
    world.confident = false;
    world.false_finds.push(FaceBox {
        centre: Point::new(100.0, 100.0),
        width: 70.0,
        height: 70.0,
        roll: 0.0,
    });
    let mut tracker = Tracker::new(PointScheme::ibug68(), Strength::OFF);
    let mut followed = Vec::new();
    for frame in 0..300 {
        // The false face is found once only, the real one again and again.
        let mut finds = if frame % 15 == 0 {
            world.search(frame)
        } else {
            Vec::new()
        };
        finds.truncate(if frame == 0 { 2 } else { 1 });
        look_everywhere(&mut tracker, &mut world, frame, &finds);
        followed.push(tracker.faces().len());
    }
    assert_eq!(followed[10], 2);
    assert_eq!(followed[299], 1);
}

#[test]
fn of_frames_a_second_apart_each_shows_who_was_found_in_it() {
    for confident in [true, false] {
        let mut world = World::new(&[|f| Some((150.0 + 60.0 * (f % 5) as f32, 200.0, 80.0, 0.0))]);
        world.confident = confident;
        let mut tracker = Tracker::new(PointScheme::ibug68(), Strength::default());
        for frame in 0..20 {
            let found = world.search(frame);
            let regions = tracker.propose(Duration::from_secs(u64::from(frame)), &found);
            let looks = regions.iter().map(|region| world.look(region, frame)).collect();
            let again = tracker.take_in(looks);
            let looks = again.iter().map(|again| world.look_again(again, frame)).collect();
            tracker.take_in(looks);
            let faces = tracker.faces();
            assert_eq!(faces.len(), 1, "frame {frame}");
            let there = world.truth_box(0, frame).unwrap().bounds();
            assert!(faces[0].face_box.iou(&there) > 0.7, "frame {frame}");
        }
    }
}

#[test]
fn a_recording_that_begins_again_begins_with_nobody() {
    let mut world = World::new(&[|_| Some((200.0, 200.0, 100.0, 0.0))]);
    let mut tracker = Tracker::new(PointScheme::ibug68(), Strength::default());
    let found = world.search(0);
    look_everywhere(&mut tracker, &mut world, 100, &found);
    assert_eq!(tracker.faces().len(), 1);
    assert_eq!(tracker.propose(Duration::ZERO, &[]), []);
}

#[test]
fn the_points_of_a_picture_that_stays_come_to_rest() {
    // A net that takes every face for one that is a little further right than it is, and a little larger.
    let drifts = |region: &FaceBox| {
        let place = |point: &Point| {
            Point::new(
                region.centre.x + (point.x + 0.08) * region.width * 1.1,
                region.centre.y + point.y * region.height * 1.1,
            )
        };
        Look {
            region: *region,
            points: shape().iter().map(place).collect(),
            confidence: None,
            spread: Vec::new(),
            patch: patch_of(1.0),
        }
    };
    let looked = |stays: bool| -> Vec<Point> {
        let mut tracker = Tracker::new(PointScheme::ibug68(), Strength::default());
        let find = Detection {
            face_box: FaceBox {
                centre: Point::new(300.0, 200.0),
                width: 100.0,
                height: 100.0,
                roll: 0.0,
            },
            score: 1.0,
        };
        let firsts = (0..8).map(|look| {
            if stays && look > 0 {
                tracker.picture_stays();
            }
            let found = if look == 0 { vec![find] } else { Vec::new() };
            let mut regions = tracker.propose(Duration::ZERO, &found);
            loop {
                let again = tracker.take_in(regions.iter().map(drifts).collect());
                if again.is_empty() {
                    break;
                }
                regions = again
                    .into_iter()
                    .map(|again| match again {
                        Again::At(region) | Again::Round(region, _) => region,
                    })
                    .collect();
            }
            tracker.faces()[0].points[0]
        });
        firsts.collect()
    };
    let at_rest = looked(true);
    // What is left is rounding, in the filters.
    let moves = |point: &Point| point.distance(at_rest[0]) > 1e-3;
    assert!(!at_rest.iter().any(moves), "{at_rest:?}");
    let led = looked(false);
    assert!(led[7].distance(led[0]) > 20.0, "{led:?}");
}
