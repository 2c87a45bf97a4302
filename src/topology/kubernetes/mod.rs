//! What the plan runs on Kubernetes, one file a subsystem: texts for people, and the same texts as objects to apply.
//!
//! Pure. Every object is written once, in `templates/kubernetes/`: [`documents`] fills the templates,
//! [`objects`] reads what was filled in. What only a standing platform knows is a token in the text, which
//! [`split`] finds: a render puts a value in its place, an object a reference.

mod buffer;
#[cfg(feature = "aws")]
pub(super) mod endpoints;
mod ingest;
mod kafka;
mod mirror;
pub mod monitoring;
mod network;
mod operators;
mod pieces;
mod place;
mod platform;
mod secrets;
mod workloads;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::Error;
use crate::resource::{AT_CREATION_KEY, Address, JOINED_KEY, OUTPUT_KEY};
use crate::spec::{Spec, Target};
use crate::templates::{TemplateError, Templates, sources};

pub(super) use operators::Release;
pub use place::{NAMESPACE, Place, places};
pub(super) use secrets::{KEY_FILE, Kept, RequiredSecret};

static TEMPLATES: Templates = Templates::new(sources![
    "kubernetes/namespace.yaml",
    "kubernetes/platform.yaml",
    "kubernetes/kafka.yaml",
    "kubernetes/topics.yaml",
    "kubernetes/mirror.yaml",
    "kubernetes/buffer.yaml",
    "kubernetes/redis-start.sh",
    "kubernetes/sentinel-start.sh",
    "kubernetes/ingest.yaml",
    "kubernetes/workload.yaml",
    "kubernetes/monitoring.yaml",
    "kubernetes/policies.yaml",
    "kubernetes/secrets.sh",
    "kubernetes/install.sh",
    "kubernetes/operator.values",
]);

/// A file of a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The region that it is for.
    pub region: String,
    /// Below the region's folder: `20-kafka.yaml`. Those that end in `.yaml` hold objects.
    pub path: String,
    /// The plan's section that brings it.
    pub section: &'static str,
    /// The plan's field that it comes from: `workloads.billing-api`.
    pub origin: String,
    /// Its text, tokens included.
    pub text: String,
}

/// An object to apply.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// The region whose cluster it is for.
    pub region: String,
    /// The plan's section that brings it.
    pub section: &'static str,
    /// The plan's field that it comes from.
    pub origin: String,
    /// The object. An output of another resource is a reference; where text surrounds it, `{"$joined": [parts]}`.
    /// The replicas of what an autoscaler scales are `{"$at_creation": n}`.
    pub value: Value,
}

impl Object {
    /// `kubernetes/REGION/KIND/NAME`.
    pub fn address(&self) -> Address {
        let kind = self.value["kind"].as_str().unwrap_or_default().to_lowercase();
        let name = self.value["metadata"]["name"].as_str().unwrap_or_default();
        Address::new("kubernetes", &self.region, &kind, name)
    }
}

/// What a rule says of a field, by the keys on the way to it.
pub type Comments<'c> = &'c dyn Fn(&[&str]) -> Vec<String>;

/// Every file, the primary region's first. None where the plan has no cluster on AWS.
pub fn documents(spec: &Spec, header: &str, comments: Comments<'_>) -> Result<Vec<Document>, Error> {
    if spec.target != Target::Aws || spec.eks.is_none() {
        return Ok(Vec::new());
    }
    let mut all = Vec::new();
    for place in places(spec).into_iter().filter(Place::has_cluster) {
        let mut writer = Writer::new(spec, &place, header, comments);
        writer.namespace()?;
        writer.platform()?;
        writer.kafka()?;
        writer.mirror()?;
        writer.buffer()?;
        writer.ingest()?;
        writer.workloads()?;
        writer.monitoring()?;
        writer.operators()?;
        writer.secrets()?;
        all.append(&mut writer.written);
    }
    Ok(all)
}

/// The objects of those files, in their order.
pub fn objects(spec: &Spec) -> Result<Vec<Object>, Error> {
    let mut all = Vec::new();
    for document in documents(spec, "", &|_| Vec::new())? {
        if !document.path.ends_with(".yaml") {
            continue;
        }
        let values: Vec<Value> = serde_yaml::from_multiple(&document.text).map_err(|why| TemplateError {
            name: document.path.clone(),
            why: why.to_string(),
        })?;
        all.extend(
            values
                .into_iter()
                .filter(|value| !value.is_null())
                .map(|value| Object {
                    region: document.region.clone(),
                    section: document.section,
                    origin: document.origin.clone(),
                    value: referring(value),
                }),
        );
    }
    leave_to_autoscalers(&mut all);
    Ok(all)
}

/// What each cluster needs beside its objects, the primary region's first.
pub(super) fn needs(spec: &Spec) -> Result<Vec<Needs>, Error> {
    if spec.target != Target::Aws || spec.eks.is_none() {
        return Ok(Vec::new());
    }
    let needs = |place: Place<'_>| {
        let writer = Writer::new(spec, &place, "", &|_| Vec::new());
        let mut releases = writer.releases()?;
        for release in &mut releases {
            release.values = referring(release.values.take());
        }
        Ok(Needs {
            region: place.region.to_owned(),
            releases,
            secrets: writer.required(),
        })
    };
    let places = places(spec).into_iter().filter(Place::has_cluster);
    places.map(needs).collect()
}

