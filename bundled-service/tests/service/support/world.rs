//! What one test works in: topics, databases and a Redis of its own on servers that tests share.

use super::{
    Platform,
    events::Record,
    eventually, free_port,
    line::Line,
    postgres::{self, Database},
    process::{Process, User, command},
    redis::{Redis, Sentinels},
};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer},
};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::{Command, Output},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};
use vvbill_ingest::dead_letter::Letter;

static NUMBER: AtomicU32 = AtomicU32::new(0);
const PARTITIONS: i32 = 4;

pub(crate) struct World {
    pub(crate) platform: Arc<Platform>,
    pub(crate) redis: Redis,
    /// Where Redis runs under Sentinels, which then say where it is.
    pub(crate) sentinels: Option<Sentinels>,
    /// Where the service reaches each server over a line; the test itself does not.
    pub(crate) lines: Option<Lines>,
    pub(crate) name: String,
    folder: tempfile::TempDir,
    workers: AtomicU32,
}

/// Lines to what is the world's own; the broker has one already.
pub(crate) struct Lines {
    pub(crate) redis: Line,
    pub(crate) shards: [Line; 2],
}

impl World {
    /// With lines between the service and all that it needs.
    pub(crate) fn over_lines(platform: Arc<Platform>, test: &str) -> Self {
        Self::over_lines_with(platform, test, Redis::start())
    }

    pub(crate) fn over_lines_with(platform: Arc<Platform>, test: &str, redis: Redis) -> Self {
        let mut world = Self::with(platform, test, redis);
        world.lines = Some(Lines {
            redis: Line::to(world.redis.port),
            shards: [0, 1].map(|shard: usize| Line::to(world.platform.shards[shard].port())),
        });
        world
    }

    pub(crate) fn lines(&self) -> &Lines {
        self.lines.as_ref().expect("the world was made with lines")
    }

    /// To harm the platform, which must be this world's alone.
    pub(crate) fn platform_mut(&mut self) -> &mut Platform {
        Arc::get_mut(&mut self.platform).expect("nobody shares the platform")
    }

    pub(crate) fn new(test: &str) -> Self {
        Self::on(Platform::shared(), test)
    }

    pub(crate) fn on(platform: Arc<Platform>, test: &str) -> Self {
        Self::with(platform, test, Redis::start())
    }

    fn with(platform: Arc<Platform>, test: &str, redis: Redis) -> Self {
        let name = format!("{test}_{}", NUMBER.fetch_add(1, Relaxed));
        for shard in &platform.shards {
            shard
                .connect("postgres")
                .unwrap()
                .execute(&format!("create database {name}"));
        }
        let folder = tempfile::tempdir().unwrap();
        let world = Self {
            platform,
            redis,
            sentinels: None,
            lines: None,
            name,
            folder,
            workers: AtomicU32::new(0),
        };
        let migrated = world.run(&[
            "migrate",
            "--create-topics",
            "--partitions",
            "4",
            "--replication",
            "1",
        ]);
        assert!(
            migrated.status.success(),
            "{}",
            String::from_utf8_lossy(&migrated.stderr)
        );
        world
    }

    pub(crate) fn brokers(&self) -> String {
        self.platform.kafka.brokers()
    }

    pub(crate) fn dead_topic(&self) -> String {
        format!("{}-dead", self.name)
    }

    pub(crate) fn database(&self, shard: usize) -> Database {
        self.platform.shards[shard].connect(&self.name).unwrap()
    }

