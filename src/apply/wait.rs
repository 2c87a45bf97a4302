//! The long part of a step: calling until there is an id, and looking until it is ready, or gone.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::attempt::{late, repeat};
use super::step::{Failed, Worker};
use super::{Event, Severity};
use crate::plan::Verb;
use crate::provider::{ErrorClass, FoundBy, ProviderError, Readiness};
use crate::resource::{Change, Observed};
use crate::state::journal::Written;

impl Worker<'_> {
    /// Calls `create` until there is an id. The error says whether something may have been made.
    pub(super) async fn make(
        &self,
        properties: &Value,
        token: &str,
        deadline: Instant,
    ) -> Result<String, (ProviderError, bool)> {
        let address = &self.action.address;
        let mut in_doubt = false;
        let mut number = 0;
        loop {
            let call = self.provider.create(address, properties.clone(), token);
            let error = match tokio::time::timeout_at(deadline, call).await {
                Ok(Ok(id)) => return Ok(id),
                Ok(Err(error)) => error,
                Err(_) => return Err((late("no answer to its creation"), true)),
            };
            in_doubt |= error.class == ErrorClass::Unknown;
            if in_doubt {
                match self.find(properties, token, deadline).await {
                    Ok(Some(id)) => return Ok(id),
                    Ok(None) => in_doubt = false,
                    Err(error) => return Err((error, true)),
                }
            }
            number += 1;
            let pause = self.run.options.pauses.before(number, error.class);
            if error.class == ErrorClass::Refused || Instant::now() + pause >= deadline {
                return Err((error, in_doubt));
            }
            self.again(&error);
            tokio::time::sleep(pause).await;
        }
    }

    async fn find(
        &self,
        properties: &Value,
        token: &str,
        deadline: Instant,
    ) -> Result<Option<String>, ProviderError> {
        if let FoundBy::Tag { settles_after_ms } = self.facts.found_by {
            tokio::time::sleep(Duration::from_millis(settles_after_ms)).await;
        }
        let find = || {
            self.provider
                .find(&self.action.address, properties.clone(), token)
        };
        repeat(&self.run.options.pauses, deadline, find, |error| {
            self.again(error)
        })
        .await
    }

    /// Ready, and then observed: its outputs. The id is durable before any wait.
    pub(super) async fn settle(
        &self,
        properties: &Value,
        id: &str,
        deadline: Instant,
        written: Option<Written>,
    ) -> Result<Value, Failed> {
        if let Some(written) = written {
            written.durable().await?;
        }
        self.wait_until_ready(properties, id, deadline).await?;
        let address = &self.action.address;
        if self.facts.configures && matches!(self.action.verb, Verb::Create | Verb::Replace | Verb::Adopt) {
            let configure = || self.provider.configure(address, properties.clone(), id);
            let pauses = &self.run.options.pauses;
            repeat(pauses, deadline, configure, |error| self.again(error)).await?;
            self.wait_until_ready(properties, id, deadline).await?;
        }
        let observed = self.read_back(properties, id, deadline).await?;
        self.warn_of_differences(&self.differences(properties, &observed));
        Ok(observed.outputs)
    }

    /// As it is now. A service may answer with what was before the last write for a while: what differs, or
    /// isn't there, is looked at again.
    async fn read_back(
        &self,
        properties: &Value,
        id: &str,
        deadline: Instant,
    ) -> Result<Observed, ProviderError> {
        let (address, pauses) = (&self.action.address, &self.run.options.pauses);
        let patience = Instant::now() + pauses.look * 50;
        loop {
            let observe = || self.provider.observe(address, id);
            let found = repeat(pauses, deadline, observe, |error| self.again(error)).await?;
            let same = |found: &Observed| self.differences(properties, found).is_empty();
            let late = Instant::now() >= patience;
            match found {
                Some(found) if late || same(&found) => return Ok(found),
                None if late => {
                    return Err(ProviderError::refused("it was ready and is not there any more")
                        .with_hint("something else removes it: look at the provider's own log"));
                }
                _ => tokio::time::sleep(pauses.look * 5).await,
            }
        }
    }

    fn differences(&self, properties: &Value, found: &Observed) -> Vec<Change> {
        (self.facts.compare)(properties, &found.properties, Some(properties))
    }

    pub(super) async fn wait_until_ready(
        &self,
        properties: &Value,
        id: &str,
        deadline: Instant,
    ) -> Result<(), ProviderError> {
        let address = &self.action.address;
        let started = Instant::now();
        let mut last = String::new();
        loop {
            let ask = || self.provider.readiness(address, properties.clone(), id);
            match repeat(&self.run.options.pauses, deadline, ask, |error| self.again(error)).await? {
                Readiness::Ready => return Ok(()),
                Readiness::Failed(why) => return Err(ProviderError::refused(why)),
                Readiness::Pending(how_far) if how_far != last => {
                    self.progress(&how_far);
                    last = how_far;
                }
                Readiness::Pending(_) => {}
            }
            let pause = self.run.options.pauses.after(started.elapsed());
            if Instant::now() + pause >= deadline {
                let seconds = self.facts.deadline.as_secs();
                return Err(ProviderError::refused(format!(
                    "not ready after {seconds} s; last heard: {last}"
                ))
                .with_hint("it may still come: run the same command again, which goes on waiting"));
            }
            tokio::time::sleep(pause).await;
        }
    }

    pub(super) async fn wait_until_gone(&self, id: &str, deadline: Instant) -> Result<(), ProviderError> {
        let address = &self.action.address;
        let outlives = || self.provider.outlives(address, id);
        let pauses = &self.run.options.pauses;
        if repeat(pauses, deadline, outlives, |error| self.again(error)).await? {
            return Ok(());
        }
        let started = Instant::now();
        loop {
            let observe = || self.provider.observe(address, id);
            let found = repeat(&self.run.options.pauses, deadline, observe, |error| {
                self.again(error)
            })
            .await?;
            if found.is_none() {
                return Ok(());
            }
            let pause = self.run.options.pauses.after(started.elapsed());
            if Instant::now() + pause >= deadline {
                return Err(late("it did not go"));
            }
            tokio::time::sleep(pause).await;
        }
    }

    fn warn_of_differences(&self, differences: &[Change]) {
        if differences.is_empty() {
            return;
        }
        let paths: Vec<&str> = differences.iter().map(|change| change.path.as_str()).collect();
        self.run.observer.observe(&Event::Diagnostic {
            severity: Severity::Warning,
            summary: format!(
                "{} still differs after its {}",
                self.action.address, self.action.verb
            ),
            detail: format!("as found afterwards: {}", paths.join(", ")),
            address: Some(self.action.address.clone()),
        });
    }
}
