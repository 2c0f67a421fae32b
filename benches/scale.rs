//! How cost grows with faces, picture size and frame rate: runs the live pipeline without a window on made-up videos, prints
//! tables and draws them. `cargo bench --bench scale -- --weights NET --out docs/scale`
//!
//! The videos are the demo's portrait once, 4 or 16 times in a grid that sways, kept in memory: handing a frame out is one
//! copy, in the place of a camera's decoding. Only ratios within one run say anything.
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on has failed")]

use std::{
    fmt::Write as _,
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use clap::Parser;
use image::{RgbImage, RgbaImage, imageops};
use pinkpoint::{
    detect::{CascadeDetector, CascadeSettings},
    model::catalogue,
    pipeline::{Pipeline, Recorder, RunFacts, Setup, Stats},
    process::process_cpu_time,
    resources::{self, Kind},
    source::{CameraWishes, Grab, Source, SourceError, SourceInfo, SourceSpec},
};
use plotters::{
    prelude::*,
    style::{FontStyle, register_font},
};

const FACES: [usize; 3] = [1, 4, 16];
const SIZES: [(&str, (u32, u32)); 4] = [
    ("480p", (640, 480)),
    ("720p", (1280, 720)),
    ("1080p", (1920, 1080)),
    ("4K", (3840, 2160)),
];
const RATES: [u32; 4] = [15, 30, 60, 120];
/// Where one of the two is fixed.
const USUAL_SIZE: (u32, u32) = (1280, 720);
const USUAL_RATE: u32 = 30;
/// Pictures of one swing; then it begins again.
const SWING: u32 = 16;
/// Share of a cell's side by which the grid sways to either side: about as fast as somebody who talks.
const SWAY: f32 = 0.03;
/// The part of the demo's picture that goes into a cell: left, top, side.
const PORTRAIT: (u32, u32, u32) = (104, 24, 256);
/// Loading, first searches and warm-up are over.
const WARM_UP: Duration = Duration::from_secs(3);

#[derive(Parser)]
struct Args {
    /// The net
    #[arg(long, default_value = catalogue::DEFAULT)]
    weights: String,
    /// Seconds that each video is measured for
    #[arg(long, default_value_t = 6.0)]
    seconds: f64,
    /// Writes FOLDER/faces-and-size.png and FOLDER/faces-and-rate.png
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Cargo says so.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What came of one video.
struct Measured {
    faces: usize,
    what: String,
    /// On the horizontal axis: pixels of a picture in millions, or pictures a second.
    at: f64,
    rate: u32,
    cpu_ms_per_frame: f64,
    cores: f64,
    stats: Stats,
    seconds: f64,
}

fn main() {
    let args = Args::parse();
    let mut by_size = Vec::new();
    for (name, size) in SIZES {
        for faces in FACES {
            let at = f64::from(size.0) * f64::from(size.1) / 1e6;
            by_size.push(measure(&args, faces, size, USUAL_RATE, name.into(), at));
        }
    }
    table("size", &by_size);
    let mut by_rate = Vec::new();
    for rate in RATES {
        for faces in FACES {
            let name = format!("{rate} /s");
            by_rate.push(measure(&args, faces, USUAL_SIZE, rate, name, f64::from(rate)));
        }
    }
    table("rate", &by_rate);
    if let Some(folder) = &args.out {
        std::fs::create_dir_all(folder).unwrap();
        let per_frame = |m: &Measured| m.cpu_ms_per_frame;
        let title = format!("CPU time a frame at {USUAL_RATE} frames a second, ms");
        plot(
            &folder.join("faces-and-size.png"),
            &title,
            "megapixels",
            &by_size,
            per_frame,
        );
        let shown = |m: &Measured| m.stats.frames_shown as f64 / m.seconds;
        let title = "Frames a second that come out, at 1280x720";
        plot(
            &folder.join("faces-and-rate.png"),
            title,
            "frames a second that go in",
            &by_rate,
            shown,
        );
    }
}

fn measure(args: &Args, faces: usize, size: (u32, u32), rate: u32, what: String, at: f64) -> Measured {
    let pictures: Arc<Vec<RgbaImage>> =
        Arc::new((0..SWING).map(|step| composed(size, faces, step)).collect());
    let open = move |_: &SourceSpec, _: &CameraWishes| {
        let info = SourceInfo {
            name: "scale".into(),
            width: size.0,
            height: size.1,
            fps: Some(f64::from(rate)),
            frame_count: None,
            duration: None,
            live: false,
            reopen_as: None,
            camera: None,
        };
        let (pictures, spare) = (pictures.clone(), Vec::new());
        let swaying = Swaying {
            pictures,
            info,
            rate,
            given: 0,
            spare,
        };
        Ok(Box::new(swaying) as Box<dyn Source>)
    };
    let detector = CascadeDetector::open(CascadeSettings::following()).unwrap();
    let setup = Setup {
        weights: Some(catalogue::resolve(&args.weights).unwrap()),
        ..Setup::new(Box::new(open), SourceSpec::Demo, Box::new(detector))
    };
    let pipeline = Pipeline::start(setup, Arc::new(|| ())).unwrap();
    follow(&pipeline, WARM_UP);
    let before = (process_cpu_time(), pipeline.frames_captured());
    let begin = Instant::now();
    let recorder = follow(&pipeline, Duration::from_secs_f64(args.seconds));
    let seconds = begin.elapsed().as_secs_f64();
    let cpu = (process_cpu_time() - before.0).as_secs_f64();
    let stats = recorder.summary(RunFacts {
        frames_captured: pipeline.frames_captured() - before.1,
        ..RunFacts::default()
    });
    Measured {
        faces,
        what,
        at,
        rate,
        cpu_ms_per_frame: cpu * 1e3 / stats.frames_shown.max(1) as f64,
        cores: cpu / seconds,
        stats,
        seconds,
    }
}

/// Takes every scene, as the window does, for a while.
fn follow(pipeline: &Pipeline, time: Duration) -> Recorder {
    let (scenes, mut recorder) = (pipeline.scenes(), Recorder::default());
    let begin = Instant::now();
    while let Some(left) = time.checked_sub(begin.elapsed()) {
        if let pinkpoint::pipeline::Taken::Value(scene) = scenes.take(left) {
            let now = Instant::now();
            recorder.shown(&scene, now, now);
        }
    }
    recorder
}

fn table(what: &str, rows: &[Measured]) {
    let mut text = format!(
        "| {what} | faces | followed | CPU ms a frame | cores | frames out | left out | latency p50 / p95 ms |\n\
         |---|---|---|---|---|---|---|---|\n"
    );
    for row in rows {
        let stats = &row.stats;
        let _ = writeln!(
            text,
            "| {} | {} | {:.1} | {:.1} | {:.2} | {:.1} of {} /s | {:.0} % | {:.1} / {:.1} |",
            row.what,
            row.faces,
            stats.faces_mean,
            row.cpu_ms_per_frame,
            row.cores,
            stats.frames_shown as f64 / row.seconds,
            row.rate,
            100.0 - 100.0 * stats.frames_shown as f64 / stats.frames_captured.max(1) as f64,
            stats.latency_ms.p50,
            stats.latency_ms.p95,
        );
    }
    println!("{text}");
}

/// The portrait `faces` times in a grid, at one step of its swing.
fn composed((width, height): (u32, u32), faces: usize, step: u32) -> RgbaImage {
    static PICTURE: OnceLock<RgbImage> = OnceLock::new();
    let demo = PICTURE.get_or_init(|| {
        let path = resources::find(Kind::Asset, "demo.jpg").unwrap();
        image::open(path).unwrap().to_rgb8()
    });
    let (left, top, side) = PORTRAIT;
    let portrait = imageops::crop_imm(demo, left, top, side, side).to_image();
    let in_a_row = (faces as f64).sqrt().ceil() as u32;
    let (cell_width, cell_height) = (width / in_a_row, height / in_a_row);
    let cell = cell_width.min(cell_height);
    let portrait = imageops::resize(&portrait, cell, cell, imageops::FilterType::Triangle);
    let mut frame = RgbImage::from_pixel(width, height, image::Rgb([90, 90, 95]));
    let phase = std::f32::consts::TAU * step as f32 / SWING as f32;
    let sway = |wave: f32| (SWAY * cell as f32 * wave) as i64;
    for index in 0..faces as u32 {
        let (column, row) = (index % in_a_row, index / in_a_row);
        let x = i64::from(column * cell_width + (cell_width - cell) / 2) + sway(phase.sin());
        let y = i64::from(row * cell_height + (cell_height - cell) / 2) + sway(phase.cos());
        imageops::overlay(&mut frame, &portrait, x, y);
    }
    image::DynamicImage::ImageRgb8(frame).into_rgba8()
}

/// Gives the pictures of one swing again and again.
struct Swaying {
    pictures: Arc<Vec<RgbaImage>>,
    info: SourceInfo,
    rate: u32,
    given: u64,
    spare: Vec<RgbaImage>,
}

impl Source for Swaying {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_picture(&mut self) -> Result<Option<Grab>, SourceError> {
        let from = &self.pictures[(self.given % self.pictures.len() as u64) as usize];
        let picture = match self.spare.pop() {
            Some(mut picture) => {
                picture.copy_from_slice(from);
                picture
            }
            None => from.clone(),
        };
        let index = self.given;
        self.given += 1;
        Ok(Some(Grab {
            picture,
            source_time: Duration::from_secs_f64(index as f64 / f64::from(self.rate)),
            index,
        }))
    }

    fn take_back(&mut self, picture: RgbaImage) {
        self.spare.push(picture);
    }
}

/// One line for each number of faces.
fn plot(
    path: &std::path::Path,
    title: &str,
    along: &str,
    rows: &[Measured],
    value: impl Fn(&Measured) -> f64,
) {
    const COLOURS: [RGBColor; 3] = [
        RGBColor(232, 62, 140),
        RGBColor(90, 90, 200),
        RGBColor(40, 150, 110),
    ];
    let _ = register_font(
        "sans-serif",
        FontStyle::Normal,
        epaint_default_fonts::UBUNTU_LIGHT,
    );
    const SIZE: (u32, u32) = (900, 520);
    let mut pixels = vec![0; (SIZE.0 * SIZE.1 * 3) as usize];
    let root = BitMapBackend::with_buffer(&mut pixels, SIZE).into_drawing_area();
    root.fill(&WHITE).unwrap();
    let most = |of: &dyn Fn(&Measured) -> f64| rows.iter().map(of).fold(0.0, f64::max) * 1.08;
    let mut chart = ChartBuilder::on(&root)
        .margin(18)
        .caption(title, ("sans-serif", 24))
        .x_label_area_size(44)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..most(&|m| m.at), 0.0..most(&|m| value(m)))
        .unwrap();
    chart
        .configure_mesh()
        .x_desc(along)
        .label_style(("sans-serif", 17))
        .axis_desc_style(("sans-serif", 19))
        .light_line_style(WHITE)
        .draw()
        .unwrap();
    for (faces, colour) in FACES.into_iter().zip(COLOURS) {
        let line = rows.iter().filter(|m| m.faces == faces).map(|m| (m.at, value(m)));
        let points: Vec<(f64, f64)> = line.collect();
        let label = if faces == 1 {
            "1 face".into()
        } else {
            format!("{faces} faces")
        };
        chart
            .draw_series(LineSeries::new(points.clone(), colour.stroke_width(3)))
            .unwrap()
            .label(label)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 24, y)], colour.stroke_width(3)));
        chart
            .draw_series(points.iter().map(|&at| Circle::new(at, 4, colour.filled())))
            .unwrap();
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.2))
        .label_font(("sans-serif", 18))
        .draw()
        .unwrap();
    root.present().unwrap();
    drop((chart, root));
    RgbImage::from_raw(SIZE.0, SIZE.1, pixels)
        .unwrap()
        .save(path)
        .unwrap();
}
