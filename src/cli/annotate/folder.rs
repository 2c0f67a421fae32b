//! What a folder holds for `annotate`.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::medium::{Kind, Medium, cannot_read};

/// The files of a folder and those in it, by path.
#[derive(Debug, Default)]
pub struct Found {
    /// Pictures and videos, and what is called like one and is damaged or cannot be read.
    pub media: BTreeMap<PathBuf, Medium>,
    /// Pictures of kinds that are not read.
    pub unread: BTreeSet<PathBuf>,
}

impl Found {
    /// Looks through `folder`. Hidden entries are left out, the folder `out` that is written to, and links to folders,
    /// which can lead round in circles.
    ///
    /// # Errors
    /// When a folder cannot be listed.
    pub fn in_folder(folder: &Path, out: Option<&Path>) -> Result<Self> {
        let mut found = Self::default();
        found.walk(folder, out)?;
        Ok(found)
    }

    fn walk(&mut self, folder: &Path, out: Option<&Path>) -> Result<()> {
        let cannot = || cannot_read(folder);
        for entry in std::fs::read_dir(folder).with_context(cannot)? {
            let entry = entry.with_context(cannot)?;
            let path = entry.path();
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            if entry.file_type().with_context(cannot)?.is_dir() {
                // Looked up only now: another shard may just have made it.
                let out_itself = out.and_then(|out| out.canonicalize().ok());
                if out_itself.is_none() || path.canonicalize().ok() != out_itself {
                    self.walk(&path, out)?;
                }
            } else if std::fs::metadata(&path).map_or(true, |file| file.is_file()) {
                self.add(path);
            }
        }
        Ok(())
    }

    /// A file that cannot be read is what it is called: if that is a picture or video, annotating it will say why not.
    fn add(&mut self, path: PathBuf) {
        match Kind::of(&path).unwrap_or_else(|_| Kind::by_name(&path)) {
            Kind::Known(medium) => {
                self.media.insert(path, medium);
            }
            Kind::UnreadPicture => {
                self.unread.insert(path);
            }
            Kind::Unknown => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_what_can_be_annotated_is_found_and_what_might_be_thought_to_be_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir_all(root.join("sub/out")).unwrap();
        for name in [
            "b.png",
            "a.jpg",
            "sub/c.mp4",
            "sub/d.heic",
            "sub/out/a.jpg",
            "notes.txt",
            ".hidden.png",
        ] {
            std::fs::write(root.join(name), "x").unwrap();
        }
        // A file that nobody can read, by a name that says nothing and by one that does; and a circle.
        symlink("/proc/self/mem", root.join("memory")).unwrap();
        symlink("/proc/self/mem", root.join("memory.jpg")).unwrap();
        symlink("not-there", root.join("gone.mp4")).unwrap();
        symlink("..", root.join("sub/circle")).unwrap();
        let found = Found::in_folder(root, Some(&root.join("sub/out"))).unwrap();
        let (picture, video) = (Medium::Picture, Medium::Video);
        let wanted = [
            ("a.jpg", picture),
            ("b.png", picture),
            ("gone.mp4", video),
            ("memory.jpg", picture),
            ("sub/c.mp4", video),
        ];
        assert!(
            found
                .media
                .into_iter()
                .eq(wanted.map(|(name, medium)| (root.join(name), medium)))
        );
        assert!(found.unread.into_iter().eq([root.join("sub/d.heic")]));
        assert!(Found::in_folder(&root.join("a.jpg"), None).is_err());
    }
}
