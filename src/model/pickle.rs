//! What the pickles of an archive would make: libtorch unpickles them as it loads a net, and what a pickle names may run code of its
//! own. Walks a pickle as libtorch's `Unpickler` does (torch/csrc/jit/serialization/unpickler.cpp), and makes nothing. Knows bytes only.

use std::collections::{HashMap, HashSet};

/// What PyTorch names in the pickles of a net, beside classes of the net's own.
const NAMED: [[&str; 2]; 9] = [
    ["builtins", "complex"],
    ["collections", "OrderedDict"],
    ["torch", "device"],
    ["torch._utils", "_rebuild_tensor_v2"],
    ["torch.jit._pickle", "build_boollist"],
    ["torch.jit._pickle", "build_doublelist"],
    ["torch.jit._pickle", "build_intlist"],
    ["torch.jit._pickle", "build_tensorlist"],
    ["torch.jit._pickle", "restore_type_tag"],
];
/// The last of these, which takes a value and the text of its type.
const TYPE_TAG: [&str; 2] = NAMED[8];
/// Endings of the names in `torch` that stand for kinds of numbers.
const STORAGE: &str = "Storage";

/// Classes written in C++, which bring code of their own, whatever the net calls its own.
pub(super) const NATIVE_CLASSES: &str = "__torch__.torch.classes";

/// What is wrong with a pickle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Odd {
    /// It names something that is none of the net's own classes.
    Names(String),
    /// PyTorch does not write such.
    Form(String),
}

