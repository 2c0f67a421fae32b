//! Reads a cascade file in OpenCV's place. OpenCV trusts the numbers in it: a rectangle outside the window or the number
//! of a feature that is not there reads foreign memory, a node that leads back to itself never ends. So every number is
//! looked at here, and OpenCV is given what was understood, written anew: what the two would read differently never
//! comes to it.

use std::path::Path;

use opencv::{
    core::{FileStorage, FileStorage_MEMORY, FileStorage_READ},
    objdetect::CascadeClassifier,
    prelude::*,
};
use roxmltree::{Document, Node, ParsingOptions};

use super::DetectError;
use crate::files::plain;

/// Largest file that is read; the largest cascade of OpenCV is 2.7 MB.
const LARGEST_FILE: u64 = 64 << 20;
/// Most elements and texts in it; the largest cascade of OpenCV has 180,000.
const MOST_NODES: u32 = 4 << 20;
/// Sides of the window that a cascade can be trained on.
const WINDOW_SIDES: std::ops::RangeInclusive<i64> = 8..=256;
/// Most rectangles in one Haar feature, which OpenCV stores in a fixed array.
const MOST_RECTANGLES: usize = 3;
/// The patterns of a block in LBP cascades. A node says which of them go left, 32 in a number.
const PATTERNS: usize = 256;

/// Loads a Haar or LBP cascade whose every number can be used.
///
/// # Errors
/// Says what is wrong with it.
pub(super) fn load(path: &Path) -> Result<CascadeClassifier, DetectError> {
    let unusable = |why: String| DetectError::Cascade {
        path: path.to_path_buf(),
        why: format!("{why}; OpenCV's are in cascades/ after ./setup.sh"),
    };
    let text = plain::read_text(path, LARGEST_FILE).map_err(|e| unusable(e.to_string()))?;
    let anew = checked(&text).map_err(unusable)?;
    match classifier_of(&anew) {
        Ok(Some(classifier)) => Ok(classifier),
        Ok(None) => Err(unusable("OpenCV finds no cascade in it".into())),
        Err(error) => Err(unusable(error.message)),
    }
}

fn classifier_of(text: &str) -> opencv::Result<Option<CascadeClassifier>> {
    let storage = FileStorage::new(text, FileStorage_READ | FileStorage_MEMORY, "")?;
    let mut classifier = CascadeClassifier::default()?;
    let read = classifier.read(&storage.get_first_top_level_node()?)?;
    Ok(read.then_some(classifier))
}

type Element<'a> = Node<'a, 'a>;

/// What features are made of.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Haar,
    Lbp,
}

/// The cascade that `text` holds, written anew.
fn checked(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("it is empty".into());
    }
    let options = ParsingOptions {
        nodes_limit: MOST_NODES,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(text, options).map_err(|e| format!("it is damaged: {e}"))?;
    let cascade = only_element(document.root_element())?;
    match cascade.attribute("type_id") {
        None | Some("opencv-cascade-classifier") => {}
        Some("opencv-haar-classifier") => {
            return Err("it is a cascade in OpenCV's old format, which is not read".into());
        }
        Some(_) => return Err("it is not a cascade in OpenCV's format".into()),
    }
    let is_plain = |node: Element| node == cascade || node.attributes().len() == 0;
    if text.contains("<![CDATA[") || !document.descendants().all(is_plain) {
        return Err("it holds more than a cascade".into());
    }
    let kind = match (text_of(cascade, "stageType")?, text_of(cascade, "featureType")?) {
        ("BOOST", "HAAR") => Kind::Haar,
        ("BOOST", "LBP") => Kind::Lbp,
        _ => return Err("it is not a boosted Haar or LBP cascade".into()),
    };
    let (name, patterns) = match kind {
        Kind::Haar => ("HAAR", 0),
        Kind::Lbp => ("LBP", PATTERNS),
    };
    let given = text_of(part(cascade, "featureParams")?, "maxCatCount")?;
    if given != patterns.to_string() {
        return Err(format!("a cascade of its kind does not have {given} patterns"));
    }
    let [width, height] = ["width", "height"].map(|side| whole(text_of(cascade, side)?));
    let (width, height) = (width?, height?);
    if !WINDOW_SIDES.contains(&width) || !WINDOW_SIDES.contains(&height) {
        return Err(format!("its window is {width} x {height} pixels"));
    }
    let features = list(cascade, "features")?;
    let mut anew = format!(
        "<?xml version=\"1.0\"?>\n<opencv_storage>\n<cascade>\n<stageType>BOOST</stageType>\n\
         <featureType>{name}</featureType>\n<height>{height}</height>\n<width>{width}</width>\n\
         <featureParams><maxCatCount>{patterns}</maxCatCount></featureParams>\n<stages>\n"
    );
    for stage in list(cascade, "stages")? {
        let threshold = real(text_of(stage, "stageThreshold")?)?;
        anew += &format!("<_><stageThreshold>{threshold}</stageThreshold>\n<weakClassifiers>\n");
        for tree in list(stage, "weakClassifiers")? {
            anew += &checked_tree(tree, kind, features.len())?;
        }
        anew += "</weakClassifiers></_>\n";
    }
    anew += "</stages>\n<features>\n";
    for feature in features {
        anew += &match kind {
            Kind::Haar => checked_rectangles(feature, (width, height))?,
            Kind::Lbp => checked_blocks(feature, (width, height))?,
        };
    }
    anew += "</features>\n</cascade>\n</opencv_storage>\n";
    Ok(anew)
}

