//! One step: the verbs of one resource, each journalled before it starts and after it ends.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::SemaphorePermit;
use tokio::time::Instant;
use uuid::Uuid;

use super::attempt::{late, repeat};
use super::record::Recorder;
use super::run::Run;
use super::{Event, Severity};
use crate::plan::{Action, Part, Reason, Verb, resolve};
use crate::provider::{ErrorClass, FoundBy, KindFacts, Provider, ProviderError, Readiness};
use crate::resource::{Change, Desired, Observed, diff, references};
use crate::state::journal::Written;
use crate::state::{Ending, Operation, OperationVerb, StoreError};

/// How a step ended, where it did.
pub(super) enum Ended {
    /// As planned; the verb is [`Verb::Keep`] where an update turned out not to be needed.
    Done { verb: Verb, id: Option<String> },
    /// Interrupted before it started.
    NotStarted,
}

/// Why it did not.
pub(super) enum Failed {
    /// The provider, or what it answered.
    Provider(ProviderError),
    /// What happened can't be written down any more: the whole run ends.
    Store(StoreError),
}

impl From<ProviderError> for Failed {
    fn from(error: ProviderError) -> Self {
        Self::Provider(error)
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What one step works with.
pub(super) struct Worker<'a> {
    run: &'a Run<'a>,
    /// The action's place in the plan.
    index: usize,
    action: &'a Action,
    provider: &'a dyn Provider,
    facts: KindFacts,
}

/// An operation whose begin is durable and that has its slot.
struct Begun<'a> {
    number: u64,
    deadline: Instant,
    slot: SemaphorePermit<'a>,
}

impl<'a> Worker<'a> {
    pub(super) fn new(run: &'a Run<'a>, index: usize, action: &'a Action) -> Result<Self, Failed> {
        let provider = run.providers.of(&action.address)?;
        let facts = provider.facts(action.address.kind()).ok_or_else(|| {
            ProviderError::refused(format!(
                "{} has no kind `{}`",
                provider.name(),
                action.address.kind()
            ))
        })?;
        Ok(Self {
            run,
            index,
            action,
            provider,
            facts,
        })
    }

    pub(super) async fn carry_out(&self, part: Part) -> Result<Ended, Failed> {
        match (part, &self.action.desired) {
            (Part::Go, _) | (_, None) => self.go().await,
            (Part::Stand, Some(desired)) => self.stand(desired).await,
        }
    }

    async fn stand(&self, desired: &Desired) -> Result<Ended, Failed> {
        let properties = self.resolved(desired)?;
        match self.action.verb {
            Verb::Create | Verb::Replace => self.create(properties).await,
            Verb::Adopt => self.adopt(properties).await,
            Verb::Update | Verb::Reboot => self.update(desired, properties).await,
            // Neither has anything to make: `carry_out` has sent deletions elsewhere.
            Verb::Keep | Verb::Delete => Ok(Ended::Done {
                verb: Verb::Keep,
                id: self.action.id.clone(),
            }),
        }
    }

    async fn create(&self, properties: Value) -> Result<Ended, Failed> {
        if self.action.verb == Verb::Create && !self.run.stopping() {
            self.recorder().forget(self.action).await?;
        }
        let token = Uuid::new_v4().to_string();
        let mut operation = self
            .recorder()
            .operation(self.action, OperationVerb::Create, properties.clone());
        operation.id = None;
        operation.token.clone_from(&token);
        let Some(begun) = self.begin(operation).await? else {
            return Ok(Ended::NotStarted);
        };
        let Begun {
            number,
            deadline,
            slot,
        } = begun;
        let id = match self.make(&properties, &token, deadline).await {
            Ok(id) => id,
            Err((error, made)) => {
                if !made {
                    self.recorder().end(number, Ending::NotDone).await?;
                }
                return Err(error.into());
            }
        };
        let written = self.recorder().id(number, &id).await;
        drop(slot);
        let ready = self.settle(&properties, &id, deadline, Some(written)).await;
        self.finish(number, id, ready).await
    }

    /// Calls `create` until there is an id. The error says whether something may have been made.
    async fn make(
        &self,
        properties: &Value,
        token: &str,
        deadline: Instant,
    ) -> Result<String, (ProviderError, bool)> {
        let kind = self.action.address.kind();
        let mut in_doubt = false;
        let mut number = 0;
        loop {
            let call = self.provider.create(kind, properties.clone(), token);
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
                .find(self.action.address.kind(), properties.clone(), token)
        };
        repeat(&self.run.options.pauses, deadline, find, |error| {
            self.again(error)
        })
        .await
    }

