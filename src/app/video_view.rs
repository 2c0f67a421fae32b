//! The video, scaled to fit, with what was found in it drawn over it.

use std::sync::Arc;

use egui::{
    Align2, Color32, ColorImage, FontId, Painter, Pos2, Rect, Response, Sense, Stroke, StrokeKind,
    TextureHandle, TextureId, TextureOptions, Ui, Vec2,
};

use super::theme;
use crate::{
    face::Face,
    geometry::{self, Point},
    overlay::{self, Shape, Style, Trails, Which},
    pipeline::Scene,
};

/// The newest frame on the graphics card, and where its faces came from.
#[derive(Default)]
pub struct VideoView {
    texture: Option<TextureHandle>,
    trails: Trails,
    /// Source and frame that the trails have come to.
    trailed: Option<(u64, u64)>,
}

/// How the video is to be shown.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// What is drawn over it.
    pub style: &'a Style,
    /// As in a mirror.
    pub mirrored: bool,
    /// Marks the face that the panels look at.
    pub mark_chosen: bool,
    /// Draws what the last search found.
    pub finds: bool,
    /// The keypoint of the chosen face that is studied.
    pub studied: Option<usize>,
}

/// What was clicked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Clicked {
    /// A place in the frame.
    Place(Point),
    /// A keypoint, by its number, of the face of this id.
    Keypoint(usize, u32),
}

/// Where a frame lies on the screen: frame pixel `p` has its centre at `(p + 0.5) * scale`, counted from the right where the
/// frame is mirrored.
#[derive(Debug, Clone, Copy)]
struct Placement {
    rect: Rect,
    scale: f32,
    mirrored: bool,
}

impl Placement {
    /// The largest place in `area` that keeps the frame's shape.
    fn fit(area: Rect, width: u32, height: u32, mirrored: bool) -> Self {
        let size = Vec2::new(width.max(1) as f32, height.max(1) as f32);
        let scale = (area.width() / size.x).min(area.height() / size.y);
        Self {
            rect: Rect::from_center_size(area.center(), size * scale),
            scale,
            mirrored,
        }
    }

    /// Which part of a picture of the frame is drawn, from left to right: all of it, turned round where it is mirrored.
    fn part(&self) -> Rect {
        let (left, right) = if self.mirrored { (1.0, 0.0) } else { (0.0, 1.0) };
        Rect {
            min: Pos2::new(left, 0.0),
            max: Pos2::new(right, 1.0),
        }
    }

    fn on_screen(&self, point: Point) -> Pos2 {
        let from_corner = (Vec2::new(point.x, point.y) + Vec2::splat(0.5)) * self.scale;
        if self.mirrored {
            Pos2::new(self.rect.max.x - from_corner.x, self.rect.min.y + from_corner.y)
        } else {
            self.rect.min + from_corner
        }
    }

    fn in_frame(&self, position: Pos2) -> Point {
        let x = if self.mirrored {
            self.rect.max.x - position.x
        } else {
            position.x - self.rect.min.x
        };
        let y = position.y - self.rect.min.y;
        Point::new(x / self.scale - 0.5, y / self.scale - 0.5)
    }

    fn rect_on_screen(&self, rect: &geometry::Rect) -> Rect {
        let corner = Point::new(rect.x, rect.y);
        let opposite = Point::new(rect.x + rect.width, rect.y + rect.height);
        Rect::from_two_pos(self.on_screen(corner), self.on_screen(opposite))
    }
}

impl VideoView {
    /// Draws the scene into all of `ui`; what was clicked, if anything was.
    pub fn show(&mut self, ui: &mut Ui, scene: &Scene, shown: Shown<'_>) -> Option<Clicked> {
        let area = ui.available_rect_before_wrap();
        let picture = &scene.frame.picture;
        let placement = Placement::fit(area, picture.width(), picture.height(), shown.mirrored);
        let response = ui.allocate_rect(area, Sense::click());
        let painter = ui.painter_at(area);
        if let Some(texture) = &self.texture {
            painter.image(texture.id(), placement.rect, placement.part(), Color32::WHITE);
        }
        self.follow(scene, shown.style.trails);
        if shown.style.trails {
            let scheme = scene.net.as_ref().map(|net| &net.scheme);
            for shape in self.trails.shapes(scheme, shown.style) {
                paint(&painter, &placement, &shape);
            }
        }
        if let Some(searched) = scene.searched.as_ref().filter(|_| shown.finds) {
            for shape in overlay::find_shapes(&searched.finds).chain(overlay::find_shapes(&searched.eyes)) {
                paint(&painter, &placement, &shape);
            }
        }
        for shape in scene.shapes(shown.style) {
            paint(&painter, &placement, &shape);
        }
        if let Some(face) = scene
            .chosen
            .filter(|_| shown.mark_chosen)
            .and_then(|i| scene.faces.get(i))
        {
            let stroke = Stroke::new(theme::CHOSEN_BOX_WIDTH, theme::colours(ui.ctx()).accent);
            let rect = placement.rect_on_screen(&face.face_box);
            painter.rect_stroke(rect, theme::ROUNDING, stroke, StrokeKind::Outside);
        }
        let chosen = scene.chosen.and_then(|chosen| scene.faces.get(chosen));
        if let Some(point) = shown
            .studied
            .zip(chosen)
            .and_then(|(at, face)| shown.style.which.of(face).get(at))
        {
            let stroke = Stroke::new(theme::CHOSEN_BOX_WIDTH, theme::colours(ui.ctx()).accent);
            painter.circle_stroke(placement.on_screen(*point), theme::RING, stroke);
        }
        if shown.style.points {
            point_out(ui, &painter, &placement, (scene, shown.style.which), &response);
        }
        let position = response.interact_pointer_pos().filter(|_| response.clicked())?;
        let keypoint =
            keypoint_at(&placement, scene, shown.style.which, position).filter(|_| shown.style.points);
        Some(match keypoint {
            Some((face, number, _)) => Clicked::Keypoint(number, face.id),
            None => Clicked::Place(placement.in_frame(position)),
        })
    }

