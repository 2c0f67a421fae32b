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
const OTHER_FUNCTIONS: [&str; 8] = [
    "awaitable",
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
/// What the types are made of that values may be taken for: an object that is none of a class would be read as one.
const CAST_TO: [&str; 17] = [
    "Any", "Device", "Dict", "Layout", "List", "None", "NoneType", "Optional", "Tensor", "Tuple", "Union",
    "bool", "complex", "float", "int", "number", "str",
];
/// Classes written in C++, which bring code of their own.
const NATIVE_CLASSES: &str = "__torch__.torch.classes";
/// How texts name such, which may stand for types.
const CLASSES: [&str; 2] = ["torch.classes", "torch.cuda."];

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
    let mut own = Own::default();
    let mut files = Vec::with_capacity(code.len());
    for (file, text) in code {
        let words = words_of(text).map_err(|(line, what)| Refused {
            what: what.into(),
            file: (*file).into(),
            line,
        })?;
        for pair in words.windows(2) {
            if let [(_, Word::Name(kind @ ("def" | "class"))), (_, Word::Name(name))] = pair {
                own.names.insert(*name);
                if *kind == "class" {
                    own.classes.insert(*name);
                }
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

/// What an archive defines itself.
#[derive(Default)]
struct Own<'a> {
    /// Names of its classes, methods and functions.
    names: HashSet<&'a str>,
    /// Those of its classes.
    classes: HashSet<&'a str>,
}

fn check_file(words: &[(usize, Word)], own: &Own, further: &[[&str; 3]]) -> Result<(), (usize, String)> {
    let word = |at: usize| words.get(at).map(|(_, word)| *word);
    let mut bound = Bound::default();
    // Of every bracket that is open, whether it holds what `getattr` is given.
    let mut brackets = Vec::new();
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
            match word(at) {
                Some(Word::Sign('(')) if nameless => {
                    return refuse("a call of something that has no name".into());
                }
                Some(Word::Sign('(' | '[' | '{')) => brackets.push(before == Some(Word::Name("getattr"))),
                Some(Word::Sign(')' | ']' | '}')) => {
                    brackets.pop();
                }
                Some(Word::Sign(',')) if brackets.last() == Some(&true) => match (word(at + 1), word(at + 2))
                {
                    (Some(Word::Text(name)), Some(Word::Sign(')'))) => {
                        if REFUSED.contains(name) || name.contains('\\') {
                            return refuse(format!("the name {name:?}"));
                        }
                    }
                    _ => return refuse("getattr without a plain name".into()),
                },
                Some(Word::Text(text)) if CLASSES.iter().any(|class| text.contains(class)) => {
                    return refuse(format!("the name {text:?}"));
                }
                _ => {}
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
            bound = Bound::of(&words[at..]);
            continue;
        }
        if matches!(before, Some(Word::Name("def" | "class"))) {
            continue;
        }
        let is_root = before != Some(Word::Sign('.'));
        // A function or class of the archive, whatever its name; through a class one comes to values as well.
        let through_class = || {
            names[..names.len() - 1]
                .iter()
                .any(|name| own.classes.contains(name))
        };
        let is_own = is_root && first == "__torch__" && !through_class();
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
            // An operator that is taken from a value, to be called later. Parts of a net have any name.
            let is_part = is_own || (is_root && first == "self");
            if !is_part && REFUSED.contains(last) {
                return refuse(path);
            }
        } else if CASTS.contains(&first) && is_root && casts_to_other(&words[at..]) {
            return refuse(format!("{path} to a class"));
        } else if is_root && first == "__torch__" && last == "__new__" {
            // An object of one of the archive's own classes.
        } else if is_called && is_root && names.len() == 1 {
            let known = FUNCTIONS.contains(&first) && !bound.anything.contains(first);
            if !known && !KEYWORDS.contains(&first) && !bound.functions.contains(first) {
                return refuse(first.into());
            }
        } else if is_called && ((REFUSED.contains(last) && !is_own) || !own.names.contains(last)) {
            return refuse(last.into());
        }
    }
    Ok(())
}

/// What names stand for in a function.
#[derive(Default)]
struct Bound<'a> {
    /// Those that are nothing but other names for functions of the archive, as in `_0 = __torch__.torch.nn.functional.relu`.
    functions: HashSet<&'a str>,
    /// Those that may have been given any value.
    anything: HashSet<&'a str>,
}

