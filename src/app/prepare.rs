//! A thread that makes of every scene what the graphics card takes, so that the window's own thread only hands it on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use egui::{Color32, ColorImage};
use image::{Rgba, RgbaImage};

use crate::{
    pipeline::{Crop, Recycled, Scene, Slot, Taken, Wake},
    worker,
};

/// How often the thread looks up when there is nothing to do; closing the slot of scenes wakes it at once.
const PATIENCE: Duration = Duration::from_secs(1);

/// Longest side of a picture until the graphics card's own limit is known: every card takes it.
const ASSUMED_SIDE: u32 = 2048;

/// A scene and its pictures, ready for upload.
pub struct Prepared {
    pub scene: Arc<Scene>,
    pub video: Arc<ColorImage>,
    /// Of the inside of the net, where the scene has such.
    pub inside: Option<InsidePictures>,
}

/// What a scene holds of the inside of the net.
pub struct InsidePictures {
    /// The layer that is looked at.
    pub maps: Option<Arc<ColorImage>>,
    /// The map that is shown large.
    pub large: Option<Arc<ColorImage>>,
    /// The maps that are pinned.
    pub pinned: Option<Arc<ColorImage>>,
    /// The face that the large map is of.
    pub crop: Option<Arc<ColorImage>>,
}

/// The running thread; it ends when the slot of scenes is closed, which has to be before this is dropped.
pub struct Preparer {
    prepared: Arc<Slot<Prepared>>,
    largest_side: Arc<AtomicU32>,
    thread: Option<JoinHandle<()>>,
}

impl Preparer {
    /// Prepares what comes out of `scenes`; `wake` is called after every scene. Without a thread, which a system that is
    /// used up does not give, nothing is ever prepared.
    pub fn start(scenes: Arc<Slot<Arc<Scene>>>, wake: Wake) -> Self {
        let (prepared, largest_side) = (
            Arc::<Slot<Prepared>>::default(),
            Arc::new(AtomicU32::new(ASSUMED_SIDE)),
        );
        let mut work = Work {
            largest_side: largest_side.clone(),
            videos: Recycled::default(),
            maps: Recycled::default(),
            large: Recycled::default(),
            pinned: Recycled::default(),
            crops: Recycled::default(),
        };
        let out = prepared.clone();
        let run = move || {
            loop {
                match scenes.take(PATIENCE) {
                    Taken::Value(scene) => drop(out.put(work.prepared(scene))),
                    Taken::Nothing => continue,
                    Taken::Closed => return,
                }
                wake();
            }
        };
        let thread = worker::spawn("prepare", run, |_| {});
        if let Err(error) = &thread {
            tracing::error!("pictures cannot be shown, because the system gives no thread: {error}");
        }
        Self {
            prepared,
            largest_side,
            thread: thread.ok(),
        }
    }

    /// The newest scene, when there is one that was not taken before.
    pub fn newest(&self) -> Option<Prepared> {
        self.prepared.take_now()
    }

    /// Whether the thread is there no more; it does not end before the pipeline unless something is very wrong.
    pub fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Tells the longest side of a picture, in pixels, that the graphics card takes.
    pub fn limit_side(&self, pixels: usize) {
        let pixels = u32::try_from(pixels).unwrap_or(u32::MAX);
        self.largest_side.store(pixels, Ordering::Relaxed);
    }
}

impl Drop for Preparer {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            // One that panicked has nothing to tell.
            let _ = thread.join();
        }
    }
}

struct Work {
    largest_side: Arc<AtomicU32>,
    videos: Recycled<ColorImage>,
    maps: Recycled<ColorImage>,
    large: Recycled<ColorImage>,
    pinned: Recycled<ColorImage>,
    crops: Recycled<ColorImage>,
}

