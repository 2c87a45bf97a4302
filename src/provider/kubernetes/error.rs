//! What a failed call means: for the engine a class, for a person the API server's own words and what to do.

use kube::core::Status;

use crate::provider::{ErrorClass, ProviderError};

/// `what` was being done to, for example, `Deployment billing/billing-api`.
pub(super) fn called(what: &str, error: kube::Error) -> ProviderError {
    match error {
        kube::Error::Api(status) => answered(what, &status),
        other => ProviderError::unknown(format!("{what}: {}", chain(&other))).with_hint(
            "is the API server's endpoint reachable from here, and its certificate that of the cluster?",
        ),
    }
}

/// No answer came in time.
pub(super) fn late(what: &str) -> ProviderError {
    ProviderError::unknown(format!("{what}: the API server did not answer in time"))
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(why) = cause {
        let why_text = why.to_string();
        if !text.contains(&why_text) {
            text = format!("{text}: {why_text}");
        }
        cause = why.source();
    }
    text
}

fn answered(what: &str, status: &Status) -> ProviderError {
    if let Some(conflict) = conflict(what, status) {
        return conflict;
    }
    let message = format!("{what}: {} ({})", status.message, reason(status));
    let (class, hint) = judge(status);
    ProviderError { class, message, hint }
}

fn reason(status: &Status) -> String {
    match status.reason.as_str() {
        "" => status.code.to_string(),
        reason => reason.into(),
    }
}

/// Fields that others own, by owner.
fn conflict(what: &str, status: &Status) -> Option<ProviderError> {
    let causes = &status.details.as_ref()?.causes;
    let mut owned = Vec::new();
    for cause in causes
        .iter()
        .filter(|cause| cause.reason == "FieldManagerConflict")
    {
        let manager = cause.message.split('"').nth(1).unwrap_or(cause.message.as_str());
        owned.push(format!(
            "{} belongs to `{manager}`",
            cause.field.trim_start_matches('.')
        ));
    }
    (!owned.is_empty()).then(|| {
        ProviderError::refused(format!("{what}: {}", owned.join(", ")))
            .with_hint("leave these fields out of the plan, or take them over with --force-conflicts")
    })
}

fn judge(status: &Status) -> (ErrorClass, Option<String>) {
    let about = status
        .details
        .as_ref()
        .map_or("", |details| details.kind.as_str());
    let message = status.message.as_str();
    let said = |hint: &str| Some(hint.to_owned());
    let no_such_field = message.contains("unknown field") || message.contains("not declared in schema");
    match status.code {
        _ if no_such_field => (
            ErrorClass::Refused,
            said("the cluster's version of this kind has no such field: `kubectl explain KIND` lists them"),
        ),
        401 => (
            ErrorClass::Refused,
            said(
                "the cluster doesn't know whose call it is: of EKS, does an access entry name this role or user?",
            ),
        ),
        403 if message.contains("being terminated") => (ErrorClass::Transient, None),
        403 => (
            ErrorClass::Refused,
            said(
                "whoever runs vvbill needs a role in the cluster that allows it: `kubectl auth can-i --list`",
            ),
        ),
        404 if about == "namespaces" => (
            ErrorClass::Refused,
            said("put the namespace into the plan, or make it: `kubectl create namespace NAME`"),
        ),
        // The API of a definition that was just taken in is served a moment later.
        404 | 409 => (ErrorClass::Transient, None),
        422 if message.contains("immutable") || message.contains("may not be changed") => (
            ErrorClass::Refused,
            said("this can't be changed in place: plan with `--replace ADDRESS`"),
        ),
        429 => (ErrorClass::Throttled, None),
        503 => (ErrorClass::Transient, None),
        // A webhook of an operator that isn't up yet.
        500 if message.contains("failed calling webhook") => (ErrorClass::Transient, None),
        500.. => (ErrorClass::Unknown, None),
        _ => (ErrorClass::Refused, None),
    }
}
