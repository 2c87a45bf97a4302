//! Names, references and providers of the module's blocks.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::kinds;
use crate::resource::{AT_CREATION_KEY, Address, Desired, reference};
use crate::state::State;
use crate::templates::hcl::{self, expression};

/// The region part of addresses of what belongs to no region.
const GLOBAL: &str = "global";

/// Keys of a region, the most lasting one first.
const KEYS: [&str; 3] = ["database", "cache", "eks"];

/// Everything that the plan asks for, as others in the module refer to it.
pub(super) struct Module<'a> {
    /// The region of the provider that blocks have unless they name another.
    pub(super) primary: &'a str,
    desired: BTreeMap<&'a Address, &'a Desired>,
    /// What stands by a state: it is taken over as it is.
    standing: BTreeSet<&'a Address>,
    /// Tags that everything with tags has.
    pub(super) tags: BTreeMap<&'a str, &'a str>,
}

impl<'a> Module<'a> {
    pub(super) fn new(desired: &'a [Desired], primary: &'a str, state: Option<&'a State>) -> Self {
        Self {
            primary,
            standing: state
                .into_iter()
                .flat_map(|state| state.resources.keys())
                .collect(),
            desired: desired.iter().map(|it| (&it.address, it)).collect(),
            tags: common_tags(desired),
        }
    }

    /// Whether it is taken over by an import block.
    pub(super) fn stands(&self, address: &Address) -> bool {
        self.standing.contains(address)
    }

    /// Whether anything is.
    pub(super) fn takes_over(&self) -> bool {
        !self.standing.is_empty()
    }

    /// Every region that a block stands in, the first one's left out.
    pub(super) fn other_regions(&self) -> BTreeSet<&'a str> {
        let regions = self.desired.keys().map(|address| address.region());
        regions
            .filter(|region| *region != GLOBAL && *region != self.primary)
            .collect()
    }

    /// `aws.eu_west_1`; `None`: the provider that needs no naming.
    pub(super) fn provider(&self, address: &Address) -> Option<String> {
        let region = address.region();
        let named = region != GLOBAL && region != self.primary;
        named.then(|| format!("aws.{}", label(region)))
    }

    /// `aws_vpc.us_east_1_main`; `None` for what Terraform does without.
    pub(super) fn block(&self, address: &Address) -> Option<String> {
        let resource = kinds::of(address.kind())?.resource;
        let properties = self.desired.get(address).map(|desired| &desired.properties);
        let property = |name: &str| properties.and_then(|properties| properties.get(name));
        let name = name(address);
        Some(match address.kind() {
            "hosted_zone" if property("owned") == Some(&Value::Bool(false)) => {
                format!("data.{resource}.{name}")
            }
            "security_group_rule" => {
                let direction = property("direction").and_then(Value::as_str);
                format!("{resource}_{}_rule.{name}", direction.unwrap_or("ingress"))
            }
            _ => format!("{resource}.{name}"),
        })
    }

    /// What `output` of the resource at `of` is called, where one of the kind `reader` reads it.
    pub(super) fn output(&self, of: &Address, output: &str, reader: &str) -> Option<String> {
        let block = self.block(of)?;
        let output = match (reader, of.kind(), output) {
            // CloudWatch calls load balancers by the end of their ARN.
            ("metric_alarm", "load_balancer" | "target_group", "arn") => "arn_suffix",
            ("flow_log", "log_group", "name") => "arn",
            _ => output,
        };
        match (of.kind(), output) {
            // The value stays, and Terraform learns nothing of it.
            ("secret" | "db_master_secret", "version") if self.stands(of) => return None,
            ("secret" | "db_master_secret", "version") => {
                return Some(format!(
                    "aws_secretsmanager_secret_version.{}.version_id",
                    name(of)
                ));
            }
            // A copy has the same name in its region.
            ("db_master_secret", "replica_arn") => {
                let copy = self
                    .desired
                    .get(of)?
                    .properties
                    .pointer("/replica/region")?
                    .as_str()?;
                return Some(format!("replace({block}.arn, \"{}\", \"{copy}\")", of.region()));
            }
            _ => {}
        }
        let outputs = kinds::of(of.kind())?.outputs;
        let (_, attribute) = outputs.iter().find(|(name, _)| *name == output)?;
        Some(match attribute.contains('{') {
            true => attribute.replace("{0}", &block).replace("{}", &block),
            false => format!("{block}.{attribute}"),
        })
    }

    /// `properties`, with expressions for references and what only creation takes as it is then.
    pub(super) fn resolved(&self, value: &Value, reader: &Address) -> Value {
        if let Some((of, output)) = reference(value) {
            return self
                .output(&of, &output, reader.kind())
                .map_or(Value::Null, expression);
        }
        match value {
            Value::Array(items) => items.iter().map(|item| self.resolved(item, reader)).collect(),
            Value::Object(entries) => match entries.get(AT_CREATION_KEY) {
                Some(value) => self.resolved(value, reader),
                None => entries
                    .iter()
                    .map(|(name, value)| (name.clone(), self.resolved_property(name, value, reader)))
                    .collect(),
            },
            other => other.clone(),
        }
    }

    fn resolved_property(&self, name: &str, value: &Value, reader: &Address) -> Value {
        match value.as_object().filter(|_| name.ends_with("_tags")) {
            // What is not Terraform's resource itself doesn't get the provider's tags.
            Some(tags) => expression(format!("merge(local.tags, {})", hcl::write(&self.own_tags(tags)))),
            None => self.resolved(value, reader),
        }
    }

    /// The tags that the provider doesn't bring.
    pub(super) fn own_tags(&self, tags: &Map<String, Value>) -> Value {
        let brought =
            |(name, value): &(&String, &Value)| self.tags.get(name.as_str()).copied() == value.as_str();
        let own = tags.iter().filter(|tag| !brought(tag));
        own.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// The key that encrypts, in a new module, what the plan has no key of its own for: the region's first.
    pub(super) fn key(&self, region: &str) -> Option<Value> {
        let keys = KEYS
            .iter()
            .map(|name| Address::new("aws", region, "kms_key", name));
        let key = keys.into_iter().find(|key| self.desired.contains_key(key))?;
        self.output(&key, "arn", "").map(expression)
    }

    /// What must be there first and isn't referred to: as the plan says, and what belongs to it.
    pub(super) fn depends_on(&self, resource: &Desired) -> Vec<Value> {
        let mut blocks: BTreeSet<String> = resource
            .depends_on
            .iter()
            .filter_map(|address| self.block(address))
            .collect();
        let first = resource.dependencies();
        let first = first.iter().filter_map(|address| self.desired.get(address));
        blocks.extend(first.flat_map(|first| self.companions(first)));
        blocks.into_iter().map(expression).collect()
    }

    fn companions(&self, resource: &Desired) -> Vec<String> {
        match resource.address.kind() {
            // What joins a global database asks for a writer in it.
            "global_cluster" => self.members(&resource.properties["cluster"]),
            "secret" | "db_master_secret" if self.stands(&resource.address) => Vec::new(),
            _ => companions(resource),
        }
    }

    /// The machines of a database cluster.
    fn members(&self, cluster: &Value) -> Vec<String> {
        let cluster = reference(cluster).map(|(cluster, _)| cluster);
        let joins = |instance: &&Desired| {
            let of = instance.properties.get("cluster").and_then(reference);
            instance.address.kind() == "db_instance" && of.map(|(of, _)| of) == cluster
        };
        let members = self.desired.values().copied().filter(joins);
        members.filter_map(|it| self.block(&it.address)).collect()
    }
}

