//! The pinned maps, side by side below the video.

use egui::{Color32, Pos2, Rect, RichText, Sense, Ui, Vec2};

use super::{grid, texture::Texture};
use crate::{
    app::{prepare::InsidePictures, theme},
    look::GAP_PX,
    pipeline::{Pin, Strip},
};

/// The strip on the graphics card.
#[derive(Default)]
pub struct Pins {
    texture: Texture,
}

impl Pins {
    /// Puts the pictures of another frame onto the graphics card.
    pub fn upload(&mut self, ctx: &egui::Context, pictures: &InsidePictures) {
        if let Some(pinned) = &pictures.pinned {
            self.texture.set(ctx, "pinned", pinned.clone());
        }
    }

    /// Draws what is pinned; the place of the one whose pin is to be taken away, if any.
    pub fn show(&self, ui: &mut Ui, strip: Option<&Strip>, pins: &[Pin]) -> Option<usize> {
        let mut unpinned = None;
        egui::ScrollArea::horizontal().show(ui, |ui| {
            ui.horizontal_top(|ui| {
                for (place, pin) in pins.iter().enumerate() {
                    ui.vertical(|ui| {
                        ui.set_width(theme::PINNED_SIDE);
                        let size = Vec2::splat(theme::PINNED_SIDE);
                        let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
                        let cell = strip.and_then(|strip| {
                            let at = strip.cells.iter().position(|(other, _)| other == pin)?;
                            Some((part(strip, at), strip.cells[at].1))
                        });
                        match (cell, self.texture.id()) {
                            (Some((part, channel)), Some(id)) => {
                                ui.painter().image(id, rect, part, Color32::WHITE);
                                response.on_hover_text(format!(
                                    "{} to {}, mean {}",
                                    figure(channel.least),
                                    figure(channel.most),
                                    figure(channel.mean)
                                ));
                            }
                            _ => {
                                let fill = theme::colours(ui.ctx()).control;
                                ui.painter().rect_filled(rect, theme::ROUNDING, fill);
                                response.on_hover_text(
                                    "There is no face to look at, or the net has no such map.",
                                );
                            }
                        }
                        ui.horizontal(|ui| {
                            let name = format!("{} {}", pin.layer, pin.number);
                            ui.add(egui::Label::new(RichText::new(&name).small()).truncate());
                            let away = egui::Button::new("×").small().frame(false);
                            let away = ui.add(away).on_hover_text("Takes the pin away");
                            away.widget_info(|| {
                                egui::WidgetInfo::labeled(egui::Role::Button, true, format!("unpin {name}"))
                            });
                            if away.clicked() {
                                unpinned = Some(place);
                            }
                        });
                    });
                }
            });
        });
        unpinned
    }
}

/// Which part of the strip's texture a cell is.
fn part(strip: &Strip, at: usize) -> Rect {
    let (width, height) = strip.picture.dimensions();
    let step = (height + GAP_PX) as f32 / width as f32;
    let side = height as f32 / width as f32;
    let left = at as f32 * step;
    Rect::from_min_max(Pos2::new(left, 0.0), Pos2::new(left + side, grid::WHOLE.max.y))
}

fn figure(value: f32) -> String {
    format!("{value:.3}")
}
