//! Roles, keys, secrets, buckets, images and alarms: what the platform's parts stand on.

use std::path::Path;

use serde_json::{Value, json};
use vvbill::plan::Options;
use vvbill::provider::aws::{
    ADDRESS_TAG, Dimension, IamPolicy, MetricAlarm, PLAN_TAG, PolicyDocument, Region, Secret, Tags,
    permissions, quotas,
};
use vvbill::resource::{Address, Desired, Ref, Set};

use super::rig::{Rig, aws, desired, failures, only};

const KINDS: &[&str] = &["ecr_repository", "iam_role", "kms_alias", "kms_key", "s3_bucket"];

/// Protects: what the production plan has of these kinds comes in both regions, needs no second apply, and goes.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_platform_stands_on_comes_and_goes() {
    let rig = Rig::start(json!({})).await;
    let all = desired("production.yaml", &[]);
    let some = only(&all, KINDS);
    for kind in KINDS {
        assert!(
            some.iter().any(|desired| desired.address.kind() == *kind),
            "{kind}"
        );
    }
    rig.live(&some).await;
    let left = rig.left().join("\n");
    assert!(left.contains("pending deletion until 20"), "{left}");
}

/// Protects the critical path: a role that named a database would make the cluster wait for it.
#[test]
fn roles_wait_for_nothing() {
    let all = desired("production.yaml", &["network.flow_logs=true"]);
    let roles = all.iter().filter(|desired| desired.address.kind() == "iam_role");
    let mut names = Vec::new();
    for role in roles {
        assert_eq!(role.dependencies(), [].into(), "{}", role.address);
        let name = role.properties["name"].as_str().unwrap();
        assert!(name.len() <= 64, "{name}");
        names.push(role.address.name().to_owned());
    }
    for expected in [
        "cluster",
        "nodes",
        "ebs-csi",
        "cluster-autoscaler",
        "load-balancer-controller",
        "workload-billing-api",
        "workload-ingest",
        "rds-monitoring",
        "rds-proxy",
        "flow-logs",
    ] {
        assert!(names.iter().any(|name| name == expected), "no role `{expected}`");
    }
}

/// Protects kinds and fields that the plan has none of.
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_a_secret_and_an_alarm_come_and_go() {
    let rig = Rig::start(json!({})).await;
    rig.live(&[policy("s3:GetObject"), secret(None, 7), alarm()])
        .await;
    let left = rig.left().join("\n");
    assert!(left.contains("can be restored for 7 days"), "{left}");
    rig.live(&[secret(None, 0)]).await;
}

/// Protects a policy that changes more often than IAM keeps versions.
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_changes_more_often_than_it_has_versions() {
    let rig = Rig::start(json!({})).await;
    for action in 0..8 {
        let wanted = [policy(&format!("s3:Action{action}"))];
        rig.apply(&wanted).await;
        rig.assert_settled(&wanted).await;
    }
    let left = rig.destroy().await;
    assert!(left.is_success(), "{}", failures(&left));
}

/// Protects a secret: another source is another version, the same one is none; what was destroyed comes back.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_has_a_version_for_each_source() {
    let rig = Rig::start(json!({})).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "correct-horse-battery\n").unwrap();
    let from_file = secret(Some(&format!("file:{}", file.path().display())), 7);
    rig.apply(&[secret(None, 7)]).await;
    let generated = version(&rig).await;
    rig.apply(std::slice::from_ref(&from_file)).await;
    rig.assert_settled(std::slice::from_ref(&from_file)).await;
    let given = version(&rig).await;
    assert_ne!(generated, given);
    rig.apply(&[secret(None, 7)]).await;
    assert!(![generated, given].contains(&version(&rig).await));
    let gone = rig.destroy().await;
    assert!(gone.is_success(), "{}", failures(&gone));
    rig.apply(std::slice::from_ref(&from_file)).await;
    rig.assert_settled(&[from_file]).await;
}

