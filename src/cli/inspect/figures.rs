//! The figures of `pinkpoint inspect`: filters, maps, what filters make of a picture, and what a keypoint hangs on.

use std::path::Path;

use anyhow::{Context, bail};
use image::{GrayImage, Rgba, RgbaImage, imageops};

use super::Face;
use crate::{
    keypoints::PointScheme,
    look::{self, Colours, Figure, Palette, Range},
    model::{Kernels, KeypointModel, LayerMaps, Occlusion},
    record,
    transform::crop,
};

/// Cells are a little wider in number than high, so that figures lie on their side.
const LYING: f64 = 1.7;
/// Maps of more channels than this have no numbers: there is no room.
const MOST_NUMBERED: usize = 160;
/// Longest side of the picture that filters are applied to, pixels.
const FILTERED_SIDE: f32 = 640.0;
/// So many pairs of filter and filtered picture are in a row.
const PAIRS: usize = 4;
/// Filters shown beside what they make of the picture: each is a picture of its own.
const MOST_FILTERED: usize = 1024;
/// Side of the face that heat is laid over, pixels.
const FACE_SIDE: u32 = 560;

/// Makes the folder of the figures, and finds out of which keypoint it is to be shown what it hangs on: one that is wished, or the first
/// that eyes are measured by.
///
/// # Errors
/// When it cannot be made, or the net has no such keypoint.
pub fn prepare(folder: &Path, scheme: &PointScheme, wished: Option<usize>) -> anyhow::Result<usize> {
    let point = wished.or(scheme.inter_ocular.first().copied()).unwrap_or(0);
    if point >= scheme.count {
        bail!(
            "the net has keypoints 0 to {}, and no {point}; choose one of those by --point",
            scheme.count - 1
        );
    }
    std::fs::create_dir_all(folder).with_context(|| {
        format!(
            "cannot make the folder; choose one that can be written to: {}",
            folder.display()
        )
    })?;
    Ok(point)
}

/// Writes all figures of a net to `folder`.
///
/// # Errors
/// When it cannot be written to, or the net fails.
pub fn write(
    folder: &Path,
    model: &KeypointModel,
    layers: &[LayerMaps],
    face: Option<&Face>,
    point: usize,
) -> anyhow::Result<()> {
    let name = &model.contract().name;
    let save = |file: &str, figure: Figure<'_>| -> anyhow::Result<()> {
        let path = folder.join(file);
        record::write_picture(&path, image::DynamicImage::ImageRgb8(figure.draw()?).into_rgba8())?;
        say!("wrote {}", path.display());
        Ok(())
    };
    let kernels = model.filters();
    for (index, kernels) in kernels.iter().enumerate() {
        let file = match index {
            0 => "filters.png".to_owned(),
            _ => format!("filters-{}", file_name(index, &kernels.maps.name)),
        };
        let of = if kernels.takes_picture {
            "what they do to the picture".to_owned()
        } else {
            format!("what they do to the first of {} maps", kernels.inputs)
        };
        let title = format!(
            "{name} · {} · {}",
            kernels.maps.name,
            count_of(kernels.maps.shape, "filters")
        );
        let note = format!("{of}; white is 0, pink lets brightness through, green turns it round");
        save(&file, of_maps(&title, &note, &kernels.maps, Palette::PinkGreen))?;
    }
    let Some(face) = face else { return Ok(()) };
    for (index, layer) in layers.iter().enumerate() {
        let title = format!("{name} · {} · {}", layer.name, count_of(layer.shape, "maps"));
        let palette = Palette::suited_to(Range::of(&layer.values));
        let note = if palette.is_signed() {
            "for one face; white is 0; all maps share one range of colours"
        } else {
            "for one face; all maps share one range of colours, which go by the square root"
        };
        save(
            &file_name(index, &layer.name),
            of_maps(&title, note, layer, palette),
        )?;
    }
    if let Some(kernels) = kernels.iter().find(|kernels| kernels.takes_picture) {
        let title = format!(
            "{name} · {} · filters and what they make of the picture",
            kernels.maps.name
        );
        save("filtered.png", filtered(&title, kernels, face)?)?;
    }
    let scheme = &model.contract().scheme;
    let title = format!("{name} · why is point {point} there? ({})", scheme.name_of(point));
    save(&format!("why-{point}.png"), why(&title, model, face, point)?)
}

/// All maps of a layer, or all filters of a convolution.
fn of_maps<'a>(title: &'a str, note: &'a str, maps: &LayerMaps, palette: Palette) -> Figure<'a> {
    // Few values are far above all others, most of all at the edges: without the square root the others would be black.
    let gamma = if palette.is_signed() { 1.0 } else { 0.5 };
    let colours = Colours::new(palette, gamma);
    let [count, height, width] = maps.shape;
    let range = Range::of(&maps.values);
    let cells = maps.values.chunks_exact((height * width).max(1)).enumerate();
    let cells = cells.map(|(number, values)| {
        let colour = |x: u32, y: u32| Rgba(colours.colour(values[y as usize * width + x as usize], range));
        let label = if count > MOST_NUMBERED {
            String::new()
        } else {
            number.to_string()
        };
        (RgbaImage::from_fn(width as u32, height as u32, colour), label)
    });
    Figure {
        title,
        note,
        cells: cells.collect::<Vec<_>>(),
        columns: columns_for(count),
        bar: Some((colours, range)),
    }
}

