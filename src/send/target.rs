//! Where something is sent, and how that is spelled on the command line, in the window and in the settings file. Plain data.

use std::{
    fmt,
    net::{Ipv6Addr, SocketAddr, ToSocketAddrs},
    path::PathBuf,
    str::FromStr,
};

use super::SendError;

/// What is meant where nothing that is spelled right was given.
const SPELLINGS: &str = "udp://HOST:PORT, osc://HOST:PORT or v4l2:/dev/videoN";
/// Behind an address of UDP: the points as the net gave them are sent as well.
const RAW: &str = "raw";
/// Behind an address of OSC: pixels are sent, and not shares of the picture.
const PIXELS: &str = "pixels";

/// Another program that is sent something.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// A datagram of JSON a frame.
    Udp {
        /// Where it goes.
        address: Address,
        /// With the points as the net gave them, beside the smoothed ones.
        raw: bool,
    },
    /// Open Sound Control.
    Osc {
        /// Where it goes.
        address: Address,
        /// In pixels, and not in shares of the picture.
        pixels: bool,
    },
    /// The picture with its overlay, to a video4linux device that takes pictures.
    VirtualCamera(PathBuf),
    /// A line of JSON a frame, to standard output.
    Stdout,
}

/// A program on some machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    /// A name or a number.
    host: String,
    port: u16,
}

impl Target {
    /// What it is sent, for people.
    pub fn what(&self) -> &'static str {
        match self {
            Self::Udp { .. } | Self::Osc { .. } | Self::Stdout => "points",
            Self::VirtualCamera(_) => "picture",
        }
    }
}

impl Address {
    /// Of `HOST:PORT`; `whole` is what was given.
    fn of(text: &str, whole: &str) -> Result<Self, String> {
        let lacking = |what: &str| format!("'{whole}' lacks {what}: {SPELLINGS}");
        // A number of IPv6 has colons of its own, and so stands in brackets.
        let bracketed = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let (host, port) = match bracketed {
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => text
                .rsplit_once(':')
                .map_or((text, None), |(host, port)| (host, Some(port))),
        };
        // Behind a percent sign stands an interface.
        let number = host.split('%').next().unwrap_or(host);
        let is_ipv6 = bracketed.is_some() && number.parse::<Ipv6Addr>().is_ok();
        if is_ipv6 != host.contains(':') {
            return Err(format!(
                "'{host}' in '{whole}' is no address of IPv6, which looks like udp://[::1]:5005"
            ));
        }
        let is_name = |letter: char| letter.is_alphanumeric() || "-._:%".contains(letter);
        if host.is_empty() {
            return Err(lacking("a host"));
        }
        if !host.chars().all(is_name) {
            return Err(format!("'{host}' in '{whole}' is no name of a host: {SPELLINGS}"));
        }
        let port = port
            .filter(|port| !port.is_empty())
            .ok_or_else(|| lacking("a port"))?;
        let port = port.parse().ok().filter(|port| *port != 0);
        let port = port.ok_or_else(|| format!("the port in '{whole}' is no number from 1 to 65535"))?;
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }

    /// Asks the system for the host's number; that may ask a name server, and take a while.
    pub(super) fn resolve(&self) -> Result<SocketAddr, SendError> {
        let unknown = |why: String| SendError::UnknownHost {
            host: self.host.clone(),
            why,
        };
        let found = (self.host.as_str(), self.port).to_socket_addrs();
        let found = found.map_err(|error| unknown(error.to_string()))?;
        best(found).ok_or_else(|| unknown("it has no address".into()))
    }
}

