//! `GET /v1/accounts/{id}/usage`: what an account used, by hour, by day or in total.

use super::{
    Api,
    events::now,
    keys::Permission,
    problem::{self, Problem},
};
use crate::{
    event::{AccountId, MAX_METRIC_BYTES, Timestamp, format_millionths},
    usage::{HourUsage, Query, Usage},
};
use axum::{
    RequestExt as _,
    body::Body,
    extract::Path,
    http::{Request, StatusCode, Uri},
    response::Response,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, ops::Range};

const HOURS_PER_DAY: i64 = 24;
/// Most hours of one answer by hour, and of any other.
const MAX_HOURS_BY_HOUR: i64 = 62 * HOURS_PER_DAY;
const MAX_HOURS: i64 = 366 * HOURS_PER_DAY;
const PARAMETERS: &str = "metric, from, to and granularity are the parameters, each at most once";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    metric: Option<String>,
    from: Option<String>,
    to: Option<String>,
    #[serde(default)]
    granularity: Granularity,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Granularity {
    #[default]
    Hour,
    Day,
    Total,
}

#[derive(Debug, Serialize)]
struct Answer {
    account_id: i64,
    granularity: Granularity,
    from: String,
    to: String,
    source: &'static str,
    as_of: String,
    usage: Vec<Part>,
}

#[derive(Debug, Serialize)]
struct Part {
    metric: String,
    from: String,
    to: String,
    quantity: String,
    events: i64,
}

pub(super) async fn get(api: &Api, mut request: Request<Body>) -> Result<Response, Problem> {
    let key = api.authorize(request.headers(), Permission::Read)?;
    let bad_account =
        || Problem::BadParameter("the account in the path must be a positive integer".to_owned());
    let Path(account) = request
        .extract_parts::<Path<String>>()
        .await
        .map_err(|_| bad_account())?;
    let account: AccountId = account.parse().map_err(|_| bad_account())?;
    if key.is_some_and(|key| !key.covers(account)) {
        return Err(Problem::OtherAccounts(Vec::new()));
    }
    let (query, granularity) = query(account, request.uri(), now())?;
    let hours = query.hours.clone();
    let read = tokio::time::timeout(api.limits.usage_timeout, api.usage.read(query)).await;
    let usage = match read {
        Ok(Ok(usage)) => usage,
        Ok(Err(error)) => {
            tracing::warn!(%error, "a usage query found no answer");
            return Err(Problem::Unavailable(
                "usage can't be read at the moment".to_owned(),
            ));
        }
        Err(_elapsed) => return Err(Problem::Unavailable("reading usage took too long".to_owned())),
    };
    let answer = answer(account, granularity, hours, usage);
    Ok(problem::json(StatusCode::OK, "application/json", &answer))
}

fn query(account: AccountId, uri: &Uri, now: Timestamp) -> Result<(Query, Granularity), Problem> {
    let bad = |reason: &str| Problem::BadParameter(reason.to_owned());
    let axum::extract::Query(parameters) = axum::extract::Query::<Parameters>::try_from_uri(uri)
        .map_err(|_| bad(&format!("{PARAMETERS}; granularity is hour, day or total")))?;
    let granularity = parameters.granularity;
    let step = match granularity {
        Granularity::Day => HOURS_PER_DAY,
        Granularity::Hour | Granularity::Total => 1,
    };
    let to = match parameters.to {
        Some(text) => whole_hour(&text, step)?,
        None => (now.hour().div_euclid(step) + 1) * step,
    };
    let from = match parameters.from {
        Some(text) => whole_hour(&text, step)?,
        None => to - HOURS_PER_DAY,
    };
    let most = if granularity == Granularity::Hour {
        MAX_HOURS_BY_HOUR
    } else {
        MAX_HOURS
    };
    if from >= to {
        return Err(bad("from must lie before to"));
    }
    if to - from > most {
        return Err(bad(&format!("at most {most} hours at this granularity")));
    }
    if let Some(metric) = &parameters.metric
        && (metric.is_empty() || metric.len() > MAX_METRIC_BYTES)
    {
        return Err(bad(&format!(
            "metric must have 1 to {MAX_METRIC_BYTES} characters"
        )));
    }
    let query = Query {
        account,
        metric: parameters.metric,
        hours: from..to,
    };
    Ok((query, granularity))
}

/// RFC 3339 or milliseconds, at the start of an hour (of a UTC day, when `step` is 24).
fn whole_hour(text: &str, step: i64) -> Result<i64, Problem> {
    // A plus that stands for a space in a query is meant as the sign of an offset.
    let text = text.replace(' ', "+");
    let parsed = match text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => Timestamp::parse_millis(&text),
        false => Timestamp::parse_rfc3339(&text),
    };
    let hour = parsed
        .ok()
        .filter(|time| Timestamp::from_hour(time.hour()) == *time);
    match hour.map(Timestamp::hour).filter(|hour| hour % step == 0) {
        Some(hour) => Ok(hour),
        None => Err(Problem::BadParameter(
            "from and to must be RFC 3339 with an offset, or milliseconds since 1970, at the start of an hour \
             (of a UTC day for granularity=day)"
                .to_owned(),
        )),
    }
}

