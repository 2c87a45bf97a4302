//! What a field of a plan means, from the documentation of its type.

use serde_json::{Map, Value};

use super::path::{FieldPath, Segment};
use super::schema;

/// What a field means: text, unit or choices, default, examples, and the fields below it.
///
/// Names of one's own (a node group's, an index) may stand as they are or as `*`.
///
/// # Errors
/// Names the nearest field where there is none of that name.
pub fn explain_field(path: &str) -> Result<String, UnknownField> {
    let root = schema::types();
    let unknown = |nearest| UnknownField {
        path: path.to_owned(),
        nearest,
    };
    let parsed: FieldPath = path.replace("[*]", "[0]").parse().map_err(|_| unknown(None))?;
    let (mut field, mut so_far) = (root, FieldPath::default());
    for segment in parsed.segments() {
        let holder = schema::resolve(root, field);
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
            let near =
                schema::nearest(key, names.map(String::as_str)).map(|name| so_far.key(name).to_string());
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
    schema::walk(&mut |path, _| paths.push(path.to_string()));
    let last = |path: &str| path.rsplit('.').next().unwrap_or(path).to_owned();
    let names: Vec<(String, String)> = paths.into_iter().map(|path| (last(&path), path)).collect();
    let near = schema::nearest(wrong, names.iter().map(|(name, _)| name.as_str()))?;
    names
        .iter()
        .find(|(name, _)| name == near)
        .map(|(_, path)| path.clone())
}

/// A field has no such name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no field of a plan is called `{path}`")]
pub struct UnknownField {
    /// The name that was asked for.
    pub path: String,
    /// The nearest field that there is.
    pub nearest: Option<String>,
}

fn describe(root: &Value, path: &str, field: &Value) -> String {
    let kind = schema::resolve(root, field);
    let mut text = format!("{path}\n");
    let own = field["description"].as_str();
    let of_type = kind["description"].as_str().filter(|about| Some(*about) != own);
    for about in own.into_iter().chain(of_type) {
        text += &format!("\n{}\n", about.replace('\n', " "));
    }
    text += &format!("\nkind: {}\n", schema::kind_name(root, kind));
    for (name, about) in schema::choices(kind) {
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
            .or_else(|| schema::resolve(root, field)["description"].as_str());
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
