//! VV400–419: the write-behind buffer and its Sentinels.

use super::facts::failover;
use super::replication::promises_no_loss;
use super::{Applies, Breaches, Context, Rule, Severity, gib, seconds};
use crate::spec::{Duration, EvictionPolicy, Spec};

const SENTINEL: &str = "Redis documentation, \"High availability with Redis Sentinel\"";
const CONFIGURATION: &str = "Redis 7.0, redis.conf";

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "VV400",
        severity: Severity::Error,
        title: "the buffer evicts what it must not lose",
        applies: Applies::Everywhere,
        about: "The write-behind buffer holds what Postgres doesn't have yet. With an evicting policy a full Redis \
                silently drops it; with `noeviction` it refuses the write, and the service goes on past Redis. Buffer \
                and cache are two stores for this reason.",
        source: "Redis documentation, \"Key eviction\"",
        remedy: "Set `buffer.maxmemory_policy: noeviction`; the cache may evict.",
        check: buffer_evicts,
    },
    Rule {
        code: "VV401",
        severity: Severity::Error,
        title: "the Sentinels can't agree",
        applies: Applies::Everywhere,
        about: "A failover needs `quorum` Sentinels that see the master down and a majority that elects one of them. A \
                quorum above their number is never reached.",
        source: SENTINEL,
        remedy: "Set the quorum to a majority: 2 of 3.",
        check: quorum_is_out_of_reach,
    },
    Rule {
        code: "VV402",
        severity: Severity::Error,
        title: "the Sentinels bear no loss",
        applies: Applies::Everywhere,
        about: "With one or two Sentinels the loss of one, as with the machine of the master, leaves no majority: \
                nobody is elected and nothing fails over.",
        source: SENTINEL,
        remedy: "Run three, on different machines.",
        check: sentinels_are_too_few,
    },
    Rule {
        code: "VV403",
        severity: Severity::Warning,
        title: "an even number of Sentinels votes",
        applies: Applies::Everywhere,
        about: "Four Sentinels bear the loss of one, as three do, and can split in halves.",
        source: SENTINEL,
        remedy: "Run an odd number.",
        check: sentinels_are_even,
    },
    Rule {
        code: "VV404",
        severity: Severity::Error,
        title: "the promised recovery time is shorter than a Sentinel failover",
        applies: Applies::Everywhere,
        about: "Sentinel waits `down_after` before it even suspects the master; voting, promotion and reconnecting come \
                on top. Measured, from SIGKILL to the next accepted write: 6.2 s with 5,000 ms, 2.3 s with 1,000 ms, \
                1.0 s with 500 ms.",
        source: "measured on loopback with Redis 7.0 and three Sentinels; over a network it is a little more",
        remedy: "Lower `buffer.sentinel.down_after`, or promise a longer time for the buffer.",
        check: failover_is_too_slow,
    },
    Rule {
        code: "VV405",
        severity: Severity::Error,
        title: "a recovery time is promised, but nobody fails over",
        applies: Applies::Everywhere,
        about: "Without Sentinels and a replica a lost master stays lost until a person acts.",
        source: SENTINEL,
        remedy: "Describe `buffer.sentinel` and at least one replica.",
        check: nobody_fails_over,
    },
    Rule {
        code: "VV406",
        severity: Severity::Error,
        title: "the Sentinels have a password that Redis doesn't know",
        applies: Applies::Everywhere,
        about: "`auth-pass` is what Sentinels say to master and replicas. Without `requirepass` and `masterauth` there, \
                Redis answers the password with an error, and Sentinel counts the master as down.",
        source: SENTINEL,
        remedy: "Set `buffer.auth`, and leave `buffer.sentinel.auth` out: it is the same.",
        check: password_is_one_sided,
    },
    Rule {
        code: "VV407",
        severity: Severity::Warning,
        title: "a failover is tried again before it can end",
        applies: Applies::Everywhere,
        about: "Sentinel gives a failover up after `failover_timeout` and starts another only after twice that. Below \
                twice `down_after` a slow one is given up while it goes on.",
        source: SENTINEL,
        remedy: "Set `failover_timeout` to ten times `down_after` or so.",
        check: failover_is_given_up_early,
    },
    Rule {
        code: "VV408",
        severity: Severity::Warning,
        title: "the Sentinels take every pause for a failure",
        applies: Applies::Everywhere,
        about: "A fork for a snapshot, a slow script or a busy node makes Redis silent for some hundred milliseconds. \
                With a `down_after` below 500 ms, each such pause is a failover, and each failover a new generation.",
        source: "Redis documentation, \"Diagnosing latency issues\"; measured",
        remedy: "Keep `down_after` at 500 ms or more.",
        check: sentinels_are_nervous,
    },
    Rule {
        code: "VV409",
        severity: Severity::Error,
        title: "the buffer's memory has no bound",
        applies: Applies::Everywhere,
        about: "Redis takes `maxmemory 0` as no bound at all: it grows until the kernel ends it, and what it held is \
                gone at once instead of being refused in time.",
        source: CONFIGURATION,
        remedy: "Set `buffer.maxmemory`.",
        check: memory_is_unbounded,
    },
    Rule {
        code: "VV410",
        severity: Severity::Error,
        title: "the shards may keep more pending than the buffer holds",
        applies: Applies::Everywhere,
        about: "What one shard may keep pending is capped so that one that is down cannot fill the store. The caps of \
                all shards together, and the totals beside them, have to fit into `maxmemory`.",
        source: "vvbill's own design: a shard that is down stops nothing but itself",
        remedy: "Raise `buffer.maxmemory` or lower `ingest.pending_cap`.",
        check: pending_exceeds_buffer,
    },
    Rule {
        code: "VV411",
        severity: Severity::Warning,
        title: "the buffer takes most of a node's memory",
        applies: Applies::OnAws,
        about: "A snapshot or a rewrite of the log forks Redis and may need as much memory again. A node that holds \
                less than one and a half times `maxmemory` ends the process instead.",
        source: "Redis documentation, \"Redis administration\"",
        remedy: "Lower `maxmemory`, or give the buffer a group of larger nodes.",
        check: buffer_fills_node,
    },
    Rule {
        code: "VV412",
        severity: Severity::Note,
        title: "with the machine, up to a second of the buffer's log is lost",
        applies: Applies::Everywhere,
        about: "`appendfsync everysec` syncs once a second. That loses no event: Kafka is the log and Postgres the \
                ledger, and a new generation is rebuilt from them. Usage may be stale until it is.",
        source: "Redis documentation, \"Redis persistence\"; vvbill's own design",
        remedy: "Nothing; `always` is safer and several times slower.",
        check: log_is_synced_late,
    },
];

