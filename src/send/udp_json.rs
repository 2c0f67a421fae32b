//! A datagram of JSON a frame. Faces that do not fit into it come in further ones of the same frame; every one says how many
//! faces the frame has.

use super::{
    Address, Delivery, FrameMessage, Moment, SendError, Sink,
    udp_socket::{LARGEST_DATAGRAM, Socket, grouped},
};

/// Sends datagrams of JSON to one address.
pub(super) struct UdpJson {
    socket: Socket,
    raw: bool,
}

impl UdpJson {
    pub(super) fn open(address: &Address, raw: bool) -> Result<Self, SendError> {
        let socket = Socket::open(address)?;
        Ok(Self { socket, raw })
    }
}

impl Sink for UdpJson {
    fn send(&mut self, moment: &Moment<'_>) -> Result<Delivery, SendError> {
        let mut all = Delivery::Sent;
        for datagram in datagrams(FrameMessage::of(moment, self.raw))? {
            if self.socket.send(datagram.as_bytes())? == Delivery::LeftOut {
                all = Delivery::LeftOut;
            }
        }
        Ok(all)
    }
}

/// The datagrams that say it.
fn datagrams(whole: FrameMessage) -> Result<Vec<String>, SendError> {
    let json = |message: &FrameMessage| message.to_json().len();
    let mut part = FrameMessage {
        faces: Vec::new(),
        ..whole.clone()
    };
    let fixed = json(&part);
    let sizes = whole.faces.iter().map(|face| {
        part.faces = vec![face.clone()];
        // A comma stands between two.
        json(&part) - fixed + 1
    });
    let sizes: Vec<usize> = sizes.collect();
    if let Some((face, size)) = whole
        .faces
        .iter()
        .zip(&sizes)
        .find(|(_, size)| fixed + **size > LARGEST_DATAGRAM)
    {
        return Err(SendError::TooLarge {
            points: face.points.len(),
            size: fixed + size,
        });
    }
    let mut faces = whole.faces.into_iter();
    let parts = grouped(&sizes, fixed).into_iter().map(|count| {
        part.faces = faces.by_ref().take(count).collect();
        part.to_json()
    });
    Ok(parts.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::send::{
        tests::{face, moment},
        udp_socket::USUAL_DATAGRAM,
    };

    #[test]
    fn many_faces_come_in_several_datagrams_that_say_how_many_there_are() {
        let faces: Vec<_> = (0..100).map(|id| face(id, 68)).collect();
        let datagrams = datagrams(FrameMessage::of(&moment(&faces), true)).unwrap();
        assert!(datagrams.len() > 1);
        assert!(datagrams.iter().all(|datagram| datagram.len() <= USUAL_DATAGRAM));
        let read: Vec<FrameMessage> = datagrams
            .iter()
            .map(|json| serde_json::from_str(json).unwrap())
            .collect();
        assert!(read.iter().all(|part| part.frame == 12 && part.face_count == 100));
        let ids: Vec<u32> = read
            .iter()
            .flat_map(|part| part.faces.iter().map(|face| face.face))
            .collect();
        assert_eq!(ids, Vec::from_iter(0..100));
    }

    #[test]
    fn a_frame_without_faces_is_one_datagram_and_one_face_fits_into_a_packet_of_a_usual_network() {
        let none = datagrams(FrameMessage::of(&moment(&[]), false)).unwrap();
        assert_eq!(none.len(), 1);
        let mut far = face(1000, 68);
        for point in &mut far.points {
            *point = crate::geometry::Point::new(1234.567, 987.654);
        }
        let one = datagrams(FrameMessage::of(&moment(&[far]), false)).unwrap();
        // 1500 bytes without the heads of IP and UDP.
        assert!(one.len() == 1 && one[0].len() <= 1472, "{}", one[0].len());
    }

    #[test]
    fn a_face_that_no_datagram_can_hold_is_told() {
        let error = datagrams(FrameMessage::of(&moment(&[face(0, 9000)]), false)).unwrap_err();
        assert!(error.to_string().contains("9000 points"), "{error}");
    }
}
