//! Week 6: what fails is taken over, and how that goes is written down.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::drilled;
use super::model::Measure;
use super::step::{Scene, Step, Trial, Trouble};
use crate::drill::{self, Drill, Outcome};
use crate::spec::Section;

/// A step a drill, and the runbook that tells what they measured.
pub(super) fn steps() -> Vec<Arc<dyn Step>> {
    let drills = Drill::ALL
        .into_iter()
        .map(|drill| Arc::new(Drilled(drill)) as Arc<dyn Step>);
    let runbook: Arc<dyn Step> = Arc::new(Runbook);
    drills.chain([runbook]).collect()
}

const HOME: &str = "week-6";
const SECTIONS: &[Section] = &[Section::Kafka, Section::Buffer, Section::Aurora, Section::Ingest];
/// Events a second while something is struck.
const RATE: f64 = 500.0;
const PERIOD: Duration = Duration::from_millis(50);
/// A node's loss takes as long as the lease of who leads.
const PATIENCE: Duration = Duration::from_secs(90);

struct Drilled(Drill);

struct Silent;

impl drill::Listener for Silent {
    fn stage(&self, drill: Drill, stage: &drill::Stage) {
        tracing::info!(drill = drill.name(), ?stage, "drill");
    }
}

/// The step's name for a drill.
fn step_name(drill: Drill) -> &'static str {
    match drill {
        Drill::KafkaBroker => "drill-kafka-broker",
        Drill::RedisMaster => "drill-redis-master",
        Drill::ShardPrimary => "drill-shard-primary",
        Drill::ShardNode => "drill-shard-node",
        Drill::ServiceApi => "drill-service-api",
        Drill::ServiceWorker => "drill-service-worker",
        Drill::SentinelMinority => "drill-sentinel-minority",
        Drill::Zone => "drill-zone",
        Drill::Region => "drill-region",
    }
}

impl Step for Drilled {
    fn name(&self) -> &'static str {
        step_name(self.0)
    }

    fn home(&self) -> &'static str {
        HOME
    }

    fn only_at_home(&self) -> bool {
        true
    }

    fn title(&self) -> &'static str {
        self.0.title()
    }

    fn proves(&self) -> &'static str {
        self.0.expects()
    }

    fn sections(&self) -> &'static [Section] {
        SECTIONS
    }

    fn skipped(&self, spec: &crate::spec::Spec) -> Option<String> {
        self.0.lacks(spec)
    }

    fn run<'a>(&'a self, scene: &'a Scene) -> BoxFuture<'a, Result<Trial, Trouble>> {
        async move {
            let faults = scene.drills.faults.as_deref();
            let faults = faults.ok_or_else(|| Trouble("nobody can strike on this target".into()))?;
            let order = drill::Order {
                drill: self.0,
                spec: &scene.spec,
                endpoints: &scene.endpoints,
                faults,
                rate: RATE,
                period: PERIOD,
                patience: PATIENCE,
                is_interrupted: &|| false,
            };
            let listener = scene.drills.listener.as_deref().unwrap_or(&Silent);
            let outcome = drill::run(&order, listener).await?;
            Ok(Trial {
                memory: json!(outcome),
                measures: Vec::new(),
            })
        }
        .boxed()
    }

    /// What was measured then, and the markers, looked for in the rows again.
    fn verify<'a>(
        &'a self,
        scene: &'a Scene,
        memory: &'a Value,
    ) -> BoxFuture<'a, Result<Vec<Measure>, Trouble>> {
        async move {
            let outcome = outcome_in(memory)?;
            let found = drill::read_back(&scene.endpoints, &outcome.markers).await?;
            let mut measures = drilled::measures(&outcome, &scene.spec);
            measures.extend([
                Measure::at_least(
                    "markers that were acknowledged",
                    (found.acknowledged_http + found.acknowledged_kafka) as f64,
                    1.0,
                ),
                Measure::equal("markers that are lost by now", found.lost, 0),
                Measure::equal("markers that are doubled by now", found.doubled, 0),
            ]);
            Ok(measures)
        }
        .boxed()
    }
}

fn outcome_in(memory: &Value) -> Result<Outcome, Trouble> {
    serde_json::from_value(memory.clone())
        .map_err(|why| Trouble::new("nothing is known of an earlier drill", why))
}

struct Runbook;

/// What a runbook was made of.
#[derive(Debug, Serialize, Deserialize)]
struct Written {
    file: PathBuf,
    /// Drill → tier → seconds, as written there.
    times: BTreeMap<String, BTreeMap<String, String>>,
}

