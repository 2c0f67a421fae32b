//! Cameras and nets in the window: what can be set on a camera, and two nets beside each other.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod harness;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use egui_kittest::{
    Harness,
    kittest::{NodeT, Queryable},
};
use harness::{
    AUTO_EXPOSURE, BRIGHTNESS, Webcam, click, has, press, type_in, wait_for, wait_until, window, window_onto,
    window_with,
};
use image::RgbaImage;
use pinkpoint::{
    app::{Settings, Start, Window},
    geometry::Rect,
    model::{DeviceChoice, KeypointModel},
    pipeline::Opener,
    source::{self, ASSUMED_FPS, CameraWishes, Grab, Source, SourceError, SourceInfo, SourceSpec, Turn},
};

const FACE: Rect = Rect::new(100.0, 60.0, 80.0, 90.0);
const NONE: egui::Modifiers = egui::Modifiers::NONE;
const CTRL: egui::Modifiers = egui::Modifiers::COMMAND;

/// Opens the choice of this name and takes one of what it offers.
fn choose(harness: &mut Harness<'_, Window>, name: &str, option: &str) {
    harness
        .get_by_role_and_label(egui::accesskit::Role::ComboBox, name)
        .click();
    harness.run_steps(3);
    harness.get_by_label(option).click();
    harness.run_steps(3);
}

#[test]
fn what_a_camera_offers_is_set_in_the_window_and_remembered_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.json");
    let webcam = Webcam::default();
    let start = || Start {
        settings: Settings::load(&file).unwrap().0,
        settings_file: Some(file.clone()),
        ..Start::default()
    };
    let open = |size: &str| {
        let mut harness = window_onto(
            webcam.opener(),
            SourceSpec::Camera(0),
            vec![FACE],
            "steady-64.pt",
            start(),
        );
        harness.set_size(egui::vec2(1200.0, 1600.0));
        wait_for(&mut harness, size);
        harness
    };
    let mut harness = open("640×480 px");
    press(&mut harness, NONE, egui::Key::O);
    wait_for(&mut harness, "gives 640×480, MJPG, 30 frames/s");
    choose(&mut harness, "size", "1280×720");
    wait_for(&mut harness, "gives 1280×720");
    choose(&mut harness, "turned", "a quarter right");
    wait_for(&mut harness, "720×1280 px");
    choose(&mut harness, "Auto Exposure", "Manual Mode");
    wait_until(&mut harness, |_| {
        *webcam.set.lock().unwrap() == [(AUTO_EXPOSURE, 1)]
    });
    drop(harness);

    let last = |webcam: &Webcam| webcam.opened.lock().unwrap().last().unwrap().clone();
    webcam.opened.lock().unwrap().clear();
    let mut harness = open("720×1280 px");
    let wish = last(&webcam);
    assert_eq!((wish.size, wish.turn), (Some((1280, 720)), Turn::Right));
    assert_eq!(wish.controls.get(&AUTO_EXPOSURE), Some(&1));
    wait_for(&mut harness, "last search");
    // What is clicked is to stay where it was seen: the panel takes its width first.
    harness.run_steps(20);
    harness.get_all_by_label("As at first").next().unwrap().click();
    harness.run_steps(3);
    wait_for(&mut harness, "640×480 px");
    assert_eq!(last(&webcam), Default::default());
    // Also what the driver keeps; what cannot be set just now is left alone.
    assert_eq!(
        *webcam.set.lock().unwrap(),
        [(AUTO_EXPOSURE, 1), (AUTO_EXPOSURE, 3)]
    );
    // What the camera does not take is told, shown as it is, and not asked for again.
    let slider = harness.get_by_role_and_label(egui::accesskit::Role::Slider, "Brightness");
    slider.focus();
    harness.run_steps(2);
    press(&mut harness, NONE, egui::Key::ArrowRight);
    wait_for(&mut harness, "does not take that for Brightness (it is stuck)");
    wait_until(&mut harness, |harness| {
        let settings = serde_json::to_string(harness.state().settings()).unwrap();
        !settings.contains(&BRIGHTNESS.to_string())
    });
}

/// A file that is let fall onto the window.
#[derive(Debug)]
struct Dropped(std::path::PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &std::path::Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        Err("its path is all that is asked for".into())
    }
}

