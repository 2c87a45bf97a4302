//! Geometry of the attempts over time, in the user units of their SVG. Pure; the template draws.

use jiff::Timestamp;
use serde::Serialize;

use crate::cli::report::cost::chart::{Axis, RIGHT, tenth};
use crate::cli::report::load::chart::Tick;

/// One attempt.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    pub from: Timestamp,
    pub to: Timestamp,
    pub class: &'static str,
    pub title: String,
}

/// A step's attempts beside one another.
#[derive(Debug, Serialize)]
pub(super) struct Lane {
    pub name: String,
    pub y: f64,
    pub bars: Vec<Bar>,
}

#[derive(Debug, Serialize)]
pub(super) struct Bar {
    pub x: f64,
    pub width: f64,
    pub class: &'static str,
    pub title: String,
}

/// Names stand left of this.
const LEFT: f64 = 230.0;
const STEP: f64 = 24.0;
const TOP: f64 = 6.0;
/// Room for what stands below the lanes.
const FOOT: f64 = 28.0;
/// What is shorter can't be seen.
const WIDTH_AT_LEAST: f64 = 3.0;

/// Lanes over one axis of time, which begins with the first attempt.
pub(super) fn placed(steps: &[(String, Vec<Mark>)]) -> (Vec<Tick>, Vec<Lane>) {
    let marks = || steps.iter().flat_map(|(_, marks)| marks);
    let (Some(first), Some(last)) = (
        marks().map(|mark| mark.from).min(),
        marks().map(|mark| mark.to).max(),
    ) else {
        return (Vec::new(), Vec::new());
    };
    let since = |at: Timestamp| at.duration_since(first).as_secs_f64();
    let (unit, name) = unit(since(last));
    let length = (since(last) / unit).max(f64::MIN_POSITIVE);
    let across = |at: f64| LEFT + at / length * (RIGHT - LEFT);
    let axis = Axis::over(length);
    let count = (length / axis.step + 1e-9).floor() as u32;
    let ticks = (0..=count).map(|number| {
        let at = f64::from(number) * axis.step;
        Tick {
            x: tenth(across(at)),
            label: format!("{at} {name}"),
        }
    });
    let lane = |(number, (name, marks)): (usize, &(String, Vec<Mark>))| Lane {
        name: name.clone(),
        y: TOP + number as f64 * STEP,
        bars: marks
            .iter()
            .map(|mark| {
                let width =
                    (across(since(mark.to) / unit) - across(since(mark.from) / unit)).max(WIDTH_AT_LEAST);
                let x = across(since(mark.from) / unit).min(RIGHT - width);
                Bar {
                    x: tenth(x),
                    width: tenth(width),
                    class: mark.class,
                    title: mark.title.clone(),
                }
            })
            .collect(),
    };
    (ticks.collect(), steps.iter().enumerate().map(lane).collect())
}

/// How high the drawing is.
pub(super) fn height(lanes: &[Lane]) -> f64 {
    TOP + lanes.len() as f64 * STEP + FOOT
}

/// The unit that a length of time is told in, in seconds, and its sign.
fn unit(seconds: f64) -> (f64, &'static str) {
    match seconds {
        seconds if seconds > 3.0 * 86_400.0 => (86_400.0, "d"),
        seconds if seconds > 3.0 * 3_600.0 => (3_600.0, "h"),
        seconds if seconds > 180.0 => (60.0, "min"),
        _ => (1.0, "s"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn mark(from: i64, to: i64) -> Mark {
        Mark {
            from: Timestamp::from_second(from).unwrap(),
            to: Timestamp::from_second(to).unwrap(),
            class: "good",
            title: String::new(),
        }
    }

    /// From edge to edge; a short attempt is seen, and within the drawing.
    #[test]
    fn attempts_lie_where_they_were_made() {
        let steps = [
            ("one".to_owned(), vec![mark(1_000, 1_300), mark(1_600, 1_600)]),
            ("two".to_owned(), vec![mark(1_300, 1_450)]),
        ];
        let (ticks, lanes) = placed(&steps);
        let bars = |lane: usize| -> Vec<(f64, f64)> {
            lanes[lane].bars.iter().map(|bar| (bar.x, bar.width)).collect()
        };
        assert_eq!(bars(0), [(LEFT, 235.0), (RIGHT - WIDTH_AT_LEAST, WIDTH_AT_LEAST)]);
        assert_eq!(bars(1), [(LEFT + 235.0, 117.5)]);
        assert_eq!((ticks[0].label.as_str(), ticks[0].x), ("0 min", LEFT));
        assert_eq!(ticks.last().unwrap().label, "10 min");
        assert_eq!(height(&lanes), TOP + 2.0 * STEP + FOOT);
        assert!(placed(&[]).1.is_empty());
    }
}
