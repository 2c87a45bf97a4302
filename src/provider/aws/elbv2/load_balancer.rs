//! A load balancer. It is found by name, known by ARN, and guarded by an attribute of its own.

use std::time::Duration;

use aws_sdk_elasticloadbalancingv2::types::{
    LoadBalancer as Found, LoadBalancerAttribute, LoadBalancerSchemeEnum, LoadBalancerStateEnum,
    LoadBalancerTypeEnum,
};
use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::Call;
use super::super::tags::{self, Named, Tags};
use crate::provider::{FoundBy, Guard, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref, Set};

/// A load balancer of one region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoadBalancer {
    /// Its name, unique in account and region; 32 characters at most.
    pub name: String,
    /// What it understands.
    #[serde(rename = "type")]
    pub kind: LoadBalancerKind,
    /// Has no public address.
    pub internal: bool,
    /// Where it has a foot, one subnet a zone.
    pub subnets: Set<Ref<String>>,
    /// Who may talk to it.
    pub security_groups: Set<Ref<String>>,
    /// Can't be deleted until this is lifted.
    pub deletion_protection: bool,
    /// HTTP/2 towards clients; `application` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http2: Option<bool>,
    /// Spreads over targets in all zones; `network` only, as the other always does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cross_zone: Option<bool>,
    /// Closes a connection that was silent for this long; `application` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_timeout_seconds: Option<u64>,
    /// Headers that are none by RFC 7230 don't reach targets; `application` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drop_invalid_headers: Option<bool>,
    /// The bucket that each request is logged to; null: none.
    #[serde(default)]
    pub access_logs: Option<Ref<String>>,
    /// Its tags.
    pub tags: Tags,
}

/// What a load balancer understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LoadBalancerKind {
    /// HTTP: routes by path.
    Application,
    /// TCP and TLS: routes by port.
    Network,
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    arn: String,
    dns_name: String,
    /// The zone that an alias record of `dns_name` names.
    zone_id: String,
}

const DELETION_PROTECTION: &str = "deletion_protection.enabled";
const HTTP2: &str = "routing.http2.enabled";
const CROSS_ZONE: &str = "load_balancing.cross_zone.enabled";
const IDLE_TIMEOUT: &str = "idle_timeout.timeout_seconds";
const DROP_INVALID_HEADERS: &str = "routing.http.drop_invalid_header_fields.enabled";
const ACCESS_LOGS: &str = "access_logs.s3.enabled";
const ACCESS_LOGS_BUCKET: &str = "access_logs.s3.bucket";

