//! Looks through a cascade file before OpenCV does. OpenCV trusts the numbers in it: a rectangle outside the window or
//! the number of a feature that is not there reads foreign memory, a node that leads back to itself never ends.

use std::{path::Path, str::FromStr};

use super::DetectError;
use crate::files::plain;

/// Largest file that is read; the largest cascade of OpenCV is 1.5 MB.
const LARGEST_FILE: u64 = 64 << 20;
/// Sides of the window that a cascade can be trained on.
const WINDOW_SIDES: std::ops::RangeInclusive<i32> = 8..=256;
/// Numbers of a node: two children and a feature, then a threshold (Haar) or which of 256 patterns go left (LBP).
const HAAR_NODE: usize = 4;
/// See [`HAAR_NODE`].
const LBP_NODE: usize = 3 + 256 / 32;
/// Most rectangles in one Haar feature, which OpenCV stores in a fixed array.
const MOST_RECTANGLES: usize = 3;

/// Checks that `path` is a Haar or LBP cascade whose every number can be used.
///
/// # Errors
/// Says what is wrong with it.
pub(super) fn check(path: &Path) -> Result<(), DetectError> {
    read(path)
        .and_then(|text| check_text(&text))
        .map_err(|why| DetectError::Cascade {
            path: path.to_path_buf(),
            why: format!("{why}; OpenCV's are in cascades/ after ./setup.sh"),
        })
}

fn read(path: &Path) -> Result<String, String> {
    let text = plain::read_text(path, LARGEST_FILE).map_err(|e| e.to_string())?;
    match text.is_empty() {
        true => Err("it is empty".into()),
        false => Ok(text),
    }
}

fn check_text(text: &str) -> Result<(), String> {
    let text = &without_comments(text)?;
    let Some((_, body)) = text.split_once("type_id=\"opencv-cascade-classifier\"") else {
        return Err(match text.contains("opencv-haar-classifier") {
            true => "it is a cascade in OpenCV's old format, which is not read".into(),
            false => "it is not a cascade in OpenCV's format".into(),
        });
    };
    // What is looked at here must be what OpenCV will read.
    if body.contains("<!") {
        return Err("it holds more than a cascade".into());
    }
    for (tag, most) in [
        ("features", 1),
        ("stages", 1),
        ("width", 1),
        ("height", 1),
        ("maxCatCount", 1),
    ]
    .into_iter()
    .chain(["internalNodes", "leafValues", "rects", "rect", "tilted"].map(|tag| (tag, usize::MAX)))
    {
        let found = contents(text, tag).count();
        if found > most || found != begun(text, tag) {
            return Err(format!("its <{tag}> are not as OpenCV writes them"));
        }
    }
    if !text.trim_end().ends_with("</opencv_storage>") {
        return Err("its end is missing".into());
    }
    let kind = only(text, "featureType")?;
    if only(text, "stageType")? != "BOOST" || !["HAAR", "LBP"].contains(&kind) {
        return Err("it is not a boosted Haar or LBP cascade".into());
    }
    let is_lbp = kind == "LBP";
    let patterns = contents(text, "maxCatCount").next().unwrap_or("0");
    if patterns != if is_lbp { "256" } else { "0" } {
        return Err(format!("a cascade of its kind does not have {patterns} patterns"));
    }
    let window = (number(only(text, "width")?)?, number(only(text, "height")?)?);
    if !WINDOW_SIDES.contains(&window.0) || !WINDOW_SIDES.contains(&window.1) {
        return Err(format!("its window is {} x {} pixels", window.0, window.1));
    }
    let features = only(text, "features")?;
    let (features, node) = if is_lbp {
        (check_blocks(features, window)?, LBP_NODE)
    } else {
        (check_features(features, window)?, HAAR_NODE)
    };
    let mut leaves = contents(text, "leafValues");
    let mut trees = 0;
    for nodes in contents(text, "internalNodes") {
        check_tree(nodes, leaves.next().ok_or("leaves are missing")?, node, features)?;
        trees += 1;
    }
    if trees == 0 || leaves.next().is_some() {
        return Err("its trees are damaged".into());
    }
    Ok(())
}

