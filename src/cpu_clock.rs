//! CPU time of this process and its threads. Knows no other room.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_works_uses_time_of_its_own_and_of_the_process() {
        let (thread, process) = (thread_cpu_time(), process_cpu_time());
        let work = Duration::from_millis(30);
        while thread_cpu_time() - thread < work {}
        assert!(process_cpu_time() - process >= work);
    }
}
