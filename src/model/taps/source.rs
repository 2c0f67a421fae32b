//! Rewrites the source that a TorchScript archive holds: every module gets a second `forward`, which gives what the first one gives
//! and notes on the way what each part of the net made. The first one stays as it is. Knows text only.

use std::collections::{BTreeMap, HashMap};

use super::parse::{
    Class, Method, assignment, classes_of, end_of_string, is_name_byte, matching, parameter_names,
    split_arguments,
};

/// A method of the root module that takes what is wanted, then what `forward` takes, and gives its output with what was noted: of the
/// parts that are wanted, or of all where none is named. It gives the output, the tensors, their names, and moments in nanoseconds: one at the start, then two for every tensor,
/// before and after it was noted.
pub const METHOD: &str = "tapped__";
/// Begins the names of noted kernels, which are no part's output.
pub const KERNEL: &str = "kernel:";
/// Of a method's twin, which notes.
const TWIN: &str = "__tapped";
/// The twin's further parameters.
const PARAMETERS: &str = "taps__: List[Tensor],\n    names__: List[str],\n    times__: List[int],\n    wanted__: List[str],\n    path__: str";
/// The moment, nanoseconds.
const NOW: &str = "ops.prim.TimePoint()";
/// What is given for them, up to the path.
const ARGUMENTS: &str = "taps__, names__, times__, wanted__";
/// Parentheses within parentheses that are looked into.
const DEEPEST: usize = 100;
/// No module's place in a net is so long, letters.
const LONGEST_PLACE: usize = 1000;
/// Modules below this come from PyTorch: how they do what they do is no part of the net.
const LIBRARY: &str = ".torch.nn.modules.";
/// But for those that only hold others.
const CONTAINERS: &str = ".torch.nn.modules.container.";
/// Functions, by their last name, of which each gives a tensor that is worth seeing.
const SHOWN: &[&str] = &[
    "_convolution",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "linear",
    "addmm",
    "relu",
    "relu_",
    "relu6",
    "relu6_",
    "hardtanh",
    "hardtanh_",
    "leaky_relu",
    "leaky_relu_",
    "elu",
    "elu_",
    "selu",
    "selu_",
    "celu",
    "celu_",
    "gelu",
    "silu",
    "silu_",
    "mish",
    "mish_",
    "hardswish",
    "hardswish_",
    "hardsigmoid",
    "hardsigmoid_",
    "sigmoid",
    "sigmoid_",
    "tanh",
    "tanh_",
    "prelu",
    "softplus",
    "softmax",
    "log_softmax",
    "max_pool2d",
    "avg_pool2d",
    "adaptive_avg_pool2d",
    "adaptive_max_pool2d",
    "lp_pool2d",
    "batch_norm",
    "group_norm",
    "layer_norm",
    "instance_norm",
    "interpolate",
    "upsample_nearest2d",
    "upsample_bilinear2d",
    "pixel_shuffle",
    "add_",
    "mul_",
    "cat",
];
/// Of these, the ones whose second argument is a kernel.
const CONVOLUTIONS: &[&str] = &["_convolution", "conv1d", "conv2d", "conv_transpose2d"];

