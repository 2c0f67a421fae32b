//! Reading one picture file, whatever its name says it is. Knows the `image` crate, and how files are read.

use std::{
    io::{self, Cursor},
    path::{Path, PathBuf},
};

use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbaImage};

use crate::files::plain;

/// The formats that are read, for people.
pub const FORMATS: &str = "JPEG, PNG, BMP and WebP";
/// Longest side of a picture or a video's frame that is read, pixels: more than any camera gives, and a damaged header
/// must not ask for all of the memory.
pub const LONGEST_SIDE_PX: u32 = 16_384;
/// Most bytes of a file, and of the pixels in it as they are decoded.
const MOST_BYTES: u64 = 1 << 30;

/// Why a picture could not be read.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The file cannot be opened or read.
    #[error("cannot read the picture: {cause}; check its name and that you may read it: {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The file is damaged, too large, or no picture.
    #[error("not a picture that can be used ({why}); {FORMATS} are read: {path}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        why: String,
    },
}

/// Reads a picture as opaque RGBA of 8 bits: format by content and not by name, turned as its EXIF orientation says,
/// alpha dropped; of a moving picture the first.
///
/// # Errors
/// When the file cannot be read, is damaged or no picture, or is larger than [`LONGEST_SIDE_PX`] or 1 GiB.
pub fn read(path: &Path) -> Result<RgbaImage, PictureError> {
    let unreadable = |cause| PictureError::Unreadable {
        path: path.to_path_buf(),
        cause,
    };
    let unusable = |why: String| PictureError::Damaged {
        path: path.to_path_buf(),
        why,
    };
    let damaged = |error: ImageError| {
        unusable(match error {
            ImageError::Limits(_) => "it needs too much memory; make it smaller".into(),
            ImageError::IoError(_) => "its end is missing".into(),
            other => format!("it is damaged: {other}"),
        })
    };
    let bytes = plain::read(path, MOST_BYTES).map_err(unreadable)?;
    let mut reader = ImageReader::new(Cursor::new(&bytes))
        .with_guessed_format()
        .map_err(unreadable)?;
    match reader.format().filter(ImageFormat::reading_enabled) {
        _ if bytes.is_empty() => return Err(unusable("it is empty".into())),
        None => return Err(unusable("it is something else".into())),
        Some(ImageFormat::Jpeg) if !jpeg_is_whole(&bytes) => {
            return Err(unusable("its end is missing".into()));
        }
        Some(_) => {}
    }
    // Sides are looked at below, to say which they are.
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    if width.max(height) > LONGEST_SIDE_PX || decoder.total_bytes() > MOST_BYTES {
        return Err(unusable(format!(
            "it has {width} x {height} pixels; up to {LONGEST_SIDE_PX} a side and 1 GiB are read, make it smaller"
        )));
    }
    let orientation = decoder.orientation().map_err(damaged)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    picture.apply_orientation(orientation);
    let mut rgba = picture.into_rgba8();
    rgba.pixels_mut().for_each(|pixel| pixel[3] = u8::MAX);
    Ok(rgba)
}

/// Whether a JPEG's coded pixels have an end: the decoder paints what is missing grey and says nothing.
fn jpeg_is_whole(bytes: &[u8]) -> bool {
    const START_OF_SCAN: u8 = 0xda;
    const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];
    // Segments before the scan (a thumbnail's JPEG hides in one) are two bytes of marker and carry their length.
    let mut at = 2;
    while let Some(&[0xff, marker, high, low]) = bytes.get(at..at + 4) {
        if marker == 0xff {
            at += 1;
            continue;
        }
        if marker == START_OF_SCAN {
            // In coded pixels 0xff is always followed by zero or a restart marker, so this cannot be one of theirs.
            return bytes[at..].windows(2).any(|pair| pair == END_OF_IMAGE);
        }
        at += 2 + usize::from(u16::from_be_bytes([high, low]));
    }
    false
}
