//! Which operators the code in a weights file names: read as text, before anything of it runs. TorchScript finds operators
//! by name, and some of them write files; a net for keypoints only computes. Knows text only.
//!
//! PyTorch writes code in a narrow form: operators as `torch.NAME` or `ops.prim.NAME`, methods of the file's own classes
//! as `(self.conv1).forward(x, )`, and a handful of functions by a bare name. What is written in another way is refused,
//! since its operators could not be told: that is what an allow-list needs.

mod words;

use std::{
    collections::{BTreeMap, HashSet},
    sync::LazyLock,
};

use crate::text::shortened;
use words::{Word, words_of};

/// Operators that may be named, and those of `aten` that may not: `scripts/make_operators.py` makes and explains both.
static ALLOWED: LazyLock<HashSet<&str>> = LazyLock::new(|| listed(include_str!("operators/allowed.txt")));
static REFUSED: LazyLock<HashSet<&str>> = LazyLock::new(|| listed(include_str!("operators/refused.txt")));

/// Functions of TorchScript that may be called by their bare name. `print` and `fork` are the others.
const FUNCTIONS: [&str; 28] = [
    "abs",
    "all",
    "annotate",
    "any",
    "bool",
    "complex",
    "dict",
    "divmod",
    "enumerate",
    "float",
    "getattr",
    "hasattr",
    "int",
    "isinstance",
    "len",
    "list",
    "max",
    "min",
    "pow",
    "range",
    "round",
    "sorted",
    "str",
    "sum",
    "tuple",
    "unchecked_cast",
    "uninitialized",
    "zip",
];
/// Words that a parenthesis may follow without a call.
const KEYWORDS: [&str; 13] = [
    "and", "assert", "elif", "else", "for", "if", "in", "is", "not", "or", "raise", "return", "while",
];
/// Most of a name that is shown, characters.
const LONGEST_NAME: usize = 100;
/// Classes written in C++, which bring code of their own.
const NATIVE_CLASSES: &str = "__torch__.torch.classes";

/// What is refused, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    /// What is named or done there.
    pub(super) what: String,
    /// The file within the archive.
    pub(super) file: String,
    /// Its line, from 1.
    pub(super) line: usize,
}

fn listed(text: &'static str) -> HashSet<&'static str> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.flat_map(str::split_whitespace).collect()
}

/// Checks all code of an archive, by the names of its files.
///
/// # Errors
/// The first thing in it that is refused.
pub(super) fn check(code: &BTreeMap<&str, &str>) -> Result<(), Refused> {
    let mut own = HashSet::new();
    let mut files = Vec::with_capacity(code.len());
    for (file, text) in code {
        let words = words_of(text).map_err(|(line, what)| Refused {
            what: what.into(),
            file: (*file).into(),
            line,
        })?;
        for pair in words.windows(2) {
            if let [(_, Word::Name("def" | "class")), (_, Word::Name(name))] = pair {
                own.insert(*name);
            }
        }
        files.push((file, words));
    }
    for (file, words) in files {
        check_file(&words, &own).map_err(|(line, what)| Refused {
            what: shortened(&what, LONGEST_NAME),
            file: (*file).into(),
            line,
        })?;
    }
    Ok(())
}

/// `own` are names of the archive's own classes, methods and functions.
fn check_file(words: &[(usize, Word)], own: &HashSet<&str>) -> Result<(), (usize, String)> {
    let word = |at: usize| words.get(at).map(|(_, word)| *word);
    let mut functions = HashSet::new();
    let mut at = 0;
    while at < words.len() {
        let line = words[at].0;
        let refuse = |what: String| Err((line, what));
        let before = at.checked_sub(1).and_then(word);
        let Some(Word::Name(first)) = word(at) else {
            let nameless = matches!(
                before,
                Some(Word::Text | Word::Number | Word::Sign(')' | ']' | '}'))
            );
            if word(at) == Some(Word::Sign('(')) && nameless {
                return refuse("a call of something that has no name".into());
            }
            at += 1;
            continue;
        };
        let mut names = vec![first];
        at += 1;
        while let (Some(Word::Sign('.')), Some(Word::Name(name))) = (word(at), word(at + 1)) {
            names.push(name);
            at += 2;
        }
        let path = names.join(".");
        let is_called = word(at) == Some(Word::Sign('('));
        let last = names.last().copied().unwrap_or(first);
        if let "def" | "class" = first {
            functions = functions_of(&words[at..]);
            continue;
        }
        if matches!(before, Some(Word::Name("def" | "class"))) {
            continue;
        }
        let is_root = before != Some(Word::Sign('.'));
        if is_root && matches!(first, "torch" | "ops") {
            if !is_allowed(&names) {
                return refuse(path);
            }
        } else if path.starts_with(NATIVE_CLASSES) {
            return refuse(path);
        } else if is_called && is_root && names.len() == 1 {
            let known = FUNCTIONS.contains(&first) || KEYWORDS.contains(&first);
            if !known && !functions.contains(first) {
                return refuse(first.into());
            }
        } else if is_called && (REFUSED.contains(last) || !own.contains(last)) {
            return refuse(last.into());
        }
    }
    Ok(())
}

/// Names that in a function, whose words come first in `words`, are nothing but other names for functions of the archive, as in
/// `_0 = __torch__.torch.nn.functional.relu`.
fn functions_of<'a>(words: &[(usize, Word<'a>)]) -> HashSet<&'a str> {
    let begins = |(_, word): &(usize, Word)| matches!(word, Word::Name("def" | "class"));
    let end = words.iter().position(begins).unwrap_or(words.len());
    let word = |at: usize| words[..end].get(at).map(|(_, word)| *word);
    let (mut given, mut otherwise) = (HashSet::new(), HashSet::new());
    for at in 0..end {
        let (Some(Word::Name(name)), false) = (word(at), at > 0 && word(at - 1) == Some(Word::Sign('.')))
        else {
            continue;
        };
        match (word(at + 1), word(at + 2), word(at + 3)) {
            (Some(Word::Sign('(')), ..) => {}
            (Some(Word::Sign('=')), Some(Word::Name("__torch__")), Some(Word::Sign('.'))) => {
                given.insert(name);
            }
            _ => {
                otherwise.insert(name);
            }
        }
    }
    &given - &otherwise
}