/// Cells in a row of a figure that lies on its side: rather so many that all rows are full.
fn columns_for(count: usize) -> usize {
    /// So much wider than that a figure may get for it.
    const WIDER: f64 = 1.6;
    let wanted = (count as f64 * LYING).sqrt();
    let mut full = (wanted as usize).max(1)..=(wanted * WIDER) as usize;
    full.find(|columns| count.is_multiple_of(*columns))
        .unwrap_or(wanted.ceil() as usize)
}

/// `16 maps of 56 × 56`, or `68 values`.
fn count_of([count, height, width]: [usize; 3], what: &str) -> String {
    match (count, height, width) {
        (1, 1, 1) => "1 value".to_owned(),
        (_, 1, 1) => format!("{count} values"),
        _ => format!("{count} {what} of {width} × {height}"),
    }
}

/// Filters of the first convolution, each beside what it makes of the whole picture, as large as the net sees the face.
fn filtered<'a>(title: &'a str, kernels: &Kernels, face: &Face) -> anyhow::Result<Figure<'a>> {
    let [_, height, width] = kernels.maps.shape;
    let picture = crop::as_seen(&face.grey, Some(&face.crop), FILTERED_SIDE, 1.0..=FILTERED_SIDE)?;
    let colours = Colours::of(Palette::PinkGreen);
    let all = Range::of(&kernels.maps.values);
    let mut cells = Vec::new();
    let filters = kernels.maps.values.chunks_exact(height * width);
    for (number, kernel) in filters.take(MOST_FILTERED).enumerate() {
        let bias = kernels.biases.get(number).copied().unwrap_or_default();
        let response = crop::filtered(&picture, kernel, (width, height), bias)?;
        cells.push((
            pair(&colours, (kernel, width, height, all), &picture, &response),
            number.to_string(),
        ));
    }
    Ok(Figure {
        title,
        note: "each filter beside the picture after it; white is 0, pink above, green below, each in a range of its own",
        cells,
        columns: PAIRS,
        bar: None,
    })
}

/// A filter beside what it makes of a picture.
fn pair(
    colours: &Colours,
    (kernel, width, height, range): (&[f32], usize, usize, Range),
    picture: &GrayImage,
    response: &[f32],
) -> RgbaImage {
    let (to_width, to_height) = picture.dimensions();
    let kernel = RgbaImage::from_fn(width as u32, height as u32, |x, y| {
        Rgba(colours.colour(kernel[y as usize * width + x as usize], range))
    });
    let side = (to_height * 2 / 5).max(1);
    let kernel = imageops::resize(&kernel, side, side, imageops::FilterType::Nearest);
    let own = Range::of(response);
    let gap = side / 10;
    let mut both = RgbaImage::from_pixel(side + gap + to_width, to_height, Rgba([255; 4]));
    imageops::replace(&mut both, &kernel, 0, i64::from((to_height - side) / 2));
    let filtered = RgbaImage::from_fn(to_width, to_height, |x, y| {
        Rgba(colours.colour(response[(y * to_width + x) as usize], own))
    });
    imageops::replace(&mut both, &filtered, i64::from(side + gap), 0);
    both
}

/// The face, which of its pixels would move a keypoint, and which parts of it the keypoint would miss.
fn why<'a>(title: &'a str, model: &KeypointModel, face: &Face, point: usize) -> anyhow::Result<Figure<'a>> {
    let side = face.crop.side as usize;
    let mut occlusion = Occlusion::begin(model, &face.pixels, point, Occlusion::CELLS)?;
    while !occlusion.is_finished() {
        occlusion.next_row(model)?;
    }
    let shifts = occlusion.shifts();
    let most = look::quantile(shifts, 1.0);
    let grey = look::grey_picture(&face.pixels, face.crop.side);
    let grey = imageops::resize(&grey, FACE_SIDE, FACE_SIDE, imageops::FilterType::Triangle);
    let below = |heat: RgbaImage| {
        let heat = imageops::resize(&heat, FACE_SIDE, FACE_SIDE, imageops::FilterType::Triangle);
        let mut both = grey.clone();
        for (to, Rgba(over)) in both.pixels_mut().zip(heat.pixels()) {
            let through = 1.0 - f32::from(over[3]) / 255.0;
            for (to, over) in to.0.iter_mut().zip(over).take(3) {
                *to = (f32::from(*to) * through + f32::from(*over)).round().min(255.0) as u8;
            }
        }
        both
    };
    let mut cells = vec![(below(RgbaImage::new(1, 1)), "what the net is given".to_owned())];
    match model.saliency(&face.pixels, point) {
        Ok(lengths) => {
            let heat = look::heat(
                &lengths,
                (side, side),
                look::quantile(&lengths, look::SHOWN_SHARE),
            );
            cells.push((
                below(heat),
                "input gradient: pixels that would move the point".to_owned(),
            ));
        }
        Err(error) => say!("{error}"),
    }
    cells.push((
        below(look::heat(shifts, (Occlusion::CELLS, Occlusion::CELLS), most)),
        format!("occlusion: covering the brightest part moves it by {most:.1} px of the crop"),
    ));
    Ok(Figure {
        title,
        note: "pale where it matters most; the grey cover is a seventh of the crop wide",
        cells,
        columns: 3,
        bar: None,
    })
}

/// `01-conv1.png`: sorts in the order of the layers, whatever they are called.
fn file_name(index: usize, layer: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    format!(
        "{:02}-{}.png",
        index + 1,
        layer.chars().map(plain).collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_full_where_that_can_be() {
        assert_eq!([1, 16, 32, 68, 128, 512].map(columns_for), [1, 8, 8, 17, 16, 32]);
        assert_eq!(columns_for(17), 6);
    }

    #[test]
    fn file_names_are_plain() {
        assert_eq!(file_name(0, "../conv 1"), "01----conv-1.png");
    }
}
