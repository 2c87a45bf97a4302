//! Why there is no plan, or why a plan no longer holds.

use std::fmt;

use crate::resource::Address;

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Resources depend on each other in a circle; the first stands at the end again.
    #[error("resources depend on each other in a circle: {}", join(.0, " → "))]
    Cycle(Vec<Address>),
    /// A resource depends on one that the plan doesn't have.
    #[error("{dependent} depends on {missing}, which the plan does not have")]
    MissingDependency {
        /// Who depends.
        dependent: Address,
        /// On what.
        missing: Address,
    },
    /// A reference names an output that its resource does not have.
    #[error("{dependent} refers to the output `{output}` of {of}, which has none of that name")]
    MissingOutput {
        /// Who refers.
        dependent: Address,
        /// To whose.
        of: Address,
        /// To which.
        output: String,
    },
    /// Two desired resources at one address.
    #[error("{0} is asked for twice")]
    Duplicate(Address),
    /// No provider has such a kind.
    #[error("{0}: no provider has this kind")]
    UnknownKind(Address),
    /// `--target`, `--exclude` or `--replace` names nothing.
    #[error("`{selector}` names no resource and no section of this plan{}", did_you_mean(.nearest))]
    UnknownSelector {
        /// As given.
        selector: String,
        /// What may have been meant.
        nearest: Option<String>,
    },
    /// Protected resources would be replaced.
    #[error("{}", join(.0, "\n"))]
    Protected(Vec<Blocked>),
    /// The service would refuse to delete these.
    #[error("nothing was started: {}", join(.0, ", "))]
    Guarded(Vec<Guarded>),
    /// A saved plan that can't be read.
    #[error("not a saved plan: {why}")]
    NotAPlan {
        /// The parser's words.
        why: String,
    },
    /// A saved plan of another version.
    #[error(
        "the saved plan has format {found}, and this vvbill reads {}: plan again",
        super::FORMAT_VERSION
    )]
    UnknownFormat {
        /// Its format.
        found: u32,
    },
}

/// A resource that is protected against deletion by the service's own switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guarded {
    /// Which one.
    pub address: Address,
    /// The command that lifts it.
    pub lifted_by: &'static str,
}

impl fmt::Display for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is protected against deletion", self.address)
    }
}

/// A protected resource that would have to be replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// Which one.
    pub address: Address,
    /// What leads there: the resource it refers to first, then on to the root cause. Empty where its own
    /// properties are the cause.
    pub chain: Vec<Address>,
    /// Its properties that can't be changed in place (JSON pointers).
    pub paths: Vec<String>,
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            address,
            chain,
            paths,
        } = self;
        write!(
            f,
            "{address} holds data and would have to be replaced: {} can't be changed in place",
            join(paths, ", ")
        )?;
        for (index, cause) in chain.iter().enumerate() {
            let link = if index == 0 {
                ", and it refers to"
            } else {
                ", because of"
            };
            write!(f, "{link} {cause}, which is made anew")?;
        }
        write!(f, "; ask for it with `--replace {address}`, or undo the change")
    }
}

/// Why a saved plan may not be applied any more: plan again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stale {
    /// Another state altogether.
    #[error("the saved plan is of another state (lineage {planned}, not {found}): plan again")]
    Lineage {
        /// The plan's.
        planned: String,
        /// The state's.
        found: String,
    },
    /// Something was applied since.
    #[error("the saved plan is of serial {planned} of the state, which is at {found} now: plan again")]
    Serial {
        /// The plan's.
        planned: u64,
        /// The state's.
        found: u64,
    },
    /// The world changed since.
    #[error("since the plan was saved, these changed outside vvbill: {}: plan again", join(.0, ", "))]
    Observations(Vec<Address>),
}

fn join<T: fmt::Display>(items: &[T], between: &str) -> String {
    items
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(between)
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest
        .as_ref()
        .map(|name| format!("; did you mean `{name}`?"))
        .unwrap_or_default()
}
