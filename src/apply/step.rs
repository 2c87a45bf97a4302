//! One step: the verbs of one resource, each journalled before it starts and after it ends.

use serde_json::Value;
use tokio::sync::SemaphorePermit;
use tokio::time::Instant;
use uuid::Uuid;

use super::Event;
use super::attempt::repeat;
use super::record::Recorder;
use super::schedule::Run;
use crate::plan::{Action, Part, Reason, Verb, resolve};
use crate::provider::{ErrorClass, KindFacts, Provider, ProviderError};
use crate::resource::{Change, Desired, references};
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
    pub(super) run: &'a Run<'a>,
    /// The action's place in the plan.
    index: usize,
    pub(super) action: &'a Action,
    pub(super) provider: &'a dyn Provider,
    pub(super) facts: KindFacts,
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
        let recorded = self.recorder().settled(&self.action.address);
        let changes = (self.facts.compare)(&properties, before, recorded.as_ref());
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
        let address = &self.action.address;
        let update = || self.provider.update(address, properties.clone(), id, changes);
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
        let address = &self.action.address;
        let reboot = || self.provider.reboot(address, properties.clone(), id);
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
        let address = &self.action.address;
        let delete = || self.provider.delete(address, &id);
        let result = repeat(&self.run.options.pauses, deadline, delete, |error| {
            self.again(error)
        })
        .await;
        drop(slot);
        if let Err(error) = &result
            && error.class == ErrorClass::Refused
        {
            // Nothing was done: it is what it was before.
            self.recorder().end(number, Ending::NotDone).await?;
            return Err(error.clone().into());
        }
        let gone = match result {
            Ok(()) => self.wait_until_gone(&id, deadline).await,
            Err(error) => Err(error),
        };
        match gone {
            Ok(()) => {
                self.tell_what_is_left(&id).await;
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

    /// For a person only: what can't be asked ends nothing.
    async fn tell_what_is_left(&self, id: &str) {
        let address = &self.action.address;
        let what = match self.provider.leftover(address, id).await {
            Ok(None) => return,
            Ok(Some(what)) => what,
            Err(error) => format!("perhaps something, which could not be asked: {error}"),
        };
        let address = address.clone();
        self.run.observer.observe(&Event::Left { address, what });
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
        self.refuse_unresolved(&resolved)?;
        Ok((self.facts.canonical)(resolved.into_owned()))
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

    pub(super) fn again(&self, error: &ProviderError) {
        self.progress(&format!("trying again: {error}"));
    }

    pub(super) fn progress(&self, message: &str) {
        self.run.progress(self.index, message);
    }

    fn recorder(&self) -> &'a Recorder {
        &self.run.recorder
    }
}

fn field_of(change: &Change) -> &str {
    change.path.split('/').nth(1).unwrap_or_default()
}
