//! What every layer agrees on: the address of a resource, what is wanted of it, what was found.
//!
//! Data only. Depends on serde; does no IO and knows no provider.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// Where a resource stands in the platform: `provider/region/kind/name`, for example
/// `aws/us-east-1/db_cluster/shard-0` or `local/global/kafka_broker/broker-1`.
///
/// Made by the topology, never typed into a plan. `region` is `global` where there is none.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Address(Arc<str>);

/// The text is not `provider/region/kind/name`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address: it takes the form provider/region/kind/name, as `state list` prints it")]
pub struct AddressError(String);

impl Address {
    /// Joins the four parts, none of which may be empty or hold a slash.
    pub fn new(provider: &str, region: &str, kind: &str, name: &str) -> Self {
        debug_assert!(
            [provider, region, kind, name]
                .iter()
                .all(|part| !part.is_empty() && !part.contains('/'))
        );
        Self(format!("{provider}/{region}/{kind}/{name}").into())
    }

    /// Who makes it: `aws`, `kubernetes`, `local` or `simulated`.
    pub fn provider(&self) -> &str {
        self.part(0)
    }

    /// `us-east-1`, or `global`.
    pub fn region(&self) -> &str {
        self.part(1)
    }

    /// The kind's name, as `Resource::KIND` has it.
    pub fn kind(&self) -> &str {
        self.part(2)
    }

    /// Unique within provider, region and kind.
    pub fn name(&self) -> &str {
        self.part(3)
    }

    /// The whole address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn part(&self, index: usize) -> &str {
        self.0
            .split('/')
            .nth(index)
            .expect("an address has four parts by construction")
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let parts: Vec<&str> = text.split('/').collect();
        let well_formed = parts.len() == 4
            && parts
                .iter()
                .all(|part| !part.is_empty() && !part.chars().any(|c| c.is_whitespace() || c.is_control()));
        if well_formed {
            Ok(Self(text.into()))
        } else {
            Err(AddressError(text.into()))
        }
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.0.as_ref().into()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A value, or an output of another resource that is known only once that one stands.
///
/// In canonical JSON an output reference is `{"$output": {"of": ADDRESS, "name": NAME}}`, so that the
/// engine finds references in any resource's properties without knowing its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ref<T> {
    /// Known when the plan is made.
    Known(T),
    /// `name` is a JSON key of the outputs of the resource at `of`.
    Output {
        /// The resource that has the output.
        of: Address,
        /// The output's key.
        name: String,
    },
}

/// The JSON key that marks an unresolved reference.
pub const OUTPUT_KEY: &str = "$output";

impl<T> Ref<T> {
    /// A reference to the output `name` of the resource at `of`.
    pub fn output(of: &Address, name: &str) -> Self {
        Self::Output {
            of: of.clone(),
            name: name.into(),
        }
    }

    /// The value, where the engine has resolved it (always so inside a provider's verbs).
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Output { .. } => None,
        }
    }
}

impl<T: Serialize> Serialize for Ref<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(value) => value.serialize(serializer),
            Self::Output { of, name } => {
                json!({ OUTPUT_KEY: { "of": of, "name": name } }).serialize(serializer)
            }
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Ref<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let value = Value::deserialize(deserializer)?;
        match reference(&value) {
            Some((of, name)) => Ok(Self::Output { of, name }),
            None => T::deserialize(value).map(Self::Known).map_err(D::Error::custom),
        }
    }
}

/// Reads `{"$output": {"of", "name"}}`; `None` for any other value.
pub fn reference(value: &Value) -> Option<(Address, String)> {
    let inner = value.as_object().filter(|map| map.len() == 1)?.get(OUTPUT_KEY)?;
    Some((
        inner.get("of")?.as_str()?.parse().ok()?,
        inner.get("name")?.as_str()?.into(),
    ))
}

/// The JSON key of a text that is put together from parts, some of which are references.
pub const JOINED_KEY: &str = "$joined";

