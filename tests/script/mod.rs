//! A source that does what it is told, and a detector that finds what the source put into its pictures.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use image::{GrayImage, Rgba, RgbaImage};
use pinkpoint::{
    detect::{DetectError, Detection, FaceDetector},
    geometry::Rect,
    model::DeviceChoice,
    pipeline::{Pipeline, Setup},
    source::{Grab, Source, SourceError, SourceInfo, SourceSpec},
};

const WIDTH: u32 = 64;

/// A picture that carries `number` in its first 64 pixels, one bit each.
pub fn picture_of(number: u64) -> RgbaImage {
    RgbaImage::from_fn(WIDTH, WIDTH, |x, y| {
        let bit = y == 0 && number >> x & 1 == 1;
        Rgba([u8::from(bit) * 255, u8::from(bit) * 255, u8::from(bit) * 255, 255])
    })
}

pub fn number_in(picture: &RgbaImage) -> u64 {
    (0..WIDTH)
        .map(|x| u64::from(picture.get_pixel(x, 0)[0] > 127) << x)
        .sum()
}

pub fn box_for(number: u64) -> Rect {
    Rect::new((number % 1000) as f32, 3.0, 20.0, 30.0)
}

/// Finds one face, where the number in the picture says; slow or failing when told so.
#[derive(Clone, Default)]
pub struct NumberDetector {
    pub delay: Duration,
    pub fails: Arc<AtomicBool>,
}

impl FaceDetector for NumberDetector {
    fn detect(&mut self, grey: &GrayImage) -> Result<Vec<Detection>, DetectError> {
        std::thread::sleep(self.delay);
        if self.fails.load(Ordering::Relaxed) {
            let (path, why) = (PathBuf::from("test"), "told to fail".to_owned());
            return Err(DetectError::Cascade { path, why });
        }
        let number = (0..WIDTH)
            .map(|x| u64::from(grey.get_pixel(x, 0)[0] > 127) << x)
            .sum();
        let (face_box, score) = (box_for(number), 1.0);
        Ok(vec![Detection { face_box, score }])
    }
}

/// What a source of the test does.
#[derive(Clone)]
pub struct Script {
    pub live: bool,
    /// Pictures until it ends; a live one is lost then.
    pub pictures: u64,
    /// How many it says it has; `None`: as many as it has.
    pub announced: Option<u64>,
    /// Between pictures: for a live source real time, else time in the source.
    pub interval: Duration,
    /// How often opening fails before it works.
    pub failures: Arc<AtomicU64>,
    pub opened: Arc<AtomicU64>,
    /// The moments at which pictures were asked for, and the clock that their numbers count on.
    pub asked: Arc<Mutex<Vec<Instant>>>,
    /// Pictures carry the microseconds since then, not their number.
    pub clock: Option<Instant>,
}

impl Script {
    pub fn camera() -> Self {
        Self {
            live: true,
            pictures: u64::MAX,
            announced: None,
            interval: Duration::from_millis(2),
            failures: Arc::default(),
            opened: Arc::default(),
            asked: Arc::default(),
            clock: None,
        }
    }

    pub fn setup(&self, detector: NumberDetector) -> Setup {
        let script = self.clone();
        let open = move |spec: &SourceSpec| {
            let what = spec.to_string();
            if script.failures.load(Ordering::Relaxed) > 0 {
                script.failures.fetch_sub(1, Ordering::Relaxed);
                return Err(SourceError::CameraAbsent { what });
            }
            script.opened.fetch_add(1, Ordering::Relaxed);
            let info = SourceInfo {
                name: what,
                width: WIDTH,
                height: WIDTH,
                fps: None,
                frame_count: (!script.live).then_some(script.announced.unwrap_or(script.pictures)),
                live: script.live,
                reopen_as: None,
            };
            let (script, given) = (script.clone(), 0);
            Ok(Box::new(ScriptedSource { script, info, given }) as Box<dyn Source>)
        };
        Setup {
            opener: Box::new(open),
            source: SourceSpec::Camera(0),
            detector: Box::new(detector),
            weights: None,
            device: DeviceChoice::Cpu,
        }
    }

    pub fn start(&self) -> Pipeline {
        super::start(self.setup(NumberDetector::default()))
    }
}

struct ScriptedSource {
    script: Script,
    info: SourceInfo,
    given: u64,
}

impl Source for ScriptedSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_picture(&mut self) -> Result<Option<Grab>, SourceError> {
        self.script.asked.lock().unwrap().push(Instant::now());
        if self.given == self.script.pictures {
            return Ok(None);
        }
        if self.script.live {
            std::thread::sleep(self.script.interval);
        }
        let number = match self.script.clock {
            Some(start) => start.elapsed().as_micros() as u64,
            None => self.given,
        };
        let grab = Grab {
            picture: picture_of(number),
            source_time: self.script.interval * self.given as u32,
            origin: "test".into(),
            index: self.given,
        };
        self.given += 1;
        Ok(Some(grab))
    }
}