impl Named for LoadBalancer {
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

impl Resource for LoadBalancer {
    const KIND: &'static str = "load_balancer";
    const REPLACE_ON: &'static [&'static str] = &["name", "type", "internal"];
    const CONFIGURES: bool = true;
    const GUARD: Option<Guard> = Some(Guard {
        property: "deletion_protection",
        lifted_by: "vvbill apply PLAN --set load_balancer.deletion_protection=false --target load_balancer",
    });
    const STABLE_OUTPUTS: &'static [&'static str] = &["arn", "dns_name", "zone_id"];
    const FOUND_BY: FoundBy = FoundBy::Name;
    /// A network load balancer takes some minutes.
    const DEADLINE: Duration = Duration::from_secs(15 * 60);
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let Some(found) = describe(cloud, id).await? else {
            return Ok(None);
        };
        let Some(attributes) = attributes_of(cloud, id).await? else {
            return Ok(None);
        };
        let Some(tags) = super::tags_of(cloud, id).await? else {
            return Ok(None);
        };
        let outputs = Outputs {
            arn: id.into(),
            // Names compare without case, and an alias record reads back in lower case.
            dns_name: found.dns_name().unwrap_or_default().to_lowercase(),
            zone_id: found.canonical_hosted_zone_id().unwrap_or_default().into(),
        };
        Ok(Some((read(&found, &attributes, tags), outputs)))
    }

    async fn find(&self, cloud: &Region, _token: &str) -> Result<Option<String>, ProviderError> {
        match by_name(cloud, &self.name).await? {
            Some(arn) => tags::find_named(self, cloud, &arn).await,
            None => Ok(None),
        }
    }

    async fn create(&self, cloud: &Region, _token: &str) -> Result<String, ProviderError> {
        let (kind, scheme) = (
            match self.kind {
                LoadBalancerKind::Application => LoadBalancerTypeEnum::Application,
                LoadBalancerKind::Network => LoadBalancerTypeEnum::Network,
            },
            match self.internal {
                true => LoadBalancerSchemeEnum::Internal,
                false => LoadBalancerSchemeEnum::InternetFacing,
            },
        );
        let request = cloud
            .elbv2()
            .create_load_balancer()
            .name(&self.name)
            .r#type(kind)
            .scheme(scheme)
            .set_subnets(Some(super::all_known(&self.subnets)))
            .set_security_groups(Some(super::all_known(&self.security_groups)))
            .set_tags(Some(super::sdk(&self.tags)));
        let answer = request.send().await;
        if let Some(made) = answer.or_taken("elasticloadbalancing:CreateLoadBalancer")? {
            let made = made.load_balancers.unwrap_or_default().pop();
            return made.and_then(|made| made.load_balancer_arn).ok_or_else(|| {
                ProviderError::unknown("elasticloadbalancing:CreateLoadBalancer answered without an ARN")
            });
        }
        let arn = by_name(cloud, &self.name).await?.ok_or_else(|| {
            ProviderError::transient(format!("`{}` exists already, but can't be seen yet", self.name))
        })?;
        tags::claim(self, cloud, &arn).await
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        let Some(found) = describe(cloud, id).await? else {
            return Ok(Readiness::seen(false));
        };
        let state = found.state();
        let reason = state.and_then(|state| state.reason()).unwrap_or_default();
        Ok(match state.and_then(|state| state.code()) {
            // Impaired: it takes requests, but can't grow.
            Some(LoadBalancerStateEnum::Active | LoadBalancerStateEnum::ActiveImpaired) => Readiness::Ready,
            Some(LoadBalancerStateEnum::Failed) => Readiness::Failed(format!("it has failed: {reason}")),
            code => Readiness::Pending(code.map_or("no state yet", |code| code.as_str()).into()),
        })
    }

    async fn configure(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        self.set_attributes(cloud, id).await
    }

    async fn update(&self, cloud: &Region, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        if super::touches(changes, "tags") {
            super::retag(cloud, id, &self.tags).await?;
        }
        if super::touches(changes, "security_groups") {
            let request = cloud
                .elbv2()
                .set_security_groups()
                .load_balancer_arn(id)
                .set_security_groups(Some(super::all_known(&self.security_groups)));
            request
                .send()
                .await
                .called("elasticloadbalancing:SetSecurityGroups")?;
        }
        if super::touches(changes, "subnets") {
            let request = cloud
                .elbv2()
                .set_subnets()
                .load_balancer_arn(id)
                .set_subnets(Some(super::all_known(&self.subnets)));
            request.send().await.called("elasticloadbalancing:SetSubnets")?;
        }
        if super::touches_more_than(changes, &["tags", "security_groups", "subnets"]) {
            self.set_attributes(cloud, id).await?;
        }
        Ok(())
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let Some(attributes) = attributes_of(cloud, id).await? else {
            return Ok(());
        };
        if value(&attributes, DELETION_PROTECTION) == Some("true") {
            return Err(ProviderError::refused(format!(
                "the load balancer {id} is protected against deletion"
            ))
            .with_hint(
                "`vvbill apply PLAN --set load_balancer.deletion_protection=false --target load_balancer` \
                         lifts it",
            ));
        }
        let answer = cloud
            .elbv2()
            .delete_load_balancer()
            .load_balancer_arn(id)
            .send()
            .await;
        answer
            .or_absent("elasticloadbalancing:DeleteLoadBalancer")
            .map(drop)
    }
}

impl LoadBalancer {
    async fn set_attributes(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let request = cloud
            .elbv2()
            .modify_load_balancer_attributes()
            .load_balancer_arn(id)
            .set_attributes(Some(self.attributes()));
        let answer = request.send().await;
        let set = answer.called("elasticloadbalancing:ModifyLoadBalancerAttributes");
        set.map(drop).map_err(|error| match &error.message {
            // AWS tries the bucket at once, and a new bucket's policy takes a moment to be seen.
            message if message.contains("Access Denied for bucket") => {
                ProviderError::transient(message.clone())
            }
            _ => error,
        })
    }

