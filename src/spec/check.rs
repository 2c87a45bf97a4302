//! A merged tree of nodes against the schema of a plan: every problem at once, and the values that serde takes.

use serde_json::{Map, Number, Value as Json};

use super::diagnostic::Diagnostic;
use super::path::{FieldPath, SpanMap};
use super::schema;
use super::source::Span;
use super::units::{self, SecretReference, Unit};
use super::yaml::{Entry, Node, Value};

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
        root: schema::schema(),
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

    fn map(&mut self, node: &Node, schema: &'static Json, path: &FieldPath) -> Option<Json> {
        let Value::Map(entries) = &node.value else {
            return self.wrong_kind(node, "a map", path);
        };
        let mut values = Map::new();
        for entry in entries {
            let below = path.key(&entry.key);
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
            let written = entries
                .iter()
                .any(|entry| entry.key == name && !matches!(entry.value.value, Value::Null));
            if !written {
                self.missing(name, schema, path);
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
            self.found
                .problems
                .push(problem.at(path.clone(), Some(entry.key_span)));
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
        let sounds_secret = ["pass", "secret", "token", "auth", "credential", "key"];
        if sounds_secret
            .iter()
            .any(|sound| entry.key.to_ascii_lowercase().contains(sound))
            || near.is_some_and(|near| self.is_secret(schema, near))
        {
            self.found.secrets.push(entry.value.span);
        }
        let fix = match near {
            Some(near) => format!("write `{near}`"),
            None => format!("take it away; known here: {}", names.join(", ")),
        };
        let problem = Diagnostic::error("VV002", format!("{place} has no field `{}`", entry.key)).fix(fix);
        self.found
            .problems
            .push(problem.at(path.clone(), Some(entry.key_span)));
    }

    fn is_secret(&self, schema: &Json, name: &str) -> bool {
        schema::resolve(self.root, &schema["properties"][name])["format"] == SecretReference::FORMAT
    }

    fn missing(&mut self, name: &str, schema: &'static Json, path: &FieldPath) {
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
        let span = self.found.spans.nearest(path);
        self.found.problems.push(problem.at(path.key(name), span));
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
            let Some(value) = self.value(item, &schema["items"], &below) else {
                continue;
            };
            let first = values.iter().position(|earlier| *earlier == value);
            if let Some(first) = first.filter(|_| schema["uniqueItems"] == true) {
                let problem = Diagnostic::error("VV007", "this stands in the list twice")
                    .at(below, Some(span))
                    .related("first here", self.found.spans.nearest(&path.index(first)))
                    .fix("keep one of them");
                self.found.problems.push(problem);
            }
            values.push(value);
        }
        Some(Json::Array(values))
    }

    fn boolean(&mut self, node: &Node, path: &FieldPath) -> Option<Json> {
        match &node.value {
            Value::Scalar { text, plain: true } if text == "true" => return Some(Json::Bool(true)),
            Value::Scalar { text, plain: true } if text == "false" => return Some(Json::Bool(false)),
            _ => {}
        }
        let meant = match &node.value {
            Value::Scalar { text, .. } => match text.to_ascii_lowercase().as_str() {
                "yes" | "on" | "true" | "1" => Some("write `true`, without quotes"),
                "no" | "off" | "false" | "0" => Some("write `false`, without quotes"),
                _ => None,
            },
            _ => None,
        };
        self.wrong(
            node,
            "true or false",
            meant.unwrap_or("write `true` or `false`"),
            path,
        )
    }

    fn integer(&mut self, node: &Node, schema: &'static Json, path: &FieldPath) -> Option<Json> {
        let Value::Scalar { text, plain } = &node.value else {
            return self.wrong_kind(node, "a whole number", path);
        };
        let digits = text.replace('_', "");
        let is_number = !digits.is_empty()
            && digits
                .trim_start_matches('-')
                .bytes()
                .all(|byte| byte.is_ascii_digit());
        if !is_number {
            return self.wrong(node, "a whole number", "write digits only", path);
        }
        if !plain {
            return self.wrong(node, "a whole number", "take the quotes away", path);
        }
        let (least, most) = bounds(schema);
        match digits
            .parse::<i128>()
            .ok()
            .filter(|number| (least..=most).contains(number))
        {
            Some(number) => Number::from_i128(number).map(Json::Number),
            None => {
                let problem = Diagnostic::error("VV003", format!("`{path}` is out of range"))
                    .fix(format!("write a number from {least} to {most}"));
                self.found
                    .problems
                    .push(problem.at(path.clone(), Some(node.span)));
                None
            }
        }
    }

    fn unit(&mut self, node: &Node, format: &str, path: &FieldPath) -> Option<Json> {
        let is_secret = format == SecretReference::FORMAT;
        if is_secret {
            let reference = match &node.value {
                Value::Scalar { text, .. } => text.parse().ok(),
                _ => None,
            };
            if !matches!(
                reference,
                Some(
                    SecretReference::Environment(_)
                        | SecretReference::File(_)
                        | SecretReference::SecretsManager(_)
                        | SecretReference::Managed
                )
            ) {
                self.found.secrets.push(node.span);
            }
        }
        let about = units::about(format).unwrap_or("a quantity");
        let text = self.text(node, about, path)?;
        match units::judge(format, text) {
            Some(Err(error)) => {
                let problem = Diagnostic::error("VV004", error.why).fix(error.fix);
                self.found
                    .problems
                    .push(problem.at(path.clone(), Some(node.span)));
                None
            }
            _ => Some(Json::String(text.to_owned())),
        }
    }

    fn choice(&mut self, node: &Node, choices: &[(&str, &str)], path: &FieldPath) -> Option<Json> {
        let text = self.text(node, "one of a few names", path)?;
        let names = || choices.iter().map(|(name, _)| *name);
        if names().any(|name| name == text) {
            return Some(Json::String(text.to_owned()));
        }
        let all: Vec<&str> = names().collect();
        let fix = match schema::nearest(text, names()) {
            Some(near) => format!("write `{near}`; known: {}", all.join(", ")),
            None => format!("write one of {}", all.join(", ")),
        };
        let problem = Diagnostic::error("VV003", format!("`{path}` can't be `{}`", shortened(text))).fix(fix);
        self.found
            .problems
            .push(problem.at(path.clone(), Some(node.span)));
        None
    }

    fn text<'n>(&mut self, node: &'n Node, wanted: &str, path: &FieldPath) -> Option<&'n str> {
        match &node.value {
            Value::Scalar { text, .. } => Some(text),
            _ => {
                self.wrong_kind(node, wanted, path);
                None
            }
        }
    }

    fn wrong_kind(&mut self, node: &Node, wanted: &str, path: &FieldPath) -> Option<Json> {
        let fix = match (wanted, &node.value) {
            ("a list", Value::Scalar { .. }) => {
                "write it as an item: `- …`, or in brackets: `[…]`".to_owned()
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
        self.found.problems.push(problem.at(path.clone(), Some(span)));
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

/// The bounds of an integer, from its format and its own limits.
fn bounds(schema: &Json) -> (i128, i128) {
    let (least, most) = match schema["format"].as_str() {
        Some("uint8") => (0, i128::from(u8::MAX)),
        Some("uint16") => (0, i128::from(u16::MAX)),
        Some("uint32") => (0, i128::from(u32::MAX)),
        Some("uint64" | "uint") => (0, i128::from(u64::MAX)),
        _ => (i128::from(i64::MIN), i128::from(i64::MAX)),
    };
    let bound = |name: &str| schema[name].as_i64().map(i128::from);
    (
        bound("minimum").unwrap_or(least).max(least),
        bound("maximum").unwrap_or(most).min(most),
    )
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
