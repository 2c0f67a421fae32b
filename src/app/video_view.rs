//! The video, scaled to fit, with what was found in it drawn over it.

use std::sync::Arc;

use egui::{
    Color32, ColorImage, Pos2, Rect, Sense, Stroke, StrokeKind, TextureHandle, TextureOptions, Ui, Vec2,
};

use super::theme;
use crate::{
    geometry::{self, Point},
    overlay::{self, Shape, Style},
    pipeline::Scene,
};

/// The newest frame on the graphics card.
#[derive(Default)]
pub struct VideoView {
    texture: Option<TextureHandle>,
}

/// Where a frame lies on the screen: frame pixel `p` has its centre at `(p + 0.5) * scale`.
#[derive(Debug, Clone, Copy)]
struct Placement {
    rect: Rect,
    scale: f32,
}

impl Placement {
    /// The largest place in `area` that keeps the frame's shape.
    fn fit(area: Rect, width: u32, height: u32) -> Self {
        let size = Vec2::new(width.max(1) as f32, height.max(1) as f32);
        let scale = (area.width() / size.x).min(area.height() / size.y);
        Self {
            rect: Rect::from_center_size(area.center(), size * scale),
            scale,
        }
    }

    fn on_screen(&self, point: Point) -> Pos2 {
        self.rect.min + (Vec2::new(point.x, point.y) + Vec2::splat(0.5)) * self.scale
    }

    fn in_frame(&self, position: Pos2) -> Point {
        let in_pixels = (position - self.rect.min) / self.scale;
        Point::new(in_pixels.x - 0.5, in_pixels.y - 0.5)
    }

    fn rect_on_screen(&self, rect: &geometry::Rect) -> Rect {
        let corner = Point::new(rect.x, rect.y);
        Rect::from_min_size(
            self.on_screen(corner),
            Vec2::new(rect.width, rect.height) * self.scale,
        )
    }
}

impl VideoView {
    /// Draws the scene into all of `ui`; the place in the frame that was clicked, if any.
    pub fn show(&mut self, ui: &mut Ui, scene: &Scene, style: &Style, mark_chosen: bool) -> Option<Point> {
        let area = ui.available_rect_before_wrap();
        let picture = &scene.frame.picture;
        let placement = Placement::fit(area, picture.width(), picture.height());
        let response = ui.allocate_rect(area, Sense::click());
        let painter = ui.painter_at(area);
        if let Some(texture) = &self.texture {
            let whole = Rect::from_min_max(Pos2::ZERO, Pos2::new(1.0, 1.0));
            painter.image(texture.id(), placement.rect, whole, Color32::WHITE);
        }
        for shape in overlay::shapes(&scene.faces, style) {
            paint(&painter, &placement, &shape);
        }
        if let Some(face) = scene
            .chosen
            .filter(|_| mark_chosen)
            .and_then(|i| scene.faces.get(i))
        {
            let stroke = Stroke::new(theme::CHOSEN_BOX_WIDTH, theme::ACCENT);
            let rect = placement.rect_on_screen(&face.face_box);
            painter.rect_stroke(rect, theme::ROUNDING, stroke, StrokeKind::Outside);
        }
        let clicked = response.clicked().then(|| response.interact_pointer_pos());
        clicked.flatten().map(|position| placement.in_frame(position))
    }

    /// Puts another frame's pixels onto the graphics card, as [`super::prepare`] made them.
    pub fn upload(&mut self, ctx: &egui::Context, pixels: Arc<ColorImage>) {
        match &mut self.texture {
            Some(texture) => texture.set(pixels, TextureOptions::LINEAR),
            None => self.texture = Some(ctx.load_texture("video", pixels, TextureOptions::LINEAR)),
        }
    }
}

fn paint(painter: &egui::Painter, placement: &Placement, shape: &Shape) {
    match shape {
        Shape::Dot {
            centre,
            radius,
            colour,
        } => {
            let radius = (radius * placement.scale).max(theme::SMALLEST_DOT);
            painter.circle_filled(placement.on_screen(*centre), radius, theme::colour(*colour));
        }
        Shape::Outline { rect, colour } => {
            let stroke = Stroke::new(theme::BOX_WIDTH, theme::colour(*colour));
            let rect = placement.rect_on_screen(rect);
            painter.rect_stroke(rect, theme::ROUNDING, stroke, StrokeKind::Middle);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_keeps_its_shape_and_its_pixels_their_place() {
        let area = Rect::from_min_size(Pos2::new(10.0, 20.0), Vec2::new(800.0, 400.0));
        let placement = Placement::fit(area, 640, 480);
        assert!((placement.rect.height() - 400.0).abs() < 1e-3);
        assert!((placement.rect.aspect_ratio() - 640.0 / 480.0).abs() < 1e-3);
        assert_eq!(placement.rect.center(), area.center());
        let corner = placement.on_screen(Point::new(-0.5, -0.5));
        assert!(
            (corner - placement.rect.min).length() < 1e-3,
            "the outer corner of the first pixel"
        );
        let point = Point::new(123.0, 45.0);
        assert!(placement.in_frame(placement.on_screen(point)).distance(point) < 1e-3);
    }
}
