//! The colours, sizes and distances of the window. Those of a single drawing, such as the graph, stand where it is drawn.

use egui::{Color32, Context, CornerRadius, FontId, Id, Label, Margin, Rect, Stroke, TextStyle, Ui, Vec2};
use serde::{Deserialize, Serialize};

use crate::overlay::{Colour, PINK};

/// How the window is dressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Theme {
    /// Light text on dark grey: the video is the brightest thing.
    #[default]
    Dark,
    /// Dark text on light grey.
    Light,
    /// White and yellow on black, with lines round everything.
    HighContrast,
}

/// The colours of a theme, by what they are for.
#[derive(Debug)]
pub struct Colours {
    /// The program's pink: what is chosen, pointed at, or to be noticed.
    pub accent: Color32,
    /// Round the video, and within fields.
    pub background: Color32,
    /// Menu, panels, status bar.
    pub panel: Color32,
    /// Windows, menus and notices: a step nearer to the eye.
    pub raised: Color32,
    /// Lines between areas.
    pub line: Color32,
    /// Buttons at rest, and under the pointer.
    pub control: Color32,
    /// See `control`.
    pub control_hovered: Color32,
    /// Lines round buttons.
    pub control_line: Color32,
    /// Text to read.
    pub text: Color32,
    /// Names of values, hints.
    pub text_weak: Color32,
    /// Something to know of.
    pub warning: Color32,
    /// Something that does not work.
    pub error: Color32,
    /// Laid over the video behind a message.
    pub veil: Color32,
}

static DARK: Colours = Colours {
    accent: colour(PINK),
    background: Color32::from_rgb(13, 13, 17),
    panel: Color32::from_rgb(23, 23, 29),
    raised: Color32::from_rgb(33, 33, 41),
    line: Color32::from_rgb(48, 48, 58),
    control: Color32::from_rgb(44, 44, 54),
    control_hovered: Color32::from_rgb(58, 58, 71),
    control_line: Color32::TRANSPARENT,
    text: Color32::from_rgb(222, 222, 230),
    text_weak: Color32::from_rgb(142, 142, 158),
    warning: Color32::from_rgb(240, 190, 90),
    error: Color32::from_rgb(255, 104, 104),
    veil: Color32::from_black_alpha(150),
};

static LIGHT: Colours = Colours {
    accent: Color32::from_rgb(196, 20, 108),
    background: Color32::from_rgb(214, 214, 220),
    panel: Color32::from_rgb(240, 240, 244),
    raised: Color32::from_rgb(252, 252, 254),
    line: Color32::from_rgb(204, 204, 212),
    control: Color32::from_rgb(224, 224, 231),
    control_hovered: Color32::from_rgb(208, 208, 218),
    control_line: Color32::TRANSPARENT,
    text: Color32::from_rgb(28, 28, 36),
    text_weak: Color32::from_rgb(94, 94, 108),
    warning: Color32::from_rgb(148, 96, 0),
    error: Color32::from_rgb(190, 24, 24),
    veil: Color32::from_rgba_premultiplied(190, 190, 190, 190),
};

static HIGH_CONTRAST: Colours = Colours {
    accent: Color32::from_rgb(255, 220, 0),
    background: Color32::BLACK,
    panel: Color32::BLACK,
    raised: Color32::BLACK,
    line: Color32::WHITE,
    control: Color32::from_rgb(44, 44, 44),
    control_hovered: Color32::from_rgb(80, 80, 80),
    control_line: Color32::WHITE,
    text: Color32::WHITE,
    text_weak: Color32::from_rgb(224, 224, 224),
    warning: Color32::from_rgb(255, 220, 0),
    error: Color32::from_rgb(255, 150, 150),
    veil: Color32::from_black_alpha(210),
};

impl Theme {
    /// All themes, with what they are called.
    pub const ALL: [(Self, &str); 3] = [
        (Self::Dark, "Dark"),
        (Self::Light, "Light"),
        (Self::HighContrast, "High contrast"),
    ];

    /// Its colours.
    pub fn colours(self) -> &'static Colours {
        match self {
            Self::Dark => &DARK,
            Self::Light => &LIGHT,
            Self::HighContrast => &HIGH_CONTRAST,
        }
    }

    /// Where the theme is kept for all that draw.
    fn id() -> Id {
        Id::unique("theme")
    }
}

