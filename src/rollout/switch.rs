//! What a step may do to the platform from outside: stop and start one of its processes, and load rules beside those
//! that its Prometheus has; and what its cluster says of an object.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, join_all, ready};

use super::step::Trouble;
use crate::provider::{ProviderError, Providers, Readiness, local};
use crate::state::{Record, State};

/// Objects of a cluster by address, each with what it waits for; none: it is ready.
pub type Standing = Vec<(String, Option<String>)>;

/// Who can stop what answers at a `host:port`, and start it again.
pub trait Switch: Send + Sync {
    /// Stops it in good order; answers when it is gone.
    fn stop<'a>(&'a self, endpoint: &'a str) -> BoxFuture<'a, Result<(), Trouble>>;
    /// Starts it; answers when it can be depended on.
    fn start<'a>(&'a self, endpoint: &'a str) -> BoxFuture<'a, Result<(), Trouble>>;
    /// Loads a rules file beside those that the Prometheus at this URL has; `None` takes it away again.
    fn rules<'a>(&'a self, url: &'a str, text: Option<String>) -> BoxFuture<'a, Result<(), Trouble>> {
        let _ = text;
        let why = format!("no rules can be loaded into {url}: it is no process that vvbill has started");
        ready(Err(Trouble(why))).boxed()
    }
    /// How the objects of this kind (`deployment`) stand in the cluster, by what its API server says.
    fn standing<'a>(&'a self, kind: &'a str) -> BoxFuture<'a, Result<Standing, Trouble>> {
        let _ = kind;
        ready(Ok(Standing::new())).boxed()
    }
    /// Starts everything that was stopped and not started again, and takes away the rules that were loaded.
    fn restore(&self) -> BoxFuture<'_, Result<(), Trouble>>;
}

/// Stops all of them at the same time.
pub(super) async fn stop_all(switch: &dyn Switch, endpoints: &[String]) -> Result<(), Trouble> {
    let all = join_all(endpoints.iter().map(|endpoint| switch.stop(endpoint))).await;
    all.into_iter().collect()
}

/// Starts all of them at the same time: they may need one another until they can be depended on.
pub(super) async fn start_all(switch: &dyn Switch, endpoints: &[String]) -> Result<(), Trouble> {
    let all = join_all(endpoints.iter().map(|endpoint| switch.start(endpoint))).await;
    all.into_iter().collect()
}

/// The processes of a platform on this machine, and the objects of its cluster, by the providers' own handling.
pub struct Processes {
    records: Vec<Record>,
    providers: Providers,
    stopped: Mutex<BTreeSet<String>>,
    /// Ids of the servers that were given rules.
    with_rules: Mutex<BTreeSet<String>>,
}

/// How long a process may take until it can be depended on again.
const READY_WITHIN: Duration = Duration::from_secs(120);
/// The first part of the addresses of what lies in a cluster.
const CLUSTER: &str = "kubernetes";

impl Processes {
    /// What the state knows: it says what is meant, never how it is.
    pub fn new(state: &State, providers: Providers) -> Self {
        Self {
            records: state.resources.values().cloned().collect(),
            providers,
            stopped: Mutex::default(),
            with_rules: Mutex::default(),
        }
    }

    /// The processes of this machine.
    fn own(&self) -> impl Iterator<Item = &Record> {
        let mut records = self.records.iter();
        std::iter::from_fn(move || records.find(|record| record.address.provider() == local::NAME))
    }

    fn record(&self, endpoint: &str) -> Result<&Record, Trouble> {
        let answers = |record: &&Record| {
            let found = record.outputs.get("endpoint").and_then(|value| value.as_str());
            found == Some(endpoint)
        };
        self.own().find(answers).ok_or_else(|| {
            Trouble::new(
                format_args!("what answers at {endpoint} can't be stopped"),
                "it is no process of this machine that vvbill has started",
            )
        })
    }

