//! Controls of the settings, each below its name and as wide as the panel lets it.

use egui::{ComboBox, Slider, Ui};

use super::theme;

/// A slider; whether it was moved.
pub fn slider(ui: &mut Ui, name: &str, slider: Slider<'_>, help: &str) -> bool {
    let label = ui.label(name);
    ui.spacing_mut().slider_width = (ui.available_width() - theme::VALUE_WIDTH).max(theme::VALUE_WIDTH / 2.0);
    let moved = ui.add(slider).labelled_by(label.id);
    let moved = if help.is_empty() {
        moved
    } else {
        moved.on_hover_text(help)
    };
    moved.changed()
}

/// A choice of what `contents` offer; `chosen` is what it is now, in words.
pub fn choice(ui: &mut Ui, name: &str, chosen: &str, contents: impl FnOnce(&mut Ui)) {
    let label = ui.label(name);
    let combo = ComboBox::from_id_salt(name)
        .selected_text(chosen)
        .width(ui.available_width() - 2.0 * theme::SPACE)
        .show_ui(ui, contents);
    combo.response.labelled_by(label.id);
}
