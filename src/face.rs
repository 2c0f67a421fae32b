//! A face with its keypoints, as every stage after the net hands it on. Plain data.

use crate::geometry::{Point, Rect};

/// One face of one frame; all coordinates are frame pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct Face {
    /// Identity: stays with a face from frame to frame as far as it is known.
    pub id: u32,
    /// The face's box, as [`crate::keypoints::PointScheme::face_box`] has it.
    pub face_box: Rect,
    /// The keypoints in the order of the net's point scheme; smoothed where faces are followed.
    pub points: Vec<Point>,
    /// The keypoints as the net gave them for this frame alone.
    pub raw_points: Vec<Point>,
    /// 0 (guess) to 1 (sure); `None` when the net gives no confidence.
    pub confidence: Option<f32>,
    /// By how much each keypoint's coordinates are expected to be off, frame pixels; empty when the net does not say.
    pub spread: Vec<f32>,
}
