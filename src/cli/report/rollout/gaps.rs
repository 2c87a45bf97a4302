//! How long each tier was away in each drill, drawn beside what the plan promises. Pure; the template draws.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::cli::report::cost::chart::{Axis, RIGHT, tenth};
use crate::cli::report::load::chart::Tick;
use crate::drill::outcome::TierFigure;
use crate::drill::{Drill, Outcome};
use crate::rollout::ledger::{Entry, Ledger};
use crate::rollout::model::{Attempt, Evidence, Verdict};

/// The last run of a drill.
#[derive(Debug, Serialize)]
pub(super) struct Gaps {
    pub drill: String,
    pub title: &'static str,
    pub at: String,
    pub verdict: &'static str,
    pub holds: bool,
    pub struck: String,
    /// What became of events, in a sentence.
    pub account: String,
    pub height: f64,
    pub ticks: Vec<Tick>,
    pub tiers: Vec<Gap>,
}

/// A tier in it.
#[derive(Debug, Serialize)]
pub(super) struct Gap {
    pub name: &'static str,
    pub y: f64,
    /// Where its bar begins; no bar where no outage was seen.
    pub x: f64,
    pub width: f64,
    /// `good`, `bad`; neither where nothing is promised.
    pub class: &'static str,
    /// Where what is promised lies.
    pub promised_x: Option<f64>,
    pub away: String,
    pub promised: String,
    pub tried: usize,
    pub failed: usize,
    pub outages: usize,
    pub what: String,
}

/// Names stand left of this.
const LEFT: f64 = 110.0;
const STEP: f64 = 24.0;
const TOP: f64 = 6.0;
/// Room for what stands below the bars.
const FOOT: f64 = 28.0;
/// What is shorter can't be seen.
const WIDTH_AT_LEAST: f64 = 2.0;

/// Of each drill the last run that measured anything, by itself or as a step of a week, in the drills' order.
pub(super) fn of_ledger(ledger: &Ledger) -> Vec<Gaps> {
    let mut last: BTreeMap<Drill, (jiff::Timestamp, Outcome, Verdict)> = BTreeMap::new();
    let mut take = |evidence: &Evidence| {
        let Ok(outcome) = serde_json::from_value::<Outcome>(evidence.memory.clone()) else {
            return;
        };
        let Some(drill) = Drill::of(&outcome.drill) else {
            return;
        };
        let at = outcome.fault_at;
        if last.get(&drill).is_none_or(|(known, ..)| *known <= at) {
            last.insert(drill, (at, outcome, evidence.verdict));
        }
    };
    for entry in ledger.entries() {
        if let Entry::Drilled { evidence, .. } = entry {
            take(evidence);
        }
    }
    let attempts = ledger.attempts();
    let steps = attempts.iter().filter(|attempt| attempt.step.contains("/drill-"));
    steps.filter_map(Attempt::evidence).for_each(&mut take);
    Drill::ALL
        .into_iter()
        .filter_map(|drill| last.remove(&drill).map(|found| gaps(drill, &found.1, found.2)))
        .collect()
}

fn gaps(drill: Drill, outcome: &Outcome, verdict: Verdict) -> Gaps {
    let longest = outcome
        .tiers
        .iter()
        .flat_map(|figure| [Some(figure.recovery.away_seconds), figure.objective_seconds])
        .flatten()
        .fold(0.0, f64::max)
        .max(0.1);
    let across = |seconds: f64| LEFT + (seconds / longest).min(1.0) * (RIGHT - LEFT);
    let axis = Axis::over(longest);
    let count = (longest / axis.step + 1e-9).floor() as u32;
    let ticks = (0..=count).map(|number| {
        let at = f64::from(number) * axis.step;
        Tick {
            x: tenth(across(at)),
            label: format!("{} s", Value::from((at * 1e3).round() / 1e3)),
        }
    });
    let tiers = outcome.tiers.iter().enumerate();
    let tiers: Vec<Gap> = tiers
        .map(|(number, figure)| gap(figure, TOP + number as f64 * STEP, &across))
        .collect();
    let found = &outcome.found;
    Gaps {
        drill: drill.name().to_owned(),
        title: drill.title(),
        at: format!("{:.0}", outcome.fault_at),
        verdict: verdict.name(),
        holds: verdict == Verdict::Passed,
        struck: outcome.victims.join("; "),
        account: format!(
            "Lost {}, doubled {} of {} acknowledged markers; {}",
            found.lost,
            found.doubled,
            found.acknowledged_http + found.acknowledged_kafka,
            outcome.restored_seconds.map_or_else(
                || format!("not whole again: {}.", outcome.missing.join("; ")),
                |seconds| format!("whole again {seconds:.1} s after it was started again.")
            )
        ),
        height: TOP + tiers.len() as f64 * STEP + FOOT,
        ticks: ticks.collect(),
        tiers,
    }
}

fn gap(figure: &TierFigure, y: f64, across: &dyn Fn(f64) -> f64) -> Gap {
    let recovery = &figure.recovery;
    let is_seen = recovery.outages > 0;
    let width = match is_seen {
        true => (across(recovery.away_seconds) - LEFT).max(WIDTH_AT_LEAST),
        false => 0.0,
    };
    let holds = |promised: f64| recovery.is_back && recovery.away_seconds <= promised;
    let seconds = |seconds: f64| format!("{} s", (seconds * 1e3).round() / 1e3);
    Gap {
        name: figure.tier.name(),
        y,
        x: LEFT,
        width: tenth(width),
        class: match figure.objective_seconds.map(holds) {
            Some(true) => "good",
            Some(false) => "bad",
            None => "",
        },
        promised_x: figure.objective_seconds.map(|promised| tenth(across(promised))),
        away: match (is_seen, recovery.is_back) {
            (false, true) => "none seen".into(),
            (_, true) => seconds(recovery.away_seconds),
            (_, false) => format!("{}, not back", seconds(recovery.away_seconds)),
        },
        promised: figure.objective_seconds.map_or_else(|| "-".into(), seconds),
        tried: recovery.attempts,
        failed: recovery.failed,
        outages: recovery.outages,
        what: recovery.what.clone(),
    }
}
