//! Finds the commands in the docs: in blocks of code, and in the text between backticks.

use std::{fs, path::Path};

/// What a command begins with.
const PROGRAMS: [&str; 6] = [
    "pinkpoint",
    "cargo",
    "scripts/",
    "./setup.sh",
    ".ci/run",
    "python3",
];
/// Blocks in these are no commands.
const OTHER_LANGUAGES: [&str; 5] = ["python", "text", "json", "rust", "toml"];

/// One command of the docs.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// Where it stands, `file:line`.
    pub place: String,
    /// As a shell takes it; what may be left out (`[--like this]`) is left out.
    pub text: String,
}

impl Written {
    /// Its words, without variables and `sudo` before it.
    pub fn words(&self) -> Vec<&str> {
        let is_before = |word: &&str| {
            let (name, value) = word.split_once('=').unwrap_or(("", ""));
            *word == "sudo" || (!value.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
        };
        self.text.split_whitespace().skip_while(is_before).collect()
    }

    /// Names of the variables set before it.
    pub fn variables(&self) -> Vec<&str> {
        let count = self.text.split_whitespace().count() - self.words().len();
        let before = self.text.split_whitespace().take(count);
        before.filter_map(|word| Some(word.split_once('=')?.0)).collect()
    }
}

/// The commands of a document.
pub fn of(root: &Path, file: &Path) -> Vec<Written> {
    let name = file.strip_prefix(root).unwrap().display().to_string();
    let text = fs::read_to_string(file).unwrap();
    let (mut found, mut block, mut going_on) = (Vec::new(), None::<String>, String::new());
    for (number, line) in text.lines().enumerate() {
        let place = format!("{name}:{}", number + 1);
        if let Some(language) = line.trim_start().strip_prefix("```") {
            block = match block {
                Some(_) => None,
                None => Some(language.to_owned()),
            };
            continue;
        }
        match &block {
            Some(language) if OTHER_LANGUAGES.contains(&language.as_str()) => {}
            Some(_) => {
                going_on += line.trim();
                if let Some(first) = going_on.strip_suffix('\\') {
                    going_on = first.trim_end().to_owned() + " ";
                    continue;
                }
                found.extend(each(&place, &std::mem::take(&mut going_on)));
            }
            None => {
                for code in line.split('`').skip(1).step_by(2) {
                    found.extend(each(&place, code));
                }
            }
        }
    }
    found
}

/// The commands of one line: several where `&&` joins them.
fn each(place: &str, line: &str) -> Vec<Written> {
    let line = line.split("  #").next().unwrap_or(line);
    let commands = line.split(" && ").map(|text| Written {
        place: place.to_owned(),
        text: without_options(text.trim()),
    });
    commands
        .filter(|command| {
            let words = command.words();
            words.first().is_some_and(|word| {
                PROGRAMS
                    .iter()
                    .any(|program| word == program || (program.ends_with('/') && word.starts_with(program)))
            })
        })
        .collect()
}

fn without_options(text: &str) -> String {
    let (mut kept, mut depth) = (String::new(), 0);
    for character in text.chars() {
        match character {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ if depth == 0 => kept.push(character),
            _ => {}
        }
    }
    kept
}
