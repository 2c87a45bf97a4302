//! `--target` and `--exclude`: which resources a plan is about.

use std::collections::{BTreeSet, HashMap};

use super::order::Dependencies;
use super::{Mode, Options, PlanError, Selector};
use crate::resource::{Address, Desired};
use crate::state::{Record, State};

/// Everything a plan could be about.
pub(super) struct Candidates<'a> {
    /// What is asked for.
    pub(super) desired: &'a [Desired],
    /// Who depends on whom there.
    pub(super) dependencies: &'a Dependencies,
    /// What the state holds beyond that.
    pub(super) leftover: &'a [&'a Record],
    /// Who depended on whom there.
    pub(super) recorded: &'a Dependencies,
    /// Where a leftover stands in the list.
    pub(super) leftover_index: &'a HashMap<Address, usize>,
    /// What the state holds.
    pub(super) state: &'a State,
}

/// Which of them it is about.
pub(super) struct Selection {
    pub(super) desired: Vec<bool>,
    pub(super) leftover: Vec<bool>,
}

impl Candidates<'_> {
    /// Targets bring what they need, excludes take away what needs them; a deletion needs the reverse.
    pub(super) fn select(&self, options: &Options) -> Result<Selection, PlanError> {
        for selector in options.targets.iter().chain(&options.excludes) {
            self.check(selector)?;
        }
        for address in &options.replace {
            if !self.desired.iter().any(|desired| desired.address == *address) {
                return Err(self.unknown(&address.to_string()));
            }
        }
        let mut selection = Selection {
            desired: vec![true; self.desired.len()],
            leftover: vec![true; self.leftover.len()],
        };
        if !options.targets.is_empty() {
            let (desired, leftover) = self.matching(&options.targets);
            selection.desired = Dependencies::closure(&self.dependencies.of, desired);
            selection.leftover = Dependencies::closure(&self.recorded.on, leftover);
        }
        if !options.excludes.is_empty() {
            let (desired, mut leftover) = self.matching(&options.excludes);
            let out = Dependencies::closure(&self.dependencies.on, desired);
            leftover.extend(self.leftovers_under(&out));
            remove(&mut selection.desired, &out);
            remove(
                &mut selection.leftover,
                &Dependencies::closure(&self.recorded.of, leftover),
            );
        }
        Ok(selection)
    }

    /// What an excluded resource stood on must stay, asked for or not.
    fn leftovers_under(&self, out: &[bool]) -> Vec<usize> {
        let excluded = self.desired.iter().zip(out).filter(|(_, out)| **out);
        excluded
            .filter_map(|(desired, _)| self.state.resources.get(&desired.address))
            .flat_map(|record| &record.dependencies)
            .filter_map(|address| self.leftover_index.get(address).copied())
            .collect()
    }

    fn matching(&self, selectors: &[Selector]) -> (Vec<usize>, Vec<usize>) {
        let addresses: BTreeSet<&Address> = selectors
            .iter()
            .filter_map(|selector| match selector {
                Selector::Address(address) => Some(address),
                Selector::Section(_) => None,
            })
            .collect();
        let sections: BTreeSet<&str> = selectors
            .iter()
            .filter_map(|selector| match selector {
                Selector::Section(section) => Some(section.as_str()),
                Selector::Address(_) => None,
            })
            .collect();
        let fits =
            |address: &Address, section: &str| addresses.contains(address) || sections.contains(section);
        let desired = self.desired.iter().enumerate();
        let leftover = self.leftover.iter().enumerate();
        (
            desired
                .filter(|(_, one)| fits(&one.address, &one.section))
                .map(|(index, _)| index)
                .collect(),
            leftover
                .filter(|(_, one)| fits(&one.address, &one.section))
                .map(|(index, _)| index)
                .collect(),
        )
    }

    fn check(&self, selector: &Selector) -> Result<(), PlanError> {
        let (desired, leftover) = self.matching(std::slice::from_ref(selector));
        if desired.is_empty() && leftover.is_empty() {
            return Err(self.unknown(&selector.to_string()));
        }
        Ok(())
    }

    fn unknown(&self, selector: &str) -> PlanError {
        let desired = self
            .desired
            .iter()
            .flat_map(|one| [one.address.as_str(), one.section.as_str()]);
        let leftover = self
            .leftover
            .iter()
            .flat_map(|one| [one.address.as_str(), one.section.as_str()]);
        let names: BTreeSet<&str> = desired.chain(leftover).collect();
        let scored = names
            .into_iter()
            .map(|name| (strsim::jaro_winkler(selector, name), name));
        let best = scored.max_by(|one, other| one.0.total_cmp(&other.0));
        PlanError::UnknownSelector {
            selector: selector.into(),
            nearest: best
                .filter(|(score, _)| *score > 0.7)
                .map(|(_, name)| name.into()),
        }
    }
}

/// True where a deletion of this leftover was asked for by its very address.
pub(super) fn asked_for(options: &Options, address: &Address) -> bool {
    let named = |selector: &Selector| matches!(selector, Selector::Address(one) if one == address);
    options.destroy_data || options.targets.iter().any(named)
}

/// Nothing is asked for in a destroy, so everything recorded is left over.
pub(super) fn leftovers<'a>(
    state: &'a State,
    mode: Mode,
    index: &HashMap<Address, usize>,
) -> Vec<&'a Record> {
    let records = state.resources.values();
    records
        .filter(|record| mode == Mode::Destroy || !index.contains_key(&record.address))
        .collect()
}

fn remove(selected: &mut [bool], out: &[bool]) {
    selected
        .iter_mut()
        .zip(out)
        .for_each(|(selected, out)| *selected &= !out);
}
