//! What the window remembers from one run to the next, and the file that it is kept in.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use super::{
    detection::Detection,
    saving::Saving,
    sending::{self, SendTo},
    theme,
    view::View,
};
use crate::{
    detect::smooth::Strength,
    files::{self, plain},
    model::Reading,
    pipeline::{Looking, Slot, Taken},
    resources,
    source::CameraWishes,
    worker,
};

/// Number of this layout of the file. A file of a later one is set aside and not half understood.
const SCHEMA: u32 = 1;
/// Bytes of the largest file that is read; ours have some thousand.
const LARGEST_FILE: u64 = 16 << 20;
/// So many files and streams that were opened last are offered again.
const MOST_RECENT: usize = 10;
/// Changes are written once nothing has changed for so long: a slider that is dragged is one change.
const CALM: Duration = Duration::from_millis(800);
/// How often the writing thread looks up; closing its slot wakes it at once.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is remembered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    schema: u32,
    /// Where the window was.
    pub window: Option<Place>,
    /// What was shown last, as `--source` takes it.
    pub source: Option<String>,
    /// The net that was used last: a file, or the name of a bundled net.
    pub weights: Option<String>,
    /// The net that was compared with it, likewise; `None` while there was none.
    pub compared: Option<String>,
    /// Files and streams that were opened, the last one first.
    pub recent_sources: Vec<String>,
    /// Weights files that were loaded, the last one first.
    pub recent_weights: Vec<String>,
    /// Panels, overlay, theme.
    pub view: View,
    /// How the numbers of weights files are read that do not say so themselves, by the files' paths.
    pub readings: BTreeMap<String, Reading>,
    /// What is asked of cameras.
    pub cameras: CameraWishes,
    /// How faces are searched.
    pub detection: Detection,
    /// Snapshots and recordings.
    pub saving: Saving,
    /// Other programs that are sent what is seen while they are on.
    pub sending: Vec<SendTo>,
    /// How much points are smoothed, 0 to 1.
    pub smoothing: f32,
    /// How far the contents are enlarged; 1 is what the screen suggests.
    pub zoom: f32,
}

/// Where a window is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Width of its contents, points of the screen at its own scale.
    pub width: f32,
    /// Height.
    pub height: f32,
    /// Whether it fills the screen but for the desktop's own bars.
    #[serde(default)]
    pub maximised: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            schema: SCHEMA,
            window: None,
            source: None,
            weights: None,
            compared: None,
            recent_sources: Vec::new(),
            recent_weights: Vec::new(),
            view: View::default(),
            readings: BTreeMap::new(),
            cameras: CameraWishes::default(),
            detection: Detection::default(),
            saving: Saving::default(),
            sending: Vec::new(),
            smoothing: Strength::default().value(),
            zoom: 1.0,
        }
    }
}

impl Settings {
    /// The file that settings are kept in by default; `None` where the user has no folder for such.
    pub fn usual_file() -> Option<PathBuf> {
        Some(resources::users_folders()?.config_dir().join("settings.json"))
    }

