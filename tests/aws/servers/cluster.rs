//! EKS: clusters of the production plan in both regions, on ground that is made without vvbill.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use vvbill::apply::Outcome;
use vvbill::plan::{Options, Verb};
use vvbill::provider::aws::eks::{AccessEntry, AccessPolicy, cluster_versions, judge};
use vvbill::resource::{Address, Desired, Ref, reference, references};

use super::rig::{Rig, aws, desired, failures};

const CLUSTER: &str = "aws/us-east-1/eks_cluster/main";
const APP_NODES: &str = "aws/us-east-1/eks_node_group/app-nodes";

/// Each thing takes a moment, so that what is wrongly thought to be ready shows.
fn moments() -> Value {
    json!({ "creating": { "*": 0.15 }, "modifying": { "*": 0.15 }, "deleting": { "*": 0.1 } })
}

/// A rig, and the cluster of the plan over ground that is there.
struct Stage {
    rig: Rig,
    outputs: BTreeMap<String, Value>,
}

impl Stage {
    async fn start(config: Value) -> Self {
        let rig = Rig::start(config).await;
        let roles: BTreeSet<String> = of_the_plan(&[])
            .iter()
            .flat_map(|desired| references(&desired.properties))
            .filter(|address| address.kind() == "iam_role")
            .map(|address| address.name().to_owned())
            .collect();
        let roles: Vec<&str> = roles.iter().map(String::as_str).collect();
        let printed = rig.fake.boto(&Rig::script("ground/cluster.py"), &roles);
        Self {
            outputs: serde_json::from_str(&printed).unwrap(),
            rig,
        }
    }

    /// What the plan asks of EKS, with references to what it stands on replaced by what is there.
    fn desired(&self, set: &[&str]) -> Vec<Desired> {
        let mut all = of_the_plan(set);
        let own: BTreeSet<Address> = all.iter().map(|desired| desired.address.clone()).collect();
        for desired in &mut all {
            desired.depends_on.retain(|address| own.contains(address));
            self.ground(&mut desired.properties, &own);
        }
        all
    }

    fn ground(&self, value: &mut Value, own: &BTreeSet<Address>) {
        if let Some((of, name)) = reference(value).filter(|(of, _)| !own.contains(of)) {
            *value = self.outputs[of.as_str()][&name].clone();
            return;
        }
        match value {
            Value::Object(map) => map.values_mut().for_each(|inner| self.ground(inner, own)),
            Value::Array(items) => items.iter_mut().for_each(|inner| self.ground(inner, own)),
            _ => {}
        }
    }

    async fn apply(&self, desired: &[Desired]) {
        self.rig.apply(desired).await;
        self.rig.assert_settled(desired).await;
    }

    async fn refused(&self, desired: &[Desired]) -> Outcome {
        let outcome = self.rig.run(desired, &Options::default()).await;
        assert!(!outcome.is_success());
        outcome
    }

    fn calls(&self, operation: &str) -> u64 {
        self.rig.fake.stats()["operations"][operation]
            .as_u64()
            .unwrap_or(0)
    }
}

/// The kinds of this subsystem, as the production plan has them.
fn of_the_plan(set: &[&str]) -> Vec<Desired> {
    let mut all = desired("production.yaml", set);
    all.retain(|desired| {
        let kind = desired.address.kind();
        kind.starts_with("eks_")
            || kind == "launch_template"
            || desired.address.name() == "eks" && kind == "log_group"
    });
    all
}

fn one<'a>(all: &'a mut [Desired], address: &str) -> &'a mut Value {
    let found = all.iter_mut().find(|desired| desired.address.as_str() == address);
    &mut found
        .unwrap_or_else(|| panic!("the plan has no {address}"))
        .properties
}

/// Protects: everything comes up in both regions, stays as it is, and goes without a rest.
#[tokio::test(flavor = "multi_thread")]
async fn clusters_of_both_regions_come_and_go() {
    let stage = Stage::start(moments()).await;
    let before = stage.rig.fake.inventory();
    let wanted = stage.desired(&[]);
    stage.apply(&wanted).await;
    let outcome = stage.rig.destroy().await;
    assert!(outcome.is_success(), "{}", failures(&outcome));
    assert_eq!(json!(stage.rig.fake.inventory()), json!(before));
}

