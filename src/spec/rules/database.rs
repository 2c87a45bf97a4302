//! VV200–219: the database shards as Aurora accepts them.

use super::facts::aurora::{self, Standing};
use super::facts::machine;
use super::{Applies, Breaches, Context, Rule, Severity};
use crate::spec::{Aurora, AuroraStorage, DatabaseEngine, DatabaseInsights, Duration, Spec};

const RELEASES: &str = "`aws rds describe-db-engine-versions --engine aurora-postgresql`, October 2026";

const MINUTES_A_DAY: u16 = 1_440;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "VV200",
        severity: Severity::Error,
        title: "Aurora accepts no new cluster of this version",
        applies: Applies::OnAws,
        about: "Aurora deprecates a minor version about a year after its successor. A deprecated one still runs, but \
                creating a cluster of it is refused.",
        source: RELEASES,
        remedy: "Name the newest minor version with the same major number.",
        check: version_is_deprecated,
    },
    Rule {
        code: "VV201",
        severity: Severity::Warning,
        title: "the Aurora version is not in vvbill's table",
        applies: Applies::OnAws,
        about: "Either it is mistyped or Aurora offers it since vvbill's table was written.",
        source: RELEASES,
        remedy: "Check it with `aws rds describe-db-engine-versions`.",
        check: version_is_unknown,
    },
    Rule {
        code: "VV202",
        severity: Severity::Note,
        title: "how storage is billed is left to AWS",
        applies: Applies::OnAws,
        about: "`aurora` bills each million I/O requests at 0.20 USD; `aurora-iopt1` bills none, but instances cost \
                30 % more and storage 0.225 instead of 0.10 USD a GB-month. Write-heavy platforms are often cheaper \
                with the latter; which it is, `vvbill cost` shows at the plan's I/O rate.",
        source: "Amazon Aurora user guide, \"Storage configurations for Amazon Aurora DB clusters\"",
        remedy: "Set `aurora.storage_type`.",
        check: storage_is_unstated,
    },
    Rule {
        code: "VV203",
        severity: Severity::Error,
        title: "I/O-Optimized storage is not offered for this version",
        applies: Applies::OnAws,
        about: "`aurora-iopt1` is offered from Aurora PostgreSQL 13.10, 14.7 and 15.2 on.",
        source: "Amazon Aurora user guide, \"Storage configurations for Amazon Aurora DB clusters\"",
        remedy: "Take a newer version, or `aurora`.",
        check: storage_is_not_offered,
    },
    Rule {
        code: "VV204",
        severity: Severity::Error,
        title: "a setting lies outside what Aurora accepts",
        applies: Applies::OnAws,
        about: "The API refuses values outside its bounds: backups are kept 1 to 35 days, enhanced monitoring runs every 0, 1, 5, 10, 15, 30 or 60 seconds, a backup window is at \
                least 30 minutes long, Performance Insights are kept 7 days, a multiple of 31 up to 713, or 731.",
        source: "Amazon RDS API reference, CreateDBCluster and CreateDBInstance",
        remedy: "Choose a value that is accepted.",
        check: setting_is_out_of_bounds,
    },
    Rule {
        code: "VV205",
        severity: Severity::Error,
        title: "the parameter group is for another version",
        applies: Applies::OnAws,
        about: "A cluster accepts a parameter group only of its own family: engine and major version.",
        source: "Amazon Aurora user guide, \"Parameter groups for Amazon Aurora\"",
        remedy: "Name the version's family, or leave it out.",
        check: family_is_anothers,
    },
    Rule {
        code: "VV206",
        severity: Severity::Note,
        title: "Performance Insights are called Database Insights now",
        applies: Applies::OnAws,
        about: "AWS renamed Performance Insights and ended its console; the API is unchanged. Database Insights come \
                as `standard` (seven days, free) and `advanced`, which needs 465 days of retention and is billed by \
                vCPU.",
        source: "Amazon Aurora user guide, \"Monitoring Amazon Aurora databases with CloudWatch Database Insights\"",
        remedy: "Set `aurora.database_insights`.",
        check: insights_are_renamed,
    },
    Rule {
        code: "VV207",
        severity: Severity::Error,
        title: "advanced Database Insights lack what they need",
        applies: Applies::OnAws,
        about: "AWS accepts `advanced` only with Performance Insights on and kept for at least 465 days.",
        source: "Amazon RDS API reference, CreateDBCluster, `DatabaseInsightsMode`",
        remedy: "Set `performance_insights: true` and `performance_insights_retention: 465d`, or use `standard`.",
        check: advanced_insights_lack_retention,
    },
    Rule {
        code: "VV208",
        severity: Severity::Error,
        title: "backup and maintenance windows overlap",
        applies: Applies::OnAws,
        about: "AWS refuses a cluster whose daily backup window shares minutes with its weekly maintenance window.",
        source: "Amazon RDS API reference, CreateDBCluster, `PreferredBackupWindow`",
        remedy: "Move one of them.",
        check: windows_overlap,
    },
    Rule {
        code: "VV209",
        severity: Severity::Warning,
        title: "the production database can be deleted by one call",
        applies: Applies::OnAws,
        about: "Without deletion protection and a final snapshot a single mistaken call deletes the data, its automated \
                backups included.",
        source: "Amazon Aurora user guide, \"Deleting Aurora DB clusters and DB instances\"",
        remedy: "Set `deletion_protection: true` and `final_snapshot: true`.",
        check: production_is_unprotected,
    },
    Rule {
        code: "VV210",
        severity: Severity::Warning,
        title: "a promise of availability, and shards without a reader",
        applies: Applies::OnAws,
        about: "Without a reader Aurora can only create the primary anew when it is lost, which takes about ten \
                minutes: more than 99.99 % allow in a month.",
        source: "Amazon Aurora user guide, \"High availability for Amazon Aurora\"",
        remedy: "Set `aurora.replicas_per_shard` to 1 or more.",
        check: shards_lack_readers,
    },
    Rule {
        code: "VV211",
        severity: Severity::Error,
        title: "Aurora writes no such log",
        applies: Applies::OnAws,
        about: "Aurora PostgreSQL exports the logs `postgresql`, `instance` and `iam-db-auth-error`, and refuses others.",
        source: "Amazon Aurora user guide, \"Publishing Aurora PostgreSQL logs to Amazon CloudWatch Logs\"",
        remedy: "Use `postgresql`.",
        check: log_is_unknown,
    },
    Rule {
        code: "VV212",
        severity: Severity::Warning,
        title: "the instance class is not in vvbill's table",
        applies: Applies::OnAws,
        about: "Without its memory vvbill can't judge parameters that depend on it.",
        source: "Amazon Aurora user guide, \"Amazon Aurora DB instance classes\"",
        remedy: "Check the name; such a name is `db.r6g.2xlarge`.",
        check: class_is_unknown,
    },
    Rule {
        code: "VV213",
        severity: Severity::Warning,
        title: "the database's storage is not encrypted",
        applies: Applies::OnAws,
        about: "Billing data in the clear, on disk and in every snapshot. Encryption can't be turned on later: the \
                cluster would have to be made anew.",
        source: "Amazon Aurora user guide, \"Encrypting Amazon Aurora resources\"",
        remedy: "Set `aurora.storage_encrypted: true`.",
        check: storage_is_clear,
    },
];

