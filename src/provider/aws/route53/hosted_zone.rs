//! A public zone: made, or found by name. One that was only found is never changed and never deleted;
//! what is this plan's says so in its comment, from its creation on.

use std::time::Duration;

use aws_sdk_route53::types::{HostedZone as Found, HostedZoneConfig, TagResourceType};
use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::Call;
use super::super::tags::Tags;
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::Change;

/// A public zone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostedZone {
    /// Its name, such as `billing.example.com`.
    pub name: String,
    /// Made for this plan; else it has to be there.
    pub owned: bool,
    /// Its tags; unset on one that was only found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Tags>,
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    id: String,
    name: String,
    /// What the parent zone has to name.
    name_servers: Vec<String>,
}

/// In the comment of what this makes.
const OWNED: &str = "made by vvbill";

impl Resource for HostedZone {
    const KIND: &'static str = "hosted_zone";
    const REPLACE_ON: &'static [&'static str] = &["name"];
    const CONFIGURES: bool = true;
    const STABLE_OUTPUTS: &'static [&'static str] = &["id", "name", "name_servers"];
    const FOUND_BY: FoundBy = FoundBy::ClientToken;
    const DEADLINE: Duration = Duration::from_secs(5 * 60);
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let answer = cloud.route53().get_hosted_zone().id(id).send().await;
        let Some(answer) = answer.or_absent("route53:GetHostedZone")? else {
            return Ok(None);
        };
        let Some(zone) = answer.hosted_zone else {
            return Ok(None);
        };
        let Some(tags) = super::tags_of(cloud, TagResourceType::Hostedzone, id).await? else {
            return Ok(None);
        };
        let servers = answer.delegation_set.map(|set| set.name_servers);
        let outputs = Outputs {
            id: id.into(),
            name: super::bare(zone.name()),
            name_servers: servers.unwrap_or_default(),
        };
        let found = Self {
            name: super::bare(zone.name()),
            owned: is_owned(&zone),
            tags: Some(tags),
        };
        Ok(Some((found, outputs)))
    }

    async fn find(&self, cloud: &Region, token: &str) -> Result<Option<String>, ProviderError> {
        let zones = self.by_name(cloud).await?;
        let ours = |zone: &&Found| !self.owned || zone.caller_reference() == token;
        Ok(zones.iter().find(ours).map(id_of))
    }

    async fn create(&self, cloud: &Region, token: &str) -> Result<String, ProviderError> {
        if !self.owned {
            return self.existing(cloud).await;
        }
        let config = HostedZoneConfig::builder().comment(OWNED).private_zone(false);
        let request = cloud
            .route53()
            .create_hosted_zone()
            .name(&self.name)
            .caller_reference(token)
            .hosted_zone_config(config.build());
        let answer = request.send().await;
        let Some(made) = answer.or_taken("route53:CreateHostedZone")? else {
            return self.find(cloud, token).await?.ok_or_else(|| {
                ProviderError::transient(format!(
                    "the zone {} exists already, but can't be seen yet",
                    self.name
                ))
            });
        };
        made.hosted_zone
            .as_ref()
            .map(id_of)
            .ok_or_else(|| ProviderError::unknown("route53:CreateHostedZone answered without a zone"))
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        Ok(Readiness::seen(Self::observe(cloud, id).await?.is_some()))
    }

    async fn configure(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        match &self.tags {
            Some(tags) => super::retag(cloud, TagResourceType::Hostedzone, id, tags).await,
            None => Ok(()),
        }
    }

    async fn update(&self, cloud: &Region, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        if changes.iter().any(|change| change.path == "/owned") {
            let comment = if self.owned { OWNED } else { "" };
            let request = cloud
                .route53()
                .update_hosted_zone_comment()
                .id(id)
                .comment(comment);
            request.send().await.called("route53:UpdateHostedZoneComment")?;
        }
        self.configure(cloud, id).await
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        if Self::outlives(cloud, id).await? {
            return Ok(());
        }
        let answer = cloud.route53().delete_hosted_zone().id(id).send().await;
        let gone = answer.or_absent("route53:DeleteHostedZone");
        gone.map(drop).map_err(|error| {
            if !error.message.contains("HostedZoneNotEmpty") {
                return error;
            }
            error.with_hint(
                "it has records that aren't this plan's: delete them, or `vvbill state rm` the zone to keep it",
            )
        })
    }

    async fn outlives(cloud: &Region, id: &str) -> Result<bool, ProviderError> {
        let found = Self::observe(cloud, id).await?;
        Ok(found.is_some_and(|(zone, _)| !zone.owned))
    }

    async fn leftover(cloud: &Region, id: &str) -> Result<Option<String>, ProviderError> {
        let found = Self::observe(cloud, id).await?;
        Ok(found.map(|(zone, _)| format!("the zone {} ({id}), which was there before", zone.name)))
    }
}

impl HostedZone {
    /// The public zones of this very name; there may be several.
    async fn by_name(&self, cloud: &Region) -> Result<Vec<Found>, ProviderError> {
        let request = cloud
            .route53()
            .list_hosted_zones_by_name()
            .dns_name(&self.name)
            .max_items(100);
        let answer = request.send().await.called("route53:ListHostedZonesByName")?;
        let wanted = |zone: &Found| {
            let private = zone.config().is_some_and(|config| config.private_zone());
            super::bare(zone.name()) == self.name && !private
        };
        Ok(answer.hosted_zones.into_iter().filter(wanted).collect())
    }

    async fn existing(&self, cloud: &Region) -> Result<String, ProviderError> {
        let zones = self.by_name(cloud).await?;
        match zones.as_slice() {
            [zone] => Ok(id_of(zone)),
            [] => Err(
                ProviderError::refused(format!("the account has no public zone {}", self.name)).with_hint(
                    "`edge.create_zone: true` makes it; or set `edge.domain` to a zone that `aws route53 \
                 list-hosted-zones` shows",
                ),
            ),
            several => {
                let ids: Vec<String> = several.iter().map(id_of).collect();
                Err(ProviderError::refused(format!(
                    "the account has {} public zones {}: {}",
                    several.len(),
                    self.name,
                    ids.join(", ")
                ))
                .with_hint("`vvbill import PLAN aws/global/hosted_zone/main ID` says which one is meant"))
            }
        }
    }
}

fn is_owned(zone: &Found) -> bool {
    zone.config().and_then(|config| config.comment()) == Some(OWNED)
}

/// `/hostedzone/Z123` is `Z123`.
fn id_of(zone: &Found) -> String {
    zone.id().trim_start_matches("/hostedzone/").into()
}
