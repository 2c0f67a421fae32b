//! The YouTube-Faces keypoint set as it is distributed: two label files and two folders of pictures.

use std::{
    collections::{BTreeSet, HashSet},
    fmt,
    path::{Path, PathBuf},
};

use image::GrayImage;

use super::labels::{LabelError, LabelRow, Labels};
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
        "none of the {rows} labelled pictures is there; unpack the set's pictures into this folder: {path}"
    )]
    NoPictures {
        /// The folder.
        path: PathBuf,
        /// Number of labels.
        rows: usize,
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
}

impl Unmatched {
    /// Whether there is any.
    pub fn any(self) -> bool {
        self != Self::default()
    }
}

impl fmt::Display for Unmatched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "pictures without labels: {}; labels without pictures: {}",
            self.pictures, self.labels
        )
    }
}

/// Both parts of the set.
#[derive(Debug, Clone)]
pub struct DataFolder {
    /// `training_frames_keypoints.csv` and `training/`.
    pub training: Part,
    /// `test_frames_keypoints.csv` and `test/`.
    pub test: Part,
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
        Ok(Self {
            training: Self::open_training(folder)?,
            test: Self::open_test(folder)?,
        })
    }

    /// Opens the training part only.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub fn open_training(folder: &Path) -> Result<Part, DatasetError> {
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
        let Labels { rows, point_count } = Labels::read(labels)?;
        let pictures = list(folder)?;
        let labelled: HashSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
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
            without_picture,
            without_label,
        })
    }

    /// How many labels and pictures do not match.
    pub fn unmatched(&self) -> Unmatched {
        Unmatched {
            labels: self.without_picture.len(),
            pictures: self.without_label.len(),
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