/// The database, where it is Aurora.
fn cluster(spec: &Spec) -> Option<&Aurora> {
    spec.aurora
        .as_ref()
        .filter(|it| it.engine == DatabaseEngine::AuroraPostgresql)
}

fn version_is_deprecated(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(aurora) = cluster(spec) else { return };
    if aurora::standing(&aurora.engine_version) == Standing::Deprecated {
        let offered = aurora::offered_of(&aurora.engine_version);
        let newest = offered
            .last()
            .or(aurora::OFFERED.last())
            .copied()
            .unwrap_or_default();
        let why = if offered.is_empty() {
            format!("Aurora offers no {} any more", aurora.engine_version)
        } else {
            format!(
                "{} is deprecated; new clusters are accepted of {}",
                aurora.engine_version,
                offered.join(", ")
            )
        };
        found.add(
            &["aurora.engine_version"],
            why,
            format!("set aurora.engine_version: \"{newest}\""),
        );
    }
}

fn version_is_unknown(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(aurora) = cluster(spec) else { return };
    if aurora::standing(&aurora.engine_version) == Standing::Unknown {
        let nearest = aurora::OFFERED
            .iter()
            .min_by_key(|offered| strsim::damerau_levenshtein(offered, &aurora.engine_version))
            .copied()
            .unwrap_or_default();
        let why = format!("vvbill knows no Aurora PostgreSQL {}", aurora.engine_version);
        found.add(
            &["aurora.engine_version"],
            why,
            format!("check it; the nearest that is offered is \"{nearest}\""),
        );
    }
}

