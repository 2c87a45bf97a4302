//! Cheaper ways to run the same platform: what each saves, what it risks, and what it changes in the plan.
//!
//! No figure is typed in: a change is made to the plan, the changed plan is laid out and priced, and the saving is
//! what the two estimates differ by. Who calls lays plans out. One file a kind of saving.

mod cache;
mod commitment;
mod evidence;
mod graviton;
mod network;
mod nodes;
mod patch;
mod storage;

use std::collections::BTreeSet;

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::difference::{Change, Difference};
use super::{Book, Estimate, Input, Line, Scope, Unknown};
use crate::resource::Desired;
use crate::spec::rules::{self, Context};
use crate::spec::{Severity, Spec};

pub use evidence::{Evidence, EvidenceError};
pub use patch::{Patch, PatchError, Set};

/// Lays a plan out; none: the plan can't be.
pub type LayOut<'a> = &'a dyn Fn(&Spec) -> Option<Vec<Desired>>;

/// What is looked for savings.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// The plan.
    pub spec: &'a Spec,
    /// The prices.
    pub book: &'a Book,
    /// What of it is priced; none: everything.
    pub scope: Option<&'a Scope>,
    /// The day on which versions are judged as old or not.
    pub as_of: Date,
    /// How a plan becomes resources.
    pub lay_out: LayOut<'a>,
    /// What a load test measured on this plan.
    pub evidence: Option<&'a Evidence>,
}

/// A cheaper way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saving {
    /// Kind and part: `graviton/app-nodes`.
    pub name: String,
    /// What changes, in words.
    pub what: String,
    /// What a month costs less, in USD; none: unknown.
    pub monthly: Option<Decimal>,
    /// How the figure comes about, line by line.
    pub how: Vec<String>,
    /// What has to be known for the figure, or for the rest of it.
    pub missing: Vec<String>,
    /// How much is risked.
    pub risk: Risk,
    /// What is risked, in words.
    pub because: Vec<String>,
    /// What changes in the plan; none: it is bought, not built.
    pub patch: Option<Patch>,
}

/// How much a saving risks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Risk {
    /// Nobody notices.
    Low,
    /// Noticed while it is done, or by who reads invoices.
    Medium,
    /// It can break what runs, or takes away what a promise rests on.
    High,
}

impl Risk {
    /// In a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// What a saving's name begins with.
pub const KINDS: &[&str] = &[
    "aurora-io-optimized",
    "aurora-standard",
    "endpoints",
    "gp3",
    "graviton",
    "log-retention",
    "reserved",
    "right-size",
    "savings-plan",
    "single-nat",
    "spot",
    "valkey",
];

/// The kind of saving that a name is of.
pub fn kind_of(name: &str) -> &str {
    name.split_once('/').map_or(name, |(kind, _)| kind)
}

impl Saving {
    /// Whether `name` asks for it: by its whole name, or by its kind.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || kind_of(&self.name) == name
    }

    /// Whether it can be written without having been asked for.
    pub fn is_safe(&self) -> bool {
        self.patch.is_some() && self.monthly.is_some() && self.risk < Risk::High
    }
}

/// A change that may save something.
struct Idea {
    name: String,
    what: String,
    risk: Risk,
    because: Vec<String>,
    patch: Patch,
    /// Why no estimate can tell, where that is so.
    untold: Option<String>,
    /// Whom to ask for a price that is missing.
    ask: Option<String>,
}

impl Idea {
    fn new(name: impl Into<String>, what: impl Into<String>, risk: Risk, patch: Patch) -> Self {
        Self {
            name: name.into(),
            what: what.into(),
            risk,
            because: Vec::new(),
            patch,
            untold: None,
            ask: None,
        }
    }

    fn because(mut self, why: impl Into<String>) -> Self {
        self.because.push(why.into());
        self
    }
}

/// The plan as it is, priced.
struct Base<'a> {
    question: &'a Question<'a>,
    spec: Spec,
    estimate: Estimate,
    findings: BTreeSet<(&'static str, Vec<String>)>,
}

/// What `question` finds, the largest first, what is unknown last. Empty where the plan can't be laid out.
pub fn find(question: &Question<'_>) -> Vec<Saving> {
    let Some(base) = Base::new(question) else {
        return Vec::new();
    };
    let spec = &base.spec;
    // Of several ways to the same, the one that saves most.
    let mut ways: Vec<Vec<Idea>> = graviton::ideas(spec);
    let single = [
        cache::ideas(spec),
        storage::ideas(&base),
        network::ideas(&base),
        nodes::ideas(&base),
    ];
    ways.extend(single.into_iter().flatten().map(|idea| vec![idea]));
    let mut savings: Vec<Saving> = ways
        .into_iter()
        .filter_map(|ways| best(ways.into_iter().filter_map(|idea| base.price(idea))))
        .collect();
    savings.retain(|saving| network::is_worth_it(saving, &base));
    savings.extend(commitment::savings(&base));
    savings.sort_by(|one, other| (other.monthly, &one.name).cmp(&(one.monthly, &other.name)));
    savings
}

/// What a month of the changed plan costs, of what is known, and as it is now.
pub fn totals(question: &Question<'_>, changed: &Spec) -> Option<(Estimate, Estimate)> {
    let base = Base::new(question)?;
    let after = base.estimate_of(changed)?;
    Some((base.estimate, after))
}

