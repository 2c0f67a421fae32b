//! Nets from strangers: what they would do wrong costs a message, and never the program.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use assert_cmd::Command;
use pinkpoint::{
    geometry::OutputScale,
    model::{
        Archive, CropRule, ModelError, Reading, Trial, archive, catalogue,
        trial::{Limits, SUBCOMMAND},
    },
    pipeline::{Event, Pipeline},
};
use tempfile::TempDir;
mod nets;
mod script;
use nets::{entries, steady, zipped};
use script::{OneFace, Script, start, until};

const PROGRAM: &str = env!("CARGO_BIN_EXE_pinkpoint");

/// Enough for a small net on a machine that is busy with other tests.
const LIMITS: Limits = Limits {
    computing: Duration::from_secs(10),
    time: Duration::from_secs(120),
    memory: 2 << 30,
};

/// A net of the tests whose `forward` begins with these lines.
fn hostile(folder: &TempDir, lines: &str) -> PathBuf {
    const FIRST_LINE: &str = "    face = self.face\n";
    let mut entries = entries();
    let is_code = |(name, _): &&mut (String, Vec<u8>)| name.ends_with("code/__torch__.py");
    let (_, code) = entries.iter_mut().find(is_code).unwrap();
    let text = String::from_utf8(code.clone()).unwrap();
    assert_eq!(text.matches(FIRST_LINE).count(), 1);
    let lines: String = lines.lines().map(|line| format!("    {line}\n")).collect();
    *code = text.replace(FIRST_LINE, &(lines + FIRST_LINE)).into_bytes();
    let path = folder.path().join("hostile.pt");
    std::fs::write(&path, zipped(&entries, "")).unwrap();
    path
}

fn try_net(path: &Path, limits: Limits) -> Result<(), ModelError> {
    Trial::new(PROGRAM.into(), None, limits).pass(path, &whole(path), None)
}

fn whole(path: &Path) -> Archive {
    archive::look_into(path).unwrap()
}

#[test]
fn what_a_net_does_wrong_costs_a_message() {
    let folder = TempDir::new().unwrap();
    let deep = format!("y = x{}", "[0]".repeat(300_000));
    for (lines, said) in [
        ("i = 0\nwhile True:\n  i = torch.add(i, 1)", "of computing"),
        (
            "y = torch.add_(x, torch.sum(torch.zeros([100000, 100000, 100])))",
            "memory",
        ),
        (
            "l = annotate(List[Tensor], [])\nwhile True:\n  _9 = torch.append(l, torch.ones([10000000]))\n\
             x = torch.add(x, torch.len(l))",
            "memory",
        ),
        (
            "if torch.eq(torch.size(x, 0), 3):\n  ops.prim.RaiseException(\"not for three\", None)\nelse:\n  pass",
            "not for three",
        ),
        (deep.as_str(), "brought down the process"),
    ] {
        let path = hostile(&folder, lines);
        let shown = &lines[..lines.len().min(60)];
        let message = try_net(&path, LIMITS).expect_err(shown).to_string();
        assert!(
            message.contains(said) && message.contains("hostile.pt"),
            "{shown}: {message}"
        );
    }
    // The same file without such lines is a net like others.
    try_net(&hostile(&folder, ""), LIMITS).unwrap();
}

#[test]
fn nets_of_every_kind_pass() {
    for name in [
        "half.pt",
        "traced.pt",
        "frozen.pt",
        "exported.pt",
        "contract-64.pt",
    ] {
        let path = steady().with_file_name(name);
        try_net(&path, LIMITS).unwrap();
    }
}

#[test]
fn a_net_that_waits_is_not_waited_for() {
    let folder = TempDir::new().unwrap();
    let path = hostile(&folder, "i = 0\nwhile True:\n  i = torch.add(i, 1)");
    let limits = Limits {
        time: Duration::from_secs(2),
        ..LIMITS
    };
    let message = try_net(&path, limits).unwrap_err().to_string();
    assert!(message.contains("gave nothing in 2 s"), "{message}");
}

#[test]
fn code_that_does_more_than_compute_is_refused_before_it_runs() {
    let folder = TempDir::new().unwrap();
    let target = folder.path().join("written");
    for (line, named) in [
        (format!("torch.save(x, \"{}\")", target.display()), "torch.save"),
        ("print(x)".to_owned(), "print"),
        (
            "y = torch.from_file(\"/etc/passwd\", False, 100)".to_owned(),
            "torch.from_file",
        ),
    ] {
        let message = archive::look_into(&hostile(&folder, &line))
            .unwrap_err()
            .to_string();
        assert!(
            message.contains(named) && message.contains("code/__torch__.py, line 11"),
            "{message}"
        );
    }
    assert!(!target.exists());
}

