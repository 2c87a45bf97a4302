//! SIGKILL between journal points: the next run finds what was made, and nothing is made twice or left.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use vvbill::apply::{self, Event, Interrupt, Session};
use vvbill::plan::{self, Options};
use vvbill::provider::Providers;
use vvbill::provider::kubernetes::NAME;
use vvbill::resource::Desired;
use vvbill::state::{FileStore, LockOptions, Store};

use super::cluster::shared;
use super::controllers::Controllers;
use super::rig::{Rig, after, cluster_of, desired_in, provider, quick};

const TEST: &str = "servers::crash::killed_at_any_moment_it_converges";

fn platform(rig: &Rig, kubeconfig: &str) -> Vec<Desired> {
    let cluster = || cluster_of(kubeconfig);
    let mut all: Vec<Desired> = Vec::new();
    for number in 0..6 {
        let manifest = rig.config_map(&format!("settings-{number}"), &json!({ "a": "1" }));
        let one = desired_in(cluster(), manifest);
        let before: Vec<&Desired> = all.last().into_iter().collect();
        let one = after(one, &before);
        all.push(one);
    }
    let last: Vec<&Desired> = all.last().into_iter().collect();
    let deployment = after(desired_in(cluster(), rig.deployment("api")), &last);
    all.push(deployment);
    all
}

/// Protects: killed at growing times after its start, an apply is taken up by the next; in the end the second plan
/// is empty, and destroying leaves nothing.
#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_it_converges() {
    if std::env::var_os("VVBILL_TEST_CHILD").is_some() {
        return child().await;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::new();
    rig.store = Arc::new(FileStore::new(folder.path()));
    let _controllers = Controllers::start(&rig.namespace);
    let kubeconfig = shared().kubeconfig().display().to_string();
    let mut killed = 0;
    for round in 0..12 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([TEST, "--exact", "--nocapture", "--test-threads=1"])
            .env("VVBILL_TEST_CHILD", folder.path())
            .env("VVBILL_TEST_NAMESPACE", &rig.namespace)
            .env("VVBILL_TEST_KUBECONFIG", &kubeconfig)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(60 + 35 * round)).await;
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            killed += 1;
        }
        child.wait().unwrap();
    }
    println!("{killed} kills");
    assert!(killed > 2, "only {killed} kills before it was done");
    let all = platform(&rig, &kubeconfig);
    rig.apply(&all).await;
    rig.assert_settled(&all).await;
    let state = rig.state().await;
    assert_eq!(state.resources.len(), all.len());
    assert!(state.pending_operations.is_empty() && state.deposed.is_empty());
    rig.destroy().await;
    let left = shared().list(&format!("/api/v1/namespaces/{}/configmaps", rig.namespace));
    assert!(left.is_empty(), "left behind: {left:?}");
}

/// One apply in this process, until it is killed.
async fn child() {
    let folder = PathBuf::from(std::env::var_os("VVBILL_TEST_CHILD").unwrap());
    let rig = Rig::over(&std::env::var("VVBILL_TEST_NAMESPACE").unwrap());
    let providers = Providers::new(vec![Arc::new(provider(false))]);
    let store: Arc<dyn Store> = Arc::new(FileStore::new(folder));
    let options = LockOptions {
        lease: Duration::from_millis(50),
        timeout: Duration::from_secs(20),
        ..LockOptions::new("apply")
    };
    let observer = |_: &Event| {};
    let mut session = Session::open(store, Some(options), &observer).await.unwrap();
    let observed = apply::observe(&mut session, &providers, 10, true, &observer)
        .await
        .unwrap();
    let input = plan::Input {
        name: "test",
        target: NAME,
        desired: platform(&rig, &std::env::var("VVBILL_TEST_KUBECONFIG").unwrap()),
        state: session.state(),
        observed,
        facts: &|address| providers.facts(address),
        now: jiff::Timestamp::now(),
    };
    let plan = plan::make(input, &Options::default()).unwrap();
    let _ = apply::apply(
        &mut session,
        &providers,
        &plan,
        &quick(),
        &observer,
        &Interrupt::new(),
    )
    .await;
    session.close().await.unwrap();
}
