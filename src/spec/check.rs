//! A merged tree of nodes against the schema of a plan: every problem at once, and the values that serde takes.

mod scalar;

use serde_json::{Map, Value as Json};

use super::diagnostic::Diagnostic;
use super::path::{FieldPath, SpanMap};
use super::schema;
use super::source::Span;
use super::units::{self, SecretReference, Unit};
use super::yaml::{Entry, Node, Value};

/// Most problems that are told at once: who wrote more handed over the wrong file.
pub(crate) const MAX_PROBLEMS: usize = 100;

/// What the check found.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// Where every field is written.
    pub(crate) spans: SpanMap,
    pub(crate) problems: Vec<Diagnostic>,
    /// Where secrets stand.
    pub(crate) secrets: Vec<Span>,
}

/// Checks the tree; the value is what the plan's type is deserialised from, `None` when something is wrong.
pub(crate) fn check(root: &Node) -> (Option<Json>, Checked) {
    let mut checker = Checker {
        root: schema::types(),
        found: Checked::default(),
    };
    let path = FieldPath::default();
    checker.found.spans.insert(path.clone(), start_of(root.span));
    let value = checker.value(root, checker.root, &path);
    let value = value.filter(|_| checker.found.problems.is_empty());
    (value, checker.found)
}

fn start_of(span: Span) -> Span {
    Span {
        end_line: span.line,
        end_column: span.column + 1,
        ..span
    }
}

struct Checker {
    root: &'static Json,
    found: Checked,
}

impl Checker {
    fn value(&mut self, node: &Node, schema: &'static Json, path: &FieldPath) -> Option<Json> {
        let schema = schema::resolve(self.root, schema);
        let choices = schema::choices(schema);
        if !choices.is_empty() {
            return self.choice(node, &choices, path);
        }
        if let Some(format) = schema["format"]
            .as_str()
            .filter(|format| units::about(format).is_some())
        {
            return self.unit(node, format, path);
        }
        match schema::main_type(schema) {
            "object" => self.map(node, schema, path),
            "array" => self.list(node, schema, path),
            "boolean" => self.boolean(node, path),
            "integer" => self.integer(node, schema, path),
            _ => self
                .text(node, "a text", path)
                .map(|text| Json::String(text.to_owned())),
        }
    }

    fn report(&mut self, problem: Diagnostic) {
        if self.found.problems.len() < MAX_PROBLEMS {
            self.found.problems.push(problem);
        }
    }

    fn is_full(&self) -> bool {
        self.found.problems.len() >= MAX_PROBLEMS
    }

    fn map(&mut self, node: &Node, schema: &'static Json, path: &FieldPath) -> Option<Json> {
        let Value::Map(entries) = &node.value else {
            return self.wrong_kind(node, "a map", path);
        };
        let mut values = Map::new();
        for entry in entries {
            let below = path.key(&entry.key);
            if self.is_full() {
                return None;
            }
            let Some(field) = self.field(entry, schema, &below) else {
                continue;
            };
            if matches!(entry.value.value, Value::Null) {
                continue;
            }
            let is_scalar = matches!(entry.value.value, Value::Scalar { .. });
            self.found.spans.insert(
                below.clone(),
                if is_scalar {
                    entry.value.span
                } else {
                    entry.key_span
                },
            );
            if let Some(value) = self.value(&entry.value, field, &below) {
                values.insert(entry.key.clone(), value);
            }
        }
        for name in schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
        {
            let entry = entries.iter().find(|entry| entry.key == name);
            if entry.is_none_or(|entry| matches!(entry.value.value, Value::Null)) {
                let emptied = entry.map(|entry| {
                    if entry.value.span.is_empty() {
                        entry.key_span
                    } else {
                        entry.value.span
                    }
                });
                self.missing(name, schema, path, emptied);
            }
        }
        Some(Json::Object(values))
    }

