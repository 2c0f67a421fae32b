//! Takes TorchScript source apart into words, as libtorch's own lexer does. What PyTorch never writes and two lexers could read
//! in two ways (comments, which libtorch takes for types, texts over several lines, continued lines) is no source here. Knows text only.

/// A piece of source. Of numbers only their place matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word<'a> {
    /// A statement begins, in this column: within brackets a new line is none.
    Begin(usize),
    Name(&'a str),
    /// What stands between the quotes.
    Text(&'a str),
    Number,
    /// `->`
    Arrow,
    Sign(char),
}

/// The words of a source, each with its line from 1; white space is left out.
///
/// # Errors
/// The line of what is no source, and what it is.
pub(super) fn words_of(source: &str) -> Result<Vec<(usize, Word<'_>)>, (usize, &'static str)> {
    let bytes = source.as_bytes();
    let (mut words, mut at, mut line, mut line_start) = (Vec::new(), 0, 1, 0);
    let (mut open, mut begins) = (0_usize, true);
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        match byte {
            b'\n' => {
                line += 1;
                at += 1;
                line_start = at;
                begins = open == 0;
                continue;
            }
            b' ' => {
                at += 1;
                continue;
            }
            _ if begins => {
                words.push((line, Word::Begin(start - line_start)));
                begins = false;
            }
            _ => {}
        }
        let word = match byte {
            b'#' => return Err((line, "a comment")),
            b'\'' | b'\\' | b';' | b'\t' | b'\r' => return Err((line, "a sign that PyTorch does not write")),
            b'.' if bytes.get(at + 1) == Some(&b'.') => return Err((line, "dots in a row")),
            b'"' => {
                at = text_end(bytes, at).ok_or((line, "a text without an end, or over several lines"))?;
                if matches!(words.last(), Some((_, Word::Text(_)))) {
                    return Err((line, "two texts side by side"));
                }
                let text = &source[start + 1..at - 1];
                if hides_letters(text) {
                    return Err((line, "a text with letters written as numbers"));
                }
                Word::Text(text)
            }
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
                at += length(&bytes[at..], is_of_name);
                Word::Name(&source[start..at])
            }
            _ if is_number(&bytes[at..]) => {
                at = number_end(bytes, at);
                if bytes
                    .get(at)
                    .is_some_and(|byte| is_of_name(*byte) || *byte == b'.')
                {
                    return Err((line, "a number that is none"));
                }
                Word::Number
            }
            b'-' if bytes.get(at + 1) == Some(&b'>') => {
                at += 2;
                Word::Arrow
            }
            _ if byte.is_ascii_graphic() => {
                at += 1;
                match byte {
                    b'(' | b'[' | b'{' => open += 1,
                    b')' | b']' | b'}' => open = open.saturating_sub(1),
                    _ => {}
                }
                Word::Sign(char::from(byte))
            }
            _ => return Err((line, "a letter that code has in texts only")),
        };
        words.push((line, word));
    }
    Ok(words)
}

fn is_of_name(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}

fn is_number(rest: &[u8]) -> bool {
    let digit = |at: usize| rest.get(at).is_some_and(u8::is_ascii_digit);
    digit(0) || (rest[0] == b'.' && digit(1))
}

/// The place behind the number that begins at `start`: digits, a fraction, an exponent, and `j` of imaginary ones.
fn number_end(bytes: &[u8], start: usize) -> usize {
    let digits = |at: usize| at + length(bytes.get(at..).unwrap_or_default(), |byte| byte.is_ascii_digit());
    let mut at = digits(start);
    if bytes.get(at) == Some(&b'.') {
        at = digits(at + 1);
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let end = digits(at + 1 + sign);
        if end > at + 1 + sign {
            at = end;
        }
    }
    at + usize::from(bytes.get(at) == Some(&b'j'))
}

/// The place behind the text that begins at `start`; `None` when it has no end in its line, or could be the beginning of one that
/// goes over several.
fn text_end(bytes: &[u8], start: usize) -> Option<usize> {
    if bytes[start..].starts_with(b"\"\"\"") {
        return None;
    }
    let mut at = start + 1;
    loop {
        match *bytes.get(at)? {
            b'\\' => at += 2,
            b'\n' => return None,
            b'"' => return Some(at + 1),
            _ => at += 1,
        }
    }
}

/// How many bytes at the start are so.
fn length(bytes: &[u8], so: impl Fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|byte| so(**byte)).count()
}

/// Whether some of a text's letters are written by their numbers, in octal, as PyTorch writes only what cannot be seen.
fn hides_letters(text: &str) -> bool {
    let mut rest = text.as_bytes().iter();
    while let Some(byte) = rest.next() {
        if *byte != b'\\' {
            continue;
        }
        let number = rest
            .as_slice()
            .get(..3)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let number = number.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        if number.is_some_and(|letter| letter == b' ' || letter.is_ascii_graphic()) {
            return true;
        }
        // What is marked, which may be such a sign itself.
        rest.next();
    }
    false
}