/// The source of every file of an archive with twins in it, by the files' names below `code/`.
///
/// # Errors
/// Says what is not understood.
pub(super) fn with_taps(
    files: &BTreeMap<String, String>,
    root: &str,
) -> Result<BTreeMap<String, String>, String> {
    let mut classes: HashMap<String, Class> = HashMap::new();
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (file, text) in files {
        let module = file.trim_end_matches(".py").replace('/', ".");
        for (name, class) in classes_of(text)? {
            let full = format!("{module}.{name}");
            places.entry(file.clone()).or_default().push(full.clone());
            if classes.insert(full.clone(), class).is_some() {
                return Err(format!("two of its classes are called {full}"));
            }
        }
    }
    if !classes.get(root).is_some_and(|class| class.is_module) {
        return Err(format!(
            "its net is called {root}, and there is no such class in its code"
        ));
    }
    // What is changed where it stands has to be copied before that.
    let copies = files.values().any(|text| text.contains("_("));
    let mut rewritten = BTreeMap::new();
    for (file, names) in &places {
        let mut lines: Vec<String> = files[file].lines().map(str::to_owned).collect();
        let mut additions: Vec<(usize, String)> = Vec::new();
        for name in names {
            let class = &classes[name];
            if !class.is_module {
                continue;
            }
            let Some(last) = class.methods.iter().map(|method| method.ends).max() else {
                continue;
            };
            let mut twins = String::new();
            for method in &class.methods {
                if has_twin(name, &method.name) {
                    let twin = Twin::new(&classes, name, copies);
                    twins += &twin.of(method);
                }
            }
            if name == root {
                let forward = class.methods.iter().find(|method| method.name == "forward");
                twins += &entrance(forward.ok_or("its net has no forward")?);
            }
            additions.push((last, twins));
        }
        for (line, text) in additions.into_iter().rev() {
            lines.insert(line, text.trim_end().to_owned());
        }
        rewritten.insert(file.clone(), lines.join("\n") + "\n");
    }
    Ok(rewritten)
}

/// Whether a module does its work in one piece, of which the parts are not shown.
fn is_leaf(class: &str) -> bool {
    class.contains(LIBRARY) && !class.contains(CONTAINERS)
}

/// Whether a method of a class gets a twin.
fn has_twin(class: &str, method: &str) -> bool {
    is_forward(method) || (!is_leaf(class) && !method.starts_with("__"))
}

/// A net that was traced has further ones, `forward1` and so on, for modules that are called more than once.
fn is_forward(method: &str) -> bool {
    let number = method.strip_prefix("forward");
    number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The parameters with further ones behind the first, which is the module itself: others may have defaults.
fn with_further(parameters: &str, further: &str) -> String {
    let inner = &parameters[1..parameters.len() - 1];
    let parts = split_arguments(inner);
    let (own, rest) = parts
        .split_first()
        .map_or(("self", &[][..]), |(own, rest)| (*own, rest));
    let rest: String = rest.iter().map(|part| format!(",{part}")).collect();
    format!("({own},\n    {further}{rest})")
}

/// The method that is called from outside: `forward` with lists to note in.
fn entrance(forward: &Method) -> String {
    let names: Vec<&str> = parameter_names(&forward.parameters).collect();
    let (own, given) = names
        .split_first()
        .map_or(("self", &[][..]), |(own, given)| (*own, given));
    let given: String = given.iter().map(|name| format!("{name}, ")).collect();
    format!(
        "  def {METHOD}{} -> Tuple[{}, List[Tensor], List[str], List[int]]:\n    \
         taps__ = annotate(List[Tensor], [])\n    names__ = annotate(List[str], [])\n    times__ = annotate(List[int], [])\n    \
         start__ = torch.append(times__, {NOW})\n    out__ = ({own}).forward{TWIN}({ARGUMENTS}, \"\", {given})\n    \
         return (out__, taps__, names__, times__)\n",
        with_further(&forward.parameters, "wanted__: List[str]"),
        forward.returns
    )
}

/// Makes the twin of a method.
struct Twin<'a> {
    classes: &'a HashMap<String, Class>,
    class_name: &'a str,
    copies: bool,
    /// Variables that hold a module: its class, and its place below this module, as an expression and as it reads.
    modules: HashMap<String, (String, String)>,
    /// Variables that stand for a function: its last name.
    functions: HashMap<String, String>,
    /// How often each function was shown in this method so far.
    shown: HashMap<String, u32>,
    /// Values that were drawn out of expressions so far.
    drawn: usize,
    /// How deep in an expression it is.
    depth: usize,
}

impl<'a> Twin<'a> {
    fn new(classes: &'a HashMap<String, Class>, class_name: &'a str, copies: bool) -> Self {
        Self {
            classes,
            class_name,
            copies,
            modules: HashMap::new(),
            functions: HashMap::new(),
            shown: HashMap::new(),
            drawn: 0,
            depth: 0,
        }
    }

