//! VV230–239: connections that the application opens against those that the database takes.

use super::database_parameters::value_of;
use super::facts::{aurora, machine};
use super::{Applies, Breaches, Context, Rule, Severity, key, thousands};
use crate::spec::{Aurora, DatabaseEngine, Spec, Workload};

/// Connections that PostgreSQL and AWS keep for themselves (`superuser_reserved_connections`).
const RESERVED: u64 = 3;

/// What PostgreSQL takes when nothing is said.
const POSTGRESQL_DEFAULT: u64 = 100;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "VV230",
        severity: Severity::Error,
        title: "the application may open more connections than the database takes",
        applies: Applies::Everywhere,
        about: "Each pod may open MAX_CONNECTIONS to each shard, and if each worker process has a pool of its own, as \
                with gunicorn, each worker may. Beyond `max_connections` the database refuses, the pools retry, and \
                the refusals begin just when the load is highest.",
        source: "PostgreSQL documentation, \"Connections and Authentication\"; gunicorn, \"Design\"",
        remedy: "Declare a pooler (`aurora.pooler`, RDS Proxy or PgBouncer), or lower MAX_CONNECTIONS.",
        check: application_opens_too_many,
    },
    Rule {
        code: "VV231",
        severity: Severity::Error,
        title: "the pooler may open more connections than the database takes",
        applies: Applies::Everywhere,
        about: "A pooler helps only if what it opens itself stays below `max_connections`, less the three that are \
                kept for administration.",
        source: "PostgreSQL documentation, `superuser_reserved_connections`",
        remedy: "Lower `aurora.pooler.max_server_connections`.",
        check: pooler_opens_too_many,
    },
];

/// How many connections one shard takes from clients, and the field that says so.
fn accepted(aurora: &Aurora) -> Option<(u64, String)> {
    let memory_mib = aurora
        .instance_class
        .as_deref()
        .and_then(machine::database)
        .map_or(0, |it| it.memory_mib);
    let (limit, path) = if aurora.parameters.contains_key("max_connections") {
        (
            value_of(aurora, "max_connections", memory_mib)?,
            key("aurora.parameters", "max_connections"),
        )
    } else if aurora.engine == DatabaseEngine::Postgresql {
        (POSTGRESQL_DEFAULT, "aurora.parameters".to_owned())
    } else if memory_mib > 0 {
        (
            aurora::default_max_connections(memory_mib << 20),
            "aurora.instance_class".to_owned(),
        )
    } else {
        return None;
    };
    Some((limit.saturating_sub(RESERVED), path))
}

fn application_opens_too_many(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(aurora) = spec.aurora.as_ref().filter(|it| it.pooler.is_none()) else {
        return;
    };
    let Some((accepted, limit_path)) = accepted(aurora) else {
        return;
    };
    for (name, workload) in &spec.workloads {
        let Some(a_pod) = number(workload, "MAX_CONNECTIONS") else {
            continue;
        };
        let most = workload
            .autoscaling
            .as_ref()
            .map_or(workload.replicas, |it| it.max.max(workload.replicas));
        if a_pod.saturating_mul(u64::from(most)) <= accepted {
            continue;
        }
        let path = key(&format!("workloads.{name}.env"), "MAX_CONNECTIONS");
        let why = format!(
            "{}; a shard takes {} from clients ({RESERVED} are reserved), and no pooler is declared",
            demand(workload, a_pod, most),
            thousands(accepted)
        );
        let fix = format!(
            "set aurora.pooler: {{kind: rds-proxy, max_server_connections: {}}}, or {path}: \"{}\"",
            accepted * 3 / 4,
            accepted / u64::from(most.max(1))
        );
        found.add(
            &[&path, &limit_path, &format!("workloads.{name}.replicas")],
            why,
            fix,
        );
    }
}

/// `8 pods × 1,000 = 8,000 connections, 64,000 if each of 8 workers has its own pool`.
fn demand(workload: &Workload, a_pod: u64, most: u32) -> String {
    let pods = u64::from(workload.replicas);
    let mut text = format!(
        "{pods} pods × {} = {} connections",
        thousands(a_pod),
        thousands(pods * a_pod)
    );
    if let Some(workers) = number(workload, "WORKERS").filter(|workers| *workers > 1) {
        text += &format!(
            ", {} if each of {workers} workers has its own pool",
            thousands(pods * workers * a_pod)
        );
    }
    if most > workload.replicas {
        text += &format!(
            ", and {} when the autoscaler runs {most} pods",
            thousands(u64::from(most) * a_pod)
        );
    }
    text
}

/// A number in a workload's environment.
fn number(workload: &Workload, variable: &str) -> Option<u64> {
    workload.env.get(variable)?.trim().parse().ok()
}

fn pooler_opens_too_many(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(aurora) = &spec.aurora else { return };
    let (Some(pooler), Some((accepted, limit_path))) = (aurora.pooler, accepted(aurora)) else {
        return;
    };
    let opened = u64::from(pooler.max_server_connections);
    if opened > accepted {
        let path = "aurora.pooler.max_server_connections";
        let why = format!(
            "up to {} to a shard that takes {}",
            thousands(opened),
            thousands(accepted)
        );
        found.add(
            &[path, &limit_path],
            why,
            format!("set {path}: {}", accepted * 3 / 4),
        );
    }
}
