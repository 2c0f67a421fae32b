//! Keypoints as csv or as JSON lines, one row per face, written as they come.

use std::{
    fs::File,
    io::{self, BufWriter, Read, Write},
    path::Path,
    time::Duration,
};

use super::RecordError;
use crate::{face::Face, files::Partial};

/// How keypoints are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeypointFormat {
    /// Comma separated, names in the first line; what is unknown is empty.
    Csv,
    /// One JSON object per line, with the names of the csv's columns; what is unknown is null.
    JsonLines,
}

impl KeypointFormat {
    /// The format that a file's name asks for.
    ///
    /// # Errors
    /// When it ends neither in `.csv` nor in `.jsonl`.
    pub fn of(path: &Path) -> Result<Self, RecordError> {
        let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
        match extension.as_deref() {
            Some("csv") => Ok(Self::Csv),
            Some("jsonl") => Ok(Self::JsonLines),
            _ => Err(RecordError::Extension {
                path: path.to_path_buf(),
                allowed: ".csv or .jsonl",
            }),
        }
    }
}

/// How faces become rows, each with a line's end.
#[derive(Debug, Clone)]
pub struct KeypointRows {
    format: KeypointFormat,
    columns: Vec<String>,
}

impl KeypointRows {
    /// Rows for faces of `points` keypoints.
    pub fn new(format: KeypointFormat, points: usize) -> Self {
        let fixed = [
            "source",
            "frame",
            "time_seconds",
            "face",
            "confidence",
            "box_x",
            "box_y",
            "box_width",
            "box_height",
        ];
        let mut columns: Vec<String> = fixed.map(str::to_owned).to_vec();
        for prefix in ["", "raw_"] {
            columns.extend((0..points).flat_map(|i| [format!("{prefix}x{i}"), format!("{prefix}y{i}")]));
        }
        Self { format, columns }
    }

    /// The rows of the faces of frame `frame` of `source`, which lies at `time` in it.
    pub fn of(&self, source: &str, frame: u64, time: Duration, faces: &[Face]) -> String {
        faces
            .iter()
            .map(|face| self.row(source, frame, time, face) + "\n")
            .collect()
    }

    /// What stands before all rows.
    fn head(&self) -> String {
        match self.format {
            KeypointFormat::Csv => self.columns.join(",") + "\n",
            KeypointFormat::JsonLines => String::new(),
        }
    }

    fn row(&self, source: &str, frame: u64, time: Duration, face: &Face) -> String {
        let face_box = face.face_box;
        let sides = [face_box.x, face_box.y, face_box.width, face_box.height].map(|v| decimal(v, 3));
        let numbers = [
            Some(frame.to_string()),
            Some(format!("{:.6}", time.as_secs_f64())),
            Some(face.id.to_string()),
            face.confidence.and_then(|c| decimal(c, 4)),
        ];
        let points = face
            .points
            .iter()
            .chain(&face.raw_points)
            .flat_map(|p| [decimal(p.x, 3), decimal(p.y, 3)]);
        let numbers = numbers.into_iter().chain(sides).chain(points);
        match self.format {
            KeypointFormat::Csv => {
                let fields = numbers.map(Option::unwrap_or_default);
                std::iter::once(csv_text(source))
                    .chain(fields)
                    .collect::<Vec<_>>()
                    .join(",")
            }
            KeypointFormat::JsonLines => {
                let values = numbers.map(|number| number.unwrap_or_else(|| "null".into()));
                let values = std::iter::once(serde_json::Value::from(source).to_string()).chain(values);
                let pairs = self
                    .columns
                    .iter()
                    .zip(values)
                    .map(|(name, value)| format!("\"{name}\":{value}"));
                format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
            }
        }
    }
}

/// A file of keypoints that grows while it is written. Until [`Self::finish`] it is called `NAME.partial.EXT`, whole
/// rows only, for others to follow; without `finish` it is removed.
#[derive(Debug)]
pub struct KeypointWriter {
    file: BufWriter<File>,
    partial: Partial,
}

