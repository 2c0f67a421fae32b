//! Pictures of the window, compared with those in `tests/snapshots`, which people have looked at. After a change that is
//! meant, `UPDATE_SNAPSHOTS=1 cargo test --test window_pictures` makes them anew; look at them before committing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod harness;

use std::time::Duration;

use egui::{Key, Modifiers};
use egui_kittest::{Harness, SnapshotOptions, SnapshotResults, kittest::Queryable};
use harness::{Look, Webcam, click, has, press, wait_for, wait_until};
use image::{Rgba, RgbaImage, imageops};
use pinkpoint::{
    app::{SendTo, Start, Window},
    geometry::Rect,
    pipeline::Opener,
    source::SourceSpec,
};

const NONE: Modifiers = Modifiers::NONE;
const CTRL: Modifiers = Modifiers::COMMAND;
const FACE: Rect = Rect::new(100.0, 60.0, 80.0, 90.0);

/// The window onto a portrait with its face found, once everything has come to rest.
fn portrait_window(look: Look) -> Harness<'static, Window> {
    let mut harness = harness::portrait_window(Start::default(), look);
    wait_for(&mut harness, "640×480 px");
    wait_for(&mut harness, "of 56×56");
    settle(&mut harness);
    harness
}

/// The window onto an evenly grey picture, in which a small net sees a face: for what stands beside the video.
fn plain_window(look: Look) -> Harness<'static, Window> {
    let (net, faces) = (harness::net("steady-64.pt"), vec![FACE]);
    let opener: Opener = Box::new(harness::open);
    let mut harness = harness::window_drawn(opener, SourceSpec::Demo, faces, &net, Start::default(), look);
    wait_for(&mut harness, "320×240 px");
    wait_for(&mut harness, "of 62×62");
    settle(&mut harness);
    harness
}

/// Lets animations come to their end.
fn settle(harness: &mut Harness<'_, Window>) {
    harness.run_steps(12);
}

/// Compares the window with the picture of this name. Figures that are never the same twice are hidden.
fn compare(results: &mut SnapshotResults, harness: &mut Harness<'_, Window>, name: &str) {
    let mut picture = harness.render().unwrap();
    let scale = harness.ctx.pixels_per_point();
    let is_figure = |text: &str| {
        let ends = [" fps", " ms", " frame", " frames", " MB", "s ago", " %"]
            .iter()
            .any(|unit| text.trim_end().ends_with(unit));
        ends || text.starts_with("last search")
    };
    let figures = harness.query_all_by(move |node| {
        let texts = [node.label(), node.value()];
        texts.into_iter().flatten().any(|text| is_figure(&text))
    });
    let spinners = harness.query_all_by_role(egui::accesskit::Role::ProgressIndicator);
    for node in figures.chain(spinners) {
        let place = node.rect() * scale;
        let (width, height) = (place.width().ceil() as u32, place.height().ceil() as u32);
        let cover = RgbaImage::from_pixel(width, height, Rgba([90, 90, 90, 255]));
        imageops::replace(&mut picture, &cover, place.min.x as i64, place.min.y as i64);
    }
    // Drivers round the edges of shapes differently; a net's points come to rest within a fraction of a pixel.
    let options = if ["first", "overlay", "compared", "inside"]
        .iter()
        .any(|begin| name.starts_with(begin))
    {
        let (width, height) = picture.dimensions();
        picture = imageops::resize(&picture, width / 2, height / 2, imageops::FilterType::Triangle);
        // What a net gives is seen in all its values in pictures of its inside.
        let most = if name.starts_with("inside") { 250 } else { 60 };
        SnapshotOptions::new().threshold(6.0).max_failed_pixels(most)
    } else {
        SnapshotOptions::new().threshold(1.5).max_failed_pixels(8)
    };
    results.add(egui_kittest::try_image_snapshot_options(&picture, name, &options));
}

#[test]
fn the_window_as_it_is_at_first_in_every_size() {
    let mut results = SnapshotResults::new();
    for (name, size, scale) in [
        ("first-1280x800", [1280.0, 800.0], 1.0),
        ("first-800x500", [800.0, 500.0], 1.0),
        ("first-800x500-at-200-percent", [800.0, 500.0], 2.0),
    ] {
        let mut harness = portrait_window(Look { size, scale });
        compare(&mut results, &mut harness, name);
    }
}

