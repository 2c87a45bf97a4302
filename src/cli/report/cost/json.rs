//! The estimate in Infracost's shape, which tools for pull requests read.
//!
//! Decimals are strings. A sum in which something is unknown is null; what is known of it stands in the
//! project's warnings. Each line is a resource, with vvbill's own facts in its `metadata`.

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::{View, decimal, how};
use crate::cost::{Component, Estimate, Line, Total};
use crate::resource::Address;

/// Infracost's version of its format.
const VERSION: &str = "0.2";
/// What Infracost writes where there is no commit.
const NO_TIME: &str = "0001-01-01T00:00:00Z";
/// Digits after the point of amounts an hour, which are shares of a month.
const HOURLY_DIGITS: u32 = 10;

/// The whole document.
pub(crate) fn document(view: &View<'_>) -> Value {
    let estimate = view.estimate;
    let total = estimate.total();
    let before = view.difference.as_ref().map(|difference| difference.before);
    let past = before.map(Estimate::total);
    let delta = past.and_then(|past| Some(total.exact()? - past.exact()?));
    let hours = Decimal::from(estimate.hours);
    json!({
        "version": VERSION,
        "metadata": metadata(),
        "currency": "USD",
        "projects": [project(view)],
        "totalHourlyCost": hourly(total.exact(), hours),
        "totalMonthlyCost": decimal(total.exact()),
        "totalMonthlyUsageCost": decimal(usage(estimate).exact()),
        "pastTotalHourlyCost": hourly(past.and_then(|past| past.exact()), hours),
        "pastTotalMonthlyCost": decimal(past.and_then(|past| past.exact())),
        "pastTotalMonthlyUsageCost": decimal(before.and_then(|before| usage(before).exact())),
        "diffTotalHourlyCost": hourly(delta, hours),
        "diffTotalMonthlyCost": decimal(delta),
        "diffTotalMonthlyUsageCost": null,
        "timeGenerated": view.generated.to_string(),
        "summary": summary(estimate),
    })
}

fn metadata() -> Value {
    json!({
        "infracostCommand": "vvbill cost",
        "vcsBranch": "",
        "vcsCommitSha": "",
        "vcsCommitAuthorName": "",
        "vcsCommitAuthorEmail": "",
        "vcsCommitTimestamp": NO_TIME,
        "vcsCommitMessage": "",
    })
}

fn project(view: &View<'_>) -> Value {
    let estimate = view.estimate;
    let past = view.difference.as_ref().map(|difference| difference.before);
    json!({
        "name": estimate.plan,
        "displayName": estimate.plan,
        "metadata": {
            "path": view.path,
            "type": "vvbill_plan",
            "warnings": warnings(view),
        },
        "pastBreakdown": past.map_or_else(empty, breakdown),
        "breakdown": breakdown(estimate),
        "diff": difference(view),
        "summary": summary(estimate),
    })
}

/// What a reader of the sums has to know.
fn warnings(view: &View<'_>) -> Vec<Value> {
    let estimate = view.estimate;
    let total = estimate.total();
    let mut warnings = Vec::new();
    let mut warn = |message: String, data: Value| {
        warnings.push(json!({ "code": 1, "message": message, "data": data, "isError": false }));
    };
    if total.unknown > 0 {
        let lines: Vec<&str> = estimate
            .lines
            .iter()
            .filter(|line| line.monthly.is_none())
            .map(|line| line.id.as_str())
            .collect();
        let known = decimal(Some(total.known.expected));
        let message = format!(
            "{} have no cost, so the total is unknown",
            super::counted(total.unknown, "line")
        );
        warn(message, json!({ "knownMonthlyCost": known, "lines": lines }));
    }
    if let Some(why) = &estimate.outside_why {
        let lines: Vec<String> = estimate
            .outside
            .iter()
            .map(|line| format!("{} in {}", line.title, line.region))
            .collect();
        warn(format!("not priced: {why}"), json!({ "lines": lines }));
    }
    if !estimate.not_counted.is_empty() {
        let what: Vec<String> = estimate
            .not_counted
            .iter()
            .map(|left| format!("{}: {}", left.what, left.price))
            .collect();
        let message = "not counted, as no field of the plan states it".to_owned();
        warn(message, json!({ "what": what }));
    }
    for breach in &view.breaches {
        warn(breach.message.clone(), json!({ "lines": breach.lines }));
    }
    warnings
}

fn usage(estimate: &Estimate) -> Total {
    Total::of(estimate.lines.iter().filter(|line| line.usage))
}

