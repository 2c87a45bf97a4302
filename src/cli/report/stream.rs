//! A run as NDJSON, in Terraform's envelope and types: one object a line, as it happens.
//!
//! After <https://developer.hashicorp.com/terraform/internals/machine-readable-ui>.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Report;
use super::cost::delta;
use super::snippet::Snippet;
use crate::apply::{Event, Observer, Severity};
use crate::cli::error::Error;
use crate::cost::difference::Difference;
use crate::plan::{Mode, Plan, Tally, Verb};
use crate::resource::Address;

/// The version of Terraform's machine-readable UI that this follows.
const UI_VERSION: &str = "1.2";

/// Tells of a run on standard output, for programs.
pub(crate) struct Stream {
    report: Report,
    /// `apply` or `destroy`.
    operation: &'static str,
    /// Where the plan's fields stand that resources come from.
    places: BTreeMap<String, Snippet>,
}

impl Stream {
    pub(crate) fn new(report: &Report, operation: &'static str, places: BTreeMap<String, Snippet>) -> Self {
        let stream = Self {
            report: report.clone(),
            operation,
            places,
        };
        stream.version();
        stream
    }

    fn emit(&self, level: &str, message: &str, kind: &str, key: &str, value: Value) {
        self.report.line_of_json(&json!({
            "@level": level,
            "@message": message,
            "@module": "vvbill.ui",
            "@timestamp": Timestamp::now(),
            key: value,
            "type": kind,
        }));
    }

    fn version(&self) {
        let version = env!("CARGO_PKG_VERSION");
        self.report.line_of_json(&json!({
            "@level": "info",
            "@message": format!("vvbill {version}"),
            "@module": "vvbill.ui",
            "@timestamp": Timestamp::now(),
            "vvbill": version,
            "type": "version",
            "ui": UI_VERSION,
        }));
    }

    /// What is going to be done, before it is.
    pub(crate) fn plan(&self, plan: &Plan) {
        for action in plan.changes() {
            let change = json!({
                "resource": resource(&action.address),
                "action": word(action.verb),
                "vvbill_action": action.verb.name(),
                "reason": action.reason.to_string(),
            });
            let message = format!("{}: Plan to {}", action.address, action.verb);
            self.emit("info", &message, "planned_change", "change", change);
        }
        for drift in &plan.drift {
            let change = json!({
                "resource": resource(&drift.address),
                "action": if drift.gone { "delete" } else { "update" },
            });
            let message = format!("{}: Drift detected", drift.address);
            self.emit("info", &message, "resource_drift", "change", change);
        }
        let tally = plan.tally();
        let operation = if plan.mode == Mode::Destroy {
            "destroy"
        } else {
            "plan"
        };
        let message = format!("Plan: {}.", super::plan::counts(&tally, "to "));
        self.emit(
            "info",
            &message,
            "change_summary",
            "changes",
            changes(&tally, operation),
        );
    }

    /// What it makes of the monthly cost, before it is done: a type of our own.
    pub(crate) fn cost(&self, difference: &Difference<'_>) {
        let message = delta::summary(difference);
        self.emit("info", &message, "cost", "cost", delta::document(difference));
    }

    /// The last line of a run that went well.
    pub(crate) fn outputs(&self, outputs: &Value) {
        let count = outputs.as_object().map_or(0, serde_json::Map::len);
        self.emit(
            "info",
            &format!("Outputs: {count}"),
            "outputs",
            "outputs",
            outputs.clone(),
        );
    }

    /// Why a run did not go well.
    pub(crate) fn failure(&self, error: &Error) {
        if error.silent {
            return;
        }
        let detail: Vec<&str> = error
            .causes
            .iter()
            .chain(&error.hints)
            .map(String::as_str)
            .collect();
        let mut diagnostic = json!({
            "severity": "error",
            "summary": error.message,
            "detail": detail.join("\n"),
        });
        if let Some(address) = &error.address {
            diagnostic["address"] = address.clone().into();
        }
        if let Some(place) = &error.at {
            diagnostic["range"] = range(place);
        }
        self.emit(
            "error",
            &format!("Error: {}", error.message),
            "diagnostic",
            "diagnostic",
            diagnostic,
        );
    }

    /// `place` is the line of the plan that it comes from.
    fn diagnostic(
        &self,
        severity: Severity,
        summary: &str,
        detail: &str,
        address: Option<&Address>,
        place: Option<&Snippet>,
    ) {
        let (level, label) = match severity {
            Severity::Warning => ("warn", "Warning"),
            Severity::Error => ("error", "Error"),
        };
        let mut diagnostic = json!({ "severity": severity, "summary": summary, "detail": detail });
        if let Some(address) = address {
            diagnostic["address"] = address.as_str().into();
        }
        if let Some(place) = place {
            diagnostic["range"] = range(place);
        }
        let message = format!("{label}: {summary}");
        self.emit(level, &message, "diagnostic", "diagnostic", diagnostic);
    }

