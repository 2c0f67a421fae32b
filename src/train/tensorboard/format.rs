//! TensorBoard's event files: messages of protocol buffers (tensorflow's `event.proto` and `summary.proto`, as far as they are used
//! here), each in a frame with its length and two checksums. Pure functions on bytes.

use prost::Message;

/// What the first record of a file has to say.
pub const VERSION: &str = "brain.Event:2";
/// Bytes of a frame before its message: the length and its checksum.
const HEAD: usize = 12;
/// Bytes of a frame after its message: the checksum of the message.
const TAIL: usize = 4;

/// One record.
#[derive(Clone, PartialEq, Message)]
pub struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    pub wall_time: f64,
    #[prost(int64, tag = "2")]
    pub step: i64,
    /// Of the first record only.
    #[prost(string, optional, tag = "3")]
    pub file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    pub summary: Option<Summary>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Summary {
    #[prost(message, repeated, tag = "1")]
    pub value: Vec<Value>,
}

/// A number or a picture.
#[derive(Clone, PartialEq, Message)]
pub struct Value {
    #[prost(string, tag = "1")]
    pub tag: String,
    #[prost(float, optional, tag = "2")]
    pub simple_value: Option<f32>,
    #[prost(message, optional, tag = "4")]
    pub image: Option<Image>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Image {
    #[prost(int32, tag = "1")]
    pub height: i32,
    #[prost(int32, tag = "2")]
    pub width: i32,
    /// 3: red, green and blue.
    #[prost(int32, tag = "3")]
    pub colorspace: i32,
    /// As a JPEG or PNG file.
    #[prost(bytes = "vec", tag = "4")]
    pub encoded_image_string: Vec<u8>,
}

/// The record as it stands in a file.
pub fn frame(event: &Event) -> Vec<u8> {
    let message = event.encode_to_vec();
    let length = (message.len() as u64).to_le_bytes();
    let mut bytes = Vec::with_capacity(HEAD + message.len() + TAIL);
    bytes.extend(length);
    bytes.extend(checksum(&length));
    bytes.extend(&message);
    bytes.extend(checksum(&message));
    bytes
}

/// CRC-32C, turned and moved, so that the checksum of bytes that hold checksums is of use.
fn checksum(bytes: &[u8]) -> [u8; 4] {
    let crc = crc32c::crc32c(bytes);
    crc.rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// The first record in `bytes` and how many of them it takes; `None` where there is no whole and undamaged one.
pub fn first(bytes: &[u8]) -> Option<(Event, usize)> {
    let (length, rest) = bytes.split_at_checked(HEAD - TAIL)?;
    let (length_checksum, rest) = rest.split_at_checked(TAIL)?;
    let size = usize::try_from(u64::from_le_bytes(length.try_into().ok()?)).ok()?;
    let (message, rest) = rest.split_at_checked(size)?;
    let message_checksum = rest.get(..TAIL)?;
    if checksum(length) != length_checksum || checksum(message) != message_checksum {
        return None;
    }
    Some((Event::decode(message).ok()?, HEAD + size + TAIL))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(step: i64) -> Event {
        Event {
            wall_time: 1.5e9,
            step,
            file_version: None,
            summary: Some(Summary {
                value: vec![Value {
                    tag: "loss/training".into(),
                    simple_value: Some(0.25),
                    image: None,
                }],
            }),
        }
    }

    #[test]
    fn a_record_is_framed_as_tensorboard_frames_it() {
        // What the record writer of the package tensorboard (2.21) makes of the same message.
        let version = Event {
            file_version: Some(VERSION.into()),
            ..Event::default()
        };
        let expected = "0f000000000000006d532b091a0d627261696e2e4576656e743a32fc985129";
        let bytes = frame(&version);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected);
    }

    #[test]
    fn what_is_cut_off_or_changed_is_no_record() {
        let bytes = [frame(&number(1)), frame(&number(2))].concat();
        let (event, end) = first(&bytes).unwrap();
        assert_eq!((event, first(&bytes[end..]).unwrap().0), (number(1), number(2)));
        for length in 0..end {
            assert_eq!(first(&bytes[..length]), None, "{length} bytes");
        }
        for place in 0..end {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert_eq!(first(&changed), None, "byte {place}");
        }
    }
}
