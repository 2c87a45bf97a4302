//! What providers find before anything is made: told as warnings, or as the reason why there is no plan.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::error::Error;
use super::site::Site;
use crate::apply::{Event, Observer, Severity};
use crate::plan::{Action, Plan, Verb, check_state, resolve};
use crate::provider::{Concern, Gravity, Wanted};
use crate::resource::Address;
use crate::state::State;

/// Asks every provider about what `plan` would make or change. `from_here`: it is applied next, on this machine.
pub(crate) async fn check(
    site: &Site,
    plan: &Plan,
    state: &State,
    from_here: bool,
    observer: &dyn Observer,
) -> Result<(), Error> {
    // A saved plan that was done already would find taken whatever it made itself.
    check_state(plan, state)?;
    let outputs = standing_outputs(plan, state);
    let lookup = |of: &Address, name: &str| outputs.get(of)?.get(name).cloned();
    let changes: Vec<(&Action, Cow<Value>)> = plan
        .changes()
        .filter(|action| action.verb != Verb::Delete)
        .filter_map(|action| Some((action, resolve(&action.desired.as_ref()?.properties, &lookup))))
        .collect();
    let wanted: Vec<Wanted> = changes
        .iter()
        .map(|(action, properties)| Wanted {
            address: &action.address,
            properties,
            is_new: action.verb == Verb::Create,
        })
        .collect();
    let mut concerns = Vec::new();
    for provider in site.platform.providers.all() {
        let mine: Vec<Wanted> = wanted
            .iter()
            .filter(|wanted| wanted.address.provider() == provider.name())
            .copied()
            .collect();
        if !mine.is_empty() {
            concerns.extend(provider.preflight(&mine).await);
        }
    }
    concerns.sort_by_key(|concern| concern.gravity);
    // What a machine lacks, or is in doubt, is so for many resources.
    let mut told = BTreeSet::new();
    concerns.retain(|concern| {
        !matches!(concern.gravity, Gravity::Lacking | Gravity::Doubtful)
            || told.insert((concern.message.clone(), concern.hint.clone()))
    });
    let gravest = if from_here {
        Gravity::Lacking
    } else {
        Gravity::Blocking
    };
    let blocking = concerns
        .iter()
        .filter(|concern| concern.gravity <= gravest)
        .count();
    concerns[blocking..]
        .iter()
        .for_each(|concern| tell(concern, observer));
    match concerns[..blocking].split_first() {
        None => Ok(()),
        Some((first, others)) => Err(refusal(site, plan, first, others)),
    }
}

/// The outputs of what stands and stays as it is: what refers to them is known before anything is made.
fn standing_outputs<'a>(plan: &'a Plan, state: &'a State) -> BTreeMap<&'a Address, &'a Value> {
    let stays = plan.actions.iter().filter(|action| action.verb == Verb::Keep);
    let records = stays.filter_map(|action| state.resources.get(&action.address));
    records.map(|record| (&record.address, &record.outputs)).collect()
}

fn tell(concern: &Concern, observer: &dyn Observer) {
    observer.observe(&Event::Diagnostic {
        severity: Severity::Warning,
        summary: concern.message.clone(),
        detail: concern.hint.clone().unwrap_or_default(),
        address: concern.address.clone(),
    });
}

/// The first with its place in the plan; the others as further causes.
fn refusal(site: &Site, plan: &Plan, first: &Concern, others: &[Concern]) -> Error {
    let origin = first.address.as_ref().and_then(|address| {
        let action = plan.actions.iter().find(|action| action.address == *address)?;
        Some(action.desired.as_ref()?.origin.clone())
    });
    let mut error = Error::new("nothing was started: it would fail")
        .at(site.place(origin.as_deref()))
        .because(described(first));
    if let Some(address) = &first.address {
        error = error.on(address);
    }
    for other in others {
        error = error.because(described(other));
    }
    let hints = std::iter::once(first)
        .chain(others)
        .filter_map(|concern| concern.hint.clone());
    let mut seen = std::collections::BTreeSet::new();
    error.hints(hints.filter(|hint| seen.insert(hint.clone())).collect::<Vec<_>>())
}

fn described(concern: &Concern) -> String {
    match &concern.address {
        Some(address) => format!("{address}: {}", concern.message),
        None => concern.message.clone(),
    }
}
