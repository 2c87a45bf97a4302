//! Failovers that AWS carries out by its own means, on request: nothing is lost by them that a failure would keep.

use super::Aws;
use super::error::Call;
use super::rds::referred;
use crate::provider::ProviderError;

/// Who writes in a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// The instance that writes.
    pub writer: Option<String>,
    /// Those that read.
    pub readers: Vec<String>,
    /// The zone of the one that writes.
    pub writer_zone: Option<String>,
    /// `available`, or what else the service says.
    pub status: String,
}

impl Aws {
    /// The value that `secretsmanager:NAME` refers to; of one that RDS keeps, the password in it.
    pub async fn secret(&self, region: &str, reference: &str) -> Result<String, ProviderError> {
        // An ARN says itself where it is.
        let own = reference
            .split(':')
            .nth(4)
            .filter(|_| reference.contains(":arn:"));
        let region = self.region(own.unwrap_or(region)).await;
        referred(&region.cloud, reference).await
    }

    /// The members of a database cluster, as RDS has them.
    pub async fn members(&self, region: &str, cluster: &str) -> Result<Members, ProviderError> {
        let region = self.region(region).await;
        let request = region.cloud.rds().describe_db_clusters();
        let answer = request.db_cluster_identifier(cluster).send().await;
        let found = answer.called("rds:DescribeDBClusters")?;
        let found = found.db_clusters().first();
        let found = found.ok_or_else(|| ProviderError::refused(format!("RDS has no cluster {cluster}")))?;
        let mut members = Members {
            status: found.status().unwrap_or_default().to_owned(),
            ..Members::default()
        };
        for member in found.db_cluster_members() {
            let name = member.db_instance_identifier().unwrap_or_default().to_owned();
            match member.is_cluster_writer() {
                Some(true) => members.writer = Some(name),
                _ => members.readers.push(name),
            }
        }
        if let Some(writer) = &members.writer {
            let request = region.cloud.rds().describe_db_instances();
            let answer = request.db_instance_identifier(writer).send().await;
            let found = answer.called("rds:DescribeDBInstances")?;
            let instance = found.db_instances().first();
            members.writer_zone = instance
                .and_then(|instance| instance.availability_zone())
                .map(str::to_owned);
        }
        Ok(members)
    }

    /// Has a reader of a database cluster become its writer: RDS chooses which.
    pub async fn fail_over(&self, region: &str, cluster: &str) -> Result<(), ProviderError> {
        let region = self.region(region).await;
        let request = region.cloud.rds().failover_db_cluster();
        let answer = request.db_cluster_identifier(cluster).send().await;
        answer.called("rds:FailoverDBCluster").map(drop)
    }

    /// Has ElastiCache fail over a node group of a replication group, as if its primary had failed.
    pub async fn test_failover(
        &self,
        region: &str,
        replication_group: &str,
        node_group: &str,
    ) -> Result<(), ProviderError> {
        let region = self.region(region).await;
        let request = region.cloud.elasticache().test_failover();
        let request = request
            .replication_group_id(replication_group)
            .node_group_id(node_group);
        request.send().await.called("elasticache:TestFailover").map(drop)
    }
}
