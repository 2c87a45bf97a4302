//! What a run is held to: thresholds as k6 writes them, and those that a plan's promises come to.

use super::super::arguments::duration;
use super::profile::rate;
use crate::load::open::Threshold;
use crate::load::open::threshold::{Metric, Side};
use crate::spec::SuccessMetrics;

const FORM: &str = "a threshold is a figure, a side and a bound: `p95<100ms`, `errors<0.1%`, `rate>=1M/min`; \
     figures are p50, p90, p95, p99, p99.9, max, errors, rate";
/// The share of failed tries that a search allows where the plan promises no availability.
const ERRORS_UNLESS_PROMISED: &str = "errors<0.1%";

/// `p95<100ms`.
pub(super) fn threshold(text: &str) -> Result<Threshold, String> {
    let sides = [
        ("<=", Side::AtMost),
        (">=", Side::AtLeast),
        ("<", Side::Below),
        (">", Side::Above),
    ];
    let (name, side, bound) = sides
        .iter()
        .find_map(|(sign, side)| text.split_once(sign).map(|(name, bound)| (name, *side, bound)))
        .ok_or(FORM)?;
    let named = Metric::NAMED.iter().find(|(known, _)| *known == name.trim());
    let (_, metric) = named.ok_or(FORM)?;
    let bound = bound.trim();
    let bound = match metric {
        Metric::Errors => share(bound)?,
        Metric::Rate => rate(bound)?,
        _ => duration(bound)?.as_secs_f64() * 1_000.0,
    };
    Ok(Threshold {
        text: text.to_owned(),
        metric: *metric,
        side,
        bound,
    })
}

/// What the plan promises, as far as sending can tell. None where it promises no latency.
pub(super) fn promised(metrics: &SuccessMetrics) -> Option<Vec<Threshold>> {
    let latency = metrics.p95_latency?;
    let errors = metrics.availability.map_or_else(
        || ERRORS_UNLESS_PROMISED.to_owned(),
        |availability| {
            let allowed =
                (rust_decimal::Decimal::ONE - availability.as_ratio()) * rust_decimal::Decimal::ONE_HUNDRED;
            format!("errors<={}%", allowed.normalize())
        },
    );
    let written = [format!("p95<{latency}"), errors];
    written.iter().map(|text| threshold(text).ok()).collect()
}

/// `0.1%`, or `0.001`.
fn share(text: &str) -> Result<f64, String> {
    let (number, divisor) = text
        .strip_suffix('%')
        .map_or((text, 1.0), |number| (number, 100.0));
    let number: f64 = number.trim().parse().map_err(|_| FORM.to_owned())?;
    let share = number / divisor;
    (0.0..=1.0)
        .contains(&share)
        .then_some(share)
        .ok_or_else(|| "a share of errors lies between 0% and 100%".to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::spec::Duration;

    #[test]
    fn a_threshold_is_read_as_it_is_written() {
        for (text, metric, side, bound) in [
            ("p95<100ms", Metric::P95, Side::Below, 100.0),
            ("p99.9 <= 1s", Metric::P999, Side::AtMost, 1_000.0),
            ("max<2s", Metric::Max, Side::Below, 2_000.0),
            ("errors<0.1%", Metric::Errors, Side::Below, 0.001),
            ("errors<=0.01", Metric::Errors, Side::AtMost, 0.01),
            ("rate>=60K/min", Metric::Rate, Side::AtLeast, 1_000.0),
            ("rate>5000", Metric::Rate, Side::Above, 5_000.0),
        ] {
            let read = threshold(text).unwrap();
            assert_eq!((read.metric, read.side, read.text.as_str()), (metric, side, text));
            assert!((read.bound - bound).abs() < 1e-9, "{text}");
        }
        for text in [
            "p95",
            "p95=100ms",
            "p96<1s",
            "p95<100",
            "errors<200%",
            "errors<few",
            "rate>x",
        ] {
            assert!(threshold(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_plans_promises_are_thresholds() {
        let promises = |availability: Option<&str>| {
            let metrics = SuccessMetrics {
                p95_latency: Some(Duration::from_millis(100)),
                availability: availability.map(|text| text.parse().unwrap()),
                ..SuccessMetrics::default()
            };
            let thresholds = promised(&metrics).unwrap().into_iter();
            thresholds.map(|threshold| threshold.text).collect::<Vec<_>>()
        };
        assert_eq!(promises(None), ["p95<100ms", "errors<0.1%"]);
        assert_eq!(promises(Some("99.99%")), ["p95<100ms", "errors<=0.01%"]);
        assert_eq!(promised(&SuccessMetrics::default()), None);
    }
}
