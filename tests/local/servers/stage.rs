//! A folder, free ports and the provider; what still runs when a test ends is ended, by pid.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rand::RngExt;
use serde_json::{Value, json};
use vvbill::provider::local::{Machine, provider};
use vvbill::provider::{Provider, ProviderError, Readiness, Typed};
use vvbill::resource::{Address, Observed, diff};

pub(crate) struct Stage {
    pub(crate) provider: Typed<Machine>,
    pub(crate) root: PathBuf,
    temporary: Option<tempfile::TempDir>,
    /// Given back last, when everything of the stage has ended.
    #[allow(dead_code)]
    turn: Option<MutexGuard<'static, ()>>,
}

/// Platforms that are timed stand one at a time.
static TURN: Mutex<()> = Mutex::new(());

/// An address of that kind: the provider reads no more from it.
pub(crate) fn any(kind: &str) -> Address {
    Address::new("local", "global", kind, "any")
}

/// A resource that stands.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    pub(crate) kind: &'static str,
    pub(crate) id: String,
    pub(crate) properties: Value,
    pub(crate) outputs: Value,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let temporary = tempfile::Builder::new()
            .prefix("vvbill-local-")
            .tempdir()
            .unwrap();
        fs::set_permissions(temporary.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let root = temporary.path().to_path_buf();
        let mut stage = Self::at(&root);
        stage.temporary = Some(temporary);
        stage
    }

    /// For a whole platform whose answers are timed: no other such stands meanwhile.
    pub(crate) fn timed() -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut stage = Self::new();
        stage.turn = Some(turn);
        stage
    }

    /// On a stage that another process set.
    pub(crate) fn at(root: &Path) -> Self {
        Self {
            provider: provider(Machine::new(root)),
            root: root.to_path_buf(),
            temporary: None,
            turn: None,
        }
    }

    /// The platform's folder, made.
    pub(crate) async fn folder(&self) -> Standing {
        self.stand(
            "platform_folder",
            json!({ "path": "platform", "run_as": "nobody" }),
        )
        .await
    }

    /// A data folder's path.
    pub(crate) async fn data(&self, folder: &str, name: &str) -> Standing {
        self.stand("data_folder", json!({ "name": name, "folder": folder }))
            .await
    }

    /// A secret's path.
    pub(crate) async fn secret(&self, folder: &str, name: &str) -> Standing {
        self.stand(
            "secret_file",
            json!({ "name": name, "folder": folder, "source": null }),
        )
        .await
    }

    /// Creates, waits until it is ready, and checks that what is observed is what was asked for.
    pub(crate) async fn stand(&self, kind: &'static str, properties: Value) -> Standing {
        let id = self
            .create(kind, &properties)
            .await
            .unwrap_or_else(|why| panic!("{kind}: {why}"));
        self.ready(kind, &properties, &id).await;
        let found = self
            .observe(kind, &id)
            .await
            .unwrap_or_else(|| panic!("{kind} {id} is not there"));
        assert_eq!(diff(&properties, &found.properties), [], "{kind} {id} differs");
        Standing {
            kind,
            id,
            properties,
            outputs: found.outputs,
        }
    }

    pub(crate) async fn create(&self, kind: &str, properties: &Value) -> Result<String, ProviderError> {
        self.provider
            .create(&any(kind), properties.clone(), "token")
            .await
    }

    pub(crate) async fn observe(&self, kind: &str, id: &str) -> Option<Observed> {
        self.provider.observe(&any(kind), id).await.unwrap()
    }

    pub(crate) async fn ready(&self, kind: &str, properties: &Value, id: &str) {
        let start = Instant::now();
        loop {
            match self
                .provider
                .readiness(&any(kind), properties.clone(), id)
                .await
                .unwrap()
            {
                Readiness::Ready => return,
                Readiness::Failed(why) => panic!("{kind} {id}: {why}"),
                Readiness::Pending(why) => {
                    assert!(start.elapsed() < Duration::from_secs(90), "{kind} {id}: {why}")
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Brings a standing resource to other properties, waits, and checks that they are observed.
    pub(crate) async fn update(&self, standing: &Standing, properties: Value) -> Standing {
        let Standing { kind, id, .. } = standing;
        let found = self.observe(kind, id).await.unwrap();
        let changes = diff(&properties, &found.properties);
        assert!(!changes.is_empty(), "{kind} {id}: nothing to update");
        self.provider
            .update(&any(kind), properties.clone(), id, &changes)
            .await
            .unwrap();
        self.ready(kind, &properties, id).await;
        let found = self.observe(kind, id).await.unwrap();
        assert_eq!(diff(&properties, &found.properties), [], "{kind} {id} differs");
        Standing {
            properties,
            outputs: found.outputs,
            ..standing.clone()
        }
    }

    /// Deletes, and checks that nothing is observed any more.
    pub(crate) async fn delete(&self, standing: &Standing) {
        self.provider
            .delete(&any(standing.kind), &standing.id)
            .await
            .unwrap();
        assert_eq!(self.observe(standing.kind, &standing.id).await, None);
        self.provider
            .delete(&any(standing.kind), &standing.id)
            .await
            .expect("deleting what is gone is no error");
    }

    /// Every process whose marker lies under the stage, found without the code under test.
    pub(crate) fn processes(&self) -> Vec<i32> {
        marked(&self.root)
            .into_iter()
            .chain(self.platform_elsewhere().iter().flat_map(|path| marked(path)))
            .collect()
    }

    fn platform_elsewhere(&self) -> Option<PathBuf> {
        fs::read_link(self.root.join("platform")).ok()
    }
}

impl Standing {
    pub(crate) fn output(&self, name: &str) -> String {
        self.outputs[name]
            .as_str()
            .unwrap_or_else(|| panic!("no output {name} in {}", self.outputs))
            .to_string()
    }

    /// Where the process that runs is recorded.
    pub(crate) fn pid(&self) -> i32 {
        let record = fs::read(Path::new(&self.id).join("process.json")).unwrap();
        let record: Value = serde_json::from_slice(&record).unwrap();
        i32::try_from(record["pid"].as_i64().unwrap()).unwrap()
    }

    pub(crate) fn with(&self, change: Value) -> Value {
        let mut properties = self.properties.clone();
        let Value::Object(change) = change else {
            panic!("not an object")
        };
        properties.as_object_mut().unwrap().extend(change);
        properties
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if self.temporary.is_none() {
            return;
        }
        for pid in self.processes() {
            if std::thread::panicking() {
                eprintln!("ended {pid}, which the test left");
            }
            kill(pid);
        }
        if let Some(elsewhere) = self.platform_elsewhere() {
            let _ = fs::remove_dir_all(elsewhere);
        }
    }
}

/// SIGKILL, and waits until it is gone.
pub(crate) fn kill(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    let ended = |status: String| status.contains("\nState:\tZ");
    while fs::read_to_string(format!("/proc/{}/status", pid.as_raw_pid())).is_ok_and(|status| !ended(status))
    {
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Processes that run with a marker under `prefix`, their own children left out.
pub(crate) fn marked(prefix: &Path) -> Vec<i32> {
    let wanted = format!("VVBILL_RESOURCE={}", prefix.display());
    let all: BTreeSet<i32> = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment
                .split(|byte| *byte == 0)
                .any(|entry| entry.starts_with(wanted.as_bytes()))
        })
        .collect();
    let parent = |pid: &i32| -> Option<i32> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        status
            .lines()
            .find_map(|line| line.strip_prefix("PPid:"))?
            .trim()
            .parse()
            .ok()
    };
    all.iter()
        .copied()
        .filter(|pid| parent(pid).is_some_and(|parent| !all.contains(&parent)))
        .collect()
}

/// A port that nothing holds, below those which the kernel gives to outgoing connections.
pub(crate) fn free_port() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let port = rand::rng().random_range(20_000..32_000);
        if GIVEN.lock().unwrap().insert(port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
