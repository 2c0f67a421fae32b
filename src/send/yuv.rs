//! RGBA pixels as the formats that programs read from webcams. By the rules for video of BT.601 with its narrow range, which
//! video4linux means where nobody says more.

use image::RgbaImage;

/// A format that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PixelFormat {
    /// Two pixels in four bytes: luma, blue, luma, red.
    Yuyv,
    /// All luma, then blue and red of squares of four pixels.
    Yu12,
}

impl PixelFormat {
    /// The best one first: most programs read it.
    pub(super) const ALL: [Self; 2] = [Self::Yuyv, Self::Yu12];

    /// Its name in video4linux.
    pub(super) const fn fourcc(self) -> [u8; 4] {
        match self {
            Self::Yuyv => *b"YUYV",
            Self::Yu12 => *b"YU12",
        }
    }

    /// Puts a picture of even sides into `bytes`, which become as many as it needs.
    pub(super) fn convert(self, picture: &RgbaImage, bytes: &mut Vec<u8>) {
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        bytes.clear();
        match self {
            Self::Yuyv => {
                bytes.reserve(width * height * 2);
                for pair in picture.as_raw().chunks_exact(8) {
                    let (left, right) = (rgb(&pair[..4]), rgb(&pair[4..]));
                    let [blue, red] = chroma(sum(left, right), 2);
                    bytes.extend([luma(left), blue, luma(right), red]);
                }
            }
            Self::Yu12 => {
                bytes.reserve(width * height * 3 / 2);
                bytes.extend(picture.as_raw().chunks_exact(4).map(|pixel| luma(rgb(pixel))));
                let mut reds = Vec::with_capacity(width * height / 4);
                for rows in picture.as_raw().chunks_exact(width * 8) {
                    let (upper, lower) = rows.split_at(width * 4);
                    for (above, below) in upper.chunks_exact(8).zip(lower.chunks_exact(8)) {
                        let above = sum(rgb(&above[..4]), rgb(&above[4..]));
                        let below = sum(rgb(&below[..4]), rgb(&below[4..]));
                        let [blue, red] = chroma(sum(above, below), 4);
                        bytes.push(blue);
                        reds.push(red);
                    }
                }
                bytes.extend(reds);
            }
        }
    }
}

fn rgb(pixel: &[u8]) -> [i32; 3] {
    [0, 1, 2].map(|channel| i32::from(pixel[channel]))
}

fn sum(one: [i32; 3], other: [i32; 3]) -> [i32; 3] {
    [0, 1, 2].map(|channel| one[channel] + other[channel])
}

/// 65.481 / 255 and so on in 65536ths, and half of one to round by.
fn luma([red, green, blue]: [i32; 3]) -> u8 {
    (16 + ((16_829 * red + 33_039 * green + 6_416 * blue + 32_768) >> 16)) as u8
}

/// Blue and red difference of the mean of `count` pixels, whose sum this is.
fn chroma([red, green, blue]: [i32; 3], count: i32) -> [u8; 2] {
    let scaled = |weighted: i32| (128 + ((weighted / count + 32_768) >> 16)).clamp(16, 240) as u8;
    [
        scaled(-9_714 * red - 19_071 * green + 28_785 * blue),
        scaled(28_785 * red - 24_103 * green - 4_682 * blue),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgba;

    /// Luma, blue and red difference of evenly coloured pictures, from the standard's bars of full colours.
    const COLOURS: [([u8; 3], [u8; 3]); 5] = [
        ([0, 0, 0], [16, 128, 128]),
        ([255, 255, 255], [235, 128, 128]),
        ([255, 0, 0], [81, 90, 240]),
        ([0, 255, 0], [145, 54, 34]),
        ([0, 0, 255], [41, 240, 110]),
    ];

    #[test]
    fn even_colours_become_what_the_standard_says() {
        for ([r, g, b], [y, u, v]) in COLOURS {
            let picture = RgbaImage::from_pixel(4, 2, Rgba([r, g, b, 255]));
            let mut bytes = vec![9; 3];
            PixelFormat::Yuyv.convert(&picture, &mut bytes);
            assert_eq!(bytes, [y, u, y, v].repeat(4), "{r} {g} {b}");
            PixelFormat::Yu12.convert(&picture, &mut bytes);
            let planes = [vec![y; 8], vec![u; 2], vec![v; 2]].concat();
            assert_eq!(bytes, planes, "{r} {g} {b}");
        }
    }

    #[test]
    fn pixels_keep_their_places_and_neighbours_share_their_colour() {
        let mut picture = RgbaImage::from_pixel(4, 2, Rgba([0, 0, 0, 255]));
        picture.put_pixel(3, 1, Rgba([255, 255, 255, 255]));
        picture.put_pixel(0, 0, Rgba([255, 0, 0, 255]));
        let mut bytes = Vec::new();
        PixelFormat::Yuyv.convert(&picture, &mut bytes);
        // Half of red's 90 and 240.
        assert_eq!(bytes[..8], [81, 109, 16, 184, 16, 128, 16, 128]);
        assert_eq!(bytes[8..], [16, 128, 16, 128, 16, 128, 235, 128]);
        PixelFormat::Yu12.convert(&picture, &mut bytes);
        assert_eq!(bytes[..8], [81, 16, 16, 16, 16, 16, 16, 235]);
        assert_eq!(bytes[8..], [119, 128, 156, 128]);
    }
}
