//! Storage: how Aurora bills it, kinds of volumes, how long logs are kept.

use rust_decimal::Decimal;

use super::patch::Patch;
use super::{Base, Idea, Risk};
use crate::cost::{Row, plain};
use crate::spec::{AuroraStorage, DatabaseEngine, Duration, Eks, NodeGroup, Spec, Target, VolumeType};

/// Where the plan says nothing.
const LOG_DAYS: u64 = 365;
/// What incidents are looked into by; AWS's guides and PCI DSS ask for three months at hand.
const LOG_DAYS_LESS: u64 = 90;

pub(super) fn ideas(base: &Base<'_>) -> Vec<Idea> {
    let spec = &base.spec;
    if spec.target != Target::Aws {
        return Vec::new();
    }
    let mut ideas: Vec<Idea> = aurora(base)
        .into_iter()
        .chain(brokers(spec))
        .chain(logs(spec))
        .collect();
    let groups = spec.eks.iter().flat_map(|eks| &eks.node_groups);
    ideas.extend(groups.filter_map(|(name, group)| volumes(name, group)));
    ideas
}

/// Both ways: the estimate decides.
fn aurora(base: &Base<'_>) -> Option<Idea> {
    let aurora = base.spec.aurora.as_ref()?;
    if aurora.engine != DatabaseEngine::AuroraPostgresql {
        return None;
    }
    let share = io_share(base);
    let idea = match aurora.storage_type {
        Some(AuroraStorage::IoOptimized) => {
            let patch = Patch::of("aurora.storage_type", "aurora").ok()?;
            let what = "I/O of Aurora paid by request instead of included";
            Idea::new("aurora-standard", what, Risk::Low, patch)
                .because("the invoice follows the I/O: a month with more of it is dearer")
        }
        _ => {
            let patch = Patch::of("aurora.storage_type", "aurora-iopt1").ok()?;
            let what = match share {
                Some(share) => format!(
                    "I/O of Aurora included instead of paid by request: it is {} % of Aurora's cost",
                    plain(share.round_dp(1))
                ),
                None => "I/O of Aurora included instead of paid by request".to_owned(),
            };
            Idea::new("aurora-io-optimized", what, Risk::Low, patch)
                .because("it pays while I/O stays as high as `cost.database_io_monthly` says")
        }
    };
    Some(idea.because("no downtime; AWS lets a cluster become I/O-Optimized once in 30 days"))
}

/// What I/O is of members, data and I/O, in per cent. AWS's rule of thumb is to change above 25.
fn io_share(base: &Base<'_>) -> Option<Decimal> {
    let sum = |rows: &[Row]| {
        let lines = base.lines(|line| rows.contains(&line.row) && line.region == base.primary());
        lines
            .map(|line| line.monthly.map(|range| range.expected))
            .sum::<Option<Decimal>>()
    };
    let all = sum(&[Row::Database, Row::DatabaseStorage, Row::DatabaseIo])?;
    let share = sum(&[Row::DatabaseIo])? * Decimal::from(100);
    share.checked_div(all)
}

fn volumes(name: &str, group: &NodeGroup) -> Option<Idea> {
    let (kind, risk, why) = kind_of(group.volume_type)?;
    let patch = Patch::of(&super::nodes::field(name, "volume_type"), "gp3").ok()?;
    let what = format!("root disks of {name} as gp3 instead of {kind}");
    let idea = Idea::new(format!("gp3/{name}"), what, risk, patch);
    Some(idea.because(why).because("each node is replaced"))
}

fn brokers(spec: &Spec) -> Option<Idea> {
    let kafka = spec.kafka.as_ref()?;
    kafka.storage?;
    let class = kafka.storage_class.as_deref()?;
    let kinds = [VolumeType::Gp2, VolumeType::Io1, VolumeType::Io2];
    let (kind, _, why) = kinds
        .into_iter()
        .filter_map(kind_of)
        .find(|(kind, ..)| *kind == class)?;
    let patch = Patch::of("kafka.storage_class", "gp3").ok()?;
    let what = format!("volumes of the brokers as gp3 instead of {kind}");
    let idea = Idea::new("gp3/brokers", what, Risk::High, patch).because(why);
    Some(idea.because(
        "volumes that stand keep their class: each is changed by `aws ec2 modify-volume`, or a broker at a time",
    ))
}

/// A kind of volume that gp3 can stand for, and what is different then.
const fn kind_of(kind: VolumeType) -> Option<(&'static str, Risk, &'static str)> {
    match kind {
        VolumeType::Gp2 => Some((
            "gp2",
            Risk::Low,
            "3,000 IOPS and 125 MiB/s at any size: gp2 has more from 1,000 GiB on",
        )),
        VolumeType::Io1 => Some(("io1", Risk::High, PROVISIONED)),
        VolumeType::Io2 => Some(("io2", Risk::High, PROVISIONED)),
        VolumeType::Gp3 | VolumeType::St1 | VolumeType::Sc1 => None,
    }
}

const PROVISIONED: &str =
    "3,000 IOPS and 125 MiB/s where more may be provisioned now; what that costs is in neither figure";

fn logs(spec: &Spec) -> Option<Idea> {
    let is_longer =
        |retention: Option<Duration>| retention.map_or(LOG_DAYS, Duration::as_days) > LOG_DAYS_LESS;
    let writes = |eks: &&Eks| !eks.logs.is_empty() && is_longer(eks.log_retention);
    let flows = spec.network.as_ref().filter(|network| network.flow_logs);
    let flows = flows.filter(|network| is_longer(network.flow_log_retention));
    let fields = [
        spec.eks.as_ref().filter(writes).map(|_| "eks.log_retention"),
        flows.map(|_| "network.flow_log_retention"),
    ];
    let mut patch = Patch::default();
    for field in fields.into_iter().flatten() {
        patch = patch.and(field, format!("{LOG_DAYS_LESS}d")).ok()?;
    }
    if patch.sets().is_empty() {
        return None;
    }
    let what = format!("logs in CloudWatch kept for {LOG_DAYS_LESS} days");
    let idea = Idea::new("log-retention", what, Risk::High, patch)
        .because("what is older is deleted at once: who did what before that can't be looked up any more")
        .because("audits such as PCI DSS ask for a year; then export to S3 first");
    Some(idea)
}
