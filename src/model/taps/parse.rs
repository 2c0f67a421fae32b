//! Takes the source that a TorchScript archive holds apart: classes, their methods, and the pieces of an expression. Knows text only.

use std::collections::HashMap;

/// A class of the archive's source.
#[derive(Debug, Default)]
pub(super) struct Class {
    /// Types of its attributes, as far as they are modules.
    pub(super) attributes: HashMap<String, String>,
    /// Its methods as they stand in the source, each with its parameters up to the colon and its body.
    pub(super) methods: Vec<Method>,
    pub(super) is_module: bool,
}

#[derive(Debug)]
pub(super) struct Method {
    pub(super) name: String,
    /// From the opening parenthesis to its match.
    pub(super) parameters: String,
    pub(super) returns: String,
    pub(super) body: Vec<String>,
    /// Line behind its last, counted in its file.
    pub(super) ends: usize,
}

pub(super) fn parameter_names(parameters: &str) -> impl Iterator<Item = &str> {
    let inner = parameters.trim_start_matches('(').trim_end_matches(')');
    split_arguments(inner)
        .into_iter()
        .filter_map(|parameter| Some(parameter.split(':').next()?.trim()))
        .filter(|name| !name.is_empty())
}

/// The classes of a file, in order.
pub(super) fn classes_of(text: &str) -> Result<Vec<(String, Class)>, String> {
    let mut classes: Vec<(String, Class)> = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        if let Some(head) = line.strip_prefix("class ") {
            let name = head.split(['(', ':']).next().unwrap_or(head);
            let class = Class {
                is_module: head.contains("(Module)"),
                ..Class::default()
            };
            classes.push((name.to_owned(), class));
            at += 1;
            continue;
        }
        let Some((_, class)) = classes.last_mut().filter(|_| line.starts_with("  ")) else {
            // A function by itself: only classes are of interest, and what follows it is not in one.
            at += 1;
            while line.starts_with("def ") && at < lines.len() && lines[at].starts_with(' ') {
                at += 1;
            }
            continue;
        };
        if line.starts_with("  def ") {
            let (method, next) = method_at(&lines, at)?;
            class.methods.push(method);
            at = next;
            continue;
        }
        if let Some((name, kind)) = line.trim().split_once(" : ") {
            class.attributes.insert(name.to_owned(), kind.to_owned());
        } else if let Some((name, kind)) = line
            .trim()
            .strip_prefix("__annotations__[\"")
            .and_then(|rest| rest.split_once("\"] = "))
        {
            class.attributes.insert(name.to_owned(), kind.to_owned());
        }
        at += 1;
    }
    Ok(classes)
}

/// The method whose definition begins at a line, and the line behind it.
fn method_at(lines: &[&str], start: usize) -> Result<(Method, usize), String> {
    let unread = || format!("a definition that is not understood: {}", lines[start].trim());
    let mut head = String::new();
    let mut at = start;
    // A definition's parameters stand on lines of their own.
    loop {
        head += lines.get(at).ok_or_else(unread)?;
        at += 1;
        if head.trim_end().ends_with(':') && balanced(&head) {
            break;
        }
        head.push('\n');
    }
    let head = head.trim().strip_prefix("def ").ok_or_else(unread)?;
    let open = head.find('(').ok_or_else(unread)?;
    let close = matching(head, open).ok_or_else(unread)?;
    let returns = head[close + 1..].trim().trim_end_matches(':').trim();
    let returns = returns.strip_prefix("->").ok_or_else(unread)?.trim();
    let body_from = at;
    while at < lines.len() && lines[at].starts_with("    ") {
        at += 1;
    }
    let method = Method {
        name: head[..open].to_owned(),
        parameters: head[open..=close].to_owned(),
        returns: returns.to_owned(),
        body: lines[body_from..at]
            .iter()
            .map(|line| (*line).to_owned())
            .collect(),
        ends: at,
    };
    Ok((method, at))
}

fn balanced(text: &str) -> bool {
    text.find('(').is_none_or(|open| matching(text, open).is_some())
}

/// The bytes from `start` on with their places, but for those in strings.
fn outside_strings(text: &str, start: usize) -> impl Iterator<Item = (usize, u8)> {
    let (mut in_string, mut escaped) = (false, false);
    text.bytes().enumerate().skip(start).filter(move |(_, byte)| {
        let was_in_string = in_string;
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ => {}
        }
        !was_in_string && *byte != b'"'
    })
}

/// By how much a byte goes deeper into parentheses.
fn deeper(byte: u8) -> i32 {
    match byte {
        b'(' | b'[' | b'{' => 1,
        b')' | b']' | b'}' => -1,
        _ => 0,
    }
}

/// Place of the parenthesis that closes the one at `open`; strings are passed over.
pub(super) fn matching(text: &str, open: usize) -> Option<usize> {
    let mut depth = 0;
    outside_strings(text, open)
        .find(|(_, byte)| {
            depth += deeper(*byte);
            depth == 0
        })
        .map(|(place, _)| place)
}

/// The parts of a list that lie between commas of their own.
pub(super) fn split_arguments(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut from) = (Vec::new(), 0, 0);
    for (place, byte) in outside_strings(text, 0) {
        depth += deeper(byte);
        if byte == b',' && depth == 0 {
            parts.push(&text[from..place]);
            from = place + 1;
        }
    }
    parts.push(&text[from..]);
    parts
}

/// Name and value of an assignment to one variable.
pub(super) fn assignment(statement: &str) -> Option<(&str, &str)> {
    let (name, value) = statement.split_once(" = ")?;
    name.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        .then_some((name, value))
}

pub(super) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.'
}

pub(super) fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}
