//! The pictures of a run: which are trained on, which are held back, which are left out; then read into memory.

use std::path::PathBuf;

use super::{TrainConfig, TrainError};
use crate::dataset::{
    DataFolder, LabelRow, LabelledPicture, Unmatched, load_pictures, person_of, split_by_person,
};

/// What a recipe trains on, before any picture is read.
pub(super) struct Selection {
    folder: PathBuf,
    training: Vec<LabelRow>,
    validation: Vec<LabelRow>,
    /// Pictures of persons left out.
    pub(super) left_out: usize,
    /// Labels and pictures that do not match.
    pub(super) unmatched: Unmatched,
    points: usize,
}

/// The pictures of a run, in memory.
pub(super) struct Data {
    pub(super) training: Vec<LabelledPicture>,
    pub(super) validation: Vec<LabelledPicture>,
    pub(super) points: usize,
}

impl Selection {
    /// Chooses what the recipe asks for.
    ///
    /// # Errors
    /// When the label file or the folder of pictures cannot be used, or nothing is left to train on.
    pub(super) fn of(config: &TrainConfig) -> Result<Self, TrainError> {
        let part = DataFolder::open_training(&config.data)?;
        let unmatched = part.unmatched();
        let all = part.rows.len();
        let mut rows = part.rows;
        rows.retain(|row| !config.left_out.contains(person_of(&row.name)));
        let left_out = all - rows.len();
        if left_out == 0 && !config.left_out.is_empty() {
            return Err(TrainError::Config(
                "none of the persons to leave out is in the data; give their names as in the pictures' names"
                    .into(),
            ));
        }
        let (training, validation) = split_by_person(rows, config.validation, config.seed);
        if training.is_empty() {
            return Err(TrainError::Config("no picture is left to train on".into()));
        }
        Ok(Self {
            folder: part.folder,
            training,
            validation,
            left_out,
            unmatched,
            points: part.point_count,
        })
    }

    /// Reads the pictures.
    ///
    /// # Errors
    /// When one cannot be used.
    pub(super) fn load(&self) -> Result<Data, TrainError> {
        Ok(Data {
            training: load_pictures(&self.folder, &self.training)?,
            validation: load_pictures(&self.folder, &self.validation)?,
            points: self.points,
        })
    }
}
