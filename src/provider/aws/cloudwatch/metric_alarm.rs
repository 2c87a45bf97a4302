//! An alarm on one metric. The same call makes it and changes it, whosever it is: so it looks first.

use aws_sdk_cloudwatch::types::{self as sdk, ComparisonOperator, Statistic, Tag};
use serde::{Deserialize, Serialize, Serializer};

use super::super::Region;
use super::super::error::Call;
use super::super::tags::{self, Named, Tags};
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref, Set};

/// A CloudWatch alarm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricAlarm {
    /// Its name, unique in the region.
    pub name: String,
    /// What it means and what to do.
    pub description: String,
    /// Whose metric it is, such as `AWS/RDS`.
    pub namespace: String,
    /// Such as `CPUUtilization`.
    pub metric: String,
    /// What the metric is about: these and no others.
    #[serde(serialize_with = "by_name")]
    pub dimensions: Vec<Dimension>,
    /// `Average`, `Sum`, `Minimum`, `Maximum` or `SampleCount`.
    pub statistic: String,
    /// Length of one period.
    pub period_seconds: i32,
    /// Latest periods that are looked at.
    pub periods: i32,
    /// How many of those must be bad.
    pub bad_periods: i32,
    /// Such as `GreaterThanThreshold`.
    pub comparison: String,
    /// In the metric's own unit.
    pub threshold: f64,
    /// What a period without data counts as: `missing`, `notBreaching`, `breaching` or `ignore`.
    pub missing_data: String,
    /// Does what it is told to when it changes.
    pub actions_enabled: bool,
    /// ARNs of what is told when it goes off, such as SNS topics.
    pub alarm_actions: Set<Ref<String>>,
    /// ARNs of what is told when it is over.
    pub ok_actions: Set<Ref<String>>,
    /// Its tags.
    pub tags: Tags,
}

/// One of the names by which CloudWatch tells metrics apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dimension {
    /// Such as `DBClusterIdentifier`.
    pub name: String,
    /// Its value. An ARN of a load balancer or target group is cut to the part that CloudWatch calls it by.
    #[serde(serialize_with = "as_measured")]
    pub value: Ref<String>,
}

/// A list and no map, so that one too many is a difference.
fn by_name<S: Serializer>(dimensions: &[Dimension], serializer: S) -> Result<S::Ok, S::Error> {
    let mut sorted: Vec<&Dimension> = dimensions.iter().collect();
    sorted.sort_by_key(|dimension| &dimension.name);
    sorted.serialize(serializer)
}

fn as_measured<S: Serializer>(value: &Ref<String>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Ref::Known(text) => measured_as(text).serialize(serializer),
        unresolved => unresolved.serialize(serializer),
    }
}

/// `app/billing/50dc6c495c0c9188` and `targetgroup/api/73e2d6bc24d8a067`.
fn measured_as(text: &str) -> &str {
    match text.strip_prefix("arn:").and_then(|arn| arn.split(':').nth(4)) {
        Some(part) if text.contains(":elasticloadbalancing:") => {
            part.strip_prefix("loadbalancer/").unwrap_or(part)
        }
        _ => text,
    }
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    name: String,
    arn: String,
}

impl Named for MetricAlarm {
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

impl Resource for MetricAlarm {
    const KIND: &'static str = "metric_alarm";
    const REPLACE_ON: &'static [&'static str] = &["name"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["name", "arn"];
    const FOUND_BY: FoundBy = FoundBy::Name;
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let cloudwatch = cloud.cloudwatch();
        let answer = cloudwatch.describe_alarms().alarm_names(id).send().await;
        let found = answer.called("cloudwatch:DescribeAlarms")?.metric_alarms;
        let Some(alarm) = found.unwrap_or_default().pop() else {
            return Ok(None);
        };
        let arn = alarm.alarm_arn().unwrap_or_default().to_owned();
        let answer = cloudwatch
            .list_tags_for_resource()
            .resource_arn(&arn)
            .send()
            .await;
        let Some(listed) = answer.or_absent("cloudwatch:ListTagsForResource")? else {
            return Ok(None);
        };
        let tags = tags::read(listed.tags().iter().map(|tag| (tag.key(), tag.value())));
        let name = alarm.alarm_name().unwrap_or(id).to_owned();
        Ok(Some((read(alarm, tags), Outputs { name, arn })))
    }

    async fn find(&self, cloud: &Region, _token: &str) -> Result<Option<String>, ProviderError> {
        tags::find_named(self, cloud, &self.name).await
    }

    async fn create(&self, cloud: &Region, _token: &str) -> Result<String, ProviderError> {
        if Self::observe(cloud, &self.name).await?.is_some() {
            tags::claim(self, cloud, &self.name).await?;
        }
        self.put(cloud).await?;
        Ok(self.name.clone())
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        Ok(Readiness::seen(Self::observe(cloud, id).await?.is_some()))
    }

