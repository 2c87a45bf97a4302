//! VV720–739: success metrics that can't hold, or contradict one another.

use super::facts::failover;
use super::replication::promises_no_loss;
use super::{Applies, Breaches, Context, Rule, Severity};
use crate::spec::{DatabaseEngine, Duration, Spec};

const AURORA: &str = "Amazon Aurora user guide, \"High availability for Amazon Aurora\"";

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "VV720",
        severity: Severity::Error,
        title: "no database tier recovers that fast",
        applies: Applies::OnAws,
        about: "Aurora promotes a reader in under 60 seconds, often under 30. Ingest recovers faster, because Kafka and \
                the buffer carry it while a shard is away: a recovery time is therefore stated per tier.",
        source: AURORA,
        remedy: "State `recovery_time` for each tier; 60 s for the database, and what you need for ingest.",
        check: database_is_too_slow,
    },
    Rule {
        code: "VV721",
        severity: Severity::Error,
        title: "no loss and some loss are promised for the same failure",
        applies: Applies::Everywhere,
        about: "A recovery point of a minute says that a minute of data may be gone; no lost events says that none may. \
                Within a region nothing is lost, because Kafka acknowledges with two copies; between regions copies \
                are asynchronous, and seconds may be.",
        source: "Amazon Aurora user guide, `rds.global_db_rpo`; Apache Kafka documentation, \"Geo-Replication\"",
        remedy: "State `recovery_point.in_region: 0s` and `recovery_point.cross_region` on its own.",
        check: points_contradict,
    },
    Rule {
        code: "VV722",
        severity: Severity::Error,
        title: "no copy in another region is that current",
        applies: Applies::OnAws,
        about: "Aurora's global database and Kafka's mirrors copy asynchronously. `rds.global_db_rpo` bounds the lag, \
                at 20 seconds or more, by pausing commits.",
        source: "Amazon Aurora user guide, \"Managing RPOs for Aurora PostgreSQL–based global databases\"",
        remedy: "Promise 20 s or more between regions.",
        check: cross_region_is_too_current,
    },
    Rule {
        code: "VV723",
        severity: Severity::Error,
        title: "something is promised of a second region that isn't there",
        applies: Applies::OnAws,
        about: "A recovery time or point for the loss of a region needs another one to recover in.",
        source: "vvbill",
        remedy: "Describe `regions.secondary`, or take the promise out.",
        check: second_region_is_missing,
    },
    Rule {
        code: "VV724",
        severity: Severity::Warning,
        title: "the load test asks for less than is promised",
        applies: Applies::Everywhere,
        about: "A test below the promised rate proves nothing about it; one at the same rate leaves no margin.",
        source: "arithmetic",
        remedy: "Set `load_test_rate` above `rate`.",
        check: test_is_too_easy,
    },
    Rule {
        code: "VV725",
        severity: Severity::Error,
        title: "more is promised than the platform is laid out for",
        applies: Applies::Everywhere,
        about: "Disks, capacity units and caps are computed from `ingest.event_rate`. A promise above it has nothing \
                behind it.",
        source: "vvbill",
        remedy: "Raise `ingest.event_rate` to the promised rate.",
        check: rate_exceeds_layout,
    },
    Rule {
        code: "VV726",
        severity: Severity::Error,
        title: "one batch waits for longer than an event may take",
        applies: Applies::Everywhere,
        about: "An event is durable when its batch is. A batch that waits for rows as long as the promised P95 misses it \
                whenever load is low.",
        source: "vvbill",
        remedy: "Keep `ingest.flush_interval` at a quarter of `p95_latency` or less.",
        check: batch_waits_too_long,
    },
    Rule {
        code: "VV727",
        severity: Severity::Warning,
        title: "workers are missed for longer than recovery may take",
        applies: Applies::Everywhere,
        about: "Kafka gives the partitions of a worker that is gone to others only after `session_timeout`. What is \
                promised for ingest is acceptance, which the API gives at once; totals stand still until then.",
        source: "Apache Kafka documentation, \"Consumer Configs\", `session.timeout.ms`",
        remedy: "Lower `ingest.session_timeout`; the broker's least is 6 s unless it is told otherwise.",
        check: session_is_too_long,
    },
    Rule {
        code: "VV730",
        severity: Severity::Error,
        title: "rows are forgotten while a repeat of them is still accepted",
        applies: Applies::Everywhere,
        about: "A repeated event is known by the row that it made. When rows are dropped sooner than `accept_past`, an \
                event sent again after that is counted twice.",
        source: "vvbill's own design: identity is (account, event id), kept by the shards",
        remedy: "Keep `ingest.row_retention` above `ingest.accept_past`.",
        check: rows_go_before_repeats,
    },
];

fn database_is_too_slow(spec: &Spec, _: &Context, found: &mut Breaches) {
    if spec
        .aurora
        .as_ref()
        .is_none_or(|it| it.engine != DatabaseEngine::AuroraPostgresql)
    {
        return;
    }
    let promised = &spec.success_metrics.recovery_time;
    let (time, path) = match (promised.database, promised.overall) {
        (Some(time), _) => (time, "success_metrics.recovery_time.database"),
        (None, Some(time)) => (time, "success_metrics.recovery_time.overall"),
        (None, None) => return,
    };
    if time < Duration::from_millis(failover::AURORA_MS) {
        let why = format!(
            "{time} are promised for the database; Aurora takes under {} s, often under {}",
            failover::AURORA_MS / 1_000,
            failover::AURORA_OFTEN_MS / 1_000
        );
        let fix = "state it per tier: success_metrics.recovery_time: {overall: null, ingest: 5s, buffer: 5s, database: 60s}";
        found.add(&[path], why, fix);
    }
}

