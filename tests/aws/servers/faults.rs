//! An AWS that throttles, fails, drops connections and shows what was written only later.

use serde_json::json;

use super::production::UNPROTECTED;
use super::rig::{Rig, desired, failures, seed};

/// Protects: with 30 % of calls throttled or failing and reads that lag, the same command run again comes to
/// its end, and destroying what it made leaves nothing: so nothing was made twice or lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_third_of_all_calls_fails_and_it_converges() {
    let seed = seed();
    let rig = Rig::start(json!({})).await;
    rig.fake.configure(&json!({
        "faults": { "seed": seed, "throttle": 0.14, "error500": 0.08, "drop": 0.04, "apply_then_drop": 0.04 },
        "eventual": 0.2,
    }));
    let all = desired("production.yaml", &UNPROTECTED);
    rig.converge(&all, 8).await;
    let stats = rig.fake.stats();
    rig.fake.configure(&json!({
        "faults": { "throttle": 0.0, "error500": 0.0, "drop": 0.0, "apply_then_drop": 0.0 }, "eventual": 0.0,
    }));
    println!("faults: {}", stats["faults"]);
    rig.assert_settled(&all).await;
    let outcome = rig.destroy().await;
    assert!(outcome.is_success(), "{}", failures(&outcome));
    let left = rig.unexplained();
    assert!(left.is_empty(), "made twice or orphaned:\n{}", left.join("\n"));
}
