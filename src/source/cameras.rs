//! Which cameras there are: the video4linux nodes that can capture, with names that stay the same.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use v4l::{FourCC, frameinterval::FrameIntervalEnum, framesize::FrameSizeEnum, video::Capture};

use super::{SourceError, SourceSpec};

/// Folders of links to nodes, best first: by the camera's own serial number, by the socket it is plugged into.
const STABLE_LINKS: [&str; 2] = ["/dev/v4l/by-id", "/dev/v4l/by-path"];

/// A camera that can capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Camera {
    /// Its device node, such as `/dev/video0`; may change when it is plugged in again.
    pub node: PathBuf,
    /// Its name as the driver gives it.
    pub name: String,
    /// A link to the node that stays the same, such as `/dev/v4l/by-id/usb-...`, where the system makes one.
    pub stable_path: Option<PathBuf>,
}

/// One way in which a camera can capture.
#[derive(Debug, Clone, PartialEq)]
pub struct Mode {
    /// Four letters for the pixel format, such as `MJPG`.
    pub format: String,
    /// Pixels per row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Most frames a second, where the driver says.
    pub fps: Option<f64>,
}

/// All cameras that can capture, by number of their nodes. Nodes for metadata, output and the like are left out; of
/// nodes that this user may not open it is not known, so they are in.
pub fn list() -> Vec<Camera> {
    let Ok(entries) = std::fs::read_dir("/dev") else {
        return Vec::new();
    };
    let mut nodes: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let number = path.file_name()?.to_str()?.strip_prefix("video")?.parse().ok()?;
            Some((number, path))
        })
        .collect();
    nodes.sort();
    let cameras = nodes.into_iter().filter(|(_, node)| can_capture(node));
    cameras.map(|(_, node)| describe(node)).collect()
}

fn can_capture(node: &Path) -> bool {
    // The list of formats and not the capability flags: a loopback without a writer claims the flag and has no format.
    match v4l::Device::with_path(node).and_then(|device| device.enum_formats()) {
        Ok(formats) => !formats.is_empty(),
        Err(error) => error.kind() == ErrorKind::PermissionDenied,
    }
}

/// The camera at `path`: a device node, or a link to one.
///
/// # Errors
/// When nothing is there.
pub fn at(path: &Path) -> Result<Camera, SourceError> {
    let node = path.canonicalize().map_err(|_| SourceError::CameraAbsent {
        what: path.display().to_string(),
    })?;
    Ok(describe(node))
}

fn describe(node: PathBuf) -> Camera {
    let file_name = node.file_name().unwrap_or_default();
    let name = std::fs::read(Path::new("/sys/class/video4linux").join(file_name).join("name"))
        .map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned())
        .ok()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| node.display().to_string());
    let stable_path = STABLE_LINKS.iter().find_map(|folder| {
        let links = std::fs::read_dir(folder)
            .ok()?
            .filter_map(|entry| Some(entry.ok()?.path()));
        let mut links: Vec<PathBuf> = links
            .filter(|link| link.canonicalize().is_ok_and(|target| target == node))
            .collect();
        links.sort();
        links.into_iter().next()
    });
    Camera {
        node,
        name,
        stable_path,
    }
}

impl Camera {
    /// What opens this very camera, now and when it was plugged in again: by its stable link, else by its name.
    pub fn spec(&self) -> SourceSpec {
        match &self.stable_path {
            Some(path) => SourceSpec::Device(path.clone()),
            None => SourceSpec::CameraNamed(self.name.clone()),
        }
    }

    /// The sizes and rates that the camera offers; empty when it does not say.
    pub fn modes(&self) -> Vec<Mode> {
        let Ok(device) = v4l::Device::with_path(&self.node) else {
            return Vec::new();
        };
        let mut modes = Vec::new();
        for format in device.enum_formats().unwrap_or_default() {
            for size in device.enum_framesizes(format.fourcc).unwrap_or_default() {
                let (width, height) = match size.size {
                    FrameSizeEnum::Discrete(size) => (size.width, size.height),
                    FrameSizeEnum::Stepwise(range) => (range.max_width, range.max_height),
                };
                modes.push(Mode {
                    format: String::from_utf8_lossy(&format.fourcc.repr).trim().to_owned(),
                    width,
                    height,
                    fps: fastest(&device, format.fourcc, width, height),
                });
            }
        }
        modes
    }
}

/// Most frames a second at that format and size.
fn fastest(device: &v4l::Device, format: FourCC, width: u32, height: u32) -> Option<f64> {
    let intervals = device.enum_frameintervals(format, width, height).ok()?;
    let seconds = intervals.iter().map(|interval| match &interval.interval {
        FrameIntervalEnum::Discrete(time) => (time.numerator, time.denominator),
        FrameIntervalEnum::Stepwise(range) => (range.min.numerator, range.min.denominator),
    });
    seconds
        .filter(|(numerator, _)| *numerator > 0)
        .map(|(numerator, denominator)| f64::from(denominator) / f64::from(numerator))
        .max_by(f64::total_cmp)
}