    async fn update(&self, cloud: &Region, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        if changes.iter().any(|change| !change.path.starts_with("/tags")) {
            self.put(cloud).await?;
        }
        if changes.iter().any(|change| change.path.starts_with("/tags")) {
            // The call that changes an alarm leaves its tags alone.
            let arn = cloud.arn("cloudwatch", &format!("alarm:{id}")).await?;
            let request = cloud.cloudwatch().tag_resource().resource_arn(arn);
            let answer = request.set_tags(Some(self.sdk_tags())).send().await;
            answer.called("cloudwatch:TagResource")?;
        }
        Ok(())
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let answer = cloud.cloudwatch().delete_alarms().alarm_names(id).send().await;
        answer.or_absent("cloudwatch:DeleteAlarms").map(drop)
    }
}

impl MetricAlarm {
    async fn put(&self, cloud: &Region) -> Result<(), ProviderError> {
        let known = |values: &Set<Ref<String>>| values.0.iter().filter_map(Ref::known).cloned().collect();
        let request = cloud
            .cloudwatch()
            .put_metric_alarm()
            .alarm_name(&self.name)
            .alarm_description(&self.description)
            .namespace(&self.namespace)
            .metric_name(&self.metric)
            .set_dimensions(Some(self.sdk_dimensions()?))
            .statistic(Statistic::from(self.statistic.as_str()))
            .period(self.period_seconds)
            .evaluation_periods(self.periods)
            .datapoints_to_alarm(self.bad_periods)
            .comparison_operator(ComparisonOperator::from(self.comparison.as_str()))
            .threshold(self.threshold)
            .treat_missing_data(&self.missing_data)
            .actions_enabled(self.actions_enabled)
            .set_alarm_actions(Some(known(&self.alarm_actions)))
            .set_ok_actions(Some(known(&self.ok_actions)))
            .set_tags(Some(self.sdk_tags()));
        request.send().await.called("cloudwatch:PutMetricAlarm").map(drop)
    }

    fn sdk_dimensions(&self) -> Result<Vec<sdk::Dimension>, ProviderError> {
        let of = |dimension: &Dimension| {
            let value = dimension.value.known().ok_or_else(|| {
                ProviderError::refused(format!("{}: `{}` isn't known", self.name, dimension.name))
            })?;
            let built = sdk::Dimension::builder()
                .name(&dimension.name)
                .value(measured_as(value));
            Ok(built.build())
        };
        self.dimensions.iter().map(of).collect()
    }

    fn sdk_tags(&self) -> Vec<Tag> {
        self.tags
            .iter()
            .map(|(key, value)| Tag::builder().key(key).value(value).build())
            .collect()
    }
}

fn read(alarm: sdk::MetricAlarm, tags: Tags) -> MetricAlarm {
    let known =
        |values: Option<Vec<String>>| values.unwrap_or_default().into_iter().map(Ref::Known).collect();
    let dimension = |found: sdk::Dimension| Dimension {
        name: found.name.unwrap_or_default(),
        value: Ref::Known(found.value.unwrap_or_default()),
    };
    let periods = alarm.evaluation_periods.unwrap_or_default();
    MetricAlarm {
        name: alarm.alarm_name.unwrap_or_default(),
        description: alarm.alarm_description.unwrap_or_default(),
        namespace: alarm.namespace.unwrap_or_default(),
        metric: alarm.metric_name.unwrap_or_default(),
        dimensions: alarm
            .dimensions
            .unwrap_or_default()
            .into_iter()
            .map(dimension)
            .collect(),
        statistic: alarm
            .statistic
            .map_or_else(String::new, |statistic| statistic.as_str().to_owned()),
        period_seconds: alarm.period.unwrap_or_default(),
        periods,
        // Unsaid: all of them.
        bad_periods: alarm.datapoints_to_alarm.unwrap_or(periods),
        comparison: alarm
            .comparison_operator
            .map_or_else(String::new, |operator| operator.as_str().to_owned()),
        threshold: alarm.threshold.unwrap_or_default(),
        missing_data: alarm.treat_missing_data.unwrap_or_else(|| "missing".into()),
        actions_enabled: alarm.actions_enabled.unwrap_or(true),
        alarm_actions: known(alarm.alarm_actions),
        ok_actions: known(alarm.ok_actions),
        tags,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_balancer_is_called_what_cloudwatch_calls_it() {
        let arn = |part: &str| format!("arn:aws:elasticloadbalancing:us-east-1:123456789012:{part}");
        assert_eq!(
            measured_as(&arn("loadbalancer/app/billing/50dc")),
            "app/billing/50dc"
        );
        assert_eq!(measured_as(&arn("targetgroup/api/73e2")), "targetgroup/api/73e2");
        assert_eq!(measured_as("billing-0"), "billing-0");
        assert_eq!(
            measured_as("arn:aws:sns:us-east-1:1:topic"),
            "arn:aws:sns:us-east-1:1:topic"
        );
    }
}
