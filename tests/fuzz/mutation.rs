//! Inputs that are nearly right: files of a corpus, changed in a few places. What is wholly random is refused by the first line of
//! a parser and never comes to the rest.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Set to have every target run for so many seconds instead of its usual number of inputs.
const SECONDS_VARIABLE: &str = "PINKPOINT_FUZZ_SECONDS";
/// How many changes an input gets: with more, nothing is left that could be right.
const CHANGES: [usize; 8] = [1, 1, 1, 1, 2, 2, 3, 8];
/// Inputs do not grow beyond this.
const LONGEST: usize = 1 << 20;
/// Numbers at which parsers break.
const NUMBERS: [&str; 18] = [
    "0",
    "-1",
    "1",
    "255",
    "256",
    "32768",
    "65536",
    "2147483647",
    "-2147483648",
    "4294967296",
    "9223372036854775807",
    "1e39",
    "-1e309",
    "1e-400",
    "NaN",
    "inf",
    "0.5",
    "",
];
const WORDS: [u32; 9] = [
    0,
    1,
    0x7f,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    u32::MAX,
];

/// What bolero makes up: which file, and what is changed: how, where, and by what.
type Wish = (u16, Vec<(u8, u32, u32)>);

/// A parser under test.
pub struct Target<'a> {
    /// Its name, also that of its corpus' folder.
    pub name: &'static str,
    /// More files to begin with.
    pub more: Vec<Vec<u8>>,
    /// Pieces of text that mean something to it.
    pub words: &'a [&'a str],
    /// Inputs that are tried unless the environment says how long.
    pub usual: usize,
}

impl Target<'_> {
    /// Tries the corpus and what bolero makes of it; `parse` says whether it took the input. Prints how many there were, and leaves
    /// one that failed in a file.
    pub fn try_all(self, parse: impl Fn(&[u8]) -> bool) {
        let corpus = corpus(self.name);
        assert!(
            !corpus.is_empty() || !self.more.is_empty(),
            "{} has no corpus",
            self.name
        );
        let failed = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.failed", self.name));
        let (tried, taken) = (AtomicU64::new(0), AtomicU64::new(0));
        let one = AssertUnwindSafe(|input: &[u8]| {
            tried.fetch_add(1, Ordering::Relaxed);
            match catch_unwind(AssertUnwindSafe(|| parse(input))) {
                Ok(took) => drop(taken.fetch_add(u64::from(took), Ordering::Relaxed)),
                Err(panic) => {
                    std::fs::write(&failed, input).unwrap();
                    println!("{}: this input fails: {}", self.name, failed.display());
                    resume_unwind(panic);
                }
            }
        });
        let seeds: Vec<Vec<u8>> = corpus.into_iter().chain(self.more).collect();
        for seed in &seeds {
            one(seed);
            // Cut off anywhere.
            for part in 0..16 {
                one(&seed[..seed.len() * part / 16]);
            }
        }
        let words = self.words;
        let fuzzer = bolero::check!(name = self.name).with_type::<Wish>();
        let fuzzer = match std::env::var(SECONDS_VARIABLE)
            .ok()
            .and_then(|text| text.parse().ok())
        {
            Some(seconds) => fuzzer.with_test_time(Duration::from_secs(seconds)),
            None => fuzzer.with_iterations(self.usual),
        };
        fuzzer.for_each(|wish| one(&made(wish, &seeds, words)));
        println!(
            "{}: {} inputs tried, of which {} were taken",
            self.name,
            tried.into_inner(),
            taken.into_inner()
        );
    }
}

/// Where a target may write its inputs, for what wants a path. What is there when the whole test ends by itself ended it.
pub fn file(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

/// The files of a corpus, by name.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fuzz")
        .join(name);
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

fn made((which, changes): &Wish, seeds: &[Vec<u8>], words: &[&str]) -> Vec<u8> {
    let pick = |number: u32| &seeds[number as usize % seeds.len()];
    let mut bytes = pick(u32::from(which >> 3)).clone();
    let most = CHANGES[usize::from(which % 8)];
    for &(how, place, what) in changes.iter().take(most) {
        let at = place as usize % (bytes.len() + 1);
        // Mostly short, at times long.
        let length = (what as usize % 32) * if what % 7 == 0 { 32 } else { 1 };
        let end = (at + length).min(bytes.len());
        match how % 10 {
            0 if at < bytes.len() => bytes[at] ^= 1 << (what % 8),
            1 if at < bytes.len() => bytes[at] = what as u8,
            2 => drop(bytes.drain(at..end)),
            3 => {
                let again = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, again));
            }
            4 if !words.is_empty() => {
                let word = words[what as usize % words.len()].bytes();
                drop(bytes.splice(at..at, word));
            }
            5 => bytes.truncate(at),
            6 => replace_number(&mut bytes, at, NUMBERS[what as usize % NUMBERS.len()]),
            7 => {
                let other = pick(what);
                let from = at.min(other.len());
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            8 if at + 4 <= bytes.len() => {
                let word = WORDS[what as usize % WORDS.len()];
                let word = if what & 0x100 == 0 {
                    word.to_be_bytes()
                } else {
                    word.to_le_bytes()
                };
                bytes[at..at + 4].copy_from_slice(&word);
            }
            9 => bytes.extend_from_slice(&what.to_le_bytes()),
            _ => {}
        }
        bytes.truncate(LONGEST);
    }
    bytes
}

/// Writes another number in place of the first one at or behind a place.
fn replace_number(bytes: &mut Vec<u8>, from: usize, number: &str) {
    let digit = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
    let Some(start) = bytes[from..].iter().position(digit).map(|offset| from + offset) else {
        return;
    };
    let length = bytes[start..].iter().take_while(|byte| digit(byte)).count();
    drop(bytes.splice(start..start + length, number.bytes()));
}
