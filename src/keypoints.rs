//! What the numbers of a net's output mean: how many keypoints there are, their groups, contours and mirror
//! pairs. Nothing else in the program knows that there are 68. Plain data: knows points and no other room.

use serde::{Deserialize, Serialize};

use crate::geometry::Point;

/// A set of keypoints that belongs together, such as the jaw; errors are reported per group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Name as shown in tables.
    pub name: String,
    /// Indices of the points.
    pub points: Vec<usize>,
}

/// Points joined by a line, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contour {
    /// Name, such as `right eye`.
    pub name: String,
    /// Indices of the points, in order along the line.
    pub points: Vec<usize>,
    /// Whether the last point is joined to the first.
    pub closed: bool,
}

/// A convention of keypoints: everything that depends on their number and order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointScheme {
    /// Name of the convention.
    pub name: String,
    /// Number of points.
    pub count: usize,
    /// Groups for tables of errors.
    pub groups: Vec<Group>,
    /// Lines for drawing.
    pub contours: Vec<Contour>,
    /// `mirror[i]` is the point that takes the place of point `i` when the picture is flipped left to right.
    pub mirror: Vec<usize>,
    /// The two points (outer eye corners) whose distance normalises errors; empty when there are none.
    pub inter_ocular: Vec<usize>,
}

/// Why a scheme from a file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the point scheme '{scheme}' is not consistent: {why}")]
pub struct SchemeError {
    /// Name of the scheme.
    pub scheme: String,
    /// What does not fit.
    pub why: String,
}

/// More points than any face convention has; a larger number in a file is a mistake or an attack.
const MOST_POINTS: usize = 10_000;
/// More groups or contours than any scheme has, and characters of a name: both come from files, and are drawn.
const MOST_PARTS: usize = 1000;
const LONGEST_NAME: usize = 200;

impl PointScheme {
    /// The 68 points of iBUG 300-W (Sagonas et al., 2013), from 0: jaw 0-16, brows 17-26, nose 27-35,
    /// eyes 36-47, mouth 48-67. Left and right are the picture's.
    pub fn ibug68() -> Self {
        let group = |name: &str, range: std::ops::Range<usize>| Group {
            name: name.into(),
            points: range.collect(),
        };
        let contour = |name: &str, range: std::ops::Range<usize>, closed| Contour {
            name: name.into(),
            points: range.collect(),
            closed,
        };
        let mut mirror: Vec<usize> = (0..68).collect();
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
        for (a, b) in halves.chain(eyes).chain(lips) {
            mirror[a] = b;
            mirror[b] = a;
        }
        Self {
            name: "iBUG 68".into(),
            count: 68,
            groups: vec![
                group("jaw", 0..17),
                group("brows", 17..27),
                group("nose", 27..36),
                group("eyes", 36..48),
                group("mouth", 48..68),
            ],
            contours: vec![
                contour("jaw", 0..17, false),
                contour("left brow", 17..22, false),
                contour("right brow", 22..27, false),
                contour("nose bridge", 27..31, false),
                contour("nostrils", 31..36, false),
                contour("left eye", 36..42, true),
                contour("right eye", 42..48, true),
                contour("outer lips", 48..60, true),
                contour("inner lips", 60..68, true),
            ],
            mirror,
            inter_ocular: vec![36, 45],
        }
    }

    /// A scheme of `count` points about which nothing else is known.
    pub fn unnamed(count: usize) -> Self {
        Self {
            name: format!("{count} points"),
            count,
            groups: vec![Group {
                name: "all".into(),
                points: (0..count).collect(),
            }],
            contours: Vec::new(),
            mirror: Vec::new(),
            inter_ocular: Vec::new(),
        }
    }

    /// The scheme to assume for a net that gives `count` points and says nothing more.
    pub fn assumed_for(count: usize) -> Self {
        if count == 68 {
            Self::ibug68()
        } else {
            Self::unnamed(count)
        }
    }

    /// What point `index` is, for people: its place along its contour, else in its group.
    pub fn name_of(&self, index: usize) -> String {
        let contours = self
            .contours
            .iter()
            .map(|contour| (&contour.name, &contour.points));
        let groups = self.groups.iter().map(|group| (&group.name, &group.points));
        let mut all = contours.chain(groups);
        let found = all.find_map(|(name, points)| {
            let place = points.iter().position(|&point| point == index)?;
            Some(format!("{name}, {} of {}", place + 1, points.len()))
        });
        found.unwrap_or_default()
    }

    /// By how much the head leans in a face's points, radians, clockwise on the screen: the eye line's direction; 0 for
    /// schemes without eyes.
    pub fn roll(&self, points: &[Point]) -> f32 {
        match self.eyes(points) {
            Some((left, right)) => (right.y - left.y).atan2(right.x - left.x),
            None => 0.0,
        }
    }

    /// The outer eye corners; `None` for schemes without eyes.
    pub fn eyes(&self, points: &[Point]) -> Option<(Point, Point)> {
        match *self.inter_ocular {
            [left, right] => Some((*points.get(left)?, *points.get(right)?)),
            _ => None,
        }
    }

