//! A video4linux device that takes pictures and gives them to other programs as a webcam would: v4l2loopback. It keeps the size
//! that it got first; pictures of other sizes have to be fitted into that.

use std::{
    fs,
    io::{self, ErrorKind, Write},
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
};

use v4l::{
    Device, Format, FourCC,
    v4l_sys::{V4L2_CAP_VIDEO_CAPTURE, V4L2_CAP_VIDEO_OUTPUT, v4l2_capability},
    v4l2::{self, vidioc},
    video::Output,
};

use super::{Delivery, Moment, SendError, Sink, yuv::PixelFormat};

/// An open device.
pub(super) struct VirtualCamera {
    device: Device,
    path: PathBuf,
    /// How it takes pictures, once it got one.
    accepted: Option<Accepted>,
    /// The picture as it takes it.
    bytes: Vec<u8>,
}

/// How the device takes pictures.
#[derive(Debug, Clone, Copy)]
struct Accepted {
    format: PixelFormat,
    size: (u32, u32),
}

impl VirtualCamera {
    pub(super) fn open(path: &Path) -> Result<Self, SendError> {
        let not_an_output = |why: &str| SendError::NotAnOutput {
            path: path.to_path_buf(),
            why: why.to_owned(),
        };
        // Before it is opened, which waits for a reader of a pipe, and turns on what some devices do.
        let kind = fs::metadata(path)
            .map_err(|error| failed(path, &error))?
            .file_type();
        if !kind.is_char_device() {
            return Err(not_an_output(if kind.is_dir() {
                "it is a folder"
            } else if kind.is_fifo() {
                "it is a pipe"
            } else {
                "it is a file"
            }));
        }
        let device = Device::with_path(path).map_err(|error| failed(path, &error))?;
        let can = capabilities(&device).map_err(|_| not_an_output("it is no device of video4linux"))?;
        if can & V4L2_CAP_VIDEO_OUTPUT == 0 {
            return Err(not_an_output(if can & V4L2_CAP_VIDEO_CAPTURE == 0 {
                "it takes no pictures"
            } else {
                "it is a camera, or another program gives it pictures already"
            }));
        }
        Ok(Self {
            device,
            path: path.to_path_buf(),
            accepted: None,
            bytes: Vec::new(),
        })
    }

    /// Agrees with the device on how it takes pictures of about this size.
    fn agree(&self, (width, height): (u32, u32)) -> Result<Accepted, SendError> {
        let refused = |why: String| SendError::Refused {
            path: self.path.clone(),
            why,
        };
        let mut last = None;
        for format in PixelFormat::ALL {
            let wanted = Format::new(even(width), even(height), FourCC::new(&format.fourcc()));
            // While somebody reads, some keep what they have, and say so.
            match self.device.set_format(&wanted).or_else(|error| {
                let kept = Output::format(&self.device);
                kept.map_err(|_| error)
            }) {
                Ok(given) => match accepted(&given) {
                    Some(accepted) => return Ok(accepted),
                    None => {
                        last = Some(format!(
                            "it is set to {} of {}x{}",
                            given.fourcc, given.width, given.height
                        ))
                    }
                },
                Err(error) => last = Some(error.to_string()),
            }
        }
        Err(refused(last.unwrap_or_default()))
    }
}

impl Sink for VirtualCamera {
    fn picture_size(&mut self, own: (u32, u32)) -> Result<Option<(u32, u32)>, SendError> {
        let accepted = match self.accepted {
            Some(accepted) => accepted,
            None => *self.accepted.insert(self.agree(own)?),
        };
        Ok(Some(accepted.size))
    }

    fn send(&mut self, moment: &Moment<'_>) -> Result<Delivery, SendError> {
        let (Some(picture), Some(accepted)) = (moment.picture, self.accepted) else {
            return Ok(Delivery::LeftOut);
        };
        accepted.format.convert(picture, &mut self.bytes);
        match self.device.write(&self.bytes) {
            Ok(_) => Ok(Delivery::Sent),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Delivery::LeftOut),
            Err(error) => Err(failed(&self.path, &error)),
        }
    }
}

/// What a format means, where it is one that is written, of even sides and without gaps between rows.
fn accepted(given: &Format) -> Option<Accepted> {
    let format = PixelFormat::ALL
        .into_iter()
        .find(|format| format.fourcc() == given.fourcc.repr)?;
    let row = match format {
        PixelFormat::Yuyv => 2 * given.width,
        PixelFormat::Yu12 => given.width,
    };
    let is_plain = given.stride == 0 || given.stride == row;
    let is_even = given.width.is_multiple_of(2) && given.height.is_multiple_of(2);
    (is_plain && is_even && given.width > 0 && given.height > 0).then_some(Accepted {
        format,
        size: (given.width, given.height),
    })
}

/// The next even number below, as pixels share their colour with their neighbours.
fn even(side: u32) -> u32 {
    (side & !1).max(2)
}

/// What the device says that this opening of it can do.
fn capabilities(device: &Device) -> io::Result<u32> {
    // SAFETY: all of it is plain numbers, for which zero is a value.
    let mut asked: v4l2_capability = unsafe { std::mem::zeroed() };
    let place = std::ptr::from_mut(&mut asked).cast();
    // SAFETY: the request goes with the structure, which lives until the call returns.
    unsafe { v4l2::ioctl(device.handle().fd(), vidioc::VIDIOC_QUERYCAP, place)? };
    Ok(asked.device_caps)
}

/// What an error of the device means.
fn failed(path: &Path, error: &io::Error) -> SendError {
    let path = path.to_path_buf();
    match (error.kind(), error.raw_os_error()) {
        // Its driver was taken out while it was open, or its number is left over.
        (ErrorKind::NotFound, _) | (_, Some(libc::ENODEV | libc::ENXIO)) => SendError::NoDevice { path },
        (ErrorKind::PermissionDenied, _) => SendError::Forbidden { path },
        _ => SendError::Refused {
            path,
            why: error.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_taken_as_the_device_has_it_or_not_at_all() {
        let format = |width, height, fourcc: &[u8; 4], stride| {
            let mut format = Format::new(width, height, FourCC::new(fourcc));
            format.stride = stride;
            accepted(&format).map(|accepted| (accepted.format, accepted.size))
        };
        assert_eq!(
            format(640, 480, b"YUYV", 1280),
            Some((PixelFormat::Yuyv, (640, 480)))
        );
        assert_eq!(
            format(640, 480, b"YU12", 640),
            Some((PixelFormat::Yu12, (640, 480)))
        );
        assert_eq!(
            format(640, 480, b"YU12", 0),
            Some((PixelFormat::Yu12, (640, 480)))
        );
        for (width, height, fourcc, stride) in [
            (640, 480, b"MJPG", 0),
            (640, 480, b"YUYV", 1536),
            (641, 480, b"YU12", 641),
            (0, 0, b"YUYV", 0),
        ] {
            assert_eq!(format(width, height, fourcc, stride), None);
        }
        assert_eq!([even(641), even(640), even(1), even(0)], [640, 640, 2, 2]);
    }

    #[test]
    fn a_device_that_goes_away_is_told_apart_from_one_that_refuses() {
        let told = |code| failed(Path::new("/dev/video9"), &io::Error::from_raw_os_error(code)).to_string();
        assert!(told(libc::ENODEV).contains("modprobe"), "{}", told(libc::ENODEV));
        assert!(told(libc::EACCES).contains("group video"));
        assert!(told(libc::EBUSY).contains("takes no pictures"));
    }
}
