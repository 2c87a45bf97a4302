//! Texts → a plan: follows `extends`, lays overrides on top, checks, and makes the typed value.

mod file;

use self::file::{Unreadable, beside, decode, normalised};
use super::Spec;
use super::check;
use super::diagnostic::{self, Diagnostic};
use super::path::{FieldPath, Segment, SpanMap};
use super::source::{Sources, Span};
use super::yaml::{self, Entry, Node, Value};

/// Longest chain of `extends`.
pub const MAX_EXTENDS: usize = 16;

/// What is laid over a plan, after everything that it extends: files first, then single fields, each over
/// the one before.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--var-file`: the name and the bytes of a file that holds a part of a plan.
    pub var_files: Vec<(String, Vec<u8>)>,
    /// `--set`: `path=value`, the value in YAML.
    pub sets: Vec<String>,
}

/// A plan, and where everything in it is written.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The plan.
    pub spec: Spec,
    /// Where each of its fields is written.
    pub spans: SpanMap,
    /// The texts that it came from.
    pub sources: Sources,
}

/// Everything that is wrong with a plan, errors first, with the texts that it is about.
#[derive(Clone, Debug)]
pub struct Problems {
    /// What is wrong.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts that it came from.
    pub sources: Sources,
}

impl Problems {
    /// As plain text.
    pub fn render(&self) -> String {
        diagnostic::render(&self.diagnostics, &self.sources)
    }
}

/// Loads the plan called `root`. `read` answers with the bytes of a plan by name: `root` itself, and what it
/// `extends`, with `/`-separated paths relative to where `root` is relative to.
///
/// # Errors
/// Every problem that can be found in one go.
pub fn load(
    root: &str,
    overrides: &Overrides,
    read: &mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
) -> Result<Loaded, Problems> {
    let mut loader = Loader {
        sources: Sources::default(),
        problems: Vec::new(),
    };
    let layered = loader.layers(root, overrides, read);
    let Loader {
        mut sources,
        problems: mut diagnostics,
    } = loader;
    let mut spans = SpanMap::default();
    let mut spec = None;
    if let Some(tree) = layered {
        let (value, checked) = check::check(&tree);
        checked.secrets.iter().for_each(|secret| sources.hide(*secret));
        spans = checked.spans;
        if checked.problems.len() >= check::MAX_PROBLEMS {
            let more = format!("there may be more than these {} problems", check::MAX_PROBLEMS);
            diagnostics.push(Diagnostic::note("VV009", more).fix("mend these first"));
        }
        diagnostics.extend(checked.problems);
        if let Some(value) = value {
            match serde_json::from_value(value) {
                Ok(value) => spec = Some(value),
                Err(error) => diagnostics.push(
                    Diagnostic::error("VV003", format!("the plan doesn't fit together: {error}"))
                        .at(FieldPath::default(), spans.get("")),
                ),
            }
        }
    }
    match spec {
        Some(spec) if diagnostics.is_empty() => Ok(Loaded { spec, spans, sources }),
        _ => {
            diagnostic::sort(&mut diagnostics);
            Err(Problems { diagnostics, sources })
        }
    }
}

struct Loader {
    sources: Sources,
    problems: Vec<Diagnostic>,
}

impl Loader {
    /// The whole tree with every layer on it; `None` where a layer could not be read.
    fn layers(
        &mut self,
        root: &str,
        overrides: &Overrides,
        read: &mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
    ) -> Option<Node> {
        let chain = self.chain(root, read);
        let mut files = Vec::new();
        for (name, bytes) in &overrides.var_files {
            files.push(self.var_file(name, bytes));
        }
        let mut tree = chain?;
        for file in files {
            overlay(&mut tree, file?);
        }
        for set in &overrides.sets {
            if let Err(problem) = self.set(&mut tree, set) {
                self.problems.push(*problem);
            }
        }
        Some(tree)
    }

