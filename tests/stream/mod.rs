//! A network camera made up for tests: a server on this machine that gives pictures one after another.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    path::Path,
    time::Duration,
};

/// Serves `pictures` JPEGs as network cameras do, to one client, and gives its address.
pub fn mjpeg_server(pictures: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let face = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/media/face.jpg");
    let jpeg = std::fs::read(face).unwrap();
    std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let _ = client.read(&mut request);
        let head = "HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=next\r\n\r\n";
        let part = format!(
            "--next\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n",
            jpeg.len()
        );
        let _ = client.write_all(head.as_bytes());
        for _ in 0..pictures {
            // A client that has seen enough hangs up.
            let _ = client.write_all(&[part.as_bytes(), &jpeg, b"\r\n"].concat());
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    address
}
