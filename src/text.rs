//! Text that others wrote, such as names in their files: what a person reads of it. Knows no other room.

/// The text, cut where it is longer than `most` characters.
pub fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The end of the text, where it is longer than `most` characters: that of a path tells more than its beginning.
pub fn shortened_to_end(text: &str, most: usize) -> String {
    match text.chars().count().checked_sub(most) {
        None | Some(0) => text.to_owned(),
        Some(cut) => format!("…{}", text.chars().skip(cut).collect::<String>()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(shortened("größer", 3), "grö…");
        assert_eq!(shortened("größer", 6), "größer");
        assert_eq!(shortened("", 0), "");
        assert_eq!(shortened_to_end("größer", 3), "…ßer");
        assert_eq!(shortened_to_end("größer", 6), "größer");
        assert_eq!(shortened_to_end("", 0), "");
    }
}
