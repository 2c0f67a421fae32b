//! A frame as JSON: the one definition of what datagrams and lines say. Names are those of the columns in files of keypoints
//! where they mean the same; points are lists here, as programs want them, and a frame without faces is said as well, which rows
//! of faces cannot do.

use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeSeq};

use super::Moment;
use crate::{face::Face, geometry::Point};

/// Decimals of coordinates: one less than in files of keypoints, so that a face fits into a packet of a usual network. No net is
/// as exact as that.
const COORDINATE_PLACES: i32 = 2;
/// And of confidences and times, as in those files.
const CONFIDENCE_PLACES: i32 = 4;
/// See [`CONFIDENCE_PLACES`].
const TIME_PLACES: i32 = 6;

/// A frame, or a part of its faces.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrameMessage {
    /// The source's name.
    pub source: String,
    /// Frames captured before this one.
    pub frame: u64,
    /// Position in the source.
    pub time_seconds: f64,
    /// Width of the frame, pixels.
    pub width: u32,
    /// Height of the frame, pixels.
    pub height: u32,
    /// Faces in the frame: more than are in here where they do not fit into one datagram.
    pub face_count: usize,
    /// The faces.
    pub faces: Vec<FaceMessage>,
}

/// A face; all coordinates are frame pixels. One that is not finite is null in JSON, and is read as not a number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaceMessage {
    /// Its number, which stays with it.
    pub face: u32,
    /// 0 (guess) to 1 (sure); `None` when the net does not say.
    #[serde(serialize_with = "confidence")]
    pub confidence: Option<f32>,
    /// Left edge of its box.
    #[serde(serialize_with = "coordinate", deserialize_with = "read_coordinate")]
    pub box_x: f32,
    /// Upper edge.
    #[serde(serialize_with = "coordinate", deserialize_with = "read_coordinate")]
    pub box_y: f32,
    /// Width.
    #[serde(serialize_with = "coordinate", deserialize_with = "read_coordinate")]
    pub box_width: f32,
    /// Height.
    #[serde(serialize_with = "coordinate", deserialize_with = "read_coordinate")]
    pub box_height: f32,
    /// The keypoints, smoothed.
    #[serde(serialize_with = "points", deserialize_with = "read_points")]
    pub points: Vec<[f32; 2]>,
    /// The keypoints as the net gave them; `None` where they were not asked for.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "optional_points",
        deserialize_with = "read_optional_points"
    )]
    pub raw_points: Option<Vec<[f32; 2]>>,
}

impl FrameMessage {
    /// What is said of a moment, with the points as the net gave them if `raw`.
    pub fn of(moment: &Moment<'_>, raw: bool) -> Self {
        let faces = moment.faces.iter().map(|face| FaceMessage::of(face, raw));
        Self {
            source: moment.source.to_owned(),
            frame: moment.frame,
            time_seconds: rounded(moment.time.as_secs_f64(), TIME_PLACES),
            width: moment.size.0,
            height: moment.size.1,
            face_count: moment.faces.len(),
            faces: faces.collect(),
        }
    }

    /// As JSON in one line, without its end.
    pub fn to_json(&self) -> String {
        // Plain data with texts for names always become JSON.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl FaceMessage {
    fn of(face: &Face, raw: bool) -> Self {
        let plain = |points: &[Point]| points.iter().map(|point| [point.x, point.y]).collect();
        Self {
            face: face.id,
            confidence: face.confidence,
            box_x: face.face_box.x,
            box_y: face.face_box.y,
            box_width: face.face_box.width,
            box_height: face.face_box.height,
            points: plain(&face.points),
            raw_points: raw.then(|| plain(&face.raw_points)),
        }
    }
}

fn rounded(number: f64, places: i32) -> f64 {
    let tens = 10_f64.powi(places);
    (number * tens).round() / tens
}

/// What is not finite becomes null, as JSON has no word for it.
fn coordinate<S: Serializer>(number: &f32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(rounded(f64::from(*number), COORDINATE_PLACES))
}

fn confidence<S: Serializer>(number: &Option<f32>, serializer: S) -> Result<S::Ok, S::Error> {
    match number {
        Some(number) => serializer.serialize_f64(rounded(f64::from(*number), CONFIDENCE_PLACES)),
        None => serializer.serialize_none(),
    }
}

fn points<S: Serializer>(points: &[[f32; 2]], serializer: S) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_seq(Some(points.len()))?;
    for point in points {
        list.serialize_element(&point.map(|number| rounded(f64::from(number), COORDINATE_PLACES)))?;
    }
    list.end()
}

