//! Manual pages and completions of shells, which packages bring, and the list of keys in the docs: they say what command line
//! and window are, as they are. After a change, `UPDATE_MANUALS=1 cargo test --test manuals` writes them anew.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use pinkpoint::{
    app::{COMMANDS, Menu, keys_of},
    cli::Cli,
};

const NAME: &str = "pinkpoint";

fn assets() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets")
}

/// The files of a folder by name, and what is in them.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read_to_string(entry.path()).unwrap())
        })
        .collect()
}

/// Has `write` fill a folder, and compares it with the one of that name in `assets/`, or puts it in its place.
fn is_as_kept(name: &str, write: impl FnOnce(&Path)) {
    let (kept, made) = (assets().join(name), tempfile::tempdir().unwrap());
    write(made.path());
    let made = files(made.path());
    if is_asked_to_update() {
        let _ = fs::remove_dir_all(&kept);
        fs::create_dir_all(&kept).unwrap();
        for (file, text) in &made {
            fs::write(kept.join(file), text).unwrap();
        }
    }
    assert_eq!(
        files(&kept),
        made,
        "UPDATE_MANUALS=1 cargo test --test manuals writes them anew"
    );
}

fn is_asked_to_update() -> bool {
    std::env::var_os("UPDATE_MANUALS").is_some()
}

/// The command line with all that is hidden left out.
fn shown() -> Command {
    let command = Cli::command();
    let hidden: Vec<String> = command
        .get_subcommands()
        .filter(|sub| sub.is_hide_set())
        .map(|sub| sub.get_name().to_owned())
        .collect();
    assert_eq!(hidden, ["try-net"]);
    command
}

#[test]
fn manual_pages_are_those_of_the_command_line() {
    is_as_kept("man", |folder| clap_mangen::generate_to(shown(), folder).unwrap());
}

#[test]
fn completions_are_those_of_the_command_line() {
    is_as_kept("completions", |folder| {
        for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
            clap_complete::generate_to(shell, &mut shown(), NAME, folder).unwrap();
        }
    });
}

#[test]
fn the_list_of_keys_is_that_of_the_window() {
    let ctx = egui::Context::default();
    let mut text = "# Keys\n\nF1 shows these in the window; every command can be found by a few letters of its name (Ctrl+P) and is in a \
                    menu, too.\n"
        .to_owned();
    for menu in Menu::ALL {
        text += &format!("\n## {}\n\n| keys | command | |\n|---|---|---|\n", menu.title());
        for command in COMMANDS.iter().filter(|command| command.menu == menu) {
            let keys = keys_of(&ctx, command);
            text += &format!("| `{keys}` | {} | {} |\n", command.name, command.help);
        }
    }
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/keys.md");
    if is_asked_to_update() {
        fs::write(&kept, &text).unwrap();
    }
    let kept = fs::read_to_string(kept).unwrap_or_default();
    assert_eq!(
        kept, text,
        "UPDATE_MANUALS=1 cargo test --test manuals writes it anew"
    );
}
