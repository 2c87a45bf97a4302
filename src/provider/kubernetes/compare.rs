//! What differs between a manifest and the object that stands, by who owns what.
//!
//! A field that we own differs where its value does, or where the manifest has it no longer. A field that a
//! controller took over is left alone, unless the manifest now says something else about it than when it was last
//! applied. A field that a person changed by kubectl differs: that is drift.

use serde_json::{Map, Value};

use super::ownership::{is_key_of, is_whole};
use super::quantity;
use crate::resource::{AT_CREATION_KEY, Change, diff, is_unresolved};

/// Beside the properties, what an observation tells about who owns what: `FoundObject`'s fields.
const OWNED: &str = "owned";
const OTHERS: &str = "others";
const OBJECT: &str = "object";

/// Of whole properties: all but the object is compared as always.
pub(super) fn properties(desired: &Value, observed: &Value, recorded: Option<&Value>) -> Vec<Change> {
    let Some(wanted) = desired.as_object() else {
        return diff(desired, observed);
    };
    let plain: Map<String, Value> = wanted
        .iter()
        .filter(|(key, _)| ![OBJECT, OWNED, OTHERS].contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let mut changes = both_ways(&Value::Object(plain), observed);
    let recorded = recorded.map(|recorded| &recorded[OBJECT]);
    let (wanted, found) = (&desired[OBJECT], &observed[OBJECT]);
    changes.extend(match observed.get(OWNED) {
        Some(owned) => object(wanted, found, owned, &observed[OTHERS], recorded).changes,
        // What stands is known from the state alone.
        None => both_ways(wanted, found)
            .into_iter()
            .map(|change| Change {
                path: format!("/{OBJECT}{}", change.path),
                ..change
            })
            .collect(),
    });
    changes
}

/// The same, where fields of others are to be taken from them.
pub(super) fn properties_by_force(desired: &Value, observed: &Value, _: Option<&Value>) -> Vec<Change> {
    properties(desired, observed, None)
}

/// [`diff`], and what was found that is wanted no longer.
fn both_ways(wanted: &Value, found: &Value) -> Vec<Change> {
    let mut changes = diff(wanted, found);
    let mut wanted_keys = found.clone();
    if let (Value::Object(found), Value::Object(wanted)) = (&mut wanted_keys, wanted) {
        found.retain(|key, _| wanted.contains_key(key));
    }
    let gone = diff(&wanted_keys, wanted)
        .into_iter()
        .filter(|change| change.before.is_null() && !change.after.is_null())
        .map(|change| Change {
            path: change.path,
            before: change.after,
            after: Value::Null,
        });
    changes.extend(gone);
    changes
}

/// What a comparison finds.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// What is to be changed.
    pub(super) changes: Vec<Change>,
    /// Where in the manifest (as JSON pointers) it speaks of what is somebody else's.
    pub(super) left_alone: Vec<String>,
}

/// Of manifests alone. `recorded`: the manifest that was applied last.
pub(super) fn object(
    wanted: &Value,
    found: &Value,
    owned: &Value,
    others: &Value,
    recorded: Option<&Value>,
) -> Findings {
    let mut walk = Walk {
        path: format!("/{OBJECT}"),
        findings: Findings::default(),
    };
    let at = At {
        found,
        mine: Some(owned),
        others: Some(others),
        recorded,
    };
    if let Value::Object(wanted) = wanted {
        // An object is known by these four, which nobody owns.
        let known_by = |path: &str| {
            matches!(
                path,
                "/object/apiVersion" | "/object/kind" | "/object/metadata/name"
            ) || path == "/object/metadata/namespace"
        };
        walk.map(wanted, at);
        walk.findings.changes.retain(|change| !known_by(&change.path));
    }
    walk.findings
}

/// One place in the manifest, in what was found, in who owns it, and in what was applied last.
#[derive(Clone, Copy)]
struct At<'a> {
    found: &'a Value,
    mine: Option<&'a Value>,
    others: Option<&'a Value>,
    recorded: Option<&'a Value>,
}

struct Walk {
    path: String,
    findings: Findings,
}

