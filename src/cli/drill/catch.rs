//! The safety catch: who has to say what before anything is struck.
//!
//! Whatever is wanted of production needs two things that nobody gives by accident: a flag that says so, and the
//! plan's name, written out. No other flag stands for them.

use crate::cli::error::Error;
use crate::cli::report::Report;
use crate::spec::Spec;

/// What was given to lift it.
#[derive(Clone, Debug, clap::Args)]
pub(in crate::cli) struct Catch {
    /// Strike a plan whose `metadata.environment` is production; its name has to be given as well
    #[arg(
        long,
        env = "VVBILL_I_KNOW_THIS_IS_PRODUCTION",
        hide_env_values = true,
        help_heading = "Safety catch"
    )]
    pub(in crate::cli) i_know_this_is_production: bool,
    /// The plan's name, instead of typing it at the terminal
    #[arg(
        long,
        value_name = "NAME",
        env = "VVBILL_CONFIRM",
        hide_env_values = true,
        help_heading = "Safety catch"
    )]
    pub(in crate::cli) confirm: Option<String>,
    /// Don't ask; do it (a plan of production asks for its name all the same)
    #[arg(long, env = "VVBILL_AUTO_APPROVE", hide_env_values = true)]
    pub(in crate::cli) auto_approve: bool,
    /// Whether somebody may be asked; `--input=false` fails instead
    #[arg(
        long, value_name = "BOOL", env = "VVBILL_INPUT", hide_env_values = true, default_value_t = true,
        num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true,
        action = clap::ArgAction::Set
    )]
    pub(in crate::cli) input: bool,
}

/// What is left to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Question {
    /// Nothing.
    None,
    /// Whether it may be done.
    Approval,
    /// The plan's name.
    Name,
}

/// Whether an environment's name means production; rather once too often.
pub(in crate::cli) fn is_production(environment: &str) -> bool {
    let environment = environment.trim().to_ascii_lowercase();
    environment.starts_with("prod") || environment.starts_with("prd") || environment == "live"
}

impl Catch {
    /// What has to be asked, or why nothing may be done.
    pub(in crate::cli) fn question(&self, spec: &Spec, can_ask: Result<(), &str>) -> Result<Question, Error> {
        let (name, environment) = (&*spec.metadata.name, &spec.metadata.environment);
        let refused = || Error::new(format!("nothing was struck: `{name}` is {environment}"));
        if let Some(given) = &self.confirm
            && given != name
        {
            return Err(
                Error::new("nothing was struck: the name that was given is not the plan's")
                    .because(format!("`--confirm {given}`, but the plan is called `{name}`")),
            );
        }
        if is_production(environment) {
            if !self.i_know_this_is_production {
                return Err(refused()
                    .because("a drill takes parts of it away")
                    .hint("`--i-know-this-is-production`, with the plan's name typed, does it all the same")
                    .hint("`metadata.environment` says what a plan is; unset, it is production"));
            }
            return match (&self.confirm, can_ask) {
                (Some(_), _) => Ok(Question::None),
                (None, Ok(())) => Ok(Question::Name),
                (None, Err(why)) => Err(refused()
                    .because("the plan's name has to be given as well")
                    .because(why)
                    .hint(format!("`--confirm {name}` gives it"))),
            };
        }
        match (self.auto_approve, can_ask) {
            (true, _) => Ok(Question::None),
            (false, Ok(())) => Ok(Question::Approval),
            (false, Err(why)) => Err(Error::new("nothing was struck: it needs an approval")
                .because(why)
                .hint("`--auto-approve` does it without asking")),
        }
    }

    /// Whether anybody can be asked.
    pub(in crate::cli) fn can_ask(&self, json: bool, report: &Report) -> Result<(), &'static str> {
        if json {
            Err("`--json` leaves no room for a question")
        } else if !self.input {
            Err("`--input=false` lets nobody be asked")
        } else if !report.has_dialogue() {
            Err("there is no terminal to ask on")
        } else {
            Ok(())
        }
    }
}

/// Asks it.
pub(in crate::cli) async fn ask(question: Question, spec: &Spec, report: &Report) -> Result<(), Error> {
    let name = spec.metadata.name.to_string();
    let (text, wanted) = match question {
        Question::None => return Ok(()),
        Question::Approval => ("\nDo this? Only `yes` is accepted: ".to_owned(), "yes".to_owned()),
        Question::Name => (
            format!("\nType the plan's name, `{name}`, to do this in production: "),
            name,
        ),
    };
    let asked = report.clone();
    let answer = tokio::task::spawn_blocking(move || asked.ask(&text))
        .await
        .map_err(|why| Error::new("the answer can't be read").caused_by(&why))?;
    match answer {
        Some(answer) if answer == wanted => Ok(()),
        _ => Err(Error::new("not approved: nothing was struck")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_by_whatever_name() {
        for name in ["production", "Production", " PROD ", "prod-eu", "prd", "live"] {
            assert!(is_production(name), "{name}");
        }
        for name in ["local", "staging", "test", "delivery", ""] {
            assert!(!is_production(name), "{name}");
        }
    }
}
