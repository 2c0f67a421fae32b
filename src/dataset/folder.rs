//! Folders of labelled pictures: the YouTube-Faces keypoint set as it is distributed (two label files and two folders of
//! pictures), or one label file beside one folder.

use std::{
    collections::{BTreeSet, HashSet},
    fmt,
    path::{Path, PathBuf},
};

use image::GrayImage;

use super::{
    labels::{LabelError, LabelRow, Labels},
    split::person_of,
};
use crate::{
    geometry::Point,
    picture::{self, PictureError},
    transform::{TransformError, crop},
};

/// Why a data set cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// A label file is missing or damaged.
    #[error(transparent)]
    Labels(#[from] LabelError),
    /// A picture is damaged.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// A picture cannot be made grey.
    #[error(transparent)]
    Transform(#[from] TransformError),
    /// A folder cannot be listed.
    #[error("cannot list the folder of pictures: {cause}; it should lie beside the label file: {path}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// No label has its picture.
    #[error(
        "none of the {rows} labelled pictures is there (.jpg, .jpeg and .png are read); unpack the set's pictures into this \
         folder: {path}"
    )]
    NoPictures {
        /// The folder.
        path: PathBuf,
        /// Number of labels.
        rows: usize,
    },
    /// A point scheme is missing or damaged.
    #[error("{why}: {}", path.display())]
    Scheme {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A point scheme is of another number of points.
    #[error(
        "the labels have {points} keypoints a face and the point scheme '{scheme}' has {count}; name another one by \
         --scheme, or correct its file: {}", labels.display()
    )]
    OtherCount {
        /// The label file.
        labels: PathBuf,
        /// Keypoints a row.
        points: usize,
        /// Name of the scheme.
        scheme: String,
        /// Its points.
        count: usize,
    },
    /// A list of names cannot be read.
    #[error("cannot read the list of names: {cause}; one name a line is needed: {path}")]
    Names {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
}

/// Labels with the folder of their pictures.
#[derive(Debug, Clone)]
pub struct Part {
    /// Folder of the pictures.
    pub folder: PathBuf,
    /// Rows whose picture is there, in the order of the file.
    pub rows: Vec<LabelRow>,
    /// Keypoints per row.
    pub point_count: usize,
    /// Names of the labels' columns, where their header says more than their numbers.
    pub columns: Vec<String>,
    /// The label file.
    pub labels: PathBuf,
    /// Pictures whose rows are left out, since a keypoint or more is not labelled in them.
    pub incomplete: Vec<String>,
    /// Whether the names of the pictures say who is on them.
    pub persons_known: bool,
    /// Names with a label and without a picture.
    pub without_picture: Vec<String>,
    /// Pictures in the folder without a label.
    pub without_label: Vec<String>,
}

/// How many labels and pictures of a part do not match; they are not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unmatched {
    /// Labels without a picture.
    pub labels: usize,
    /// Pictures without a label.
    pub pictures: usize,
    /// Labels in which a keypoint or more is missing.
    pub incomplete: usize,
}

impl Unmatched {
    /// Whether there is any.
    pub fn any(self) -> bool {
        self != Self::default()
    }
}

impl std::ops::Add for Unmatched {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            labels: self.labels + other.labels,
            pictures: self.pictures + other.pictures,
            incomplete: self.incomplete + other.incomplete,
        }
    }
}

impl fmt::Display for Unmatched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "pictures without labels: {}; labels without pictures: {}",
            self.pictures, self.labels
        )?;
        match self.incomplete {
            0 => Ok(()),
            incomplete => write!(f, "; labels with empty fields: {incomplete}"),
        }
    }
}

/// Both parts of the set.
#[derive(Debug, Clone)]
pub struct DataFolder {
    /// `training_frames_keypoints.csv` and `training/`.
    pub training: Part,
    /// `test_frames_keypoints.csv` and `test/`; a folder with `keypoints.csv` and `images/` has none.
    pub test: Option<Part>,
}

/// A picture ready for training: grey, with its keypoints in pixels.
#[derive(Debug, Clone)]
pub struct LabelledPicture {
    /// File name.
    pub name: String,
    /// Luma.
    pub picture: GrayImage,
    /// Keypoints in pixels of the picture.
    pub points: Vec<Point>,
}

