//! What the pipeline tells, taken in: the state of the source, nets that came or did not, things to say.

use std::path::{Path, PathBuf};

use super::Window;
use crate::{
    app::{notices::Severity, settings::absolute, signs::Sign},
    model::catalogue,
    pipeline::{Event, NetInfo, Role},
    source::SourceSpec,
};

impl Window {
    pub(super) fn take_in(&mut self, event: Event) {
        match event {
            Event::Opening { spec, opening } => {
                self.source.leave_for(&spec);
                self.source
                    .wait_for(Sign::starting(format!("Starting {} …", spec.shown())), opening);
            }
            Event::Opened { spec, info, opening } => {
                if spec == SourceSpec::FirstCamera && !info.live {
                    let text = format!("There is no camera to show, so this is the {}.", info.name);
                    self.notices.say(Severity::Hint, text);
                }
                self.remember_source(&spec);
                tracing::info!(
                    source = info.name,
                    width = info.width,
                    height = info.height,
                    "source opened"
                );
                self.source
                    .wait_for(Sign::starting(format!("Starting {} …", info.name)), opening);
                self.source.info = Some(*info);
                self.source.spec = Some(spec);
                self.source.trouble = None;
            }
            Event::Waiting {
                spec,
                cause,
                why,
                retry_in,
                opening,
            } => {
                let seconds = retry_in.as_secs_f32();
                let again = format!("Trying {} again in {seconds:.1} s.", spec.shown());
                // Once, however often it is tried again.
                if self.source.trouble.as_ref() != Some(&why) {
                    tracing::info!("waiting for a source: {why}");
                }
                self.source.wait_for(Sign::waiting(cause, &why, &again), opening);
                self.source.trouble = Some(why);
            }
            Event::SourceFailed { why, .. } => {
                self.source.stop_waiting();
                self.source.trouble = Some(why.clone());
                self.notices.say(Severity::Error, why);
            }
            Event::Controls(controls) => {
                if let Some(camera) = self.source.camera_mut() {
                    camera.controls = controls;
                }
            }
            Event::ControlRefused { id, why } => self.control_refused(id, &why),
            Event::Ended => self.settings.view.paused = true,
            Event::LoadingWeights {
                path,
                role: Role::Shown,
            } => self.loading_weights = Some(path),
            Event::WeightsLoaded {
                net,
                role: Role::Compared,
            } => {
                self.loading_compared = None;
                // It may have been sent away while it was loaded.
                if self.comparing {
                    self.settings.compared = Some(self.remembered_name(&net.path));
                    self.remark_on_reading(&net);
                }
            }
            Event::WeightsFailed {
                why,
                role: Role::Compared,
                ..
            } => {
                self.loading_compared = None;
                if self.comparing {
                    self.notices.say(Severity::Error, why);
                }
            }
            Event::LoadingWeights {
                path,
                role: Role::Compared,
            } => self.loading_compared = Some(path).filter(|_| self.comparing),
            Event::WeightsLoaded {
                net,
                role: Role::Shown,
            } => {
                self.loading_weights = None;
                self.settings.view.held = false;
                self.end_recording_before(net.scheme.count);
                self.points = Some(net.scheme.count);
                self.remember_reading(&net);
                self.remember_weights(&net.path);
                self.remark_on_reading(&net);
                tracing::info!(net = net.name, device = net.device, "net loaded");
            }
            Event::WeightsFailed {
                why,
                role: Role::Shown,
                ..
            } => {
                self.loading_weights = None;
                self.wanted_reading = None;
                self.notices.say(Severity::Error, why);
            }
            Event::Saved {
                files,
                about,
                recording,
            } => {
                if recording {
                    self.recording = None;
                }
                match &files[..] {
                    [] => self.notices.say(Severity::Hint, "There was nothing to record."),
                    [first, further @ ..] => {
                        let folder = first.parent().unwrap_or(first);
                        let name = |file: &PathBuf| {
                            file.file_name()
                                .unwrap_or_default()
                                .to_string_lossy()
                                .into_owned()
                        };
                        let names: Vec<String> = std::iter::once(first).chain(further).map(name).collect();
                        let text = format!("{about}: {} in {}", names.join(", "), folder.display());
                        self.notices.say_of_folder(text, folder.to_path_buf());
                    }
                }
            }
            Event::SaveFailed { why, recording } => {
                if recording {
                    self.recording = None;
                }
                self.notices.say(Severity::Error, why);
            }
            Event::SendFailed { target, why, .. } => {
                self.notices.say(Severity::Error, format!("{target}: {why}"));
            }
            Event::Hangs {
                stage,
                at_work,
                advice,
            } => {
                let seconds = at_work.as_secs();
                let text = format!("{stage}: nothing has come of it for {seconds} s. {advice}");
                self.notices.say(Severity::Error, text);
            }
            Event::GoesOn { stage } => self.notices.say(Severity::Hint, format!("{stage}: it goes on.")),
            Event::StageFailed { stage, why } => {
                self.notices.say(Severity::Error, format!("{stage}: {why}"));
            }
        }
    }

