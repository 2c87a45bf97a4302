//! Import blocks: what a state says that vvbill made becomes Terraform's, by the ids that its provider goes by.

use serde::Serialize;
use serde_json::Value;

use super::kinds;
use super::module::{Module, associations, inline_policies, name};
use crate::resource::{Address, Desired};
use crate::state::{Record, State};

/// An import block.
#[derive(Debug, Serialize)]
pub(super) struct Import {
    to: String,
    id: String,
}

/// Of everything that stands and that the module has.
pub(super) fn imports(module: &Module<'_>, desired: &[Desired], state: &State) -> Vec<Import> {
    let standing = desired
        .iter()
        .filter_map(|resource| Some((resource, state.resources.get(&resource.address)?)));
    standing
        .flat_map(|(resource, record)| of_resource(module, resource, record, state))
        .collect()
}

fn of_resource(module: &Module<'_>, resource: &Desired, record: &Record, state: &State) -> Vec<Import> {
    let Some(kind) = kinds::of(resource.address.kind()) else {
        return Vec::new();
    };
    let mut imports = Vec::new();
    if let Some(to) = module.block(&resource.address).filter(|_| kind.importable)
        && !to.starts_with("data.")
    {
        let id = id(resource, record);
        imports.push(Import { to, id });
    }
    imports.extend(further(resource, record, state));
    imports
}

/// The id by which the provider knows what vvbill knows by `record.id`.
fn id(resource: &Desired, record: &Record) -> String {
    let id = record.id.as_str();
    let output = |output: &str| record.outputs[output].as_str().unwrap_or(id).to_owned();
    match resource.address.kind() {
        "eks_addon" | "eks_node_group" | "eks_access_entry" => id.replacen('/', ":", 1),
        "eks_pod_identity_association" => id.replacen('/', ",", 1),
        "dns_record" => id.replace('/', "_"),
        "iam_policy" | "target_group" | "load_balancer" | "listener" | "listener_rule" | "certificate" => {
            output("arn")
        }
        "secret" | "db_master_secret" => output("arn"),
        "db_proxy_target" => {
            let (proxy, cluster) = id.split_once('/').unwrap_or((id, ""));
            format!("{proxy}/default/TRACKED_CLUSTER/{cluster}")
        }
        _ => id.into(),
    }
}

/// Blocks that a kind of ours has beside its own.
fn further(resource: &Desired, record: &Record, state: &State) -> Vec<Import> {
    let name = name(&resource.address);
    let of = |resource: &str, id: String| Import {
        to: format!("{resource}.{name}"),
        id,
    };
    let has = |property: &str| !matches!(resource.properties[property], Value::Null | Value::Bool(false));
    let id = record.id.as_str();
    match resource.address.kind() {
        "iam_role" => role(resource, id),
        "route_table" => {
            let subnet = |subnet: Address| {
                let standing = state.resources.get(&subnet)?;
                Some(Import {
                    to: format!("aws_route_table_association.{}", self::name(&subnet)),
                    id: format!("{}/{id}", standing.id),
                })
            };
            associations(resource).filter_map(subnet).collect()
        }
        "s3_bucket" => [
            ("aws_s3_bucket_public_access_block", true),
            ("aws_s3_bucket_ownership_controls", true),
            ("aws_s3_bucket_server_side_encryption_configuration", true),
            ("aws_s3_bucket_versioning", has("versioning")),
            ("aws_s3_bucket_lifecycle_configuration", has("expiration_days")),
            ("aws_s3_bucket_policy", has("policy")),
        ]
        .into_iter()
        .filter(|(_, is_there)| *is_there)
        .map(|(resource, _)| of(resource, id.into()))
        .collect(),
        "ecr_repository" if has("lifecycle_policy") => vec![of("aws_ecr_lifecycle_policy", id.into())],
        "db_proxy_target" => {
            let proxy = id.split_once('/').map_or(id, |(proxy, _)| proxy);
            vec![of("aws_db_proxy_default_target_group", proxy.into())]
        }
        _ => Vec::new(),
    }
}

fn role(role: &Desired, id: &str) -> Vec<Import> {
    let attached = role.properties["managed_policies"]
        .as_array()
        .into_iter()
        .flatten();
    let attached = attached.filter_map(Value::as_str).map(|policy| Import {
        to: format!(
            "aws_iam_role_policy_attachment.{}[\"{policy}\"]",
            name(&role.address)
        ),
        id: format!("{id}/{policy}"),
    });
    let inline = inline_policies(role).map(|(label, policy)| Import {
        to: format!("aws_iam_role_policy.{label}"),
        id: format!("{id}:{}", policy["name"].as_str().unwrap_or_default()),
    });
    attached.chain(inline).collect()
}
