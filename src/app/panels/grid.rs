//! Maps or filters in cells, row by row: one can be chosen by a click or by its number, and dead ones are crossed out.

use egui::{Color32, DragValue, Pos2, Rect, Response, Sense, Stroke, StrokeKind, TextureId, Ui, Vec2};

use super::texture::Texture;
use crate::{
    app::theme,
    look::GAP_PX,
    pipeline::{Atlas, Channel},
};

/// The whole of a texture.
pub const WHOLE: Rect = Rect {
    min: Pos2::ZERO,
    max: Pos2::new(1.0, 1.0),
};

/// Draws the grid as wide as there is room; what stands in a cell's tooltip is what `about` says of it. `picked` is the number of
/// the channel that is chosen, of all of which there are.
pub fn show(
    ui: &mut Ui,
    atlas: &Atlas,
    texture: &Texture,
    picked: &mut Option<usize>,
    about: impl Fn(&Channel) -> String,
) {
    let (Some(id), Some(size)) = (texture.id(), texture.size()) else {
        return;
    };
    let width = ui.available_width();
    let (rect, response) = ui.allocate_exact_size(Vec2::new(width, width / size.x * size.y), Sense::click());
    let colours = theme::colours(ui.ctx());
    ui.painter().image(id, rect, WHOLE, Color32::WHITE);
    let place_on_screen = |place: usize| on_screen(rect, atlas, place);
    for (place, channel) in atlas.channels.iter().enumerate() {
        let cell = place_on_screen(place);
        if channel.is_dead {
            let cell = cell.shrink(cell.width() * theme::CROSS_SHARE);
            let stroke = Stroke::new(1.0, colours.text_weak);
            ui.painter()
                .line_segment([cell.left_top(), cell.right_bottom()], stroke);
            ui.painter()
                .line_segment([cell.right_top(), cell.left_bottom()], stroke);
        }
        if *picked == Some(channel.number) {
            let stroke = Stroke::new(theme::CHOSEN_BOX_WIDTH, colours.accent);
            ui.painter().rect_stroke(cell, 0.0, stroke, StrokeKind::Inside);
        }
    }
    let under = response.hover_pos().and_then(|pointer| {
        let place = (0..atlas.channels.len()).find(|place| place_on_screen(*place).contains(pointer))?;
        Some((place, atlas.channels[place]))
    });
    if let Some((place, channel)) = under {
        let stroke = Stroke::new(theme::BOX_WIDTH, colours.accent);
        ui.painter()
            .rect_stroke(place_on_screen(place), 0.0, stroke, StrokeKind::Inside);
        if response.clicked() {
            *picked = (*picked != Some(channel.number)).then_some(channel.number);
        }
        response.on_hover_text(about(&channel));
    }
}

/// A choice of the one that is enlarged, by its number; for the keyboard, and for those who know which.
pub fn choose(ui: &mut Ui, what: &str, count: usize, picked: &mut Option<usize>) -> Response {
    ui.horizontal(|ui| {
        let mut on = picked.is_some();
        let checkbox = ui
            .checkbox(&mut on, format!("one {what} large"))
            .on_hover_text("A click on one does the same.");
        if checkbox.changed() {
            *picked = on.then_some(0);
        }
        if let Some(number) = picked {
            let last = count.saturating_sub(1);
            *number = (*number).min(last);
            ui.add(DragValue::new(number).range(0..=last))
                .on_hover_text("Its number");
        }
        checkbox
    })
    .inner
}

/// A cell on the screen, without the gaps round it, where the atlas has `rect`.
fn on_screen(rect: Rect, atlas: &Atlas, place: usize) -> Rect {
    let (width, height) = atlas.picture.dimensions();
    let rows = atlas.channels.len().div_ceil(atlas.columns).max(1);
    // In pixels of the atlas: a cell with its gap, and the cell alone.
    let gap = GAP_PX as f32;
    let step = Vec2::new(
        (width as f32 + gap) / atlas.columns as f32,
        (height as f32 + gap) / rows as f32,
    );
    let at = Vec2::new((place % atlas.columns) as f32, (place / atlas.columns) as f32);
    let per_pixel = rect.size() / Vec2::new(width as f32, height as f32);
    Rect::from_min_size(
        rect.min + at * step * per_pixel,
        (step - Vec2::splat(gap)) * per_pixel,
    )
}

/// Draws one cell of the grid alone into `rect`, so that what is below shines through by `1 - opacity`.
pub fn paint_cell(ui: &Ui, atlas: &Atlas, id: TextureId, place: usize, rect: Rect, opacity: f32) {
    let part = on_screen(WHOLE, atlas, place);
    ui.painter()
        .image(id, rect, part, Color32::WHITE.gamma_multiply(opacity));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::LayerMaps, pipeline::Looking};

    #[test]
    fn cells_lie_where_the_atlas_has_them() {
        let maps = LayerMaps {
            name: "layer".into(),
            shape: [6, 3, 3],
            values: vec![1.0; 54],
        };
        let atlas = Atlas::of(&maps, &Looking::default(), None);
        let (width, height) = atlas.picture.dimensions();
        // At one point of the screen a pixel.
        let rect = Rect::from_min_size(Pos2::ZERO, Vec2::new(width as f32, height as f32));
        for place in 0..6 {
            let cell = on_screen(rect, &atlas, place);
            let opaque = |x: f32, y: f32| atlas.picture.get_pixel(x as u32, y as u32)[3] == 255;
            assert!(opaque(cell.min.x + 0.1, cell.min.y + 0.1), "{place}: {cell:?}");
            assert!(opaque(cell.max.x - 0.1, cell.max.y - 0.1), "{place}: {cell:?}");
            if cell.max.x < width as f32 {
                assert!(!opaque(cell.max.x + 0.1, cell.min.y + 0.1), "{place}: {cell:?}");
            }
        }
    }
}
