//! What files hold: looked into where that tells, else by their names.

use std::{io, path::Path};

use image::ImageFormat;

use crate::{picture::PictureError, record, source::is_picture};

/// Names of videos.
const VIDEO_EXTENSIONS: [&str; 11] = [
    "mp4", "mov", "avi", "mkv", "webm", "m4v", "mpg", "mpeg", "mjpeg", "mjpg", "ts",
];
/// Names of pictures that `image` has not even heard of, unlike GIF, TIFF and AVIF, which it is built without.
const OTHER_PICTURE_EXTENSIONS: [&str; 10] = [
    "heic", "heif", "jxl", "jp2", "dng", "cr2", "cr3", "nef", "arw", "raf",
];

/// What a file can be annotated as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// One picture.
    Picture,
    /// A video.
    Video,
}

/// What a file seems to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It can be annotated; or is damaged, and was to be.
    Known(Medium),
    /// A picture of a kind that is not read.
    UnreadPicture,
    /// Neither content nor name says.
    Unknown,
}

impl Kind {
    /// By content; where that is no picture that is read, by name.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn of(path: &Path) -> io::Result<Self> {
        Ok(match is_picture(path)? {
            true => Self::Known(Medium::Picture),
            false => Self::by_name(path),
        })
    }

    /// By the name alone.
    pub fn by_name(path: &Path) -> Self {
        let extension = path.extension().unwrap_or_default();
        let is_one_of = |known: &[&str]| known.iter().any(|known| extension.eq_ignore_ascii_case(known));
        if record::can_write_picture(path) {
            Self::Known(Medium::Picture)
        } else if is_one_of(&VIDEO_EXTENSIONS) {
            Self::Known(Medium::Video)
        } else if is_one_of(&OTHER_PICTURE_EXTENSIONS) || ImageFormat::from_path(path).is_ok() {
            Self::UnreadPicture
        } else {
            Self::Unknown
        }
    }
}

/// The error for a file that is [`Kind::UnreadPicture`].
pub fn no_decoder(path: &Path) -> PictureError {
    let extension = path.extension().unwrap_or_default().display();
    PictureError::Damaged {
        path: path.to_path_buf(),
        why: format!("there is no decoder for .{extension}, convert it"),
    }
}

/// What to say when the system gives a reason for not reading an input.
pub fn cannot_read(path: &Path) -> String {
    format!(
        "cannot read the input; check the name and that you may read it: {}",
        path.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_comes_before_the_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let (picture, video) = (Kind::Known(Medium::Picture), Kind::Known(Medium::Video));
        for (name, content, kind) in [
            ("photo.HEIC", &b"\xff\xd8\xff\xe0"[..], picture),
            ("photo.HEIC", b"\0\0\0\x18ftypheic", Kind::UnreadPicture),
            ("moving.gif", b"GIF89a", Kind::UnreadPicture),
            ("scan.tif", b"II*\0", Kind::UnreadPicture),
            ("photo.jpg", b"\0\0\0\x18ftypheic", picture),
            ("film.MOV", b"\0\0\0\x14ftypqt  ", video),
            ("film.mjpg", b"\xff\xd8\xff\xe0", video),
            ("notes.txt", b"notes", Kind::Unknown),
            ("nothing", b"", Kind::Unknown),
        ] {
            std::fs::write(path(name), content).unwrap();
            assert_eq!(Kind::of(&path(name)).unwrap(), kind, "{name}");
        }
        assert!(Kind::of(&path("absent.jpg")).is_err());
    }
}
