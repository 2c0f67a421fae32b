//! The window without a screen, read as a screen reader would, before sources and faces that do what they are told.
#![allow(dead_code, reason = "not every test needs everything")]

mod gl;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use egui_kittest::{Harness, LazyRenderer, kittest::Queryable};
use image::{GrayImage, Rgba, RgbaImage};
use pinkpoint::{
    app::{Start, Window},
    detect::{CascadeDetector, CascadeSettings, DetectError, Detection, FaceDetector},
    geometry::{FaceBox, Rect},
    model::catalogue,
    pipeline::{Opener, Pipeline, Setup},
    source::{
        self, CameraFacts, CameraWish, CameraWishes, Control, ControlKind, Grab, PixelFormat, Source,
        SourceError, SourceInfo, SourceSpec,
        cameras::{Camera, Mode},
    },
    transform::crop,
};

/// Far longer than anything takes on a busy machine: only a hang reaches it.
const LONG: Duration = Duration::from_secs(60);

/// One picture.
struct Still {
    picture: RgbaImage,
    info: SourceInfo,
    given: bool,
}

impl Source for Still {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_picture(&mut self) -> Result<Option<Grab>, SourceError> {
        let grab = Grab {
            picture: self.picture.clone(),
            source_time: Duration::ZERO,
            index: 0,
        };
        Ok((!std::mem::replace(&mut self.given, true)).then_some(grab))
    }
}

pub fn open(spec: &SourceSpec, _wishes: &CameraWishes) -> Result<Box<dyn Source>, SourceError> {
    match spec {
        SourceSpec::Camera(number) => Err(SourceError::CameraAbsent {
            what: format!("camera {number}"),
        }),
        _ => Ok(Box::new(Still {
            picture: RgbaImage::from_pixel(320, 240, Rgba([90, 90, 90, 255])),
            info: info("still.png", (320, 240)),
            given: false,
        })),
    }
}

/// A recording of one picture, which stays at its beginning.
pub fn film(duration: Duration) -> impl Source {
    Still {
        picture: RgbaImage::from_pixel(320, 240, Rgba([90, 90, 90, 255])),
        info: SourceInfo {
            duration: Some(duration),
            ..info("still.png", (320, 240))
        },
        given: false,
    }
}

fn info(name: &str, (width, height): (u32, u32)) -> SourceInfo {
    SourceInfo {
        name: name.into(),
        width,
        height,
        fps: None,
        frame_count: Some(1),
        duration: None,
        live: false,
        reopen_as: None,
        camera: None,
    }
}

/// A camera that notes what is asked of it, and gives dark pictures.
#[derive(Clone, Default)]
pub struct Webcam {
    /// Sizes, formats and rates that it was opened with.
    pub opened: Arc<Mutex<Vec<CameraWish>>>,
    /// Controls that were set: as of a driver, they stay so however often the camera is opened.
    pub set: Arc<Mutex<Vec<(u32, i64)>>>,
}

/// Numbers of its controls.
pub const BRIGHTNESS: u32 = 9_963_776;
pub const AUTO_EXPOSURE: u32 = 10_094_849;

impl Webcam {
    pub fn opener(&self) -> Opener {
        let webcam = self.clone();
        Box::new(move |_, wishes| {
            let camera = Camera {
                node: "/dev/video9".into(),
                name: "Test Webcam".into(),
                stable_path: None,
            };
            let wish = wishes.of(&camera);
            webcam.opened.lock().unwrap().push(wish.clone());
            let mode = |format, size, rates: &[f64]| Mode {
                format,
                size,
                rates: rates.to_vec(),
            };
            let facts = CameraFacts {
                modes: vec![
                    mode(PixelFormat::MJPG, (640, 480), &[30.0, 15.0]),
                    mode(PixelFormat::MJPG, (1280, 720), &[30.0]),
                    mode(PixelFormat(*b"YUYV"), (640, 480), &[30.0]),
                ],
                format: wish.format_or_usual(),
                size: wish.size_or_usual(),
                controls: controls(&webcam.set.lock().unwrap()),
                camera,
            };
            let (width, height) = wish.turn.of_size(facts.size);
            let info = SourceInfo {
                name: "Test Webcam".into(),
                width,
                height,
                fps: Some(30.0),
                frame_count: None,
                duration: None,
                live: true,
                reopen_as: None,
                camera: Some(facts),
            };
            let webcam = webcam.clone();
            Ok(Box::new(OpenWebcam { webcam, info }))
        })
    }
}

