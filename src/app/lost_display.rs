//! What is left to do where the X server goes away under the window: Xlib ends the program on the spot then, and what is being
//! recorded would stay unfinished.

use std::{
    cell::RefCell,
    ffi::c_int,
    io::Write,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
};

use x11_dl::xlib::{Display, Xlib};

use super::{Window, WindowError};

/// Exit status for errors, as `main` gives it.
const STATUS: c_int = 1;

/// A window that can be taken away from whoever draws it.
pub(super) type SharedWindow = Rc<RefCell<Option<Window>>>;

thread_local! {
    /// The window that this thread draws.
    static DRAWN: RefCell<Option<SharedWindow>> = const { RefCell::new(None) };
}

/// Has `window`, which this thread draws, end in good order when the X server goes away. Without X this does nothing.
pub(super) fn prepare(window: &SharedWindow) {
    DRAWN.set(Some(window.clone()));
    if let Ok(xlib) = Xlib::open() {
        // SAFETY: the function has the signature that Xlib asks for, and does not unwind; the library stays loaded.
        unsafe { (xlib.XSetIOErrorHandler)(Some(end)) };
    }
}

/// Nothing is drawn here any more.
pub(super) fn forget() {
    DRAWN.set(None);
}

/// Xlib calls this from wherever it noticed, and does not go on after it.
unsafe extern "C" fn end(_display: *mut Display) -> c_int {
    let ended = catch_unwind(AssertUnwindSafe(|| {
        DRAWN.take().is_some_and(|window| save(&window))
    }));
    let error = WindowError::DisplayLost {
        saved: ended.unwrap_or(false),
    };
    // Into the log; the line below is for whoever looks.
    tracing::info!("{error}");
    // Whether anybody reads it changes nothing.
    let _ = writeln!(std::io::stderr(), "Error: {error}");
    // SAFETY: all threads were joined where that could be done; libraries' own ends, which wait for the display, are left out.
    unsafe { libc::_exit(STATUS) }
}

/// Ends recordings and keeps the settings; whether all of that could be done: not while the window is being laid out.
fn save(window: &SharedWindow) -> bool {
    let Some(mut window) = window.try_borrow_mut().ok().and_then(|mut window| window.take()) else {
        return false;
    };
    let outcome = window.finish();
    drop(window);
    outcome.not_saved.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_that_is_being_laid_out_is_left_alone() {
        let window = SharedWindow::default();
        assert!(!save(&window), "there is none");
        let _drawing = window.borrow_mut();
        assert!(!save(&window));
    }
}
