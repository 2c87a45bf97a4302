//! A run as NDJSON, in Terraform's envelope and types: one object a line, as it happens.
//!
//! After <https://developer.hashicorp.com/terraform/internals/machine-readable-ui>.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Report;
use crate::apply::{Event, Observer, Severity};
use crate::cli::error::Error;
use crate::plan::{Mode, Plan, Tally, Verb};
use crate::resource::Address;

/// The version of Terraform's machine-readable UI that this follows.
const UI_VERSION: &str = "1.2";

/// Tells of a run on standard output, for programs.
pub(crate) struct Stream {
    report: Report,
    /// `apply` or `destroy`.
    operation: &'static str,
}

impl Stream {
    pub(crate) fn new(report: &Report, operation: &'static str) -> Self {
        let stream = Self {
            report: report.clone(),
            operation,
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
            diagnostic["range"] = json!({
                "filename": place.file,
                "start": { "line": place.line, "column": place.column },
                "end": { "line": place.end_line, "column": place.end_column },
            });
        }
        self.emit(
            "error",
            &format!("Error: {}", error.message),
            "diagnostic",
            "diagnostic",
            diagnostic,
        );
    }

    fn diagnostic(&self, severity: Severity, summary: &str, detail: &str, address: Option<&Address>) {
        let (level, label) = match severity {
            Severity::Warning => ("warn", "Warning"),
            Severity::Error => ("error", "Error"),
        };
        let mut diagnostic = json!({ "severity": severity, "summary": summary, "detail": detail });
        if let Some(address) = address {
            diagnostic["address"] = address.as_str().into();
        }
        self.emit(
            level,
            &format!("{label}: {summary}"),
            "diagnostic",
            "diagnostic",
            diagnostic,
        );
    }
}

impl Observer for Stream {
    fn observe(&self, event: &Event) {
        let hook = |address: &Address, verb: &Verb| json!({ "resource": resource(address), "action": word(*verb), "vvbill_action": verb.name() });
        match event {
            // The plan was told as a whole; looking is no change of state.
            Event::Refreshing { .. } | Event::PlannedChange { .. } => {}
            Event::Started { address, verb, id } => {
                let mut hook = hook(address, verb);
                identify(&mut hook, id.as_deref());
                self.emit(
                    "info",
                    &format!("{address}: {verb} started"),
                    "apply_start",
                    "hook",
                    hook,
                );
            }
            Event::Progress {
                address,
                verb,
                elapsed,
                message,
            } => {
                let mut hook = hook(address, verb);
                hook["elapsed_seconds"] = elapsed.as_secs().into();
                hook["progress"] = message.as_str().into();
                let text = format!("{address}: {verb}: {message} [{}s elapsed]", elapsed.as_secs());
                self.emit("info", &text, "apply_progress", "hook", hook);
            }
            Event::Completed {
                address,
                verb,
                id,
                elapsed,
            } => {
                let mut hook = hook(address, verb);
                identify(&mut hook, id.as_deref());
                hook["elapsed_seconds"] = elapsed.as_secs().into();
                let text = format!("{address}: {verb} complete after {}s", elapsed.as_secs());
                self.emit("info", &text, "apply_complete", "hook", hook);
            }
            Event::Errored {
                address,
                verb,
                elapsed,
                message,
                hint,
                ..
            } => {
                let mut hook = hook(address, verb);
                hook["elapsed_seconds"] = elapsed.as_secs().into();
                let text = format!("{address}: {verb} errored after {}s", elapsed.as_secs());
                self.emit("error", &text, "apply_errored", "hook", hook);
                let detail = hint.as_deref().unwrap_or_default();
                self.diagnostic(Severity::Error, message, detail, Some(address));
            }
            Event::Skipped { address, because, .. } => {
                self.diagnostic(Severity::Warning, "not tried", because, Some(address));
            }
            Event::Summary {
                done,
                failed,
                not_tried,
                ..
            } => {
                let mut changes = changes(done, self.operation);
                changes["failed"] = (*failed).into();
                changes["not_tried"] = (*not_tried).into();
                let message = format!(
                    "{}, {failed} failed, {not_tried} not tried",
                    super::plan::counts(done, "")
                );
                self.emit("info", &message, "change_summary", "changes", changes);
            }
            Event::Diagnostic {
                severity,
                summary,
                detail,
                address,
            } => {
                self.diagnostic(*severity, summary, detail, address.as_ref());
            }
        }
    }
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

fn identify(hook: &mut Value, id: Option<&str>) {
    if let Some(id) = id {
        hook["id_key"] = "id".into();
        hook["id_value"] = id.into();
    }
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