impl Walk {
    fn map(&mut self, wanted: &Map<String, Value>, at: At<'_>) {
        for (key, value) in wanted {
            self.below(key, |walk| walk.value(value, at.field(key)));
        }
        let mine = at.mine.and_then(Value::as_object).into_iter().flatten();
        for key in mine.filter_map(|(key, _)| key.strip_prefix("f:")) {
            let found = &at.found[key];
            if !wanted.contains_key(key) && !found.is_null() {
                self.below(key, |walk| walk.change(found, &Value::Null));
            }
        }
    }

    fn value(&mut self, wanted: &Value, at: At<'_>) {
        if wanted.get(AT_CREATION_KEY).is_some() || is_empty(wanted) && is_empty(at.found) {
            return;
        }
        match (at.mine, wanted) {
            _ if is_unresolved(wanted) => self.change(at.found, wanted),
            (None, _) => self.not_mine(wanted, at),
            (Some(mine), _) if is_whole(mine) => self.whole(wanted, at),
            (Some(_), Value::Object(map)) => self.map(map, at),
            (Some(_), Value::Array(items)) => self.items(items, at),
            _ => self.change(at.found, wanted),
        }
    }

    /// Nobody owns it yet, or others do.
    fn not_mine(&mut self, wanted: &Value, at: At<'_>) {
        match (at.others, wanted) {
            (Some(Value::Object(_)), Value::Object(map)) => self.map(map, at),
            (Some(Value::Object(_)), Value::Array(items)) => self.items(items, at),
            (Some(owner), _) if at.recorded == Some(wanted) && !is_a_person(owner) => {
                self.findings.left_alone.push(self.path.clone())
            }
            _ if is_empty(wanted) => {}
            _ => self.change(&Value::Null, wanted),
        }
    }

    /// What the API server filled in below is no difference, as long as we ask for what we asked for.
    fn whole(&mut self, wanted: &Value, at: At<'_>) {
        let asked_anew = (wanted.is_object() || wanted.is_array())
            && at.recorded.is_some_and(|recorded| recorded != wanted);
        if asked_anew || !covers(wanted, at.found, &self.path) {
            self.change(at.found, wanted);
        }
    }

    /// A list whose items are known by keys, or a set.
    fn items(&mut self, wanted: &[Value], at: At<'_>) {
        let keys = |tree: Option<&Value>| -> Vec<String> {
            let tree = tree.and_then(Value::as_object);
            tree.map(|tree| tree.keys().filter(|key| *key != ".").cloned().collect())
                .unwrap_or_default()
        };
        let mine = keys(at.mine);
        let theirs = keys(at.others);
        let mut seen = Vec::new();
        for (index, item) in wanted.iter().enumerate() {
            let key_of = |keys: &[String]| keys.iter().find(|key| is_key_of(key, item)).cloned();
            let (my_key, their_key) = (key_of(&mine), key_of(&theirs));
            let key = my_key.as_ref().or(their_key.as_ref()).cloned();
            seen.extend(my_key.clone());
            let at = At {
                found: item_of(at.found, key.as_deref()),
                mine: at.mine.zip(my_key).and_then(|(tree, key)| tree.get(key)),
                others: at.others.zip(their_key).and_then(|(tree, key)| tree.get(key)),
                recorded: at.recorded.map(|recorded| item_of(recorded, key.as_deref())),
            };
            self.below(&index.to_string(), |walk| walk.value(item, at));
        }
        for key in mine.iter().filter(|key| !seen.contains(*key)) {
            let found = item_of(at.found, Some(key.as_str()));
            self.below(key, |walk| walk.change(found, &Value::Null));
        }
    }

    fn change(&mut self, before: &Value, after: &Value) {
        self.findings.changes.push(Change {
            path: self.path.clone(),
            before: before.clone(),
            after: after.clone(),
        });
    }

    fn below(&mut self, key: &str, look: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push('/');
        self.path.push_str(&key.replace('~', "~0").replace('/', "~1"));
        look(self);
        self.path.truncate(length);
    }
}

impl<'a> At<'a> {
    fn field(self, key: &str) -> Self {
        let field = format!("f:{key}");
        let below = |tree: Option<&'a Value>| tree.and_then(|tree| tree.get(&field));
        Self {
            found: self.found.get(key).unwrap_or(&Value::Null),
            mine: below(self.mine),
            others: below(self.others),
            recorded: self
                .recorded
                .map(|recorded| recorded.get(key).unwrap_or(&Value::Null)),
        }
    }
}

