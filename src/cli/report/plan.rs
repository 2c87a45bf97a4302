//! A plan as a person reads it: what changes, each with its reason, and nothing else.

use std::fmt::Write as _;

use anstyle::Style;
use serde_json::Value;

use super::redact::{self, SENSITIVE};
use super::style;
use crate::plan::{Action, Drift, Mode, Plan, Reason, Tally, Verb};
use crate::resource::{Change, reference};

/// Longer values are cut: a plan is read, not copied from (`--json` has them whole).
const LONGEST_VALUE: usize = 100;

/// What a value reads as that becomes known only on the way.
const UNKNOWN: &str = "(known after apply)";

/// The whole plan, ended by a newline.
pub(crate) fn render(plan: &Plan) -> String {
    let mut out = String::new();
    if !plan.drift.is_empty() {
        let _ = writeln!(
            out,
            "{}\n",
            heading("Changed outside vvbill since the last apply:")
        );
        plan.drift
            .iter()
            .for_each(|drift| out.push_str(&render_drift(drift)));
        out.push('\n');
    }
    if plan.changes().next().is_some() {
        let what = match plan.mode {
            Mode::Destroy => "A destroy of",
            _ => "An apply of",
        };
        let title = format!("{what} `{}` on the target `{}`:", plan.name, plan.target);
        let _ = writeln!(out, "{}\n", heading(&title));
        for action in plan.changes() {
            out.push_str(&render_action(action));
        }
        out.push('\n');
    }
    out.push_str(&render_retained(plan));
    let _ = writeln!(out, "{}", summary(plan));
    out
}

fn heading(text: &str) -> String {
    style::paint(style::STRONG, text)
}

/// The last line: `Plan: 12 to create, 0 to update, …`.
pub(crate) fn summary(plan: &Plan) -> String {
    let tally = plan.tally();
    if plan.mode == Mode::RefreshOnly {
        return match plan.drift.len() {
            0 => "No changes: the state is as what exists.".into(),
            count => format!("Plan: {count} to bring up to date in the state; nothing outside is changed."),
        };
    }
    if plan.changes().next().is_none() {
        return match plan.mode {
            Mode::Destroy => "No changes: there is nothing to destroy.".into(),
            _ if tally.keep == 0 => "No changes: the plan asks for nothing.".into(),
            _ => format!(
                "No changes: what stands is as the plan asks ({}).",
                super::findings::counted(tally.keep, "resource")
            ),
        };
    }
    format!("Plan: {}.", counts(&tally, "to "))
}

/// `12 to create, 0 to update, 0 to replace, 0 to delete`; the rarer verbs only where they occur.
pub(crate) fn counts(tally: &Tally, before_verb: &str) -> String {
    let always = [
        (tally.create, "create", true),
        (tally.adopt, "adopt", false),
        (tally.update, "update", true),
        (tally.reboot, "reboot", false),
        (tally.replace, "replace", true),
        (tally.delete, "delete", true),
    ];
    let past = before_verb.is_empty();
    let parts: Vec<String> = always
        .iter()
        .filter(|(count, _, always)| *always || *count > 0)
        .map(|(count, verb, _)| match past {
            true => format!("{count} {}", past_tense(verb)),
            false => format!("{count} {before_verb}{verb}"),
        })
        .collect();
    parts.join(", ")
}

fn past_tense(verb: &str) -> String {
    match verb {
        "adopt" | "reboot" => format!("{verb}ed"),
        verb => format!("{verb}d"),
    }
}

/// The colour of a verb.
pub(crate) fn verb_style(verb: Verb) -> Style {
    match verb {
        Verb::Create => style::ADD,
        Verb::Update | Verb::Reboot => style::CHANGE,
        Verb::Replace | Verb::Delete => style::REMOVE,
        Verb::Adopt => style::ADOPT,
        Verb::Keep => style::FAINT,
    }
}

fn render_action(action: &Action) -> String {
    let mut out = String::new();
    let symbol = style::paint(
        verb_style(action.verb),
        format_args!("{:>3}", action.verb.symbol()),
    );
    let id = match (&action.id, action.verb) {
        (Some(id), Verb::Delete | Verb::Adopt) => format!(" [{id}]"),
        _ => String::new(),
    };
    let reason = style::paint(style::FAINT, format_args!("({})", action.reason));
    let _ = writeln!(
        out,
        "{symbol} {}{id} {reason}",
        style::paint(style::STRONG, &action.address)
    );
    match action.verb {
        Verb::Create => {
            let properties = action.desired.as_ref().map(|desired| &desired.properties);
            for (key, value) in properties.and_then(Value::as_object).into_iter().flatten() {
                let _ = writeln!(out, "      {} {key}: {}", mark(Verb::Create), shown(key, value));
            }
        }
        Verb::Delete | Verb::Keep => {}
        Verb::Adopt | Verb::Update | Verb::Reboot | Verb::Replace => {
            let forcing = match &action.reason {
                Reason::CannotChange { paths } => paths.as_slice(),
                _ => &[],
            };
            for change in &action.changes {
                out.push_str(&render_change(change, forcing));
            }
        }
    }
    out
}

