//! YAML text → a tree of nodes that know where they stand.
//!
//! Scalars keep their text, so that `version: 1.30` stays `1.30` where a field wants text. Size, depth and
//! aliases are bounded. Depends on the YAML parser's events alone.

use std::collections::{BTreeMap, HashMap};

use serde_yaml::granit_parser::{Event, Options, Parser, ScalarStyle, Span as EventSpan};

use super::diagnostic::Diagnostic;
use super::source::{SourceId, Span};

/// Largest text of one source, in bytes.
pub const MAX_BYTES: usize = 256 << 10;
/// Most maps and lists inside one another.
pub(super) const MAX_DEPTH: usize = 32;
/// Most nodes of one source, aliases written out.
pub(super) const MAX_NODES: usize = 50_000;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) span: Span,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    /// `plain` where it stands without quotes.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key, where it stands, and its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

impl Node {
    pub(crate) const fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Scalar { .. } => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

/// Reads one document.
///
/// # Errors
/// All that can be found: a syntax error ends the reading, a repeated key doesn't.
pub(crate) fn parse(source: SourceId, text: &str) -> Result<Node, Vec<Diagnostic>> {
    let mut options = Options::default();
    options.set_emit_comments(false);
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut builder = Builder::new(source);
    while let Some(event) = parser.next_event() {
        let step = match event {
            Ok((event, span)) => builder.take(event, span),
            Err(error) => {
                let at = point(source, error.marker().line(), error.marker().col());
                Err(Box::new(syntax(error.info(), at)))
            }
        };
        if let Err(problem) = step {
            builder.problems.push(*problem);
            return Err(builder.problems);
        }
    }
    let start = point(source, 1, 0);
    match builder.root {
        Some(root) if builder.problems.is_empty() => Ok(root),
        Some(_) => Err(builder.problems),
        None => Err(vec![
            Diagnostic::error("VV001", "the plan is empty")
                .at_span(start)
                .fix("start with `metadata:` and `target:`; `vvbill schema` says what else there is"),
        ]),
    }
}

impl Diagnostic {
    pub(crate) fn at_span(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }
}

fn syntax(info: String, at: Span) -> Diagnostic {
    if info.contains("recursion limit") {
        return too_deep(at);
    }
    let fix = if info.contains("tab") {
        "indent with spaces"
    } else if info.contains("alias") || info.contains("anchor") {
        "define the anchor (`&name`) before the alias (`*name`), or put quotes around a text that starts with `*` or `&`"
    } else {
        "mend the text at the caret; a text with `: `, ` #`, or one of `{}[]&*!|>%@` at its start needs quotes"
    };
    Diagnostic::error("VV001", format!("this is not YAML: {info}"))
        .at_span(at)
        .fix(fix)
}

fn point(source: SourceId, line: usize, column: usize) -> Span {
    let (line, column) = (line.max(1) as u32, column as u32 + 1);
    Span {
        source,
        line,
        column,
        end_line: line,
        end_column: column + 1,
    }
}

/// A map or list that isn't closed yet.
struct Open {
    node: Node,
    /// The key that waits for its value, in a map.
    key: Option<(String, Span)>,
    seen: BTreeMap<String, Span>,
    anchor: usize,
    nodes_before: usize,
    height: usize,
}

/// A finished node that aliases can repeat.
struct Anchored {
    node: Node,
    nodes: usize,
    height: usize,
}

struct Builder {
    source: SourceId,
    root: Option<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, Anchored>,
    nodes: usize,
    documents: usize,
    problems: Vec<Diagnostic>,
}

impl Builder {
    fn new(source: SourceId) -> Self {
        Self {
            source,
            root: None,
            open: Vec::new(),
            anchors: HashMap::new(),
            nodes: 0,
            documents: 0,
            problems: Vec::new(),
        }
    }

