//! The texts of the servers' configuration files, from the templates that are built in.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tera::{Context, Tera};

use crate::provider::ProviderError;

const TEMPLATES: &[(&str, &str)] = &[
    (
        "log4j2.properties",
        include_str!("../../../templates/local/log4j2.properties"),
    ),
    (
        "pg_hba.conf",
        include_str!("../../../templates/local/pg_hba.conf"),
    ),
    (
        "postgresql.conf",
        include_str!("../../../templates/local/postgresql.conf"),
    ),
    (
        "prometheus.yml",
        include_str!("../../../templates/local/prometheus.yml"),
    ),
    ("redis.conf", include_str!("../../../templates/local/redis.conf")),
    (
        "sentinel.conf",
        include_str!("../../../templates/local/sentinel.conf"),
    ),
    (
        "server.properties",
        include_str!("../../../templates/local/server.properties"),
    ),
];

static TERA: LazyLock<Result<Tera, String>> = LazyLock::new(|| {
    let mut tera = Tera::default();
    tera.add_raw_templates(TEMPLATES.iter().copied())
        .map_err(|why| why.to_string())?;
    Ok(tera)
});

/// One line of a configuration file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) value: String,
}

/// `name` and `value` pairs, in their order, as templates take them.
pub(super) fn lines<'a>(settings: impl IntoIterator<Item = (&'a String, &'a String)>) -> Vec<Line> {
    settings
        .into_iter()
        .map(|(name, value)| Line {
            name: name.clone(),
            value: value.clone(),
        })
        .collect()
}

/// Fills the template `name` with `values`.
pub(super) fn render(name: &str, values: &Value) -> Result<String, ProviderError> {
    let failed = |why: String| ProviderError::refused(format!("the template {name} can't be filled: {why}"));
    let tera = TERA.as_ref().map_err(|why| failed(why.clone()))?;
    let context = Context::from_serialize(values).map_err(|why| failed(why.to_string()))?;
    tera.render(name, &context).map_err(|why| failed(why.to_string()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_keep_their_order_and_text() {
        let settings = json!([{ "name": "b.b", "value": "2" }, { "name": "a", "value": "<&\"" }]);
        let text = render(
            "server.properties",
            &json!({ "node_id": 1, "voters": "1@127.0.0.1:9", "listener": "127.0.0.1:1", "controller": "127.0.0.1:2", "data": "/d", "settings": settings }),
        )
        .unwrap();
        assert!(
            text.ends_with("b.b=2\na=<&\"\n\n") || text.ends_with("b.b=2\na=<&\"\n"),
            "{text}"
        );
    }
}
