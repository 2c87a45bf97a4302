//! What a load test measured: the account that `loadtest --json` ends with.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Deserialize;

use crate::spec::{Spec, Target};

/// The line of the account among lines of progress.
const ACCOUNT: &str = "load_account";

/// What a plan has carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Events a second, from the first sent until the last was durable.
    pub per_second: Decimal,
    /// Nodes of each group while it was measured.
    pub nodes: BTreeMap<String, u32>,
}

/// A report that nothing can be concluded from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// It is another text.
    #[error("it has no line of type `{ACCOUNT}`, which `vvbill loadtest PLAN --json` ends with")]
    NoAccount,
    /// It is of another version.
    #[error("its account can't be read: {0}")]
    Unreadable(String),
    /// Nothing says how many workers and nodes there were.
    #[error("it doesn't say on how many nodes it was measured: this vvbill's `loadtest --json` does")]
    NoPlan,
    /// It is about other machines.
    #[error("it was measured on `{found}` on the target {target}, and says nothing of `{wanted}`")]
    OtherPlan {
        /// Whose it is.
        found: String,
        /// Where it ran.
        target: String,
        /// Whose it would have to be.
        wanted: String,
    },
    /// Events were lost or came twice.
    #[error("its run isn't clean: lost {lost}, doubled {doubled}, unexpected answers {unexpected}")]
    NotClean {
        /// Events that are not there.
        lost: u64,
        /// Events that are there twice.
        doubled: u64,
        /// Answers that the service doesn't promise.
        unexpected: u64,
    },
    /// Nothing was measured.
    #[error("nothing was sent in it")]
    Empty,
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Report {
    account: Account,
    #[serde(default)]
    plan: Option<Plan>,
}

#[derive(Deserialize)]
struct Account {
    accepted: u64,
    lost: u64,
    doubled: u64,
    unexpected: u64,
    seconds_sending: f64,
    seconds_settling: f64,
}

#[derive(Deserialize)]
struct Plan {
    name: String,
    target: Target,
    #[serde(default)]
    nodes: BTreeMap<String, u32>,
}

impl Evidence {
    /// Reads what `loadtest --json` wrote, and sees whether it is about this plan.
    ///
    /// # Errors
    /// When nothing can be concluded from it.
    pub fn parse(text: &str, spec: &Spec) -> Result<Self, EvidenceError> {
        let is_account = |line: &&str| serde_json::from_str::<Line>(line).is_ok_and(|it| it.kind == ACCOUNT);
        let line = text.lines().rfind(is_account).ok_or(EvidenceError::NoAccount)?;
        let report: Report =
            serde_json::from_str(line).map_err(|why| EvidenceError::Unreadable(why.to_string()))?;
        let plan = report.plan.ok_or(EvidenceError::NoPlan)?;
        let wanted = spec.metadata.name.as_str();
        if plan.name != wanted || plan.target != spec.target {
            return Err(EvidenceError::OtherPlan {
                found: plan.name,
                target: serde_json::to_value(plan.target).map_or_else(
                    |_| String::new(),
                    |name| name.as_str().unwrap_or_default().to_owned(),
                ),
                wanted: wanted.to_owned(),
            });
        }
        let account = report.account;
        if account.lost + account.doubled + account.unexpected > 0 {
            return Err(EvidenceError::NotClean {
                lost: account.lost,
                doubled: account.doubled,
                unexpected: account.unexpected,
            });
        }
        let seconds = Decimal::try_from(account.seconds_sending + account.seconds_settling).ok();
        let per_second = seconds.and_then(|seconds| Decimal::from(account.accepted).checked_div(seconds));
        Ok(Self {
            per_second: per_second
                .filter(|rate| *rate > Decimal::ZERO)
                .ok_or(EvidenceError::Empty)?,
            nodes: plan.nodes,
        })
    }
}