fn mark(verb: Verb) -> String {
    style::paint(verb_style(verb), verb.symbol())
}

fn render_change(change: &Change, forcing: &[String]) -> String {
    let path = dotted(&change.path);
    let key = path.rsplit('.').next().unwrap_or_default();
    let forces = forcing
        .iter()
        .any(|top| change.path == *top || change.path.starts_with(&format!("{top}/")));
    let note = match forces {
        true => style::paint(style::REMOVE, " # can't be changed in place"),
        false => String::new(),
    };
    match (&change.before, &change.after) {
        (Value::Null, after) => format!(
            "      {} {path}: {}{note}\n",
            mark(Verb::Create),
            shown(key, after)
        ),
        (before, Value::Null) => format!(
            "      {} {path}: {}{note}\n",
            mark(Verb::Delete),
            shown(key, before)
        ),
        (before, after) => format!(
            "      {} {path}: {} → {}{note}\n",
            mark(Verb::Update),
            shown(key, before),
            shown(key, after)
        ),
    }
}

/// What changed outside, field by field, or that nothing did.
pub(crate) fn render_drifts(drifts: &[Drift]) -> String {
    if drifts.is_empty() {
        return "Nothing changed outside vvbill.\n".into();
    }
    let mut out = format!("{}\n\n", heading("Changed outside vvbill since the last apply:"));
    drifts.iter().for_each(|drift| out.push_str(&render_drift(drift)));
    out
}

fn render_drift(drift: &Drift) -> String {
    let address = style::paint(style::STRONG, &drift.address);
    if drift.gone {
        return format!("  {} {address} is gone\n", mark(Verb::Delete));
    }
    let mut out = format!("  {} {address}\n", mark(Verb::Update));
    for change in &drift.changes {
        let path = dotted(&change.path);
        let key = path.rsplit('.').next().unwrap_or_default();
        let _ = writeln!(
            out,
            "      {path}: wanted {}, found {}",
            shown(key, &change.before),
            shown(key, &change.after)
        );
    }
    out
}

/// What stays although the plan no longer asks for it.
pub(crate) fn render_retained(plan: &Plan) -> String {
    if plan.retained.is_empty() {
        return String::new();
    }
    let mut out = format!("{}\n\n", heading("Stays, because it holds data:"));
    for retained in &plan.retained {
        let why = retained
            .needed_by
            .as_ref()
            .map(|data| format!(" ({data} stands on it)"))
            .unwrap_or_default();
        let _ = writeln!(out, "    {} [{}]{why}", retained.address, retained.id);
    }
    out.push_str(match plan.mode {
        Mode::Destroy => "\n`--destroy-data` takes this too.\n\n",
        _ => "\n`destroy --destroy-data` takes it; `state rm` makes vvbill forget it.\n\n",
    });
    out
}

/// `/parameters/max_connections` as `parameters.max_connections`.
pub(crate) fn dotted(pointer: &str) -> String {
    pointer
        .split('/')
        .skip(1)
        .map(|part| part.replace("~1", "/").replace("~0", "~"))
        .collect::<Vec<_>>()
        .join(".")
}

/// One value on one line.
pub(crate) fn shown(key: &str, value: &Value) -> String {
    if redact::is_secret(key, value) {
        return SENSITIVE.into();
    }
    let mut text = String::new();
    write_value(key, value, &mut text);
    if text.chars().count() > LONGEST_VALUE {
        text = text.chars().take(LONGEST_VALUE - 1).chain(['…']).collect();
    }
    text
}

fn write_value(key: &str, value: &Value, out: &mut String) {
    if reference(value).is_some() {
        out.push_str(UNKNOWN);
        return;
    }
    match value {
        Value::Object(map) => {
            out.push('{');
            for (index, (key, value)) in map.iter().enumerate() {
                let _ = write!(out, "{}{key}: ", if index > 0 { ", " } else { "" });
                write_value(key, value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, value) in items.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                write_value(key, value, out);
            }
            out.push(']');
        }
        value if redact::is_secret(key, value) => out.push_str(SENSITIVE),
        value => {
            let _ = write!(out, "{value}");
        }
    }
}
