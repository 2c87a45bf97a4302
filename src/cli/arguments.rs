//! What several commands take, and what is said to someone who gets the usage wrong.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::ArgAction;
use clap::error::ErrorKind;

use super::report::Report;
use super::{Exit, command};
use crate::cost::budget::Limits;
use crate::plan::Selector;
use crate::resource::Address;
use crate::spec::{Money, Spec};

/// The plan file and what overrides it.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PlanFile {
    /// The plan file (YAML)
    #[arg(value_name = "PLAN")]
    pub plan: PathBuf,
    #[command(flatten)]
    pub overrides: Overrides,
}

/// What overrides a plan's values, in this order: variable files, then single values.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Overrides {
    /// Override one value of the plan: `--set kafka.brokers=1` (repeatable)
    #[arg(
        long, value_name = "PATH=VALUE", env = "VVBILL_SET", hide_env_values = true,
        value_delimiter = '\n', action = ArgAction::Append, help_heading = "Plan"
    )]
    pub set: Vec<String>,
    /// Override the plan with the values of another YAML file (repeatable; later ones win)
    #[arg(
        long, value_name = "FILE", env = "VVBILL_VAR_FILE", hide_env_values = true,
        value_delimiter = '\n', action = ArgAction::Append, help_heading = "Plan"
    )]
    pub var_file: Vec<PathBuf>,
}

/// How the state is guarded against a second vvbill.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Locking {
    /// Whether to take the state's lock; `--lock=false` risks two writers at once
    #[arg(
        long, value_name = "BOOL", env = "VVBILL_LOCK", hide_env_values = true, default_value_t = true,
        num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true,
        action = ArgAction::Set
    )]
    pub lock: bool,
    /// How long to wait for a lock that somebody holds: `30s`, `5m`
    #[arg(
        long, value_name = "DURATION", env = "VVBILL_LOCK_TIMEOUT", hide_env_values = true,
        default_value = "0s", value_parser = duration
    )]
    pub lock_timeout: Duration,
}

/// Which resources a plan is about.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Selection {
    /// Only this address or section of the plan, and what it depends on (repeatable)
    #[arg(
        long, value_name = "ADDRESS|SECTION", env = "VVBILL_TARGET", hide_env_values = true,
        value_delimiter = ',', action = ArgAction::Append, help_heading = "Selection"
    )]
    pub target: Vec<Selector>,
    /// All but this address or section, and what depends on it (repeatable)
    #[arg(
        long, value_name = "ADDRESS|SECTION", env = "VVBILL_EXCLUDE", hide_env_values = true,
        value_delimiter = ',', action = ArgAction::Append, help_heading = "Selection"
    )]
    pub exclude: Vec<Selector>,
    /// Replace the resource at this address, even one that holds data (repeatable)
    #[arg(
        long, value_name = "ADDRESS", env = "VVBILL_REPLACE", hide_env_values = true,
        value_delimiter = ',', action = ArgAction::Append, help_heading = "Selection"
    )]
    pub replace: Vec<Address>,
}

/// Whose word holds where somebody else has written into a Kubernetes object.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Conflicts {
    /// Take over fields of Kubernetes objects that others own; without it, such a conflict fails
    #[arg(
        long,
        env = "VVBILL_FORCE_CONFLICTS",
        hide_env_values = true,
        help_heading = "Kubernetes options"
    )]
    pub force_conflicts: bool,
}

/// Whether the plan looks at what exists.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Refreshing {
    /// Whether to look at what exists; `--refresh=false` trusts the state
    #[arg(
        long, value_name = "BOOL", env = "VVBILL_REFRESH", hide_env_values = true, default_value_t = true,
        num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true,
        action = ArgAction::Set
    )]
    pub refresh: bool,
    /// Only bring the state up to what exists; change nothing outside
    #[arg(long, env = "VVBILL_REFRESH_ONLY", hide_env_values = true, conflicts_with_all = ["target", "exclude", "replace"])]
    pub refresh_only: bool,
}