/// Protects: of each of these kinds, what somebody changed outside is seen and brought back.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_outside_is_seen_and_brought_back() {
    let rig = Rig::start(json!({})).await;
    let all = desired("production.yaml", &[]);
    let mut some = only(&all, KINDS);
    some.extend([policy("s3:GetObject"), secret(None, 7), alarm()]);
    rig.apply(&some).await;
    let state = rig.state().await;
    let mut of_kind = std::collections::BTreeMap::new();
    for record in state.resources.values() {
        let region = match record.address.region() {
            "global" => "us-east-1",
            region => region,
        };
        let script = json!({ "kind": record.address.kind(), "region": region, "id": record.id });
        of_kind
            .entry(record.address.kind())
            .or_insert((&record.address, script));
    }
    let scripts: Vec<&Value> = of_kind.values().map(|(_, script)| script).collect();
    rig.fake
        .boto(&Rig::script("drift/run.py"), &[&json!(scripts).to_string()]);
    let seen = rig.plan(&some, &Options::default()).await;
    let seen: Vec<String> = seen.changes().map(|action| action.address.to_string()).collect();
    for (kind, (address, _)) in &of_kind {
        assert!(
            seen.contains(&address.to_string()),
            "{kind} was changed, and not seen: {seen:?}"
        );
    }
    rig.apply(&some).await;
    rig.assert_settled(&some).await;
}

/// Protects: what was read from a file is nowhere in what is kept or told.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_kept_by_nobody_else() {
    let rig = Rig::start(json!({})).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "correct-horse-battery\n").unwrap();
    rig.apply(&[secret(Some(&format!("file:{}", file.path().display())), 7)])
        .await;
    let events = format!("{:?}", rig.events.lock().unwrap());
    assert!(!events.contains("correct-horse"), "{events}");
    assert_silent(rig.folder.path());
}

fn assert_silent(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_silent(&path);
        } else {
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
            assert!(!text.contains("correct-horse"), "{}", path.display());
        }
    }
}

/// Protects somebody else's: what has the name and isn't this plan's is left alone, and the error says how to go on.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_somebody_elses_is_refused() {
    let rig = Rig::start(json!({})).await;
    rig.fake.boto(&Rig::script("foreign.py"), &[]);
    let all = desired("production.yaml", &[]);
    let alias = all
        .iter()
        .filter(|wanted| ["kms_key", "kms_alias"].contains(&wanted.address.kind()))
        .filter(|wanted| wanted.address.name() == "cache" && wanted.address.region() == "us-east-1");
    let mut wanted: Vec<Desired> = alias.cloned().collect();
    wanted.extend([policy("s3:GetObject"), secret(None, 7), alarm()]);
    let outcome = rig.run(&wanted, &Options::default()).await;
    let said = failures(&outcome);
    for kind in [
        "kms_alias/cache",
        "iam_policy/readers",
        "secret/token",
        "metric_alarm/lag",
    ] {
        assert!(said.contains(kind), "{kind} was taken: {said}");
    }
    assert_eq!(outcome.failed.len(), 4, "{said}");
}

/// Protects a bucket of logs: it is emptied, its versions too, and one of data is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_of_logs_goes_with_what_is_in_it() {
    let rig = Rig::start(json!({})).await;
    let logs = only(&desired("production.yaml", &[]), &["s3_bucket"]);
    rig.apply(&logs).await;
    for bucket in rig.state().await.resources.values() {
        rig.fake.boto(&Rig::script("fill.py"), &[&bucket.id]);
    }
    let gone = rig.destroy().await;
    assert!(gone.is_success(), "{}", failures(&gone));
    assert_eq!(rig.unexplained(), Vec::<String>::new());

    let mut data = logs[0].clone();
    data.properties["disposable"] = json!(false);
    rig.apply(&[data]).await;
    for bucket in rig.state().await.resources.values() {
        rig.fake.boto(&Rig::script("fill.py"), &[&bucket.id]);
    }
    let said = failures(&rig.destroy().await);
    assert!(said.contains("is not empty"), "{said}");
}

