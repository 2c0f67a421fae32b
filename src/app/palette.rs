//! The palette: a command found by a few letters of its name, and done by Enter.

use egui::{Align2, Context, Key, Modifiers, RichText, ScrollArea, TextEdit};

use super::{
    commands::{self, Command, Id},
    theme,
};

/// The palette while it is open.
#[derive(Debug, Default)]
pub struct Palette {
    query: String,
    /// Place in the list of what is found.
    chosen: usize,
    was_open: bool,
}

impl Palette {
    /// Draws the palette while `open`; the command that was chosen, which closes it.
    pub fn show(&mut self, ctx: &Context, open: &mut bool) -> Option<Id> {
        let was_open = std::mem::replace(&mut self.was_open, *open);
        let opened_now = *open && !was_open;
        if !*open {
            return None;
        }
        if opened_now {
            *self = Self {
                was_open: true,
                ..Self::default()
            };
        }
        let key = |key| ctx.input_mut(|input| input.consume_key(Modifiers::NONE, key));
        if key(Key::Escape) {
            *open = false;
            return None;
        }
        let (up, down, enter) = (key(Key::ArrowUp), key(Key::ArrowDown), key(Key::Enter));
        let found = found(&self.query);
        let last = found.len().saturating_sub(1);
        if down {
            self.chosen += 1;
        } else if up {
            self.chosen = self.chosen.saturating_sub(1);
        }
        self.chosen = self.chosen.min(last);
        let mut done = found.get(self.chosen).filter(|_| enter).map(|command| command.id);
        let place = egui::vec2(0.0, ctx.content_rect().height() * theme::PALETTE_TOP);
        let shown = egui::Window::new("Find a command")
            .title_bar(false)
            .collapsible(false)
            .resizable(false)
            .anchor(Align2::CENTER_TOP, place)
            .show(ctx, |ui| {
                ui.set_width(theme::CARD_WIDTH.min(ctx.content_rect().width() - 4.0 * theme::WIDE_SPACE));
                let field = TextEdit::singleline(&mut self.query)
                    .hint_text("A few letters of a command")
                    .desired_width(f32::INFINITY);
                let field = ui.add(field);
                field.request_focus();
                if field.changed() {
                    self.chosen = 0;
                }
                let height = theme::PALETTE_HEIGHT.min(ctx.content_rect().height() / 2.0);
                ScrollArea::vertical().max_height(height).show(ui, |ui| {
                    for (place, command) in found.iter().enumerate() {
                        let row = row(ui, command, place == self.chosen);
                        if place == self.chosen && (up || down) {
                            row.scroll_to_me(None);
                        }
                        if row.clicked() {
                            done = Some(command.id);
                        }
                    }
                    if found.is_empty() {
                        ui.label(RichText::new("No command has these letters.").weak());
                    }
                });
            });
        let clicked_beside = shown.is_some_and(|shown| shown.response.clicked_elsewhere()) && !opened_now;
        if done.is_some() || clicked_beside {
            *open = false;
            self.was_open = false;
        }
        done
    }
}

fn row(ui: &mut egui::Ui, command: &Command, chosen: bool) -> egui::Response {
    let keys = commands::keys_of(ui.ctx(), command);
    let button = egui::Button::new(command.name)
        .selected(chosen)
        .frame_when_inactive(false)
        .shortcut_text(keys)
        .min_size(egui::vec2(ui.available_width(), 0.0));
    ui.add(button).on_hover_text(command.help)
}

/// Commands whose names have the letters of `query` in order, the best first.
fn found(query: &str) -> Vec<&'static Command> {
    let scored = commands::TABLE.iter().filter(|command| command.id != Id::Palette);
    let mut scored: Vec<(usize, &Command)> = scored
        .filter_map(|command| Some((distance(query, command.name)?, command)))
        .collect();
    // Stable: the table's order where nothing speaks for one or the other.
    scored.sort_by_key(|(distance, _)| *distance);
    scored.into_iter().map(|(_, command)| command).collect()
}

/// How far the letters of `query` are spread in `name`, and how late they begin; `None` when they are not all there.
fn distance(query: &str, name: &str) -> Option<usize> {
    let name: Vec<char> = name.to_lowercase().chars().collect();
    let mut from = 0;
    let mut spread = 0;
    let mut last: Option<usize> = None;
    for letter in query
        .to_lowercase()
        .chars()
        .filter(|letter| !letter.is_whitespace())
    {
        let place = from + name[from..].iter().position(|&other| other == letter)?;
        let begins_word = place == 0 || !name[place - 1].is_alphanumeric();
        spread += match last {
            Some(last) if place == last + 1 => 0,
            _ if begins_word => 1,
            _ => 4 + place,
        };
        last = Some(place);
        from = place + 1;
    }
    Some(spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(query: &str) -> &'static str {
        found(query).first().map_or("", |command| command.name)
    }

    #[test]
    fn a_few_letters_find_what_is_meant() {
        assert_eq!(best("weights"), "Load weights…");
        assert_eq!(best("FULL"), "Full screen");
        assert_eq!(best("lw"), "Load weights…");
        assert_eq!(best("status"), "Status bar");
        assert_eq!(best("qui"), "Quit");
        assert_eq!(best("face n"), "Face numbers");
        assert!(found("zzz").is_empty());
        assert_eq!(found("").len(), commands::TABLE.len() - 1);
    }
}
