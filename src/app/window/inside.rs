//! What is shown of the inside of the net besides the side panel, and what is asked of the pipeline for it.

use egui::{Frame, Panel, Ui};

use super::Window;
use crate::{
    app::{panels, theme},
    pipeline::{Looking, Studying},
};

impl Window {
    /// The net as a graph, where it is wanted.
    pub(super) fn show_graph(&mut self, ui: &mut Ui, bar: Frame) {
        let view = &mut self.settings.view;
        if !view.graph {
            return;
        }
        let before = view.looking.clone();
        let net = self.scene.as_ref().and_then(|scene| scene.net.as_deref());
        let clicked = Panel::bottom("graph")
            .frame(bar)
            .resizable(true)
            .default_size(theme::GRAPH_HEIGHT)
            .max_size(theme::PLOTS_SHARE * ui.ctx().content_rect().height())
            .show(ui, |ui| panels::show_graph(ui, net, &mut view.looking))
            .inner;
        if clicked && !std::mem::replace(&mut view.maps, true) {
            self.pipeline.look_inside(true);
        }
        self.look_anew(&before);
    }

    /// The maps that are pinned, where there are such.
    pub(super) fn show_pins(&mut self, ui: &mut Ui, bar: Frame) {
        let view = &mut self.settings.view;
        if view.looking.pins.is_empty() {
            return;
        }
        let before = view.looking.clone();
        let panels = &self.panels;
        let unpinned = Panel::bottom("pins")
            .frame(bar)
            .show(ui, |ui| panels.show_pins(ui, view))
            .inner;
        if let Some(place) = unpinned {
            view.looking.pins.remove(place);
        }
        self.look_anew(&before);
    }

    /// Tells the pipeline when one looks at something else than before.
    pub(super) fn look_anew(&mut self, before: &Looking) {
        let view = &mut self.settings.view;
        if view.looking != *before {
            // What is held is of the layer before.
            view.held &= view.looking.layer == before.layer;
            self.pipeline.look_at(view.looking.clone());
        }
    }

    /// Has something else studied, if it is something else.
    pub(super) fn study(&mut self, studying: Studying) {
        if self.studying != studying {
            self.studying = studying;
            self.pipeline.study(studying);
        }
    }
}
