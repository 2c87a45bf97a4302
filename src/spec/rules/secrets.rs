//! VV900–909: secrets that stand where they can be read.

use super::{Applies, Breaches, Context, Rule, Severity, key};
use crate::spec::{SecretReference, Spec};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "VV900",
        severity: Severity::Error,
        title: "a secret stands in the plan",
        applies: Applies::Everywhere,
        about: "A plan is kept in version control, quoted in reviews and printed by tools. A secret in it is known to \
                all who can read it, for ever. vvbill takes the place where a secret is kept instead.",
        source: "OWASP, \"Secrets Management Cheat Sheet\"",
        remedy: "Write `env:NAME`, `file:PATH`, `secretsmanager:NAME`, or `managed`; and change the secret, which is no \
                 longer one.",
        check: secret_is_literal,
    },
    Rule {
        code: "VV901",
        severity: Severity::Error,
        title: "a secret stands in a container's environment",
        applies: Applies::Everywhere,
        about: "`env` is rendered into manifests in the clear. What is called a password, secret, token or key belongs \
                into `secret_env`, which is rendered as a reference to a Kubernetes secret.",
        source: "Kubernetes documentation, \"Good practices for Kubernetes Secrets\"",
        remedy: "Move it to `secret_env`, as a reference.",
        check: secret_is_in_environment,
    },
    Rule {
        code: "VV902",
        severity: Severity::Error,
        title: "this machine can't read a secret of AWS's",
        applies: Applies::OnThisMachine,
        about: "The local target talks to no cloud: a secret kept by AWS Secrets Manager can't be read there.",
        source: "vvbill",
        remedy: "Write `managed`, `env:NAME` or `file:PATH`.",
        check: secret_is_out_of_reach,
    },
];

/// Every secret of the plan with its field.
fn secrets(spec: &Spec) -> Vec<(String, &SecretReference)> {
    let mut secrets: Vec<(String, &SecretReference)> = Vec::new();
    for (name, workload) in &spec.workloads {
        let path = format!("{}.secret_env", key("workloads", name));
        secrets.extend(
            workload
                .secret_env
                .iter()
                .map(|(variable, secret)| (key(&path, variable), secret)),
        );
    }
    secrets.extend(
        spec.aurora
            .iter()
            .map(|it| ("aurora.master_password".to_owned(), &it.master_password)),
    );
    if let Some(buffer) = &spec.buffer {
        secrets.extend(buffer.auth.iter().map(|it| ("buffer.auth".to_owned(), it)));
        let sentinel = buffer.sentinel.as_ref().and_then(|it| it.auth.as_ref());
        secrets.extend(sentinel.map(|it| ("buffer.sentinel.auth".to_owned(), it)));
    }
    let token = spec.cache.as_ref().and_then(|it| it.auth_token.as_ref());
    secrets.extend(token.map(|it| ("cache.auth_token".to_owned(), it)));
    secrets.extend(
        spec.ingest
            .iter()
            .map(|it| ("ingest.api_keys".to_owned(), &it.api_keys)),
    );
    secrets
}

fn secret_is_literal(spec: &Spec, _: &Context, found: &mut Breaches) {
    for (path, secret) in secrets(spec) {
        if matches!(secret, SecretReference::Literal(_)) {
            let fix = format!("set {path}: managed, or env:NAME, and change the secret itself");
            found.add(&[&path], "whoever reads the plan knows it", fix);
        }
    }
}

fn secret_is_in_environment(spec: &Spec, _: &Context, found: &mut Breaches) {
    for (name, workload) in &spec.workloads {
        for variable in workload.env.keys() {
            let upper = variable.to_uppercase();
            let named = [
                "PASSWORD",
                "SECRET",
                "TOKEN",
                "API_KEY",
                "PRIVATE_KEY",
                "CREDENTIAL",
            ];
            if named.iter().any(|word| upper.contains(word)) && !upper.ends_with("_FILE") {
                let path = key(&format!("{}.env", key("workloads", name)), variable);
                let secret_path = key(&format!("{}.secret_env", key("workloads", name)), variable);
                let why = format!("`{variable}` is rendered in the clear");
                found.add(
                    &[&path],
                    why,
                    format!("take {path} out, and set {secret_path}: managed"),
                );
            }
        }
    }
}

fn secret_is_out_of_reach(spec: &Spec, _: &Context, found: &mut Breaches) {
    for (path, secret) in secrets(spec) {
        if matches!(secret, SecretReference::SecretsManager(_)) {
            found.add(
                &[&path],
                "the local target talks to no cloud",
                format!("set {path}: managed"),
            );
        }
    }
}
