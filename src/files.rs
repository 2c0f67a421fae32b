//! Writing files so that nothing is ever half written: beside the target, then renamed onto it; and reading plain files.

mod partial;
pub mod plain;
mod target;

use std::{
    fs::{File, OpenOptions, Permissions, TryLockError},
    io::{self, BufWriter, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
    time::{Duration, Instant},
};

use serde::Serialize;
use tempfile::TempPath;

pub use partial::Partial;
pub use target::WriteError;
use target::{Target, plain_file};

/// Writes `path` through `content`: either all of it is there afterwards, or what was there before. A link is followed
/// to its file; into a pipe or device it is written as it comes.
///
/// # Errors
/// When the folder cannot be written to, the disk is full, something that is no file is in the way, or `content` fails.
pub fn replace(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>,
) -> Result<(), WriteError> {
    let write_to = |file: &File| {
        let mut writer = BufWriter::new(file);
        content(&mut writer)?;
        writer.flush()
    };
    let written = match Target::of(path)? {
        Target::Plain(file) => replace_plain(&file, |beside| write_to(&File::create(beside)?)),
        Target::Stream => OpenOptions::new()
            .write(true)
            .open(path)
            .and_then(|file| write_to(&file)),
    };
    written.map_err(|cause| WriteError::failed(path, cause))
}

/// Like [`replace`], for writers that want a path: `content` writes the file at the path it is given, which has the
/// same extension as `path`.
///
/// # Errors
/// As [`replace`], and when `path` is a pipe or device.
pub fn replace_by_path(path: &Path, content: impl FnOnce(&Path) -> io::Result<()>) -> Result<(), WriteError> {
    replace_plain(&plain_file(path)?, content).map_err(|cause| WriteError::failed(path, cause))
}

/// Writes `value` as JSON for people: [`replace`] with line breaks, and one at the end.
///
/// # Errors
/// As [`replace`].
pub fn replace_json(path: &Path, value: &impl Serialize) -> Result<(), WriteError> {
    replace(path, |out| write_json(out, value))
}

/// The same, for what nobody else is to read: only the user may.
///
/// # Errors
/// As [`replace`].
pub fn replace_private_json(path: &Path, value: &impl Serialize) -> Result<(), WriteError> {
    replace(path, |out| {
        out.get_ref().set_permissions(Permissions::from_mode(0o600))?;
        write_json(out, value)
    })
}

fn write_json(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}

/// Opens a plain file that is there, to write on at its end.
///
/// # Errors
/// When there is none, or it cannot be written.
pub fn append(path: &Path) -> Result<File, WriteError> {
    let file = plain_file(path)?;
    let opened = OpenOptions::new().append(true).open(file);
    opened.map_err(|cause| WriteError::failed(path, cause))
}

/// Whether [`replace`] could write `path`, tried without leaving anything: a wrong path should be told before the work
/// whose result goes there.
///
/// # Errors
/// When the folder cannot be written to, or something that is no file is in the way.
pub fn check(path: &Path) -> Result<(), WriteError> {
    match Target::of(path)? {
        Target::Plain(file) => temporary_beside(&file)
            .map(drop)
            .map_err(|cause| WriteError::failed(path, cause)),
        // Opening one may wait for its reader, or be noticed by it.
        Target::Stream => Ok(()),
    }
}

/// Keeps other runs from a file as long as it is open; `false` while one of them has it. Where the file system knows no locks,
/// it is up to the user.
pub fn lock(file: &File) -> bool {
    /// A run that has just ended, or a program that is just being started by one, holds the lock for a moment longer.
    const PATIENCE: Duration = Duration::from_millis(500);
    let deadline = Instant::now() + PATIENCE;
    while let Err(TryLockError::WouldBlock) = file.try_lock() {
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(PATIENCE / 50);
    }
    true
}

fn replace_plain(file: &Path, content: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let beside = temporary_beside(file)?;
    content(&beside)?;
    // A name must not reach the disk before what it stands for.
    File::open(&beside)?.sync_all()?;
    beside.persist(file).map_err(|e| e.error)
}

/// An empty file beside `file`, with its extension; removed unless it is given another name.
fn temporary_beside(file: &Path) -> io::Result<TempPath> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let suffix = file
        .extension()
        .map(|e| format!(".{}", e.to_string_lossy()))
        .unwrap_or_default();
    let temporary = tempfile::Builder::new()
        .prefix(".pinkpoint-")
        .suffix(&suffix)
        // Before the user's umask: temporary files are private otherwise.
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder.unwrap_or(Path::new(".")))?;
    Ok(temporary.into_temp_path())
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{FileTypeExt, symlink},
        path::PathBuf,
    };

    use super::*;

    fn names_in(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name());
        let mut names: Vec<String> = entries.map(|name| name.display().to_string()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        replace(&path, |w| w.write_all(b"old")).unwrap();
        let error = replace(&path, |w| {
            w.write_all(b"ne")?;
            Err(io::Error::other("disk full"))
        });
        assert!(error.unwrap_err().to_string().contains("a.txt"));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names_in(folder.path()), ["a.txt"]);
    }

    #[test]
    fn what_cannot_be_written_is_told_before_and_after() {
        let folder = tempfile::tempdir().unwrap();
        let nowhere = folder.path().join("nowhere");
        symlink("not-there", &nowhere).unwrap();
        for (path, why) in [
            (folder.path().join("no/such/a.txt"), "choose a folder"),
            (folder.path().to_path_buf(), "a folder"),
            (nowhere, "a link"),
        ] {
            for error in [
                replace(&path, |w| w.write_all(b"x")),
                replace_by_path(&path, |beside| fs::write(beside, "x")),
                check(&path),
            ] {
                let message = error.unwrap_err().to_string();
                assert!(message.contains(why), "{message}");
            }
        }
        assert_eq!(names_in(folder.path()), ["nowhere"]);
    }

    #[test]
    fn a_check_leaves_things_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        check(&path).unwrap();
        assert!(names_in(folder.path()).is_empty());
        fs::write(&path, "old").unwrap();
        check(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
    }

    #[test]
    fn a_link_stays_and_its_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real/a.json"), folder.path().join("link.json"));
        fs::create_dir(folder.path().join("real")).unwrap();
        fs::write(&real, "old").unwrap();
        symlink("real/a.json", &link).unwrap();
        let is_replaced = |wanted: &str| {
            assert_eq!(fs::read_to_string(&real).unwrap(), wanted);
            assert_eq!(fs::read_link(&link).unwrap(), Path::new("real/a.json"));
            assert_eq!(names_in(folder.path()), ["link.json", "real"]);
            assert_eq!(names_in(&folder.path().join("real")), ["a.json"]);
        };
        replace_json(&link, &[1]).unwrap();
        is_replaced("[\n  1\n]\n");
        replace_by_path(&link, |beside| fs::write(beside, "by path")).unwrap();
        is_replaced("by path");
        let partial = Partial::beside(&link).unwrap();
        fs::write(partial.path(), "grown").unwrap();
        partial.finish().unwrap();
        is_replaced("grown");
    }

    fn pipe_in(folder: &Path) -> PathBuf {
        let pipe = folder.join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        pipe
    }

    #[test]
    fn a_pipe_is_written_to_and_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = pipe_in(folder.path());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::read_to_string(pipe).unwrap()
        });
        check(&pipe).unwrap();
        replace(&pipe, |w| w.write_all(b"through")).unwrap();
        assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
        assert_eq!(reader.join().unwrap(), "through");
        assert_eq!(names_in(folder.path()), ["pipe"]);
    }

    #[test]
    fn two_runs_do_not_write_one_file_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        let first = Partial::beside(&path).unwrap();
        fs::write(first.path(), "first").unwrap();
        let message = Partial::beside(&path).unwrap_err().to_string();
        assert!(message.contains("another run"), "{message}");
        first.finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "first");
        // Its lock is gone with it; what an interrupted run left is no hindrance.
        fs::write(folder.path().join("a.partial.csv"), "left").unwrap();
        let second = Partial::beside(&path).unwrap();
        assert_eq!(fs::read(second.path()).unwrap(), b"");
        assert_eq!(fs::read_to_string(&path).unwrap(), "first");
    }

    #[test]
    fn a_pipe_is_refused_by_writers_that_need_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = pipe_in(folder.path());
        let by_path = replace_by_path(&pipe, |beside| fs::write(beside, "x"));
        for error in [by_path, Partial::beside(&pipe).map(drop)] {
            let message = error.unwrap_err().to_string();
            assert!(message.contains("pipe"), "{message}");
        }
        assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
    }
}