/// What lies on the stack, as far as it matters.
#[derive(Debug, Clone, Copy)]
enum Value<'a> {
    /// Something to be called, and whether it is [`TYPE_TAG`].
    Callable { tags: bool },
    /// A text.
    Text(&'a [u8]),
    /// A tuple of two, the last of which is a text.
    Tagged(&'a [u8]),
    /// Anything else.
    Other,
}

/// Checks a pickle of a net whose code has these classes, by their full names.
///
/// # Errors
/// When it names anything else that could be made or called, or is written in another way than PyTorch does.
pub(super) fn check(pickle: &[u8], classes: &HashSet<String>) -> Result<(), Odd> {
    let mut walker = Walker {
        rest: pickle,
        classes,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    while walker.step()? {}
    Ok(())
}

struct Walker<'a> {
    rest: &'a [u8],
    classes: &'a HashSet<String>,
    stack: Vec<Value<'a>>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u32, Value<'a>>,
}

impl<'a> Walker<'a> {
    /// Follows one opcode; whether there are more. Names and numbers of the opcodes are Python's (pickletools).
    fn step(&mut self) -> Result<bool, Odd> {
        match self.byte()? {
            // PROTO
            0x80 => drop(self.take(1)?),
            // STOP
            b'.' => return Ok(false),
            // EMPTY_LIST, EMPTY_DICT, EMPTY_TUPLE, NONE, NEWTRUE, NEWFALSE
            b']' | b'}' | b')' | b'N' | 0x88 | 0x89 => self.stack.push(Value::Other),
            // BININT1, BININT2, BININT, BINFLOAT
            b'K' => self.skip(1)?,
            b'M' => self.skip(2)?,
            b'J' => self.skip(4)?,
            b'G' => self.skip(8)?,
            // LONG1
            0x8a => {
                let length = self.byte()?;
                self.skip(length.into())?;
            }
            // BINUNICODE
            b'X' => {
                let length = self.long()?;
                let text = self.take(length as usize)?;
                self.stack.push(Value::Text(text));
            }
            // BINPUT, LONG_BINPUT
            b'q' => {
                let place = self.byte()?.into();
                self.remember(place)?;
            }
            b'r' => {
                let place = self.long()?;
                self.remember(place)?;
            }
            // BINGET, LONG_BINGET
            b'h' => {
                let place = self.byte()?.into();
                self.recall(place)?;
            }
            b'j' => {
                let place = self.long()?;
                self.recall(place)?;
            }
            // MARK
            b'(' => self.marks.push(self.stack.len()),
            // TUPLE, TUPLE1, TUPLE2, TUPLE3
            b't' => {
                let from = self.mark()?;
                self.tuple(from)?;
            }
            count @ 0x85..=0x87 => {
                let from = self.stack.len().checked_sub(usize::from(count) - 0x84);
                self.tuple(from.ok_or_else(short)?)?;
            }
            // APPENDS, SETITEMS
            b'e' | b'u' => {
                let from = self.mark()?;
                self.stack.truncate(from);
            }
            // GLOBAL
            b'c' => {
                let module = self.line()?;
                let name = self.line()?;
                let tags = self.named(module, name)?;
                self.stack.push(Value::Callable { tags });
            }
            // NEWOBJ
            0x81 => drop(self.pop()?),
            // REDUCE, BUILD
            b'R' | b'b' => {
                let given = self.pop()?;
                self.call(given)?;
            }
            // BINPERSID
            b'Q' => {
                self.pop()?;
                self.stack.push(Value::Other);
            }
            other => return Err(Odd::Form(format!("with an opcode {other:#04x}"))),
        }
        Ok(true)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Odd> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(short)?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Odd> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn long(&mut self) -> Result<u32, Odd> {
        let bytes = self.take(4)?;
        Ok(bytes
            .iter()
            .rev()
            .fold(0, |sum, &byte| sum << 8 | u32::from(byte)))
    }

    /// A number of so many bytes.
    fn skip(&mut self, length: usize) -> Result<(), Odd> {
        self.take(length)?;
        self.stack.push(Value::Other);
        Ok(())
    }

    /// What stands before the next line feed.
    fn line(&mut self) -> Result<&'a [u8], Odd> {
        let end = self
            .rest
            .iter()
            .position(|&byte| byte == b'\n')
            .ok_or_else(short)?;
        let line = self.take(end)?;
        self.take(1)?;
        Ok(line)
    }

    fn pop(&mut self) -> Result<Value<'a>, Odd> {
        self.stack.pop().ok_or_else(short)
    }

    fn mark(&mut self) -> Result<usize, Odd> {
        self.marks
            .pop()
            .filter(|&at| at <= self.stack.len())
            .ok_or_else(short)
    }

    fn remember(&mut self, place: u32) -> Result<(), Odd> {
        let value = *self.stack.last().ok_or_else(short)?;
        self.memo.insert(place, value);
        Ok(())
    }

    fn recall(&mut self, place: u32) -> Result<(), Odd> {
        let value = *self.memo.get(&place).ok_or_else(short)?;
        self.stack.push(value);
        Ok(())
    }

    fn tuple(&mut self, from: usize) -> Result<(), Odd> {
        let made = match self.stack.get(from..).ok_or_else(short)? {
            [_, Value::Text(text)] => Value::Tagged(text),
            _ => Value::Other,
        };
        self.stack.truncate(from);
        self.stack.push(made);
        Ok(())
    }

    /// Whether what is named takes a type; an error where it is not known.
    fn named(&self, module: &[u8], name: &[u8]) -> Result<bool, Odd> {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let (module, name) = (text(module), text(name));
        let known = NAMED.contains(&[&*module, &*name])
            || (module == "torch" && is_storage(&name))
            || self.is_own(&format!("{module}.{name}"));
        if known {
            Ok([&*module, &*name] == TYPE_TAG)
        } else {
            Err(Odd::Names(format!("{module}.{name}")))
        }
    }

    /// Whether a class is the net's own. libtorch reads its name as a type, so in other letters it might be another one.
    fn is_own(&self, name: &str) -> bool {
        name.chars().all(is_of_name) && !name.starts_with(NATIVE_CLASSES) && self.classes.contains(name)
    }

    /// Calls what lies on top of the stack.
    fn call(&mut self, given: Value) -> Result<(), Odd> {
        // To libtorch it is a number, and could be any; PyTorch puts it there by its name.
        let Value::Callable { tags } = self.pop()? else {
            return Err(Odd::Form("that calls what it has not named".into()));
        };
        match given {
            Value::Tagged(text) if tags => self.check_type(text)?,
            _ if tags => return Err(Odd::Form("that gives a value no type".into())),
            _ => {}
        }
        self.stack.push(Value::Other);
        Ok(())
    }

    /// The text of a type may name classes, too.
    fn check_type(&self, text: &[u8]) -> Result<(), Odd> {
        let text = String::from_utf8_lossy(text);
        let is_plain = text
            .chars()
            .all(|letter| is_of_name(letter) || matches!(letter, '[' | ']' | '(' | ')' | ',' | ' '));
        let unknown = text
            .split(|letter| !is_of_name(letter))
            .find(|name| name.contains('.') && !self.is_own(name));
        match unknown {
            Some(name) => Err(Odd::Names(name.into())),
            None if is_plain => Ok(()),
            None => Err(Odd::Names(text.into())),
        }
    }
}

