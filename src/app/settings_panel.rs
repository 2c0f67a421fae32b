//! The panel in which everything is set: overlay, smoothing, recordings. What is changed is seen at once.

use egui::{CollapsingHeader, DragValue, RichText, Slider, Ui};

use super::{
    camera_panel,
    commands::{self, Menu},
    detection::{Detection, MIN_SIZE, NEIGHBOURS, SCALE_FACTOR, WORKING_WIDTH},
    saving::{Saving, Table},
    sending::Sending,
    settings::Settings,
    theme,
    view::View,
    widgets::{choice, slider},
};
use crate::{
    detect::face_cascades,
    model::Reading,
    overlay::Which,
    pipeline::{NetInfo, Searched, SendState, Strength},
    source::SourceInfo,
};

const SMOOTHING_HELP: &str =
    "0 shows every frame's points as the net gives them; higher is steadier and a little later.";

/// What the panel shows besides the settings themselves.
pub struct Now<'a> {
    /// How much points are smoothed.
    pub smoothing: Strength,
    /// Whether a live source is shown.
    pub live: bool,
    /// What the last search found.
    pub searched: Option<&'a Searched>,
    /// The net in use.
    pub net: Option<&'a NetInfo>,
    /// The source that is shown.
    pub source: Option<&'a SourceInfo>,
    /// How it goes with the programs that are sent something.
    pub sent: &'a [SendState],
}

/// What is wished, apart from what stands in the settings.
#[derive(Debug, Default, PartialEq)]
pub struct Wishes {
    /// To smooth so much.
    pub smoothing: Option<Strength>,
    /// To read the net's numbers so; within, `None` is as usual.
    pub reading: Option<Option<Reading>>,
    /// Of the camera.
    pub camera: Option<camera_panel::Wish>,
}

/// Draws the panel's contents.
pub fn show(ui: &mut Ui, settings: &mut Settings, sending: &mut Sending, now: &Now<'_>) -> Wishes {
    let mut wishes = Wishes::default();
    egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        if let Some((facts, info)) = now.source.and_then(|info| Some((info.camera.as_ref()?, info))) {
            let wish = settings.cameras.of(&facts.camera);
            section(ui, "Camera", |ui| {
                wishes.camera = camera_panel::show(ui, facts, &wish, info.fps)
            });
        }
        section(ui, "Overlay", |ui| {
            wishes.smoothing = overlay(ui, &mut settings.view, now.smoothing, now.live);
        });
        section(ui, "Net", |ui| wishes.reading = net(ui, now.net));
        section(ui, "Finding faces", |ui| {
            detection(ui, &mut settings.detection, now.searched)
        });
        section(ui, "Saving", |ui| saving(ui, &mut settings.saving));
        section(ui, "Other programs", |ui| {
            sending.show(ui, &mut settings.sending, now.sent);
        });
    });
    wishes
}

fn section(ui: &mut Ui, title: &str, contents: impl FnOnce(&mut Ui)) {
    CollapsingHeader::new(RichText::new(title).heading())
        .default_open(true)
        .show(ui, contents);
}

fn overlay(ui: &mut Ui, view: &mut View, smoothing: Strength, live: bool) -> Option<Strength> {
    for command in commands::TABLE
        .iter()
        .filter(|command| command.menu == Menu::Overlay)
    {
        if let Some(switch) = view.switch(command.id, live) {
            ui.checkbox(switch, command.name).on_hover_text(command.help);
        }
    }
    ui.add_space(theme::SPACE);
    ui.label("Points");
    ui.horizontal_wrapped(|ui| {
        for (which, name, help) in [
            (Which::Smoothed, "smoothed", "Steadied from frame to frame."),
            (Which::Raw, "raw", "As the net gives them for each frame alone."),
            (
                Which::Both,
                "both",
                "The net's own in yellow, below the smoothed ones.",
            ),
        ] {
            ui.radio_value(&mut view.overlay.which, which, name)
                .on_hover_text(help);
        }
    });
    let mut strength = smoothing.value();
    let strength_slider = Slider::new(&mut strength, 0.0..=1.0).step_by(0.05);
    let changed = slider(ui, "smoothing", strength_slider, SMOOTHING_HELP);
    let size = Slider::new(&mut view.overlay.size, theme::POINT_SIZE).logarithmic(true);
    slider(ui, "size", size, "Of points and lines; 1 is usual.");
    ui.horizontal(|ui| {
        ui.color_edit_button_srgb(&mut view.overlay.colour)
            .on_hover_text("Colour of points and lines");
        ui.label("colour");
    });
    if let Some(mirror) = view.switch(commands::Id::Mirror, live) {
        let what = if live {
            "mirror cameras"
        } else {
            "mirror recordings"
        };
        ui.checkbox(mirror, what)
            .on_hover_text("Only on the screen: nothing that is saved is mirrored.");
    }
    changed.then(|| Strength::new(strength))
}

