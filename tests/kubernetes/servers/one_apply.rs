//! A whole platform in one apply: the program itself, a fake AWS, a real API server as the cluster's, and Helm.

use std::process::Output;

use serde_json::{Value, json};

use super::binary::{Site, plan, text};
use super::cluster::Cluster;
use super::controllers::Controllers;
use super::fake::{Fake, environment};
use super::operators::OPERATORS;

const NAMESPACE: &str = "billing";

/// The fake AWS, the API server that answers for every cluster of it, and charts of the operators.
struct Ground {
    fake: Fake,
    cluster: &'static Cluster,
    charts: tempfile::TempDir,
}

impl Ground {
    fn new() -> Self {
        let fake = Fake::start(&json!({ "creating": { "eks:cluster": 0.5, "eks:nodegroup": 0.3 } }));
        let webhook = format!("{}/_fake/tokenreview", fake.url);
        let cluster: &Cluster = Box::leak(Box::new(Cluster::start(Some(&webhook))));
        let api = json!({ "url": cluster.url, "certificate_authority": cluster.authority });
        fake.configure(&json!({ "eks_api": api }));
        Self {
            fake,
            cluster,
            charts: tempfile::tempdir().unwrap(),
        }
    }

    /// The staging plan with these further settings, each operator from a chart of ours.
    fn run(&self, site: &Site<'_>, verb: &[&str], sets: &[&str]) -> Output {
        let file = plan("staging.yaml").display().to_string();
        let mut arguments: Vec<String> = [verb[0], &file].map(str::to_owned).to_vec();
        arguments.extend(verb[1..].iter().map(|argument| (*argument).to_owned()));
        let mut set = |value: String| arguments.extend(["--set".to_owned(), value]);
        set("edge.create_zone=true".into());
        set("state.lease=5s".into());
        for operator in OPERATORS {
            let chart = operator.chart(self.charts.path());
            set(format!("operators.{}.chart={chart}", operator.name));
        }
        sets.iter().for_each(|value| set((*value).to_owned()));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut command = site.command(&arguments);
        let path = std::env::var("PATH").unwrap();
        let helm = environment("helm-4.3.1");
        assert!(helm.join("helm").is_file(), "no Helm; run `cargo xtask setup`");
        command.env("PATH", format!("{}:{path}", helm.display()));
        command.output().unwrap()
    }
}

fn succeeded(output: &Output) -> String {
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{said}");
    said
}

