//! Which cameras there are, looked for by a thread of its own: asking a camera's driver takes longer than a frame may.

use std::{
    path::Path,
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant, SystemTime},
};

use crate::{
    pipeline::{Slot, Taken, Wake},
    source::cameras::{self, Camera},
    worker,
};

/// How soon what was plugged in or out is seen while somebody looks at the list.
const EVERY: Duration = Duration::from_millis(700);
/// How often the thread looks up while nobody asks; closing its slot wakes it at once.
const PATIENCE: Duration = Duration::from_secs(5);
/// Folders that change when a camera comes or goes, and when its stable link is made.
const FOLDERS: [&str; 3] = ["/dev", "/dev/v4l/by-id", "/dev/v4l/by-path"];

/// The cameras, as far as they were asked for.
pub struct CameraList {
    asked: Arc<Slot<()>>,
    answers: Arc<Slot<Vec<Camera>>>,
    known: Option<Vec<Camera>>,
    last_asked: Option<Instant>,
    thread: Option<JoinHandle<()>>,
}

impl CameraList {
    /// A list that nobody has asked for yet; `wake` has the window drawn when it changes.
    pub fn start(wake: Wake) -> Self {
        let (asked, answers) = (Arc::<Slot<()>>::default(), Arc::<Slot<Vec<Camera>>>::default());
        let run = {
            let (asked, answers) = (asked.clone(), answers.clone());
            move || look(&asked, &answers, &wake)
        };
        let thread = worker::spawn("cameras", run, |_| {});
        Self {
            asked,
            answers,
            known: None,
            last_asked: None,
            thread: thread
                .map_err(|error| tracing::warn!("cameras cannot be listed: {error}"))
                .ok(),
        }
    }

    /// The cameras as they were a moment ago; `None` while they are looked for the first time. To be asked in every pass
    /// while somebody looks at them; when to ask again comes with it.
    pub fn get(&mut self, now: Instant) -> (Option<&[Camera]>, Duration) {
        if self.last_asked.is_none_or(|last| now >= last + EVERY) {
            self.last_asked = Some(now);
            self.asked.put(());
        }
        if let Some(answer) = self.answers.take_now() {
            self.known = Some(answer);
        }
        (self.known.as_deref(), EVERY)
    }
}

impl Drop for CameraList {
    fn drop(&mut self) {
        self.asked.close();
        if let Some(thread) = self.thread.take() {
            // One that panicked has nothing to tell.
            let _ = thread.join();
        }
    }
}

/// Lists the cameras whenever that is asked for and something may have changed: a camera's driver is not bothered for nothing.
fn look(asked: &Slot<()>, answers: &Slot<Vec<Camera>>, wake: &Wake) {
    let mut last = None;
    loop {
        match asked.take(PATIENCE) {
            Taken::Value(()) => {
                let stamps = FOLDERS.map(stamp);
                if last != Some(stamps) {
                    answers.put(cameras::list());
                    last = Some(stamps);
                    wake();
                }
            }
            Taken::Nothing => {}
            Taken::Closed => return,
        }
    }
}

fn stamp(folder: &str) -> Option<SystemTime> {
    Path::new(folder).metadata().ok()?.modified().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_comes_by_itself_after_it_was_asked_for() {
        let mut list = CameraList::start(Arc::new(|| ()));
        let mut now = Instant::now();
        let deadline = now + Duration::from_secs(60);
        while list.get(now).0.is_none() {
            assert!(Instant::now() < deadline, "no list comes");
            std::thread::sleep(Duration::from_millis(5));
            now = Instant::now();
        }
        assert_eq!(list.get(now).0, Some(&cameras::list()[..]));
    }
}