/// Checks that every rectangle lies in the window; gives the number of features.
fn check_features(features: &str, (width, height): (i32, i32)) -> Result<i32, String> {
    let mut count = 0;
    // What follows the rectangles says whether they are tilted, up to the next feature's.
    for feature in features.split("<rects>").skip(1) {
        let (rectangles, rest) = feature.split_once("</rects>").ok_or("a feature does not end")?;
        let tilted = contents(rest, "tilted").next().is_some_and(|value| value != "0");
        let mut in_feature = 0;
        for rectangle in contents(rectangles, "_") {
            let values: Vec<f64> = numbers(rectangle)?;
            let &[x, y, w, h, weight] = values.as_slice() else {
                return Err(format!("'{rectangle}' is not a rectangle with its weight"));
            };
            let (left, right, bottom) = if tilted {
                (x - h, x + w, y + w + h)
            } else {
                (x, x + w, y + h)
            };
            let inside = left >= 0.0 && y >= 0.0 && right <= f64::from(width) && bottom <= f64::from(height);
            if !inside || w < 0.0 || h < 0.0 || !weight.is_finite() {
                return Err(format!("the rectangle '{rectangle}' lies outside the window"));
            }
            in_feature += 1;
        }
        if !(1..=MOST_RECTANGLES).contains(&in_feature) {
            return Err(format!("a feature has {in_feature} rectangles"));
        }
        count += 1;
    }
    Ok(count)
}

/// Checks that every LBP feature, 3 x 3 blocks of the size given, lies in the window; gives the number of features.
fn check_blocks(features: &str, (width, height): (i32, i32)) -> Result<i32, String> {
    let mut count = 0;
    for block in contents(features, "rect") {
        let values: Vec<f64> = numbers(block)?;
        let &[x, y, w, h] = values.as_slice() else {
            return Err(format!("'{block}' is not a rectangle"));
        };
        let inside = x >= 0.0
            && y >= 0.0
            && w >= 1.0
            && h >= 1.0
            && x + 3.0 * w <= f64::from(width)
            && y + 3.0 * h <= f64::from(height);
        if !inside || values.iter().any(|value| value.fract() != 0.0) {
            return Err(format!("the blocks '{block}' lie outside the window"));
        }
        count += 1;
    }
    Ok(count)
}

/// Checks one tree: nodes of `length` numbers (left, right, feature, and what decides), where a child is a later node or,
/// negated, a leaf.
fn check_tree(nodes: &str, leaves: &str, length: usize, features: i32) -> Result<(), String> {
    let nodes: Vec<f64> = numbers(nodes)?;
    let leaves: Vec<f64> = numbers(leaves)?;
    let count = nodes.len() / length;
    if count == 0 || !nodes.len().is_multiple_of(length) || leaves.len() != count + 1 {
        return Err("a tree has the wrong number of nodes or leaves".into());
    }
    for (index, node) in nodes.chunks_exact(length).enumerate() {
        let is_child = |child: f64| {
            child.fract() == 0.0
                && if child > 0.0 {
                    child > index as f64 && child < count as f64
                } else {
                    -child <= count as f64
                }
        };
        let feature = node[2];
        if !is_child(node[0]) || !is_child(node[1]) {
            return Err("a tree leads nowhere".into());
        }
        if feature.fract() != 0.0 || !(0.0..f64::from(features)).contains(&feature) {
            return Err(format!("it uses feature {feature} of {features}"));
        }
    }
    Ok(())
}

/// What stands between each `<tag>` and the `</tag>` after it, without the space round it.
fn contents<'a>(text: &'a str, tag: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    let mut rest = text;
    std::iter::from_fn(move || {
        let start = rest.find(&open)? + open.len();
        let length = rest[start..].find(&close)?;
        let found = rest[start..start + length].trim();
        rest = &rest[start + length + close.len()..];
        Some(found)
    })
}

