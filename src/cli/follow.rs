//! `pinkpoint follow`: what the live window does, without a window, for other programs.

use std::{
    collections::HashSet,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use clap::Args;
use crossbeam_channel::Receiver;

use super::following::{
    CameraNeverCame, above_zero, check_source, check_targets, each_once, seconds, source_spec,
};
use crate::{
    detect::{CascadeDetector, CascadeSettings, smooth::Strength},
    model::{DeviceChoice, Trial, catalogue},
    overlay::Style,
    pipeline::{Event, Limits, Opener, Pipeline, Role, SOURCE_STAGE, Sending, Setup, Taken},
    send::Target,
    source::{self, SourceSpec},
};

/// How often it is looked whether the end was asked for, while no frames come.
const GLANCE: Duration = Duration::from_millis(100);

/// Follow faces without a window, and tell other programs where they are: a line of JSON a frame on standard output, or whatever
/// --send asks for.
#[derive(Debug, Args)]
pub struct FollowArgs {
    /// Where pictures come from: camera, camera:N, camera:NAME, camera:=EXACT NAME, /dev/videoN, FILE, URL or demo
    #[arg(long, value_name = "SOURCE", default_value = "camera", value_parser = source_spec())]
    source: SourceSpec,
    /// To whom, instead of standard output: udp://HOST:PORT (JSON), osc://HOST:PORT, v4l2:/dev/videoN (a virtual camera), or -
    /// for standard output; may be given several times
    #[arg(long, value_name = "TARGET")]
    send: Vec<Target>,
    /// The net: a TorchScript file, or the name of a net that comes with the program
    #[arg(long, value_name = "FILE|NAME", default_value = catalogue::DEFAULT)]
    weights: String,
    /// Where the net runs: auto, cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: DeviceChoice,
    /// How much the points are steadied, 0 (off) to 1
    #[arg(long, value_name = "STRENGTH", default_value_t = Strength::default().value())]
    smooth: f32,
    /// Take no more than so many frames a second
    #[arg(long, value_name = "N", value_parser = above_zero)]
    max_fps: Option<f64>,
    /// Take every frame of a file, as fast as they can be looked at, instead of keeping to its own speed
    #[arg(long)]
    fast: bool,
    /// End after so many seconds, counted from when the net is loaded
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    run_for: Option<Duration>,
}

/// Follows faces until the file ends, the time is over, nobody reads any more, or the end is asked for.
///
/// # Errors
/// When source, net or a target cannot be used; [`CameraNeverCame`] when that is so.
pub fn run(args: FollowArgs) -> anyhow::Result<()> {
    if let SourceSpec::File(path) = &args.source {
        check_source(path)?;
    }
    let weights = catalogue::resolve(&args.weights)?;
    let targets = match args.send.is_empty() {
        true => vec![Target::Stdout],
        false => each_once(args.send.clone()),
    };
    check_targets(&targets)?;
    args.device.resolve()?;
    let interrupted = super::stop_on_ctrl_c(|| ())?;
    source::limit_opencv_threads(1);
    let (gate, opens) = crossbeam_channel::bounded(1);
    let setup = setup(&args, weights, opens)?;
    let pipeline = Pipeline::start(setup, Arc::new(|| ())).context("the system gives no threads")?;
    pipeline.repeat(false);
    pipeline.take_every_frame(args.fast);
    pipeline.send_to(Sending {
        targets,
        style: Style::default(),
    });
    let mut follow = Follow {
        gate: Some(gate),
        pipeline,
        run_for: args.run_for,
        ends_at: None,
        interrupted,
        ended: false,
        trouble: None,
        hangs: HashSet::new(),
        unread: false,
    };
    let outcome = follow.until_end();
    follow.finish();
    outcome?;
    if follow.unread {
        bail!("not all of the source could be read: what was sent is not all of it");
    }
    let never_came = follow.pipeline.frames_captured() == 0;
    match follow.trouble.filter(|_| never_came && args.run_for.is_some()) {
        Some(why) => Err(CameraNeverCame { why }.into()),
        None => Ok(()),
    }
}

/// What runs; the source is opened once something comes through `opens`, or its other end is dropped.
fn setup(args: &FollowArgs, weights: PathBuf, opens: Receiver<()>) -> anyhow::Result<Setup> {
    // Frames that come before the net is there would be said to have nobody in them.
    let opener: Opener = Box::new(move |spec, wishes| {
        let _ = opens.recv();
        source::open_with(spec, wishes)
    });
    let detector = CascadeDetector::open(CascadeSettings::following())?;
    Ok(Setup {
        weights: Some(weights),
        device: args.device,
        trial: Some(Arc::new(Trial::of_this_program()?)),
        smoothing: Strength::new(args.smooth),
        limits: Limits {
            fps: args.max_fps,
            cpu: None,
        },
        ..Setup::new(opener, args.source.clone(), Box::new(detector))
    })
}

/// A run under way.
struct Follow {
    /// Dropped to have the source opened, once a net is there.
    gate: Option<crossbeam_channel::Sender<()>>,
    pipeline: Pipeline,
    run_for: Option<Duration>,
    /// When that is over: it begins when the net is there, however long that takes.
    ends_at: Option<Instant>,
    interrupted: Arc<AtomicBool>,
    /// The file is over; what was read of it may be under way.
    ended: bool,
    /// What the source is waited for.
    trouble: Option<String>,
    /// Parts of the program of which it was told that they hang.
    hangs: HashSet<&'static str>,
    /// Something of the source could not be read.
    unread: bool,
}

impl Follow {
    fn until_end(&mut self) -> anyhow::Result<()> {
        let scenes = self.pipeline.scenes();
        let mut seen = 0;
        loop {
            let events: Vec<Event> = self.pipeline.events().collect();
            for event in events {
                if self.take_in(event)? {
                    return Ok(());
                }
            }
            let over = self.ends_at.is_some_and(|end| Instant::now() >= end);
            if over || self.interrupted.load(Ordering::Relaxed) {
                return Ok(());
            }
            match scenes.take(GLANCE) {
                Taken::Value(scene) => seen = scene.frame.sequence + 1,
                Taken::Nothing => {}
                Taken::Closed => return Ok(()),
            }
            if self.ended && seen >= self.pipeline.frames_captured() {
                return Ok(());
            }
        }
    }

    /// Takes in what happened; whether it is the end.
    fn take_in(&mut self, event: Event) -> anyhow::Result<bool> {
        match event {
            Event::WeightsLoaded {
                role: Role::Shown, ..
            } => {
                // Later ones are the same file again, which was renewed.
                if self.gate.take().is_some() {
                    self.ends_at = self.run_for.and_then(|time| Instant::now().checked_add(time));
                }
            }
            Event::WeightsFailed {
                why,
                role: Role::Shown,
                let_go: false,
                ..
            } if self.gate.is_none() => complain!("The net before goes on: {why}"),
            Event::WeightsFailed {
                why,
                role: Role::Shown,
                ..
            }
            | Event::SourceFailed { why, .. } => bail!(why),
            Event::Ended => self.ended = true,
            Event::SendFailed {
                nobody_reads: true, ..
            } => return Ok(true),
            Event::SendFailed { target, why, .. } => complain!("{target}: {why}"),
            Event::Opened { spec, info, .. } => {
                self.trouble = None;
                if spec == SourceSpec::FirstCamera && !info.live {
                    complain!("There is no camera, so this is the {}.", info.name);
                }
            }
            Event::Waiting { why, .. } => {
                if self.trouble.as_ref() != Some(&why) {
                    complain!("Waiting: {why}");
                }
                self.trouble = Some(why);
            }
            // It waits for the net.
            Event::Hangs { stage, .. } if stage == SOURCE_STAGE && self.gate.is_some() => {}
            Event::Hangs {
                stage,
                at_work,
                advice,
            } => {
                self.hangs.insert(stage);
                complain!(
                    "{stage}: nothing has come of it for {} s. {advice}",
                    at_work.as_secs()
                );
            }
            Event::GoesOn { stage } => {
                if self.hangs.remove(stage) {
                    complain!("{stage}: it goes on.");
                }
            }
            Event::StageFailed { stage, why } => {
                self.unread |= stage == SOURCE_STAGE;
                complain!("{stage}: {why}");
            }
            // Of what only a window asks for.
            Event::Opening { .. }
            | Event::Controls(_)
            | Event::ControlRefused { .. }
            | Event::LoadingWeights { .. }
            | Event::WeightsLoaded { .. }
            | Event::WeightsFailed { .. }
            | Event::Saved { .. }
            | Event::SaveFailed { .. } => {}
        }
        Ok(false)
    }

    /// Ends everything, and says what was sent where that is not seen anyway.
    fn finish(&mut self) {
        // A source that was not opened yet is waited for no longer.
        self.gate = None;
        self.pipeline.stop();
        for state in self.pipeline.sending() {
            let left_out = match state.left_out {
                0 if state.target == Target::Stdout => continue,
                0 => String::new(),
                left_out => format!(", {left_out} left out as they came too fast"),
            };
            complain!("{}: {} frames sent{left_out}", state.target, state.sent);
        }
    }
}
