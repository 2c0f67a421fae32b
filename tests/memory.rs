//! Once it runs, the pipeline asks for no more memory the size of a picture: frames and crops go where earlier ones were.
//!
//! Counted is what goes through Rust's allocator, in all threads, with the panel of feature maps open. OpenCV and libtorch
//! have their own and are left out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use image::GrayImage;
use pinkpoint::{
    detect::{CascadeDetector, CascadeSettings, DetectError, Detection, FaceDetector},
    geometry::{FaceBox, Point, Rect},
    pipeline::{Pipeline, Setup},
    source::{self, SourceSpec},
};

/// The smallest crop of a net that comes with the tests: 64 x 64 bytes. A frame of the demo has 640 x 480 x 4.
const CROP: usize = 64 * 64;
/// Far longer than a busy machine takes: only a hang reaches it.
const LONG: Duration = Duration::from_secs(120);
/// Scenes until every buffer has been needed once, with searches of each kind among them.
const WARM_UP: u32 = 150;
const STEADY: u32 = 100;
/// How often that many scenes are looked at: on a busy machine more frames may be under way at once than ever before, and each
/// needs a place, but that comes to an end.
const TRIES: usize = 5;

/// Counts what is at least as large as a crop.
struct Counting;

static LARGE: AtomicUsize = AtomicUsize::new(0);

impl Counting {
    fn note(size: usize) {
        if size >= CROP {
            LARGE.fetch_add(1, Ordering::Relaxed);
        }
    }
}

// SAFETY: everything is the system's allocator; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::note(layout.size());
        // SAFETY: the caller's promises are handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::note(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::note(size);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Searches for as long as a sweep takes: the frames that come meanwhile need memory of their own. It finds the demo's
/// face about where it is.
struct Slow;

impl FaceDetector for Slow {
    fn detect(&mut self, grey: &GrayImage) -> Result<Vec<Detection>, DetectError> {
        std::thread::sleep(Duration::from_millis(100));
        let (width, height) = (grey.width() as f32, grey.height() as f32);
        let face = Rect::from_centre(Point::new(0.5 * width, 0.45 * height), 0.4 * height, 0.4 * height);
        Ok(vec![Detection {
            face_box: FaceBox::upright(&face),
            score: 1.0,
        }])
    }
}

#[test]
fn a_pipeline_that_runs_allocates_no_pictures() {
    allocates_none(Box::new(
        CascadeDetector::open(CascadeSettings::following()).unwrap(),
    ));
    allocates_none(Box::new(Slow));
}

fn allocates_none(detector: Box<dyn FaceDetector>) {
    let net: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "weights", "steady-64.pt"]
        .iter()
        .collect();
    let setup = Setup {
        weights: Some(net),
        ..Setup::new(Box::new(source::open_with), SourceSpec::Demo, detector)
    };
    let pipeline = Pipeline::start(setup, Arc::new(|| ())).unwrap();
    pipeline.look_inside(true);
    let (faces, maps) = see(&pipeline, WARM_UP);
    assert!(
        faces > 0 && maps > 0,
        "crops are cut and maps drawn only where there is a face"
    );
    let before = LARGE.load(Ordering::Relaxed);
    assert!(before > 0, "the counter sees nothing");
    let allocates_none = (0..TRIES).any(|_| {
        let before = LARGE.load(Ordering::Relaxed);
        see(&pipeline, STEADY);
        LARGE.load(Ordering::Relaxed) == before
    });
    assert!(
        allocates_none,
        "in {TRIES} times {STEADY} scenes pictures were allocated again and again"
    );
}

/// Waits for so many scenes; the faces and the pictures of maps in them.
fn see(pipeline: &Pipeline, scenes: u32) -> (usize, usize) {
    let deadline = Instant::now() + LONG;
    let (mut seen, mut faces, mut maps) = (0, 0, 0);
    // One scene is kept, as the window keeps the one that it shows.
    let mut shown = None;
    while seen < scenes {
        assert!(Instant::now() < deadline, "{seen} scenes of {scenes}");
        match pipeline.newest_scene() {
            Some(scene) => {
                faces += scene.faces.len();
                let inside = scene.inside.as_ref();
                maps += usize::from(inside.is_some_and(|inside| inside.maps.is_some()));
                shown = Some(scene);
                seen += 1;
            }
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    drop(shown);
    (faces, maps)
}