/// Operators and secrets of a region's cluster.
pub(super) struct Needs {
    pub(super) region: String,
    pub(super) releases: Vec<Release>,
    pub(super) secrets: Vec<RequiredSecret>,
}

/// Tokens as references.
fn referring(value: Value) -> Value {
    match value {
        Value::String(text) => {
            let parts: Vec<Value> = split(&text)
                .into_iter()
                .map(|part| match part {
                    Part::Text(text) => text.into(),
                    Part::Output(of, name) => json!({ OUTPUT_KEY: { "of": of, "name": name } }),
                })
                .collect();
            match <[Value; 1]>::try_from(parts) {
                Ok([one]) => one,
                Err(parts) if parts.is_empty() => text.into(),
                Err(parts) => json!({ JOINED_KEY: parts }),
            }
        }
        Value::Array(items) => items.into_iter().map(referring).collect(),
        Value::Object(map) => map
            .into_iter()
            .map(|(key, value)| (key, referring(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other,
    }
}

/// How many pods there are is an autoscaler's once they stand.
fn leave_to_autoscalers(objects: &mut [Object]) {
    let scaled: Vec<(String, String)> = objects
        .iter()
        .filter(|object| object.value["kind"] == "HorizontalPodAutoscaler")
        .filter_map(|object| {
            let target = object.value["spec"]["scaleTargetRef"]["name"].as_str()?;
            Some((object.region.clone(), target.to_owned()))
        })
        .collect();
    for object in objects
        .iter_mut()
        .filter(|object| object.value["kind"] == "Deployment")
    {
        let name = object.value["metadata"]["name"].as_str().unwrap_or_default();
        let is_scaled = scaled
            .iter()
            .any(|(region, target)| *region == object.region && target == name);
        if is_scaled && let Some(replicas) = object.value.pointer_mut("/spec/replicas") {
            *replicas = json!({ AT_CREATION_KEY: replicas.take() });
        }
    }
}

/// What opens a token.
const TOKEN: &str = "vvbill-output:";

/// The token of an output; `#` parts address and name.
fn token(of: &Address, name: &str) -> String {
    format!("{TOKEN}{of}#{name}#")
}

/// A piece of a text with tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part<'t> {
    /// As it is.
    Text(&'t str),
    /// The output `name` of the resource at the address.
    Output(Address, &'t str),
}

/// The pieces of a text; none for an empty one.
pub fn split(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(TOKEN) {
        let inside = &rest[start + TOKEN.len()..];
        let mut fields = inside.splitn(3, '#');
        let found = (fields.next(), fields.next(), fields.next());
        let (Some(of), Some(name), Some(after)) = found else {
            break;
        };
        let Ok(of) = of.parse() else { break };
        if start > 0 {
            parts.push(Part::Text(&rest[..start]));
        }
        parts.push(Part::Output(of, name));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    parts
}

/// A region's files as they are written.
struct Writer<'a> {
    spec: &'a Spec,
    place: &'a Place<'a>,
    header: &'a str,
    comments: Comments<'a>,
    written: Vec<Document>,
}

/// What every template is filled with.
#[derive(Serialize)]
struct Filled<'v, V> {
    header: &'v str,
    namespace: &'v str,
    plan: &'v str,
    region: &'v str,
    #[serde(flatten)]
    values: &'v V,
}

impl<'a> Writer<'a> {
    fn new(spec: &'a Spec, place: &'a Place<'a>, header: &'a str, comments: Comments<'a>) -> Self {
        Self {
            spec,
            place,
            header,
            comments,
            written: Vec::new(),
        }
    }

    /// Writes `path` from the template of the same name behind its number.
    fn write(
        &mut self,
        path: &str,
        template: &str,
        (section, origin): (&'static str, &str),
        values: &impl Serialize,
    ) -> Result<(), Error> {
        let text = self.filled(template, values)?;
        self.written.push(Document {
            region: self.place.region.to_owned(),
            path: path.to_owned(),
            section,
            origin: origin.to_owned(),
            text: format!("{}\n", text.trim_end()),
        });
        Ok(())
    }

    fn filled(&self, template: &str, values: &impl Serialize) -> Result<String, Error> {
        let filled = Filled {
            header: self.header,
            namespace: NAMESPACE,
            plan: self.spec.metadata.name.as_str(),
            region: self.place.region,
            values,
        };
        Ok(TEMPLATES.fill(&format!("kubernetes/{template}"), &filled)?)
    }

    /// What rules say of each field, by a word for it; a field that stands for others is a path of keys.
    fn said(&self, fields: &[(&'static str, &[&str])]) -> BTreeMap<&'static str, Vec<String>> {
        let mut said: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
        for (word, keys) in fields {
            let all = said.entry(*word).or_default();
            for comment in (self.comments)(keys) {
                if !all.contains(&comment) {
                    all.push(comment);
                }
            }
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_alone_and_inside_a_text() {
        let of = Address::new("aws", "us-east-1", "ecr_repository", "ingest");
        let token = token(&of, "uri");
        assert_eq!(split(&token), [Part::Output(of.clone(), "uri")]);
        let reference = json!({ "$output": { "of": of, "name": "uri" } });
        assert_eq!(referring(token.clone().into()), reference);
        assert_eq!(
            referring(format!("{token}:1.0").into()),
            json!({ "$joined": [reference, ":1.0"] })
        );
        for plain in ["", "plain", "vvbill-output:broken"] {
            assert_eq!(referring(plain.into()), json!(plain));
        }
    }
}