    /// What the file holds, brought into range; what is usual where there is no file. One that was read and cannot be
    /// used is set aside under another name, and the second value says so.
    ///
    /// # Errors
    /// When it cannot be read, or is no file. It is left as it is then, and nothing can be kept in it.
    pub fn load(file: &Path) -> Result<(Self, Option<String>), String> {
        let json = match plain::read(file, LARGEST_FILE) {
            Ok(json) => json,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Self::default(), None)),
            Err(error) => {
                return Err(format!(
                    "the settings cannot be read ({error}); everything is as at first, and nothing is kept in this run: {}",
                    file.display()
                ));
            }
        };
        let why = match Self::from_json(&json) {
            Ok(settings) => return Ok((settings, None)),
            Err(why) => why,
        };
        let text = match set_aside(file) {
            Ok(aside) => format!(
                "the settings cannot be used, {why}; everything is as at first, and the file is kept as {}",
                aside.display()
            ),
            Err(error) => format!(
                "the settings cannot be used, {why}; everything is as at first. The file could not be set aside ({error}): {}",
                file.display()
            ),
        };
        Ok((Self::default(), Some(text)))
    }

    /// What was kept as JSON, brought into range.
    ///
    /// # Errors
    /// Says why it cannot be used.
    pub fn from_json(json: &[u8]) -> Result<Self, String> {
        // By way of a value: what is too large for a field is infinite then, and brought into range.
        let value = serde_json::from_slice::<serde_json::Value>(json);
        match value.and_then(serde_json::from_value::<Self>) {
            Ok(settings) if settings.schema <= SCHEMA => Ok(settings.in_range()),
            Ok(settings) => Err(format!(
                "they are of a later version of the program (layout {})",
                settings.schema
            )),
            Err(error) => Err(format!("the file is damaged: {error}")),
        }
    }

    /// Numbers that a person may have written by hand, as far as they make sense.
    fn in_range(mut self) -> Self {
        let usual = Self::default();
        self.schema = SCHEMA;
        let sound = |number: f32, usual: f32| if number.is_finite() { number } else { usual };
        self.zoom = sound(self.zoom, usual.zoom).clamp(*theme::ZOOM.start(), *theme::ZOOM.end());
        self.smoothing = Strength::new(sound(self.smoothing, usual.smoothing)).value();
        let size = &mut self.view.overlay.size;
        *size =
            sound(*size, usual.view.overlay.size).clamp(*theme::POINT_SIZE.start(), *theme::POINT_SIZE.end());
        self.window = self.window.filter(|place| {
            let sides = [
                (place.width, theme::SMALLEST_WINDOW.x),
                (place.height, theme::SMALLEST_WINDOW.y),
            ];
            sides
                .into_iter()
                .all(|(side, least)| (least..=theme::LARGEST_WINDOW).contains(&side))
        });
        // What is not finite would be written as null, and the file could not be read again.
        let opacity = &mut self.view.map_opacity;
        *opacity = sound(*opacity, usual.view.map_opacity).clamp(0.0, 1.0);
        let gamma = &mut self.view.looking.gamma;
        *gamma = sound(*gamma, usual.view.looking.gamma).clamp(*theme::GAMMA.start(), *theme::GAMMA.end());
        self.view.looking.pins.truncate(Looking::MOST_PINS);
        self.readings.retain(|_, reading| {
            let Reading { output, crop, .. } = reading;
            let fraction = crop.picture_fraction.unwrap_or_default();
            [
                output.scale,
                output.offset,
                crop.margin,
                crop.shift_down,
                fraction,
            ]
            .iter()
            .all(|number| number.is_finite())
        });
        self.detection = self.detection.in_range();
        sending::in_range(&mut self.sending);
        self.recent_sources.truncate(MOST_RECENT);
        self.recent_weights.truncate(MOST_RECENT);
        self
    }

    /// Remembers that a file or stream was opened.
    pub fn opened(&mut self, source: &str) {
        put_first(&mut self.recent_sources, source);
    }

    /// How the numbers of a weights file are read, where that was set.
    pub fn reading(&self, weights: &Path) -> Option<Reading> {
        self.readings.get(&absolute(weights)).copied()
    }

    /// Remembers how the numbers of a weights file are read; `None`: as is usual.
    pub fn read_as(&mut self, weights: &Path, reading: Option<Reading>) {
        let path = absolute(weights);
        match reading {
            Some(reading) => drop(self.readings.insert(path, reading)),
            None => drop(self.readings.remove(&path)),
        }
    }

    /// Remembers that a weights file was loaded.
    pub fn loaded(&mut self, weights: &str) {
        put_first(&mut self.recent_weights, weights);
    }
}

/// A path that means the same from another folder.
pub fn absolute(path: &Path) -> String {
    let absolute = std::path::absolute(path);
    absolute.as_deref().unwrap_or(path).display().to_string()
}

