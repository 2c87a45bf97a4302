//! Secrets: what the plan has somebody hand over is a variable, the rest is made up while Terraform runs. Neither
//! is written into the module, a plan file or the state. What stands already keeps its value.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::module::{Module, label, name};
use crate::resource::Desired;

/// Where a secret's value comes from, as its template has it.
pub(super) fn values(secret: &Desired) -> Value {
    let value = match variable(secret) {
        Some(variable) => format!("var.{variable}"),
        None => format!(
            "ephemeral.aws_secretsmanager_random_password.{}.random_password",
            name(&secret.address)
        ),
    };
    json!({ "variable": variable(secret), "value": value })
}

/// Every variable of the module, with what it is.
pub(super) fn variables(module: &Module<'_>, desired: &[Desired]) -> BTreeMap<String, String> {
    let secrets = desired
        .iter()
        .filter(|it| matches!(it.address.kind(), "secret" | "db_master_secret"))
        .filter(|it| !module.stands(&it.address));
    let variables = secrets.filter_map(|secret| {
        let source = secret.properties["source"].as_str()?;
        Some((variable(secret)?, format!("What the plan has from {source}")))
    });
    variables.collect()
}

/// The variable that stands for what the plan refers to: `env:DB_PASSWORD` is `db_password`.
fn variable(secret: &Desired) -> Option<String> {
    let source = secret.properties["source"].as_str()?;
    let named = match source.split_once(':') {
        Some(("env", variable)) => variable,
        Some(("file", path)) => path.rsplit('/').next().unwrap_or(path),
        _ => secret.address.name(),
    };
    Some(label(&named.to_lowercase()))
}
