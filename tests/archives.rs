//! Zip archives that mean two things at once, or lead elsewhere: what was checked has to be what libtorch then reads.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod nets;

use nets::{entries, zipped};
use pinkpoint::model::archive;

fn refused(bytes: Vec<u8>) -> String {
    archive::check(bytes).unwrap_err().to_string()
}

#[test]
fn names_that_lead_elsewhere_or_mean_two_entries_are_refused() {
    assert!(archive::check(zipped(&entries(), "")).is_ok());
    for odd in [
        "steady-64/../../etc/cron.d/job",
        "/etc/passwd",
        "steady-64//data/7",
        "steady-64/./data/7",
        "steady-64\\data\\7",
        "C:/data/7",
        "other/data/7",
        "data.pkl",
        // libtorch finds names whatever their case.
        "steady-64/DATA.PKL",
        "steady-64/code/__torch__.PY",
        "steady-64/CODE/net.py",
        "steady-64/Constants.pkl",
    ] {
        let mut entries = entries();
        entries.push((odd.into(), b"x".to_vec()));
        let message = refused(zipped(&entries, ""));
        assert!(message.contains("damaged"), "{odd}: {message}");
    }
}

#[test]
fn code_is_looked_for_where_libtorch_does() {
    // A folder of the same shape before it does not hide the net's own code.
    let mut decoy = vec![
        ("steady-64/sub/constants.pkl".into(), b"x".to_vec()),
        ("steady-64/sub/code/x.py".into(), b"x = 1\n".to_vec()),
    ];
    decoy.extend(entries());
    let code = decoy
        .iter_mut()
        .find(|(name, _)| name == "steady-64/code/__torch__.py")
        .unwrap();
    code.1.extend_from_slice(b"def f(x):\n  torch.save(x, \"f\")\n");
    assert!(refused(zipped(&decoy, "")).contains("torch.save"));
}

#[test]
fn a_second_table_of_contents_is_refused() {
    // Some readers look for the table from the end of the file, some for the last one that makes sense.
    let hidden = zipped(&[("steady-64/a".into(), b"x".to_vec())], "");
    let text: String = hidden.iter().map(|&byte| char::from(byte)).collect();
    assert!(refused(zipped(&entries(), &text)).contains("damaged"));
    assert!(refused(zipped(&entries(), "a comment")).contains("damaged"));
    let mut longer = zipped(&entries(), "");
    longer.extend_from_slice(b"behind the end");
    assert!(refused(longer).contains("damaged"));
    let mut moved = b"PK before the beginning".to_vec();
    moved.extend(zipped(&entries(), ""));
    assert!(refused(moved).contains("damaged"));
}

#[test]
fn entries_that_share_their_bytes_are_refused() {
    let mut bytes = zipped(&entries(), "");
    // The place of an entry's bytes stands 42 bytes into its line of the table.
    let lines: Vec<usize> = (0..bytes.len() - 4)
        .filter(|&at| bytes[at..].starts_with(b"PK\x01\x02"))
        .collect();
    let first: [u8; 4] = bytes[lines[1] + 42..lines[1] + 46].try_into().unwrap();
    bytes[lines[2] + 42..lines[2] + 46].copy_from_slice(&first);
    assert!(refused(bytes).contains("damaged"));
}

#[test]
fn code_that_is_no_text_and_classes_written_in_cpp_are_refused() {
    let changed = |ending: &str, content: &[u8]| {
        let mut entries = entries();
        let entry = entries
            .iter_mut()
            .find(|(name, _)| name.ends_with(ending))
            .unwrap();
        entry.1 = content.to_vec();
        refused(zipped(&entries, ""))
    };
    assert!(changed("code/__torch__.py", b"x = \"\xff\"\n").contains("damaged"));
    let pickle = b"\x80\x02c__torch__.torch.classes.quantized\nConv2dPackedParamsBase\n.";
    assert!(changed("/data.pkl", pickle).contains("written in C++"));
    // As libtorch reads them, blanks and escapes mean the same.
    for hidden in [
        &b"\x80\x02c__torch__.torch .classes.profiling\n_ScriptProfile\n."[..],
        b"\x80\x02c\"__torch__.torch\\056classes.profiling\n_ScriptProfile\"\n.",
    ] {
        for file in ["/data.pkl", "/constants.pkl"] {
            assert!(changed(file, hidden).contains("nothing but tensors and objects of its own"));
        }
    }
    let much = vec![b'('; 17 << 20];
    assert!(changed("code/__torch__.py", &much).contains("17 MB"));
    let mut old = entries();
    old.push(("steady-64/model.json".into(), b"{}".to_vec()));
    assert!(refused(zipped(&old, "")).contains("before 1.4"));
}

#[test]
fn an_archive_of_nothing_is_told_as_such() {
    let said = refused(zipped(&[], ""));
    assert!(said.contains("it holds nothing"), "{said}");
}