/// Protects the look before anything is made.
#[tokio::test(flavor = "multi_thread")]
async fn quotas_and_permissions_are_told_or_said_not_to_be() {
    let rig = Rig::start(json!({
        "quotas": { "vpc:L-F678F1CE": 7 },
        "simulate_deny": ["ec2:Create*"],
    }))
    .await;
    let aws = aws(&rig.fake.url).await;
    let region = aws.region("us-east-1").await;
    let cloud: &Region = &region.cloud;
    assert_eq!(quotas::VPCS.ask(cloud).await, Ok(7.0));
    for quota in quotas::ALL {
        assert!(quota.ask(cloud).await.is_ok(), "{}", quota.name);
    }
    let unknown = quotas::Quota {
        code: "L-00000000",
        ..quotas::VPCS
    };
    let answer = unknown.ask(cloud).await.unwrap_err();
    assert!(answer.starts_with("could not be asked: "), "{answer}");
    let denied = permissions::denied(cloud, &["ec2:CreateVpc", "ec2:DescribeVpcs"]).await;
    assert_eq!(denied, Ok(vec!["ec2:CreateVpc".to_owned()]));
    rig.fake
        .configure(&json!({ "deny": ["iam:SimulatePrincipalPolicy", "servicequotas:*"] }));
    let answer = permissions::denied(cloud, &["ec2:CreateVpc"]).await.unwrap_err();
    assert!(answer.starts_with("could not be asked: "), "{answer}");
}

async fn version(rig: &Rig) -> Value {
    let address = address("us-east-1", "secret", "token");
    rig.state().await.resources[&address].outputs["version"].clone()
}

fn address(region: &str, kind: &str, name: &str) -> Address {
    Address::new("aws", region, kind, name)
}

fn tags(address: &Address) -> Tags {
    let pairs = [(PLAN_TAG, "test".to_owned()), (ADDRESS_TAG, address.to_string())];
    pairs
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

fn wanted(address: Address, resource: &impl serde::Serialize) -> Desired {
    Desired {
        address,
        properties: serde_json::to_value(resource).unwrap(),
        depends_on: [].into(),
        protect: false,
        section: "test".into(),
        origin: "test".into(),
    }
}

fn policy(action: &str) -> Desired {
    let address = address("global", "iam_policy", "readers");
    let policy = IamPolicy {
        name: "readers".into(),
        description: "those who read".into(),
        document: PolicyDocument::new(vec![
            json!({ "Effect": "Allow", "Action": action, "Resource": "*" }),
        ]),
        tags: tags(&address),
    };
    wanted(address, &policy)
}

fn secret(source: Option<&str>, recovery_days: i64) -> Desired {
    let address = address("us-east-1", "secret", "token");
    let secret = Secret {
        name: "token".into(),
        description: "opens the cache".into(),
        kms_key: None,
        source: source.map(str::to_owned),
        recovery_days,
        tags: tags(&address),
    };
    wanted(address, &secret)
}

fn alarm() -> Desired {
    let address = address("us-east-1", "metric_alarm", "lag");
    let dimension = |name: &str, value: &str| Dimension {
        name: name.into(),
        value: Ref::Known(value.into()),
    };
    let alarm = MetricAlarm {
        name: "lag".into(),
        description: "behind".into(),
        namespace: "AWS/ApplicationELB".into(),
        metric: "UnHealthyHostCount".into(),
        dimensions: vec![
            dimension(
                "TargetGroup",
                "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/api/73e2d6bc24d8a067",
            ),
            dimension("LoadBalancer", "app/billing/50dc6c495c0c9188"),
        ],
        statistic: "Maximum".into(),
        period_seconds: 60,
        periods: 5,
        bad_periods: 3,
        comparison: "GreaterThanThreshold".into(),
        threshold: 0.5,
        missing_data: "missing".into(),
        actions_enabled: true,
        alarm_actions: Set::default(),
        ok_actions: Set::default(),
        tags: tags(&address),
    };
    wanted(address, &alarm)
}
