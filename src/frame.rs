//! One picture on its way through the program. Knows no other room.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use image::RgbaImage;

/// A picture with its place in time. Shared by `Arc` and never changed once captured.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Opaque RGBA pixels, ready for upload to the window.
    pub picture: RgbaImage,
    /// Frames captured before this one, since the pipeline began.
    pub sequence: u64,
    /// Which opening of a source it is from, counted from 1: pictures of different ones have nothing to do with each other.
    pub opening: u64,
    /// When the picture was given to the other stages: decoded, and of a recording, when it was due. Ages and latencies count from here.
    pub captured_at: Instant,
    /// What the source is called, for people.
    pub source: Arc<str>,
    /// Position in the source: presentation time of a video, time since opening of a camera.
    pub source_time: Duration,
}
