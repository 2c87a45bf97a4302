//! `kubernetes/REGION/`: objects for `kubectl apply`, and scripts for what must be there before them.

use super::{Error, File, Input};
use crate::resource::Address;
use crate::spec::FieldPath;
use crate::topology::kubernetes::{self, Part};

pub(super) fn files(input: &Input<'_>) -> Result<Vec<File>, Error> {
    let comments = |keys: &[&str]| {
        let path = keys.iter().fold(FieldPath::default(), |path, key| path.key(*key));
        input.comments(&path)
    };
    let documents = kubernetes::documents(input.spec, &input.header(), &comments)?;
    let file = |document: kubernetes::Document| File {
        path: format!("{}/{}", document.region, document.path),
        text: with_outputs(input, &document.text),
    };
    Ok(documents.into_iter().map(file).collect())
}

/// The text with a value for each output that it names: the state's, or one that nobody takes for real.
fn with_outputs(input: &Input<'_>, text: &str) -> String {
    kubernetes::split(text)
        .into_iter()
        .map(|part| match part {
            Part::Text(text) => text.to_owned(),
            Part::Output(of, name) => output(input, &of, name),
        })
        .collect()
}

/// An output from the state, or a placeholder that says what belongs there.
pub(super) fn output(input: &Input<'_>, of: &Address, name: &str) -> String {
    let known = known_output(input, of, name);
    known.unwrap_or_else(|| format!("REPLACE-ME-{}-{name}", of.as_str().replace('/', "-")))
}

pub(super) fn known_output(input: &Input<'_>, of: &Address, name: &str) -> Option<String> {
    let outputs = &input.state?.resources.get(of)?.outputs;
    match outputs.get(name)? {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Null => None,
        other => Some(other.to_string()),
    }
}