/// What the net is, and how its numbers are read, where its file leaves that open.
fn net(ui: &mut Ui, net: Option<&NetInfo>) -> Option<Option<Reading>> {
    let Some(net) = net else {
        ui.label(RichText::new("There is no net yet.").weak());
        return None;
    };
    ui.label(&net.name).on_hover_text(net.path.display().to_string());
    ui.label(RichText::new(&net.scheme.name).weak());
    let Some(now) = net.assumed else {
        ui.label(RichText::new("Its file says how its numbers are read.").weak());
        return None;
    };
    ui.label(RichText::new("Its file does not say how its numbers are read:").weak());
    let mut reading = now;
    let mut changed = false;
    let mut row = |ui: &mut Ui, name: &str, field: DragValue<'_>, help: &str| {
        ui.horizontal(|ui| {
            // Typing a number asks for one reading and not for one a digit.
            changed |= ui
                .add(field.update_while_editing(false))
                .on_hover_text(help)
                .changed();
            ui.label(name);
        });
    };
    let side = DragValue::new(&mut reading.input_side)
        .range(16..=1024)
        .suffix(" px");
    row(ui, "input side", side, "Side of the square that the net takes.");
    let scale = DragValue::new(&mut reading.output.scale).speed(0.2).suffix(" px");
    row(
        ui,
        "scale",
        scale,
        "Pixels of that square for a 1 of the net's numbers.",
    );
    let offset = DragValue::new(&mut reading.output.offset)
        .speed(0.2)
        .suffix(" px");
    row(
        ui,
        "offset",
        offset,
        "Where in that square a 0 of the net's numbers lies.",
    );
    let margin = DragValue::new(&mut reading.crop.margin)
        .speed(0.01)
        .range(0.5..=10.0)
        .suffix(" ×");
    row(
        ui,
        "crop",
        margin,
        "Side of the square cut out, of the long side of the face: from the brows to the chin.",
    );
    let down = DragValue::new(&mut reading.crop.shift_down)
        .speed(0.01)
        .range(-2.0..=2.0)
        .suffix(" ×");
    row(
        ui,
        "lower by",
        down,
        "How far its middle lies below that of the face, of the same side.",
    );
    if ui
        .button("As usual")
        .on_hover_text("As the course's net is read.")
        .clicked()
    {
        return Some(None);
    }
    // A scale of 0 would put all points into one; it is met on the way from below to above.
    (changed && reading.output.scale != 0.0).then_some(Some(reading))
}

