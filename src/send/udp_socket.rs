//! A way to one address, by datagrams: nothing comes in, and nobody waits.

use std::{
    io::{self, ErrorKind},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
};

use super::{Address, Delivery, SendError};

/// What datagrams of ours hold at most, where a single face does not need more: they fit what receivers set aside.
pub(super) const USUAL_DATAGRAM: usize = 8192;
/// What one can hold at all, by IPv4.
pub(super) const LARGEST_DATAGRAM: usize = 65_507;

/// A socket that sends to one address.
#[derive(Debug)]
pub(super) struct Socket {
    socket: UdpSocket,
    address: SocketAddr,
}

impl Socket {
    pub(super) fn open(address: &Address) -> Result<Self, SendError> {
        let address = address.resolve()?;
        let any: SocketAddr = match address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let open = || -> io::Result<UdpSocket> {
            let socket = UdpSocket::bind(any)?;
            // Some receive what is sent to all of a network.
            socket.set_broadcast(true)?;
            socket.set_nonblocking(true)?;
            // From then on the system lets nothing in from elsewhere.
            socket.connect(address)?;
            Ok(socket)
        };
        let socket = open().map_err(|error| unsent(address, &error))?;
        Ok(Self { socket, address })
    }

    /// Sends a datagram. That nobody listens is no error: a program may begin to.
    pub(super) fn send(&self, datagram: &[u8]) -> Result<Delivery, SendError> {
        match self.socket.send(datagram) {
            Ok(_) => Ok(Delivery::Sent),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Delivery::LeftOut),
            // The answer to an earlier datagram, told with this one, which was not sent: nobody would have had it.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(Delivery::Sent),
            Err(error) => Err(unsent(self.address, &error)),
        }
    }
}

fn unsent(address: SocketAddr, error: &io::Error) -> SendError {
    SendError::Network {
        address: address.to_string(),
        why: error.to_string(),
    }
}

/// Puts as many neighbours as fit into one datagram: how many `sizes` each of the datagrams takes, whose own part is `fixed`.
pub(super) fn grouped(sizes: &[usize], fixed: usize) -> Vec<usize> {
    let mut groups = Vec::new();
    let (mut count, mut filled) = (0, fixed);
    for &size in sizes {
        if count > 0 && filled + size > USUAL_DATAGRAM {
            groups.push(count);
            (count, filled) = (0, fixed);
        }
        count += 1;
        filled += size;
    }
    groups.push(count);
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_share_a_datagram_as_far_as_they_fit() {
        assert_eq!(grouped(&[], 100), [0]);
        assert_eq!(grouped(&[1000], 100), [1]);
        assert_eq!(grouped(&[4000, 4000, 4000], 100), [2, 1]);
        assert_eq!(grouped(&[4000, 4092, 1], 100), [2, 1]);
        // One that is larger than usual goes by itself.
        assert_eq!(grouped(&[10, 20_000, 10, 10], 100), [1, 1, 2]);
    }
}
