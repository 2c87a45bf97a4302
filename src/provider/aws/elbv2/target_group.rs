//! A target group: what stands behind a listener, and how it is checked.
//!
//! Listeners hold on to theirs, so a replacement has to stand before the old one goes. Names are unique,
//! so AWS's name for one is the plan's with six digits of its creation's token.

use aws_sdk_elasticloadbalancingv2::types::{
    Matcher, ProtocolEnum, TargetGroup as Found, TargetGroupAttribute, TargetTypeEnum,
};
use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::Call;
use super::super::tags::Tags;
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref};

/// Targets of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetGroup {
    /// The beginning of its name: 25 characters, letters, digits and hyphens.
    pub name: String,
    /// Port that targets take requests at, unless one is registered with another.
    pub port: i32,
    /// `HTTP`, `HTTPS`, `TCP` or `TLS`.
    pub protocol: String,
    /// `ip` or `instance`.
    pub target_type: String,
    /// Where targets are.
    pub vpc: Ref<String>,
    /// How targets are checked.
    pub health_check: TargetHealthCheck,
    /// Time that a leaving target has to finish.
    pub deregistration_delay_seconds: u64,
    /// Keeps a client on one target; null: no.
    #[serde(default)]
    pub stickiness: Option<TargetStickiness>,
    /// Its tags.
    pub tags: Tags,
}

/// How targets are checked, at the port that they take requests at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetHealthCheck {
    /// `HTTP` or `HTTPS`.
    pub protocol: String,
    /// Path that is asked for.
    pub path: String,
    /// Codes that count as well: `200`, `200-299`.
    pub matcher: String,
    /// Between two checks.
    pub interval_seconds: i32,
    /// Longest wait for an answer.
    pub timeout_seconds: i32,
    /// Good checks in a row that bring a target in.
    pub healthy_threshold: i32,
    /// Bad checks in a row that take a target out.
    pub unhealthy_threshold: i32,
}

/// By what a client is known again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetStickiness {
    /// `lb_cookie` or `source_ip`.
    #[serde(rename = "type")]
    pub kind: String,
    /// How long; cookies only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie_seconds: Option<u64>,
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    arn: String,
    name: String,
}

const DELAY: &str = "deregistration_delay.timeout_seconds";
const STICKY: &str = "stickiness.enabled";
const STICKY_KIND: &str = "stickiness.type";
const STICKY_SECONDS: &str = "stickiness.lb_cookie.duration_seconds";
const DIGITS: usize = 6;
/// AWS takes 32 characters; the hyphen and the digits come after these.
const LONGEST: usize = 32 - 1 - DIGITS;

impl Resource for TargetGroup {
    const KIND: &'static str = "target_group";
    const REPLACE_ON: &'static [&'static str] = &["name", "port", "protocol", "target_type", "vpc"];
    const CREATE_FIRST: bool = true;
    const CONFIGURES: bool = true;
    const STABLE_OUTPUTS: &'static [&'static str] = &["arn", "name"];
    const FOUND_BY: FoundBy = FoundBy::ClientToken;
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let request = cloud.elbv2().describe_target_groups().target_group_arns(id);
        let answer = request.send().await;
        let found = answer.or_absent("elasticloadbalancing:DescribeTargetGroups")?;
        let Some(found) = found.and_then(|found| found.target_groups.unwrap_or_default().pop()) else {
            return Ok(None);
        };
        let request = cloud
            .elbv2()
            .describe_target_group_attributes()
            .target_group_arn(id);
        let answer = request.send().await;
        let attributes = answer.or_absent("elasticloadbalancing:DescribeTargetGroupAttributes")?;
        let (Some(attributes), Some(tags)) = (attributes, super::tags_of(cloud, id).await?) else {
            return Ok(None);
        };
        let outputs = Outputs {
            arn: id.into(),
            name: found.target_group_name().unwrap_or_default().into(),
        };
        Ok(Some((read(&found, attributes.attributes(), tags), outputs)))
    }

    async fn find(&self, cloud: &Region, token: &str) -> Result<Option<String>, ProviderError> {
        let request = cloud
            .elbv2()
            .describe_target_groups()
            .names(self.full_name(token));
        let answer = request.send().await;
        let found = answer.or_absent("elasticloadbalancing:DescribeTargetGroups")?;
        let found = found.and_then(|found| found.target_groups.unwrap_or_default().pop());
        Ok(found.and_then(|found| found.target_group_arn))
    }

    async fn create(&self, cloud: &Region, token: &str) -> Result<String, ProviderError> {
        let check = &self.health_check;
        let request = cloud
            .elbv2()
            .create_target_group()
            .name(self.full_name(token))
            .port(self.port)
            .protocol(ProtocolEnum::from(self.protocol.as_str()))
            .target_type(TargetTypeEnum::from(self.target_type.as_str()))
            .vpc_id(super::known(&self.vpc))
            .health_check_protocol(ProtocolEnum::from(check.protocol.as_str()))
            .health_check_path(&check.path)
            .matcher(Matcher::builder().http_code(&check.matcher).build())
            .health_check_interval_seconds(check.interval_seconds)
            .health_check_timeout_seconds(check.timeout_seconds)
            .healthy_threshold_count(check.healthy_threshold)
            .unhealthy_threshold_count(check.unhealthy_threshold)
            .set_tags(Some(super::sdk(&self.tags)));
        let answer = request.send().await;
        let Some(made) = answer.or_taken("elasticloadbalancing:CreateTargetGroup")? else {
            return self.find(cloud, token).await?.ok_or_else(|| {
                ProviderError::transient("its name is taken already, but it can't be seen yet")
            });
        };
        let made = made.target_groups.unwrap_or_default().pop();
        made.and_then(|made| made.target_group_arn).ok_or_else(|| {
            ProviderError::unknown("elasticloadbalancing:CreateTargetGroup answered without an ARN")
        })
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        Ok(Readiness::seen(Self::observe(cloud, id).await?.is_some()))
    }

    async fn configure(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        self.set_attributes(cloud, id).await
    }

    async fn update(&self, cloud: &Region, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        if super::touches(changes, "tags") {
            super::retag(cloud, id, &self.tags).await?;
        }
        if super::touches(changes, "health_check") {
            self.set_health_check(cloud, id).await?;
        }
        if super::touches_more_than(changes, &["tags", "health_check"]) {
            self.set_attributes(cloud, id).await?;
        }
        Ok(())
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let answer = cloud
            .elbv2()
            .delete_target_group()
            .target_group_arn(id)
            .send()
            .await;
        answer
            .or_absent("elasticloadbalancing:DeleteTargetGroup")
            .map(drop)
    }
}

