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
/// The functions that may not be called, nor be given another name.
const OTHER_FUNCTIONS: [&str; 7] = [
    "fork",
    "print",
    "rpc_async",
    "rpc_remote",
    "rpc_sync",
    "wait",
    "_awaitable",
];
/// What takes a value for one of another type, unseen.
const CASTS: [&str; 2] = ["unchecked_cast", "uninitialized"];
/// Classes written in C++, which bring code of their own.
const NATIVE_CLASSES: &str = "__torch__.torch.classes";
const CLASSES: &str = "torch.classes";

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
    check_with(code, &[])
}

/// The same for code to which taps were added, which ask for the time as well.
///
/// # Errors
/// The first thing in it that is refused.
pub(super) fn check_tapped(code: &BTreeMap<&str, &str>) -> Result<(), Refused> {
    check_with(code, &[["ops", "prim", "TimePoint"]])
}

fn check_with(code: &BTreeMap<&str, &str>, further: &[[&str; 3]]) -> Result<(), Refused> {
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
        check_file(&words, &own, further).map_err(|(line, what)| Refused {
            what: shortened(&what, LONGEST_NAME),
            file: (*file).into(),
            line,
        })?;
    }
    Ok(())
}

/// `own` are names of the archive's own classes, methods and functions.
fn check_file(
    words: &[(usize, Word)],
    own: &HashSet<&str>,
    further: &[[&str; 3]],
) -> Result<(), (usize, String)> {
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
                Some(Word::Text(_) | Word::Number | Word::Sign(')' | ']' | '}'))
            );
            if word(at) == Some(Word::Sign('(')) && nameless {
                return refuse("a call of something that has no name".into());
            }
            if let Some(Word::Text(text)) = word(at) {
                // As `getattr` names what it gives.
                let names = before == Some(Word::Sign(',')) && word(at + 1) == Some(Word::Sign(')'));
                if text.contains(CLASSES) || (names && (REFUSED.contains(text) || text.contains('\\'))) {
                    return refuse(format!("the name {text:?}"));
                }
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
            if !is_allowed(&names) && !further.iter().any(|allowed| names == allowed) {
                return refuse(path);
            }
        } else if path.starts_with(NATIVE_CLASSES)
            || matches!(names[..], ["__torch__"] | ["__torch__", "torch"])
        {
            return refuse(path);
        } else if !is_called && is_root && names.len() == 1 {
            if OTHER_FUNCTIONS.contains(&first) {
                return refuse(path);
            }
        } else if !is_called {
            // An operator that is taken from a value, to be called later.
            let is_part = is_root && matches!(first, "self" | "__torch__");
            if !is_part && REFUSED.contains(last) {
                return refuse(path);
            }
        } else if CASTS.contains(&first) && is_root && casts_to_class(&words[at..]) {
            return refuse(format!("{path} to a class"));
        } else if is_root && first == "__torch__" && last == "__new__" {
            // An object of one of the archive's own classes.
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

/// Whether a cast, behind whose name these words begin, is to a class: an object that is none would be read as one.
fn casts_to_class(words: &[(usize, Word)]) -> bool {
    let mut open = 0_usize;
    for (_, word) in words {
        match word {
            Word::Name("__torch__") => return true,
            Word::Sign('(' | '[') => open += 1,
            Word::Sign(']') => open = open.saturating_sub(1),
            Word::Sign(')') => return false,
            Word::Sign(',') if open == 1 => return false,
            _ => {}
        }
    }
    false
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
             y = getattr(self.list, \"0\")\n    _1 = __torch__.relu\n    z = _1(y, )\n    for i in range(torch.len([1.5e-05, .5])):\n      z = CONSTANTS.c0\n    \
             c = __torch__.Net.__new__(__torch__.Net)\n    s = annotate(Optional[int], self.indices)\n    e = \"\"",
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
            "a = \"\\\\\"\n    torch.save(x, \"f\")",
            "a = '\"'\n    torch.save(x, '\"')",
            "a = \"\"\"\"a\"\"\"\n    torch.save(x, \"f\")",
            "y = x # type: (\"\"\"",
            "# torch.relu(torch.save(x))",
            "s = 'torch.relu(torch.save(x))'",
            "y = torch.zeros([1]).\\\n    resize_([3])",
            "abs = print\n    abs(x)",
            "abs = fork\n    abs(x)",
            "abs = x.resize_\n    abs([2])",
            "abs = (x).set_\n    abs(x)",
            "abs = getattr(x, \"resize_\")\n    abs([2])",
            "abs = getattr(x, \"resi\\x7ae_\")\n    abs([2])",
            "abs = getattr(x, \"resi\" \"ze_\")\n    abs([2])",
            "_1 = fork\n    def inner(a: Tensor) -> Tensor:\n      return a\n    y = _1(__torch__.f, x)\n    _1 = __torch__.f",
            "y = (__torch__.torch).classes.profiling.Net()",
            "t = __torch__.torch\n    y = t.classes.profiling.Net()",
            "y = annotate(Optional[\"__torch__.torch.classes.profiling.X\"], None)",
            "y = unchecked_cast(__torch__.Net, x)",
            "y = unchecked_cast(Optional[__torch__.Net], x)",
            "y = x...",
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