/// One tree: nodes of a left and a right child, a feature and what decides, which is a threshold (Haar) or the patterns
/// that go left (LBP). A child is a later node or, negated, a leaf.
fn checked_tree(tree: Element, kind: Kind, features: usize) -> Result<String, String> {
    let nodes = words(part(tree, "internalNodes")?)?;
    let leaves = words(part(tree, "leafValues")?)?;
    let length = 3 + match kind {
        Kind::Haar => 1,
        Kind::Lbp => PATTERNS / 32,
    };
    let count = nodes.len() / length;
    if count == 0 || !nodes.len().is_multiple_of(length) || leaves.len() != count + 1 {
        return Err("a tree has the wrong number of nodes or leaves".into());
    }
    let mut anew = String::from("<_><internalNodes>\n");
    for (index, node) in nodes.chunks_exact(length).enumerate() {
        let (index, count) = (index as i64, count as i64);
        let (left, right, feature) = (whole(node[0])?, whole(node[1])?, whole(node[2])?);
        if ![left, right]
            .iter()
            .all(|child| (-count..=0).contains(child) || (index + 1..count).contains(child))
        {
            return Err("a tree leads nowhere".into());
        }
        if !(0..features as i64).contains(&feature) {
            return Err(format!("it uses feature {feature} of {features}"));
        }
        anew += &format!("{left} {right} {feature}");
        for word in &node[3..] {
            anew += " ";
            anew += &match kind {
                Kind::Haar => real(word)?,
                Kind::Lbp => whole(word)?.to_string(),
            };
        }
        anew += "\n";
    }
    anew += "</internalNodes>\n<leafValues>\n";
    for leaf in leaves {
        anew += &format!("{}\n", real(leaf)?);
    }
    Ok(anew + "</leafValues></_>\n")
}

/// A Haar feature, of which every rectangle lies in the window.
fn checked_rectangles(feature: Element, (width, height): (i64, i64)) -> Result<String, String> {
    let parts = elements(feature)?;
    let tilted = match parts.len() {
        1 => 0,
        2 => whole(text_of(feature, "tilted")?)?,
        _ => return Err("a feature has parts that are not known".into()),
    };
    let rectangles = list(feature, "rects")?;
    if rectangles.len() > MOST_RECTANGLES {
        return Err(format!("a feature has {} rectangles", rectangles.len()));
    }
    let mut anew = String::from("<_><rects>\n");
    for rectangle in rectangles {
        let words = words(rectangle)?;
        let &[x, y, w, h, weight] = &words[..] else {
            return Err(format!(
                "'{}' is not a rectangle with its weight",
                words.join(" ")
            ));
        };
        let (x, y, w, h, weight) = (whole(x)?, whole(y)?, whole(w)?, whole(h)?, real(weight)?);
        let (left, right, bottom) = match tilted {
            0 => (x, x + w, y + h),
            _ => (x - h, x + w, y + w + h),
        };
        if left.min(y).min(w).min(h) < 0 || right > width || bottom > height {
            return Err(format!("the rectangle '{x} {y} {w} {h}' lies outside the window"));
        }
        anew += &format!("<_>{x} {y} {w} {h} {weight}</_>\n");
    }
    Ok(anew + &format!("</rects><tilted>{tilted}</tilted></_>\n"))
}

