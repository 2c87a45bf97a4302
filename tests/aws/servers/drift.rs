//! Each kind changed behind our back, and each taken up by its id.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use vvbill::apply;
use vvbill::plan::{Mode, Options};
use vvbill::resource::Address;

use super::every_kind::every_kind;
use super::rig::{Rig, dependencies_first};

/// Kinds of which nothing can be changed behind our back, and why.
const NOTHING_TO_CHANGE: &[(&str, &str)] = &[
    ("certificate_validation", "it is a wait, not a thing"),
    ("cluster_network_leftovers", "it is what others leave behind"),
    ("cluster_volumes", "it is what others leave behind"),
];

/// Protects: of every kind, a field that somebody changed outside is named by drift, and apply brings it back.
#[tokio::test(flavor = "multi_thread")]
async fn every_kind_shows_what_was_changed_and_repairs_it() {
    let rig = Rig::start(json!({})).await;
    let all = every_kind();
    rig.apply(&all).await;
    let state = rig.state().await;
    let mut changed: BTreeMap<String, Address> = BTreeMap::new();
    for record in state.resources.values() {
        changed
            .entry(record.address.kind().to_owned())
            .or_insert_with(|| record.address.clone());
    }
    let scripts: Vec<Value> = changed
        .iter()
        .filter(|(kind, _)| !NOTHING_TO_CHANGE.iter().any(|(other, _)| other == *kind))
        .map(|(kind, address)| {
            json!({ "kind": kind, "region": home(address.region()), "id": state.resources[address].id })
        })
        .collect();
    let list = Value::Array(scripts.clone()).to_string();
    rig.fake.boto(&Rig::script("drift/run.py"), &[&list]);

    let options = Options {
        mode: Mode::RefreshOnly,
        ..Options::default()
    };
    let drift = rig.plan(&all, &options).await.drift;
    let found: BTreeSet<&str> = drift.iter().map(|drift| drift.address.kind()).collect();
    let wanted: BTreeSet<&str> = scripts
        .iter()
        .filter_map(|script| script["kind"].as_str())
        .collect();
    let missed: Vec<&&str> = wanted.difference(&found).collect();
    assert!(missed.is_empty(), "changed, and not seen: {missed:?}");
    for one in &drift {
        assert!(
            one.gone || !one.changes.is_empty(),
            "{}: no field is named",
            one.address
        );
    }
    rig.apply(&all).await;
    rig.assert_settled(&all).await;
}

/// Protects: every kind is taken up by its id into an empty state, and then nothing differs.
#[tokio::test(flavor = "multi_thread")]
async fn every_kind_is_imported_by_its_id() {
    let mut rig = Rig::start(json!({})).await;
    let all = every_kind();
    rig.apply(&all).await;
    let known = rig.state().await;
    rig.forget();
    let mut session = rig.session().await;
    for wanted in dependencies_first(&all) {
        let id = &known.resources[&wanted.address].id;
        apply::import(&mut session, &rig.providers, wanted, id)
            .await
            .unwrap_or_else(|why| panic!("{} [{id}]: {why}", wanted.address));
    }
    session.close().await.unwrap();
    rig.assert_settled(&all).await;
}

/// Where services without a region are called.
fn home(region: &str) -> &str {
    if region == "global" { "us-east-1" } else { region }
}
