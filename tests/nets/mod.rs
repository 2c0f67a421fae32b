//! A net of the tests taken apart and put together again, for tests that change it on the way.

use std::{
    io::{Cursor, Read, Write},
    path::{Path, PathBuf},
};

use zip::{
    CompressionMethod, ZipArchive, ZipWriter,
    read::{ArchiveOffset, Config},
    write::SimpleFileOptions,
};

/// A small net that sees the same points everywhere.
pub fn steady() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/weights/steady-64.pt")
}

/// Names and contents of its entries.
pub fn entries() -> Vec<(String, Vec<u8>)> {
    // Left to find out where the archive begins, this crate errs in some that PyTorch writes.
    let config = Config {
        archive_offset: ArchiveOffset::Known(0),
    };
    let bytes = std::fs::read(steady()).unwrap();
    let mut zip = ZipArchive::with_config(config, Cursor::new(bytes)).unwrap();
    let entries = (0..zip.len()).map(|index| {
        let mut entry = zip.by_index(index).unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (entry.name().unwrap().into_owned(), content)
    });
    entries.collect()
}

/// An archive of these entries, stored as they are.
pub fn zipped(entries: &[(String, Vec<u8>)], comment: &str) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        zip.start_file(name, stored).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.set_comment(comment).unwrap();
    zip.finish().unwrap().into_inner()
}
