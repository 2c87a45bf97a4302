//! The format `terraform`: what can be told without Terraform.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use vvbill::provider::aws::KINDS;
use vvbill::render::{File, Format, left_out_of_terraform};
use vvbill::resource::Desired;
use vvbill::state::State;
use vvbill::topology;

use super::plans::{files, files_with, plan};

pub(crate) const PLANS: [&str; 3] = ["specification", "production", "staging"];

/// Blocks that can be referred to, by what introduces them.
const BLOCKS: [(&str, &str); 4] = [
    ("resource", ""),
    ("data", "data."),
    ("ephemeral", "ephemeral."),
    ("variable", "var."),
];

fn module(name: &str) -> Vec<File> {
    files(name, &[Format::Terraform])
}

/// The lines that aren't comments.
fn lines(files: &[File]) -> impl Iterator<Item = &str> {
    let lines = files.iter().flat_map(|file| file.text.lines().map(str::trim));
    lines.filter(|line| !line.starts_with('#'))
}

/// `aws_vpc.main`, `data.aws_route53_zone.main`, `var.db_password` of each block.
fn declared(files: &[File]) -> Vec<String> {
    let block = |line: &str| {
        let (word, names) = line.trim_end_matches('}').strip_suffix(" {")?.split_once(' ')?;
        let (_, prefix) = BLOCKS.iter().find(|(introduces, _)| *introduces == word)?;
        Some(format!(
            "{prefix}{}",
            names.replace("\" \"", ".").replace('"', "")
        ))
    };
    lines(files).filter_map(block).collect()
}

/// Every reference, cut to the block that it is to.
fn referred(files: &[File]) -> BTreeSet<String> {
    let part = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.');
    let block = |word: &str| {
        let parts: Vec<&str> = word.split('.').collect();
        let length = match parts[..] {
            ["var", _, ..] => 2,
            ["data" | "ephemeral", kind, _, ..] if kind.starts_with("aws_") => 3,
            [kind, _, ..] if kind.starts_with("aws_") => 2,
            _ => return None,
        };
        Some(parts[..length].join("."))
    };
    let words = lines(files).flat_map(|line| line.split(|letter| !part(letter)));
    words.filter_map(block).collect()
}

/// Protects: a kind that vvbill learns is not forgotten here.
#[test]
fn every_kind_has_a_template_or_a_reason_to_be_left_out() {
    for kind in KINDS {
        let kind = kind.facts().name;
        let folder = format!("{}/templates/terraform", env!("CARGO_MANIFEST_DIR"));
        let has_template = std::fs::exists(format!("{folder}/{kind}.tf")).unwrap();
        let reason = left_out_of_terraform(kind);
        assert!(has_template != reason.is_some(), "{kind}: {reason:?}");
    }
}

/// Protects: what the plan is laid out as stands in the module, each block once, and every reference leads to one.
#[test]
fn references_lead_to_blocks_of_the_module() {
    for name in PLANS {
        let module = module(name);
        let declared = declared(&module);
        let unique: BTreeSet<&String> = declared.iter().collect();
        assert_eq!(unique.len(), declared.len(), "{name}: a block stands twice");
        let missing: Vec<String> = referred(&module)
            .into_iter()
            .filter(|block| !unique.contains(block))
            .collect();
        assert!(missing.is_empty(), "{name}: {missing:?}");
        let desired = topology::desired(&plan(name).0).unwrap();
        let wanted = desired
            .iter()
            .filter(|it| it.address.provider() == "aws")
            .filter(|it| left_out_of_terraform(it.address.kind()).is_none());
        assert!(declared.len() >= wanted.count(), "{name}");
        let text: String = module.iter().map(|file| file.text.as_str()).collect();
        for mark in ["$output", "$expression", "$at_creation", "= null"] {
            assert!(!text.contains(mark), "{name}: {mark}");
        }
    }
}

