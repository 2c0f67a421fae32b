//! What the points of a label file are: what somebody says, what a file beside it says, or what can be told from it.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
};

use super::folder::{DatasetError, Part};
use crate::{files::plain, keypoints::PointScheme};

/// A scheme in this file, in the folder of the labels, is theirs.
const BESIDE_LABELS: &str = "points.json";
/// Longest scheme that is read, bytes: the 98 points of WFLW take 5000.
const LONGEST_SCHEME: u64 = 4 << 20;

/// The order of Kaggle's columns; its left is the person's.
const KAGGLES_COLUMNS: [&str; 15] = [
    "left_eye_center",
    "right_eye_center",
    "left_eye_inner_corner",
    "left_eye_outer_corner",
    "right_eye_inner_corner",
    "right_eye_outer_corner",
    "left_eyebrow_inner_end",
    "left_eyebrow_outer_end",
    "right_eyebrow_inner_end",
    "right_eyebrow_outer_end",
    "nose_tip",
    "mouth_left_corner",
    "mouth_right_corner",
    "mouth_center_top_lip",
    "mouth_center_bottom_lip",
];
/// What is in the columns' names of five points, however they are written.
const FIVE_COLUMNS: [&[&str]; 5] = [
    &["left", "eye"],
    &["right", "eye"],
    &["nose"],
    &["left", "mouth"],
    &["right", "mouth"],
];

/// A scheme as it is named on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemeChoice {
    /// One that comes with the program.
    Bundled(&'static str),
    /// Points of which nothing is known.
    Unnamed,
    /// One in a file.
    File(PathBuf),
}

impl FromStr for SchemeChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let names = PointScheme::BUNDLED.map(|(name, _)| name);
        if let Some(name) = names.into_iter().find(|&name| name == text) {
            return Ok(Self::Bundled(name));
        }
        if text == "unnamed" {
            return Ok(Self::Unnamed);
        }
        if text.ends_with(".json") {
            return Ok(Self::File(text.into()));
        }
        Err(format!(
            "there is no point scheme '{text}'; there are {}, unnamed, and files that end in .json",
            names.join(", ")
        ))
    }
}

impl SchemeChoice {
    /// The scheme, for `points` keypoints a face.
    ///
    /// # Errors
    /// When its file cannot be used.
    fn scheme(&self, points: usize) -> Result<PointScheme, DatasetError> {
        match self {
            Self::Bundled(name) => {
                Ok(PointScheme::bundled(name).unwrap_or_else(|| PointScheme::unnamed(points)))
            }
            Self::Unnamed => Ok(PointScheme::unnamed(points)),
            Self::File(path) => read(path),
        }
    }
}

impl Part {
    /// What its points are: as `choice` says, else as `points.json` beside the labels says, else as their number and the
    /// names of their columns say.
    ///
    /// # Errors
    /// When a scheme's file cannot be used, the scheme has another number of points, or left and right are exchanged.
    pub fn scheme(&self, choice: Option<&SchemeChoice>) -> Result<PointScheme, DatasetError> {
        let beside = self.labels.with_file_name(BESIDE_LABELS);
        let scheme = match choice {
            Some(choice) => choice.scheme(self.point_count)?,
            None if beside.exists() => read(&beside)?,
            None => told_by(&self.columns, self.point_count),
        };
        self.check(&scheme)?;
        Ok(scheme)
    }

    /// Whether `scheme` can be that of the labels.
    ///
    /// # Errors
    /// When it has another number of points, or most faces stand on their heads by it.
    pub fn check(&self, scheme: &PointScheme) -> Result<(), DatasetError> {
        if scheme.count != self.point_count {
            return Err(DatasetError::OtherCount {
                labels: self.labels.clone(),
                points: self.point_count,
                scheme: scheme.name.clone(),
                count: scheme.count,
            });
        }
        let eyes = self.rows.iter().filter_map(|row| scheme.eyes(&row.points));
        let exchanged = eyes.clone().filter(|(left, right)| left.x > right.x).count();
        if let [left, right] = *scheme.inter_ocular
            && 2 * exchanged > eyes.count()
        {
            return Err(DatasetError::Scheme {
                path: self.labels.clone(),
                why: format!(
                    "by the point scheme '{}' point {left} is the picture's left eye and point {right} its right one, and \
                     in {exchanged} of {} rows they are the other way round; say by --scheme what the points are",
                    scheme.name,
                    self.rows.len()
                ),
            });
        }
        Ok(())
    }
}