#[test]
fn nets_that_are_known_need_no_process() {
    let folder = TempDir::new().unwrap();
    let list = folder.path().join("state/tried.json");
    let none = || Trial::new("/no/such/program".into(), Some(list.clone()), LIMITS);
    for name in catalogue::bundled() {
        let path = catalogue::resolve(&name).unwrap();
        none().pass(&path, &whole(&path), None).unwrap();
    }
    let (path, archive) = (steady(), whole(&steady()));
    let message = none().pass(&path, &archive, None).unwrap_err().to_string();
    assert!(message.contains("none could be started"), "{message}");

    let with_program = || Trial::new(PROGRAM.into(), Some(list.clone()), LIMITS);
    with_program().pass(&path, &archive, None).unwrap();
    none().pass(&path, &archive, None).unwrap();
    // On crops of another side a net is another one, unless it says itself of which side it needs them.
    let silent = steady().with_file_name("../corpus/sequential-script.pt");
    let at = |input_side| {
        let reading = Reading {
            input_side,
            output: OutputScale::COURSE,
            crop: CropRule::COURSE,
        };
        move |trial: Trial, path: &Path| trial.pass(path, &whole(path), Some(reading))
    };
    at(32)(with_program(), &silent).unwrap();
    at(32)(none(), &silent).unwrap();
    assert!(at(48)(none(), &silent).is_err());
    assert!(none().pass(&silent, &whole(&silent), None).is_err());
    at(48)(none(), &path).unwrap();
    // By what is in it, not by its name.
    let changed = hostile(&folder, "y = torch.relu(x)");
    assert!(none().pass(&path, &whole(&changed), None).is_err());
}

#[test]
fn a_file_that_is_changed_during_its_trial_does_not_pass() {
    let folder = TempDir::new().unwrap();
    let path = hostile(&folder, "");
    let read = whole(&path);
    hostile(&folder, "y = torch.relu(x)");
    let trial = Trial::new(PROGRAM.into(), None, LIMITS);
    let message = trial.pass(&path, &read, None).unwrap_err().to_string();
    assert!(message.contains("changed meanwhile; load it again"), "{message}");
}

#[test]
fn the_video_and_the_net_before_go_on_beside_a_net_that_hangs() {
    let folder = TempDir::new().unwrap();
    let mut setup = Script::camera().setup(OneFace::default());
    setup.weights = Some(steady());
    let limits = Limits {
        computing: Duration::from_secs(3),
        ..LIMITS
    };
    setup.trial = Some(Arc::new(Trial::new(PROGRAM.into(), None, limits)));
    let pipeline = start(setup);
    let has_points = |pipeline: &Pipeline| {
        let scene = pipeline.newest_scene()?;
        (scene.faces.len() == 1 && scene.net.as_ref()?.path == steady()).then_some(())
    };
    until(|| has_points(&pipeline));
    let path = hostile(&folder, "i = 0\nwhile True:\n  i = torch.add(i, 1)");
    pipeline.load_weights(path, None);
    let mut meanwhile = 0;
    let why = until(|| {
        meanwhile += has_points(&pipeline).map_or(0, |()| 1);
        pipeline.events().find_map(|event| match event {
            Event::WeightsFailed { why, .. } => Some(why),
            _ => None,
        })
    });
    assert!(why.contains("of computing"), "{why}");
    assert!(meanwhile > 10, "{meanwhile}");
    until(|| has_points(&pipeline));
}

#[test]
fn the_command_line_lets_no_net_pass_by() {
    let folder = TempDir::new().unwrap();
    let deep = format!("y = x{}", "[0]".repeat(300_000));
    let path = hostile(&folder, &deep);
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo.jpg");
    let out = folder.path().join("out");
    for arguments in [
        vec!["inspect".as_ref(), path.as_os_str()],
        vec![
            "annotate".as_ref(),
            picture.as_os_str(),
            "--weights".as_ref(),
            path.as_os_str(),
            "--out".as_ref(),
            out.as_os_str(),
        ],
    ] {
        let mut command = Command::new(PROGRAM);
        command.env("XDG_STATE_HOME", folder.path()).args(&arguments);
        let assert = command.assert().code(1);
        let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
        assert!(said.contains("brought down the process"), "{arguments:?}: {said}");
    }
    // People who look for it find what it is for.
    Command::new(PROGRAM)
        .args([SUBCOMMAND, "--help"])
        .assert()
        .success();
}