fn breakdown(estimate: &Estimate) -> Value {
    let hours = Decimal::from(estimate.hours);
    let total = estimate.total().exact();
    let resources: Vec<Value> = estimate
        .lines
        .iter()
        .map(|line| resource(line, estimate))
        .collect();
    json!({
        "resources": resources,
        "totalHourlyCost": hourly(total, hours),
        "totalMonthlyCost": decimal(total),
        "totalMonthlyUsageCost": decimal(usage(estimate).exact()),
    })
}

fn empty() -> Value {
    json!({
        "resources": [],
        "totalHourlyCost": null,
        "totalMonthlyCost": null,
        "totalMonthlyUsageCost": null,
    })
}

fn resource(line: &Line, estimate: &Estimate) -> Value {
    let hours = Decimal::from(estimate.hours);
    let monthly = line.monthly.map(|range| range.expected);
    let components: Vec<Value> = line
        .components
        .iter()
        .map(|component| cost_component(line, component, hours))
        .collect();
    json!({
        "name": format!("{}: {}", line.row.group(), line.title),
        "resourceType": line.row.name(),
        "metadata": facts(line, estimate),
        "hourlyCost": hourly(monthly, hours),
        "monthlyCost": decimal(monthly),
        "monthlyUsageCost": if line.usage { decimal(monthly) } else { Value::Null },
        "costComponents": components,
    })
}

/// What Infracost has no place for.
fn facts(line: &Line, estimate: &Estimate) -> Value {
    let mut facts = Map::new();
    let mut put = |key: &str, value: Value| {
        facts.insert(key.to_owned(), value);
    };
    put("id", json!(line.id));
    put("part", json!(line.part.title()));
    put("region", json!(line.region));
    put("section", json!(line.section));
    put("field", json!(line.origin));
    put("formula", json!(how(line, &estimate.book)));
    put("source", json!(line.source));
    put("monthlyCostLow", decimal(line.monthly.map(|range| range.low)));
    put("monthlyCostHigh", decimal(line.monthly.map(|range| range.high)));
    let resources: Vec<&str> = line.resources.iter().map(Address::as_str).collect();
    put("resources", json!(resources));
    Value::Object(facts)
}

fn cost_component(line: &Line, component: &Component, hours: Decimal) -> Value {
    let quantity = component.quantity.map(|range| range.expected);
    let monthly = component.monthly.map(|range| range.expected);
    let name = match component.name.as_str() {
        "" => line.detail.clone(),
        name => format!("{} ({name})", line.detail),
    };
    json!({
        "name": name,
        "unit": component.unit.map_or("unknown", crate::cost::Unit::plural),
        "hourlyQuantity": hourly(quantity, hours),
        "monthlyQuantity": decimal(quantity),
        "price": decimal(component.price),
        "hourlyCost": hourly(monthly, hours),
        "monthlyCost": decimal(monthly),
        "usageBased": line.usage,
        "priceNotFound": component.price.is_none(),
    })
}

/// The lines that differ, with what each adds.
fn difference(view: &View<'_>) -> Value {
    let Some(difference) = &view.difference else {
        return empty();
    };
    let hours = Decimal::from(view.estimate.hours);
    let resources: Vec<Value> = difference
        .changes
        .iter()
        .map(|change| {
            let line = change.line();
            json!({
                "name": format!("{}: {}", line.row.group(), line.title),
                "resourceType": line.row.name(),
                "metadata": { "id": line.id, "region": line.region, "why": change.why },
                "hourlyCost": hourly(change.delta, hours),
                "monthlyCost": decimal(change.delta),
                "costComponents": [],
            })
        })
        .collect();
    json!({
        "resources": resources,
        "totalHourlyCost": hourly(difference.exact(), hours),
        "totalMonthlyCost": decimal(difference.exact()),
        "totalMonthlyUsageCost": null,
    })
}

fn summary(estimate: &Estimate) -> Value {
    let lines = &estimate.lines;
    let unsupported = lines
        .iter()
        .filter(|line| line.row == crate::cost::Row::Unsupported);
    let unsupported = unsupported.count();
    json!({
        "totalResources": lines.len(),
        "totalDetectedResources": estimate.resources,
        "totalSupportedResources": estimate.resources - estimate.free_resources - unsupported,
        "totalUnsupportedResources": unsupported,
        "totalUsageBasedResources": lines.iter().filter(|line| line.usage).count(),
        "totalNoPriceResources": estimate.free_resources,
    })
}

fn hourly(amount: Option<Decimal>, hours: Decimal) -> Value {
    decimal(amount.map(|amount| (amount / hours).round_dp(HOURLY_DIGITS)))
}
