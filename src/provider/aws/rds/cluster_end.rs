//! The end of a cluster: what has to go first, the last snapshot, and what stays.

use jiff::Timestamp;

use super::super::Region;
use super::super::error::Call;
use super::cluster::FINAL_SNAPSHOT_TAG;
use super::global_cluster;
use crate::provider::ProviderError;

/// What lifts the protection of everything in this folder.
pub(super) const UNPROTECT: &str =
    "`vvbill apply PLAN --set aurora.deletion_protection=false --target aurora` lifts it";

pub(super) async fn delete(cloud: &Region, id: &str) -> Result<(), ProviderError> {
    let Some(cluster) = super::describe(cloud, id).await? else {
        return Ok(());
    };
    if cluster.status() == Some("deleting") {
        return Ok(());
    }
    if cluster.deletion_protection.unwrap_or_default() {
        return Err(
            ProviderError::refused(format!("the cluster `{id}` is protected against deletion"))
                .with_hint(UNPROTECT),
        );
    }
    if let Some(global) = cluster.global_cluster_identifier() {
        let arn = cluster.db_cluster_arn().unwrap_or_default();
        leave(cloud, global, arn).await?;
    }
    let keeps = super::read_tags(cluster.tag_list())
        .get(FINAL_SNAPSHOT_TAG)
        .is_some_and(|value| value == "true");
    let request = cloud.rds().delete_db_cluster().db_cluster_identifier(id);
    let request = request
        .skip_final_snapshot(!keeps)
        .set_final_db_snapshot_identifier(keeps.then(|| snapshot_name(id, Timestamp::now())))
        .delete_automated_backups(true);
    request.send().await.or_absent("rds:DeleteDBCluster").map(drop)
}

/// Ok once it is no member any more. The one that writes can leave last only: after a failover the others
/// leave before it, and stand alone.
async fn leave(cloud: &Region, global: &str, arn: &str) -> Result<(), ProviderError> {
    let Some(found) = global_cluster::describe(cloud, global).await? else {
        return Ok(());
    };
    let members = found.global_cluster_members();
    let Some(own) = members.iter().find(|member| member.db_cluster_arn() == Some(arn)) else {
        return Ok(());
    };
    let others = members.iter().filter_map(|member| member.db_cluster_arn());
    let others: Vec<&str> = others.filter(|other| *other != arn).collect();
    if own.is_writer() == Some(true) && !others.is_empty() {
        for other in others {
            global_cluster::detach(cloud, global, other).await?;
        }
        return Err(ProviderError::transient(format!(
            "it writes, so the others leave the global database `{global}` first"
        )));
    }
    global_cluster::detach(cloud, global, arn).await?;
    Err(ProviderError::transient(format!(
        "it leaves the global database `{global}` first"
    )))
}

/// Snapshots' names take letters, digits and hyphens.
fn snapshot_name(id: &str, now: Timestamp) -> String {
    format!("{id}-final-{}", now.strftime("%Y%m%d%H%M%S"))
}

/// The snapshots that were taken of it and not by itself; its own backups go with it.
pub(super) async fn leftover(cloud: &Region, id: &str) -> Result<Option<String>, ProviderError> {
    let mut names = Vec::new();
    let mut marker = None;
    loop {
        let request = cloud.rds().describe_db_cluster_snapshots();
        let request = request
            .db_cluster_identifier(id)
            .snapshot_type("manual")
            .set_marker(marker);
        let answer = request.send().await.or_absent("rds:DescribeDBClusterSnapshots")?;
        let Some(page) = answer else { break };
        let snapshots = page.db_cluster_snapshots.unwrap_or_default().into_iter();
        names.extend(snapshots.filter_map(|snapshot| snapshot.db_cluster_snapshot_identifier));
        marker = page.marker.filter(|marker| !marker.is_empty());
        if marker.is_none() {
            break;
        }
    }
    Ok(match names.as_slice() {
        [] => None,
        [one] => Some(format!("the snapshot {one}")),
        several => Some(format!("the snapshots {}", several.join(", "))),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_last_snapshot_is_named_after_its_cluster_and_the_moment() {
        let now: Timestamp = "2026-11-22T10:15:00Z".parse().unwrap();
        assert_eq!(snapshot_name("billing-0", now), "billing-0-final-20261122101500");
    }
}
