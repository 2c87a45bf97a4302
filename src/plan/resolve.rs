//! References: replacing those that are known by their values.

use std::borrow::Cow;

use serde_json::Value;

use crate::resource::{Address, reference};

/// `value` with each reference replaced by what `lookup` answers; where it answers `None`, the reference
/// stays. Borrowed where there was nothing to replace.
pub fn resolve<'a>(value: &'a Value, lookup: &dyn Fn(&Address, &str) -> Option<Value>) -> Cow<'a, Value> {
    if let Some((of, name)) = reference(value) {
        return lookup(&of, &name).map_or(Cow::Borrowed(value), Cow::Owned);
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
