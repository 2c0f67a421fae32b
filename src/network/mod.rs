//! The nets that can be trained here, in tch, and their way into weights files.

pub mod course_cnn;
pub mod export;
