//! Week 1: Kafka keeps what it acknowledges, with one broker away as well.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, FutureExt};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::kafka::{Cluster, Layout, Sending, Sent};
use super::model::Measure;
use super::step::{Scene, Step, Trial, Trouble};
use crate::leaders::quorum;
use crate::load::{Mix, Popularity, Workload};
use crate::spec::{Cleanup, Kafka, Section, Spec};

pub(super) fn steps() -> Vec<Arc<dyn Step>> {
    vec![
        Arc::new(Brokers),
        Arc::new(Topics),
        Arc::new(ProduceConsume),
        Arc::new(BrokerOutage),
    ]
}

const HOME: &str = "week-1";
const SECTIONS: &[Section] = &[Section::Kafka];
/// A voter so far behind the others keeps no majority.
const VOTER_LAG_AT_MOST: i64 = 1_000;
/// An outage is sent through for so long.
const OUTAGE: Duration = Duration::from_secs(4);
const OUTAGE_BEGINS_AFTER: Duration = Duration::from_millis(500);

fn kafka(scene: &Scene) -> Result<&Kafka, Trouble> {
    let kafka = scene.spec.kafka.as_ref();
    kafka.ok_or_else(|| Trouble("the plan has no kafka".into()))
}

struct Brokers;

impl Step for Brokers {
    fn name(&self) -> &'static str {
        "kafka-brokers"
    }

    fn home(&self) -> &'static str {
        HOME
    }

    fn title(&self) -> &'static str {
        "brokers are up, controllers have a quorum"
    }

    fn proves(&self) -> &'static str {
        "each broker of the plan is registered, one controller leads, and every voter keeps up with it"
    }

    fn sections(&self) -> &'static [Section] {
        SECTIONS
    }

    fn verify<'a>(&'a self, scene: &'a Scene, _: &'a Value) -> BoxFuture<'a, Result<Vec<Measure>, Trouble>> {
        async move {
            let wanted = kafka(scene)?.brokers;
            let layout = Cluster::of(&scene.endpoints.kafka)?.layout().await?;
            let mut measures = vec![Measure::equal("brokers registered", layout.brokers.len(), wanted)];
            let mut asked = Err(Trouble("no broker is registered".into()));
            for endpoint in layout.brokers.values() {
                asked = quorum::describe(endpoint, scene.patience).await.map_err(Trouble);
                if asked.is_ok() {
                    break;
                }
            }
            let quorum = asked?;
            let keeps_up = |(_, end): &&(i32, i64)| end + VOTER_LAG_AT_MOST >= quorum.high_watermark;
            let keeping_up = quorum.voters.iter().filter(keeps_up).count();
            measures.push(Measure::equal(
                "controllers that lead",
                u32::from(quorum.leader >= 0),
                1,
            ));
            measures.push(Measure::equal(
                "controllers that vote",
                quorum.voters.len(),
                wanted,
            ));
            measures.push(Measure::equal("controllers that keep up", keeping_up, wanted));
            Ok(measures)
        }
        .boxed()
    }
}

struct Topics;

/// The topics that the plan brings, its own and the service's.
fn topics(spec: &Spec) -> BTreeSet<&str> {
    let own = spec.kafka.iter().flat_map(|kafka| kafka.topics.keys());
    let service = spec.ingest.iter();
    let service = service.flat_map(|ingest| [&ingest.topic, &ingest.dead_letter_topic]);
    own.chain(service).map(String::as_str).collect()
}

impl Step for Topics {
    fn name(&self) -> &'static str {
        "kafka-topics"
    }

    fn home(&self) -> &'static str {
        HOME
    }

    fn title(&self) -> &'static str {
        "topics are kept as the plan says"
    }

    fn proves(&self) -> &'static str {
        "replication factor, min ISR, retention and partitions of each topic, read back from Kafka's admin API"
    }

    fn sections(&self) -> &'static [Section] {
        SECTIONS
    }

    fn needs(&self) -> &'static [&'static str] {
        &["kafka-brokers"]
    }

    fn verify<'a>(&'a self, scene: &'a Scene, _: &'a Value) -> BoxFuture<'a, Result<Vec<Measure>, Trouble>> {
        async move {
            let kafka = kafka(scene)?;
            let cluster = Cluster::of(&scene.endpoints.kafka)?;
            let layout = cluster.layout().await?;
            let mut measures = Vec::new();
            for topic in topics(&scene.spec) {
                let shape = shape(kafka, topic, &layout);
                let is_there = shape.len() > 1;
                measures.extend(shape);
                if is_there {
                    measures.extend(settings(kafka, topic, &cluster).await?);
                }
            }
            Ok(measures)
        }
        .boxed()
    }
}

