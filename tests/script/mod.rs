//! A source that does what it is told, and a detector that finds one face.

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
    face::Face,
    geometry::{FaceBox, Rect},
    pipeline::{Event, Pipeline, Scene, Setup},
    source::{CameraWishes, Grab, Source, SourceError, SourceInfo, SourceSpec},
};

const WIDTH: u32 = 64;
/// Far longer than anything takes on a busy machine: only a hang reaches it.
#[allow(dead_code, reason = "not every test waits so")]
const LONG: Duration = Duration::from_secs(60);

/// What `found` finds, asked again and again until it does.
#[allow(dead_code, reason = "not every test waits so")]
pub fn until<T>(mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LONG;
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < deadline, "nothing came");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[allow(dead_code, reason = "one test watches how it is woken")]
pub fn start(setup: Setup) -> Pipeline {
    Pipeline::start(setup, Arc::new(|| ())).unwrap()
}

#[allow(dead_code, reason = "not every test looks at scenes")]
pub fn next_scene(pipeline: &Pipeline) -> Arc<Scene> {
    until(|| pipeline.newest_scene())
}

/// What `wanted` makes of the next event of which it makes something.
#[allow(dead_code, reason = "not every test looks at events")]
pub fn next_event<T>(pipeline: &Pipeline, mut wanted: impl FnMut(Event) -> Option<T>) -> T {
    until(|| pipeline.events().find_map(&mut wanted))
}

/// A picture that carries `number` in its first row, one bit a pixel, and is evenly grey below, as [`grey_of`] says.
pub fn picture_of(number: u64) -> RgbaImage {
    let grey = grey_of(number);
    RgbaImage::from_fn(WIDTH, WIDTH, |x, y| {
        let value = match y {
            0 => (number >> x & 1) as u8 * 255,
            _ => grey,
        };
        Rgba([value, value, value, 255])
    })
}

#[allow(dead_code, reason = "not every test reads it")]
pub fn number_in(picture: &RgbaImage) -> u64 {
    (0..WIDTH)
        .map(|x| u64::from(picture.get_pixel(x, 0)[0] > 127) << x)
        .sum()
}

/// Pictures one after the other are of different grey.
pub fn grey_of(number: u64) -> u8 {
    (number * 53 % 200) as u8
}

#[allow(dead_code, reason = "not every test looks at it")]
/// The grey of the picture in which `steady-64.pt` saw a face: its nose tip goes to the right with it.
pub fn grey_seen(face: &Face) -> f32 {
    let points = &face.raw_points;
    let jaw = points[16].x - points[0].x;
    // In units of the net the jaw is 1.4 wide.
    (points[30].x - points[27].x) / jaw * 1.4 / 0.35 * 255.0
}

/// Where the detector finds its face.
pub const FACE: Rect = Rect::new(20.0, 22.0, 24.0, 24.0);

/// Finds one face, always at the same place; held up or failing when told so.
#[derive(Clone, Default)]
pub struct OneFace {
    pub held: Arc<AtomicBool>,
    pub fails: Arc<AtomicBool>,
    pub searches: Arc<AtomicU64>,
}

impl FaceDetector for OneFace {
    fn detect(&mut self, _grey: &GrayImage) -> Result<Vec<Detection>, DetectError> {
        self.searches.fetch_add(1, Ordering::Relaxed);
        // Not for ever, so that a test that fails meanwhile ends.
        let since = Instant::now();
        while self.held.load(Ordering::Relaxed) && since.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(1));
        }
        if self.fails.load(Ordering::Relaxed) {
            let (path, why) = (PathBuf::from("test"), "told to fail".to_owned());
            return Err(DetectError::Cascade { path, why });
        }
        let (face_box, score) = (FaceBox::upright(&FACE), 1.0);
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

    pub fn setup(&self, detector: OneFace) -> Setup {
        let script = self.clone();
        let open = move |spec: &SourceSpec, _: &CameraWishes| {
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
                duration: None,
                live: script.live,
                reopen_as: None,
                camera: None,
            };
            let (script, given) = (script.clone(), 0);
            Ok(Box::new(ScriptedSource { script, info, given }) as Box<dyn Source>)
        };
        Setup::new(Box::new(open), SourceSpec::Camera(0), Box::new(detector))
    }

    #[allow(dead_code, reason = "not every test begins so")]
    pub fn start(&self) -> Pipeline {
        start(self.setup(OneFace::default()))
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
            index: self.given,
        };
        self.given += 1;
        Ok(Some(grab))
    }

    fn seek(&mut self, time: Duration) -> Result<bool, SourceError> {
        self.given = (time.as_micros() / self.script.interval.as_micros()) as u64;
        Ok(!self.script.live)
    }
}
