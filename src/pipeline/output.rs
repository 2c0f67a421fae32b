//! The thread that writes down what is seen: recordings of scenes as they come, and snapshots. Nobody waits for it: what
//! comes faster than it can be written is left out, and counted.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use crossbeam_channel::Receiver;
use image::RgbaImage;

use super::{
    events::{Event, EventSender},
    scene::Scene,
    tap::Valve,
};
use crate::{
    overlay::{Style, Trails},
    record::{self, KeypointFormat, KeypointRows, KeypointWriter, RecordError, VideoFile, write_picture},
    worker::Pulse,
};

/// Scenes that wait to be written: a quarter of a second, for which their frames cannot be used again.
pub(super) const WAITING: usize = 8;
/// A gap in the source is filled with the last picture for so long at most; what comes after a longer one follows at once.
const LONGEST_GAP: Duration = Duration::from_secs(2);
/// Rates that recordings have, frames a second; what a source announces beyond them is not believed.
const RATES: std::ops::RangeInclusive<f64> = 1.0..=120.0;
/// The rate where a source announces none.
const USUAL_RATE: f64 = 30.0;

/// What is to be recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// A video, `.mkv` or `.mp4`, with what is drawn over it.
    pub video: Option<(PathBuf, Option<Style>)>,
    /// The rate that the source announces.
    pub fps: Option<f64>,
    /// A file of keypoints, `.csv` or `.jsonl`.
    pub keypoints: Option<PathBuf>,
}

/// Where the parts of a snapshot go: pictures `.png`, keypoints `.csv` or `.jsonl`.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The picture as it came.
    pub plain: PathBuf,
    /// The picture with what is drawn over it.
    pub drawn: PathBuf,
    /// The keypoints of its faces.
    pub keypoints: PathBuf,
    /// What is drawn.
    pub style: Style,
    /// Where keypoints were before, for the style's trails.
    pub trails: Trails,
}

/// What is asked of the thread.
pub(super) enum Command {
    Record(Recording),
    Stop,
    Snapshot(Arc<Scene>, Snapshot),
}

/// The thread's belongings.
pub(super) struct Output {
    pub(super) commands: Receiver<Command>,
    pub(super) scenes: Receiver<Arc<Scene>>,
    pub(super) valve: Arc<Valve>,
    pub(super) events: EventSender,
    pub(super) pulse: Pulse,
}

impl Output {
    /// Runs until nobody can ask for anything any more; a recording is ended then.
    pub(super) fn run(&self, tape: &mut Option<Tape>) {
        if let Some(broken) = tape.take() {
            self.end(
                broken,
                Some("the recording was ended by an error in the program".into()),
            );
        }
        enum Next {
            Command(Command),
            Scene(Arc<Scene>),
            End,
        }
        loop {
            // Commands first: while scenes come faster than they can be written, they would never be read otherwise.
            let next = self.pulse.rests(|| {
                crossbeam_channel::select_biased! {
                    recv(self.commands) -> command => command.map_or(Next::End, Next::Command),
                    recv(self.scenes) -> scene => scene.map_or(Next::End, Next::Scene),
                }
            });
            match next {
                Next::Command(command) => self.obey(command, tape),
                Next::Scene(scene) => self.write(tape, &scene),
                Next::End => break,
            }
        }
        if let Some(tape) = tape.take() {
            self.end(tape, None);
        }
    }

    fn obey(&self, command: Command, tape: &mut Option<Tape>) {
        match command {
            Command::Record(recording) => {
                if let Some(before) = tape.take() {
                    self.end(before, None);
                }
                self.valve.left_out.store(0, Ordering::Relaxed);
                *tape = Some(Tape::new(recording));
                self.valve.open.store(true, Ordering::Relaxed);
            }
            // Where there is none any more, it was told how it ended.
            Command::Stop => {
                if let Some(tape) = tape.take() {
                    self.end(tape, None);
                }
            }
            Command::Snapshot(scene, snapshot) => {
                let files = vec![
                    snapshot.plain.clone(),
                    snapshot.drawn.clone(),
                    snapshot.keypoints.clone(),
                ];
                let event = match take(&scene, snapshot) {
                    Ok(()) => Event::Saved {
                        files,
                        about: "Snapshot".into(),
                        recording: false,
                    },
                    Err(error) => Event::SaveFailed {
                        why: error.to_string(),
                        recording: false,
                    },
                };
                self.events.send(event);
            }
        }
    }

    fn write(&self, tape: &mut Option<Tape>, scene: &Arc<Scene>) {
        // In its place, where it outlives a panic.
        let written = tape.as_mut().map_or(Ok(()), |tape| tape.write(scene));
        if let Err(error) = written
            && let Some(broken) = tape.take()
        {
            self.end(broken, Some(error.to_string()));
        }
    }

