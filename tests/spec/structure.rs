//! The JSON Schema against the plans, judged by a small validator that shares no code with the checker, on
//! values that serde_yaml reads.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use vvbill::spec::{explain_field, schema};

/// Every way in which `value` breaks `schema`; knows the keywords that the schema uses, and refuses others.
fn breaches(root: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let keywords = schema
        .as_object()
        .unwrap_or_else(|| panic!("{at}: {schema} is no schema"));
    for (keyword, rule) in keywords {
        match keyword.as_str() {
            "$ref" => {
                let target = root.pointer(rule.as_str().unwrap().trim_start_matches('#'));
                breaches(
                    root,
                    target.unwrap_or_else(|| panic!("{rule} leads nowhere")),
                    value,
                    at,
                    found,
                );
            }
            "if" => {
                let branch = if holds(root, rule, value) { "then" } else { "else" };
                breaches(root, &schema[branch], value, at, found);
            }
            "type" => {
                let kinds: Vec<&str> = match rule {
                    Value::Array(kinds) => kinds.iter().map(|kind| kind.as_str().unwrap()).collect(),
                    kind => vec![kind.as_str().unwrap()],
                };
                let fits = kinds.iter().any(|kind| match *kind {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    "integer" => value.is_i64() || value.is_u64(),
                    "number" => value.is_number(),
                    "null" => value.is_null(),
                    other => panic!("{at}: unknown type {other}"),
                });
                if !fits {
                    found.push(format!("{at}: {value} is none of {kinds:?}"));
                }
            }
            "required" => {
                for name in rule.as_array().unwrap() {
                    if value.is_object() && value.get(name.as_str().unwrap()).is_none() {
                        found.push(format!("{at}: {name} is missing"));
                    }
                }
            }
            "properties" | "additionalProperties" => {
                for (name, item) in value.as_object().into_iter().flatten() {
                    let own = schema["properties"].get(name);
                    let at = format!("{at}.{name}");
                    match (keyword.as_str(), own) {
                        ("properties", Some(own)) => breaches(root, own, item, &at, found),
                        ("additionalProperties", None) if rule == false => {
                            found.push(format!("{at} is unknown"))
                        }
                        ("additionalProperties", None) => breaches(root, rule, item, &at, found),
                        _ => {}
                    }
                }
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    breaches(root, rule, item, &format!("{at}[{index}]"), found);
                }
            }
            "enum" if !rule.as_array().unwrap().contains(value) => {
                found.push(format!("{at}: {value} not in {rule}"))
            }
            "const" if rule != value => found.push(format!("{at}: {value} is not {rule}")),
            "oneOf" | "anyOf" => {
                if !rule
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|form| holds(root, form, value))
                {
                    found.push(format!("{at}: {value} has none of the forms {rule}"));
                }
            }
            "minimum" if value.as_i64() < rule.as_i64() => found.push(format!("{at}: {value} below {rule}")),
            "maximum" if value.as_i64() > rule.as_i64() => found.push(format!("{at}: {value} above {rule}")),
            "enum" | "const" | "minimum" | "maximum" | "then" | "else" | "$schema" | "$defs" | "title"
            | "description" | "default" | "examples" | "format" | "pattern" | "propertyNames"
            | "uniqueItems" | "maxItems" => {}
            other => panic!("{at}: the validator doesn't know {other}"),
        }
    }
}

fn holds(root: &Value, schema: &Value, value: &Value) -> bool {
    let mut found = Vec::new();
    breaches(root, schema, value, "", &mut found);
    found.is_empty()
}

fn all_breaches(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    breaches(schema(), schema(), value, "plan", &mut found);
    found
}

/// Protects editors from a schema that refuses what vvbill takes.
#[test]
fn every_plan_fits_the_json_schema() {
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("plans")).unwrap() {
        let path = entry.unwrap().path();
        let value: Value = serde_yaml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(all_breaches(&value), Vec::<String>::new(), "{}", path.display());
    }
}

