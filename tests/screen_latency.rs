//! The latency that the program reports is the one that can be seen: a source whose pictures carry the time at which
//! they were made, the real window, and the screen's own memory, read while the window draws.
//!
//! Has a `main` of its own, since a window can only be opened in a program's first thread.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod screen;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use image::{GrayImage, Rgba, RgbaImage};
use pinkpoint::{
    app::{self, Start},
    detect::{DetectError, Detection, FaceDetector},
    pipeline::Setup,
    source::{Grab, Source, SourceError, SourceInfo, SourceSpec},
};
use screen::{SIZE, Screen, ScreenPixels};

const RUN: Duration = Duration::from_secs(6);
/// Between pictures: long enough for a slow machine to show most of them.
const INTERVAL: Duration = Duration::from_millis(60);
/// Cells of a picture from left to right: red, the time's bits, the same bits turned over, blue.
const BITS: u32 = 24;
const CELL_PX: u32 = 12;
const CELLS: u32 = 2 + 2 * BITS;
const RED: [u8; 3] = [255, 0, 0];
const BLUE: [u8; 3] = [0, 0, 255];
/// Fewer pictures than that say nothing.
const LEAST_SEEN: usize = 10;

fn main() {
    let screen = Screen::open();
    // SAFETY: no other thread exists yet.
    unsafe { std::env::set_var("DISPLAY", &screen.display) };
    let start = Instant::now();
    let done = Arc::new(AtomicBool::new(false));
    let watching = std::thread::spawn({
        let (pixels, done) = (screen.pixels(), done.clone());
        move || watch(&pixels, start, &done)
    });
    let setup = Setup::new(
        Box::new(move |_, _| Ok(Box::new(ClockSource::new(start)))),
        SourceSpec::Camera(0),
        Box::new(NoFaces),
    );
    let mut as_it_is = Start {
        run_for: Some(RUN),
        ..Start::default()
    };
    // The time is read from left to right.
    as_it_is.settings.view.mirror_cameras = false;
    let outcome = app::run(setup, as_it_is).unwrap();
    done.store(true, Ordering::Relaxed);
    let seen = watching.join().unwrap();
    assert!(seen.len() >= LEAST_SEEN, "{} pictures were seen", seen.len());
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let least_ms = median(seen.values().map(|age| age.not_yet_ms).collect());
    let most_ms = median(seen.values().map(|age| age.seen_ms).collect());
    let reported_ms = outcome.stats.latency_ms.p50;
    let measured = format!("{reported_ms:.1} ms reported, {least_ms:.1} to {most_ms:.1} ms on the screen");
    println!("{} pictures: {measured}", seen.len());
    // Reported is the end of drawing; then the drawn picture is copied to the screen, which takes a part of the time.
    // Percentiles are good to one percent.
    assert!(reported_ms <= most_ms * 1.01 + 1.0, "{measured}");
    assert!(reported_ms >= least_ms * 0.3, "{measured}");
}

/// How old a picture was when it was first seen, and when it was last seen not to be there.
struct Age {
    not_yet_ms: f64,
    seen_ms: f64,
}

/// The pictures by their times (units of 100 microseconds).
fn watch(pixels: &ScreenPixels, start: Instant, done: &AtomicBool) -> BTreeMap<u32, Age> {
    let mut seen = BTreeMap::new();
    let mut before = start.elapsed();
    while !done.load(Ordering::Relaxed) {
        let now = start.elapsed();
        if let Some(time) = time_in(&pixels.row(SIZE.1 as u64 / 2)) {
            let age_ms = |moment: Duration| moment.as_secs_f64() * 1e3 - f64::from(time) / 10.0;
            seen.entry(time).or_insert(Age {
                not_yet_ms: age_ms(before),
                seen_ms: age_ms(start.elapsed()),
            });
        }
        before = now;
        std::thread::sleep(Duration::from_millis(1));
    }
    seen
}

/// The time in a row of the screen; `None` where there is none, or only part of one was copied.
fn time_in(row: &[[u8; 3]]) -> Option<u32> {
    let near = |a: [u8; 3], b: [u8; 3]| a.iter().zip(b).all(|(a, b)| a.abs_diff(b) < 40);
    let first = row.iter().position(|&p| near(p, RED))? as f32;
    let last = row.iter().rposition(|&p| near(p, BLUE))? as f32;
    let width = (last + 1.0 - first) / CELLS as f32;
    let cell = |index: u32| {
        row.get((first + (index as f32 + 0.5) * width) as usize)
            .map(|p| p[1] > 127)
    };
    let number =
        |from: u32| (0..BITS).try_fold(0, |sum, bit| Some(sum | u32::from(cell(from + bit)?) << bit));
    let (time, turned_over) = (number(1)?, number(1 + BITS)?);
    (time == !turned_over & ((1 << BITS) - 1)).then_some(time)
}

/// Pictures of a clock.
struct ClockSource {
    info: SourceInfo,
    start: Instant,
    count: u64,
}

impl ClockSource {
    fn new(start: Instant) -> Self {
        let info = SourceInfo {
            name: "clock".into(),
            width: CELLS * CELL_PX,
            height: CELLS * CELL_PX / 2,
            fps: None,
            frame_count: None,
            duration: None,
            live: true,
            reopen_as: None,
            camera: None,
        };
        Self {
            info,
            start,
            count: 0,
        }
    }
}

impl Source for ClockSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_picture(&mut self) -> Result<Option<Grab>, SourceError> {
        std::thread::sleep(INTERVAL);
        let source_time = self.start.elapsed();
        let time = (source_time.as_micros() / 100) as u32;
        let cell = |index: u32| match index {
            0 => RED,
            index if index == CELLS - 1 => BLUE,
            index if index <= BITS => [(time >> (index - 1) & 1) as u8 * 255; 3],
            index => [(!time >> (index - 1 - BITS) & 1) as u8 * 255; 3],
        };
        let picture = RgbaImage::from_fn(self.info.width, self.info.height, |x, _| {
            let [red, green, blue] = cell(x / CELL_PX);
            Rgba([red, green, blue, 255])
        });
        self.count += 1;
        Ok(Some(Grab {
            picture,
            source_time,
            index: self.count - 1,
        }))
    }
}

struct NoFaces;

impl FaceDetector for NoFaces {
    fn detect(&mut self, _grey: &GrayImage) -> Result<Vec<Detection>, DetectError> {
        Ok(Vec::new())
    }
}
