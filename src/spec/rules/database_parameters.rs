//! VV220–229: settings of the database engine, and their units.

use super::facts::aurora;
use super::facts::machine::{self, Machine};
use super::{Applies, Breaches, Context, Rule, Severity, gib, key, thousands};
use crate::spec::{Aurora, DatabaseEngine, Spec};

const PARAMETERS: &str = "Amazon Aurora user guide, \"Amazon Aurora PostgreSQL parameters\"";

/// Share of an instance's memory that Aurora leaves when `shared_buffers` takes its default of 75 %.
const MEMORY_FOR_SORTS_PERCENT: u64 = 25;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "VV220",
        severity: Severity::Error,
        title: "shared_buffers is given in the wrong unit",
        applies: Applies::OnAws,
        about: "PostgreSQL counts `shared_buffers` in pages of 8 kB, while `{DBInstanceClassMemory}` is in bytes: \
                `{DBInstanceClassMemory/4}` asks for 2,048 times what the machine has a quarter of, and the instance \
                doesn't start. Aurora's own default is about 75 % of memory, because its storage keeps no second copy \
                in the kernel's cache.",
        source: PARAMETERS,
        remedy: "Leave it out; or write a quarter as `{DBInstanceClassMemory/32768}`.",
        check: |spec, _, found| pages_exceed_memory(spec, "shared_buffers", found),
    },
    Rule {
        code: "VV221",
        severity: Severity::Error,
        title: "effective_cache_size is given in the wrong unit",
        applies: Applies::OnAws,
        about: "PostgreSQL counts `effective_cache_size` in pages of 8 kB, while `{DBInstanceClassMemory}` is in \
                bytes. Three quarters of a machine's bytes, taken as pages, are beyond the largest number that \
                PostgreSQL accepts.",
        source: PARAMETERS,
        remedy: "Write three quarters as `{DBInstanceClassMemory*3/32768}`.",
        check: |spec, _, found| pages_exceed_memory(spec, "effective_cache_size", found),
    },
    Rule {
        code: "VV222",
        severity: Severity::Warning,
        title: "sorts on all connections together outgrow the memory",
        applies: Applies::OnAws,
        about: "Each sort or hash of each connection may take `work_mem`. By default Aurora gives 75 % of memory to \
                `shared_buffers`; when the rest is gone, the kernel ends the database.",
        source: "PostgreSQL documentation, \"Resource Consumption\"; Amazon Aurora user guide, \"Tuning memory parameters \
                 for Aurora PostgreSQL\"",
        remedy: "Lower `work_mem` or `max_connections`, or put a pooler in front.",
        check: sorts_outgrow_memory,
    },
    Rule {
        code: "VV223",
        severity: Severity::Error,
        title: "Aurora has no such parameter",
        applies: Applies::OnAws,
        about: "Aurora's storage keeps no write-ahead log on the instance: parameters about its size, checkpoints and \
                archiving are missing from its parameter groups, and setting one is refused.",
        source: PARAMETERS,
        remedy: "Leave it out.",
        check: parameter_is_absent,
    },
    Rule {
        code: "VV224",
        severity: Severity::Note,
        title: "a parameter takes effect after a reboot only",
        applies: Applies::OnAws,
        about: "Static parameters of a parameter group wait as `pending-reboot`. vvbill plans the reboot as an action \
                of its own, one instance after the other, readers first.",
        source: "Amazon Aurora user guide, \"Parameter groups for Amazon Aurora\"",
        remedy: "Set static parameters before there is load.",
        check: parameter_needs_reboot,
    },
    Rule {
        code: "VV225",
        severity: Severity::Error,
        title: "a parameter's value can't be read",
        applies: Applies::OnAws,
        about: "A number, or a product and quotient over `{DBInstanceClassMemory}` in braces, is what these parameters \
                accept.",
        source: "Amazon RDS user guide, \"Specifying DB parameters\"",
        remedy: "Write a plain number in the parameter's own unit, or such a formula.",
        check: value_is_malformed,
    },
    Rule {
        code: "VV226",
        severity: Severity::Error,
        title: "max_connections is above what Aurora accepts",
        applies: Applies::OnAws,
        about: "Aurora takes 6 to 262,143 for `max_connections`.",
        source: "Amazon Aurora user guide, \"Maximum connections to an Aurora PostgreSQL DB instance\"",
        remedy: "Lower it, and put a pooler in front.",
        check: connections_are_out_of_bounds,
    },
];

/// The database and its machine, where it is Aurora of a known class.
fn cluster(spec: &Spec) -> Option<(&Aurora, &str, Machine)> {
    let aurora = spec
        .aurora
        .as_ref()
        .filter(|it| it.engine == DatabaseEngine::AuroraPostgresql)?;
    let class = aurora.instance_class.as_deref()?;
    Some((aurora, class, machine::database(class)?))
}

/// The field of one parameter.
fn path_of(parameter: &str) -> String {
    key("aurora.parameters", parameter)
}

