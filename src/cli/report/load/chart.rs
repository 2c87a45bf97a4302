//! Geometry of a load test's plots, in the user units of their SVG. Pure; the template draws.

use serde::Serialize;

use super::super::cost::chart::{Axis, GridLine, LEFT, RIGHT, tenth};

/// Lines over one another on one axis.
#[derive(Debug, Serialize)]
pub(in crate::cli::report) struct Plot {
    pub title: String,
    /// What the vertical axis counts.
    pub unit: String,
    pub grid: Vec<GridLine>,
    pub ticks: Vec<Tick>,
    pub lines: Vec<Line>,
}

#[derive(Debug, Serialize)]
pub(in crate::cli::report) struct Tick {
    pub x: f64,
    pub label: String,
}

#[derive(Debug, Serialize)]
pub(in crate::cli::report) struct Line {
    pub name: String,
    /// The class that its colour and dashes come from.
    pub class: &'static str,
    /// `x,y x,y`, one text for each stretch without a gap.
    pub stretches: Vec<String>,
    /// Where a stretch is a single point: it would not be seen as a line.
    pub dots: Vec<(f64, f64)>,
}

/// A line before it has a place: pairs of x and y, with gaps.
#[derive(Debug)]
pub(super) struct Series {
    pub name: &'static str,
    pub class: &'static str,
    pub points: Vec<(f64, Option<f64>)>,
}

/// More points than this can't be told apart on the page.
const POINTS_AT_MOST: usize = 300;

/// Over time, in seconds since the beginning.
pub(super) fn over_time(title: &str, unit: &str, series: Vec<Series>) -> Option<Plot> {
    let last = farthest(&series)?;
    let axis = Axis::over(last);
    let count = (last / axis.step).floor() as u32;
    let ticks = (0..=count).map(|number| {
        let second = f64::from(number) * axis.step;
        (second / last, format!("{second} s"))
    });
    plot(title, unit, ticks.collect(), series, |x| x / last)
}

/// Over percentiles: each nine takes as much room as the one before.
pub(super) fn over_percentiles(title: &str, unit: &str, series: Vec<Series>) -> Option<Plot> {
    let told = |percentile: f64| percentile < 100.0;
    let places = |percentile: f64| -(1.0 - percentile / 100.0).log10();
    let most = series
        .iter()
        .flat_map(|series| &series.points)
        .map(|(percentile, _)| *percentile)
        .filter(|percentile| told(*percentile))
        .fold(0.0, f64::max);
    // The longest of all lies as far behind the last percentile as this from the one before.
    let end = places(most) + 0.5;
    let place = move |percentile: f64| {
        if told(percentile) {
            places(percentile) / end
        } else {
            1.0
        }
    };
    let ticks = [0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999]
        .into_iter()
        .filter(|percentile| *percentile <= most)
        .map(|percentile| (place(percentile), format!("{percentile}%")))
        .chain([(1.0, "longest".to_owned())]);
    plot(title, unit, ticks.collect(), series, place)
}

/// Over rates, from nothing on.
pub(super) fn over_rates(title: &str, unit: &str, series: Vec<Series>) -> Option<Plot> {
    let last = farthest(&series)?;
    let axis = Axis::over(last);
    let count = (last / axis.step).floor() as u32;
    let ticks = (0..=count).map(|number| {
        let rate = f64::from(number) * axis.step;
        (rate / last, format!("{}/s", super::grouped(rate as u64)))
    });
    plot(title, unit, ticks.collect(), series, |x| x / last)
}

fn farthest(series: &[Series]) -> Option<f64> {
    let all = series.iter().flat_map(|series| &series.points);
    all.map(|(x, _)| *x).reduce(f64::max).filter(|last| *last > 0.0)
}