#[test]
fn everything_that_is_drawn_over_a_face() {
    let mut results = SnapshotResults::new();
    let mut harness = portrait_window(Look {
        size: [480.0, 360.0],
        ..Look::default()
    });
    // The video by itself.
    for key in [Key::F, Key::M, Key::S, Key::B] {
        press(&mut harness, NONE, key);
    }
    for (name, key) in [
        ("overlay-contours", Key::L),
        ("overlay-numbers", Key::N),
        ("overlay-ids", Key::I),
        ("overlay-fade", Key::U),
    ] {
        press(&mut harness, NONE, key);
        settle(&mut harness);
        compare(&mut results, &mut harness, name);
        press(&mut harness, NONE, key);
    }
    press(&mut harness, NONE, Key::P);
    settle(&mut harness);
    compare(&mut results, &mut harness, "overlay-nothing");
}

#[test]
fn everything_of_the_inside_of_a_net() {
    let mut results = SnapshotResults::new();
    let mut harness = portrait_window(Look {
        size: [1280.0, 1500.0],
        ..Look::default()
    });
    press(&mut harness, NONE, Key::W);
    wait_for(&mut harness, "Covering the brightest part");
    compare(&mut results, &mut harness, "inside-why");
    press(&mut harness, NONE, Key::W);
    for text in ["one filter large", "on the whole picture"] {
        harness::click(&mut harness, text);
    }
    wait_for(&mut harness, "filter 0 of the net");
    compare(&mut results, &mut harness, "inside-filter");
    press(&mut harness, NONE, Key::F);
    harness::click(&mut harness, "one map large");
    wait_for(&mut harness, "opacity");
    harness::click(&mut harness, "pinned");
    settle(&mut harness);
    compare(&mut results, &mut harness, "inside-map");
    let mut harness = plain_window(Look {
        size: [1280.0, 800.0],
        ..Look::default()
    });
    press(&mut harness, NONE, Key::G);
    settle(&mut harness);
    compare(&mut results, &mut harness, "graph");
}

#[test]
fn two_nets_on_one_face() {
    let mut start = Start::default();
    start.settings.compared = Some("pinkpoint-youtube".into());
    start.settings.view.overlay.boxes = false;
    let mut harness = harness::portrait_window(start, Look::default());
    wait_for(&mut harness, "beside it");
    wait_for(&mut harness, "of 56×56");
    press(&mut harness, NONE, Key::F);
    press(&mut harness, NONE, Key::M);
    settle(&mut harness);
    let mut results = SnapshotResults::new();
    compare(&mut results, &mut harness, "compared");
    // As long as the key is held, the net in use is seen alone.
    harness.key_down(Key::V);
    settle(&mut harness);
    compare(&mut results, &mut harness, "compared-alone");
}

#[test]
fn every_panel() {
    let mut results = SnapshotResults::new();
    let mut harness = plain_window(Look {
        size: [1280.0, 1300.0],
        ..Look::default()
    });
    press(&mut harness, NONE, Key::O);
    wait_for(&mut harness, "last search");
    settle(&mut harness);
    compare(&mut results, &mut harness, "settings");
    press(&mut harness, NONE, Key::O);
    press(&mut harness, NONE, Key::F1);
    settle(&mut harness);
    compare(&mut results, &mut harness, "help");
    press(&mut harness, NONE, Key::F1);
    press(&mut harness, CTRL, Key::P);
    harness::type_in(&mut harness, "sc");
    settle(&mut harness);
    compare(&mut results, &mut harness, "palette");
    press(&mut harness, NONE, Key::Escape);
    for (name, key) in [("open", Key::O), ("compare", Key::K)] {
        press(&mut harness, CTRL, key);
        settle(&mut harness);
        compare(&mut results, &mut harness, &format!("dialog-{name}"));
        press(&mut harness, NONE, Key::Escape);
    }
}

#[test]
fn what_is_sent_to_other_programs() {
    let mut results = SnapshotResults::new();
    let mut start = Start::default();
    start.settings.view.settings_panel = true;
    start.settings.saving.folder = Some("/films".into());
    let targets = [
        ("udp://127.0.0.1:5005", true),
        ("osc://studio.example:9000?pixels", false),
        ("v4l2:/dev/video987", true),
    ];
    start.settings.sending = targets.map(|(to, on)| SendTo { to: to.into(), on }).to_vec();
    let (net, opener): (_, Opener) = (harness::net("steady-64.pt"), Box::new(harness::open));
    let look = Look {
        size: [1600.0, 1760.0],
        ..Look::default()
    };
    let mut harness = harness::window_drawn(opener, SourceSpec::Demo, vec![FACE], &net, start, look);
    for text in [
        "320×240 px",
        "of 62×62",
        "last search",
        "points of",
        "Problem",
        "(1 not working)",
    ] {
        wait_for(&mut harness, text);
    }
    settle(&mut harness);
    compare(&mut results, &mut harness, "sending");
}

