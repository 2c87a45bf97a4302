//! `kubernetes/`: objects that agree with one another, with the plan, and with what AWS is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use vvbill::render::Format;
use vvbill::resource::references;
use vvbill::state::State;
use vvbill::topology;
use vvbill::topology::kubernetes::{Object, objects};

use super::plans::{files, files_with, folder, plan};

const PLANS: [&str; 3] = ["specification", "production", "staging"];

/// The label that network policies and Strimzi's pods go by.
const COMPONENT: &str = "vvbill/component";

fn of(name: &str) -> Vec<Object> {
    objects(&plan(name).0).unwrap_or_else(|why| panic!("{name}: {why}"))
}

/// A region's objects of one kind.
fn of_kind<'o>(all: &'o [Object], kind: &'o str) -> impl Iterator<Item = &'o Object> {
    all.iter().filter(move |object| object.value["kind"] == kind)
}

fn name_of(value: &Value) -> &str {
    value["metadata"]["name"].as_str().unwrap()
}

fn labels(value: &Value) -> BTreeMap<String, String> {
    let map = value.as_object().cloned().unwrap_or_default();
    map.into_iter()
        .map(|(key, value)| (key, value.as_str().unwrap().to_owned()))
        .collect()
}

fn matches(selector: &BTreeMap<String, String>, labels: &BTreeMap<String, String>) -> bool {
    !selector.is_empty() && selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

/// Every pod template with the name of what it belongs to: Deployments, sets, jobs, and what Strimzi makes.
fn pods(all: &[Object], region: &str) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for object in all.iter().filter(|object| object.region == region) {
        let value = &object.value;
        let kind = value["kind"].as_str().unwrap();
        let templates: &[&str] = match kind {
            "Deployment" | "StatefulSet" | "Job" => &["/spec/template"],
            "KafkaNodePool" | "KafkaMirrorMaker2" => &["/spec/template/pod"],
            "Kafka" => &[
                "/spec/entityOperator/template/pod",
                "/spec/kafkaExporter/template/pod",
            ],
            _ => &[],
        };
        for template in templates {
            let template = value.pointer(template).unwrap();
            found.push((format!("{region} {kind}/{}", name_of(value)), template.clone()));
        }
    }
    found
}

fn regions(all: &[Object]) -> BTreeSet<&str> {
    all.iter().map(|object| object.region.as_str()).collect()
}

/// Protects: nothing that the issue names is missing, and no two objects share an address.
#[test]
fn each_plan_gives_every_kind_once_a_name() {
    for name in PLANS {
        let all = of(name);
        let addresses: BTreeSet<_> = all.iter().map(Object::address).collect();
        assert_eq!(addresses.len(), all.len(), "{name}: two objects of one address");
        let kinds: BTreeSet<&str> = all.iter().map(|it| it.value["kind"].as_str().unwrap()).collect();
        for kind in [
            "Namespace",
            "Deployment",
            "Service",
            "HorizontalPodAutoscaler",
            "PodDisruptionBudget",
            "NetworkPolicy",
            "ConfigMap",
            "ServiceAccount",
            "TargetGroupBinding",
            "Kafka",
            "KafkaNodePool",
            "KafkaTopic",
            "StorageClass",
            "StatefulSet",
            "ServiceMonitor",
            "PrometheusRule",
            "Job",
        ] {
            assert!(kinds.contains(kind), "{name} has no {kind}");
        }
        assert_eq!(kinds.contains("KafkaMirrorMaker2"), name != "staging", "{name}");
        assert!(!kinds.contains("Secret"), "{name} holds a Secret");
    }
}

/// Protects: Kubernetes refuses a workload whose selector misses its own pods, and a service or budget that
/// selects nobody does nothing.
#[test]
fn selectors_find_their_pods() {
    for name in PLANS {
        let all = of(name);
        for object in &all {
            let value = &object.value;
            let selector = match value["kind"].as_str().unwrap() {
                "Deployment" | "StatefulSet" => {
                    let own = labels(&value["spec"]["template"]["metadata"]["labels"]);
                    let selector = labels(&value["spec"]["selector"]["matchLabels"]);
                    assert!(matches(&selector, &own), "{name}: {}", object.address());
                    continue;
                }
                "Service" => labels(&value["spec"]["selector"]),
                "PodDisruptionBudget" => labels(&value["spec"]["selector"]["matchLabels"]),
                _ => continue,
            };
            let found = pods(&all, &object.region)
                .iter()
                .any(|(_, pod)| matches(&selector, &labels(&pod["metadata"]["labels"])));
            assert!(found, "{name}: {} selects nobody: {selector:?}", object.address());
        }
    }
}

