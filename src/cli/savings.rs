//! `vvbill savings`: cheaper ways to run the same platform, and the change of the plan file that each takes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::Exit;
use super::arguments::PlanFile;
use super::bill::Prices;
use super::error::Error;
use super::plan_file::{self, Checked};
use super::report::savings::{View, Written, human, json, markdown};
use super::report::{Report, findings};
use crate::cost::savings::{self, Evidence, Patch, Question, Saving};
use crate::spec::{Diagnostic, Severity, Spec};
use crate::topology;

/// List cheaper ways to run the same platform, with figure, risk and patch
///
/// Each figure is the plan's monthly cost less that of the changed plan, both as `cost` computes them. What has no
/// price, or depends on use that the plan doesn't state, is unknown, and what to ask for is said. `--write` makes
/// the changes in the plan file, comments and layout kept: without `--only` those with a known figure whose risk
/// isn't high. Reserved instances and savings plans are bought, not written.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill savings plans/production.yaml                                  all of them, the largest first
  vvbill savings plans/production.yaml --only graviton                  one kind: each group of machines
  vvbill savings plans/staging.yaml --only valkey --write               into the plan file
  vvbill savings plans/production.yaml --format markdown                for a pull request
  vvbill loadtest plans/production.yaml --json > test.json
  vvbill savings plans/production.yaml --evidence test.json             as many nodes as the test asks for")]
pub(crate) struct Arguments {
    #[command(flatten)]
    file: PlanFile,
    /// Only these, by name or by kind (repeatable): `graviton`, `graviton/app-nodes`, `valkey`
    #[arg(
        long,
        value_name = "NAME",
        env = "VVBILL_ONLY",
        hide_env_values = true,
        value_delimiter = ','
    )]
    only: Vec<String>,
    /// Change the plan file: what `--only` names, else what is known to save and isn't of high risk
    #[arg(long, env = "VVBILL_WRITE", hide_env_values = true)]
    write: bool,
    /// What `vvbill loadtest PLAN --json` printed for this plan: then the number of nodes is looked at, too
    #[arg(long, value_name = "FILE", env = "VVBILL_EVIDENCE", hide_env_values = true)]
    evidence: Option<PathBuf>,
    /// Prices of this book: `aws-2026-11`, or a file; without it, the plan's `cost.price_book`
    #[arg(long, value_name = "BOOK", env = "VVBILL_PRICES", hide_env_values = true)]
    prices: Option<String>,
    /// How it is printed
    #[arg(
        long,
        value_enum,
        default_value_t = Format::Table,
        env = "VVBILL_FORMAT",
        hide_env_values = true
    )]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For a terminal
    Table,
    /// With exact decimals as strings
    Json,
    /// For a pull request's comment
    Markdown,
}

pub(crate) fn run(arguments: &Arguments, report: &Report) -> Result<Exit, Error> {
    let checked = plan_file::check(&arguments.file)?;
    let Some(loaded) = &checked.loaded else {
        report.say(findings::render(&checked.findings, &checked.sources).trim_end());
        return Err(Error::reported(Exit::Failed));
    };
    let spec = &loaded.spec;
    let book = Prices::find(arguments.prices.as_deref().unwrap_or(&spec.cost.price_book))?.book()?;
    topology::desired(spec).map_err(|why| {
        Error::new("the plan can't be laid out, so nothing can be counted")
            .caused_by(&why)
            .hint(why.hint())
    })?;
    let evidence = arguments
        .evidence
        .as_deref()
        .map(|path| evidence(path, spec))
        .transpose()?;
    let lay_out = |spec: &Spec| topology::desired(spec).ok();
    let question = Question {
        spec,
        book: &book,
        scope: book.scope.as_ref(),
        as_of: plan_file::today(),
        lay_out: &lay_out,
        evidence: evidence.as_ref(),
    };
    let found = asked_for(&arguments.only, savings::find(&question), report)?;
    let written = match arguments.write {
        true => Some(write(arguments, &found, &question, &checked, report)?),
        false => None,
    };
    let view = View {
        path: arguments.file.plan.display().to_string(),
        plan: spec.metadata.name.as_str(),
        book: &book,
        hours: spec.cost.hours_per_month,
        savings: &found,
        written,
    };
    match arguments.format {
        Format::Table => report.data(human(&view))?,
        Format::Json => report.json(&json(&view))?,
        Format::Markdown => report.data(markdown(&view))?,
    }
    Ok(Exit::Done)
}

/// Those that `--only` names, all where it names none.
fn asked_for(only: &[String], found: Vec<Saving>, report: &Report) -> Result<Vec<Saving>, Error> {
    for name in only {
        if !savings::KINDS.contains(&savings::kind_of(name)) {
            return Err(Error::usage(format!("there is no saving `{name}`"))
                .hint(format!("the kinds are {}", savings::KINDS.join(", "))));
        }
        if !found.iter().any(|saving| saving.is_called(name)) {
            report.say(format_args!("{name}: the plan has nothing of that to save"));
        }
    }
    let is_asked_for = |saving: &Saving| only.is_empty() || only.iter().any(|name| saving.is_called(name));
    Ok(found.into_iter().filter(is_asked_for).collect())
}