fn put_first(list: &mut Vec<String>, newest: &str) {
    list.retain(|other| other != newest);
    list.insert(0, newest.to_owned());
    list.truncate(MOST_RECENT);
}

/// Gives a file, or a link to one, another name beside its own, one that is free.
///
/// # Errors
/// When it is none, or the folder cannot be written to.
pub fn set_aside(file: &Path) -> io::Result<PathBuf> {
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut number = 1;
    loop {
        let aside = file.with_extension(format!("old-{number}.json"));
        if !aside.try_exists()? {
            std::fs::rename(file, &aside)?;
            return Ok(aside);
        }
        number += 1;
    }
}

/// Keeps settings in their file: written by a thread of its own, a moment after they changed, and at the end.
pub struct Keeper {
    file: Option<PathBuf>,
    /// As they are in the file, or on their way there.
    kept: Settings,
    changed: Option<(Settings, Instant)>,
    wanted: Arc<Slot<Settings>>,
    failures: Arc<Slot<String>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Keeps settings in `file`, which holds `settings` already; without a file it forgets them.
    pub fn start(file: Option<PathBuf>, settings: Settings) -> Self {
        let (wanted, failures) = (Arc::<Slot<Settings>>::default(), Arc::<Slot<String>>::default());
        let thread = file.clone().and_then(|file| {
            let (wanted, failures) = (wanted.clone(), failures.clone());
            let run = move || {
                loop {
                    match wanted.take(PATIENCE) {
                        Taken::Value(settings) => {
                            if let Err(why) = write(&file, &settings) {
                                failures.put(why);
                            }
                        }
                        Taken::Nothing => {}
                        Taken::Closed => return,
                    }
                }
            };
            let thread = worker::spawn("settings", run, |_| {});
            thread
                .map_err(|error| tracing::warn!("settings are not kept: {error}"))
                .ok()
        });
        Self {
            file,
            kept: settings,
            changed: None,
            wanted,
            failures,
            thread,
        }
    }

    /// Takes in the settings as they are at `now`; when to call again at the latest, where something waits to be written.
    pub fn keep(&mut self, settings: Settings, now: Instant) -> Option<Duration> {
        match &self.changed {
            Some((changed, since)) if *changed == settings => {
                let calm_at = *since + CALM;
                if now < calm_at {
                    return Some(calm_at - now);
                }
                self.kept = settings.clone();
                self.changed = None;
                self.wanted.put(settings);
                None
            }
            _ if settings == self.kept => {
                self.changed = None;
                None
            }
            _ => {
                self.changed = Some((settings, now));
                Some(CALM)
            }
        }
    }

    /// Why settings could not be written, told once.
    pub fn failure(&self) -> Option<String> {
        self.failures.take_now()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let last = self
            .changed
            .take()
            .map(|(settings, _)| settings)
            .or_else(|| self.wanted.take_now());
        self.wanted.close();
        if let Some(thread) = self.thread.take() {
            // One that panicked has nothing to tell.
            let _ = thread.join();
        }
        if let (Some(file), Some(settings)) = (&self.file, last)
            && let Err(why) = write(file, &settings)
        {
            tracing::warn!("{why}");
        }
    }
}

