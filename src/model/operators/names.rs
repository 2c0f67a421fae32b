//! What a name in the code of a weights file may stand for: which operators, functions and parts of objects. Knows names only.

use std::collections::HashSet;

use super::{ALLOWED, Own, REFUSED, grammar::Outcome};
use crate::model::pickle::NATIVE_CLASSES;

/// Functions of TorchScript that PyTorch writes by their bare name. `print` and `fork` are the others.
const FUNCTIONS: [&str; 11] = [
    "annotate",
    "bool",
    "float",
    "getattr",
    "int",
    "isinstance",
    "range",
    "sorted",
    "str",
    "unchecked_cast",
    "uninitialized",
];
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
/// Words that are no names.
const KEYWORDS: [&str; 33] = [
    "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "else",
    "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal", "not",
    "or", "pass", "raise", "return", "super", "try", "while", "with", "yield",
];
/// What the types are made of that values may be taken for: an object that is none of a class would be read as one.
pub(super) const CAST_TO: [&str; 17] = [
    "Any", "Device", "Dict", "Layout", "List", "None", "NoneType", "Optional", "Tensor", "Tuple", "Union",
    "bool", "complex", "float", "int", "number", "str",
];
/// What stands for the same everywhere, and for a value nowhere.
const ROOTS: [&str; 4] = ["torch", "ops", "__torch__", "CONSTANTS"];
/// How texts name such, which may stand for types.
const CLASSES: [&str; 2] = ["torch.classes", "torch.cuda."];

/// What names stand for in a function.
#[derive(Default)]
pub(super) struct Scope<'a> {
    /// Those that may have been given any value.
    anything: HashSet<&'a str>,
    /// Those that are other names for functions of the archive, as in `_0 = __torch__.torch.nn.functional.relu`.
    functions: HashSet<&'a str>,
    /// What was called by a bare name, each with its line.
    called: Vec<(usize, &'a str)>,
    /// Whether `self` is an object of one of the archive's classes.
    pub(super) self_is_object: bool,
}

impl<'a> Scope<'a> {
    /// Notes that a name was given a value, or a function of the archive.
    pub(super) fn bind(&mut self, line: usize, name: &'a str, is_function: bool) -> Outcome {
        let is_free = !KEYWORDS.contains(&name) && !ROOTS.contains(&name) && !OTHER_FUNCTIONS.contains(&name);
        if !is_free || (name == "self" && self.self_is_object) {
            return Err((line, format!("{name} as a variable")));
        }
        if is_function {
            self.functions.insert(name);
        } else {
            self.anything.insert(name);
        }
        Ok(())
    }

    /// Notes a call by a bare name.
    pub(super) fn call(&mut self, line: usize, name: &'a str) -> Outcome {
        if !FUNCTIONS.contains(&name) && !is_numbered(name) {
            return Err((line, name.into()));
        }
        self.called.push((line, name));
        Ok(())
    }

    /// Whether all that was called is what it seemed to be, now that all is known that its names stand for.
    pub(super) fn end(self) -> Outcome {
        let is_known = |name: &str| {
            let is_function = self.functions.contains(name);
            !self.anything.contains(name) && is_function != FUNCTIONS.contains(&name)
        };
        match self.called.iter().find(|(_, name)| !is_known(name)) {
            Some((line, name)) => Err((*line, (*name).into())),
            None => Ok(()),
        }
    }
}

/// Whether PyTorch made a name up, as it does for functions of the archive: `_0`.
fn is_numbered(name: &str) -> bool {
    let number = name.strip_prefix('_').filter(|number| !number.is_empty());
    number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A path, or a variable, that is not called.
pub(super) fn read(path: &[&str], own: &Own, scope: &Scope) -> Result<(), String> {
    match *path {
        [name] if KEYWORDS.contains(&name) || OTHER_FUNCTIONS.contains(&name) || ROOTS.contains(&name) => {
            Err(name.into())
        }
        [_] => Ok(()),
        ["torch" | "ops", ..] => Err(path.join(".")),
        ["self", ..] if scope.self_is_object => Ok(()),
        ["__torch__", ..] => {
            native(path)?;
            if goes_through_class(path, own) {
                part(path)
            } else {
                Ok(())
            }
        }
        _ => part(path),
    }
}

/// What is taken of a value and not called, by the names after the value's. An operator could be, to be called later.
pub(super) fn part(names: &[&str]) -> Result<(), String> {
    match names.last() {
        Some(last) if REFUSED.contains(last) => Err(names.join(".")),
        _ => Ok(()),
    }
}

/// A path of several names that is called.
pub(super) fn path(path: &[&str], own: &Own, further: &[[&str; 3]]) -> Result<(), String> {
    match *path {
        ["torch" | "ops", ..] => {
            if is_allowed(path) || further.iter().any(|further| further == path) {
                Ok(())
            } else {
                Err(path.join("."))
            }
        }
        // An object of one of the archive's own classes.
        ["__torch__", .., "__new__"] => native(path),
        ["__torch__", .., last] if !goes_through_class(path, own) => {
            native(path)?;
            // Whatever its name: nobody takes it for an operator.
            if own.names.contains(last) {
                Ok(())
            } else {
                Err(last.into())
            }
        }
        _ => {
            native(path)?;
            method(path, own)
        }
    }
}

/// A method that is called, by the names after its object's.
pub(super) fn method(names: &[&str], own: &Own) -> Result<(), String> {
    match names.last() {
        Some(last) if REFUSED.contains(last) || !own.names.contains(last) => Err((*last).into()),
        _ => Ok(()),
    }
}

/// A name given to `getattr`.
pub(super) fn attribute(name: &str) -> Result<(), String> {
    if REFUSED.contains(name) || name.contains('\\') {
        return Err(format!("the name {name:?}"));
    }
    Ok(())
}

/// A text, which may be taken for a type.
pub(super) fn text(text: &str) -> Result<(), String> {
    if CLASSES.iter().any(|class| text.contains(class)) {
        return Err(format!("the name {text:?}"));
    }
    Ok(())
}

/// A type.
pub(super) fn kind(path: &[&str]) -> Result<(), String> {
    native(path)?;
    match *path {
        ["torch" | "ops", ..] if !is_allowed(path) => Err(path.join(".")),
        _ => Ok(()),
    }
}

fn native(path: &[&str]) -> Result<(), String> {
    let text = path.join(".");
    if text.starts_with(NATIVE_CLASSES) || matches!(path, ["__torch__"] | ["__torch__", "torch"]) {
        return Err(text);
    }
    Ok(())
}

/// Through a class of the archive one comes to values as well as to functions.
fn goes_through_class(path: &[&str], own: &Own) -> bool {
    path[..path.len() - 1]
        .iter()
        .any(|name| own.classes.contains(name))
}

/// Whether `torch.NAME` or `ops.NAMESPACE.NAME` is in the list.
fn is_allowed(path: &[&str]) -> bool {
    match *path {
        ["torch", name] | ["ops", "aten", name] => ALLOWED.contains(name),
        ["ops", "prim", name] => ALLOWED.contains(format!("prim.{name}").as_str()),
        _ => false,
    }
}