/// Of a host's addresses the one that is sent to. Whoever receives datagrams mostly does so by IPv4, and where nobody
/// does, nothing is said of it.
fn best(addresses: impl Iterator<Item = SocketAddr>) -> Option<SocketAddr> {
    addresses.min_by_key(SocketAddr::is_ipv6)
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // What may stand behind the address, and whether it does.
        let flagged = |rest: &str, flag: &str| match rest.split_once('?') {
            None => Address::of(rest, text).map(|address| (address, false)),
            Some((rest, asked)) if asked == flag => Address::of(rest, text).map(|address| (address, true)),
            Some((_, asked)) => Err(format!("'?{asked}' in '{text}' means nothing; '?{flag}' does")),
        };
        if text == "-" {
            Ok(Self::Stdout)
        } else if let Some(rest) = text.strip_prefix("udp://") {
            flagged(rest, RAW).map(|(address, raw)| Self::Udp { address, raw })
        } else if let Some(rest) = text.strip_prefix("osc://") {
            flagged(rest, PIXELS).map(|(address, pixels)| Self::Osc { address, pixels })
        } else if let Some(path) = text.strip_prefix("v4l2:") {
            if path.is_empty() {
                return Err(format!("'{text}' lacks a device, such as v4l2:/dev/video9"));
            }
            Ok(Self::VirtualCamera(path.into()))
        } else if text.starts_with("/dev/") {
            Err(format!("for a virtual camera, write v4l2:{text}"))
        } else {
            Err(format!("'{text}' is none of {SPELLINGS}"))
        }
    }
}

/// As it can be read back.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flag = |on: bool, name: &str| if on { format!("?{name}") } else { String::new() };
        match self {
            Self::Udp { address, raw } => write!(f, "udp://{address}{}", flag(*raw, RAW)),
            Self::Osc { address, pixels } => write!(f, "osc://{address}{}", flag(*pixels, PIXELS)),
            Self::VirtualCamera(path) => write!(f, "v4l2:{}", path.display()),
            Self::Stdout => f.write_str("-"),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spelled_right_can_be_read_back() {
        for text in [
            "udp://127.0.0.1:5005",
            "udp://[::1]:5005?raw",
            "udp://[fe80::1%eth0]:5005",
            "osc://studio.local:9000",
            "osc://studio.local:9000?pixels",
            "v4l2:/dev/video9",
            "-",
        ] {
            let target: Result<Target, String> = text.parse();
            assert_eq!(target.map(|target| target.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_is_spelled_wrong_is_told_why() {
        for (text, named) in [
            ("", "none of udp://"),
            ("127.0.0.1:5005", "none of udp://"),
            ("tcp://127.0.0.1:5005", "none of udp://"),
            ("udp://127.0.0.1", "lacks a port"),
            ("udp://127.0.0.1:", "lacks a port"),
            ("udp://[::1]", "lacks a port"),
            ("udp://:5005", "lacks a host"),
            ("udp://", "lacks a host"),
            ("udp://::1:5005", "udp://[::1]:5005"),
            ("udp://a b:5005", "no name of a host"),
            ("udp://127.0.0.1/x:5005", "no name of a host"),
            ("osc://127.0.0.1:0", "1 to 65535"),
            ("osc://127.0.0.1:70000", "1 to 65535"),
            ("osc://127.0.0.1:x", "1 to 65535"),
            ("osc://127.0.0.1:9000?raw", "'?pixels' does"),
            ("udp://127.0.0.1:9000?pixels", "'?raw' does"),
            ("v4l2:", "lacks a device"),
            ("/dev/video9", "v4l2:/dev/video9"),
        ] {
            let why = text.parse::<Target>().unwrap_err();
            assert!(why.contains(named), "{text}: {why}");
        }
    }

    #[test]
    fn a_host_of_both_kinds_is_sent_to_by_ipv4() {
        let of = |all: &[&str]| best(all.iter().map(|text| text.parse().unwrap())).map(|a| a.to_string());
        let (six, four) = ("[::1]:5005", "127.0.0.1:5005");
        assert_eq!(of(&[six, four]).as_deref(), Some(four));
        assert_eq!(of(&[four, six]).as_deref(), Some(four));
        assert_eq!(of(&[six]).as_deref(), Some(six));
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn a_host_that_nobody_knows_is_told() {
        let target = "udp://no-such-host.invalid:5005".parse();
        let Ok(Target::Udp { address, .. }) = target else {
            panic!("{target:?}");
        };
        let why = address.resolve().unwrap_err().to_string();
        assert!(why.contains("no-such-host.invalid"), "{why}");
    }
}
