//! What a net under trial may use. Talks to the operating system.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a net under trial may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Time on a core, of all its threads together.
    pub computing: Duration,
    /// Time until it has ended, which is longer on a busy machine.
    pub time: Duration,
    /// Memory beside what the program itself has, bytes; some times the size of its file comes on top of it.
    pub memory: u64,
}

/// A net that needs as much for two faces is of no use on live video, on whatever machine.
impl Default for Limits {
    fn default() -> Self {
        Self {
            computing: Duration::from_secs(30),
            time: Duration::from_secs(120),
            memory: 4 << 30,
        }
    }
}

/// Copies of a file that are in memory while it is loaded: its bytes, those unpacked, its tensors, and the same with taps.
const COPIES: u64 = 6;

impl Limits {
    /// Holds this process to them from now on; it may neither write files nor leave its memory behind when it ends.
    #[cfg(unix)]
    pub(super) fn impose(&self, file_size: u64) {
        let limit = |what, most: u64| {
            let limit = libc::rlimit {
                rlim_cur: most as libc::rlim_t,
                rlim_max: most as libc::rlim_t,
            };
            // SAFETY: the pointer is to a live value, which is read only. To allow less is always possible.
            unsafe { libc::setrlimit(what, &raw const limit) };
        };
        #[cfg(target_os = "linux")]
        {
            // Where memory runs out, it is this process that goes. Where that cannot be said, nothing is lost.
            let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
            // SAFETY: it takes plain numbers.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        }
        limit(libc::RLIMIT_CORE, 0);
        limit(libc::RLIMIT_FSIZE, 0);
        limit(libc::RLIMIT_CPU, self.computing.as_secs().max(1));
        if let Some(present) = address_space() {
            limit(libc::RLIMIT_AS, present + self.memory + COPIES * file_size);
        }
    }

    /// There, the time until it has ended is all that is limited.
    #[cfg(not(unix))]
    pub(super) fn impose(&self, _file_size: u64) {}
}

/// Addresses that this process has given out by now, bytes; `None` where the system does not say.
#[cfg(unix)]
fn address_space() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_whitespace().next()?.parse().ok()?;
    // SAFETY: it takes a plain number.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    Some(pages * u64::try_from(page).ok()?)
}