#[test]
fn a_recording_a_problem_and_the_plots() {
    let mut results = SnapshotResults::new();
    let film: Opener = Box::new(|_, _| Ok(Box::new(harness::film(Duration::from_secs(75)))));
    let net = harness::net("steady-64.pt");
    let mut harness = harness::window_drawn(
        film,
        SourceSpec::Demo,
        vec![FACE],
        &net,
        Start::default(),
        Look::default(),
    );
    wait_for(&mut harness, "of 62×62");
    wait_for(&mut harness, "1:15");
    settle(&mut harness);
    compare(&mut results, &mut harness, "recording");
    press(&mut harness, CTRL, Key::K);
    harness::type_in(&mut harness, "nosuch");
    press(&mut harness, NONE, Key::Enter);
    wait_for(&mut harness, "nosuch");
    settle(&mut harness);
    compare(&mut results, &mut harness, "problem");
    click(&mut harness, "×");

    press(&mut harness, NONE, Key::H);
    settle(&mut harness);
    let mut picture = harness.render().unwrap();
    // The curves are never the same twice: what is left is that there is room for them.
    let (top, bottom) = (
        harness.get_by_label("Performance").rect().max.y,
        harness.get_by_label_contains("still.png").rect().min.y,
    );
    let cover = RgbaImage::from_pixel(
        picture.width(),
        (picture.height() as f32 - top) as u32,
        Rgba([90, 90, 90, 255]),
    );
    assert!(bottom - top > 100.0, "{top} to {bottom}");
    imageops::replace(&mut picture, &cover, 0, top as i64);
    let options = SnapshotOptions::new().threshold(1.5).max_failed_pixels(8);
    results.add(egui_kittest::try_image_snapshot_options(
        &picture,
        "performance",
        &options,
    ));
}

#[test]
fn every_menu() {
    let mut results = SnapshotResults::new();
    for menu in ["File", "Playback", "Overlay", "View", "Help"] {
        let mut harness = plain_window(Look::default());
        click(&mut harness, menu);
        settle(&mut harness);
        compare(
            &mut results,
            &mut harness,
            &format!("menu-{}", menu.to_lowercase()),
        );
    }
}

#[test]
fn every_theme() {
    let mut results = SnapshotResults::new();
    let mut harness = plain_window(Look::default());
    press(&mut harness, NONE, Key::O);
    for name in ["theme-dark", "theme-light", "theme-high-contrast"] {
        wait_for(&mut harness, "last search");
        settle(&mut harness);
        compare(&mut results, &mut harness, name);
        press(&mut harness, CTRL, Key::T);
    }
}

#[test]
fn every_sign() {
    let mut results = SnapshotResults::new();
    let mut harness = plain_window(Look::default());
    press(&mut harness, NONE, Key::Space);
    settle(&mut harness);
    compare(&mut results, &mut harness, "sign-paused");

    let mut dark = harness::window_drawn(
        Webcam::default().opener(),
        SourceSpec::Camera(0),
        Vec::new(),
        &harness::net("steady-64.pt"),
        Start::default(),
        Look::default(),
    );
    press(&mut dark, NONE, Key::S);
    wait_for(&mut dark, "It is too dark");
    settle(&mut dark);
    compare(&mut results, &mut dark, "sign-dark");

    for (name, spec, text) in [
        ("sign-no-camera", SourceSpec::Camera(7), "No camera"),
        ("sign-busy", SourceSpec::CameraNamed("busy".into()), "in use"),
        (
            "sign-forbidden",
            SourceSpec::CameraNamed("forbidden".into()),
            "You may not",
        ),
        (
            "sign-lost",
            SourceSpec::CameraNamed("lost".into()),
            "Reconnecting",
        ),
    ] {
        let opener: Opener = Box::new(harness::open_in_trouble);
        let net = harness::net("steady-64.pt");
        let mut harness =
            harness::window_drawn(opener, spec, Vec::new(), &net, Start::default(), Look::default());
        wait_for(&mut harness, text);
        // The time to the next try grows from one to the next.
        wait_until(&mut harness, |harness| has(harness, "again in 1.5 s"));
        settle(&mut harness);
        compare(&mut results, &mut harness, name);
    }
}

#[test]
fn a_camera_and_its_settings() {
    let mut results = SnapshotResults::new();
    let webcam = Webcam::default();
    let mut harness = harness::window_drawn(
        webcam.opener(),
        SourceSpec::Camera(0),
        vec![FACE],
        &harness::net("steady-64.pt"),
        Start::default(),
        Look {
            size: [1280.0, 900.0],
            ..Look::default()
        },
    );
    press(&mut harness, NONE, Key::O);
    wait_for(&mut harness, "gives 640×480");
    wait_for(&mut harness, "of 62×62");
    press(&mut harness, NONE, Key::S);
    settle(&mut harness);
    compare(&mut results, &mut harness, "camera");
}
