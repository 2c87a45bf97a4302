//! Names that something else has already.

use futures::stream::{self, StreamExt};
use serde_json::Value;

use super::super::tags::{ADDRESS_TAG, PLAN_TAG};
use super::super::{Aws, Tags};
use super::{ask, blocking};
use crate::provider::{Concern, Provider, ProviderError, Wanted};

/// Kinds that are known by their name, and the property that holds it.
const NAMED: &[(&str, &str)] = &[
    ("cache_parameter_group", "name"),
    ("cache_replication_group", "id"),
    ("cache_subnet_group", "name"),
    ("db_cluster", "identifier"),
    ("db_cluster_parameter_group", "name"),
    ("db_instance", "identifier"),
    ("db_proxy", "name"),
    ("db_subnet_group", "name"),
    ("ecr_repository", "name"),
    ("eks_cluster", "name"),
    ("iam_role", "name"),
    ("kms_alias", "name"),
    ("log_group", "name"),
    ("metric_alarm", "name"),
];

const AT_ONCE: usize = 10;

pub(super) async fn check(aws: &Aws, wanted: &[Wanted<'_>]) -> Vec<Concern> {
    let mut asked = Vec::new();
    for one in wanted.iter().filter(|one| one.is_new) {
        let property = NAMED.iter().find(|(kind, _)| *kind == one.address.kind());
        let name = property.and_then(|(_, property)| one.properties.get(*property)?.as_str());
        if let Some(name) = name {
            asked.push(taken(aws, *one, name));
        }
    }
    let found: Vec<_> = stream::iter(asked).buffered(AT_ONCE).collect().await;
    found.into_iter().flatten().collect()
}

/// A question that fails says nothing: the creation itself will tell.
async fn taken(aws: &Aws, one: Wanted<'_>, name: &str) -> Option<Concern> {
    let found: Result<_, ProviderError> = ask(|| aws.observe(one.address, name)).await;
    let found = found.ok()??;
    let tags = |properties: &Value| {
        let tags = properties.get("tags").cloned().unwrap_or_default();
        serde_json::from_value::<Tags>(tags).unwrap_or_default()
    };
    let (theirs, ours) = (tags(&found.properties), tags(one.properties));
    let same = [PLAN_TAG, ADDRESS_TAG]
        .iter()
        .all(|key| theirs.get(*key) == ours.get(*key));
    let kind = one.address.kind();
    let message = match same && !ours.is_empty() {
        true => format!(
            "a {kind} `{name}` exists already and carries this plan's tags, but this state doesn't know it"
        ),
        false => format!("a {kind} `{name}` exists already and is not this plan's"),
    };
    let hint = format!(
        "`vvbill import PLAN {} {name}` takes it up; or give this one another name",
        one.address
    );
    Some(blocking(Some(one.address), message, hint))
}