    fn remember(&self, endpoint: &str, is_stopped: bool) {
        let mut stopped = self.stopped.lock().expect("nobody panics while holding it");
        match is_stopped {
            true => stopped.insert(endpoint.to_owned()),
            false => stopped.remove(endpoint),
        };
    }

    async fn put_rules(&self, id: &str, text: Option<String>) -> Result<(), Trouble> {
        let is_there = text.is_some();
        let given = || self.with_rules.lock().expect("nobody panics while holding it");
        given().insert(id.to_owned());
        local::rules_beside(id, text.as_deref())
            .await
            .map_err(|why| Trouble::new("rules could not be loaded", why))?;
        if !is_there {
            given().remove(id);
        }
        Ok(())
    }

    async fn bring_back(&self, endpoint: &str) -> Result<(), Trouble> {
        let record = self.record(endpoint)?;
        let again = self
            .providers
            .start_again(&record.address, &record.properties, &record.id, READY_WITHIN);
        again.await.map_err(|why| {
            Trouble::new(format_args!("{} could not be started again", record.address), why)
        })?;
        self.remember(endpoint, false);
        Ok(())
    }
}

impl Switch for Processes {
    fn stop<'a>(&'a self, endpoint: &'a str) -> BoxFuture<'a, Result<(), Trouble>> {
        async move {
            let record = self.record(endpoint)?;
            self.remember(endpoint, true);
            local::halt(&record.address, &record.id)
                .await
                .map_err(|why| Trouble::new(format_args!("{} could not be stopped", record.address), why))
        }
        .boxed()
    }

    fn start<'a>(&'a self, endpoint: &'a str) -> BoxFuture<'a, Result<(), Trouble>> {
        self.bring_back(endpoint).boxed()
    }

    fn rules<'a>(&'a self, url: &'a str, text: Option<String>) -> BoxFuture<'a, Result<(), Trouble>> {
        async move {
            let has_url = |record: &&Record| {
                let found = record.outputs.get("url").and_then(|value| value.as_str());
                found == Some(url)
            };
            let record = self.own().find(has_url).ok_or_else(|| {
                Trouble::new(
                    format_args!("no rules can be loaded into {url}"),
                    "it is no process of this machine that vvbill has started",
                )
            })?;
            self.put_rules(&record.id, text).await
        }
        .boxed()
    }

    fn standing<'a>(&'a self, kind: &'a str) -> BoxFuture<'a, Result<Standing, Trouble>> {
        async move {
            let mut standing = Standing::new();
            let in_cluster = |record: &&Record| record.address.provider() == CLUSTER;
            for record in self.records.iter().filter(in_cluster) {
                if record.address.kind() != kind {
                    continue;
                }
                let failed =
                    |why: ProviderError| Trouble::new(format_args!("{} can't be seen", record.address), why);
                let provider = self.providers.of(&record.address).map_err(failed)?;
                let seen = provider.observe(&record.address, &record.id).await;
                let pending = match seen.map_err(failed)? {
                    None => Some("not there".to_owned()),
                    Some(_) => {
                        let asked =
                            provider.readiness(&record.address, record.properties.clone(), &record.id);
                        match asked.await.map_err(failed)? {
                            Readiness::Ready => None,
                            Readiness::Pending(why) | Readiness::Failed(why) => Some(why),
                        }
                    }
                };
                standing.push((record.address.to_string(), pending));
            }
            Ok(standing)
        }
        .boxed()
    }

    fn restore(&self) -> BoxFuture<'_, Result<(), Trouble>> {
        async move {
            let with_rules: Vec<String> = {
                let with_rules = self.with_rules.lock().expect("nobody panics while holding it");
                with_rules.iter().cloned().collect()
            };
            for id in with_rules {
                self.put_rules(&id, None).await?;
            }
            let stopped: Vec<String> = {
                let stopped = self.stopped.lock().expect("nobody panics while holding it");
                stopped.iter().cloned().collect()
            };
            start_all(self, &stopped).await
        }
        .boxed()
    }
}
