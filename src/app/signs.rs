//! Signs over the video: what the window waits for, that the picture is held still, that nobody is seen and why that may be.

use std::time::{Duration, Instant};

use egui::{Align2, Area, Color32, Id, Order, RichText, Vec2};

use super::{notices::card_frame, theme};
use crate::{pipeline::Scene, source::Cause};

/// A glance away is nothing to remark on.
const NOBODY_FOR: Duration = Duration::from_secs(2);
/// Mean luma, 0 to 1, below which faces are lost in the dark.
const DARK: f32 = 0.16;
/// Long side of a face, pixels, below which nets see too little of it.
const SMALL: f32 = 30.0;

/// Where a sign hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In the middle, before a veil: there is no picture that counts.
    Middle,
    /// At the upper edge.
    Top,
    /// At the lower edge.
    Bottom,
}

/// A sign.
#[derive(Debug, Clone, PartialEq)]
pub struct Sign {
    place: Place,
    title: String,
    detail: Option<String>,
    /// What it says is wrong, and not only so.
    is_trouble: bool,
    /// Something is going on.
    is_busy: bool,
}

impl Sign {
    /// Something is being started, such as a camera.
    pub fn starting(what: String) -> Self {
        Self {
            place: Place::Middle,
            title: what,
            detail: None,
            is_trouble: false,
            is_busy: true,
        }
    }

    /// A source that comes and goes is not there, and is tried again.
    pub fn waiting(cause: Cause, why: &str, again: &str) -> Self {
        let (title, is_trouble) = match cause {
            Cause::Absent => ("No camera", false),
            Cause::Busy => ("The camera is in use", true),
            Cause::Forbidden => ("You may not use the camera", true),
            Cause::Lost => ("Reconnecting …", false),
            Cause::Unreadable => ("No pictures", true),
        };
        Self {
            place: Place::Middle,
            title: title.into(),
            detail: Some(format!("{why}\n{again}")),
            is_trouble,
            is_busy: true,
        }
    }

    /// There is nothing to show, and nothing is tried.
    pub fn nothing(why: &str) -> Self {
        Self {
            place: Place::Middle,
            title: "There is nothing to show".into(),
            detail: Some(why.into()),
            is_trouble: true,
            is_busy: false,
        }
    }

    /// The picture is held still.
    pub fn paused(keys: &str) -> Self {
        Self {
            place: Place::Top,
            title: "Paused".into(),
            detail: Some(format!("{keys} goes on")),
            is_trouble: false,
            is_busy: false,
        }
    }

    /// A net is being loaded, while the one before goes on.
    pub fn loading(net: &str) -> Self {
        Self {
            place: Place::Top,
            title: format!("Loading {net} …"),
            detail: None,
            is_trouble: false,
            is_busy: true,
        }
    }

    fn nobody(hint: &str) -> Self {
        Self {
            place: Place::Bottom,
            title: "No face seen".into(),
            detail: Some(hint.into()),
            is_trouble: false,
            is_busy: false,
        }
    }

    /// Draws the sign over `area`.
    pub fn show(&self, ui: &mut egui::Ui, area: egui::Rect) {
        let colours = theme::colours(ui.ctx());
        let colour = if self.is_trouble {
            colours.error
        } else {
            colours.accent
        };
        let (pivot, at) = match self.place {
            Place::Middle => (Align2::CENTER_CENTER, area.center()),
            Place::Top => (
                Align2::CENTER_TOP,
                area.center_top() + Vec2::Y * theme::WIDE_SPACE,
            ),
            Place::Bottom => (
                Align2::CENTER_BOTTOM,
                area.center_bottom() - Vec2::Y * theme::WIDE_SPACE,
            ),
        };
        if self.place == Place::Middle {
            ui.painter().rect_filled(area, 0.0, colours.veil);
        }
        Area::new(Id::unique(("sign", self.place as u8)))
            .order(Order::Middle)
            .pivot(pivot)
            .fixed_pos(at)
            .interactable(false)
            .show(ui.ctx(), |ui| {
                ui.set_max_width(theme::CARD_WIDTH.min(area.width() - 2.0 * theme::WIDE_SPACE));
                card_frame(colours, colour).show(ui, |ui| {
                    if self.place == Place::Middle {
                        ui.vertical_centered(|ui| self.tall(ui, colour));
                    } else {
                        self.flat(ui, colour);
                    }
                });
            });
    }

    fn tall(&self, ui: &mut egui::Ui, colour: Color32) {
        if self.is_busy {
            ui.add(egui::Spinner::new().color(colour));
            ui.add_space(theme::SPACE);
        }
        let title = RichText::new(&self.title).heading();
        ui.label(if self.is_trouble {
            title.color(colour)
        } else {
            title
        });
        if let Some(detail) = &self.detail {
            ui.label(RichText::new(detail).weak());
        }
    }

