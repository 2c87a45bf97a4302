//! The production plan and what it leaves out, so that a test over all of it meets every kind.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::json;
use vvbill::provider::aws::eks::{AccessEntry, AccessPolicy};
use vvbill::provider::aws::{ADDRESS_TAG, IamPolicy, KINDS, PLAN_TAG, PolicyDocument, Tags};
use vvbill::resource::{Address, Desired, Ref};

use super::production::UNPROTECTED;
use super::rig::desired;

pub fn every_kind() -> Vec<Desired> {
    let sets = [
        &UNPROTECTED[..],
        &["network.flow_logs=true", "network.endpoints=[ecr.api, s3]"],
    ];
    let mut all = desired("production.yaml", &sets.concat());
    all.push(policy());
    all.push(viewer());
    all
}

/// A policy of its own: those of the plan stand in its roles.
fn policy() -> Desired {
    let address = Address::new("aws", "global", "iam_policy", "readers");
    let statement = json!({ "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*" });
    let policy = IamPolicy {
        name: "readers".into(),
        description: "those who read".into(),
        document: PolicyDocument::new(vec![statement]),
        tags: tags(&address),
    };
    wanted(address, &policy)
}

/// Somebody who may look, and only in one namespace.
fn viewer() -> Desired {
    let address = Address::new("aws", "us-east-1", "eks_access_entry", "viewer");
    let cluster = Address::new("aws", "us-east-1", "eks_cluster", "main");
    let role = Address::new("aws", "global", "iam_role", "workload-billing-api");
    let entry = AccessEntry {
        cluster: Ref::output(&cluster, "name"),
        principal: Ref::output(&role, "arn"),
        kind: "STANDARD".into(),
        kubernetes_groups: ["viewers".to_owned()].into(),
        policies: [AccessPolicy {
            arn: "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy".into(),
            namespaces: ["billing".to_owned()].into(),
        }]
        .into(),
        tags: tags(&address),
    };
    wanted(address, &entry)
}

fn wanted(address: Address, resource: &impl Serialize) -> Desired {
    Desired {
        properties: serde_json::to_value(resource).unwrap(),
        address,
        depends_on: BTreeSet::new(),
        protect: false,
        section: "test".into(),
        origin: "test".into(),
    }
}

fn tags(address: &Address) -> Tags {
    let plan = "valueverse-billing-prod";
    [(PLAN_TAG, plan), (ADDRESS_TAG, address.as_str())]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

/// Protects the tests over every kind from kinds that they never meet.
#[test]
fn every_kind_is_among_them() {
    let all = every_kind();
    let met: BTreeSet<&str> = all.iter().map(|desired| desired.address.kind()).collect();
    let all: BTreeSet<&str> = KINDS.iter().map(|kind| kind.facts().name).collect();
    assert_eq!(met, all);
}
