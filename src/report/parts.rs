//! The parts of a report that are pictures: faces with their points, and filters; as data within the page.

use std::io::Cursor;

use base64::{Engine, prelude::BASE64_STANDARD};
use image::{DynamicImage, ImageFormat, RgbaImage, codecs::jpeg::JpegEncoder};
use maud::{Markup, html};

use super::ReportError;
use crate::{
    look::{self, Colours, Palette, Range},
    model::LayerMaps,
    record::sheet,
    train::Validated,
};

/// Faces of either kind.
const FACES: usize = 6;
/// Of faces, 0 to 100.
const JPEG_QUALITY: u8 = 88;
/// Side of a filter, pixels.
const FILTER: u32 = 56;

/// The best and the worst faces.
pub fn faces(validated: &Validated) -> Result<Markup, ReportError> {
    let scheme = &validated.validation.scheme;
    let outcomes = &validated.validation.outcomes;
    let error = |place: &usize| outcomes[*place].error(scheme).unwrap_or(f64::INFINITY);
    let mut places: Vec<usize> = (0..outcomes.len().min(validated.pictures.len())).collect();
    places.sort_by(|a, b| error(a).total_cmp(&error(b)));
    // Few pictures are shown once.
    let half = FACES.min(places.len().div_ceil(2));
    let worst: Vec<usize> = places[half..].iter().rev().take(FACES).copied().collect();
    let draw = |places: &[usize]| -> Result<Vec<Markup>, ReportError> {
        places.iter().map(|&place| face(validated, place)).collect()
    };
    Ok(html! {
        p { "Labelled points green, the net's points pink; below each the mean distance between them, divided by " (scheme.norm_in_words()) "." }
        h3 { "Best" }
        div class="faces" { @for face in draw(&places[..half])? { (face) } }
        @if !worst.is_empty() {
            h3 { "Worst" }
            div class="faces" { @for face in draw(&worst)? { (face) } }
        }
    })
}

fn face(validated: &Validated, place: usize) -> Result<Markup, ReportError> {
    let outcome = &validated.validation.outcomes[place];
    let scheme = &validated.validation.scheme;
    let picture = DynamicImage::ImageLuma8(validated.pictures[place].picture.clone()).into_rgba8();
    let drawn = sheet::face(&sheet::Cell::of(outcome, picture, scheme))?;
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY)
        .encode_image(&DynamicImage::ImageRgba8(drawn).into_rgb8())?;
    let error = outcome.error(scheme);
    let error = error.map_or_else(
        || "no error".into(),
        |error| format!("{:.1}\u{202f}%", 100.0 * error),
    );
    Ok(html! {
        figure {
            img src=(data("jpeg", &bytes)) width="260" height="260"
                alt={ "Face of " (outcome.name) " with labelled points and the net's points, " (error) " apart" };
            figcaption { strong { (error) } " " (outcome.name) }
        }
    })
}

/// The first filters before the first step, where they are known, and now.
pub fn filters(before: Option<&LayerMaps>, now: &LayerMaps) -> Result<Markup, ReportError> {
    let [count, height, width] = now.shape;
    Ok(html! {
        p { (count) " filters of " (width) " × " (height) " pixels in " code { (now.name) } ": what the net looks for in the picture itself. \
             Pink lets through, green takes away, white counts for nothing; each picture has a scale of its own." }
        div class="filters" {
            @if let Some(before) = before {
                figure {
                    (drawn(before, "The filters before training: random numbers")?)
                    figcaption { "Before training" }
                }
            }
            figure {
                (drawn(now, "The filters as they are now")?)
                figcaption { "Now" }
            }
        }
        @if before.is_none() {
            p class="note" { "The filters before training were drawn by the device that the run began on, which is not in this \
                              machine." }
        }
    })
}

fn drawn(filters: &LayerMaps, alt: &str) -> Result<Markup, ReportError> {
    let colours = Colours::of(Palette::suited_to(Range::of(&filters.values)));
    let picture = look::atlas(filters, look::columns_for(filters.shape[0]), FILTER, &colours);
    let (width, height) = picture.dimensions();
    Ok(html! { img src=(data("png", &png(picture)?)) width=(width) height=(height) alt=(alt); })
}

fn png(picture: RgbaImage) -> Result<Vec<u8>, ReportError> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png)?;
    Ok(bytes.into_inner())
}

fn data(kind: &str, bytes: &[u8]) -> String {
    format!("data:image/{kind};base64,{}", BASE64_STANDARD.encode(bytes))
}
