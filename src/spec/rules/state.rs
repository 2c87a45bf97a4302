//! VV820–829: where vvbill keeps what it knows, and its lock.

use super::{Applies, Breaches, Context, Rule, Severity};
use crate::spec::{Duration, Spec};

/// Four heartbeats a lease: below this, one slow disk or request between two of them loses the lock.
const SHORTEST_LEASE: Duration = Duration::from_secs(10);

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "VV820",
        severity: Severity::Warning,
        title: "the lock is lost at the first pause",
        applies: Applies::Everywhere,
        about: "The holder of the lock renews it four times a lease. When a pause of the machine or of the store is \
                longer than what is left, another one takes the lock over, and the first stops in the middle.",
        source: "vvbill's own design: a lock outlives its holder by its lease",
        remedy: "Set `state.lease` to 10 s or more.",
        check: lease_is_short,
    },
    Rule {
        code: "VV821",
        severity: Severity::Error,
        title: "the state can't be kept there",
        applies: Applies::Everywhere,
        about: "A state is kept in a folder, or in S3 as `s3://bucket/key`.",
        source: "vvbill",
        remedy: "Name a folder, or a bucket with a key.",
        check: backend_is_malformed,
    },
];

fn lease_is_short(spec: &Spec, _: &Context, found: &mut Breaches) {
    let lease = spec.state.lease;
    if lease < SHORTEST_LEASE {
        let why = format!(
            "it is renewed every {}",
            Duration::from_micros(lease.as_micros() / 4)
        );
        found.add(
            &["state.lease"],
            why,
            format!("set state.lease: {SHORTEST_LEASE} or more"),
        );
    }
}

fn backend_is_malformed(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some((scheme, place)) = spec.state.backend.as_deref().and_then(|it| it.split_once("://")) else {
        return;
    };
    let in_bucket = place
        .split_once('/')
        .is_some_and(|(bucket, name)| !bucket.is_empty() && !name.is_empty());
    if scheme != "s3" || !in_bucket {
        let why = format!("`{scheme}://{place}` is no `s3://bucket/key`");
        found.add(&["state.backend"], why, "write s3://bucket/key, or a folder");
    }
}
