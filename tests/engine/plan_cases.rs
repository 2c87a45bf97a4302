//! Each folder of `tests/plan_cases` is one decision: `plan.json` (what is asked for, and the options),
//! `state.json` (what is recorded), `observed.json` (what was found, where it isn't what is recorded) and
//! `expected.txt`, the plan that must come of it. `UPDATE_EXPECTED=1` writes the latter.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use vvbill::plan::{self, Mode, Observations, Options, Part, Plan, Steps};
use vvbill::provider::{Providers, simulated};
use vvbill::resource::{Address, Desired, Observed};
use vvbill::state::{Operation, OperationVerb, Record, State, Status};

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Case {
    about: String,
    mode: Mode,
    target: Vec<String>,
    exclude: Vec<String>,
    replace: Vec<Address>,
    destroy_data: bool,
    desired: Vec<Asked>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    address: Address,
    #[serde(default)]
    properties: Value,
    #[serde(default)]
    depends_on: BTreeSet<Address>,
    #[serde(default)]
    protect: bool,
    #[serde(default)]
    section: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recorded {
    address: Address,
    #[serde(default = "ready")]
    status: Status,
    #[serde(default)]
    protect: bool,
    #[serde(default)]
    properties: Value,
    #[serde(default)]
    outputs: Value,
    #[serde(default)]
    dependencies: BTreeSet<Address>,
    #[serde(default)]
    section: String,
    /// A restart of it was interrupted.
    #[serde(default)]
    rebooting: bool,
}

fn ready() -> Status {
    Status::Ready
}

/// Protects: what is decided, why, and in what order, for each case.
#[test]
fn every_case_gives_the_plan_that_is_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plan_cases");
    let mut cases: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    assert!(cases.len() >= 20, "cases are missing");
    let update = std::env::var_os("UPDATE_EXPECTED").is_some();
    let mut wrong = Vec::new();
    for case in cases {
        let found = decide(&case);
        let path = case.join("expected.txt");
        if update {
            fs::write(path, &found).unwrap();
        } else if fs::read_to_string(path).unwrap_or_default() != found {
            wrong.push(format!("{}:\n{found}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn decide(folder: &Path) -> String {
    let case: Case = read(&folder.join("plan.json"));
    let state = state_of(read(&folder.join("state.json")));
    let mut found: BTreeMap<Address, Option<Observed>> = read(&folder.join("observed.json"));
    let mut observed = Observations::new();
    for record in state.resources.values() {
        let recorded = Observed {
            properties: record.properties.clone(),
            outputs: record.outputs.clone(),
        };
        observed.insert(
            record.address.clone(),
            found.remove(&record.address).unwrap_or(Some(recorded)),
        );
    }
    assert!(
        found.is_empty(),
        "{}: observed and not recorded: {found:?}",
        folder.display()
    );
    let providers = Providers::new(vec![Arc::new(simulated::provider(simulated::World::new(0)))]);
    let options = Options {
        mode: case.mode,
        targets: case.target.iter().map(|text| text.parse().unwrap()).collect(),
        excludes: case.exclude.iter().map(|text| text.parse().unwrap()).collect(),
        replace: case.replace.into_iter().collect(),
        destroy_data: case.destroy_data,
    };
    let input = plan::Input {
        name: "case",
        target: "simulated",
        desired: case.desired.into_iter().map(asked).collect(),
        state: &state,
        observed,
        facts: &|address| providers.facts(address),
        now: jiff::Timestamp::UNIX_EPOCH,
    };
    let mut text = format!("# {}\n\n", case.about);
    match plan::make(input, &options) {
        Ok(plan) => {
            let again = Plan::from_json(&plan.to_json()).unwrap();
            assert_eq!(
                again,
                plan,
                "{}: saved and read again, it is another one",
                folder.display()
            );
            render(&mut text, &plan, &state);
        }
        Err(error) => writeln!(text, "error: {error}").unwrap(),
    }
    text.replace("simulated/global/", "")
}

fn asked(asked: Asked) -> Desired {
    Desired {
        origin: format!("case.{}", asked.address.name()),
        properties: properties(&asked.address, asked.properties),
        address: asked.address,
        depends_on: asked.depends_on,
        protect: asked.protect,
        section: if asked.section.is_empty() {
            "main".into()
        } else {
            asked.section
        },
    }
}

/// Each has a name and a size; only what differs from that is in the case.
fn properties(address: &Address, given: Value) -> Value {
    let mut all = json!({ "name": address.name(), "size": 1 });
    if let (Some(all), Some(given)) = (all.as_object_mut(), given.as_object()) {
        all.extend(given.clone());
    }
    all
}

fn state_of(records: Vec<Recorded>) -> State {
    let mut state = State {
        serial: 7,
        ..State::new()
    };
    for one in records {
        let outputs = match one.outputs {
            Value::Null => {
                json!({ "id": one.address.name(), "endpoint": format!("{}.1", one.address.name()), "revision": "1-1" })
            }
            outputs => outputs,
        };
        let record = Record {
            kind: one.address.kind().into(),
            id: format!(
                "{}-{}",
                if one.status == Status::Deposed {
                    "former"
                } else {
                    "id"
                },
                one.address.name()
            ),
            status: one.status,
            protect: one.protect,
            properties: properties(&one.address, one.properties),
            outputs,
            dependencies: one.dependencies,
            section: if one.section.is_empty() {
                "main".into()
            } else {
                one.section
            },
            created_at: jiff::Timestamp::UNIX_EPOCH,
            updated_at: jiff::Timestamp::UNIX_EPOCH,
            address: one.address,
        };
        if one.rebooting {
            state.pending_operations.push(rebooting(&record));
        }
        if record.status == Status::Deposed {
            state.deposed.push(record);
        } else {
            state.resources.insert(record.address.clone(), record);
        }
    }
    state
}

fn rebooting(record: &Record) -> Operation {
    Operation {
        number: 1,
        address: record.address.clone(),
        verb: OperationVerb::Reboot,
        id: Some(record.id.clone()),
        token: String::new(),
        properties: record.properties.clone(),
        protect: false,
        dependencies: BTreeSet::new(),
        section: String::new(),
        started_at: jiff::Timestamp::UNIX_EPOCH,
    }
}

fn render(text: &mut String, plan: &Plan, state: &State) {
    for action in &plan.actions {
        let order = if action.create_first {
            " (the new one first)"
        } else {
            ""
        };
        writeln!(
            text,
            "{:3} {}: {}{order}",
            action.verb.symbol(),
            action.address,
            action.reason
        )
        .unwrap();
        for change in &action.changes {
            writeln!(
                text,
                "      {}: {} -> {}",
                change.path, change.before, change.after
            )
            .unwrap();
        }
    }
    for drift in &plan.drift {
        writeln!(
            text,
            "drift {}{}",
            drift.address,
            if drift.gone { ": gone" } else { "" }
        )
        .unwrap();
        for change in &drift.changes {
            writeln!(
                text,
                "      {}: {} -> {}",
                change.path, change.before, change.after
            )
            .unwrap();
        }
    }
    for kept in &plan.retained {
        let because = kept
            .needed_by
            .as_ref()
            .map(|by| format!(", needed by {by}"))
            .unwrap_or_default();
        writeln!(text, "retained {}{because}", kept.address).unwrap();
    }
    let steps = Steps::of(plan, state);
    for (before, next) in steps.next.iter().enumerate() {
        for after in next {
            writeln!(
                text,
                "step {} < {}",
                name(plan, &steps, before),
                name(plan, &steps, *after)
            )
            .unwrap();
        }
    }
}

fn name(plan: &Plan, steps: &Steps, step: usize) -> String {
    let step = steps.steps[step];
    let part = if step.part == Part::Stand { "stand" } else { "go" };
    format!("{part} {}", plan.actions[step.action].address)
}

/// Addresses are short in the files: `node/a` stands for `simulated/global/node/a`.
fn read<T: for<'de> Deserialize<'de> + Default>(path: &Path) -> T {
    let Ok(mut text) = fs::read_to_string(path) else {
        return T::default();
    };
    for kind in crate::rig::KINDS {
        text = text.replace(&format!("\"{kind}/"), &format!("\"simulated/global/{kind}/"));
    }
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
