//! The net as a graph: a box for every layer in the order of their work, frames round those that belong together, with shapes and
//! times. A click looks at a layer.

use egui::{Align2, FontId, Rect, Role, ScrollArea, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo};

use super::hint;
use crate::{
    app::theme,
    pipeline::{Layer, Looking, NetInfo},
};

/// Size of a layer's box.
const BOX: Vec2 = Vec2::new(96.0, 52.0);
/// Between two boxes.
const GAP: f32 = 12.0;
/// Height of a frame's title, and the room round what it frames.
const TITLE: f32 = 16.0;
/// See [`TITLE`].
const PADDING: f32 = 4.0;
/// Height of the bar that compares times.
const TIME_BAR: f32 = 3.0;

/// A layer's place in the drawing: columns of boxes, and how many frames are round it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Node {
    /// The first and the last column that it covers.
    columns: (usize, usize),
    /// Layers drawn within it, one in another.
    height: usize,
    /// It is a frame round other layers, and no box.
    is_frame: bool,
}

/// Where every layer is drawn. Layers come in the order of their work, those within another before it.
fn lay_out(layers: &[Layer]) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    let mut column = 0;
    for (index, layer) in layers.iter().enumerate() {
        let prefix = format!("{}.", layer.name);
        let first = (0..index)
            .rev()
            .take_while(|&before| layers[before].name.starts_with(&prefix))
            .last();
        let node = match first {
            Some(first) => Node {
                columns: (nodes[first].columns.0, nodes[index - 1].columns.1),
                height: 1 + nodes[first..index]
                    .iter()
                    .map(|node| node.height)
                    .max()
                    .unwrap_or(0),
                is_frame: true,
            },
            None => {
                column += 1;
                Node {
                    columns: (column - 1, column - 1),
                    height: 0,
                    is_frame: false,
                }
            }
        };
        nodes.push(node);
    }
    nodes
}

/// Draws the graph; a click on a layer has it looked at. Whether there was one.
pub fn show(ui: &mut Ui, net: Option<&NetInfo>, looking: &mut Looking) -> bool {
    let Some(net) = net.filter(|net| !net.layers.is_empty()) else {
        let closed = net.and_then(|net| net.closed.as_deref());
        hint(ui, closed.unwrap_or("There is no net whose layers can be shown."));
        return false;
    };
    let nodes = lay_out(&net.layers);
    let levels = nodes.iter().map(|node| node.height).max().unwrap_or(0) as f32;
    let columns = nodes.iter().map(|node| node.columns.1 + 1).max().unwrap_or(0) as f32;
    let size = Vec2::new(
        columns * (BOX.x + GAP) - GAP + 2.0 * PADDING * levels,
        BOX.y + levels * (TITLE + 2.0 * PADDING),
    );
    let slowest = net
        .layers
        .iter()
        .zip(&nodes)
        .filter(|(_, node)| !node.is_frame)
        .filter_map(|(layer, _)| layer.time)
        .max();
    let chosen = net
        .layer(looking.layer.as_deref())
        .map(|layer| layer.name.clone());
    let order = "Layers in the order of their work; bars compare their times.";
    ui.label(egui::RichText::new(order).small().weak());
    let mut clicked = false;
    ScrollArea::both().auto_shrink([false, true]).show(ui, |ui| {
        let (area, _) = ui.allocate_exact_size(size, Sense::hover());
        // Frames first, the outermost at the bottom, so that what is within is above and takes the click.
        let mut order: Vec<usize> = (0..nodes.len()).collect();
        order.sort_by_key(|&index| std::cmp::Reverse(nodes[index].height));
        for index in order {
            let (layer, node) = (&net.layers[index], nodes[index]);
            let rect = place(area, levels, node);
            let is_chosen = chosen.as_deref() == Some(layer.name.as_str());
            let share = match (layer.time, slowest) {
                (Some(time), Some(slowest)) if !slowest.is_zero() => {
                    time.as_secs_f32() / slowest.as_secs_f32()
                }
                _ => 0.0,
            };
            if draw(ui, layer, node, rect, is_chosen, share.min(1.0)) {
                looking.layer = Some(layer.name.clone());
                clicked = true;
            }
        }
    });
    clicked
}

