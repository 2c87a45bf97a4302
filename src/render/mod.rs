//! A plan becomes files that other programs read: one file a format here, one folder a format in `templates/`.
//!
//! Pure, and deterministic: the same plan gives the same bytes. Depends on [`crate::spec`],
//! [`crate::topology`] and [`crate::templates`]. A finding of the plan never stops a render: it stands in a
//! comment beside the value that it is about.

mod compose;
mod eksctl;
mod grafana;
mod gunicorn;
mod kubernetes;
mod prometheus;
mod redis;
mod sysctl;
mod terraform;

pub use self::terraform::left_out as left_out_of_terraform;
use crate::spec::{Diagnostic, FieldPath, Severity, Spec};
use crate::state::State;
use crate::templates::TemplateError;
use crate::topology;

/// What a plan can be rendered as. Each is a folder of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Format {
    /// eksctl's ClusterConfig, one a region
    Eksctl,
    /// Objects for `kubectl apply -f`, one folder a region
    Kubernetes,
    /// A Terraform module
    Terraform,
    /// A development platform for `docker compose up`
    Compose,
    /// redis.conf and sentinel.conf of the write-behind buffer
    Redis,
    /// Kernel settings of the nodes
    Sysctl,
    /// gunicorn_config.py of the application
    Gunicorn,
    /// Recording rules, alerts, and their tests for promtool
    Prometheus,
    /// Dashboards
    Grafana,
}

impl Format {
    /// Every format, in the order in which they are written.
    pub const ALL: &[Self] = &[
        Self::Eksctl,
        Self::Kubernetes,
        Self::Terraform,
        Self::Compose,
        Self::Redis,
        Self::Sysctl,
        Self::Gunicorn,
        Self::Prometheus,
        Self::Grafana,
    ];

    /// Its folder: `eksctl`.
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Eksctl => "eksctl",
            Self::Kubernetes => "kubernetes",
            Self::Terraform => "terraform",
            Self::Compose => "compose",
            Self::Redis => "redis",
            Self::Sysctl => "sysctl",
            Self::Gunicorn => "gunicorn",
            Self::Prometheus => "prometheus",
            Self::Grafana => "grafana",
        }
    }
}

/// What is rendered.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The plan.
    pub spec: &'a Spec,
    /// What rules say of it.
    pub findings: &'a [Diagnostic],
    /// What vvbill made of it: fills in ids and endpoints where it is given.
    pub state: Option<&'a State>,
}

/// A rendered file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Below the output folder, with `/`: `redis/redis.conf`.
    pub path: String,
    /// Its text, closed by a line feed.
    pub text: String,
}

/// Why a plan can't be rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// vvbill's own defect.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The plan can't be laid out on its target.
    #[error(transparent)]
    Topology(#[from] topology::Error),
}

/// The files of `formats`, sorted by path. A format whose sections the plan leaves out gives none.
pub fn render(input: &Input<'_>, formats: &[Format]) -> Result<Vec<File>, Error> {
    let mut files = Vec::new();
    for format in formats {
        files.extend(of_format(input, *format)?.into_iter().map(|file| File {
            path: format!("{}/{}", format.folder(), file.path),
            ..file
        }));
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

fn of_format(input: &Input<'_>, format: Format) -> Result<Vec<File>, Error> {
    match format {
        Format::Eksctl => eksctl::files(input),
        Format::Kubernetes => kubernetes::files(input),
        Format::Terraform => terraform::files(input),
        Format::Compose => compose::files(input),
        Format::Redis => redis::files(input),
        Format::Sysctl => sysctl::files(input),
        Format::Gunicorn => gunicorn::files(input),
        Format::Prometheus => prometheus::files(input),
        Format::Grafana => grafana::files(input),
    }
}

impl Input<'_> {
    /// What opens each file, without the mark of a comment: the plan's name and vvbill's version.
    fn header(&self) -> String {
        format!(
            "Rendered by vvbill {} from the plan {}. Change the plan, not this file.",
            env!("CARGO_PKG_VERSION"),
            self.spec.metadata.name.as_str()
        )
    }

    /// What rules say of `field` and of what lies under it, a line each: `VV101: 1.28 was last supported …`.
    /// Notes are left out.
    fn comments(&self, field: &FieldPath) -> Vec<String> {
        self.findings
            .iter()
            .filter(|finding| finding.severity != Severity::Note)
            .filter(|finding| finding.path.segments().starts_with(field.segments()))
            .map(|finding| format!("{}: {}", finding.code, finding.message.replace('\n', " ")))
            .collect()
    }
}

/// A field of the plan by the keys on the way to it, joined by dots.
fn field(keys: &str) -> FieldPath {
    keys.split('.')
        .fold(FieldPath::default(), |path, key| path.key(key))
}
