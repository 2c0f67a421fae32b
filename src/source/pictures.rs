//! Pictures as a source: one file, or a folder's in the order of their names.

use std::{
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

use image::ImageFormat;

use super::{Grab, Source, SourceError, SourceInfo};
use crate::{files::plain, picture};

/// How long each picture of a folder is shown.
const SECONDS_PER_PICTURE: u64 = 2;

/// One or several pictures.
#[derive(Debug)]
pub struct PicturesSource {
    paths: Vec<PathBuf>,
    /// Which of them comes next.
    next: usize,
    /// The first readable picture, read ahead for its size.
    first: Option<Grab>,
    /// What stands before it and cannot be read.
    unreadable: std::vec::IntoIter<SourceError>,
    info: SourceInfo,
}

/// Whether a file holds a picture, by its first bytes and not its name, but for motion JPEG, which is a video.
///
/// # Errors
/// When the file cannot be read, or is a pipe or device.
pub fn is_picture(path: &Path) -> std::io::Result<bool> {
    /// So many bytes tell every format.
    const START: u64 = 32;
    let mut start = Vec::new();
    plain::open(path)?.take(START).read_to_end(&mut start)?;
    let format = image::guess_format(&start)
        .ok()
        .filter(|format| format.reading_enabled());
    Ok(format.is_some_and(|format| format != ImageFormat::Jpeg || !is_called_motion_jpeg(path)))
}

/// Motion JPEG is one JPEG behind the other, so that its beginning does not tell.
fn is_called_motion_jpeg(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    ["mjpeg", "mjpg"]
        .iter()
        .any(|called| extension.eq_ignore_ascii_case(called))
}

/// The pictures of a folder (not of folders in it) in the order of their names: files that hold a picture, and those
/// that are called one, so that a damaged picture is noticed and not passed over. Hidden files are left out.
///
/// # Errors
/// When the folder cannot be read.
pub fn pictures_in(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let named = ImageFormat::from_path(&path).is_ok_and(|format| format.reading_enabled());
        if !hidden && path.is_file() && (named || is_picture(&path).unwrap_or(false)) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

impl PicturesSource {
    /// Opens one picture, or a folder of pictures.
    ///
    /// # Errors
    /// When there is no picture, or none that can be read.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        let unreadable = |why: String| SourceError::Unreadable {
            path: path.display().to_string(),
            why,
        };
        let paths = if path.is_dir() {
            pictures_in(path).map_err(|e| unreadable(format!("{e}; check that you may read it")))?
        } else {
            vec![path.to_path_buf()]
        };
        let count = paths.len() as u64;
        let mut failures = Vec::new();
        let mut next = 0;
        let first = loop {
            let Some(path) = paths.get(next) else {
                return Err(failures.into_iter().next().unwrap_or_else(|| {
                    unreadable(format!(
                        "there is no picture in this folder; {} are read",
                        picture::FORMATS
                    ))
                }));
            };
            next += 1;
            match read(path, next - 1) {
                Ok(grab) => break grab,
                Err(error) => failures.push(error),
            }
        };
        Ok(Self {
            info: SourceInfo {
                name: path.file_name().unwrap_or(path.as_os_str()).display().to_string(),
                width: first.picture.width(),
                height: first.picture.height(),
                fps: (count > 1).then_some(1.0 / SECONDS_PER_PICTURE as f64),
                frame_count: Some(count - failures.len() as u64),
                duration: (count > 1).then(|| time_of(count)),
                live: false,
                reopen_as: None,
                camera: None,
            },
            paths,
            next,
            first: Some(first),
            unreadable: failures.into_iter(),
        })
    }
}

/// When the picture at a place is shown.
fn time_of(place: u64) -> Duration {
    Duration::from_secs(place * SECONDS_PER_PICTURE)
}

fn read(path: &Path, place: usize) -> Result<Grab, SourceError> {
    Ok(Grab {
        picture: picture::read(path)?,
        source_time: time_of(place as u64),
        index: 0,
    })
}

impl Source for PicturesSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_picture(&mut self) -> Result<Option<Grab>, SourceError> {
        if let Some(error) = self.unreadable.next() {
            return Err(error);
        }
        let grab = match self.first.take() {
            Some(first) => first,
            None => {
                let Some(path) = self.paths.get(self.next) else {
                    return Ok(None);
                };
                // Also where it cannot be read: the one after it comes next.
                self.next += 1;
                read(path, self.next - 1)?
            }
        };
        Ok(Some(grab))
    }

    fn seek(&mut self, time: Duration) -> Result<bool, SourceError> {
        self.first = None;
        self.next = (time.as_secs() / SECONDS_PER_PICTURE) as usize;
        self.next = self.next.min(self.paths.len().saturating_sub(1));
        Ok(true)
    }
}
