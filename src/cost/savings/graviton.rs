//! Graviton: the same size of machine with AWS's own processor.

use super::patch::Patch;
use super::{Idea, Risk};
use crate::spec::{Spec, Target};

/// Families of nodes, and the family of the same shape with Graviton.
const NODES: &[(&str, &str)] = &[
    ("m5", "m7g"),
    ("m5a", "m7g"),
    ("m6a", "m7g"),
    ("m6i", "m7g"),
    ("m7a", "m7g"),
    ("m7i", "m7g"),
    ("c5", "c7g"),
    ("c6a", "c7g"),
    ("c6i", "c7g"),
    ("c7a", "c7g"),
    ("c7i", "c7g"),
    ("r5", "r7g"),
    ("r6i", "r7g"),
    ("r7i", "r7g"),
    ("t3", "t4g"),
    ("t3a", "t4g"),
];

/// Families of databases; of several, what is cheapest.
const DATABASES: &[(&str, &[&str])] = &[
    ("r5", &["r7g", "r6g"]),
    ("r6i", &["r7g", "r6g"]),
    ("r7i", &["r7g", "r6g"]),
    ("t3", &["t4g"]),
];

/// Families of cache nodes.
const CACHES: &[(&str, &[&str])] = &[("m5", &["m7g", "m6g"]), ("r5", &["r7g", "r6g"]), ("t3", &["t4g"])];

/// What only has to fail over.
const FAILOVER: &str = "each member is replaced in turn, and the writer changes once: connections break for as long \
    as a failover takes";

/// One group of machines each; inner lists are ways of which one is taken.
pub(super) fn ideas(spec: &Spec) -> Vec<Vec<Idea>> {
    if spec.target != Target::Aws {
        return Vec::new();
    }
    let mut ideas: Vec<Vec<Idea>> = nodes(spec).map(|idea| vec![idea]).collect();
    if let Some(class) = spec
        .aurora
        .as_ref()
        .and_then(|aurora| aurora.instance_class.as_deref())
    {
        let others = instead("db.", class, DATABASES);
        let idea = |other: String| stored("aurora", "aurora.instance_class", class, other);
        ideas.push(others.into_iter().filter_map(idea).collect());
    }
    if let Some(node) = spec.cache.as_ref().and_then(|cache| cache.node_type.as_deref()) {
        let others = instead("cache.", node, CACHES);
        let idea = |other: String| stored("cache", "cache.node_type", node, other);
        ideas.push(others.into_iter().filter_map(idea).collect());
    }
    ideas
}

fn nodes(spec: &Spec) -> impl Iterator<Item = Idea> {
    let groups = spec.eks.iter().flat_map(|eks| &eks.node_groups);
    groups.filter_map(|(name, group)| {
        let (family, size) = group.instance_type.split_once('.')?;
        let (_, other) = NODES.iter().find(|(known, _)| *known == family)?;
        let other = format!("{other}.{size}");
        let patch = Patch::of(&super::nodes::field(name, "instance_type"), other.as_str()).ok()?;
        let what = format!("{name} on {other} instead of {}", group.instance_type);
        let idea = Idea::new(format!("graviton/{name}"), what, Risk::High, patch)
            .because(
                "every image that runs there has to be there for arm64, which vvbill can't see: those of workloads, \
                 of Kafka, of operators; `service build` packs the binary that it is given, so one for arm64",
            )
            .because("the nodes' AMI becomes the one for arm64 by itself, and each node is replaced");
        Some(idea)
    })
}

fn stored(part: &str, path: &str, class: &str, other: String) -> Option<Idea> {
    let patch = Patch::of(path, other.as_str()).ok()?;
    let what = format!("{part} on {other} instead of {class}");
    Some(Idea::new(format!("graviton/{part}"), what, Risk::Medium, patch).because(FAILOVER))
}

/// The same size in the families that can stand for this one.
fn instead(prefix: &str, class: &str, families: &[(&str, &[&str])]) -> Vec<String> {
    let parts = class.strip_prefix(prefix).and_then(|rest| rest.split_once('.'));
    let Some((family, size)) = parts else {
        return Vec::new();
    };
    let known = families.iter().find(|(known, _)| *known == family);
    let others = known.map_or(&[][..], |(_, others)| *others).iter();
    others.map(|other| format!("{prefix}{other}.{size}")).collect()
}
