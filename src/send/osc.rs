//! Open Sound Control: what Processing, Max, TouchDesigner and the like listen to. A bundle a frame; faces have places, counted
//! from 0, so that a patch can name them: who comes takes the lowest one that is free, and keeps it while he is followed.

use rosc::{OscBundle, OscMessage, OscPacket, OscTime, OscType, encoder};

use super::{
    Address, Delivery, Moment, SendError, Sink,
    udp_socket::{LARGEST_DATAGRAM, Socket, grouped},
};
use crate::{face::Face, geometry::Point};

/// What all addresses begin with.
const ROOT: &str = "/pinkpoint";
/// Bytes of a bundle with nothing in it, and of the length before each of its messages.
const BUNDLE_HEAD: usize = 16;
/// See [`BUNDLE_HEAD`].
const LENGTH: usize = 4;
/// "At once", by the standard: receivers do as they are told when it comes.
const AT_ONCE: OscTime = OscTime {
    seconds: 0,
    fractional: 1,
};

/// Sends bundles to one address.
pub(super) struct Osc {
    socket: Socket,
    pixels: bool,
    places: Places,
}

impl Osc {
    pub(super) fn open(address: &Address, pixels: bool) -> Result<Self, SendError> {
        Ok(Self {
            socket: Socket::open(address)?,
            pixels,
            places: Places::default(),
        })
    }
}

impl Sink for Osc {
    fn send(&mut self, moment: &Moment<'_>) -> Result<Delivery, SendError> {
        let mut all = Delivery::Sent;
        for bundle in bundles(&messages(moment, &mut self.places, self.pixels), moment)? {
            if self.socket.send(&bundle)? == Delivery::LeftOut {
                all = Delivery::LeftOut;
            }
        }
        Ok(all)
    }
}

/// Who has which place.
#[derive(Debug, Default)]
struct Places {
    /// The face that is there, or was there last, and whether it is there now.
    places: Vec<(u32, bool)>,
}

impl Places {
    /// Gives `faces` their places: which of them is in each place that was ever taken.
    fn of<'a>(&mut self, faces: &'a [Face]) -> Vec<Option<&'a Face>> {
        for (id, there) in &mut self.places {
            *there = faces.iter().any(|face| face.id == *id);
        }
        for face in faces {
            if self.places.contains(&(face.id, true)) {
                continue;
            }
            match self.places.iter_mut().find(|(_, there)| !there) {
                Some(free) => *free = (face.id, true),
                None => self.places.push((face.id, true)),
            }
        }
        let there = self.places.iter().map(|(id, there)| {
            let mut faces = faces.iter();
            faces.find(|face| *there && face.id == *id)
        });
        there.collect()
    }
}

/// What is said of a moment, one group of messages a face, which go together; the frame's own first.
fn messages(moment: &Moment<'_>, places: &mut Places, pixels: bool) -> Vec<Vec<OscMessage>> {
    let (width, height) = moment.size;
    let whole = |number: u64| OscType::Int(i32::try_from(number).unwrap_or(i32::MAX));
    let frame = vec![
        // A number that grows for weeks begins again rather than stand still.
        whole(moment.frame % (1 << 31)),
        OscType::Float(moment.time.as_secs_f32()),
        whole(width.into()),
        whole(height.into()),
        whole(moment.faces.len() as u64),
    ];
    let scale = if pixels {
        (1.0, 1.0)
    } else {
        (width.max(1) as f32, height.max(1) as f32)
    };
    let mut groups = vec![vec![message("/frame", frame)]];
    for (place, face) in places.of(moment.faces).into_iter().enumerate() {
        let say = |what: &str, arguments| message(&format!("/face/{place}/{what}"), arguments);
        let found = say("found", vec![OscType::Int(i32::from(face.is_some()))]);
        groups.push(match face {
            Some(face) => [found]
                .into_iter()
                .chain(face_messages(face, scale, pixels, say))
                .collect(),
            None => vec![found],
        });
    }
    groups
}