/// Protects: network, cluster, operators, the kinds that they bring, and everything that runs come in one apply;
/// a second plan is empty; what another manager owns is left alone; what left the plan is pruned; and destroying
/// leaves neither objects nor anything on AWS.
#[test]
fn a_platform_comes_and_goes_in_one_apply() {
    let ground = Ground::new();
    let site = Site::new(&ground.fake);
    std::fs::write(site.folder.path().join("api-keys.jsonl"), "{}\n").unwrap();
    let _controllers = Controllers::over(ground.cluster, NAMESPACE);
    let apply = ["apply", "--auto-approve"];
    succeeded(&ground.run(&site, &apply, &[]));
    let objects = |collection: &str| {
        let (version, plural) = collection.rsplit_once('/').unwrap();
        let api = if version.contains('/') { "apis" } else { "api" };
        ground
            .cluster
            .list(&format!("/{api}/{version}/namespaces/{NAMESPACE}/{plural}"))
    };
    for (collection, count) in [
        ("apps/v1/deployments", 3),
        ("apps/v1/statefulsets", 2),
        ("kafka.strimzi.io/v1/kafkas", 1),
        ("elbv2.k8s.aws/v1beta1/targetgroupbindings", 2),
        ("monitoring.coreos.com/v1/servicemonitors", 4),
        ("v1/secrets", 3),
    ] {
        assert_eq!(objects(collection).len(), count, "{collection}");
    }
    shards_are_reached_by_their_own_password(&objects("v1/secrets"));
    let outputs = succeeded(&ground.run(&site, &["output", "--json"], &[]));
    let outputs: Value = serde_json::from_str(&outputs).unwrap();
    // What runs in the cluster is reached by the names that its services have there.
    for (collection, first) in [
        (
            "v1/services",
            outputs["redis"]["value"]["sentinels"][0].as_str().unwrap(),
        ),
        (
            "kafka.strimzi.io/v1/kafkas",
            outputs["kafka"]["value"][0].as_str().unwrap(),
        ),
    ] {
        let host = first.split(':').next().unwrap();
        let service = host
            .strip_suffix(&format!(".{NAMESPACE}.svc.cluster.local"))
            .unwrap();
        let names = objects(collection);
        let named = |object: &Value| {
            let name = object["metadata"]["name"].as_str().unwrap();
            service.ends_with(&format!(".{name}")) || service == format!("{name}-kafka-bootstrap")
        };
        assert!(names.iter().any(named), "{first} of {names:?}");
    }
    let second = ground.run(&site, &["plan", "--detailed-exitcode"], &[]);
    assert_eq!(second.status.code(), Some(0), "{}", text(&second.stdout));

    // The autoscaler's replicas and somebody's annotation are theirs.
    let api = format!("/apis/apps/v1/namespaces/{NAMESPACE}/deployments/billing-api");
    let theirs = json!({ "metadata": { "annotations": { "team.example/owner": "payments" } } });
    ground.cluster.merge(&api, "somebody", &theirs);
    let scaled = json!({ "spec": { "replicas": 4 } });
    ground.cluster.merge(&api, "kube-controller-manager", &scaled);
    let third = ground.run(&site, &["plan", "--detailed-exitcode"], &[]);
    assert_eq!(third.status.code(), Some(0), "{}", text(&third.stdout));

    // Another image changes the deployment and nothing of theirs.
    let image = "workloads.billing-api.image=valueverse/billing-api:1.0.1";
    succeeded(&ground.run(&site, &apply, &[image]));
    let deployment = ground.cluster.get(&api).unwrap();
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], "valueverse/billing-api:1.0.1");
    assert_eq!(deployment["spec"]["replicas"], 4);
    assert_eq!(
        deployment["metadata"]["annotations"]["team.example/owner"],
        "payments"
    );

    // Without an autoscaler the number of pods is the plan's again, and whoever set it is not passed over silently;
    // the autoscaler itself is pruned.
    let changed = [image, "workloads.billing-api.autoscaling=null"];
    let refused = ground.run(&site, &apply, &changed);
    let said = text(&refused.stderr);
    assert!(
        said.contains("spec.replicas belongs to `kube-controller-manager`"),
        "{said}"
    );
    assert_eq!(objects("autoscaling/v2/horizontalpodautoscalers").len(), 1);
    let forced = ["apply", "--auto-approve", "--force-conflicts"];
    succeeded(&ground.run(&site, &forced, &changed));
    assert_eq!(
        objects("autoscaling/v2/horizontalpodautoscalers"),
        Vec::<Value>::new()
    );
    assert_eq!(ground.cluster.get(&api).unwrap()["spec"]["replicas"], 2);

    let destroy = ["destroy", "--auto-approve", "--destroy-data"];
    let said = succeeded(&ground.run(&site, &destroy, &changed));
    assert!(
        ground
            .cluster
            .get(&format!("/api/v1/namespaces/{NAMESPACE}"))
            .is_none(),
        "{said}"
    );
    // AWS keeps a key for its days of grace.
    let mut left: Vec<Value> = ground.fake.inventory();
    left.retain(|one| one["kind"] != "key_pending_deletion");
    assert!(left.is_empty(), "{left:?}");
}

/// Each shard has its own key with its own host and password.
fn shards_are_reached_by_their_own_password(secrets: &[Value]) {
    use base64::prelude::{BASE64_STANDARD, Engine};
    let shards = secrets
        .iter()
        .find(|secret| secret["metadata"]["name"] == "ingest-shards");
    let data = shards.unwrap()["data"].as_object().unwrap();
    assert_eq!(data.len(), 2);
    for (key, value) in data {
        let value = BASE64_STANDARD.decode(value.as_str().unwrap()).unwrap();
        let value = String::from_utf8(value).unwrap();
        for part in [
            "host='billing-staging-",
            "port='5432'",
            "dbname='billing_db'",
            "user='billing_admin'",
        ] {
            assert!(value.contains(part), "{key} has no {part}");
        }
        assert!(
            value.contains(&format!("billing-staging-{}.", &key["shard-".len()..])),
            "{key}"
        );
    }
}