fn buffer_evicts(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(buffer) = &spec.buffer else { return };
    if promises_no_loss(spec) && buffer.maxmemory_policy != EvictionPolicy::NoEviction {
        let why = format!(
            "at {} `{}` drops pending events, and 0 lost events are promised",
            buffer.maxmemory,
            buffer.maxmemory_policy.name()
        );
        let paths = ["buffer.maxmemory_policy", "success_metrics.lost_events"];
        found.add(&paths, why, "set buffer.maxmemory_policy: noeviction");
    }
}

fn quorum_is_out_of_reach(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(sentinel) = spec.buffer.as_ref().and_then(|it| it.sentinel.as_ref()) else {
        return;
    };
    if sentinel.quorum > sentinel.count || sentinel.quorum == 0 {
        found.add(
            &["buffer.sentinel.quorum", "buffer.sentinel.count"],
            format!(
                "{} of {} Sentinels would have to agree",
                sentinel.quorum, sentinel.count
            ),
            format!("set buffer.sentinel.quorum: {}", sentinel.count / 2 + 1),
        );
    }
}

fn sentinels_are_too_few(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(sentinel) = spec.buffer.as_ref().and_then(|it| it.sentinel.as_ref()) else {
        return;
    };
    if sentinel.count < 3 {
        let why = format!("when one of {} is lost, the rest are no majority", sentinel.count);
        found.add(&["buffer.sentinel.count"], why, "set buffer.sentinel.count: 3");
    }
}

fn sentinels_are_even(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(sentinel) = spec.buffer.as_ref().and_then(|it| it.sentinel.as_ref()) else {
        return;
    };
    if sentinel.count > 3 && sentinel.count.is_multiple_of(2) {
        let why = format!("{} bear the loss of {}", sentinel.count, (sentinel.count - 1) / 2);
        found.add(
            &["buffer.sentinel.count"],
            why,
            format!("set buffer.sentinel.count: {}", sentinel.count + 1),
        );
    }
}

/// What is promised for the buffer, and the field that promises it.
fn promise(spec: &Spec) -> Option<(Duration, &'static str)> {
    let promised = &spec.success_metrics.recovery_time;
    promised
        .buffer
        .map(|time| (time, "success_metrics.recovery_time.buffer"))
        .or(promised
            .overall
            .map(|time| (time, "success_metrics.recovery_time.overall")))
}

fn failover_is_too_slow(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(sentinel) = spec.buffer.as_ref().and_then(|it| it.sentinel.as_ref()) else {
        return;
    };
    let Some((promised, path)) = promise(spec) else {
        return;
    };
    let takes = failover::sentinel_ms(sentinel.down_after.as_millis());
    if takes > promised.as_millis() {
        let why = format!(
            "with down_after {} a failover takes about {} ({} to notice, the rest to vote, promote and reconnect); \
             {promised} are promised",
            sentinel.down_after,
            seconds(takes),
            sentinel.down_after
        );
        let fix = match failover::sentinel_down_after_for(promised.as_millis()) {
            Some(down_after) => {
                let below = down_after.min(1_000);
                let time = seconds(failover::sentinel_ms(below));
                format!(
                    "set buffer.sentinel.down_after: {} (about {time})",
                    Duration::from_millis(below)
                )
            }
            None => format!(
                "set success_metrics.recovery_time.buffer: {}",
                Duration::from_secs(takes.div_ceil(1_000))
            ),
        };
        found.add(&["buffer.sentinel.down_after", path], why, fix);
    }
}