fn face_messages(
    face: &Face,
    (width, height): (f32, f32),
    pixels: bool,
    say: impl Fn(&str, Vec<OscType>) -> OscMessage,
) -> Vec<OscMessage> {
    // Pixels count from the centre of the first one, shares from the picture's edge.
    let half = if pixels { 0.0 } else { 0.5 };
    let place = |point: Point| [(point.x + half) / width, (point.y + half) / height].map(OscType::Float);
    let face_box = face.face_box;
    let [left, top] = place(Point::new(face_box.x, face_box.y));
    let sides = [face_box.width / width, face_box.height / height].map(OscType::Float);
    let mut messages = vec![
        say(
            "id",
            vec![OscType::Int(i32::try_from(face.id).unwrap_or(i32::MAX))],
        ),
        say("box", [left, top].into_iter().chain(sides).collect()),
        say(
            "points",
            face.points.iter().flat_map(|&point| place(point)).collect(),
        ),
    ];
    if let Some(confidence) = face.confidence {
        messages.push(say("confidence", vec![OscType::Float(confidence)]));
    }
    messages
}

fn message(below: &str, args: Vec<OscType>) -> OscMessage {
    OscMessage {
        addr: format!("{ROOT}{below}"),
        args,
    }
}

/// The messages in as many bundles as they need; what is said of a face stays together, and each bundle begins with the frame.
fn bundles(groups: &[Vec<OscMessage>], moment: &Moment<'_>) -> Result<Vec<Vec<u8>>, SendError> {
    let Some((frame, faces)) = groups.split_first() else {
        return Ok(Vec::new());
    };
    let size = |group: &Vec<OscMessage>| -> usize {
        let messages = group.iter().cloned().map(OscPacket::Message);
        messages.map(|message| encoded(&message).len() + LENGTH).sum()
    };
    let fixed = BUNDLE_HEAD + size(frame);
    let sizes: Vec<usize> = faces.iter().map(size).collect();
    if let Some(largest) = sizes
        .iter()
        .max()
        .filter(|size| fixed + **size > LARGEST_DATAGRAM)
    {
        let points = moment.faces.iter().map(|face| face.points.len()).max();
        return Err(SendError::TooLarge {
            points: points.unwrap_or_default(),
            size: fixed + largest,
        });
    }
    let mut rest = faces;
    let bundles = grouped(&sizes, fixed).into_iter().map(|count| {
        let (here, later) = rest.split_at(count);
        rest = later;
        let messages = frame.iter().chain(here.iter().flatten()).cloned();
        encoded(&OscPacket::Bundle(OscBundle {
            timetag: AT_ONCE,
            content: messages.map(OscPacket::Message).collect(),
        }))
    });
    Ok(bundles.collect())
}

