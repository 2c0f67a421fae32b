//! The maps of a layer for the chosen face: a grid, one of them large over the face, and how it went over the last seconds.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use clap::ValueEnum;
use egui::{Checkbox, Color32, ComboBox, DragValue, RichText, Sense, Slider, Ui, Vec2};
use egui_plot::{Line, Plot, PlotPoints};

use super::{count_of, grid, heading, hint, texture::Texture};
use crate::{
    app::{prepare::InsidePictures, theme, view::View, widgets},
    look::{ALL_ROWS, Palette},
    pipeline::{Channel, Inside, Layer, Looking, NetInfo, OnScreen, Pin},
};

/// How long the statistics of a map are kept.
const HISTORY: Duration = Duration::from_secs(10);

/// What is drawn of the maps.
#[derive(Default)]
pub struct Maps {
    texture: Texture,
    large: Texture,
    /// The face that they are of.
    crop: Texture,
    /// Which maps can be seen.
    pub on_screen: OnScreen,
    /// Of which map, and what it was when.
    history: Option<(Pin, VecDeque<(Instant, Channel)>)>,
}

impl Maps {
    /// Puts the pictures of another frame onto the graphics card.
    pub fn upload(&mut self, ctx: &egui::Context, pictures: &InsidePictures) {
        if let Some(maps) = &pictures.maps {
            self.texture.set(ctx, "maps", maps.clone());
        }
        if let Some(large) = &pictures.large {
            self.large.set(ctx, "large map", large.clone());
        }
        if let Some(crop) = &pictures.crop {
            self.crop.set(ctx, "crop", crop.clone());
        }
    }

    /// Takes the large map's figures at `now` into its history.
    pub fn note(&mut self, inside: &Inside, now: Instant) {
        let (Some(atlas), Some((channel, _))) = (&inside.maps, &inside.large) else {
            self.history = None;
            return;
        };
        let number = channel.number;
        let is_it = |pin: &Pin| pin.layer == atlas.layer && pin.number == number;
        if !self.history.as_ref().is_some_and(|(pin, _)| is_it(pin)) {
            let pin = Pin {
                layer: atlas.layer.clone(),
                number,
            };
            self.history = Some((pin, VecDeque::new()));
        }
        if let Some((_, history)) = &mut self.history {
            history.retain(|(then, _)| now.saturating_duration_since(*then) < HISTORY);
            history.push_back((now, *channel));
        }
    }

    /// Draws the choice of a layer and its maps.
    pub fn show(&mut self, ui: &mut Ui, net: Option<&NetInfo>, inside: Option<&Inside>, view: &mut View) {
        let atlas = inside.and_then(|inside| inside.maps.as_ref());
        let what = atlas.map(|atlas| {
            format!(
                "{} · {}",
                atlas.layer,
                count_of(atlas.shape, atlas.channels.len())
            )
        });
        heading(ui, "Feature maps", what.as_deref().unwrap_or_default());
        let Some(net) = net else {
            return hint(ui, "There is no net yet.");
        };
        if net.layers.is_empty() {
            hint(ui, "The layers of this weights file cannot be shown:");
            return hint(ui, net.closed.as_deref().unwrap_or("it has none."));
        }
        choose_layer(ui, net, &mut view.looking);
        ui.horizontal_wrapped(|ui| {
            ui.checkbox(&mut view.held, "hold")
                .on_hover_text("Keeps the maps as they are, while the video goes on; another layer ends it.");
            choose_order(ui, &mut view.looking, !view.held);
        });
        ui.add_enabled_ui(!view.held, |ui| {
            ui.horizontal_wrapped(|ui| choose_colours(ui, &mut view.looking));
        });
        let Some(atlas) = atlas else {
            return hint(ui, "There is no face to look at.");
        };
        // What is held does not change, and can be scrolled.
        let mut chosen = self.on_screen.large;
        let rows = grid::show(ui, atlas, &self.texture, &mut chosen, about);
        ui.add_enabled_ui(!view.held, |ui| {
            grid::choose(ui, "map", atlas.shape[0], &mut chosen)
        });
        self.on_screen = if view.held {
            OnScreen {
                rows: ALL_ROWS,
                ..self.on_screen
            }
        } else {
            OnScreen { rows, large: chosen }
        };
        let Some((channel, picture)) = inside.and_then(|inside| inside.large.as_ref()) else {
            return;
        };
        let number = channel.number;
        let (width, height) = picture.dimensions();
        // What is far higher than wide is no higher than the panel is wide.
        let scale = ui.available_width() / width.max(height).max(1) as f32;
        let size = Vec2::new(width as f32, height as f32) * scale;
        let (large, _) = ui.allocate_exact_size(size, Sense::hover());
        if let (Some(crop), Some(map)) = (self.crop.id(), self.large.id()) {
            ui.painter().image(crop, large, grid::WHOLE, Color32::WHITE);
            let tint = Color32::WHITE.gamma_multiply(view.map_opacity);
            ui.painter().image(map, large, grid::WHOLE, tint);
        }
        ui.label(RichText::new(about(channel)).small());
        let slider = Slider::new(&mut view.map_opacity, 0.0..=1.0).fixed_decimals(2);
        widgets::slider(ui, "opacity", slider, "How much the map covers the face");
        let pin = Pin {
            layer: atlas.layer.clone(),
            number,
        };
        let mut pinned = view.looking.pins.contains(&pin);
        let room_left = pinned || view.looking.pins.len() < Looking::MOST_PINS;
        let pin_box = ui.add_enabled(room_left, Checkbox::new(&mut pinned, "pinned"));
        if pin_box
            .on_hover_text("Keeps this map below the video, whatever layer is looked at.")
            .on_disabled_hover_text(format!(
                "{} maps are pinned; take one away first.",
                Looking::MOST_PINS
            ))
            .changed()
        {
            view.looking.pin(pin);
        }
        self.plot(ui);
    }