    /// One step of one resource's action: `fields` besides the resource and the action.
    fn step(&self, kind: &str, address: &Address, verb: Verb, message: &str, fields: &[(&str, Value)]) {
        let mut hook = json!({
            "resource": resource(address),
            "action": word(verb),
            "vvbill_action": verb.name(),
        });
        for (name, value) in fields {
            hook[*name] = value.clone();
        }
        let level = if kind == "apply_errored" { "error" } else { "info" };
        self.emit(level, &format!("{address}: {message}"), kind, "hook", hook);
    }

    fn summary(&self, done: &Tally, failed: usize, not_tried: usize) {
        let mut changes = changes(done, self.operation);
        changes["failed"] = failed.into();
        changes["not_tried"] = not_tried.into();
        let done = super::plan::counts(done, "");
        let message = format!("{done}, {failed} failed, {not_tried} not tried");
        self.emit("info", &message, "change_summary", "changes", changes);
    }
}

impl Observer for Stream {
    fn observe(&self, event: &Event) {
        let id_fields = |id: &Option<String>| match id {
            Some(id) => vec![("id_key", json!("id")), ("id_value", json!(id))],
            None => Vec::new(),
        };
        match event {
            // The plan was told as a whole; looking is no change of state.
            Event::Refreshing { .. } | Event::PlannedChange { .. } => {}
            Event::Started { address, verb, id } => {
                let message = format!("{verb} started");
                self.step("apply_start", address, *verb, &message, &id_fields(id));
            }
            Event::Progress {
                address,
                verb,
                elapsed,
                message,
            } => {
                let seconds = elapsed.as_secs();
                let fields = [("elapsed_seconds", json!(seconds)), ("progress", json!(message))];
                let message = format!("{verb}: {message} [{seconds}s elapsed]");
                self.step("apply_progress", address, *verb, &message, &fields);
            }
            Event::Completed {
                address,
                verb,
                id,
                elapsed,
            } => {
                let mut fields = id_fields(id);
                fields.push(("elapsed_seconds", json!(elapsed.as_secs())));
                let message = format!("{verb} complete after {}s", elapsed.as_secs());
                self.step("apply_complete", address, *verb, &message, &fields);
            }
            Event::Errored {
                address,
                verb,
                elapsed,
                message,
                hint,
                origin,
            } => {
                let fields = [("elapsed_seconds", json!(elapsed.as_secs()))];
                let text = format!("{verb} errored after {}s", elapsed.as_secs());
                self.step("apply_errored", address, *verb, &text, &fields);
                let detail = hint.as_deref().unwrap_or_default();
                let place = origin.as_ref().and_then(|origin| self.places.get(origin));
                self.diagnostic(Severity::Error, message, detail, Some(address), place);
            }
            Event::Skipped { address, because, .. } => {
                self.diagnostic(Severity::Warning, "not tried", because, Some(address), None);
            }
            Event::Left { address, what } => {
                self.diagnostic(Severity::Warning, "something stays", what, Some(address), None);
            }
            Event::Summary {
                done,
                failed,
                not_tried,
                ..
            } => self.summary(done, *failed, *not_tried),
            Event::Diagnostic {
                severity,
                summary,
                detail,
                address,
            } => {
                self.diagnostic(*severity, summary, detail, address.as_ref(), None);
            }
        }
    }
}

/// Terraform's: lines and columns from 1.
fn range(place: &Snippet) -> Value {
    json!({
        "filename": place.file,
        "start": { "line": place.line, "column": place.column },
        "end": { "line": place.end_line, "column": place.end_column },
    })
}

fn resource(address: &Address) -> Value {
    json!({
        "addr": address,
        "module": "",
        "resource": address,
        "implied_provider": address.provider(),
        "resource_type": address.kind(),
        "resource_name": address.name(),
        "resource_key": null,
    })
}

/// Terraform's word for a verb.
fn word(verb: Verb) -> &'static str {
    match verb {
        Verb::Create => "create",
        Verb::Adopt => "import",
        Verb::Update | Verb::Reboot => "update",
        Verb::Replace => "replace",
        Verb::Delete => "delete",
        Verb::Keep => "noop",
    }
}

/// Terraform counts a replacement as one added and one removed.
fn changes(tally: &Tally, operation: &str) -> Value {
    json!({
        "add": tally.create + tally.replace,
        "change": tally.update + tally.reboot,
        "import": tally.adopt,
        "remove": tally.delete + tally.replace,
        "operation": operation,
    })
}