/// Protects: EKS takes one kind of change a call and one minor version an upgrade; a plan may ask for all at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_takes_many_changes_one_after_another() {
    let stage = Stage::start(moments()).await;
    let old = [
        "eks.version=1.33",
        "eks.support_type=EXTENDED",
        "eks.encrypt_secrets=false",
    ];
    stage.apply(&stage.desired(&old)).await;
    let new = ["eks.logs=[api,audit]", "eks.public_access_cidrs=[203.0.113.0/24]"];
    let mut wanted = stage.desired(&new);
    let subnets = one(&mut wanted, CLUSTER)["subnets"].as_array_mut().unwrap();
    subnets.pop();
    stage.apply(&wanted).await;
    assert_eq!(stage.calls("eks.UpdateClusterVersion"), 4, "two in each region");
    assert_eq!(stage.calls("eks.AssociateEncryptionConfig"), 2);
}

/// Protects: nothing goes back to an older version, and the message says what to write instead.
#[tokio::test(flavor = "multi_thread")]
async fn an_older_version_is_refused() {
    let stage = Stage::start(json!({})).await;
    stage.apply(&stage.desired(&[])).await;
    let outcome = stage.refused(&stage.desired(&["eks.version=1.34"])).await;
    let said = failures(&outcome);
    assert!(
        said.contains("runs Kubernetes 1.35, and EKS does not go back to 1.34"),
        "{said}"
    );
    let hints: Vec<_> = outcome
        .failed
        .iter()
        .filter_map(|failed| failed.hint.clone())
        .collect();
    assert!(
        hints
            .iter()
            .any(|hint| hint.contains("set eks.version: \"1.35\"")),
        "{hints:?}"
    );
}

/// Protects: labels, taints, bounds and the template of nodes change in place, in as many calls as EKS wants.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_change_in_place() {
    let stage = Stage::start(moments()).await;
    stage.apply(&stage.desired(&[])).await;
    let mut wanted = stage.desired(&[
        "eks.node_groups.app-nodes.volume_size=120GiB",
        "eks.node_groups.app-nodes.instance_type=m6i.2xlarge",
        "eks.node_groups.app-nodes.min=10",
        "eks.node_groups.app-nodes.desired=10",
        "operating_system.limits.open_files=100000",
    ]);
    let group = one(&mut wanted, APP_NODES);
    group["labels"] = json!({ "tier": "app" });
    group["taints"] = json!([{ "key": "tier", "value": "app", "effect": "PREFER_NO_SCHEDULE" }]);
    let plan = stage.rig.plan(&wanted, &Options::default()).await;
    let verbs: BTreeSet<Verb> = plan.changes().map(|action| action.verb).collect();
    assert_eq!(verbs, BTreeSet::from([Verb::Update]), "nothing is replaced");
    stage.apply(&wanted).await;
    one(&mut wanted, APP_NODES)["taints"] = json!([]);
    stage.apply(&wanted).await;
}

/// Protects: a plan that leaves the number of nodes to an autoscaler doesn't set it back.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_autoscaler_does_is_its_own() {
    let stage = Stage::start(json!({})).await;
    let wanted = stage.desired(&[]);
    stage.apply(&wanted).await;
    stage.rig.fake.boto(
        &Rig::script("ground/scale.py"),
        &["valueverse-billing-prod", "app-nodes", "13"],
    );
    stage.rig.assert_settled(&wanted).await;
    let kept = stage.desired(&["eks.node_autoscaler=none"]);
    let plan = stage.rig.plan(&kept, &Options::default()).await;
    let changed: Vec<String> = plan
        .changes()
        .flat_map(|action| {
            action
                .changes
                .iter()
                .map(|change| format!("{}{}", action.address, change.path))
        })
        .collect();
    assert!(
        changed.contains(&format!("{APP_NODES}/scaling/desired")),
        "{changed:?}"
    );
}