fn nobody_fails_over(spec: &Spec, _: &Context, found: &mut Breaches) {
    let (Some(buffer), Some((promised, path))) = (&spec.buffer, promise(spec)) else {
        return;
    };
    if buffer.sentinel.is_none() {
        let why = format!("{promised} are promised, and no Sentinel watches the master");
        found.add(
            &["buffer.sentinel", path],
            why,
            "set buffer.sentinel: {count: 3, quorum: 2, down_after: 1s}",
        );
    } else if buffer.replicas == 0 {
        let why = format!("{promised} are promised, and there is no replica to promote");
        found.add(&["buffer.replicas", path], why, "set buffer.replicas: 2");
    }
}

fn password_is_one_sided(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(buffer) = &spec.buffer else { return };
    let sentinels_have_one = buffer.sentinel.as_ref().is_some_and(|it| it.auth.is_some());
    if sentinels_have_one && buffer.auth.is_none() {
        found.add(
            &["buffer.auth", "buffer.sentinel.auth"],
            "Sentinels send a password, and neither `requirepass` nor `masterauth` is set",
            "set buffer.auth: managed, and leave buffer.sentinel.auth out",
        );
    }
}

fn failover_is_given_up_early(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(sentinel) = spec.buffer.as_ref().and_then(|it| it.sentinel.as_ref()) else {
        return;
    };
    let least = Duration::from_millis(2 * sentinel.down_after.as_millis());
    if sentinel.failover_timeout < least {
        found.add(
            &["buffer.sentinel.failover_timeout", "buffer.sentinel.down_after"],
            format!(
                "{} is less than twice {}",
                sentinel.failover_timeout, sentinel.down_after
            ),
            format!(
                "set buffer.sentinel.failover_timeout: {}",
                Duration::from_millis(5 * least.as_millis())
            ),
        );
    }
}

fn sentinels_are_nervous(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(sentinel) = spec.buffer.as_ref().and_then(|it| it.sentinel.as_ref()) else {
        return;
    };
    if sentinel.down_after < Duration::from_millis(500) {
        let why = format!("a pause of {} counts as a failure", sentinel.down_after);
        found.add(
            &["buffer.sentinel.down_after"],
            why,
            "set buffer.sentinel.down_after: 500ms or more",
        );
    }
}

fn memory_is_unbounded(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(buffer) = &spec.buffer else { return };
    if buffer.maxmemory.as_bytes() == 0 {
        let why = "0 means no bound, until the node's memory is used up and the kernel ends Redis";
        found.add(&["buffer.maxmemory"], why, "set buffer.maxmemory: 1GiB");
    }
}

fn pending_exceeds_buffer(spec: &Spec, _: &Context, found: &mut Breaches) {
    let (Some(buffer), Some(ingest)) = (&spec.buffer, &spec.ingest) else {
        return;
    };
    let shards = spec.aurora.as_ref().map_or(1, |aurora| aurora.shards);
    let pending = ingest.pending_cap.as_mib().saturating_mul(u64::from(shards));
    if pending >= buffer.maxmemory.as_mib() {
        let why = format!(
            "{shards} shards × {} = {} of {}, and the totals need room beside them",
            ingest.pending_cap,
            gib(pending),
            gib(buffer.maxmemory.as_mib())
        );
        let fix = format!(
            "set buffer.maxmemory: {}MiB, or a lower ingest.pending_cap",
            pending * 2
        );
        found.add(
            &["buffer.maxmemory", "ingest.pending_cap", "aurora.shards"],
            why,
            fix,
        );
    }
}

fn buffer_fills_node(spec: &Spec, _: &Context, found: &mut Breaches) {
    let (Some(cluster), Some(buffer)) = (&spec.eks, &spec.buffer) else {
        return;
    };
    let holds = cluster
        .node_groups
        .iter()
        .filter(|(name, group)| match &buffer.node_group {
            Some(wanted) => *name == wanted,
            None => group.taints.is_empty(),
        })
        .filter_map(|(_, group)| super::facts::machine::ec2(&group.instance_type))
        .map(|node| super::facts::eks::allocatable_memory_mib(&node))
        .max();
    let Some(holds) = holds else { return };
    let wanted = buffer.maxmemory.as_mib() * 3 / 2;
    if wanted > holds {
        let why = format!(
            "{} and half as much again for a fork is {}, the largest node leaves {} to pods",
            buffer.maxmemory,
            gib(wanted),
            gib(holds)
        );
        let fix = format!(
            "set buffer.maxmemory: {}MiB or less, or name larger nodes in buffer.node_group",
            holds * 2 / 3
        );
        found.add(&["buffer.maxmemory"], why, fix);
    }
}

fn log_is_synced_late(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(buffer) = &spec.buffer else { return };
    let late = !buffer.appendonly || buffer.appendfsync != crate::spec::AppendSync::Always;
    if promises_no_loss(spec) && late && buffer.replicas == 0 {
        found.add(
            &["buffer.appendfsync"],
            "a lost master takes up to a second with it; events are safe in Kafka, usage is rebuilt",
            "set buffer.replicas: 1 or more, or accept it",
        );
    }
}