fn write(file: &Path, settings: &Settings) -> Result<(), String> {
    let failed = |why: String| format!("the settings are not kept: {why}");
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(|error| {
            failed(format!(
                "cannot make their folder ({error}): {}",
                folder.display()
            ))
        })?;
    }
    // Addresses of streams may hold passwords.
    files::replace_private_json(file, settings).map_err(|error| failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overlay::Which;

    fn changed() -> Settings {
        let mut settings = Settings::default();
        settings.view.overlay.which = Which::Both;
        settings.view.overlay.colour = [1, 2, 3];
        settings.view.theme = theme::Theme::Light;
        settings.zoom = 1.5;
        settings.opened("film.mp4");
        settings.window = Some(Place {
            width: 900.0,
            height: 700.0,
            maximised: false,
        });
        settings
    }

    #[test]
    fn what_is_kept_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/below/settings.json");
        let start = Instant::now();
        let mut keeper = Keeper::start(Some(file.clone()), Settings::default());
        assert_eq!(keeper.keep(Settings::default(), start), None);
        assert!(keeper.keep(changed(), start).is_some());
        // Calm has come: it is written beside; what changes at the very end is written as well.
        assert_eq!(keeper.keep(changed(), start + CALM), None);
        let mut last = changed();
        last.zoom = 2.0;
        keeper.keep(last.clone(), start + CALM);
        drop(keeper);
        assert_eq!(Settings::load(&file), Ok((last, None)));
    }

    #[test]
    fn files_that_cannot_be_used_are_set_aside_and_nothing_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("settings.json");
        assert_eq!(Settings::load(&file), Ok((Settings::default(), None)));
        for (content, named) in [
            ("{ \"zoom\": ", "damaged"),
            ("[1, 2]", "damaged"),
            ("{ \"schema\": 99 }", "later version"),
        ] {
            std::fs::write(&file, content).unwrap();
            let (settings, message) = Settings::load(&file).unwrap();
            let message = message.unwrap();
            assert_eq!(settings, Settings::default());
            assert!(message.contains(named), "{message}");
            let (_, aside) = message.rsplit_once(" as ").unwrap();
            assert_eq!(std::fs::read_to_string(aside).unwrap(), content);
        }
    }

    #[test]
    fn numbers_written_by_hand_are_brought_into_range_and_unknown_names_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("settings.json");
        let text = r#"{ "zoom": 1e9, "smoothing": -3, "window": { "width": 1, "height": 5 },
            "view": { "overlay": { "size": 900 }, "map_opacity": 1e39, "theme": "light" }, "of_a_later_day": true }"#;
        std::fs::write(&file, text).unwrap();
        let (settings, message) = Settings::load(&file).unwrap();
        assert_eq!(message, None);
        assert_eq!(settings.zoom, *theme::ZOOM.end());
        assert_eq!((settings.smoothing, settings.window), (0.0, None));
        assert_eq!(settings.view.overlay.size, *theme::POINT_SIZE.end());
        assert_eq!(settings.view.theme, theme::Theme::Light);
        // What was kept of them can be read again.
        write(&file, &settings).unwrap();
        assert_eq!(Settings::load(&file), Ok((settings, None)));
    }

    #[test]
    fn what_cannot_be_read_is_told_and_left_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let long = folder.path().join("long.json");
        std::fs::File::create(&long)
            .and_then(|file| file.set_len(LARGEST_FILE + 1))
            .unwrap();
        for (path, named) in [(folder.path(), "it is a folder"), (&long, "longer than")] {
            let why = Settings::load(path).unwrap_err();
            assert!(why.contains(named) && why.contains("nothing is kept"), "{why}");
            assert!(path.exists());
        }
        assert!(set_aside(folder.path()).is_err() && folder.path().is_dir());
        // A link is put aside, and not what it leads to.
        let link = folder.path().join("link.json");
        std::os::unix::fs::symlink("long.json", &link).unwrap();
        assert!(set_aside(&link).unwrap().is_symlink() && long.is_file());
    }

    #[test]
    fn what_was_opened_last_comes_first_and_once() {
        let mut settings = Settings::default();
        for number in 0..20 {
            settings.opened(&format!("{number}.mp4"));
        }
        settings.opened("15.mp4");
        assert_eq!(settings.recent_sources.len(), MOST_RECENT);
        assert_eq!(settings.recent_sources[..2], ["15.mp4", "19.mp4"]);
    }

    #[test]
    fn a_folder_that_cannot_be_written_to_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let in_the_way = folder.path().join("file");
        std::fs::write(&in_the_way, "").unwrap();
        let why = write(&in_the_way.join("settings.json"), &Settings::default()).unwrap_err();
        assert!(why.contains("not kept") && why.contains("file"), "{why}");
    }
}
