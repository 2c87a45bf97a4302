//! `kafka_mirror`: MirrorMaker 2, a Java process that copies topics from the first region's cluster to the second's.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Machine;
use super::kafka_broker::java;
use super::launch::{Launch, Stop};
use super::platform::known;
use super::server::{Common, File, Server, Site};
use super::template::render;
use crate::provider::{ProviderError, Readiness};
use crate::resource::Ref;

/// A mirror between two clusters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KafkaMirror {
    /// Name, folder and whether it runs.
    #[serde(flatten)]
    pub common: Common,
    /// What the cluster is called that it copies from.
    pub source: String,
    /// `host:port` of that cluster's brokers, by name.
    pub source_brokers: BTreeMap<String, Ref<String>>,
    /// What the cluster is called that it copies to.
    pub target: String,
    /// `host:port` of that cluster's brokers, by name.
    pub target_brokers: BTreeMap<String, Ref<String>>,
    /// The topics, which both have.
    pub topics: Vec<Ref<String>>,
    /// So many of its threads copy.
    pub tasks: u32,
    /// The folder of Kafka's jars.
    pub libraries: Ref<PathBuf>,
    /// Largest heap, in MiB.
    pub heap_mib: u64,
}

/// What others refer to.
#[derive(Debug, Serialize)]
pub(super) struct Outputs {
    /// The topic in which it notes what it has copied where, in the cluster that it copies to.
    pub offset_syncs_topic: String,
}

fn joined(brokers: &BTreeMap<String, Ref<String>>) -> Result<String, ProviderError> {
    let brokers = brokers
        .values()
        .map(|broker| known(broker, "brokers").map(String::as_str));
    Ok(brokers.collect::<Result<Vec<_>, _>>()?.join(","))
}

/// What it says as it starts, and once it copies.
const STARTING: &str = "Kafka MirrorMaker starting";
const COPIES: &str = "Source task finished initialization and start";
/// More than it says until it copies.
const TAIL_BYTES: u64 = 1 << 20;

/// Whether a mirror with such a log copies: it offers nothing else that tells. Where the beginning is no longer
/// among it, it has long been at work.
fn copies(log: &str) -> bool {
    log.rsplit_once(STARTING)
        .is_none_or(|(_, since)| since.contains(COPIES))
}

fn tail(log: &Path) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = std::fs::File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    // One that has no log has said nothing, that it starts least of all.
    read().map_or_else(
        |_| STARTING.to_owned(),
        |bytes| String::from_utf8_lossy(&bytes).into_owned(),
    )
}

impl KafkaMirror {
    fn offset_syncs_topic(&self) -> String {
        format!("mm2-offset-syncs.{}.internal", self.source)
    }

    fn properties_path(site: &Site) -> PathBuf {
        site.home.join("mirror.properties")
    }

    /// It has made the topic of its notes, and its tasks have begun to copy since it was started last.
    fn look(&self, log: &Path) -> Result<Readiness, ProviderError> {
        if !copies(&tail(log)) {
            return Ok(Readiness::Pending("has not begun to copy yet".into()));
        }
        let topic = self.offset_syncs_topic();
        let client: Result<BaseConsumer, _> = ClientConfig::new()
            .set("bootstrap.servers", joined(&self.target_brokers)?)
            .set("socket.timeout.ms", "5000")
            .create();
        let metadata = client.and_then(|client| client.fetch_metadata(None, Duration::from_secs(5)));
        Ok(match metadata {
            Ok(found) if found.topics().iter().any(|found| found.name() == topic) => Readiness::Ready,
            Ok(_) => Readiness::Pending("has noted nothing of what it copies yet".into()),
            Err(why) => Readiness::Pending(format!("the cluster that it copies to can't be asked: {why}")),
        })
    }
}

impl Server for KafkaMirror {
    const KIND: &'static str = "kafka_mirror";
    const REPLACE_ON: &'static [&'static str] = &["name", "folder", "source", "target"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["offset_syncs_topic"];
    const STOP: Stop = Stop {
        signal: Signal::TERM,
        limit: Duration::from_secs(5),
    };
    type Outputs = Outputs;

    fn common(&self) -> &Common {
        &self.common
    }

    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    /// It listens nowhere.
    fn ports(&self) -> Vec<u16> {
        Vec::new()
    }

    fn files(&self, site: &Site) -> Result<Vec<File>, ProviderError> {
        let topics = self
            .topics
            .iter()
            .map(|topic| known(topic, "topics").map(String::as_str));
        let topics = topics.collect::<Result<Vec<_>, _>>()?;
        let properties = render(
            "mirror.properties",
            &json!({
                "source": self.source,
                "source_brokers": joined(&self.source_brokers)?,
                "target": self.target,
                "target_brokers": joined(&self.target_brokers)?,
                "topics": topics.join(","),
                "tasks": self.tasks,
            }),
        )?;
        let logging = render("log4j2.properties", &json!({}))?;
        Ok(vec![
            File::new(Self::properties_path(site), properties),
            File::new(site.home.join("log4j2.properties"), logging),
        ])
    }

    fn launch(&self, _machine: &Machine, site: &Site) -> Result<Launch, ProviderError> {
        let options = [
            format!("-Xmx{}m", self.heap_mib),
            "-XX:+ExitOnOutOfMemoryError".to_owned(),
        ];
        let properties = Self::properties_path(site).display().to_string();
        let main = "org.apache.kafka.connect.mirror.MirrorMaker";
        Ok(Launch {
            program: self.common.program("java")?,
            arguments: java(&self.libraries, site, &options, main, &[&properties])?,
            environment: Vec::new(),
        })
    }

    async fn health(&self, site: &Site) -> Result<Readiness, ProviderError> {
        let (mirror, log) = (self.clone(), site.log.clone());
        tokio::task::spawn_blocking(move || mirror.look(&log))
            .await
            .map_err(|why| ProviderError::transient(format!("the look at the mirror broke off: {why}")))?
    }

    fn outputs(&self, _site: &Site) -> Outputs {
        Outputs {
            offset_syncs_topic: self.offset_syncs_topic(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A mirror that starts again is not taken for the one before it.
    #[test]
    fn it_copies_when_it_says_so_since_its_last_start() {
        let started = format!("{STARTING} with 1 herders.\n");
        let both = format!("{started}INFO task {COPIES}\n");
        assert!(!copies(&started));
        assert!(copies(&both));
        assert!(!copies(&format!("{both}{started}")));
        assert!(copies("INFO committing offsets\n"));
    }
}
