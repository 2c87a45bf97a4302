//! Tags: whose a resource is, and how one that lost its id is found again.

use std::collections::BTreeMap;

use super::Region;
use crate::provider::{ProviderError, Resource};

/// Key to value. The topology puts the plan's own and the two below on every resource that takes tags.
pub type Tags = BTreeMap<String, String>;

/// The plan that a resource belongs to.
pub const PLAN_TAG: &str = "vvbill:plan";
/// The resource's address in that plan.
pub const ADDRESS_TAG: &str = "vvbill:address";
/// The one creation that made it, on kinds that are found again by tag.
pub(super) const TOKEN_TAG: &str = "vvbill:token";

/// Tags as they are compared: without AWS's own and without the creation's token.
pub(super) fn read<'a>(pairs: impl IntoIterator<Item = (Option<&'a str>, Option<&'a str>)>) -> Tags {
    pairs
        .into_iter()
        .filter_map(|(key, value)| Some((key?.to_owned(), value.unwrap_or_default().to_owned())))
        .filter(|(key, _)| !key.starts_with("aws:") && key != TOKEN_TAG)
        .collect()
}

/// `tags`, and the token of the creation that puts them on.
pub(super) fn with_token(tags: &Tags, token: &str) -> Tags {
    let mut all = tags.clone();
    all.insert(TOKEN_TAG.into(), token.into());
    all
}

/// Whether what was found carries the plan and address of what is wanted.
pub(super) fn same_owner(found: &Tags, wanted: &Tags) -> bool {
    [PLAN_TAG, ADDRESS_TAG]
        .iter()
        .all(|key| wanted.contains_key(*key) && found.get(*key) == wanted.get(*key))
}

/// A kind whose name is unique, and whose tags say whose it is.
pub(super) trait Named: Resource<Cloud = Region> {
    fn tags(&self) -> &Tags;
}

/// For `find` of a named kind: its id, where what has the name is this plan's.
pub(super) async fn find_named<R: Named>(
    wanted: &R,
    cloud: &Region,
    id: &str,
) -> Result<Option<String>, ProviderError> {
    let found = R::observe(cloud, id).await?;
    let ours = found.is_some_and(|(found, _)| same_owner(found.tags(), wanted.tags()));
    Ok(ours.then(|| id.to_owned()))
}

/// For `create` of a named kind whose name is taken: its id, where an earlier try of ours has made it.
pub(super) async fn claim<R: Named>(wanted: &R, cloud: &Region, id: &str) -> Result<String, ProviderError> {
    let Some((found, _)) = R::observe(cloud, id).await? else {
        return Err(ProviderError::transient(format!(
            "`{id}` exists already, but can't be seen yet"
        )));
    };
    if same_owner(found.tags(), wanted.tags()) {
        return Ok(id.to_owned());
    }
    let address = wanted.tags().get(ADDRESS_TAG).map_or("ADDRESS", String::as_str);
    Err(ProviderError::refused(format!(
        "a {} `{id}` exists already and is not this plan's",
        R::KIND
    ))
    .with_hint(format!(
        "`vvbill import PLAN {address} {id}` takes it up; or give this one another name"
    )))
}