impl Step for Runbook {
    fn name(&self) -> &'static str {
        "runbook"
    }

    fn home(&self) -> &'static str {
        HOME
    }

    fn only_at_home(&self) -> bool {
        true
    }

    fn title(&self) -> &'static str {
        "a runbook is written from what the drills measured"
    }

    fn proves(&self) -> &'static str {
        "the runbook names each drill that the plan offers, with the times that were measured"
    }

    fn sections(&self) -> &'static [Section] {
        SECTIONS
    }

    fn run<'a>(&'a self, scene: &'a Scene) -> BoxFuture<'a, Result<Trial, Trouble>> {
        async move {
            let outcomes = outcomes(scene);
            let file = scene.drills.folder.join("runbook.md");
            let failed =
                |why: std::io::Error| Trouble::new(format_args!("can't write {}", file.display()), why);
            write_whole(&file, &text(scene, &outcomes)).map_err(failed)?;
            let times = outcomes
                .iter()
                .map(|outcome| (outcome.drill.clone(), times(outcome)));
            let written = Written {
                times: times.collect(),
                file,
            };
            Ok(Trial {
                memory: json!(written),
                measures: Vec::new(),
            })
        }
        .boxed()
    }

    fn verify<'a>(
        &'a self,
        scene: &'a Scene,
        memory: &'a Value,
    ) -> BoxFuture<'a, Result<Vec<Measure>, Trouble>> {
        async move {
            let written: Written = serde_json::from_value(memory.clone())
                .map_err(|why| Trouble::new("no runbook was written yet", why))?;
            let text = std::fs::read_to_string(&written.file)
                .map_err(|why| Trouble::new(format_args!("can't read {}", written.file.display()), why))?;
            let latest: BTreeMap<String, _> = outcomes(scene)
                .iter()
                .map(|outcome| (outcome.drill.clone(), times(outcome)))
                .collect();
            let offered = Drill::ALL
                .into_iter()
                .filter(|drill| drill.lacks(&scene.spec).is_none());
            Ok(offered
                .map(|drill| told(&text, drill.name(), latest.get(drill.name())))
                .collect())
        }
        .boxed()
    }
}

/// The runbook says of a drill what was measured; where nothing was measured, nothing that it says holds.
fn told(text: &str, drill: &str, times: Option<&BTreeMap<String, String>>) -> Measure {
    let name = format!("what the runbook says of {drill}");
    match times.filter(|times| !times.is_empty()) {
        Some(times) => Measure::equal(name, said_of(text, drill), line(Some(times))),
        None => Measure::equal(name, Value::Null, "a measured time"),
    }
}

/// Replaces the file in one step: a reader or a crash sees the old or the new one.
fn write_whole(file: &Path, text: &str) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let readable = std::fs::Permissions::from_mode(0o644);
    let mut draft = tempfile::Builder::new()
        .permissions(readable)
        .tempfile_in(folder)?;
    draft.write_all(text.as_bytes())?;
    draft.as_file().sync_all()?;
    draft.persist(file)?;
    std::fs::File::open(folder)?.sync_all()
}

/// The last outcome of each drill, in the drills' order.
fn outcomes(scene: &Scene) -> Vec<Outcome> {
    let last = |drill: Drill| {
        let suffix = format!("/{}", step_name(drill));
        let attempts = scene.drills.attempts.iter().rev();
        let mut memories = attempts
            .filter(|attempt| attempt.step.ends_with(&suffix))
            .filter_map(|attempt| outcome_in(&attempt.evidence()?.memory).ok());
        memories.next()
    };
    Drill::ALL.into_iter().filter_map(last).collect()
}

/// Tier → seconds.
fn times(outcome: &Outcome) -> BTreeMap<String, String> {
    let tiers = outcome.tiers.iter();
    tiers
        .map(|figure| {
            let seconds = format!("{:.1}", figure.recovery.away_seconds);
            (figure.tier.name().to_owned(), seconds)
        })
        .collect()
}

/// `api 0.0 s, ingest 0.3 s`.
fn line(times: Option<&BTreeMap<String, String>>) -> String {
    let tiers = times.into_iter().flatten();
    let parts: Vec<String> = tiers
        .map(|(tier, seconds)| format!("{tier} {seconds} s"))
        .collect();
    parts.join(", ")
}

const MEASURED: &str = "Measured: ";

/// The line of measured times in the part about a drill.
fn said_of(text: &str, drill: &str) -> String {
    let heading = format!("## {drill}");
    let part = text.lines().skip_while(|line| **line != *heading).skip(1);
    let mut part = part.take_while(|line| !line.starts_with("## "));
    let found = part.find_map(|line| line.strip_prefix(MEASURED));
    found
        .map(|line| line.trim_end_matches('.').to_owned())
        .unwrap_or_default()
}

fn text(scene: &Scene, outcomes: &[Outcome]) -> String {
    let name = &scene.spec.metadata.name;
    let mut out = format!(
        "# Runbook of {}\n\nWhat happens when a part fails, as the drills have measured it on this platform: how \
         long each tier did not work (0.0: no interruption was seen). Again: `vvbill drill run PLAN NAME`.\n",
        &**name
    );
    for outcome in outcomes {
        let Some(drill) = Drill::of(&outcome.drill) else {
            continue;
        };
        write!(
            out,
            "\n## {}\n\nWhen {}: {}.\n\n{MEASURED}{}.\n",
            outcome.drill,
            drill.title(),
            drill.expects(),
            line(Some(&times(outcome)))
        )
        .expect("writing to a String cannot fail");
        let restored = outcome.restored_seconds.map_or_else(
            || format!("Not whole again: {}.", outcome.missing.join("; ")),
            |seconds| format!("Whole again {seconds:.1} s after it was started again."),
        );
        write!(
            out,
            "{restored} Lost {}, doubled {} of {} acknowledged markers. Struck at {:.0}: {}.\n\n\
             What to do: nothing until it is back; `vvbill status PLAN` says who leads, `vvbill apply PLAN` starts \
             again what is down.\n",
            outcome.found.lost,
            outcome.found.doubled,
            outcome.found.acknowledged_http + outcome.found.acknowledged_kafka,
            outcome.fault_at,
            outcome.victims.join("; ")
        )
        .expect("writing to a String cannot fail");
    }
    out
}
