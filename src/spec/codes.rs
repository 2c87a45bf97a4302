//! The codes of everything that `validate` can say: those of reading a plan, told here, and those of the rules.

use super::rules;

/// A problem of reading a plan. All are errors: without a plan there is nothing to judge.
struct Code {
    code: &'static str,
    title: &'static str,
    about: &'static str,
    remedy: &'static str,
}

const CODES: [Code; 12] = [
    Code {
        code: "VV001",
        title: "this is not YAML",
        about: "A plan is one document of YAML 1.2. Tags of one's own, merge keys (`<<`), keys that are no text and a \
                second document have no meaning in it; an alias (`*name`) repeats a whole value.",
        remedy: "Mend the text at the caret. A text with `: ` or ` #` in it, or with one of `{}[]&*!|>%@` at its \
                 start, needs quotes; indentation is made of spaces.",
    },
    Code {
        code: "VV002",
        title: "there is no such field",
        about: "A key that nothing reads is a setting that its author believes to be in force. So every key has to be \
                known; the nearest known one is named.",
        remedy: "Correct the name, or take it away. `vvbill schema` lists every field, `vvbill explain FIELD` says \
                 what one means.",
    },
    Code {
        code: "VV003",
        title: "the value has another form than the field",
        about: "A map, a list, a whole number, `true` or `false`, or one of a few names was expected. Numbers and \
                `true` and `false` stand without quotes; `yes` and `on` are texts in YAML 1.2.",
        remedy: "Write what the fix says. `vvbill explain FIELD` lists the names and the range of a field.",
    },
    Code {
        code: "VV004",
        title: "the value is not such a quantity",
        about: "Durations, sizes, rates, money, shares, ports, address blocks, windows and references to secrets are \
                written with their unit, so that none is taken for another: `168h`, `100 GB`, `1M/min`, `60%`. `GB` is \
                1000³ bytes and `GiB` 1024³.",
        remedy: "Write the number with its unit. `vvbill explain FIELD` shows examples.",
    },
    Code {
        code: "VV005",
        title: "a field is missing",
        about: "The field has no default that would be right for everyone. One that is `null` counts as missing: \
                `null` takes away what another plan, further below, had set.",
        remedy: "Add the field, here or in the plan that this one extends.",
    },
    Code {
        code: "VV006",
        title: "plans extend one another without an end",
        about: "`extends` names the plan that this one is laid over. The chain must end after at most 16 plans; a file \
                of overrides (`--var-file`) extends nothing.",
        remedy: "Take one `extends` of the circle away.",
    },
    Code {
        code: "VV007",
        title: "something is written twice",
        about: "Of two equal keys in a map one would be lost without a word; an equal item in a list that is a set \
                means nothing.",
        remedy: "Keep one of the two.",
    },
    Code {
        code: "VV008",
        title: "the file is not UTF-8",
        about: "Plans are read as UTF-8 alone; the place of the first byte that isn't is shown.",
        remedy: "Save the file as UTF-8.",
    },
    Code {
        code: "VV009",
        title: "the plan is too large",
        about: "One file has at most 256 KiB, 50,000 values with aliases written out, and maps and lists at most 32 \
                deep in one another; at most 100 problems are told at once. A plan needs a small part of that: what \
                has more is another file, or was made to exhaust its reader.",
        remedy: "Name the right file, write out fewer aliases inside aliases, or split the plan with `extends`.",
    },
    Code {
        code: "VV010",
        title: "a file can't be read",
        about: "The plan, or one that it extends, isn't there or may not be read. `extends` is relative to the file \
                that it stands in.",
        remedy: "Correct the name, or the file's permissions.",
    },
    Code {
        code: "VV011",
        title: "an override can't be understood",
        about: "`--set path=value` takes the name of a field as `explain` does, and a value in YAML. Maps on the way \
                are made, items of a list have to be there. An empty value takes the field away.",
        remedy: "Write it like `--set kafka.brokers=5`, `--set 'network.zones[0]=us-east-1a'` or \
                 `--set 'operating_system.sysctl[\"fs.nr_open\"]=2097152'`.",
    },
    Code {
        code: "VV012",
        title: "an entry can't have that name",
        about: "Names of node groups, workloads, topics and the like become part of resources', files' and metrics' \
                names: letters, digits, dots, hyphens and underscores, at most 63, starting with a letter or digit.",
        remedy: "Choose such a name.",
    },
];

/// No finding has that code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing is called `{code}`")]
pub struct UnknownCode {
    /// The code that was asked for.
    pub code: String,
    /// The nearest code that there is.
    pub nearest: Option<&'static str>,
}

/// The long text of a code, in upper or lower case.
///
/// # Errors
/// Names the nearest code where there is none like it.
pub fn explain_code(code: &str) -> Result<String, UnknownCode> {
    let wanted = code.trim().to_ascii_uppercase();
    let reading = CODES.iter().find(|known| known.code == wanted);
    if let Some(Code {
        code,
        title,
        about,
        remedy,
    }) = reading
    {
        return Ok(format!(
            "{code}: {title}\nSeverity: error\n\n{about}\n\nWhat to do: {remedy}\n"
        ));
    }
    match rules::explain(&wanted) {
        Ok(rule) => Ok(rule.explanation()),
        Err(_) => {
            let distance = |known: &&str| strsim::damerau_levenshtein(known, &wanted);
            let nearest = all_codes()
                .min_by_key(distance)
                .filter(|known| distance(known) <= 2);
            Err(UnknownCode {
                code: code.to_owned(),
                nearest,
            })
        }
    }
}

/// Every code, in order.
pub fn all_codes() -> impl Iterator<Item = &'static str> {
    CODES
        .iter()
        .map(|known| known.code)
        .chain(rules::all().map(|rule| rule.code))
}
