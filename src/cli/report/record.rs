//! One record of the state as a person reads it.

use std::fmt::Write as _;

use super::{plan, style};
use crate::state::Record;

/// Each line ended by a newline.
pub(crate) fn render(record: &Record) -> String {
    let mut out = format!("{}\n", style::paint(style::STRONG, &record.address));
    let status = serde_json::to_value(record.status).unwrap_or_default();
    let dependencies: Vec<&str> = record
        .dependencies
        .iter()
        .map(|address| address.as_str())
        .collect();
    let facts = [
        ("id", record.id.clone()),
        ("status", status.as_str().unwrap_or_default().to_owned()),
        ("section", record.section.clone()),
        ("holds data", if record.protect { "yes" } else { "no" }.to_owned()),
        ("created", format!("{:.0}", record.created_at)),
        ("changed", format!("{:.0}", record.updated_at)),
        ("depends on", dependencies.join("\n              ")),
    ];
    for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(out, "  {name:11} {value}");
    }
    for (name, values) in [("properties", &record.properties), ("outputs", &record.outputs)] {
        let Some(values) = values.as_object().filter(|values| !values.is_empty()) else {
            continue;
        };
        let _ = writeln!(out, "  {name}");
        for (key, value) in values {
            let _ = writeln!(out, "    {key}: {}", plan::shown(key, value));
        }
    }
    out
}
