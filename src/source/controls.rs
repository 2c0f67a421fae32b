//! What can be set on a camera: exposure, white balance and whatever else its driver offers. Asks the driver by node, beside
//! whoever captures from it.

use std::{ffi::CStr, io, path::Path};

use v4l::{
    Device,
    v4l_sys::{
        V4L2_CTRL_FLAG_DISABLED, V4L2_CTRL_FLAG_GRABBED, V4L2_CTRL_FLAG_INACTIVE, V4L2_CTRL_FLAG_NEXT_CTRL,
        V4L2_CTRL_FLAG_READ_ONLY, V4L2_CTRL_FLAG_WRITE_ONLY, v4l2_control, v4l2_queryctrl, v4l2_querymenu,
    },
    v4l2::{self, vidioc},
};

/// Kinds of controls, as `linux/videodev2.h` numbers them.
const INTEGER: u32 = 1;
const BOOLEAN: u32 = 2;
const MENU: u32 = 3;
const INTEGER_MENU: u32 = 9;
/// No driver has as many; one that never comes to an end is not asked further.
const MOST_CONTROLS: usize = 512;
/// Choices of a menu that are asked for.
const MOST_CHOICES: i64 = 256;

/// Something that can be set on a camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// Its number, which is the same for all drivers where the kernel knows what it is.
    pub id: u32,
    /// Its name as the driver gives it.
    pub name: String,
    /// What it can be.
    pub kind: ControlKind,
    /// What it is.
    pub value: i64,
    /// What it is at first.
    pub default: i64,
    /// Whether it can be set now: an exposure time cannot while the camera chooses it.
    pub enabled: bool,
}

/// What a control can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControlKind {
    /// A number.
    Number {
        /// The smallest.
        least: i64,
        /// The largest.
        most: i64,
        /// From one to the next.
        step: i64,
    },
    /// On (1) or off (0).
    Switch,
    /// One of some, by number.
    Choice(Vec<(i64, String)>),
}

/// What can be set on the camera at `node`, and how it is now; nothing where that cannot be asked. Buttons and what is larger
/// than a number are left out.
pub fn of(node: &Path) -> Vec<Control> {
    let Ok(device) = Device::with_path(node) else {
        return Vec::new();
    };
    let mut controls = Vec::new();
    // SAFETY: all of it is plain numbers, for which zero is a value.
    let mut query: v4l2_queryctrl = unsafe { std::mem::zeroed() };
    for _ in 0..MOST_CONTROLS {
        query.id |= V4L2_CTRL_FLAG_NEXT_CTRL;
        if ask(&device, vidioc::VIDIOC_QUERYCTRL, &mut query).is_err() {
            break;
        }
        controls.extend(control(&device, &query));
    }
    controls
}

/// Sets a control of the camera at `node`.
///
/// # Errors
/// When the camera is gone, does not have it, or does not take the value.
pub fn set(node: &Path, id: u32, value: i64) -> io::Result<()> {
    let device = Device::with_path(node)?;
    let too_large = |_| io::Error::from(io::ErrorKind::InvalidInput);
    let mut wanted = v4l2_control {
        id,
        value: i32::try_from(value).map_err(too_large)?,
    };
    ask(&device, vidioc::VIDIOC_S_CTRL, &mut wanted)
}

fn control(device: &Device, query: &v4l2_queryctrl) -> Option<Control> {
    let useless = V4L2_CTRL_FLAG_DISABLED | V4L2_CTRL_FLAG_READ_ONLY | V4L2_CTRL_FLAG_WRITE_ONLY;
    let (least, most) = (i64::from(query.minimum), i64::from(query.maximum));
    if query.flags & useless != 0 || least >= most {
        return None;
    }
    let kind = match query.type_ {
        INTEGER => ControlKind::Number {
            least,
            most,
            step: i64::from(query.step).max(1),
        },
        BOOLEAN => ControlKind::Switch,
        MENU | INTEGER_MENU => ControlKind::Choice(choices(device, query)),
        _ => return None,
    };
    let mut now = v4l2_control {
        id: query.id,
        value: 0,
    };
    ask(device, vidioc::VIDIOC_G_CTRL, &mut now).ok()?;
    Some(Control {
        id: query.id,
        name: text(&query.name),
        kind,
        value: i64::from(now.value),
        default: i64::from(query.default_value),
        enabled: query.flags & (V4L2_CTRL_FLAG_INACTIVE | V4L2_CTRL_FLAG_GRABBED) == 0,
    })
}

/// The choices of a menu; drivers leave numbers out.
fn choices(device: &Device, query: &v4l2_queryctrl) -> Vec<(i64, String)> {
    let (least, most) = (i64::from(query.minimum), i64::from(query.maximum));
    let numbers = least..=most.min(least + MOST_CHOICES);
    let choice = |number: i64| {
        // SAFETY: all of it is plain numbers, for which zero is a value.
        let mut menu: v4l2_querymenu = unsafe { std::mem::zeroed() };
        menu.id = query.id;
        menu.index = u32::try_from(number).ok()?;
        ask(device, vidioc::VIDIOC_QUERYMENU, &mut menu).ok()?;
        // SAFETY: which of the two the driver wrote goes with the kind of control; both are plain bytes.
        let name = unsafe {
            let menu = menu.__bindgen_anon_1;
            if query.type_ == MENU {
                text(&menu.name)
            } else {
                // The structure is packed.
                let value = menu.value;
                value.to_string()
            }
        };
        Some((number, name))
    };
    numbers.filter_map(choice).collect()
}

/// A name of a fixed number of bytes.
fn text(bytes: &[u8]) -> String {
    match CStr::from_bytes_until_nul(bytes) {
        Ok(text) => text.to_string_lossy().into_owned(),
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Has the driver fill in, or take, what `request` is about.
fn ask<T>(device: &Device, request: vidioc::_IOC_TYPE, what: &mut T) -> io::Result<()> {
    // SAFETY: every call above names the request that goes with its structure, which lives until the call returns.
    unsafe { v4l2::ioctl(device.handle().fd(), request, std::ptr::from_mut(what).cast()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_camera_has_nothing_to_set_and_says_so() {
        assert_eq!(of(Path::new("/dev/null")), []);
        assert_eq!(of(Path::new("/no/such/node")), []);
        assert!(set(Path::new("/dev/null"), 1, 1).is_err());
        assert!(set(Path::new("/no/such/node"), 1, i64::MAX).is_err());
    }

    #[test]
    fn names_end_at_their_first_zero() {
        assert_eq!(text(b"Gain\0\0rest"), "Gain");
        assert_eq!(text(b"no end"), "no end");
    }
}