fn storage_is_unstated(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(aurora) = cluster(spec) else { return };
    if aurora.storage_type.is_none() {
        found.add(
            &["aurora.storage_type"],
            "unset means `aurora`: each million I/O requests costs 0.20 USD",
            "set aurora.storage_type: aurora or aurora-iopt1; `vvbill cost` compares them",
        );
    }
}

fn storage_is_not_offered(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(aurora) = cluster(spec) else { return };
    let mut parts = aurora
        .engine_version
        .split('.')
        .map(|part| part.parse::<u32>().ok());
    let (Some(Some(major)), Some(Some(minor))) = (parts.next(), parts.next()) else {
        return;
    };
    let first = match major {
        13 => 10,
        14 => 7,
        15 => 2,
        _ => 0,
    };
    if aurora.storage_type == Some(AuroraStorage::IoOptimized) && minor < first {
        found.add(
            &["aurora.storage_type", "aurora.engine_version"],
            format!(
                "aurora-iopt1 is offered from {major}.{first} on, the plan has {}",
                aurora.engine_version
            ),
            "set aurora.storage_type: aurora, or a newer aurora.engine_version",
        );
    }
}

fn setting_is_out_of_bounds(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(aurora) = cluster(spec) else { return };
    let retention = aurora.backup_retention;
    if !whole_days(retention, 1, 35) {
        let fix = format!(
            "set aurora.backup_retention: {}d",
            retention.as_days().clamp(1, 35)
        );
        found.add(
            &["aurora.backup_retention"],
            format!("{retention} is not 1 to 35 whole days"),
            fix,
        );
    }
    let interval = aurora.monitoring_interval;
    if ![0, 1, 5, 10, 15, 30, 60]
        .map(Duration::from_secs)
        .contains(&interval)
    {
        let why = format!(
            "enhanced monitoring runs every 1, 5, 10, 15, 30 or 60 s (0 is off), not every {interval}"
        );
        found.add(
            &["aurora.monitoring_interval"],
            why,
            "set aurora.monitoring_interval: 60s",
        );
    }
    if let Some(window) = aurora.backup_window.filter(|window| window.length_minutes() < 30) {
        let why = format!(
            "{window} is {} minutes long, AWS asks for 30",
            window.length_minutes()
        );
        found.add(
            &["aurora.backup_window"],
            why,
            "make aurora.backup_window at least 30 minutes long",
        );
    }
    if let Some(kept) = aurora.performance_insights_retention {
        let days = kept.as_days();
        let accepted = days == 7 || days == 731 || (days.is_multiple_of(31) && (31..=713).contains(&days));
        if !accepted || kept != Duration::from_secs(days * 86_400) {
            let why = format!("{kept} is neither 7d, a multiple of 31d up to 713d, nor 731d");
            found.add(
                &["aurora.performance_insights_retention"],
                why,
                "set aurora.performance_insights_retention: 7d",
            );
        }
    }
}

/// Whether a duration is a whole number of days from `least` to `most`.
fn whole_days(duration: Duration, least: u64, most: u64) -> bool {
    let days = duration.as_days();
    Duration::from_secs(days * 86_400) == duration && (least..=most).contains(&days)
}

fn family_is_anothers(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(aurora) = cluster(spec) else { return };
    let (Some(family), Some(major)) = (&aurora.parameter_family, aurora::major(&aurora.engine_version))
    else {
        return;
    };
    let own = format!("aurora-postgresql{major}");
    if *family != own {
        let why = format!(
            "a cluster of {} takes parameter groups of {own}, not {family}",
            aurora.engine_version
        );
        found.add(
            &["aurora.parameter_family", "aurora.engine_version"],
            why,
            format!("set aurora.parameter_family: {own}"),
        );
    }
}

