//! Reboots: one member of a shard at a time, the writer last.

use aws_sdk_rds::types::DbClusterMember;
use tokio::sync::Mutex;

use super::super::Region;
use super::super::error::Call;
use super::instance::describe;
use crate::provider::ProviderError;

/// Held from the look at the others until RDS has taken the call, so that two don't find each other up.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// Answers `transient` while another member restarts, or has to before this one.
pub(super) async fn reboot(cloud: &Region, cluster: &str, id: &str) -> Result<(), ProviderError> {
    let _held = ONE_AT_A_TIME.lock().await;
    let found = super::describe(cloud, cluster).await?;
    let members = found
        .and_then(|found| found.db_cluster_members)
        .unwrap_or_default();
    if let Some(reader) = first_in_line(&members, id) {
        return Err(ProviderError::transient(format!(
            "the reader `{reader}` restarts first"
        )));
    }
    for other in members
        .iter()
        .filter_map(|member| member.db_instance_identifier())
    {
        if other == id {
            continue;
        }
        let found = describe(cloud, other).await?;
        let status = found.as_ref().and_then(|found| found.db_instance_status());
        if !matches!(status, None | Some("available")) {
            let status = status.unwrap_or_default();
            return Err(ProviderError::transient(format!("`{other}` is `{status}`")));
        }
    }
    let request = cloud.rds().reboot_db_instance().db_instance_identifier(id);
    request.send().await.called("rds:RebootDBInstance").map(drop)
}

/// A reader that waits for its reboot, where `id` writes.
fn first_in_line<'a>(members: &'a [DbClusterMember], id: &str) -> Option<&'a str> {
    let writes = |member: &DbClusterMember| member.is_cluster_writer() == Some(true);
    let writer = members
        .iter()
        .any(|it| it.db_instance_identifier() == Some(id) && writes(it));
    if !writer {
        return None;
    }
    let mut waiting = members
        .iter()
        .filter(|it| !writes(it) && it.db_cluster_parameter_group_status() == Some("pending-reboot"));
    waiting.next().and_then(|it| it.db_instance_identifier())
}