impl Work {
    fn prepared(&mut self, scene: Arc<Scene>) -> Prepared {
        let picture = &scene.frame.picture;
        let largest = self.largest_side.load(Ordering::Relaxed);
        let copied = |picture, memory| fitted(picture, largest, memory);
        let video = copied(picture, &mut self.videos);
        let inside = scene.inside.as_ref().map(|inside| InsidePictures {
            maps: inside
                .maps
                .as_ref()
                .map(|atlas| copied(&atlas.picture, &mut self.maps)),
            large: inside
                .large
                .as_ref()
                .map(|(_, picture)| copied(picture, &mut self.large)),
            pinned: inside
                .pinned
                .as_ref()
                .map(|strip| copied(&strip.picture, &mut self.pinned)),
            crop: inside
                .large
                .as_ref()
                .map(|_| grey_image(&inside.crop, &mut self.crops)),
        });
        Prepared { scene, video, inside }
    }
}

/// A picture for upload; its colours are premultiplied by how opaque they are.
pub fn colour_image(picture: &RgbaImage) -> ColorImage {
    let size = [picture.width() as usize, picture.height() as usize];
    ColorImage::from_rgba_premultiplied(size, picture.as_raw())
}

/// As [`copied`], shrunk to what the graphics card takes: sides of `largest` pixels.
fn fitted(picture: &RgbaImage, largest: u32, memory: &mut Recycled<ColorImage>) -> Arc<ColorImage> {
    if picture.width().max(picture.height()) <= largest {
        return copied(picture, memory);
    }
    let (width, height) = fit_into(picture.dimensions(), largest);
    copied(&image::imageops::thumbnail(picture, width, height), memory)
}

/// As [`colour_image`], in memory that was used before where there is some of the right size.
fn copied(picture: &RgbaImage, memory: &mut Recycled<ColorImage>) -> Arc<ColorImage> {
    let size = [picture.width() as usize, picture.height() as usize];
    let image = match memory.done_with() {
        Some(mut image) if image.size == size => {
            let pixels = image.pixels.iter_mut().zip(picture.pixels());
            pixels.for_each(|(to, &Rgba([r, g, b, a]))| *to = Color32::from_rgba_premultiplied(r, g, b, a));
            image
        }
        _ => colour_image(picture),
    };
    memory.share(image)
}

/// The crop of a face, in memory that was used before where there is some of the right size.
fn grey_image(crop: &Crop, memory: &mut Recycled<ColorImage>) -> Arc<ColorImage> {
    let side = crop.transform.side as usize;
    let mut image = memory
        .done_with()
        .filter(|image| image.size == [side, side])
        .unwrap_or_else(|| ColorImage::filled([side, side], Color32::BLACK));
    for (to, grey) in image.pixels.iter_mut().zip(&crop.pixels) {
        *to = Color32::from_gray((grey.clamp(0.0, 1.0) * 255.0).round() as u8);
    }
    memory.share(image)
}

/// The size with the same shape whose long side is `largest`.
fn fit_into((width, height): (u32, u32), largest: u32) -> (u32, u32) {
    let scale = f64::from(largest) / f64::from(width.max(height));
    let scaled = |side: u32| ((f64::from(side) * scale) as u32).max(1);
    (scaled(width), scaled(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_too_large_for_the_card_keeps_its_shape() {
        assert_eq!(fit_into((10_000, 5_000), 4096), (4096, 2048));
        assert_eq!(fit_into((10_000, 1), 4096), (4096, 1));
        let long = RgbaImage::new(300, 1);
        assert_eq!(fitted(&long, 100, &mut Recycled::default()).size, [100, 1]);
        assert_eq!(fitted(&long, 300, &mut Recycled::default()).size, [300, 1]);
    }

    #[test]
    fn memory_is_used_again_for_pictures_of_its_size_and_holds_the_new_one() {
        let mut memory = Recycled::default();
        let picture = |grey: u8, width| RgbaImage::from_pixel(width, 3, Rgba([grey, 1, 2, u8::MAX]));
        let first = copied(&picture(10, 5), &mut memory);
        let place = first.pixels.as_ptr();
        drop(first);
        let second = copied(&picture(20, 5), &mut memory);
        assert_eq!(second.pixels.as_ptr(), place);
        assert_eq!(*second, colour_image(&picture(20, 5)));
        assert_ne!(copied(&picture(30, 5), &mut memory).pixels.as_ptr(), place);
        drop(second);
        assert_eq!(copied(&picture(40, 6), &mut memory).size, [6, 3]);
    }
}
