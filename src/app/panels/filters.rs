//! The filters of a convolution: a grid, one of them large with its numbers, and its work on the whole picture.

use std::sync::Arc;

use egui::{Align2, Color32, ComboBox, FontId, Rect, RichText, Sense, Ui, Vec2};
use serde::{Deserialize, Serialize};

use super::{count_of, grid, heading, hint, texture::Texture};
use crate::{
    app::{prepare::colour_image, theme},
    look::{Colours, Palette, Range},
    model::Kernels,
    pipeline::{Atlas, FilterId, NetInfo},
};

/// Values of a kernel are written into their squares where these are at least so wide, points of the screen.
const SMALLEST_WRITTEN: f32 = 27.0;
/// A kernel's larger side is drawn so wide at most, of the panel.
const LARGEST_KERNEL: f32 = 280.0;

/// How filters are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Filtering {
    /// Every filter has a range of colours of its own.
    pub each_by_itself: bool,
    /// Those of the largest norm come first.
    pub by_norm: bool,
}

/// What is drawn of the filters, and of which net, so that it is drawn once.
#[derive(Default)]
pub struct Filters {
    drawn: Option<Drawn>,
    texture: Texture,
    /// The convolution whose filters are shown, by its place.
    convolution: usize,
    picked: Option<usize>,
    /// The one that is picked is applied to the whole picture.
    on_picture: bool,
}

struct Drawn {
    net: Arc<NetInfo>,
    convolution: usize,
    filtering: Filtering,
    atlas: Atlas,
}

impl Filters {
    /// Draws the filters of a convolution; `applied` is the one that is applied to the whole picture.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        net: Option<&Arc<NetInfo>>,
        filtering: &mut Filtering,
        applied: &mut Option<FilterId>,
    ) {
        let filters = net.map_or(&[][..], |net| &net.filters);
        // Another net may have fewer.
        self.convolution = self.convolution.min(filters.len().saturating_sub(1));
        let (Some(net), Some(kernels)) = (net, filters.get(self.convolution)) else {
            heading(ui, "Filters", "");
            *applied = None;
            return hint(
                ui,
                match net {
                    None => "There is no net yet.",
                    Some(_) => "This weights file does not show its filters.",
                },
            );
        };
        let name = &kernels.maps.name;
        let place = self.convolution;
        self.draw(ui.ctx(), net, *filtering);
        let shown = self.drawn.as_ref().map_or(0, |drawn| drawn.atlas.channels.len());
        heading(
            ui,
            "Filters",
            &format!("{name} · {}", count_of(kernels.maps.shape, shown)),
        );
        if filters.len() > 1 {
            self.choose_convolution(ui, filters);
        }
        ui.horizontal_wrapped(|ui| {
            ui.checkbox(&mut filtering.each_by_itself, "own range")
                .on_hover_text("Every filter has a range of colours of its own; zero stays white.");
            ui.checkbox(&mut filtering.by_norm, "largest first")
                .on_hover_text("Filters with the largest norm, over all their input channels, come first.");
        });
        if self.convolution != place {
            self.draw(ui.ctx(), net, *filtering);
        }
        let kernels = &net.filters[self.convolution];
        if let Some(drawn) = &self.drawn {
            grid::show(ui, &drawn.atlas, &self.texture, &mut self.picked, |channel| {
                about(kernels, channel.number)
            });
        }
        grid::choose(ui, "filter", kernels.maps.shape[0], &mut self.picked);
        *applied = None;
        let Some(number) = self.picked else { return };
        self.show_large(ui, kernels, number, filtering.each_by_itself);
        if kernels.takes_picture {
            ui.checkbox(&mut self.on_picture, "on the whole picture")
                .on_hover_text(
                    "Shows beside the video what this filter makes of it, as large as the net sees the face.",
                );
            *applied = self.on_picture.then_some(FilterId {
                convolution: self.convolution,
                number,
            });
        } else {
            let text = match kernels.inputs {
                1 => "It works on one map of a layer before it.".to_owned(),
                inputs => format!(
                    "It works on {inputs} maps of the layer before it; what it does to the first of them is shown."
                ),
            };
            hint(ui, &text);
        }
    }

    fn choose_convolution(&mut self, ui: &mut Ui, filters: &[Kernels]) {
        let before = self.convolution;
        ComboBox::from_id_salt("convolution")
            .selected_text(&filters[before].maps.name)
            .width(ui.available_width() - theme::SPACE)
            .height(theme::PALETTE_HEIGHT)
            .show_ui(ui, |ui| {
                for (other, filters) in filters.iter().enumerate() {
                    ui.selectable_value(&mut self.convolution, other, &filters.maps.name);
                }
            })
            .response
            .on_hover_text("The convolution whose kernels are shown, those for its first input");
        if self.convolution != before {
            self.picked = None;
        }
    }

    /// Draws the grid, unless it is drawn already.
    fn draw(&mut self, ctx: &egui::Context, net: &Arc<NetInfo>, filtering: Filtering) {
        let is_drawn = self.drawn.as_ref().is_some_and(|drawn| {
            Arc::ptr_eq(&drawn.net, net)
                && drawn.convolution == self.convolution
                && drawn.filtering == filtering
        });
        if is_drawn {
            return;
        }
        let kernels = &net.filters[self.convolution];
        let atlas = Atlas::of_kernels(kernels, filtering.each_by_itself, filtering.by_norm);
        self.texture.set(ctx, "filters", colour_image(&atlas.picture));
        self.drawn = Some(Drawn {
            net: net.clone(),
            convolution: self.convolution,
            filtering,
            atlas,
        });
    }

    /// Draws a kernel with its numbers, as far as there is room for them.
    fn show_large(&self, ui: &mut Ui, kernels: &Kernels, number: usize, own_range: bool) {
        let [_, height, width] = kernels.maps.shape;
        let area = height * width;
        let Some(values) = kernels.maps.values.get(number * area..(number + 1) * area) else {
            return;
        };
        let side = (ui.available_width().min(LARGEST_KERNEL) / width.max(height) as f32).floor();
        let size = Vec2::new(side * width as f32, side * height as f32);
        let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
        let range = Range::of(if own_range { values } else { &kernels.maps.values });
        let colours = Colours::of(Palette::PinkGreen);
        for (at, value) in values.iter().enumerate() {
            let place = Vec2::new((at % width) as f32, (at / width) as f32);
            let square = Rect::from_min_size(rect.min + place * side, Vec2::splat(side));
            let [r, g, b, _] = colours.colour(*value, range);
            ui.painter().rect_filled(square, 0.0, Color32::from_rgb(r, g, b));
            if side >= SMALLEST_WRITTEN {
                ui.painter().text(
                    square.center(),
                    Align2::CENTER_CENTER,
                    format!("{value:.2}"),
                    FontId::proportional(theme::SMALLEST_TEXT),
                    theme::ink_on(Color32::from_rgb(r, g, b)),
                );
            }
        }
        let numbers: Vec<String> = values
            .chunks(width)
            .map(|row| row.iter().map(|value| format!("{value:>7.3}")).collect())
            .collect();
        response.on_hover_text(RichText::new(numbers.join("\n")).monospace());
        ui.label(RichText::new(about(kernels, number)).small());
    }
}

fn about(kernels: &Kernels, number: usize) -> String {
    let mut text = format!("filter {number}");
    if let Some(norm) = kernels.norms.get(number) {
        text += &format!(" · norm {norm:.3}");
    }
    if let Some(bias) = kernels.biases.get(number) {
        text += &format!(" · bias {bias:.3}");
    }
    text
}
