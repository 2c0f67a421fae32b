//! Maps or filters in cells, row by row: one can be chosen by a click or by its number, and dead ones are crossed out.

use egui::{Color32, DragValue, Pos2, Rect, Response, Sense, Stroke, StrokeKind, Ui, Vec2};

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
/// the channel that is chosen, of all of which there are. Gives the rows that can be seen, the first and the one after the last.
pub fn show(
    ui: &mut Ui,
    atlas: &Atlas,
    texture: &Texture,
    picked: &mut Option<usize>,
    about: impl Fn(&Channel) -> String,
) -> (usize, usize) {
    let size = Vec2::new(
        extent(atlas.columns, atlas.cell.0),
        extent(atlas.rows(), atlas.cell.1),
    );
    let scale = ui.available_width() / size.x;
    let (rect, response) = ui.allocate_exact_size(size * scale, Sense::click());
    let colours = theme::colours(ui.ctx());
    if let (Some(id), Some(drawn)) = (texture.id(), texture.size()) {
        let top = atlas.first_row as f32 * (atlas.cell.1 + GAP_PX) as f32;
        let place = Rect::from_min_size(rect.min + Vec2::new(0.0, top) * scale, drawn * scale);
        ui.painter().image(id, place, WHOLE, Color32::WHITE);
    }
    let place_on_screen = |place: usize| on_screen(rect.min, scale, atlas, place);
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
    let seen = rect.intersect(ui.clip_rect());
    let step = (atlas.cell.1 + GAP_PX) as f32 * scale;
    // One more on each side: what comes into sight is there already.
    let first = ((seen.min.y - rect.min.y) / step).floor() - 1.0;
    let end = ((seen.max.y - rect.min.y) / step).ceil() + 1.0;
    (first.max(0.0) as usize, end.max(0.0) as usize)
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

/// Length of so many cells with the gaps between them, pixels of the atlas.
fn extent(cells: usize, cell: u32) -> f32 {
    let cells = cells.max(1) as f32;
    cells * cell as f32 + (cells - 1.0) * GAP_PX as f32
}

/// A cell on the screen, without the gaps round it, where the grid begins at `corner`.
fn on_screen(corner: Pos2, scale: f32, atlas: &Atlas, place: usize) -> Rect {
    let (width, height) = (atlas.cell.0 as f32, atlas.cell.1 as f32);
    let gap = GAP_PX as f32;
    let at = Vec2::new((place % atlas.columns) as f32, (place / atlas.columns) as f32);
    let left_top = corner + at * Vec2::new(width + gap, height + gap) * scale;
    Rect::from_min_size(left_top, Vec2::new(width, height) * scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{look::ALL_ROWS, model::LayerMaps, pipeline::Looking};

    #[test]
    fn cells_lie_where_the_atlas_has_them() {
        let maps = LayerMaps {
            name: "layer".into(),
            shape: [6, 3, 3],
            values: vec![1.0; 54],
        };
        let atlas = Atlas::of(&maps, &Looking::default(), ALL_ROWS, None);
        let (width, height) = atlas.picture.dimensions();
        let size = (
            extent(atlas.columns, atlas.cell.0),
            extent(atlas.rows(), atlas.cell.1),
        );
        assert_eq!(size, (width as f32, height as f32));
        // At one point of the screen a pixel.
        for place in 0..6 {
            let cell = on_screen(Pos2::ZERO, 1.0, &atlas, place);
            let opaque = |x: f32, y: f32| atlas.picture.get_pixel(x as u32, y as u32)[3] == 255;
            assert!(opaque(cell.min.x + 0.1, cell.min.y + 0.1), "{place}: {cell:?}");
            assert!(opaque(cell.max.x - 0.1, cell.max.y - 0.1), "{place}: {cell:?}");
            if cell.max.x < width as f32 {
                assert!(!opaque(cell.max.x + 0.1, cell.min.y + 0.1), "{place}: {cell:?}");
            }
        }
    }
}
