//! Which files `annotate` reads and what it calls what it writes: all of it settled before anything is written.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use super::{
    folder::Found,
    medium::{Kind, Medium, cannot_read, no_decoder},
};
use crate::record;

/// What is put behind the name of a file that is written beside its input.
const SUFFIX: &str = "-points";

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

/// What there is to do.
#[derive(Debug, Default)]
pub struct Inputs {
    /// The files to annotate, in order.
    pub jobs: Vec<Job>,
    /// Pictures in folders that are of kinds that are not read.
    pub unread: Vec<PathBuf>,
}

impl Inputs {
    /// The files that `inputs` mean, folders opened and sorted by name, with the names of what is written.
    ///
    /// `out` names a file when there is one input file and `out` is no folder and ends in an extension; else it is a
    /// folder, in which the layout of input folders is kept. Without it pictures and videos are written beside their
    /// inputs with `-points` in the name if `beside`, else not at all. What earlier runs wrote in folders is left out.
    ///
    /// # Errors
    /// When an input is not there, of a kind that is not read, or a folder with nothing in it, when two outputs would
    /// have one name, or one that of an input.
    pub fn of(inputs: &[PathBuf], out: Option<&Path>, beside: bool) -> Result<Self> {
        let one_file = matches!(inputs, [only] if only.is_file());
        let mut all = Self::default();
        for input in inputs {
            let found = found_in(input, out)?;
            for (path, medium) in found.media {
                let output = match out {
                    Some(out) if one_file && out.extension().is_some() && !out.is_dir() => {
                        Some(out.to_path_buf())
                    }
                    Some(out) => Some(named_for(&out.join(below(input, &path)), medium, "")),
                    None if beside => Some(named_for(&path, medium, SUFFIX)),
                    None => None,
                };
                all.jobs.push(Job {
                    input: path,
                    medium,
                    output,
                });
            }
            all.unread.extend(found.unread);
        }
        check_outputs(&all.jobs)?;
        Ok(all)
    }
}

/// The files that one input means.
fn found_in(input: &Path, out: Option<&Path>) -> Result<Found> {
    let cannot = || cannot_read(input);
    if std::fs::metadata(input).with_context(cannot)?.is_dir() {
        let mut found = Found::in_folder(input, out)?;
        leave_out_written(&mut found.media);
        return match found.unread.first() {
            _ if !found.media.is_empty() => Ok(found),
            Some(unread) => Err(no_decoder(unread).into()),
            None => bail!(
                "there are no pictures or videos in this folder: {}",
                input.display()
            ),
        };
    }
    let medium = match Kind::of(input).with_context(cannot)? {
        Kind::Known(medium) => medium,
        Kind::UnreadPicture => return Err(no_decoder(input).into()),
        // It was named by the user: what it is called does not matter if it can be played.
        Kind::Unknown => Medium::Video,
    };
    Ok(Found {
        media: [(input.to_path_buf(), medium)].into(),
        ..Found::default()
    })
}

/// Leaves out what an earlier run wrote beside its inputs, or writes now: `NAME-points.EXT` and `NAME-points.partial.EXT`
/// beside `NAME.*`.
fn leave_out_written(media: &mut BTreeMap<PathBuf, Medium>) {
    let written: BTreeSet<PathBuf> = media
        .iter()
        .map(|(path, &medium)| named_for(path, medium, SUFFIX).with_extension(""))
        .collect();
    media.retain(|path, _| {
        let name = path.with_extension("");
        let name = match name.extension() {
            Some(extension) if extension == "partial" => name.with_extension(""),
            _ => name,
        };
        !written.contains(&name)
    });
}

/// Where `path` lies below the folder `input`; its name where it is `input` itself.
fn below(input: &Path, path: &Path) -> PathBuf {
    match path.strip_prefix(input) {
        Ok(relative) if relative != Path::new("") => relative.to_path_buf(),
        _ => path.file_name().unwrap_or(path.as_os_str()).into(),
    }
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

fn check_outputs(jobs: &[Job]) -> Result<()> {
    let inputs: HashSet<PathBuf> = jobs
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
    fn the_layout_of_folders_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir(root.join("sub")).unwrap();
        for name in ["b.png", "a.jpg", "sub/c.mov", "sub/d.heic"] {
            std::fs::write(root.join(name), "x").unwrap();
        }
        let all = Inputs::of(&[root.to_path_buf()], Some(Path::new("out")), false).unwrap();
        let outputs: Vec<_> = all.jobs.into_iter().filter_map(|job| job.output).collect();
        assert_eq!(
            outputs,
            ["out/a.jpg", "out/b.png", "out/sub/c.mp4"].map(PathBuf::from)
        );
        assert_eq!(all.unread, [root.join("sub/d.heic")]);
        let only_unread = Inputs::of(&[root.join("sub/d.heic")], None, true);
        assert!(only_unread.unwrap_err().to_string().contains("JPEG, PNG"));
    }

    #[test]
    fn what_an_earlier_run_wrote_is_no_input() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in [
            "a.jpg",
            "a-points.jpg",
            "film.mov",
            "film-points.mp4",
            "film-points.partial.mp4",
            "match-points.png",
        ] {
            std::fs::write(root.join(name), "x").unwrap();
        }
        let all = Inputs::of(&[root.to_path_buf()], None, true).unwrap();
        let both: Vec<_> = all
            .jobs
            .into_iter()
            .map(|job| (job.input, job.output.unwrap()))
            .collect();
        let expected = [
            ("a.jpg", "a-points.jpg"),
            ("film.mov", "film-points.mp4"),
            // Nothing beside it that it could come from.
            ("match-points.png", "match-points-points.png"),
        ];
        assert_eq!(both, expected.map(|(from, to)| (root.join(from), root.join(to))));
    }

    #[test]
    fn inputs_are_not_overwritten_and_outputs_do_not_collide() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b] = ["a", "b"].map(|name| folder.path().join(name));
        for sub in [&a, &b] {
            std::fs::create_dir(sub).unwrap();
            std::fs::write(sub.join("x.png"), "x").unwrap();
        }
        assert!(Inputs::of(std::slice::from_ref(&a), Some(&a), false).is_err());
        assert!(Inputs::of(&[a.join("x.png")], Some(&a.join("x.png")), false).is_err());
        assert!(Inputs::of(&[a.clone(), b], Some(Path::new("out")), false).is_err());
        assert!(Inputs::of(&[a.join("y.png")], None, true).is_err());
    }
}
