//! `eksctl/`: a ClusterConfig a region, with the specification's figures.

use serde_json::{Value, json};
use vvbill::render::Format;
use vvbill::state::State;

use super::plans::{files, files_with};

fn config(plan: &str, region: &str) -> Value {
    let files = files(plan, &[Format::Eksctl]);
    let end = format!("-{region}.yaml");
    let file = files.iter().find(|file| file.path.ends_with(&end)).unwrap();
    serde_yaml::from_str(&file.text).unwrap_or_else(|why| panic!("{plan}: {why}: {}", file.text))
}

/// Protects: the specification's listing comes out as it was written.
#[test]
fn the_specification_s_listing_is_rendered() {
    let config = config("specification", "us-east-1");
    assert_eq!(config["metadata"]["name"], "valueverse-billing-prod");
    assert_eq!(config["metadata"]["version"], "1.28");
    let groups = config["nodeGroups"].as_array().unwrap();
    let group = |name: &str| groups.iter().find(|group| group["name"] == name).unwrap();
    let app = group("app-nodes");
    for (key, value) in [
        ("instanceType", json!("m6i.xlarge")),
        ("desiredCapacity", json!(8)),
        ("minSize", json!(4)),
        ("maxSize", json!(16)),
        ("volumeSize", json!(100)),
        ("volumeType", json!("gp3")),
        ("ebsOptimized", json!(true)),
    ] {
        assert_eq!(app[key], value, "{key}");
    }
    let kafka = group("kafka-nodes");
    assert_eq!(
        kafka["taints"],
        json!([{ "key": "workload", "value": "kafka", "effect": "NoSchedule" }])
    );
    assert_eq!(kafka["volumeSize"], 500);
    assert!(config["managedNodeGroups"].is_null());
    let files = files("specification", &[Format::Eksctl]);
    let text = &files[0].text;
    let before = text
        .split("  version: \"1.28\"")
        .next()
        .unwrap()
        .lines()
        .last()
        .unwrap();
    assert!(before.trim_start().starts_with("# VV1"), "{before}");
}

/// Protects: production's groups are EKS's own, with what its pods need of the cluster.
#[test]
fn production_is_managed_and_encrypted() {
    let config = config("production", "us-east-1");
    assert!(config["nodeGroups"].is_null());
    assert_eq!(config["managedNodeGroups"].as_array().unwrap().len(), 2);
    assert_eq!(config["vpc"]["cidr"], "10.0.0.0/16");
    assert_eq!(config["upgradePolicy"]["supportType"], "STANDARD");
    assert_eq!(
        config["secretsEncryption"]["keyARN"],
        "REPLACE-ME-aws-us-east-1-kms_key-eks-arn"
    );
    let addons = config["addons"].as_array().unwrap();
    for name in [
        "vpc-cni",
        "aws-ebs-csi-driver",
        "metrics-server",
        "eks-pod-identity-agent",
    ] {
        assert!(addons.iter().any(|addon| addon["name"] == name), "{name}");
    }
    let accounts = config["iam"]["podIdentityAssociations"].to_string();
    assert!(accounts.contains("cluster-autoscaler") && accounts.contains("awsLoadBalancerController"));
}

/// Protects: a region that stands by has half the nodes, but one for each broker.
#[test]
fn a_region_that_stands_by_has_fewer_nodes() {
    let config = config("production", "eu-west-1");
    let sizes: Vec<(&str, u64)> = config["managedNodeGroups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| {
            (
                group["name"].as_str().unwrap(),
                group["desiredCapacity"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(sizes, [("app-nodes", 2), ("kafka-nodes", 3)]);
    assert_eq!(config["vpc"]["cidr"], "10.1.0.0/16");
    assert_eq!(
        config["availabilityZones"],
        json!(["eu-west-1a", "eu-west-1b", "eu-west-1c"])
    );
}

/// Protects: where vvbill has made the network, eksctl is given that one.
#[test]
fn a_network_of_the_state_is_taken() {
    let record = |address: &str, id: &str| {
        let kind = address.split('/').nth(2).unwrap();
        json!({
            "address": address, "kind": kind, "id": id, "status": "ready", "properties": {},
            "outputs": { "id": id }, "created_at": "2026-11-24T00:00:00Z", "updated_at": "2026-11-24T00:00:00Z",
        })
    };
    let state = json!({
        "format_version": 1, "vvbill_version": "0.1.0", "serial": 1, "pending_operations": [],
        "lineage": "6f0d7b34-5d5c-4a49-9d1e-6a1d7a0f0b11",
        "resources": [
            record("aws/us-east-1/vpc/main", "vpc-1"),
            record("aws/us-east-1/subnet/private-a", "subnet-a"),
            record("aws/us-east-1/subnet/private-b", "subnet-b"),
        ],
    });
    let state = State::from_edited_json(state.to_string().as_bytes()).unwrap();
    let files = files_with("production", &[Format::Eksctl], Some(&state));
    let first = files.iter().find(|file| file.path.contains("us-east-1")).unwrap();
    let config: Value = serde_yaml::from_str(&first.text).unwrap();
    assert_eq!(config["vpc"]["id"], "vpc-1");
    assert_eq!(
        config["vpc"]["subnets"]["private"]["us-east-1b"]["id"],
        "subnet-b"
    );
    assert!(config["vpc"]["cidr"].is_null() && config["availabilityZones"].is_null());
}
