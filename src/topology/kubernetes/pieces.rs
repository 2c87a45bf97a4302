//! Parts of objects that several subsystems share: names, where pods go, amounts.

use serde::Serialize;
use serde_json::{Value, json};

use super::Writer;
use crate::spec::{Bytes, NodeGroup, TaintEffect};

/// What tells the pods of one component from those of another; network policies go by it.
pub(super) const COMPONENT: &str = "vvbill/component";

/// A user without rights, above those that a node has.
pub(super) const USER: u32 = 10_001;

/// A name as Kubernetes takes it: the plan's may have capitals, dots and underscores.
pub(super) fn object_name(name: &str) -> String {
    name.to_lowercase().replace(['.', '_'], "-")
}

/// A port's name has 15 characters.
pub(super) fn port_name(name: &str) -> String {
    let name = object_name(name);
    let cut: String = name.chars().take(15).collect();
    cut.trim_end_matches('-').to_owned()
}

/// An amount as Kubernetes writes it: `8Gi`, `2T`, or bytes.
pub(super) fn quantity(bytes: Bytes) -> String {
    let binary = bytes.kubernetes();
    let decimal = [("T", 1_000_000_000_000), ("G", 1_000_000_000), ("M", 1_000_000)];
    let exact = decimal
        .into_iter()
        .find(|(_, size)| bytes.as_bytes() != 0 && bytes.as_bytes().is_multiple_of(*size))
        .map(|(unit, size)| format!("{}{unit}", bytes.as_bytes() / size));
    exact.filter(|exact| exact.len() < binary.len()).unwrap_or(binary)
}

/// YAML in lines of its own, to be indented by the template.
pub(super) fn block(value: &impl Serialize) -> String {
    let mut text = String::new();
    let value = serde_json::to_value(value).unwrap_or_default();
    lines(&value, 0, &mut text);
    text.trim_end().to_owned()
}

/// Texts are quoted, so that none is read as a number.
fn lines(value: &Value, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, inner) in map {
                text.push_str(&format!("{indent}{}:", key_text(key)));
                below(inner, depth, text);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                let mut inner = String::new();
                lines(item, depth + 1, &mut inner);
                text.push_str(&format!("{indent}- {}\n", inner.trim()));
            }
        }
        plain => text.push_str(&format!("{indent}{plain}\n")),
    }
}

fn below(value: &Value, depth: usize, text: &mut String) {
    let is_nested = match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if is_nested {
        text.push('\n');
        lines(value, depth + 1, text);
    } else {
        text.push_str(&format!(" {value}\n"));
    }
}

fn key_text(key: &str) -> String {
    let plain = key
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/'));
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let is_word = words.contains(&key.to_lowercase().as_str());
    let starts = key.starts_with(|c: char| c.is_ascii_alphabetic());
    match plain && starts && !is_word {
        true => key.to_owned(),
        false => json!(key).to_string(),
    }
}

/// Where pods of one component go: to nodes of their group, whose taints they tolerate.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Placement {
    /// Labels of the nodes; empty: any node.
    pub(super) node_labels: Vec<(String, String)>,
    /// As YAML; empty: none.
    pub(super) tolerations: String,
}

impl Writer<'_> {
    pub(super) fn placement(&self, node_group: Option<&str>) -> Placement {
        let Some((name, group)) = self.place.node_group(node_group) else {
            return Placement {
                node_labels: Vec::new(),
                tolerations: String::new(),
            };
        };
        let tolerations: Vec<Value> = group.taints.iter().map(toleration).collect();
        Placement {
            node_labels: node_labels(name, group),
            tolerations: match tolerations.is_empty() {
                true => String::new(),
                false => block(&tolerations),
            },
        }
    }
}

fn toleration(taint: &crate::spec::Taint) -> Value {
    json!({
        "key": taint.key,
        "operator": "Equal",
        "value": taint.value,
        "effect": effect(taint.effect),
    })
}

pub(super) fn effect(effect: TaintEffect) -> &'static str {
    match effect {
        TaintEffect::NoSchedule => "NoSchedule",
        TaintEffect::PreferNoSchedule => "PreferNoSchedule",
        TaintEffect::NoExecute => "NoExecute",
    }
}

/// The plan's labels, or the one that the group's maker puts on.
fn node_labels(name: &str, group: &NodeGroup) -> Vec<(String, String)> {
    if !group.labels.is_empty() {
        return group
            .labels
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
    }
    let key = match group.managed {
        true => "eks.amazonaws.com/nodegroup",
        false => "alpha.eksctl.io/nodegroup-name",
    };
    vec![(key.to_owned(), name.to_owned())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_keep_their_unit() {
        assert_eq!(quantity(Bytes::from_gib(8)), "8Gi");
        assert_eq!(quantity(Bytes(2_000_000_000_000)), "2T");
        assert_eq!(quantity(Bytes(102_400)), "100Ki");
        assert_eq!(quantity(Bytes(7)), "7");
    }

    #[test]
    fn a_block_is_yaml_and_reads_back() {
        let value = json!({
            "a": { "b": [{ "key": "yes", "n": 1 }, "8"], "empty": {}, "no": null },
            "list": [], "on": "multi\nline", "1": true,
        });
        let read: Value = serde_yaml::from_str(&block(&value)).expect("a block is YAML");
        assert_eq!(read, value);
    }
}
