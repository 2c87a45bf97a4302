//! Holds what was watched and what drills have shown against what the plan promises. Pure.

use super::watch::Watched;
use super::{Account, ErrorBudget, Line, Standing};
use crate::drill::Outcome;
use crate::rollout::ledger::{Entry, Ledger};
use crate::rollout::model::Attempt;
use crate::spec::{Duration, Spec, SuccessMetrics};

/// The month that an availability is promised over, in seconds: 30 days.
const MONTH_SECONDS: f64 = 30.0 * 86_400.0;
/// What is missing of a scope without mattering: a scrape or two.
const WHOLE: f64 = 0.99;

/// What there is to judge by.
pub struct Seen<'a> {
    /// What Prometheus has seen, or why it could not be asked.
    pub watched: Result<Watched, String>,
    /// The rollout's ledger.
    pub ledger: &'a Ledger,
    /// What a result has to speak of: the digest of the plan as it is, by the id of a week or of a drill.
    pub holds_for: &'a dyn Fn(&str) -> Option<String>,
    /// The drills that the plan offers.
    pub offered: Vec<String>,
}

/// The six metrics.
pub fn judge(spec: &Spec, seen: &Seen<'_>) -> Account {
    let promised = &spec.success_metrics;
    let watched = seen.watched.as_ref().ok();
    let drills = Drills::of(seen);
    Account {
        metrics: vec![
            sustained(promised, watched, seen),
            latency(promised, watched, seen),
            availability(promised, watched),
            data_loss(promised, &drills),
            recovery_time(promised, &drills),
            recovery_point(promised, &drills),
        ],
        error_budget: watched.and_then(|watched| error_budget(promised, watched)),
        unwatched: seen.watched.as_ref().err().cloned(),
    }
}

fn line(name: &'static str, title: &'static str, promise: Option<String>) -> Line {
    Line {
        name,
        title,
        standing: match promise {
            Some(_) => Standing::NotYetMeasured,
            None => Standing::NotPromised,
        },
        promise,
        value: None,
        scope: "nothing".into(),
        evidence: Vec::new(),
    }
}

fn sustained(promised: &SuccessMetrics, watched: Option<&Watched>, seen: &Seen<'_>) -> Line {
    let promise = promised.rate.map(|rate| match promised.sustained_for {
        Some(time) => format!("{rate} for {time}"),
        None => rate.to_string(),
    });
    let mut line = line("sustained_rate", "sustained rate of events", promise);
    let Some(rate) = promised.rate else { return line };
    line.scope = "no minute at the promised rate was watched".into();
    if let Some(highest) = watched.and_then(|watched| watched.highest) {
        line.value = Some(format!("{:.0} a minute at most", highest * 60.0));
        line.evidence.push("Prometheus: events_processed_total".into());
    }
    if let Some((held, least)) = watched.and_then(|watched| watched.held.zip(watched.held_least)) {
        let seconds = held.seconds();
        line.value = Some(format!("{:.0} a minute at least", least * 60.0));
        line.scope = format!("{} without a break, until {:.0}", time(seconds), held.until);
        let wanted = promised
            .sustained_for
            .map_or(0.0, |time| time.as_std().as_secs_f64());
        if seconds > 0.0 && seconds >= wanted * WHOLE {
            line.standing = Standing::Met;
        }
    }
    if let Some(attempt) = last(seen, "load-rate") {
        line.evidence.push(told(&attempt));
        // A load of that rate was put on the platform, and it did not take it.
        if line.standing != Standing::Met && missed(&attempt, "events accepted a second") {
            line.standing = Standing::NotMet;
            line.value = value_of(&attempt, "events accepted a second").or(line.value);
            line.scope = format!("the load of {}, {rate} asked", attempt.step);
        }
    }
    line
}

fn latency(promised: &SuccessMetrics, watched: Option<&Watched>, seen: &Seen<'_>) -> Line {
    let promise = promised.p95_latency.map(|time| match promised.rate {
        Some(rate) => format!("P95 < {time} at {rate}"),
        None => format!("P95 < {time}"),
    });
    let mut line = line("p95_latency", "P95 latency under load", promise);
    let Some(limit) = promised.p95_latency else {
        return line;
    };
    line.scope = "no minute at the promised rate was watched".into();
    let under_load = watched.and_then(|watched| Some((watched.held?, watched.p95_seconds?)));
    if let Some((held, p95)) = under_load {
        line.value = Some(format!("{:.1} ms from Kafka to the commit", p95 * 1_000.0));
        line.scope = format!(
            "{} at the promised rate, until {:.0}",
            time(held.seconds()),
            held.until
        );
        line.evidence
            .push("Prometheus: event_processing_duration_seconds, stage durable".into());
        line.standing = match p95 < limit.as_std().as_secs_f64() {
            true => Standing::Met,
            false => Standing::NotMet,
        };
    }
    if let Some(attempt) = last(seen, "load-rate") {
        line.evidence.push(told(&attempt));
        if missed(&attempt, "P95") {
            line.standing = Standing::NotMet;
            line.value = value_of(&attempt, "P95").or(line.value);
            line.scope = format!("the load of {}", attempt.step);
        }
    }
    line
}

