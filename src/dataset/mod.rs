//! Pictures of faces with labelled keypoints: reading label files, what their points are, finding their pictures, splitting by person.
//! Knows files and plain numbers; neither OpenCV beyond `transform::crop::grey` nor tch.

mod folder;
mod labels;
mod scheme;
mod split;

pub use folder::{DataFolder, DatasetError, LabelledPicture, Part, Unmatched, load_pictures};
pub use labels::{LabelError, LabelRow, Labels};
pub use scheme::SchemeChoice;
pub use split::{person_of, read_names, split_by_person};
