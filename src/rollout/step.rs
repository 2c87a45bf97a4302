//! A step of the rollout, and what it sees of the platform.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, ready};
use serde_json::Value;

use super::model::{Attempt, Measure};
use super::switch::Switch;
pub use crate::drill::Trouble;
use crate::drill::{self, Faults};
use crate::endpoints::Endpoints;
use crate::spec::{Section, Spec};

/// One thing that a week has to show.
///
/// [`Step::verify`] asks the running system and changes nothing. A step whose `verify` needs something that
/// was done before (events that were sent, an outage that was outlived) does it in [`Step::run`], which answers
/// with what `verify` needs to find the traces again.
pub trait Step: Send + Sync {
    /// Its name within its week: `kafka-brokers`.
    fn name(&self) -> &'static str;
    /// The week of the specification that it belongs to: `week-1`.
    fn home(&self) -> &'static str;
    /// What is done, in a few words.
    fn title(&self) -> &'static str;
    /// What is known once it has passed.
    fn proves(&self) -> &'static str;
    /// The sections of the plan that must be up.
    fn sections(&self) -> &'static [Section];
    /// The names of the steps without which it isn't tried.
    fn needs(&self) -> &'static [&'static str] {
        &[]
    }
    /// It is due in its own week or in none: a plan without that week doesn't ask for it.
    fn only_at_home(&self) -> bool {
        false
    }
    /// Why this plan has nothing for it to show.
    fn skipped(&self, spec: &Spec) -> Option<String> {
        let _ = spec;
        None
    }
    /// Its action.
    fn run<'a>(&'a self, scene: &'a Scene) -> BoxFuture<'a, Result<Trial, Trouble>> {
        let _ = scene;
        ready(Ok(Trial::default())).boxed()
    }
    /// Measures; `memory` is what its last action left, null for a step that has none, or where none is known.
    fn verify<'a>(
        &'a self,
        scene: &'a Scene,
        memory: &'a Value,
    ) -> BoxFuture<'a, Result<Vec<Measure>, Trouble>>;
}

/// What an action gave.
#[derive(Clone, Debug, Default)]
pub struct Trial {
    /// What [`Step::verify`] needs to find its traces.
    pub memory: Value,
    /// What could only be measured on the way.
    pub measures: Vec<Measure>,
}

/// The running platform, and what the plan wants of it.
#[derive(Clone)]
pub struct Scene {
    /// Where thresholds come from.
    pub spec: Arc<Spec>,
    /// Where to reach the system.
    pub endpoints: Endpoints,
    /// Stops and starts one of its processes.
    pub switch: Arc<dyn Switch>,
    /// How many events a step sends.
    pub events: u64,
    /// How long a value may take until it holds, and an answer until it comes.
    pub patience: Duration,
    /// How long a load is held; none: as long as the week's gate says, else [`super::LOAD_FOR`].
    pub load_for: Option<Duration>,
    /// What drills need.
    pub drills: Drills,
}

impl Scene {
    /// Brings back everything that a step has stopped or struck.
    pub async fn restore(&self) -> Result<(), Trouble> {
        let restored = self.switch.restore().await;
        if let Some(faults) = &self.drills.faults {
            faults.heal().await?;
        }
        restored
    }
}

/// What drills need besides.
#[derive(Clone, Default)]
pub struct Drills {
    /// Who strikes; none: nobody can, on this target.
    pub faults: Option<Arc<dyn Faults>>,
    /// Who hears how a drill goes.
    pub listener: Option<Arc<dyn drill::Listener>>,
    /// Where a runbook is written to.
    pub folder: PathBuf,
    /// Every attempt so far.
    pub attempts: Arc<Vec<Attempt>>,
}