    /// The plan and what it extends, the furthest below.
    fn chain(&mut self, root: &str, read: &mut dyn FnMut(&str) -> Result<Vec<u8>, String>) -> Option<Node> {
        let mut layers: Vec<(String, Node)> = Vec::new();
        let mut next = Some((normalised(root), None));
        while let Some((name, named_at)) = next.take() {
            if let Some(problem) = self.endless(&name, named_at, &layers) {
                self.problems.push(problem);
                return None;
            }
            let bytes = match read(&name) {
                Ok(bytes) => bytes,
                Err(why) => {
                    let mut problem = Diagnostic::error("VV010", format!("`{name}` can't be read"))
                        .why(why)
                        .fix(
                            "name a file that is there; `extends` is relative to the file that it stands in",
                        );
                    problem.span = named_at;
                    self.problems.push(problem);
                    return None;
                }
            };
            let mut node = self.parse(&name, &bytes)?;
            next = self.take_extends(&mut node, &name)?;
            layers.push((name, node));
        }
        let (_, mut tree) = layers.pop()?;
        while let Some((_, layer)) = layers.pop() {
            let span = layer.span;
            overlay(&mut tree, layer);
            tree.span = span;
        }
        Some(tree)
    }

    fn endless(&self, name: &str, named_at: Option<Span>, layers: &[(String, Node)]) -> Option<Diagnostic> {
        let mut problem = if layers.iter().any(|(earlier, _)| earlier == name) {
            let chain: Vec<&str> = layers.iter().map(|(name, _)| name.as_str()).collect();
            Diagnostic::error("VV006", format!("`{name}` extends itself"))
                .why(format!("{} → {name}", chain.join(" → ")))
                .fix("take one of these `extends` away")
        } else if layers.len() >= MAX_EXTENDS {
            Diagnostic::error(
                "VV006",
                format!("more than {MAX_EXTENDS} plans extend one another"),
            )
            .fix("merge some of them")
        } else {
            return None;
        };
        problem.span = named_at;
        Some(problem)
    }

    /// Takes `extends` out of a plan; the inner value names the next one.
    #[allow(clippy::type_complexity)]
    fn take_extends(&mut self, node: &mut Node, name: &str) -> Option<Option<(String, Option<Span>)>> {
        let Value::Map(entries) = &mut node.value else {
            return Some(None);
        };
        let Some(position) = entries.iter().position(|entry| entry.key == "extends") else {
            return Some(None);
        };
        let entry = entries.remove(position);
        match entry.value.value {
            Value::Scalar { text, .. } if !text.trim().is_empty() => {
                Some(Some((beside(name, text.trim()), Some(entry.value.span))))
            }
            _ => {
                let problem = Diagnostic::error("VV003", "`extends` has to be the name of one file")
                    .fix("write `extends: other.yaml`, or take it away");
                self.problems
                    .push(problem.at(FieldPath::default().key("extends"), Some(entry.key_span)));
                None
            }
        }
    }

    fn var_file(&mut self, name: &str, bytes: &[u8]) -> Option<Node> {
        let node = self.parse(name, bytes)?;
        if let Value::Map(entries) = &node.value
            && let Some(entry) = entries.iter().find(|entry| entry.key == "extends")
        {
            let problem = Diagnostic::error("VV006", "a file of overrides extends nothing")
                .fix("take `extends` away, and name both files with `--var-file`");
            self.problems
                .push(problem.at(FieldPath::default().key("extends"), Some(entry.key_span)));
            return None;
        }
        Some(node)
    }

    fn parse(&mut self, name: &str, bytes: &[u8]) -> Option<Node> {
        let text = match decode(bytes) {
            Ok(text) => text,
            Err(unreadable) => {
                let Unreadable {
                    problem,
                    line,
                    column,
                    shown,
                } = *unreadable;
                let source = self.sources.add(name, shown);
                let span = Span {
                    source,
                    line,
                    column,
                    end_line: line,
                    end_column: column + 1,
                };
                self.problems.push(problem.at_span(span));
                return None;
            }
        };
        let source = self.sources.add(name, text);
        match yaml::parse(source, text) {
            Ok(node) => Some(node),
            Err(problems) => {
                self.problems.extend(problems);
                None
            }
        }
    }

