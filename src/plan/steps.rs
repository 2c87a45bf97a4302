//! What `apply` runs: a plan taken apart into steps, and which step waits for which.
//!
//! Things come up dependencies first and go away dependents first. A replacement is two steps.

use std::collections::HashMap;

use super::{Action, Plan, Verb};
use crate::resource::Address;
use crate::state::{Record, State, Status};

/// Steps in the plan's order, with what waits for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steps {
    /// What is to be done.
    pub steps: Vec<Step>,
    /// For each step, those that may only start when it is done.
    pub next: Vec<Vec<usize>>,
    /// For each step, how many must be done before it.
    pub waits: Vec<usize>,
}

/// One action, or half of a replacement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Index into [`Plan::actions`].
    pub action: usize,
    /// Which half.
    pub part: Part,
}

/// The direction of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Brings it to what is asked for; of an action that keeps: nothing.
    Stand,
    /// Takes it away.
    Go,
}

impl Steps {
    /// Pure: `state` is the one that the plan is bound to.
    pub fn of(plan: &Plan, state: &State) -> Self {
        let mut graph = Graph::default();
        for (action, planned) in plan.actions.iter().enumerate() {
            graph.add(action, planned);
        }
        for (action, planned) in plan.actions.iter().enumerate() {
            graph.wait_for_dependencies(action, planned);
        }
        for (action, planned) in plan.actions.iter().enumerate() {
            if let Some(record) = record_of(planned, state) {
                graph.go_before_dependencies(action, record, &plan.actions);
            }
        }
        graph.finish()
    }
}

/// Of a deposed resource its own record, not that of its successor.
fn record_of<'a>(action: &Action, state: &'a State) -> Option<&'a Record> {
    let present = state.resources.get(&action.address);
    let is_it = |record: &&Record| action.id.as_ref().is_none_or(|id| record.id == *id);
    present.filter(is_it).or_else(|| {
        let mut deposed = state.deposed.iter();
        deposed.find(|record| record.address == action.address && Some(&record.id) == action.id.as_ref())
    })
}

#[derive(Default)]
struct Graph {
    steps: Vec<Step>,
    /// Of each action its steps: stand, go.
    of: Vec<(Option<usize>, Option<usize>)>,
    index: HashMap<Address, usize>,
    /// From a dependency's `Stand` to its dependent's, and between the halves of a replacement: these are
    /// free of circles by construction.
    firm: Vec<(usize, usize)>,
    /// The order of deletions, from what was recorded.
    soft: Vec<(usize, usize)>,
}

impl Graph {
    fn add(&mut self, action: usize, planned: &Action) {
        let stand = (planned.verb != Verb::Delete).then(|| self.push(action, Part::Stand));
        let go = matches!(planned.verb, Verb::Delete | Verb::Replace).then(|| self.push(action, Part::Go));
        if let (Some(stand), Some(go)) = (stand, go) {
            self.firm.push(if planned.create_first {
                (stand, go)
            } else {
                (go, stand)
            });
        }
        self.of.push((stand, go));
        if stand.is_some() || !self.index.contains_key(&planned.address) {
            self.index.insert(planned.address.clone(), action);
        }
    }

    fn push(&mut self, action: usize, part: Part) -> usize {
        self.steps.push(Step { action, part });
        self.steps.len() - 1
    }

    fn wait_for_dependencies(&mut self, action: usize, planned: &Action) {
        let (Some(desired), (Some(stand), _)) = (&planned.desired, self.of[action]) else {
            return;
        };
        for dependency in desired.dependencies() {
            if let Some((Some(before), _)) = self.index.get(&dependency).map(|one| self.of[*one]) {
                self.firm.push((before, stand));
            }
        }
    }

    /// What stood on something that goes must let go of it first.
    fn go_before_dependencies(&mut self, action: usize, record: &Record, actions: &[Action]) {
        let (stand, go) = self.of[action];
        for dependency in &record.dependencies {
            let Some(under) = self
                .index
                .get(dependency)
                .copied()
                .filter(|under| *under != action)
            else {
                continue;
            };
            let Some(under_goes) = self.of[under].1 else {
                continue;
            };
            if let Some(go) = go {
                self.soft.push((go, under_goes));
            }
            let outlives = actions[under].verb == Verb::Delete || actions[under].create_first;
            if let Some(stand) = stand.filter(|_| outlives && record.status != Status::Deposed) {
                self.soft.push((stand, under_goes));
            }
        }
    }

    /// Recorded dependencies may contradict those of the plan; where the two make a circle, the plan's hold.
    fn finish(self) -> Steps {
        let mut edges = self.firm.clone();
        edges.extend(&self.soft);
        let stuck = stuck(self.steps.len(), &edges);
        if stuck.contains(&true) {
            edges = self.firm;
            edges.extend(self.soft.iter().filter(|(from, to)| !stuck[*from] || !stuck[*to]));
        }
        edges.sort_unstable();
        edges.dedup();
        let (next, waits) = adjacency(self.steps.len(), &edges);
        Steps {
            steps: self.steps,
            next,
            waits,
        }
    }
}

fn adjacency(count: usize, edges: &[(usize, usize)]) -> (Vec<Vec<usize>>, Vec<usize>) {
    let mut next = vec![Vec::new(); count];
    let mut waits = vec![0; count];
    for (from, to) in edges {
        next[*from].push(*to);
        waits[*to] += 1;
    }
    (next, waits)
}

/// Steps that would never start: in a circle, or behind one.
fn stuck(count: usize, edges: &[(usize, usize)]) -> Vec<bool> {
    let (next, mut waits) = adjacency(count, edges);
    let mut stuck = vec![true; count];
    let mut ready: Vec<usize> = (0..count).filter(|step| waits[*step] == 0).collect();
    while let Some(step) = ready.pop() {
        stuck[step] = false;
        for after in &next[step] {
            waits[*after] -= 1;
            if waits[*after] == 0 {
                ready.push(*after);
            }
        }
    }
    stuck
}