impl DataFolder {
    /// Opens the set in `folder`: reads both label files and lists both folders.
    ///
    /// # Errors
    /// When a label file is missing or damaged or a folder cannot be listed.
    pub fn open(folder: &Path) -> Result<Self, DatasetError> {
        let training = Self::open_training(folder)?;
        let is_plain = !training.persons_known;
        let test = if is_plain {
            None
        } else {
            Some(Self::open_test(folder)?)
        };
        Ok(Self { training, test })
    }

    /// Opens the training part only: that of the set, or all of a folder with `keypoints.csv` and `images/`, which says
    /// nothing about persons.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub fn open_training(folder: &Path) -> Result<Part, DatasetError> {
        let plain = folder.join("keypoints.csv");
        if plain.is_file() {
            return Ok(Part {
                persons_known: false,
                ..Part::open(&plain, &folder.join("images"))?
            });
        }
        Part::open(
            &folder.join("training_frames_keypoints.csv"),
            &folder.join("training"),
        )
    }

    /// Opens the test part only.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub fn open_test(folder: &Path) -> Result<Part, DatasetError> {
        Part::open(&folder.join("test_frames_keypoints.csv"), &folder.join("test"))
    }
}

impl Part {
    /// Reads a label file and matches it with the pictures in `folder`.
    ///
    /// # Errors
    /// When the label file is missing or damaged, the folder cannot be listed, or no label has its picture.
    pub fn open(labels: &Path, folder: &Path) -> Result<Self, DatasetError> {
        let Labels {
            rows,
            point_count,
            columns,
            incomplete,
        } = Labels::read(labels)?;
        let pictures = list(folder)?;
        let names = rows.iter().map(|row| &row.name).chain(&incomplete);
        let labelled: HashSet<&str> = names.map(String::as_str).collect();
        let without_label = pictures
            .iter()
            .filter(|name| !labelled.contains(name.as_str()))
            .cloned()
            .collect();
        let total = rows.len();
        let (rows, missing): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|row| pictures.contains(&row.name));
        if rows.is_empty() {
            return Err(DatasetError::NoPictures {
                path: folder.to_path_buf(),
                rows: total,
            });
        }
        let without_picture = missing.into_iter().map(|row| row.name).collect();
        Ok(Self {
            folder: folder.to_path_buf(),
            rows,
            point_count,
            columns,
            labels: labels.to_path_buf(),
            incomplete,
            persons_known: true,
            without_picture,
            without_label,
        })
    }

    /// The person on the picture `name`; where nothing is known, each picture shows another person.
    pub fn person<'a>(&self, name: &'a str) -> &'a str {
        if self.persons_known { person_of(name) } else { name }
    }

    /// How many labels and pictures do not match.
    pub fn unmatched(&self) -> Unmatched {
        Unmatched {
            labels: self.without_picture.len(),
            pictures: self.without_label.len(),
            incomplete: self.incomplete.len(),
        }
    }
}

fn list(folder: &Path) -> Result<BTreeSet<String>, DatasetError> {
    let fail = |cause| DatasetError::Folder {
        path: folder.to_path_buf(),
        cause,
    };
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let extension = Path::new(&name).extension().map(|e| e.to_ascii_lowercase());
        if extension.is_some_and(|e| e == "jpg" || e == "jpeg" || e == "png") {
            names.insert(name);
        }
    }
    Ok(names)
}

/// Reads the pictures of `rows` as luma, all of them into memory (140 MB for the 3462 training pictures).
///
/// # Errors
/// When a picture cannot be read; the message names it.
pub fn load_pictures<'a>(
    folder: &Path,
    rows: impl IntoIterator<Item = &'a LabelRow>,
) -> Result<Vec<LabelledPicture>, DatasetError> {
    let load = |row: &LabelRow| {
        let picture = crop::grey(&picture::read(&folder.join(&row.name))?)?;
        Ok(LabelledPicture {
            name: row.name.clone(),
            picture,
            points: row.points.clone(),
        })
    };
    rows.into_iter().map(load).collect()
}
