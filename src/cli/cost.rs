//! `vvbill cost`: what a month of the plan costs, line by line, and what another plan or book makes of it.

use std::path::PathBuf;

use rust_decimal::Decimal;

use super::Exit;
use super::arguments::{Budget, Overrides, PlanFile};
use super::bill::{self, Prices};
use super::error::Error;
use super::plan_file::{self, Checked, Findings};
use super::refresh_prices;
use super::report::cost::{View, csv, html, human, json, markdown};
use super::report::findings::Count;
use super::report::{Report, findings};
use super::saved::Saved;
use super::target::Targets;
use crate::cost::budget;
use crate::cost::difference::Difference;
use crate::cost::{Book, Input, Scope, curve};
use crate::resource::Desired;
use crate::spec::Spec;
use crate::topology;

/// Price a month of the plan, each line with its formula and source
///
/// Quantities come from the resources that the plan asks for and from its rate of events; prices from a dated
/// book. What has no price, or no amount, is unknown: it is listed, and the total says so. Findings of the
/// plan never stop it. Over a budget it ends in 3.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill cost plans/specification.yaml                              the specification's own table
  vvbill cost plans/specification.yaml --prices aws-2026-11         the same at list prices, and what it leaves out
  vvbill cost plans/production.yaml --set aurora.shards=4 --against plans/production.yaml
  vvbill cost plans/production.yaml --format html > cost.html       with charts
  vvbill cost plans/production.yaml --max-monthly 15000             in CI: ends in 3 when it costs more
  vvbill cost plans/production.yaml --refresh-prices today.yaml     at what AWS's price list says today")]
pub(crate) struct Arguments {
    #[command(flatten)]
    file: PlanFile,
    /// Prices of this book: `aws-2026-11`, `specification`, or a file; without it, the plan's `cost.price_book`
    #[arg(long, value_name = "BOOK", env = "VVBILL_PRICES", hide_env_values = true)]
    prices: Option<String>,
    /// Ask AWS's Price List for today's prices, write them as a new book to FILE, and price the plan with it
    ///
    /// Asked is for what the book has and the plan takes, in the plan's regions, with the permission
    /// `pricing:GetProducts`. What AWS has no price for is told, and keeps the book's.
    #[arg(
        long,
        value_name = "FILE",
        env = "VVBILL_REFRESH_PRICES",
        hide_env_values = true
    )]
    refresh_prices: Option<String>,
    /// What is priced: `table` is what the specification's cost table lists; without it, what the book covers
    #[arg(long, value_enum, env = "VVBILL_SCOPE", hide_env_values = true)]
    scope: Option<AskedScope>,
    /// Compare with this plan, or with a saved plan
    #[arg(long, value_name = "PLAN", env = "VVBILL_AGAINST", hide_env_values = true)]
    against: Option<PathBuf>,
    /// Compare with the prices of this book; without `--against`, for the same plan
    #[arg(
        long,
        value_name = "BOOK",
        env = "VVBILL_AGAINST_PRICES",
        hide_env_values = true
    )]
    against_prices: Option<String>,
    /// How it is printed
    #[arg(
        long,
        value_enum,
        default_value_t = Format::Table,
        env = "VVBILL_FORMAT",
        hide_env_values = true
    )]
    format: Format,
    #[command(flatten)]
    budget: Budget,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For a terminal
    Table,
    /// In Infracost's shape
    Json,
    /// For a pull request's comment
    Markdown,
    /// A page with charts
    Html,
    /// For a spreadsheet
    Csv,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum AskedScope {
    /// What the specification's cost table lists, in the first region
    Table,
    /// Everything
    All,
}

/// One side of a comparison: a plan with its resources, and its prices.
struct Side {
    spec: Spec,
    desired: Vec<Desired>,
    book: Book,
    scope: Option<Scope>,
}