/// Protects: a pod whose ConfigMap, account or Secret isn't there never starts.
#[test]
fn what_pods_refer_to_is_there_or_made_by_the_script() {
    for name in PLANS {
        let all = of(name);
        let texts = files(name, &[Format::Kubernetes]);
        for region in regions(&all) {
            let here = || all.iter().filter(|object| object.region == region);
            let names = |kind: &str| -> BTreeSet<String> {
                here()
                    .filter(|it| it.value["kind"] == kind)
                    .map(|it| name_of(&it.value).to_owned())
                    .collect()
            };
            let script = format!("kubernetes/{region}/secrets.sh");
            let script = &texts.iter().find(|file| file.path == script).unwrap().text;
            let (maps, accounts) = (names("ConfigMap"), names("ServiceAccount"));
            for object in here() {
                let at = format!("{name}: {}", object.address());
                walk(&object.value, &mut |key, value| match key {
                    "configMap" | "configMapRef" if value["name"].is_string() => {
                        assert!(maps.contains(value["name"].as_str().unwrap()), "{at}: {value}");
                    }
                    "serviceAccountName" => {
                        assert!(accounts.contains(value.as_str().unwrap()), "{at}: {value}");
                    }
                    "secretName" | "secretKeyRef" => {
                        let secret = value.as_str().or(value["name"].as_str()).unwrap();
                        let line = format!("\nsecret {secret}\n");
                        assert!(script.contains(&line), "{at}: secrets.sh doesn't make {secret}");
                    }
                    _ => {}
                });
            }
        }
    }
}

fn walk(value: &Value, see: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                see(key, inner);
                walk(inner, see);
            }
        }
        Value::Array(items) => items.iter().for_each(|inner| walk(inner, see)),
        _ => {}
    }
}

/// Protects: a secret that stands in the plan itself reaches no file.
#[test]
fn no_secret_of_a_plan_is_rendered() {
    let plans = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans/specification.yaml");
    let plan = std::fs::read_to_string(plans).unwrap();
    assert!(
        plan.contains("yourpassword"),
        "the specification has a literal secret"
    );
    for name in PLANS {
        for file in files(name, &[Format::Kubernetes, Format::Eksctl]) {
            assert!(!file.text.contains("yourpassword"), "{name}: {}", file.path);
        }
    }
}

/// Protects: a probe, service or load balancer that asks a port where nobody listens takes pods down, or leaves
/// them without traffic.
#[test]
fn probes_services_and_target_groups_ask_open_ports() {
    for name in PLANS {
        let (spec, _) = plan(name);
        let all = of(name);
        let groups = &spec.load_balancer.as_ref().unwrap().target_groups;
        for region in regions(&all) {
            for (what, pod) in pods(&all, region) {
                for container in pod["spec"]["containers"].as_array().into_iter().flatten() {
                    probes_fit(&format!("{name}: {what}"), container);
                }
            }
            let here: Vec<Object> = all.iter().filter(|it| it.region == region).cloned().collect();
            for binding in of_kind(&here, "TargetGroupBinding") {
                let service = &binding.value["spec"]["serviceRef"];
                let port = service_port(&here, service);
                let group = name_of(&binding.value);
                let expected = match groups.get(group) {
                    Some(group) => group.port.get(),
                    None => spec.ingest.as_ref().unwrap().port.get(),
                };
                assert_eq!(port, u64::from(expected), "{name}: {}", binding.address());
                let of = &binding.value["spec"]["targetGroupARN"]["$output"]["of"];
                assert_eq!(of, &json!(format!("aws/{region}/target_group/{group}")), "{name}");
            }
        }
    }
}

fn probes_fit(what: &str, container: &Value) {
    let ports: Vec<&Value> = container["ports"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|port| [&port["name"], &port["containerPort"]])
        .collect();
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        let asked = &container[probe]["httpGet"]["port"];
        assert!(
            asked.is_null() || ports.contains(&asked),
            "{what}: {probe} asks {asked}"
        );
    }
}

/// The container's port behind a service's, which must be there.
fn service_port(here: &[Object], reference: &Value) -> u64 {
    let service = of_kind(here, "Service")
        .find(|service| reference["name"] == name_of(&service.value))
        .unwrap();
    let ports = service.value["spec"]["ports"].as_array().unwrap();
    let port = ports
        .iter()
        .find(|port| port["port"] == reference["port"])
        .unwrap();
    let selector = labels(&service.value["spec"]["selector"]);
    let pods = pods(here, &service.region);
    let (_, pod) = pods
        .iter()
        .find(|(_, pod)| matches(&selector, &labels(&pod["metadata"]["labels"])))
        .unwrap();
    let open = pod["spec"]["containers"][0]["ports"].as_array().unwrap();
    let named = open.iter().find(|it| it["name"] == port["targetPort"]).unwrap();
    named["containerPort"].as_u64().unwrap()
}

