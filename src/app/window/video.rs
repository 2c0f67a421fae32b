//! The video in the window, with what a filter makes of it beside it, and what a click on it does.

use egui::{Rect, Sense, Ui, UiBuilder};

use super::Window;
use crate::{
    app::{
        commands, theme,
        video_view::{Clicked, Shown},
    },
    overlay::Style,
    pipeline::Studying,
};

impl Window {
    /// Draws the video or why there is none; the place that it has.
    pub(super) fn show_video(&mut self, ui: &mut Ui) -> egui::Rect {
        let area = ui.available_rect_before_wrap();
        if let Some(scene) = &self.scene {
            let several = scene.faces.len() > 1;
            let view = &self.settings.view;
            // As long as the key is held, the net in use is seen alone.
            let alone = commands::is_held(ui.ctx(), commands::Id::Compared);
            let style = Style {
                compared: view.overlay.compared && !alone,
                ..view.overlay.clone()
            };
            let looks = view.maps || self.studying.point.is_some() || !view.looking.pins.is_empty();
            let shown = Shown {
                style: &style,
                mirrored: view.mirrors(self.source.is_live()),
                mark_chosen: looks && several,
                finds: self.settings.detection.show,
                studied: self.studying.point,
            };
            let (video, beside) = match self.studying.filter {
                Some(filter) => {
                    let (video, beside) = halves(area);
                    (video, Some((beside, filter)))
                }
                None => (area, None),
            };
            let mut child = |rect| ui.new_child(UiBuilder::new().max_rect(rect));
            let clicked = self.video.show(&mut child(video), scene, shown);
            if let Some((rect, filter)) = beside {
                let mut beside = child(rect);
                match self.panels.response(filter) {
                    Some((response, texture)) => {
                        let shown = self.video.show_response(&beside, scene, texture, shown.mirrored);
                        let text = format!(
                            "filter {} of the net · largest {:.2}",
                            filter.number, response.most
                        );
                        theme::caption(&mut beside, shown, &text);
                    }
                    None => theme::caption(&mut beside, rect, "The filter is being applied."),
                }
            }
            ui.allocate_rect(area, Sense::hover());
            match clicked {
                Some(Clicked::Place(point)) => self.pipeline.choose_face(point),
                Some(Clicked::Keypoint(number, face)) => {
                    let chosen = scene.chosen.and_then(|chosen| scene.faces.get(chosen));
                    let same =
                        self.studying.point == Some(number) && chosen.is_some_and(|chosen| chosen.id == face);
                    self.pipeline.choose_face_of(face);
                    self.study(Studying {
                        point: (!same).then_some(number),
                        ..self.studying
                    });
                }
                None => {}
            }
        }
        for sign in self.signs(ui.ctx()) {
            sign.show(ui, area);
        }
        area
    }
}

/// A place for two pictures: beside each other, or one below the other where there is more room so.
fn halves(area: Rect) -> (Rect, Rect) {
    if area.width() > area.height() {
        area.split_left_right_at_fraction(0.5)
    } else {
        area.split_top_bottom_at_fraction(0.5)
    }
}