fn points_contradict(spec: &Spec, _: &Context, found: &mut Breaches) {
    let promised = &spec.success_metrics.recovery_point;
    let in_region = [
        (promised.in_region, "success_metrics.recovery_point.in_region"),
        (
            promised.overall.filter(|_| promised.in_region.is_none()),
            "success_metrics.recovery_point.overall",
        ),
    ];
    for (point, path) in in_region {
        if let Some(point) = point.filter(|point| promises_no_loss(spec) && *point > Duration::ZERO) {
            let why = format!("0 lost events are promised, and up to {point} of them");
            let fix = "set success_metrics.recovery_point: {overall: null, in_region: 0s, cross_region: 1m}";
            found.add(&[path, "success_metrics.lost_events"], why, fix);
        }
    }
}

fn cross_region_is_too_current(spec: &Spec, _: &Context, found: &mut Breaches) {
    const LEAST: Duration = Duration::from_secs(20);
    let Some(point) = spec.success_metrics.recovery_point.cross_region else {
        return;
    };
    if spec.regions.as_ref().is_some_and(|it| it.secondary.is_some()) && point < LEAST {
        let path = "success_metrics.recovery_point.cross_region";
        let why = format!("{point} are less than the {LEAST} that rds.global_db_rpo accepts");
        found.add(&[path], why, format!("set {path}: {LEAST} or more"));
    }
}

fn second_region_is_missing(spec: &Spec, _: &Context, found: &mut Breaches) {
    if spec
        .regions
        .as_ref()
        .is_some_and(|regions| regions.secondary.is_some())
    {
        return;
    }
    let promised = &spec.success_metrics;
    let promises = [
        (
            promised.recovery_time.region,
            "success_metrics.recovery_time.region",
        ),
        (
            promised.recovery_point.cross_region,
            "success_metrics.recovery_point.cross_region",
        ),
    ];
    for (time, path) in promises {
        if let Some(time) = time {
            let why = format!("{time} are promised for the loss of the only region");
            found.add(
                &[path, "regions.secondary"],
                why,
                format!("describe regions.secondary, or take {path} out"),
            );
        }
    }
}

fn test_is_too_easy(spec: &Spec, _: &Context, found: &mut Breaches) {
    let promised = &spec.success_metrics;
    if let (Some(rate), Some(test)) = (promised.rate, promised.load_test_rate)
        && test.per_minute() <= rate.per_minute()
    {
        let why = format!("{test} are tested, {rate} are promised");
        let fix = format!(
            "set success_metrics.load_test_rate: {}/min",
            (rate.per_minute() * rust_decimal::Decimal::new(15, 1)).normalize()
        );
        found.add(
            &["success_metrics.load_test_rate", "success_metrics.rate"],
            why,
            fix,
        );
    }
}

fn rate_exceeds_layout(spec: &Spec, _: &Context, found: &mut Breaches) {
    let (Some(ingest), Some(rate)) = (&spec.ingest, spec.success_metrics.rate) else {
        return;
    };
    if rate.per_minute() > ingest.event_rate.per_minute() {
        let why = format!("{rate} are promised, {} are laid out for", ingest.event_rate);
        found.add(
            &["ingest.event_rate", "success_metrics.rate"],
            why,
            format!("set ingest.event_rate: {rate}"),
        );
    }
}

fn batch_waits_too_long(spec: &Spec, _: &Context, found: &mut Breaches) {
    let (Some(ingest), Some(latency)) = (&spec.ingest, spec.success_metrics.p95_latency) else {
        return;
    };
    if ingest.flush_interval >= latency {
        let why = format!(
            "a batch may wait {}, an event take {latency}",
            ingest.flush_interval
        );
        let fix = format!(
            "set ingest.flush_interval: {}",
            Duration::from_micros(latency.as_micros() / 4)
        );
        found.add(
            &["ingest.flush_interval", "success_metrics.p95_latency"],
            why,
            fix,
        );
    }
}

fn session_is_too_long(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(ingest) = &spec.ingest else { return };
    let promised = &spec.success_metrics.recovery_time;
    let limit = promised
        .ingest
        .map(|time| (time, "success_metrics.recovery_time.ingest"));
    let Some((time, path)) = limit.or(promised
        .overall
        .map(|time| (time, "success_metrics.recovery_time.overall")))
    else {
        return;
    };
    const LEAST: Duration = Duration::from_secs(6);
    if ingest.session_timeout > time.max(LEAST) {
        let why = format!(
            "partitions wait {} for a new worker, {time} are promised",
            ingest.session_timeout
        );
        found.add(
            &["ingest.session_timeout", path],
            why,
            format!("set ingest.session_timeout: {}", time.max(LEAST)),
        );
    }
}

fn rows_go_before_repeats(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(ingest) = &spec.ingest else { return };
    if ingest.row_retention <= ingest.accept_past {
        let why = format!(
            "events of the last {} are accepted, rows are kept for {}",
            ingest.accept_past, ingest.row_retention
        );
        let fix = format!(
            "set ingest.row_retention: {}d or more",
            ingest.accept_past.as_days() + 1
        );
        found.add(&["ingest.row_retention", "ingest.accept_past"], why, fix);
    }
}
