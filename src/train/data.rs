//! The pictures of a run: which are trained on, which are held back, which are left out; then read into memory.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::{TrainConfig, TrainError};
use crate::dataset::{DataFolder, LabelRow, LabelledPicture, Unmatched, load_pictures, split_by_person};

/// What a recipe trains on, before any picture is read.
pub(super) struct Selection {
    sets: Vec<Chosen>,
    /// Pictures left out as the recipe says.
    pub(super) left_out: usize,
    /// Labels and pictures that do not match.
    pub(super) unmatched: Unmatched,
    points: usize,
}

/// What is used of one data set.
struct Chosen {
    /// Which set it is, from 0; one that the recipe names twice is the same set both times.
    set: usize,
    folder: PathBuf,
    training: Vec<LabelRow>,
    validation: Vec<LabelRow>,
    left_out: usize,
    unmatched: Unmatched,
    points: usize,
}

/// A picture of one of the run's data sets.
pub(super) struct Example {
    /// Which of them, from 0.
    pub(super) set: usize,
    pub(super) labelled: LabelledPicture,
}

/// The pictures of a run, in memory.
pub(super) struct Data {
    pub(super) training: Vec<Example>,
    pub(super) validation: Vec<Example>,
    /// Training pictures of each of the recipe's folders, in its order.
    pub(super) counts: Vec<usize>,
    pub(super) points: usize,
    /// How many data sets there are.
    pub(super) sets: usize,
}

impl Selection {
    /// Chooses what the recipe asks for.
    ///
    /// # Errors
    /// When a label file or a folder of pictures cannot be used, the sets' points differ in number, or nothing is left to
    /// train on.
    pub(super) fn of(config: &TrainConfig) -> Result<Self, TrainError> {
        let sets: Vec<Chosen> = config
            .data
            .iter()
            .map(|folder| Chosen::of(folder, config, distinct(&config.data, folder)))
            .collect::<Result<_, _>>()?;
        let fail = |why: String| Err(TrainError::Config(why));
        let left_out = sets.iter().map(|set| set.left_out).sum();
        if left_out == 0 && !(config.left_out.is_empty() && config.left_out_pictures.is_empty()) {
            return fail(
                "none of the persons or pictures to leave out is in the data; give their names as in the pictures' names"
                    .into(),
            );
        }
        if sets.iter().all(|set| set.training.is_empty()) {
            return fail("no picture is left to train on".into());
        }
        let points = sets.first().map_or(0, |set| set.points);
        if let Some(other) = sets.iter().find(|set| set.points != points) {
            return fail(format!(
                "the data sets have {points} and {} keypoints a face; sets of one kind are needed",
                other.points
            ));
        }
        Ok(Self {
            left_out,
            unmatched: sets
                .iter()
                .fold(Unmatched::default(), |sum, set| sum + set.unmatched),
            points,
            sets,
        })
    }

    /// Reads the pictures.
    ///
    /// # Errors
    /// When one cannot be used.
    pub(super) fn load(&self) -> Result<Data, TrainError> {
        let mut data = Data {
            training: Vec::new(),
            validation: Vec::new(),
            counts: self.sets.iter().map(|chosen| chosen.training.len()).collect(),
            points: self.points,
            sets: self.sets.iter().map(|chosen| chosen.set + 1).max().unwrap_or(0),
        };
        for chosen in &self.sets {
            let set = chosen.set;
            let load = |rows| -> Result<Vec<Example>, TrainError> {
                let pictures = load_pictures(&chosen.folder, rows)?;
                Ok(pictures
                    .into_iter()
                    .map(|labelled| Example { set, labelled })
                    .collect())
            };
            data.training.extend(load(&chosen.training)?);
            data.validation.extend(load(&chosen.validation)?);
        }
        Ok(data)
    }
}

impl Chosen {
    fn of(folder: &Path, config: &TrainConfig, set: usize) -> Result<Self, TrainError> {
        let mut part = DataFolder::open_training(folder)?;
        let unmatched = part.unmatched();
        let mut rows = std::mem::take(&mut part.rows);
        let all = rows.len();
        rows.retain(|LabelRow { name, .. }| {
            !config.left_out.contains(part.person(name)) && !config.left_out_pictures.contains(name)
        });
        let left_out = all - rows.len();
        let (training, validation) =
            split_by_person(rows, config.validation, config.seed, |name| part.person(name));
        Ok(Self {
            set,
            folder: part.folder.clone(),
            training,
            validation,
            left_out,
            unmatched,
            points: part.point_count,
        })
    }
}

/// How many different folders come before `folder` in the list: its number as a set.
fn distinct(folders: &[PathBuf], folder: &Path) -> usize {
    let before = folders.iter().take_while(|other| *other != folder);
    before.collect::<BTreeSet<_>>().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_named_twice_is_one_set() {
        let folders = ["a", "a", "b", "a", "c"].map(PathBuf::from);
        let sets = folders.each_ref().map(|folder| distinct(&folders, folder));
        assert_eq!(sets, [0, 0, 1, 0, 2]);
    }
}