fn controls(set: &[(u32, i64)]) -> Vec<Control> {
    let value = |id, default| {
        let last = set.iter().rev().find(|(other, _)| *other == id);
        last.map_or(default, |(_, value)| *value)
    };
    let automatic = value(AUTO_EXPOSURE, 3);
    vec![
        Control {
            id: BRIGHTNESS,
            name: "Brightness".into(),
            kind: ControlKind::Number {
                least: 0,
                most: 255,
                step: 1,
            },
            value: value(BRIGHTNESS, 128),
            default: 128,
            enabled: true,
        },
        Control {
            id: AUTO_EXPOSURE,
            name: "Auto Exposure".into(),
            kind: ControlKind::Choice(vec![
                (1, "Manual Mode".into()),
                (3, "Aperture Priority Mode".into()),
            ]),
            value: automatic,
            default: 3,
            enabled: true,
        },
        Control {
            id: AUTO_EXPOSURE + 1,
            name: "Exposure Time".into(),
            kind: ControlKind::Switch,
            value: 0,
            default: 0,
            enabled: automatic == 1,
        },
    ]
}

struct OpenWebcam {
    webcam: Webcam,
    info: SourceInfo,
}

impl Source for OpenWebcam {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_picture(&mut self) -> Result<Option<Grab>, SourceError> {
        std::thread::sleep(Duration::from_millis(20));
        Ok(Some(Grab {
            picture: RgbaImage::from_pixel(self.info.width, self.info.height, Rgba([9, 9, 9, 255])),
            source_time: Duration::ZERO,
            index: 0,
        }))
    }

    fn controls(&self) -> Vec<Control> {
        controls(&self.webcam.set.lock().unwrap())
    }

    fn set_control(&mut self, id: u32, value: i64) -> std::io::Result<()> {
        if id == BRIGHTNESS {
            return Err(std::io::Error::other("it is stuck"));
        }
        self.webcam.set.lock().unwrap().push((id, value));
        Ok(())
    }
}

/// Sees a face in every picture, or none.
struct Faces(Vec<Rect>);

impl FaceDetector for Faces {
    fn detect(&mut self, _grey: &GrayImage) -> Result<Vec<Detection>, DetectError> {
        let faces = self.0.iter();
        Ok(faces
            .map(|face_box| Detection {
                face_box: FaceBox::upright(face_box),
                score: 1.0,
            })
            .collect())
    }
}

pub fn window(source: SourceSpec, faces: Vec<Rect>, net: &str) -> Harness<'static, Window> {
    window_with(source, faces, net, Start::default())
}

pub fn window_with(
    source: SourceSpec,
    faces: Vec<Rect>,
    net: &str,
    start: Start,
) -> Harness<'static, Window> {
    window_onto(Box::new(open), source, faces, net, start)
}

/// A window onto what `opener` opens.
pub fn window_onto(
    opener: Opener,
    source: SourceSpec,
    faces: Vec<Rect>,
    net: &str,
    start: Start,
) -> Harness<'static, Window> {
    window_drawn(opener, source, faces, &self::net(net), start, Look::default())
}

/// A net that comes with the tests.
pub fn net(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "weights", name]
        .iter()
        .collect()
}

/// How large the window is, and how large a point of it.
#[derive(Clone, Copy)]
pub struct Look {
    pub size: [f32; 2],
    pub scale: f32,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            size: [800.0, 500.0],
            scale: 1.0,
        }
    }
}

