//! The workers: each takes the next input until there is none, with a detector and a net of its own.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use anyhow::{Context, Result};

use super::{
    inputs::Job,
    stats::alone,
    worker::{Ended, Report, Setup, Worker},
};

/// Reports that may wait for each worker: enough that none waits for a slow moment of the disk, few enough that their
/// rows are no matter for the memory.
const WAITING_REPORTS: usize = 16;

/// Lets up to `workers` workers, the first of which is there already, do the jobs `to_do` of `jobs`, and `take`s what
/// they report, with the place of the job, in the calling thread. Ends after the frames at hand when `stop` is set.
///
/// # Errors
/// When no worker can be started, or `take` fails; then the workers stop.
pub fn work(
    jobs: &[Job],
    to_do: &[usize],
    workers: usize,
    first: Worker,
    setup: &Setup,
    stop: &AtomicBool,
    take: &mut dyn FnMut(usize, Report) -> Result<()>,
) -> Result<()> {
    let (sender, reports) = crossbeam_channel::bounded(workers * WAITING_REPORTS);
    let next = AtomicUsize::new(0);
    let next_job = || match stop.load(Ordering::Relaxed) {
        true => None,
        false => to_do.get(next.fetch_add(1, Ordering::Relaxed)).copied(),
    };
    let next_job = &next_job;
    thread::scope(|scope| {
        let mut first = Some(first);
        for number in 1..=workers {
            let (sender, first) = (sender.clone(), first.take());
            let all_jobs = move || match first.map_or_else(|| Worker::new(setup), Ok) {
                Ok(mut worker) => {
                    while let Some(job) = next_job() {
                        // Nobody listens any more only after `stop` was set.
                        let report = |report| drop(sender.send((job, report)));
                        report(Report::Begun);
                        let ended = one_job(&mut worker, &jobs[job], stop, &report);
                        report(Report::Ended(ended));
                    }
                }
                Err(error) => tracing::warn!("worker {number} cannot start, the others go on: {error:#}"),
            };
            let thread = thread::Builder::new().name(format!("annotate-{number}"));
            // Not while another worker's decoder starts its threads, lest this one be taken for one of them.
            alone(|| thread.spawn_scoped(scope, all_jobs))
                .context("the system gives no more threads; give a smaller --jobs")
                .inspect_err(|_| stop.store(true, Ordering::Relaxed))?;
        }
        drop(sender);
        for (job, report) in reports {
            take(job, report).inspect_err(|_| stop.store(true, Ordering::Relaxed))?;
        }
        Ok(())
    })
}

/// One input must not take the others with it: libtorch's wrapper panics where memory runs out, for example.
fn one_job(worker: &mut Worker, job: &Job, stop: &AtomicBool, report: &dyn Fn(Report)) -> Ended {
    match catch_unwind(AssertUnwindSafe(|| worker.run(job, stop, report))) {
        Ok(Ok(ended)) => ended,
        Ok(Err(error)) => Ended::Failed(match format!("{error:#}") {
            problem if problem.contains(&*job.input.to_string_lossy()) => problem,
            problem => format!("{problem}: {}", job.input.display()),
        }),
        Err(_) => Ended::Failed(format!(
            "that should not have happened; please report it with the lines above: {}",
            job.input.display()
        )),
    }
}