    /// Lays `path=value` over the tree.
    fn set(&mut self, tree: &mut Node, set: &str) -> Result<(), Box<Diagnostic>> {
        let source = self.sources.add("--set", set);
        let wide = set.chars().count() as u32;
        let whole = Span {
            source,
            line: 1,
            column: 1,
            end_line: 1,
            end_column: wide + 1,
        };
        let wrong = |why: String| {
            let problem = Diagnostic::error("VV011", format!("`--set` can't be understood: {why}"));
            Box::new(problem.at_span(whole).fix("write `--set path=value`, such as `--set kafka.brokers=5`; a name with dots goes in brackets: `operating_system.sysctl[\"fs.nr_open\"]`"))
        };
        let (path, text) = split_set(set).ok_or_else(|| wrong("there is no `=`".to_owned()))?;
        let path: FieldPath = path
            .trim()
            .parse()
            .map_err(|error: super::path::PathError| wrong(error.why.to_owned()))?;
        // Spaces in the path's place keep the columns right.
        let value_column = set.chars().count() - text.chars().count();
        let padded = format!("{}{text}", " ".repeat(value_column));
        let value = if text.trim().is_empty() {
            Node {
                value: Value::Null,
                span: whole,
            }
        } else {
            yaml::parse(source, &padded).map_err(|mut problems| Box::new(problems.remove(0)))?
        };
        place(tree, path.segments(), value, whole).map_err(wrong)
    }
}

/// At the first `=` that isn't inside brackets.
fn split_set(set: &str) -> Option<(&str, &str)> {
    let mut depth = 0usize;
    let at = set.char_indices().find(|(_, c)| {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        *c == '=' && depth == 0
    });
    at.map(|(at, _)| (&set[..at], &set[at + 1..]))
}

/// Puts `value` where the path leads, making maps on the way.
fn place(node: &mut Node, path: &[Segment], value: Node, span: Span) -> Result<(), String> {
    let Some((first, rest)) = path.split_first() else {
        overlay(node, value);
        return Ok(());
    };
    if matches!(node.value, Value::Null) {
        node.value = Value::Map(Vec::new());
    }
    let is = node.kind();
    match (first, &mut node.value) {
        (Segment::Key(key), Value::Map(entries)) => {
            let position = entries
                .iter()
                .position(|entry| entry.key == *key)
                .unwrap_or_else(|| {
                    let empty = Node {
                        value: Value::Null,
                        span,
                    };
                    entries.push(Entry {
                        key: key.clone(),
                        key_span: span,
                        value: empty,
                    });
                    entries.len() - 1
                });
            place(&mut entries[position].value, rest, value, span)
        }
        (Segment::Index(index), Value::List(items)) => {
            let length = items.len();
            let item = items
                .get_mut(*index)
                .ok_or_else(|| format!("the list has {length} items, counted from 0"))?;
            place(item, rest, value, span)
        }
        (Segment::Key(key), _) => Err(format!("`{key}` can't be below {is}")),
        (Segment::Index(index), _) => Err(format!("item {index} can't be in {is}")),
    }
}

/// Lays one tree over another: maps are merged key by key, everything else is replaced.
fn overlay(below: &mut Node, above: Node) {
    match (&mut below.value, above.value) {
        (Value::Map(entries), Value::Map(over)) => {
            for entry in over {
                match entries.iter_mut().find(|earlier| earlier.key == entry.key) {
                    Some(earlier) => {
                        earlier.key_span = entry.key_span;
                        overlay(&mut earlier.value, entry.value);
                    }
                    None => entries.push(entry),
                }
            }
        }
        (_, value) => {
            *below = Node {
                value,
                span: above.span,
            }
        }
    }
}
