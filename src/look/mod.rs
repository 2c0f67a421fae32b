//! Filters and feature maps as pictures: what the window's panel, `inspect` and the documents show of a net.
//! Pure functions from numbers to pixels; knows no net and no window.

mod atlas;
mod palette;

pub use atlas::{GAP_PX, Layout, atlas, atlas_into, columns_for};
pub use palette::{Palette, Range};
