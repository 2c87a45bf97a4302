//! A record: a name, and what it answers. It carries no tags: its parts are its id, and a record that
//! answers something else is never taken over.

use std::time::Duration;

use aws_sdk_route53::error::SdkError;
use aws_sdk_route53::operation::change_resource_record_sets::ChangeResourceRecordSetsError;
use aws_sdk_route53::types::{
    AliasTarget, Change as ZoneChange, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet,
    ResourceRecordSetFailover, ResourceRecordSetRegion, RrType,
};
use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::Call;
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref, Set};

/// A record set of one name and type, or one of several with a `set_identifier`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DnsRecord {
    /// Id of the zone.
    pub zone: Ref<String>,
    /// The whole name, without a dot at its end.
    pub name: Ref<String>,
    /// `A`, `CNAME`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// How long resolvers keep it; null with an alias.
    #[serde(default)]
    pub ttl_seconds: Option<i64>,
    /// What it answers; empty with an alias.
    #[serde(default)]
    pub values: Set<Ref<String>>,
    /// Answers what another name does.
    #[serde(default)]
    pub alias: Option<DnsAlias>,
    /// Tells it from others of its name and type.
    #[serde(default)]
    pub set_identifier: Option<String>,
    /// `PRIMARY` or `SECONDARY`.
    #[serde(default)]
    pub failover: Option<String>,
    /// For answers by latency: the region that this one is in.
    #[serde(default)]
    pub region: Option<String>,
    /// Id of the health check that decides whether it counts.
    #[serde(default)]
    pub health_check: Option<Ref<String>>,
}

/// Another name whose answers are given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DnsAlias {
    /// That name.
    pub name: Ref<String>,
    /// The zone that AWS keeps it in.
    pub zone: Ref<String>,
    /// Counts only while its target is healthy; CloudFront has no such thing.
    pub evaluate_health: bool,
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    name: String,
}

impl Resource for DnsRecord {
    const KIND: &'static str = "dns_record";
    const REPLACE_ON: &'static [&'static str] = &["zone", "name", "type", "set_identifier"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["name"];
    const FOUND_BY: FoundBy = FoundBy::Composite;
    /// Also the time that a record of another policy and the same name has to go.
    const DEADLINE: Duration = Duration::from_secs(5 * 60);
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let id = Id::parse(id)?;
        let found = look(cloud, &id).await?;
        let outputs = Outputs { name: id.name.into() };
        Ok(found.map(|set| (Self::read(id.zone, &set), outputs)))
    }

    async fn find(&self, cloud: &Region, _token: &str) -> Result<Option<String>, ProviderError> {
        let id = self.id();
        let found = Self::observe(cloud, &id).await?;
        Ok(found
            .is_some_and(|(found, _)| self.answers_like(&found))
            .then_some(id))
    }

    async fn create(&self, cloud: &Region, _token: &str) -> Result<String, ProviderError> {
        let id = self.id();
        match Self::observe(cloud, &id).await? {
            Some((found, _)) if !self.answers_like(&found) => Err(ProviderError::refused(format!(
                "the record {id} exists already and answers something else"
            ))
            .with_hint("`vvbill import PLAN ADDRESS ID` takes it up, and the next apply changes it")),
            _ => match self.write(cloud).await {
                Ok(()) => Ok(id),
                // One of another policy has the name, perhaps only until this run has deleted it.
                Err(error) if error.message.contains("with the same name and type") => {
                    Err(ProviderError::transient(error.message))
                }
                Err(error) => Err(error),
            },
        }
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        Ok(Readiness::seen(Self::observe(cloud, id).await?.is_some()))
    }

    async fn update(&self, cloud: &Region, _id: &str, _changes: &[Change]) -> Result<(), ProviderError> {
        self.write(cloud).await
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let id = Id::parse(id)?;
        // Route 53 deletes what is described exactly as it is.
        let Some(set) = look(cloud, &id).await? else {
            return Ok(());
        };
        match change(cloud, id.zone, ChangeAction::Delete, set).await {
            Err(error) if error.message.contains("not found") => Ok(()),
            result => result,
        }
    }
}

impl DnsRecord {
    fn id(&self) -> String {
        let mut id = [text(&self.zone), text(&self.name), &self.kind].join("/");
        if let Some(set) = &self.set_identifier {
            id.push('/');
            id.push_str(set);
        }
        id
    }

    /// Whether a client gets the same, for however long.
    fn answers_like(&self, other: &Self) -> bool {
        let values = |record: &Self| {
            let mut values: Vec<String> = record.values.0.iter().map(|value| text(value).into()).collect();
            values.sort();
            values
        };
        let alias = |record: &Self| record.alias.as_ref().map(|alias| text(&alias.name).to_owned());
        values(self) == values(other) && alias(self) == alias(other) && self.failover == other.failover
    }

    async fn write(&self, cloud: &Region) -> Result<(), ProviderError> {
        let set = self.sdk().map_err(super::incomplete)?;
        change(cloud, text(&self.zone), ChangeAction::Upsert, set).await
    }