    /// The schema of an entry, or a problem with its key.
    fn field(&mut self, entry: &Entry, schema: &'static Json, path: &FieldPath) -> Option<&'static Json> {
        let properties = schema["properties"].as_object();
        if let Some(field) = properties.and_then(|fields| fields.get(&entry.key)) {
            return Some(field);
        }
        if !schema["additionalProperties"].is_object() {
            self.unknown(entry, schema, path);
            return None;
        }
        if let Err(error) = judge_key(&entry.key, schema["propertyNames"]["format"].as_str()) {
            let problem = Diagnostic::error("VV012", error.why).fix(error.fix);
            self.report(problem.at(path.clone(), Some(entry.key_span)));
            return None;
        }
        Some(&schema["additionalProperties"])
    }

    fn unknown(&mut self, entry: &Entry, schema: &'static Json, path: &FieldPath) {
        let names: Vec<&str> = schema["properties"]
            .as_object()
            .into_iter()
            .flat_map(Map::keys)
            .map(String::as_str)
            .collect();
        let near = schema::nearest(&entry.key, names.iter().copied());
        let holder = path.parent().unwrap_or_default();
        let place = if holder == FieldPath::default() {
            "a plan".to_owned()
        } else {
            format!("`{holder}`")
        };
        if sounds_secret(&entry.key) || near.is_some_and(|near| self.is_secret(schema, near)) {
            self.found.secrets.push(entry.value.span);
        }
        let fix = match near {
            Some(near) => format!("write `{near}`"),
            None => format!("take it away; known here: {}", names.join(", ")),
        };
        let problem = Diagnostic::error("VV002", format!("{place} has no field `{}`", entry.key)).fix(fix);
        self.report(problem.at(path.clone(), Some(entry.key_span)));
    }

    fn is_secret(&self, schema: &Json, name: &str) -> bool {
        schema::resolve(self.root, &schema["properties"][name])["format"] == SecretReference::FORMAT
    }

    /// `emptied` is where it is written as nothing.
    fn missing(&mut self, name: &str, schema: &'static Json, path: &FieldPath, emptied: Option<Span>) {
        let holder = if *path == FieldPath::default() {
            "the plan".to_owned()
        } else {
            format!("`{path}`")
        };
        let field = &schema["properties"][name];
        let about = field["description"]
            .as_str()
            .or_else(|| schema::resolve(self.root, field)["description"].as_str());
        let problem = Diagnostic::error("VV005", format!("{holder} lacks `{name}`"))
            .why(about.unwrap_or("").replace('\n', " "))
            .fix(format!("add `{name}:`, {}", expectation(self.root, field)));
        let span = emptied.or_else(|| self.found.spans.nearest(path));
        self.report(problem.at(path.key(name), span));
    }

    fn list(&mut self, node: &Node, schema: &'static Json, path: &FieldPath) -> Option<Json> {
        let Value::List(items) = &node.value else {
            return self.wrong_kind(node, "a list", path);
        };
        let mut values = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let below = path.index(index);
            let span = if matches!(item.value, Value::Scalar { .. }) {
                item.span
            } else {
                start_of(item.span)
            };
            self.found.spans.insert(below.clone(), span);
            if self.is_full() {
                return None;
            }
            let Some(value) = self.value(item, &schema["items"], &below) else {
                continue;
            };
            let first = values.iter().position(|earlier| *earlier == value);
            if let Some(first) = first.filter(|_| schema["uniqueItems"] == true) {
                let problem = Diagnostic::error("VV007", "this stands in the list twice")
                    .at(below, Some(span))
                    .related("first here", self.found.spans.nearest(&path.index(first)))
                    .fix("keep one of them");
                self.report(problem);
            }
            values.push(value);
        }
        Some(Json::Array(values))
    }

    fn wrong_kind(&mut self, node: &Node, wanted: &str, path: &FieldPath) -> Option<Json> {
        let fix = match (wanted, &node.value) {
            ("a list", Value::Scalar { .. }) => {
                "write it as an item: `- …`, or in brackets: `[…]`".to_owned()
            }
            ("a map", _) if *path == FieldPath::default() => {
                "start with `metadata:` and `target:`".to_owned()
            }
            ("a map", Value::List(_)) => "write `name: …` for each item instead of `- …`".to_owned(),
            _ => format!("write {wanted}"),
        };
        self.wrong(node, wanted, &fix, path)
    }

    fn wrong(&mut self, node: &Node, wanted: &str, fix: &str, path: &FieldPath) -> Option<Json> {
        let what = if *path == FieldPath::default() {
            "a plan".to_owned()
        } else {
            format!("`{path}`")
        };
        let is = match &node.value {
            Value::Scalar { text, plain } if *plain => format!("`{}`", shortened(text)),
            Value::Scalar { .. } => "a text in quotes".to_owned(),
            _ => node.kind().to_owned(),
        };
        let span = if matches!(node.value, Value::Scalar { .. }) {
            node.span
        } else {
            self.found.spans.nearest(path).unwrap_or(node.span)
        };
        let problem = Diagnostic::error("VV003", format!("{what} has to be {wanted}, and is {is}")).fix(fix);
        self.report(problem.at(path.clone(), Some(span)));
        None
    }
}

/// What would be right for a field, in a few words.
fn expectation(root: &Json, field: &Json) -> String {
    let kind = schema::resolve(root, field);
    let names: Vec<&str> = schema::choices(kind).into_iter().map(|(name, _)| name).collect();
    if names.is_empty() {
        schema::kind_name(root, field)
    } else {
        format!("one of {}", names.join(", "))
    }
}

/// Whether the key of an unknown field, misspelled perhaps, may be that of a secret.
fn sounds_secret(key: &str) -> bool {
    let names = [
        "password",
        "passwd",
        "passphrase",
        "secret",
        "token",
        "auth",
        "credential",
        "key",
    ];
    let key = key.to_ascii_lowercase();
    let words = || key.split(|c: char| !c.is_alphanumeric());
    names
        .iter()
        .any(|name| key.contains(name) || words().any(|word| strsim::jaro_winkler(word, name) > 0.85))
}

/// A name that the plan's author chose.
fn judge_key(key: &str, format: Option<&str>) -> Result<(), units::UnitError> {
    if let Some(verdict) = format.and_then(|format| units::judge(format, key)) {
        return verdict;
    }
    if key.is_empty() || key.chars().count() > 253 || key.chars().any(char::is_control) {
        return Err(units::UnitError::new(
            "this name is empty, too long or has control characters",
            "write 1 to 253 printable characters",
        ));
    }
    Ok(())
}

fn shortened(text: &str) -> String {
    let start: String = text
        .chars()
        .take(40)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().count() > 40 {
        format!("{start}…")
    } else {
        start
    }
}
