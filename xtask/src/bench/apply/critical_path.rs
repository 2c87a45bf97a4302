//! The longest chain of operations that had to follow one another, from the events of a run and from what the
//! state says of dependencies.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::Result;

pub(super) struct Critical {
    pub(super) seconds: f64,
    pub(super) resources: usize,
    /// First to last: address and seconds.
    pub(super) steps: Vec<Value>,
}

pub(super) fn find(events: &Path, state: &str) -> Result<Critical> {
    let text = fs::read_to_string(events).map_err(|why| format!("{}: {why}", events.display()))?;
    let lasted = durations(&text)?;
    let state: Value = serde_json::from_str(state).map_err(|why| format!("the state: {why}"))?;
    let records = state["resources"]
        .as_array()
        .ok_or("the state holds no resources")?;
    let needs: BTreeMap<&str, Vec<&str>> = records
        .iter()
        .filter_map(|record| {
            let needs = record["dependencies"]
                .as_array()?
                .iter()
                .filter_map(Value::as_str)
                .collect();
            Some((record["address"].as_str()?, needs))
        })
        .collect();
    let mut longest: BTreeMap<&str, f64> = BTreeMap::new();
    for address in needs.keys() {
        until(address, &needs, &lasted, &mut longest);
    }
    let last = longest.iter().max_by(|one, other| one.1.total_cmp(other.1));
    let (last, seconds) = last.ok_or("nothing was made")?;
    Ok(Critical {
        seconds: *seconds,
        resources: needs.len(),
        steps: chain(last, &needs, &lasted, &longest),
    })
}

/// Seconds from its start to its end, by address.
fn durations(text: &str) -> Result<BTreeMap<String, f64>> {
    let mut started = BTreeMap::new();
    let mut lasted = BTreeMap::new();
    for line in text.lines() {
        let event: Value = serde_json::from_str(line).map_err(|why| format!("an event: {why}"))?;
        let address = event["hook"]["resource"]["addr"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let at = event["@timestamp"].as_str().and_then(seconds_of_day);
        match (event["type"].as_str(), at) {
            (Some("apply_start"), Some(at)) => drop(started.insert(address, at)),
            (Some("apply_complete"), Some(at)) => {
                if let Some(start) = started.get(&address) {
                    lasted.insert(address, (at - start).rem_euclid(86_400.0));
                }
            }
            _ => {}
        }
    }
    Ok(lasted)
}

/// Of `2026-01-31T12:30:15.123456Z`: a run is shorter than a day.
fn seconds_of_day(timestamp: &str) -> Option<f64> {
    let time = timestamp.split('T').nth(1)?.trim_end_matches('Z');
    let mut parts = time.splitn(3, ':').map(|part| part.parse::<f64>().ok());
    Some(parts.next()?? * 3600.0 + parts.next()?? * 60.0 + parts.next()??)
}

/// Seconds until `address` stands, if nothing but its dependencies held it up.
fn until<'a>(
    address: &'a str,
    needs: &BTreeMap<&'a str, Vec<&'a str>>,
    lasted: &BTreeMap<String, f64>,
    longest: &mut BTreeMap<&'a str, f64>,
) -> f64 {
    if let Some(known) = longest.get(address) {
        return *known;
    }
    let before = needs.get(address).into_iter().flatten();
    let before = before
        .map(|need| until(need, needs, lasted, longest))
        .fold(0.0, f64::max);
    let total = before + lasted.get(address).copied().unwrap_or_default();
    longest.insert(address, total);
    total
}

fn chain(
    last: &str,
    needs: &BTreeMap<&str, Vec<&str>>,
    lasted: &BTreeMap<String, f64>,
    longest: &BTreeMap<&str, f64>,
) -> Vec<Value> {
    let mut steps = Vec::new();
    let mut at = Some(last);
    while let Some(address) = at {
        let seconds = lasted.get(address).copied().unwrap_or_default();
        steps.push(json!({ "address": address, "seconds": (seconds * 1000.0).round() / 1000.0 }));
        let before = needs.get(address).into_iter().flatten().copied();
        at = before.max_by(|one, other| longest[one].total_cmp(&longest[other]));
    }
    steps.reverse();
    steps
}
