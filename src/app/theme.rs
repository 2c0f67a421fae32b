//! Every colour, size and distance of the window. Nothing else in `app` names one.

use egui::{Color32, CornerRadius, FontId, Margin, Stroke, TextStyle, Vec2};

use crate::overlay::{Colour, PINK};

/// The program's pink: predicted points, and what is chosen or pointed at.
pub const ACCENT: Color32 = colour(PINK);
/// Round the video.
pub const BACKGROUND: Color32 = Color32::from_rgb(13, 13, 17);
/// Menu, panels, status bar.
pub const PANEL: Color32 = Color32::from_rgb(23, 23, 29);
/// Windows, menus and notices: a step nearer to the eye.
pub const RAISED: Color32 = Color32::from_rgb(33, 33, 41);
/// Lines between areas.
pub const LINE: Color32 = Color32::from_rgb(48, 48, 58);
/// Buttons and fields at rest, and under the pointer.
pub const CONTROL: Color32 = Color32::from_rgb(44, 44, 54);
const CONTROL_HOVERED: Color32 = Color32::from_rgb(58, 58, 71);
/// Text to read.
pub const TEXT: Color32 = Color32::from_rgb(222, 222, 230);
/// Names of values, hints.
pub const TEXT_WEAK: Color32 = Color32::from_rgb(142, 142, 158);
/// Something to know of.
pub const WARNING: Color32 = Color32::from_rgb(240, 190, 90);
/// Something that does not work.
pub const ERROR: Color32 = Color32::from_rgb(255, 104, 104);
/// Laid over the video behind a message.
pub const VEIL: Color32 = Color32::from_black_alpha(150);

/// Size of the window when it first opens, and the smallest in which everything can be reached.
pub const WINDOW_SIZE: Vec2 = Vec2::new(1280.0, 800.0);
/// See [`WINDOW_SIZE`].
pub const SMALLEST_WINDOW: Vec2 = Vec2::new(480.0, 320.0);

/// Distance between things that belong together, and between those that do not.
pub const SPACE: f32 = 6.0;
/// See [`SPACE`].
pub const WIDE_SPACE: f32 = 14.0;
/// Inside of panels.
pub const PANEL_MARGIN: Margin = Margin::symmetric(10, 5);
/// Inside of notices and messages.
pub const CARD_MARGIN: Margin = Margin::symmetric(14, 10);
/// Corners of cards, windows and controls.
pub const ROUNDING: CornerRadius = CornerRadius::same(6);

/// Width of the side panel: as it opens, and how far it goes.
pub const SIDE_PANEL: f32 = 300.0;
/// See [`SIDE_PANEL`].
pub const SIDE_PANEL_RANGE: std::ops::RangeInclusive<f32> = 180.0..=560.0;
/// The side panel never takes more than this part of the window: the video comes first.
pub const SIDE_PANEL_SHARE: f32 = 0.42;
/// Width of notices, messages and dialogs.
pub const CARD_WIDTH: f32 = 420.0;

/// Room for the keys in the list of commands.
pub const KEYS_WIDTH: f32 = 64.0;

/// Lines of face boxes, and of the box of the chosen face.
pub const BOX_WIDTH: f32 = 1.5;
/// See [`BOX_WIDTH`].
pub const CHOSEN_BOX_WIDTH: f32 = 2.5;
/// A point of a small face on the screen is not smaller than this.
pub const SMALLEST_DOT: f32 = 1.3;

const BODY_SIZE: f32 = 13.5;
const SMALL_SIZE: f32 = 11.5;
const HEADING_SIZE: f32 = 15.5;

/// A colour of the overlay as one of the window.
pub const fn colour([red, green, blue]: Colour) -> Color32 {
    Color32::from_rgb(red, green, blue)
}

/// Dresses the window.
pub fn apply(ctx: &egui::Context) {
    ctx.set_theme(egui::Theme::Dark);
    ctx.all_styles_mut(|style| {
        style.text_styles = [
            (TextStyle::Body, FontId::proportional(BODY_SIZE)),
            (TextStyle::Button, FontId::proportional(BODY_SIZE)),
            (TextStyle::Heading, FontId::proportional(HEADING_SIZE)),
            (TextStyle::Monospace, FontId::monospace(BODY_SIZE - 0.5)),
            (TextStyle::Small, FontId::proportional(SMALL_SIZE)),
        ]
        .into();
        style.spacing.item_spacing = Vec2::new(SPACE + 2.0, SPACE);
        style.spacing.button_padding = Vec2::new(9.0, 4.0);
        style.spacing.menu_margin = Margin::same(6);
        style.visuals = visuals();
    });
}

fn visuals() -> egui::Visuals {
    let mut visuals = egui::Visuals::dark();
    visuals.panel_fill = PANEL;
    visuals.window_fill = RAISED;
    visuals.window_stroke = Stroke::new(1.0, LINE);
    visuals.window_corner_radius = ROUNDING;
    visuals.menu_corner_radius = ROUNDING;
    visuals.extreme_bg_color = BACKGROUND;
    visuals.hyperlink_color = ACCENT;
    visuals.warn_fg_color = WARNING;
    visuals.error_fg_color = ERROR;
    visuals.selection.bg_fill = ACCENT.gamma_multiply(0.45);
    visuals.selection.stroke = Stroke::new(1.0, TEXT);
    let widgets = &mut visuals.widgets;
    widgets.noninteractive.bg_stroke = Stroke::new(1.0, LINE);
    widgets.noninteractive.fg_stroke = Stroke::new(1.0, TEXT);
    for (state, fill, stroke) in [
        (&mut widgets.inactive, CONTROL, Color32::TRANSPARENT),
        (&mut widgets.hovered, CONTROL_HOVERED, LINE),
        (&mut widgets.active, CONTROL_HOVERED, ACCENT),
        (&mut widgets.open, CONTROL_HOVERED, Color32::TRANSPARENT),
    ] {
        state.bg_fill = fill;
        state.weak_bg_fill = fill;
        state.bg_stroke = Stroke::new(1.0, stroke);
        state.fg_stroke = Stroke::new(1.0, TEXT);
        state.corner_radius = ROUNDING;
        state.expansion = 0.0;
    }
    visuals
}
