//! Looking inside the net in the window: one map or filter large, pins, the graph, and what a keypoint hangs on. With the program's own
//! net and a real face.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod harness;

use std::time::Duration;

use egui::{Key, Modifiers};
use egui_kittest::Harness;
use harness::{Look, click, has, press, wait_for, wait_until};
use pinkpoint::app::{Start, Window};

const NONE: Modifiers = Modifiers::NONE;

/// A window that is high enough for everything in the side panel.
fn window() -> Harness<'static, Window> {
    let look = Look {
        size: [1280.0, 1700.0],
        scale: 1.0,
    };
    let mut harness = harness::portrait_window(Start::default(), look);
    wait_for(&mut harness, "of 56×56");
    harness
}

/// Has the still picture looked at anew: as the next frame of a video would.
fn next_frame(harness: &mut Harness<'_, Window>) {
    for _ in 0..2 {
        press(harness, NONE, Key::M);
        std::thread::sleep(Duration::from_millis(100));
    }
    harness.run_steps(5);
}

fn picture(harness: &mut Harness<'_, Window>, name: &str) {
    harness.run_steps(10);
    if let Ok(folder) = std::env::var("PICTURES") {
        harness
            .render()
            .unwrap()
            .save(format!("{folder}/{name}.png"))
            .unwrap();
    }
}

/// How much of the window is drawn in the colour of points.
fn pink_pixels(harness: &mut Harness<'_, Window>) -> usize {
    let drawn = harness.render().unwrap();
    let is_pink = |pixel: &&image::Rgba<u8>| {
        let [red, green, blue, _] = pixel.0.map(i32::from);
        red - green > 90 && blue - green > 30
    };
    drawn.pixels().filter(is_pink).count()
}

#[test]
fn points_of_any_net_have_their_names_and_lines() {
    for (net, scheme, name) in [
        ("notebook-5.pt", "eyes, nose, mouth", "left eye"),
        ("notebook-15.pt", "Kaggle 15", "left eye, outer corner"),
        ("notebook-98.pt", "WFLW 98", "left eye, 1 of 8"),
        ("notebook-20.pt", "20 points", "all, 1 of 20"),
    ] {
        let look = Look {
            size: [1280.0, 1700.0],
            scale: 1.0,
        };
        let path = harness::net("../schemes").join(net);
        let mut harness = harness::portrait_window_of(&path, Start::default(), look);
        wait_for(&mut harness, "conv1");
        press(&mut harness, NONE, Key::O);
        wait_for(&mut harness, scheme);
        wait_for(&mut harness, "Its file does not say how its numbers are read");
        // Filters and maps come when they are ready; without them only the lines change the window.
        for key in [Key::F, Key::M] {
            press(&mut harness, NONE, key);
        }
        harness.run_steps(10);
        let before = pink_pixels(&mut harness);
        press(&mut harness, NONE, Key::L);
        harness.run_steps(5);
        let with_lines = pink_pixels(&mut harness);
        let has_lines = with_lines > before + before / 10;
        // Until its scale is set, the points of that net lie in a heap.
        if net != "notebook-15.pt" {
            let expected = net != "notebook-20.pt";
            assert_eq!(has_lines, expected, "{net}: {before}, {with_lines}");
        }
        press(&mut harness, NONE, Key::W);
        wait_for(&mut harness, "Why is that point there?");
        wait_for(&mut harness, name);
        picture(&mut harness, net);
    }
}

#[test]
fn a_map_is_enlarged_pinned_and_held() {
    let mut harness = window();
    click(&mut harness, "one map large");
    wait_for(&mut harness, "opacity");
    next_frame(&mut harness);
    wait_for(&mut harness, "largest and mean value");
    click(&mut harness, "pinned");
    wait_for(&mut harness, "unpin stem 0");
    next_frame(&mut harness);
    wait_until(&mut harness, |harness| {
        !has(harness, "There is no face to look at")
    });
    picture(&mut harness, "map");
    // Another layer, of which all comes to be seen; the pin stays.
    press(&mut harness, NONE, Key::G);
    harness.run_steps(3);
    click(&mut harness, "look at stage1.0.conv1");
    wait_for(&mut harness, "stage1.0.conv1 · 32 of 28×28");
    picture(&mut harness, "graph");
    click(&mut harness, "hold");
    assert!(harness.state().settings().view.held);
    // What is held is of one layer: another one ends it.
    click(&mut harness, "look at stem");
    wait_for(&mut harness, "stem · 16 of 56×56");
    assert!(!harness.state().settings().view.held);
    // A click in the graph shows the maps where they were put away, also of the layer that is looked at.
    for layer in ["stem", "relu"] {
        press(&mut harness, NONE, Key::M);
        assert!(!has(&harness, "stem · 16 of 56×56"));
        click(&mut harness, &format!("look at {layer}"));
        wait_for(&mut harness, &format!("{layer} · 16 of 56×56"));
    }
    click(&mut harness, "unpin stem 0");
    assert!(!has(&harness, "unpin stem 0"));
    assert!(harness.state().settings().view.looking.pins.is_empty());
}

#[test]
fn a_filter_is_shown_with_its_numbers_and_applied_to_the_whole_picture() {
    let mut harness = window();
    click(&mut harness, "one filter large");
    wait_for(&mut harness, "norm");
    assert!(has(&harness, "bias"));
    click(&mut harness, "on the whole picture");
    std::thread::sleep(Duration::from_millis(500));
    harness.run_steps(10);
    picture(&mut harness, "filter");
}

fn click_at(harness: &mut Harness<'_, Window>, at: egui::Pos2) {
    harness.event(egui::Event::PointerMoved(at));
    for pressed in [true, false] {
        harness.event(egui::Event::PointerButton {
            pos: at,
            button: egui::PointerButton::Primary,
            pressed,
            modifiers: NONE,
        });
    }
    harness.run_steps(2);
}

#[test]
fn what_a_keypoint_hangs_on_is_shown_for_one_that_is_clicked_until_it_is_closed() {
    const ASKED: &str = "Why is that point there?";
    let mut harness = window();
    // Down the middle of the picture there is a nose.
    let column = (300..1400).step_by(8).map(|y| egui::pos2(480.0, y as f32));
    let found = column.clone().find(|at| {
        click_at(&mut harness, *at);
        has(&harness, ASKED)
    });
    let keypoint = found.unwrap();
    wait_for(&mut harness, "Covering the brightest part");
    // The same again ends it.
    click_at(&mut harness, keypoint);
    wait_until(&mut harness, |harness| !has(harness, ASKED));
    press(&mut harness, NONE, Key::W);
    wait_for(&mut harness, "Covering the brightest part");
    picture(&mut harness, "why");
    click(&mut harness, "close");
    wait_until(&mut harness, |harness| !has(harness, ASKED));
}
