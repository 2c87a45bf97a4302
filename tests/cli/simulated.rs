//! The whole command line on the simulated provider: this test binary starts itself as `vvbill`.
//!
//! What should exist stands in `things.json`, the world in `world.json`, both in the run's folder.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use vvbill::cli::{Platform, Trace, Unsupported};
use vvbill::endpoints::Endpoints;
use vvbill::provider::{Providers, simulated};
use vvbill::resource::{Address, Desired, Ref};
use vvbill::spec::Spec;

use crate::binary::{Folder, Run};

/// Holds the arguments, one a line, when this binary is to be `vvbill`.
const ARGUMENTS: &str = "TEST_AS_VVBILL";

/// What the test harness prints before is cut off here.
const MARK: &str = "--- vvbill ---\n";

/// A plan whose resources are those of `things.json`.
pub(crate) const PLAN: &str = "metadata:\n  name: simulated\ntarget: local\n";

/// Not a test: what runs when this binary starts itself. Does nothing among the tests.
#[test]
fn as_vvbill() {
    let Ok(arguments) = std::env::var(ARGUMENTS) else {
        return;
    };
    {
        use std::io::Write;
        let mut out = std::io::stdout().lock();
        out.write_all(MARK.as_bytes()).and_then(|()| out.flush()).unwrap();
    }
    let words = std::iter::once("vvbill").chain(arguments.lines()).map(Into::into);
    std::process::exit(vvbill::cli::run_on(words, platform).into());
}

fn platform(_: &Spec, _: &vvbill::provider::Connection) -> Result<Platform, Unsupported> {
    let wanted: Value = serde_json::from_slice(&std::fs::read("things.json").unwrap()).unwrap();
    let faults = simulated::Faults {
        delay: Duration::from_millis(wanted["delay_ms"].as_u64().unwrap_or(0)),
        refused: wanted["refused"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|name| name.as_str().unwrap().to_owned())
            .collect(),
        ..Default::default()
    };
    let world = simulated::World::open(Path::new("world.json"), 1)
        .unwrap()
        .with_faults(faults);
    Ok(Platform {
        desired: wanted["things"].as_array().unwrap().iter().map(desired).collect(),
        providers: Providers::new(vec![Arc::new(simulated::provider(world))]),
        endpoints: |_, _| Endpoints {
            api: vec!["http://127.0.0.1:8000".into()],
            ..Endpoints::default()
        },
        trace: |record| {
            let log = PathBuf::from(format!("{}.log", record.address.name()));
            Trace {
                logs: log.exists().then_some(log).into_iter().collect(),
                ..Trace::default()
            }
        },
    })
}

fn address(name: &str) -> Address {
    Address::new("simulated", "global", "node", name)
}

/// `{"name", "size", "image", "after": [names], "protect"}`; another `image` needs a replacement.
fn desired(thing: &Value) -> Desired {
    let name = thing["name"].as_str().unwrap();
    let after = thing["after"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|name| name.as_str().unwrap());
    let uses: serde_json::Map<String, Value> = after
        .map(|name| {
            let reference: Ref<String> = Ref::output(&address(name), "id");
            (name.to_owned(), serde_json::to_value(reference).unwrap())
        })
        .collect();
    let mut properties = json!({ "name": name, "size": thing["size"].as_u64().unwrap_or(1) });
    if let Some(image) = thing.get("image") {
        properties["image"] = image.clone();
    }
    if !uses.is_empty() {
        properties["uses"] = uses.into();
    }
    Desired {
        address: address(name),
        properties,
        depends_on: Default::default(),
        protect: thing["protect"] == true,
        section: "kafka".into(),
        origin: "metadata.name".into(),
    }
}

/// Writes the plan and what should exist: a chain of `names`, each after the one before.
pub(crate) fn chain(folder: &Folder, names: &[&str], settings: Value) {
    let things: Vec<Value> = names
        .iter()
        .enumerate()
        .map(|(number, name)| json!({ "name": name, "after": names.get(number.wrapping_sub(1)).into_iter().collect::<Vec<_>>() }))
        .collect();
    things_of(folder, things, settings);
}

/// Writes the plan and what should exist.
pub(crate) fn things_of(folder: &Folder, things: Vec<Value>, mut settings: Value) {
    settings["things"] = things.into();
    folder.write("plan.yaml", PLAN);
    folder.write("things.json", settings.to_string());
}

/// `vvbill` on the simulated provider, ready to start.
pub(crate) fn command(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = folder.command_of(&std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "simulated::as_vvbill",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(ARGUMENTS, arguments.join("\n"));
    command
}

pub(crate) fn run(folder: &Folder, arguments: &[&str]) -> Run {
    let output = command(folder, arguments).output().unwrap();
    finish(folder, arguments, output)
}

pub(crate) fn start(folder: &Folder, arguments: &[&str]) -> Child {
    command(folder, arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

pub(crate) fn finish(folder: &Folder, arguments: &[&str], output: std::process::Output) -> Run {
    let mut run = folder.finish(arguments, output);
    run.stdout = run
        .stdout
        .split_once(MARK)
        .expect("the run begins with its mark")
        .1
        .to_owned();
    run
}
