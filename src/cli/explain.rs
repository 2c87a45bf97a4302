//! `vvbill explain`: the long text of a rule or of a field.

use super::Exit;
use super::error::Error;
use super::report::Report;
use crate::spec;

/// Explain a rule (VV201) or a field of the plan (kafka.brokers)
///
/// A rule: what it looks for, why, and how it is put right. A field: meaning, unit, default, and what
/// AWS allows.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vvbill explain VV201
  vvbill explain kafka.retention
  vvbill explain 'eks.node_groups.*.instance_type'")]
pub(crate) struct Arguments {
    /// A rule's code, or the path of a field
    #[arg(value_name = "CODE|FIELD")]
    subject: String,
}

pub(crate) fn run(arguments: &Arguments, report: &Report) -> Result<Exit, Error> {
    let subject = arguments.subject.trim();
    let text = if is_code(subject) {
        explain_code(subject)?
    } else {
        explain_field(subject)?
    };
    report.data(format_args!("{}\n", text.trim_end()))?;
    Ok(Exit::Done)
}

/// `VV201`, in either case.
fn is_code(subject: &str) -> bool {
    let upper = subject.to_ascii_uppercase();
    let digits = upper.strip_prefix("VV");
    digits.is_some_and(|digits| !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit()))
}

fn explain_code(code: &str) -> Result<String, Error> {
    spec::explain_code(code).map_err(|unknown| {
        let error = Error::usage(format!("no rule is called `{code}`"));
        match unknown.nearest {
            Some(nearest) => error.hint(format!("did you mean `{nearest}`?")),
            None => error.hint("`vvbill validate PLAN` prints the codes of what it finds"),
        }
    })
}

fn explain_field(path: &str) -> Result<String, Error> {
    spec::explain_field(path).map_err(|unknown| {
        let error = Error::usage(format!("no field of a plan is called `{}`", unknown.path));
        match unknown.nearest {
            Some(nearest) => error.hint(format!("did you mean `{nearest}`?")),
            None => error.hint("`vvbill schema` lists every field"),
        }
    })
}
