//! A run as it happens: bars on a terminal, otherwise one line a change of state, or NDJSON.
//!
//! All three listen to the same events.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{Report, style};
use crate::apply::{Event, Observer, Severity};
use crate::plan::Verb;
use crate::resource::Address;

/// Without a terminal, "still creating" is said no more often than this.
const REPEAT_AFTER: Duration = Duration::from_secs(10);

/// Tells of a run on standard error, for people.
pub(crate) struct Narrator {
    report: Report,
    started: Instant,
    scene: Mutex<Scene>,
}

/// What is under way.
#[derive(Default)]
struct Scene {
    /// How many actions there are, and how many have ended.
    planned: usize,
    ended: usize,
    failed: usize,
    /// The bar at the bottom, and a spinner for each resource that is worked on.
    overall: Option<ProgressBar>,
    spinners: BTreeMap<Address, ProgressBar>,
    /// When something was last said of a resource, since it was started.
    said: BTreeMap<Address, Duration>,
}

impl Narrator {
    pub(crate) fn new(report: &Report) -> Self {
        Self {
            report: report.clone(),
            started: Instant::now(),
            scene: Mutex::default(),
        }
    }

    fn line(&self, verb: Verb, address: &Address, text: &str) {
        let since_start = style::paint(
            style::FAINT,
            format_args!("{:>7}", seconds(self.started.elapsed())),
        );
        let symbol = style::paint(
            super::plan::verb_style(verb),
            format_args!("{:>3}", verb.symbol()),
        );
        self.report
            .say(format_args!("{since_start} {symbol} {address}: {text}"));
    }

    fn start(&self, scene: &mut Scene, address: &Address, verb: Verb) {
        let doing = present(verb);
        if !self.report.draws_progress() {
            self.line(verb, address, doing);
            return;
        }
        let spinner = ProgressBar::new_spinner().with_style(spinner_style());
        let spinner = match &scene.overall {
            Some(overall) => self.report.bars().insert_before(overall, spinner),
            None => self.report.bars().add(spinner),
        };
        spinner.set_prefix(format!("{:>3} {address}", verb.symbol()));
        spinner.set_message(doing);
        spinner.enable_steady_tick(Duration::from_millis(120));
        scene.spinners.insert(address.clone(), spinner);
    }

    fn progress(&self, scene: &mut Scene, address: &Address, verb: Verb, elapsed: Duration, message: &str) {
        if let Some(spinner) = scene.spinners.get(address) {
            spinner.set_message(message.to_owned());
            return;
        }
        let said = scene.said.get(address).copied().unwrap_or_default();
        let news = elapsed >= said + REPEAT_AFTER;
        if news && !self.report.draws_progress() {
            let text = format!("still {} after {}: {message}", present(verb), seconds(elapsed));
            self.line(verb, address, &text);
            scene.said.insert(address.clone(), elapsed);
        }
    }

    fn end(&self, scene: &mut Scene, address: &Address, failed: bool) {
        if let Some(spinner) = scene.spinners.remove(address) {
            spinner.finish_and_clear();
            self.report.bars().remove(&spinner);
        }
        scene.ended += 1;
        scene.failed += usize::from(failed);
        if let Some(overall) = &scene.overall {
            overall.set_position(scene.ended as u64);
            overall.set_message(match scene.failed {
                0 => String::new(),
                failed => format!("{failed} failed"),
            });
        }
    }

    fn plan_one(&self, scene: &mut Scene) {
        scene.planned += 1;
        if self.report.draws_progress() {
            let overall = scene.overall.get_or_insert_with(|| {
                self.report
                    .bars()
                    .add(ProgressBar::new(0).with_style(bar_style()))
            });
            overall.set_length(scene.planned as u64);
        }
    }

    fn refresh(&self, scene: &mut Scene, done: usize, total: usize) {
        if !self.report.draws_progress() || total == 0 {
            return;
        }
        let bar = scene.overall.get_or_insert_with(|| {
            self.report
                .bars()
                .add(ProgressBar::new(0).with_style(bar_style()))
        });
        bar.set_length(total as u64);
        bar.set_position(done as u64);
        bar.set_message("looking at what exists");
        if done == total {
            clear(self.report.bars(), scene.overall.take());
        }
    }
}