impl<'a> Bound<'a> {
    /// Of the function whose words come first in `words`.
    fn of(words: &[(usize, Word<'a>)]) -> Self {
        let begins = |(_, word): &(usize, Word)| matches!(word, Word::Name("def" | "class"));
        let end = words.iter().position(begins).unwrap_or(words.len());
        let word = |at: usize| words[..end].get(at).map(|(_, word)| *word);
        let (mut functions, mut otherwise, mut anything) = (HashSet::new(), HashSet::new(), HashSet::new());
        // Of every bracket that is open, whether what it holds is a call's, an index's or a type's, which name what there is.
        let mut brackets = vec![false];
        for at in 0..end {
            let before = at.checked_sub(1).and_then(word);
            let within = brackets.last() == Some(&true);
            let name = match word(at) {
                Some(Word::Sign('(' | '[' | '{')) => {
                    let named = matches!(before, Some(Word::Name(name)) if !KEYWORDS.contains(&name));
                    brackets.push(within || named);
                    continue;
                }
                Some(Word::Sign(')' | ']' | '}')) => {
                    brackets.pop();
                    continue;
                }
                Some(Word::Name(name)) if before != Some(Word::Sign('.')) => name,
                _ => continue,
            };
            match (word(at + 1), word(at + 2), word(at + 3)) {
                (Some(Word::Sign('(')), ..) => {}
                (Some(Word::Sign('=')), Some(Word::Name("__torch__")), Some(Word::Sign('.'))) => {
                    functions.insert(name);
                }
                _ => {
                    otherwise.insert(name);
                    // Behind a colon at the end of a line a statement begins.
                    let is_type = at > 0
                        && words[at - 1].0 == words[at].0
                        && matches!(before, Some(Word::Sign(':' | '>')));
                    if !within && !is_type {
                        anything.insert(name);
                    }
                }
            }
        }
        functions.retain(|name| !otherwise.contains(name));
        Self { functions, anything }
    }
}

/// Whether a cast, behind whose name these words begin, is to anything but a type of the language.
fn casts_to_other(words: &[(usize, Word)]) -> bool {
    let mut open = 0_usize;
    for (_, word) in words {
        match word {
            Word::Sign('(' | '[') => open += 1,
            Word::Sign(']') => open = open.saturating_sub(1),
            Word::Sign(')') => return false,
            Word::Sign(',') if open == 1 => return false,
            Word::Sign(',') => {}
            Word::Name(name) if CAST_TO.contains(name) => {}
            _ => return true,
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
             c = __torch__.Net.__new__(__torch__.Net)\n    s = annotate(Optional[int], self.indices)\n    e = \"\"\n    \
             a = unchecked_cast(Dict[str, List[Optional[Tensor]]], x)\n    w = getattr(getattr(self.list, \"0\"), \"1\")\n    \
             t : int = int(x)\n    if isinstance(x, [int, float]):\n      b = annotate(Tuple[int, bool], (int(x), bool(x)))\n    \
             _2 = __torch__.own.resize\n    h = _2(x, min=int(1.), sep=\"\\012\\\\056\")",
        );
        assert_eq!(refused(&code), None);
        // A function of its own may be called as an operator is: nobody takes one for the other.
        let own = net("y = __torch__.resize(x, )") + "def resize(x: Tensor) -> Tensor:\n  return x\n";
        assert_eq!(refused(&own), None);
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
            "y = unchecked_cast(\"__torch__.Net\", x)",
            "y = unchecked_cast(List[\"__torch__.Net\"], x)",
            "y = unchecked_cast(other.Net, x)",
            "y = uninitialized(\"__torch__.Net\")",
            "abs = self.weight.resize_\n    abs([2])",
            "if x:\n      abs = self.weight.resize_\n    else:\n      pass\n    abs([2])",
            "abs, y, = self.weight.resize_, 1\n    abs([2])",
            "int = self.weight.resize_\n    int([2])",
            "(int, y) = (self.weight.resize_, 1)\n    int([2])",
            "y, int, z = (1, self.weight.resize_, 1)\n    int([2])",
            "for int in (self.weight.resize_, x):\n      int([2])",
            "unchecked_cast = self.weight.resize_\n    unchecked_cast(Tensor, x)",
            "_1 = self.weight.resize_\n    _1([2])",
            "_1 = __torch__.Net.FILE.value.from_file\n    y = _1(True, 1)",
            "y = __torch__.Net.FILE.value.from_file(True, 1)",
            "y = __torch__.resize(x)",
            "__torch__ = x\n    _1 = __torch__.resize_\n    _1([2])",
            "abs = getattr(x, \"resize_\", )\n    abs([2])",
            "abs = getattr(x, (\"resize_\"))\n    abs([2])",
            "abs = getattr(x, [\"resize_\"][0])\n    abs([2])",
            "y = getattr(getattr(x, \"0\"), \"resize_\", )",
            "y = annotate(Optional[\"__torch__.torch\\056classes.profiling.X\"], None)",
            "y = annotate(Optional[\"torch.cuda.Stream\"], None)",
            "f = awaitable",
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
