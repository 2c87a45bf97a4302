//! Reads what was rendered as YAML.

use serde_json::Value;

/// The one document of a text.
pub(crate) fn parsed(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap_or_else(|why| panic!("{why}\n{text}"))
}