/// Makes the changes in the plan file: all of them, or none.
fn write(
    arguments: &Arguments,
    found: &[Saving],
    question: &Question<'_>,
    before: &Checked,
    report: &Report,
) -> Result<Written, Error> {
    let (chosen, left) = choose(found, arguments.only.is_empty());
    for (saving, why) in &left {
        report.say(format_args!("{}: not written: {why}", saving.name));
    }
    let path = &arguments.file.plan;
    let names: Vec<String> = chosen.iter().map(|(saving, _)| saving.name.clone()).collect();
    if chosen.is_empty() {
        report.say(format_args!("{}: nothing to write", path.display()));
        return Ok(Written::default());
    }
    let by_hand = chosen.iter().flat_map(|(_, patch)| patch.sets());
    let by_hand: Vec<String> = by_hand.map(|set| format!("`{}`", set.told())).collect();
    let hint = format!("write it yourself: {}", by_hand.join(", "));
    let refused = |why: &str| {
        Error::new(format!("the savings can't be written into `{}`", path.display()))
            .because(why)
            .hint(&hint)
    };
    let text = fs::read_to_string(path).map_err(|why| Error::reading("plan", path, &why).hint(&hint))?;
    let (mut edited, mut wanted) = (text.clone(), question.spec.clone());
    for (_, patch) in &chosen {
        edited = patch.written(&edited).map_err(|why| refused(&why.to_string()))?;
        wanted = patch.applied(&wanted).map_err(|why| refused(&why.to_string()))?;
    }
    let again = plan_file::check_text(&arguments.file, edited.clone().into_bytes())?;
    if !again
        .loaded
        .as_ref()
        .is_some_and(|loaded| reads_as(&loaded.spec, &wanted))
    {
        return Err(refused(
            "another part of the plan, or an override, decides what it reads as",
        ));
    }
    if let Some(error) = new_errors(&before.findings, &again.findings).first() {
        let why = format!("together they break the plan: {} {}", error.code, error.message);
        return Err(refused(&why));
    }
    plan_file::replace(path, &edited).map_err(|why| Error::writing("plan", path, &why).hint(&hint))?;
    for (_, patch) in &chosen {
        for set in patch.sets() {
            report.say(format_args!("{}: {}", path.display(), set.told()));
        }
    }
    let totals = savings::totals(question, &wanted);
    Ok(Written {
        names,
        monthly: totals.map(|(before, after)| (before.total().known.expected, after.total().known.expected)),
    })
}

type Chosen<'a> = Vec<(&'a Saving, &'a Patch)>;

/// What is written, and what isn't, with the reason.
fn choose(found: &[Saving], only_safe: bool) -> (Chosen<'_>, Vec<(&Saving, String)>) {
    let (mut chosen, mut left): (Chosen<'_>, Vec<(&Saving, String)>) = (Vec::new(), Vec::new());
    for saving in found {
        let Some(patch) = &saving.patch else {
            left.push((saving, "it is bought, and nothing of a plan".to_owned()));
            continue;
        };
        let met = chosen.iter().find(|(_, other)| other.meets(patch));
        if let Some((other, _)) = met {
            left.push((saving, format!("{} changes the same", other.name)));
        } else if only_safe && !saving.is_safe() {
            let why = match saving.monthly {
                None => "nobody knows what it saves".to_owned(),
                Some(_) => format!("its risk is {}", saving.risk.name()),
            };
            left.push((saving, format!("{why}; `--only {}` writes it", saving.name)));
        } else {
            chosen.push((saving, patch));
        }
    }
    (chosen, left)
}

/// Whether two plans are the same. Of a literal secret only that there is one can be seen.
fn reads_as(found: &Spec, wanted: &Spec) -> bool {
    let plan = |spec: &Spec| serde_json::to_value(spec).ok();
    plan(found).is_some() && plan(found) == plan(wanted)
}

fn new_errors<'a>(before: &[Diagnostic], after: &'a [Diagnostic]) -> Vec<&'a Diagnostic> {
    let key = |finding: &Diagnostic| (finding.code, finding.path.to_string());
    let known: BTreeSet<_> = before.iter().map(key).collect();
    let errors = after.iter().filter(|finding| finding.severity == Severity::Error);
    errors.filter(|finding| !known.contains(&key(finding))).collect()
}

fn evidence(path: &Path, spec: &Spec) -> Result<Evidence, Error> {
    let bytes = plan_file::read_bounded(path).map_err(|why| Error::reading("evidence", path, &why))?;
    let text = String::from_utf8_lossy(&bytes);
    Evidence::parse(&text, spec).map_err(|why| {
        Error::new(format!("nothing can be concluded from `{}`", path.display()))
            .because(why.to_string())
            .hint("`vvbill loadtest PLAN --json > FILE` on the platform of this plan writes what is wanted")
    })
}