/// kubectl's commands write as `kubectl`, `kubectl-edit`, `kubectl-patch`, …
fn is_a_person(owner: &Value) -> bool {
    owner
        .as_str()
        .is_some_and(|manager| manager.starts_with("kubectl"))
}

fn item_of<'a>(list: &'a Value, key: Option<&str>) -> &'a Value {
    let items = list.as_array().into_iter().flatten();
    let found = key.and_then(|key| items.into_iter().find(|item| is_key_of(key, item)));
    found.unwrap_or(&Value::Null)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// Whether all that is wanted is there; maps may hold more.
fn covers(wanted: &Value, found: &Value, path: &str) -> bool {
    match (wanted, found) {
        _ if is_empty(wanted) && is_empty(found) => true,
        (Value::Object(wanted), Value::Object(found)) => wanted.iter().all(|(key, value)| {
            covers(
                value,
                found.get(key).unwrap_or(&Value::Null),
                &format!("{path}/{key}"),
            )
        }),
        (Value::Array(wanted), Value::Array(found)) => {
            let mut pairs = wanted.iter().zip(found);
            wanted.len() == found.len() && pairs.all(|(wanted, found)| covers(wanted, found, path))
        }
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        _ => wanted == found || quantity::is_at(path) && quantity::same(wanted, found),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paths(
        wanted: Value,
        found: Value,
        owned: Value,
        others: Value,
        recorded: Option<Value>,
    ) -> Vec<String> {
        let findings = object(&wanted, &found, &owned, &others, recorded.as_ref());
        findings.changes.into_iter().map(|change| change.path).collect()
    }

    /// Protects: an autoscaler's replicas are no drift; another number in the plan is a change all the same.
    #[test]
    fn what_another_took_over_is_left_alone_until_the_plan_asks_anew() {
        let mine = json!({ "f:spec": { "f:paused": {} } });
        let theirs = json!({ "f:spec": { "f:replicas": "scaler" } });
        let found = json!({ "spec": { "paused": false } });
        let wanted = json!({ "spec": { "replicas": 3, "paused": false } });
        let check = |recorded: Option<Value>, expect: &[&str]| {
            let changes = paths(
                wanted.clone(),
                found.clone(),
                mine.clone(),
                theirs.clone(),
                recorded,
            );
            assert_eq!(changes, expect);
        };
        check(Some(wanted.clone()), &[]);
        check(
            Some(json!({ "spec": { "replicas": 2, "paused": false } })),
            &["/object/spec/replicas"],
        );
        check(None, &["/object/spec/replicas"]);
    }

    /// Protects: a field that the plan no longer has is taken back, in lists too.
    #[test]
    fn what_we_own_and_no_longer_want_is_a_change() {
        let owned =
            json!({ "f:spec": { "f:a": {}, "f:env": { "k:{\"name\":\"X\"}": { ".": {}, "f:name": {} } } } });
        let found = json!({ "spec": { "a": 1, "env": [{ "name": "X" }] } });
        let wanted = json!({ "spec": { "env": [] } });
        let changes = paths(wanted.clone(), found, owned, json!({}), Some(wanted));
        assert_eq!(changes, ["/object/spec/env/k:{\"name\":\"X\"}", "/object/spec/a"]);
    }

    /// Protects: what the API server fills in below a list that is owned as a whole is no difference, and
    /// taking something out of such a list is one.
    #[test]
    fn defaults_in_what_is_owned_as_a_whole_are_no_difference() {
        let owned = json!({ "f:spec": { "f:ports": {} } });
        let found = json!({ "spec": { "ports": [{ "port": 5432, "protocol": "TCP" }] } });
        let wanted = json!({ "spec": { "ports": [{ "port": 5432 }] } });
        let others = json!({});
        assert!(
            paths(
                wanted.clone(),
                found.clone(),
                owned.clone(),
                others.clone(),
                Some(wanted.clone())
            )
            .is_empty()
        );
        let recorded = json!({ "spec": { "ports": [{ "port": 5432, "protocol": "TCP" }] } });
        assert_eq!(
            paths(wanted, found, owned, others, Some(recorded)),
            ["/object/spec/ports"]
        );
    }
}