    async fn adopt(&self, properties: Value) -> Result<Ended, Failed> {
        let id = self.id()?;
        let operation = self
            .recorder()
            .operation(self.action, OperationVerb::Create, properties.clone());
        let Some(Begun {
            number,
            deadline,
            slot,
        }) = self.begin(operation).await?
        else {
            return Ok(Ended::NotStarted);
        };
        drop(slot);
        let ready = self.settle(&properties, &id, deadline, None).await;
        self.finish(number, id, ready).await
    }

    async fn update(&self, desired: &Desired, properties: Value) -> Result<Ended, Failed> {
        let id = self.id()?;
        let before = self.action.before.as_ref().unwrap_or(&Value::Null);
        let changes = diff(&properties, before);
        let again = self.action.reason == Reason::Interrupted;
        if changes.is_empty() && !again {
            self.recorder().keep(desired, properties);
            return Ok(Ended::Done {
                verb: Verb::Keep,
                id: Some(id),
            });
        }
        self.refuse_replacement(&changes)?;
        let reboot = self.action.verb == Verb::Reboot
            && (again
                || changes
                    .iter()
                    .any(|change| self.facts.reboot_on.contains(&field_of(change))));
        let verb = if reboot {
            OperationVerb::Reboot
        } else {
            OperationVerb::Update
        };
        let operation = self.recorder().operation(self.action, verb, properties.clone());
        let Some(Begun {
            number,
            deadline,
            slot,
        }) = self.begin(operation).await?
        else {
            return Ok(Ended::NotStarted);
        };
        let changed = match changes.is_empty() {
            true => Ok(()),
            false => self.change(&properties, &id, &changes, deadline).await,
        };
        drop(slot);
        let restarted = match changed {
            Ok(()) if reboot => self.restart(&properties, &id, deadline).await,
            result => result,
        };
        let ready = match restarted {
            Ok(()) => self.settle(&properties, &id, deadline, None).await,
            Err(error) => Err(error.into()),
        };
        self.finish(number, id, ready).await
    }

    async fn change(
        &self,
        properties: &Value,
        id: &str,
        changes: &[Change],
        deadline: Instant,
    ) -> Result<(), ProviderError> {
        let kind = self.action.address.kind();
        let update = || self.provider.update(kind, properties.clone(), id, changes);
        repeat(&self.run.options.pauses, deadline, update, |error| {
            self.again(error)
        })
        .await
    }

    /// Waits until the change has arrived, then for a slot of its own.
    async fn restart(&self, properties: &Value, id: &str, deadline: Instant) -> Result<(), ProviderError> {
        self.wait_until_ready(properties, id, deadline).await?;
        let _slot = self
            .run
            .slots
            .acquire()
            .await
            .expect("the semaphore is never closed");
        let kind = self.action.address.kind();
        let reboot = || self.provider.reboot(kind, properties.clone(), id);
        repeat(&self.run.options.pauses, deadline, reboot, |error| {
            self.again(error)
        })
        .await
    }

    /// What becomes known on the way may turn an update into a keep, never into a replacement.
    fn refuse_replacement(&self, changes: &[Change]) -> Result<(), ProviderError> {
        let unchangeable: Vec<&str> = changes
            .iter()
            .filter(|change| self.facts.replace_on.contains(&field_of(change)))
            .map(|change| change.path.as_str())
            .collect();
        if unchangeable.is_empty() {
            return Ok(());
        }
        let paths = unchangeable.join(", ");
        Err(ProviderError::refused(format!(
            "{paths} became known only now, differs, and can't be changed in place; the plan has no replacement"
        ))
        .with_hint("plan again: the new plan says what has to be replaced"))
    }

    async fn go(&self) -> Result<Ended, Failed> {
        let id = self.id()?;
        let operation = self
            .recorder()
            .operation(self.action, OperationVerb::Delete, Value::Null);
        let Some(Begun {
            number,
            deadline,
            slot,
        }) = self.begin(operation).await?
        else {
            return Ok(Ended::NotStarted);
        };
        let kind = self.action.address.kind();
        let delete = || self.provider.delete(kind, &id);
        let result = repeat(&self.run.options.pauses, deadline, delete, |error| {
            self.again(error)
        })
        .await;
        drop(slot);
        let gone = match result {
            Ok(()) => self.wait_until_gone(&id, deadline).await,
            Err(error) => Err(error),
        };
        match gone {
            Ok(()) => {
                self.recorder()
                    .end(number, Ending::Done { outputs: Value::Null })
                    .await?;
                Ok(Ended::Done {
                    verb: self.action.verb,
                    id: None,
                })
            }
            Err(error) => {
                self.recorder().end(number, Ending::Failed).await?;
                Err(error.into())
            }
        }
    }

