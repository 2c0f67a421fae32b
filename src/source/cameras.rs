//! Which cameras there are: the video4linux nodes that can capture, with names that stay the same.

use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use v4l::{FourCC, frameinterval::FrameIntervalEnum, framesize::FrameSizeEnum, video::Capture};

use super::{PixelFormat, SourceError, SourceSpec};

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
    /// How its pictures come.
    pub format: PixelFormat,
    /// Pixels per row, and rows.
    pub size: (u32, u32),
    /// Frames a second, the most first; empty where the driver does not say.
    pub rates: Vec<f64>,
}

/// What is offered of a camera that takes any size between two.
const USUAL_SIZES: [(u32, u32); 6] = [
    (320, 240),
    (640, 360),
    (640, 480),
    (1280, 720),
    (1920, 1080),
    (3840, 2160),
];
/// And of one that takes any rate between two, frames a second.
const USUAL_RATES: [f64; 7] = [120.0, 60.0, 30.0, 25.0, 15.0, 10.0, 5.0];

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

/// Of these cameras the one of this name, else the first with it in its name, upper and lower case alike.
pub(super) fn named(cameras: Vec<Camera>, name: &str) -> Option<Camera> {
    let wanted = name.to_lowercase();
    let called = |camera: &Camera| camera.name.to_lowercase();
    let place = cameras.iter().position(|camera| called(camera) == wanted);
    let place = place.or_else(|| cameras.iter().position(|camera| called(camera).contains(&wanted)));
    cameras.into_iter().nth(place?)
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
            None => SourceSpec::CameraCalled(self.name.clone()),
        }
    }

    /// All formats that the device offers to capture in, also those that are not read here.
    ///
    /// # Errors
    /// When the device cannot be asked.
    pub fn formats(&self) -> io::Result<Vec<PixelFormat>> {
        let formats = v4l::Device::with_path(&self.node)?.enum_formats()?.into_iter();
        Ok(formats.map(|format| PixelFormat(format.fourcc.repr)).collect())
    }

    /// The formats that are read here, with their sizes and rates; empty when the camera does not say.
    pub fn modes(&self) -> Vec<Mode> {
        let (Ok(device), Ok(formats)) = (v4l::Device::with_path(&self.node), self.formats()) else {
            return Vec::new();
        };
        let mut modes = Vec::new();
        for format in formats.into_iter().filter(|format| format.is_read()) {
            let fourcc = FourCC { repr: format.0 };
            for size in device.enum_framesizes(fourcc).unwrap_or_default() {
                modes.extend(sizes(&size.size).into_iter().map(|(width, height)| Mode {
                    format,
                    size: (width, height),
                    rates: rates(&device, fourcc, width, height),
                }));
            }
        }
        modes
    }
}

fn sizes(offered: &FrameSizeEnum) -> Vec<(u32, u32)> {
    let range = match offered {
        FrameSizeEnum::Discrete(size) => return vec![(size.width, size.height)],
        FrameSizeEnum::Stepwise(range) => range,
    };
    let on_step = |value: u32, (least, most, step): (u32, u32, u32)| {
        (least..=most).contains(&value) && (value - least).is_multiple_of(step.max(1))
    };
    let largest = (range.max_width, range.max_height);
    let usual = USUAL_SIZES.into_iter().filter(|&(width, height)| {
        on_step(width, (range.min_width, range.max_width, range.step_width))
            && on_step(height, (range.min_height, range.max_height, range.step_height))
            && (width, height) != largest
    });
    usual.chain([largest]).collect()
}

fn rates(device: &v4l::Device, format: FourCC, width: u32, height: u32) -> Vec<f64> {
    let rate = |time: &v4l::Fraction| f64::from(time.denominator) / f64::from(time.numerator.max(1));
    let intervals = device
        .enum_frameintervals(format, width, height)
        .unwrap_or_default();
    let mut rates: Vec<f64> = Vec::new();
    for interval in &intervals {
        match &interval.interval {
            FrameIntervalEnum::Discrete(time) => rates.push(rate(time)),
            FrameIntervalEnum::Stepwise(range) => {
                // The shortest time between two is the highest rate.
                let (least, most) = (rate(&range.max), rate(&range.min));
                rates.extend(
                    USUAL_RATES
                        .into_iter()
                        .filter(|rate| (least..=most).contains(rate)),
                );
            }
        }
    }
    rates.retain(|rate| rate.is_finite() && *rate > 0.0);
    rates.sort_by(|a, b| b.total_cmp(a));
    rates.dedup();
    rates
}

#[cfg(test)]
mod tests {
    use super::*;
    use v4l::framesize::{Discrete, Stepwise};

    #[test]
    fn a_whole_name_comes_before_names_that_it_is_part_of() {
        let camera = |name: &str| Camera {
            node: format!("/dev/{name}").into(),
            name: name.into(),
            stable_path: None,
        };
        let all = ["HD Webcam Pro", "HD Webcam", "Other"].map(camera).to_vec();
        let found = |name| named(all.clone(), name).map(|camera| camera.name);
        assert_eq!(found("hd webcam").as_deref(), Some("HD Webcam"));
        assert_eq!(found("webcam").as_deref(), Some("HD Webcam Pro"));
        assert_eq!(found("none"), None);
        // One that is waited for gives way to no other.
        assert_eq!(all[1].spec().to_string(), "camera:=HD Webcam");
    }

    #[test]
    fn of_a_range_of_sizes_the_usual_ones_in_it_and_the_largest_are_offered() {
        let one = FrameSizeEnum::Discrete(Discrete {
            width: 800,
            height: 600,
        });
        assert_eq!(sizes(&one), [(800, 600)]);
        let range = FrameSizeEnum::Stepwise(Stepwise {
            min_width: 2,
            max_width: 1280,
            step_width: 2,
            min_height: 1,
            max_height: 720,
            step_height: 7,
        });
        // Rows are 1, 8, ... 715, and the largest as the driver says.
        assert_eq!(sizes(&range), [(1280, 720)]);
        let range = FrameSizeEnum::Stepwise(Stepwise {
            min_width: 2,
            max_width: 8192,
            step_width: 1,
            min_height: 1,
            max_height: 600,
            step_height: 1,
        });
        assert_eq!(sizes(&range), [(320, 240), (640, 360), (640, 480), (8192, 600)]);
    }
}