    fn flat(&self, ui: &mut egui::Ui, colour: Color32) {
        ui.horizontal(|ui| {
            if self.is_busy {
                ui.add(egui::Spinner::new().color(colour));
            }
            ui.label(RichText::new(&self.title).strong().color(colour));
            if self.place == Place::Top
                && let Some(detail) = &self.detail
            {
                ui.label(RichText::new(detail).weak());
            }
        });
        if self.place == Place::Bottom
            && let Some(detail) = &self.detail
        {
            ui.label(RichText::new(detail).weak());
        }
    }
}

/// Notices when nobody has been seen for a while.
#[derive(Debug, Default)]
pub struct Watch {
    nobody_since: Option<Instant>,
}

impl Watch {
    /// Takes in the scene of a `live` source or another that is shown at `now`; a sign where nobody has been seen in it for a
    /// while, or when to look again.
    pub fn look(&mut self, scene: &Scene, live: bool, now: Instant) -> Result<Option<Sign>, Duration> {
        // Without a net there are no faces.
        if scene.net.is_none() || !scene.faces.is_empty() {
            self.nobody_since = None;
            return Ok(None);
        }
        let since = *self.nobody_since.get_or_insert(now);
        match NOBODY_FOR.checked_sub(now.saturating_duration_since(since)) {
            Some(left) if !left.is_zero() => Err(left),
            _ => Ok(Some(Sign::nobody(hint(scene, live)))),
        }
    }
}

/// Why nobody may be seen, and what to do.
fn hint(scene: &Scene, live: bool) -> &'static str {
    let finds = scene
        .searched
        .as_ref()
        .map_or(&[][..], |searched| &searched.finds);
    let dark = scene.light.is_some_and(|light| light < DARK);
    let small = !finds.is_empty() && finds.iter().all(|find| find.long_side() < SMALL);
    match (live, dark, small) {
        (true, true, _) => {
            "It is too dark. More light helps, or a longer exposure: settings (key O), camera."
        }
        (false, true, _) => "The picture is very dark.",
        (true, _, true) => "What may be a face is too small. Come nearer.",
        (false, _, true) => "What may be a face is too small.",
        (true, ..) => "Look into the camera with your whole face in the picture, and not from too far off.",
        (false, ..) => {
            "Small, turned and hidden faces may be missed. What is searched for is set under Finding faces (key O)."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        frame::Frame,
        geometry::Rect,
        keypoints::PointScheme,
        model::Archive,
        pipeline::{NetInfo, Searched, StageTimes},
    };
    use std::sync::Arc;

    fn scene(light: f32, find: Option<f32>) -> Scene {
        let net = NetInfo {
            name: "net".into(),
            path: "net.pt".into(),
            archive: Arc::new(Archive {
                bytes: Vec::new(),
                contract: None,
                entries: 0,
            }),
            device: "cpu".into(),
            assumed: None,
            scheme: PointScheme::unnamed(2),
            filters: Vec::new(),
            layers: Vec::new(),
            closed: None,
        };
        Scene {
            frame: Arc::new(Frame {
                picture: Default::default(),
                sequence: 0,
                opening: 0,
                captured_at: Instant::now(),
                source: "test".into(),
                source_time: Duration::ZERO,
            }),
            faces: Vec::new(),
            chosen: None,
            inside: None,
            searched: find.map(|side| {
                Arc::new(Searched {
                    finds: vec![Rect::new(0.0, 0.0, side, side)],
                    ..Searched::default()
                })
            }),
            net: Some(Arc::new(net)),
            compared: None,
            light: Some(light),
            times: StageTimes::default(),
        }
    }

    #[test]
    fn nobody_is_remarked_on_after_a_while_with_the_likeliest_reason() {
        let start = Instant::now();
        let mut watch = Watch::default();
        let dark = scene(0.05, None);
        assert_eq!(watch.look(&dark, true, start), Err(NOBODY_FOR));
        let said = |watch: &mut Watch, scene: &Scene| {
            let sign = watch.look(scene, true, start + NOBODY_FOR).unwrap().unwrap();
            sign.detail.unwrap()
        };
        assert!(said(&mut watch, &dark).contains("dark"));
        assert!(said(&mut watch, &scene(0.5, Some(12.0))).contains("nearer"));
        assert!(said(&mut watch, &scene(0.5, Some(200.0))).contains("whole face"));
        assert!(
            !hint(&scene(0.05, None), false).contains("exposure"),
            "a file has none"
        );
        // Without a net nobody can be seen, and the clock begins anew.
        let mut none = scene(0.5, None);
        none.net = None;
        assert_eq!(watch.look(&none, true, start + NOBODY_FOR), Ok(None));
        assert_eq!(watch.look(&dark, true, start + NOBODY_FOR), Err(NOBODY_FOR));
    }
}
