//! The point schemes that come with the program: facts of published sets of labels. Left and right are the picture's.

use super::{Contour, FaceExtent, Group, PointScheme};

type Range = std::ops::Range<usize>;
/// A scheme with its name on the command line.
type Named = (&'static str, fn() -> PointScheme);

impl PointScheme {
    /// All of them, with their names on the command line.
    pub const BUNDLED: [Named; 4] = [
        ("ibug68", Self::ibug68),
        ("wflw98", Self::wflw98),
        ("kaggle15", Self::kaggle15),
        ("five", Self::five),
    ];

    /// The one of this name.
    pub fn bundled(name: &str) -> Option<Self> {
        let mut all = Self::BUNDLED.iter();
        all.find(|(other, _)| *other == name).map(|(_, scheme)| scheme())
    }

    /// The 68 points of iBUG 300-W (Sagonas et al., 2013), from 0: jaw 0-16, brows 17-26, nose 27-35,
    /// eyes 36-47, mouth 48-67.
    pub fn ibug68() -> Self {
        let halves = (0..8)
            .map(|i| (i, 16 - i))
            .chain((17..22).map(|i| (i, 43 - i)))
            .chain((31..33).map(|i| (i, 66 - i)));
        let eyes = [(36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46)];
        let lips = [
            (48, 54),
            (49, 53),
            (50, 52),
            (55, 59),
            (56, 58),
            (60, 64),
            (61, 63),
            (65, 67),
        ];
        Self {
            name: "iBUG 68".into(),
            groups: vec![
                group("jaw", 0..17),
                group("brows", 17..27),
                group("nose", 27..36),
                group("eyes", 36..48),
                group("mouth", 48..68),
            ],
            contours: vec![
                line("jaw", 0..17),
                line("left brow", 17..22),
                line("right brow", 22..27),
                line("nose bridge", 27..31),
                line("nostrils", 31..36),
                ring("left eye", 36..42),
                ring("right eye", 42..48),
                ring("outer lips", 48..60),
                ring("inner lips", 60..68),
            ],
            mirror: mirror(68, halves.chain(eyes).chain(lips)),
            inter_ocular: vec![36, 45],
            ..Self::unnamed(68)
        }
    }

    /// The 98 points of WFLW (Wu et al., 2018), from 0: jaw 0-32, brows 33-50 as closed lines, nose 51-59, eyes 60-75,
    /// mouth 76-95, pupils 96 and 97. Jaw and brows reach about as far as those of iBUG.
    pub fn wflw98() -> Self {
        let halves = (0..16)
            .map(|i| (i, 32 - i))
            .chain((33..38).map(|i| (i, 79 - i)))
            .chain((38..42).map(|i| (i, 88 - i)))
            .chain((55..57).map(|i| (i, 114 - i)));
        let eyes = (60..65)
            .map(|i| (i, 132 - i))
            .chain((65..68).map(|i| (i, 140 - i)))
            .chain([(96, 97)]);
        let lips = (76..79)
            .map(|i| (i, 158 - i))
            .chain((83..85).map(|i| (i, 170 - i)))
            .chain((88..90).map(|i| (i, 180 - i)))
            .chain([(93, 95)]);
        Self {
            name: "WFLW 98".into(),
            groups: vec![
                group("jaw", 0..33),
                group("brows", 33..51),
                group("nose", 51..60),
                group("eyes", 60..76),
                group("mouth", 76..96),
                group("pupils", 96..98),
            ],
            contours: vec![
                line("jaw", 0..33),
                ring("left brow", 33..42),
                ring("right brow", 42..51),
                line("nose bridge", 51..55),
                line("nostrils", 55..60),
                ring("left eye", 60..68),
                ring("right eye", 68..76),
                ring("outer lips", 76..88),
                ring("inner lips", 88..96),
            ],
            mirror: mirror(98, halves.chain(eyes).chain(lips)),
            inter_ocular: vec![60, 72],
            ..Self::unnamed(98)
        }
    }

    /// The 15 points of Kaggle's Facial Keypoints Detection, in the order of its columns, whose left is the person's: here
    /// they are named as the picture shows them.
    pub fn kaggle15() -> Self {
        Self {
            name: "Kaggle 15".into(),
            names: names([
                "right eye",
                "left eye",
                "right eye, inner corner",
                "right eye, outer corner",
                "left eye, inner corner",
                "left eye, outer corner",
                "right brow, inner end",
                "right brow, outer end",
                "left brow, inner end",
                "left brow, outer end",
                "nose tip",
                "right mouth corner",
                "left mouth corner",
                "upper lip",
                "lower lip",
            ]),
            groups: vec![
                group("eyes", 0..6),
                group("brows", 6..10),
                group("nose", 10..11),
                group("mouth", 11..15),
            ],
            contours: vec![
                through("left brow", [9, 8], false),
                through("right brow", [6, 7], false),
                through("left eye", [5, 1, 4], false),
                through("right eye", [2, 0, 3], false),
                through("mouth", [12, 13, 11, 14], true),
            ],
            mirror: mirror(15, [(0, 1), (2, 4), (3, 5), (6, 8), (7, 9), (11, 12)]),
            inter_ocular: vec![5, 3],
            face: Some(FaceExtent {
                width: 1.30,
                height: 1.28,
                right: 0.0,
                down: 0.136,
            }),
            ..Self::unnamed(15)
        }
    }

    /// Five points: the eyes' centres, the tip of the nose, the corners of the mouth, as many sets and face detectors
    /// have them, the picture's left first.
    pub fn five() -> Self {
        Self {
            name: "eyes, nose, mouth".into(),
            names: names([
                "left eye",
                "right eye",
                "nose tip",
                "left mouth corner",
                "right mouth corner",
            ]),
            groups: vec![group("eyes", 0..2), group("nose", 2..3), group("mouth", 3..5)],
            contours: vec![
                through("eyes and nose", [0, 1, 2], true),
                through("mouth", [3, 4], false),
            ],
            mirror: mirror(5, [(0, 1), (3, 4)]),
            inter_ocular: vec![0, 1],
            face: Some(FaceExtent {
                width: 2.00,
                height: 1.93,
                right: 0.0,
                down: 0.136,
            }),
            ..Self::unnamed(5)
        }
    }
}

fn names<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.map(str::to_owned).into()
}