    fn of(mut self, method: &Method) -> String {
        if let Some(own) = parameter_names(&method.parameters).next() {
            self.modules
                .insert(own.to_owned(), (self.class_name.to_owned(), String::new()));
        }
        let mut text = format!(
            "  def {}{TWIN}{} -> {}:\n",
            method.name,
            with_further(&method.parameters, PARAMETERS),
            method.returns
        );
        let notes_itself = is_forward(&method.name) && method.returns == "Tensor";
        for line in &method.body {
            let statement = line.trim_start();
            let indent = &line[..line.len() - statement.len()];
            let mut before = Vec::new();
            let changed = if let Some(value) = statement.strip_prefix("return ") {
                let value = self.expression(value, &mut before);
                if notes_itself {
                    before.push(format!("out__ = {value}"));
                    self.note(&mut before, "out__", "path__");
                    "return out__".to_owned()
                } else {
                    format!("return {value}")
                }
            } else if let Some((name, value)) = assignment(statement) {
                let value = self.expression(value, &mut before);
                self.learn(name, &value);
                format!("{name} = {value}")
            } else {
                // Conditions and loops: what is in them stays.
                statement.to_owned()
            };
            for line in before.into_iter().chain([changed]) {
                text += &format!("{indent}{line}\n");
            }
        }
        text
    }

    /// Takes in what a variable stands for from here on.
    fn learn(&mut self, name: &str, value: &str) {
        self.modules.remove(name);
        self.functions.remove(name);
        if let Some(module) = self.module(value) {
            self.modules.insert(name.to_owned(), module);
        } else if value.starts_with("__torch__.") && value.bytes().all(is_name_byte) {
            let last = value.rsplit('.').next().unwrap_or(value);
            self.functions.insert(name.to_owned(), last.to_owned());
        }
    }

    /// Class and place of the module that an expression gives, as far as it is known.
    fn module(&self, expression: &str) -> Option<(String, String)> {
        if let Some(known) = self.modules.get(expression) {
            return Some(known.clone());
        }
        if expression.len() > LONGEST_PLACE {
            return None;
        }
        let (owner, attribute) = match expression
            .strip_prefix("getattr(")
            .and_then(|rest| rest.strip_suffix(')'))
        {
            Some(inner) => {
                let (owner, name) = inner.split_once(", ")?;
                (owner, name.trim_matches('"'))
            }
            None => expression.rsplit_once('.')?,
        };
        let (class, place) = self.module(owner)?;
        let kind = self.classes.get(&class)?.attributes.get(attribute)?;
        let is_module = self.classes.get(kind).is_some_and(|class| class.is_module);
        is_module.then(|| (kind.clone(), format!("{place}.{attribute}")))
    }

    /// The expression with modules called by their twins, and what is to be shown drawn out of it into `before`.
    fn expression(&mut self, text: &str, before: &mut Vec<String>) -> String {
        // No net is nested so; a file that is made to exhaust the stack stays as it is from here on.
        if self.depth >= DEEPEST {
            return text.to_owned();
        }
        self.depth += 1;
        let changed = self.changed(text, before);
        self.depth -= 1;
        changed
    }

    fn changed(&mut self, text: &str, before: &mut Vec<String>) -> String {
        let bytes = text.as_bytes();
        let mut out = String::new();
        let mut at = 0;
        while at < text.len() {
            let byte = bytes[at];
            if byte == b'"' {
                let end = end_of_string(bytes, at);
                out += &text[at..end];
                at = end;
            } else if byte == b'(' {
                let Some(close) = matching(text, at) else {
                    return out + &text[at..];
                };
                let inner = &text[at + 1..close];
                // A method: (value).name(arguments)
                let rest = &text[close + 1..];
                let name_length = rest
                    .strip_prefix('.')
                    .map_or(0, |rest| rest.bytes().take_while(|b| is_name_byte(*b)).count());
                let open = close + 2 + name_length;
                if name_length > 0 && bytes.get(open) == Some(&b'(') {
                    let Some(end) = matching(text, open) else {
                        return out + &text[at..];
                    };
                    let arguments = self.expression(&text[open + 1..end], before);
                    out += &self.call(inner, &rest[1..=name_length], &arguments, before);
                    at = end + 1;
                } else {
                    out += &format!("({})", self.expression(inner, before));
                    at = close + 1;
                }
            } else if byte.is_ascii_alphabetic() || byte == b'_' {
                let length = text[at..].bytes().take_while(|b| is_name_byte(*b)).count();
                let name = &text[at..at + length];
                at += length;
                if bytes.get(at) != Some(&b'(') {
                    out += name;
                    continue;
                }
                let Some(end) = matching(text, at) else {
                    return out + name + &text[at..];
                };
                let arguments = self.expression(&text[at + 1..end], before);
                out += &self.function(name, &arguments, before);
                at = end + 1;
            } else {
                let length = text[at..].chars().next().map_or(1, char::len_utf8);
                out += &text[at..at + length];
                at += length;
            }
        }
        out
    }