fn availability(promised: &SuccessMetrics, watched: Option<&Watched>) -> Line {
    let promise = promised.availability.map(|share| format!("{share} of 30 days"));
    let mut line = line("availability", "availability", promise);
    let Some(watched) = watched.filter(|_| promised.availability.is_some()) else {
        return line;
    };
    let Some(lost) = watched.lost_share() else {
        line.scope = format!("{} without a request", time(watched.seconds));
        return line;
    };
    line.value = Some(format!("{:.4}%", (1.0 - lost) * 100.0));
    line.scope = format!("{:.0} requests in {}", watched.requests, time(watched.seconds));
    line.evidence.push(format!(
        "Prometheus: http_requests_total, {:.0} answered 5xx; {:.0} s without an API",
        watched.refused, watched.dark_seconds
    ));
    if let Some(budget) = error_budget(promised, watched) {
        line.standing = if budget.spent_seconds > budget.seconds {
            // Whatever the rest of the month brings.
            Standing::NotMet
        } else if watched.seconds >= MONTH_SECONDS * WHOLE {
            Standing::Met
        } else {
            Standing::NotYetMeasured
        };
    }
    line
}

fn error_budget(promised: &SuccessMetrics, watched: &Watched) -> Option<ErrorBudget> {
    let share: f64 = promised.availability?.as_ratio().try_into().ok()?;
    Some(ErrorBudget {
        seconds: (1.0 - share) * MONTH_SECONDS,
        spent_seconds: watched.lost_share()? * watched.seconds,
        watched_seconds: watched.seconds,
    })
}

fn data_loss(promised: &SuccessMetrics, drills: &Drills) -> Line {
    let promise = promised.lost_events.map(|lost| match lost {
        0 => "no event is lost in a failover".to_owned(),
        lost => format!("at most {lost} events are lost in a failover"),
    });
    let mut line = line("data_loss", "data loss in a failover", promise);
    let Some(most) = promised.lost_events else {
        return line;
    };
    drills.tell(&mut line);
    let lost = |outcome: &Outcome| outcome.found.lost + outcome.background.lost;
    if let Some(worst) = drills.run.iter().max_by_key(|outcome| lost(outcome)) {
        let read: u64 = drills
            .run
            .iter()
            .map(|one| one.found.acknowledged_http + one.found.acknowledged_kafka + one.background.sent)
            .sum();
        line.value = Some(match lost(worst) {
            0 => format!("none lost of {read} that were acknowledged and read back"),
            lost => format!("{lost} lost in {}", worst.drill),
        });
        line.standing = drills.standing(lost(worst) <= most);
    }
    line
}

fn recovery_time(promised: &SuccessMetrics, drills: &Drills) -> Line {
    let of = &promised.recovery_time;
    let named = [
        ("", of.overall),
        ("ingest ", of.ingest),
        ("api ", of.api),
        ("kafka ", of.kafka),
        ("buffer ", of.buffer),
        ("database ", of.database),
    ];
    let parts = named
        .iter()
        .filter_map(|(tier, time)| Some(format!("{tier}{}", (*time)?)));
    let parts: Vec<String> = parts.collect();
    let promise = (!parts.is_empty()).then(|| format!("within {}", parts.join(", ")));
    let mut line = line("recovery_time", "recovery time (RTO)", promise);
    if line.promise.is_none() {
        return line;
    }
    drills.tell(&mut line);
    // By how much of its promise each took.
    let figures = drills.run.iter().flat_map(|outcome| {
        outcome.tiers.iter().filter_map(|tier| {
            let objective = tier.objective_seconds?;
            let away = tier.recovery.away_seconds;
            let holds = away <= objective && tier.recovery.is_back;
            let share = if tier.recovery.is_back {
                away / objective.max(1e-9)
            } else {
                f64::INFINITY
            };
            Some((
                share,
                holds,
                format!("{} {away:.2} s in {}", tier.tier.name(), outcome.drill),
            ))
        })
    });
    let figures: Vec<(f64, bool, String)> = figures.collect();
    if let Some((_, _, worst)) = figures.iter().max_by(|one, other| one.0.total_cmp(&other.0)) {
        line.value = Some(format!("at worst {worst}"));
        line.standing = drills.standing(figures.iter().all(|(_, holds, _)| *holds));
    }
    line
}

