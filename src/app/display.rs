//! Whether a window could be opened, for those who start the program once more to open one.

use std::{os::unix::net::UnixStream, path::PathBuf, ptr};

use x11_dl::xlib::Xlib;

/// Looks for the display that a window would be opened on, as winit does: Wayland where that is named, else X11.
///
/// # Errors
/// Says in a few words what is missing.
pub fn can_open() -> Result<(), String> {
    let named = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if named("WAYLAND_SOCKET").is_some() {
        return Ok(());
    }
    if let Some(name) = named("WAYLAND_DISPLAY") {
        let folder = named("XDG_RUNTIME_DIR").map(PathBuf::from).unwrap_or_default();
        let socket = folder.join(name);
        let answer = UnixStream::connect(&socket);
        return answer
            .map(drop)
            .map_err(|e| format!("the Wayland display {} does not answer ({e})", socket.display()));
    }
    let name = named("DISPLAY").ok_or("there is no display")?;
    let xlib = Xlib::open().map_err(|e| format!("the library of X11 is missing ({e})"))?;
    // SAFETY: a null name stands for the one in DISPLAY; what was opened is closed, once.
    let is_there = unsafe {
        let display = (xlib.XOpenDisplay)(ptr::null());
        if !display.is_null() {
            (xlib.XCloseDisplay)(display);
        }
        !display.is_null()
    };
    if is_there {
        Ok(())
    } else {
        Err(format!("the X server {} does not answer", name.display()))
    }
}