    /// Puts another frame's pixels onto the graphics card, as [`super::prepare`] made them.
    pub fn upload(&mut self, ctx: &egui::Context, pixels: Arc<ColorImage>) {
        match &mut self.texture {
            Some(texture) => texture.set(pixels, TextureOptions::LINEAR),
            None => self.texture = Some(ctx.load_texture("video", pixels, TextureOptions::LINEAR)),
        }
    }

    /// Draws what a filter makes of the frame, where the frame would be; the place that it has.
    pub fn show_response(&self, ui: &Ui, scene: &Scene, response: TextureId, mirrored: bool) -> Rect {
        let area = ui.available_rect_before_wrap();
        let picture = &scene.frame.picture;
        let placement = Placement::fit(area, picture.width(), picture.height(), mirrored);
        ui.painter_at(area)
            .image(response, placement.rect, placement.part(), Color32::WHITE);
        placement.rect
    }

    /// Where keypoints were in the frames that were shown; empty while that is not drawn.
    pub fn trails(&self) -> &Trails {
        &self.trails
    }

    /// Takes the scene's faces into the trails, once; while those are off nothing is remembered, since what lies between would be
    /// joined by a line.
    fn follow(&mut self, scene: &Scene, on: bool) {
        if !on {
            self.trails.clear();
            self.trailed = None;
            return;
        }
        let here = (scene.frame.opening, scene.frame.sequence);
        if self.trailed == Some(here) {
            return;
        }
        if self.trailed.is_none_or(|(opening, _)| opening != here.0) {
            self.trails.clear();
        }
        self.trailed = Some(here);
        self.trails.push(&scene.faces);
    }
}

/// The keypoint, of `which` are drawn, at a place of the screen: its face, its number, and where it is in the frame.
fn keypoint_at<'a>(
    placement: &Placement,
    scene: &'a Scene,
    which: Which,
    at: Pos2,
) -> Option<(&'a Face, usize, Point)> {
    let away = |point: Point| placement.on_screen(point).distance(at);
    let points = scene.faces.iter().flat_map(|face| {
        let points = which.of(face).iter().enumerate();
        points.map(move |(index, &point)| (face, index, point))
    });
    let nearest = points.min_by(|a, b| away(a.2).total_cmp(&away(b.2)));
    nearest.filter(|(face, _, point)| {
        // Of a small face there is room for a click that is none of a keypoint.
        let side = face.face_box.long_side() * placement.scale;
        away(*point) <= theme::REACH.min(theme::REACH_SHARE * side)
    })
}

/// Rings the keypoint that the pointer is at, and says which it is and where.
fn point_out(
    ui: &Ui,
    painter: &Painter,
    placement: &Placement,
    (scene, which): (&Scene, Which),
    video: &Response,
) {
    let Some(pointer) = video.hover_pos() else { return };
    let Some((face, index, point)) = keypoint_at(placement, scene, which, pointer) else {
        return;
    };
    let stroke = Stroke::new(theme::BOX_WIDTH, theme::colours(ui.ctx()).accent);
    painter.circle_stroke(placement.on_screen(point), theme::RING, stroke);
    let name = scene
        .net
        .as_ref()
        .map_or(String::new(), |net| net.scheme.name_of(index));
    let mut text = format!(
        "{index}  {name}\nx {:.1}, y {:.1} px of face {}",
        point.x, point.y, face.id
    );
    if let Some(spread) = face.spread.get(index) {
        text += &format!("\nexpected to be off by {spread:.1} px");
    }
    video.clone().on_hover_text_at_pointer(text);
}

