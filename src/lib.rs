//! Pinkpoint: keypoints on faces, live, and the road to the nets that find them.
//!
//! This opens a source, finds the faces in every frame, follows them, and prints their points:
//!
//! ```
//! use pinkpoint::model::{DeviceChoice, KeypointModel, catalogue};
//! use pinkpoint::{pipeline::KeypointFinder, source};
//!
//! # fn main() -> anyhow::Result<()> {
//! let mut source = source::open(&"demo".parse().map_err(anyhow::Error::msg)?)?;
//! let net = KeypointModel::load(&catalogue::resolve("pinkpoint")?, DeviceChoice::Auto)?;
//! let mut finder = KeypointFinder::new(net)?;
//! while let Some(grab) = source.next_picture()? {
//!     for face in finder.frame(&grab.picture, grab.source_time)? {
//!         println!("{:.2?} face {}: {:?}", grab.source_time, face.id, face.points);
//!     }
//! #   if grab.index == 2 { break; } // The demo has no end.
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The other ways in: [`pipeline::KeypointFinder::photograph`] for single pictures; [`pipeline::Pipeline`] for the live
//! threads, which show the newest frame and never fall behind; [`train::Run`] to train a net, [`evaluate`] to score one,
//! [`network::export`] to make a file of it; [`cli`], which is the program. A program that uses this crate links libtorch and
//! OpenCV as this one does (`build.rs`, `.cargo/config.toml`). Without the feature `window` there is no egui in it.
//!
//! Weights files are programs. [`model::KeypointModel::load`] refuses those whose code names anything but operators that
//! compute; to try them in a process of their own as well, see [`model::Trial`].
//!
//! Versions follow semver from 0.1: what is public here changes in an incompatible way with the second number only.
//!
//! ```text
//! app ──> { pipeline, source, model, detect, look, send }
//! pipeline ──> { source, detect, transform, model, look, record, send }
//! train ──> { dataset, transform, network, model, evaluate, look, record }        network ──> { model, transform }
//! { detect, dataset } ──> transform        look ──> model        record ──> evaluate        cli ──> anything
//! report ──> { train, evaluate, model, look, record }
//! everything ──> { geometry, keypoints, face, frame, overlay, picture, files, font, resources, process, text, log, worker }
//! ```
//!
//! Arrows are all the arrows there are. `app` is the only room that knows egui; `source`, `detect`, `transform` and
//! `record` the only ones that know OpenCV; `model`, `network` and `train` the only ones that know tch (and
//! `pipeline::infer`, which turns gradients off for its thread).

#[cfg(feature = "window")]
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
pub mod report;
pub mod resources;
pub mod send;
pub mod source;
pub mod text;
pub mod train;
pub mod transform;
pub mod worker;
