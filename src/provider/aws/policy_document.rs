//! A policy in one form: what AWS answers compares equal to what was asked for.
//!
//! AWS takes `"a"` for `["a"]`, lists in any order, an account's number for its root user, and answers with
//! whichever it likes.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

use crate::provider::ProviderError;
use crate::resource::reference;

/// A policy of IAM's language. Its values may be references to other resources' outputs, which are known
/// once it reaches a verb.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyDocument(Value);

impl PolicyDocument {
    /// Of these statements, in the language's version that knows variables.
    pub fn new(statements: Vec<Value>) -> Self {
        Self::from(json!({ "Version": "2012-10-17", "Statement": statements }))
    }

    /// Lets these services of AWS take the role on.
    pub fn trusts(services: &[&str]) -> Self {
        Self::new(vec![json!({
            "Effect": "Allow",
            "Principal": { "Service": services },
            "Action": "sts:AssumeRole",
        })])
    }

    /// As AWS answers it: JSON, which IAM percent-encodes.
    pub(super) fn parse(of: &str, text: &str) -> Result<Self, ProviderError> {
        serde_json::from_str(text)
            .or_else(|_| serde_json::from_str(&percent_decoded(text)))
            .map(|value: Value| Self::from(value))
            .map_err(|why| {
                ProviderError::refused(format!("{of}: AWS answered with a policy that is no JSON: {why}"))
            })
    }

    /// As AWS takes it.
    pub(super) fn text(&self) -> String {
        canonical(&self.0).to_string()
    }
}

impl From<Value> for PolicyDocument {
    fn from(document: Value) -> Self {
        Self(canonical(&document))
    }
}

impl Serialize for PolicyDocument {
    /// Lists are in their last order only once references in them are known, so they are sorted again.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        canonical(&self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PolicyDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from)
    }
}

fn canonical(document: &Value) -> Value {
    let Value::Object(parts) = document else {
        return document.clone();
    };
    let mut sorted = Map::new();
    for (key, value) in parts {
        let value = match key.as_str() {
            "Statement" => Value::Array(items(value).iter().map(statement).collect()),
            _ => value.clone(),
        };
        sorted.insert(key.clone(), value);
    }
    Value::Object(sorted)
}

fn statement(found: &Value) -> Value {
    let Value::Object(parts) = found else {
        return found.clone();
    };
    let mut statement = Map::new();
    for (key, value) in parts {
        let value = match key.as_str() {
            "Action" | "NotAction" | "Resource" | "NotResource" => list(value),
            "Principal" | "NotPrincipal" => principal(value),
            "Condition" => condition(value),
            // An empty name is none.
            "Sid" if value == "" => continue,
            _ => value.clone(),
        };
        statement.insert(key.clone(), value);
    }
    Value::Object(statement)
}

/// `*` alone stays: it means more than `{"AWS": "*"}` does.
fn principal(value: &Value) -> Value {
    let Value::Object(kinds) = value else {
        return value.clone();
    };
    let of_kind = |(kind, names): (&String, &Value)| {
        let names: Vec<Value> = items(names).iter().map(root_user).collect();
        (kind.clone(), list(&Value::Array(names)))
    };
    Value::Object(kinds.iter().map(of_kind).collect())
}

/// An account's number stands for its root user.
fn root_user(name: &Value) -> Value {
    match name.as_str() {
        Some(account) if account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()) => {
            format!("arn:aws:iam::{account}:root").into()
        }
        _ => name.clone(),
    }
}

fn condition(value: &Value) -> Value {
    let Value::Object(operators) = value else {
        return value.clone();
    };
    let of_operator = |(operator, keys): (&String, &Value)| {
        let keys = match keys {
            Value::Object(keys) => Value::Object(
                keys.iter()
                    .map(|(key, values)| (key.clone(), list(values)))
                    .collect(),
            ),
            other => other.clone(),
        };
        (operator.clone(), keys)
    };
    Value::Object(operators.iter().map(of_operator).collect())
}

/// Values as texts, sorted, each once.
fn list(value: &Value) -> Value {
    let text = |value: &Value| match value {
        Value::Bool(_) | Value::Number(_) => Value::String(value.to_string()),
        other => other.clone(),
    };
    let mut values: Vec<Value> = items(value).iter().map(text).collect();
    values.sort_by_cached_key(Value::to_string);
    values.dedup();
    Value::Array(values)
}

/// What stands alone is a list of one; so is a reference, which is an object to JSON.
fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) if reference(value).is_none() => values,
        one => std::slice::from_ref(one),
    }
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = tail
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::resource::{Address, Ref, diff};

    #[track_caller]
    fn same(one: Value, other: Value) {
        let written = |value| serde_json::to_value(PolicyDocument::from(value)).unwrap();
        assert_eq!(diff(&written(one), &written(other)), []);
    }

    #[test]
    fn the_ways_to_write_one_policy_compare_equal() {
        same(
            json!({ "Statement": { "Effect": "Allow", "Action": "a:B", "Resource": "*" } }),
            json!({ "Statement": [{ "Sid": "", "Effect": "Allow", "Action": ["a:B"], "Resource": ["*"] }] }),
        );
        same(
            json!({ "Statement": [{ "Action": ["a:C", "a:B"], "Condition": { "Bool": { "aws:x": false } } }] }),
            json!({ "Statement": [{ "Condition": { "Bool": { "aws:x": ["false"] } }, "Action": ["a:B", "a:C"] }] }),
        );
        same(
            json!({ "Statement": [{ "Principal": { "AWS": "123456789012" } }] }),
            json!({ "Statement": [{ "Principal": { "AWS": ["arn:aws:iam::123456789012:root"] } }] }),
        );
    }

    #[test]
    fn an_encoded_answer_is_read() {
        let text = "%7B%22Statement%22%3A%5B%7B%22Action%22%3A%22s3%3AGet%2A%22%7D%5D%7D";
        let wanted = PolicyDocument::from(json!({ "Statement": { "Action": ["s3:Get*"] } }));
        assert_eq!(PolicyDocument::parse("it", text).unwrap(), wanted);
        assert!(PolicyDocument::parse("it", "%7B%").is_err());
    }

    #[test]
    fn a_reference_stays_one() {
        let of = Address::new("aws", "us-east-1", "kms_key", "eks");
        let arn: Ref<String> = Ref::output(&of, "arn");
        let document = PolicyDocument::new(vec![json!({ "Resource": arn })]);
        let written = serde_json::to_value(document).unwrap();
        assert_eq!(
            written["Statement"][0]["Resource"][0],
            serde_json::to_value(arn).unwrap()
        );
    }
}
