//! VV206–214: how the database is watched, patched and kept safe.

use super::database::cluster;
use super::{Applies, Breaches, Context, Rule, Severity};
use crate::spec::{DatabaseInsights, Duration, SecretReference, Spec};

const MINUTES_A_DAY: u16 = 1_440;

pub(super) const RULES: &[Rule] = &[
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
    Rule {
        code: "VV214",
        severity: Severity::Warning,
        title: "the administrator's password reaches files that are kept",
        applies: Applies::OnAws,
        about: "A password that is handed over from outside ends in Terraform's state, in the clear. With `managed` AWS \
                makes it, keeps it in Secrets Manager and rotates it; nobody else ever has it.",
        source: "Amazon Aurora user guide, \"Password management with Amazon Aurora and AWS Secrets Manager\"",
        remedy: "Set `aurora.master_password: managed`.",
        check: password_is_handed_over,
    },
];

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

fn password_is_handed_over(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(aurora) = cluster(spec) else { return };
    if matches!(
        aurora.master_password,
        SecretReference::Environment(_) | SecretReference::File(_)
    ) {
        let why = format!(
            "`{}` is read by whoever applies, and handed over",
            aurora.master_password
        );
        found.add(
            &["aurora.master_password"],
            why,
            "set aurora.master_password: managed",
        );
    }
}
