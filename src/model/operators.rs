//! Which operators the code in a weights file names: read as text, before anything of it runs. TorchScript finds operators
//! by name, and some of them write files; a net for keypoints only computes. Knows text only.
//!
//! PyTorch writes code in a narrow form: operators as `torch.NAME` or `ops.prim.NAME`, methods of the file's own classes
//! as `(self.conv1).forward(x, )`, and a handful of functions by a bare name. What is written in another way is refused (`grammar`),
//! since its operators could not be told: that is what an allow-list needs.

mod grammar;
mod names;
mod words;

use std::{
    collections::{BTreeMap, HashSet},
    sync::LazyLock,
};

use crate::text::shortened;
use grammar::Reader;
use words::{Word, words_of};

/// Operators that may be named, and those of `aten` that may not: `scripts/make_operators.py` makes and explains both.
static ALLOWED: LazyLock<HashSet<&str>> = LazyLock::new(|| listed(include_str!("operators/allowed.txt")));
static REFUSED: LazyLock<HashSet<&str>> = LazyLock::new(|| listed(include_str!("operators/refused.txt")));

/// Most of a name that is shown, characters.
const LONGEST_NAME: usize = 100;
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

/// Checks all code of an archive, by the names of its files. The classes in it, each with its file.
///
/// # Errors
/// The first thing in it that is refused.
pub(super) fn check<'a>(code: &BTreeMap<&'a str, &'a str>) -> Result<Vec<(&'a str, &'a str)>, Refused> {
    check_with(code, &[])
}

/// The same for code to which taps were added, which ask for the time as well.
///
/// # Errors
/// The first thing in it that is refused.
pub(super) fn check_tapped(code: &BTreeMap<&str, &str>) -> Result<(), Refused> {
    check_with(code, &[["ops", "prim", "TimePoint"]]).map(drop)
}

fn check_with<'a>(
    code: &BTreeMap<&'a str, &'a str>,
    further: &[[&str; 3]],
) -> Result<Vec<(&'a str, &'a str)>, Refused> {
    let mut classes = Vec::new();
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
                    classes.push((*file, *name));
                }
            }
        }
        files.push((file, words));
    }
    for (file, words) in files {
        Reader::new(&words, &own, further)
            .file()
            .map_err(|(line, what)| Refused {
                what: shortened(&what, LONGEST_NAME),
                file: (*file).into(),
                line,
            })?;
    }
    Ok(classes)
}