impl TargetGroup {
    /// The name that the creation with `token` gives.
    fn full_name(&self, token: &str) -> String {
        let digits: String = token
            .chars()
            .filter(char::is_ascii_hexdigit)
            .take(DIGITS)
            .collect();
        let start: String = self.name.chars().take(LONGEST).collect();
        format!("{}-{digits}", start.trim_end_matches('-'))
    }

    async fn set_health_check(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let check = &self.health_check;
        let request = cloud
            .elbv2()
            .modify_target_group()
            .target_group_arn(id)
            .health_check_protocol(ProtocolEnum::from(check.protocol.as_str()))
            .health_check_path(&check.path)
            .matcher(Matcher::builder().http_code(&check.matcher).build())
            .health_check_interval_seconds(check.interval_seconds)
            .health_check_timeout_seconds(check.timeout_seconds)
            .healthy_threshold_count(check.healthy_threshold)
            .unhealthy_threshold_count(check.unhealthy_threshold);
        let answer = request.send().await;
        answer.called("elasticloadbalancing:ModifyTargetGroup").map(drop)
    }

    async fn set_attributes(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let sticky = self.stickiness.as_ref();
        let pairs = [
            (DELAY, Some(self.deregistration_delay_seconds.to_string())),
            (STICKY, Some(sticky.is_some().to_string())),
            (STICKY_KIND, sticky.map(|sticky| sticky.kind.clone())),
            (
                STICKY_SECONDS,
                sticky.and_then(|sticky| Some(sticky.cookie_seconds?.to_string())),
            ),
        ];
        let attribute = |(key, value): (&str, Option<String>)| {
            Some(TargetGroupAttribute::builder().key(key).value(value?).build())
        };
        let request = cloud
            .elbv2()
            .modify_target_group_attributes()
            .target_group_arn(id)
            .set_attributes(Some(pairs.into_iter().filter_map(attribute).collect()));
        let answer = request.send().await;
        answer
            .called("elasticloadbalancing:ModifyTargetGroupAttributes")
            .map(drop)
    }
}

fn read(found: &Found, attributes: &[TargetGroupAttribute], tags: Tags) -> TargetGroup {
    let value = |key: &str| {
        let attribute = attributes.iter().find(|attribute| attribute.key() == Some(key));
        attribute.and_then(|attribute| attribute.value())
    };
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let sticky = (value(STICKY) == Some("true")).then(|| {
        let kind = text(value(STICKY_KIND));
        let seconds = value(STICKY_SECONDS).and_then(|seconds| seconds.parse().ok());
        TargetStickiness {
            cookie_seconds: seconds.filter(|_| kind == "lb_cookie"),
            kind,
        }
    });
    TargetGroup {
        name: without_digits(found.target_group_name().unwrap_or_default()).into(),
        port: found.port().unwrap_or_default(),
        protocol: text(found.protocol().map(|protocol| protocol.as_str())),
        target_type: text(found.target_type().map(|kind| kind.as_str())),
        vpc: Ref::Known(text(found.vpc_id())),
        health_check: TargetHealthCheck {
            protocol: text(found.health_check_protocol().map(|protocol| protocol.as_str())),
            path: text(found.health_check_path()),
            matcher: text(found.matcher().and_then(|matcher| matcher.http_code())),
            interval_seconds: found.health_check_interval_seconds().unwrap_or_default(),
            timeout_seconds: found.health_check_timeout_seconds().unwrap_or_default(),
            healthy_threshold: found.healthy_threshold_count().unwrap_or_default(),
            unhealthy_threshold: found.unhealthy_threshold_count().unwrap_or_default(),
        },
        deregistration_delay_seconds: value(DELAY)
            .and_then(|delay| delay.parse().ok())
            .unwrap_or_default(),
        stickiness: sticky,
        tags,
    }
}

/// The plan's name; a group that came by import may have no digits.
fn without_digits(name: &str) -> &str {
    match name.rsplit_once('-') {
        Some((start, digits))
            if digits.len() == DIGITS && digits.chars().all(|digit| digit.is_ascii_hexdigit()) =>
        {
            start
        }
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::without_digits;

    #[test]
    fn the_digits_of_a_creation_are_no_part_of_the_plans_name() {
        assert_eq!(without_digits("billing-api-tg-0a1b2c"), "billing-api-tg");
        for kept in ["billing-api-tg", "billing", "a-0a1b2", "a-0a1b2cd", "a-workers"] {
            assert_eq!(without_digits(kept), kept);
        }
    }
}