    /// A method's call; a module's is turned into that of its twin.
    fn call(&mut self, owner: &str, name: &str, arguments: &str, before: &mut Vec<String>) -> String {
        let Some((class, place)) = self.module(owner) else {
            let owner = self.expression(owner, before);
            return format!("({owner}).{name}({arguments})");
        };
        let found = self.classes.get(&class);
        let is_there = found.is_some_and(|found| found.methods.iter().any(|method| method.name == name));
        if !is_there || !has_twin(&class, name) {
            return format!("({owner}).{name}({arguments})");
        }
        let path = if place.is_empty() {
            "path__".to_owned()
        } else {
            format!("torch.add(path__, \"{place}\")")
        };
        format!("({owner}).{name}{TWIN}({ARGUMENTS}, {path}, {arguments})")
    }

    /// A function's call; what it gives is drawn out and noted where it is to be shown.
    fn function(&mut self, name: &str, arguments: &str, before: &mut Vec<String>) -> String {
        let call = format!("{name}({arguments})");
        let last = match self.functions.get(name) {
            Some(last) => last.clone(),
            None if name.starts_with("torch.") || name.starts_with("__torch__.") => {
                name.rsplit('.').next().unwrap_or(name).to_owned()
            }
            None => return call,
        };
        if is_leaf(self.class_name) || !SHOWN.contains(&last.as_str()) {
            return call;
        }
        let value = format!("tap__{}", self.drawn);
        self.drawn += 1;
        let count = self.shown.entry(last.clone()).or_default();
        *count += 1;
        let said = last.trim_matches('_');
        let label = match *count {
            1 => said.to_owned(),
            number => format!("{said}{number}"),
        };
        before.push(format!("{value} = {call}"));
        self.note(before, &value, &format!("torch.add(path__, \".{label}\")"));
        if CONVOLUTIONS.contains(&last.as_str())
            && let Some(kernel) = split_arguments(arguments).get(1)
        {
            let name = format!("torch.add(torch.add(\"{KERNEL}\", path__), \".{label}\")");
            self.note(before, kernel.trim(), &name);
        }
        value
    }

