//! The JSON Schema of a plan, made from the types.

use std::sync::OnceLock;

use serde_json::{Map, Value, json};

use super::path::FieldPath;
use super::{Spec, units};

/// JSON Schema (2020-12) of a plan file, for editors.
///
/// A plan that `extends` another, and a file of overrides, may leave out what is required and take a key away
/// with `null`; its parts are the definitions that start with `Layer.`.
pub fn schema() -> &'static Value {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let mut whole = types().clone();
        open_texts(&mut whole);
        let mut layer = whole.clone();
        loosen(&mut layer);
        let definitions = |schema: &mut Value| match schema["$defs"].take() {
            Value::Object(definitions) => definitions,
            _ => Map::new(),
        };
        let mut all = definitions(&mut whole);
        all.extend(
            definitions(&mut layer)
                .into_iter()
                .map(|(name, schema)| (format!("Layer.{name}"), schema)),
        );
        for (name, mut schema) in [("Plan", whole), ("Layer.Plan", layer)] {
            if let Some(schema) = schema.as_object_mut() {
                schema.retain(|key, _| !matches!(key.as_str(), "$defs" | "$schema" | "title"));
            }
            all.insert(name.to_owned(), schema);
        }
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "vvbill plan",
            "if": { "required": ["extends"] },
            "then": { "$ref": "#/$defs/Layer.Plan" },
            "else": { "$ref": "#/$defs/Plan" },
            "$defs": all,
        })
    })
}

/// The schema as the types give it: what a whole plan is checked against.
pub(crate) fn types() -> &'static Value {
    static TYPES: OnceLock<Value> = OnceLock::new();
    TYPES.get_or_init(|| schemars::schema_for!(Spec).to_value())
}

/// A text may be written without quotes, also where YAML would take it for a number.
fn open_texts(schema: &mut Value) {
    let closed = ["const", "enum", "format"]
        .iter()
        .any(|key| schema.get(key).is_some());
    let kinds = match &schema["type"] {
        Value::String(kind) if kind == "string" => json!(["string", "number", "boolean"]),
        Value::Array(kinds) if kinds.iter().any(|kind| kind == "string") => {
            json!(["string", "number", "boolean", "null"])
        }
        _ => Value::Null,
    };
    if !closed && !kinds.is_null() {
        schema["type"] = kinds;
    }
    below(schema, &mut open_texts);
}

/// Nothing is required, and `null` takes a key away.
fn loosen(schema: &mut Value) {
    if let Some(name) = schema["$ref"].as_str() {
        schema["$ref"] = name.replace("#/$defs/", "#/$defs/Layer.").into();
    }
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("required");
    }
    below(schema, &mut loosen);
    let or_null = |schema: &mut Value| {
        if schema.is_object() {
            *schema = json!({ "anyOf": [schema.take(), { "type": "null" }] });
        }
    };
    if let Some(fields) = schema["properties"].as_object_mut() {
        fields.values_mut().for_each(or_null);
    }
    if schema["additionalProperties"].is_object() {
        or_null(&mut schema["additionalProperties"]);
    }
}

/// Calls `change` with each schema directly inside.
fn below(schema: &mut Value, change: &mut dyn FnMut(&mut Value)) {
    let Some(schema) = schema.as_object_mut() else {
        return;
    };
    for (key, value) in schema {
        match (key.as_str(), value) {
            ("properties" | "$defs", Value::Object(fields)) => fields.values_mut().for_each(&mut *change),
            ("anyOf" | "oneOf", Value::Array(forms)) => forms.iter_mut().for_each(&mut *change),
            ("items" | "additionalProperties", value @ Value::Object(_)) => change(value),
            _ => {}
        }
    }
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

/// Calls `visit` with every field of a plan and its schema; names of one's own are `*`, items `[0]`.
pub(crate) fn walk(visit: &mut dyn FnMut(&FieldPath, &Value)) {
    fn fields(root: &Value, schema: &Value, path: &FieldPath, visit: &mut dyn FnMut(&FieldPath, &Value)) {
        let holder = resolve(root, schema);
        for (name, field) in holder["properties"].as_object().into_iter().flatten() {
            let path = path.key(name);
            visit(&path, field);
            fields(root, field, &path, visit);
        }
        if holder["additionalProperties"].is_object() {
            fields(root, &holder["additionalProperties"], &path.key("*"), visit);
        }
        if holder["items"].is_object() {
            fields(root, &holder["items"], &path.index(0), visit);
        }
    }
    fields(types(), types(), &FieldPath::default(), visit);
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
        "integer" => match (&schema["minimum"], &schema["maximum"]) {
            (least @ Value::Number(_), most @ Value::Number(_)) => {
                format!("a whole number from {least} to {most}")
            }
            _ => "a whole number".to_owned(),
        },
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
