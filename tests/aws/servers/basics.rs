//! The frame itself: one kind found by tag, one by name.

use serde_json::json;

use super::rig::{Rig, desired, only};

/// Protects: what is applied is there, nothing is left to change, and destroying it leaves nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_network_and_a_log_group_come_and_go() {
    let rig = Rig::start(json!({})).await;
    let all = desired("production.yaml", &[]);
    let some = only(&all, &["vpc", "log_group"]);
    assert!(!some.is_empty());
    rig.live(&some).await;
}