/// An LBP feature: 3 x 3 blocks of the size given, which lie in the window.
fn checked_blocks(feature: Element, (width, height): (i64, i64)) -> Result<String, String> {
    let block = only_element(feature)?;
    let words = words(block)?;
    let (&[x, y, w, h], "rect") = (&words[..], block.tag_name().name()) else {
        return Err(format!("'{}' is not a rectangle", words.join(" ")));
    };
    let (x, y, w, h) = (whole(x)?, whole(y)?, whole(w)?, whole(h)?);
    if x.min(y) < 0 || w.min(h) < 1 || x + 3 * w > width || y + 3 * h > height {
        return Err(format!("the blocks '{x} {y} {w} {h}' lie outside the window"));
    }
    Ok(format!("<_><rect>{x} {y} {w} {h}</rect></_>\n"))
}

/// The elements in one that holds nothing else.
fn elements(of: Element<'_>) -> Result<Vec<Element<'_>>, String> {
    let known = |node: &Element| {
        node.is_element() || node.is_comment() || node.text().is_some_and(|text| text.trim().is_empty())
    };
    match of.children().all(|node| known(&node)) {
        true => Ok(of.children().filter(Element::is_element).collect()),
        false => Err(format!("its <{}> holds what it should not", of.tag_name().name())),
    }
}

fn only_element(of: Element<'_>) -> Result<Element<'_>, String> {
    match elements(of)?[..] {
        [element] => Ok(element),
        _ => Err(format!(
            "its <{}> is not as OpenCV writes it",
            of.tag_name().name()
        )),
    }
}

/// The element called so, of which there is one.
fn part<'a>(of: Element<'a>, name: &str) -> Result<Element<'a>, String> {
    let mut called = elements(of)?
        .into_iter()
        .filter(|element| element.has_tag_name(name));
    match (called.next(), called.next()) {
        (Some(element), None) => Ok(element),
        (None, _) => Err(format!("it has no <{name}>")),
        _ => Err(format!("it has several <{name}>")),
    }
}

/// The elements of the list that is called so, which is not empty.
fn list<'a>(of: Element<'a>, name: &str) -> Result<Vec<Element<'a>>, String> {
    let all = elements(part(of, name)?)?;
    match !all.is_empty() && all.iter().all(|element| element.has_tag_name("_")) {
        true => Ok(all),
        false => Err(format!("its <{name}> is not a list")),
    }
}

/// The text of the element called so.
fn text_of<'a>(of: Element<'a>, name: &str) -> Result<&'a str, String> {
    text_in(part(of, name)?)
}

/// The text of an element that holds nothing else, without the space round it.
fn text_in(element: Element<'_>) -> Result<&str, String> {
    let mut children = element.children();
    match (
        children
            .next()
            .and_then(|child| child.text().filter(|_| child.is_text())),
        children.next(),
    ) {
        (Some(text), None) => Ok(text.trim()),
        _ => Err(format!(
            "its <{}> holds more or less than a text",
            element.tag_name().name()
        )),
    }
}

fn words(element: Element<'_>) -> Result<Vec<&str>, String> {
    Ok(text_in(element)?.split_whitespace().collect())
}

/// A whole number as OpenCV writes it: with a zero before it, it would be another number to OpenCV.
fn whole(word: &str) -> Result<i64, String> {
    let number = word
        .parse::<i32>()
        .ok()
        .filter(|number| number.to_string() == word);
    number
        .map(i64::from)
        .ok_or_else(|| format!("'{word}' is not a whole number"))
}