/// The same, that can be drawn.
pub fn window_drawn(
    opener: Opener,
    source: SourceSpec,
    faces: Vec<Rect>,
    net: &Path,
    start: Start,
    look: Look,
) -> Harness<'static, Window> {
    let show = |ui: &mut egui::Ui, window: &mut Window| {
        window.update(ui.ctx());
        window.show(ui);
    };
    let harness = Harness::builder()
        .with_size(look.size)
        .with_pixels_per_point(look.scale)
        .renderer(LazyRenderer::new(gl::GlRenderer::new))
        .build_ui_state(show, window_itself(opener, source, faces, net, start));
    // What blinks is never the same twice.
    harness
        .ctx
        .all_styles_mut(|style| style.visuals.text_cursor.blink = false);
    harness
}

/// The window without anything round it.
pub fn window_itself(
    opener: Opener,
    source: SourceSpec,
    faces: Vec<Rect>,
    net: &Path,
    start: Start,
) -> Window {
    let setup = Setup {
        wishes: start.settings.cameras.clone(),
        weights: Some(net.to_path_buf()),
        ..Setup::new(opener, source, Box::new(Faces(faces)))
    };
    let pipeline = Pipeline::start(setup, Arc::new(|| ())).unwrap();
    Window::new(pipeline, Arc::new(|| ()), start)
}

/// The demo's picture, and where its face is.
fn portrait() -> (RgbaImage, Vec<Rect>) {
    let mut demo = source::open(&SourceSpec::Demo).unwrap();
    let picture = demo.next_picture().unwrap().unwrap().picture;
    let mut detector = CascadeDetector::open(CascadeSettings::following()).unwrap();
    let grey = crop::grey(&picture).unwrap();
    let faces = detector.detect(&grey).unwrap();
    (picture, faces.iter().map(|face| face.face_box.bounds()).collect())
}

/// The window onto that picture, with the program's own net.
pub fn portrait_window(start: Start, look: Look) -> Harness<'static, Window> {
    let net = catalogue::resolve(catalogue::DEFAULT).unwrap();
    portrait_window_of(&net, start, look)
}

/// The same with another net.
pub fn portrait_window_of(net: &Path, start: Start, look: Look) -> Harness<'static, Window> {
    let (picture, faces) = portrait();
    let opener: Opener = Box::new(move |_, _| {
        let info = info("portrait.png", picture.dimensions());
        let still = Still {
            picture: picture.clone(),
            info,
            given: false,
        };
        Ok(Box::new(still))
    });
    window_drawn(opener, SourceSpec::Demo, faces, net, start, look)
}

/// Opens nothing: every camera has a trouble of its own.
pub fn open_in_trouble(spec: &SourceSpec, _: &CameraWishes) -> Result<Box<dyn Source>, SourceError> {
    let what = "Test Webcam".to_owned();
    Err(match spec {
        SourceSpec::CameraNamed(name) if name == "busy" => SourceError::CameraBusy {
            what,
            why: "Device or resource busy".into(),
        },
        SourceSpec::CameraNamed(name) if name == "forbidden" => SourceError::CameraForbidden { what },
        SourceSpec::CameraNamed(_) => SourceError::Lost { what, why: None },
        other => SourceError::CameraAbsent {
            what: other.to_string(),
        },
    })
}

/// Runs the window until a text stands in it.
#[track_caller]
pub fn wait_for(harness: &mut Harness<'_, Window>, text: &str) {
    wait_until(harness, |harness| has(harness, text));
}

/// Runs the window until something is so.
#[track_caller]
pub fn wait_until(harness: &mut Harness<'_, Window>, is_so: impl Fn(&Harness<'_, Window>) -> bool) {
    let deadline = Instant::now() + LONG;
    while !is_so(harness) {
        assert!(Instant::now() < deadline, "it does not come");
        harness.step();
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub fn click(harness: &mut Harness<'_, Window>, text: &str) {
    harness.get_by_label(text).click();
    harness.run_steps(3);
}

pub fn has(harness: &Harness<'_, Window>, text: &str) -> bool {
    harness.query_all_by_label_contains(text).next().is_some()
}

pub fn press(harness: &mut Harness<'_, Window>, modifiers: egui::Modifiers, key: egui::Key) {
    harness.key_press_modifiers(modifiers, key);
    harness.run_steps(3);
}

pub fn type_in(harness: &mut Harness<'_, Window>, text: &str) {
    harness.event(egui::Event::Text(text.into()));
    harness.run_steps(3);
}