/// Protects: whatever somebody changes behind our back is seen and set right.
#[tokio::test(flavor = "multi_thread")]
async fn what_drifts_is_set_right() {
    let stage = Stage::start(json!({})).await;
    let mut wanted = stage.desired(&[]);
    wanted.push(viewer(&stage));
    stage.apply(&wanted).await;
    for address in [
        "aws/us-east-1/launch_template/app-nodes",
        CLUSTER,
        APP_NODES,
        "aws/us-east-1/eks_addon/coredns",
        "aws/us-east-1/eks_access_entry/viewer",
        "aws/us-east-1/eks_pod_identity_association/billing-api",
    ] {
        let address: Address = address.parse().unwrap();
        let state = stage.rig.state().await;
        let id = state.resources[&address].id.clone();
        let script = Rig::script(&format!("drift/{}.py", address.kind()));
        stage.rig.fake.boto(&script, &[&id]);
        let plan = stage.rig.plan(&wanted, &Options::default()).await;
        let changed: Vec<&Address> = plan.changes().map(|action| &action.address).collect();
        assert!(changed.contains(&&address), "{address}: {changed:?}");
        stage.apply(&wanted).await;
    }
}

/// An access entry, which no plan has: it may only look, and only in one namespace.
fn viewer(stage: &Stage) -> Desired {
    let role = stage.outputs["aws/global/iam_role/workload-billing-api"]["arn"].clone();
    let address: Address = "aws/us-east-1/eks_access_entry/viewer".parse().unwrap();
    let cluster: Address = CLUSTER.parse().unwrap();
    let entry = AccessEntry {
        cluster: Ref::output(&cluster, "name"),
        principal: Ref::Known(role.as_str().unwrap().to_owned()),
        kind: "STANDARD".into(),
        kubernetes_groups: ["viewers".to_owned()].into(),
        policies: [AccessPolicy {
            arn: "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy".into(),
            namespaces: ["billing".to_owned()].into(),
        }]
        .into(),
        tags: [("vvbill:plan", "test"), ("vvbill:address", address.as_str())]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
    };
    Desired {
        properties: serde_json::to_value(&entry).unwrap(),
        address,
        depends_on: BTreeSet::new(),
        protect: false,
        section: "eks".into(),
        origin: "eks".into(),
    }
}

/// Protects: lost answers, throttling and late readers make nothing twice and lose nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_comes_up_through_faults() {
    let stage = Stage::start(json!({})).await;
    let before = stage.rig.fake.inventory();
    let seed = 7;
    println!("seed {seed}");
    stage.rig.fake.configure(&json!({
        "eventual": 0.2,
        "creating": { "*": 0.1 },
        "modifying": { "*": 0.1 },
        "faults": { "seed": seed, "throttle": 0.08, "error500": 0.05, "drop": 0.04, "apply_then_drop": 0.08 },
    }));
    let wanted = stage.desired(&["eks.version=1.34"]);
    stage.rig.converge(&wanted, 6).await;
    let newer = stage.desired(&["eks.logs=[api,audit,scheduler]"]);
    stage.rig.converge(&newer, 6).await;
    stage
        .rig
        .fake
        .configure(&json!({ "faults": null, "eventual": 0.0 }));
    stage.rig.assert_settled(&newer).await;
    let outcome = stage.rig.destroy().await;
    assert!(outcome.is_success(), "{}", failures(&outcome));
    assert_eq!(json!(stage.rig.fake.inventory()), json!(before));
}

/// Protects: which versions EKS offers is asked of EKS.
#[tokio::test(flavor = "multi_thread")]
async fn the_versions_on_offer_are_asked_for() {
    let rig = Rig::start(json!({})).await;
    let region = aws(&rig.fake.url).await.region("eu-west-1").await;
    let offered = cluster_versions(&region.cloud).await.unwrap();
    assert_eq!(judge(&offered, "1.35"), Ok(()));
    let why = judge(&offered, "1.28").unwrap_err();
    assert!(
        why.starts_with("EKS doesn't offer Kubernetes 1.28; it takes 1.35"),
        "{why}"
    );
}