    fn take(&mut self, event: Event<'_>, at: EventSpan) -> Result<(), Box<Diagnostic>> {
        let span = self.span(at);
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Box::new(
                        Diagnostic::error("VV001", "a second document starts here")
                            .at_span(span)
                            .why("a plan is one YAML document")
                            .fix("take the `---` away, or put what follows into a file of its own"),
                    ));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                let forced = match tag.as_deref() {
                    Some(tag) if !tag.is_yaml_core_schema() => return Err(Box::new(unknown_tag(span))),
                    Some(tag) => tag.is_yaml_core_schema_tag("str"),
                    None => false,
                };
                let plain = style == ScalarStyle::Plain && !forced;
                let null = plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let value = if null {
                    Value::Null
                } else {
                    Value::Scalar {
                        text: text.into_owned(),
                        plain,
                    }
                };
                self.count(1, span)?;
                self.finish(Node { value, span }, anchor, 1, 1)
            }
            Event::SequenceStart(_, _, tag) | Event::MappingStart(_, _, tag)
                if tag.as_deref().is_some_and(|tag| !tag.is_yaml_core_schema()) =>
            {
                Err(Box::new(unknown_tag(span)))
            }
            Event::SequenceStart(_, anchor, _) => self.start(Value::List(Vec::new()), anchor, span),
            Event::MappingStart(_, anchor, _) => self.start(Value::Map(Vec::new()), anchor, span),
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            Event::Alias(id) => self.repeat(id, span),
            _ => Ok(()),
        }
    }

    fn span(&self, at: EventSpan) -> Span {
        Span {
            source: self.source,
            line: at.start.line().max(1) as u32,
            column: at.start.col() as u32 + 1,
            end_line: at.end.line().max(1) as u32,
            end_column: at.end.col() as u32 + 1,
        }
    }

    fn count(&mut self, nodes: usize, span: Span) -> Result<(), Box<Diagnostic>> {
        self.nodes += nodes;
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        Err(Box::new(
            Diagnostic::error("VV009", format!("the plan has more than {MAX_NODES} values"))
                .at_span(span)
                .why("aliases count as often as they are used")
                .fix("write fewer values, or use fewer aliases inside aliases"),
        ))
    }

    fn start(&mut self, value: Value, anchor: usize, span: Span) -> Result<(), Box<Diagnostic>> {
        self.count(1, span)?;
        self.check_depth(self.open.len() + 1, span)?;
        let node = Node { value, span };
        self.open.push(Open {
            node,
            key: None,
            seen: BTreeMap::new(),
            anchor,
            nodes_before: self.nodes - 1,
            height: 0,
        });
        Ok(())
    }

    fn check_depth(&self, depth: usize, span: Span) -> Result<(), Box<Diagnostic>> {
        if depth <= MAX_DEPTH {
            return Ok(());
        }
        Err(Box::new(too_deep(span)))
    }

    fn end(&mut self, span: Span) -> Result<(), Box<Diagnostic>> {
        let Some(mut open) = self.open.pop() else {
            return Ok(());
        };
        open.node.span.end_line = span.end_line;
        open.node.span.end_column = span.end_column;
        let nodes = self.nodes - open.nodes_before;
        self.finish(open.node, open.anchor, nodes, open.height + 1)
    }

    fn repeat(&mut self, id: usize, span: Span) -> Result<(), Box<Diagnostic>> {
        let Some(anchored) = self.anchors.get(&id) else {
            return Err(Box::new(
                Diagnostic::error("VV009", "an alias stands inside the very value that it repeats")
                    .at_span(span)
                    .fix("write the value out"),
            ));
        };
        let (nodes, height) = (anchored.nodes, anchored.height);
        self.count(nodes, span)?;
        self.check_depth(self.open.len() + height - 1, span)?;
        let mut node = self.anchors[&id].node.clone();
        node.span = span;
        self.finish(node, 0, nodes, height)
    }

    /// Puts a finished node where it belongs: root, item, key or value.
    fn finish(
        &mut self,
        node: Node,
        anchor: usize,
        nodes: usize,
        height: usize,
    ) -> Result<(), Box<Diagnostic>> {
        if anchor != 0 {
            self.anchors.insert(
                anchor,
                Anchored {
                    node: node.clone(),
                    nodes,
                    height,
                },
            );
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.height = open.height.max(height);
        match &mut open.node.value {
            Value::List(items) => items.push(node),
            Value::Map(entries) => match open.key.take() {
                None => open.key = Some((key_text(&node)?, node.span)),
                Some((key, key_span)) => match open.seen.get(&key) {
                    Some(first) => self.problems.push(repeated_key(&key, key_span, *first)),
                    None => {
                        open.seen.insert(key.clone(), key_span);
                        entries.push(Entry {
                            key,
                            key_span,
                            value: node,
                        });
                    }
                },
            },
            Value::Null | Value::Scalar { .. } => {}
        }
        Ok(())
    }
}

fn key_text(node: &Node) -> Result<String, Box<Diagnostic>> {
    match &node.value {
        Value::Scalar { text, plain } if *plain && text == "<<" => Err(Box::new(
            Diagnostic::error("VV001", "`<<` merges nothing here")
                .at_span(node.span)
                .why("merge keys are gone since YAML 1.2")
                .fix("use `extends` to lay one plan over another, or an alias for a whole value"),
        )),
        Value::Scalar { text, .. } => Ok(text.clone()),
        _ => Err(Box::new(
            Diagnostic::error("VV001", format!("a key is {}", node.kind()))
                .at_span(node.span)
                .why("a key is a text")
                .fix("put quotes around the key, or around the text that YAML took for one"),
        )),
    }
}

fn repeated_key(key: &str, span: Span, first: Span) -> Diagnostic {
    Diagnostic::error("VV007", format!("`{key}` is written twice in the same map"))
        .at_span(span)
        .related("first here", Some(first))
        .why("one of the two would be lost")
        .fix("keep one of them, or give the other a name of its own")
}

fn too_deep(span: Span) -> Diagnostic {
    Diagnostic::error(
        "VV009",
        format!("maps and lists lie more than {MAX_DEPTH} deep in one another"),
    )
    .at_span(span)
    .fix("write it flatter; no field of a plan lies deeper than ten")
}

fn unknown_tag(span: Span) -> Diagnostic {
    Diagnostic::error("VV001", "a plan knows no tags of its own")
        .at_span(span)
        .fix("take the `!tag` away, or put quotes around a text that starts with `!`")
}
