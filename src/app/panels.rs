//! The side panel: the first layer's filters, and what it makes of the chosen face.

use std::sync::Arc;

use egui::{ColorImage, RichText, TextureHandle, TextureOptions, Ui, Vec2};

use super::{prepare::colour_image, theme};
use crate::pipeline::{Atlas, NetInfo, Scene};

/// The pictures of the panel on the graphics card.
#[derive(Default)]
pub struct Panels {
    /// With the net that the filters are of, so that they are uploaded once.
    filters: Option<(TextureHandle, Arc<NetInfo>)>,
    maps: Option<TextureHandle>,
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
    pub fn show(&mut self, ui: &mut Ui, scene: Option<&Scene>, filters: bool, maps: bool) {
        let net = scene.and_then(|scene| scene.net.as_ref());
        egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            if filters {
                heading(ui, "Filters", net.and_then(|net| net.filters.as_ref()));
                match net {
                    None => hint(ui, "There is no net yet."),
                    Some(net) => match &net.filters {
                        Some(atlas) => show_picture(ui, &self.filters_texture(ui.ctx(), atlas, net)),
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
                    Some(inside) if inside.maps.is_none() => {
                        hint(ui, "This weights file does not give the maps of its layers.");
                    }
                    Some(_) => {
                        if let Some(texture) = &self.maps {
                            show_picture(ui, texture);
                        }
                    }
                }
            }
        });
    }

    /// The net's filters on the graphics card.
    fn filters_texture(&mut self, ctx: &egui::Context, atlas: &Atlas, net: &Arc<NetInfo>) -> TextureHandle {
        match &self.filters {
            Some((texture, of)) if Arc::ptr_eq(of, net) => texture.clone(),
            _ => {
                let pixels = colour_image(&atlas.picture);
                let texture = ctx.load_texture("filters", pixels, TextureOptions::NEAREST);
                self.filters = Some((texture.clone(), net.clone()));
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
            let count = match atlas.shown {
                shown if shown < channels => format!("first {shown} of {channels}"),
                _ => channels.to_string(),
            };
            let what = format!("{} · {count} of {width}×{height}", atlas.layer);
            ui.label(RichText::new(what).small().weak());
        }
    });
}

fn hint(ui: &mut Ui, text: &str) {
    ui.label(RichText::new(text).weak());
}

/// Draws a picture as wide as there is room.
fn show_picture(ui: &mut Ui, texture: &TextureHandle) {
    let width = ui.available_width();
    let size = Vec2::new(width, width / texture.size_vec2().x * texture.size_vec2().y);
    ui.image((texture.id(), size));
}