    /// A table of keypoints has one number of them: a net with another number ends it.
    fn end_recording_before(&mut self, points: usize) {
        let other = self.points.is_some_and(|before| before != points);
        if self.recording.is_some() && other && self.stop_recording() {
            let text = "The recording ends here, since this net gives another number of keypoints.";
            self.notices.say(Severity::Hint, text);
        }
    }

    /// Says so where a file leaves open how its numbers are read, and nobody has said it.
    fn remark_on_reading(&mut self, net: &NetInfo) {
        if net.assumed.is_none() || self.settings.reading(&net.path).is_some() {
            return;
        }
        let text = format!(
            "{} does not say how its numbers are read, so they are read as the course's. Where points lie wrongly, that is \
             set in the settings, under Net (key O), while it is the net in use.",
            net.name
        );
        self.notices.say(Severity::Hint, text);
    }

    /// Keeps how the net is read, once it has proved to work so. One that does not work as was wished is read as usual by now:
    /// it is told, and the net read as before. What was kept and does not work any more is forgotten.
    fn remember_reading(&mut self, net: &NetInfo) {
        if let Some((path, reading)) = self.wanted_reading.take_if(|(path, _)| *path == net.path) {
            match reading.filter(|wanted| net.assumed != Some(*wanted)) {
                Some(wanted) => {
                    let text = format!(
                        "{} does not work with squares of {} px, so it is read as before.",
                        net.name, wanted.input_side
                    );
                    self.notices.say(Severity::Error, text);
                    return self.load_weights(path);
                }
                None => self.settings.read_as(&path, reading),
            }
        }
        let kept = self.settings.reading(&net.path);
        if kept.is_some_and(|kept| net.assumed.is_none_or(|now| now.input_side != kept.input_side)) {
            self.settings.read_as(&net.path, None);
        }
    }

    /// The source is shown again the next time, and files and streams are offered again.
    fn remember_source(&mut self, spec: &SourceSpec) {
        let text = match spec {
            // From another folder the next time, perhaps; and also where it is called like something else.
            SourceSpec::File(path) => SourceSpec::File(absolute(path).into()).to_string(),
            _ => spec.to_string(),
        };
        if matches!(spec, SourceSpec::File(_) | SourceSpec::Url(_)) {
            self.settings.opened(&text);
        }
        self.settings.source = Some(text);
    }

    /// The net is used again the next time, and files are offered again.
    fn remember_weights(&mut self, path: &Path) {
        self.settings.weights = Some(self.remembered_name(path));
    }

    /// What means this net the next time: its name where it is bundled; a file is offered again as well.
    fn remembered_name(&mut self, path: &Path) -> String {
        if let Some(bundled) = catalogue::bundled_name(path) {
            return bundled;
        }
        let file = absolute(path);
        self.settings.loaded(&file);
        file
    }
}