    /// The settings of this world, as variables.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let shards = [0, 1].map(|shard: usize| match &self.lines {
            Some(lines) => postgres::dsn(lines.shards[shard].port(), &self.name),
            None => self.platform.shards[shard].dsn(&self.name),
        });
        let (mode, redis) = match (&self.sentinels, &self.lines) {
            (Some(sentinels), _) => ("sentinel", sentinels.addresses()),
            (None, Some(lines)) => ("primary-endpoint", lines.redis.address()),
            (None, None) => ("primary-endpoint", self.redis.address()),
        };
        let brokers = match &self.lines {
            Some(_) => self.platform.kafka.line.address(),
            None => self.brokers(),
        };
        vec![
            ("VVBILL_INGEST_KAFKA_BROKERS", brokers),
            ("VVBILL_INGEST_TOPIC", self.name.clone()),
            ("VVBILL_INGEST_DEAD_LETTER_TOPIC", self.dead_topic()),
            ("VVBILL_INGEST_GROUP", self.name.clone()),
            ("VVBILL_INGEST_SHARDS", shards.join(";")),
            ("VVBILL_INGEST_REDIS_MODE", mode.to_owned()),
            ("VVBILL_INGEST_REDIS", redis),
            ("VVBILL_INGEST_SESSION_TIMEOUT_MS", "3000".to_owned()),
            ("VVBILL_INGEST_IDLE_INTERVAL_MS", "500".to_owned()),
        ]
    }

    /// Runs a command of the service to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_vvbill-ingest"))
            .args(arguments)
            .envs(self.variables())
            .output()
            .unwrap()
    }

    pub(crate) fn start_worker(&self) -> Process {
        self.start(&["--role", "worker"]).0
    }

    /// Starts the service; answers with the port that it listens on.
    pub(crate) fn start(&self, arguments: &[&str]) -> (Process, u16) {
        self.start_with(arguments, &[])
    }

    /// With variables beside the world's own.
    pub(crate) fn start_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> (Process, u16) {
        let number = self.workers.fetch_add(1, Relaxed);
        let port = free_port();
        let mut service = command(User::Same, env!("CARGO_BIN_EXE_vvbill-ingest"));
        service.arg("run").args(arguments).envs(self.variables());
        service.env("VVBILL_INGEST_LISTEN", format!("127.0.0.1:{port}"));
        service.envs(variables.iter().copied());
        let log = self.folder.path().join(format!("service-{number}.log"));
        (Process::start(&format!("service {number}"), service, &log), port)
    }

    /// A path in this world's own folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Sends records to Kafka, each acknowledged.
    pub(crate) fn send(&self, records: &[Record]) {
        let keyed: Vec<(String, Vec<u8>)> = (records.iter())
            .map(|record| (record.account.to_string(), record.json.clone().into_bytes()))
            .collect();
        self.send_raw(&keyed);
    }

    pub(crate) fn send_raw(&self, records: &[(String, Vec<u8>)]) {
        let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
            .set("bootstrap.servers", self.brokers())
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("message.max.bytes", "2000000")
            .set("message.timeout.ms", "0")
            .set("partitioner", "murmur2_random")
            .create()
            .unwrap();
        for (key, value) in records {
            let mut record = BaseRecord::to(&self.name).key(key).payload(value);
            while let Err((error, again)) = producer.send(record) {
                let full = KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
                assert_eq!(error, full);
                std::thread::sleep(Duration::from_millis(5));
                record = again;
            }
        }
        producer.flush(Duration::from_secs(60)).unwrap();
    }

    /// Deletes the events topic and makes one of the same name.
    pub(crate) fn make_topic_anew(&self) {
        let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
            .set("bootstrap.servers", self.brokers())
            .create()
            .unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let options = AdminOptions::new();
        runtime
            .block_on(admin.delete_topics(&[&self.name], &options))
            .unwrap()[0]
            .as_ref()
            .unwrap();
        eventually("the topic is made anew", 20, || {
            let topic = NewTopic::new(&self.name, PARTITIONS, TopicReplication::Fixed(1));
            let made = runtime.block_on(admin.create_topics(&[topic], &options)).unwrap();
            made[0].is_ok().then_some(())
        });
    }

    fn consumer(&self) -> BaseConsumer {
        ClientConfig::new()
            .set("bootstrap.servers", self.brokers())
            .set("group.id", "tests")
            .set("enable.auto.commit", "false")
            .create()
            .unwrap()
    }

    /// Waits until every shard has every record.
    pub(crate) fn wait_until_durable(&self, seconds: u64) {
        let consumer = self.consumer();
        let ends: BTreeMap<i32, i64> = (0..PARTITIONS)
            .map(|partition| {
                let timeout = Duration::from_secs(10);
                let (_, end) = consumer.fetch_watermarks(&self.name, partition, timeout).unwrap();
                (partition, end)
            })
            .collect();
        let databases = [self.database(0), self.database(1)];
        eventually("every shard has every record", seconds, || {
            databases
                .iter()
                .all(|database| {
                    let rows = database.query("select partition, next from watermarks");
                    let next: BTreeMap<i32, i64> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
                    ends.iter()
                        .all(|(number, end)| next.get(number).copied().unwrap_or(0) >= *end)
                })
                .then_some(())
        });
    }

    /// Rows on both shards, and the sum of their quantities.
    pub(crate) fn ledger(&self) -> (i64, i128) {
        let sql = "select count(*), coalesce(sum(quantity), 0)::text from events";
        (0..2).fold((0, 0), |(rows, sum), shard| {
            let row = &self.database(shard).query(sql)[0];
            let quantity: &str = row.get(1);
            (
                rows + row.get::<_, i64>(0),
                sum + quantity.parse::<i128>().unwrap(),
            )
        })
    }

    /// The verdict of `reconcile`, and whether it exited with 0.
    pub(crate) fn reconcile(&self) -> (serde_json::Value, bool) {
        let output = self.run(&["reconcile", "--json"]);
        let report = serde_json::from_slice(&output.stdout);
        let report = report.unwrap_or_else(|error| {
            panic!("{error}: {}", String::from_utf8_lossy(&output.stderr));
        });
        (report, output.status.success())
    }

    /// Fails unless every record is accounted for.
    pub(crate) fn assert_reconciled(&self) {
        let (report, equal) = self.reconcile();
        assert!(equal, "{report:#}");
    }

    /// Dead letters, one for each origin.
    pub(crate) fn dead_letters(&self) -> Vec<Letter> {
        let consumer = self.consumer();
        let topic = self.dead_topic();
        let timeout = Duration::from_secs(10);
        let mut list = TopicPartitionList::new();
        let mut left = 0;
        for partition in 0..PARTITIONS {
            let (low, high) = consumer.fetch_watermarks(&topic, partition, timeout).unwrap();
            left += high - low;
            list.add_partition_offset(&topic, partition, Offset::Beginning)
                .unwrap();
        }
        consumer.assign(&list).unwrap();
        let mut letters = BTreeMap::new();
        while left > 0 {
            let message = consumer.poll(timeout).expect("a letter in time").unwrap();
            let letter: Letter = serde_json::from_slice(message.payload().unwrap()).unwrap();
            letters.insert((letter.partition, letter.offset), letter);
            left -= 1;
        }
        letters.into_values().collect()
    }
}
