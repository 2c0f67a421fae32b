//! What is asked of cameras and remembered, and what OpenCV calls it.

use std::{collections::BTreeMap, fmt, str::FromStr};

use opencv::core::{ROTATE_90_CLOCKWISE, ROTATE_90_COUNTERCLOCKWISE, ROTATE_180};
use serde::{Deserialize, Serialize};

use super::cameras::Camera;

/// How pictures come out of a camera: four letters, such as `MJPG`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PixelFormat(pub [u8; 4]);

/// The formats that pictures are made of, and in the right colours: those of OpenCV's that were seen to be so, and ours.
const READ: [&[u8; 4]; 20] = [
    b"MJPG", b"JPEG", b"YUYV", b"UYVY", b"YVYU", b"YU12", b"YV12", b"NV12", b"NV21", b"GREY", b"Y10 ",
    b"Y12 ", b"Y16 ", b"RGB3", b"BGR3", b"XR24", b"AR24", b"GBRG", b"GRBG", b"RGGB",
];

impl PixelFormat {
    /// Each picture compressed by itself: what most cameras give at full size and speed.
    pub const MJPG: Self = Self(*b"MJPG");

    /// Whether pictures that come so are read here.
    pub fn is_read(self) -> bool {
        READ.contains(&&self.0)
    }

    /// From the number that OpenCV and video4linux keep it in.
    pub fn from_code(code: u32) -> Self {
        Self(code.to_le_bytes())
    }

    /// The number that OpenCV and video4linux keep it in.
    pub fn code(self) -> u32 {
        u32::from_le_bytes(self.0)
    }
}

impl fmt::Display for PixelFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A byte a letter, whatever drivers put into it, so that it can be read back.
        let letters: String = self.0.into_iter().map(char::from).collect();
        f.write_str(letters.trim_end_matches(' '))
    }
}

impl FromStr for PixelFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let letters: Result<Vec<u8>, _> = format!("{text:<4}").chars().map(u8::try_from).collect();
        let four = letters.ok().and_then(|letters| <[u8; 4]>::try_from(letters).ok());
        four.map(Self)
            .ok_or_else(|| format!("'{text}' is no pixel format; those are four letters, such as MJPG"))
    }
}

impl TryFrom<String> for PixelFormat {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<PixelFormat> for String {
    fn from(format: PixelFormat) -> Self {
        format.to_string()
    }
}

/// By how much a camera's pictures are turned: it may hang upside down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Turn {
    /// As they come.
    #[default]
    None,
    /// A quarter, clockwise.
    Right,
    /// Upside down.
    Over,
    /// A quarter, counter-clockwise.
    Left,
}

impl Turn {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::None, Self::Right, Self::Over, Self::Left];

    /// What `width` and `height` become.
    pub fn of_size(self, (width, height): (u32, u32)) -> (u32, u32) {
        match self {
            Self::None | Self::Over => (width, height),
            Self::Right | Self::Left => (height, width),
        }
    }

    /// OpenCV's number for it.
    pub(super) fn rotation(self) -> Option<i32> {
        match self {
            Self::None => None,
            Self::Right => Some(ROTATE_90_CLOCKWISE),
            Self::Over => Some(ROTATE_180),
            Self::Left => Some(ROTATE_90_COUNTERCLOCKWISE),
        }
    }
}

/// What is asked of a camera; it gives the nearest that it can. What is `None` is as is usual.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CameraWish {
    /// How its pictures come.
    pub format: Option<PixelFormat>,
    /// Pixels per row, and rows, before they are turned.
    pub size: Option<(u32, u32)>,
    /// Frames a second.
    pub fps: Option<f64>,
    /// How its pictures are turned.
    pub turn: Turn,
    /// Values of its controls, by their numbers.
    pub controls: BTreeMap<u32, i64>,
}

/// Every webcam gives this, and faces in it are larger than any net's input.
const USUAL_SIZE: (u32, u32) = (640, 480);
/// See [`USUAL_SIZE`].
const USUAL_FPS: f64 = 30.0;