    /// Mean and largest value of the large map over the last seconds.
    fn plot(&self, ui: &mut Ui) {
        let Some((_, history)) = &self.history else { return };
        let Some((now, _)) = history.back() else { return };
        let line = |name: &str, value: fn(&Channel) -> f32, colour: Color32| {
            let points = history.iter().map(|(then, channel)| {
                let ago = now.saturating_duration_since(*then).as_secs_f64();
                [-ago, f64::from(value(channel))]
            });
            Line::new(name, PlotPoints::from_iter(points)).color(colour)
        };
        let colours = theme::colours(ui.ctx());
        ui.label(
            RichText::new("largest and mean value, the last ten seconds")
                .small()
                .weak(),
        );
        Plot::new("map-history")
            .height(theme::SMALL_PLOT_HEIGHT)
            .include_x(-HISTORY.as_secs_f64())
            .include_x(0.0)
            .include_y(0.0)
            .allow_drag(false)
            .allow_zoom(false)
            .allow_scroll(false)
            .show_x(false)
            .show(ui, |plot| {
                plot.line(line("largest", |channel| channel.most, colours.accent));
                plot.line(line("mean", |channel| channel.mean, colours.text_weak));
            });
    }
}

/// Which layer is shown.
fn choose_layer(ui: &mut Ui, net: &NetInfo, looking: &mut Looking) {
    let shown = net.layer(looking.layer.as_deref());
    ComboBox::from_id_salt("layer")
        .selected_text(shown.map_or_else(String::new, said))
        .width(ui.available_width() - theme::SPACE)
        .height(theme::PALETTE_HEIGHT)
        .show_ui(ui, |ui| {
            for layer in &net.layers {
                ui.selectable_value(&mut looking.layer, Some(layer.name.clone()), said(layer));
            }
        })
        .response
        .on_hover_text("The layer that is looked at, with its maps, their size, and the time it takes");
}

/// A layer in words: name, maps, their size, and its time where that is known.
fn said(layer: &Layer) -> String {
    let [channels, height, width] = layer.shape;
    let size = match (height, width) {
        (1, 1) => channels.to_string(),
        _ => format!("{channels} × {width}×{height}"),
    };
    let time = layer.time.map_or_else(String::new, |time| {
        format!("  {:.2} ms", time.as_secs_f64() * 1e3)
    });
    format!("{}  {size}{time}", layer.name)
}

/// Ranges and order of the maps.
fn choose_order(ui: &mut Ui, looking: &mut Looking, enabled: bool) {
    let own = Checkbox::new(&mut looking.each_by_itself, "own range");
    ui.add_enabled(enabled, own)
        .on_hover_text("Every map has a range of colours of its own, so that weak ones are seen as well.");
    let strongest = Checkbox::new(&mut looking.strongest_first, "strongest first");
    ui.add_enabled(enabled, strongest)
        .on_hover_text("Maps with the largest values come first.");
}

/// Their colours.
fn choose_colours(ui: &mut Ui, looking: &mut Looking) {
    let name = |palette: Option<Palette>| match palette {
        None => "as suits the layer",
        Some(palette) => palette.name(),
    };
    ComboBox::from_id_salt("colours")
        .selected_text(name(looking.palette))
        .show_ui(ui, |ui| {
            let all = Palette::value_variants().iter().copied().map(Some);
            for palette in std::iter::once(None).chain(all) {
                ui.selectable_value(&mut looking.palette, palette, name(palette));
            }
        })
        .response
        .on_hover_text("Colours");
    let gamma = DragValue::new(&mut looking.gamma)
        .range(theme::GAMMA)
        .speed(theme::GAMMA_STEP)
        .fixed_decimals(2)
        .prefix("gamma ");
    ui.add(gamma)
        .on_hover_text("Below 1 weak values are seen better, above 1 only strong ones are.");
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