/// `place` gives a share of the width for an x. Nothing where there is nothing to draw.
fn plot(
    title: &str,
    unit: &str,
    ticks: Vec<(f64, String)>,
    series: Vec<Series>,
    place: impl Fn(f64) -> f64,
) -> Option<Plot> {
    let values = series.iter().flat_map(|series| &series.points);
    let most = values.filter_map(|(_, y)| *y).reduce(f64::max)?;
    let axis = Axis::over(most.max(1.0));
    let across = |share: f64| tenth(LEFT + share * (RIGHT - LEFT));
    let drawn = series
        .into_iter()
        .filter(|series| series.points.iter().any(|(_, y)| y.is_some()));
    let lines = drawn.map(|series| {
        let points = thinned(series.points);
        let placed = points
            .iter()
            .map(|(x, y)| y.map(|y| (across(place(*x)), tenth(axis.at(y)))))
            .collect::<Vec<_>>();
        let stretches: Vec<&[Option<(f64, f64)>]> = placed
            .split(Option::is_none)
            .filter(|stretch| !stretch.is_empty())
            .collect();
        let joined = |stretch: &&[Option<(f64, f64)>]| {
            let points = stretch.iter().flatten().map(|(x, y)| format!("{x},{y}"));
            points.collect::<Vec<_>>().join(" ")
        };
        let single = stretches.iter().filter(|stretch| stretch.len() == 1);
        Line {
            name: series.name.to_owned(),
            class: series.class,
            dots: single.filter_map(|stretch| stretch[0]).collect(),
            stretches: stretches
                .iter()
                .filter(|stretch| stretch.len() > 1)
                .map(joined)
                .collect(),
        }
    });
    Some(Plot {
        title: title.to_owned(),
        unit: unit.to_owned(),
        grid: axis.grid(),
        ticks: ticks
            .into_iter()
            .map(|(share, label)| Tick {
                x: across(share),
                label,
            })
            .collect(),
        lines: lines.collect(),
    })
}

/// Neighbours become one point, the highest of them: a peak isn't lost.
fn thinned(points: Vec<(f64, Option<f64>)>) -> Vec<(f64, Option<f64>)> {
    let size = points.len().div_ceil(POINTS_AT_MOST).max(1);
    points
        .chunks(size)
        .map(|chunk| {
            let highest = chunk.iter().max_by(|one, other| {
                let height = |point: &(f64, Option<f64>)| point.1.unwrap_or(f64::MIN);
                height(one).total_cmp(&height(other))
            });
            *highest.expect("a chunk has a point")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn series(points: Vec<(f64, Option<f64>)>) -> Vec<Series> {
        vec![Series {
            name: "one",
            class: "a",
            points,
        }]
    }

    #[test]
    fn a_gap_is_a_gap_and_a_lonely_point_is_a_dot() {
        let points = vec![
            (0.0, Some(1.0)),
            (1.0, Some(2.0)),
            (2.0, None),
            (3.0, Some(4.0)),
            (4.0, None),
        ];
        let plot = over_time("t", "u", series(points)).unwrap();
        let line = &plot.lines[0];
        assert_eq!((line.stretches.len(), line.dots.len()), (1, 1));
        assert_eq!(line.stretches[0], "76,183 232,130");
        assert_eq!(line.dots[0].1, 24.0, "the highest is at the top");
        assert!(over_time("t", "u", series(vec![(1.0, None)])).is_none());
        assert!(over_time("t", "u", Vec::new()).is_none());
    }

    #[test]
    fn a_peak_survives_thinning() {
        let points = (0..10_000).map(|x| (f64::from(x), Some(if x == 4_321 { 99.0 } else { 1.0 })));
        let thin = thinned(points.collect());
        assert!(thin.len() <= POINTS_AT_MOST, "{}", thin.len());
        assert!(thin.contains(&(4_321.0, Some(99.0))));
    }

    #[test]
    fn each_nine_takes_as_much_room() {
        let points = [0.0, 90.0, 99.0, 99.9, 100.0].map(|x| (x, Some(x)));
        let plot = over_percentiles("t", "u", series(points.to_vec())).unwrap();
        let at = |label: &str| plot.ticks.iter().find(|tick| tick.label == label).unwrap().x;
        let (first, second) = (at("99%") - at("90%"), at("99.9%") - at("99%"));
        assert!((first - second).abs() < 0.2, "{first} {second}");
        assert_eq!(at("longest"), RIGHT);
    }
}
