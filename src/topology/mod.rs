//! A plan becomes the resources that should exist, on the target that it names.
//!
//! Pure: no file, clock, network or async. Depends on [`crate::spec`], [`crate::resource`] and the
//! providers' resource types; calls none of their verbs.

#[cfg(feature = "aws")]
mod aws;
mod buffer_configuration;
mod kafka_timeouts;
pub mod kubernetes;
mod local;
pub mod prometheus;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::endpoints::Endpoints;
use crate::resource::{Address, Desired};
use crate::spec::{Ingest, Spec, Target};
use crate::state::State;
use crate::templates::TemplateError;

use kafka_timeouts::kafka_timeouts;

pub use buffer_configuration::{BufferConfiguration, buffer_configuration};

/// Everything that `spec` asks for, in an order in which a reader would name it.
pub fn desired(spec: &Spec) -> Result<Vec<Desired>, Error> {
    match spec.target {
        Target::Local => local::desired(spec),
        #[cfg(feature = "aws")]
        Target::Aws => aws::desired(spec),
        #[cfg(not(feature = "aws"))]
        Target::Aws => Err(Error::TargetNotBuilt(Target::Aws)),
    }
}

/// Where to reach what stands, from the outputs in `state`; what does not stand is left out.
pub fn endpoints(spec: &Spec, state: &State) -> Endpoints {
    match spec.target {
        Target::Local => local::endpoints(spec, state),
        #[cfg(feature = "aws")]
        Target::Aws => aws::endpoints(spec, state),
        #[cfg(not(feature = "aws"))]
        Target::Aws => Endpoints::default(),
    }
}

/// Where to reach what stands in one region of a platform of two on this machine; `None`: in the first.
pub fn endpoints_of_region(spec: &Spec, state: &State, second: Option<&str>) -> Endpoints {
    local::endpoints_in(spec, state, second)
}

/// What the ingestion service is told beyond where others are: variables of its environment.
pub fn service_settings(ingest: &Ingest) -> BTreeMap<String, String> {
    local::service_settings(ingest)
}

/// Why a plan that is valid in itself can't be laid out on its target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No resource of this target can be made yet.
    #[error("the target `{}` can't be applied by this version of vvbill", target_name(*.0))]
    TargetNotBuilt(Target),
    /// A section that another one needs is not in the plan.
    #[error("`{section}` needs `{needs}`, which the plan leaves out")]
    Missing {
        /// The section that is there.
        section: &'static str,
        /// The one that is not.
        needs: &'static str,
    },
    /// A value that this target has no meaning for.
    #[error("`{field}`: {why}")]
    Unusable {
        /// The plan's field.
        field: String,
        /// Why not.
        why: String,
        /// What to write there.
        fix: String,
    },
    /// vvbill's own defect.
    #[error(transparent)]
    Template(#[from] TemplateError),
}

impl Error {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::TargetNotBuilt(_) => {
                "this vvbill was built without the feature `aws`: build it with it, or set `target: local`"
                    .into()
            }
            Self::Missing { section, needs } => format!("add `{needs}`, or take `{section}` out"),
            Self::Unusable { fix, .. } => fix.clone(),
            Self::Template(_) => "this is a defect of vvbill: report it with the plan".into(),
        }
    }

    /// The plan's field that it is about.
    pub fn origin(&self) -> Option<&str> {
        match self {
            Self::TargetNotBuilt(_) => Some("target"),
            Self::Missing { section, .. } => Some(section),
            Self::Unusable { field, .. } => Some(field),
            Self::Template(_) => None,
        }
    }
}

fn target_name(target: Target) -> &'static str {
    match target {
        Target::Aws => "aws",
        Target::Local => "local",
    }
}

/// The erased form of `resource`.
fn erase<R: Serialize>(address: Address, resource: &R, section: &str, origin: &str) -> Desired {
    Desired {
        address,
        properties: serde_json::to_value(resource).expect("a resource's properties are plain JSON"),
        depends_on: Default::default(),
        protect: false,
        section: section.into(),
        origin: origin.into(),
    }
}
