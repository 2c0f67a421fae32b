//! Reads TensorBoard's event files in a test, by the format's own description and not by the program's code.

use std::path::Path;

/// A number or a picture of a step.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Number(f32),
    /// As a file.
    Picture(Vec<u8>),
}

/// What a record holds: step, name, value.
pub type Entry = (i64, String, Value);

/// Every value of the whole records, and how many bytes they take.
pub fn read(path: &Path) -> (Vec<Entry>, usize) {
    let bytes = std::fs::read(path).unwrap();
    let (mut entries, mut at) = (Vec::new(), 0);
    while let Some(message) = record(&bytes[at..]) {
        if at == 0 {
            let version = fields(message).into_iter().find(|(number, _)| *number == 3);
            assert_eq!(version.unwrap().1, Field::Bytes(b"brain.Event:2".to_vec()));
        } else {
            entries.extend(entries_of(message));
        }
        at += 16 + message.len();
    }
    (entries, at)
}

/// The first message, where it is whole and its checksums are right.
fn record(bytes: &[u8]) -> Option<&[u8]> {
    let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().unwrap()));
    let masked = |bytes: &[u8]| crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8);
    let length = u64::from_le_bytes(bytes.get(..8)?.try_into().unwrap()) as usize;
    let message = bytes.get(12..12 + length)?;
    let whole = word(8)? == masked(&bytes[..8]) && word(12 + length)? == masked(message);
    whole.then_some(message)
}

#[derive(Debug, Clone, PartialEq)]
enum Field {
    Whole(u64),
    Double(f64),
    Float(f32),
    Bytes(Vec<u8>),
}

/// The fields of a message of protocol buffers.
fn fields(message: &[u8]) -> Vec<(u64, Field)> {
    let mut rest = message;
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let key = varint(&mut rest);
        let field = match key & 7 {
            0 => Field::Whole(varint(&mut rest)),
            1 => Field::Double(f64::from_le_bytes(take(&mut rest, 8).try_into().unwrap())),
            2 => {
                let length = varint(&mut rest) as usize;
                Field::Bytes(take(&mut rest, length).to_vec())
            }
            5 => Field::Float(f32::from_le_bytes(take(&mut rest, 4).try_into().unwrap())),
            other => panic!("no such kind of field: {other}"),
        };
        fields.push((key >> 3, field));
    }
    fields
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (first, others) = rest.split_at(length);
    *rest = others;
    first
}

fn varint(rest: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let byte = take(rest, 1)[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    value
}

fn entries_of(message: &[u8]) -> Vec<Entry> {
    let (mut step, mut entries) = (0, Vec::new());
    for (number, field) in fields(message) {
        match (number, field) {
            (1, Field::Double(seconds)) => assert!(seconds > 1.7e9, "{seconds} is long ago"),
            (2, Field::Whole(number)) => step = number as i64,
            (5, Field::Bytes(summary)) => {
                entries.extend(fields(&summary).into_iter().map(|(_, field)| match field {
                    Field::Bytes(value) => named(&value),
                    other => panic!("{other:?}"),
                }));
            }
            other => panic!("{other:?}"),
        }
    }
    entries
        .into_iter()
        .map(|(name, value)| (step, name, value))
        .collect()
}

fn named(value: &[u8]) -> (String, Value) {
    let (mut name, mut content) = (String::new(), None);
    for (number, field) in fields(value) {
        match (number, field) {
            (1, Field::Bytes(text)) => name = String::from_utf8(text).unwrap(),
            (2, Field::Float(number)) => content = Some(Value::Number(number)),
            (4, Field::Bytes(picture)) => {
                let file = fields(&picture)
                    .into_iter()
                    .find_map(|(number, field)| match field {
                        Field::Bytes(file) if number == 4 => Some(file),
                        _ => None,
                    });
                content = file.map(Value::Picture);
            }
            other => panic!("{other:?}"),
        }
    }
    (name, content.unwrap())
}
