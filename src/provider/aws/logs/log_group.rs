//! A log group. AWS makes those it needs itself, without retention: made first, they are this plan's.

use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::Call;
use super::super::tags::{self, Named, Tags};
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Field};

/// A CloudWatch log group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogGroup {
    /// Its name, such as `/aws/eks/billing/cluster`.
    pub name: String,
    /// Days that entries are kept; absent: for ever.
    #[serde(default, skip_serializing_if = "Field::is_unmanaged")]
    pub retention_days: Field<i32>,
    /// Its tags.
    pub tags: Tags,
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    name: String,
    arn: String,
}

impl Named for LogGroup {
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

impl Resource for LogGroup {
    const KIND: &'static str = "log_group";
    const REPLACE_ON: &'static [&'static str] = &["name"];
    const CONFIGURES: bool = true;
    const STABLE_OUTPUTS: &'static [&'static str] = &["name", "arn"];
    const FOUND_BY: FoundBy = FoundBy::Name;
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let logs = cloud.cloudwatchlogs();
        let answer = logs.describe_log_groups().log_group_name_prefix(id).send().await;
        let groups = answer
            .called("logs:DescribeLogGroups")?
            .log_groups
            .unwrap_or_default();
        // The shortest of those with the prefix comes first, as they are sorted.
        let Some(group) = groups
            .into_iter()
            .find(|group| group.log_group_name() == Some(id))
        else {
            return Ok(None);
        };
        let arn = cloud.arn("logs", &format!("log-group:{id}")).await?;
        let answer = logs.list_tags_for_resource().resource_arn(&arn).send().await;
        let Some(listed) = answer.or_absent("logs:ListTagsForResource")? else {
            return Ok(None);
        };
        let found = listed.tags.unwrap_or_default();
        let found = Self {
            name: id.into(),
            retention_days: group.retention_in_days.map_or(Field::Absent, Field::Value),
            tags: tags::read(found.iter().map(|(key, value)| (Some(&**key), Some(&**value)))),
        };
        Ok(Some((found, Outputs { name: id.into(), arn })))
    }

    async fn find(&self, cloud: &Region, _token: &str) -> Result<Option<String>, ProviderError> {
        tags::find_named(self, cloud, &self.name).await
    }

    async fn create(&self, cloud: &Region, _token: &str) -> Result<String, ProviderError> {
        let request = cloud
            .cloudwatchlogs()
            .create_log_group()
            .log_group_name(&self.name);
        let tags = self.tags.clone().into_iter().collect();
        let made = request
            .set_tags(Some(tags))
            .send()
            .await
            .or_taken("logs:CreateLogGroup")?;
        match made {
            Some(_) => Ok(self.name.clone()),
            None => tags::claim(self, cloud, &self.name).await,
        }
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        Ok(Readiness::seen(Self::observe(cloud, id).await?.is_some()))
    }

    async fn configure(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        self.retain(cloud, id).await
    }

    async fn update(&self, cloud: &Region, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        if changes.iter().any(|change| change.path.starts_with("/tags")) {
            let arn = cloud.arn("logs", &format!("log-group:{id}")).await?;
            let tags = self.tags.clone().into_iter().collect();
            let request = cloud
                .cloudwatchlogs()
                .tag_resource()
                .resource_arn(arn)
                .set_tags(Some(tags));
            request.send().await.called("logs:TagResource")?;
        }
        self.retain(cloud, id).await
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let answer = cloud
            .cloudwatchlogs()
            .delete_log_group()
            .log_group_name(id)
            .send()
            .await;
        answer.or_absent("logs:DeleteLogGroup").map(drop)
    }
}

impl LogGroup {
    async fn retain(&self, cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let logs = cloud.cloudwatchlogs();
        match self.retention_days {
            Field::Unmanaged => Ok(()),
            Field::Absent => {
                let request = logs.delete_retention_policy().log_group_name(id);
                request
                    .send()
                    .await
                    .called("logs:DeleteRetentionPolicy")
                    .map(drop)
            }
            Field::Value(days) => {
                let request = logs
                    .put_retention_policy()
                    .log_group_name(id)
                    .retention_in_days(days);
                request.send().await.called("logs:PutRetentionPolicy").map(drop)
            }
        }
    }
}
