//! The video, scaled to fit, with what was found in it drawn over it.

use std::sync::Arc;

use egui::{
    Color32, ColorImage, Pos2, Rect, Sense, Stroke, StrokeKind, TextureHandle, TextureOptions, Ui, Vec2,
};
use image::{Rgba, RgbaImage};

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
    /// Which frame it is.
    sequence: Option<u64>,
    /// The pixels as egui takes them. It drops its share once they are on the card, so the memory serves every frame.
    pixels: Arc<ColorImage>,
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
        self.upload(ui.ctx(), picture, scene.frame.sequence);
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

    /// Sets the texture when the frame is another one. egui takes pixels in a type of its own and no others, which is
    /// one copy of the frame's bytes.
    fn upload(&mut self, ctx: &egui::Context, picture: &RgbaImage, sequence: u64) {
        if self.sequence == Some(sequence) && self.texture.is_some() {
            return;
        }
        let largest = ctx.input(|input| input.max_texture_side) as u32;
        if picture.width().max(picture.height()) > largest {
            let (width, height) = fit_into(picture.dimensions(), largest);
            copy_into(
                &mut self.pixels,
                &image::imageops::thumbnail(picture, width, height),
            );
        } else {
            copy_into(&mut self.pixels, picture);
        }
        let image = self.pixels.clone();
        match &mut self.texture {
            Some(texture) => texture.set(image, TextureOptions::LINEAR),
            None => self.texture = Some(ctx.load_texture("video", image, TextureOptions::LINEAR)),
        }
        self.sequence = Some(sequence);
    }
}

/// A picture whose pixels are opaque or fully transparent, for upload.
pub fn colour_image(picture: &RgbaImage) -> ColorImage {
    let size = [picture.width() as usize, picture.height() as usize];
    ColorImage::from_rgba_premultiplied(size, picture.as_raw())
}

/// As [`colour_image`], into memory that nobody else has, of the right size; into new memory where that is not so.
fn copy_into(image: &mut Arc<ColorImage>, picture: &RgbaImage) {
    let size = [picture.width() as usize, picture.height() as usize];
    match Arc::get_mut(image) {
        Some(image) if image.size == size => {
            let pixels = image.pixels.iter_mut().zip(picture.pixels());
            pixels.for_each(|(to, &Rgba([r, g, b, a]))| *to = Color32::from_rgba_premultiplied(r, g, b, a));
        }
        _ => *image = Arc::new(colour_image(picture)),
    }
}

/// The size with the same shape whose long side is `largest`.
fn fit_into((width, height): (u32, u32), largest: u32) -> (u32, u32) {
    let scale = f64::from(largest) / f64::from(width.max(height));
    let scaled = |side: u32| ((f64::from(side) * scale) as u32).max(1);
    (scaled(width), scaled(height))
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

    #[test]
    fn a_picture_too_large_for_the_card_keeps_its_shape() {
        assert_eq!(fit_into((10_000, 5_000), 4096), (4096, 2048));
        assert_eq!(fit_into((10_000, 1), 4096), (4096, 1));
    }
}
