//! The form in which PyTorch writes TorchScript source: definitions of classes and functions in their columns, one statement a
//! line, and expressions of names, calls, brackets and constants. What is in another form is refused, whatever it means, so that
//! nothing can be read here in one way and by libtorch in another. Knows words only; the rules for names are in `names`.

use super::{
    Own,
    names::{self, Scope},
    words::Word,
};

/// What is refused: its line, and what it is.
pub(super) type Outcome<T = ()> = Result<T, (usize, String)>;

/// Brackets within brackets; PyTorch gives what is longer than a line a name of its own.
const DEEPEST: usize = 100;
/// What a class may be of, by the word behind its name.
const BASES: [&str; 5] = ["Enum", "Interface", "Module", "ModuleInterface", "NamedTuple"];

/// What an expression is, as far as it matters for what stands around it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Made<'a> {
    /// A variable.
    Name(&'a str),
    /// What the archive defines, by its path.
    Own,
    /// A part of an object.
    Part,
    Value,
}

/// Reads the words of one file.
pub(super) struct Reader<'a, 'w> {
    words: &'w [(usize, Word<'a>)],
    at: usize,
    own: &'w Own<'a>,
    further: &'w [[&'w str; 3]],
    scope: Scope<'a>,
    depth: usize,
}

impl<'a, 'w> Reader<'a, 'w> {
    pub(super) fn new(words: &'w [(usize, Word<'a>)], own: &'w Own<'a>, further: &'w [[&'w str; 3]]) -> Self {
        Self {
            words,
            at: 0,
            own,
            further,
            scope: Scope::default(),
            depth: 0,
        }
    }

    /// All of the file.
    ///
    /// # Errors
    /// The first thing in it that is refused.
    pub(super) fn file(mut self) -> Outcome {
        let (mut in_class, mut function) = (false, None);
        while let Some(Word::Begin(column)) = self.word() {
            self.at += 1;
            if column % 2 != 0 {
                return self.refuse("a line that begins in an odd column");
            }
            if function.is_some_and(|function| column > function) {
                self.statement()?;
            } else {
                std::mem::take(&mut self.scope).end()?;
                function = None;
                match (column, self.word()) {
                    (0, Some(Word::Name("class"))) => {
                        in_class = true;
                        self.class()?;
                    }
                    (0 | 2, Some(Word::Name("def"))) if column == 0 || in_class => {
                        in_class &= column != 0;
                        function = Some(column);
                        self.function(in_class)?;
                    }
                    // What PyTorch before 1.5 wrote before all others.
                    (0, Some(Word::Name("op_version_set"))) => {
                        self.at += 1;
                        self.sign('=')?;
                        self.expression()?;
                    }
                    (0, Some(Word::Name("import"))) => {
                        self.at += 1;
                        self.path()?;
                    }
                    (2, _) if in_class => self.attribute()?,
                    _ => return self.unknown(),
                }
            }
            if !matches!(self.word(), None | Some(Word::Begin(_))) {
                return self.unknown();
            }
        }
        self.scope.end()
    }

    fn class(&mut self) -> Outcome {
        self.at += 1;
        self.name()?;
        if self.next_is('(') {
            match self.name()? {
                base if BASES.contains(&base) => self.sign(')')?,
                _ => return self.unknown(),
            }
        }
        self.sign(':')
    }

    /// A line of a class that begins no method.
    fn attribute(&mut self) -> Outcome {
        let name = self.name()?;
        if name == "pass" {
            return Ok(());
        }
        if name == "__annotations__" && self.next_is('[') {
            let Some(Word::Text(_)) = self.word() else {
                return self.unknown();
            };
            self.at += 1;
            self.sign(']')?;
            self.sign('=')?;
            return self.kind();
        }
        let has_type = self.next_is(':');
        if has_type {
            self.kind()?;
        }
        if self.next_is('=') {
            self.expression()?;
            return Ok(());
        }
        if has_type { Ok(()) } else { self.unknown() }
    }

    /// The head of a function or method.
    fn function(&mut self, is_method: bool) -> Outcome {
        self.at += 1;
        self.name()?;
        self.sign('(')?;
        while !self.next_is(')') {
            let name = self.bound()?;
            let has_type = self.next_is(':');
            // What a method belongs to is an object of its class, and what is in it are its parts.
            let is_object = is_method && matches!(self.word(), Some(Word::Name("__torch__")));
            if name == "self" && (is_object || (is_method && !has_type)) {
                self.scope.self_is_object = true;
            }
            if has_type {
                self.kind()?;
            }
            if self.next_is('=') {
                self.expression()?;
            }
            self.between(')')?;
        }
        if self.word() == Some(Word::Arrow) {
            self.at += 1;
            self.kind()?;
        }
        self.sign(':')
    }

    fn statement(&mut self) -> Outcome {
        let Some(Word::Name(first)) = self.word() else {
            return self.assignment();
        };
        self.at += 1;
        match first {
            "pass" => Ok(()),
            "return" => self.expression().map(drop),
            "else" => self.sign(':'),
            "if" | "while" => {
                self.expression()?;
                self.sign(':')
            }
            "for" => {
                self.bound()?;
                self.keyword("in")?;
                let line = self.line();
                self.keyword("range")?;
                self.scope.call(line, "range")?;
                self.sign('(')?;
                self.expression()?;
                self.sign(')')?;
                self.sign(':')
            }
            "with" => {
                self.expression()?;
                if self.word() == Some(Word::Name("as")) {
                    self.at += 1;
                    self.bound()?;
                }
                self.sign(':')
            }
            _ => {
                self.at -= 1;
                self.assignment()
            }
        }
    }

    /// An expression by itself, or given to a variable, several, or an object's part.
    fn assignment(&mut self) -> Outcome {
        let first = self.expression()?;
        let mut targets = Vec::new();
        if let Made::Name(name) = first {
            targets.push(name);
            if self.next_is(':') {
                self.kind()?;
                self.sign('=')?;
                return self.given(&targets);
            }
            while self.next_is(',') {
                match self.word() {
                    Some(Word::Sign('=')) => break,
                    _ => targets.push(self.bound()?),
                }
            }
        }
        match first {
            Made::Name(_) | Made::Part if self.next_is('=') => self.given(&targets),
            _ if targets.len() > 1 => self.unknown(),
            _ => Ok(()),
        }
    }

    /// What stands behind an assignment's sign.
    fn given(&mut self, targets: &[&'a str]) -> Outcome {
        let line = self.line();
        let mut made = self.expression()?;
        while self.next_is(',') {
            self.expression()?;
            made = Made::Value;
        }
        match *targets {
            [name] => self.scope.bind(line, name, made == Made::Own),
            _ => targets
                .iter()
                .try_for_each(|name| self.scope.bind(line, name, false)),
        }
    }

    fn expression(&mut self) -> Outcome<Made<'a>> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return self.refuse("brackets that are too deep");
        }
        let mut made = self.atom()?;
        // Numbers and texts have no parts that PyTorch would take.
        if !matches!(self.words[self.at - 1].1, Word::Number | Word::Text(_)) {
            made = self.taken_of(made)?;
        }
        self.depth -= 1;
        Ok(made)
    }

    /// What is taken of something: parts, methods that are called, and places.
    fn taken_of(&mut self, mut made: Made<'a>) -> Outcome<Made<'a>> {
        loop {
            match self.word() {
                Some(Word::Sign('.')) => {
                    let line = self.line();
                    self.at += 1;
                    let path = self.path()?;
                    if self.next_is('(') {
                        names::method(&path, self.own).map_err(|what| (line, what))?;
                        self.arguments()?;
                        made = Made::Value;
                    } else {
                        names::part(&path).map_err(|what| (line, what))?;
                        made = Made::Part;
                    }
                }
                Some(Word::Sign('[')) => {
                    self.at += 1;
                    self.index()?;
                    made = Made::Value;
                }
                Some(Word::Sign('(')) => return self.refuse("a call of something that has no name"),
                _ => return Ok(made),
            }
        }
    }

    fn atom(&mut self) -> Outcome<Made<'a>> {
        match self.word() {
            Some(Word::Name(_)) => return self.named(),
            Some(Word::Text(text)) => {
                names::text(text).map_err(|what| (self.line(), what))?;
                self.at += 1;
            }
            Some(Word::Number | Word::Sign('-' | '+')) => self.number()?,
            Some(Word::Sign('(')) => {
                self.at += 1;
                self.list(')')?;
            }
            Some(Word::Sign('[')) => {
                self.at += 1;
                self.list(']')?;
            }
            Some(Word::Sign('{')) => {
                self.at += 1;
                while !self.next_is('}') {
                    self.expression()?;
                    self.sign(':')?;
                    self.expression()?;
                    self.between('}')?;
                }
            }
            _ => return self.unknown(),
        }
        Ok(Made::Value)
    }

    /// A number with its sign, or two, of which the second is imaginary.
    fn number(&mut self) -> Outcome {
        loop {
            let has_sign = self.next_is('-') || self.next_is('+');
            match self.word() {
                Some(Word::Number) => self.at += 1,
                Some(Word::Name("inf" | "nan" | "infj" | "nanj")) if has_sign => self.at += 1,
                _ => return self.unknown(),
            }
            if !matches!(self.word(), Some(Word::Sign('-' | '+'))) {
                return Ok(());
            }
        }
    }

    /// A name with what is taken of it and, where it is called, what it is given.
    fn named(&mut self) -> Outcome<Made<'a>> {
        let line = self.line();
        let path = self.path()?;
        let said = |what: String| (line, what);
        if !self.next_is('(') {
            names::read(&path, self.own, &self.scope).map_err(said)?;
            return Ok(match path[..] {
                [name] => Made::Name(name),
                ["__torch__", ..] => Made::Own,
                _ => Made::Part,
            });
        }
        if let [name] = path[..] {
            self.scope.call(line, name)?;
            self.given_to(name)?;
        } else {
            names::path(&path, self.own, self.further).map_err(said)?;
            self.arguments()?;
        }
        Ok(Made::Value)
    }

    /// What a function of the language is given.
    fn given_to(&mut self, function: &str) -> Outcome {
        match function {
            "annotate" => {
                self.kind()?;
                self.sign(',')?;
                self.expression()?;
                self.sign(')')
            }
            "unchecked_cast" => {
                self.cast_to()?;
                self.sign(',')?;
                self.expression()?;
                self.sign(')')
            }
            "uninitialized" => {
                self.cast_to()?;
                self.sign(')')
            }
            "getattr" => {
                self.expression()?;
                self.sign(',')?;
                let (Some(Word::Text(name)), line) = (self.word(), self.line()) else {
                    return self.refuse("getattr without a plain name");
                };
                names::attribute(name).map_err(|what| (line, what))?;
                self.at += 1;
                if self.next_is(')') {
                    return Ok(());
                }
                self.refuse("getattr without a plain name")
            }
            _ => self.arguments(),
        }
    }

    /// What stands between a call's parentheses, up to the closing one.
    fn arguments(&mut self) -> Outcome {
        while !self.next_is(')') {
            if let [(_, Word::Name(_)), (_, Word::Sign('=')), ..] = self.words[self.at..] {
                self.at += 2;
            }
            self.expression()?;
            self.between(')')?;
        }
        Ok(())
    }

    fn list(&mut self, end: char) -> Outcome {
        while !self.next_is(end) {
            self.expression()?;
            self.between(end)?;
        }
        Ok(())
    }

    /// A place, or the first one and the one behind the last.
    fn index(&mut self) -> Outcome {
        self.expression()?;
        if self.next_is(':') {
            self.expression()?;
        }
        // Only types have several.
        while self.next_is(',') {
            self.expression()?;
        }
        self.sign(']')
    }

    /// A type.
    fn kind(&mut self) -> Outcome {
        let line = self.line();
        let path = self.path()?;
        names::kind(&path).map_err(|what| (line, what))?;
        self.kinds_within(Self::kind)
    }

    /// A type that values may be taken for, unseen.
    fn cast_to(&mut self) -> Outcome {
        match self.path()?[..] {
            [name] if names::CAST_TO.contains(&name) => self.kinds_within(Self::cast_to),
            _ => self.refuse("a cast to a class"),
        }
    }

    /// The types in brackets behind a type, if there are any.
    fn kinds_within(&mut self, kind: fn(&mut Self) -> Outcome) -> Outcome {
        if !self.next_is('[') {
            return Ok(());
        }
        self.depth += 1;
        if self.depth > DEEPEST {
            return self.refuse("brackets that are too deep");
        }
        // `Tuple[()]` is the type of the empty one.
        if self.next_is('(') {
            self.sign(')')?;
            self.sign(']')?;
        } else {
            while !self.next_is(']') {
                kind(self)?;
                self.between(']')?;
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Names with dots between them.
    fn path(&mut self) -> Outcome<Vec<&'a str>> {
        let mut path = vec![self.name()?];
        while let [(_, Word::Sign('.')), (_, Word::Name(name)), ..] = self.words[self.at..] {
            path.push(name);
            self.at += 2;
        }
        Ok(path)
    }

    /// The name of a variable that is bound here to any value.
    fn bound(&mut self) -> Outcome<&'a str> {
        let line = self.line();
        let name = self.name()?;
        self.scope.bind(line, name, false)?;
        Ok(name)
    }

    fn name(&mut self) -> Outcome<&'a str> {
        match self.word() {
            Some(Word::Name(name)) => {
                self.at += 1;
                Ok(name)
            }
            _ => self.unknown(),
        }
    }

    fn keyword(&mut self, word: &str) -> Outcome {
        if self.name()? == word {
            Ok(())
        } else {
            self.unknown()
        }
    }

    /// The comma behind something in a list, or the end of the list, which stays.
    fn between(&mut self, end: char) -> Outcome {
        if self.next_is(',') || self.word() == Some(Word::Sign(end)) {
            return Ok(());
        }
        self.unknown()
    }

    fn sign(&mut self, sign: char) -> Outcome {
        if self.next_is(sign) {
            Ok(())
        } else {
            self.unknown()
        }
    }

    /// Whether this sign comes next, which then is passed over.
    fn next_is(&mut self, sign: char) -> bool {
        let is = self.word() == Some(Word::Sign(sign));
        self.at += usize::from(is);
        is
    }

    fn word(&self) -> Option<Word<'a>> {
        self.words.get(self.at).map(|(_, word)| *word)
    }

    /// The line of the next word, or of the last.
    fn line(&self) -> usize {
        let at = self.at.min(self.words.len().saturating_sub(1));
        self.words.get(at).map_or(1, |(line, _)| *line)
    }

    fn unknown<T>(&self) -> Outcome<T> {
        self.refuse(&match self.word() {
            Some(Word::Name(name)) => format!("{name:?} where PyTorch does not write it"),
            Some(Word::Sign(sign)) => format!("{sign:?} where PyTorch does not write it"),
            _ => "a form that PyTorch does not write".into(),
        })
    }

    fn refuse<T>(&self, what: &str) -> Outcome<T> {
        Err((self.line(), what.into()))
    }
}
