//! What can be seen in the window and how: the switches that commands turn. Plain data, kept between runs.

use serde::{Deserialize, Serialize};

use super::{commands::Id, panels::Filtering, theme::Theme};
use crate::{
    overlay::{Style, Which},
    pipeline::Looking,
};

/// What can be seen or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct View {
    /// What is drawn over the video.
    pub overlay: Style,
    /// Cameras are shown as in a mirror. Only on the screen: nothing that is saved is mirrored.
    pub mirror_cameras: bool,
    /// So are recordings and pictures.
    pub mirror_recordings: bool,
    /// The filters of a convolution.
    pub filters: bool,
    /// A layer's maps.
    pub maps: bool,
    /// Which layer, and how.
    pub looking: Looking,
    /// How filters are shown.
    pub filtering: Filtering,
    /// How much a large map covers the face that it is of, 0 to 1.
    pub map_opacity: f32,
    /// The net as a graph.
    pub graph: bool,
    /// The panel in which everything is set.
    pub settings_panel: bool,
    /// The panel of plots.
    pub performance: bool,
    /// The status bar.
    pub status_bar: bool,
    /// Recordings begin again at their end.
    pub repeats: bool,
    /// Colours of the window.
    pub theme: Theme,
    /// The list of commands.
    #[serde(skip)]
    pub help: bool,
    /// The palette of commands.
    #[serde(skip)]
    pub palette: bool,
    /// The window fills the screen.
    #[serde(skip)]
    pub full_screen: bool,
    /// The maps are held as they are.
    #[serde(skip)]
    pub held: bool,
    /// The picture is held still.
    #[serde(skip)]
    pub paused: bool,
}

impl Default for View {
    fn default() -> Self {
        Self {
            overlay: Style::default(),
            mirror_cameras: true,
            mirror_recordings: false,
            filters: true,
            maps: true,
            looking: Looking::default(),
            filtering: Filtering::default(),
            map_opacity: 1.0,
            graph: false,
            settings_panel: false,
            performance: false,
            status_bar: true,
            repeats: true,
            theme: Theme::default(),
            help: false,
            palette: false,
            full_screen: false,
            held: false,
            paused: false,
        }
    }
}

impl View {
    /// Whether a source is shown as in a mirror: a live one, or another.
    pub fn mirrors(&self, live: bool) -> bool {
        if live {
            self.mirror_cameras
        } else {
            self.mirror_recordings
        }
    }

    /// Whether what a command turns is on; `None` for commands that do something else.
    pub fn is_on(&self, id: Id, live: bool) -> Option<bool> {
        self.clone().switch(id, live).copied()
    }

    /// The switch that a command turns, while a live source is shown or another; `None` for commands that do something else.
    pub fn switch(&mut self, id: Id, live: bool) -> Option<&mut bool> {
        Some(match id {
            Id::Points => &mut self.overlay.points,
            Id::Contours => &mut self.overlay.contours,
            Id::Numbers => &mut self.overlay.numbers,
            Id::Boxes => &mut self.overlay.boxes,
            Id::Ids => &mut self.overlay.ids,
            Id::Trails => &mut self.overlay.trails,
            Id::Fade => &mut self.overlay.fade,
            Id::Mirror if live => &mut self.mirror_cameras,
            Id::Mirror => &mut self.mirror_recordings,
            Id::Filters => &mut self.filters,
            Id::Maps => &mut self.maps,
            Id::Graph => &mut self.graph,
            Id::Hold => &mut self.held,
            Id::SettingsPanel => &mut self.settings_panel,
            Id::Performance => &mut self.performance,
            Id::StatusBar => &mut self.status_bar,
            Id::FullScreen => &mut self.full_screen,
            Id::Compared => &mut self.overlay.compared,
            Id::Help => &mut self.help,
            Id::Palette => &mut self.palette,
            Id::Pause => &mut self.paused,
            Id::Repeat => &mut self.repeats,
            _ => return None,
        })
    }

    /// Shows the next of smoothed points, raw points, both.
    pub fn next_points(&mut self) {
        self.overlay.which = match self.overlay.which {
            Which::Smoothed => Which::Raw,
            Which::Raw => Which::Both,
            Which::Both => Which::Smoothed,
        };
    }

    /// Dresses the window in the next theme.
    pub fn next_theme(&mut self) {
        let place = Theme::ALL.iter().position(|(theme, _)| *theme == self.theme);
        let next = place.map_or(0, |place| (place + 1) % Theme::ALL.len());
        self.theme = Theme::ALL[next].0;
    }

    /// Everything as it is at first, but for what the user is doing at the moment.
    pub fn reset(&mut self) {
        *self = Self {
            full_screen: self.full_screen,
            paused: self.paused,
            ..Self::default()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cameras_are_mirrored_and_recordings_are_not_until_that_is_wished() {
        let mut view = View::default();
        assert!(view.mirrors(true) && !view.mirrors(false));
        for live in [true, false] {
            let switch = view.switch(Id::Mirror, live).unwrap();
            *switch = !*switch;
        }
        assert!(!view.mirrors(true) && view.mirrors(false));
    }

    #[test]
    fn stepping_through_choices_comes_back_to_the_first() {
        let mut view = View::default();
        for _ in 0..3 {
            view.next_points();
            view.next_theme();
        }
        assert_eq!(view, View::default());
        view.next_theme();
        view.paused = true;
        view.reset();
        assert!(view.theme == Theme::Dark && view.paused);
    }
}
