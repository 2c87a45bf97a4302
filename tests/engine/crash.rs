//! SIGKILL at every point: before and after each journal write, each state write and each verb.
//!
//! The test starts itself as a child process, which applies and kills itself at the point that it is told.
//! The world's file outlasts it and is the judge of the next run.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use rustix::process::{Signal, getpid, kill_process};
use serde_json::json;
use vvbill::apply::{self, Event, Interrupt, Session};
use vvbill::plan::{self, Options};
use vvbill::provider::{Providers, simulated};
use vvbill::resource::Desired;
use vvbill::state::store::{Blob, Expect, Fence, Object, Version};
use vvbill::state::{FileStore, LockOptions, Store, StoreError};

use crate::rig::{KINDS, Rig, address, desired, output, quick};

/// Platform 1, and what becomes of it: changed, restarted, replaced in both orders, removed, added.
pub fn platform(which: u32, count: usize) -> Vec<Desired> {
    let first = which == 1;
    let mut all = Vec::new();
    for number in 0..count {
        let kind = KINDS[number % KINDS.len()];
        let gone = number % 7 == 6;
        if gone && !first {
            continue;
        }
        let mut properties = json!({ "image": "image-1", "memory": 256 });
        if let Some(before) = number.checked_sub(1).filter(|before| before % 7 != 6) {
            let of = address(KINDS[before % KINDS.len()], &format!("r{before}"));
            let field = if number % 3 == 0 { "network" } else { "uses" };
            let reference = output(&of, "endpoint");
            properties[field] = if field == "uses" {
                json!({ "before": reference })
            } else {
                reference
            };
        }
        if !first {
            match number % 4 {
                0 => properties["size"] = json!(9),
                1 => properties["memory"] = json!(512),
                2 => properties["image"] = json!("image-2"),
                _ => {}
            }
        }
        all.push(desired(kind, &format!("r{number}"), properties));
    }
    if !first {
        all.push(desired("volume", "late", json!({})));
    }
    all
}

/// Protects: an apply that makes things, killed at any point, is taken up by the next one: it converges,
/// without a second copy and without an orphan.
#[test]
fn killed_at_every_point_while_things_are_made() {
    kill_at_every_point(1, "crash::killed_at_every_point_while_things_are_made");
}

/// Protects: the same while things are changed, restarted, replaced in both orders, removed and added.
#[test]
fn killed_at_every_point_while_things_are_changed() {
    kill_at_every_point(2, "crash::killed_at_every_point_while_things_are_changed");
}

