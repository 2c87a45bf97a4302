//! One resource: what differs, and what that asks for.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::make::unfinished_reboots;
use super::resolve::{outputs_of, resolve};
use super::{Action, Blocked, Observations, Options, PlanError, Reason, Verb};
use crate::provider::KindFacts;
use crate::resource::{Address, Change, Desired, Observed};
use crate::state::{Record, State, Status};

/// What was decided for a resource, as far as those that refer to it must know.
pub(super) struct Fate {
    verb: Verb,
    /// Its present outputs; null where it has none yet.
    outputs: Value,
    stable_outputs: &'static [&'static str],
    /// Why it is made anew: the dependency first, then on to the root cause.
    chain: Vec<Address>,
    create_first: bool,
}

/// What is known of an output while planning.
enum Output<'a> {
    /// It will be this.
    Known(&'a Value),
    /// It is this, and may change on the way.
    MayChange(&'a Value),
    /// Its resource is made anew.
    Unknown,
    /// Its resource has none of that name.
    Missing,
}

/// Decides one resource after the other, dependencies first.
pub(super) struct Decider<'a> {
    desired: Vec<Option<Desired>>,
    index: HashMap<Address, usize>,
    fates: Vec<Option<Fate>>,
    state: &'a State,
    observed: Observations,
    facts: &'a dyn Fn(&Address) -> Option<KindFacts>,
    options: &'a Options,
    unfinished_reboots: BTreeSet<Address>,
    /// Protected resources that would have to be replaced.
    pub(super) blocked: Vec<Blocked>,
}

/// What differs, sorted by what it asks for.
#[derive(Default)]
struct Differences {
    changes: Vec<Change>,
    /// Differ for certain.
    certain: Vec<String>,
    /// Differ for certain and can't be changed in place.
    unchangeable: Vec<String>,
    /// Can't be changed in place and refer to what is made anew: those, and the properties.
    replaced: Vec<Address>,
    replaced_paths: Vec<String>,
    /// Whose outputs may change on the way.
    awaited: Vec<Address>,
    reboot: bool,
}

impl<'a> Decider<'a> {
    pub(super) fn new(
        desired: Vec<Desired>,
        index: HashMap<Address, usize>,
        state: &'a State,
        observed: Observations,
        facts: &'a dyn Fn(&Address) -> Option<KindFacts>,
        options: &'a Options,
    ) -> Self {
        let mut fates = Vec::new();
        fates.resize_with(desired.len(), || None);
        Self {
            desired: desired.into_iter().map(Some).collect(),
            index,
            fates,
            state,
            observed,
            facts,
            options,
            unfinished_reboots: unfinished_reboots(state),
            blocked: Vec::new(),
        }
    }

    /// Every dependency has been decided, or is not looked at.
    pub(super) fn decide(&mut self, position: usize) -> Result<Action, PlanError> {
        let desired = self.desired[position]
            .take()
            .expect("each resource is decided once");
        let address = desired.address.clone();
        let facts = (self.facts)(&address).ok_or_else(|| PlanError::UnknownKind(address.clone()))?;
        let record = self.state.resources.get(&address);
        let observed = match self.observed.remove(&address) {
            Some(found) => found,
            None => record.map(|record| Observed {
                properties: record.properties.clone(),
                outputs: record.outputs.clone(),
            }),
        };
        let differences = match &observed {
            Some(observed) => self.differences(&desired, observed, record, &facts)?,
            None => self.check_outputs(&desired).map(|()| Differences::default())?,
        };
        let (verb, reason) = self.verdict(&desired, record, observed.is_some(), &differences);
        let create_first = verb == Verb::Replace && self.may_create_first(&desired, record, &facts);
        self.block(&desired, record, verb, &reason, &differences);
        let (before, outputs) = observed.map_or((None, Value::Null), |found| {
            (Some(found.properties), found.outputs)
        });
        self.fates[position] = Some(Fate {
            verb,
            outputs,
            stable_outputs: facts.stable_outputs,
            chain: match &reason {
                Reason::DependencyReplaced { chain } => chain.clone(),
                _ => Vec::new(),
            },
            create_first,
        });
        Ok(Action {
            address,
            verb,
            reason,
            id: record
                .filter(|_| before.is_some())
                .map(|record| record.id.clone()),
            changes: differences.changes,
            before,
            desired: Some(desired),
            create_first,
        })
    }

    fn verdict(
        &self,
        desired: &Desired,
        record: Option<&Record>,
        exists: bool,
        differences: &Differences,
    ) -> (Verb, Reason) {
        let Some(record) = record.filter(|_| exists) else {
            return (
                Verb::Create,
                match record.map(|record| record.status) {
                    None => Reason::New,
                    Some(Status::Ready) => Reason::Gone,
                    Some(_) => Reason::Interrupted,
                },
            );
        };
        if self.options.replace.contains(&desired.address) {
            return (Verb::Replace, Reason::Requested);
        }
        if !differences.unchangeable.is_empty() {
            return (
                Verb::Replace,
                Reason::CannotChange {
                    paths: differences.unchangeable.clone(),
                },
            );
        }
        if let Some(of) = differences.replaced.first() {
            let mut chain = vec![of.clone()];
            chain.extend(
                self.fate(of)
                    .into_iter()
                    .flat_map(|fate| fate.chain.iter().cloned()),
            );
            return (Verb::Replace, Reason::DependencyReplaced { chain });
        }
        if record.status == Status::Deleting && !record.protect {
            return (Verb::Replace, Reason::Interrupted);
        }
        if !differences.changes.is_empty() {
            let verb = if differences.reboot {
                Verb::Reboot
            } else {
                Verb::Update
            };
            return (
                verb,
                if differences.certain.is_empty() {
                    Reason::DependsOn {
                        addresses: differences.awaited.clone(),
                    }
                } else {
                    Reason::Differs {
                        paths: differences.certain.clone(),
                    }
                },
            );
        }
        if self.unfinished_reboots.contains(&desired.address) {
            return (Verb::Reboot, Reason::Interrupted);
        }
        match record.status {
            Status::Ready | Status::Deposed => (Verb::Keep, Reason::Same),
            Status::Creating | Status::Updating | Status::Deleting => (Verb::Adopt, Reason::Interrupted),
        }
    }