pub(crate) fn run(mut arguments: Arguments, targets: &Targets, report: &Report) -> Result<Exit, Error> {
    if arguments.budget.max_monthly_increase.is_some()
        && arguments.against.is_none()
        && arguments.against_prices.is_none()
    {
        return Err(
            Error::usage("`--max-monthly-increase` has nothing to compare with")
                .hint("add `--against PLAN`: the plan as it was"),
        );
    }
    let spec = read(&arguments, report)?;
    if let Some(file) = arguments.refresh_prices.clone() {
        let old = Side::new(spec.clone(), arguments.prices.as_deref(), None)?;
        refresh_prices::run(&file, &old.input(), &targets.connection, report)?;
        arguments.prices = Some(file);
    }
    let arguments = &arguments;
    let side = Side::new(spec, arguments.prices.as_deref(), arguments.scope)?;
    let estimate = side.input().estimate();
    let other = other_side(arguments, &side, report)?;
    let other_estimate = other.as_ref().map(|other| other.input().estimate());
    let difference = other_estimate
        .as_ref()
        .map(|before| Difference::between(before, &estimate));
    let breaches = budget::breaches(
        &estimate,
        difference.as_ref(),
        &arguments.budget.limits(&side.spec),
    );
    let view = View {
        path: arguments.file.plan.display().to_string(),
        weeks: curve::rollout(&side.spec, &estimate),
        rates: curve::rates(&side.input()),
        against: other
            .as_ref()
            .map_or_else(String::new, |it| against(arguments, it)),
        difference,
        breaches,
        generated: plan_file::now(),
        estimate: &estimate,
    };
    print(arguments.format, &view, report)?;
    if view.breaches.is_empty() {
        return Ok(Exit::Done);
    }
    for breach in &view.breaches {
        report.failure(&bill::over(breach));
    }
    Ok(Exit::OverBudget)
}

/// What the platform costs by the end of each week of its rollout, at the plan's own prices.
pub(crate) fn by_week(spec: &Spec) -> Result<Vec<curve::Week>, Error> {
    let side = Side::new(spec.clone(), None, None)?;
    let estimate = side.input().estimate();
    Ok(curve::rollout(&side.spec, &estimate))
}

/// Findings never stop it: the specification as written can be priced.
fn read(arguments: &Arguments, report: &Report) -> Result<Spec, Error> {
    let Checked {
        loaded,
        findings,
        sources,
    } = plan_file::check(&arguments.file)?;
    let Some(loaded) = loaded else {
        report.say(findings::render(&findings, &sources).trim_end());
        return Err(Error::reported(Exit::Failed));
    };
    let count = Count::of(&findings);
    if count.errors + count.warnings > 0 {
        let plan = arguments.file.plan.display();
        report.warn(format_args!(
            "the plan has {}: `vvbill validate {plan}` shows them",
            count.summary()
        ));
    }
    Ok(loaded.spec)
}

fn other_side(arguments: &Arguments, side: &Side, report: &Report) -> Result<Option<Side>, Error> {
    let spec = match &arguments.against {
        None if arguments.against_prices.is_none() => return Ok(None),
        None => side.spec.clone(),
        Some(path) => match Saved::detect(path)? {
            Some(saved) => saved.spec,
            None => {
                let file = PlanFile {
                    plan: path.clone(),
                    overrides: Overrides::default(),
                };
                plan_file::load(&file, Findings::PassOver, report)?.spec
            }
        },
    };
    // The same prices on both sides, unless others are asked for: then the difference is the plan's.
    let prices = arguments
        .against_prices
        .as_deref()
        .or(arguments.prices.as_deref())
        .unwrap_or(&side.spec.cost.price_book)
        .to_owned();
    Side::new(spec, Some(&prices), arguments.scope).map(Some)
}

fn against(arguments: &Arguments, other: &Side) -> String {
    let plan = arguments.against.as_ref().map(|path| path.display().to_string());
    match (plan, &arguments.against_prices) {
        (Some(plan), None) => format!("`{plan}`"),
        (Some(plan), Some(_)) => format!("`{plan}` at the prices of `{}`", other.book.name),
        (None, _) => format!("the prices of `{}`", other.book.name),
    }
}

impl Side {
    fn new(spec: Spec, prices: Option<&str>, scope: Option<AskedScope>) -> Result<Self, Error> {
        let book = Prices::find(prices.unwrap_or(&spec.cost.price_book))?.book()?;
        let desired = topology::desired(&spec).map_err(|why| {
            Error::new("the plan can't be laid out, so nothing can be counted")
                .caused_by(&why)
                .hint(why.hint())
        })?;
        let scope = match scope {
            None => book.scope.clone(),
            Some(AskedScope::Table) => Some(Scope::table()),
            Some(AskedScope::All) => None,
        };
        Ok(Self {
            spec,
            desired,
            book,
            scope,
        })
    }

    fn input(&self) -> Input<'_> {
        Input {
            spec: &self.spec,
            desired: &self.desired,
            book: &self.book,
            scope: self.scope.as_ref(),
            as_of: plan_file::today(),
            load: Decimal::ONE,
        }
    }
}

fn print(format: Format, view: &View<'_>, report: &Report) -> Result<(), Error> {
    match format {
        Format::Table => report.data(human::render(view)),
        Format::Json => report.json(&json::document(view)),
        Format::Markdown => report.data(markdown::render(view)),
        Format::Csv => report.data(csv::render(view)),
        Format::Html => {
            let page = html::render(view);
            let page = page.map_err(|why| Error::new("the page can't be made").caused_by(&why))?;
            report.data(page)
        }
    }
}
