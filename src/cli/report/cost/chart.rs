//! Geometry of the report's charts, in the user units of their SVG. Pure; the template draws.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Serialize;

/// Bars that lie under one another, the longest first.
#[derive(Debug, Serialize)]
pub(crate) struct Bars {
    pub height: f64,
    pub bars: Vec<Bar>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Bar {
    pub label: String,
    pub value: String,
    pub y: f64,
    pub width: f64,
    pub text_x: f64,
}

/// Columns that stand beside one another, in order.
#[derive(Debug, Serialize)]
pub(crate) struct Columns {
    pub grid: Vec<GridLine>,
    pub columns: Vec<Column>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Column {
    pub label: String,
    pub note: String,
    pub value: String,
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
    pub middle: f64,
}

/// A line over a logarithmic axis.
#[derive(Debug, Serialize)]
pub(crate) struct Curve {
    pub grid: Vec<GridLine>,
    /// `x,y x,y`: what the plan is laid out for.
    pub within: String,
    /// The rest, beyond it.
    pub beyond: String,
    pub points: Vec<Dot>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Dot {
    pub x: f64,
    pub y: f64,
    pub label: String,
    pub value: String,
    /// Where the value stands, so that the line doesn't run through it.
    pub text_x: f64,
    pub anchor: &'static str,
    pub is_plan: bool,
    pub is_beyond: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct GridLine {
    pub y: f64,
    pub label: String,
}

/// A point of a curve before it has a place.
#[derive(Debug)]
pub(crate) struct Sample {
    pub x: Decimal,
    pub y: Decimal,
    pub label: String,
    pub value: String,
    pub is_plan: bool,
    pub is_beyond: bool,
}

const BAR_STEP: f64 = 34.0;
const BAR_LEFT: f64 = 150.0;
const BAR_WIDTH: f64 = 440.0;

/// The plot's edges in a drawing of 720 × 280.
pub(in crate::cli::report) const LEFT: f64 = 76.0;
pub(in crate::cli::report) const RIGHT: f64 = 700.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 236.0;
/// A line that rises by more than this to the next point runs through a value above the point.
const STEEP: f64 = 18.0;
const COLUMN_WIDTH_AT_MOST: f64 = 64.0;

/// Label, value in words, amount.
pub(crate) fn bars(mut amounts: Vec<(String, String, Decimal)>) -> Bars {
    amounts.sort_by_key(|(_, _, amount)| std::cmp::Reverse(*amount));
    let most = amounts
        .first()
        .map_or(1.0, |(_, _, amount)| float(*amount))
        .max(f64::MIN_POSITIVE);
    let bars: Vec<Bar> = amounts
        .into_iter()
        .enumerate()
        .map(|(number, (label, value, amount))| {
            let width = (float(amount) / most * BAR_WIDTH).max(1.0);
            Bar {
                label,
                value,
                y: number as f64 * BAR_STEP + 6.0,
                width: tenth(width),
                text_x: tenth(BAR_LEFT + width + 8.0),
            }
        })
        .collect();
    Bars {
        height: bars.len() as f64 * BAR_STEP + 6.0,
        bars,
    }
}

/// Label, note, value in words, amount.
pub(crate) fn columns(amounts: Vec<(String, String, String, Decimal)>) -> Columns {
    let most = amounts
        .iter()
        .map(|(.., amount)| float(*amount))
        .fold(0.0, f64::max);
    let axis = Axis::over(most);
    let step = (RIGHT - LEFT) / amounts.len().max(1) as f64;
    let width = (step * 0.7).min(COLUMN_WIDTH_AT_MOST);
    let columns = amounts
        .into_iter()
        .enumerate()
        .map(|(number, (label, note, value, amount))| {
            let middle = LEFT + step * (number as f64 + 0.5);
            let y = axis.at(float(amount));
            Column {
                label,
                note,
                value,
                x: tenth(middle - width / 2.0),
                y: tenth(y),
                width: tenth(width),
                height: tenth(BOTTOM - y),
                middle: tenth(middle),
            }
        })
        .collect();
    Columns {
        grid: axis.grid(),
        columns,
    }
}

/// Samples in rising order of `x`, none of which is zero.
pub(crate) fn curve(samples: Vec<Sample>) -> Curve {
    let logarithm = |x: Decimal| float(x).max(f64::MIN_POSITIVE).log10();
    let first = samples.first().map_or(0.0, |sample| logarithm(sample.x));
    let last = samples.last().map_or(1.0, |sample| logarithm(sample.x));
    let span = if last > first { last - first } else { 1.0 };
    let most = samples.iter().map(|sample| float(sample.y)).fold(0.0, f64::max);
    let axis = Axis::over(most);
    let heights: Vec<f64> = samples.iter().map(|sample| axis.at(float(sample.y))).collect();
    let mut points: Vec<Dot> = samples
        .into_iter()
        .map(|sample| Dot {
            x: tenth(LEFT + 24.0 + (logarithm(sample.x) - first) / span * (RIGHT - LEFT - 48.0)),
            y: tenth(axis.at(float(sample.y))),
            label: sample.label,
            value: sample.value,
            text_x: 0.0,
            anchor: "middle",
            is_plan: sample.is_plan,
            is_beyond: sample.is_beyond,
        })
        .collect();
    for (number, point) in points.iter_mut().enumerate() {
        let before = number.checked_sub(1).and_then(|before| heights.get(before));
        let (shift, anchor) = beside(before, heights[number], heights.get(number + 1));
        point.text_x = tenth(point.x + shift);
        point.anchor = anchor;
    }
    let place = |point: &Dot| format!("{},{}", point.x, point.y);
    let inside = points.iter().take_while(|point| !point.is_beyond).count();
    let joined = |points: &[Dot]| points.iter().map(place).collect::<Vec<_>>().join(" ");
    Curve {
        grid: axis.grid(),
        within: joined(&points[..inside]),
        beyond: joined(&points[inside.saturating_sub(1)..]),
        points,
    }
}

/// How far from its point a value stands, and by which end: away from a line that comes from above, or goes
/// there.
fn beside(before: Option<&f64>, here: f64, after: Option<&f64>) -> (f64, &'static str) {
    let (Some(before), Some(after)) = (before, after) else {
        // At the ends there is no room on one side.
        return (0.0, "middle");
    };
    match (here - before > STEEP, here - after > STEEP) {
        (true, false) => (6.0, "start"),
        (false, true) => (-6.0, "end"),
        _ => (0.0, "middle"),
    }
}

/// From nothing to a round number.
pub(in crate::cli::report) struct Axis {
    top: f64,
    pub(in crate::cli::report) step: f64,
}

impl Axis {
    pub(in crate::cli::report) fn over(most: f64) -> Self {
        let rough = (most / 4.0).max(f64::MIN_POSITIVE);
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0]
            .into_iter()
            .map(|factor| factor * power)
            .find(|step| *step >= rough)
            .unwrap_or(power * 10.0);
        Self {
            top: (most / step).ceil().max(1.0) * step,
            step,
        }
    }

    pub(in crate::cli::report) fn at(&self, value: f64) -> f64 {
        BOTTOM - value / self.top * (BOTTOM - TOP)
    }

    pub(in crate::cli::report) fn grid(&self) -> Vec<GridLine> {
        let count = (self.top / self.step).round() as u32;
        (0..=count)
            .map(|number| {
                let value = f64::from(number) * self.step;
                let rounded = Decimal::from_f64_retain(value).unwrap_or_default().round_dp(4);
                GridLine {
                    y: tenth(self.at(value)),
                    label: crate::cost::plain(rounded),
                }
            })
            .collect()
    }
}

fn float(amount: Decimal) -> f64 {
    amount.to_f64().unwrap_or_default()
}

/// Pixels don't need more digits.
pub(in crate::cli::report) fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stands_on_the_side_where_the_line_is_not() {
        let check = |before: f64, here: f64, after: f64| beside(Some(&before), here, Some(&after));
        assert_eq!(check(205.0, 200.0, 150.0), (-6.0, "end"));
        assert_eq!(check(50.0, 120.0, 150.0), (6.0, "start"));
        assert_eq!(check(200.0, 195.0, 190.0), (0.0, "middle"));
        assert_eq!(check(100.0, 200.0, 100.0), (0.0, "middle"), "a valley");
        assert_eq!(beside(None, 200.0, Some(&100.0)), (0.0, "middle"), "the first");
    }

    #[test]
    fn an_axis_ends_at_a_round_number_above_what_it_shows() {
        for (most, top) in [(6_287.0, 8_000.0), (0.145, 0.15), (98.0, 100.0), (0.0, 0.0)] {
            let axis = Axis::over(most);
            assert!((axis.top - top).abs() < 1e-9, "{most}: {}", axis.top);
            assert!(axis.at(most) >= TOP - 1e-9 || most == 0.0);
        }
    }
}
