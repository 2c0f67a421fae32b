//! The pictures of a run: which are trained on, which are held back, which are left out; then read into memory.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{TrainConfig, TrainError};
use crate::{
    dataset::{
        DataFolder, LabelRow, LabelledPicture, SchemeChoice, Unmatched, load_pictures, person_of,
        split_by_person,
    },
    geometry::Point,
    keypoints::PointScheme,
};

/// Fewer points have no extent, and a face has no size by them.
const FEWEST_POINTS: usize = 2;

/// What a recipe trains on, before any picture is read.
pub(super) struct Selection {
    sets: Vec<Chosen>,
    /// Pictures left out as the recipe says.
    pub(super) left_out: usize,
    /// Names to leave out that are in none of the sets.
    pub(super) found_nowhere: Vec<String>,
    /// Labels and pictures that do not match.
    pub(super) unmatched: Unmatched,
    /// Keypoints a face.
    pub(super) points: usize,
}

/// What is used of one data set.
struct Chosen {
    folder: PathBuf,
    training: Vec<LabelRow>,
    validation: Vec<LabelRow>,
    /// How often the recipe names it: so often its training pictures come in an epoch.
    times: usize,
    left_out: usize,
    /// The persons to leave out that are in the set, and the pictures.
    persons_left_out: BTreeSet<String>,
    pictures_left_out: BTreeSet<String>,
    unmatched: Unmatched,
    points: usize,
}

/// A picture of one of the run's data sets.
#[derive(Clone)]
pub(super) struct Example {
    /// Which of them, from 0.
    pub(super) set: usize,
    pub(super) labelled: Arc<LabelledPicture>,
}

/// The pictures of a run, in memory.
pub(super) struct Data {
    pub(super) training: Vec<Example>,
    pub(super) validation: Vec<Example>,
    /// Training pictures an epoch of each of the sets, in the recipe's order, whether they were read or not.
    pub(super) counts: Vec<usize>,
    pub(super) points: usize,
    /// How many data sets there are.
    pub(super) sets: usize,
}

impl Data {
    /// Training pictures of an epoch.
    pub(super) fn training_pictures(&self) -> usize {
        self.counts.iter().sum()
    }
}

impl Selection {
    /// Chooses what the recipe asks for.
    ///
    /// # Errors
    /// When a label file or a folder of pictures cannot be used, the sets' points differ in number, or nothing is left to
    /// train on.
    pub(super) fn of(config: &TrainConfig) -> Result<Self, TrainError> {
        let sets: Vec<Chosen> = distinct(&config.data)
            .into_iter()
            .map(|(folder, times)| Chosen::of(folder, config, times))
            .collect::<Result<_, _>>()?;
        let fail = |why: String| Err(TrainError::Config(why));
        let left_out = sets.iter().map(|set| set.left_out).sum();
        let has_person = |name: &str| sets.iter().any(|set| set.persons_left_out.contains(name));
        let has_picture = |name: &str| sets.iter().any(|set| set.pictures_left_out.contains(name));
        let persons = config.persons_left_out();
        let mut found_nowhere: Vec<String> = persons
            .iter()
            .filter(|name| !has_person(name) && !has_person(person_of(name)))
            .map(|name| (*name).to_owned())
            .collect();
        let persons_nowhere = found_nowhere.len();
        let pictures = &config.left_out_pictures;
        found_nowhere.extend(pictures.iter().filter(|name| !has_picture(name)).cloned());
        for (names, nowhere, what) in [
            (persons.len(), persons_nowhere, "persons"),
            (pictures.len(), found_nowhere.len() - persons_nowhere, "pictures"),
        ] {
            if names > 0 && nowhere == names {
                return fail(format!(
                    "none of the {what} to leave out is in the data; give their names as in the pictures' names"
                ));
            }
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
            found_nowhere,
            unmatched: sets
                .iter()
                .fold(Unmatched::default(), |sum, set| sum + set.unmatched),
            points,
            sets,
        })
    }

    /// Whether the recipe's points are those of every set.
    ///
    /// # Errors
    /// When they are not, or make no face.
    pub(super) fn check(&self, config: &TrainConfig) -> Result<(), TrainError> {
        if self.points < FEWEST_POINTS {
            return Err(TrainError::Config(format!(
                "a face of {} keypoint has no size; labels of {FEWEST_POINTS} or more are needed",
                self.points
            )));
        }
        let scheme = config.scheme(self.points);
        if scheme.count != self.points {
            return Err(TrainError::Config(format!(
                "the point scheme '{}' has {} points and the data have {} keypoints a face; data of the same kind are needed",
                scheme.name, scheme.count, self.points
            )));
        }
        Ok(())
    }

    /// Reads the pictures.
    ///
    /// # Errors
    /// When one cannot be used.
    pub(super) fn load(&self) -> Result<Data, TrainError> {
        self.read(true)
    }

    /// Reads the pictures of persons held back, and none to train on.
    ///
    /// # Errors
    /// When one cannot be used.
    pub(super) fn load_validation(&self) -> Result<Data, TrainError> {
        self.read(false)
    }

    fn read(&self, to_train: bool) -> Result<Data, TrainError> {
        let mut data = Data {
            training: Vec::new(),
            validation: Vec::new(),
            counts: self
                .sets
                .iter()
                .map(|chosen| chosen.times * chosen.training.len())
                .collect(),
            points: self.points,
            sets: self.sets.len(),
        };
        for (set, chosen) in self.sets.iter().enumerate() {
            let load = |rows: &[LabelRow]| -> Result<Vec<Example>, TrainError> {
                let pictures = load_pictures(&chosen.folder, rows)?;
                Ok(pictures
                    .into_iter()
                    .map(|labelled| Example {
                        set,
                        labelled: Arc::new(labelled),
                    })
                    .collect())
            };
            let training = load(if to_train { &chosen.training } else { &[] })?;
            for _ in 0..chosen.times {
                data.training.extend(training.iter().cloned());
            }
            data.validation.extend(load(&chosen.validation)?);
        }
        Ok(data)
    }
}