fn optional_points<S: Serializer>(list: &Option<Vec<[f32; 2]>>, serializer: S) -> Result<S::Ok, S::Error> {
    match list {
        Some(list) => points(list, serializer),
        None => serializer.serialize_none(),
    }
}

fn read_coordinate<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f32, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f32::NAN))
}

fn read_points<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<[f32; 2]>, D::Error> {
    Ok(numbers(Vec::deserialize(deserializer)?))
}

fn read_optional_points<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<[f32; 2]>>, D::Error> {
    Ok(Option::deserialize(deserializer)?.map(numbers))
}

fn numbers(list: Vec<[Option<f32>; 2]>) -> Vec<[f32; 2]> {
    let read = list.into_iter();
    read.map(|point| point.map(|number| number.unwrap_or(f32::NAN)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::send::tests::{face, moment};

    #[test]
    fn a_frame_says_where_faces_are() {
        let mut odd = face(7, 2);
        odd.points[1].x = f32::NAN;
        odd.confidence = None;
        let faces = [face(3, 2), odd];
        let json = FrameMessage::of(&moment(&faces), true).to_json();
        let again: FrameMessage = serde_json::from_str(&json).unwrap();
        let [x, y] = again.faces[1].points[1];
        assert!(x.is_nan() && y == 21.0, "what is null can be read");
        assert_eq!(again.faces[1].raw_points.as_ref().unwrap()[1], [11.0, 21.5]);
        let mut without: serde_json::Value = serde_json::from_str(&json).unwrap();
        without["faces"][1]["raw_points"] = serde_json::Value::Null;
        let without: FrameMessage = serde_json::from_value(without).unwrap();
        assert_eq!(without.faces[1].raw_points, None);
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(
            read,
            serde_json::json!({
                "source": "a \"film\"", "frame": 12, "time_seconds": 0.4, "width": 640, "height": 480, "face_count": 2,
                "faces": [
                    {
                        "face": 3, "confidence": 0.9876, "box_x": 10.0, "box_y": 20.0, "box_width": 100.0, "box_height": 120.0,
                        "points": [[10.12, 20.0], [11.12, 21.0]], "raw_points": [[10.0, 20.5], [11.0, 21.5]],
                    },
                    {
                        "face": 7, "confidence": null, "box_x": 10.0, "box_y": 20.0, "box_width": 100.0, "box_height": 120.0,
                        "points": [[10.12, 20.0], [null, 21.0]], "raw_points": [[10.0, 20.5], [11.0, 21.5]],
                    },
                ],
            })
        );
    }

    #[test]
    fn a_frame_without_faces_is_said_too_and_raw_points_only_where_they_are_asked_for() {
        let none = FrameMessage::of(&moment(&[]), true).to_json();
        assert!(none.ends_with("\"face_count\":0,\"faces\":[]}"), "{none}");
        let one = FrameMessage::of(&moment(&[face(0, 68)]), false);
        let json = one.to_json();
        assert!(!json.contains("raw_points"));
        let again: FrameMessage = serde_json::from_str(&json).unwrap();
        assert_eq!(again.faces[0].points.len(), 68);
        assert_eq!((again.frame, again.face_count), (12, 1));
    }
}