/// A scheme from a file.
fn read(path: &Path) -> Result<PointScheme, DatasetError> {
    let fail = |why: String| DatasetError::Scheme {
        path: path.to_path_buf(),
        why,
    };
    let text = plain::read_text(path, LONGEST_SCHEME)
        .map_err(|e| fail(format!("cannot read the point scheme ({e}); check its name")))?;
    PointScheme::from_json(text.as_bytes())
        .map_err(|e| fail(format!("{e}; `pinkpoint scheme five` prints one that is right")))
}

/// What `points` keypoints are whose columns have these names, if any.
fn told_by(columns: &[String], points: usize) -> PointScheme {
    let assumed = PointScheme::assumed_for(points);
    if columns.is_empty() {
        return assumed;
    }
    let names: Vec<String> = columns
        .chunks_exact(2)
        .map(|pair| point_name(&pair[0], &pair[1]))
        .collect();
    let fits = match points {
        15 => names
            .iter()
            .zip(KAGGLES_COLUMNS)
            .all(|(name, column)| name == column),
        5 => names.iter().zip(FIVE_COLUMNS).all(|(name, words)| {
            let name = name.to_lowercase();
            words.iter().all(|word| name.contains(word))
        }),
        // Nobody names so many points in another order.
        _ => !assumed.is_unnamed(),
    };
    if fits {
        return assumed;
    }
    let named = PointScheme {
        names: names.iter().map(|name| name.replace('_', " ")).collect(),
        ..PointScheme::unnamed(points)
    };
    if named.validate().is_ok() {
        named
    } else {
        PointScheme::unnamed(points)
    }
}

/// What the names of a point's two columns have in common.
fn point_name(x: &str, y: &str) -> String {
    let same = x.chars().zip(y.chars()).take_while(|(a, b)| a == b);
    let common: String = same.map(|(a, _)| a).collect();
    let name = common.trim_end_matches(|c: char| !c.is_alphanumeric());
    if name.is_empty() {
        x.to_owned()
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(names: &[&str]) -> Vec<String> {
        let both = names
            .iter()
            .flat_map(|name| [format!("{name}_x"), format!("{name}_y")]);
        both.collect()
    }

    #[test]
    fn labels_are_told_by_their_number_and_the_names_of_their_columns() {
        for (points, name) in [
            (68, "iBUG 68"),
            (98, "WFLW 98"),
            (15, "Kaggle 15"),
            (7, "7 points"),
        ] {
            assert_eq!(told_by(&[], points).name, name);
        }
        let kaggle = columns(&KAGGLES_COLUMNS);
        assert_eq!(told_by(&kaggle, 15), PointScheme::kaggle15());
        let celebrities = ["lefteye", "righteye", "nose", "leftmouth", "rightmouth"];
        assert_eq!(told_by(&columns(&celebrities), 5), PointScheme::five());
    }

    #[test]
    fn points_with_names_of_their_own_keep_them_and_are_not_mirrored() {
        let mut other = KAGGLES_COLUMNS;
        other.swap(0, 1);
        let scheme = told_by(&columns(&other), 15);
        assert_eq!(
            (scheme.name_of(0), scheme.mirror.len()),
            ("right eye center".into(), 0)
        );
        assert!(!scheme.is_unnamed());
        assert_eq!(point_name("chin.X", "chin.Y"), "chin");
        assert_eq!(point_name("left", "top"), "left");
    }

    #[test]
    fn a_scheme_is_named_or_a_file() {
        assert_eq!("wflw98".parse(), Ok(SchemeChoice::Bundled("wflw98")));
        assert_eq!("unnamed".parse(), Ok(SchemeChoice::Unnamed));
        assert_eq!(
            "my/own.json".parse(),
            Ok(SchemeChoice::File("my/own.json".into()))
        );
        let message = "wflw".parse::<SchemeChoice>().unwrap_err();
        assert!(
            message.contains("wflw98") && message.contains("json"),
            "{message}"
        );
    }
}
