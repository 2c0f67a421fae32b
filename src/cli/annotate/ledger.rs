//! Puts what workers find, as it comes, into the order of the inputs. Rows that come before their turn wait on disk.

use anyhow::{Context, Result};

use super::{
    inputs::Job,
    journal::{Identity, Journal, Span},
};
use crate::record::KeypointWriter;

/// Who writes keypoints down, and knows which inputs are finished.
#[derive(Debug)]
pub struct Ledger {
    journal: Option<Journal>,
    keypoints: Option<KeypointWriter>,
    entries: Vec<Entry>,
    /// The input whose rows go straight to the file of keypoints.
    turn: usize,
}

/// What is known of one input.
#[derive(Debug)]
struct Entry {
    /// As it was before it was read.
    identity: Option<Identity>,
    /// Rows that wait for their turn.
    waiting: Vec<Span>,
    finished_before: bool,
    ended: bool,
}

impl Ledger {
    /// A ledger for `jobs`, some of which `journal` may know to be finished: those whose output is there as well. Rows
    /// can be taken only with a journal.
    ///
    /// # Errors
    /// When rows cannot be written.
    pub fn new(jobs: &[Job], journal: Option<Journal>, keypoints: Option<KeypointWriter>) -> Result<Self> {
        let entry = |job: &Job| {
            let identity = Identity::of(&job.input);
            let known = journal
                .as_ref()
                .zip(identity.as_ref())
                .and_then(|(journal, identity)| journal.finished(identity))
                .filter(|_| job.output.as_ref().is_none_or(|output| output.exists()));
            Entry {
                waiting: known.unwrap_or_default().to_vec(),
                finished_before: known.is_some(),
                ended: known.is_some(),
                identity,
            }
        };
        let mut ledger = Self {
            entries: jobs.iter().map(entry).collect(),
            journal,
            keypoints,
            turn: 0,
        };
        ledger.go_on()?;
        Ok(ledger)
    }

    /// The jobs that are not finished, by their places among all.
    pub fn to_do(&self) -> Vec<usize> {
        let all = self.entries.iter().enumerate();
        all.filter(|(_, entry)| !entry.finished_before)
            .map(|(job, _)| job)
            .collect()
    }

    /// Takes rows of a job.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn rows(&mut self, job: usize, rows: &[u8]) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        if let Some(journal) = &mut self.journal {
            let span = journal.rows(job, rows).context(CANNOT_KEEP)?;
            self.entries[job].waiting.push(span);
        }
        if job == self.turn {
            self.write(job)?;
        }
        Ok(())
    }

    /// Nothing more comes from a job. Only if it is `whole`, it need not be done again.
    ///
    /// # Errors
    /// As [`Self::rows`].
    pub fn end(&mut self, job: usize, whole: bool) -> Result<()> {
        let entry = &mut self.entries[job];
        entry.ended = true;
        if whole
            && let Some(journal) = &mut self.journal
            && let Some(identity) = entry.identity.take()
        {
            journal.finish(job, identity).context(CANNOT_KEEP)?;
        }
        self.go_on()
    }

    /// Ends the file of keypoints, also where jobs were left out.
    ///
    /// # Errors
    /// As [`Self::rows`].
    pub fn finish(mut self) -> Result<()> {
        for job in self.turn..self.entries.len() {
            self.write(job)?;
        }
        if let Some(keypoints) = self.keypoints {
            keypoints.finish()?;
        }
        Ok(())
    }

    /// It is the turn of the first job that has not ended.
    fn go_on(&mut self) -> Result<()> {
        while self.turn < self.entries.len() {
            self.write(self.turn)?;
            if !self.entries[self.turn].ended {
                break;
            }
            self.turn += 1;
        }
        Ok(())
    }

    /// Writes the rows of a job that wait.
    fn write(&mut self, job: usize) -> Result<()> {
        let waiting = std::mem::take(&mut self.entries[job].waiting);
        if let (Some(journal), Some(keypoints)) = (&self.journal, &mut self.keypoints) {
            for span in waiting {
                keypoints.append(journal.read_at(span))?;
            }
        }
        Ok(())
    }
}

const CANNOT_KEEP: &str = "cannot keep the keypoints for their turn; the disk may be full";