    /// Ends a recording, for the reason why it cannot go on where there is one, and tells where it is or what went wrong: once.
    fn end(&self, mut tape: Tape, mut failed: Option<String>) {
        self.valve.open.store(false, Ordering::Relaxed);
        // What waits is of before the end, and is recorded; what comes later is not offered any more.
        for scene in self.scenes.try_iter() {
            if failed.is_none() {
                failed = tape.write(&scene).err().map(|error| error.to_string());
            }
        }
        let left_out = self.valve.left_out.load(Ordering::Relaxed);
        let Finished {
            files,
            frames,
            troubles,
        } = tape.finish();
        let mut troubles: Vec<String> = failed.into_iter().chain(troubles).collect();
        // A full disk is the reason for both.
        troubles.dedup();
        self.events.send(if troubles.is_empty() {
            Event::Saved {
                files,
                about: match left_out {
                    0 => format!("Recording of {frames} frames"),
                    _ => format!("Recording of {frames} frames; {left_out} more came too fast to be written"),
                },
                recording: true,
            }
        } else {
            let kept: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
            let kept = match &kept[..] {
                [] => String::new(),
                kept => format!("; what was written before is kept: {}", kept.join(", ")),
            };
            Event::SaveFailed {
                why: troubles.join("; ") + &kept,
                recording: true,
            }
        });
    }
}

/// What is left of a recording.
struct Finished {
    /// Files that can be read.
    files: Vec<PathBuf>,
    frames: u64,
    /// What is wrong with others.
    troubles: Vec<String>,
}

/// A recording under way. Its files begin with the first scene, whose size and points they take.
pub(super) struct Tape {
    recording: Recording,
    video: Option<VideoFile>,
    keypoints: Option<(KeypointRows, KeypointWriter)>,
    /// Which opening of a source the last scenes are of, and the position in it that is at `offset` of the recording.
    began: Option<(u64, Duration)>,
    /// Position at which the scenes of this opening begin in the recording.
    offset: Duration,
    /// Position of the last scene in the recording.
    last: Duration,
    /// Pictures in the video so far.
    pictures: u64,
    frames: u64,
    /// The last scene that was written.
    newest: Option<Arc<Scene>>,
    /// Keypoints of a face in the file of keypoints.
    points: Option<usize>,
    trails: Trails,
}

impl Tape {
    fn new(recording: Recording) -> Self {
        Self {
            recording,
            video: None,
            keypoints: None,
            began: None,
            offset: Duration::ZERO,
            last: Duration::ZERO,
            pictures: 0,
            frames: 0,
            newest: None,
            points: None,
            trails: Trails::default(),
        }
    }

    fn fps(&self) -> f64 {
        let announced = self.recording.fps.filter(|fps| RATES.contains(fps));
        announced.unwrap_or(USUAL_RATE)
    }

    /// Writes a scene, unless it is one more of the frame that was written last.
    fn write(&mut self, scene: &Arc<Scene>) -> Result<(), RecordError> {
        let number = |scene: &Arc<Scene>| (scene.frame.opening, scene.frame.sequence);
        if self.newest.as_ref().map(number) == Some(number(scene)) {
            return Ok(());
        }
        let time = self.place(scene);
        self.write_keypoints(scene, time)?;
        self.write_picture(scene, time)?;
        self.newest = Some(scene.clone());
        self.last = time;
        self.frames += 1;
        Ok(())
    }

    /// Where the scene lies in the recording: as far from the one before as in the source, or right behind it where the source
    /// is another one, or jumped.
    fn place(&mut self, scene: &Scene) -> Duration {
        let (opening, there) = (scene.frame.opening, scene.frame.source_time);
        let one_frame = Duration::from_secs_f64(1.0 / self.fps());
        if let Some((began_in, began)) = self.began.filter(|(began_in, _)| *began_in == opening) {
            let place = there.checked_sub(began).map(|since| self.offset + since);
            let near = place.filter(|place| *place >= self.last && *place - self.last <= LONGEST_GAP);
            if let Some(place) = near {
                return place;
            }
            self.began = Some((began_in, there));
        } else {
            self.began = Some((opening, there));
        }
        self.offset = if self.frames == 0 {
            Duration::ZERO
        } else {
            self.last + one_frame
        };
        self.offset
    }

    fn write_keypoints(&mut self, scene: &Scene, time: Duration) -> Result<(), RecordError> {
        let Some(path) = &self.recording.keypoints else {
            return Ok(());
        };
        if self.keypoints.is_none() {
            let Some(net) = &scene.net else { return Ok(()) };
            let rows = KeypointRows::new(KeypointFormat::of(path)?, net.scheme.count);
            let mut writer = KeypointWriter::create(path, &rows)?;
            writer.stay();
            self.points = Some(net.scheme.count);
            self.keypoints = Some((rows, writer));
        }
        // Faces of a net with other points do not fit the columns; the window ends the recording when such a net comes.
        let fits = scene
            .net
            .as_ref()
            .is_none_or(|net| Some(net.scheme.count) == self.points);
        if let Some((rows, writer)) = self.keypoints.as_mut().filter(|_| fits) {
            let text = rows.of(&scene.frame.source, self.frames, time, &scene.faces);
            writer.append(text.as_bytes())?;
        }
        Ok(())
    }

