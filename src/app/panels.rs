//! The side panel: the first layer's filters, and what a layer makes of the chosen face.

use std::sync::Arc;

use egui::{
    Color32, ColorImage, ComboBox, Pos2, Rect, RichText, Sense, Stroke, StrokeKind, TextureHandle,
    TextureOptions, Ui, Vec2,
};

use super::{prepare::colour_image, theme};
use crate::pipeline::{Atlas, Channel, Looking, NetInfo, Scene};

/// The pictures of the panel on the graphics card.
#[derive(Default)]
pub struct Panels {
    /// With the net that the filters are of, and which of its convolutions, so that they are uploaded once.
    filters: Option<(TextureHandle, Arc<NetInfo>, usize)>,
    /// The convolution whose filters are shown, by its place.
    convolution: usize,
    picked_filter: Picked,
    maps: Option<TextureHandle>,
    picked: Picked,
}

impl Panels {
    /// Puts another frame's maps onto the graphics card.
    pub fn upload_maps(&mut self, ctx: &egui::Context, pixels: Arc<ColorImage>) {
        match &mut self.maps {
            Some(texture) => texture.set(pixels, TextureOptions::NEAREST),
            None => self.maps = Some(ctx.load_texture("maps", pixels, TextureOptions::NEAREST)),
        }
    }

    /// Draws the wanted parts, one below the other.
    pub fn show(&mut self, ui: &mut Ui, scene: Option<&Scene>, filters: bool, maps: Option<&mut Looking>) {
        let net = scene.and_then(|scene| scene.net.as_ref());
        egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            if filters {
                self.show_filters(ui, net);
                ui.add_space(theme::WIDE_SPACE);
            }
            if let Some(looking) = maps {
                let inside = scene.and_then(|scene| scene.inside.as_ref());
                let atlas = inside.and_then(|inside| inside.maps.as_ref());
                heading(ui, "Feature maps", atlas);
                match (net, atlas) {
                    (None, _) => hint(ui, "There is no net yet."),
                    (Some(net), _) if net.layers.is_empty() => {
                        hint(ui, "The layers of this weights file cannot be shown:");
                        hint(ui, net.closed.as_deref().unwrap_or("it has none."));
                    }
                    (Some(net), atlas) => {
                        choose_layer(ui, net, looking);
                        match (atlas, &self.maps) {
                            (Some(atlas), Some(texture)) => self.picked.show(ui, atlas, texture),
                            _ => hint(ui, "There is no face to look at."),
                        }
                    }
                }
            }
        });
    }

    /// Draws the filters of a convolution, and a choice of those that there are.
    fn show_filters(&mut self, ui: &mut Ui, net: Option<&Arc<NetInfo>>) {
        let filters = net.map_or(&[][..], |net| &net.filters);
        // Another net may have fewer.
        let place = self.convolution.min(filters.len().saturating_sub(1));
        let atlas = filters.get(place);
        heading(ui, "Filters", atlas);
        let (Some(net), Some(atlas)) = (net, atlas) else {
            return hint(
                ui,
                match net {
                    None => "There is no net yet.",
                    Some(_) => "This weights file does not show its filters.",
                },
            );
        };
        if filters.len() > 1 {
            ComboBox::from_id_salt("convolution")
                .selected_text(&atlas.layer)
                .width(ui.available_width() - theme::SPACE)
                .height(theme::PALETTE_HEIGHT)
                .show_ui(ui, |ui| {
                    for (other, filters) in filters.iter().enumerate() {
                        ui.selectable_value(&mut self.convolution, other, &filters.layer);
                    }
                })
                .response
                .on_hover_text("The convolution whose kernels are shown, those for its first input");
        }
        let texture = self.filters_texture(ui.ctx(), net, place);
        self.picked_filter.show(ui, atlas, &texture);
    }

    /// Filters of the net on the graphics card.
    fn filters_texture(&mut self, ctx: &egui::Context, net: &Arc<NetInfo>, place: usize) -> TextureHandle {
        match &self.filters {
            Some((texture, of, which)) if Arc::ptr_eq(of, net) && *which == place => texture.clone(),
            _ => {
                let pixels = colour_image(&net.filters[place].picture);
                let texture = ctx.load_texture("filters", pixels, TextureOptions::NEAREST);
                self.filters = Some((texture.clone(), net.clone(), place));
                texture
            }
        }
    }
}

fn heading(ui: &mut Ui, title: &str, atlas: Option<&Atlas>) {
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new(title).heading());
        if let Some(atlas) = atlas {
            let [channels, height, width] = atlas.shape;
            let count = match atlas.channels.len() {
                shown if shown < channels => format!("first {shown} of {channels}"),
                _ => channels.to_string(),
            };
            let what = format!("{} · {count} of {width}×{height}", atlas.layer);
            ui.label(RichText::new(what).small().weak());
        }
    });
}