fn paint(painter: &Painter, placement: &Placement, shape: &Shape) {
    let faint = |colour, opacity: f32| theme::colour(colour).gamma_multiply(opacity);
    match shape {
        &Shape::Dot {
            centre,
            radius,
            colour,
            opacity,
        } => {
            let radius = (radius * placement.scale).max(theme::SMALLEST_DOT);
            painter.circle_filled(placement.on_screen(centre), radius, faint(colour, opacity));
        }
        Shape::Line {
            points,
            closed,
            width,
            colour,
            opacity,
        } => {
            let width = (width * placement.scale).max(theme::SMALLEST_DOT);
            let stroke = Stroke::new(width, faint(*colour, *opacity));
            let points = points.iter().map(|&point| placement.on_screen(point)).collect();
            painter.add(if *closed {
                egui::Shape::closed_line(points, stroke)
            } else {
                egui::Shape::line(points, stroke)
            });
        }
        &Shape::Outline { rect, colour } => {
            let stroke = Stroke::new(theme::BOX_WIDTH, theme::colour(colour));
            let rect = placement.rect_on_screen(&rect);
            painter.rect_stroke(rect, theme::ROUNDING, stroke, StrokeKind::Middle);
        }
        Shape::Text {
            at,
            text,
            height,
            colour,
        } => {
            let range = theme::OVERLAY_TEXT;
            let height = (height * placement.scale).clamp(*range.start(), *range.end());
            let font = FontId::proportional(height / theme::CAPITAL);
            // Words are not mirrored, but they stay at the side where they were.
            let align = if placement.mirrored {
                Align2::RIGHT_BOTTOM
            } else {
                Align2::LEFT_BOTTOM
            };
            let at = placement.on_screen(*at);
            let shade = faint(overlay::SHADE, theme::SHADE_OPACITY);
            for (offset, colour) in [(theme::SHADE_OFFSET, shade), (Vec2::ZERO, theme::colour(*colour))] {
                painter.text(at + offset, align, text, font.clone(), colour);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::empty_scene;
    use std::time::Duration;

    /// A scene with a face of one keypoint, which the net gave 20 pixels to the right of where it is smoothed to.
    fn scene(sequence: u64) -> Scene {
        Scene {
            faces: vec![Face {
                id: 1,
                face_box: geometry::Rect::new(0.0, 0.0, 100.0, 100.0),
                points: vec![Point::new(10.0, 10.0)],
                raw_points: vec![Point::new(30.0, 10.0)],
                confidence: None,
                spread: Vec::new(),
            }],
            chosen: Some(0),
            ..empty_scene(sequence, Duration::ZERO)
        }
    }

    #[test]
    fn trails_that_are_turned_on_again_begin_anew() {
        let mut view = VideoView::default();
        let trails = |view: &VideoView| view.trails.shapes(None, &Style::default()).len();
        view.follow(&scene(0), true);
        view.follow(&scene(1), true);
        assert_eq!(trails(&view), 1);
        view.follow(&scene(2), false);
        view.follow(&scene(900), true);
        assert_eq!(trails(&view), 0, "nothing leads from there to here");
    }

    #[test]
    fn the_points_that_are_drawn_are_those_that_are_pointed_at() {
        let area = Rect::from_min_size(Pos2::ZERO, Vec2::splat(100.0));
        let (placement, scene) = (Placement::fit(area, 100, 100, false), scene(0));
        let hit = |which, at: f32| {
            let at = placement.on_screen(Point::new(at, 10.0));
            keypoint_at(&placement, &scene, which, at).map(|(.., point)| point.x)
        };
        assert_eq!(
            (hit(Which::Smoothed, 10.0), hit(Which::Smoothed, 30.0)),
            (Some(10.0), None)
        );
        assert_eq!((hit(Which::Raw, 10.0), hit(Which::Raw, 30.0)), (None, Some(30.0)));
    }

    #[test]
    fn a_frame_keeps_its_shape_and_its_pixels_their_place() {
        let area = Rect::from_min_size(Pos2::new(10.0, 20.0), Vec2::new(800.0, 400.0));
        let placement = Placement::fit(area, 640, 480, false);
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
    fn a_mirrored_frame_has_its_left_on_the_right_and_clicks_find_what_they_show() {
        let area = Rect::from_min_size(Pos2::new(10.0, 20.0), Vec2::new(640.0, 480.0));
        let placement = Placement::fit(area, 640, 480, true);
        assert_eq!(placement.on_screen(Point::new(-0.5, -0.5)), area.right_top());
        let point = Point::new(123.0, 45.0);
        let seen = placement.on_screen(point);
        assert!(seen.x > area.center().x, "it is on the left of the frame");
        assert!(placement.in_frame(seen).distance(point) < 1e-3);
        let rect = placement.rect_on_screen(&geometry::Rect::new(10.0, 20.0, 30.0, 40.0));
        assert!(rect.is_positive() && (rect.width() - 30.0).abs() < 1e-3);
    }
}