impl CameraWish {
    /// The format that is asked for: the one wished, where it is read here, or one in which cameras are fast.
    pub fn format_or_usual(&self) -> PixelFormat {
        self.format
            .filter(|format| format.is_read())
            .unwrap_or(PixelFormat::MJPG)
    }

    /// The size that is asked for.
    pub fn size_or_usual(&self) -> (u32, u32) {
        self.size.unwrap_or(USUAL_SIZE)
    }

    /// The rate that is asked for.
    pub fn fps_or_usual(&self) -> f64 {
        let sound = |fps: &f64| fps.is_finite() && *fps > 0.0;
        self.fps.filter(sound).unwrap_or(USUAL_FPS)
    }
}

/// What is asked of each camera. Cameras that cannot be told apart, by a link of their own or their names, share it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CameraWishes(#[serde(deserialize_with = "those_that_can_be_read")] BTreeMap<String, CameraWish>);

/// What is written for one camera and cannot be read is no reason to forget the others.
fn those_that_can_be_read<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, CameraWish>, D::Error> {
    let all = BTreeMap::<String, serde_json::Value>::deserialize(deserializer)?;
    let readable = all
        .into_iter()
        .filter_map(|(camera, wish)| Some((camera, serde_json::from_value(wish).ok()?)));
    Ok(readable.collect())
}

impl CameraWishes {
    /// What is asked of a camera, wherever it is plugged in.
    pub fn of(&self, camera: &Camera) -> CameraWish {
        self.0.get(&key(camera)).cloned().unwrap_or_default()
    }

    /// Asks something else of a camera.
    pub fn set(&mut self, camera: &Camera, wish: CameraWish) {
        if wish == CameraWish::default() {
            self.0.remove(&key(camera));
        } else {
            self.0.insert(key(camera), wish);
        }
    }
}

fn key(camera: &Camera) -> String {
    camera.spec().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn camera(name: &str) -> Camera {
        Camera {
            node: "/dev/video0".into(),
            name: name.into(),
            stable_path: None,
        }
    }

    #[test]
    fn formats_are_their_letters() {
        for text in ["MJPG", "YUYV", "Y8"] {
            let format: PixelFormat = text.parse().unwrap();
            assert_eq!(format.to_string(), text);
            assert_eq!(PixelFormat::from_code(format.code()), format);
        }
        let odd = PixelFormat([0xff, b'G', 0, b'6']);
        assert_eq!(odd.to_string().parse(), Ok(odd), "drivers put anything into it");
        assert!("too long".parse::<PixelFormat>().is_err());
        let wish = |format: PixelFormat| CameraWish {
            format: Some(format),
            ..CameraWish::default()
        };
        assert_eq!(wish(PixelFormat(*b"NV12")).format_or_usual().to_string(), "NV12");
        assert_eq!(
            wish(odd).format_or_usual(),
            PixelFormat::MJPG,
            "it would be noise"
        );
        let one_is_bad = r#"{"one": {"format": "far too long"}, "two": {"turn": "over"}}"#;
        let read: CameraWishes = serde_json::from_str(one_is_bad).unwrap();
        assert_eq!(read.of(&camera("x")), CameraWish::default());
        assert_eq!(read.0.len(), 1);
    }

    #[test]
    fn every_camera_keeps_its_own_wishes_through_a_file() {
        let mut wishes = CameraWishes::default();
        let wish = CameraWish {
            format: Some(PixelFormat(*b"YUYV")),
            size: Some((1280, 720)),
            controls: BTreeMap::from([(9_963_776, 12)]),
            turn: Turn::Over,
            ..CameraWish::default()
        };
        wishes.set(&camera("one"), wish.clone());
        wishes.set(&camera("two"), CameraWish::default());
        let text = serde_json::to_string(&wishes).unwrap();
        let back: CameraWishes = serde_json::from_str(&text).unwrap();
        assert_eq!(back, wishes);
        assert_eq!(back.of(&camera("one")), wish);
        assert_eq!(back.of(&camera("two")), CameraWish::default());
        assert_eq!((wish.size_or_usual(), wish.fps_or_usual()), ((1280, 720), 30.0));
    }
}