/// Which layer is shown, and how.
fn choose_layer(ui: &mut Ui, net: &NetInfo, looking: &mut Looking) {
    let name = |(name, [channels, height, width]): &(String, [usize; 3])| match (height, width) {
        (1, 1) => format!("{name}  {channels}"),
        _ => format!("{name}  {channels} × {width}×{height}"),
    };
    let chosen = net
        .layers
        .iter()
        .find(|(name, _)| Some(name) == looking.layer.as_ref());
    let shown = chosen.or(net.layers.first()).map_or_else(String::new, name);
    ComboBox::from_id_salt("layer")
        .selected_text(shown)
        .width(ui.available_width() - theme::SPACE)
        .height(theme::PALETTE_HEIGHT)
        .show_ui(ui, |ui| {
            for layer in &net.layers {
                ui.selectable_value(&mut looking.layer, Some(layer.0.clone()), name(layer));
            }
        })
        .response
        .on_hover_text("The layer that is looked at, with its maps and their size");
    ui.horizontal_wrapped(|ui| {
        ui.checkbox(&mut looking.each_by_itself, "each by itself")
            .on_hover_text(
                "Every map has a range of colours of its own, so that weak ones are seen as well.",
            );
        ui.checkbox(&mut looking.strongest_first, "strongest first")
            .on_hover_text("Maps with the largest values come first.");
    });
}

/// The map that was clicked, shown large below the others.
#[derive(Default)]
struct Picked {
    /// Layer and number of the map.
    map: Option<(String, usize)>,
}

impl Picked {
    /// Draws the maps as wide as there is room; dead ones are crossed out, and a click makes one large.
    fn show(&mut self, ui: &mut Ui, atlas: &Atlas, texture: &TextureHandle) {
        let size = texture.size_vec2();
        let width = ui.available_width();
        let (rect, response) =
            ui.allocate_exact_size(Vec2::new(width, width / size.x * size.y), Sense::click());
        let colours = theme::colours(ui.ctx());
        let whole = Rect::from_min_max(Pos2::ZERO, Pos2::new(1.0, 1.0));
        ui.painter().image(texture.id(), rect, whole, Color32::WHITE);
        let rows = atlas.channels.len().div_ceil(atlas.columns).max(1);
        let step = Vec2::new(rect.width() / atlas.columns as f32, rect.height() / rows as f32);
        let cell = |place: usize| {
            let at = Vec2::new((place % atlas.columns) as f32, (place / atlas.columns) as f32);
            Rect::from_min_size(rect.min + at * step, step)
        };
        for (place, _) in atlas
            .channels
            .iter()
            .enumerate()
            .filter(|(_, channel)| channel.is_dead)
        {
            let cell = cell(place).shrink(step.x * 0.3);
            let stroke = Stroke::new(1.0, colours.text_weak);
            ui.painter()
                .line_segment([cell.left_top(), cell.right_bottom()], stroke);
            ui.painter()
                .line_segment([cell.right_top(), cell.left_bottom()], stroke);
        }
        let under = response.hover_pos().and_then(|pointer| {
            let at = (pointer - rect.min) / step;
            let place = at.y as usize * atlas.columns + at.x as usize;
            atlas.channels.get(place).map(|channel| (place, *channel))
        });
        if let Some((place, channel)) = under {
            ui.painter().rect_stroke(
                cell(place),
                0.0,
                Stroke::new(1.5, colours.accent),
                StrokeKind::Inside,
            );
            if response.clicked() {
                let this = (atlas.layer.clone(), channel.number);
                self.map = (self.map.as_ref() != Some(&this)).then_some(this);
            }
            response.on_hover_text(about(&channel));
        }
        let picked = self.map.as_ref().filter(|(layer, _)| *layer == atlas.layer);
        let Some(place) =
            picked.and_then(|(_, number)| atlas.channels.iter().position(|c| c.number == *number))
        else {
            return;
        };
        ui.add_space(theme::SPACE);
        ui.label(RichText::new(about(&atlas.channels[place])).small());
        let part = cell(place);
        let uv = Rect::from_min_max(
            ((part.min - rect.min) / rect.size()).to_pos2(),
            ((part.max - rect.min) / rect.size()).to_pos2(),
        );
        let (large, _) = ui.allocate_exact_size(Vec2::new(width, width * step.y / step.x), Sense::hover());
        ui.painter().image(texture.id(), large, uv, Color32::WHITE);
    }
}

fn about(channel: &Channel) -> String {
    let dead = if channel.is_dead { ", zero for seconds" } else { "" };
    let Channel {
        number,
        least,
        mean,
        most,
        ..
    } = channel;
    format!("{number}: {least:.3} to {most:.3}, mean {mean:.3}{dead}")
}

fn hint(ui: &mut Ui, text: &str) {
    ui.label(RichText::new(text).weak());
}
