//! The window. The only room that knows egui: it shows what the pipeline gives and sends commands back.

mod camera_list;
mod camera_panel;
mod commands;
mod detection;
mod dialogs;
mod display;
mod lost_display;
mod menu;
mod notices;
mod palette;
mod panels;
mod performance;
mod playback_bar;
mod prepare;
mod saving;
mod sending;
mod settings;
mod settings_panel;
mod signs;
mod stats_log;
mod status_bar;
mod theme;
mod video_view;
mod view;
mod widgets;
mod window;

use std::{cell::RefCell, io, rc::Rc, sync::Arc};

use eframe::glow;

pub use commands::{Command, Id, Menu, TABLE as COMMANDS, keys_of};
pub use display::can_open;
pub use saving::{Saving, Table};
pub use sending::SendTo;
pub use settings::{Keeper, Place, Settings, set_aside};
pub use stats_log::StatsLog;
pub use window::{Outcome, Start, Window};

use lost_display::SharedWindow;

use crate::pipeline::{Pipeline, Setup, Wake};

/// Name of the program to the desktop, equal to that of its desktop entry.
const APP_ID: &str = "pinkpoint";
/// Picture of the window in the desktop's lists.
const ICON: &[u8] = include_bytes!("../../assets/icon.png");

/// Why there is no window.
#[derive(Debug, thiserror::Error)]
pub enum WindowError {
    /// The system gives none.
    #[error(
        "cannot open a window: {0}; run this on a desktop (DISPLAY or WAYLAND_DISPLAY has to be set, and OpenGL to \
         work), or use `pinkpoint follow` or `pinkpoint annotate`, which need none"
    )]
    NoWindow(String),
    /// The system gives no threads for what lies behind it.
    #[error(
        "the program cannot start its threads ({0}); close other programs, or have more allowed (ulimit -u)"
    )]
    NoThreads(#[source] io::Error),
    /// The window was there and is gone.
    #[error("the window was closed before anything came of it")]
    NoOutcome,
    /// The X server is gone, and with it every window.
    #[error(
        "the display went away (the X server closed the connection); {}, start the program again on another display",
        if *.saved { "recordings were ended and settings kept" } else { "what was recorded is called NAME.partial.EXT" }
    )]
    DisplayLost {
        /// Recordings were ended and settings written.
        saved: bool,
    },
}

/// Opens the window, runs the pipeline in it until it is closed, and joins all threads.
///
/// # Errors
/// When there is no display or it cannot draw, or the system gives no more threads.
pub fn run(setup: Setup, start: Start) -> Result<Outcome, WindowError> {
    let (mut outcome, mut no_threads) = (None, None);
    let place = start.settings.window;
    let mut viewport = egui::ViewportBuilder::default()
        .with_app_id(APP_ID)
        .with_title("Pinkpoint")
        .with_inner_size(place.map_or(theme::WINDOW_SIZE, |place| egui::vec2(place.width, place.height)))
        .with_maximized(place.is_some_and(|place| place.maximised))
        .with_min_inner_size(theme::SMALLEST_WINDOW);
    match eframe::icon_data::from_png_bytes(ICON) {
        Ok(icon) => viewport = viewport.with_icon(icon),
        // A window without an icon is better than none.
        Err(error) => tracing::warn!("the window goes without its icon: {error}"),
    }
    let options = eframe::NativeOptions {
        viewport,
        renderer: eframe::Renderer::Glow,
        ..Default::default()
    };
    let create = |context: &eframe::CreationContext<'_>| {
        let ctx = context.egui_ctx.clone();
        close_on_interrupt(ctx.clone());
        let wake: Wake = Arc::new(move || ctx.request_repaint());
        let pipeline = Pipeline::start(setup, wake.clone()).map_err(|error| {
            let text = error.to_string();
            no_threads = Some(error);
            text
        })?;
        let window = Window::new(pipeline, wake, start);
        let window = Rc::new(RefCell::new(Some(window)));
        lost_display::prepare(&window);
        let app: Box<dyn eframe::App + '_> = Box::new(App {
            window,
            outcome: &mut outcome,
        });
        Ok(app)
    };
    let run = eframe::run_native(APP_ID, options, Box::new(create));
    lost_display::forget();
    run.map_err(|error| no_threads.map_or_else(|| no_window(&error), WindowError::NoThreads))?;
    outcome.ok_or(WindowError::NoOutcome)
}

/// The error without the place in somebody else's source that winit puts before it.
fn no_window(error: &eframe::Error) -> WindowError {
    let text = error.to_string();
    let place = text.rfind(".rs:");
    let plain = place
        .and_then(|start| text[start..].split_once(": "))
        .map_or(text.as_str(), |(_, rest)| rest);
    WindowError::NoWindow(plain.trim_end_matches('.').to_owned())
}

/// The window as eframe runs it.
struct App<'a> {
    window: SharedWindow,
    outcome: &'a mut Option<Outcome>,
}

impl eframe::App for App<'_> {
    fn logic(&mut self, ctx: &egui::Context, _frame: &mut eframe::Frame) {
        if let Some(window) = self.window.borrow_mut().as_mut() {
            window.update(ctx);
        }
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        if let Some(window) = self.window.borrow_mut().as_mut() {
            window.show(ui);
        }
    }

    fn on_exit(&mut self, _gl: Option<&glow::Context>) {
        *self.outcome = self.window.borrow_mut().as_mut().map(Window::finish);
    }
}

/// Ctrl-C and a request to end close the window as the user would, so that statistics are written and threads joined.
fn close_on_interrupt(ctx: egui::Context) {
    let close = move || ctx.send_viewport_cmd(egui::ViewportCommand::Close);
    if let Err(error) = ctrlc::set_handler(close) {
        tracing::warn!("Ctrl-C will end the program at once: {error}");
    }
}
