//! The keypoints of every input, on disk in the order in which they come, and which inputs are finished.
//!
//! Lines of JSON, of which those called `rows` are followed by as many bytes as they say. It only grows, so that
//! whatever ends a run, all but its last record is whole.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    os::unix::fs::FileExt,
    path::Path,
    time::UNIX_EPOCH,
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::files;

/// What the results depend on, by the names of the options.
pub type Settings = serde_json::Map<String, serde_json::Value>;

/// Which file an input was: one that was changed is another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    input: String,
    bytes: u64,
    /// Nanoseconds since 1970.
    changed: u64,
}

impl Identity {
    /// The file as it is now; `None` where the system does not say.
    pub fn of(path: &Path) -> Option<Self> {
        let file = std::fs::metadata(path).ok()?;
        let changed = file.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(Self {
            input: path.display().to_string(),
            bytes: file.len(),
            changed: u64::try_from(changed.as_nanos()).ok()?,
        })
    }
}

/// Where rows stand in the journal, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    start: u64,
    length: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Record {
    /// A run begins; what earlier ones have not finished counts no more.
    Begun(Settings),
    /// So many bytes of rows of job number `job` of this run follow.
    Rows { job: usize, bytes: u64 },
    /// That job is finished.
    Finished { job: usize, input: Identity },
}

/// A journal that is being written. One of its own name is locked against other runs.
#[derive(Debug)]
pub struct Journal {
    file: File,
    end: u64,
    finished: HashMap<Identity, Vec<Span>>,
}

impl Journal {
    /// One without a name, for this run only, on the disk of `folder`.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn nameless(folder: &Path) -> io::Result<Self> {
        Ok(Self::empty(tempfile::tempfile_in(folder)?))
    }

    /// The journal at `path`, begun or gone on with.
    ///
    /// # Errors
    /// When the file cannot be written, is in use, is something else, or was begun with other settings; it stays as it
    /// was then.
    pub fn open(path: &Path, settings: Settings) -> Result<Self> {
        let shown = path.display();
        let mut options = OpenOptions::new();
        let file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path);
        let file = file.with_context(|| {
            format!(
                "cannot use the file of --resume; choose a folder that exists and can be written to: {shown}"
            )
        })?;
        if !file.metadata()?.is_file() {
            bail!(
                "the file of --resume is a pipe or device; give a plain file, or a name that is free: {shown}"
            );
        }
        if !files::lock(&file) {
            bail!(
                "another run is using the file of --resume; give every run, or shard, one of its own: {shown}"
            );
        }
        let mut journal = Self::empty(file);
        journal.read(&settings).with_context(|| {
            format!("cannot go on from the file of --resume; what is in it stays as it is: {shown}")
        })?;
        journal.put(&Record::Begun(settings), &[]).with_context(|| {
            format!("cannot write the file of --resume; choose a disk with space: {shown}")
        })?;
        Ok(journal)
    }

    fn empty(file: File) -> Self {
        Self {
            file,
            end: 0,
            finished: HashMap::new(),
        }
    }

    /// The rows of an input that earlier runs have finished.
    pub fn finished(&self, input: &Identity) -> Option<&[Span]> {
        self.finished.get(input).map(Vec::as_slice)
    }

    /// Writes down rows of job number `job`.
    ///
    /// # Errors
    /// When the disk is full or was taken away.
    pub fn rows(&mut self, job: usize, rows: &[u8]) -> io::Result<Span> {
        let length = rows.len() as u64;
        self.put(&Record::Rows { job, bytes: length }, rows)?;
        Ok(Span {
            start: self.end - length,
            length,
        })
    }

    /// Writes down that job number `job` is finished, which did `input`.
    ///
    /// # Errors
    /// As [`Self::rows`].
    pub fn finish(&mut self, job: usize, input: Identity) -> io::Result<()> {
        self.put(&Record::Finished { job, input }, &[])
    }

    /// The rows at `span`.
    pub fn read_at(&self, span: Span) -> impl Read + '_ {
        SpanReader {
            file: &self.file,
            left: span,
        }
    }

    /// One write, so that what an interruption leaves is cut off at one place at most.
    fn put(&mut self, record: &Record, rows: &[u8]) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(record)?;
        bytes.push(b'\n');
        bytes.extend_from_slice(rows);
        self.file.write_all(&bytes)?;
        self.end += bytes.len() as u64;
        Ok(())
    }

    /// Takes in what earlier runs wrote, and cuts off a last record that is not whole.
    fn read(&mut self, settings: &Settings) -> Result<()> {
        let length = self.file.metadata()?.len();
        let mut reader = BufReader::new(&self.file);
        let mut unfinished: HashMap<usize, Vec<Span>> = HashMap::new();
        loop {
            let mut line = Vec::new();
            reader.read_until(b'\n', &mut line)?;
            let Some(record) = line
                .strip_suffix(b"\n")
                .and_then(|line| serde_json::from_slice(line).ok())
            else {
                break;
            };
            let start = self.end + line.len() as u64;
            let mut end = start;
            match record {
                Record::Begun(earlier) => {
                    check_same(&earlier, settings)?;
                    unfinished.clear();
                }
                // The first record of all says with which settings.
                _ if self.end == 0 => break,
                Record::Rows { job, bytes } => {
                    end = start.saturating_add(bytes);
                    if end > length {
                        break;
                    }
                    reader.seek_relative(bytes as i64)?;
                    unfinished
                        .entry(job)
                        .or_default()
                        .push(Span { start, length: bytes });
                }
                Record::Finished { job, input } => {
                    self.finished
                        .insert(input, unfinished.remove(&job).unwrap_or_default());
                }
            }
            self.end = end;
        }
        if self.end == 0 && length > 0 {
            bail!("it was not written by --resume; give another file");
        }
        self.file.set_len(self.end)?;
        (&self.file).seek(SeekFrom::Start(self.end))?;
        Ok(())
    }
}

