//! Single values: numbers, quantities, names of a closed set.

use serde_json::{Number, Value as Json};

use super::{Checker, shortened};
use crate::spec::diagnostic::Diagnostic;
use crate::spec::path::FieldPath;
use crate::spec::schema;
use crate::spec::units::{self, SecretReference, Unit};
use crate::spec::yaml::{Node, Value};

impl Checker {
    pub(super) fn boolean(&mut self, node: &Node, path: &FieldPath) -> Option<Json> {
        match &node.value {
            Value::Scalar { text, plain: true } if text == "true" => return Some(Json::Bool(true)),
            Value::Scalar { text, plain: true } if text == "false" => return Some(Json::Bool(false)),
            _ => {}
        }
        let meant = match &node.value {
            Value::Scalar { text, .. } => match text.to_ascii_lowercase().as_str() {
                "yes" | "on" | "true" | "1" => Some("write `true`, without quotes"),
                "no" | "off" | "false" | "0" => Some("write `false`, without quotes"),
                _ => None,
            },
            _ => None,
        };
        self.wrong(
            node,
            "true or false",
            meant.unwrap_or("write `true` or `false`"),
            path,
        )
    }

    pub(super) fn integer(&mut self, node: &Node, schema: &'static Json, path: &FieldPath) -> Option<Json> {
        let Value::Scalar { text, plain } = &node.value else {
            return self.wrong_kind(node, "a whole number", path);
        };
        let digits = text.replace('_', "");
        let is_number = !digits.is_empty()
            && digits
                .trim_start_matches('-')
                .bytes()
                .all(|byte| byte.is_ascii_digit());
        if !is_number {
            return self.wrong(node, "a whole number", "write digits only", path);
        }
        if !plain {
            return self.wrong(node, "a whole number", "take the quotes away", path);
        }
        let (least, most) = bounds(schema);
        match digits
            .parse::<i128>()
            .ok()
            .filter(|number| (least..=most).contains(number))
        {
            Some(number) => Number::from_i128(number).map(Json::Number),
            None => {
                let problem = Diagnostic::error("VV003", format!("`{path}` is out of range"))
                    .fix(format!("write a number from {least} to {most}"));
                self.report(problem.at(path.clone(), Some(node.span)));
                None
            }
        }
    }

    pub(super) fn unit(&mut self, node: &Node, format: &str, path: &FieldPath) -> Option<Json> {
        if format == SecretReference::FORMAT {
            let reference: Option<SecretReference> = match &node.value {
                Value::Scalar { text, .. } => text.parse().ok(),
                _ => None,
            };
            if reference.is_none_or(|reference| reference.is_literal()) {
                self.found.secrets.push(node.span);
            }
        }
        let about = units::about(format).unwrap_or("a quantity");
        let text = self.text(node, about, path)?;
        match units::judge(format, text) {
            Some(Err(error)) => {
                let problem = Diagnostic::error("VV004", error.why).fix(error.fix);
                self.report(problem.at(path.clone(), Some(node.span)));
                None
            }
            _ => Some(Json::String(text.to_owned())),
        }
    }

    pub(super) fn choice(&mut self, node: &Node, choices: &[(&str, &str)], path: &FieldPath) -> Option<Json> {
        let text = self.text(node, "one of a few names", path)?;
        let names = || choices.iter().map(|(name, _)| *name);
        if names().any(|name| name == text) {
            return Some(Json::String(text.to_owned()));
        }
        let all: Vec<&str> = names().collect();
        let fix = match schema::nearest(text, names()) {
            Some(near) => format!("write `{near}`; known: {}", all.join(", ")),
            None => format!("write one of {}", all.join(", ")),
        };
        let problem = Diagnostic::error("VV003", format!("`{path}` can't be `{}`", shortened(text))).fix(fix);
        self.report(problem.at(path.clone(), Some(node.span)));
        None
    }

    pub(super) fn text<'n>(&mut self, node: &'n Node, wanted: &str, path: &FieldPath) -> Option<&'n str> {
        match &node.value {
            Value::Scalar { text, .. } => Some(text),
            _ => {
                self.wrong_kind(node, wanted, path);
                None
            }
        }
    }
}

/// The bounds of an integer, from its format and its own limits.
fn bounds(schema: &Json) -> (i128, i128) {
    let (least, most) = match schema["format"].as_str() {
        Some("uint8") => (0, i128::from(u8::MAX)),
        Some("uint16") => (0, i128::from(u16::MAX)),
        Some("uint32") => (0, i128::from(u32::MAX)),
        Some("uint64" | "uint") => (0, i128::from(u64::MAX)),
        _ => (i128::from(i64::MIN), i128::from(i64::MAX)),
    };
    let bound = |name: &str| schema[name].as_i64().map(i128::from);
    (
        bound("minimum").unwrap_or(least).max(least),
        bound("maximum").unwrap_or(most).min(most),
    )
}
