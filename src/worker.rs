//! Threads that work for the window: named, begun again after a panic, and watched, so that one that hangs is told of. Knows no
//! other room.

use std::{
    any::Any,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    thread::{Builder, JoinHandle},
    time::{Duration, Instant},
};

/// Wait before a thread is begun again; twice as long after every further panic, up to the longest.
const FIRST_REST: Duration = Duration::from_millis(50);
const LONGEST_REST: Duration = Duration::from_secs(1);
/// One that has worked so long has got over its last panic.
const CALM: Duration = Duration::from_secs(10);

/// Starts a thread that does `work` until that returns. libtorch's wrapper panics in places, such as when memory runs out: then
/// `told` is called with the message, the first time of several in a row, and the work begun again.
///
/// # Errors
/// When the system gives no more threads.
pub fn spawn(
    name: &'static str,
    mut work: impl FnMut() + Send + 'static,
    told: impl Fn(&str) + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let run = move || {
        let mut rest = FIRST_REST;
        loop {
            let began = Instant::now();
            let Err(panic) = catch_unwind(AssertUnwindSafe(&mut work)) else {
                return;
            };
            if began.elapsed() > CALM {
                rest = FIRST_REST;
            }
            if rest == FIRST_REST {
                // Telling it may fail as well.
                let _ = catch_unwind(AssertUnwindSafe(|| told(message_of(panic.as_ref()))));
            }
            std::thread::sleep(rest);
            rest = (rest * 2).min(LONGEST_REST);
        }
    };
    Builder::new().name(name.to_owned()).spawn(run)
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no reason given")
}

/// Shows from outside whether a thread is at work on something, and since when. Clones are of the same thread.
#[derive(Debug, Clone, Default)]
pub struct Pulse {
    /// Milliseconds on the clock of [`now`] at which it began; 0 while it waits.
    since: Arc<AtomicU64>,
}

impl Pulse {
    /// To be called when something is begun.
    pub fn works(&self) {
        self.since.store(now(), Ordering::Relaxed);
    }

    /// Waits by `wait`, which does not count as work; what comes after does.
    pub fn rests<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.since.store(0, Ordering::Relaxed);
        let waited = wait();
        self.works();
        waited
    }

    /// How long it has been at work on one thing; zero while it waits.
    pub fn at_work_for(&self) -> Duration {
        match self.since.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            since => Duration::from_millis(now().saturating_sub(since)),
        }
    }
}

/// Milliseconds on a clock of this process, from 1.
fn now() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let since = START.get_or_init(Instant::now).elapsed().as_millis();
    u64::try_from(since).unwrap_or(u64::MAX - 1) + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn work_that_panics_is_begun_again_and_told_of_once_in_a_row() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let tellers = told.clone();
        let mut rounds = 0;
        let work = move || {
            rounds += 1;
            assert!(rounds > 3, "round {rounds}");
        };
        let thread = spawn("test", work, move |why| {
            tellers.lock().unwrap().push(why.to_owned())
        });
        thread.unwrap().join().unwrap();
        assert_eq!(*told.lock().unwrap(), ["round 1"]);
    }

    #[test]
    fn a_pulse_tells_work_from_waiting() {
        let pulse = Pulse::default();
        assert!(pulse.at_work_for().is_zero());
        pulse.works();
        std::thread::sleep(Duration::from_millis(5));
        assert!(pulse.at_work_for() >= Duration::from_millis(4));
        let waiting = pulse.rests(|| pulse.at_work_for());
        assert!(waiting.is_zero());
    }
}