/// Blocks that make a resource complete: whoever needs it needs them, too.
fn companions(resource: &Desired) -> Vec<String> {
    let name = name(&resource.address);
    let has = |property: &str| match resource.properties.get(property) {
        Some(Value::Array(items)) => !items.is_empty(),
        other => other.is_some_and(|it| !it.is_null()),
    };
    match resource.address.kind() {
        "iam_role" => {
            let attached = has("managed_policies").then(|| format!("aws_iam_role_policy_attachment.{name}"));
            let inline = inline_policies(resource).map(|(label, _)| format!("aws_iam_role_policy.{label}"));
            attached.into_iter().chain(inline).collect()
        }
        "route_table" => {
            let subnets = associations(resource);
            let named = subnets.map(|subnet| format!("aws_route_table_association.{}", self::name(&subnet)));
            named.collect()
        }
        "secret" | "db_master_secret" => vec![format!("aws_secretsmanager_secret_version.{name}")],
        "s3_bucket" if has("policy") => vec![format!("aws_s3_bucket_policy.{name}")],
        _ => Vec::new(),
    }
}

/// The policies of a role, each with its block's name.
pub(super) fn inline_policies(role: &Desired) -> impl Iterator<Item = (String, &Value)> {
    let policies = role.properties.get("inline_policies").and_then(Value::as_array);
    let role = name(&role.address);
    policies.into_iter().flatten().map(move |policy| {
        let policy_name = policy.get("name").and_then(Value::as_str).unwrap_or_default();
        (format!("{role}_{}", label(policy_name)), policy)
    })
}

/// The subnets that follow a route table.
pub(super) fn associations(table: &Desired) -> impl Iterator<Item = Address> {
    let subnets = table.properties.get("associations").and_then(Value::as_array);
    let subnets = subnets.into_iter().flatten().filter_map(reference);
    subnets.map(|(subnet, _)| subnet)
}

/// The name of a block: `us_east_1_main`, `cluster`.
pub(super) fn name(address: &Address) -> String {
    match address.region() {
        GLOBAL => label(address.name()),
        region => label(&format!("{region}_{}", address.name())),
    }
}

/// What Terraform takes for a name.
pub(super) fn label(text: &str) -> String {
    let plain = |letter: char| {
        if letter.is_ascii_alphanumeric() {
            letter
        } else {
            '_'
        }
    };
    let label: String = text.chars().map(plain).collect();
    match label.starts_with(|first: char| first.is_ascii_digit()) {
        true => format!("_{label}"),
        false => label,
    }
}

fn common_tags(desired: &[Desired]) -> BTreeMap<&str, &str> {
    let mut all = desired
        .iter()
        .filter_map(|resource| resource.properties.get("tags")?.as_object());
    let first = all.next().into_iter().flatten();
    let mut common: BTreeMap<&str, &str> = first
        .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
        .collect();
    for tags in all {
        common.retain(|name, value| tags.get(*name).and_then(Value::as_str) == Some(value));
    }
    common
}
