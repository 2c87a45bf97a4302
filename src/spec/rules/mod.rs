//! What a plan that parses can still get wrong: what AWS refuses, what contradicts itself, what can't hold.
//!
//! Each rule is a row of `RULES`: a code, a severity, the text of `explain`, and a pure function from a
//! [`Spec`] to what it found. One file a family; the figures that rules rely on stand in `facts`, with
//! their sources. Depends on the plan's types only; never reads a file, a clock or the network: what day it
//! is comes in with the [`Context`].

mod alerts;
mod buffer;
mod cache;
mod cluster;
mod connections;
mod cost;
mod database;
mod database_operation;
mod database_parameters;
mod edge;
pub(crate) mod facts;
mod kafka;
mod load_balancer;
mod local;
mod network;
mod nodes;
mod pods;
mod policy;
mod promises;
mod replication;
mod rollout;
mod secrets;
mod sizing;
mod state;
mod storage;
mod target_groups;
mod tuning;
mod workloads;

use std::sync::LazyLock;

use jiff::civil::Date;

use super::{Diagnostic, FieldPath, Loaded, Severity, Spec, Target};

/// All rules, family by family.
const RULES: &[&[Rule]] = &[
    cluster::RULES,
    nodes::RULES,
    workloads::RULES,
    pods::RULES,
    database::RULES,
    database_operation::RULES,
    database_parameters::RULES,
    connections::RULES,
    replication::RULES,
    kafka::RULES,
    storage::RULES,
    buffer::RULES,
    cache::RULES,
    network::RULES,
    load_balancer::RULES,
    target_groups::RULES,
    edge::RULES,
    tuning::RULES,
    alerts::RULES,
    promises::RULES,
    rollout::RULES,
    sizing::RULES,
    cost::RULES,
    state::RULES,
    policy::RULES,
    secrets::RULES,
    local::RULES,
];

/// One thing that a plan can get wrong.
#[derive(Debug)]
pub struct Rule {
    /// `VV` and three digits; never given to another rule.
    pub code: &'static str,
    pub severity: Severity,
    /// The finding in a line, without this plan's values.
    pub title: &'static str,
    /// The targets that it is about.
    pub applies: Applies,
    /// What it means and why it matters.
    pub about: &'static str,
    /// Where that is known from.
    pub source: &'static str,
    /// What to do, without this plan's values.
    pub remedy: &'static str,
    check: fn(&Spec, &Context, &mut Breaches),
}

/// Which targets a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applies {
    Everywhere,
    OnAws,
    OnThisMachine,
}

/// What rules may know besides the plan.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// Versions run out of support by it.
    pub today: Date,
}

/// A rule that this plan breaks, and where.
#[derive(Debug, Clone)]
pub struct Finding {
    pub rule: &'static Rule,
    /// Fields of the plan, the one to change first, then those that it contradicts.
    pub paths: Vec<String>,
    /// Why, with this plan's figures.
    pub why: String,
    /// What to write instead.
    pub fix: String,
}

/// Every finding with its place in the plan's text: errors first, then in the order of the text.
pub fn check(loaded: &Loaded, context: &Context) -> Vec<Diagnostic> {
    let mut diagnostics: Vec<Diagnostic> = findings(&loaded.spec, context)
        .iter()
        .map(|finding| finding.diagnostic(loaded))
        .collect();
    super::diagnostic::sort(&mut diagnostics);
    diagnostics
}

/// Every finding, in the order of the rules' codes.
pub fn findings(spec: &Spec, context: &Context) -> Vec<Finding> {
    all()
        .filter(|rule| rule.applies.to(spec.target))
        .flat_map(|rule| {
            let mut breaches = Breaches::default();
            (rule.check)(spec, context, &mut breaches);
            breaches.0.into_iter().map(move |breach| Finding {
                rule,
                paths: breach.paths,
                why: breach.why,
                fix: breach.fix,
            })
        })
        .collect()
}

/// All rules, in the order of their codes.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    static SORTED: LazyLock<Vec<&'static Rule>> = LazyLock::new(|| {
        let mut rules: Vec<&'static Rule> = RULES.iter().copied().flatten().collect();
        rules.sort_by_key(|rule| rule.code);
        rules
    });
    SORTED.iter().copied()
}

