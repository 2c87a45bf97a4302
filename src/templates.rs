//! Fills the built-in templates: the texts under `templates/`, compiled into the program.
//!
//! Pure. A family of templates is one [`Templates`] in the module that fills it; nothing else parses one.

pub(crate) mod hcl;

use std::sync::OnceLock;

use serde::Serialize;
use tera::{Context, Kwargs, State, Tera};

/// The sources under `templates/` that these paths name, as pairs of path and text.
macro_rules! sources {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/", $path)))),*]
    };
}
pub(crate) use sources;

/// Templates that include one another, parsed when the first is filled.
#[derive(Debug)]
pub struct Templates {
    sources: &'static [(&'static str, &'static str)],
    parsed: OnceLock<Result<Tera, String>>,
}

/// A template that can't be parsed, or a value that it asks for and isn't given: a defect of vvbill.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the template {name} can't be filled: {why}")]
pub struct TemplateError {
    /// Its path under `templates/`.
    pub name: String,
    /// Where it broke off.
    pub why: String,
}

impl Templates {
    /// Of pairs of path and text.
    pub const fn new(sources: &'static [(&'static str, &'static str)]) -> Self {
        Self {
            sources,
            parsed: OnceLock::new(),
        }
    }

    /// The text of the template `name` with the fields of `values`.
    pub fn fill(&self, name: &str, values: &impl Serialize) -> Result<String, TemplateError> {
        let failed = |why: String| TemplateError {
            name: name.to_owned(),
            why,
        };
        let tera = self
            .parsed
            .get_or_init(|| self.parse())
            .as_ref()
            .map_err(|why| failed(why.clone()))?;
        let context = Context::from_serialize(values).map_err(|why| failed(why.to_string()))?;
        tera.render(name, &context).map_err(|why| failed(why.to_string()))
    }

    fn parse(&self) -> Result<Tera, String> {
        let mut tera = Tera::default();
        tera.autoescape_on(Vec::<String>::new());
        tera.register_filter("json", json);
        tera.register_filter("hcl", hcl::hcl);
        tera.register_filter("heredoc", hcl::heredoc);
        tera.add_raw_templates(self.sources.iter().copied())
            .map_err(|why| why.to_string())?;
        Ok(tera)
    }
}

/// A value as JSON: a quoted string, number, list or map that YAML, HCL and Python read as well.
fn json(value: &tera::Value, _: Kwargs, _: &State<'_>) -> Result<String, tera::Error> {
    serde_json::to_string(value).map_err(tera::Error::message)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn json_quotes_what_another_language_would_read_otherwise() {
        let templates = Templates::new(&[("a.yaml", "a: {{ text | json }}\nb: {{ list | json }}\n")]);
        let values = json!({ "text": "yes \"and\" no: #1", "list": [1, "<&>"] });
        assert_eq!(
            templates.fill("a.yaml", &values).unwrap(),
            "a: \"yes \\\"and\\\" no: #1\"\nb: [1,\"<&>\"]\n"
        );
    }

    #[test]
    fn a_value_that_is_not_given_is_an_error() {
        let failed = Templates::new(&[("a.conf", "port {{ port }}\n")])
            .fill("a.conf", &json!({}))
            .unwrap_err();
        assert!(failed.to_string().contains("a.conf"), "{failed}");
    }
}