impl KeypointWriter {
    /// Begins a file for `rows`.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub fn create(path: &Path, rows: &KeypointRows) -> Result<Self, RecordError> {
        let partial = Partial::beside(path)?;
        let file = File::create(partial.path()).map_err(|e| partial.error(e))?;
        let mut writer = Self {
            file: BufWriter::new(file),
            partial,
        };
        writer.append(rows.head().as_bytes())?;
        Ok(writer)
    }

    /// Has the file stay as it is where it is not finished.
    pub fn stay(&mut self) {
        self.partial.stay();
    }

    /// Adds rows as [`KeypointRows::of`] gives them.
    ///
    /// # Errors
    /// When the disk is full or was taken away, or `rows` cannot be read.
    pub fn append(&mut self, mut rows: impl Read) -> Result<(), RecordError> {
        let written = io::copy(&mut rows, &mut self.file).and_then(|_| self.file.flush());
        Ok(written.map_err(|e| self.partial.error(e))?)
    }

    /// Gives the file its name; an older one is replaced.
    ///
    /// # Errors
    /// When the disk is full or the old file cannot be replaced.
    pub fn finish(mut self) -> Result<(), RecordError> {
        self.file.flush().map_err(|e| self.partial.error(e))?;
        drop(self.file);
        Ok(self.partial.finish()?)
    }
}

/// The number with so many decimals; `None` when it is not finite, which neither format can hold.
fn decimal(value: f32, places: usize) -> Option<String> {
    value.is_finite().then(|| format!("{value:.places$}"))
}

/// Text as a csv field, quoted where it has to be.
fn csv_text(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{Point, Rect};

    fn face() -> Face {
        Face {
            id: 1,
            face_box: Rect::new(1.0, 2.0, 3.0, 4.5),
            points: vec![Point::new(0.5, -1.25), Point::new(f32::NAN, 7.0)],
            raw_points: vec![Point::new(0.75, -1.0), Point::new(2.0, 8.0)],
            confidence: None,
            spread: Vec::new(),
        }
    }

    #[test]
    fn rows_can_be_read_back_while_the_file_grows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("points.csv");
        let rows = KeypointRows::new(KeypointFormat::Csv, 2);
        let mut writer = KeypointWriter::create(&path, &rows).unwrap();
        for (frame, millis, faces) in [(0, 0, &[face()][..]), (1, 40, &[])] {
            let rows = rows.of("a, \"b\".mp4", frame, Duration::from_millis(millis), faces);
            writer.append(rows.as_bytes()).unwrap();
        }
        let growing = std::fs::read_to_string(folder.path().join("points.partial.csv")).unwrap();
        assert_eq!(growing.lines().count(), 2);
        assert!(!path.exists());
        writer.finish().unwrap();
        let mut reader = csv::Reader::from_path(&path).unwrap();
        assert_eq!(reader.headers().unwrap().len(), 17);
        let row = reader.records().next().unwrap().unwrap();
        let expected = [
            "a, \"b\".mp4",
            "0",
            "0.000000",
            "1",
            "",
            "1.000",
            "2.000",
            "3.000",
            "4.500",
            "0.500",
            "-1.250",
            "",
            "7.000",
            "0.750",
            "-1.000",
            "2.000",
            "8.000",
        ];
        assert_eq!(row.iter().collect::<Vec<_>>(), expected);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn json_lines_have_the_same_names() {
        let rows = KeypointRows::new(KeypointFormat::JsonLines, 2);
        let text = rows.of("a\"b.jpg", 3, Duration::from_millis(1500), &[face(), face()]);
        assert!(rows.head().is_empty());
        let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert_eq!(first["source"], "a\"b.jpg");
        assert_eq!(first["time_seconds"], 1.5);
        assert!(first["confidence"].is_null() && first["x1"].is_null());
        assert_eq!(first["y1"], 7.0);
    }

    #[test]
    fn an_unfinished_file_is_removed_and_an_older_one_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("points.csv");
        std::fs::write(&path, "old").unwrap();
        let rows = KeypointRows::new(KeypointFormat::Csv, 2);
        drop(KeypointWriter::create(&path, &rows).unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
