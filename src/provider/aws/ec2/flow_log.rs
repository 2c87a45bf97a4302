//! Flow logs of a VPC: who talked to whom, in CloudWatch.

use std::time::Duration;

use aws_sdk_ec2::types::{FlowLog as Found, FlowLogsResourceType, ResourceType, TrafficType};
use serde::{Deserialize, Serialize};

use super::super::Region;
use super::super::error::{Call, answered, says_absent, says_taken};
use super::super::tags::{self, ADDRESS_TAG, Tags};
use crate::provider::{FoundBy, ProviderError, Readiness, Resource};
use crate::resource::{Change, Ref};

/// The flow log of a VPC: nothing but its tags can be changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlowLog {
    /// The VPC's id.
    pub vpc: Ref<String>,
    /// The name of the log group that it writes to.
    pub log_group: Ref<String>,
    /// The ARN of the role that it writes as.
    pub role: Ref<String>,
    /// Which connections: `ACCEPT`, `REJECT` or `ALL`.
    pub traffic: String,
    /// For how many seconds entries are gathered: 60 or 600.
    pub interval_seconds: i32,
    /// Its tags.
    pub tags: Tags,
}

/// What others may refer to.
#[derive(Serialize)]
pub struct Outputs {
    id: String,
}

impl Resource for FlowLog {
    const KIND: &'static str = "flow_log";
    const REPLACE_ON: &'static [&'static str] = &["vpc", "log_group", "role", "traffic", "interval_seconds"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["id"];
    const FOUND_BY: FoundBy = super::FOUND_BY_TAG;
    const DEADLINE: Duration = Duration::from_secs(5 * 60);
    type Cloud = Region;
    type Outputs = Outputs;

    async fn observe(cloud: &Region, id: &str) -> Result<Option<(Self, Outputs)>, ProviderError> {
        let answer = cloud.ec2().describe_flow_logs().flow_log_ids(id).send().await;
        let found = answer.or_absent("ec2:DescribeFlowLogs")?;
        let log = found.and_then(|found| found.flow_logs.unwrap_or_default().pop());
        Ok(log.map(|log| (read(&log), Outputs { id: id.into() })))
    }

    async fn find(&self, cloud: &Region, token: &str) -> Result<Option<String>, ProviderError> {
        let request = cloud.ec2().describe_flow_logs().filter(super::by_token(token));
        let found = request.send().await.called("ec2:DescribeFlowLogs")?.flow_logs;
        let found = found.unwrap_or_default().into_iter();
        Ok(found.filter_map(|log| log.flow_log_id).next())
    }

    async fn create(&self, cloud: &Region, token: &str) -> Result<String, ProviderError> {
        let request = cloud
            .ec2()
            .create_flow_logs()
            .client_token(token)
            .resource_type(FlowLogsResourceType::Vpc)
            .resource_ids(super::text(&self.vpc))
            .traffic_type(TrafficType::from(&*self.traffic))
            .log_group_name(super::text(&self.log_group))
            .deliver_logs_permission_arn(super::text(&self.role))
            .max_aggregation_interval(self.interval_seconds)
            .tag_specifications(super::tag_specification(
                ResourceType::VpcFlowLog,
                &self.tags,
                token,
            ));
        let answer = request.send().await.or_taken("ec2:CreateFlowLogs");
        let Some(answer) = answer.map_err(role_is_new)? else {
            return self.claim(cloud).await;
        };
        // The call succeeds whatever becomes of each.
        match answer.unsuccessful().iter().find_map(|item| item.error()) {
            Some(error) if error.code().is_some_and(says_taken) => self.claim(cloud).await,
            Some(error) => {
                let (code, why) = (
                    error.code().unwrap_or_default(),
                    error.message().unwrap_or_default(),
                );
                Err(role_is_new(answered("ec2:CreateFlowLogs", 400, code, why)))
            }
            None => super::made(answer.flow_log_ids().first().cloned(), "ec2:CreateFlowLogs"),
        }
    }

    async fn readiness(&self, cloud: &Region, id: &str) -> Result<Readiness, ProviderError> {
        Ok(Readiness::seen(Self::observe(cloud, id).await?.is_some()))
    }

    async fn update(&self, cloud: &Region, id: &str, _: &[Change]) -> Result<(), ProviderError> {
        super::retag(cloud, id, &self.tags).await
    }

    async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
        let answer = cloud.ec2().delete_flow_logs().flow_log_ids(id).send().await;
        let Some(answer) = answer.or_absent("ec2:DeleteFlowLogs")? else {
            return Ok(());
        };
        match answer.unsuccessful().iter().find_map(|item| item.error()) {
            Some(error) if !error.code().is_some_and(says_absent) => {
                let (code, why) = (
                    error.code().unwrap_or_default(),
                    error.message().unwrap_or_default(),
                );
                Err(answered("ec2:DeleteFlowLogs", 400, code, why))
            }
            _ => Ok(()),
        }
    }
}

/// A role made moments ago can't be assumed everywhere yet.
fn role_is_new(error: ProviderError) -> ProviderError {
    match error.message.contains("assume") {
        true => ProviderError::transient(error.message),
        false => error,
    }
}

fn read(log: &Found) -> FlowLog {
    FlowLog {
        vpc: Ref::Known(log.resource_id().unwrap_or_default().into()),
        log_group: Ref::Known(log.log_group_name().unwrap_or_default().into()),
        role: Ref::Known(log.deliver_logs_permission_arn().unwrap_or_default().into()),
        traffic: log.traffic_type().map_or("", TrafficType::as_str).into(),
        interval_seconds: log.max_aggregation_interval().unwrap_or(600),
        tags: super::read_tags(log.tags()),
    }
}

impl FlowLog {
    /// The VPC has such a log already: ours, where an earlier try of this plan has made it.
    async fn claim(&self, cloud: &Region) -> Result<String, ProviderError> {
        let request = cloud.ec2().describe_flow_logs();
        let request = request.filter(super::filter("resource-id", super::text(&self.vpc)));
        let request = request.filter(super::filter("log-group-name", super::text(&self.log_group)));
        let answer = request.send().await.called("ec2:DescribeFlowLogs")?;
        let Some(log) = answer.flow_logs.unwrap_or_default().pop() else {
            return Err(ProviderError::transient(
                "the flow log exists already, but can't be seen yet",
            ));
        };
        let ours = tags::same_owner(&super::read_tags(log.tags()), &self.tags);
        let id = super::made(log.flow_log_id, "ec2:DescribeFlowLogs")?;
        if ours {
            return Ok(id);
        }
        let address = self.tags.get(ADDRESS_TAG).map_or("ADDRESS", String::as_str);
        let why = format!("the VPC has such a flow log already, {id}, which is not this plan's");
        Err(ProviderError::refused(why).with_hint(format!("`vvbill import PLAN {address} {id}` takes it up")))
    }
}
