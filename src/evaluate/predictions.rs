//! Prediction files: `name,x0,y0,...` in pixels of the picture, one line per picture; a miss has empty values.

use std::{io, path::Path};

use super::Outcome;
use crate::files::{self, WriteError};

/// Writes one line per outcome, in their order.
///
/// # Errors
/// When the file cannot be written.
pub fn write_predictions(path: &Path, outcomes: &[Outcome], points: usize) -> Result<(), WriteError> {
    files::replace(path, |out| {
        let mut writer = csv::Writer::from_writer(out);
        let header = (0..points).flat_map(|i| [format!("x{i}"), format!("y{i}")]);
        writer
            .write_record(std::iter::once("name".to_owned()).chain(header))
            .map_err(io::Error::other)?;
        for outcome in outcomes {
            let values: Vec<String> = match &outcome.predicted {
                Some(points) => points
                    .iter()
                    .flat_map(|p| [p.x.to_string(), p.y.to_string()])
                    .collect(),
                None => vec![String::new(); 2 * points],
            };
            writer
                .write_record(std::iter::once(outcome.name.clone()).chain(values))
                .map_err(io::Error::other)?;
        }
        writer.flush()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Point;

    #[test]
    fn there_is_a_line_for_every_picture_and_a_miss_has_empty_values() {
        let outcome = |name: &str, predicted| Outcome {
            name: name.into(),
            labelled: Vec::new(),
            predicted,
            crop_extent: 1.0,
        };
        let outcomes = [
            outcome("b.jpg", Some(vec![Point::new(1.5, 2.0), Point::new(-3.0, 0.25)])),
            outcome("a.jpg", None),
        ];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("predictions.csv");
        write_predictions(&path, &outcomes, 2).unwrap();
        let written = std::fs::read_to_string(&path).unwrap();
        assert_eq!(written, "name,x0,y0,x1,y1\nb.jpg,1.5,2,-3,0.25\na.jpg,,,,\n");
    }
}