fn is_of_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.')
}

fn is_storage(name: &str) -> bool {
    let kind = name.strip_suffix(STORAGE).unwrap_or_default();
    !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn short() -> Odd {
    Odd::Form("that is cut off".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(pickle: &[u8]) -> Result<(), Odd> {
        // A net may have files and classes called like others.
        let own = [
            "__torch__.net.Net",
            "__torch__.torch.classes.a.B",
            "__torch__.torch .classes.a.B",
        ];
        let classes = own.map(str::to_owned).into();
        check(&[b"\x80\x02", pickle, b"."].concat(), &classes)
    }

    fn names(pickle: &[u8]) -> String {
        match checked(pickle) {
            Err(Odd::Names(name)) => name,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_pytorch_writes_is_known() {
        // An object with an attribute of each kind, and one of which the type is said.
        let object = b"c__torch__.net\nNet\nq\x00)\x81}(X\x01\x00\x00\x00aK\x01X\x01\x00\x00\x00bG\0\0\0\0\0\0\0\0\
            X\x01\x00\x00\x00c(ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nNK\x01tQK\x00tRt\
            X\x01\x00\x00\x00dctorch.jit._pickle\nrestore_type_tag\n}X\x1c\x00\x00\x00Dict[str, __torch__.net.Net]\x86Rub";
        assert_eq!(checked(object), Ok(()));
        assert_eq!(checked(b"h\x07"), Err(short()), "nothing was remembered there");
    }

    #[test]
    fn classes_of_others_are_refused_however_they_are_written() {
        for (pickle, name) in [
            (
                &b"c__torch__.torch.classes.quantized\nLinearPackedParamsBase\n"[..],
                "__torch__.torch.classes.quantized.LinearPackedParamsBase",
            ),
            // libtorch reads these as types, in which blanks and escapes mean the same.
            (
                b"c__torch__.torch .classes.profiling\n_ScriptProfile\n",
                "__torch__.torch .classes.profiling._ScriptProfile",
            ),
            (
                b"c\"__torch__.torch\\056classes.profiling\n_ScriptProfile\"\n",
                "\"__torch__.torch\\056classes.profiling._ScriptProfile\"",
            ),
            (b"c__torch__.torch.classes.a\nB\n", "__torch__.torch.classes.a.B"),
            (
                b"c__torch__.torch .classes.a\nB\n",
                "__torch__.torch .classes.a.B",
            ),
            (b"c__torch__.net\nOther\n", "__torch__.net.Other"),
            (b"cos\nsystem\n", "os.system"),
            (b"ctorch\nload\n", "torch.load"),
        ] {
            assert_eq!(names(pickle), name);
        }
    }

    #[test]
    fn types_that_are_said_are_checked_as_well() {
        let said = |text: &str| {
            let length = (text.len() as u32).to_le_bytes();
            let tag = b"ctorch.jit._pickle\nrestore_type_tag\n]X";
            [&tag[..], &length, text.as_bytes(), b"\x86R"].concat()
        };
        assert_eq!(checked(&said("Dict[str, Tuple[int, Tensor]]")), Ok(()));
        for text in [
            "List[__torch__.torch.classes.profiling._ScriptProfile]",
            "List[__torch__ .torch.classes.a.B]",
            "List[\"__torch__\\056torch\"]",
        ] {
            assert!(!names(&said(text)).is_empty());
        }
        // Where the type is not to be seen, and where what is called is a number.
        for pickle in [&b"ctorch.jit._pickle\nrestore_type_tag\n]R"[..], b"K\x00]R"] {
            assert!(matches!(checked(pickle), Err(Odd::Form(_))));
        }
    }

    #[test]
    fn pickles_that_are_cut_off_or_of_another_make_are_refused() {
        for pickle in [
            &b"X\xff\xff\xff\xff"[..],
            b"t",
            b"\x87",
            b"R",
            b"q\x00",
            b"c__torch__",
            b"S'x'\n",
            b"\x93",
        ] {
            assert!(matches!(checked(pickle), Err(Odd::Form(_))), "{pickle:?}");
        }
        assert_eq!(check(b"\x80\x02", &HashSet::new()), Err(short()));
    }
}
