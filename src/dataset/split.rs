//! Who is on a picture, and splits that keep all pictures of a person together: frames of one person look so much
//! alike that a net tested on other frames of the persons it was trained on looks better than it is.

use std::{collections::BTreeSet, path::Path};

use rand::{SeedableRng, seq::SliceRandom};
use rand_pcg::Pcg64;

use super::{folder::DatasetError, labels::LabelRow};
use crate::files::plain;

/// Longest list of names that is read, bytes: a million names.
const LONGEST_LIST: u64 = 64 << 20;

/// The person on the picture `PERSON_VF.jpg` (V the video, F the frame, a digit each): its name up to the last underscore. Other
/// names do not say who is on a picture and stand for themselves.
pub fn person_of(name: &str) -> &str {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    match stem.rsplit_once('_') {
        Some((person, frame)) if frame.len() == 2 && frame.bytes().all(|b| b.is_ascii_digit()) => person,
        _ => name,
    }
}

/// Names from a file, one a line; what follows a comma is a note. Empty lines and a heading `name` are skipped.
///
/// # Errors
/// When the file cannot be read or is not text.
pub fn read_names(path: &Path) -> Result<BTreeSet<String>, DatasetError> {
    let text = plain::read_text(path, LONGEST_LIST).map_err(|cause| DatasetError::Names {
        path: path.to_path_buf(),
        cause,
    })?;
    Ok(text
        .lines()
        .map(|line| line.split(',').next().unwrap_or_default().trim())
        .filter(|line| !line.is_empty() && *line != "name")
        .map(str::to_owned)
        .collect())
}

/// Splits rows into training and validation so that `fraction` of the persons are in validation only.
/// The same rows, fraction and seed give the same split. `person` says who is on the picture of a name.
pub fn split_by_person(
    rows: Vec<LabelRow>,
    fraction: f64,
    seed: u64,
    person: impl for<'a> Fn(&'a str) -> &'a str,
) -> (Vec<LabelRow>, Vec<LabelRow>) {
    let persons: BTreeSet<&str> = rows.iter().map(|row| person(&row.name)).collect();
    let mut persons: Vec<&str> = persons.into_iter().collect();
    persons.shuffle(&mut Pcg64::seed_from_u64(seed));
    let held_back = (persons.len() as f64 * fraction).round() as usize;
    let held_back: BTreeSet<String> = persons.into_iter().take(held_back).map(str::to_owned).collect();
    rows.into_iter()
        .partition(|row| !held_back.contains(person(&row.name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_the_known_kind_say_who_is_on_a_picture() {
        for (name, person) in [
            ("Ann_Veneman_31.jpg", "Ann_Veneman"),
            ("Ann_Veneman_31", "Ann_Veneman"),
            ("lfpw_train_image_0014.jpg", "lfpw_train_image_0014.jpg"),
            ("helen_train_206413799_1.jpg", "helen_train_206413799_1.jpg"),
            ("me.jpg", "me.jpg"),
            ("", ""),
        ] {
            assert_eq!(person_of(name), person);
        }
    }

    #[test]
    fn a_list_of_names_may_have_a_heading_notes_and_empty_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.csv");
        std::fs::write(&path, "name,why\na.jpg,blurred, and dark\n\n  b.jpg  \n").unwrap();
        let names: Vec<String> = read_names(&path).unwrap().into_iter().collect();
        assert_eq!(names, ["a.jpg", "b.jpg"]);
        assert!(read_names(&folder.path().join("none")).is_err());
    }

    #[test]
    fn no_person_is_on_both_sides() {
        let row = |name: String| LabelRow {
            name,
            points: Vec::new(),
        };
        let rows: Vec<LabelRow> = (0..200)
            .map(|i| row(format!("Person_{}_{:02}.jpg", i % 40, i / 40)))
            .collect();
        let (training, validation) = split_by_person(rows.clone(), 0.25, 3, person_of);
        let people = |rows: &[LabelRow]| {
            rows.iter()
                .map(|r| person_of(&r.name).to_owned())
                .collect::<BTreeSet<_>>()
        };
        assert_eq!(people(&validation).len(), 10);
        assert!(people(&training).is_disjoint(&people(&validation)));
        assert_eq!(training.len() + validation.len(), 200);
        assert_eq!(split_by_person(rows, 0.25, 3, person_of).1, validation);
    }
}
