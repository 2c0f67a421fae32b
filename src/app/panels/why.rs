//! What a keypoint hangs on: which pixels of the face would move it, and which parts of the face it would miss.

use std::sync::Arc;

use egui::{Color32, DragValue, RichText, Sense, Stroke, Ui, Vec2};

use super::{grid, heading, hint, texture::Texture};
use crate::{
    app::{prepare::colour_image, theme},
    pipeline::{Finding, NetInfo, Why},
};

/// A finding on the graphics card.
struct Shown {
    finding: Option<Arc<Finding>>,
    crop: Texture,
    heat: Texture,
}

impl Default for Shown {
    fn default() -> Self {
        Self {
            finding: None,
            crop: Texture::smooth(),
            heat: Texture::smooth(),
        }
    }
}

/// Both findings.
#[derive(Default)]
pub struct WhyPanel {
    saliency: Shown,
    occlusion: Shown,
}

impl WhyPanel {
    /// Puts what was found onto the graphics card.
    pub fn upload(&mut self, ctx: &egui::Context, why: Option<&Why>) {
        let found = |finding: &Option<Result<Arc<Finding>, String>>| match finding {
            Some(Ok(finding)) => Some(finding.clone()),
            _ => None,
        };
        self.saliency
            .upload(ctx, "saliency", why.and_then(|why| found(&why.saliency)));
        self.occlusion
            .upload(ctx, "occlusion", why.and_then(|why| found(&why.occlusion)));
    }

    /// Draws what is known of `point`, which can be changed or let go of.
    pub fn show(&self, ui: &mut Ui, net: &NetInfo, why: Option<&Why>, point: &mut Option<usize>) {
        let last = net.scheme.count.saturating_sub(1);
        let Some(mut number) = point.map(|number| number.min(last)) else {
            return;
        };
        heading(ui, "Why is that point there?", &net.scheme.name_of(number));
        let mut wanted = true;
        ui.horizontal(|ui| {
            let label = ui.label("keypoint");
            ui.add(DragValue::new(&mut number).range(0..=last))
                .labelled_by(label.id)
                .on_hover_text("A click on a keypoint does the same.");
            wanted = !ui.button("close").clicked();
        });
        *point = wanted.then_some(number);
        match why {
            None => return hint(ui, "It is being looked at."),
            Some(why) if why.face.is_none() => return hint(ui, "There is no face to look at."),
            Some(_) => {}
        }
        let [saliency, occlusion] = [
            (
                &self.saliency,
                why.and_then(|why| why.saliency.as_ref()),
                "what would move it",
                "Input gradient (saliency): how far the point would move if a pixel went from black to white, to first order.",
            ),
            (
                &self.occlusion,
                why.and_then(|why| why.occlusion.as_ref()),
                "what it would miss",
                "Occlusion: how far the point moves when a part of the face is covered with grey.",
            ),
        ];
        ui.columns(2, |columns| {
            for (ui, (shown, finding, title, help)) in columns.iter_mut().zip([saliency, occlusion]) {
                ui.label(RichText::new(title).small()).on_hover_text(help);
                match finding {
                    Some(Err(trouble)) => hint(ui, trouble),
                    _ => shown.show(ui),
                }
            }
        });
        let is_whole = why.is_some_and(|why| why.is_whole);
        if let Some(finding) = self.occlusion.finding.as_ref().filter(|_| is_whole) {
            let moved = finding.most * finding.scale;
            let text = format!("Covering the brightest part moves it by {moved:.1} px of the picture.");
            ui.label(RichText::new(text).small());
        }
    }
}

impl Shown {
    fn upload(&mut self, ctx: &egui::Context, name: &str, finding: Option<Arc<Finding>>) {
        let is_new = match (&finding, &self.finding) {
            (Some(new), Some(old)) => !Arc::ptr_eq(new, old),
            (new, _) => new.is_some(),
        };
        if let Some(finding) = finding.as_ref().filter(|_| is_new) {
            self.crop
                .set(ctx, &format!("{name} crop"), colour_image(&finding.crop));
            self.heat.set(ctx, name, colour_image(&finding.heat));
        }
        self.finding = finding;
    }

    fn show(&self, ui: &mut Ui) {
        let side = ui.available_width();
        let (rect, _) = ui.allocate_exact_size(Vec2::splat(side), Sense::hover());
        let colours = theme::colours(ui.ctx());
        let (Some(finding), Some(crop), Some(heat)) = (&self.finding, self.crop.id(), self.heat.id()) else {
            ui.painter().rect_filled(rect, theme::ROUNDING, colours.control);
            return;
        };
        ui.painter().image(crop, rect, grid::WHOLE, Color32::WHITE);
        ui.painter().image(
            heat,
            rect,
            grid::WHOLE,
            Color32::WHITE.gamma_multiply(theme::HEAT_OPACITY),
        );
        let per_pixel = side / finding.crop.width().max(1) as f32;
        let at = Vec2::new(finding.at.x + 0.5, finding.at.y + 0.5) * per_pixel;
        let stroke = Stroke::new(theme::BOX_WIDTH, colours.accent);
        ui.painter()
            .with_clip_rect(rect)
            .circle_stroke(rect.min + at, theme::RING, stroke);
    }
}