/// A number that is finite where OpenCV keeps it, written so that OpenCV reads the same.
fn real(word: &str) -> Result<String, String> {
    let number = word
        .parse::<f64>()
        .ok()
        .filter(|number| (*number as f32).is_finite());
    number
        .map(|number| format!("{number:e}"))
        .ok_or_else(|| format!("'{word}' is not a number"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        picture,
        resources::{self, Kind},
        transform::crop,
    };
    use opencv::core::{Mat, Size, Vector};

    /// Paths of the cascades that come with the program, and of those of the system that are not in OpenCV's old format.
    fn cascades() -> Vec<std::path::PathBuf> {
        let names = resources::names(Kind::Cascade, |name| {
            name.ends_with(".xml") && !name.contains("16stages")
        });
        assert!(names.len() >= 6, "{names:?}");
        let find = |name: &String| resources::find(Kind::Cascade, name).unwrap();
        names.iter().map(find).collect()
    }

    #[test]
    fn what_is_written_anew_finds_what_opencv_finds_by_its_own_reading() {
        let portrait = resources::find(Kind::Asset, "demo.jpg").unwrap();
        let mut grey = image::GrayImage::default();
        crop::grey_into(&picture::read(&portrait).unwrap(), &mut grey).unwrap();
        let mat =
            Mat::new_rows_cols_with_bytes::<u8>(grey.height() as i32, grey.width() as i32, grey.as_raw())
                .unwrap();
        let finds = |mut classifier: CascadeClassifier| {
            let mut found = Vector::<opencv::core::Rect>::new();
            let (any, none) = (Size::new(40, 40), Size::default());
            classifier
                .detect_multi_scale(&mat, &mut found, 1.3, 0, 0, any, none)
                .unwrap();
            let mut found = found.to_vec();
            found.sort_by_key(|r| (r.x, r.y, r.width, r.height));
            found
        };
        let mut all = 0;
        for path in cascades() {
            let mut own = CascadeClassifier::default().unwrap();
            assert!(own.load(&path).unwrap());
            let (own, anew) = (finds(own), finds(load(&path).unwrap()));
            assert_eq!(anew, own, "{}", path.display());
            all += own.len();
        }
        assert!(all > 50, "{all}");
    }

    /// That `good` is refused once one of the pairs' first is exchanged for its second.
    fn assert_refused(good: &str, damages: &[(&str, &str)]) {
        checked(good).unwrap();
        for (from, to) in damages {
            assert!(good.contains(from), "{from}");
            assert!(checked(&good.replacen(from, to, 1)).is_err(), "{from} -> {to}");
        }
    }

    #[test]
    fn numbers_that_would_lead_astray_are_refused() {
        let path = resources::find(Kind::Cascade, "haarcascade_frontalface_alt2.xml").unwrap();
        let good = std::fs::read_to_string(path).unwrap();
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
            ("<leafValues>", "<leafValues>1. 2. 3.</leafValues><leafValues>"),
            // OpenCV takes a zero before a number for one to the base of eight.
            ("0 1 0 4.3272329494357109e-03", "0 01 0 4.3272329494357109e-03"),
            // And rounds what is not whole.
            ("2 7 16 4 -1.", "2 7 16.6 4 -1."),
            ("2 7 16 4 -1.", "2 7 16 4 1e39"),
            // More rectangles than OpenCV has room for, however they are spelled.
            ("<rects>", "<rects><_ >0 0 1 1 1.</_ ><_ >0 0 1 1 1.</_ >"),
            ("<rects>", "<rects><a>0 0 1 1 1.</a>"),
            // This one lies in the window only if it is not tilted, which may be said before it.
            ("<rects>", "<tilted>1</tilted><rects>"),
            // One feature to OpenCV, which takes the first of its parts.
            (
                "</rects></_>",
                "</rects><tilted>0</tilted><x><rects><_>0 0 1 1 1.</_></rects></x></_>",
            ),
            ("</rects></_>", "</rects><rects><_>0 0 1 1 1.</_></rects></_>"),
        ];
        assert_refused(&good, &damages);
    }

    #[test]
    fn numbers_of_lbp_cascades_that_would_lead_astray_are_refused() {
        let path = resources::find(Kind::Cascade, "lbpcascade_frontalface.xml").unwrap();
        let good = std::fs::read_to_string(path).unwrap();
        let damages = [
            ("0 -1 46 -67130709", "0 -1 146 -67130709"),
            ("0 -1 46 -67130709", "0 5 46 -67130709"),
            ("0 -1 46 -67130709", "0 -1 46 7 -67130709"),
            ("<maxCatCount>256", "<maxCatCount>64"),
            ("17 1 2 5<", "17 1 3 5<"),
            ("17 1 2 5<", "17 1 0 5<"),
            ("17 1 2 5<", "17 01 2 5<"),
            ("<rect>", "<rect>0 0 1 1</rect><rect>"),
            ("<rect>", "<x><rect>0 0 1 1</rect></x><rect>"),
        ];
        assert_refused(&good, &damages);
    }
}