/// Protects: a second region's blocks go by its provider, and only those.
#[test]
fn blocks_of_another_region_name_its_provider() {
    let text = |name: &str| module(name).into_iter().map(|file| file.text).collect::<String>();
    let both = text("production");
    assert!(both.contains("alias  = \"eu_west_1\"\n  region = \"eu-west-1\"\n"));
    for block in both.split("\n\n").filter(|block| block.starts_with("resource ")) {
        let elsewhere = block.lines().next().unwrap().contains("\"eu_west_1_");
        let named = block.contains("= aws.eu_west_1\n");
        assert_eq!(elsewhere, named, "{block}");
    }
    assert!(!text("staging").contains("aws.eu_west_1"));
}

/// Protects: no secret in the module. What is handed over is a variable that Terraform neither shows nor keeps.
#[test]
fn secrets_are_variables_or_made_up() {
    let module = module("specification");
    let text = |path: &str| &module.iter().find(|file| file.path == path).unwrap().text;
    for variable in ["db_password", "redis_auth_token"] {
        let block = text("terraform/variables.tf")
            .split("\n\n")
            .find(|block| block.starts_with(&format!("variable \"{variable}\"")));
        let block = block.unwrap_or_else(|| panic!("no {variable}"));
        assert!(
            block.contains("sensitive   = true") && block.contains("ephemeral   = true"),
            "{block}"
        );
    }
    assert!(text("terraform/aurora.tf").contains("password = var.db_password"));
    assert!(text("terraform/cache.tf").contains("= var.redis_auth_token"));
    for file in &module {
        assert!(!file.text.contains("yourpassword"), "{}", file.path);
    }
}

/// Protects: a figure of the specification that the module can't have is spoken of beside the block, once.
#[test]
fn findings_stand_beside_the_block_that_they_are_about() {
    let module = module("specification");
    let aurora = module
        .iter()
        .find(|file| file.path == "terraform/aurora.tf")
        .unwrap();
    let group = aurora
        .text
        .find("resource \"aws_rds_cluster_parameter_group\"")
        .unwrap();
    let before = aurora.text[..group].rsplit("\n\n").next().unwrap();
    assert!(before.contains("# VV223: "), "{before}");
    assert!(
        !aurora.text.contains("max_wal_size\""),
        "Aurora has no such parameter"
    );
    let all: String = module.iter().map(|file| file.text.as_str()).collect();
    for code in ["VV101", "VV140", "VV200", "VV221"] {
        assert!(all.contains(&format!("# {code}: ")), "{code}");
    }
    assert_eq!(all.matches("# VV101: ").count(), 1);
}

/// Protects: the specification is laid out as it is written, whatever is wrong with it; figures of cost rest on this.
#[test]
fn the_specification_is_laid_out_in_its_own_quantities() {
    let desired = topology::desired(&plan("specification").0).unwrap();
    let of = |address: &str| &found(&desired, address).properties;
    let nodes =
        |group: &str| of(&format!("aws/us-east-1/eks_node_group/{group}"))["scaling"]["desired"].clone();
    assert_eq!((nodes("app-nodes"), nodes("kafka-nodes")), (json!(8), json!(3)));
    let template = of("aws/us-east-1/launch_template/app-nodes");
    assert_eq!(template["instance_type"], "m6i.xlarge");
    let members = desired
        .iter()
        .filter(|it| it.address.to_string().starts_with("aws/us-east-1/db_instance/"));
    assert_eq!(members.count(), 3);
    let cache = of("aws/us-east-1/cache_replication_group/main");
    assert_eq!((&cache["shards"], &cache["replicas"]), (&json!(1), &json!(2)));
}

fn found<'d>(desired: &'d [Desired], address: &str) -> &'d Desired {
    desired
        .iter()
        .find(|it| it.address.to_string() == address)
        .unwrap_or_else(|| panic!("no {address}"))
}

