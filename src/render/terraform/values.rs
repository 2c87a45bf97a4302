//! What each kind's template is filled with.

use serde_json::{Map, Value, json};

use super::module::{Module, associations, inline_policies, name};
use super::secrets;
use crate::resource::Desired;
use crate::spec::rules::facts::aurora::STATIC_PARAMETERS;
use crate::templates::hcl::{expression, write};

/// The values of `resource`: `p`, its properties; `name`, `provider`, `tags`, `depends_on` and `protect`, which
/// every block has; and what only its kind has.
pub(super) fn values(module: &Module<'_>, resource: &Desired) -> Map<String, Value> {
    let address = &resource.address;
    let tags = resource.properties.get("tags").and_then(Value::as_object);
    let tags = tags.map(|tags| module.own_tags(tags));
    let depends_on = module.depends_on(resource);
    let provider = module.provider(address);
    let mut values = Map::from_iter([
        ("name".into(), name(address).into()),
        (
            "provider".into(),
            provider.unwrap_or_else(|| "null".into()).into(),
        ),
        ("p".into(), module.resolved(&resource.properties, address)),
        ("tags".into(), tags.filter(|tags| *tags != json!({})).into()),
        (
            "depends_on".into(),
            Some(depends_on).filter(|it| !it.is_empty()).into(),
        ),
        ("protect".into(), resource.protect.into()),
        ("imported".into(), module.stands(address).into()),
        ("region".into(), address.region().into()),
        ("key".into(), module.key(address.region()).into()),
    ]);
    values.extend(own(module, resource));
    values
}

/// What the templates of one kind ask for beside the properties.
fn own(module: &Module<'_>, resource: &Desired) -> Map<String, Value> {
    let property = |name: &str| &resource.properties[name];
    let resolved = |value: &Value| module.resolved(value, &resource.address);
    let own = match resource.address.kind() {
        "route_table" => {
            json!({ "routes": routes(&resolved(property("routes"))), "associations": associations(resource)
            .map(|subnet| json!({
                "name": name(&subnet),
                "subnet": module.output(&subnet, "id", "route_table").map(expression),
            }))
            .collect::<Vec<_>>() })
        }
        "security_group_rule" => json!({ "description": resource.address.name().replace('-', " ") }),
        "eks_addon" => json!({ "roles": pairs(&resolved(property("roles")), |account, role| json!({
            "account": account, "role": role,
        })) }),
        "cache_parameter_group" | "db_cluster_parameter_group" => json!({
            "parameters": pairs(property("parameters"), |name, value| json!({
                "name": name, "value": value, "reboot": STATIC_PARAMETERS.contains(&name),
            })),
        }),
        "iam_role" => json!({ "inline_policies": inline_policies(resource)
            .map(|(label, policy)| json!({
                "label": label, "name": policy["name"], "document": resolved(&policy["document"]),
            }))
            .collect::<Vec<_>>() }),
        "db_cluster" => {
            json!({ "password": password(resource).filter(|it| *it == "managed" || !module.stands(&resource.address)) })
        }
        "target_group" => json!({ "short_name": short(property("name").as_str().unwrap_or_default()) }),
        "db_proxy" => {
            json!({ "secret_name": property("secret").as_str().filter(|it| !it.starts_with("arn:")) })
        }
        "secret" | "db_master_secret" => {
            let mut values = secrets::values(resource);
            let copy = resource
                .properties
                .pointer("/replica/region")
                .and_then(Value::as_str);
            values["replica_key"] = copy.and_then(|region| module.key(region)).into();
            values
        }
        "s3_bucket" => {
            let mut properties = resolved(&resource.properties);
            fill_in(&mut properties["policy"], &name(&resource.address));
            json!({ "p": properties })
        }
        _ => json!({}),
    };
    match own {
        Value::Object(own) => own,
        _ => Map::new(),
    }
}

/// As many characters as a target group's name may have, which doesn't end in a hyphen.
fn short(name: &str) -> String {
    let short: String = name.chars().take(32).collect();
    short.trim_end_matches('-').to_owned()
}

/// Routes that lead somewhere.
fn routes(routes: &Value) -> Vec<Value> {
    pairs(routes, |cidr, target| {
        json!({ "cidr": cidr, "gateway": target["gateway"], "nat_gateway": target["nat_gateway"] })
    })
    .into_iter()
    .filter(|route| !route["gateway"].is_null() || !route["nat_gateway"].is_null())
    .collect()
}

fn pairs(map: &Value, of: impl Fn(&str, &Value) -> Value) -> Vec<Value> {
    let entries = map.as_object().into_iter().flatten();
    entries.map(|(name, value)| of(name, value)).collect()
}

/// Who keeps the administrator's password; a second region's cluster has the first's.
fn password(cluster: &Desired) -> Option<&'static str> {
    let properties = &cluster.properties;
    properties["master_username"].as_str()?;
    match properties["master_password"].as_str() {
        Some("managed") => Some("managed"),
        _ => (!properties["master_secret"].is_null()).then_some("secret"),
    }
}

/// A bucket's policy names the bucket and the account by placeholders.
fn fill_in(value: &mut Value, bucket: &str) {
    match value {
        Value::String(text) if text.contains("${") => {
            let filled = write(&json!(text))
                .replace("$${bucket}", &format!("${{aws_s3_bucket.{bucket}.id}}"))
                .replace("$${account}", "${data.aws_caller_identity.current.account_id}");
            *value = expression(filled);
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill_in(item, bucket)),
        Value::Object(entries) => entries.values_mut().for_each(|entry| fill_in(entry, bucket)),
        _ => {}
    }
}
