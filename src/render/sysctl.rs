//! `sysctl/`: kernel settings of the nodes, and limits of their processes.

use serde::Serialize;

use super::{Error, File, Input, field};
use crate::templates::{Templates, sources};

static TEMPLATES: Templates =
    Templates::new(sources!["sysctl/99-vvbill.conf", "sysctl/99-vvbill-limits.conf"]);

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

/// What the template of limits is filled with.
#[derive(Debug, Serialize)]
struct Limits {
    header: String,
    limits: Vec<Limit>,
}

#[derive(Debug, Serialize)]
struct Limit {
    /// As limits.conf calls it.
    item: &'static str,
    value: u64,
    comments: Vec<String>,
}

pub(super) fn files(input: &Input<'_>) -> Result<Vec<File>, Error> {
    let mut files = Vec::new();
    if let Some(text) = settings(input)? {
        files.push(File {
            path: "99-vvbill.conf".into(),
            text,
        });
    }
    if let Some(text) = limits(input)? {
        files.push(File {
            path: "99-vvbill-limits.conf".into(),
            text,
        });
    }
    Ok(files)
}

fn settings(input: &Input<'_>) -> Result<Option<String>, Error> {
    let sysctl = &input.spec.operating_system.sysctl;
    if sysctl.is_empty() {
        return Ok(None);
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
    Ok(Some(TEMPLATES.fill("sysctl/99-vvbill.conf", &values)?))
}

fn limits(input: &Input<'_>) -> Result<Option<String>, Error> {
    let limits = &input.spec.operating_system.limits;
    let limit = |item, value: Option<u64>, key: &str| {
        Some(Limit {
            item,
            value: value?,
            comments: input.comments(&field("operating_system.limits").key(key)),
        })
    };
    let limits: Vec<Limit> = [
        limit("nofile", limits.open_files, "open_files"),
        limit("nproc", limits.processes, "processes"),
    ]
    .into_iter()
    .flatten()
    .collect();
    if limits.is_empty() {
        return Ok(None);
    }
    let values = Limits {
        header: input.header(),
        limits,
    };
    Ok(Some(TEMPLATES.fill("sysctl/99-vvbill-limits.conf", &values)?))
}