/// Where one is known none is taken that isn't.
fn best(savings: impl Iterator<Item = Saving>) -> Option<Saving> {
    savings.reduce(|one, other| if other.monthly > one.monthly { other } else { one })
}

impl<'a> Base<'a> {
    fn new(question: &'a Question<'a>) -> Option<Self> {
        // As a patched plan is made, so that nothing but the patch differs.
        let spec = Patch::default().applied(question.spec).ok()?;
        let desired = (question.lay_out)(&spec)?;
        let estimate = input(question, &spec, &desired).estimate();
        let findings = findings(question, &spec).map(|(key, _)| key).collect();
        Some(Self {
            question,
            spec,
            estimate,
            findings,
        })
    }

    fn estimate_of(&self, spec: &Spec) -> Option<Estimate> {
        let desired = (self.question.lay_out)(spec)?;
        Some(input(self.question, spec, &desired).estimate())
    }

    /// The first region.
    fn primary(&self) -> &str {
        let regions = self.spec.regions.as_ref();
        regions.map_or("", |regions| regions.primary.as_str())
    }

    /// Lines of the plan as it is.
    fn lines(&self, is: impl Fn(&Line) -> bool) -> impl Iterator<Item = &Line> {
        self.estimate.lines.iter().filter(move |line| is(line))
    }

    /// What becomes another thing without a price before or after, so that no figure differs.
    fn unpriced(&self, after: &Estimate) -> BTreeSet<String> {
        let is_other = |line: &&Line| {
            let mut before = self.lines(|before| before.id == line.id && before.monthly.is_none());
            line.monthly.is_none() && before.next().is_some_and(|before| before.of != line.of)
        };
        let lines = after.lines.iter().filter(is_other);
        lines
            .map(|line| no_price(line, &self.question.book.name))
            .collect()
    }

    /// What the idea saves; none where it saves nothing, changes nothing or breaks a rule.
    fn price(&self, idea: Idea) -> Option<Saving> {
        let changed = idea.patch.applied(&self.spec).ok()?;
        let mut because = idea.because;
        for (key, severity) in findings(self.question, &changed) {
            if self.findings.contains(&key) {
                continue;
            }
            if severity == Severity::Error {
                return None;
            }
            because.push(format!(
                "`validate` will say {} of it: `vvbill explain {}`",
                key.0, key.0
            ));
        }
        let after = self.estimate_of(&changed)?;
        let difference = Difference::between(&self.estimate, &after);
        if difference.changes.is_empty() && idea.untold.is_none() {
            return None;
        }
        let mut missing = missing(&difference, &self.question.book.name);
        missing.extend(self.unpriced(&after));
        let is_whole = !difference.changes.iter().any(is_known_on_one_side);
        let (before, now) = difference.totals();
        let saved = before.known.expected - now.known.expected;
        let monthly = (is_whole && idea.untold.is_none()).then_some(saved);
        if monthly.is_some_and(|saved| saved <= Decimal::ZERO) {
            return None;
        }
        missing.extend(idea.untold);
        if !missing.is_empty() {
            missing.extend(idea.ask);
        }
        Some(Saving {
            name: idea.name,
            what: idea.what,
            monthly,
            how: difference.changes.iter().filter_map(told).collect(),
            missing,
            risk: idea.risk,
            because,
            patch: Some(idea.patch),
        })
    }
}

fn input<'a>(question: &Question<'a>, spec: &'a Spec, desired: &'a [Desired]) -> Input<'a> {
    Input {
        spec,
        desired,
        book: question.book,
        scope: question.scope,
        as_of: question.as_of,
        load: Decimal::ONE,
    }
}

/// A rule and where it is broken.
type Key = (&'static str, Vec<String>);

fn findings(question: &Question<'_>, spec: &Spec) -> impl Iterator<Item = (Key, Severity)> + use<> {
    let context = Context {
        today: question.as_of,
    };
    let findings = rules::findings(spec, &context).into_iter();
    findings.map(|finding| ((finding.rule.code, finding.paths), finding.rule.severity))
}

/// Whether nobody can say what the change adds, because one of its two sides has no cost.
fn is_known_on_one_side(change: &Change<'_>) -> bool {
    let is_known = |line: Option<&Line>| line.is_none_or(|line| line.monthly.is_some());
    change.delta.is_none() && is_known(change.before) != is_known(change.after)
}

/// What would have to be known of each line that has no cost.
fn missing(difference: &Difference<'_>, book: &str) -> Vec<String> {
    let unknown = difference.changes.iter().filter(|change| change.delta.is_none());
    let lines = unknown.flat_map(|change| {
        let sides = [change.after, change.before].into_iter().flatten();
        sides.into_iter().find(|line| line.monthly.is_none())
    });
    let mut told: Vec<String> = lines
        .map(|line| match &line.unknown {
            Some(Unknown::Quantity(field)) => format!("only use can tell: set `{field}`"),
            _ => no_price(line, book),
        })
        .collect();
    let mut seen = BTreeSet::new();
    told.retain(|text| seen.insert(text.clone()));
    told
}

fn no_price(line: &Line, book: &str) -> String {
    let item = line.item.name();
    let of = line.of.as_deref().unwrap_or(&item);
    format!("`{book}` has no price for {of} in {}", line.region)
}

/// `Worker Nodes, app-nodes: 0.192 → 0.1632 USD: -189.216`.
fn told(change: &Change<'_>) -> Option<String> {
    change.delta?;
    let line = change.line();
    Some(format!("{}: {}", line.title, change.why.join("; ")))
}
