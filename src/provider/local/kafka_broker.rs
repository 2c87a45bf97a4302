//! `kafka_broker`: one broker that is also a controller (KRaft), a Java process.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Machine;
use super::launch::{Launch, Stop};
use super::platform::known;
use super::server::{Common, File, Server, Site};
use super::template::{lines, render};
use crate::provider::{ProviderError, Readiness};
use crate::resource::Ref;

/// One of the cluster's brokers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KafkaBroker {
    /// Name, folder and whether it runs.
    #[serde(flatten)]
    pub common: Common,
    /// Its number in the cluster.
    pub node_id: u32,
    /// Where clients and other brokers reach it.
    pub port: u16,
    /// Every node's number and the port that its controller listens on.
    pub voters: BTreeMap<u32, u16>,
    /// The identity of the cluster.
    pub cluster_id: Ref<String>,
    /// The folder of its data.
    pub data: Ref<PathBuf>,
    /// The folder of Kafka's jars.
    pub libraries: Ref<PathBuf>,
    /// Largest heap, in MiB.
    pub heap_mib: u64,
    /// Heap at the start, in MiB.
    pub initial_heap_mib: u64,
    /// Where the JVM serves its metrics over JMX; null: nowhere.
    pub jmx_port: Option<u16>,
    /// What `server.properties` says beyond identity and listeners.
    pub settings: BTreeMap<String, String>,
}

/// Where it is reached.
#[derive(Debug, Serialize)]
pub(super) struct Outputs {
    /// `HOST:PORT`.
    pub endpoint: String,
}

/// Arguments of a `java` that runs `main` from Kafka's `libraries`, with its log where the server's is.
pub(super) fn java(
    libraries: &Ref<PathBuf>,
    site: &Site,
    options: &[String],
    main: &str,
    arguments: &[&str],
) -> Result<Vec<OsString>, ProviderError> {
    let logging = site.home.join("log4j2.properties");
    let classes = known(libraries, "libraries")?.join("*");
    let fixed = [
        "-XX:+UseSerialGC",
        // Starts in half the time; on few cores the second compiler takes them from the work itself.
        "-XX:TieredStopAtLevel=1",
        "-Xshare:auto",
        "-Djava.awt.headless=true",
    ];
    let mut all: Vec<OsString> = fixed.iter().map(OsString::from).collect();
    all.extend(options.iter().map(OsString::from));
    all.push(format!("-Dlog4j2.configurationFile={}", logging.display()).into());
    // What a killed process leaves (unpacked native libraries) goes with the platform.
    all.push(format!("-Djava.io.tmpdir={}", site.home.display()).into());
    all.extend(["-cp".into(), classes.into_os_string(), main.into()]);
    all.extend(arguments.iter().map(OsString::from));
    Ok(all)
}

impl KafkaBroker {
    /// What only the broker itself gets, not its formatting tool.
    fn options(&self) -> Vec<String> {
        let mut options = vec![
            format!("-Xms{}m", self.initial_heap_mib),
            format!("-Xmx{}m", self.heap_mib),
            "-XX:+ExitOnOutOfMemoryError".to_string(),
        ];
        if let Some(port) = self.jmx_port {
            let host = self.common.host;
            options.extend([
                format!("-Dcom.sun.management.jmxremote.port={port}"),
                format!("-Dcom.sun.management.jmxremote.rmi.port={port}"),
                format!("-Dcom.sun.management.jmxremote.host={host}"),
                format!("-Djava.rmi.server.hostname={host}"),
                "-Dcom.sun.management.jmxremote.authenticate=false".to_string(),
                "-Dcom.sun.management.jmxremote.ssl=false".to_string(),
            ]);
        }
        options
    }

    fn properties_path(site: &Site) -> PathBuf {
        site.home.join("server.properties")
    }
}