#[test]
fn what_is_dropped_onto_the_window_is_loaded_or_shown() {
    let mut harness = window(SourceSpec::Demo, vec![FACE], "steady-64.pt");
    wait_for(&mut harness, "steady 64");
    let drop_onto = |harness: &mut Harness<'_, Window>, file: &str| {
        let path = format!("{}/tests/{file}", env!("CARGO_MANIFEST_DIR"));
        let dropped = Dropped(path.clone().into());
        harness
            .input_mut()
            .dropped_files
            .push(std::sync::Arc::new(dropped));
        harness.step();
        path
    };
    drop_onto(&mut harness, "weights/steady-96.pt");
    wait_for(&mut harness, "steady 96");
    let picture = drop_onto(&mut harness, "media/face.jpg");
    wait_until(&mut harness, |harness| {
        harness.state().settings().source.as_ref() == Some(&picture)
    });
}

#[test]
fn a_camera_in_the_dark_is_told_of() {
    let mut harness = window_onto(
        Webcam::default().opener(),
        SourceSpec::Camera(0),
        Vec::new(),
        "steady-64.pt",
        Start::default(),
    );
    wait_for(&mut harness, "It is too dark");
}

#[test]
fn any_layer_of_the_net_is_looked_at() {
    let mut harness = window(SourceSpec::Demo, vec![FACE], "steady-64.pt");
    wait_for(&mut harness, "conv1 · 4 of 62×62");
    // "strongest first" has the picture made anew, in which nothing has moved.
    for option in ["own range", "strongest first"] {
        // Filters have a range of their own as well.
        let last = harness.query_all_by_label(option).last().unwrap();
        last.click();
        harness.run_steps(3);
    }
    let layer = harness
        .query_all_by_role(egui::accesskit::Role::ComboBox)
        .next()
        .unwrap();
    layer.click();
    harness.run_steps(3);
    harness.get_by_label("face  136").click();
    wait_for(&mut harness, "face · 136 of 1×1");
    let looking = &harness.state().settings().view.looking;
    assert_eq!(looking.layer.as_deref(), Some("face"));
    assert!(looking.each_by_itself && looking.strongest_first);
}

#[test]
fn two_nets_are_compared_until_that_is_ended() {
    let mut harness = window(SourceSpec::Demo, vec![FACE], "steady-64.pt");
    wait_for(&mut harness, "320×240 px");
    assert!(!has(&harness, "beside it"));
    let net = |name: &str| format!("{}/tests/weights/{name}", env!("CARGO_MANIFEST_DIR"));
    // One that cannot be used changes nothing.
    press(&mut harness, CTRL, egui::Key::K);
    type_in(&mut harness, &net("state-dict.pt"));
    press(&mut harness, NONE, egui::Key::Enter);
    wait_for(&mut harness, "state-dict.pt");
    click(&mut harness, "×");
    assert!(!has(&harness, "beside it"));

    press(&mut harness, CTRL, egui::Key::K);
    type_in(&mut harness, &net("steady-96.pt"));
    press(&mut harness, NONE, egui::Key::Enter);
    wait_for(&mut harness, "beside it");
    wait_for(&mut harness, "apart");
    press(&mut harness, CTRL | egui::Modifiers::SHIFT, egui::Key::K);
    harness.run_steps(3);
    wait_until(&mut harness, |harness| !has(harness, "beside it"));
}

#[test]
fn a_part_of_the_program_that_panics_is_told_of_and_the_video_goes_on() {
    let webcam = Webcam::default();
    let mut open = webcam.opener();
    let mut panics = true;
    let opener = move |spec: &SourceSpec, wishes: &CameraWishes| {
        assert!(!std::mem::take(&mut panics), "on purpose");
        open(spec, wishes)
    };
    let mut harness = window_onto(
        Box::new(opener),
        SourceSpec::Camera(0),
        vec![FACE],
        "steady-64.pt",
        Start::default(),
    );
    wait_for(&mut harness, "this part began anew");
    wait_for(&mut harness, "640×480 px");
}

