//! Servers and a world for each test: a topic, a Redis and two databases of its own.
//!
//! Servers listen on loopback, on ports that were free, in temporary folders. They end with the last
//! test that uses them; should the test process die, the kernel ends them.

pub(crate) mod api;
pub(crate) mod clock;
pub(crate) mod disk;
pub(crate) mod events;
pub(crate) mod kafka;
pub(crate) mod line;
pub(crate) mod postgres;
pub(crate) mod process;
pub(crate) mod redis;
pub(crate) mod stream;
pub(crate) mod verdict;
pub(crate) mod world;

use kafka::Kafka;
use postgres::Postgres;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// What tests share: a broker and two Postgres servers.
pub(crate) struct Platform {
    pub(crate) kafka: Kafka,
    pub(crate) shards: [Postgres; 2],
}

static SHARED: Mutex<Weak<Platform>> = Mutex::new(Weak::new());

impl Platform {
    /// The platform that tests of this moment share.
    pub(crate) fn shared() -> Arc<Self> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(platform) = shared.upgrade() {
            return platform;
        }
        let platform = Arc::new(Self::start());
        *shared = Arc::downgrade(&platform);
        platform
    }

    /// One for a test that harms it.
    pub(crate) fn start() -> Self {
        let kafka = Kafka::start();
        Self {
            kafka,
            shards: [Postgres::start(), Postgres::start()],
        }
    }
}

pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Tries until it holds; fails after `seconds`.
pub(crate) fn eventually<T>(what: &str, seconds: u64, mut attempt: impl FnMut() -> Option<T>) -> T {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(seconds);
    loop {
        if let Some(found) = attempt() {
            return found;
        }
        assert!(
            std::time::Instant::now() < deadline,
            "not within {seconds} s: {what}"
        );
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}