/// The parts of `{"$joined": [parts]}`; `None` for any other value.
pub fn joined(value: &Value) -> Option<&[Value]> {
    let parts = value.as_object().filter(|map| map.len() == 1)?.get(JOINED_KEY)?;
    parts.as_array().map(Vec::as_slice)
}

/// Whether it becomes known only on the way: a reference, or a text with one in it.
pub fn is_unresolved(value: &Value) -> bool {
    reference(value).is_some() || joined(value).is_some()
}

/// Every address that `value` refers to.
pub fn references(value: &Value) -> BTreeSet<Address> {
    let mut found = BTreeSet::new();
    collect_references(value, &mut found);
    found
}

fn collect_references(value: &Value, found: &mut BTreeSet<Address>) {
    if let Some((of, _)) = reference(value) {
        found.insert(of);
        return;
    }
    match value {
        Value::Object(map) => map.values().for_each(|inner| collect_references(inner, found)),
        Value::Array(items) => items.iter().for_each(|inner| collect_references(inner, found)),
        _ => {}
    }
}

/// A property that is somebody else's, wanted gone, or wanted with a value.
///
/// In canonical JSON: key left out, `null`, value. Take
/// `#[serde(default, skip_serializing_if = "Field::is_unmanaged")]` with it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Field<T> {
    /// Not compared, not touched.
    #[default]
    Unmanaged,
    /// Wanted gone.
    Absent,
    /// Wanted with this value.
    Value(T),
}

impl<T> Field<T> {
    /// True where the field is left out of the canonical JSON.
    pub fn is_unmanaged(&self) -> bool {
        matches!(self, Self::Unmanaged)
    }
}

impl<T: Serialize> Serialize for Field<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Unmanaged | Self::Absent => serializer.serialize_none(),
            Self::Value(value) => serializer.serialize_some(value),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<T>::deserialize(deserializer)?.map_or(Self::Absent, Self::Value))
    }
}

/// Values whose order means nothing: canonical JSON has them sorted, as an array.
///
/// References sort by their own text, so a set is only in its last order once they are resolved.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Set<T>(pub Vec<T>);

impl<T> Default for Set<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> FromIterator<T> for Set<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

impl<T: Serialize> Serialize for Set<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::Error;
        let values: Result<Vec<Value>, _> = self.0.iter().map(serde_json::to_value).collect();
        let mut values = values.map_err(S::Error::custom)?;
        values.sort_by_cached_key(Value::to_string);
        values.dedup();
        values.serialize(serializer)
    }
}

/// What only creation takes: afterwards the value is somebody else's, an autoscaler's for example.
///
/// In canonical JSON `{"$at_creation": VALUE}`, which [`diff`] passes over. What is observed holds none.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct AtCreation<T>(pub Option<T>);

/// The JSON key that marks what only creation takes.
pub const AT_CREATION_KEY: &str = "$at_creation";

impl<T: Serialize> Serialize for AtCreation<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json!({ AT_CREATION_KEY: self.0 }).serialize(serializer)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for AtCreation<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let mut marked = serde_json::Map::deserialize(deserializer)?;
        let value = marked.remove(AT_CREATION_KEY).unwrap_or_default();
        serde_json::from_value(value).map(Self).map_err(D::Error::custom)
    }
}

/// What should exist: the erased form of a typed resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Desired {
    /// Where it stands; its kind is in there.
    pub address: Address,
    /// Canonical JSON of the typed resource, unresolved references included.
    pub properties: Value,
    /// Resources that must be ready first, beyond those that `properties` refer to.
    #[serde(default)]
    pub depends_on: BTreeSet<Address>,
    /// Data: no plan replaces or deletes it unless asked for by address or with `--destroy-data`.
    #[serde(default)]
    pub protect: bool,
    /// The plan's section that brings it (`kafka`, `buffer`, …): what `--target` and rollout weeks name.
    pub section: String,
    /// The plan's field it comes from (`kafka.brokers`): errors name that field's line.
    pub origin: String,
}