/// What `parameter` is on that machine: its value in the plan, in its own unit.
pub(super) fn value_of(aurora: &Aurora, parameter: &str, memory_mib: u64) -> Option<u64> {
    aurora::evaluate(aurora.parameters.get(parameter)?, memory_mib << 20)
}

fn pages_exceed_memory(spec: &Spec, parameter: &str, found: &mut Breaches) {
    let Some((aurora, class, machine)) = cluster(spec) else {
        return;
    };
    let Some(pages) = value_of(aurora, parameter, machine.memory_mib) else {
        return;
    };
    let mib = pages / (1_048_576 / aurora::PAGE_BYTES);
    if mib <= machine.memory_mib {
        return;
    }
    let limit = aurora::PAGE_PARAMETERS
        .iter()
        .find(|row| row.0 == parameter)
        .map_or(u64::MAX, |row| row.1);
    let beyond = if pages > limit {
        format!(", beyond the {} that PostgreSQL accepts", thousands(limit))
    } else {
        String::new()
    };
    let why = format!(
        "{} = {} pages of 8 kB{beyond} = {}, and a {class} has {}",
        aurora.parameters[parameter],
        thousands(pages),
        gib(mib),
        gib(machine.memory_mib)
    );
    let fix = match parameter {
        "shared_buffers" => {
            "leave it out (Aurora's default is about 75 %), or write {DBInstanceClassMemory/32768}"
        }
        _ => "write {DBInstanceClassMemory*3/32768}",
    };
    found.add(&[&path_of(parameter), "aurora.instance_class"], why, fix);
}

fn sorts_outgrow_memory(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some((aurora, class, machine)) = cluster(spec) else {
        return;
    };
    let work_kb = value_of(aurora, "work_mem", machine.memory_mib);
    let connections = value_of(aurora, "max_connections", machine.memory_mib);
    let (Some(work_kb), Some(connections)) = (work_kb, connections) else {
        return;
    };
    let total_mib = work_kb.saturating_mul(connections) / 1_024;
    let left_mib = machine.memory_mib * MEMORY_FOR_SORTS_PERCENT / 100;
    if total_mib > left_mib {
        let why = format!(
            "{} kB × {} connections = {}; a {class} has {}, of which Aurora leaves about {}",
            thousands(work_kb),
            thousands(connections),
            gib(total_mib),
            gib(machine.memory_mib),
            gib(left_mib)
        );
        let fix = format!(
            "set work_mem to {} (kB) or less, or lower max_connections behind a pooler",
            left_mib * 1_024 / connections.max(1)
        );
        found.add(
            &[
                &path_of("work_mem"),
                &path_of("max_connections"),
                "aurora.instance_class",
            ],
            why,
            fix,
        );
    }
}

fn parameter_is_absent(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(aurora) = &spec.aurora else { return };
    for name in aurora
        .parameters
        .keys()
        .filter(|name| aurora::ABSENT_PARAMETERS.contains(&name.as_str()))
    {
        let why = format!("`{name}` is one of PostgreSQL's own that Aurora's storage leaves no use for");
        found.add(&[&path_of(name)], why, format!("leave {name} out"));
    }
}

fn parameter_needs_reboot(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some(aurora) = &spec.aurora else { return };
    let paths: Vec<String> = aurora
        .parameters
        .keys()
        .filter(|name| aurora::STATIC_PARAMETERS.contains(&name.as_str()))
        .map(|name| path_of(name))
        .collect();
    if !paths.is_empty() {
        let borrowed: Vec<&str> = paths.iter().map(String::as_str).collect();
        let why = "a change of these on a running cluster waits for a reboot, which vvbill plans";
        found.add(
            &borrowed,
            why,
            "nothing for a new cluster; on a running one, expect the reboot in the plan",
        );
    }
}

fn value_is_malformed(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some((aurora, _, machine)) = cluster(spec) else {
        return;
    };
    for name in [
        "shared_buffers",
        "effective_cache_size",
        "work_mem",
        "maintenance_work_mem",
        "max_connections",
    ] {
        let Some(value) = aurora.parameters.get(name) else {
            continue;
        };
        let function = ["SUM(", "LEAST(", "GREATEST("]
            .iter()
            .any(|start| value.starts_with(start));
        if !function && aurora::evaluate(value, machine.memory_mib << 20).is_none() {
            let why = format!("`{value}` is neither a number nor a formula over {{DBInstanceClassMemory}}");
            found.add(
                &[&path_of(name)],
                why,
                format!("write {name} as a number, without a unit"),
            );
        }
    }
}

fn connections_are_out_of_bounds(spec: &Spec, _: &Context, found: &mut Breaches) {
    let Some((aurora, _, machine)) = cluster(spec) else {
        return;
    };
    let Some(connections) = value_of(aurora, "max_connections", machine.memory_mib) else {
        return;
    };
    if !(6..=aurora::MAX_CONNECTIONS_LIMIT).contains(&connections) {
        let why = format!(
            "{} is not 6 to {}",
            thousands(connections),
            thousands(aurora::MAX_CONNECTIONS_LIMIT)
        );
        found.add(
            &[&path_of("max_connections")],
            why,
            "set max_connections: \"2000\"",
        );
    }
}
