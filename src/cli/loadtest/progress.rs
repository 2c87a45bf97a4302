//! Tells how a run goes: a live line on a terminal, otherwise one an interval, or NDJSON.

use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use serde_json::json;

use super::super::report::{self, Report};
use crate::endpoints::Endpoints;
use crate::load::open::{Interval, watch};
use crate::load::{Progress, Stage};

/// How a run is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Telling {
    /// How many events there are.
    pub(super) count: u64,
    /// How often.
    pub(super) interval: Duration,
    /// As NDJSON.
    pub(super) json: bool,
}

/// Tells of a run until this is dropped.
pub(super) struct Teller {
    task: tokio::task::JoinHandle<()>,
    bar: ProgressBar,
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.task.abort();
        self.bar.finish_and_clear();
    }
}

pub(super) fn tell(
    endpoints: &Endpoints,
    progress: &Arc<Progress>,
    telling: Telling,
    report: &Report,
) -> Teller {
    let bar = ProgressBar::new_spinner().with_style(style());
    let bar = report.bars().add(bar);
    let (watched, shown, report) = (progress.clone(), bar.clone(), report.clone());
    let told = move |stage: Stage, interval: &Interval| {
        let text = text(stage, watched.sent(), telling.count, interval);
        if telling.json {
            report.line_of_json(&event(stage, watched.sent(), telling.count, &text, interval));
        } else if report.draws_progress() {
            shown.set_message(text);
            shown.tick();
        } else {
            report.say(text);
        }
    };
    let task = tokio::spawn(watch::watch(
        endpoints.clone(),
        progress.clone(),
        telling.interval,
        told,
    ));
    Teller { task, bar }
}

fn text(stage: Stage, sent: u64, count: u64, interval: &Interval) -> String {
    match stage {
        Stage::Sending => {
            let figures = report::load::measured::interval(interval);
            let grouped = report::load::grouped;
            format!("sent {} of {}; {figures}", grouped(sent), grouped(count))
        }
        Stage::Settling => match interval.lag {
            Some(lag) => format!(
                "all is sent; waiting until all is durable, lag {}",
                report::load::grouped(lag)
            ),
            None => "all is sent; waiting until all is durable".to_owned(),
        },
        Stage::Auditing | Stage::Done => "all is durable; comparing every row with what was sent".to_owned(),
    }
}

fn event(stage: Stage, sent: u64, count: u64, text: &str, interval: &Interval) -> serde_json::Value {
    let stage = format!("{stage:?}").to_lowercase();
    let body = json!({ "stage": stage, "sent": sent, "count": count, "interval": interval });
    line(text, "load_progress", body)
}

/// One NDJSON line in Terraform's envelope.
pub(super) fn line(message: &str, kind: &str, body: serde_json::Value) -> serde_json::Value {
    let mut line = json!({
        "@level": "info",
        "@message": anstream::adapter::strip_str(message).to_string(),
        "@module": "vvbill.load",
        "@timestamp": Timestamp::now().to_string(),
        "type": kind,
    });
    if let (Some(line), serde_json::Value::Object(body)) = (line.as_object_mut(), body) {
        line.extend(body);
    }
    line
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {wide_msg}").expect("the template is fixed")
}