    /// Checks that every index exists and that mirroring twice changes nothing.
    ///
    /// # Errors
    /// Says what does not fit; schemes come from weights files, which may be damaged.
    pub fn validate(&self) -> Result<(), SchemeError> {
        let fail = |why: String| {
            Err(SchemeError {
                scheme: self.name.clone(),
                why,
            })
        };
        if self.count == 0 || self.count > MOST_POINTS {
            return fail(format!("{} points; 1 to {MOST_POINTS} are allowed", self.count));
        }
        if self.groups.len().max(self.contours.len()) > MOST_PARTS {
            return fail(format!("more than {MOST_PARTS} groups or contours"));
        }
        let lists = self.groups.iter().map(|group| &group.points);
        let lists = lists.chain(self.contours.iter().map(|contour| &contour.points));
        // A contour may end where it began.
        if lists.map(Vec::len).max().unwrap_or(0) > self.count + 1 {
            return fail(format!(
                "a group or contour of more points than the {} that it has",
                self.count
            ));
        }
        let names = self.groups.iter().map(|group| &group.name).chain([&self.name]);
        let mut names = names.chain(self.contours.iter().map(|contour| &contour.name));
        if names.any(|name| name.chars().nth(LONGEST_NAME).is_some()) {
            return fail(format!("a name of more than {LONGEST_NAME} characters"));
        }
        let used = self
            .groups
            .iter()
            .map(|g| &g.points)
            .chain(self.contours.iter().map(|c| &c.points));
        if let Some(bad) = used
            .flatten()
            .chain(&self.mirror)
            .chain(&self.inter_ocular)
            .find(|&&i| i >= self.count)
        {
            return fail(format!(
                "it names point {bad} but has points 0 to {}",
                self.count - 1
            ));
        }
        if !self.mirror.is_empty() && self.mirror.len() != self.count {
            return fail(format!(
                "{} mirror entries for {} points",
                self.mirror.len(),
                self.count
            ));
        }
        if self.mirror.iter().enumerate().any(|(i, &j)| self.mirror[j] != i) {
            return fail("its mirror pairs do not come in pairs".into());
        }
        if !matches!(self.inter_ocular.len(), 0 | 2) {
            return fail("inter_ocular needs two points or none".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_names_without_end_are_refused() {
        let point = Contour {
            name: "line".into(),
            points: vec![0, 1, 0],
            closed: false,
        };
        let scheme = |contours: Vec<Contour>| PointScheme {
            contours,
            ..PointScheme::unnamed(2)
        };
        scheme(vec![point.clone()]).validate().unwrap();
        let long = Contour {
            points: vec![0; 4],
            ..point.clone()
        };
        let named = Contour {
            name: "n".repeat(LONGEST_NAME + 1),
            ..point.clone()
        };
        for bad in [vec![long], vec![named], vec![point; MOST_PARTS + 1]] {
            assert!(scheme(bad).validate().is_err());
        }
    }

    #[test]
    fn the_68_points_are_consistent() {
        let scheme = PointScheme::ibug68();
        scheme.validate().unwrap();
        let grouped: Vec<usize> = scheme.groups.iter().flat_map(|g| g.points.clone()).collect();
        assert_eq!(
            grouped,
            (0..68).collect::<Vec<_>>(),
            "every point is in exactly one group"
        );
        // Points on the midline stay where they are: chin, nose bridge, nose tip, lip middles.
        let fixed: Vec<usize> = (0..68).filter(|&i| scheme.mirror[i] == i).collect();
        assert_eq!(fixed, [8, 27, 28, 29, 30, 33, 51, 57, 62, 66]);
    }

    #[test]
    fn points_have_names() {
        let scheme = PointScheme::ibug68();
        assert_eq!(scheme.name_of(0), "jaw, 1 of 17");
        assert_eq!(scheme.name_of(45), "right eye, 4 of 6");
        assert_eq!(PointScheme::unnamed(5).name_of(4), "all, 5 of 5");
        assert_eq!(scheme.name_of(68), "");
    }

    #[test]
    fn a_head_leans_as_its_eye_line_does() {
        let scheme = PointScheme::ibug68();
        let mut points = vec![Point::new(50.0, 90.0); 68];
        let mut roll_of = |left: (f32, f32), right: (f32, f32)| {
            points[36] = Point::new(left.0, left.1);
            points[45] = Point::new(right.0, right.1);
            scheme.roll(&points)
        };
        assert_eq!(roll_of((30.0, 40.0), (70.0, 40.0)), 0.0);
        assert!(
            (roll_of((30.0, 40.0), (70.0, 60.0)) - 0.5f32.atan()).abs() < 1e-6,
            "clockwise"
        );
        assert!((roll_of((70.0, 40.0), (30.0, 20.0)) - (0.5f32.atan() - std::f32::consts::PI)).abs() < 1e-6);
        assert_eq!(PointScheme::unnamed(68).roll(&points), 0.0, "without eyes");
    }

    #[test]
    fn a_mirrored_group_is_the_same_group() {
        let scheme = PointScheme::ibug68();
        for group in &scheme.groups {
            let mut mirrored: Vec<usize> = group.points.iter().map(|&i| scheme.mirror[i]).collect();
            mirrored.sort_unstable();
            assert_eq!(mirrored, group.points, "{}", group.name);
        }
    }

    #[test]
    fn damaged_schemes_are_refused() {
        let good = PointScheme::ibug68();
        let mut far = good.clone();
        far.contours[0].points.push(68);
        let mut lonely = good.clone();
        lonely.mirror[3] = 5;
        let mut short = good.clone();
        short.mirror.pop();
        let mut one_eyed = good.clone();
        one_eyed.inter_ocular.pop();
        let (empty, large) = (PointScheme::unnamed(0), PointScheme::unnamed(MOST_POINTS + 1));
        for bad in [far, lonely, short, one_eyed, empty, large] {
            assert!(bad.validate().is_err(), "{bad:?}");
        }
        PointScheme::unnamed(MOST_POINTS).validate().unwrap();
        PointScheme::unnamed(5).validate().unwrap();
    }
}
