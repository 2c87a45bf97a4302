//! Stops and starts one process of the platform, for steps that show what its absence does.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};

use super::step::Trouble;
use crate::provider::{Providers, local};
use crate::state::{Record, State};

/// Who can stop what answers at a `host:port`, and start it again.
pub trait Switch: Send + Sync {
    /// Stops it in good order; answers when it is gone.
    fn stop<'a>(&'a self, endpoint: &'a str) -> BoxFuture<'a, Result<(), Trouble>>;
    /// Starts it; answers when it can be depended on.
    fn start<'a>(&'a self, endpoint: &'a str) -> BoxFuture<'a, Result<(), Trouble>>;
    /// Starts everything that was stopped and not started again.
    fn restore(&self) -> BoxFuture<'_, Result<(), Trouble>>;
}

/// The processes of a platform on this machine, by the provider's own handling of them.
pub struct Processes {
    records: Vec<Record>,
    providers: Providers,
    stopped: Mutex<BTreeSet<String>>,
}

/// How long a process may take until it can be depended on again.
const READY_WITHIN: Duration = Duration::from_secs(120);

impl Processes {
    /// Those that the state knows: it says which process is meant, never how it is.
    pub fn new(state: &State, providers: Providers) -> Self {
        let records = state.resources.values();
        Self {
            records: records
                .filter(|record| record.address.provider() == local::NAME)
                .cloned()
                .collect(),
            providers,
            stopped: Mutex::default(),
        }
    }

    fn record(&self, endpoint: &str) -> Result<&Record, Trouble> {
        let answers = |record: &&Record| {
            let found = record.outputs.get("endpoint").and_then(|value| value.as_str());
            found == Some(endpoint)
        };
        self.records.iter().find(answers).ok_or_else(|| {
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

    fn restore(&self) -> BoxFuture<'_, Result<(), Trouble>> {
        async move {
            let stopped: Vec<String> = {
                let stopped = self.stopped.lock().expect("nobody panics while holding it");
                stopped.iter().cloned().collect()
            };
            for endpoint in stopped {
                self.bring_back(&endpoint).await?;
            }
            Ok(())
        }
        .boxed()
    }
}
