//! Everything here talks to moto's server, each test in a bucket of its own.

mod crash;
mod faults;
mod fences;
mod line;
mod objects;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use serde_json::json;
use vvbill::state::Store;
use vvbill::state::store::s3::{Pace, S3Store};
use vvbill::state::store::{Expect, Object};

use crate::proxy::Proxy;
use crate::rig::Rig;

/// A bucket's name that no other test has.
pub fn bucket() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("states-{}-{number}", std::process::id())
}

/// A state's URL in a bucket that doesn't exist yet.
pub fn url() -> String {
    format!("s3://{}/billing/production", bucket())
}

pub async fn config(endpoint: &str, region: Option<&'static str>) -> SdkConfig {
    let credentials = Credentials::new("test", "test", None, None, "test");
    let config = aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .credentials_provider(credentials)
        .region(region.map(Region::new))
        .load()
        .await;
    // Whatever the environment has: the test says which.
    config.into_builder().region(region.map(Region::new)).build()
}

/// Quick enough for a test, patient enough for its faults.
pub fn pace() -> Pace {
    Pace {
        answer: Duration::from_secs(5),
        give_up: Duration::from_secs(20),
        first_pause: Duration::from_millis(2),
        longest_pause: Duration::from_millis(50),
        look_at_lock: Duration::from_millis(100),
    }
}

pub async fn store(proxy: &Proxy, url: &str) -> Arc<S3Store> {
    store_with(proxy, url, pace()).await
}

pub async fn store_with(proxy: &Proxy, url: &str, pace: Pace) -> Arc<S3Store> {
    let config = config(&proxy.url(), Some("us-east-1")).await;
    Arc::new(S3Store::new(&config, url).unwrap().with_pace(pace))
}

/// For tests of what versions alone refuse.
pub fn blind() -> Pace {
    Pace {
        look_at_lock: Duration::from_secs(3600),
        ..pace()
    }
}

/// Puts a lock of that id there, whatever stands there.
pub async fn take_lock(store: &S3Store, id: &str) {
    let holder = json!({
        "id": id, "who": "somebody@runner-1", "host": "runner-1", "pid": 1, "operation": "test",
        "since": "2026-01-01T00:00:00Z", "renewed_at": "2026-01-01T00:00:00Z", "lease_ms": 1000,
    });
    let bytes = serde_json::to_vec(&holder).unwrap();
    let written = Store::write(store, &Object::Lock, bytes, Expect::Anything, &None).await;
    written.unwrap();
}

/// The engine over a state on S3 and a simulated world.
pub async fn rig(proxy: &Proxy, url: &str, seed: u64) -> Rig {
    let mut rig = Rig::new(seed);
    rig.store = store(proxy, url).await;
    rig
}

/// The SDK itself, past proxy and store.
pub async fn sdk() -> aws_sdk_s3::Client {
    let endpoint = format!("http://{}", crate::moto::address());
    let config = config(&endpoint, Some("us-east-1")).await;
    let config = aws_sdk_s3::config::Builder::from(&config)
        .force_path_style(true)
        .build();
    aws_sdk_s3::Client::from_conf(config)
}