    fn sdk(&self) -> Result<ResourceRecordSet, super::BuildError> {
        let values: Result<Vec<_>, _> = self
            .values
            .0
            .iter()
            .map(|value| ResourceRecord::builder().value(text(value)).build())
            .collect();
        let values = Some(values?).filter(|values| !values.is_empty());
        let alias = self.alias.as_ref().map(|alias| {
            AliasTarget::builder()
                .dns_name(text(&alias.name))
                .hosted_zone_id(text(&alias.zone))
                .evaluate_target_health(alias.evaluate_health)
                .build()
        });
        ResourceRecordSet::builder()
            .name(text(&self.name))
            .r#type(RrType::from(self.kind.as_str()))
            .set_ttl(self.ttl_seconds)
            .set_resource_records(values)
            .set_alias_target(alias.transpose()?)
            .set_set_identifier(self.set_identifier.clone())
            .set_failover(self.failover.as_deref().map(ResourceRecordSetFailover::from))
            .set_region(self.region.as_deref().map(ResourceRecordSetRegion::from))
            .set_health_check_id(self.health_check.as_ref().map(|check| text(check).into()))
            .build()
    }

    fn read(zone: &str, set: &ResourceRecordSet) -> Self {
        let known = |text: &str| Ref::Known(text.to_owned());
        let values = set.resource_records().iter();
        let is_name = matches!(set.r#type(), RrType::Cname);
        Self {
            zone: known(zone),
            name: Ref::Known(super::bare(set.name())),
            kind: set.r#type().as_str().into(),
            ttl_seconds: set.ttl().filter(|_| set.alias_target().is_none()),
            values: values
                .map(|value| match is_name {
                    true => Ref::Known(super::bare(value.value())),
                    false => known(value.value()),
                })
                .collect(),
            alias: set.alias_target().map(|alias| DnsAlias {
                name: Ref::Known(super::bare(alias.dns_name())),
                zone: known(alias.hosted_zone_id()),
                evaluate_health: alias.evaluate_target_health(),
            }),
            set_identifier: set.set_identifier().map(str::to_owned),
            failover: set.failover().map(|role| role.as_str().to_owned()),
            region: set.region().map(|region| region.as_str().to_owned()),
            health_check: set.health_check_id().map(known),
        }
    }
}

/// `zone/name/type[/set-identifier]`.
struct Id<'a> {
    zone: &'a str,
    name: &'a str,
    kind: &'a str,
    set: Option<&'a str>,
}

impl<'a> Id<'a> {
    fn parse(id: &'a str) -> Result<Self, ProviderError> {
        let mut parts = id.splitn(4, '/');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(zone), Some(name), Some(kind), set) => Ok(Self {
                zone,
                name,
                kind,
                set,
            }),
            _ => Err(ProviderError::refused(format!("`{id}` is no id of a record"))
                .with_hint("it takes the form ZONE/NAME/TYPE, and /SET-IDENTIFIER where there are several")),
        }
    }
}

/// The record sets of a name and type come one after the other, from the first that is asked for.
async fn look(cloud: &Region, id: &Id<'_>) -> Result<Option<ResourceRecordSet>, ProviderError> {
    let request = cloud
        .route53()
        .list_resource_record_sets()
        .hosted_zone_id(id.zone)
        .start_record_name(id.name)
        .start_record_type(RrType::from(id.kind))
        .set_start_record_identifier(id.set.map(str::to_owned));
    let answer = request.send().await.or_absent("route53:ListResourceRecordSets")?;
    let sets = answer
        .map(|answer| answer.resource_record_sets)
        .unwrap_or_default();
    Ok(sets.into_iter().find(|set| {
        super::bare(set.name()) == super::bare(id.name)
            && set.r#type().as_str() == id.kind
            && set.set_identifier() == id.set
    }))
}

async fn change(
    cloud: &Region,
    zone: &str,
    action: ChangeAction,
    set: ResourceRecordSet,
) -> Result<(), ProviderError> {
    let change = ZoneChange::builder()
        .action(action)
        .resource_record_set(set)
        .build()
        .map_err(super::incomplete)?;
    let batch = ChangeBatch::builder()
        .changes(change)
        .build()
        .map_err(super::incomplete)?;
    let request = cloud
        .route53()
        .change_resource_record_sets()
        .hosted_zone_id(zone)
        .change_batch(batch);
    let answer = request.send().await;
    let why = answer.as_ref().err().map(reasons).unwrap_or_default();
    let changed = answer.called("route53:ChangeResourceRecordSets");
    changed.map(drop).map_err(|mut error| {
        if !why.is_empty() && !error.message.contains(&why) {
            error.message = format!("{}: {why}", error.message);
        }
        error
    })
}

/// What Route 53 says against a batch, which it doesn't put where other errors have their message.
fn reasons(error: &SdkError<ChangeResourceRecordSetsError>) -> String {
    match error.as_service_error() {
        Some(ChangeResourceRecordSetsError::InvalidChangeBatch(batch)) => batch.messages().join("; "),
        _ => String::new(),
    }
}

fn text(reference: &Ref<String>) -> &str {
    reference.known().map_or("", String::as_str)
}
