//! What rules say of the plan, beside the block that it is about.

use std::collections::BTreeMap;

use super::super::Input;
use super::kinds;
use crate::resource::{Address, Desired};
use crate::spec::{Diagnostic, FieldPath, Severity};

/// Columns of a comment.
const WIDTH: usize = 110;

/// The lines of comment before the block of a resource. A finding stands once: before the first block that comes
/// from its field, or from the closest one above or below. Pods are not Terraform's.
pub(super) fn beside<'a>(input: &Input<'_>, desired: &'a [Desired]) -> BTreeMap<&'a Address, Vec<String>> {
    let mut lines: BTreeMap<&Address, Vec<String>> = BTreeMap::new();
    let origins: Vec<(FieldPath, &Desired)> = desired
        .iter()
        .filter(|resource| kinds::of(resource.address.kind()).is_some())
        .filter_map(|resource| Some((resource.origin.parse().ok()?, resource)))
        .collect();
    for finding in input.findings {
        if finding.severity == Severity::Note || is_about_pods(finding) {
            continue;
        }
        // Of equals `max_by_key` takes the last, so the first come last.
        let closest = origins
            .iter()
            .rev()
            .filter_map(|(origin, resource)| Some((closeness(origin, &finding.path)?, *resource)))
            .max_by_key(|(closeness, resource)| (*closeness, resource.address.kind() != "iam_role"));
        if let Some((_, resource)) = closest {
            let text = format!("{}: {}", finding.code, finding.message.replace('\n', " "));
            lines.entry(&resource.address).or_default().extend(wrapped(&text));
        }
    }
    lines
}

fn is_about_pods(finding: &Diagnostic) -> bool {
    let path = finding.path.to_string();
    ["workloads", "kafka", "gunicorn"].iter().any(|section| {
        path.strip_prefix(section)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    })
}

/// Steps that both have, where one is above the other.
fn closeness(origin: &FieldPath, path: &FieldPath) -> Option<usize> {
    let (origin, path) = (origin.segments(), path.segments());
    let related = path.starts_with(origin) || origin.starts_with(path);
    (related && !origin.is_empty() && !path.is_empty()).then(|| origin.len().min(path.len()))
}

fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec!["#".to_owned()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("never empty");
        match line.len() + 1 + word.len() > WIDTH && line.len() > 1 {
            true => lines.push(format!("#   {word}")),
            false => {
                line.push(' ');
                line.push_str(word);
            }
        }
    }
    lines
}