fn recovery_point(promised: &SuccessMetrics, drills: &Drills) -> Line {
    let point = promised.recovery_point;
    let limit: Option<Duration> = point.in_region.or(point.overall);
    let mut line = line(
        "recovery_point",
        "recovery point (RPO)",
        limit.map(|limit| format!("within {limit}")),
    );
    let Some(limit) = limit else { return line };
    drills.tell(&mut line);
    let figure = |outcome: &Outcome| outcome.found.recovery_point_seconds;
    let worst = drills
        .run
        .iter()
        .max_by(|one, other| figure(one).total_cmp(&figure(other)));
    if let Some(worst) = worst {
        line.value = Some(format!("{:.2} s at worst", figure(worst)));
        line.standing = drills.standing(figure(worst) <= limit.as_std().as_secs_f64());
    }
    line
}

/// The last run of each drill that the plan offers, for the plan as it is.
struct Drills {
    run: Vec<Outcome>,
    evidence: Vec<String>,
    missing: Vec<String>,
}

impl Drills {
    fn of(seen: &Seen<'_>) -> Self {
        let mut drills = Self {
            run: Vec::new(),
            evidence: Vec::new(),
            missing: Vec::new(),
        };
        for name in &seen.offered {
            match last_drill(seen, name) {
                Some((outcome, evidence)) => {
                    drills.run.push(outcome);
                    drills.evidence.push(evidence);
                }
                None => drills.missing.push(name.clone()),
            }
        }
        drills
    }

    fn tell(&self, line: &mut Line) {
        let all = self.run.len() + self.missing.len();
        line.scope = match self.missing.as_slice() {
            [] if all == 0 => "the plan offers no drill".into(),
            [] => format!("all {all} drills"),
            missing => format!("{} of {all} drills; open: {}", self.run.len(), missing.join(", ")),
        };
        line.evidence.extend(self.evidence.iter().cloned());
    }

    /// One miss is enough, one success isn't.
    fn standing(&self, holds: bool) -> Standing {
        match holds {
            false => Standing::NotMet,
            true if self.missing.is_empty() => Standing::Met,
            true => Standing::NotYetMeasured,
        }
    }
}

fn last_drill(seen: &Seen<'_>, name: &str) -> Option<(Outcome, String)> {
    let plan = (seen.holds_for)(name);
    let alone = seen.ledger.entries().iter().filter_map(|entry| match entry {
        Entry::Drilled {
            drill,
            until,
            basis,
            evidence,
            ..
        } if drill == name && Some(&basis.plan) == plan.as_ref() => {
            let outcome = serde_json::from_value(evidence.memory.clone()).ok()?;
            Some((outcome, format!("drill {drill}, {until:.0}")))
        }
        _ => None,
    });
    let step = last(seen, &format!("drill-{name}")).and_then(|attempt| {
        let outcome: Outcome = serde_json::from_value(attempt.evidence()?.memory.clone()).ok()?;
        Some((outcome, told(&attempt)))
    });
    alone
        .chain(step)
        .max_by_key(|(outcome, _): &(Outcome, _)| outcome.ended_at)
}

/// The last attempt at a step of this name that came to measure something, for the plan as it is.
fn last(seen: &Seen<'_>, step: &str) -> Option<Attempt> {
    seen.ledger.attempts().into_iter().rfind(|attempt| {
        let Some((week, name)) = attempt.step.split_once('/') else {
            return false;
        };
        let measured = attempt
            .evidence()
            .is_some_and(|evidence| !evidence.measures.is_empty());
        name == step && measured && (seen.holds_for)(week).as_ref() == Some(&attempt.basis.plan)
    })
}

fn missed(attempt: &Attempt, name: &str) -> bool {
    let measures = attempt.evidence().map(|evidence| evidence.measures.as_slice());
    measures
        .unwrap_or_default()
        .iter()
        .any(|measure| measure.name.contains(name) && !measure.holds)
}

fn value_of(attempt: &Attempt, name: &str) -> Option<String> {
    let measures = &attempt.evidence()?.measures;
    let measure = measures
        .iter()
        .find(|measure| measure.name.contains(name) && !measure.holds)?;
    Some(measure.sentence())
}

fn told(attempt: &Attempt) -> String {
    match &attempt.end {
        Some((at, evidence)) => format!("{} {}, {at:.0}", attempt.step, evidence.verdict.name()),
        None => format!("{} cut off", attempt.step),
    }
}

/// `3 d 4 h`, `12 min`, `40 s`.
pub fn time(seconds: f64) -> String {
    let whole = seconds.round().max(0.0) as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3_600 => format!("{} min {} s", whole / 60, whole % 60),
        3_600..86_400 => format!("{} h {} min", whole / 3_600, whole % 3_600 / 60),
        _ => format!("{} d {} h", whole / 86_400, whole % 86_400 / 3_600),
    }
}
