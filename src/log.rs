//! What the program says about itself while it runs: to stderr, and, once there is a window, into a file that a bug report can
//! bring along.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock, PoisonError},
};

use tracing_subscriber::{EnvFilter, Layer, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::resources;

/// Without RUST_LOG: what went wrong here, and nothing from the libraries below; winit complains about windows that were closed.
const ON_STDERR: &str = "error,winit=off,pinkpoint=warn";
/// In the file also what was opened and loaded.
const IN_FILE: &str = "warn,pinkpoint=info";
/// A file larger than this is put aside at the start, and the one put aside before goes.
const LARGEST: u64 = 1 << 20;

/// The file, once there is one.
static FILE: OnceLock<Mutex<File>> = OnceLock::new();

/// Begins to log; to be called once, at the start.
pub fn start() {
    let asked_for = std::env::var(EnvFilter::DEFAULT_ENV).ok();
    let misread = asked_for.as_ref().and_then(|text| EnvFilter::try_new(text).err());
    let asked_for = asked_for.filter(|_| misread.is_none());
    let wanted = |usual: &str| EnvFilter::new(asked_for.as_deref().unwrap_or(usual));
    let on_stderr = fmt::layer()
        .with_writer(io::stderr)
        .with_filter(wanted(ON_STDERR));
    let in_file = fmt::layer()
        .with_ansi(false)
        .with_writer(|| IntoFile)
        .with_filter(wanted(IN_FILE));
    tracing_subscriber::registry()
        .with(on_stderr)
        .with(in_file)
        .init();
    if let Some(error) = misread {
        tracing::warn!("{} is left out: {error}", EnvFilter::DEFAULT_ENV);
    }
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        // A file that cannot be written to any more is no reason to say nothing at all.
        let _ = writeln!(IntoFile, "{panic}");
        usual(panic);
    }));
}

/// Where the log is kept by default; `None` where the user has no folder for such.
pub fn usual_file() -> Option<PathBuf> {
    Some(resources::users_state_folder()?.join("pinkpoint.log"))
}

/// Goes on in this file as well, behind what is in it.
///
/// # Errors
/// When it cannot be written to.
pub fn keep_in(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    if fs::metadata(path).is_ok_and(|file| file.len() > LARGEST) {
        fs::rename(path, path.with_extension("old.log"))?;
    }
    let file = File::options().create(true).append(true).open(path)?;
    // A second file is not asked for.
    let _ = FILE.set(Mutex::new(file));
    Ok(())
}

/// Writes into the file, where there is one.
struct IntoFile;

impl Write for IntoFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match FILE.get() {
            Some(file) => file.lock().unwrap_or_else(PoisonError::into_inner).write(bytes),
            None => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_log_is_put_aside_and_goes_on_in_a_new_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/pinkpoint.log");
        keep_in(&path).unwrap();
        fs::write(&path, vec![b'x'; LARGEST as usize + 1]).unwrap();
        keep_in(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), 0);
        assert!(fs::metadata(path.with_extension("old.log")).unwrap().len() > LARGEST);
        assert!(keep_in(Path::new("/dev/null/below")).is_err());
    }
}