/// Partitions and their copies, each measure the worst of all partitions; one measure where there is no such topic.
fn shape(kafka: &Kafka, topic: &str, layout: &Layout) -> Vec<Measure> {
    let own = kafka.topics.get(topic).cloned().unwrap_or_default();
    let wanted = own.partitions.unwrap_or(kafka.partitions);
    let copies = own.replication_factor.unwrap_or(kafka.default_replication_factor);
    let partitions = match layout.topics.get(topic) {
        Some(partitions) if !partitions.is_empty() => partitions,
        _ => return vec![Measure::equal(format!("{topic} partitions"), 0, wanted)],
    };
    let fewest = |of: fn(&super::kafka::Partition) -> usize| partitions.iter().map(of).min();
    let leaderless = partitions.iter().filter(|partition| partition.leader < 0).count();
    vec![
        Measure::equal(format!("{topic} partitions"), partitions.len(), wanted),
        Measure::equal(
            format!("{topic} replication factor"),
            fewest(|partition| partition.replicas),
            copies,
        ),
        Measure::equal(
            format!("{topic} replicas in sync"),
            fewest(|partition| partition.in_sync),
            copies,
        ),
        Measure::equal(format!("{topic} partitions without leader"), leaderless, 0),
    ]
}

async fn settings(kafka: &Kafka, topic: &str, cluster: &Cluster) -> Result<Vec<Measure>, Trouble> {
    let own = kafka.topics.get(topic).cloned().unwrap_or_default();
    let retention = own.retention.unwrap_or(kafka.retention).as_millis();
    let min_insync = own.min_insync_replicas.unwrap_or(kafka.min_insync_replicas);
    let cleanup = match own.cleanup {
        Cleanup::Delete => "delete",
        Cleanup::Compact => "compact",
    };
    let found = cluster.settings(topic).await?;
    let wanted = [
        ("min.insync.replicas", min_insync.to_string()),
        ("retention.ms", retention.to_string()),
        ("cleanup.policy", cleanup.to_owned()),
        (
            "unclean.leader.election.enable",
            kafka.unclean_leader_election.to_string(),
        ),
    ];
    let measure = |(setting, wanted): (&str, String)| {
        Measure::equal(format!("{topic} {setting}"), found.get(setting).cloned(), wanted)
    };
    Ok(wanted.map(measure).into())
}

/// Events of no account that anybody else has: seed and time choose them.
pub(super) fn workload(count: u64, accounts: u32) -> Workload {
    Workload {
        seed: rand::random(),
        count,
        start_ms: Timestamp::now().as_millisecond(),
        accounts,
        popularity: Popularity::Uniform,
        metrics: 5,
        kafka_per_mille: 1_000,
        mix: Mix::PLAIN,
    }
}

/// The topic that events go through, the plan's first where there is no service.
fn events_topic(scene: &Scene) -> Result<String, Trouble> {
    match &*scene.endpoints.events_topic {
        "" => topics(&scene.spec)
            .first()
            .map(|topic| (*topic).to_owned())
            .ok_or_else(|| Trouble("the plan has no topic".into())),
        topic => Ok(topic.to_owned()),
    }
}

/// How many were taken, and where not all were, the first refusal in Kafka's words.
fn acknowledged(sending: &Sending, wanted: u64) -> Vec<Measure> {
    let taken = Measure::equal(
        "events acknowledged by all replicas",
        sending.acknowledged,
        wanted,
    );
    let refusal = sending.refusal.iter();
    let refusal = refusal.map(|why| Measure::equal("Kafka's first refusal", why.as_str(), Value::Null));
    std::iter::once(taken).chain(refusal).collect()
}

async fn read_back(scene: &Scene, sent: &Sent) -> Result<Vec<Measure>, Trouble> {
    let found = Cluster::of(&scene.endpoints.kafka)?.read_back(sent).await?;
    Ok(vec![
        Measure::equal("events read back", found.events, sent.workload.count),
        Measure::equal("events read twice", found.doubled, 0),
    ])
}

fn remembered(memory: &Value) -> Result<Sent, Trouble> {
    serde_json::from_value(memory.clone()).map_err(|why| Trouble::new("what was sent is not known", why))
}

struct ProduceConsume;

impl Step for ProduceConsume {
    fn name(&self) -> &'static str {
        "kafka-events"
    }

    fn home(&self) -> &'static str {
        HOME
    }

    fn title(&self) -> &'static str {
        "events are produced with acks=all and consumed"
    }

    fn proves(&self) -> &'static str {
        "every acknowledged event can be read back, each once, to the byte"
    }

    fn sections(&self) -> &'static [Section] {
        SECTIONS
    }

    fn needs(&self) -> &'static [&'static str] {
        &["kafka-topics"]
    }

    fn run<'a>(&'a self, scene: &'a Scene) -> BoxFuture<'a, Result<Trial, Trouble>> {
        async move {
            let cluster = Cluster::of(&scene.endpoints.kafka)?;
            let topic = events_topic(scene)?;
            let workload = workload(scene.events, 100);
            let sending = cluster
                .send(&topic, &workload, Duration::ZERO, scene.patience)
                .await?;
            Ok(Trial {
                measures: acknowledged(&sending, scene.events),
                memory: json!(sending.sent),
            })
        }
        .boxed()
    }

    fn verify<'a>(
        &'a self,
        scene: &'a Scene,
        memory: &'a Value,
    ) -> BoxFuture<'a, Result<Vec<Measure>, Trouble>> {
        async move { read_back(scene, &remembered(memory)?).await }.boxed()
    }
}

