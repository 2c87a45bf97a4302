//! Secrets: written from where they are kept, never read back, never printed.

use std::collections::BTreeMap;

use serde_json::json;
use vvbill::plan::Options;
use vvbill::provider::kubernetes::{SecretObject, SecretSource};
use vvbill::resource::{Desired, Ref};

use super::cluster::shared;
use super::rig::{Rig, cluster, of};

fn secret(rig: &Rig, source: &str, version: &str) -> Desired {
    let manifest = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": { "name": "password", "namespace": rig.namespace, "labels": { "app": "api" } },
    });
    let data = BTreeMap::from([("password".to_owned(), SecretSource::Place(source.into()))]);
    let secret = SecretObject::new(cluster(None), manifest, data);
    let secret = secret.with_version("password", Ref::Known(version.into()));
    of("secret", "password", serde_json::to_value(secret).unwrap())
}

fn live(rig: &Rig) -> serde_json::Value {
    shared().get(&rig.path("v1/secrets", "password")).unwrap()
}

/// Protects: the value reaches the cluster and no plan, state, journal or event; a second plan is empty; another
/// version has it fetched again.
#[tokio::test(flavor = "multi_thread")]
async fn a_value_goes_to_the_cluster_and_nowhere_else() {
    let rig = Rig::new();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "hunter2-first\n").unwrap();
    let source = format!("file:{}", file.path().display());
    let first = [secret(&rig, &source, "1")];
    let plan = rig.plan(&first).await;
    rig.apply(&first).await;
    assert_eq!(live(&rig)["data"]["password"], "aHVudGVyMi1maXJzdA==");
    rig.assert_settled(&first).await;

    std::fs::write(file.path(), "hunter2-second\n").unwrap();
    rig.assert_settled(&first).await;
    let second = [secret(&rig, &source, "2")];
    assert_eq!(rig.changes(&second).await, ["update password /versions/password"]);
    rig.apply(&second).await;
    assert_eq!(live(&rig)["data"]["password"], "aHVudGVyMi1zZWNvbmQ=");
    rig.assert_settled(&second).await;

    let written = format!(
        "{} {} {}",
        json!(plan),
        String::from_utf8(rig.state().await.to_json()).unwrap(),
        rig.progress().join("\n")
    );
    for value in ["hunter2", "aHVudGVyMi"] {
        assert!(!written.contains(value), "{written}");
    }
}

/// Protects: a value that somebody overwrote shows, with their name.
#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_somebody_overwrote_is_drift() {
    let rig = Rig::new();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "right").unwrap();
    let all = [secret(&rig, &format!("file:{}", file.path().display()), "1")];
    rig.apply(&all).await;
    let path = rig.path("v1/secrets", "password");
    shared().merge(
        &path,
        "kubectl-edit",
        &json!({ "data": { "password": "d3Jvbmc=" } }),
    );
    let plan = rig.plan(&all).await;
    let drift = json!(plan.drift).to_string();
    assert!(drift.contains("written by kubectl-edit"), "{drift}");
}

/// Protects: a source that holds nothing stops before anything is written, and says which one; the plan already
/// does.
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_value_is_named_by_its_place() {
    let rig = Rig::new();
    for (source, word) in [
        ("env:VVBILL_TEST_NOT_SET", "NOT_SET"),
        ("file:not/there", "not/there"),
    ] {
        let concerns = rig.preflight(&[secret(&rig, source, "1")]).await;
        let said: Vec<&str> = concerns.iter().map(|concern| concern.message.as_str()).collect();
        assert!(matches!(said[..], [only] if only.contains(word)), "{said:?}");
    }
    let outcome = rig
        .run(
            &[secret(&rig, "env:VVBILL_TEST_NOT_SET", "1")],
            &Options::default(),
        )
        .await;
    let why = super::rig::failures(&outcome);
    assert!(why.contains("VVBILL_TEST_NOT_SET"), "{why}");
    assert_eq!(shared().get(&rig.path("v1/secrets", "password")), None);
}