impl Desired {
    /// All that must be ready before this one: declared and referred to.
    pub fn dependencies(&self) -> BTreeSet<Address> {
        let mut all = references(&self.properties);
        all.extend(self.depends_on.iter().cloned());
        all
    }
}

/// What was found outside, in the same form in which it is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// Canonical JSON of the typed resource; may hold more than is managed.
    pub properties: Value,
    /// What others may refer to: ids, endpoints, ports.
    pub outputs: Value,
}

/// One property that differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// JSON pointer into the properties: `/parameters/max_connections`.
    pub path: String,
    /// What was found; null where there is nothing.
    pub before: Value,
    /// What is wanted; an unresolved reference where it becomes known only on the way.
    pub after: Value,
}

/// Pure: what differs. A key that `desired` leaves out is somebody else's; `null` wants it gone.
pub fn diff(desired: &Value, observed: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    diff_at(&mut String::new(), desired, observed, &mut changes);
    changes
}

fn diff_at(path: &mut String, desired: &Value, observed: &Value, changes: &mut Vec<Change>) {
    match (desired, observed) {
        (Value::Object(wanted), _) if wanted.contains_key(AT_CREATION_KEY) => {}
        (Value::Object(wanted), Value::Object(found)) if !is_unresolved(desired) => {
            for (key, value) in wanted {
                let length = path.len();
                path.push('/');
                path.push_str(&key.replace('~', "~0").replace('/', "~1"));
                diff_at(path, value, found.get(key).unwrap_or(&Value::Null), changes);
                path.truncate(length);
            }
        }
        (wanted, found) if wanted == found => {}
        (wanted, found) => {
            changes.push(Change {
                path: path.clone(),
                before: found.clone(),
                after: wanted.clone(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_takes_exactly_four_parts() {
        let address: Address = "aws/us-east-1/db_cluster/shard-0".parse().unwrap();
        assert_eq!(
            (
                address.provider(),
                address.region(),
                address.kind(),
                address.name()
            ),
            ("aws", "us-east-1", "db_cluster", "shard-0")
        );
        for wrong in ["", "a/b/c", "a/b/c/d/e", "a//c/d", "a/b/c/d e"] {
            assert!(wrong.parse::<Address>().is_err(), "{wrong:?} was taken");
        }
    }

    #[test]
    fn a_reference_survives_canonical_json_and_is_found_at_any_depth() {
        let of = Address::new("local", "global", "kafka_cluster", "main");
        let reference: Ref<String> = Ref::output(&of, "bootstrap");
        let value = json!({ "deep": [{ "brokers": reference }] });
        assert_eq!(references(&value), BTreeSet::from([of]));
        assert_eq!(
            serde_json::from_value::<Ref<String>>(value["deep"][0]["brokers"].clone()).unwrap(),
            reference
        );
    }

    #[test]
    fn what_only_creation_takes_never_differs() {
        let wanted = json!({ "nodes": AtCreation(Some(3)) });
        assert_eq!(wanted, json!({ "nodes": { "$at_creation": 3 } }));
        let read: AtCreation<u32> = serde_json::from_value(wanted["nodes"].clone()).unwrap();
        assert_eq!(read, AtCreation(Some(3)));
        for found in [
            json!({}),
            json!({ "nodes": AtCreation::<u32>(None) }),
            json!({ "nodes": 5 }),
        ] {
            assert_eq!(diff(&wanted, &found), []);
        }
    }

    #[test]
    fn the_three_states_of_a_field_compare_as_they_say() {
        let check = |desired: Value, expect: &[&str]| {
            let found = json!({ "kept": 1, "other": 2 });
            let paths: Vec<String> = diff(&desired, &found)
                .into_iter()
                .map(|change| change.path)
                .collect();
            assert_eq!(paths, expect);
        };
        check(json!({ "kept": 1 }), &[]);
        check(json!({ "kept": 1, "other": null }), &["/other"]);
        check(json!({ "kept": 3, "new": 1 }), &["/kept", "/new"]);
        check(json!({ "missing": null }), &[]);
    }
}