    fn attributes(&self) -> Vec<LoadBalancerAttribute> {
        let switch = |on: bool| on.to_string();
        let bucket = self.access_logs.as_ref().map(super::known);
        let pairs = [
            (DELETION_PROTECTION, Some(switch(self.deletion_protection))),
            (HTTP2, self.http2.map(switch)),
            (CROSS_ZONE, self.cross_zone.map(switch)),
            (
                IDLE_TIMEOUT,
                self.idle_timeout_seconds.map(|seconds| seconds.to_string()),
            ),
            (DROP_INVALID_HEADERS, self.drop_invalid_headers.map(switch)),
            (ACCESS_LOGS, Some(switch(bucket.is_some()))),
            (ACCESS_LOGS_BUCKET, bucket),
        ];
        let attribute = |(key, value): (&str, Option<String>)| {
            Some(LoadBalancerAttribute::builder().key(key).value(value?).build())
        };
        pairs.into_iter().filter_map(attribute).collect()
    }
}

fn read(found: &Found, attributes: &[LoadBalancerAttribute], tags: Tags) -> LoadBalancer {
    let switch = |key| value(attributes, key).map(|value| value == "true");
    let subnets = found.availability_zones().iter();
    let application = found.r#type() != Some(&LoadBalancerTypeEnum::Network);
    LoadBalancer {
        name: found.load_balancer_name().unwrap_or_default().into(),
        kind: match application {
            true => LoadBalancerKind::Application,
            false => LoadBalancerKind::Network,
        },
        internal: found.scheme() == Some(&LoadBalancerSchemeEnum::Internal),
        subnets: subnets
            .filter_map(|zone| zone.subnet_id())
            .map(|subnet| Ref::Known(subnet.to_owned()))
            .collect(),
        security_groups: super::set_of(found.security_groups()),
        deletion_protection: switch(DELETION_PROTECTION).unwrap_or_default(),
        http2: switch(HTTP2),
        cross_zone: switch(CROSS_ZONE).filter(|_| !application),
        idle_timeout_seconds: value(attributes, IDLE_TIMEOUT).and_then(|value| value.parse().ok()),
        drop_invalid_headers: switch(DROP_INVALID_HEADERS),
        access_logs: switch(ACCESS_LOGS).filter(|on| *on).and_then(|_| {
            let bucket = value(attributes, ACCESS_LOGS_BUCKET)?;
            Some(Ref::Known(bucket.to_owned()))
        }),
        tags,
    }
}

fn value<'a>(attributes: &'a [LoadBalancerAttribute], key: &str) -> Option<&'a str> {
    let found = attributes.iter().find(|attribute| attribute.key() == Some(key));
    found.and_then(|attribute| attribute.value())
}

async fn describe(cloud: &Region, arn: &str) -> Result<Option<Found>, ProviderError> {
    let answer = cloud.elbv2().describe_load_balancers().load_balancer_arns(arn);
    let found = answer
        .send()
        .await
        .or_absent("elasticloadbalancing:DescribeLoadBalancers")?;
    Ok(found.and_then(|found| found.load_balancers.unwrap_or_default().pop()))
}

async fn by_name(cloud: &Region, name: &str) -> Result<Option<String>, ProviderError> {
    let answer = cloud.elbv2().describe_load_balancers().names(name).send().await;
    let found = answer.or_absent("elasticloadbalancing:DescribeLoadBalancers")?;
    let found = found.and_then(|found| found.load_balancers.unwrap_or_default().pop());
    Ok(found.and_then(|found| found.load_balancer_arn))
}

async fn attributes_of(
    cloud: &Region,
    arn: &str,
) -> Result<Option<Vec<LoadBalancerAttribute>>, ProviderError> {
    let request = cloud
        .elbv2()
        .describe_load_balancer_attributes()
        .load_balancer_arn(arn);
    let answer = request.send().await;
    let found = answer.or_absent("elasticloadbalancing:DescribeLoadBalancerAttributes")?;
    Ok(found.map(|found| found.attributes.unwrap_or_default()))
}
