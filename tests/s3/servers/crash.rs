//! SIGKILL at any request to S3, before it is carried out and after: the test starts itself as a child process.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::RngExt;
use serde_json::json;
use vvbill::apply::{self, Event, Interrupt, Session};
use vvbill::plan::{self, Options};
use vvbill::provider::{Providers, simulated};
use vvbill::resource::Desired;
use vvbill::state::LockOptions;
use vvbill::state::store::s3::S3Store;

use super::{rig, url};
use crate::proxy::{Hold, Proxy};
use crate::rig::{desired, output, quick, random, seed};

const TEST: &str = "servers::crash::killed_at_any_request";

fn platform(size: u32) -> Vec<Desired> {
    let mut all: Vec<Desired> = Vec::new();
    for (number, kind) in ["node", "volume", "gateway", "binding", "template"]
        .into_iter()
        .enumerate()
    {
        let mut properties = json!({ "size": size, "image": "image-1", "memory": 256 });
        if let Some(before) = all.last() {
            properties["uses"] = json!({ "before": output(&before.address, "endpoint") });
        }
        all.push(desired(kind, &format!("r{number}"), properties));
    }
    all
}

/// Protects: a runner that is killed at any request, while things are made and while they are changed: the next
/// one waits for its lease and goes on; nothing twice, nothing left behind, no update lost.
#[test]
fn killed_at_any_request() {
    if std::env::var_os("VVBILL_TEST_CHILD").is_some() {
        return child();
    }
    let seed = seed();
    let mut random = random(seed);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    for changing in [false, true] {
        let mut points = 0;
        let mut at = random.random_range(0..3);
        loop {
            let url = url();
            let quiet = Proxy::new(seed);
            let rig = runtime.block_on(rig(&quiet, &url, 7));
            if changing {
                runtime.block_on(rig.converge(&platform(1), 1));
            }
            let size = if changing { 2 } else { 1 };
            let proxy = Proxy::new(seed);
            let after = random.random_bool(0.5);
            proxy.hold(Hold { at, after });
            let killed = run_child(&proxy, &url, rig.path(), size);
            let mut rig = rig.reopen(7);
            rig.store = runtime.block_on(super::store(&quiet, &url));
            runtime.block_on(rig.converge(&platform(size), 2));
            runtime.block_on(rig.judge(&platform(size)));
            if !killed {
                break;
            }
            points += 1;
            at += random.random_range(1..4);
        }
        println!("killed at {points} points");
        assert!(points > 8, "only {points} points to be killed at");
    }
}

/// True where it was killed.
fn run_child(proxy: &Proxy, url: &str, folder: &std::path::Path, size: u32) -> bool {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([TEST, "--exact", "--nocapture", "--test-threads=1"])
        .env("VVBILL_TEST_CHILD", folder)
        .env("VVBILL_TEST_ENDPOINT", proxy.url())
        .env("VVBILL_TEST_URL", url)
        .env("VVBILL_TEST_SIZE", size.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let started = Instant::now();
    loop {
        if proxy.holds() {
            child.kill().unwrap();
            child.wait().unwrap();
            return true;
        }
        if let Some(status) = child.try_wait().unwrap() {
            let output = child.wait_with_output().unwrap();
            assert!(status.success(), "{}", String::from_utf8_lossy(&output.stdout));
            return false;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "the child hangs");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// One apply in this process.
fn child() {
    let variable = |name: &str| std::env::var(name).unwrap();
    let world = PathBuf::from(variable("VVBILL_TEST_CHILD")).join("world");
    let world = simulated::World::open(&world, 7).unwrap();
    let providers = Providers::new(vec![Arc::new(simulated::provider(world))]);
    let desired = platform(variable("VVBILL_TEST_SIZE").parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let config = super::config(&variable("VVBILL_TEST_ENDPOINT"), Some("us-east-1")).await;
        let store = S3Store::new(&config, &variable("VVBILL_TEST_URL")).unwrap();
        let options = LockOptions {
            lease: Duration::from_millis(200),
            timeout: Duration::from_secs(20),
            ..LockOptions::new("apply")
        };
        let observer = |_: &Event| {};
        let mut session = Session::open(Arc::new(store), Some(options), &observer)
            .await
            .unwrap();
        let observed = apply::observe(&mut session, &providers, 10, true, &observer)
            .await
            .unwrap();
        let input = plan::Input {
            name: "test",
            target: "simulated",
            desired,
            state: session.state(),
            observed,
            facts: &|address| providers.facts(address),
            now: jiff::Timestamp::now(),
        };
        let plan = plan::make(input, &Options::default()).unwrap();
        let result = apply::apply(
            &mut session,
            &providers,
            &plan,
            &quick(),
            &observer,
            &Interrupt::new(),
        )
        .await;
        let outcome = result.unwrap_or_else(|error| panic!("{error}"));
        assert!(outcome.is_success(), "{:?}", outcome.failed);
        session.close().await.unwrap();
    });
}