fn answer(account: AccountId, granularity: Granularity, hours: Range<i64>, usage: Usage) -> Answer {
    let mut parts: BTreeMap<(String, i64), (i128, i64)> = BTreeMap::new();
    for HourUsage {
        metric,
        hour,
        quantity,
        events,
    } in usage.hours
    {
        let start = match granularity {
            Granularity::Hour => hour,
            Granularity::Day => hour - hour.rem_euclid(HOURS_PER_DAY),
            Granularity::Total => hours.start,
        };
        let part = parts.entry((metric, start)).or_default();
        part.0 += quantity;
        part.1 += events;
    }
    let length = match granularity {
        Granularity::Hour => 1,
        Granularity::Day => HOURS_PER_DAY,
        Granularity::Total => hours.end - hours.start,
    };
    let text = |hour| Timestamp::from_hour(hour).to_string();
    let usage_parts = parts
        .into_iter()
        .map(|((metric, start), (quantity, events))| Part {
            metric,
            from: text(start),
            to: text(start + length),
            quantity: format_millionths(quantity),
            events,
        });
    Answer {
        account_id: account.get(),
        granularity,
        from: text(hours.start),
        to: text(hours.end),
        source: usage.source.name(),
        as_of: usage.as_of.to_string(),
        usage: usage_parts.collect(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::usage::Source;

    fn asked(parameters: &str) -> Result<(Query, Granularity), Problem> {
        let uri = format!("/v1/accounts/7/usage?{parameters}").parse().unwrap();
        let now = Timestamp::parse_rfc3339("2026-11-22T10:30:00Z").unwrap();
        query(AccountId::new(7).unwrap(), &uri, now)
    }

    fn hour(text: &str) -> i64 {
        Timestamp::parse_rfc3339(text).unwrap().hour()
    }

    /// Parameters mean what the contract says, with the last 24 hours as the default.
    #[test]
    fn parameters_are_read() {
        let (query, granularity) = asked("").unwrap();
        assert_eq!(
            query.hours,
            hour("2026-11-21T11:00:00Z")..hour("2026-11-22T11:00:00Z")
        );
        assert_eq!((query.metric, granularity), (None, Granularity::Hour));
        let (query, granularity) = asked("granularity=day").unwrap();
        assert_eq!(
            query.hours,
            hour("2026-11-22T00:00:00Z")..hour("2026-11-23T00:00:00Z")
        );
        assert_eq!(granularity, Granularity::Day);
        let (query, _) = asked("metric=api.calls&from=2026-11-22T02:00:00+02:00&to=1795309200000").unwrap();
        assert_eq!(query.hours.start, hour("2026-11-22T00:00:00Z"));
        assert_eq!(query.hours.end, 1_795_309_200_000 / 3_600_000);
        assert_eq!(query.metric.as_deref(), Some("api.calls"));
    }

    /// What can't be answered truly is refused.
    #[test]
    fn parameters_are_checked() {
        for wrong in [
            "from=2026-11-22T10:30:00Z",
            "from=2026-11-22",
            "from=2026-11-22T10:00:00Z&to=2026-11-22T10:00:00Z",
            "from=2026-11-22T11:00:00Z&to=2026-11-22T10:00:00Z",
            "from=2026-01-01T00:00:00Z&to=2026-11-22T00:00:00Z",
            "granularity=total&from=2024-01-01T00:00:00Z&to=2026-11-22T00:00:00Z",
            "granularity=day&from=2026-11-21T01:00:00Z",
            "granularity=week",
            "metric=",
            "colour=red",
            "metric=a&metric=b",
            "from=99999999999999999999",
        ] {
            assert!(matches!(asked(wrong), Err(Problem::BadParameter(_))), "{wrong}");
        }
    }

    /// Hours are summed exactly into days and totals, metric by metric.
    #[test]
    fn hours_are_summed() {
        let day = hour("2026-11-22T00:00:00Z");
        let part = |metric: &str, hour, quantity| HourUsage {
            metric: metric.to_owned(),
            hour,
            quantity,
            events: 2,
        };
        let usage = Usage {
            source: Source::Redis,
            as_of: Timestamp::from_hour(day),
            hours: vec![
                part("a", day - 1, 100_000),
                part("a", day, 200_000),
                part("a", day + 23, -1),
                part("b", day, 7),
            ],
        };
        let summed = |granularity| {
            let answer = answer(
                AccountId::new(7).unwrap(),
                granularity,
                day - 24..day + 24,
                usage.clone(),
            );
            let parts = answer.usage.into_iter();
            parts
                .map(|part| format!("{} {} {} {}", part.metric, part.from, part.quantity, part.events))
                .collect::<Vec<_>>()
        };
        assert_eq!(summed(Granularity::Hour).len(), 4);
        assert_eq!(
            summed(Granularity::Day),
            [
                "a 2026-11-21T00:00:00Z 0.1 2",
                "a 2026-11-22T00:00:00Z 0.199999 4",
                "b 2026-11-22T00:00:00Z 0.000007 2"
            ]
        );
        assert_eq!(
            summed(Granularity::Total),
            [
                "a 2026-11-21T00:00:00Z 0.299999 6",
                "b 2026-11-21T00:00:00Z 0.000007 2"
            ]
        );
    }
}