/// What a month may cost.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub(crate) struct Budget {
    /// End in 3 when a month costs more than this, or may: `15000`, `15000 USD`
    #[arg(
        long,
        value_name = "USD",
        env = "VVBILL_MAX_MONTHLY",
        hide_env_values = true,
        help_heading = "Budget"
    )]
    pub max_monthly: Option<Money>,
    /// End in 3 when a month becomes dearer by more than this, or may (`cost`: with `--against`)
    #[arg(
        long,
        value_name = "USD",
        env = "VVBILL_MAX_MONTHLY_INCREASE",
        hide_env_values = true,
        help_heading = "Budget"
    )]
    pub max_monthly_increase: Option<Money>,
}

impl Budget {
    /// These, and the plan's own.
    pub(super) fn limits(self, spec: &Spec) -> Limits {
        let named = |name: &str, limit: Option<Money>| limit.map(|money| (format!("`{name}`"), money.0));
        let monthly = [
            named(MONTHLY_BUDGET, spec.cost.monthly_budget),
            named("--max-monthly", self.max_monthly),
        ];
        Limits {
            monthly: monthly.into_iter().flatten().collect(),
            increase: named("--max-monthly-increase", self.max_monthly_increase),
        }
    }
}

/// The plan's field for what a month may cost.
pub(super) const MONTHLY_BUDGET: &str = "cost.monthly_budget";

/// How an apply or a destroy is carried out.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Execution {
    /// Don't ask; do it
    #[arg(long, env = "VVBILL_AUTO_APPROVE", hide_env_values = true)]
    pub auto_approve: bool,
    /// Whether somebody may be asked; `--input=false` fails instead
    #[arg(
        long, value_name = "BOOL", env = "VVBILL_INPUT", hide_env_values = true, default_value_t = true,
        num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true,
        action = ArgAction::Set
    )]
    pub input: bool,
    /// How many operations run at once; waiting for readiness doesn't count
    #[arg(
        long, value_name = "N", env = "VVBILL_PARALLELISM", hide_env_values = true, default_value_t = 10,
        value_parser = clap::value_parser!(u16).range(1..=1000)
    )]
    pub parallelism: u16,
}

/// `30s`, `5m`, `1h 30m`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let form = "a duration is a number and a unit, as in `30s`, `5m` or `1h`";
    let parsed: jiff::SignedDuration = text.parse().map_err(|_| form.to_owned())?;
    Duration::try_from(parsed).map_err(|_| "a duration can't be negative".into())
}

/// Whether `--no-color` is among the words: it holds for usage errors too.
pub(crate) fn asks_for_no_color(words: &[OsString]) -> bool {
    let given = words
        .iter()
        .take_while(|word| *word != "--")
        .any(|word| word == "--no-color");
    let set =
        std::env::var("VVBILL_NO_COLOR").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"));
    given || set
}

/// Prints help or version where that is what was asked for, otherwise what is wrong with the usage.
pub(crate) fn explain_usage(why: &clap::Error, words: &[OsString], report: &Report) -> Exit {
    let text = why.render();
    match why.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => report
            .data(text.ansi())
            .map_or_else(|why| why.exit, |()| Exit::Done),
        _ => {
            report.say(text.ansi().to_string().trim_end());
            if let Some(hint) = single_dash_hint(words) {
                report.hint(&hint);
            }
            Exit::Usage
        }
    }
}

/// For Terraform's `-auto-approve`: the same with two dashes, where there is such a flag.
fn single_dash_hint(words: &[OsString]) -> Option<String> {
    let flags = long_flags(&command());
    words
        .iter()
        .skip(1)
        .filter_map(|word| word.to_str())
        .take_while(|word| *word != "--")
        .find_map(|word| {
            let bare = word.strip_prefix('-').filter(|rest| !rest.starts_with('-'))?;
            let name = bare.split('=').next()?;
            flags
                .iter()
                .any(|flag| flag == name)
                .then(|| format!("`{word}` takes two dashes here: `--{bare}`"))
        })
}

fn long_flags(command: &clap::Command) -> Vec<String> {
    let own = command
        .get_arguments()
        .filter_map(|flag| flag.get_long().map(str::to_owned));
    let nested = command.get_subcommands().flat_map(long_flags);
    own.chain(nested).collect()
}