#[test]
fn a_recording_that_cannot_be_finished_when_the_window_closes_is_told() {
    for goes_well in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("recordings");
        let mut start = Start::default();
        start.settings.saving.folder = Some(place.clone());
        let opener = Webcam::default().opener();
        let mut harness = window_onto(opener, SourceSpec::Camera(0), vec![FACE], "steady-64.pt", start);
        wait_for(&mut harness, "steady 64");
        press(&mut harness, CTRL, egui::Key::R);
        let files = || place.read_dir().map_or(0, Iterator::count);
        wait_until(&mut harness, |_| files() == 2);
        if !goes_well {
            std::fs::remove_dir_all(&place).unwrap();
        }
        let not_saved = harness.state_mut().finish().not_saved;
        assert_eq!(not_saved.is_empty(), goes_well, "{not_saved:?}");
    }
}

/// A net of 224 pixels that does not say how its numbers are read, and can be shown no other squares.
const UNSAID: &str = "scripted.pt";

#[test]
fn a_reading_that_does_not_work_is_told_and_the_one_before_stays() {
    let net = harness::net(UNSAID);
    let model = KeypointModel::load(&net, DeviceChoice::Cpu).unwrap();
    let mut kept = model.contract().reading();
    kept.output.scale = 40.0;
    let mut start = Start::default();
    start.settings.read_as(&net, Some(kept));
    let mut harness = window_with(SourceSpec::Demo, vec![FACE], UNSAID, start);
    harness.set_size(egui::vec2(1000.0, 1800.0));
    press(&mut harness, NONE, egui::Key::O);
    wait_for(&mut harness, "does not say how its numbers are read:");
    harness.run_steps(10);
    let shows = |harness: &Harness<'_, Window>, number: f64| {
        let fields = harness.query_all_by_role(egui::accesskit::Role::SpinButton);
        let mut fields = fields.filter(|field| field.accesskit_node().numeric_value() == Some(number));
        fields.next().map(|field| field.focus()).is_some()
    };
    assert!(shows(&harness, 224.0), "the side of its squares");
    harness.run_steps(2);
    type_in(&mut harness, "100");
    press(&mut harness, NONE, egui::Key::Enter);
    wait_for(&mut harness, "does not work with squares of 100 px");
    wait_until(&mut harness, |harness| shows(harness, 40.0));
    assert_eq!(harness.state().settings().reading(&net), Some(kept));
}

/// A recording that ends at its second picture, at 5 s, and notes where it is sent.
struct Film {
    still: Box<dyn Source>,
    given: u64,
    sent_to: Arc<Mutex<Vec<Duration>>>,
}

impl Source for Film {
    fn info(&self) -> &SourceInfo {
        self.still.info()
    }

    fn next_picture(&mut self) -> Result<Option<Grab>, SourceError> {
        self.given += 1;
        let source_time = Duration::from_millis(4800 + 100 * self.given);
        Ok((self.given <= 2).then(|| Grab {
            picture: RgbaImage::new(320, 240),
            source_time,
            index: self.given - 1,
        }))
    }

    fn seek(&mut self, time: Duration) -> Result<bool, SourceError> {
        self.sent_to.lock().unwrap().push(time);
        Ok(true)
    }
}

#[test]
fn a_frame_back_is_as_long_as_the_source_says() {
    let sent_to = Arc::<Mutex<Vec<Duration>>>::default();
    let noted = sent_to.clone();
    let opener: Opener = Box::new(move |_, _| {
        Ok(Box::new(Film {
            still: Box::new(harness::film(Duration::from_secs(10))),
            given: 0,
            sent_to: noted.clone(),
        }))
    });
    let mut start = Start::default();
    start.settings.view.repeats = false;
    let mut harness = window_onto(opener, SourceSpec::Demo, Vec::new(), "steady-64.pt", start);
    wait_for(&mut harness, "0:05.0");
    press(&mut harness, NONE, egui::Key::Comma);
    wait_until(&mut harness, |_| !sent_to.lock().unwrap().is_empty());
    // It announces no rate.
    let frame = Duration::from_secs_f64(1.0 / ASSUMED_FPS);
    assert_eq!(*sent_to.lock().unwrap(), [Duration::from_secs(5) - frame]);
    let pictures = format!("{}/tests/media", env!("CARGO_MANIFEST_DIR"));
    let pictures = source::open(&SourceSpec::File(pictures.into())).unwrap();
    assert_eq!(pictures.info().frame_time(), Duration::from_secs(2));
}
