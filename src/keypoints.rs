//! What the numbers of a net's output mean: how many keypoints there are, their groups, contours and mirror
//! pairs. Nothing else in the program knows how many there are. Plain data: knows points and no other room.

mod bundled;
mod extent;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::geometry::{FaceBox, Point, Rect};
pub use extent::FaceExtent;

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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PointScheme {
    /// Name of the convention.
    pub name: String,
    /// Number of points.
    pub count: usize,
    /// A name of every point, or none at all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Groups for tables of errors.
    #[serde(default)]
    pub groups: Vec<Group>,
    /// Lines for drawing.
    #[serde(default)]
    pub contours: Vec<Contour>,
    /// `mirror[i]` is the point that takes the place of point `i` when the picture is flipped left to right.
    #[serde(default)]
    pub mirror: Vec<usize>,
    /// The two points whose distance normalises errors and whose line says how the head leans, the picture's left one
    /// first: outer eye corners, or the eyes' centres where there are no corners; empty when there are no eyes.
    #[serde(default)]
    pub inter_ocular: Vec<usize>,
    /// Where the face is around its points; `None` where their tight box is the face's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub face: Option<FaceExtent>,
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
/// What may stand in a scheme.
const WORDS: [&str; 8] = [
    "name",
    "count",
    "names",
    "groups",
    "contours",
    "mirror",
    "inter_ocular",
    "face",
];

impl PointScheme {
    /// A scheme of `count` points about which nothing else is known.
    pub fn unnamed(count: usize) -> Self {
        Self {
            name: format!("{count} points"),
            count,
            names: Vec::new(),
            groups: Self::one_group(count),
            contours: Vec::new(),
            mirror: Vec::new(),
            inter_ocular: Vec::new(),
            face: None,
        }
    }

    fn one_group(count: usize) -> Vec<Group> {
        vec![Group {
            name: "all".into(),
            points: (0..count).collect(),
        }]
    }

    /// The scheme to assume for a net, or for labels, of `count` points where nothing more is said.
    pub fn assumed_for(count: usize) -> Self {
        let bundled = Self::BUNDLED.iter().map(|(_, scheme)| scheme());
        let mut fitting = bundled.filter(|scheme| scheme.count == count);
        fitting.next().unwrap_or_else(|| Self::unnamed(count))
    }

    /// Whether it says nothing but the number of points: also not where the face is around them.
    pub fn is_unnamed(&self) -> bool {
        *self == Self::unnamed(self.count)
    }

    /// Reads a scheme as somebody wrote it: all but its name and the number of points may be left out.
    ///
    /// # Errors
    /// Says what does not fit: also a word that a scheme does not have, which may be a slip.
    pub fn from_json(json: &[u8]) -> Result<Self, SchemeError> {
        let fail = |why: String| SchemeError {
            scheme: "in this file".into(),
            why,
        };
        let value: serde_json::Value = serde_json::from_slice(json).map_err(|e| fail(e.to_string()))?;
        let written: BTreeSet<&String> = value.as_object().map(|o| o.keys().collect()).unwrap_or_default();
        if let Some(word) = written.iter().find(|word| !WORDS.contains(&word.as_str())) {
            return Err(fail(format!(
                "there is no '{word}'; there are {}",
                WORDS.join(", ")
            )));
        }
        let mut scheme: Self = serde_json::from_value(value).map_err(|e| fail(e.to_string()))?;
        scheme.validate()?;
        if scheme.groups.is_empty() {
            scheme.groups = Self::one_group(scheme.count);
        }
        Ok(scheme)
    }

    /// The face in the box of whose points `points` are, leaning by `roll`; `None` when there are no points. The face is
    /// what the 68 points of iBUG fill, from the brows to the chin and as wide: what detectors find, whatever the points.
    pub fn face_box(&self, points: &[Point], roll: f32) -> Option<FaceBox> {
        let tight = FaceBox::around(points, roll)?;
        Some(self.face.map_or(tight, |extent| extent.around(&tight)))
    }

    /// The same of a face that is taken for upright.
    pub fn upright_face(&self, points: &[Point]) -> Option<Rect> {
        FaceExtent::upright(self.face, points)
    }

    /// The same, leaning as its points say.
    pub fn leaning_face_box(&self, points: &[Point]) -> Option<FaceBox> {
        self.face_box(points, self.roll(points))
    }

    /// What point `index` is, for people: its own name, else its place along its contour, else in its group.
    pub fn name_of(&self, index: usize) -> String {
        if let Some(name) = self.names.get(index) {
            return name.clone();
        }
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

    /// The picture's left and right outer eye corner, or eye; `None` for schemes without eyes.
    pub fn eyes(&self, points: &[Point]) -> Option<(Point, Point)> {
        match *self.inter_ocular {
            [left, right] => Some((*points.get(left)?, *points.get(right)?)),
            _ => None,
        }
    }

    /// Whether it says which points are eyes.
    pub fn has_eyes(&self) -> bool {
        self.inter_ocular.len() == 2
    }

    /// What errors are divided by, such as `the distance of left eye, 1 of 6 from right eye, 4 of 6`.
    pub fn norm_in_words(&self) -> String {
        match *self.inter_ocular {
            [left, right] => format!(
                "the distance of {} from {}",
                self.name_of(left),
                self.name_of(right)
            ),
            _ => "the size of the points' box (the square root of its area), since the points have no eyes"
                .into(),
        }
    }

    /// Checks that every index exists, that mirroring twice changes nothing, and that numbers, names and lists are of a size that
    /// schemes have.
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
        if !self.names.is_empty() && self.names.len() != self.count {
            return fail(format!("{} names for {} points", self.names.len(), self.count));
        }
        let names = self.groups.iter().map(|group| &group.name).chain([&self.name]);
        let names = names.chain(&self.names);
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
        if !matches!(self.inter_ocular.len(), 0 | 2) || matches!(*self.inter_ocular, [a, b] if a == b) {
            return fail("inter_ocular needs two different points or none".into());
        }
        if let Some(why) = self.face.and_then(|face| face.complaint()) {
            return fail(why);
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
        scheme(vec![point.clone(); MOST_PARTS]).validate().unwrap();
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
    fn a_word_that_a_scheme_does_not_have_is_a_slip_wherever_it_stands() {
        let read =
            |face: &str| PointScheme::from_json(format!(r#"{{"name": "n", "count": 5, {face}}}"#).as_bytes());
        let scheme = read(r#""face": {"width": 2, "height": 3, "down": 0.2}"#).unwrap();
        assert_eq!(scheme.face.unwrap().down, 0.2);
        for slip in [
            r#""face": {"width": 2, "height": 3, "dwon": 0.2}"#,
            r#""fcae": null"#,
        ] {
            let message = read(slip).unwrap_err().to_string();
            assert!(message.contains("dwon") || message.contains("fcae"), "{message}");
        }
    }

    #[test]
    fn points_have_names() {
        let scheme = PointScheme::ibug68();
        assert_eq!(scheme.name_of(0), "jaw, 1 of 17");
        assert_eq!(scheme.name_of(45), "right eye, 4 of 6");
        assert_eq!(PointScheme::unnamed(5).name_of(4), "all, 5 of 5");
        assert_eq!(PointScheme::five().name_of(2), "nose tip");
        assert_eq!(PointScheme::kaggle15().name_of(10), "nose tip");
        assert_eq!(scheme.name_of(68), "");
    }

    #[test]
    fn it_is_said_what_errors_are_divided_by() {
        let words = PointScheme::five().norm_in_words();
        assert_eq!(words, "the distance of left eye from right eye");
        let words = PointScheme::unnamed(68).norm_in_words();
        assert!(words.starts_with("the size of the points' box"), "{words}");
    }

    #[test]
    fn a_scheme_that_says_more_than_a_number_of_points_is_not_unnamed() {
        assert!(PointScheme::unnamed(5).is_unnamed());
        assert!(!PointScheme::five().is_unnamed());
        let measured = PointScheme {
            face: Some(FaceExtent::OF_POINTS),
            ..PointScheme::unnamed(5)
        };
        assert!(!measured.is_unnamed());
    }

    #[test]
    fn a_face_lies_around_its_points_as_its_scheme_says_and_leans_with_them() {
        let points = [(0.0, 0.0), (20.0, 0.0), (10.0, 10.0)].map(|(x, y)| Point::new(x, y));
        let tight = PointScheme {
            inter_ocular: vec![0, 1],
            ..PointScheme::unnamed(3)
        };
        let scheme = PointScheme {
            face: Some(FaceExtent {
                width: 2.0,
                height: 2.5,
                right: 0.0,
                down: 0.5,
            }),
            ..tight.clone()
        };
        let face = Rect::new(-10.0, -10.0, 40.0, 50.0);
        for (scheme, face) in [(&tight, Rect::around(&points).unwrap()), (&scheme, face)] {
            assert_eq!(scheme.upright_face(&points), Some(face));
            assert_eq!(scheme.leaning_face_box(&points), Some(FaceBox::upright(&face)));
        }
        let turned = points.map(|p| Point::new(-p.y, p.x));
        let leaning = scheme.leaning_face_box(&turned).unwrap();
        assert!((leaning.roll - std::f32::consts::FRAC_PI_2).abs() < 1e-6);
        assert!(leaning.centre.distance(Point::new(-15.0, 10.0)) < 1e-4);
        assert!((leaning.width - 40.0).abs() < 1e-4 && (leaning.height - 50.0).abs() < 1e-4);
        assert_eq!(scheme.upright_face(&[]), None);
        assert_eq!(scheme.leaning_face_box(&[]), None);
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
