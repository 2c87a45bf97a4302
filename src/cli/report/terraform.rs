//! A plan in Terraform's plan JSON, format 1.2, so that tools which read Terraform's plans read ours.
//!
//! Field by field after <https://developer.hashicorp.com/terraform/internals/json-format>. Secrets are
//! redacted. On top stands `cost`, where something is on AWS's invoice.

use serde_json::{Map, Value, json};

use super::cost::delta;
use super::redact;
use crate::cost::difference::Difference;
use crate::plan::{Action, Drift, Plan, Reason, Verb};
use crate::resource::{Address, Change};

/// The version of Terraform's format that this follows.
const FORMAT_VERSION: &str = "1.2";
/// The Terraform that introduced that format: tools take a document without it for something else.
const TERRAFORM_VERSION: &str = "1.5.0";

/// The whole document, with what it makes of the monthly cost. `errored` where the plan is incomplete.
pub(crate) fn plan(plan: &Plan, cost: Option<&Difference<'_>>) -> Value {
    let mut document = json!({
        "format_version": FORMAT_VERSION,
        // What readers of Terraform's plans look for first.
        "terraform_version": TERRAFORM_VERSION,
        "vvbill_version": plan.vvbill_version,
        "plan": { "name": plan.name, "target": plan.target, "lineage": plan.lineage, "serial": plan.serial },
        "planned_values": { "root_module": { "resources": planned_values(plan) } },
        "resource_drift": plan.drift.iter().map(drift).collect::<Vec<_>>(),
        "resource_changes": plan.actions.iter().map(change).collect::<Vec<_>>(),
        "output_changes": {},
        "timestamp": plan.created_at,
        "applyable": !plan.is_empty(),
        "complete": true,
        "errored": false,
    });
    if let Some(cost) = cost {
        document["cost"] = delta::document(cost);
    }
    document
}

/// `address`, `type`, `name` and what else Terraform says of a resource.
fn identity(address: &Address) -> Map<String, Value> {
    let Value::Object(map) = json!({
        "address": address,
        "mode": "managed",
        "type": address.kind(),
        "name": address.name(),
        "provider_name": format!("vvbill/{}", address.provider()),
    }) else {
        unreachable!("an object literal is an object")
    };
    map
}

fn planned_values(plan: &Plan) -> Vec<Value> {
    plan.actions
        .iter()
        .filter_map(|action| {
            let desired = action.desired.as_ref()?;
            let mut resource = identity(&action.address);
            resource.insert("schema_version".into(), 0.into());
            resource.insert("values".into(), known(&redact::redacted(&desired.properties)));
            resource.insert(
                "sensitive_values".into(),
                redact::sensitivity(&desired.properties),
            );
            Some(Value::Object(resource))
        })
        .collect()
}

fn change(action: &Action) -> Value {
    let before = action.before.clone().unwrap_or(Value::Null);
    let after = after(action, &before);
    let mut change = json!({
        "actions": actions(action),
        "before": redact::redacted(&before),
        "after": known(&redact::redacted(&after)),
        "after_unknown": redact::unknowns(&after),
        "before_sensitive": redact::sensitivity(&before),
        "after_sensitive": redact::sensitivity(&after),
    });
    if let Reason::CannotChange { paths } = &action.reason {
        let paths: Vec<Value> = paths.iter().map(|path| segments(path)).collect();
        change["replace_paths"] = Value::Array(paths);
    }
    if action.verb == Verb::Adopt {
        change["importing"] = json!({ "id": action.id });
    }
    let mut resource = identity(&action.address);
    resource.insert("change".into(), change);
    if let Some(reason) = action_reason(action) {
        resource.insert("action_reason".into(), reason.into());
    }
    resource.insert("vvbill_action".into(), action.verb.name().into());
    resource.insert("vvbill_reason".into(), action.reason.to_string().into());
    Value::Object(resource)
}

/// What will be there: what was found, with what is managed laid over it.
fn after(action: &Action, before: &Value) -> Value {
    match (&action.desired, action.verb) {
        (_, Verb::Delete) | (None, _) => Value::Null,
        (Some(_), Verb::Keep) => before.clone(),
        (Some(desired), Verb::Create | Verb::Replace) => desired.properties.clone(),
        (Some(desired), _) => laid_over(before, &desired.properties),
    }
}

fn laid_over(found: &Value, wanted: &Value) -> Value {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => {
            let mut both = found.clone();
            for (key, value) in wanted {
                let under = found.get(key).unwrap_or(&Value::Null);
                both.insert(key.clone(), laid_over(under, value));
            }
            Value::Object(both)
        }
        _ => wanted.clone(),
    }
}

fn actions(action: &Action) -> &'static [&'static str] {
    match action.verb {
        Verb::Create => &["create"],
        Verb::Update | Verb::Reboot => &["update"],
        Verb::Replace if action.create_first => &["create", "delete"],
        Verb::Replace => &["delete", "create"],
        Verb::Delete => &["delete"],
        Verb::Adopt | Verb::Keep => &["no-op"],
    }
}

/// Terraform's own words for why, where it has one.
fn action_reason(action: &Action) -> Option<&'static str> {
    match (&action.reason, action.verb) {
        (Reason::CannotChange { .. } | Reason::DependencyReplaced { .. }, Verb::Replace) => {
            Some("replace_because_cannot_update")
        }
        (Reason::Requested, Verb::Replace) => Some("replace_by_request"),
        (Reason::NotInPlan, Verb::Delete) => Some("delete_because_no_resource_config"),
        _ => None,
    }
}

fn drift(drift: &Drift) -> Value {
    let side = |of: fn(&Change) -> &Value| {
        let mut whole = json!({});
        for change in &drift.changes {
            place(&mut whole, &change.path, of(change).clone());
        }
        whole
    };
    let before = side(|change| &change.before);
    let after = if drift.gone {
        Value::Null
    } else {
        side(|change| &change.after)
    };
    let mut resource = identity(&drift.address);
    resource.insert(
        "change".into(),
        json!({
            "actions": if drift.gone { ["delete"] } else { ["update"] },
            "before": redact::redacted(&before),
            "after": redact::redacted(&after),
            "after_unknown": {},
            "before_sensitive": redact::sensitivity(&before),
            "after_sensitive": redact::sensitivity(&after),
        }),
    );
    Value::Object(resource)
}

/// Puts `value` where `pointer` says, making objects on the way.
fn place(whole: &mut Value, pointer: &str, value: Value) {
    let mut at = whole;
    for part in pointer.split('/').skip(1) {
        let key = part.replace("~1", "/").replace("~0", "~");
        if !at.is_object() {
            *at = json!({});
        }
        at = &mut at[key];
    }
    *at = value;
}

/// `value` without what becomes known only on the way, as Terraform leaves it out.
fn known(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .filter(|(_, value)| crate::resource::reference(value).is_none())
            .map(|(key, value)| (key.clone(), known(value)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items
            .iter()
            .map(|item| match crate::resource::reference(item) {
                Some(_) => Value::Null,
                None => known(item),
            })
            .collect(),
        value => value.clone(),
    }
}

fn segments(pointer: &str) -> Value {
    pointer
        .split('/')
        .skip(1)
        .map(|part| Value::String(part.replace("~1", "/").replace("~0", "~")))
        .collect()
}
