//! Pinkpoint: keypoints on faces, live, and the road to the nets that find them.
//!
//! ```text
//! app ──> { pipeline, source, model, detect, look, send }
//! pipeline ──> { source, detect, transform, model, look, record, send }
//! train ──> { dataset, transform, network, model, evaluate }        network ──> { model, transform }
//! { detect, dataset } ──> transform        look ──> model        cli ──> anything
//! everything ──> { geometry, keypoints, face, frame, overlay, picture, files, font, resources, process, text, worker }
//! ```
//!
//! Arrows are all the arrows there are. `app` is the only room that knows egui; `source`, `detect`, `transform` and
//! `record` the only ones that know OpenCV; `model`, `network` and `train` the only ones that know tch (and
//! `pipeline::infer`, which turns gradients off for its thread).

pub mod app;
pub mod cli;
pub mod dataset;
pub mod detect;
pub mod evaluate;
pub mod face;
pub mod files;
mod font;
pub mod frame;
pub mod geometry;
pub mod keypoints;
pub mod log;
pub mod look;
pub mod model;
pub mod network;
pub mod overlay;
pub mod picture;
pub mod pipeline;
pub mod process;
pub mod record;
pub mod resources;
pub mod send;
pub mod source;
pub mod text;
pub mod train;
pub mod transform;
pub mod worker;
