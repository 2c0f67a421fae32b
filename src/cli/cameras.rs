//! `pinkpoint cameras`: which cameras can be used, and how to name them.

use std::{path::Path, time::Instant};

use serde::Serialize;

use super::say_json;
use crate::source::{
    CameraSource, CameraWish, CameraWishes, PixelFormat, Source,
    cameras::{self, Camera, Mode},
};

/// List the cameras that can capture.
#[derive(Debug, clap::Args)]
pub struct CamerasArgs {
    /// Take a picture in every format and size as well, and say what comes
    #[arg(long = "try")]
    tries: bool,
    /// Print what is known as JSON
    #[arg(long)]
    json: bool,
}

/// A camera, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Listed<'a> {
    /// What `--source` takes.
    source: String,
    node: &'a Path,
    name: &'a str,
    stable_path: Option<&'a Path>,
    modes: Vec<ListedMode>,
    /// Formats that it offers and that are not read here.
    not_read: Vec<PixelFormat>,
}

/// One way in which it can capture.
#[derive(Debug, Serialize)]
struct ListedMode {
    format: PixelFormat,
    width: u32,
    height: u32,
    /// Frames a second, the most first.
    rates: Vec<f64>,
    /// What came of `--try`.
    #[serde(skip_serializing_if = "Option::is_none")]
    tried: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// Never; it has the form of all commands.
pub fn run(args: CamerasArgs) -> anyhow::Result<()> {
    let cameras = cameras::list();
    if args.json {
        let listed = cameras.iter().enumerate();
        return say_json(&Vec::from_iter(
            listed.map(|(number, camera)| Listed::of(number, camera, args.tries)),
        ));
    }
    if cameras.is_empty() {
        say!(
            "No camera that can capture was found. If one is plugged in: is there a /dev/video0, and may you open it \
             (group 'video')?"
        );
    }
    for (number, camera) in cameras.iter().enumerate() {
        let modes = camera.modes();
        say!(
            "{}",
            about(number, camera, &camera.formats().unwrap_or_default(), &modes).trim_end()
        );
        for mode in modes.iter().filter(|_| args.tries) {
            let (width, height) = mode.size;
            say!(
                "    tried {} {width} x {height}: {}",
                mode.format,
                tried(camera, mode)
            );
        }
    }
    Ok(())
}

impl<'a> Listed<'a> {
    fn of(number: usize, camera: &'a Camera, tries: bool) -> Self {
        let modes = camera.modes().into_iter().map(|mode| ListedMode {
            format: mode.format,
            width: mode.size.0,
            height: mode.size.1,
            tried: tries.then(|| tried(camera, &mode)),
            rates: mode.rates,
        });
        Self {
            source: format!("camera:{number}"),
            node: &camera.node,
            name: &camera.name,
            stable_path: camera.stable_path.as_deref(),
            modes: modes.collect(),
            not_read: camera
                .formats()
                .unwrap_or_default()
                .into_iter()
                .filter(|format| !format.is_read())
                .collect(),
        }
    }
}

/// What comes when the camera is asked for this.
fn tried(camera: &Camera, mode: &Mode) -> String {
    let mut wishes = CameraWishes::default();
    let wish = CameraWish {
        format: Some(mode.format),
        size: Some(mode.size),
        ..CameraWish::default()
    };
    wishes.set(camera, wish);
    let began = Instant::now();
    let outcome = CameraSource::open(camera, &wishes).and_then(|mut source| {
        let given = source.info().camera.as_ref().map(|facts| facts.format);
        Ok((given.unwrap_or(mode.format), source.next_picture()?))
    });
    match outcome {
        Ok((given, Some(grab))) => {
            let (width, height) = grab.picture.dimensions();
            let seconds = began.elapsed().as_secs_f32();
            format!("a picture of {width} x {height} in {given} after {seconds:.1} s")
        }
        Ok((_, None)) => "no picture".into(),
        Err(error) => error.to_string(),
    }
}

fn about(number: usize, camera: &Camera, formats: &[PixelFormat], modes: &[Mode]) -> String {
    let mut text = format!("camera:{number}  {}  {}\n", camera.node.display(), camera.name);
    if let Some(path) = &camera.stable_path {
        text += &format!("    always the same: {}\n", path.display());
    }
    for mode in modes {
        let fps = mode
            .rates
            .first()
            .map_or_else(String::new, |fps| format!(", up to {fps:.0} frames/s"));
        let (width, height) = mode.size;
        text += &format!("    {} {width} x {height}{fps}\n", mode.format);
    }
    let unread = formats.iter().filter(|format| !format.is_read());
    let unread: Vec<String> = unread.map(PixelFormat::to_string).collect();
    if !unread.is_empty() {
        text += &format!("    not read here: {}\n", unread.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_is_described_by_what_can_be_typed() {
        let camera = Camera {
            node: "/dev/video2".into(),
            name: "Some Webcam".into(),
            stable_path: Some("/dev/v4l/by-id/usb-some-index0".into()),
        };
        let mode = Mode {
            format: PixelFormat::MJPG,
            size: (1280, 720),
            rates: vec![30.0, 15.0],
        };
        let formats = [PixelFormat::MJPG, PixelFormat(*b"HSV3")];
        let text = about(1, &camera, &formats, &[mode]);
        for part in [
            "camera:1",
            "/dev/video2",
            "Some Webcam",
            "/dev/v4l/by-id/usb-some-index0",
            "MJPG 1280 x 720",
            "not read here: HSV3",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
