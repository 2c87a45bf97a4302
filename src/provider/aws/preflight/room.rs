//! Quotas of the account that the plan would run into.

use super::super::Region;
use super::super::error::Call;
use super::super::quotas::{self, Quota};
use super::{ask, blocking, unasked};
use crate::provider::{Concern, ProviderError, Wanted};
use crate::resource::Address;

/// Kinds that count against a quota by number.
const COUNTED: &[(&str, Quota)] = &[
    ("db_cluster", quotas::DB_CLUSTERS),
    ("db_instance", quotas::DB_INSTANCES),
    ("eks_cluster", quotas::EKS_CLUSTERS),
    ("elastic_ip", quotas::ELASTIC_IPS),
    ("vpc", quotas::VPCS),
];

pub(super) async fn check(cloud: &Region, wanted: &[Wanted<'_>]) -> Vec<Concern> {
    let mut questions = Vec::new();
    for (kind, quota) in COUNTED {
        let mut new = wanted
            .iter()
            .filter(|one| one.is_new && one.address.kind() == *kind);
        if let Some(first) = new.next() {
            questions.push(judge(cloud, kind, quota, first.address, new.count() + 1));
        }
    }
    futures::future::join_all(questions)
        .await
        .into_iter()
        .flatten()
        .collect()
}

async fn judge(cloud: &Region, kind: &str, quota: &Quota, first: &Address, new: usize) -> Option<Concern> {
    let allowed = match quota.ask(cloud).await {
        Ok(allowed) => allowed,
        Err(why) => return Some(unasked(cloud, &format!("the quota for {}", quota.name), why)),
    };
    let there = match ask(|| existing(cloud, kind)).await {
        Ok(there) => there,
        Err(error) => {
            return Some(unasked(
                cloud,
                &format!("how many {} there are", quota.name),
                error,
            ));
        }
    };
    // Quotas are whole numbers far below what a float holds exactly.
    if (there + new) as f64 <= allowed {
        return None;
    }
    let message = format!(
        "{new} more are wanted, {there} are there, and the account may have {allowed} {} of {}",
        quota.name,
        cloud.name()
    );
    let hint = format!(
        "ask for more: `aws service-quotas request-service-quota-increase --service-code {} --quota-code {} \
         --desired-value {} --region {}`",
        quota.service,
        quota.code,
        there + new,
        cloud.name()
    );
    Some(blocking(Some(first), message, hint))
}

/// How many the account has in the region; only the first page, as quotas of so many are not run into unseen.
async fn existing(cloud: &Region, kind: &str) -> Result<usize, ProviderError> {
    match kind {
        "vpc" => {
            let answer = cloud.ec2().describe_vpcs().send().await;
            Ok(answer.called("ec2:DescribeVpcs")?.vpcs().len())
        }
        "elastic_ip" => {
            let answer = cloud.ec2().describe_addresses().send().await;
            Ok(answer.called("ec2:DescribeAddresses")?.addresses().len())
        }
        "eks_cluster" => {
            let answer = cloud.eks().list_clusters().send().await;
            Ok(answer.called("eks:ListClusters")?.clusters().len())
        }
        "db_cluster" => {
            let answer = cloud.rds().describe_db_clusters().send().await;
            Ok(answer.called("rds:DescribeDBClusters")?.db_clusters().len())
        }
        _ => {
            let answer = cloud.rds().describe_db_instances().send().await;
            Ok(answer.called("rds:DescribeDBInstances")?.db_instances().len())
        }
    }
}