/// The rule called `code`, in upper or lower case.
///
/// # Errors
/// [`UnknownRule`] with the code that looks most like it.
pub fn explain(code: &str) -> Result<&'static Rule, UnknownRule> {
    let wanted = code.to_ascii_uppercase();
    all().find(|rule| rule.code == wanted).ok_or_else(|| UnknownRule {
        nearest: all()
            .map(|rule| rule.code)
            .min_by_key(|known| strsim::damerau_levenshtein(known, &wanted))
            .filter(|known| strsim::damerau_levenshtein(known, &wanted) <= 2),
        code: code.to_owned(),
    })
}

/// No rule has that code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no rule is called `{code}`{}", nearest.map(|it| format!("; the nearest is `{it}`")).unwrap_or_default())]
pub struct UnknownRule {
    pub code: String,
    pub nearest: Option<&'static str>,
}

impl Rule {
    /// The whole text that `explain` shows: title, meaning, source, remedy; paragraphs unwrapped.
    pub fn explanation(&self) -> String {
        format!(
            "{}: {}\nSeverity: {}{}\n\n{}\n\nSource: {}\n\nWhat to do: {}\n",
            self.code,
            self.title,
            self.severity.name(),
            match self.applies {
                Applies::Everywhere => "",
                Applies::OnAws => ", on AWS",
                Applies::OnThisMachine => ", on the local target",
            },
            self.about,
            self.source,
            self.remedy,
        )
    }
}

impl Finding {
    fn diagnostic(&self, loaded: &Loaded) -> Diagnostic {
        let mut diagnostic = Diagnostic::new(self.rule.code, self.rule.severity, self.rule.title)
            .why(&*self.why)
            .fix(&*self.fix);
        let (first, others) = self.paths.split_first().expect("a finding points at a field");
        let path: FieldPath = first.parse().unwrap_or_default();
        let span = loaded.spans.get(first);
        diagnostic = diagnostic.at(path, span);
        for other in others {
            let place = loaded.spans.get(other).filter(|place| Some(*place) != span);
            diagnostic = diagnostic.related(other.as_str(), place);
        }
        diagnostic
    }
}

impl Applies {
    const fn to(self, target: Target) -> bool {
        match self {
            Self::Everywhere => true,
            Self::OnAws => matches!(target, Target::Aws),
            Self::OnThisMachine => matches!(target, Target::Local),
        }
    }
}

/// What one rule found in one plan.
#[derive(Debug, Default)]
struct Breaches(Vec<Breach>);

#[derive(Debug)]
struct Breach {
    paths: Vec<String>,
    why: String,
    fix: String,
}

impl Breaches {
    /// Notes one: the field to change first, then those that it contradicts.
    fn add(&mut self, paths: &[&str], why: impl Into<String>, fix: impl Into<String>) {
        debug_assert!(!paths.is_empty(), "a finding points at a field");
        self.0.push(Breach {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
            why: why.into(),
            fix: fix.into(),
        });
    }
}

/// The field `name` of the map at `path`; a name with dots is put into brackets.
fn key(path: &str, name: &str) -> String {
    let plain = name
        .chars()
        .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '/' | '@' | '*'));
    if plain {
        format!("{path}.{name}")
    } else {
        format!("{path}[{name:?}]")
    }
}

/// `1234567` → `1,234,567`.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Mebibytes with one digit: `15.3 GiB`, `128.0 TiB`.
fn gib(mebibytes: u64) -> String {
    let (unit, size) = if mebibytes < 1_048_576 {
        ("GiB", 1_024)
    } else {
        ("TiB", 1_048_576)
    };
    let tenths = (mebibytes.saturating_mul(10) + size / 2) / size;
    format!("{}.{} {unit}", thousands(tenths / 10), tenths % 10)
}

/// Milliseconds as seconds: `6.2 s`, `60 s`.
fn seconds(milliseconds: u64) -> String {
    let tenths = (milliseconds + 50) / 100;
    if tenths.is_multiple_of(10) {
        format!("{} s", tenths / 10)
    } else {
        format!("{}.{} s", tenths / 10, tenths % 10)
    }
}
