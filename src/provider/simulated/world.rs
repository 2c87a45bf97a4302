//! The simulated world: what exists in it, how its service misbehaves, and its file.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::provider::{ErrorClass, ProviderError};
use crate::resource::Change;

/// How the service misbehaves. Rates are per call, from 0 to 1.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Nothing was done.
    pub transient: f64,
    /// Nothing was done, and fewer calls are wanted.
    pub throttled: f64,
    /// The call was lost on its way there: nothing was done, and nobody knows.
    pub lost_call: f64,
    /// The answer was lost on its way back: it was done, and nobody knows.
    pub lost_answer: f64,
    /// Names (of a deletion: ids) of which every verb but looking is refused.
    pub refused: BTreeSet<String>,
    /// Each call takes that long.
    pub latency: Duration,
    /// What is made, changed or restarted isn't ready for that long, and what is deleted isn't gone.
    pub delay: Duration,
}

/// Something that exists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// What the service knows it by.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// The creation that made it.
    pub token: String,
    /// As last asked for.
    pub properties: Value,
    /// The how-manieth thing that was ever made.
    pub made: u64,
    /// A change of it waits for a restart.
    pub memory_in_effect: Option<u32>,
    /// How often it was restarted.
    pub restarts: u32,
    /// Milliseconds since 1970.
    made_at_ms: u64,
    ready_at_ms: u64,
    gone_at_ms: Option<u64>,
}

/// The service's verbs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Observe,
    Find,
    Create,
    Readiness,
    Update,
    Reboot,
    Delete,
}

type Checkpoint = Arc<dyn Fn(&str) + Send + Sync>;

/// All that exists, behind a service that may misbehave.
pub struct World {
    faults: Mutex<Faults>,
    inner: Mutex<Inner>,
    checkpoint: Option<Checkpoint>,
}

/// What exists, and the file in which each change of that is a line.
#[derive(Default)]
pub(super) struct Inner {
    things: BTreeMap<String, Known>,
    tokens: HashMap<String, String>,
    made: u64,
    delay: Duration,
    file: Option<File>,
    random: Option<ChaCha8Rng>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    /// Made or changed.
    Known(Known),
    Gone(String),
}

impl World {
    /// Empty, in memory, without faults.
    pub fn new(seed: u64) -> Self {
        let random = Some(ChaCha8Rng::seed_from_u64(seed));
        Self {
            faults: Mutex::default(),
            inner: Mutex::new(Inner {
                random,
                ..Inner::default()
            }),
            checkpoint: None,
        }
    }

    /// In a file: what exists there already, and what will.
    pub fn open(path: &Path, seed: u64) -> io::Result<Self> {
        let world = Self::new(seed);
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let text = std::fs::read_to_string(path)?;
        {
            let mut inner = world.inner();
            for line in text.lines() {
                match serde_json::from_str(line)? {
                    Line::Known(known) => inner.know(known),
                    Line::Gone(id) => inner.forget(&id),
                }
            }
            inner.file = Some(file);
        }
        Ok(world)
    }

    /// Misbehaves from now on.
    #[must_use]
    pub fn with_faults(self, faults: Faults) -> Self {
        self.set_faults(faults);
        self
    }

