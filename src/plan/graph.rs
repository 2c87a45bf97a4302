//! The dependency graph as text: DOT for Graphviz, Mermaid for a page of Markdown.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

use crate::resource::{Address, Desired};

/// Graphviz's language; an arrow goes from a dependent to what it depends on.
pub fn dot(desired: &[Desired]) -> String {
    let mut text = String::from("digraph vvbill {\n  rankdir = LR;\n  node [shape = box];\n");
    for (number, (section, members)) in by_section(desired).into_iter().enumerate() {
        line(
            &mut text,
            format_args!("  subgraph cluster_{number} {{\n    label = \"{section}\";"),
        );
        for member in members {
            let label = format!("{}\\n{}", member.address.kind(), member.address.name());
            let shape = if member.protect { ", shape = cylinder" } else { "" };
            line(
                &mut text,
                format_args!("    \"{}\" [label = \"{label}\"{shape}];", member.address),
            );
        }
        text.push_str("  }\n");
    }
    for (from, to) in edges(desired) {
        line(&mut text, format_args!("  \"{from}\" -> \"{to}\";"));
    }
    text.push_str("}\n");
    text
}

/// Mermaid's flowchart, for GitHub and others.
pub fn mermaid(desired: &[Desired]) -> String {
    let numbers: HashMap<&Address, usize> = desired
        .iter()
        .enumerate()
        .map(|(number, one)| (&one.address, number))
        .collect();
    let mut text = String::from("flowchart LR\n");
    for (section, members) in by_section(desired) {
        line(&mut text, format_args!("  subgraph {section}"));
        for member in members {
            let (open, close) = if member.protect { ("[(", ")]") } else { ("[", "]") };
            let (kind, name) = (member.address.kind(), member.address.name());
            let number = numbers[&member.address];
            line(
                &mut text,
                format_args!("    n{number}{open}\"{kind}<br>{name}\"{close}"),
            );
        }
        text.push_str("  end\n");
    }
    for (from, to) in edges(desired) {
        // What the plan doesn't have is an error of `plan`; a drawing leaves it out.
        if let Some(to) = numbers.get(&to) {
            line(&mut text, format_args!("  n{} --> n{to}", numbers[&from]));
        }
    }
    text
}

fn by_section(desired: &[Desired]) -> BTreeMap<&str, Vec<&Desired>> {
    let mut sections: BTreeMap<&str, Vec<&Desired>> = BTreeMap::new();
    for resource in desired {
        sections.entry(&resource.section).or_default().push(resource);
    }
    sections
}

fn edges(desired: &[Desired]) -> impl Iterator<Item = (Address, Address)> {
    desired.iter().flat_map(|resource| {
        let dependencies = resource.dependencies().into_iter();
        dependencies.map(|dependency| (resource.address.clone(), dependency))
    })
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    writeln!(text, "{arguments}").expect("writing to a string can't fail");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::resource::Ref;

    fn pair() -> Vec<Desired> {
        let data = Address::new("local", "global", "data_folder", "shard-0");
        let folder: Ref<String> = Ref::output(&data, "path");
        let resource = |address: Address, properties, protect, section: &str| Desired {
            origin: section.into(),
            depends_on: BTreeSet::new(),
            section: section.into(),
            address,
            properties,
            protect,
        };
        vec![
            resource(data, json!({}), true, "database"),
            resource(
                Address::new("local", "global", "postgres", "shard-0"),
                json!({ "folder": folder }),
                false,
                "database",
            ),
        ]
    }

    #[test]
    fn both_languages_have_every_resource_and_every_arrow() {
        insta::assert_snapshot!(dot(&pair()), @r#"
        digraph vvbill {
          rankdir = LR;
          node [shape = box];
          subgraph cluster_0 {
            label = "database";
            "local/global/data_folder/shard-0" [label = "data_folder\nshard-0", shape = cylinder];
            "local/global/postgres/shard-0" [label = "postgres\nshard-0"];
          }
          "local/global/postgres/shard-0" -> "local/global/data_folder/shard-0";
        }
        "#);
        insta::assert_snapshot!(mermaid(&pair()), @r#"
        flowchart LR
          subgraph database
            n0[("data_folder<br>shard-0")]
            n1["postgres<br>shard-0"]
          end
          n1 --> n0
        "#);
    }
}
