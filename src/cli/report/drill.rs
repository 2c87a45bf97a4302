//! Drills, for people and programs: what there is, how one goes, what it came to.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::table::Table;
use super::{Report, style};
use crate::drill::outcome::{Moved, TierFigure};
use crate::drill::{Drill, Listener, Offer, Outcome, Stage, Tier};
use crate::rollout::model::{Evidence, Verdict};

/// Drills, what each strikes, what takes over.
pub(crate) fn list(offers: &[Offer]) -> String {
    let mut out = String::new();
    for offer in offers {
        let drill = offer.drill;
        out += &format!(
            "{}  {}\n",
            style::paint(style::STRONG, drill.name()),
            drill.title()
        );
        let line = match &offer.lacks {
            None => style::paint(style::FAINT, format_args!("then: {}", drill.expects())),
            Some(why) => style::paint(style::WARNING, format_args!("not for this plan: {why}")),
        };
        out += &format!("    {line}\n");
    }
    out
}

/// The same as JSON.
pub(crate) fn list_json(plan: &str, offers: &[Offer]) -> Value {
    let drills: Vec<Value> = offers
        .iter()
        .map(|offer| {
            json!({
                "name": offer.drill.name(),
                "title": offer.drill.title(),
                "expects": offer.drill.expects(),
                "lacks": offer.lacks,
            })
        })
        .collect();
    json!({ "plan": plan, "drills": drills })
}

/// What is about to be done.
pub(crate) fn announce(plan: &str, environment: &str, drills: &[Drill]) -> String {
    let mut out = format!(
        "On {} ({environment}), under load:\n",
        style::paint(style::STRONG, plan)
    );
    for drill in drills {
        out += &format!("  {}: {}\n", drill.name(), drill.title());
    }
    out
}

/// An earlier drill that was killed, where something is down.
pub(crate) fn cut_off(drill: &str, at: Timestamp, plan: &str) -> String {
    format!(
        "the drill {drill}, begun {at:.0}, never came to its end: what it had struck may be what is down; \
         `vvbill apply {plan}` starts it again"
    )
}

/// What a drill has come to, as a line of its own; none for what only passes.
pub(crate) fn stage(drill: Drill, stage: &Stage) -> Option<String> {
    match stage {
        Stage::Watching { .. } | Stage::Restoring { .. } => None,
        stage => Some(format!("{}: {}", drill.name(), words(stage))),
    }
}

/// What one came to: each tier, then what else was measured.
pub(crate) fn done(drill: Drill, evidence: &Evidence) -> String {
    let verdict = style::paint(color(evidence.verdict), evidence.verdict.name());
    let mut out = format!("{}: {verdict}\n", style::paint(style::STRONG, drill.name()));
    if let Some(reason) = &evidence.reason {
        out += &format!("  {reason}\n");
    }
    let Ok(outcome) = serde_json::from_value::<Outcome>(evidence.memory.clone()) else {
        return out;
    };
    for victim in &outcome.victims {
        out += &format!("  struck: {victim}\n");
    }
    let mut table = Table::new(["  TIER", "AWAY", "PROMISED", "TRIED", "FAILED", "WORST"]);
    for figure in &outcome.tiers {
        let (away, color) = away(figure);
        let promised = figure
            .objective_seconds
            .map_or_else(|| "-".to_owned(), |seconds| format!("{seconds} s"));
        table.row([
            (format!("  {}", figure.tier.name()), None),
            (away, Some(color)),
            (promised, None),
            (figure.recovery.attempts.to_string(), None),
            (figure.recovery.failed.to_string(), None),
            (figure.recovery.what.clone(), None),
        ]);
    }
    out += &table.render();
    out + &account(&outcome, evidence)
}

fn away(figure: &TierFigure) -> (String, anstyle::Style) {
    let recovery = &figure.recovery;
    if recovery.outages == 0 {
        let least = recovery.period_seconds.max(recovery.quiet_seconds) * 1_000.0;
        return (format!("none seen (over {least:.0} ms)"), style::ADD);
    }
    if !recovery.is_back {
        return (format!("{:.1} s, not back", recovery.away_seconds), style::REMOVE);
    }
    let holds = figure
        .objective_seconds
        .is_none_or(|promised| recovery.away_seconds <= promised);
    let color = if holds { style::ADD } else { style::REMOVE };
    (format!("{:.2} s", recovery.away_seconds), color)
}

fn account(outcome: &Outcome, evidence: &Evidence) -> String {
    let restored = match outcome.restored_seconds {
        Some(seconds) => format!("whole again {seconds:.1} s after what was struck was brought back"),
        None => format!("not whole again: {}", outcome.missing.join("; ")),
    };
    let (found, background) = (&outcome.found, &outcome.background);
    let mut out = format!(
        "  {restored}\n  markers: {} acknowledged over HTTP, {} by Kafka; lost {}, doubled {}, recovery point {} s\n  \
         load: {} events at {}/s; lost {}, doubled {}\n",
        found.acknowledged_http,
        found.acknowledged_kafka,
        found.lost,
        found.doubled,
        found.recovery_point_seconds,
        super::load::grouped(background.sent),
        background.rate,
        background.lost,
        background.doubled
    );
    if let Some(moved) = &outcome.moved {
        out += &of_move(moved);
    }
    for measure in evidence.measures.iter().filter(|measure| !measure.holds) {
        out += &format!("  {}\n", style::paint(style::REMOVE, measure.sentence()));
    }
    out
}

