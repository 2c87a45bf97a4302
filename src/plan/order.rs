//! Orders: dependencies before dependents, and the circle named where there is one.

use std::collections::{BTreeSet, BinaryHeap, HashMap};

use super::PlanError;
use crate::resource::{Address, Desired};

/// Who depends on whom, by index into the list that it was made of.
pub(super) struct Dependencies {
    /// Dependencies of each.
    pub(super) of: Vec<Vec<usize>>,
    /// Dependents of each.
    pub(super) on: Vec<Vec<usize>>,
}

impl Dependencies {
    /// Of desired resources; each must be there.
    pub(super) fn among(desired: &[Desired], index: &HashMap<Address, usize>) -> Result<Self, PlanError> {
        let of = desired.iter().map(|resource| {
            let found = resource.dependencies().into_iter().map(|missing| {
                index
                    .get(&missing)
                    .copied()
                    .ok_or_else(|| PlanError::MissingDependency {
                        dependent: resource.address.clone(),
                        missing,
                    })
            });
            found.collect::<Result<Vec<usize>, _>>()
        });
        Ok(Self::new(of.collect::<Result<_, _>>()?))
    }

    /// Of whatever is there; what isn't is left out.
    pub(super) fn recorded<'a>(
        all: impl Iterator<Item = &'a BTreeSet<Address>>,
        index: &HashMap<Address, usize>,
    ) -> Self {
        Self::new(
            all.map(|of| of.iter().filter_map(|one| index.get(one).copied()).collect())
                .collect(),
        )
    }

    fn new(of: Vec<Vec<usize>>) -> Self {
        let mut on = vec![Vec::new(); of.len()];
        for (dependent, dependencies) in of.iter().enumerate() {
            dependencies
                .iter()
                .for_each(|dependency| on[*dependency].push(dependent));
        }
        Self { of, on }
    }

    /// Dependencies first, otherwise in the given order. Where that is impossible: those left over.
    pub(super) fn order(&self) -> Result<Vec<usize>, Vec<usize>> {
        let mut waits: Vec<usize> = self.of.iter().map(Vec::len).collect();
        let mut ready: BinaryHeap<std::cmp::Reverse<usize>> = (0..waits.len())
            .filter(|index| waits[*index] == 0)
            .map(std::cmp::Reverse)
            .collect();
        let mut order = Vec::with_capacity(waits.len());
        while let Some(std::cmp::Reverse(next)) = ready.pop() {
            order.push(next);
            for dependent in &self.on[next] {
                waits[*dependent] -= 1;
                if waits[*dependent] == 0 {
                    ready.push(std::cmp::Reverse(*dependent));
                }
            }
        }
        if order.len() == waits.len() {
            Ok(order)
        } else {
            Err((0..waits.len()).filter(|index| waits[*index] > 0).collect())
        }
    }

    /// One circle among those left over: from a resource along its dependencies back to itself.
    pub(super) fn circle(&self, left: &[usize]) -> Vec<usize> {
        let left: BTreeSet<usize> = left.iter().copied().collect();
        let mut path = Vec::new();
        let mut next = left.first().copied();
        while let Some(here) = next {
            if let Some(start) = path.iter().position(|seen| *seen == here) {
                path.drain(..start);
                path.push(here);
                break;
            }
            path.push(here);
            next = self.of[here]
                .iter()
                .copied()
                .find(|dependency| left.contains(dependency));
        }
        path
    }

    /// `from` and all that `step` leads to.
    pub(super) fn closure(step: &[Vec<usize>], from: impl IntoIterator<Item = usize>) -> Vec<bool> {
        let mut reached = vec![false; step.len()];
        let mut queue: Vec<usize> = from.into_iter().collect();
        while let Some(here) = queue.pop() {
            if !std::mem::replace(&mut reached[here], true) {
                queue.extend(step[here].iter().filter(|next| !reached[**next]));
            }
        }
        reached
    }
}