/// The text with a space in place of every comment.
fn without_comments(text: &str) -> Result<String, String> {
    let mut parts = text.split("<!--");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (_, rest) = part.split_once("-->").ok_or("a comment does not end")?;
        plain.push(' ');
        plain += rest;
    }
    Ok(plain)
}

/// How often `<tag>` begins, whatever else stands in it.
fn begun(text: &str, tag: &str) -> usize {
    let open = format!("<{tag}");
    let ends = |rest: &str| rest.starts_with(|c: char| !c.is_alphanumeric() && c != '_' && c != '-');
    text.match_indices(&open)
        .filter(|(start, _)| ends(&text[start + open.len()..]))
        .count()
}

fn only<'a>(text: &'a str, tag: &str) -> Result<&'a str, String> {
    contents(text, tag)
        .next()
        .ok_or_else(|| format!("it has no <{tag}>"))
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("'{text}' is not a number"))
}

fn numbers(text: &str) -> Result<Vec<f64>, String> {
    let values: Vec<f64> = text.split_whitespace().map(number).collect::<Result<_, _>>()?;
    match values.iter().all(|value| value.is_finite()) {
        true => Ok(values),
        false => Err(format!("'{text}' is not finite")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::{Kind, find};

    #[test]
    fn all_bundled_cascades_pass() {
        for name in [
            "haarcascade_frontalface_default",
            "haarcascade_frontalface_alt",
            "haarcascade_frontalface_alt2",
            "haarcascade_profileface",
            "haarcascade_eye",
            "lbpcascade_frontalface",
        ] {
            check(&find(Kind::Cascade, &format!("{name}.xml")).unwrap()).unwrap();
        }
    }

    #[test]
    fn numbers_that_would_lead_astray_are_refused() {
        let path = find(Kind::Cascade, "haarcascade_frontalface_alt2.xml").unwrap();
        let good = std::fs::read_to_string(path).unwrap();
        check_text(&good).unwrap();
        let damages = [
            ("0 1 0 4.3272329494357109e-03", "0 1 9000 4.3272329494357109e-03"),
            ("0 1 0 4.3272329494357109e-03", "0 7 0 4.3272329494357109e-03"),
            ("0 1 0 4.3272329494357109e-03", "0 0.5 0 4.3272329494357109e-03"),
            ("<width>20</width>", "<width>12</width>"),
            ("<featureType>HAAR", "<featureType>HAIR"),
            ("<leafValues>", "<leafVolues>"),
            ("opencv-cascade", "opencv-cuscade"),
            ("</opencv_storage>", ""),
            // OpenCV would take nodes for longer ones.
            ("<maxCatCount>0", "<maxCatCount>256"),
            // What is checked would not be what is read.
            ("<stages>", "<!-- <stages>"),
            ("<width>20", "<width>2<!-- -->0"),
            ("<stages>", "<![CDATA[]]><stages>"),
            ("<stages>", "<features></features><stages>"),
            ("<features>", "<features a=\"b\">"),
            ("<leafValues>", "<leafValues a=\"b\">"),
        ];
        for (from, to) in damages {
            assert!(good.contains(from), "{from}");
            assert!(check_text(&good.replacen(from, to, 1)).is_err(), "{from} -> {to}");
        }
    }

    #[test]
    fn numbers_of_lbp_cascades_that_would_lead_astray_are_refused() {
        let path = find(Kind::Cascade, "lbpcascade_frontalface.xml").unwrap();
        let good = std::fs::read_to_string(path).unwrap();
        check_text(&good).unwrap();
        let damages = [
            ("0 -1 46 -67130709", "0 -1 146 -67130709"),
            ("0 -1 46 -67130709", "0 5 46 -67130709"),
            ("0 -1 46 -67130709", "0 -1 46 7 -67130709"),
            ("<maxCatCount>256", "<maxCatCount>64"),
            ("17 1 2 5<", "17 1 3 5<"),
            ("17 1 2 5<", "17 1 0 5<"),
        ];
        for (from, to) in damages {
            assert!(good.contains(from), "{from}");
            assert!(check_text(&good.replacen(from, to, 1)).is_err(), "{from} -> {to}");
        }
    }
}