/// Whether `torch.NAME` or `ops.NAMESPACE.NAME` is in the list.
fn is_allowed(names: &[&str]) -> bool {
    match *names {
        ["torch", name] | ["ops", "aten", name] => ALLOWED.contains(name),
        ["ops", "prim", name] => ALLOWED.contains(format!("prim.{name}").as_str()),
        _ => false,
    }
}

/// Whether a pickle names a class written in C++.
pub(super) fn names_native_class(pickle: &[u8]) -> bool {
    pickle
        .windows(NATIVE_CLASSES.len())
        .any(|window| window == NATIVE_CLASSES.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Option<String> {
        check(&BTreeMap::from([("net.py", text)]))
            .err()
            .map(|refused| refused.what)
    }

    /// A net's `forward` with these statements.
    fn net(body: &str) -> String {
        format!(
            "class Net(Module):\n  def forward(self: __torch__.Net,\n    x: Tensor) -> Tensor:\n    {body}\n    return x\n"
        )
    }

    #[test]
    fn code_as_pytorch_writes_it_is_allowed() {
        let code = net(
            "_0 = torch.relu((self.conv).forward(x, ))\n    if torch.lt(annotate(int, 1), 2):\n      \
             ops.prim.RaiseException(\"print(1), torch.save\", \"b\")\n    else:\n      pass\n    \
             y = getattr(self.list, \"0\")\n    # torch.save(x)\n    _1 = __torch__.relu\n    z = _1(y, )\n    for i in range(torch.len([1.5e-05, .5])):\n      z = CONSTANTS.c0",
        );
        assert_eq!(refused(&code), None);
    }

    #[test]
    fn what_reaches_out_of_the_net_is_named() {
        for (body, what) in [
            ("torch.save(x, \"f\")", "torch.save"),
            ("_0 = torch.from_file(\"f\", False)", "torch.from_file"),
            ("ops.aten.save(x, \"f\")", "ops.aten.save"),
            ("_0 = ops.image.read_file(\"f\")", "ops.image.read_file"),
            ("_0 = ops.prim.Print(x)", "ops.prim.Print"),
            ("print(x)", "print"),
            ("_0 = fork(self, x)", "fork"),
            ("_0 = torch.sparse_coo_tensor(x, x)", "torch.sparse_coo_tensor"),
            ("_0 = torch.no_such_operator(x)", "torch.no_such_operator"),
            (
                "_0 = __torch__.torch.classes.dist_rpc.WorkerInfo(\"a\", 1)",
                "__torch__.torch.classes.dist_rpc.WorkerInfo",
            ),
        ] {
            assert_eq!(refused(&net(body)).as_deref(), Some(what), "{body}");
        }
    }

    #[test]
    fn ways_round_the_list_are_closed() {
        for body in [
            "x.save(\"f\")",
            "(x).save(\"f\")",
            "x . save (\"f\")",
            "x.save\n(\"f\")",
            "1..save(\"f\")",
            "f = torch.save",
            "t = torch",
            "f = print\n    f(x)",
            "f = x.save\n    f(\"f\")",
            "(torch).save(x, \"f\")",
            "(print)(x)",
            "[x.save][0](\"f\")",
            "_1 = __torch__.relu\n    _1 = print\n    _1(x)",
            "_1 = __torch__.relu\n    _1, y = (print, 1)\n    _1(x)",
            "getattr(torch, \"save\")(x, \"f\")",
            "getattr(x, \"save\")(\"f\")",
            "torch\\\n.save(x, \"f\")",
            "torch.\\\n    save(x, \"f\")",
            "torch.# a comment\n    save(x, \"f\")",
            "a = \"\\\\\"; torch.save(x, \"f\")",
            "a = '\"'; torch.save(x, '\"')",
            "a = \"\"\"\"a\"\"\"; torch.save(x, \"f\")",
        ] {
            assert!(refused(&net(body)).is_some(), "{body}");
        }
        // Its own method of that name would hide the operator.
        let own = "class Net(Module):\n  def save(self, x) -> Tensor:\n    return x\n  def forward(self, x):\n    return x.save(\"f\")\n";
        assert_eq!(refused(own).as_deref(), Some("save"));
    }

    #[test]
    fn text_that_is_no_code_says_where() {
        let refused = check(&BTreeMap::from([("a.py", "x = 1\ny = \"open\n")])).unwrap_err();
        assert_eq!((refused.file.as_str(), refused.line), ("a.py", 2));
        assert!(check(&BTreeMap::from([("a.py", "x = \u{e9}")])).is_err());
    }

    #[test]
    fn the_time_it_takes_grows_with_the_code_and_no_faster() {
        // Every call is of another function: 100,000 would take hours if each had the others looked through.
        let calls = (0..100_000).map(|n| format!("_{n} = __torch__.f\n    x = _{n}(x)\n    "));
        let code = format!("def f(x):\n  return x\n{}", net(&calls.collect::<String>()));
        assert_eq!(refused(&code), None);
    }

    #[test]
    fn lists_of_operators_do_not_meet() {
        assert!(ALLOWED.len() > 1000 && REFUSED.contains("save") && REFUSED.contains("from_file"));
        assert!(ALLOWED.is_disjoint(&REFUSED));
    }
}
