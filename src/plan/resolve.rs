//! References: replacing those that are known by their values.

use std::borrow::Cow;

use serde_json::Value;

use crate::resource::{Address, joined, reference};

/// `value` with each reference replaced by what `lookup` answers; where it answers `None`, the reference
/// stays. A text of parts becomes one once all of them are known. Borrowed where there was nothing to replace.
pub fn resolve<'a>(value: &'a Value, lookup: &dyn Fn(&Address, &str) -> Option<Value>) -> Cow<'a, Value> {
    if let Some((of, name)) = reference(value) {
        return lookup(&of, &name).map_or(Cow::Borrowed(value), Cow::Owned);
    }
    if let Some(text) = joined(value).and_then(|parts| text_of(parts, lookup)) {
        return Cow::Owned(Value::String(text));
    }
    match value {
        Value::Object(map) => {
            let mut resolved = None;
            for (key, inner) in map {
                if let Cow::Owned(new) = resolve(inner, lookup) {
                    resolved
                        .get_or_insert_with(|| map.clone())
                        .insert(key.clone(), new);
                }
            }
            resolved.map_or(Cow::Borrowed(value), |map| Cow::Owned(Value::Object(map)))
        }
        Value::Array(items) => {
            let mut resolved = None;
            for (index, inner) in items.iter().enumerate() {
                if let Cow::Owned(new) = resolve(inner, lookup) {
                    resolved.get_or_insert_with(|| items.clone())[index] = new;
                }
            }
            resolved.map_or(Cow::Borrowed(value), |items| Cow::Owned(Value::Array(items)))
        }
        _ => Cow::Borrowed(value),
    }
}

/// The parts as one text, where each is known.
fn text_of(parts: &[Value], lookup: &dyn Fn(&Address, &str) -> Option<Value>) -> Option<String> {
    let text = |part: &Value| match resolve(part, lookup).as_ref() {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    parts.iter().map(text).collect()
}

/// Every output that `value` refers to.
pub(super) fn outputs_of(value: &Value) -> Vec<(Address, String)> {
    let mut found = Vec::new();
    collect(value, &mut found);
    found
}

fn collect(value: &Value, found: &mut Vec<(Address, String)>) {
    if let Some(output) = reference(value) {
        found.push(output);
        return;
    }
    match value {
        Value::Object(map) => map.values().for_each(|inner| collect(inner, found)),
        Value::Array(items) => items.iter().for_each(|inner| collect(inner, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Protects: what surrounds an output is neither lost nor applied without it.
    #[test]
    fn a_text_of_parts_is_one_once_all_are_known() {
        let of =
            |name: &str| json!({ "$output": { "of": "aws/us-east-1/ecr_repository/ingest", "name": name } });
        let text = json!({ "image": { "$joined": [of("uri"), ":1.0-", of("port")] } });
        let all = |_: &Address, name: &str| match name {
            "uri" => Some(json!("registry/ingest")),
            _ => Some(json!(7)),
        };
        assert_eq!(*resolve(&text, &all), json!({ "image": "registry/ingest:1.0-7" }));
        let some = |_: &Address, name: &str| (name == "uri").then(|| json!("registry/ingest"));
        let left = resolve(&text, &some);
        assert_eq!(outputs_of(&left).len(), 1, "{left}");
        assert_eq!(*resolve(&left, &all), json!({ "image": "registry/ingest:1.0-7" }));
    }
}
