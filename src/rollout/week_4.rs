//! Week 4: as many processes as the plan says, and the load that it promises.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt, join_all};
use serde_json::{Value, json};

use super::kafka::Cluster;
use super::load::{Promise, accounted, found, highest, hold, peak, rate, unpromised};
use super::model::Measure;
use super::service::Api;
use super::step::{Scene, Step, Trial, Trouble};
use crate::load::open::search::{Ended, Found};
use crate::load::settlement::Log;
use crate::load::shards::Shards;
use crate::spec::{EventRate, Section, Spec, Target};

pub(super) fn steps() -> Vec<Arc<dyn Step>> {
    vec![
        Arc::new(Replicas),
        Arc::new(Held::RATE),
        Arc::new(Held::PEAK),
        Arc::new(Maximum),
    ]
}

const HOME: &str = "week-4";
const SECTIONS: &[Section] = &[Section::Ingest];
/// Any account: whether the API answers is asked, not what.
const ANY_ACCOUNT: u64 = 1;

struct Replicas;

impl Step for Replicas {
    fn name(&self) -> &'static str {
        "replicas"
    }

    fn home(&self) -> &'static str {
        HOME
    }

    fn title(&self) -> &'static str {
        "every process of the service does its part"
    }

    fn proves(&self) -> &'static str {
        "each API answers a query; the consumer group has a member for each worker, as Kafka says; in a cluster, \
         Deployments have their replicas and autoscalers are there"
    }

    fn sections(&self) -> &'static [Section] {
        SECTIONS
    }

    fn verify<'a>(&'a self, scene: &'a Scene, _: &'a Value) -> BoxFuture<'a, Result<Vec<Measure>, Trouble>> {
        async move {
            let plan = scene.spec.ingest.as_ref();
            let plan = plan.ok_or_else(|| Trouble("the plan has no ingest".into()))?;
            let apis = Api::all(&scene.endpoints)?;
            let answers = join_all(apis.iter().map(|api| api.usage(ANY_ACCOUNT))).await;
            let answer = answers.iter().filter(|answer| answer.is_ok()).count();
            let is_local = scene.spec.target == Target::Local;
            // Elsewhere they stand behind one name.
            let wanted = if is_local {
                plan.api_replicas as usize
            } else {
                apis.len()
            };
            let mut measures = vec![Measure::equal("APIs that answer", answer, wanted)];
            if !scene.endpoints.kafka.is_empty() {
                let members = Cluster::of(&scene.endpoints.kafka)?;
                let members = members.members(&plan.consumer_group).await?;
                measures.push(Measure::equal(
                    format!("members of the consumer group {}", plan.consumer_group),
                    members,
                    plan.worker_replicas,
                ));
            }
            for kind in ["deployment", "horizontalpodautoscaler"] {
                for (name, pending) in scene.switch.standing(kind).await? {
                    let found = pending.unwrap_or_else(|| "ready".into());
                    measures.push(Measure::equal(name, found, "ready"));
                }
            }
            Ok(measures)
        }
        .boxed()
    }
}

/// A rate that is held.
struct Held {
    name: &'static str,
    title: &'static str,
    needs: &'static [&'static str],
    per_second: fn(&Spec) -> Option<u64>,
}

impl Held {
    const RATE: Self = Self {
        name: "load-rate",
        title: "the promised rate is put on the platform by the clock",
        needs: &["replicas"],
        per_second: |spec| rate(spec, HOME).map(EventRate::per_second_ceil),
    };
    const PEAK: Self = Self {
        name: "load-peak",
        title: "the rate of the load test is put on the platform by the clock",
        needs: &["load-rate"],
        per_second: |spec| peak(spec, HOME),
    };

    fn promise(&self, scene: &Scene) -> Result<Promise, Trouble> {
        Promise::of(scene, HOME, (self.per_second)(&scene.spec))
    }
}

impl Step for Held {
    fn name(&self) -> &'static str {
        self.name
    }

    fn home(&self) -> &'static str {
        HOME
    }

    fn title(&self) -> &'static str {
        self.title
    }

    fn proves(&self) -> &'static str {
        "the rate is reached with P95 within the promise, from when an event was due to the answer and from sending \
         to the commit; consumers keep up; every event is one row, none is lost or doubled"
    }

    fn sections(&self) -> &'static [Section] {
        SECTIONS
    }

    fn needs(&self) -> &'static [&'static str] {
        self.needs
    }

    fn skipped(&self, spec: &Spec) -> Option<String> {
        unpromised(spec, HOME)
    }

    fn run<'a>(&'a self, scene: &'a Scene) -> BoxFuture<'a, Result<Trial, Trouble>> {
        async move { hold(scene, &self.promise(scene)?).await }.boxed()
    }

    fn verify<'a>(
        &'a self,
        scene: &'a Scene,
        memory: &'a Value,
    ) -> BoxFuture<'a, Result<Vec<Measure>, Trouble>> {
        async move { accounted(scene, memory).await }.boxed()
    }
}

struct Maximum;

impl Step for Maximum {
    fn name(&self) -> &'static str {
        "load-max"
    }

    fn home(&self) -> &'static str {
        HOME
    }

    fn title(&self) -> &'static str {
        "higher and higher rates are tried until one does not hold"
    }

    fn proves(&self) -> &'static str {
        "the highest rate at which the promise holds, which is no less than the promised one"
    }

    fn sections(&self) -> &'static [Section] {
        SECTIONS
    }

    fn needs(&self) -> &'static [&'static str] {
        &["load-rate"]
    }

    fn skipped(&self, spec: &Spec) -> Option<String> {
        unpromised(spec, HOME)
    }

    fn run<'a>(&'a self, scene: &'a Scene) -> BoxFuture<'a, Result<Trial, Trouble>> {
        async move {
            let promise = Held::RATE.promise(scene)?;
            let found = highest(scene, &promise).await?;
            let reached = found.passed_per_second.unwrap_or(0);
            if found.is_generator_bound && reached < promise.per_second {
                return Err(Trouble(format!(
                    "the generator was the bottleneck, which says nothing of the platform: {}",
                    found.why.join("; ")
                )));
            }
            Ok(Trial {
                measures: Vec::new(),
                memory: json!({ "found": found }),
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
            let found = found(memory).ok_or_else(|| Trouble("no rate has been tried yet".into()))?;
            let promise = Held::RATE.promise(scene)?;
            let behind = Log::open(&scene.endpoints)?
                .lag(&Shards::connect(&scene.endpoints).await?)
                .await?;
            Ok(vec![
                Measure::at_least(
                    told(&found),
                    found.passed_per_second.unwrap_or(0) as f64,
                    promise.per_second as f64,
                ),
                // Whatever was tried, it leaves no more behind than a second brings.
                Measure::at_most(
                    "records that consumers are behind after it",
                    behind as f64,
                    promise.per_second as f64,
                ),
            ])
        }
        .boxed()
    }
}

/// What the number is, and why it is not higher.
fn told(found: &Found) -> String {
    let mut name = format!(
        "highest rate that holds, events a second, of {} tried",
        found.trials.len()
    );
    let failed = found.failed_per_second.map(|rate| {
        let why = found.why.join("; ");
        format!(" ({rate} did not: {why})")
    });
    name += &failed.unwrap_or_default();
    if found.is_generator_bound {
        name += ", the generator being the limit";
    }
    if found.ended == Ended::OutOfTime {
        name += ", until the time was over";
    }
    name
}