fn group(name: &str, range: Range) -> Group {
    Group {
        name: name.into(),
        points: range.collect(),
    }
}

fn line(name: &str, range: Range) -> Contour {
    through(name, range, false)
}

fn ring(name: &str, range: Range) -> Contour {
    through(name, range, true)
}

fn through(name: &str, points: impl IntoIterator<Item = usize>, closed: bool) -> Contour {
    Contour {
        name: name.into(),
        points: points.into_iter().collect(),
        closed,
    }
}

/// Pairs change places, the others stay.
fn mirror(count: usize, pairs: impl IntoIterator<Item = (usize, usize)>) -> Vec<usize> {
    let mut mirror: Vec<usize> = (0..count).collect();
    for (a, b) in pairs {
        mirror.swap(a, b);
    }
    mirror
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{Point, Rect};
    use std::collections::BTreeSet;

    #[test]
    fn every_scheme_is_whole_and_the_same_in_a_mirror() {
        for (name, scheme) in PointScheme::BUNDLED {
            let scheme = scheme();
            scheme.validate().unwrap();
            assert_eq!(PointScheme::bundled(name).as_ref(), Some(&scheme));
            assert_eq!(PointScheme::assumed_for(scheme.count), scheme);
            assert_ne!(scheme.name, PointScheme::unnamed(scheme.count).name);
            assert!(scheme.groups.len() > 1, "{name}: errors are told apart");
            let grouped: Vec<usize> = scheme.groups.iter().flat_map(|g| g.points.clone()).collect();
            assert_eq!(
                grouped,
                (0..scheme.count).collect::<Vec<_>>(),
                "{name}: each in one group"
            );
            let mirrored =
                |points: &[usize]| points.iter().map(|&p| scheme.mirror[p]).collect::<BTreeSet<_>>();
            for group in &scheme.groups {
                let same: BTreeSet<usize> = group.points.iter().copied().collect();
                assert_eq!(mirrored(&group.points), same, "{name}: {}", group.name);
            }
            for contour in &scheme.contours {
                let mut all = scheme.contours.iter();
                let other =
                    all.find(|other| mirrored(&contour.points) == other.points.iter().copied().collect());
                let other =
                    other.unwrap_or_else(|| unreachable!("{name}: {} has no counterpart", contour.name));
                let sideless = |name: &str| name.replace("left", "").replace("right", "");
                assert_eq!(sideless(&other.name), sideless(&contour.name), "{name}");
            }
            let [left, right] = *scheme.inter_ocular else {
                unreachable!("{name} has eyes")
            };
            assert_eq!(scheme.mirror[left], right, "{name}");
        }
    }

    #[test]
    fn points_on_the_midline_stay_where_they_are() {
        let fixed = |scheme: &PointScheme| {
            let points = 0..scheme.count;
            points.filter(|&i| scheme.mirror[i] == i).collect::<Vec<_>>()
        };
        // Chin, nose bridge and tip, between the nostrils, lip middles.
        assert_eq!(
            fixed(&PointScheme::ibug68()),
            [8, 27, 28, 29, 30, 33, 51, 57, 62, 66]
        );
        assert_eq!(
            fixed(&PointScheme::wflw98()),
            [16, 51, 52, 53, 54, 57, 79, 85, 90, 94]
        );
        assert_eq!(fixed(&PointScheme::kaggle15()), [10, 13, 14]);
        assert_eq!(fixed(&PointScheme::five()), [2]);
    }

    #[test]
    fn lines_join_all_points_but_pupils_and_the_tip_of_a_nose() {
        let alone = |scheme: &PointScheme| {
            let joined: BTreeSet<usize> = scheme.contours.iter().flat_map(|c| c.points.clone()).collect();
            (0..scheme.count)
                .filter(|i| !joined.contains(i))
                .collect::<Vec<_>>()
        };
        let found = PointScheme::BUNDLED.map(|(_, scheme)| alone(&scheme()));
        assert_eq!(found, [vec![], vec![96, 97], vec![10], vec![]]);
    }

    #[test]
    fn a_face_is_the_same_whatever_points_of_it_are_labelled() {
        // One of tests/schemes: its 15 points, of which five are some, and the box of its 68.
        let fifteen = [
            (88, 53),
            (54, 57),
            (81, 55),
            (94, 52),
            (61, 57),
            (48, 58),
            (78, 45),
            (102, 46),
            (62, 47),
            (39, 53),
            (73, 75),
            (92, 82),
            (57, 87),
            (75, 85),
            (77, 97),
        ]
        .map(|(x, y): (u8, u8)| Point::new(x.into(), y.into()));
        let five = [1, 0, 10, 12, 11].map(|i| fifteen[i]);
        let expected = Rect::new(35.0, 41.0, 74.0, 74.0);
        for (scheme, points) in [
            (PointScheme::kaggle15(), &fifteen[..]),
            (PointScheme::five(), &five[..]),
        ] {
            let face = scheme.upright_face(points).unwrap();
            assert!(face.iou(&expected) > 0.75, "{}: {face:?}", scheme.name);
        }
    }

    #[test]
    fn names_say_the_same_side_as_the_mirror() {
        for scheme in [PointScheme::kaggle15(), PointScheme::five()] {
            for (point, name) in scheme.names.iter().enumerate() {
                let other = &scheme.names[scheme.mirror[point]];
                let exchanged = match name.strip_prefix("left") {
                    Some(rest) => format!("right{rest}"),
                    None => name.replacen("right", "left", 1),
                };
                assert_eq!(*other, exchanged);
            }
        }
    }
}