    /// Misbehaves so from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.inner().delay = faults.delay;
        *self.faults.lock().expect("nobody panics while holding it") = faults;
    }

    /// Calls `checkpoint` before and after each verb that changes something, with its name.
    #[must_use]
    pub fn with_checkpoint(mut self, checkpoint: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.checkpoint = Some(Arc::new(checkpoint));
        self
    }

    /// All that exists, by id.
    pub fn things(&self) -> BTreeMap<String, Known> {
        let inner = self.inner();
        let standing = inner.things.iter().filter(|(_, known)| !known.is_gone());
        standing.map(|(id, known)| (id.clone(), known.clone())).collect()
    }

    /// How many were ever made.
    pub fn made(&self) -> u64 {
        self.inner().made
    }

    /// Somebody else changes a property, or (with null) everything: removes it.
    pub fn meddle(&self, id: &str, property: &str, value: Value) -> Result<(), ProviderError> {
        let mut inner = self.inner();
        if value.is_null() {
            inner.forget(id);
            return inner.write(&Line::Gone(id.into()));
        }
        let change = Change {
            path: format!("/{property}"),
            before: Value::Null,
            after: value,
        };
        inner.change(id, &[change])
    }

    /// One call of the service: slow, lost, throttled or carried out.
    pub(super) async fn call<T>(
        &self,
        call: Call,
        kind: &str,
        name: &str,
        work: impl FnOnce(&mut Inner) -> Result<T, ProviderError>,
    ) -> Result<T, ProviderError> {
        let faults = self
            .faults
            .lock()
            .expect("nobody panics while holding it")
            .clone();
        if !faults.latency.is_zero() {
            tokio::time::sleep(faults.latency).await;
        }
        if call.changes() && faults.refused.contains(name) {
            return Err(
                ProviderError::refused(format!("{name}: refused, as the simulation was told"))
                    .with_hint("take it off the list of what is refused"),
            );
        }
        self.check("before", call, kind, name);
        self.roll(faults.transient, ErrorClass::Transient, "the service is busy")?;
        self.roll(faults.throttled, ErrorClass::Throttled, "too many calls")?;
        self.roll(faults.lost_call, ErrorClass::Unknown, "the connection was reset")?;
        let answer = work(&mut self.inner())?;
        self.check("after", call, kind, name);
        self.roll(
            faults.lost_answer,
            ErrorClass::Unknown,
            "the connection was reset",
        )?;
        Ok(answer)
    }

    fn check(&self, when: &str, call: Call, kind: &str, name: &str) {
        if let Some(checkpoint) = self.checkpoint.as_ref().filter(|_| call.changes()) {
            checkpoint(&format!("{when} {call} {kind} {name}"));
        }
    }

    fn roll(&self, rate: f64, class: ErrorClass, message: &str) -> Result<(), ProviderError> {
        if rate <= 0.0 {
            return Ok(());
        }
        let hit = self
            .inner()
            .random
            .as_mut()
            .is_some_and(|random| random.random_bool(rate.min(1.0)));
        if hit {
            Err(ProviderError {
                class,
                message: message.into(),
                hint: None,
            })
        } else {
            Ok(())
        }
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().expect("nobody panics while holding it")
    }
}

impl Inner {
    pub(super) fn see(&self, id: &str) -> Option<Known> {
        self.things.get(id).filter(|known| !known.is_gone()).cloned()
    }

    /// By token, of those made at least `settle` ago.
    pub(super) fn find_token(&self, token: &str, settle: Duration) -> Option<String> {
        let known = self.see(self.tokens.get(token)?)?;
        (known.made_at_ms + millis(settle) <= now_ms()).then_some(known.id)
    }

    pub(super) fn make(
        &mut self,
        kind: &str,
        id: Option<String>,
        token: &str,
        properties: Value,
    ) -> Result<String, ProviderError> {
        let made = self.made + 1;
        let id = id.unwrap_or_else(|| format!("{kind}-{made:06x}"));
        let memory = properties.get("memory").and_then(Value::as_u64);
        let now = now_ms();
        let known = Known {
            id: id.clone(),
            kind: kind.into(),
            token: token.into(),
            properties,
            made,
            memory_in_effect: memory.and_then(|memory| memory.try_into().ok()),
            restarts: 0,
            made_at_ms: now,
            ready_at_ms: now + millis(self.delay),
            gone_at_ms: None,
        };
        self.write(&Line::Known(known.clone()))?;
        self.know(known);
        Ok(id)
    }

