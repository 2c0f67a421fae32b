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

/// The first of the names with commas between them, and how many more there are.
pub fn listed(names: &[String]) -> String {
    /// Those that are named.
    const MOST: usize = 8;
    let shown = names[..names.len().min(MOST)].join(", ");
    match names.len().saturating_sub(MOST) {
        0 => shown,
        more => format!("{shown} and {more} more"),
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

    #[test]
    fn long_lists_end_with_what_is_not_named() {
        let names: Vec<String> = (1..=10).map(|name| name.to_string()).collect();
        assert_eq!(listed(&names), "1, 2, 3, 4, 5, 6, 7, 8 and 2 more");
        assert_eq!(listed(&names[..8]), "1, 2, 3, 4, 5, 6, 7, 8");
        assert_eq!(listed(&[]), "");
    }
}