/// A state in which everything of the plan stands, by ids of the form that each provider gives.
fn standing(name: &str) -> State {
    let desired = topology::desired(&plan(name).0).unwrap();
    let records = desired.iter().map(|resource| {
        let address = &resource.address;
        let id = match address.kind() {
            "eks_node_group" | "eks_addon" => format!("billing/{}", address.name()),
            "eks_pod_identity_association" => format!("billing/a-{}", address.name()),
            "dns_record" => format!("Z1/{}.example.com/A", address.name()),
            "db_proxy_target" => format!("proxy-{0}/cluster-{0}", address.name()),
            kind => format!("{kind}-{}", address.name()),
        };
        json!({
            "address": address, "kind": address.kind(), "id": id, "status": "ready",
            "properties": {}, "outputs": { "arn": format!("arn:{id}"), "version": "v1" },
            "created_at": "2026-11-24T00:00:00Z", "updated_at": "2026-11-24T00:00:00Z",
        })
    });
    let state = json!({
        "format_version": 1, "vvbill_version": "0.1.0", "serial": 1,
        "lineage": "6f0f5c1e-7f0a-4b51-9d0c-0d5a4f1f2d11",
        "resources": records.collect::<Vec<Value>>(), "pending_operations": [],
    });
    State::from_edited_json(state.to_string().as_bytes()).unwrap()
}

fn imports(files: &[File]) -> BTreeMap<String, String> {
    let file = files
        .iter()
        .find(|file| file.path == "terraform/imports.tf")
        .unwrap();
    let value = |block: &str, name: &str| {
        let line = block.lines().find_map(|line| line.trim().strip_prefix(name))?;
        Some(line.trim_start_matches(" = ").to_owned())
    };
    let blocks = file.text.split("\n\n").skip(1);
    let imports = blocks.map(|block| (value(block, "to").unwrap(), value(block, "id").unwrap()));
    imports.collect()
}

/// Protects: what vvbill made is taken over by the ids that Terraform's provider goes by, and stays as it is.
#[test]
fn a_state_becomes_import_blocks() {
    let state = standing("production");
    let files = files_with("production", &[Format::Terraform], Some(&state));
    let declared = declared(&files);
    let imports = imports(&files);
    for to in imports.keys() {
        let block = to.split('[').next().unwrap();
        assert!(declared.iter().any(|it| it == block), "{to} is not in the module");
    }
    for (to, id) in [
        ("aws_vpc.us_east_1_main", "vpc-main"),
        (
            "aws_route_table_association.us_east_1_private_a",
            "subnet-private-a/route_table-private-a",
        ),
        ("aws_eks_node_group.us_east_1_app_nodes", "billing:app-nodes"),
        (
            "aws_eks_pod_identity_association.us_east_1_ingest",
            "billing,a-ingest",
        ),
        ("aws_route53_record.usage", "Z1_usage.example.com_A"),
        (
            "aws_db_proxy_target.eu_west_1_shard_1",
            "proxy-shard-1/default/TRACKED_CLUSTER/cluster-shard-1",
        ),
        (
            "aws_secretsmanager_secret.us_east_1_shard_0",
            "arn:db_master_secret-shard-0",
        ),
        (
            "aws_iam_role_policy.cluster_encryption",
            "iam_role-cluster:encryption",
        ),
        (
            "aws_iam_role_policy_attachment.cluster[\"arn:aws:iam::aws:policy/AmazonEKSClusterPolicy\"]",
            "iam_role-cluster/arn:aws:iam::aws:policy/AmazonEKSClusterPolicy",
        ),
    ] {
        assert_eq!(imports.get(to), Some(&format!("\"{id}\"")), "{to}");
    }
    assert!(imports.keys().all(|to| !to.starts_with("data.")));
    let text: String = files.iter().map(|file| file.text.as_str()).collect();
    for secret in [
        "aws_secretsmanager_secret_version",
        "random_password",
        "master_password",
    ] {
        assert!(
            !text.contains(secret),
            "what is in use is neither made anew nor read: {secret}"
        );
    }
    assert!(
        !text.contains("aws_default_security_group"),
        "nothing is added to what stands"
    );
}