/// Writing into memory fails for nothing.
fn encoded(packet: &OscPacket) -> Vec<u8> {
    encoder::encode(packet).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::send::{
        tests::{face, moment},
        udp_socket::USUAL_DATAGRAM,
    };

    /// What a datagram says, by address.
    fn read(datagram: &[u8]) -> Vec<(String, Vec<OscType>)> {
        let (rest, packet) = rosc::decoder::decode_udp(datagram).unwrap();
        assert!(rest.is_empty());
        let OscPacket::Bundle(bundle) = packet else {
            panic!("{packet:?}");
        };
        assert_eq!(bundle.timetag, AT_ONCE);
        let messages = bundle.content.into_iter().map(|packet| match packet {
            OscPacket::Message(message) => (message.addr, message.args),
            OscPacket::Bundle(inner) => panic!("{inner:?}"),
        });
        messages.collect()
    }

    fn sent(faces: &[Face], places: &mut Places, pixels: bool) -> Vec<(String, Vec<OscType>)> {
        let moment = moment(faces);
        let datagrams = bundles(&messages(&moment, places, pixels), &moment).unwrap();
        datagrams.iter().flat_map(|datagram| read(datagram)).collect()
    }

    fn floats(arguments: &[OscType]) -> Vec<f32> {
        arguments
            .iter()
            .map(|argument| argument.clone().float().unwrap())
            .collect()
    }

    #[test]
    fn a_bundle_says_where_a_face_is_in_shares_of_the_picture_or_in_pixels() {
        let face = face(4, 2);
        let said = sent(std::slice::from_ref(&face), &mut Places::default(), false);
        let addresses: Vec<&str> = said.iter().map(|(address, _)| address.as_str()).collect();
        assert_eq!(
            addresses,
            [
                "/pinkpoint/frame",
                "/pinkpoint/face/0/found",
                "/pinkpoint/face/0/id",
                "/pinkpoint/face/0/box",
                "/pinkpoint/face/0/points",
                "/pinkpoint/face/0/confidence",
            ]
        );
        let frame = [12.into(), 0.4_f32.into(), 640.into(), 480.into(), 1.into()];
        assert_eq!(said[0].1, frame);
        assert_eq!(said[1].1, [1.into()]);
        assert_eq!(said[2].1, [4.into()]);
        let shares = [10.5 / 640.0, 20.5 / 480.0, 100.0 / 640.0, 120.0 / 480.0];
        assert_eq!(floats(&said[3].1), shares);
        assert_eq!(floats(&said[4].1).len(), 4);

        let said = sent(std::slice::from_ref(&face), &mut Places::default(), true);
        assert_eq!(floats(&said[3].1), [10.0, 20.0, 100.0, 120.0]);
        assert_eq!(floats(&said[4].1)[1], 20.0);
    }

    #[test]
    fn a_face_keeps_its_place_and_one_that_went_is_said_to_be_gone() {
        let mut places = Places::default();
        let found = |said: &[(String, Vec<OscType>)]| {
            let found = said.iter().filter(|(address, _)| address.ends_with("/found"));
            found
                .map(|(_, there)| there[0].clone().int().unwrap())
                .collect::<Vec<i32>>()
        };
        let ids = |said: &[(String, Vec<OscType>)]| {
            let ids = said.iter().filter(|(address, _)| address.ends_with("/id"));
            ids.map(|(address, id)| (address[16..17].to_owned(), id[0].clone().int().unwrap()))
                .collect::<Vec<_>>()
        };
        let mut at = |faces: &[u32]| {
            let faces: Vec<Face> = faces.iter().map(|&id| face(id, 2)).collect();
            let said = sent(&faces, &mut places, false);
            (found(&said), ids(&said))
        };
        let place = |place: &str, id| (place.to_owned(), id);
        assert_eq!(at(&[]), (vec![], vec![]));
        assert_eq!(at(&[5, 8]), (vec![1, 1], vec![place("0", 5), place("1", 8)]));
        assert_eq!(at(&[8]), (vec![0, 1], vec![place("1", 8)]));
        // Who was away for a moment has the place again, whoever comes with him.
        assert_eq!(
            at(&[9, 5, 8]),
            (vec![1, 1, 1], vec![place("0", 5), place("1", 8), place("2", 9)])
        );
        assert_eq!(at(&[11]), (vec![1, 0, 0], vec![place("0", 11)]));
        assert_eq!(at(&[]), (vec![0, 0, 0], vec![]));
    }

    #[test]
    fn many_faces_come_in_several_bundles_that_begin_with_the_frame() {
        let faces: Vec<Face> = (0..40).map(|id| face(id, 68)).collect();
        let moment = moment(&faces);
        let bundles = bundles(&messages(&moment, &mut Places::default(), false), &moment).unwrap();
        assert!(bundles.len() > 1);
        let mut points = 0;
        for bundle in &bundles {
            assert!(bundle.len() <= USUAL_DATAGRAM, "{}", bundle.len());
            let said = read(bundle);
            assert_eq!(said[0].0, "/pinkpoint/frame");
            points += said
                .iter()
                .filter(|(address, _)| address.ends_with("/points"))
                .count();
        }
        assert_eq!(points, 40);
    }
}
