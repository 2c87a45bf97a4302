//! The JSON Schema of a plan, made from the types, and what it says about a field.

use std::sync::OnceLock;

use serde_json::{Map, Value};

use super::path::{FieldPath, Segment};
use super::{Spec, units};

/// JSON Schema (2020-12) of a plan file, for editors.
pub fn schema() -> &'static Value {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    SCHEMA.get_or_init(|| schemars::schema_for!(Spec).to_value())
}

/// A field has no such name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no field of a plan is called `{path}`")]
pub struct UnknownField {
    pub path: String,
    /// The nearest field that there is.
    pub nearest: Option<String>,
}

/// Follows references to where a schema is defined.
pub(crate) fn resolve<'a>(root: &'a Value, mut schema: &'a Value) -> &'a Value {
    loop {
        if let Some(name) = schema["$ref"].as_str() {
            schema = root.pointer(name.trim_start_matches('#')).unwrap_or(&Value::Null);
        } else if let Some(present) = schema["anyOf"].as_array().and_then(|forms| optional(forms)) {
            schema = present;
        } else {
            return schema;
        }
    }
}

/// Of `anyOf: [T, null]`, the T.
fn optional(forms: &[Value]) -> Option<&Value> {
    match forms {
        [present, null] if null["type"] == "null" => Some(present),
        _ => None,
    }
}

/// The names that a closed set allows, each with what it means.
pub(crate) fn choices(schema: &Value) -> Vec<(&str, &str)> {
    let named = schema["enum"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|name| Some((name.as_str()?, "")));
    let forms = schema["oneOf"].as_array().into_iter().flatten().flat_map(|form| {
        let about = form["description"].as_str().unwrap_or("");
        let one = form["const"].as_str();
        let several = form["enum"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        one.into_iter().chain(several).map(move |name| (name, about))
    });
    named.chain(forms).collect()
}

/// The nearest of `names` to `wrong`, if any is near.
pub(crate) fn nearest<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_ascii_lowercase().replace(['_', '-', '.', ' '], "");
    let likeness = |name: &str| strsim::jaro_winkler(&plain(wrong), &plain(name));
    names
        .map(|name| (likeness(name), name))
        .filter(|(likeness, _)| *likeness >= 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// What a field means: text, unit or choices, default, examples, and the fields below it.
///
/// Names of one's own (a node group's, an index) may stand as they are or as `*`.
///
/// # Errors
/// Names the nearest field where there is none of that name.
pub fn explain_field(path: &str) -> Result<String, UnknownField> {
    let root = schema();
    let unknown = |nearest| UnknownField {
        path: path.to_owned(),
        nearest,
    };
    let parsed: FieldPath = path.replace("[*]", "[0]").parse().map_err(|_| unknown(None))?;
    let (mut field, mut so_far) = (root, FieldPath::default());
    for segment in parsed.segments() {
        let holder = resolve(root, field);
        field = match segment {
            Segment::Index(_) => &holder["items"],
            Segment::Key(key) => holder["properties"]
                .get(key)
                .unwrap_or(&holder["additionalProperties"]),
        };
        if !field.is_object() {
            let Segment::Key(key) = segment else {
                return Err(unknown(None));
            };
            let names = holder["properties"].as_object().into_iter().flat_map(Map::keys);
            let near = nearest(key, names.map(String::as_str)).map(|name| so_far.key(name).to_string());
            return Err(unknown(near.or_else(|| anywhere(key))));
        }
        so_far = match segment {
            Segment::Index(index) => so_far.index(*index),
            Segment::Key(key) => so_far.key(key),
        };
    }
    Ok(describe(root, path, field))
}

/// The path of the field, wherever it is, whose last name is nearest to `wrong`.
fn anywhere(wrong: &str) -> Option<String> {
    let mut paths = Vec::new();
    walk(&mut |path, _| paths.push(path.to_string()));
    let last = |path: &str| path.rsplit('.').next().unwrap_or(path).to_owned();
    let names: Vec<(String, String)> = paths.into_iter().map(|path| (last(&path), path)).collect();
    let near = nearest(wrong, names.iter().map(|(name, _)| name.as_str()))?;
    names
        .iter()
        .find(|(name, _)| name == near)
        .map(|(_, path)| path.clone())
}

/// Calls `visit` with every field of a plan and its schema; names of one's own are `*`, items `[0]`.
pub(crate) fn walk(visit: &mut dyn FnMut(&FieldPath, &Value)) {
    fn below(root: &Value, schema: &Value, path: &FieldPath, visit: &mut dyn FnMut(&FieldPath, &Value)) {
        let holder = resolve(root, schema);
        for (name, field) in holder["properties"].as_object().into_iter().flatten() {
            let path = path.key(name);
            visit(&path, field);
            below(root, field, &path, visit);
        }
        if holder["additionalProperties"].is_object() {
            below(root, &holder["additionalProperties"], &path.key("*"), visit);
        }
        if holder["items"].is_object() {
            below(root, &holder["items"], &path.index(0), visit);
        }
    }
    below(schema(), schema(), &FieldPath::default(), visit);
}

fn describe(root: &Value, path: &str, field: &Value) -> String {
    let kind = resolve(root, field);
    let mut text = format!("{path}\n");
    let own = field["description"].as_str();
    let of_type = kind["description"].as_str().filter(|about| Some(*about) != own);
    for about in own.into_iter().chain(of_type) {
        text += &format!("\n{}\n", about.replace('\n', " "));
    }
    text += &format!("\nkind: {}\n", kind_name(root, kind));
    for (name, about) in choices(kind) {
        text += &format!("  {name}{}{about}\n", if about.is_empty() { "" } else { ": " });
    }
    if let Some(default) = field.get("default").or_else(|| kind.get("default")) {
        text += &format!("default: {default}\n");
    }
    if let Some(examples) = kind["examples"].as_array() {
        let examples: Vec<&str> = examples.iter().filter_map(Value::as_str).collect();
        text += &format!("examples: {}\n", examples.join(", "));
    }
    let required: Vec<&Value> = kind["required"].as_array().into_iter().flatten().collect();
    for (name, field) in kind["properties"].as_object().into_iter().flatten() {
        let about = field["description"]
            .as_str()
            .or_else(|| resolve(root, field)["description"].as_str());
        let needed = if required.iter().any(|required| *required == name) {
            " (required)"
        } else {
            ""
        };
        let first = about.unwrap_or("").split(['\n']).next().unwrap_or("");
        text += &format!("  {name}{needed}: {first}\n");
    }
    text
}

/// What a field holds, in words.
pub(crate) fn kind_name(root: &Value, schema: &Value) -> String {
    let schema = resolve(root, schema);
    if let Some(about) = schema["format"].as_str().and_then(units::about) {
        return about.to_owned();
    }
    if !choices(schema).is_empty() {
        return "one of".to_owned();
    }
    if schema["properties"].is_object() {
        return "a map with the fields below".to_owned();
    }
    match main_type(schema) {
        "object" => format!(
            "a map by name, each {}",
            kind_name(root, &schema["additionalProperties"])
        ),
        "array" => format!("a list, each {}", kind_name(root, &schema["items"])),
        "boolean" => "true or false".to_owned(),
        "integer" => "a whole number".to_owned(),
        "string" => "text".to_owned(),
        other => other.to_owned(),
    }
}

/// The type that isn't null.
pub(crate) fn main_type(schema: &Value) -> &str {
    match &schema["type"] {
        Value::Array(types) => types
            .iter()
            .filter_map(Value::as_str)
            .find(|name| *name != "null")
            .unwrap_or(""),
        other => other.as_str().unwrap_or(""),
    }
}
