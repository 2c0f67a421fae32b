//! Lets one look inside nets that say nothing of it themselves: their archive with source that notes what every part makes.

mod parse;
mod source;

use std::collections::BTreeMap;

pub(super) use source::{KERNEL, METHOD};

use super::{archive, operators};

/// The archive with taps.
///
/// # Errors
/// Says why its code cannot be given taps.
pub(super) fn with_taps(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let said = |problem: archive::Problem| problem.to_string();
    let (mut code, mut root) = (BTreeMap::new(), None);
    for (name, content) in archive::entries(bytes).map_err(said)? {
        let Some((_, below)) = name.split_once('/') else {
            continue;
        };
        if let Some(file) = below.strip_prefix("code/").filter(|file| file.ends_with(".py")) {
            let text = String::from_utf8(content).map_err(|_| format!("its code is no text: {name}"))?;
            code.insert(file.to_owned(), text);
        } else if below == "data.pkl" {
            root = root_class(&content);
        }
    }
    let root = root.ok_or("which class its net is of is not said")?;
    let tapped = source::with_taps(&code, &root)?;
    let mut whole: BTreeMap<&str, &str> = code.iter().map(|(file, text)| (&**file, &**text)).collect();
    whole.extend(tapped.iter().map(|(file, text)| (&**file, &**text)));
    // What was text before has to be nothing else now.
    operators::check_tapped(&whole).map_err(|refused| format!("its taps would use {}", refused.what))?;
    archive::with_code(bytes, &tapped).map_err(said)
}

/// The first class that a pickle names: the outermost object's.
fn root_class(pickle: &[u8]) -> Option<String> {
    /// Names a class: module and name follow, a line each.
    const GLOBAL: &[u8] = b"c__torch__";
    let start = pickle.windows(GLOBAL.len()).position(|window| window == GLOBAL)? + 1;
    let mut lines = pickle[start..].split(|byte| *byte == b'\n');
    let (module, name) = (lines.next()?, lines.next()?);
    Some(format!(
        "{}.{}",
        std::str::from_utf8(module).ok()?,
        std::str::from_utf8(name).ok()?
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outermost_class_is_the_one_named_first() {
        let pickle = b"\x80\x02c__torch__.deep\nNet\nq\x00)\x81}(X\x04\x00\x00\x00c__torch__\nOther\n.";
        assert_eq!(root_class(pickle).as_deref(), Some("__torch__.deep.Net"));
        assert_eq!(root_class(b"\x80\x02}."), None);
    }
}
