//! What this process uses: CPU time, memory, threads. Knows no other room.

use std::time::Duration;

/// CPU time of all threads of this process, those that have ended included.
pub fn process_cpu_time() -> Duration {
    clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// CPU time of the calling thread.
pub fn thread_cpu_time() -> Duration {
    clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

fn clock(id: libc::clockid_t) -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a live timespec; the call writes nothing else and fails only for unknown clocks.
    unsafe { libc::clock_gettime(id, &raw mut time) };
    Duration::new(
        time.tv_sec.max(0) as u64,
        time.tv_nsec.clamp(0, 999_999_999) as u32,
    )
}

/// Gives the calling thread, and those that it starts, about a tenth of a core that others want as well, and all of one that nobody
/// wants. Elsewhere than on Linux, where this is not a thread's own, nothing is done.
pub fn yield_to_others() {
    #[cfg(target_os = "linux")]
    {
        /// Half way down to the lowest priority, with which nothing at all would be done on a busy machine.
        const LOW: libc::c_int = 10;
        // SAFETY: it takes plain numbers. On Linux 0 stands for the calling thread; to lower one's own priority is always allowed.
        unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, LOW) };
    }
}

/// Memory and threads of this process; 0 where the system does not say.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Usage {
    /// Memory in use, MB (10^6 bytes).
    pub memory_mb: f64,
    /// The most that was ever in use, MB.
    pub peak_memory_mb: f64,
    /// Threads, those of libraries among them.
    pub threads: u32,
}

impl Usage {
    /// As it is now.
    pub fn now() -> Self {
        Self::of(&std::fs::read_to_string("/proc/self/status").unwrap_or_default())
    }

    /// What a text like that of `/proc/self/status` says.
    fn of(status: &str) -> Self {
        let number = |name: &str| {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok())
                .unwrap_or(0.0)
        };
        let mb = |name| number(name) * 1024.0 / 1e6;
        Self {
            memory_mb: mb("VmRSS"),
            peak_memory_mb: mb("VmHWM"),
            threads: number("Threads") as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_memory_and_threads() {
        let usage = Usage::now();
        assert!(usage.memory_mb > 1.0 && usage.peak_memory_mb >= usage.memory_mb * 0.9);
        assert!(usage.threads >= 1);
        assert_eq!(Usage::of("VmRSS: some\nThreads:"), Usage::default());
    }

    #[test]
    fn a_thread_that_works_uses_time_of_its_own_and_of_the_process() {
        let (thread, process) = (thread_cpu_time(), process_cpu_time());
        let work = Duration::from_millis(30);
        while thread_cpu_time() - thread < work {}
        assert!(process_cpu_time() - process >= work);
    }
}