/// Protects: with everything denied, a policy that names nobody cuts a component off; each component has its own.
#[test]
fn network_policies_name_components_that_are_there() {
    for name in PLANS {
        let all = of(name);
        for region in regions(&all) {
            let here: Vec<Object> = all.iter().filter(|it| it.region == region).cloned().collect();
            let mut components: BTreeSet<String> = pods(&here, region)
                .iter()
                .map(|(what, pod)| labels(&pod["metadata"]["labels"]).remove(COMPONENT).expect(what))
                .collect();
            // In the second region nothing migrates; the policy for it is there all the same.
            components.insert("ingest-migrate".into());
            let mut covered = BTreeSet::new();
            for policy in of_kind(&here, "NetworkPolicy") {
                let own = labels(&policy.value["spec"]["podSelector"]["matchLabels"]);
                covered.extend(own.get(COMPONENT).cloned());
                walk(&policy.value["spec"], &mut |key, value| {
                    if key == "podSelector" && value["matchLabels"][COMPONENT].is_string() {
                        let component = value["matchLabels"][COMPONENT].as_str().unwrap();
                        assert!(
                            components.contains(component),
                            "{name}: {}: {component}",
                            policy.address()
                        );
                    }
                });
            }
            assert_eq!(covered, components, "{name}: {region}");
            let denied = of_kind(&here, "NetworkPolicy").find(|it| name_of(&it.value) == "default-deny");
            let types = json!(["Ingress", "Egress"]);
            assert_eq!(
                denied.unwrap().value["spec"],
                json!({ "podSelector": {}, "policyTypes": types })
            );
        }
    }
}

/// Protects: an object that refers to an output of something that nobody makes can never be applied.
#[test]
fn references_lead_to_resources_of_the_same_plan() {
    for name in ["production", "staging"] {
        let (spec, _) = plan(name);
        let desired: BTreeSet<_> = topology::desired(&spec)
            .unwrap()
            .into_iter()
            .map(|it| it.address)
            .collect();
        let mut count = 0;
        for object in of(name) {
            for address in references(&object.value) {
                assert!(
                    desired.contains(&address),
                    "{name}: {}: {address}",
                    object.address()
                );
                count += 1;
            }
        }
        assert!(count > 5, "{name}: {count} references");
    }
}

/// Protects: what isn't known is told apart from what is, and is filled in once there is a state.
#[test]
fn outputs_come_from_the_state_and_are_placeholders_without() {
    let text =
        |files: Vec<vvbill::render::File>| -> String { files.into_iter().map(|file| file.text).collect() };
    let without = text(files("production", &[Format::Kubernetes]));
    assert!(without.contains("REPLACE-ME-aws-us-east-1-db_proxy-shard-0-endpoint"));
    assert!(without.contains("REPLACE-ME-aws-eu-west-1-target_group-billing-api-tg-arn"));
    let record = |address: &str, outputs: Value| {
        let kind = address.split('/').nth(2).unwrap();
        json!({
            "address": address, "kind": kind, "id": "x", "status": "ready", "properties": {},
            "outputs": outputs, "created_at": "2026-11-24T00:00:00Z", "updated_at": "2026-11-24T00:00:00Z",
        })
    };
    let state = json!({
        "format_version": 1, "vvbill_version": "0.1.0", "serial": 1, "pending_operations": [],
        "lineage": "6f0d7b34-5d5c-4a49-9d1e-6a1d7a0f0b11",
        "resources": [record("aws/us-east-1/db_proxy/shard-0", json!({ "endpoint": "shard-0.proxy.example" }))],
    });
    let state = State::from_edited_json(state.to_string().as_bytes()).unwrap();
    let with = text(files_with("production", &[Format::Kubernetes], Some(&state)));
    assert!(with.contains("SHARD_0_HOST: \"shard-0.proxy.example\""));
    assert!(!with.contains("db_proxy-shard-0-endpoint\"") || with.contains("eu-west-1-db_proxy-shard-0"));
    assert!(!with.contains("vvbill-output:") && !without.contains("vvbill-output:"));
}

