//! The side panel: the first layer's filters, and what it makes of the chosen face.

use std::sync::Arc;

use egui::{RichText, TextureHandle, TextureOptions, Ui, Vec2};

use super::{theme, video_view::colour_image};
use crate::pipeline::{Atlas, Inside, NetInfo, Scene};

/// The pictures of the panel on the graphics card.
#[derive(Default)]
pub struct Panels {
    filters: Picture<NetInfo>,
    maps: Picture<Inside>,
}

/// A picture and the part of the scene that it was made from, so that it is uploaded once.
struct Picture<T> {
    shown: Option<(TextureHandle, Arc<T>)>,
}

impl<T> Default for Picture<T> {
    fn default() -> Self {
        Self { shown: None }
    }
}

impl Panels {
    /// Draws the wanted parts, one below the other.
    pub fn show(&mut self, ui: &mut Ui, scene: Option<&Scene>, filters: bool, maps: bool) {
        let net = scene.and_then(|scene| scene.net.as_ref());
        egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            if filters {
                heading(ui, "Filters", net.and_then(|net| net.filters.as_ref()));
                match net {
                    None => hint(ui, "There is no net yet."),
                    Some(net) => match &net.filters {
                        Some(atlas) => self.filters.show(ui, "filters", atlas, net),
                        None => hint(
                            ui,
                            "This weights file does not show the filters of its first layer.",
                        ),
                    },
                }
                ui.add_space(theme::WIDE_SPACE);
            }
            if maps {
                let inside = scene.and_then(|scene| scene.inside.as_ref());
                heading(ui, "Feature maps", inside.and_then(|inside| inside.maps.as_ref()));
                match inside {
                    None if net.is_none() => hint(ui, "There is no net yet."),
                    None => hint(ui, "There is no face to look at."),
                    Some(inside) => match &inside.maps {
                        Some(atlas) => self.maps.show(ui, "maps", atlas, inside),
                        None => hint(ui, "This weights file does not give the maps of its layers."),
                    },
                }
            }
        });
    }
}

fn heading(ui: &mut Ui, title: &str, atlas: Option<&Atlas>) {
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new(title).heading());
        if let Some(atlas) = atlas {
            let [channels, height, width] = atlas.shape;
            let count = match atlas.shown {
                shown if shown < channels => format!("first {shown} of {channels}"),
                _ => channels.to_string(),
            };
            let what = format!("{} · {count} of {width}×{height}", atlas.layer);
            ui.label(RichText::new(what).small().color(theme::TEXT_WEAK));
        }
    });
}

fn hint(ui: &mut Ui, text: &str) {
    ui.label(RichText::new(text).color(theme::TEXT_WEAK));
}

impl<T> Picture<T> {
    /// Draws the atlas as wide as there is room; uploads it when it was made from something else than last time.
    fn show(&mut self, ui: &mut Ui, name: &str, atlas: &Atlas, made_from: &Arc<T>) {
        match &mut self.shown {
            Some((_, old)) if Arc::ptr_eq(old, made_from) => {}
            Some((texture, old)) => {
                texture.set(colour_image(&atlas.picture), TextureOptions::NEAREST);
                *old = made_from.clone();
            }
            None => {
                let image = colour_image(&atlas.picture);
                let texture = ui.ctx().load_texture(name, image, TextureOptions::NEAREST);
                self.shown = Some((texture, made_from.clone()));
            }
        }
        if let Some((texture, _)) = &self.shown {
            let width = ui.available_width();
            let size = Vec2::new(width, width / texture.size_vec2().x * texture.size_vec2().y);
            ui.image((texture.id(), size));
        }
    }
}
