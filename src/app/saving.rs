//! Where snapshots and recordings go, and what is in them. Plain data, kept between runs.

use std::path::{Path, PathBuf};

use jiff::Zoned;
use serde::{Deserialize, Serialize};

use crate::{
    overlay::{Style, Trails},
    pipeline::{Recording, Snapshot},
};

/// Folder of the program within the user's own for videos or pictures.
const FOLDER: &str = "Pinkpoint";

/// How keypoints are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Table {
    /// Comma separated, for spreadsheets.
    #[default]
    Csv,
    /// A JSON object a line, for programs.
    JsonLines,
}

impl Table {
    const fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
        }
    }
}

/// What is saved, and where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Saving {
    /// Where files go; `None`: into the usual folder.
    pub folder: Option<PathBuf>,
    /// Recordings have a video.
    pub video: bool,
    /// With what is drawn over it.
    pub overlay: bool,
    /// Recordings have a file of keypoints.
    pub keypoints: bool,
    /// How those are written.
    pub table: Table,
}

impl Default for Saving {
    fn default() -> Self {
        Self {
            folder: None,
            video: true,
            overlay: true,
            keypoints: true,
            table: Table::default(),
        }
    }
}

impl Saving {
    /// Where files go.
    pub fn folder(&self) -> PathBuf {
        self.folder.clone().unwrap_or_else(usual_folder)
    }

    /// A recording that begins at `now`; its folder is made. `None` when nothing is to be recorded.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn recording(
        &self,
        now: &Zoned,
        style: &Style,
        fps: Option<f64>,
    ) -> Result<Option<Recording>, String> {
        if !self.video && !self.keypoints {
            return Ok(None);
        }
        let name = self.free_name(now, &["mkv", self.table.extension()])?;
        Ok(Some(Recording {
            video: self.video.then(|| {
                let style = self.overlay.then(|| style.clone());
                (with_extension(&name, "mkv"), style)
            }),
            fps,
            keypoints: self
                .keypoints
                .then(|| with_extension(&name, self.table.extension())),
        }))
    }

    /// A snapshot at `now`; its folder is made.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn snapshot(&self, now: &Zoned, style: &Style, trails: &Trails) -> Result<Snapshot, String> {
        let table = self.table.extension();
        let name = self.free_name(now, &["png", "points.png", table])?;
        Ok(Snapshot {
            plain: with_extension(&name, "png"),
            drawn: with_extension(&name, "points.png"),
            keypoints: with_extension(&name, table),
            style: style.clone(),
            trails: trails.clone(),
        })
    }

    /// A name in the folder that no file with one of the extensions has yet.
    fn free_name(&self, now: &Zoned, extensions: &[&str]) -> Result<PathBuf, String> {
        let folder = self.folder();
        std::fs::create_dir_all(&folder).map_err(|error| {
            format!(
                "cannot make the folder for what is saved ({error}); choose another in the settings: {}",
                folder.display()
            )
        })?;
        let stem = now.strftime("pinkpoint-%Y-%m-%d-%H-%M-%S-%3f").to_string();
        let taken = |name: &Path| {
            extensions
                .iter()
                .any(|extension| with_extension(name, extension).exists())
        };
        let first = folder.join(&stem);
        let further = (2..).map(|number| folder.join(format!("{stem}-{number}")));
        // There is always a free one: numbers do not end.
        Ok(std::iter::once(first)
            .chain(further)
            .find(|name| !taken(name))
            .unwrap_or(folder))
    }
}

fn with_extension(name: &Path, extension: &str) -> PathBuf {
    let mut whole = name.as_os_str().to_owned();
    whole.push(".");
    whole.push(extension);
    whole.into()
}

/// The program's folder among the user's videos, else pictures, else at home, else here.
fn usual_folder() -> PathBuf {
    let folders = directories::UserDirs::new();
    let parent = folders.as_ref().map_or(Path::new("."), |folders| {
        let video = folders.video_dir().or(folders.picture_dir());
        video.unwrap_or(folders.home_dir())
    });
    parent.join(FOLDER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_called_by_their_time_and_never_like_one_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let saving = Saving {
            folder: Some(folder.path().join("new")),
            ..Saving::default()
        };
        let now: Zoned = "2026-11-25T18:12:30[UTC]".parse().unwrap();
        let first = saving
            .snapshot(&now, &Style::default(), &Trails::default())
            .unwrap();
        assert!(first.plain.ends_with("new/pinkpoint-2026-11-25-18-12-30-000.png"));
        assert!(
            first
                .drawn
                .ends_with("pinkpoint-2026-11-25-18-12-30-000.points.png")
        );
        std::fs::write(&first.drawn, "").unwrap();
        let second = saving
            .snapshot(&now, &Style::default(), &Trails::default())
            .unwrap();
        assert!(second.plain.ends_with("pinkpoint-2026-11-25-18-12-30-000-2.png"));
        let recording = saving.recording(&now, &Style::default(), None).unwrap().unwrap();
        assert!(
            recording
                .keypoints
                .unwrap()
                .ends_with("pinkpoint-2026-11-25-18-12-30-000.csv")
        );
    }

    #[test]
    fn what_is_not_wished_is_not_recorded_and_a_folder_that_cannot_be_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let nothing = Saving {
            folder: Some(folder.path().to_path_buf()),
            video: false,
            keypoints: false,
            ..Saving::default()
        };
        let now = Zoned::now();
        assert_eq!(nothing.recording(&now, &Style::default(), None), Ok(None));
        let in_the_way = folder.path().join("file");
        std::fs::write(&in_the_way, "").unwrap();
        let nowhere = Saving {
            folder: Some(in_the_way.join("below")),
            ..Saving::default()
        };
        let why = nowhere
            .snapshot(&now, &Style::default(), &Trails::default())
            .unwrap_err();
        assert!(why.contains("choose another") && why.contains("below"), "{why}");
    }
}