fn insights_are_renamed(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(aurora) = cluster(spec) else { return };
    if aurora.performance_insights && aurora.database_insights.is_none() {
        found.add(
            &["aurora.performance_insights"],
            "kept as it is: the API is unchanged. Database Insights, their successor, are `standard` when unset",
            "set aurora.database_insights: standard",
        );
    }
}

fn advanced_insights_lack_retention(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(aurora) = cluster(spec) else { return };
    let kept = aurora.performance_insights_retention.map_or(7, Duration::as_days);
    let lacks = !aurora.performance_insights || kept < 465;
    if aurora.database_insights == Some(DatabaseInsights::Advanced) && lacks {
        let why = if aurora.performance_insights {
            format!("`advanced` needs 465 days of retention, the plan keeps {kept}")
        } else {
            "`advanced` needs Performance Insights, which are off".to_owned()
        };
        found.add(
            &[
                "aurora.database_insights",
                "aurora.performance_insights_retention",
            ],
            why,
            "set aurora.performance_insights: true and aurora.performance_insights_retention: 465d",
        );
    }
}

fn windows_overlap(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(aurora) = cluster(spec) else { return };
    let (Some(backup), Some(maintenance)) = (aurora.backup_window, aurora.maintenance_window) else {
        return;
    };
    if (0..maintenance.length_minutes()).any(|offset| {
        let minute = (maintenance.start_minute + offset) % MINUTES_A_DAY;
        let since_start = (minute + MINUTES_A_DAY - backup.start_minute) % MINUTES_A_DAY;
        since_start < backup.length_minutes()
    }) {
        let why = format!("the daily backup {backup} meets the maintenance {maintenance}");
        let paths = ["aurora.maintenance_window", "aurora.backup_window"];
        found.add(&paths, why, "move aurora.maintenance_window by some hours");
    }
}

fn production_is_unprotected(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(aurora) = cluster(spec) else { return };
    if spec.metadata.environment != "production" {
        return;
    }
    if !aurora.deletion_protection {
        found.add(
            &["aurora.deletion_protection"],
            "the environment is production, and one call deletes the clusters",
            "set aurora.deletion_protection: true",
        );
    }
    if !aurora.final_snapshot {
        found.add(
            &["aurora.final_snapshot"],
            "the environment is production, and a deleted cluster leaves nothing behind",
            "set aurora.final_snapshot: true",
        );
    }
}

fn shards_lack_readers(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(aurora) = cluster(spec) else { return };
    if let (0, Some(availability)) = (aurora.replicas_per_shard, spec.success_metrics.availability) {
        let why = format!(
            "{availability} are promised; a lost primary without a reader is away for about ten minutes"
        );
        found.add(
            &["aurora.replicas_per_shard", "success_metrics.availability"],
            why,
            "set aurora.replicas_per_shard: 2",
        );
    }
}

fn log_is_unknown(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(aurora) = cluster(spec) else { return };
    for log in &aurora.log_exports {
        if !["postgresql", "instance", "iam-db-auth-error"].contains(&log.as_str()) {
            let why = format!("Aurora PostgreSQL has no log `{log}`");
            found.add(
                &["aurora.log_exports"],
                why,
                "set aurora.log_exports: [postgresql]",
            );
        }
    }
}

fn class_is_unknown(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(class) = cluster(spec).and_then(|it| it.instance_class.as_ref()) else {
        return;
    };
    if machine::database(class).is_none() && class != "db.serverless" {
        let why = format!("vvbill doesn't know how big `{class}` is");
        found.add(
            &["aurora.instance_class"],
            why,
            "check it; such a name is db.r6g.2xlarge",
        );
    }
}

fn storage_is_clear(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(aurora) = cluster(spec) else { return };
    if !aurora.storage_encrypted {
        found.add(
            &["aurora.storage_encrypted"],
            "billing data would lie in the clear, and it can't be changed later",
            "set aurora.storage_encrypted: true",
        );
    }
}
