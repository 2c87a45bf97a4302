//! Keeps secrets out of everything that is printed.
//!
//! A plan holds references to secrets, never their values; this is the second wall, for what a provider
//! observes or a person writes where it doesn't belong.

use serde_json::{Map, Value};

use crate::resource::reference;

/// What stands in a secret's place.
pub(crate) const SENSITIVE: &str = "(sensitive)";

/// The parts of a key that mark its value as secret.
const MARKS: [&str; 7] = [
    "password",
    "passwd",
    "secret",
    "token",
    "private_key",
    "api_key",
    "credential",
];

/// Forms under which a secret may be named without being told.
const REFERENCES: [&str; 3] = ["env:", "file:", "secretsmanager:"];

/// `value` with every secret replaced by [`SENSITIVE`].
pub(crate) fn redacted(value: &Value) -> Value {
    redacted_under("", value)
}

/// The same for the value of `key`.
pub(crate) fn redacted_under(key: &str, value: &Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.iter()
                .map(|(key, value)| (key.clone(), redacted_under(key, value)))
                .collect(),
        ),
        Value::Array(items) => items.iter().map(|item| redacted_under(key, item)).collect(),
        value if is_secret(key, value) => Value::String(SENSITIVE.into()),
        value => value.clone(),
    }
}

/// The same shape as Terraform's `before_sensitive`: objects hold `true` where a secret is, and nothing
/// where none is.
pub(crate) fn sensitivity(value: &Value) -> Value {
    marks(value, &|key, value| is_secret(key, value))
}

/// The same shape for `after_unknown`: `true` where a value becomes known only on the way.
pub(crate) fn unknowns(value: &Value) -> Value {
    marks(value, &|_, value| reference(value).is_some())
}

/// Whether the value of `key` is a secret itself and not the name of one.
pub(crate) fn is_secret(key: &str, value: &Value) -> bool {
    let Value::String(text) = value else { return false };
    let marked = {
        let key = key.to_lowercase();
        MARKS.iter().any(|mark| key.contains(mark))
    };
    let named = text.is_empty() || text == "managed" || REFERENCES.iter().any(|form| text.starts_with(form));
    (marked && !named) || url_with_password(text)
}

/// `scheme://user:password@host`.
fn url_with_password(text: &str) -> bool {
    text.split_once("://")
        .and_then(|(_, rest)| rest.split('/').next()?.rsplit_once('@'))
        .is_some_and(|(user, _)| {
            user.split_once(':')
                .is_some_and(|(_, password)| !password.is_empty())
        })
}

fn marks(value: &Value, is_marked: &dyn Fn(&str, &Value) -> bool) -> Value {
    mark("", value, is_marked).unwrap_or_else(|| match value {
        Value::Array(_) => Value::Array(Vec::new()),
        Value::Object(_) => Value::Object(Map::new()),
        _ => Value::Bool(false),
    })
}

/// `None` where nothing in `value` is marked.
fn mark(key: &str, value: &Value, is_marked: &dyn Fn(&str, &Value) -> bool) -> Option<Value> {
    if is_marked(key, value) {
        return Some(Value::Bool(true));
    }
    match value {
        Value::Object(map) => {
            let marked: Map<String, Value> = map
                .iter()
                .filter_map(|(key, value)| Some((key.clone(), mark(key, value, is_marked)?)))
                .collect();
            (!marked.is_empty()).then_some(Value::Object(marked))
        }
        Value::Array(items) => {
            let marked: Vec<Option<Value>> = items.iter().map(|item| mark(key, item, is_marked)).collect();
            marked.iter().any(Option::is_some).then(|| {
                marked
                    .into_iter()
                    .map(|item| item.unwrap_or(Value::Bool(false)))
                    .collect()
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_is_hidden_and_the_name_of_one_is_not() {
        let value = json!({
            "password": "hunter2",
            "auth": { "Redis_Token": "abc", "token_ttl_s": 3 },
            "api_key": "file:/run/key",
            "url": "postgres://billing:hunter2@127.0.0.1/db",
            "plain": "postgres://billing@127.0.0.1/db",
            "list": [{ "secret": "x" }, { "secret": "env:X" }],
        });
        assert_eq!(
            redacted(&value),
            json!({
                "password": SENSITIVE,
                "auth": { "Redis_Token": SENSITIVE, "token_ttl_s": 3 },
                "api_key": "file:/run/key",
                "url": SENSITIVE,
                "plain": "postgres://billing@127.0.0.1/db",
                "list": [{ "secret": SENSITIVE }, { "secret": "env:X" }],
            })
        );
        assert_eq!(
            sensitivity(&value),
            json!({
                "password": true, "auth": { "Redis_Token": true }, "url": true,
                "list": [{ "secret": true }, false],
            })
        );
    }
}
