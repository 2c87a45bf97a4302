//! A distribution. It changes as a whole, against the version that was read, and has to be disabled
//! everywhere before it can go.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_cloudfront::error::BuildError;
use aws_sdk_cloudfront::types::{
    Distribution as Found, DistributionConfig, DistributionConfigWithTags, Tag, Tags as SdkTags,
};
use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::Call;
use super::super::tags::{self, Tags};
use super::configuration;
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref};

/// A distribution before servers of one's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// Tells a person, and the search after a crash, whose it is; 128 characters.
    pub comment: String,
    /// Names that it answers for, beside its own.
    pub aliases: BTreeSet<String>,
    /// ARN of a certificate in us-east-1 for these names; null: CloudFront's own, for its own name.
    #[serde(default)]
    pub certificate: Option<Ref<String>>,
    /// `PriceClass_100`, `PriceClass_200` or `PriceClass_All`.
    pub price_class: String,
    /// Where requests go.
    pub origins: Vec<Origin>,
    /// Origins of the group `failover`, each asked when those before it fail; empty: no such group.
    pub failover: Vec<String>,
    /// What becomes of a request that no other behaviour takes.
    pub default: Behaviour,
    /// What becomes of the others, asked in this order.
    pub behaviours: Vec<Behaviour>,
    /// Answers at all.
    pub enabled: bool,
    /// Its tags.
    pub tags: Tags,
}

/// A server that CloudFront asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// Unique in the distribution.
    pub id: String,
    /// Its DNS name.
    pub domain: Ref<String>,
    /// `https-only` or `http-only`.
    pub protocol: String,
    /// Port of that protocol.
    pub port: u16,
}

/// What becomes of requests to a path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Behaviour {
    /// Such as `/v1/accounts/*`; unset on the default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// An origin, or `failover`.
    pub target: String,
    /// Methods that get through. A group takes only those that read.
    pub methods: BTreeSet<String>,
    /// `https-only`, `redirect-to-https` or `allow-all`.
    pub viewer_protocol: String,
    /// Id of what decides how long answers are kept.
    pub cache_policy: String,
    /// Id of what decides which parts of a request the origin sees.
    pub origin_request_policy: String,
}

impl Distribution {
    /// The id of the group that [`Distribution::failover`] makes.
    pub const GROUP: &'static str = configuration::GROUP;
    /// AWS's own policy `CachingDisabled`: its id is in the CloudFront developer guide, "Use managed cache
    /// policies". What is read here belongs to who holds the key, so nothing may be kept for others.
    pub const CACHING_DISABLED: &'static str = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad";
    /// AWS's own policy `AllViewer`: its id is in the CloudFront developer guide, "Use managed origin request
    /// policies". With it the origin sees the viewer's `Host`, which its certificate has to cover.
    pub const ALL_VIEWER: &'static str = "216adef6-5c7f-47e4-b989-5492eafa07d3";
    /// The zone that alias records of any distribution name: Route 53 API reference, AliasTarget.
    pub const ZONE: &'static str = "Z2FDTNDATAQYW2";
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    id: String,
    arn: String,
    domain_name: String,
    zone_id: &'static str,
}

