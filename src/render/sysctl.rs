//! `sysctl/`: kernel settings of the nodes.

use serde::Serialize;

use super::{Error, File, Input, field};
use crate::templates::{Templates, sources};

static TEMPLATES: Templates = Templates::new(sources!["sysctl/99-vvbill.conf"]);

/// What the template is filled with.
#[derive(Debug, Serialize)]
struct Values {
    header: String,
    settings: Vec<Setting>,
}

#[derive(Debug, Serialize)]
struct Setting {
    name: String,
    value: String,
    comments: Vec<String>,
}

pub(super) fn files(input: &Input<'_>) -> Result<Vec<File>, Error> {
    let sysctl = &input.spec.operating_system.sysctl;
    if sysctl.is_empty() {
        return Ok(Vec::new());
    }
    let settings = sysctl.iter().map(|(name, value)| Setting {
        name: name.clone(),
        value: value.to_string(),
        comments: input.comments(&field("operating_system.sysctl").key(name)),
    });
    let values = Values {
        header: input.header(),
        settings: settings.collect(),
    };
    Ok(vec![File {
        path: "99-vvbill.conf".into(),
        text: TEMPLATES.fill("sysctl/99-vvbill.conf", &values)?,
    }])
}
