//! Something to plan: a tree of simulated resources of any size.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::resource::{Address, Desired, Ref};

/// `count` nodes, each (but the first) using an output of the one ten times nearer to the root.
pub fn tree(count: usize) -> Vec<Desired> {
    (0..count)
        .map(|number| {
            let mut properties = Map::from_iter([
                ("name".into(), json!(format!("node-{number}"))),
                ("size".into(), json!(1 + number % 7)),
                ("image".into(), json!("image-1")),
                ("memory".into(), json!(512)),
            ]);
            if number > 0 {
                let parent: Ref<String> = Ref::output(&address(number / 10), "endpoint");
                properties.insert("uses".into(), json!({ "parent": parent }));
            }
            Desired {
                address: address(number),
                properties: Value::Object(properties),
                depends_on: BTreeSet::new(),
                protect: false,
                section: format!("level-{}", number.checked_ilog10().map_or(0, |level| level + 1)),
                origin: format!("nodes.{number}"),
            }
        })
        .collect()
}

fn address(number: usize) -> Address {
    Address::new("simulated", "global", "node", &format!("node-{number}"))
}
