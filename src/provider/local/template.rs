//! The texts of the servers' configuration files, from the templates that are built in.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::provider::ProviderError;
use crate::templates::{Templates, sources};

static TEMPLATES: Templates = Templates::new(sources![
    "local/log4j2.properties",
    "local/member.py",
    "local/patroni.yml",
    "local/pg_hba.conf",
    "local/postgresql.conf",
    "local/prometheus.yml",
    "local/redis.conf",
    "local/sentinel.conf",
    "local/mirror.properties",
    "local/server.properties",
]);

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

/// Fills the template `local/NAME` with `values`.
pub(super) fn render(name: &str, values: &Value) -> Result<String, ProviderError> {
    TEMPLATES
        .fill(&format!("local/{name}"), values)
        .map_err(|why| ProviderError::refused(why.to_string()))
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