/// Where a layer is on the screen.
fn place(area: Rect, levels: f32, node: Node) -> Rect {
    let edge = PADDING * levels;
    let left = area.min.x + edge + node.columns.0 as f32 * (BOX.x + GAP);
    let right = area.min.x + edge + node.columns.1 as f32 * (BOX.x + GAP) + BOX.x;
    let bottom = area.min.y + levels * (TITLE + PADDING) + BOX.y;
    let height = node.height as f32;
    Rect::from_min_max(
        egui::pos2(
            left - height * PADDING,
            bottom - BOX.y - height * (TITLE + PADDING),
        ),
        egui::pos2(right + height * PADDING, bottom + height * PADDING),
    )
}

/// Draws a layer; whether it was clicked.
fn draw(ui: &mut Ui, layer: &Layer, node: Node, rect: Rect, is_chosen: bool, share: f32) -> bool {
    let colours = theme::colours(ui.ctx());
    let response = ui.interact(rect, ui.scope_id().with(&layer.name), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("look at {}", layer.name)));
    let line = if is_chosen || response.hovered() || response.has_focus() {
        Stroke::new(theme::BOX_WIDTH, colours.accent)
    } else {
        Stroke::new(1.0, colours.line)
    };
    let fill = if node.is_frame {
        colours.panel
    } else {
        colours.control
    };
    ui.painter()
        .rect(rect, theme::ROUNDING, fill, line, StrokeKind::Inside);
    let [channels, height, width] = layer.shape;
    let size = match (height, width) {
        (1, 1) => format!("{channels} × 1"),
        _ => format!("{channels} × {width}×{height}"),
    };
    let time = layer
        .time
        .map_or_else(String::new, |time| format!("{:.2} ms", time.as_secs_f64() * 1e3));
    let painter = ui
        .painter()
        .with_clip_rect(rect.shrink(1.0).intersect(ui.clip_rect()));
    let small = FontId::proportional(theme::SMALLEST_TEXT);
    let last = layer.name.rsplit('.').next().unwrap_or(&layer.name);
    if node.is_frame {
        let text = format!("{}  {size}  {time}", layer.name);
        let at = rect.min + Vec2::new(PADDING + 2.0, PADDING / 2.0);
        painter.text(at, Align2::LEFT_TOP, text, small, colours.text_weak);
    } else {
        let line = |number: f32| rect.min + Vec2::new(BOX.x / 2.0, PADDING + number * BOX.y * 0.29);
        painter.text(
            line(0.0),
            Align2::CENTER_TOP,
            last,
            FontId::proportional(theme::SMALLEST_TEXT + 1.5),
            colours.text,
        );
        painter.text(
            line(1.0),
            Align2::CENTER_TOP,
            &size,
            small.clone(),
            colours.text_weak,
        );
        painter.text(line(1.9), Align2::CENTER_TOP, time, small, colours.text_weak);
        let bar = Rect::from_min_size(
            rect.left_bottom() + Vec2::new(PADDING, -TIME_BAR - 1.5),
            Vec2::new((BOX.x - 2.0 * PADDING) * share, TIME_BAR),
        );
        painter.rect_filled(bar, 1.0, colours.accent);
    }
    let work = layer.multiply_adds.map_or_else(String::new, |count| {
        format!("\n{:.2} million multiply-adds", count as f64 / 1e6)
    });
    let about = format!("{}\n{size}{work}", layer.name);
    response.on_hover_text(about).clicked()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_within_another_are_framed_by_it_and_the_others_stand_in_a_row() {
        let names = [
            "stem",
            "block.0.conv",
            "block.0.relu",
            "block.0",
            "block.1",
            "block",
            "fc",
        ];
        let layers = names.map(|name| Layer {
            name: name.into(),
            shape: [1, 1, 1],
            multiply_adds: None,
            time: None,
        });
        let nodes = lay_out(&layers);
        let row = |column| Node {
            columns: (column, column),
            height: 0,
            is_frame: false,
        };
        let frame = |columns, height| Node {
            columns,
            height,
            is_frame: true,
        };
        assert_eq!(
            nodes,
            [
                row(0),
                row(1),
                row(2),
                frame((1, 2), 1),
                row(3),
                frame((1, 3), 2),
                row(4)
            ]
        );
        let area = Rect::from_min_size(egui::Pos2::ZERO, Vec2::new(900.0, 200.0));
        let rects: Vec<Rect> = nodes.iter().map(|node| place(area, 2.0, *node)).collect();
        assert!(rects[3].contains_rect(rects[1]) && rects[5].contains_rect(rects[3]));
        assert!(rects[5].max.x < rects[6].min.x && rects[0].max.x < rects[5].min.x);
    }
}