/// Protects the schema from accepting everything.
#[test]
fn the_json_schema_refuses_what_is_wrong() {
    let good = json!({ "metadata": { "name": "a" }, "target": "local" });
    assert_eq!(all_breaches(&good), Vec::<String>::new());
    let wrong = [
        json!({ "metadata": { "name": "a" } }),
        json!({ "metadata": { "name": "a" }, "target": "moon" }),
        json!({ "metadata": { "name": "a" }, "target": "local", "kafak": {} }),
        json!({ "metadata": { "name": "a" }, "target": "local", "kafka": { "version": "4.1.0", "brokers": 0 } }),
        json!({ "metadata": { "name": "a" }, "target": "local", "kafka": { "version": "4.1.0", "brokers": "three" } }),
        json!({ "metadata": { "name": "a" }, "target": "local", "kafka": null }),
        json!({ "extends": "b.yaml", "kafak": null }),
    ];
    let accepted: Vec<&Value> = wrong
        .iter()
        .filter(|plan| all_breaches(plan).is_empty())
        .collect();
    // `kafka: null` means the same as leaving it out, so an optional section may say it.
    assert_eq!(accepted, [&wrong[5]]);
    let layer = json!({ "extends": "b.yaml", "kafka": { "brokers": null, "topics": { "a": null } } });
    assert_eq!(all_breaches(&layer), Vec::<String>::new());
}

/// Every field of a plan, as `explain` names it.
fn field_paths(root: &Value, schema: &Value, at: &str, found: &mut Vec<String>) {
    let present = schema["anyOf"][0]
        .as_object()
        .map_or(schema, |_| &schema["anyOf"][0]);
    let holder = present["$ref"].as_str().map_or(present, |name| {
        root.pointer(name.trim_start_matches('#')).unwrap()
    });
    for (name, field) in holder["properties"].as_object().into_iter().flatten() {
        let path = if at.is_empty() {
            name.clone()
        } else {
            format!("{at}.{name}")
        };
        field_paths(root, field, &path, found);
        found.push(path);
    }
    if holder["additionalProperties"].is_object() {
        field_paths(root, &holder["additionalProperties"], &format!("{at}.*"), found);
    }
    if holder["items"].is_object() {
        field_paths(root, &holder["items"], &format!("{at}[0]"), found);
    }
}

/// Protects `explain` and the schema from a field that nobody described.
#[test]
fn every_field_is_explained() {
    let mut paths = Vec::new();
    field_paths(schema(), &schema()["$defs"]["Plan"], "", &mut paths);
    assert!(paths.len() > 300, "only {} fields", paths.len());
    for path in paths {
        let text = explain_field(&path).unwrap();
        let about = text.lines().nth(2).unwrap_or("");
        assert!(
            about.len() > 5 && !about.starts_with("kind:"),
            "{path} is not described:\n{text}"
        );
    }
}

#[test]
fn explain_tells_meaning_unit_default_and_what_is_below() {
    for path in [
        "kafka.retention",
        "buffer.maxmemory_policy",
        "eks.node_groups.app-nodes",
        "aurora.shards",
        "buffer.auth",
    ] {
        insta::assert_snapshot!(format!("explain-{path}"), explain_field(path).unwrap());
    }
}

#[test]
fn explain_names_the_nearest_field() {
    let nearest = |path: &str| explain_field(path).unwrap_err().nearest;
    assert_eq!(nearest("kafka.retension").as_deref(), Some("kafka.retention"));
    assert_eq!(nearest("kafka.max_memory").as_deref(), Some("buffer.maxmemory"));
    assert_eq!(
        nearest("aurora.engineVersion").as_deref(),
        Some("aurora.engine_version")
    );
    assert_eq!(nearest("xyzzy"), None);
    assert_eq!(nearest("kafka..brokers"), None);
}
