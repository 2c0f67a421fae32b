//! The built-in demo: a portrait under a gentle camera movement, the same for every run.

use std::time::Duration;

use image::RgbaImage;
use opencv::{
    core::{BORDER_REFLECT_101, Mat, Scalar, Size, Vec4b},
    imgproc::{self, INTER_LINEAR, WARP_INVERSE_MAP},
};

use super::{Grab, Source, SourceError, SourceInfo, picture_of::Spare};
use crate::{
    geometry::{CropTransform, Point},
    picture,
    resources::{self, Kind},
};

/// The picture in `assets/`.
const PICTURE: &str = "demo.jpg";
/// Size of the frames, pixels.
const SIZE: (u32, u32) = (640, 480);
/// Frames a second.
const FPS: u32 = 30;
/// Middle of the movement, in pixels of the picture: a little below the face.
const MIDDLE: Point = Point::new(232.0, 152.0);
/// Height of what is seen, in pixels of the picture; the face is then about 40 % of the frame's height.
const VIEW_HEIGHT: f32 = 256.0;
/// The movement: how far, and how long one swing takes. The times have no common multiple below a minute.
const PAN_X: Swing = Swing::new(22.0, 7.0);
const PAN_Y: Swing = Swing::new(10.0, 5.3);
const ZOOM: Swing = Swing::new(0.12, 9.1);
const ROLL_RADIANS: Swing = Swing::new(0.09, 6.1);

/// A sine in time.
struct Swing {
    amplitude: f32,
    seconds: f32,
}

impl Swing {
    const fn new(amplitude: f32, seconds: f32) -> Self {
        Self { amplitude, seconds }
    }

    fn at(&self, time: f32) -> f32 {
        self.amplitude * (std::f32::consts::TAU * time / self.seconds).sin()
    }
}

/// The demo; it never ends.
#[derive(Debug)]
pub struct DemoSource {
    portrait: RgbaImage,
    info: SourceInfo,
    spare: Spare,
    next: u64,
}

impl DemoSource {
    /// The demo under a name that says why it is shown.
    ///
    /// # Errors
    /// When its picture did not come with the program.
    pub fn open(name: &str) -> Result<Self, SourceError> {
        let path = resources::find(Kind::Asset, PICTURE).map_err(|e| SourceError::Unreadable {
            path: PICTURE.to_owned(),
            why: e.to_string(),
        })?;
        Ok(Self {
            portrait: picture::read(&path)?,
            info: SourceInfo {
                name: name.to_owned(),
                width: SIZE.0,
                height: SIZE.1,
                fps: Some(f64::from(FPS)),
                frame_count: None,
                duration: None,
                live: false,
                reopen_as: None,
                camera: None,
            },
            spare: Spare::default(),
            next: 0,
        })
    }

    /// Frame `number`, which depends on nothing but its number.
    fn frame(&mut self, number: u64) -> opencv::Result<RgbaImage> {
        let time = number as f32 / FPS as f32;
        let view = CropTransform {
            centre: Point::new(MIDDLE.x + PAN_X.at(time), MIDDLE.y + PAN_Y.at(time)),
            extent: VIEW_HEIGHT * (1.0 + ZOOM.at(time)),
            roll: ROLL_RADIANS.at(time),
            side: SIZE.1,
        };
        // The transform is that of the square in the middle of the frame: columns start left of it.
        let mut matrix = view.frame_from_crop_matrix();
        let columns_before = f64::from(SIZE.0 - SIZE.1) / 2.0;
        for row in &mut matrix {
            row[2] -= row[0] * columns_before;
        }
        let mut frame = self.spare.picture(SIZE.0, SIZE.1);
        let (width, height) = (self.portrait.width() as i32, self.portrait.height() as i32);
        let from = Mat::new_rows_cols_with_bytes::<Vec4b>(height, width, self.portrait.as_raw())?;
        let mut to = Mat::new_rows_cols_with_bytes_mut::<Vec4b>(SIZE.1 as i32, SIZE.0 as i32, &mut frame)?;
        imgproc::warp_affine(
            &from,
            &mut to,
            &Mat::from_slice_2d(&matrix)?,
            Size::new(SIZE.0 as i32, SIZE.1 as i32),
            INTER_LINEAR | WARP_INVERSE_MAP,
            BORDER_REFLECT_101,
            Scalar::default(),
        )?;
        drop(to);
        Ok(frame)
    }
}

impl Source for DemoSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_picture(&mut self) -> Result<Option<Grab>, SourceError> {
        let index = self.next;
        self.next += 1;
        let picture = self.frame(index).map_err(|e| SourceError::Broken {
            path: PICTURE.to_owned(),
            why: e.to_string(),
        })?;
        Ok(Some(Grab {
            picture,
            source_time: Duration::from_secs_f64(index as f64 / f64::from(FPS)),
            index,
        }))
    }

    fn take_back(&mut self, picture: RgbaImage) {
        self.spare.keep(picture);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_move_and_are_the_same_in_every_run() {
        let frames = || {
            let mut demo = DemoSource::open("demo").unwrap();
            (0..40)
                .map(|_| demo.next_picture().unwrap().unwrap())
                .collect::<Vec<_>>()
        };
        let (first, second) = (frames(), frames());
        assert!(first.iter().zip(&second).all(|(a, b)| a.picture == b.picture));
        assert_ne!(first[0].picture, first[30].picture);
        assert_eq!(first[30].source_time, Duration::from_secs(1));
        assert!(first[39].picture.pixels().all(|pixel| pixel[3] == u8::MAX));
    }
}