    /// Journals the beginning ahead of its turn, then waits for a slot. `None`: interrupted before that.
    async fn begin(&self, operation: Operation) -> Result<Option<Begun<'a>>, Failed> {
        let run = self.run;
        let place = run.ahead.acquire().await.expect("the semaphore is never closed");
        if run.stopping() {
            return Ok(None);
        }
        let number = self.recorder().begin(operation).await?;
        let slot = run.slots.acquire().await.expect("the semaphore is never closed");
        drop(place);
        if run.stopping() {
            self.recorder().end(number, Ending::NotDone).await?;
            return Ok(None);
        }
        run.started(self.index);
        Ok(Some(Begun {
            number,
            deadline: Instant::now() + self.facts.deadline,
            slot,
        }))
    }

    /// Ready, and then observed: its outputs. The id is durable before any wait.
    async fn settle(
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
        let kind = self.action.address.kind();
        let observe = || self.provider.observe(kind, id);
        let found = repeat(&self.run.options.pauses, deadline, observe, |error| {
            self.again(error)
        })
        .await?;
        let Observed {
            properties: found,
            outputs,
        } = found.ok_or_else(|| {
            ProviderError::refused("it was ready and is not there any more")
                .with_hint("something else removes it: look at the provider's own log")
        })?;
        self.warn_of_differences(&diff(properties, &found));
        Ok(outputs)
    }

    async fn wait_until_ready(
        &self,
        properties: &Value,
        id: &str,
        deadline: Instant,
    ) -> Result<(), ProviderError> {
        let kind = self.action.address.kind();
        let mut pause = self.run.options.pauses.look;
        let mut last = String::new();
        loop {
            let ask = || self.provider.readiness(kind, properties.clone(), id);
            match repeat(&self.run.options.pauses, deadline, ask, |error| self.again(error)).await? {
                Readiness::Ready => return Ok(()),
                Readiness::Failed(why) => return Err(ProviderError::refused(why)),
                Readiness::Pending(how_far) if how_far != last => {
                    self.progress(&how_far);
                    last = how_far;
                }
                Readiness::Pending(_) => {}
            }
            if Instant::now() + pause >= deadline {
                let seconds = self.facts.deadline.as_secs();
                return Err(ProviderError::refused(format!(
                    "not ready after {seconds} s; last heard: {last}"
                ))
                .with_hint("it may still come: run the same command again, which goes on waiting"));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(self.run.options.pauses.look * 10);
        }
    }

    async fn wait_until_gone(&self, id: &str, deadline: Instant) -> Result<(), ProviderError> {
        let kind = self.action.address.kind();
        let mut pause = self.run.options.pauses.look;
        loop {
            let observe = || self.provider.observe(kind, id);
            let found = repeat(&self.run.options.pauses, deadline, observe, |error| {
                self.again(error)
            })
            .await?;
            if found.is_none() {
                return Ok(());
            }
            if Instant::now() + pause >= deadline {
                return Err(late("it did not go"));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(self.run.options.pauses.look * 10);
        }
    }

    async fn finish(&self, number: u64, id: String, ready: Result<Value, Failed>) -> Result<Ended, Failed> {
        match ready {
            Ok(outputs) => {
                self.recorder().end(number, Ending::Done { outputs }).await?;
                Ok(Ended::Done {
                    verb: self.action.verb,
                    id: Some(id),
                })
            }
            Err(Failed::Provider(error)) => {
                self.recorder().end(number, Ending::Failed).await?;
                Err(Failed::Provider(error))
            }
            Err(failed) => Err(failed),
        }
    }

    /// The properties with every reference replaced by what its resource has put out.
    fn resolved(&self, desired: &Desired) -> Result<Value, ProviderError> {
        let lookup = |of: &_, name: &str| self.recorder().output(of, name);
        let resolved = resolve(&desired.properties, &lookup);
        if let Cow::Borrowed(same) = resolved {
            self.refuse_unresolved(same)?;
            return Ok(same.clone());
        }
        self.refuse_unresolved(&resolved)?;
        Ok(resolved.into_owned())
    }

    fn refuse_unresolved(&self, properties: &Value) -> Result<(), ProviderError> {
        match references(properties).into_iter().next() {
            None => Ok(()),
            Some(of) => Err(ProviderError::refused(format!(
                "an output of {of} that it refers to is not there, though {of} stands"
            ))),
        }
    }

    fn id(&self) -> Result<String, ProviderError> {
        self.action.id.clone().ok_or_else(|| {
            ProviderError::refused(format!(
                "the plan has no id for it, and {} needs one",
                self.action.verb
            ))
            .with_hint("plan again")
        })
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

    fn again(&self, error: &ProviderError) {
        self.progress(&format!("trying again: {error}"));
    }

    fn progress(&self, message: &str) {
        self.run.progress(self.index, message);
    }

    fn recorder(&self) -> &'a Recorder {
        &self.run.recorder
    }
}

fn field_of(change: &Change) -> &str {
    change.path.split('/').nth(1).unwrap_or_default()
}
