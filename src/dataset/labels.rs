//! Label files: a csv with a picture's name and then x, y of every keypoint in pixels. The header line of the
//! YouTube-Faces set, one with names of columns, or none at all is accepted. Rows with empty fields, as sets have that
//! were labelled by several people, are left out and counted.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use crate::{files::plain, geometry::Point};

/// The keypoints of one picture.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelRow {
    /// File name of the picture.
    pub name: String,
    /// Keypoints in pixels of the picture.
    pub points: Vec<Point>,
}

/// A label file.
#[derive(Debug, Clone, PartialEq)]
pub struct Labels {
    /// One row a picture, in the order of the file.
    pub rows: Vec<LabelRow>,
    /// Number of keypoints in each row.
    pub point_count: usize,
    /// Names of the columns after the first, where a header says more than their numbers.
    pub columns: Vec<String>,
    /// Pictures of rows that were left out: a keypoint or more is not labelled in them.
    pub incomplete: Vec<String>,
}

/// Why a label file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LabelError {
    /// The file cannot be opened.
    #[error("cannot read the label file: {cause}; check its name: {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A line is wrong.
    #[error("{why}; correct the line or remove it: {path}, line {line}")]
    Line {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: u64,
        /// What is wrong with it, with the column where there is one.
        why: String,
    },
    /// There is nothing in it.
    #[error("the label file holds no row{}; one line per picture is needed, name,x0,y0,x1,y1,...: {path}", left_out(*incomplete))]
    Empty {
        /// The file.
        path: PathBuf,
        /// Rows with empty fields.
        incomplete: usize,
    },
    /// The pictures are in the csv.
    #[error(
        "the pictures are in the label file itself, as Kaggle distributes them; docs/own-net.md has the lines that make \
         picture files and labels of it: {path}"
    )]
    PicturesWithin {
        /// The file.
        path: PathBuf,
    },
}

impl Labels {
    /// Reads a label file.
    ///
    /// # Errors
    /// With file, line and column: a number of columns that is even, differs from the first row's, or is less than 3;
    /// text where a number should be; a number that is not finite; a line that is not UTF-8.
    pub fn read(path: &Path) -> Result<Self, LabelError> {
        Self::parse(opened(path)?, path, false)
    }

    /// Reads what `evaluate --predictions` wrote: as [`Self::read`], and pictures on which nothing was found are left out.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_predictions(path: &Path) -> Result<Self, LabelError> {
        Self::parse(opened(path)?, path, true)
    }

    /// What `text` holds, which is called `path` in errors; rows without any number are left out where there `may_be_misses`.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(text: impl Read, path: &Path, may_be_misses: bool) -> Result<Self, LabelError> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(text);
        let mut rows = Vec::new();
        let mut columns = 0;
        let (mut names, mut incomplete) = (Vec::new(), Vec::new());
        for (index, record) in reader.records().enumerate() {
            let fail = |line, why| LabelError::Line {
                path: path.to_path_buf(),
                line,
                why,
            };
            let record = record.map_err(|e| {
                let line = e.position().map_or(index as u64 + 1, csv::Position::line);
                fail(line, format!("the line cannot be read as csv ({e})"))
            })?;
            let line = record.position().map_or(index as u64 + 1, csv::Position::line);
            if index == 0 && is_header(&record) {
                if record.iter().any(|name| name.trim() == KAGGLES_PICTURES) {
                    return Err(LabelError::PicturesWithin {
                        path: path.to_path_buf(),
                    });
                }
                names = telling_names(&record);
                continue;
            }
            if columns == 0 {
                columns = record.len();
                if columns < 3 || columns.is_multiple_of(2) {
                    return Err(fail(
                        line,
                        format!("{columns} columns; a name and pairs of x and y are needed"),
                    ));
                }
            }
            if record.len() != columns {
                return Err(fail(
                    line,
                    format!("{} columns where the first row has {columns}", record.len()),
                ));
            }
            let empty = |value: &str| value.trim().is_empty();
            if may_be_misses && record.iter().skip(1).all(empty) {
                continue;
            }
            if !may_be_misses && record.iter().skip(1).any(empty) {
                incomplete.push(record.get(0).unwrap_or_default().trim().to_owned());
                continue;
            }
            rows.push(parse_row(&record).map_err(|why| fail(line, why))?);
        }
        if rows.is_empty() {
            return Err(LabelError::Empty {
                path: path.to_path_buf(),
                incomplete: incomplete.len(),
            });
        }
        Ok(Self {
            rows,
            columns: names,
            incomplete,
            point_count: (columns - 1) / 2,
        })
    }
}

fn opened(path: &Path) -> Result<File, LabelError> {
    plain::open(path).map_err(|cause| LabelError::Unreadable {
        path: path.to_path_buf(),
        cause,
    })
}

/// Name of the column in which Kaggle's set has its pictures.
const KAGGLES_PICTURES: &str = "Image";

/// What an error says of rows that were left out.
fn left_out(incomplete: usize) -> String {
    match incomplete {
        0 => String::new(),
        incomplete => format!(" without an empty field ({incomplete} have some)"),
    }
}

/// The set's own header is an empty first field and then 0, 1, 2, ...; others name their columns. Words will do wherever the
/// first field names no file, numbers will not: they could be a picture's.
fn is_header(record: &csv::StringRecord) -> bool {
    let mut fields = record.iter().map(str::trim);
    let first = fields.next().unwrap_or_default();
    let rest: Vec<&str> = fields.collect();
    let counted = rest.iter().enumerate().all(|(i, &text)| text == i.to_string());
    let is_number = |text: &&str| text.parse::<f32>().is_ok();
    let names_nothing = first.is_empty() || first.eq_ignore_ascii_case("name");
    let words = if names_nothing {
        !rest.iter().all(is_number)
    } else {
        !rest.iter().any(is_number) && rest.iter().all(|text| !text.is_empty())
    };
    Path::new(first).extension().is_none() && (counted || (words && !rest.is_empty()))
}

/// The names of a header's columns but the first; none where they only count (`0`, `x0`, `p3_y`).
fn telling_names(header: &csv::StringRecord) -> Vec<String> {
    let names: Vec<String> = header.iter().skip(1).map(|name| name.trim().to_owned()).collect();
    let tells = |name: &String| name.chars().filter(|c| c.is_alphabetic()).count() > 2;
    if names.iter().all(tells) {
        names
    } else {
        Vec::new()
    }
}

fn parse_row(record: &csv::StringRecord) -> Result<LabelRow, String> {
    let name = record.get(0).unwrap_or_default().trim().to_owned();
    if name.is_empty() || name.contains(['/', '\\', '\0']) {
        return Err(format!("column 1: '{name}' is not the name of a picture"));
    }
    let mut numbers = Vec::with_capacity(record.len() - 1);
    for (column, text) in record.iter().enumerate().skip(1) {
        let number: f32 = text
            .trim()
            .parse()
            .map_err(|_| format!("column {}: '{text}' is not a number", column + 1))?;
        if !number.is_finite() {
            return Err(format!("column {}: {text} is not a finite number", column + 1));
        }
        numbers.push(number);
    }
    let points = numbers
        .chunks_exact(2)
        .map(|xy| Point::new(xy[0], xy[1]))
        .collect();
    Ok(LabelRow { name, points })
}
