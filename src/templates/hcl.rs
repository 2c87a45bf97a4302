//! Values as expressions of HCL, Terraform's language.

use std::collections::BTreeMap;

use serde_json::Value;
use tera::{Kwargs, State};

/// The key of an object that stands for an expression: its text is written as it is.
pub(crate) const EXPRESSION: &str = "$expression";

/// The longest list that stays on its line.
const LINE: usize = 96;

/// The filter `hcl`. What is not given is `null`, which HCL takes for not given.
pub(super) fn hcl(value: &tera::Value, _: Kwargs, _: &State<'_>) -> Result<String, tera::Error> {
    Ok(write(&plain(value)?))
}

/// The filter `heredoc`: a text of several lines, legible.
pub(super) fn heredoc(value: &tera::Value, _: Kwargs, _: &State<'_>) -> Result<String, tera::Error> {
    let value = plain(value)?;
    let text = value.as_str().unwrap_or_default();
    Ok(format!(
        "<<EOT\n{}\nEOT\n",
        uninterpolated(text.trim_end_matches('\n'))
    ))
}

fn plain(value: &tera::Value) -> Result<Value, tera::Error> {
    if value.is_undefined() {
        return Ok(Value::Null);
    }
    serde_json::to_value(value).map_err(tera::Error::message)
}

/// An object that stands for `text`.
pub(crate) fn expression(text: impl Into<String>) -> Value {
    serde_json::json!({ EXPRESSION: text.into() })
}

/// `value` as an expression; objects and long lists take a line an entry, for someone else to indent.
pub(crate) fn write(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => match number.as_f64() {
            Some(float) if float.fract() == 0.0 && float.abs() < 1e15 => format!("{float:.0}"),
            _ => number.to_string(),
        },
        Value::String(text) => quoted(text),
        Value::Array(items) => list(items),
        Value::Object(entries) => match entries.get(EXPRESSION).and_then(Value::as_str) {
            Some(expression) => expression.into(),
            None if entries.is_empty() => "{}".into(),
            None => {
                // Templates' maps have no order.
                let sorted: BTreeMap<&String, &Value> = entries.iter().collect();
                let lines = sorted
                    .into_iter()
                    .map(|(name, value)| format!("{} = {}\n", key(name), write(value)));
                format!("{{\n{}}}", lines.collect::<String>())
            }
        },
    }
}

fn list(items: &[Value]) -> String {
    let items: Vec<String> = items.iter().map(write).collect();
    let line = format!("[{}]", items.join(", "));
    if line.len() <= LINE && !line.contains('\n') {
        return line;
    }
    let lines: String = items.iter().map(|item| format!("{item},\n")).collect();
    format!("[\n{lines}]")
}

fn key(name: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    match name.starts_with(|first: char| first.is_ascii_alphabetic()) && name.chars().all(plain) {
        true => name.into(),
        false => quoted(name),
    }
}

fn quoted(text: &str) -> String {
    let escaped = uninterpolated(text)
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
        .replace('\t', "\\t")
        .replace('\r', "\\r");
    format!("\"{escaped}\"")
}

/// Without what HCL would fill in.
fn uninterpolated(text: &str) -> String {
    text.replace("${", "$${").replace("%{", "%%{")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_of_a_text_is_taken_for_an_expression() {
        assert_eq!(
            write(&json!("a \"b\" \\ ${c} %{d}\n")),
            r#""a \"b\" \\ $${c} %%{d}\n""#
        );
    }

    #[test]
    fn keys_that_are_no_names_are_quoted_and_expressions_are_not() {
        let value = json!({ "vvbill:plan": "a", "name": expression("aws_vpc.main.id"), "count": 3.0 });
        assert_eq!(
            write(&value),
            "{\ncount = 3\nname = aws_vpc.main.id\n\"vvbill:plan\" = \"a\"\n}"
        );
    }

    #[test]
    fn a_long_list_takes_a_line_an_item() {
        assert_eq!(write(&json!(["a", 1])), "[\"a\", 1]");
        let long = "x".repeat(60);
        assert_eq!(
            write(&json!([long, long])),
            format!("[\n\"{long}\",\n\"{long}\",\n]")
        );
    }
}