/// The colours of the theme that the window is dressed in.
pub fn colours(ctx: &Context) -> &'static Colours {
    let theme: Option<Theme> = ctx.data(|data| data.get_temp(Theme::id()));
    theme.unwrap_or_default().colours()
}

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

/// Width of the side panels: as they open, and how far they go.
pub const SIDE_PANEL: f32 = 300.0;
/// See [`SIDE_PANEL`].
pub const SIDE_PANEL_RANGE: std::ops::RangeInclusive<f32> = 180.0..=560.0;
/// A side panel never takes more than this part of the window: the video comes first.
pub const SIDE_PANEL_SHARE: f32 = 0.42;
/// Height of the panel of plots, as it opens.
pub const PLOTS_HEIGHT: f32 = 190.0;
/// It never takes more than this part of the window's height.
pub const PLOTS_SHARE: f32 = 0.35;
/// Room for the numbers beside a plot.
pub const AXIS_WIDTH: f32 = 34.0;
/// Width of notices, messages and dialogs.
pub const CARD_WIDTH: f32 = 420.0;
/// Room for the number beside a slider.
pub const VALUE_WIDTH: f32 = 76.0;
/// Height of the list in the palette of commands, and how far below the top it opens, of the window's height.
pub const PALETTE_HEIGHT: f32 = 320.0;
/// What a menu leaves of the window's height.
pub const MENU_LEAVES: f32 = 56.0;
/// See [`PALETTE_HEIGHT`].
pub const PALETTE_TOP: f32 = 0.12;

/// Room for the keys in the list of commands.
pub const KEYS_WIDTH: f32 = 96.0;

/// Lines of face boxes, and of the box of the chosen face.
pub const BOX_WIDTH: f32 = 1.5;
/// See [`BOX_WIDTH`].
pub const CHOSEN_BOX_WIDTH: f32 = 2.5;
/// A point or line of a small face on the screen is not smaller than this.
pub const SMALLEST_DOT: f32 = 1.3;
/// Text over the video, points: capitals are not smaller or larger than this.
pub const OVERLAY_TEXT: std::ops::RangeInclusive<f32> = 6.0..=14.0;
/// Height of a capital letter, of the font's size.
pub const CAPITAL: f32 = 0.72;
/// How far behind words over the video their shade lies.
pub const SHADE_OFFSET: Vec2 = Vec2::splat(1.0);
/// How visible it is: where words stand close together it is not to cover them.
pub const SHADE_OPACITY: f32 = 0.5;
/// The pointer is at a keypoint that is no further away than this.
pub const REACH: f32 = 9.0;
/// And than this share of its face's side.
pub const REACH_SHARE: f32 = 0.06;
/// Ring round the keypoint that the pointer is at.
pub const RING: f32 = 6.0;

/// Smallest text: numbers in squares, what stands in the boxes of a graph.
pub const SMALLEST_TEXT: f32 = 10.0;
/// Share of a cell that stays free round the cross of a dead map.
pub const CROSS_SHARE: f32 = 0.3;
/// Height of a plot in the side panel.
pub const SMALL_PLOT_HEIGHT: f32 = 72.0;
/// Side of a pinned map.
pub const PINNED_SIDE: f32 = 112.0;
/// Height of the graph of the net, as it opens.
pub const GRAPH_HEIGHT: f32 = 140.0;
/// How much heat covers a face.
pub const HEAT_OPACITY: f32 = 0.85;
/// By how much a gamma changes for a point of the screen.
pub const GAMMA_STEP: f32 = 0.01;
/// Gammas that can be chosen for the colours of maps.
pub const GAMMA: std::ops::RangeInclusive<f32> = 0.25..=4.0;

/// Largest side of a window that is taken for one.
pub const LARGEST_WINDOW: f32 = 20_000.0;
/// Sizes of keypoints that can be chosen, in what is usual.
pub const POINT_SIZE: std::ops::RangeInclusive<f32> = 0.3..=4.0;

/// How far the window's contents can be enlarged or shrunk.
pub const ZOOM: std::ops::RangeInclusive<f32> = 0.5..=3.0;
/// By how much at a time.
pub const ZOOM_STEP: f32 = 0.1;

const BODY_SIZE: f32 = 13.5;
const SMALL_SIZE: f32 = 11.5;
const HEADING_SIZE: f32 = 15.5;

/// A colour of the overlay as one of the window.
pub const fn colour([red, green, blue]: Colour) -> Color32 {
    Color32::from_rgb(red, green, blue)
}

