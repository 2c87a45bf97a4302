//! The flags that say how the rate of events goes over time.

use std::time::Duration;

use super::super::arguments::duration;
use crate::load::open::Profile;
use crate::load::open::profile::Stage;
use crate::spec::EventRate;

/// The rate of events over time. Without one, events go in as fast as they are taken.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Shape {
    /// An open loop: so many events a second (`5000`), or as plans write it (`1M/min`), come what may
    #[arg(
        long, value_name = "RATE", env = "VVBILL_RATE", hide_env_values = true, value_parser = rate,
        help_heading = "Load profile"
    )]
    pub(super) rate: Option<f64>,
    /// For how long, instead of `--events`: `2m`; after a `--ramp`, for how long its end is held
    #[arg(
        long, value_name = "DURATION", env = "VVBILL_DURATION", hide_env_values = true, value_parser = duration,
        conflicts_with = "events", help_heading = "Load profile"
    )]
    pub(super) duration: Option<Duration>,
    /// An open loop whose rate goes evenly from one to another: `0..5000:1m`
    #[arg(
        long, value_name = "FROM..TO:DURATION", env = "VVBILL_RAMP", hide_env_values = true, value_parser = ramp,
        conflicts_with_all = ["rate", "steps", "events"], help_heading = "Load profile"
    )]
    pub(super) ramp: Option<Stage>,
    /// An open loop that holds one rate after another, each for so long: `5000,10000,1M/min:30s`
    #[arg(
        long, value_name = "RATE,RATE,…:DURATION", env = "VVBILL_STEPS", hide_env_values = true,
        value_parser = steps, conflicts_with_all = ["rate", "duration", "events"], help_heading = "Load profile"
    )]
    pub(super) steps: Option<Steps>,
}

/// Rates that are held one after another.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Steps(Vec<Stage>);

impl Shape {
    /// What was asked for; `events` where no duration says how long it is.
    pub(super) fn profile(&self, events: u64) -> Option<Profile> {
        if let Some(Steps(stages)) = &self.steps {
            return Some(Profile::new(stages.iter().copied()));
        }
        if let Some(ramp) = self.ramp {
            let (from, to) = (ramp.to, ramp.to);
            let length = self.duration.unwrap_or_default();
            return Some(Profile::new([ramp, Stage { from, to, length }]));
        }
        let rate = self.rate?;
        Some(match self.duration {
            Some(length) => Profile::constant(rate, length),
            None => Profile::of_events(rate, events),
        })
    }
}

/// `5000`, `16_667`, `1M/min`: events a second.
pub(in crate::cli) fn rate(text: &str) -> Result<f64, String> {
    let form = "a rate is events a second, as in `5000`, or with its time, as in `1M/min`";
    let digits = text.replace('_', "");
    let parsed = if text.contains('/') {
        let rate: EventRate = text.parse().map_err(|_| form.to_owned())?;
        rate.per_second().to_string().parse::<f64>()
    } else {
        digits.parse::<f64>()
    };
    let parsed = parsed.map_err(|_| form.to_owned())?;
    if !parsed.is_finite() || parsed < 0.0 {
        return Err(form.to_owned());
    }
    if parsed == 0.0 {
        return Err("a rate of nothing sends nothing".to_owned());
    }
    Ok(parsed)
}

fn ramp(text: &str) -> Result<Stage, String> {
    let form = "a ramp is FROM..TO:DURATION, as in `0..5000:1m`";
    let (rates, length) = text.rsplit_once(':').ok_or(form)?;
    let (from, to) = rates.split_once("..").ok_or(form)?;
    let end = |text: &str| if text == "0" { Ok(0.0) } else { rate(text) };
    let (from, to) = (end(from)?, end(to)?);
    if from + to == 0.0 {
        return Err("a ramp from nothing to nothing sends nothing".to_owned());
    }
    let length = some_time(length)?;
    Ok(Stage { from, to, length })
}

fn steps(text: &str) -> Result<Steps, String> {
    let form = "steps are RATE,RATE,…:DURATION, as in `5000,10000:30s`";
    let (rates, length) = text.rsplit_once(':').ok_or(form)?;
    let length = some_time(length)?;
    let stage = |text: &str| {
        rate(text).map(|rate| Stage {
            from: rate,
            to: rate,
            length,
        })
    };
    rates.split(',').map(stage).collect::<Result<_, _>>().map(Steps)
}

fn some_time(text: &str) -> Result<Duration, String> {
    let time = duration(text)?;
    if time.is_zero() {
        return Err("it has to last: `30s`".to_owned());
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn rates_are_written_as_users_of_load_tools_and_plans_know_them() {
        for (text, expect) in [
            ("5000", 5_000.0),
            ("0.5", 0.5),
            ("16_667", 16_667.0),
            ("60K/min", 1_000.0),
        ] {
            assert!((rate(text).unwrap() - expect).abs() < 1e-9, "{text}");
        }
        assert!((rate("1M/min").unwrap() - 16_666.666_666).abs() < 0.001);
        for text in ["", "fast", "-1", "0", "1M/day", "inf"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ramps_and_steps_say_how_they_are_written() {
        let minute = Duration::from_secs(60);
        let (from, to) = (0.0, 5_000.0);
        assert_eq!(
            ramp("0..5000:1m").unwrap(),
            Stage {
                from,
                to,
                length: minute
            }
        );
        let Steps(stages) = steps("10,20,60K/min:1m").unwrap();
        let rates: Vec<f64> = stages.iter().map(|stage| stage.to).collect();
        assert_eq!(rates, [10.0, 20.0, 1_000.0]);
        assert!(stages.iter().all(|stage| stage.length == minute));
        for text in ["5000:1m", "0..5000", "0..0:1m", "1..2:0s", "1..2:soon"] {
            assert!(ramp(text).is_err(), "{text}");
        }
        for text in ["5000", "5000,:1m", ":1m", "10,0:1m"] {
            assert!(steps(text).is_err(), "{text}");
        }
    }
}