/// Away and back, part by part.
fn of_move(moved: &Moved) -> String {
    let mut out = format!(
        "  clients were turned to {} after {:.1} s\n",
        moved.region, moved.turned_after_seconds
    );
    for step in moved.away.iter().chain(&moved.back) {
        out += &format!("    {:>5.1} s  {}\n", step.seconds, step.what);
    }
    let found = &moved.found;
    out + &format!(
        "  markers when the first region was back: lost {}, doubled {}\n",
        found.lost, found.doubled
    )
}

/// The last lines of several.
pub(crate) fn summary(results: &[(&str, Verdict)]) -> String {
    let mut table = Table::new(["DRILL", "RESULT"]);
    for (name, verdict) in results {
        table.row([
            ((*name).to_owned(), None),
            (verdict.name().to_owned(), Some(color(*verdict))),
        ]);
    }
    format!("\n{}", table.render())
}

fn color(verdict: Verdict) -> anstyle::Style {
    match verdict {
        Verdict::Passed => style::ADD,
        Verdict::Skipped => style::FAINT,
        Verdict::Failed | Verdict::Inconclusive => style::REMOVE,
    }
}

/// One drill's end as a line of JSON.
pub(crate) fn done_json(drill: Drill, evidence: &Evidence) -> Value {
    let message = format!("{}: {}", drill.name(), evidence.verdict.name());
    line(
        &message,
        "drill_done",
        json!({
            "drill": drill.name(),
            "verdict": evidence.verdict,
            "reason": evidence.reason,
            "measures": evidence.measures,
            "outcome": evidence.memory,
        }),
    )
}

/// The end of all.
pub(crate) fn result_json(results: &[(&str, Verdict)]) -> Value {
    let passed = results.iter().all(|(_, verdict)| *verdict == Verdict::Passed);
    let drills: Vec<Value> = results
        .iter()
        .map(|(name, verdict)| json!({ "drill": name, "verdict": verdict }))
        .collect();
    let held = results.iter().filter(|(_, verdict)| *verdict == Verdict::Passed);
    let message = format!("{} of {} drills held", held.count(), results.len());
    line(
        &message,
        "drill_result",
        json!({ "passed": passed, "drills": drills }),
    )
}

/// One NDJSON line in Terraform's envelope.
fn line(message: &str, kind: &str, body: Value) -> Value {
    let mut line = json!({
        "@level": "info",
        "@message": message,
        "@module": "vvbill.drill",
        "@timestamp": Timestamp::now().to_string(),
        "type": kind,
    });
    if let (Some(line), Value::Object(body)) = (line.as_object_mut(), body) {
        line.extend(body);
    }
    line
}

/// Tells how a drill goes: a live line on a terminal, otherwise one a change, or NDJSON.
pub(crate) struct Teller {
    report: Report,
    bar: ProgressBar,
    json: bool,
}

impl Teller {
    pub(crate) fn new(report: &Report, json: bool) -> Self {
        let style = ProgressStyle::with_template("{spinner} {wide_msg}").expect("the template is fixed");
        let bar = ProgressBar::new_spinner().with_style(style);
        Self {
            report: report.clone(),
            bar: report.bars().add(bar),
            json,
        }
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Listener for Teller {
    fn stage(&self, drill: Drill, stage: &Stage) {
        let text = format!("{}: {}", drill.name(), words(stage));
        if self.json {
            self.report
                .line_of_json(&line(&text, "drill_progress", body(drill, stage)));
            return;
        }
        let passes = matches!(stage, Stage::Watching { .. } | Stage::Restoring { .. });
        if self.report.draws_progress() && passes {
            self.bar.set_message(text);
            self.bar.tick();
        } else {
            self.report.say(text);
        }
    }
}

fn words(stage: &Stage) -> String {
    match stage {
        Stage::Checking => "is the platform whole?".into(),
        Stage::Quiet => "it is; load and probes run".into(),
        Stage::Struck(victims) => format!("struck {}", victims.join("; ")),
        Stage::Watching { since, away } => {
            format!("{} since the fault; {}", seconds(*since), standing(away))
        }
        Stage::Moving(what) => what.clone(),
        Stage::Healing => "every tier is looked at; what was struck is brought back".into(),
        Stage::Restoring { missing } => format!("not whole yet: {}", missing.join("; ")),
        Stage::Accounting => "waiting until all is durable, then reading the rows".into(),
    }
}

fn standing(away: &[Tier]) -> String {
    let names: Vec<&str> = away.iter().map(|tier| tier.name()).collect();
    match names.is_empty() {
        true => "every tier works".into(),
        false => format!("away: {}", names.join(", ")),
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn body(drill: Drill, stage: &Stage) -> Value {
    let mut body = match stage {
        Stage::Checking => json!({ "stage": "checking" }),
        Stage::Quiet => json!({ "stage": "quiet" }),
        Stage::Struck(victims) => json!({ "stage": "struck", "victims": victims }),
        Stage::Watching { since, away } => json!({
            "stage": "watching",
            "seconds_since_fault": since.as_secs_f64(),
            "away": away,
        }),
        Stage::Moving(what) => json!({ "stage": "moving", "what": what }),
        Stage::Healing => json!({ "stage": "healing" }),
        Stage::Restoring { missing } => json!({ "stage": "restoring", "missing": missing }),
        Stage::Accounting => json!({ "stage": "accounting" }),
    };
    body["drill"] = json!(drill.name());
    body
}
