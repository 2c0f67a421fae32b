//! The font of figures, given to plotters once for the whole process. Knows no other room.

use plotters::style::{FontStyle, register_font};

/// Lets plotters find a font, called `sans-serif`: in this build it finds none of its own, and egui's is at hand. A second time is
/// harmless.
pub fn register() {
    let _ = register_font(
        "sans-serif",
        FontStyle::Normal,
        epaint_default_fonts::UBUNTU_LIGHT,
    );
}