    /// Notes a value under a name, unless others are wanted.
    fn note(&mut self, before: &mut Vec<String>, value: &str, name: &str) {
        let value = if self.copies {
            format!("torch.clone({value})")
        } else {
            value.to_owned()
        };
        let first = self.drawn;
        self.drawn += 6;
        let [called, is_wanted, made, tap, label, noted] =
            [0, 1, 2, 3, 4, 5].map(|next| format!("tap__{}", first + next));
        before.extend([
            format!("{called} = {name}"),
            format!(
                "{is_wanted} = torch.__or__(torch.eq(torch.len(wanted__), 0), torch.__contains__(wanted__, {called}))"
            ),
            format!("if {is_wanted}:"),
            format!("  {made} = torch.append(times__, {NOW})"),
            format!("  {tap} = torch.append(taps__, {value})"),
            format!("  {label} = torch.append(names__, {called})"),
            format!("  {noted} = torch.append(times__, {NOW})"),
            "else:".to_owned(),
            "  pass".to_owned(),
        ]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NET: &str = r#"class Net(Module):
  __parameters__ = []
  training : bool
  stem : __torch__.torch.nn.modules.conv.Conv2d
  layers : __torch__.torch.nn.modules.container.ModuleList
  def forward(self: __torch__.Net,
    x: Tensor) -> Tensor:
    _0 = __torch__.torch.nn.functional.adaptive_avg_pool2d
    stem = self.stem
    layers = self.layers
    _1 = getattr(layers, "0")
    y = (_1).forward(torch.relu_((stem).forward(x, )), )
    return torch.flatten(_0(y, [1, 1], ), 1)
"#;
    const CONV: &str = r#"class Conv2d(Module):
  weight : Tensor
  def forward(self: __torch__.torch.nn.modules.conv.Conv2d,
    input: Tensor) -> Tensor:
    return (self)._conv_forward(input, self.weight, "a (b", )
  def _conv_forward(self: __torch__.torch.nn.modules.conv.Conv2d,
    input: Tensor,
    weight: Tensor) -> Tensor:
    return torch.conv2d(input, weight)
"#;
    const LIST: &str = r#"class ModuleList(Module):
  __annotations__["0"] = __torch__.torch.nn.modules.conv.Conv2d
  def __len__(self: __torch__.torch.nn.modules.container.ModuleList) -> int:
    return 1
"#;

    fn rewritten() -> BTreeMap<String, String> {
        let files = [
            ("__torch__.py", NET),
            ("__torch__/torch/nn/modules/conv.py", CONV),
            ("__torch__/torch/nn/modules/container.py", LIST),
        ];
        let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
        with_taps(&files.into(), "__torch__.Net").unwrap()
    }

    #[test]
    fn modules_are_called_by_their_twins_with_where_they_are() {
        let files = rewritten();
        let net = &files["__torch__.py"];
        assert!(net.starts_with(NET.trim_end()), "what was there stays");
        for part in [
            "tap__0 = torch.relu_((stem).forward__tapped(taps__, names__, times__, wanted__, torch.add(path__, \".stem\"), x, ))",
            "(_1).forward__tapped(taps__, names__, times__, wanted__, torch.add(path__, \".layers.0\"), tap__0, )",
            "= _0(y, [1, 1], )",
            "= torch.add(path__, \".adaptive_avg_pool2d\")",
            "torch.append(taps__, torch.clone(out__))",
            "def tapped__(self: __torch__.Net,\n    wanted__: List[str],\n    x: Tensor) -> Tuple[Tensor, List[Tensor], List[str], List[int]]:",
            "(self).forward__tapped(taps__, names__, times__, wanted__, \"\", x, )",
        ] {
            assert!(net.contains(part), "{part}\n{net}");
        }
    }

    #[test]
    fn what_pytorch_brings_is_shown_in_one_piece() {
        let files = rewritten();
        let conv = &files["__torch__/torch/nn/modules/conv.py"];
        assert!(
            conv.contains("out__ = (self)._conv_forward(input, self.weight, \"a (b\", )"),
            "{conv}"
        );
        assert!(!conv.contains("_conv_forward__tapped"), "{conv}");
        assert!(!files["__torch__/torch/nn/modules/container.py"].contains("__len____tapped"));
    }

    #[test]
    fn code_that_is_made_to_be_deep_is_left_alone() {
        let deep = format!("{}x{}", "torch.neg(".repeat(50_000), ")".repeat(50_000));
        let text = format!(
            "class Net(Module):\n  def forward(self: __torch__.Net,\n    x: Tensor) -> Tensor:\n    return {deep}\n"
        );
        let files = BTreeMap::from([("__torch__.py".to_owned(), text)]);
        let rewritten = with_taps(&files, "__torch__.Net").unwrap();
        assert!(rewritten["__torch__.py"].contains(&deep));
    }

    #[test]
    fn what_is_not_understood_is_said() {
        let none = BTreeMap::from([("__torch__.py".to_owned(), "class Other(Module):\n".to_owned())]);
        assert!(
            with_taps(&none, "__torch__.Net")
                .unwrap_err()
                .contains("__torch__.Net")
        );
        let broken = BTreeMap::from([(
            "__torch__.py".to_owned(),
            "class Net(Module):\n  def forward(self\n".into(),
        )]);
        assert!(with_taps(&broken, "__torch__.Net").is_err());
    }
}
