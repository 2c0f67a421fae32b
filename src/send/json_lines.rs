//! A line of JSON a frame, for whoever reads standard output.

use std::io::{ErrorKind, Write};

use super::{Delivery, FrameMessage, Moment, SendError, Sink};

/// Writes lines.
pub(super) struct JsonLines<W> {
    out: W,
    /// Part of the last line may have been written: the next must not go on with it.
    broken: bool,
}

impl<W> JsonLines<W> {
    pub(super) fn to(out: W) -> Self {
        Self { out, broken: false }
    }
}

impl<W: Write + Send> Sink for JsonLines<W> {
    fn send(&mut self, moment: &Moment<'_>) -> Result<Delivery, SendError> {
        let start = if self.broken { "\n" } else { "" };
        let line = format!("{start}{}\n", FrameMessage::of(moment, true).to_json());
        let written = self
            .out
            .write_all(line.as_bytes())
            .and_then(|()| self.out.flush());
        self.broken = written.is_err();
        match written {
            Ok(()) => Ok(Delivery::Sent),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(SendError::NobodyReads),
            Err(error) => Err(SendError::Stdout(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::send::tests::{face, moment};

    #[test]
    fn every_frame_is_a_line() {
        let mut lines = JsonLines::to(Vec::new());
        for faces in [&[face(1, 68)][..], &[]] {
            assert_eq!(lines.send(&moment(faces)).unwrap(), Delivery::Sent);
        }
        let text = String::from_utf8(lines.out).unwrap();
        let read: Vec<FrameMessage> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(read.len(), 2);
        assert!(read[0].faces[0].raw_points.is_some());
        assert!(text.ends_with('\n'));
    }

    /// Takes so many bytes and is full; then there is room again.
    struct Full(Vec<u8>, Option<usize>);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let room = match self.1 {
                Some(0) => {
                    self.1 = None;
                    return Err(ErrorKind::StorageFull.into());
                }
                Some(room) => room.min(bytes.len()),
                None => bytes.len(),
            };
            self.1 = self.1.map(|left| left - room);
            self.0.extend(&bytes[..room]);
            Ok(room)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_follows_half_a_line_is_a_line_of_its_own() {
        let mut lines = JsonLines::to(Full(Vec::new(), Some(9)));
        assert!(lines.send(&moment(&[])).is_err());
        for _ in 0..2 {
            assert_eq!(lines.send(&moment(&[])).unwrap(), Delivery::Sent);
        }
        let text = String::from_utf8(lines.out.0).unwrap();
        let whole = |line: &&str| serde_json::from_str::<FrameMessage>(line).is_ok();
        assert_eq!(text.lines().filter(whole).count(), 2, "{text}");
        assert_eq!(text.lines().count(), 3, "{text}");
    }

    #[test]
    fn that_nobody_reads_any_more_is_told_apart_from_a_full_disk() {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let error = JsonLines::to(writer).send(&moment(&[])).unwrap_err();
        assert!(matches!(error, SendError::NobodyReads), "{error}");
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let error = JsonLines::to(full).send(&moment(&[])).unwrap_err();
        assert!(matches!(error, SendError::Stdout(_)), "{error}");
    }
}