/// Writes a line into the lower left corner of a picture at `rect`.
pub fn caption(ui: &mut Ui, rect: Rect, text: &str) {
    let colours = colours(ui.ctx());
    let font = FontId::proportional(SMALL_SIZE);
    let galley = ui.painter().layout_no_wrap(text.to_owned(), font, colours.text);
    let size = galley.size() + Vec2::splat(2.0 * SPACE);
    let at = rect.left_bottom() + Vec2::new(SPACE, -SPACE - size.y);
    let ground = Rect::from_min_size(at, size);
    ui.painter().rect_filled(ground, ROUNDING, colours.raised);
    ui.put(ground, Label::new(galley));
}

/// What can be read on a ground of this colour.
pub fn ink_on(ground: Color32) -> Color32 {
    if ground.intensity() > 0.5 {
        Color32::BLACK
    } else {
        Color32::WHITE
    }
}

/// Dresses the window.
pub fn apply(ctx: &Context, theme: Theme) {
    ctx.data_mut(|data| data.insert_temp(Theme::id(), theme));
    ctx.set_theme(match theme {
        Theme::Light => egui::Theme::Light,
        Theme::Dark | Theme::HighContrast => egui::Theme::Dark,
    });
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
        style.visuals = visuals(theme);
    });
}

fn visuals(theme: Theme) -> egui::Visuals {
    let colours = theme.colours();
    let mut visuals = match theme {
        Theme::Light => egui::Visuals::light(),
        Theme::Dark | Theme::HighContrast => egui::Visuals::dark(),
    };
    visuals.panel_fill = colours.panel;
    visuals.window_fill = colours.raised;
    visuals.window_stroke = Stroke::new(1.0, colours.line);
    visuals.window_corner_radius = ROUNDING;
    visuals.menu_corner_radius = ROUNDING;
    visuals.extreme_bg_color = colours.background;
    visuals.hyperlink_color = colours.accent;
    visuals.warn_fg_color = colours.warning;
    visuals.error_fg_color = colours.error;
    visuals.weak_text_color = Some(colours.text_weak);
    visuals.selection.bg_fill = colours.accent.gamma_multiply(0.45);
    visuals.selection.stroke = Stroke::new(1.0, colours.text);
    let widgets = &mut visuals.widgets;
    widgets.noninteractive.bg_stroke = Stroke::new(1.0, colours.line);
    widgets.noninteractive.fg_stroke = Stroke::new(1.0, colours.text);
    for (state, fill, stroke) in [
        (&mut widgets.inactive, colours.control, colours.control_line),
        (&mut widgets.hovered, colours.control_hovered, colours.line),
        (&mut widgets.active, colours.control_hovered, colours.accent),
        (&mut widgets.open, colours.control_hovered, colours.control_line),
    ] {
        state.bg_fill = fill;
        state.weak_bg_fill = fill;
        state.bg_stroke = Stroke::new(1.0, stroke);
        state.fg_stroke = Stroke::new(1.0, colours.text);
        state.corner_radius = ROUNDING;
        state.expansion = 0.0;
    }
    visuals
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance as the Web Content Accessibility Guidelines (2.1) have it.
    fn luminance(colour: Color32) -> f64 {
        let linear = |channel: u8| {
            let c = f64::from(channel) / 255.0;
            if c <= 0.04045 {
                c / 12.92
            } else {
                ((c + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * linear(colour.r()) + 0.7152 * linear(colour.g()) + 0.0722 * linear(colour.b())
    }

    fn contrast(a: Color32, b: Color32) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_can_be_read_in_every_theme() {
        for (theme, name) in Theme::ALL {
            let colours = theme.colours();
            let (all, weak) = if theme == Theme::HighContrast {
                (7.0, 7.0)
            } else {
                (7.0, 4.5)
            };
            for ground in [colours.panel, colours.raised] {
                for (text, least) in [
                    (colours.text, all),
                    (colours.text_weak, weak),
                    (colours.accent, weak),
                    (colours.warning, weak),
                    (colours.error, weak),
                ] {
                    let seen = contrast(text, ground);
                    assert!(seen >= least, "{name}: {text:?} on {ground:?}: {seen:.1}");
                }
            }
            assert!(contrast(colours.text, colours.control_hovered) >= 4.5, "{name}");
        }
    }
}
