//! The platform's folder: where it lands, whom it belongs to, and that nothing of it is left.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use serde_json::json;

use super::redis::server;
use super::stage::{Stage, free_port};

/// Run by root, servers run as the plan's user; run by anyone else, as that user.
#[tokio::test(flavor = "multi_thread")]
async fn no_server_runs_as_root() {
    let stage = Stage::new();
    let folder = stage.folder().await;
    let password = stage.secret(&folder.output("path"), "redis").await.output("path");
    let redis = server(&stage, &folder.output("path"), &password, &[free_port()], 0, &[]).await;
    let user = fs::metadata(format!("/proc/{}", redis.pid())).unwrap().uid();
    assert_eq!(user, folder.outputs["user_id"].as_u64().unwrap() as u32);
    assert_ne!(user, 0);
}

/// Where the servers' user can't reach the wanted place, the platform lies elsewhere, linked from
/// there, and both go.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_out_of_reach_is_replaced_by_one_within() {
    let stage = Stage::new();
    fs::set_permissions(&stage.root, fs::Permissions::from_mode(0o700)).unwrap();
    let folder = stage.folder().await;
    let wanted = stage.root.join("platform");
    let place = folder.output("path");
    let root = rustix::process::geteuid().is_root();
    assert_eq!(wanted.is_symlink(), root);
    assert_eq!(place.starts_with("/var/tmp/vvbill-0/"), root, "{place}");
    let password = stage.secret(&place, "redis").await.output("path");
    let redis = server(&stage, &place, &password, &[free_port()], 0, &[]).await;
    let again = stage.create("platform_folder", &folder.properties).await.unwrap();
    assert_eq!(again, folder.id, "made a second time");

    stage.delete(&redis).await;
    stage.delete(&folder).await;
    assert!(!wanted.is_symlink() && !wanted.exists() && !std::path::Path::new(&place).exists());
}

/// Should a process still run when the folder goes, it goes too.
#[tokio::test(flavor = "multi_thread")]
async fn removing_the_folder_leaves_no_process() {
    let stage = Stage::new();
    let folder = stage.folder().await;
    let password = stage.secret(&folder.output("path"), "redis").await.output("path");
    server(&stage, &folder.output("path"), &password, &[free_port()], 0, &[]).await;
    assert_eq!(stage.processes().len(), 1);
    stage.delete(&folder).await;
    assert!(stage.processes().is_empty());
}

/// A user that doesn't exist is an error with what to do, not a platform of root's.
#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_user_is_refused() {
    if !rustix::process::geteuid().is_root() {
        return; // Only root chooses whom to run as.
    }
    let stage = Stage::new();
    let error = stage
        .create(
            "platform_folder",
            &json!({ "path": "platform", "run_as": "nobody-at-all" }),
        )
        .await
        .unwrap_err();
    assert!(error.message.contains("nobody-at-all") && error.hint.unwrap().contains("local.run_as"));
}
