//! Which files `annotate` reads and what it calls what it writes: all of it settled before anything is written.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};

use crate::{record, source::is_picture};

/// Files in folders that are taken for videos; a file given by name is looked into.
const VIDEO_EXTENSIONS: [&str; 10] = [
    "mp4", "mov", "avi", "mkv", "webm", "m4v", "mpg", "mpeg", "mjpeg", "ts",
];
/// What is put behind the name of a file that is written beside its input.
const SUFFIX: &str = "-points";

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// One picture.
    Picture,
    /// A video.
    Video,
}

/// One file to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The file.
    pub input: PathBuf,
    /// What it holds.
    pub medium: Medium,
    /// Where the annotated one is written; `None`: only keypoints are wanted.
    pub output: Option<PathBuf>,
}

/// The files that `inputs` mean, folders opened and sorted by name, with the names of what is written.
///
/// `out` names a file when there is one input file and `out` is no folder and ends in an extension; else it is a
/// folder, in which the layout of input folders is kept. Without it pictures and videos are written beside their
/// inputs with `-points` in the name if `beside`, else not at all.
///
/// # Errors
/// When an input is not there or an empty folder, when two outputs would have one name, or one that of an input.
pub fn jobs(inputs: &[PathBuf], out: Option<&Path>, beside: bool) -> anyhow::Result<Vec<Job>> {
    let one_file = matches!(inputs, [only] if only.is_file());
    let mut jobs = Vec::new();
    for input in inputs {
        for (path, relative) in files_of(input)? {
            let medium = medium_of(&path)?;
            let output = match out {
                Some(out) if one_file && out.extension().is_some() && !out.is_dir() => {
                    Some(out.to_path_buf())
                }
                Some(out) => Some(named_for(&out.join(&relative), medium, "")),
                None if beside => Some(named_for(&path, medium, SUFFIX)),
                None => None,
            };
            jobs.push(Job {
                input: path,
                medium,
                output,
            });
        }
    }
    check_outputs(&jobs)?;
    Ok(jobs)
}

/// The files that one input means, with their paths below it.
fn files_of(input: &Path) -> anyhow::Result<Vec<(PathBuf, PathBuf)>> {
    let cannot = || {
        format!(
            "cannot read the input; check the name and that you may read it: {}",
            input.display()
        )
    };
    if !std::fs::metadata(input).with_context(cannot)?.is_dir() {
        let name = input.file_name().unwrap_or(input.as_os_str());
        return Ok(vec![(input.to_path_buf(), name.into())]);
    }
    let mut found = Vec::new();
    walk(input, &mut found).with_context(cannot)?;
    if found.is_empty() {
        bail!(
            "there are no pictures or videos in this folder: {}",
            input.display()
        );
    }
    found.sort();
    Ok(found
        .into_iter()
        .map(|path| {
            let relative = path.strip_prefix(input).unwrap_or(&path).to_path_buf();
            (path, relative)
        })
        .collect())
}

/// Pictures and videos of a folder and those in it. Hidden entries and links to folders are left out: links can lead
/// round in circles.
fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if entry.file_type()?.is_dir() {
            walk(&path, found)?;
        } else if path.is_file()
            && (record::can_write_picture(&path) || has_video_name(&path) || is_picture(&path)?)
        {
            found.push(path);
        }
    }
    Ok(())
}

fn has_video_name(path: &Path) -> bool {
    path.extension()
        .is_some_and(|e| VIDEO_EXTENSIONS.iter().any(|known| e.eq_ignore_ascii_case(known)))
}

/// By content; a file that is neither but is called like a picture is a damaged picture.
fn medium_of(path: &Path) -> anyhow::Result<Medium> {
    let picture = is_picture(path)
        .with_context(|| format!("cannot read the input; check that you may: {}", path.display()))?;
    Ok(if picture || record::can_write_picture(path) {
        Medium::Picture
    } else {
        Medium::Video
    })
}

/// The name of what is written for `path`: with `suffix`, and an extension that can be written.
fn named_for(path: &Path, medium: Medium, suffix: &str) -> PathBuf {
    let extension = match (medium, path.extension()) {
        (Medium::Video, _) => "mp4".into(),
        (Medium::Picture, Some(extension)) if record::can_write_picture(path) => extension.to_owned(),
        (Medium::Picture, _) => "png".into(),
    };
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(suffix);
    name.push(".");
    name.push(extension);
    path.with_file_name(name)
}

fn check_outputs(jobs: &[Job]) -> anyhow::Result<()> {
    let inputs: Vec<PathBuf> = jobs
        .iter()
        .filter_map(|job| job.input.canonicalize().ok())
        .collect();
    let mut taken: BTreeMap<&Path, &Path> = BTreeMap::new();
    for job in jobs {
        let Some(output) = &job.output else { continue };
        if job.medium == Medium::Picture && !record::can_write_picture(output) {
            bail!(
                "pictures are written as .jpg, .png, .bmp or .webp: {}",
                output.display()
            );
        }
        if let Ok(existing) = output.canonicalize()
            && inputs.contains(&existing)
        {
            bail!(
                "this would overwrite an input; choose another --out: {}",
                output.display()
            );
        }
        if let Some(other) = taken.insert(output, &job.input) {
            bail!(
                "{} and {} would both be written to one file; annotate them one after the other: {}",
                other.display(),
                job.input.display(),
                output.display()
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_the_layout_and_an_extension_that_can_be_written() {
        let named = |path: &str, medium, suffix| named_for(Path::new(path), medium, suffix);
        assert_eq!(
            named("a/b.JPG", Medium::Picture, "-points"),
            Path::new("a/b-points.JPG")
        );
        assert_eq!(named("a/b", Medium::Picture, ""), Path::new("a/b.png"));
        assert_eq!(named("a/b.c.mov", Medium::Video, ""), Path::new("a/b.c.mp4"));
    }

    #[test]
    fn folders_are_opened_in_order_and_their_layout_kept() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir(root.join("sub")).unwrap();
        for name in ["b.png", "a.jpg", "sub/c.mp4", "notes.txt", ".hidden.png"] {
            std::fs::write(root.join(name), "x").unwrap();
        }
        let found = jobs(&[root.to_path_buf()], Some(Path::new("out")), false).unwrap();
        let outputs: Vec<_> = found.iter().filter_map(|job| job.output.clone()).collect();
        assert_eq!(
            outputs,
            ["out/a.jpg", "out/b.png", "out/sub/c.mp4"].map(PathBuf::from)
        );
        assert_eq!(found[2].medium, Medium::Video);
    }

    #[test]
    fn inputs_are_not_overwritten_and_outputs_do_not_collide() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b] = ["a", "b"].map(|name| folder.path().join(name));
        for sub in [&a, &b] {
            std::fs::create_dir(sub).unwrap();
            std::fs::write(sub.join("x.png"), "x").unwrap();
        }
        assert!(jobs(std::slice::from_ref(&a), Some(&a), false).is_err());
        assert!(jobs(&[a.join("x.png")], Some(&a.join("x.png")), false).is_err());
        assert!(jobs(&[a.clone(), b], Some(Path::new("out")), false).is_err());
        assert!(jobs(&[a.join("y.png")], None, true).is_err());
    }
}