fn kill_at_every_point(which: u32, test: &str) {
    if is_child() {
        return child();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut points = 0;
    loop {
        let rig = Rig::new(7);
        if which == 2 {
            runtime.block_on(rig.converge(&platform(1, 8), 1));
        }
        if !run_child(&rig, test, which, Some(points)) {
            break;
        }
        assert!(!run_child(&rig, test, which, None), "nobody told it to die");
        let rig = rig.reopen(7);
        runtime.block_on(rig.judge(&platform(which, 8)));
        points += 1;
    }
    println!("{points} points");
    assert!(points > 60, "only {points} points to be killed at");
}

/// True where it was killed; anything else than that or success is a failure.
fn run_child(rig: &Rig, test: &str, which: u32, kill_at: Option<usize>) -> bool {
    let command = Command::new(std::env::current_exe().unwrap());
    let mut command = child_command(command, test);
    command
        .env("VVBILL_TEST_CHILD", rig.path())
        .env("VVBILL_TEST_PLATFORM", which.to_string())
        .env("VVBILL_TEST_COUNT", "8")
        .env("VVBILL_TEST_WORLD", rig.file("world"));
    if let Some(point) = kill_at {
        command.env("VVBILL_TEST_KILL_AT", point.to_string());
    }
    let output = command.output().unwrap();
    let killed = std::os::unix::process::ExitStatusExt::signal(&output.status) == Some(9);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(killed || output.status.success(), "at point {kill_at:?}: {text}");
    killed
}

/// This very test binary, running one test as a child.
pub fn child_command(mut command: Command, test: &str) -> Command {
    command
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .stdin(Stdio::null());
    command
}

pub fn is_child() -> bool {
    std::env::var_os("VVBILL_TEST_CHILD").is_some()
}

fn variable(name: &str) -> Option<usize> {
    std::env::var(name).ok()?.parse().ok()
}

/// One apply in this process; dies at the point that it is told. Panics where the apply fails.
pub fn child() {
    let folder = PathBuf::from(std::env::var_os("VVBILL_TEST_CHILD").unwrap());
    let (which, count) = (
        variable("VVBILL_TEST_PLATFORM").unwrap(),
        variable("VVBILL_TEST_COUNT").unwrap(),
    );
    let point = Arc::new(Point {
        left: AtomicUsize::new(variable("VVBILL_TEST_KILL_AT").unwrap_or(usize::MAX)),
    });
    let at_verbs = point.clone();
    let world = simulated::World::open(&PathBuf::from(std::env::var_os("VVBILL_TEST_WORLD").unwrap()), 7)
        .unwrap()
        .with_checkpoint(move |_| at_verbs.pass());
    let providers = Providers::new(vec![Arc::new(simulated::provider(world))]);
    let store: Arc<dyn Store> = Arc::new(Deadly {
        store: FileStore::new(folder),
        point,
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let options = LockOptions {
            lease: Duration::from_millis(50),
            timeout: Duration::from_secs(20),
            ..LockOptions::new("apply")
        };
        let observer = |_: &Event| {};
        let mut session = Session::open(store, Some(options), &observer)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        let observed = apply::observe(&mut session, &providers, 10, true, &observer)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        let input = plan::Input {
            name: "test",
            target: "simulated",
            desired: platform(u32::try_from(which).unwrap(), count),
            state: session.state(),
            observed,
            facts: &|address| providers.facts(address),
            now: jiff::Timestamp::now(),
        };
        let plan = plan::make(input, &Options::default()).unwrap();
        let interrupt = Interrupt::new();
        let result = apply::apply(&mut session, &providers, &plan, &quick(), &observer, &interrupt).await;
        let outcome = result.unwrap_or_else(|error| panic!("{error}"));
        assert!(outcome.is_success(), "{:?}", outcome.failed);
        session.close().await.unwrap();
    });
}

/// Counts down at each point that is passed; at zero the process dies, as by the kernel's hand.
struct Point {
    left: AtomicUsize,
}

impl Point {
    fn pass(&self) {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 0 {
            let _ = kill_process(getpid(), Signal::KILL);
            loop {
                std::thread::park();
            }
        }
    }
}

/// A file store with a point before and after each write.
struct Deadly {
    store: FileStore,
    point: Arc<Point>,
}

impl Deadly {
    fn around<'a, T: Send + 'a>(
        &'a self,
        write: BoxFuture<'a, Result<T, StoreError>>,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        async move {
            self.point.pass();
            let result = write.await;
            self.point.pass();
            result
        }
        .boxed()
    }
}

impl Store for Deadly {
    fn place(&self, object: &Object) -> String {
        self.store.place(object)
    }

    fn journal_place(&self) -> String {
        self.store.journal_place()
    }

    fn read<'a>(&'a self, object: &'a Object) -> BoxFuture<'a, Result<Option<Blob>, StoreError>> {
        self.store.read(object)
    }

    fn write<'a>(
        &'a self,
        object: &'a Object,
        bytes: Vec<u8>,
        expect: Expect,
        fence: &'a Fence,
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        self.around(self.store.write(object, bytes, expect, fence))
    }

    fn remove<'a>(&'a self, object: &'a Object, expect: Expect) -> BoxFuture<'a, Result<(), StoreError>> {
        self.around(self.store.remove(object, expect))
    }

    fn read_journal(&self) -> BoxFuture<'_, Result<Vec<u8>, StoreError>> {
        self.store.read_journal()
    }

    fn append<'a>(&'a self, bytes: Vec<u8>, fence: &'a Fence) -> BoxFuture<'a, Result<(), StoreError>> {
        self.around(self.store.append(bytes, fence))
    }

    fn archive_journal<'a>(&'a self, fence: &'a Fence) -> BoxFuture<'a, Result<(), StoreError>> {
        self.around(self.store.archive_journal(fence))
    }
}