    pub(super) fn change(&mut self, id: &str, changes: &[Change]) -> Result<(), ProviderError> {
        let mut known = self
            .see(id)
            .ok_or_else(|| ProviderError::refused(format!("{id} is not there")))?;
        for change in changes {
            let mut path = change.path.split('/').skip(1);
            let (field, rest) = (path.next().unwrap_or_default(), path.next());
            let Some(properties) = known.properties.as_object_mut() else {
                continue;
            };
            let place = match rest {
                None => properties,
                Some(_) => properties
                    .entry(field)
                    .or_insert_with(|| Value::Object(serde_json::Map::new()))
                    .as_object_mut()
                    .ok_or_else(|| ProviderError::refused(format!("{}: no such property", change.path)))?,
            };
            let key = rest.unwrap_or(field);
            if change.after.is_null() {
                place.remove(key);
            } else {
                place.insert(key.into(), change.after.clone());
            }
        }
        known.ready_at_ms = now_ms() + millis(self.delay);
        self.write(&Line::Known(known.clone()))?;
        self.know(known);
        Ok(())
    }

    pub(super) fn restart(&mut self, id: &str) -> Result<(), ProviderError> {
        let mut known = self
            .see(id)
            .ok_or_else(|| ProviderError::refused(format!("{id} is not there")))?;
        let memory = known.properties.get("memory").and_then(Value::as_u64);
        known.memory_in_effect = memory.and_then(|memory| memory.try_into().ok());
        known.restarts += 1;
        known.ready_at_ms = now_ms() + millis(self.delay);
        self.write(&Line::Known(known.clone()))?;
        self.know(known);
        Ok(())
    }

    pub(super) fn remove(&mut self, id: &str) -> Result<(), ProviderError> {
        let Some(mut known) = self.see(id) else {
            return Ok(());
        };
        if self.delay.is_zero() {
            self.write(&Line::Gone(id.into()))?;
            self.forget(id);
            return Ok(());
        }
        if known.gone_at_ms.is_none() {
            known.gone_at_ms = Some(now_ms() + millis(self.delay));
            self.write(&Line::Known(known.clone()))?;
            self.know(known);
        }
        Ok(())
    }

    fn know(&mut self, known: Known) {
        self.made = self.made.max(known.made);
        self.tokens.insert(known.token.clone(), known.id.clone());
        self.things.insert(known.id.clone(), known);
    }

    fn forget(&mut self, id: &str) {
        if let Some(known) = self.things.remove(id) {
            self.tokens.remove(&known.token);
        }
    }

    /// In one call, so that a killed process leaves whole lines; where there is no room, nothing.
    fn write(&mut self, line: &Line) -> Result<(), ProviderError> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let failed = |why: &dyn fmt::Display| {
            ProviderError::refused(format!("the world's file can't be written: {why}"))
        };
        let mut text = serde_json::to_vec(line).map_err(|why| failed(&why))?;
        text.push(b'\n');
        let length = file.metadata().map_err(|why| failed(&why))?.len();
        file.write_all(&text).map_err(|why| match file.set_len(length) {
            Ok(()) => failed(&why),
            Err(cut) => failed(&format!("{why}, and half a line stays: {cut}")),
        })
    }
}

impl Known {
    /// How long until it is ready; `None`: it is.
    pub(super) fn ready_in(&self) -> Option<Duration> {
        self.ready_at_ms
            .checked_sub(now_ms())
            .filter(|rest| *rest > 0)
            .map(Duration::from_millis)
    }

    fn is_gone(&self) -> bool {
        self.gone_at_ms.is_some_and(|gone| gone <= now_ms())
    }
}

impl Call {
    fn changes(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Reboot | Self::Delete)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Observe => "observe",
            Self::Find => "find",
            Self::Create => "create",
            Self::Readiness => "readiness",
            Self::Update => "update",
            Self::Reboot => "reboot",
            Self::Delete => "delete",
        })
    }
}

fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map(millis)
        .unwrap_or_default()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