/// Old and new results must not be mixed.
fn check_same(earlier: &Settings, now: &Settings) -> Result<()> {
    let names: std::collections::BTreeSet<&String> = earlier.keys().chain(now.keys()).collect();
    let differ: Vec<&str> = names
        .into_iter()
        .filter(|name| earlier.get(*name) != now.get(*name))
        .map(String::as_str)
        .collect();
    if !differ.is_empty() {
        bail!(
            "it was begun with another {}; give the same as then, or another file to begin anew",
            differ.join(", ")
        );
    }
    Ok(())
}

/// Reads without moving the place where the journal is written.
struct SpanReader<'a> {
    file: &'a File,
    left: Span,
}

impl Read for SpanReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left.length)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let count = self.file.read_at(&mut buffer[..most], self.left.start)?;
        self.left.start += count as u64;
        self.left.length -= count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings(smooth: f32) -> Settings {
        [
            ("--smooth".to_owned(), json!(smooth)),
            ("--out".to_owned(), json!(null)),
        ]
        .into_iter()
        .collect()
    }

    fn input(name: &str) -> Identity {
        Identity {
            input: name.into(),
            bytes: 1,
            changed: 2,
        }
    }

    fn text(journal: &Journal, name: &str) -> Option<String> {
        let mut text = String::new();
        for &span in journal.finished(&input(name))? {
            journal.read_at(span).read_to_string(&mut text).unwrap();
        }
        Some(text)
    }

    /// Two jobs whose rows come in turns, of which the first is finished; the folder that it is in, and the journal.
    fn begun() -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = Journal::open(&path, settings(0.5)).unwrap();
        for (job, rows) in [(0, "a1\n"), (1, "b1\n"), (0, "a2\n")] {
            journal.rows(job, rows.as_bytes()).unwrap();
        }
        journal.finish(0, input("a")).unwrap();
        (folder, path)
    }

    #[test]
    fn what_is_finished_is_known_again_wherever_the_file_was_cut_off() {
        let (_folder, path) = begun();
        let whole = std::fs::read(&path).unwrap();
        let first_line = 1 + whole.iter().position(|&byte| byte == b'\n').unwrap();
        for length in first_line..=whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let mut journal = Journal::open(&path, settings(0.5)).unwrap();
            let expected = (length == whole.len()).then(|| "a1\na2\n".to_owned());
            assert_eq!(text(&journal, "a"), expected, "{length}");
            // Job numbers begin anew: rows of the same number from before must not be taken for these.
            journal.rows(1, b"c\n").unwrap();
            journal.finish(1, input("c")).unwrap();
            drop(journal);
            let journal = Journal::open(&path, settings(0.5)).unwrap();
            assert_eq!(text(&journal, "a"), expected, "{length}");
            assert_eq!(text(&journal, "b"), None);
            assert_eq!(text(&journal, "c").unwrap(), "c\n");
        }
    }

    #[test]
    fn another_option_another_run_and_another_file_are_refused() {
        let (folder, path) = begun();
        let before = std::fs::read(&path).unwrap();
        let message = format!("{:#}", Journal::open(&path, settings(0.7)).unwrap_err());
        assert!(message.contains("another --smooth;"), "{message}");
        assert_eq!(std::fs::read(&path).unwrap(), before);

        let _held = Journal::open(&path, settings(0.5)).unwrap();
        let message = Journal::open(&path, settings(0.5)).unwrap_err().to_string();
        assert!(message.contains("another run"), "{message}");

        let foreign = folder.path().join("points.csv");
        for content in [
            "source,frame\n",
            "no line's end",
            "{\"rows\":{\"job\":0,\"bytes\":0}}\n",
        ] {
            std::fs::write(&foreign, content).unwrap();
            let message = format!("{:#}", Journal::open(&foreign, settings(0.5)).unwrap_err());
            assert!(message.contains("not written by --resume"), "{message}");
            assert_eq!(std::fs::read_to_string(&foreign).unwrap(), content);
        }
    }
}