    /// Protected, and replaced by something else than its own address.
    fn block(
        &mut self,
        desired: &Desired,
        record: Option<&Record>,
        verb: Verb,
        reason: &Reason,
        differences: &Differences,
    ) {
        let protected = desired.protect || record.is_some_and(|record| record.protect);
        let asked_for = self.options.destroy_data || *reason == Reason::Requested;
        if verb != Verb::Replace || !protected || asked_for {
            return;
        }
        let (chain, paths) = match reason {
            Reason::DependencyReplaced { chain } => (chain.clone(), differences.replaced_paths.clone()),
            _ => (Vec::new(), differences.unchangeable.clone()),
        };
        self.blocked.push(Blocked {
            address: desired.address.clone(),
            chain,
            paths,
        });
    }

    fn differences(
        &self,
        desired: &Desired,
        observed: &Observed,
        record: Option<&Record>,
        facts: &KindFacts,
    ) -> Result<Differences, PlanError> {
        self.check_outputs(desired)?;
        let known = resolve(&desired.properties, &|of, name| match self.output(of, name) {
            Output::Known(value) => Some(value.clone()),
            _ => None,
        });
        let known = (facts.canonical)(known.into_owned());
        let mut differences = Differences::default();
        let recorded = record.and_then(Record::settled);
        for change in (facts.compare)(&known, &observed.properties, recorded) {
            self.sort(change, facts, &mut differences);
        }
        Ok(differences)
    }

    fn sort(&self, change: Change, facts: &KindFacts, into: &mut Differences) {
        let field = change.path.split('/').nth(1).unwrap_or_default().to_owned();
        let unchangeable = facts.replace_on.contains(&field.as_str());
        let awaited: Vec<Address> = outputs_of(&change.after).into_iter().map(|(of, _)| of).collect();
        if awaited.is_empty() {
            into.certain.push(change.path.clone());
            if unchangeable {
                into.unchangeable.push(change.path.clone());
            }
        } else if unchangeable {
            let anew: Vec<Address> = awaited
                .into_iter()
                .filter(|of| self.fate(of).is_some_and(Fate::is_made_anew))
                .collect();
            if anew.is_empty() {
                // What can't be changed in place is taken for unchanged; `apply` refuses if it isn't.
                let now = resolve(&change.after, &|of, name| match self.output(of, name) {
                    Output::Known(value) | Output::MayChange(value) => Some(value.clone()),
                    Output::Unknown | Output::Missing => None,
                });
                if *now == change.before {
                    return;
                }
                into.certain.push(change.path.clone());
                into.unchangeable.push(change.path.clone());
            } else {
                into.replaced_paths.push(change.path.clone());
                into.replaced.extend(anew);
            }
        } else {
            awaited.into_iter().for_each(|of| {
                if !into.awaited.contains(&of) {
                    into.awaited.push(of);
                }
            });
        }
        into.reboot |= facts.reboot_on.contains(&field.as_str());
        into.changes.push(change);
    }

    /// An output that a standing resource doesn't have is an error now, not on the way.
    fn check_outputs(&self, desired: &Desired) -> Result<(), PlanError> {
        for (of, output) in outputs_of(&desired.properties) {
            if matches!(self.output(&of, &output), Output::Missing) {
                return Err(PlanError::MissingOutput {
                    dependent: desired.address.clone(),
                    of,
                    output,
                });
            }
        }
        Ok(())
    }

    fn output(&self, of: &Address, name: &str) -> Output<'_> {
        let Some(fate) = self.fate(of) else {
            return Output::Unknown;
        };
        if fate.is_made_anew() {
            return Output::Unknown;
        }
        let value = fate.outputs.get(name);
        match (fate.verb, value) {
            (Verb::Keep, Some(value)) => Output::Known(value),
            (Verb::Keep, None) => Output::Missing,
            (Verb::Update | Verb::Reboot, Some(value)) if fate.stable_outputs.contains(&name) => {
                Output::Known(value)
            }
            (_, Some(value)) => Output::MayChange(value),
            (_, None) => Output::Unknown,
        }
    }

    fn fate(&self, of: &Address) -> Option<&Fate> {
        self.fates[*self.index.get(of)?].as_ref()
    }

    /// The new one can't come first where it needs something that must go before it comes anew.
    fn may_create_first(&self, desired: &Desired, record: Option<&Record>, facts: &KindFacts) -> bool {
        let recorded = record
            .into_iter()
            .flat_map(|record| record.dependencies.iter().cloned());
        facts.create_first
            && desired
                .dependencies()
                .into_iter()
                .chain(recorded)
                .filter_map(|of| self.fates[*self.index.get(&of)?].as_ref())
                .all(|fate| fate.verb != Verb::Replace || fate.create_first)
    }
}

impl Fate {
    fn is_made_anew(&self) -> bool {
        matches!(self.verb, Verb::Create | Verb::Replace)
    }
}