impl Observer for Narrator {
    fn observe(&self, event: &Event) {
        let Ok(mut scene) = self.scene.lock() else { return };
        match event {
            Event::Refreshing { done, total } => self.refresh(&mut scene, *done, *total),
            Event::PlannedChange { .. } => self.plan_one(&mut scene),
            Event::Started { address, verb, .. } => self.start(&mut scene, address, *verb),
            Event::Progress {
                address,
                verb,
                elapsed,
                message,
            } => {
                self.progress(&mut scene, address, *verb, *elapsed, message);
            }
            Event::Completed {
                address,
                verb,
                id,
                elapsed,
            } => {
                self.end(&mut scene, address, false);
                let id = id.as_ref().map(|id| format!(" [{id}]")).unwrap_or_default();
                let text = format!("{} in {}{id}", past(*verb), seconds(*elapsed));
                self.line(*verb, address, &text);
            }
            Event::Errored {
                address,
                verb,
                elapsed,
                message,
                ..
            } => {
                self.end(&mut scene, address, true);
                let failed = style::paint(style::ERROR, "failed");
                let text = format!("{failed} after {}: {message}", seconds(*elapsed));
                self.line(*verb, address, &text);
            }
            Event::Skipped {
                address,
                verb,
                because,
            } => {
                self.end(&mut scene, address, false);
                self.line(*verb, address, &format!("not tried: {because}"));
            }
            Event::Left { address, what } => {
                self.report.say(format_args!("{address}: {what}"));
            }
            Event::Summary { .. } => clear(self.report.bars(), scene.overall.take()),
            Event::Diagnostic {
                severity,
                summary,
                detail,
                address,
            } => {
                let word = match severity {
                    Severity::Warning => style::paint(style::WARNING, "warning"),
                    Severity::Error => style::paint(style::ERROR, "error"),
                };
                let on = address
                    .as_ref()
                    .map(|address| format!("{address}: "))
                    .unwrap_or_default();
                self.report.say(format_args!("{word}: {on}{summary}"));
                if !detail.is_empty() {
                    self.report.say(format_args!("  {detail}"));
                }
            }
        }
    }
}

impl Drop for Narrator {
    /// An interrupted or failed run leaves no bar behind.
    fn drop(&mut self) {
        let _ = self.report.bars().clear();
    }
}

fn clear(bars: &MultiProgress, bar: Option<ProgressBar>) {
    if let Some(bar) = bar {
        bar.finish_and_clear();
        bars.remove(&bar);
    }
}

fn spinner_style() -> ProgressStyle {
    ProgressStyle::with_template("        {spinner} {prefix}: {wide_msg} {elapsed}")
        .expect("the template is a constant that parses")
}

fn bar_style() -> ProgressStyle {
    ProgressStyle::with_template("        [{bar:30}] {pos} of {len} in {elapsed} {msg}")
        .expect("the template is a constant that parses")
        .progress_chars("=> ")
}

/// `0.4s`, `12.3s`, `4m 05s`.
pub(crate) fn seconds(duration: Duration) -> String {
    match duration.as_secs() {
        0..=59 => format!("{:.1}s", duration.as_secs_f64()),
        whole => format!("{}m {:02}s", whole / 60, whole % 60),
    }
}

/// `creating`.
fn present(verb: Verb) -> &'static str {
    match verb {
        Verb::Create => "creating",
        Verb::Adopt => "adopting",
        Verb::Update => "updating",
        Verb::Reboot => "rebooting",
        Verb::Replace => "replacing",
        Verb::Delete => "deleting",
        Verb::Keep => "keeping",
    }
}

/// `created`.
pub(crate) fn past(verb: Verb) -> &'static str {
    match verb {
        Verb::Create => "created",
        Verb::Adopt => "adopted",
        Verb::Update => "updated",
        Verb::Reboot => "rebooted",
        Verb::Replace => "replaced",
        Verb::Delete => "deleted",
        Verb::Keep => "turned out to be as wanted",
    }
}
