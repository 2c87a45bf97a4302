//! Faults between the service and each server, and of the servers themselves. The verdict is always the same: each
//! acknowledged event is one row, rollups and usage are its sums, and nobody had to help the service.

mod clocks;
mod disk_full;
mod kafka;
mod postgres;
mod redis;
mod rolled_back;
mod soak;
mod stopped;

use crate::support::{
    Platform,
    api::Api,
    events::Generator,
    eventually,
    line::{HALF_OPEN, Mode, Ways},
    postgres::Database,
    process::Process,
    stream::Stream,
    world::World,
};
use std::{sync::Arc, time::Duration};

/// Bounds of the service, shorter than its defaults so that a fault need not last long.
const API_FLAGS: [&str; 4] = ["--produce-timeout-ms", "3000", "--shard-timeout-ms", "2000"];
const WORKER_FLAGS: [&str; 6] = [
    "--role",
    "worker",
    "--produce-timeout-ms",
    "3000",
    "--shard-timeout-ms",
    "2000",
];
const REDIS_TIMEOUT: [&str; 2] = ["--redis-timeout-ms", "1000"];

const SLOW: Mode = Mode::Delay(Duration::from_millis(150));
const REQUESTS_LOST: Mode = Mode::Lost(Ways::ToServer);
const ANSWERS_LOST: Mode = Mode::Lost(Ways::ToClient);
const EVERY_MODE: [Mode; 5] = [Mode::Cut, SLOW, HALF_OPEN, REQUESTS_LOST, ANSWERS_LOST];

/// An API and a worker, each over lines to all servers, and a stream of events through both.
struct Scene {
    world: World,
    api: Api,
    worker: Process,
    stream: Stream,
}

impl Scene {
    /// On a platform of its own.
    fn harmful(name: &str) -> Self {
        Self::on(World::over_lines(Arc::new(Platform::start()), name), name)
    }

    /// On the platform that tests share, for faults of what is the world's own.
    fn shared(name: &str) -> Self {
        Self::on(World::over_lines(Platform::shared(), name), name)
    }

    fn on(world: World, name: &str) -> Self {
        Self::with(world, name, &[])
    }

    /// With variables for both processes.
    fn with(world: World, name: &str, variables: &[(&str, &str)]) -> Self {
        let flags = [API_FLAGS.as_slice(), &REDIS_TIMEOUT].concat();
        let api = Api::start_with(&world, &flags, variables);
        let flags = [WORKER_FLAGS.as_slice(), &REDIS_TIMEOUT].concat();
        let (worker, _) = world.start_with(&flags, variables);
        let stream = Stream::start(&api.client, Generator::new(name, 40));
        stream.wait_until_taken(20);
        let databases = [world.database(0), world.database(1)];
        eventually("both shards have rows", 20, || {
            let rows = |database: &Database| database.number("select count(*) from events");
            databases.iter().all(|database| rows(database) > 0).then_some(())
        });
        Self {
            world,
            api,
            worker,
            stream,
        }
    }

    fn start_worker(&self) -> Process {
        let flags = [WORKER_FLAGS.as_slice(), &REDIS_TIMEOUT].concat();
        self.world.start(&flags).0
    }

    /// Rows that a shard has not had yet.
    fn wait_for_rows(&self, shard: usize, within_seconds: u64) {
        let database = self.world.database(shard);
        let rows = || database.number("select count(*) from events");
        let before = rows();
        eventually("the shard has more rows", within_seconds, || {
            (rows() > before).then_some(())
        });
    }

    /// Neither process has ended; then the verdict, within so many seconds.
    fn end(mut self, seconds: u64) {
        let generator = self.stream.finish();
        self.world.assert_right(&generator, &self.api.client, seconds);
        self.worker.assert_alive();
        self.api.process.assert_alive();
    }
}