struct BrokerOutage;

impl Step for BrokerOutage {
    fn name(&self) -> &'static str {
        "kafka-broker-outage"
    }

    fn home(&self) -> &'static str {
        HOME
    }

    fn title(&self) -> &'static str {
        "one broker is stopped while events go in"
    }

    fn proves(&self) -> &'static str {
        "with one broker away every event is acknowledged and read back; the broker catches up afterwards"
    }

    fn sections(&self) -> &'static [Section] {
        SECTIONS
    }

    fn needs(&self) -> &'static [&'static str] {
        &["kafka-events"]
    }

    fn skipped(&self, spec: &Spec) -> Option<String> {
        let kafka = spec.kafka.as_ref()?;
        let spare = kafka.default_replication_factor.min(kafka.brokers) > kafka.min_insync_replicas;
        (!spare).then(|| {
            format!(
                "the plan can't spare a broker: {} copies of each partition, {} of which must have a write",
                kafka.default_replication_factor, kafka.min_insync_replicas
            )
        })
    }

    fn run<'a>(&'a self, scene: &'a Scene) -> BoxFuture<'a, Result<Trial, Trouble>> {
        async move {
            let cluster = Cluster::of(&scene.endpoints.kafka)?;
            let topic = events_topic(scene)?;
            let layout = cluster.layout().await?;
            let (broker, endpoint) = leader(&layout, &topic)?;
            let workload = workload(scene.events, 100);
            let outage = async {
                tokio::time::sleep(OUTAGE_BEGINS_AFTER).await;
                scene.switch.stop(&endpoint).await
            };
            let (sending, stopped) =
                tokio::join!(cluster.send(&topic, &workload, OUTAGE, scene.patience), outage);
            stopped?;
            let sending = sending?;
            let mut measures = acknowledged(&sending, scene.events);
            let promised = &scene.spec.success_metrics.recovery_time;
            if let Some(most) = promised.kafka.or(promised.overall) {
                let pause = sending.longest_pause.as_secs_f64();
                measures.push(Measure::at_most(
                    format!("seconds without an acknowledgement when broker {broker} went"),
                    pause,
                    most.as_std().as_secs_f64(),
                ));
            }
            // Where too few replicas are left for a write, nothing can be read either until one is back.
            if sending.acknowledged == scene.events {
                let away = read_back(scene, &sending.sent).await?;
                measures.extend(away.into_iter().map(|measure| Measure {
                    name: format!("{} with broker {broker} away", measure.name),
                    ..measure
                }));
            }
            scene.switch.start(&endpoint).await?;
            Ok(Trial {
                measures,
                memory: json!(sending.sent),
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
            let topic = events_topic(scene)?;
            let copies = kafka(scene)?
                .topics
                .get(&topic)
                .and_then(|own| own.replication_factor)
                .unwrap_or(kafka(scene)?.default_replication_factor);
            let cluster = Cluster::of(&scene.endpoints.kafka)?;
            let mut measures = read_back(scene, &remembered(memory)?).await?;
            let started = Instant::now();
            // A broker that comes back has to fetch what it missed first.
            let in_sync = loop {
                let layout = cluster.layout().await?;
                let partitions = layout.topics.get(&topic).into_iter().flatten();
                let fewest = partitions.map(|partition| partition.in_sync).min();
                let enough = fewest.is_some_and(|fewest| fewest >= copies as usize);
                if enough || started.elapsed() > scene.patience {
                    break fewest;
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            };
            measures.push(Measure::equal(
                format!("{topic} replicas in sync afterwards"),
                in_sync,
                copies,
            ));
            Ok(measures)
        }
        .boxed()
    }
}

/// The broker that leads the topic's first partition, and where it is: its absence is felt.
fn leader(layout: &Layout, topic: &str) -> Result<(i32, String), Trouble> {
    let partitions = layout.topics.get(topic).into_iter().flatten();
    let first = partitions.min_by_key(|partition| partition.number);
    let found = first.and_then(|first| Some((first.leader, layout.brokers.get(&first.leader)?.clone())));
    found.ok_or_else(|| Trouble(format!("no broker leads the topic {topic}")))
}