/// Protects: a second region that waits runs half the pods, and of the service none, whose shards take no writes.
#[test]
fn a_region_that_stands_by_is_smaller() {
    let all = of("production");
    let replicas = |region: &str, name: &str| {
        let found = of_kind(&all, "Deployment")
            .find(|it| it.region == region && name_of(&it.value) == name)
            .unwrap();
        found.value["spec"]["replicas"].clone()
    };
    assert_eq!(replicas("us-east-1", "billing-api"), json!({ "$at_creation": 8 }));
    assert_eq!(replicas("eu-west-1", "billing-api"), json!({ "$at_creation": 2 }));
    assert_eq!(replicas("us-east-1", "ingest-worker"), json!(2));
    assert_eq!(replicas("eu-west-1", "ingest-worker"), json!(0));
    let jobs: Vec<&str> = of_kind(&all, "Job").map(|job| job.region.as_str()).collect();
    assert_eq!(jobs, ["us-east-1"]);
}

/// Protects: the specification's figures stand in the objects as written.
#[test]
fn the_specification_s_figures_are_rendered() {
    let all = of("specification");
    let find = |kind: &str, name: &str| {
        let mut found = of_kind(&all, kind).filter(|it| it.region == "us-east-1");
        found.find(|it| name_of(&it.value) == name).unwrap().value.clone()
    };
    let container = find("Deployment", "billing-api")["spec"]["template"]["spec"]["containers"][0].clone();
    assert_eq!(container["image"], "valueverse/billing-api:latest");
    assert_eq!(
        container["resources"],
        json!({ "requests": { "cpu": "3", "memory": "6Gi" }, "limits": { "cpu": "4", "memory": "8Gi" } })
    );
    assert_eq!(
        container["livenessProbe"]["httpGet"],
        json!({ "path": "/health", "port": 8000 })
    );
    assert_eq!(container["livenessProbe"]["initialDelaySeconds"], 30);
    assert_eq!(container["readinessProbe"]["periodSeconds"], 5);
    let workers = json!({ "name": "WORKERS", "value": "8" });
    assert!(container["env"].as_array().unwrap().contains(&workers));
    let scaling = find("HorizontalPodAutoscaler", "billing-api")["spec"].clone();
    assert_eq!(
        scaling["metrics"][0]["resource"]["target"]["averageUtilization"],
        60
    );
    let config = find("Kafka", "billing")["spec"]["kafka"]["config"].clone();
    for (key, value) in [
        ("log.retention.ms", json!(604_800_000)),
        ("log.segment.bytes", json!(1_073_741_824)),
        ("compression.type", json!("lz4")),
        ("num.partitions", json!(10)),
        ("num.replica.fetchers", json!(4)),
        ("socket.request.max.bytes", json!(104_857_600)),
        ("min.insync.replicas", json!(2)),
    ] {
        assert_eq!(config[key], value, "{key}");
    }
    let redis = find("ConfigMap", "buffer")["data"]["redis.conf"]
        .as_str()
        .unwrap()
        .to_owned();
    for line in [
        "maxmemory 8589934592\n",
        "save 900 1\n",
        "hz 50\n",
        "tcp-backlog 511\n",
    ] {
        assert!(redis.contains(line), "{redis}");
    }
}

/// Protects: a finding stands beside the value that it is about, and stops nothing.
#[test]
fn findings_stand_beside_what_they_are_about() {
    let files = files("specification", &[Format::Kubernetes]);
    let text = |path: &str| &files.iter().find(|file| file.path == path).unwrap().text;
    let workload = text("kubernetes/us-east-1/50-billing-api.yaml");
    let image = workload.find("image: \"valueverse/billing-api:latest\"").unwrap();
    let before = workload[..image].lines().rev().nth(1).unwrap();
    assert!(before.trim_start().starts_with("# VV120:"), "{before}");
    let kafka = text("kubernetes/us-east-1/20-kafka.yaml");
    assert!(kafka.contains("# VV3"), "the findings on ZooKeeper are missing");
}

/// Protects: scripts that a shell can't read fail where nobody looks.
#[test]
fn scripts_are_well_formed() {
    for name in PLANS {
        let rendered = folder(name, &[Format::Kubernetes]);
        let check = |shell: &str, path: &Path| {
            let done = Command::new(shell).arg("-n").arg(path).output().unwrap();
            assert!(done.status.success(), "{name}: {}: {done:?}", path.display());
        };
        for file in files(name, &[Format::Kubernetes]) {
            if file.path.ends_with(".sh") {
                check("bash", &rendered.path().join(&file.path));
            }
        }
        for object in of_kind(&of(name), "ConfigMap") {
            for (key, script) in object.value["data"].as_object().unwrap() {
                if key.ends_with(".sh") {
                    let path = rendered.path().join(key);
                    std::fs::write(&path, script.as_str().unwrap()).unwrap();
                    check("sh", &path);
                }
            }
        }
    }
}
