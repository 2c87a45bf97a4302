//! The manifest as it is sent: without what only creation takes, and without what is somebody else's.

use serde_json::{Map, Value};

use super::{compare, ownership};
use crate::resource::{AT_CREATION_KEY, Change};

/// Of an object that isn't there yet.
pub(super) fn for_creation(object: &Value) -> Value {
    match object {
        Value::Object(map) => match map.get(AT_CREATION_KEY) {
            Some(value) => value.clone(),
            None => map
                .iter()
                .map(|(key, value)| (key.clone(), for_creation(value)))
                .filter(|(_, value)| !value.is_null())
                .collect::<Map<String, Value>>()
                .into(),
        },
        Value::Array(items) => {
            let items = items.iter().map(for_creation);
            items.filter(|item| !item.is_null()).collect()
        }
        other => other.clone(),
    }
}

/// Of one that stands as `live`, where `changes` are asked for: what others own is left out, as long as no change
/// is about it.
pub(super) fn for_update(object: &Value, live: &Value, changes: &[Change]) -> Value {
    let nothing = Value::Object(Map::new());
    let owned = ownership::ours(live).map_or(&nothing, |(fields, _)| fields);
    let found = ownership::project(live, owned);
    let findings = compare::object(object, &found, owned, &ownership::others(live), Some(object));
    let asked_for = |path: &str| {
        changes.iter().any(|change| {
            let below = |one: &str, other: &str| one == other || one.starts_with(&format!("{other}/"));
            below(path, &change.path) || below(&change.path, path)
        })
    };
    let mut sent = as_it_stands(object, live, Some(owned));
    for path in findings.left_alone.iter().filter(|path| !asked_for(path)) {
        remove(&mut sent, path.strip_prefix("/object").unwrap_or(path));
    }
    for_creation(&sent)
}

/// What only creation takes keeps the value that it has, where it is still ours: left out, it would fall back to
/// the API server's default.
fn as_it_stands(wanted: &Value, live: &Value, owned: Option<&Value>) -> Value {
    let Value::Object(map) = wanted else {
        return for_creation(wanted);
    };
    let mut sent = Map::new();
    for (key, value) in map.iter().filter(|(_, value)| !value.is_null()) {
        let owned = owned.and_then(|owned| owned.get(format!("f:{key}")));
        let live = &live[key.as_str()];
        if value.get(AT_CREATION_KEY).is_none() {
            sent.insert(key.clone(), as_it_stands(value, live, owned));
        } else if owned.is_some() && !live.is_null() {
            sent.insert(key.clone(), live.clone());
        }
    }
    Value::Object(sent)
}

fn remove(object: &mut Value, pointer: &str) {
    let Some((parent, key)) = pointer.rsplit_once('/') else {
        return;
    };
    let key = key.replace("~1", "/").replace("~0", "~");
    match object.pointer_mut(parent) {
        Some(Value::Object(map)) => drop(map.remove(&key)),
        // Its place is kept, so that the indices of others hold; nulls are not sent.
        Some(Value::Array(items)) => {
            if let Some(item) = key.parse::<usize>().ok().and_then(|index| items.get_mut(index)) {
                *item = Value::Null;
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Protects: an update of the image neither takes the replicas from an autoscaler nor fails because of them.
    #[test]
    fn an_update_leaves_out_what_another_took_over() {
        let live = json!({
            "spec": { "replicas": 9, "image": "a" },
            "metadata": { "managedFields": [
                { "manager": "vvbill", "operation": "Apply", "fieldsV1": { "f:spec": { "f:image": {} } } },
                { "manager": "scaler", "operation": "Update", "fieldsV1": { "f:spec": { "f:replicas": {} } } },
            ] },
        });
        let wanted = json!({ "spec": { "replicas": 3, "image": "b" } });
        let change = |path: &str| Change {
            path: path.into(),
            before: Value::Null,
            after: Value::Null,
        };
        let sent = for_update(&wanted, &live, &[change("/object/spec/image")]);
        assert_eq!(sent, json!({ "spec": { "image": "b" } }));
        let sent = for_update(&wanted, &live, &[change("/object/spec/replicas")]);
        assert_eq!(sent, wanted);
    }

    #[test]
    fn what_only_creation_takes_stays_as_it_is_while_it_is_ours() {
        let wanted = json!({ "spec": { "replicas": { "$at_creation": 3 }, "image": "b" } });
        assert_eq!(
            for_creation(&wanted),
            json!({ "spec": { "replicas": 3, "image": "b" } })
        );
        let live = |manager: &str| {
            json!({
                "spec": { "replicas": 5, "image": "a" },
                "metadata": { "managedFields": [
                    { "manager": manager, "operation": "Apply",
                      "fieldsV1": { "f:spec": { "f:image": {}, "f:replicas": {} } } },
                ] },
            })
        };
        let sent = for_update(&wanted, &live("vvbill"), &[]);
        assert_eq!(sent, json!({ "spec": { "replicas": 5, "image": "b" } }));
        let sent = for_update(&wanted, &live("another"), &[]);
        assert_eq!(sent["spec"].get("replicas"), None);
    }
}
