//! Prints where the keypoints of every face are, frame by frame: `cargo run --example faces -- film.mp4`.
use pinkpoint::model::{DeviceChoice, KeypointModel, catalogue};
use pinkpoint::{pipeline::KeypointFinder, source};

fn main() -> anyhow::Result<()> {
    let name = std::env::args().nth(1).unwrap_or_else(|| "demo".into());
    let mut source = source::open(&name.parse().map_err(anyhow::Error::msg)?)?;
    let net = KeypointModel::load(&catalogue::resolve("pinkpoint")?, DeviceChoice::Auto)?;
    let mut finder = KeypointFinder::new(net)?;
    while let Some(grab) = source.next_picture()? {
        for face in finder.frame(&grab.picture, grab.source_time)? {
            println!("{:.2?} face {}: {:?}", grab.source_time, face.id, face.points);
        }
    }
    Ok(())
}