fn detection(ui: &mut Ui, detection: &mut Detection, searched: Option<&Searched>) {
    ui.horizontal_wrapped(|ui| {
        ui.radio_value(&mut detection.by_hand, false, "automatic")
            .on_hover_text(
                "A quick cascade proposes, the net decides; searched more while somebody is missing.",
            );
        ui.radio_value(&mut detection.by_hand, true, "by hand")
            .on_hover_text("Every search as it is set here.");
    });
    ui.add_enabled_ui(detection.by_hand, |ui| {
        let chosen = short_name(&detection.cascade);
        choice(ui, "cascade", &chosen, |ui| {
            for name in face_cascades() {
                let short = short_name(&name);
                ui.selectable_value(&mut detection.cascade, name, short);
            }
        });
        let scale = Slider::new(&mut detection.scale_factor, SCALE_FACTOR).fixed_decimals(2);
        let help = "From one size of face to the next; nearer to 1 finds more and takes longer.";
        slider(ui, "scale factor", scale, help);
        let neighbours = Slider::new(&mut detection.min_neighbours, NEIGHBOURS);
        let help = "Finds at one place that make a face; more are surer and miss more.";
        slider(ui, "neighbours", neighbours, help);
        let size = Slider::new(&mut detection.min_size, MIN_SIZE)
            .custom_formatter(|share, _| format!("{:.0} %", 100.0 * share))
            .custom_parser(|text| {
                text.trim_end_matches(['%', ' '])
                    .parse()
                    .ok()
                    .map(|percent: f64| percent / 100.0)
            });
        slider(ui, "smallest face", size, "Of the picture's short side.");
        let width = Slider::new(&mut detection.working_width, WORKING_WIDTH).suffix(" px");
        slider(
            ui,
            "working width",
            width,
            "Long side of the copy that is searched.",
        );
        ui.checkbox(&mut detection.leaning, "leaning faces")
            .on_hover_text("Two more searches each time.");
    });
    ui.checkbox(&mut detection.eyes, "eyes")
        .on_hover_text("Looks for eyes in what is found, by a cascade of its own.");
    ui.checkbox(&mut detection.show, "show what is found")
        .on_hover_text("Orange boxes, before the net has looked at them.");
    if let Some(searched) = searched {
        let eyes = match searched.eyes.len() {
            0 => String::new(),
            count => format!(", {count} eyes"),
        };
        let text = format!(
            "last search: {} found{eyes} in {:.1} ms",
            searched.finds.len(),
            searched.cost.as_secs_f64() * 1e3
        );
        ui.label(RichText::new(text).weak());
    }
    if ui
        .button("As at first")
        .on_hover_text("Sets the search back.")
        .clicked()
    {
        *detection = Detection::default();
    }
}

/// A cascade's name without what all of them have.
fn short_name(name: &str) -> String {
    name.trim_end_matches(".xml")
        .replace("cascade_", " ")
        .replace("frontalface", "frontal")
        .replace('_', " ")
}

fn saving(ui: &mut Ui, saving: &mut Saving) {
    ui.label(RichText::new("Recordings have").weak());
    ui.checkbox(&mut saving.video, "video")
        .on_hover_text("Matroska (.mkv): it plays even after a crash.");
    ui.add_enabled_ui(saving.video, |ui| {
        ui.indent("overlay in video", |ui| {
            ui.checkbox(&mut saving.overlay, "with its overlay")
                .on_hover_text("With all that is drawn over the video when it begins.");
        });
    });
    ui.checkbox(&mut saving.keypoints, "keypoints")
        .on_hover_text("A row for every face of every frame.");
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new("Keypoints as").weak());
        ui.radio_value(&mut saving.table, Table::Csv, "csv");
        ui.radio_value(&mut saving.table, Table::JsonLines, "JSON lines");
    });
    ui.label(RichText::new("Folder").weak());
    // As it is being typed, with spaces that are to be in the middle and nothing in between.
    let id = ui.make_persistent_id("folder for what is saved");
    let typed = ui.data(|data| data.get_temp::<String>(id));
    let mut folder = typed.unwrap_or_else(|| saving.folder().display().to_string());
    let field = egui::TextEdit::singleline(&mut folder).desired_width(f32::INFINITY);
    let field = ui
        .add(field)
        .on_hover_text("Where snapshots and recordings go; it is made when it is needed.");
    if field.changed() {
        saving.folder = (!folder.trim().is_empty()).then(|| folder.trim().into());
    }
    let is_typed = field.has_focus();
    ui.data_mut(|data| {
        if is_typed {
            data.insert_temp(id, folder);
        } else {
            data.remove::<String>(id);
        }
    });
}
