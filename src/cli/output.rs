//! `vvbill output`: endpoints and ids of what runs.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::Exit;
use super::arguments::PlanFile;
use super::error::Error;
use super::plan_file::Findings;
use super::report::{Report, redact, style};
use super::site::Site;
use super::target::Targets;
use crate::state::State;

/// Print endpoints and ids of what runs
///
/// From the state, as the last apply left it. Secrets are named, not told: `file:…` is the file that
/// holds one.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill output plans/local.yaml
  vvbill output plans/local.yaml api                    one a line
  vvbill output plans/local.yaml prometheus --raw       the bare value, without a newline
  vvbill output plans/local.yaml --json | jq -r '.api.value[0]'")]
pub(crate) struct Arguments {
    #[command(flatten)]
    file: PlanFile,
    /// Only this one
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Print JSON: all in Terraform's shape, one as its bare value
    #[arg(long, env = "VVBILL_JSON", hide_env_values = true)]
    json: bool,
    /// Print the bare value of a text or number, without a newline
    #[arg(
        long,
        env = "VVBILL_RAW",
        hide_env_values = true,
        requires = "name",
        conflicts_with = "json"
    )]
    raw: bool,
}

pub(crate) async fn run(arguments: Arguments, targets: Targets, report: &Report) -> Result<Exit, Error> {
    let site = Site::of_plan(&arguments.file, Findings::PassOver, targets, report)?;
    let state = site.state().await?.unwrap_or_default();
    let outputs = of_state(&site, &state);
    let Some(name) = &arguments.name else {
        match arguments.json {
            true => report.json(&outputs)?,
            false if is_empty(&outputs) => report.say("Nothing stands yet: `vvbill apply` makes it."),
            false => report.data(text(&outputs))?,
        }
        return Ok(Exit::Done);
    };
    let value = outputs
        .get(name)
        .map(|output| &output["value"])
        .ok_or_else(|| unknown(name, &outputs))?;
    match (arguments.json, arguments.raw, value) {
        (true, ..) => report.json(value)?,
        (_, true, Value::Array(_) | Value::Object(_)) => {
            return Err(Error::usage(format!("`{name}` is no single text or number"))
                .hint(format!("`vvbill output PLAN {name} --json` prints it")));
        }
        (_, true, value) => report.data(bare(value))?,
        (_, false, value) => report.data(lines(value))?,
    }
    Ok(Exit::Done)
}

/// Name → sensitive, type, value, as `terraform output -json` has it.
pub(crate) fn of_state(site: &Site, state: &State) -> Value {
    let endpoints = (site.platform.endpoints)(&site.spec, state);
    let Ok(Value::Object(endpoints)) = serde_json::to_value(&endpoints) else {
        unreachable!("endpoints serialise to an object")
    };
    let ids: Map<String, Value> = state
        .resources
        .values()
        .map(|record| (record.address.to_string(), record.id.as_str().into()))
        .collect();
    endpoints
        .into_iter()
        .filter(|(_, value)| !is_nothing(value))
        .chain([("ids".to_owned(), Value::Object(ids))])
        .map(|(name, value)| {
            let sensitive = redact::is_secret(&name, &value);
            let value = redact::redacted(&value);
            (
                name,
                json!({ "sensitive": sensitive, "type": kind(&value), "value": value }),
            )
        })
        .collect::<Map<_, _>>()
        .into()
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

fn is_empty(outputs: &Value) -> bool {
    outputs["ids"]["value"].as_object().is_none_or(Map::is_empty)
}

/// The type in Terraform's words.
fn kind(value: &Value) -> Value {
    match value {
        Value::Bool(_) => json!("bool"),
        Value::Number(_) => json!("number"),
        Value::Array(items) if items.iter().all(Value::is_string) => json!(["list", "string"]),
        Value::Object(map) if map.values().all(Value::is_string) => json!(["map", "string"]),
        Value::Array(_) | Value::Object(_) => json!("dynamic"),
        Value::String(_) | Value::Null => json!("string"),
    }
}

/// The endpoints as a person reads them: a name a line; ids are left to `state list`.
pub(crate) fn text(outputs: &Value) -> String {
    let mut out = String::new();
    for (name, output) in outputs.as_object().into_iter().flatten() {
        if name != "ids" {
            let values = lines(&output["value"]);
            for (number, value) in values.lines().enumerate() {
                let name = if number == 0 { name.as_str() } else { "" };
                let name = style::paint(style::STRONG, format_args!("{name:18}"));
                let _ = writeln!(out, "{name} {value}");
            }
        }
    }
    out
}

/// One line an entry; an object on one line.
fn lines(value: &Value) -> String {
    match value {
        Value::Array(items) => items.iter().map(|item| compact(item) + "\n").collect(),
        value => compact(value) + "\n",
    }
}

/// `number 0, hosts 127.0.0.1:5432`.
fn compact(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let parts: Vec<String> = map
                .iter()
                .map(|(key, value)| format!("{key} {}", compact(value)))
                .collect();
            parts.join(", ")
        }
        Value::Array(items) => items.iter().map(compact).collect::<Vec<_>>().join(" "),
        value => bare(value),
    }
}

fn bare(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

fn unknown(name: &str, outputs: &Value) -> Error {
    let names: Vec<&str> = outputs
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .collect();
    let error = Error::usage(format!("there is no output `{name}`"));
    match names.as_slice() {
        ["ids"] => error
            .because("nothing stands yet")
            .hint("`vvbill apply PLAN` makes it"),
        names => error.hint(format!("there are: {}", names.join(", "))),
    }
}
