//! Filters and feature maps as pictures: what the window's panel, `inspect` and the documents show of a net.
//! Pure functions from numbers to pixels; knows no net and no window.

mod atlas;
mod figure;
mod heat;
mod palette;

pub use atlas::{ALL_ROWS, GAP_PX, Layout, atlas, atlas_into, cell_size, columns_for, strip_into};
pub use figure::{Figure, FigureError};
pub use heat::{SHOWN_SHARE, grey_picture, heat, quantile};
pub use palette::{Colours, Palette, Range};
