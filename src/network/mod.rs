//! The nets that can be trained here, in tch.

pub mod course_cnn;
