//! Operators: looked for where somebody else installs them, with the command that would.

use serde_json::{Value, json};
use vvbill::provider::kubernetes::HelmRelease;
use vvbill::resource::Desired;

use super::rig::{Rig, cluster, desired, of};

fn release(definition: &str) -> Desired {
    let release = HelmRelease {
        cluster: cluster(None),
        name: "queues".into(),
        namespace: "queues".into(),
        chart: "queue-operator".into(),
        repository: Some("https://charts.example/".into()),
        version: "1.2.3".into(),
        values: serde_json::Map::from_iter([("watch".to_owned(), json!(["billing"]))]),
        install: false,
        definitions: [definition.to_owned()].into(),
    };
    of("helm_release", "queues", serde_json::to_value(release).unwrap())
}

fn definition(group: &str) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("queues.{group}") },
        "spec": {
            "group": group, "scope": "Namespaced",
            "names": { "plural": "queues", "singular": "queue", "kind": "Queue" },
            "versions": [{ "name": "v1", "served": true, "storage": true,
                "schema": { "openAPIV3Schema": { "type": "object" } } }],
        },
    })
}

/// Protects: an operator that is not there stops what needs it, and the message can be typed as it stands; once it
/// is there, nothing is changed and nothing is deleted.
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_operator_is_named_with_the_command_that_installs_it() {
    let rig = Rig::new();
    let all = [release("queues.helm.vvbill.test")];
    let why = rig.fail(&all).await;
    assert!(
        why.contains("the cluster has no queues.helm.vvbill.test"),
        "{why}"
    );
    let command = "helm upgrade --install queues queue-operator --repo https://charts.example/ --version 1.2.3 \
                   --namespace queues --create-namespace --set-json 'watch=[\"billing\"]'";
    assert!(why.contains(command), "{why}");

    let somebody = Rig::new();
    somebody.apply(&[desired(definition("helm.vvbill.test"))]).await;
    rig.apply(&all).await;
    rig.assert_settled(&all).await;
    rig.destroy().await;
    somebody
        .assert_settled(&[desired(definition("helm.vvbill.test"))])
        .await;
}
