//! What a plan is bound to: the state's lineage and serial, and hashes of what was observed.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Observations, Plan, Stale};
use crate::resource::Observed;
use crate::state::State;

/// Refuses a plan that is of another state than this one.
pub fn check_state(plan: &Plan, state: &State) -> Result<(), Stale> {
    if plan.lineage != state.lineage {
        return Err(Stale::Lineage {
            planned: plan.lineage.to_string(),
            found: state.lineage.to_string(),
        });
    }
    if plan.serial != state.serial {
        return Err(Stale::Serial {
            planned: plan.serial,
            found: state.serial,
        });
    }
    Ok(())
}

/// Refuses a plan for another world than the one observed now.
pub fn check_observations(plan: &Plan, observed: &Observations) -> Result<(), Stale> {
    let changed: Vec<_> = plan
        .observations
        .iter()
        .filter(|(address, planned)| {
            observed
                .get(address)
                .is_none_or(|now| hash(now.as_ref()) != **planned)
        })
        .map(|(address, _)| address.clone())
        .collect();
    if changed.is_empty() {
        Ok(())
    } else {
        Err(Stale::Observations(changed))
    }
}

/// The same for the same properties and outputs, in whatever order their keys come.
pub(super) fn hash(observed: Option<&Observed>) -> String {
    let mut digest = Sha256::new();
    match observed {
        None => digest.update(b"none"),
        Some(Observed { properties, outputs }) => {
            feed(&mut digest, properties);
            feed(&mut digest, outputs);
        }
    }
    crate::state::hex(&digest.finalize()[..16])
}

fn feed(digest: &mut Sha256, value: &Value) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort_unstable();
            digest.update(b"{");
            for key in keys {
                feed_text(digest, key);
                feed(digest, &map[key]);
            }
            digest.update(b"}");
        }
        Value::Array(items) => {
            digest.update(b"[");
            items.iter().for_each(|item| feed(digest, item));
            digest.update(b"]");
        }
        Value::String(text) => feed_text(digest, text),
        Value::Number(number) => {
            digest.update(b"#");
            feed_text(digest, &number.to_string());
        }
        Value::Bool(true) => digest.update(b"t"),
        Value::Bool(false) => digest.update(b"f"),
        Value::Null => digest.update(b"n"),
    }
}

/// With its length first, so that no two different texts in a row look the same.
fn feed_text(digest: &mut Sha256, text: &str) {
    digest.update((text.len() as u64).to_le_bytes());
    digest.update(text.as_bytes());
}
