//! The side panel: what a keypoint hangs on, the filters of the net, and what a layer makes of the chosen face.

mod filters;
mod graph;
mod grid;
mod maps;
mod pins;
mod texture;
mod why;

use std::sync::Arc;

use egui::{RichText, Ui};

pub use filters::Filtering;
pub use graph::show as show_graph;

use super::{prepare::Prepared, theme, view::View};
use crate::pipeline::{Atlas, FilterId, Inside, OnScreen, Response, Scene, Study, Studying};
use filters::Filters;
use maps::Maps;
use pins::Pins;
use texture::Texture;
use why::WhyPanel;

/// The pictures of the panels on the graphics card, and what they are of.
#[derive(Default)]
pub struct Panels {
    filters: Filters,
    maps: Maps,
    pins: Pins,
    why: WhyPanel,
    response: Texture,
    study: Study,
    /// What the pictures show; it stays as it is while the maps are held.
    inside: Option<Arc<Inside>>,
}

impl Panels {
    /// Puts the inside of another frame onto the graphics card, unless the maps are `held` and all of them are there.
    pub fn take(&mut self, ctx: &egui::Context, prepared: &Prepared, held: bool) {
        let is_whole = |inside: &Arc<Inside>| inside.maps.as_ref().is_none_or(Atlas::is_whole);
        if held && self.inside.as_ref().is_some_and(is_whole) {
            return;
        }
        self.inside = prepared.scene.inside.clone();
        if let Some(pictures) = &prepared.inside {
            self.maps.upload(ctx, pictures);
            self.pins.upload(ctx, pictures);
        }
        if let Some(inside) = &self.inside {
            self.maps.note(inside, prepared.scene.frame.captured_at);
        }
    }

    /// Takes in what was studied.
    pub fn take_study(&mut self, ctx: &egui::Context, study: Study) {
        let shown = self.study.response.as_ref();
        let is_shown = |response: &Arc<Response>| shown.is_some_and(|shown| Arc::ptr_eq(shown, response));
        if let Some(response) = study.response.as_ref().filter(|response| !is_shown(response)) {
            self.response
                .set(ctx, "response", super::prepare::colour_image(&response.picture));
        }
        self.why.upload(ctx, study.why.as_ref());
        self.study = study;
    }

    /// Draws the wanted parts, one below the other. What the user wants to say to that.
    pub fn show(&mut self, ui: &mut Ui, scene: Option<&Scene>, view: &mut View, studying: &mut Studying) {
        let net = scene.and_then(|scene| scene.net.as_ref());
        egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            if let (Some(point), Some(net)) = (studying.point, net) {
                let why = self
                    .study
                    .why
                    .as_ref()
                    .filter(|why| why.point == point && Arc::ptr_eq(&why.net, net));
                self.why.show(ui, net, why, &mut studying.point);
                ui.add_space(theme::WIDE_SPACE);
            }
            if view.filters {
                self.filters
                    .show(ui, net, &mut view.filtering, &mut studying.filter);
                ui.add_space(theme::WIDE_SPACE);
            }
            if !view.filters {
                studying.filter = None;
            }
            if view.maps {
                self.maps
                    .show(ui, net.map(|net| &**net), self.inside.as_deref(), view);
            }
        });
    }

    /// Which of the layer's maps can be seen.
    pub fn on_screen(&self) -> OnScreen {
        self.maps.on_screen
    }

    /// Draws the pinned maps side by side; `Some` with the place of one whose pin is to be taken away.
    pub fn show_pins(&self, ui: &mut Ui, view: &View) -> Option<usize> {
        let strip = self.inside.as_ref().and_then(|inside| inside.pinned.as_ref());
        self.pins.show(ui, strip, &view.looking.pins)
    }

    /// What the filter makes of the whole picture, with its texture.
    pub fn response(&self, filter: FilterId) -> Option<(&Response, egui::TextureId)> {
        let response = self
            .study
            .response
            .as_deref()
            .filter(|response| response.filter == filter)?;
        Some((response, self.response.id()?))
    }
}

/// A heading with what it is of, small beside it.
fn heading(ui: &mut Ui, title: &str, what: &str) {
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new(title).heading());
        ui.label(RichText::new(what).small().weak());
    });
}

/// `16 of 56×56`, or how many of them are shown.
fn count_of([channels, height, width]: [usize; 3], shown: usize) -> String {
    let count = if shown < channels {
        format!("first {shown} of {channels}")
    } else {
        channels.to_string()
    };
    format!("{count} of {width}×{height}")
}

fn hint(ui: &mut Ui, text: &str) {
    ui.label(RichText::new(text).weak());
}
