//! What other programs get of the live video as it comes: keypoints as JSON or Open Sound Control, the picture for a virtual
//! camera. One trait, one file each. Knows plain data only; owned pictures and faces come in.

mod json;
mod json_lines;
mod osc;
mod target;
mod udp_json;
mod udp_socket;
mod virtual_camera;
mod yuv;

use std::{io, path::PathBuf, time::Duration};

use image::RgbaImage;

use crate::face::Face;
pub use json::{FaceMessage, FrameMessage};
pub use target::{Address, Target};

/// What is sent of one frame.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    /// The source's name.
    pub source: &'a str,
    /// Frames captured before this one.
    pub frame: u64,
    /// Position in the source.
    pub time: Duration,
    /// Width and height of the frame, pixels.
    pub size: (u32, u32),
    /// The faces in it.
    pub faces: &'a [Face],
    /// The picture with its overlay, in the size that the sink asked for; `None` for those that ask for none.
    pub picture: Option<&'a RgbaImage>,
}

/// What became of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It is on its way.
    Sent,
    /// There was no room for it, and nobody waits for some.
    LeftOut,
}

/// The way to another program. Owned by one thread.
pub trait Sink: Send {
    /// In which size it wants the picture of a moment, whose own size is given; `None` where it wants none.
    ///
    /// # Errors
    /// When it cannot take any.
    fn picture_size(&mut self, _own: (u32, u32)) -> Result<Option<(u32, u32)>, SendError> {
        Ok(None)
    }

    /// Sends a moment.
    ///
    /// # Errors
    /// When it cannot be sent; a later one may be.
    fn send(&mut self, moment: &Moment<'_>) -> Result<Delivery, SendError>;
}

/// Opens the way to a target.
///
/// # Errors
/// When there is none: the host is unknown, the device is not there or is no output.
pub fn open(target: &Target) -> Result<Box<dyn Sink>, SendError> {
    Ok(match target {
        Target::Udp { address, raw } => Box::new(udp_json::UdpJson::open(address, *raw)?),
        Target::Osc { address, pixels } => Box::new(osc::Osc::open(address, *pixels)?),
        Target::VirtualCamera(path) => Box::new(virtual_camera::VirtualCamera::open(path)?),
        Target::Stdout => Box::new(json_lines::JsonLines::to(io::stdout())),
    })
}

/// Why something could not be sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Nobody knows the host.
    #[error("the host {host} cannot be found ({why}); check its name, or write its number")]
    UnknownHost {
        /// Its name.
        host: String,
        /// What the system said.
        why: String,
    },
    /// The network does not take it.
    #[error("nothing can be sent to {address} ({why}); check the address and the network")]
    Network {
        /// Where it was to go.
        address: String,
        /// What the system said.
        why: String,
    },
    /// A face does not fit into a datagram.
    #[error(
        "a face of {points} points does not fit into a datagram ({size} bytes); `pinkpoint follow` writes faces of any size \
         to standard output"
    )]
    TooLarge {
        /// Its points.
        points: usize,
        /// What it would need.
        size: usize,
    },
    /// There is no such device.
    #[error(
        "there is no {}; load the driver of virtual cameras{}",
        path.display(),
        modprobe(path)
    )]
    NoDevice {
        /// The device asked for.
        path: PathBuf,
    },
    /// It is not a device that takes pictures.
    #[error("{} is no virtual camera ({why}); choose another device, or load the driver of virtual cameras{}", path.display(), modprobe(path))]
    NotAnOutput {
        /// The device asked for.
        path: PathBuf,
        /// What it is.
        why: String,
    },
    /// This user may not use it.
    #[error(
        "{} may not be used by this user; have root add you to the group video (usermod -aG video USER) and log in again",
        path.display()
    )]
    Forbidden {
        /// The device asked for.
        path: PathBuf,
    },
    /// It takes no pictures now.
    #[error("{} takes no pictures ({why}); close other programs that use it, or load its driver anew", path.display())]
    Refused {
        /// The device.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// The picture was not drawn.
    #[error("the picture for a virtual camera cannot be drawn: {0}")]
    Picture(String),
    /// Whoever read has ended.
    #[error("nobody reads any more")]
    NobodyReads,
    /// Standard output takes nothing.
    #[error("nothing can be written to standard output: {0}")]
    Stdout(io::Error),
}

/// How the driver of virtual cameras is loaded so that it makes the device at `path`.
fn modprobe(path: &std::path::Path) -> String {
    let name = path.file_name().and_then(|name| name.to_str());
    let number = name.and_then(|name| name.strip_prefix("video")?.parse::<u32>().ok());
    let number = number.map_or_else(String::new, |number| format!(" video_nr={number}"));
    format!(
        ": sudo modprobe v4l2loopback exclusive_caps=1 card_label=Pinkpoint{number} (Debian's package v4l2loopback-dkms)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{Point, Rect};

    /// A face of so many points.
    pub(super) fn face(id: u32, count: u16) -> Face {
        let points = |x: f32, y: f32| {
            let steps = (0..count).map(f32::from);
            steps.map(|step| Point::new(x + step, y + step)).collect()
        };
        Face {
            id,
            face_box: Rect::new(10.0, 20.0, 100.0, 120.0),
            points: points(10.123, 20.0),
            raw_points: points(10.0, 20.5),
            confidence: Some(0.98764),
            spread: Vec::new(),
        }
    }

    /// A frame with these faces.
    pub(super) fn moment(faces: &[Face]) -> Moment<'_> {
        Moment {
            source: "a \"film\"",
            frame: 12,
            time: Duration::from_millis(400),
            size: (640, 480),
            faces,
            picture: None,
        }
    }

    #[test]
    fn what_cannot_be_opened_says_how_a_virtual_camera_is_made() {
        let why = |target: &str| match open(&target.parse().unwrap()) {
            Ok(_) => panic!("{target} was opened"),
            Err(error) => error.to_string(),
        };
        let missing = why("v4l2:/dev/video987");
        assert!(
            missing.contains("no /dev/video987") && missing.contains("modprobe v4l2loopback"),
            "{missing}"
        );
        assert!(missing.contains("video_nr=987"), "{missing}");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "as it was").unwrap();
        for (path, named) in [
            (file.as_path(), "it is a file"),
            (folder.path(), "it is a folder"),
            (std::path::Path::new("/dev/null"), "no device of video4linux"),
        ] {
            let why = why(&format!("v4l2:{}", path.display()));
            assert!(
                why.contains(named) && why.contains("modprobe v4l2loopback"),
                "{why}"
            );
        }
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "as it was");
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        let why = why(&format!("v4l2:{}", pipe.display()));
        assert!(why.contains("it is a pipe"), "{why}");
    }
}
