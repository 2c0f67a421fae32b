//! Reading files that somebody else wrote: nothing that never answers or never ends is taken for one.

use std::{
    fs::{self, File, FileType, OpenOptions},
    io::{self, Read},
    os::unix::fs::{FileTypeExt, OpenOptionsExt},
    path::Path,
};

use serde::de::DeserializeOwned;

/// Opens a plain file, links followed. Folders, pipes, sockets and devices are refused by name: a pipe may keep its reader
/// waiting for ever, and a device may never end.
///
/// # Errors
/// When it is none, or cannot be opened.
pub fn open(path: &Path) -> io::Result<File> {
    // Before it is opened, which a device may notice.
    refuse(fs::metadata(path)?.file_type())?;
    // And again what was opened, without waiting for a pipe that took its place meanwhile.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    refuse(file.metadata()?.file_type())?;
    Ok(file)
}

/// All of a plain file, which may be `most` bytes long.
///
/// # Errors
/// As [`open`], and when it is longer.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let length = file.metadata()?.len();
    let too_long = || Err(io::Error::other(format!("it is longer than {most} bytes")));
    if length > most {
        return too_long();
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    // Some files of the system say that they are empty and go on and on.
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return too_long();
    }
    Ok(bytes)
}

/// All of a plain file that has to be text, as [`read`].
///
/// # Errors
/// As [`read`], and when it is not UTF-8.
pub fn read_text(path: &Path, most: u64) -> io::Result<String> {
    String::from_utf8(read(path, most)?).map_err(|_| io::Error::other("it is not text in UTF-8"))
}

/// What a plain file holds that has to be JSON, as [`read`].
///
/// # Errors
/// As [`read_text`], and when it does not hold that.
pub fn read_json<T: DeserializeOwned>(path: &Path, most: u64) -> io::Result<T> {
    Ok(serde_json::from_str(&read_text(path, most)?)?)
}

fn refuse(kind: FileType) -> io::Result<()> {
    let what = match kind {
        _ if kind.is_file() => return Ok(()),
        _ if kind.is_dir() => "it is a folder",
        _ if kind.is_fifo() => "it is a pipe; save what comes out of it as a file, and give that one",
        _ if kind.is_socket() => "it is a socket and no file",
        _ => "it is a device and no file",
    };
    Err(io::Error::other(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_files_are_read_and_only_as_far_as_is_allowed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "four").unwrap();
        assert_eq!(read(&path, 4).unwrap(), b"four");
        assert_eq!(read_text(&path, 9).unwrap(), "four");
        assert!(read(&path, 3).unwrap_err().to_string().contains("longer than 3"));
        fs::write(&path, [0xff]).unwrap();
        assert!(read_text(&path, 9).unwrap_err().to_string().contains("UTF-8"));
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("a", &link).unwrap();
        assert_eq!(read(&link, 9).unwrap(), [0xff]);
        assert_eq!(
            read(&folder.path().join("none"), 9).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
    }

    #[test]
    fn what_may_never_answer_or_end_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let [pipe, socket] = ["pipe", "socket"].map(|name| folder.path().join(name));
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let _socket = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for (path, named) in [
            (pipe.as_path(), "a pipe"),
            (&socket, "a socket"),
            (folder.path(), "a folder"),
            (Path::new("/dev/zero"), "a device"),
        ] {
            for error in [open(path).map(drop), read(path, 9).map(drop)] {
                assert!(error.unwrap_err().to_string().contains(named), "{path:?}");
            }
        }
        // It says that it is a plain file of no bytes.
        let endless = read(Path::new("/proc/self/maps"), 9).unwrap_err();
        assert!(endless.to_string().contains("longer"), "{endless}");
    }
}