    /// Writes the scene's picture at its place in time, after filling the way there with the one before; not at all where another
    /// has that place.
    fn write_picture(&mut self, scene: &Scene, time: Duration) -> Result<(), RecordError> {
        let Some((path, style)) = &self.recording.video else {
            return Ok(());
        };
        let picture = &scene.frame.picture;
        let fps = self.fps();
        let video = match &mut self.video {
            Some(video) => video,
            None => {
                let video = VideoFile::create(path, picture.width(), picture.height(), fps)?;
                self.video.insert(video)
            }
        };
        let place = (time.as_secs_f64() * fps).round() as u64;
        if let Some(before) = self.newest.as_ref().filter(|_| self.pictures < place) {
            let picture = drawn(before, style.as_ref(), &self.trails)?;
            while self.pictures < place {
                video.write(&picture)?;
                self.pictures += 1;
            }
        }
        self.trails.push(&scene.faces);
        if place >= self.pictures {
            let picture = drawn(scene, style.as_ref(), &self.trails)?;
            video.write(&picture)?;
            self.pictures += 1;
        }
        Ok(())
    }

    /// Ends the files. What is wrong with one of them does not spoil the other.
    fn finish(self) -> Finished {
        let video = self.video.zip(self.recording.video);
        let video = video.map(|(video, (path, _))| (path, video.finish()));
        let keypoints = self.keypoints.zip(self.recording.keypoints);
        let keypoints = keypoints.map(|((_, writer), path)| (path, writer.finish()));
        let mut finished = Finished {
            files: Vec::new(),
            frames: self.frames,
            troubles: Vec::new(),
        };
        for (path, outcome) in video.into_iter().chain(keypoints) {
            match outcome {
                Ok(()) => finished.files.push(path),
                Err(error) => finished.troubles.push(error.to_string()),
            }
        }
        finished
    }
}

/// The scene's picture, with what `style` draws over it.
pub(super) fn drawn<'a>(
    scene: &'a Scene,
    style: Option<&Style>,
    trails: &Trails,
) -> Result<Cow<'a, RgbaImage>, RecordError> {
    let picture = &scene.frame.picture;
    let Some(style) = style else {
        return Ok(Cow::Borrowed(picture));
    };
    let mut shapes = if style.trails {
        trails.shapes(scene.net.as_ref().map(|net| &net.scheme), style)
    } else {
        Vec::new()
    };
    shapes.extend(scene.shapes(style));
    let mut picture = picture.clone();
    record::paint(&mut picture, &shapes)?;
    Ok(Cow::Owned(picture))
}

fn take(scene: &Scene, snapshot: Snapshot) -> Result<(), RecordError> {
    write_picture(&snapshot.plain, scene.frame.picture.clone())?;
    let drawn = drawn(scene, Some(&snapshot.style), &snapshot.trails)?;
    write_picture(&snapshot.drawn, drawn.into_owned())?;
    write_points(scene, &snapshot.keypoints)
}

fn write_points(scene: &Scene, path: &Path) -> Result<(), RecordError> {
    let points = scene.net.as_ref().map_or(0, |net| net.scheme.count);
    let rows = KeypointRows::new(KeypointFormat::of(path)?, points);
    let mut writer = KeypointWriter::create(path, &rows)?;
    let frame = scene.frame.sequence;
    writer.append(
        rows.of(&scene.frame.source, frame, scene.frame.source_time, &scene.faces)
            .as_bytes(),
    )?;
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::{scene::tests::empty, tap::Tap};
    use std::panic::AssertUnwindSafe;

    #[test]
    fn a_recording_outlives_a_panic_and_its_end_is_told() {
        let (events, told) = EventSender::channel(Arc::new(|| ()));
        let (wishes, commands) = crossbeam_channel::bounded(1);
        let (_tap, scenes, valve) = Tap::channel(1);
        let output = Output {
            commands,
            scenes,
            valve,
            events,
            pulse: Pulse::default(),
        };
        let mut tape = None;
        let recording = Recording {
            video: None,
            fps: None,
            keypoints: None,
        };
        output.obey(Command::Record(recording), &mut tape);
        // Beyond all times at last: the one way to have it panic.
        let far = Duration::MAX;
        for (sequence, time) in [Duration::ZERO, far, Duration::ZERO].into_iter().enumerate() {
            output.write(&mut tape, &Arc::new(empty(sequence as u64, time)));
        }
        let write = || output.write(&mut tape, &Arc::new(empty(3, far)));
        assert!(std::panic::catch_unwind(AssertUnwindSafe(write)).is_err());
        // As the thread begins again.
        drop(wishes);
        output.run(&mut tape);
        let event = told.try_recv().unwrap();
        assert!(
            matches!(&event, Event::SaveFailed { why, recording: true } if why.contains("an error in the program")),
            "{event:?}"
        );
        assert!(!output.valve.open.load(Ordering::Relaxed));
    }
}
