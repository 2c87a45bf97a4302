//! Who owns which field, as the API server notes it in `managedFields`.
//!
//! Its notation is a tree: `f:NAME` is a field, `k:{…}` the item of a list with these keys, `v:VALUE` an item of a
//! set, `.` the thing itself. A field with an empty tree is owned as a whole.

use serde_json::{Map, Value};

use super::FIELD_MANAGER;

/// The fields that we own, and the version of the API in which we wrote them; `None`: we own nothing.
pub(super) fn ours(live: &Value) -> Option<(&Value, &str)> {
    let entry = entries(live).find(|entry| is_ours(entry))?;
    Some((
        &entry["fieldsV1"],
        entry["apiVersion"].as_str().unwrap_or_default(),
    ))
}

/// Whether we ever applied it.
pub(super) fn is_managed(live: &Value) -> bool {
    ours(live).is_some()
}

/// The fields that others own, in the same notation, each with its owner's name in the place of the empty tree.
/// The object's status is left out: nobody applies it.
pub(super) fn others(live: &Value) -> Value {
    let mut tree = Map::new();
    let foreign = entries(live).filter(|entry| !is_ours(entry) && entry["subresource"] != "status");
    for entry in foreign {
        let manager = entry["manager"].as_str().unwrap_or("somebody unnamed");
        if let Some(fields) = entry["fieldsV1"].as_object() {
            merge(&mut tree, fields, manager);
        }
    }
    tree.remove("f:status");
    Value::Object(tree)
}

/// Everybody but us who applied or changed it.
pub(super) fn managers(live: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = entries(live)
        .filter(|entry| !is_ours(entry) && entry["subresource"] != "status")
        .filter_map(|entry| entry["manager"].as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn entries(live: &Value) -> impl Iterator<Item = &Value> {
    live["metadata"]["managedFields"].as_array().into_iter().flatten()
}

fn is_ours(entry: &Value) -> bool {
    let subresource = entry["subresource"].as_str().unwrap_or_default();
    entry["manager"] == FIELD_MANAGER && entry["operation"] == "Apply" && subresource.is_empty()
}

fn merge(into: &mut Map<String, Value>, fields: &Map<String, Value>, manager: &str) {
    for (key, inner) in fields.iter().filter(|(key, _)| *key != ".") {
        let inner = inner
            .as_object()
            .filter(|inner| inner.keys().any(|key| key != "."));
        match (into.get_mut(key), inner) {
            (Some(Value::Object(known)), Some(inner)) => merge(known, inner, manager),
            (Some(_), _) => {}
            (None, Some(inner)) => {
                let mut below = Map::new();
                merge(&mut below, inner, manager);
                into.insert(key.clone(), Value::Object(below));
            }
            (None, None) => {
                into.insert(key.clone(), Value::String(manager.into()));
            }
        }
    }
}

/// Owned as a whole: whatever is below belongs to the owner.
pub(super) fn is_whole(owned: &Value) -> bool {
    owned.as_object().is_none_or(Map::is_empty)
}

/// Of what there is just the part that is owned. Items of lists keep the keys that they are known by.
pub(super) fn project(live: &Value, owned: &Value) -> Value {
    let Some(fields) = owned.as_object().filter(|fields| !fields.is_empty()) else {
        return live.clone();
    };
    match live {
        Value::Object(map) => {
            let mut kept = Map::new();
            for (key, inner) in fields {
                let name = key.strip_prefix("f:");
                if let Some((name, value)) = name.and_then(|name| map.get_key_value(name)) {
                    kept.insert(name.clone(), project(value, inner));
                }
            }
            Value::Object(kept)
        }
        Value::Array(items) => {
            let part = |item: &Value| {
                let (key, inner) = fields.iter().find(|(key, _)| is_key_of(key, item))?;
                Some(keyed(project(item, inner), key))
            };
            Value::Array(items.iter().filter_map(part).collect())
        }
        other => other.clone(),
    }
}

/// With the keys of `k:{…}` in it.
fn keyed(item: Value, key: &str) -> Value {
    match (item, keys(key)) {
        (Value::Object(mut map), Some(keys)) => {
            for (name, value) in keys {
                map.entry(name).or_insert(value);
            }
            Value::Object(map)
        }
        (item, _) => item,
    }
}

/// Whether `k:{…}` or `v:…` means this item. A key that the item leaves out has a default there.
pub(super) fn is_key_of(key: &str, item: &Value) -> bool {
    if let Some(value) = key.strip_prefix("v:") {
        return serde_json::from_str::<Value>(value).is_ok_and(|value| value == *item);
    }
    keys(key).is_some_and(|keys| {
        keys.iter().all(|(name, value)| match item.get(name) {
            Some(found) => found == value,
            None => name != "protocol" || value == "TCP",
        })
    })
}

fn keys(key: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(key.strip_prefix("k:")?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Protects: what a controller or the API server filled in is nobody's drift.
    #[test]
    fn only_owned_fields_are_kept_and_lists_keep_their_keys() {
        let live = json!({
            "metadata": { "labels": { "app": "api", "theirs": "x" } },
            "spec": {
                "replicas": 5,
                "ports": [{ "containerPort": 80, "protocol": "TCP" }, { "containerPort": 81, "protocol": "TCP" }],
                "args": ["a", "b"],
            },
        });
        let owned = json!({
            "f:metadata": { "f:labels": { "f:app": {} } },
            "f:spec": {
                "f:ports": { "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": { ".": {}, "f:containerPort": {} } },
                "f:args": {},
            },
        });
        let expected = json!({
            "metadata": { "labels": { "app": "api" } },
            "spec": { "ports": [{ "containerPort": 80, "protocol": "TCP" }], "args": ["a", "b"] },
        });
        assert_eq!(project(&live, &owned), expected);
    }

    #[test]
    fn others_are_named_field_by_field_and_their_status_is_left_out() {
        let live = json!({ "metadata": { "managedFields": [
            { "manager": "vvbill", "operation": "Apply", "apiVersion": "apps/v1",
              "fieldsV1": { "f:spec": { "f:template": {} } } },
            { "manager": "scaler", "operation": "Update", "subresource": "scale",
              "fieldsV1": { "f:spec": { "f:replicas": {} } } },
            { "manager": "controller", "operation": "Update", "subresource": "status",
              "fieldsV1": { "f:status": { "f:replicas": {} } } },
        ] } });
        assert_eq!(others(&live), json!({ "f:spec": { "f:replicas": "scaler" } }));
        assert_eq!(ours(&live).map(|(_, version)| version), Some("apps/v1"));
    }
}
