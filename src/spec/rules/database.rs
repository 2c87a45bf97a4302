//! VV200–219: the database shards as Aurora accepts them.

use super::facts::aurora::{self, Standing};
use super::facts::machine;
use super::{Applies, Breaches, Context, Rule, Severity};
use crate::spec::{Aurora, AuroraStorage, DatabaseEngine, Duration, Spec};

const RELEASES: &str = "`aws rds describe-db-engine-versions --engine aurora-postgresql`, October 2026";

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
        code: "VV212",
        severity: Severity::Warning,
        title: "the instance class is not in vvbill's table",
        applies: Applies::OnAws,
        about: "Without its memory vvbill can't judge parameters that depend on it.",
        source: "Amazon Aurora user guide, \"Amazon Aurora DB instance classes\"",
        remedy: "Check the name; such a name is `db.r6g.2xlarge`.",
        check: class_is_unknown,
    },
];

/// The database, where it is Aurora.
pub(super) fn cluster(spec: &Spec) -> Option<&Aurora> {
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