/// What the points of the data sets in `folders` are, which have to be of one kind; see [`crate::dataset::Part::scheme`].
///
/// # Errors
/// When a label file or a scheme cannot be used, or the sets differ.
pub fn scheme_of(folders: &[PathBuf], choice: Option<&SchemeChoice>) -> Result<PointScheme, TrainError> {
    let mut first: Option<PointScheme> = None;
    for (folder, _) in distinct(folders) {
        let scheme = DataFolder::open_training(folder)?.scheme(choice)?;
        match &first {
            Some(first) if *first != scheme => {
                return Err(TrainError::Config(format!(
                    "the points of the data sets are not the same: '{}' and, in {}, '{}'; say by --scheme what they are",
                    first.name,
                    folder.display(),
                    scheme.name
                )));
            }
            _ => first = Some(scheme),
        }
    }
    first.ok_or_else(|| TrainError::Config("no data; at least one folder is needed".into()))
}

/// Pixels from a picture's corner beyond which no label lies: arithmetic with such numbers comes to nothing.
const FARTHEST: f32 = 1e6;

impl Chosen {
    fn of(folder: &Path, config: &TrainConfig, times: usize) -> Result<Self, TrainError> {
        let mut part = DataFolder::open_training(folder)?;
        let unmatched = part.unmatched();
        let mut rows = std::mem::take(&mut part.rows);
        let all = rows.len();
        let persons = rows.iter().map(|row| part.person(&row.name));
        let persons_left_out = both(persons, &config.left_out);
        let pictures_left_out = both(rows.iter().map(|row| &*row.name), &config.left_out_pictures);
        rows.retain(|row| !config.leaves_out(&part, row));
        let left_out = all - rows.len();
        let far = |point: &Point| point.x.abs().max(point.y.abs()) > FARTHEST;
        if let Some(row) = rows.iter().find(|row| row.points.iter().any(far)) {
            return Err(TrainError::Config(format!(
                "keypoints of {} lie nowhere near a picture; correct its line of the labels, or leave it out by \
                 --leave-out-pictures: {}",
                row.name,
                folder.display()
            )));
        }
        let (training, validation) =
            split_by_person(rows, config.validation, config.seed, |name| part.person(name));
        Ok(Self {
            times,
            folder: part.folder.clone(),
            training,
            validation,
            left_out,
            persons_left_out,
            pictures_left_out,
            unmatched,
            points: part.point_count,
        })
    }
}

/// Names that are in a list as well.
fn both<'a>(names: impl Iterator<Item = &'a str>, list: &BTreeSet<String>) -> BTreeSet<String> {
    names
        .filter(|name| list.contains(*name))
        .map(str::to_owned)
        .collect()
}

/// The different folders of a list in its order, and how often each is named, however it is spelled.
fn distinct(folders: &[PathBuf]) -> Vec<(&Path, usize)> {
    let place = |folder: &Path| folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    let mut named: Vec<(&Path, PathBuf, usize)> = Vec::new();
    for folder in folders {
        let place = place(folder);
        match named.iter_mut().find(|(_, other, _)| *other == place) {
            Some((_, _, times)) => *times += 1,
            None => named.push((folder, place, 1)),
        }
    }
    named
        .into_iter()
        .map(|(folder, _, times)| (folder, times))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Architecture;

    #[test]
    fn a_folder_that_is_named_twice_is_one_set() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folders = [
            here.join("src"),
            here.join("none"),
            here.join("src/../src"),
            here.join("tests"),
        ];
        let sets = distinct(&folders);
        assert_eq!(sets, [(&*folders[0], 2), (&*folders[1], 1), (&*folders[3], 1)]);
    }

    #[test]
    fn labels_that_lie_nowhere_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("training")).unwrap();
        std::fs::write(folder.path().join("training/face.jpg"), "read later").unwrap();
        std::fs::write(
            folder.path().join("training_frames_keypoints.csv"),
            ",0,1\nface.jpg,5,1e38\n",
        )
        .unwrap();
        let config = TrainConfig::usual(Architecture::Pinkpoint, vec![folder.path().to_path_buf()]);
        let message = Chosen::of(folder.path(), &config, 1).err().unwrap().to_string();
        assert!(
            message.contains("face.jpg") && message.contains("nowhere near"),
            "{message}"
        );
    }
}
