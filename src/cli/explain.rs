//! `vvbill explain`: the long text of a rule or of a field.

use super::Exit;
use super::error::Error;
use super::report::Report;
use crate::spec::{self, rules};

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
    let upper = code.to_ascii_uppercase();
    if let Some((_, text)) = PARSER.iter().find(|(known, _)| *known == upper) {
        return Ok(format!("{upper}: {text}"));
    }
    rules::explain(code)
        .map(rules::Rule::explanation)
        .map_err(|unknown| {
            let error = Error::usage(format!("no rule is called `{code}`"));
            match unknown.nearest {
                Some(nearest) => error.hint(format!("did you mean `{nearest}`?")),
                None => error.hint("`vvbill validate PLAN` prints the codes of what it finds"),
            }
        })
}

/// What the parser finds, before any rule looks.
const PARSER: [(&str, &str); 12] = [
    (
        "VV001",
        "the text is no YAML\n\nThe line and column are where it stops making sense; the cause may stand before. Indent with blanks, never with tabs, and put text that holds `: ` or ` #` in quotes.",
    ),
    (
        "VV002",
        "there is no such field\n\nA plan takes no key that it doesn't know, so that a typing error is never passed over. `vvbill schema` lists every field, `vvbill explain FIELD` tells what one means.",
    ),
    (
        "VV003",
        "the value is of the wrong kind, not among the choices, or out of range\n\n`vvbill explain FIELD` tells what a field takes.",
    ),
    (
        "VV004",
        "a quantity can't be understood\n\nA quantity is a number and its unit: `30s`, `7d`, `512MiB`, `8GB`, `1M/min`, `$73`. `vvbill explain FIELD` shows examples.",
    ),
    (
        "VV005",
        "a field is missing\n\nThe section needs it and there is no default that would be right for everyone.",
    ),
    (
        "VV006",
        "plans extend each other without end, or too deeply\n\n`extends` lays a plan over another one. The chain has to end, after at most 16 plans.",
    ),
    (
        "VV007",
        "a key is written twice\n\nThe second would win silently. Keep one of them.",
    ),
    ("VV008", "the file is not UTF-8\n\nSave it as UTF-8."),
    (
        "VV009",
        "the file is too large, nested too deeply, or its aliases multiply\n\nThe limits are far beyond any plan: the wrong file was named, or it is meant to exhaust memory.",
    ),
    (
        "VV010",
        "a file that the plan extends can't be read\n\n`extends` is relative to the file that it stands in.",
    ),
    (
        "VV011",
        "`--set` can't be understood\n\nIt takes `path=value`, the value in YAML: `--set kafka.brokers=5`. A name with dots goes in brackets: `--set 'operating_system.sysctl[\"fs.nr_open\"]=1048576'`.",
    ),
    (
        "VV012",
        "the name can't be used\n\nNames take lower-case letters, digits and hyphens, start with a letter and have at most 40 characters: they become parts of names of resources, which allow no more.",
    ),
];

fn explain_field(path: &str) -> Result<String, Error> {
    spec::explain_field(path).map_err(|unknown| {
        let error = Error::usage(format!("no field of a plan is called `{}`", unknown.path));
        match unknown.nearest {
            Some(nearest) => error.hint(format!("did you mean `{nearest}`?")),
            None => error.hint("`vvbill schema` lists every field"),
        }
    })
}