/// What an archive defines itself.
#[derive(Default)]
struct Own<'a> {
    /// Names of its classes, methods and functions.
    names: HashSet<&'a str>,
    /// Those of its classes.
    classes: HashSet<&'a str>,
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
            "u = abs\n    (int) = self.weight.resize_\n    y = int([2])",
            "u = x\n    [int] = self.weight.resize_\n    y = int([2])",
            "int = self.weight.resize_ ; y = int([2])",
            "int : Tensor = self.weight.resize_\n    y = int([2])",
            "int += self.weight.resize_\n    y = int([2])",
            "a = int = self.weight.resize_\n    y = int([2])",
            "a = (int := self.weight.resize_)\n    y = int([2])",
            "with self.weight.resize_ as int:\n      y = int([2])",
            "for a, int in x:\n      y = int([2])",
            "for range in range(2):\n      pass\n    for i in range(2):\n      pass",
            "for i in enumerate(x):\n      pass",
            "while x: y = 1",
            "if x: y = 1",
            "z = [int([2]) for int in [self.weight.resize_]]",
            "z = lambda int: int([2])",
            "z = x if x else self.weight.resize_",
            "z = f\"{x.resize_([2])}\"",
            "z = r\"a\"",
            "global int",
            "import torch",
            "from torch import save",
            "del x",
            "raise x",
            "assert x",
            "try:\n      pass\n    except:\n      pass",
            "@x",
            "z = x @ x",
            "z = -x",
            "z = not x",
            "z = x and x",
            "z = x == x",
            "z = *x",
            "y = torch.relu(*x)",
            "f = torch.relu",
            "torch = x",
            "CONSTANTS = x",
            "wait = __torch__.relu",
            "relu = __torch__.relu\n    y = relu(x)",
            "abs = __torch__.relu\n    y = abs(x)",
            "int = __torch__.relu\n    y = int(x)",
            "y = _1(x)\n    _1 = x.resize_",
            "y = abs(x)",
            "y = (x)(x)",
            "y = torch.relu(x)(x)",
            "y = x[0](x)",
            "y = {\"a\": x.resize_}[\"a\"](x)",
            "y = 1.resize_([2])",
            "y = 1.e5.resize_([2])",
            "y = \"a\".resize_([2])",
            "y = 0x1",
            "y = x\t",
            "y = x\r",
            "   y = x",
            "self = x",
            "self : Tensor = x\n    abs = self.resize_",
            "self, y = (x, x)",
            "class Inner:\n      pass",
            "y = (x",
            "y = (x]",
            "y = x)",
            "y, x",
            "x.y, z = (x, x)",
            "return",
        ] {
            assert!(refused(&net(body)).is_some(), "{body}");
        }
        // Its own method of that name would hide the operator.
        let own = "class Net(Module):\n  def save(self, x) -> Tensor:\n    return x\n  def forward(self, x):\n    return x.save(\"f\")\n";
        assert_eq!(refused(own).as_deref(), Some("save"));
    }

    #[test]
    fn definitions_stand_where_pytorch_writes_them() {
        let inner = "  int = self._reshape_alias\n  def inner(a: Tensor) -> Tensor:\n    return a\n  return int([5000], [1])\n";
        let class = "class Net(Module):\n  weight : Tensor\n";
        for code in [
            // A function within a function, which could make one forget what was bound before it.
            format!("def f(self: Tensor) -> Tensor:\n{inner}"),
            format!(
                "{class}  def g(self, x: Tensor) -> Tensor:\n    return x\ndef f(self: Tensor) -> Tensor:\n{inner}"
            ),
            format!("class Net(Module):\n def f(self: __torch__.Net) -> Tensor:\n{inner}"),
            format!("{class}    def f(self: __torch__.Net) -> Tensor:\n      return self.weight\n"),
            "def f(x: Tensor) -> Tensor:\n  class Inner:\n    a : int\n  return x\n".into(),
            "def f(x: Tensor) -> Tensor: return x\n".into(),
            "def f(x: Tensor, int: Any=1) -> Tensor:\n  return int([2])\n".into(),
            "def f(x: Tensor=torch.from_file(\"f\")) -> Tensor:\n  return x\n".into(),
            "def f(x: Tensor, *y) -> Tensor:\n  return x\n".into(),
            "@g\ndef f(x: Tensor) -> Tensor:\n  return x\n".into(),
            "class Net(torch.classes.X):\n  a : int\n".into(),
            "class Net(Module, Module):\n  a : int\n".into(),
            format!("{class}  a : Final[Tensor] = torch.from_file(\"f\")\n"),
            format!("{class}  torch.from_file(\"f\")\n"),
            format!("{class}  int = x\n  if x:\n    pass\n"),
            "  def f(x: Tensor) -> Tensor:\n    return x\n".into(),
            "x = 1\n".into(),
            // Only what a method belongs to is an object of the archive.
            "def f(self: Tensor) -> Tensor:\n  y = self.resize_\n  return self\n".into(),
            format!("{class}  def f(self: Tensor) -> Tensor:\n    y = self.resize_\n    return self\n"),
        ] {
            assert!(refused(&code).is_some(), "{code}");
        }
        assert_eq!(
            refused(&format!(
                "{class}  def f(self: __torch__.Net) -> Tensor:\n    y = self.resize_\n    return y\n"
            )),
            None
        );
    }

    #[test]
    fn what_is_nested_without_end_is_refused_and_takes_no_room() {
        for (open, close) in [
            ("(", ")"),
            ("[", "]"),
            ("{1: ", "}"),
            ("torch.relu(", ")"),
            ("x[", "]"),
        ] {
            let nested = format!("y = {}x{}", open.repeat(300_000), close.repeat(300_000));
            let why = "brackets that are too deep";
            assert_eq!(refused(&net(&nested)).as_deref(), Some(why), "{open}");
        }
        let kind = format!("y : {}int{} = x", "List[".repeat(300_000), "]".repeat(300_000));
        assert_eq!(
            refused(&net(&kind)).as_deref(),
            Some("brackets that are too deep")
        );
    }

    #[test]
    fn all_forms_that_pytorch_writes_are_known() {
        let code = "op_version_set = 1\nimport __torch__.torch.nn\nclass Colour(Enum):\n  RED = 1\n  NAME = \"a\"\n\
            class Pair(NamedTuple):\n  a : Tensor\n  b : Optional[Tuple[()]]\nclass Part(ModuleInterface):\n  def f(self, x: Tensor) -> Tensor:\n    pass\n\
            class Empty:\n  pass\n\
            class Net(Module):\n  __parameters__ = [\"weight\", ]\n  __annotations__ = []\n  __annotations__[\"0\"] = __torch__.Part\n  \
            weight : Tensor\n  steps : Final[List[int]] = [1, -2]\n  sizes : Final[Dict[str, int]] = annotate(Dict[str, int], {})\n  \
            def forward(self: __torch__.Net,\n    x: Tensor,\n    y: float=-inf,\n    z: complex=1.+2.j) -> Tuple[Tensor, int]:\n    \
            a, b, = torch.split(x, [1, -1])\n    c, = (a,)\n    d, e = a, b\n    self.weight = (d)[0]\n    (self.part).count = (c)[0:2]\n    \
            CONSTANTS.c0.n = 3\n    with self.guard as g:\n      pass\n    with (self).guard:\n      pass\n    while e:\n      e = torch.__is__(d, None)\n    \
            h = __torch__.Pair(a, {\"k\": b, \"l\": c})\n    _0 = isinstance(h, (int, List[int]))\n    k = __torch__.Colour.RED\n    l = (k).value\n    \
            m = sorted(annotate(List[str], []))\n    n = float(str(1e-5))\n    o = uninitialized(Optional[Tensor])\n    p = torch.zeros([2], dtype=6, device=torch.device(\"cpu\"))\n    \
            max = torch.max(a)\n    return (a, 1)\n";
        assert_eq!(refused(code), None);
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