impl Resource for Distribution {
    const KIND: &'static str = "distribution";
    const REPLACE_ON: &'static [&'static str] = &[];
    const STABLE_OUTPUTS: &'static [&'static str] = &["id", "arn", "domain_name", "zone_id"];
    const FOUND_BY: FoundBy = FoundBy::ClientToken;
    /// Some minutes each to be deployed, to be disabled, and to go.
    const DEADLINE: Duration = Duration::from_secs(45 * 60);
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let Some((found, _)) = look(cloud, id).await? else {
            return Ok(None);
        };
        let request = cloud
            .cloudfront()
            .list_tags_for_resource()
            .resource(found.arn())
            .send();
        let Some(listed) = request.await.or_absent("cloudfront:ListTagsForResource")? else {
            return Ok(None);
        };
        let Some(config) = found.distribution_config() else {
            return Ok(None);
        };
        let tags = listed.tags().map(|tags| tags.items()).unwrap_or_default();
        let distribution = Self {
            tags: tags::read(tags.iter().map(|tag| (Some(tag.key()), tag.value()))),
            ..configuration::read(config)
        };
        let outputs = Outputs {
            id: id.into(),
            arn: found.arn().into(),
            domain_name: found.domain_name().to_lowercase(),
            zone_id: Self::ZONE,
        };
        Ok(Some((distribution, outputs)))
    }

    async fn find(&self, cloud: &Region, token: &str) -> Result<Option<String>, ProviderError> {
        let mut marker = None;
        loop {
            let request = cloud.cloudfront().list_distributions().set_marker(marker);
            let page = request.send().await.called("cloudfront:ListDistributions")?;
            let Some(page) = page.distribution_list else {
                return Ok(None);
            };
            let ours = page.items().iter().filter(|item| item.comment() == self.comment);
            for item in ours {
                let found = look(cloud, item.id()).await?;
                let config = found.as_ref().and_then(|(found, _)| found.distribution_config());
                if config.is_some_and(|config| config.caller_reference() == token) {
                    return Ok(Some(item.id().to_owned()));
                }
            }
            marker = page.next_marker.filter(|_| page.is_truncated);
            if marker.is_none() {
                return Ok(None);
            }
        }
    }

    async fn create(&self, cloud: &Region, token: &str) -> Result<String, ProviderError> {
        let config = configuration::new(self, token).map_err(incomplete)?;
        let request = cloud
            .cloudfront()
            .create_distribution_with_tags()
            .distribution_config_with_tags(
                DistributionConfigWithTags::builder()
                    .distribution_config(config)
                    .tags(sdk(&self.tags)?)
                    .build(),
            );
        match request.send().await.called("cloudfront:CreateDistribution") {
            Ok(made) => made.distribution.map(|made| made.id).ok_or_else(|| {
                ProviderError::unknown("cloudfront:CreateDistribution answered without an id")
            }),
            // A token that was used: ours, if it can be found. An alias that is taken has another code.
            Err(error) if error.message.contains("DistributionAlreadyExists") => {
                self.find(cloud, token).await?.ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        Ok(match look(cloud, id).await? {
            Some((found, _)) if found.status() == DEPLOYED => Readiness::Ready,
            Some((found, _)) => Readiness::Pending(found.status().to_owned()),
            None => Readiness::seen(false),
        })
    }

    async fn update(&self, cloud: &Region, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        let Some((found, version)) = look(cloud, id).await? else {
            return Err(ProviderError::transient(format!(
                "the distribution {id} can't be seen"
            )));
        };
        let is_tag = |change: &Change| change.path.starts_with("/tags");
        if changes.iter().any(is_tag) {
            let request = cloud.cloudfront().tag_resource().resource(found.arn());
            let answer = request.tags(sdk(&self.tags)?).send().await;
            answer.called("cloudfront:TagResource")?;
        }
        if changes.iter().all(is_tag) {
            return Ok(());
        }
        let mut config = config_of(found)?;
        configuration::lay_over(self, &mut config).map_err(incomplete)?;
        replace(cloud, id, config, version).await
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let Some((found, version)) = look(cloud, id).await? else {
            return Ok(());
        };
        let deployed = found.status() == DEPLOYED;
        let mut config = config_of(found)?;
        if config.enabled {
            config.enabled = false;
            replace(cloud, id, config, version).await?;
            return Err(ProviderError::transient(format!(
                "the distribution {id} is being disabled first"
            )));
        }
        if !deployed {
            return Err(ProviderError::transient(format!(
                "the distribution {id} is not disabled everywhere yet"
            )));
        }
        let request = cloud
            .cloudfront()
            .delete_distribution()
            .id(id)
            .set_if_match(version);
        let answer = request.send().await;
        answer
            .or_absent("cloudfront:DeleteDistribution")
            .map(drop)
            .map_err(passing)
    }
}

const DEPLOYED: &str = "Deployed";

/// The distribution, and the version that a change has to name.
async fn look(cloud: &Region, id: &str) -> Result<Option<(Found, Option<String>)>, ProviderError> {
    let answer = cloud.cloudfront().get_distribution().id(id).send().await;
    let found = answer.or_absent("cloudfront:GetDistribution")?;
    Ok(found.and_then(|found| Some((found.distribution?, found.e_tag))))
}

fn config_of(found: Found) -> Result<DistributionConfig, ProviderError> {
    found
        .distribution_config
        .ok_or_else(|| ProviderError::unknown("cloudfront:GetDistribution answered without settings"))
}

async fn replace(
    cloud: &Region,
    id: &str,
    config: DistributionConfig,
    version: Option<String>,
) -> Result<(), ProviderError> {
    let request = cloud
        .cloudfront()
        .update_distribution()
        .id(id)
        .distribution_config(config)
        .set_if_match(version);
    let answer = request.send().await;
    answer
        .called("cloudfront:UpdateDistribution")
        .map(drop)
        .map_err(passing)
}

/// Somebody has changed it between our look and our call, or it isn't where it has to be yet.
fn passing(error: ProviderError) -> ProviderError {
    let codes = [
        "PreconditionFailed",
        "InvalidIfMatchVersion",
        "DistributionNotDisabled",
    ];
    match codes.iter().any(|code| error.message.contains(code)) {
        true => ProviderError::transient(error.message),
        false => error,
    }
}

fn sdk(tags: &Tags) -> Result<SdkTags, ProviderError> {
    let items: Result<Vec<Tag>, BuildError> = tags
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect();
    let items = items.map_err(incomplete)?;
    Ok(SdkTags::builder().set_items(Some(items)).build())
}

fn incomplete(why: BuildError) -> ProviderError {
    ProviderError::refused(format!("what CloudFront should be told is incomplete: {why}"))
}
