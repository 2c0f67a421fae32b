//! Pictures as files, the format by the name.

use std::path::Path;

use image::{DynamicImage, ImageFormat, RgbaImage, codecs::jpeg::JpegEncoder};

use super::RecordError;
use crate::files;

/// JPEG quality: points stay crisp, files stay about as large as a camera's.
const JPEG_QUALITY: u8 = 95;
/// The formats that are written.
const ALLOWED: &str = ".jpg, .png, .bmp or .webp";

fn format_of(path: &Path) -> Option<ImageFormat> {
    ImageFormat::from_path(path)
        .ok()
        .filter(ImageFormat::writing_enabled)
}

/// Whether a picture can be written under that name.
pub fn can_write_picture(path: &Path) -> bool {
    format_of(path).is_some()
}

/// Writes an opaque picture; an older file of that name is replaced.
///
/// # Errors
/// When the name says no known format or the file cannot be written.
pub fn write_picture(path: &Path, picture: RgbaImage) -> Result<(), RecordError> {
    let format = format_of(path).ok_or_else(|| RecordError::Extension {
        path: path.to_path_buf(),
        allowed: ALLOWED,
    })?;
    let rgb = DynamicImage::from(picture).into_rgb8();
    Ok(files::replace(path, |writer| {
        let written = match format {
            ImageFormat::Jpeg => rgb.write_with_encoder(JpegEncoder::new_with_quality(writer, JPEG_QUALITY)),
            _ => rgb.write_to(writer, format),
        };
        written.map_err(std::io::Error::other)
    })?)
}
