//! A line of JSON a frame, for whoever reads standard output.

use std::io::{ErrorKind, Write};

use super::{Delivery, FrameMessage, Moment, SendError, Sink};

/// Writes lines, whole ones only.
pub(super) struct JsonLines<W>(pub(super) W);

impl<W: Write + Send> Sink for JsonLines<W> {
    fn send(&mut self, moment: &Moment<'_>) -> Result<Delivery, SendError> {
        let line = FrameMessage::of(moment, true).to_json() + "\n";
        let written = self.0.write_all(line.as_bytes()).and_then(|()| self.0.flush());
        match written {
            Ok(()) => Ok(Delivery::Sent),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(SendError::NobodyReads),
            Err(error) => Err(SendError::Output(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::send::tests::{face, moment};

    #[test]
    fn every_frame_is_a_line() {
        let mut lines = JsonLines(Vec::new());
        for faces in [&[face(1, 68)][..], &[]] {
            assert_eq!(lines.send(&moment(faces)).unwrap(), Delivery::Sent);
        }
        let text = String::from_utf8(lines.0).unwrap();
        let read: Vec<FrameMessage> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(read.len(), 2);
        assert!(read[0].faces[0].raw_points.is_some());
        assert!(text.ends_with('\n'));
    }

    #[test]
    fn that_nobody_reads_any_more_is_told_apart_from_a_full_disk() {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let error = JsonLines(writer).send(&moment(&[])).unwrap_err();
        assert!(matches!(error, SendError::NobodyReads), "{error}");
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let error = JsonLines(full).send(&moment(&[])).unwrap_err();
        assert!(matches!(error, SendError::Output(_)), "{error}");
    }
}