impl Server for KafkaBroker {
    const KIND: &'static str = "kafka_broker";
    const REPLACE_ON: &'static [&'static str] = &["name", "folder", "host", "port", "node_id"];
    const STABLE_OUTPUTS: &'static [&'static str] = &["endpoint"];
    /// A broker that has lost its quorum would wait minutes for it; its log stands a kill.
    const STOP: Stop = Stop {
        signal: Signal::TERM,
        limit: Duration::from_secs(12),
    };
    const DEADLINE: Duration = Duration::from_secs(180);
    type Outputs = Outputs;

    fn common(&self) -> &Common {
        &self.common
    }

    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    fn ports(&self) -> Vec<u16> {
        [
            Some(self.port),
            self.voters.get(&self.node_id).copied(),
            self.jmx_port,
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn files(&self, site: &Site) -> Result<Vec<File>, ProviderError> {
        let voters: Vec<String> = self
            .voters
            .iter()
            .map(|(node, port)| format!("{node}@{}", self.common.endpoint(*port)))
            .collect();
        let properties = render(
            "server.properties",
            &json!({
                "node_id": self.node_id,
                "listener": self.common.endpoint(self.port),
                "controller": self.voters.get(&self.node_id).map(|port| self.common.endpoint(*port)),
                "voters": voters.join(","),
                "data": known(&self.data, "data")?,
                "settings": lines(&self.settings),
            }),
        )?;
        let logging = render("log4j2.properties", &json!({}))?;
        Ok(vec![
            File::new(Self::properties_path(site), properties),
            File::new(site.home.join("log4j2.properties"), logging),
        ])
    }

    async fn prepare(&self, _machine: &Machine, site: &Site) -> Result<(), ProviderError> {
        if known(&self.data, "data")?.join("meta.properties").exists() {
            return Ok(());
        }
        for file in self.files(site)? {
            site.platform.write(&file.path, file.content.as_bytes(), 0o600)?;
        }
        let properties = Self::properties_path(site).display().to_string();
        let identity = known(&self.cluster_id, "cluster_id")?;
        let arguments = ["format", "--ignore-formatted", "-t", identity, "-c", &properties];
        let arguments = java(&self.libraries, site, &[], "kafka.tools.StorageTool", &arguments)?;
        let limit = Duration::from_secs(60);
        site.platform
            .run(&self.common.program("java")?, &arguments, &[], limit)
            .await?;
        Ok(())
    }

    fn launch(&self, _machine: &Machine, site: &Site) -> Result<Launch, ProviderError> {
        let properties = Self::properties_path(site).display().to_string();
        Ok(Launch {
            program: self.common.program("java")?,
            arguments: java(
                &self.libraries,
                site,
                &self.options(),
                "kafka.Kafka",
                &[&properties],
            )?,
            environment: Vec::new(),
        })
    }

    async fn health(&self, _site: &Site) -> Result<Readiness, ProviderError> {
        let broker = self.clone();
        tokio::task::spawn_blocking(move || broker.look())
            .await
            .map_err(|why| ProviderError::transient(format!("the look at the broker broke off: {why}")))
    }

    fn outputs(&self, _site: &Site) -> Outputs {
        Outputs {
            endpoint: self.common.endpoint(self.port),
        }
    }

    fn restarts_one_by_one(&self) -> Option<String> {
        Some("restart".into())
    }
}

impl KafkaBroker {
    /// Asks the broker itself: is it registered, and does it hold all that it should?
    fn look(&self) -> Readiness {
        let client: Result<BaseConsumer, _> = ClientConfig::new()
            .set("bootstrap.servers", self.common.endpoint(self.port))
            .set("socket.timeout.ms", "5000")
            .create();
        let metadata = client.and_then(|client| client.fetch_metadata(None, Duration::from_secs(5)));
        let Ok(metadata) = metadata else {
            return Readiness::Pending("does not answer yet".into());
        };
        let me = i32::try_from(self.node_id).unwrap_or(i32::MAX);
        if !metadata.brokers().iter().any(|broker| broker.id() == me) {
            return Readiness::Pending("is not registered with the controllers yet".into());
        }
        let behind = metadata
            .topics()
            .iter()
            .flat_map(|topic| topic.partitions())
            .filter(|partition| partition.replicas().contains(&me) && !partition.isr().contains(&me))
            .count();
        match behind {
            0 => Readiness::Ready,
            count => Readiness::Pending(format!("{count} partitions are catching up")),
        }
    }
}
