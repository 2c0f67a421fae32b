//! What a face looks like, coarsely: greys of a few fields, as one can compare them. Plain arithmetic.

/// A patch whose greys differ by less than this on the whole (standard deviation, a fifth of a grey level) is blank.
const LEAST_CONTRAST: f32 = 0.2 / 255.0;

/// A patch from values 0 to 1: mean 0, length 1; empty where they hardly differ, which tells nothing of a face.
pub fn unit(mut values: Vec<f32>) -> Vec<f32> {
    let mean = values.iter().sum::<f32>() / values.len().max(1) as f32;
    values.iter_mut().for_each(|value| *value -= mean);
    let length = values.iter().map(|v| v * v).sum::<f32>().sqrt();
    if length < LEAST_CONTRAST * (values.len() as f32).sqrt() {
        return Vec::new();
    }
    values.iter_mut().for_each(|value| *value /= length);
    values
}

/// How alike two patches are, -1 to 1; 1 when one is not known.
pub fn correlation(a: &[f32], b: &[f32]) -> f32 {
    if a.is_empty() || a.len() != b.len() {
        return 1.0;
    }
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
