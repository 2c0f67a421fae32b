//! The pictures of a run, in memory: which are trained on, which are held back, which are left out.

use super::{TrainConfig, TrainError};
use crate::dataset::{DataFolder, LabelledPicture, load_pictures, person_of, split_by_person};

/// The pictures of a run, in memory.
pub(super) struct Data {
    pub(super) training: Vec<LabelledPicture>,
    pub(super) validation: Vec<LabelledPicture>,
    pub(super) left_out: usize,
    pub(super) points: usize,
}

impl Data {
    /// Loads what the recipe asks for.
    ///
    /// # Errors
    /// When a label file or picture cannot be used, or nothing is left to train on.
    pub(super) fn load(config: &TrainConfig) -> Result<Self, TrainError> {
        let part = DataFolder::open_training(&config.data)?;
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
            training: load_pictures(&part.folder, &training)?,
            validation: load_pictures(&part.folder, &validation)?,
            left_out,
            points: part.point_count,
        })
    }
}
