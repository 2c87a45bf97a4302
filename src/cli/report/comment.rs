//! A saved plan as a pull request's comment: what it comes to, what it costs, what changes, what is wrong with it.
//!
//! GitHub's Markdown. What comes from a plan or from the world can end no list, no cell and no fold, begins no
//! tag and calls nobody: values stand in code spans, other texts are escaped.

use std::fmt::Write as _;

use super::cost::{delta, markdown::CHARACTERS_AT_MOST};
use super::plan;
use crate::cli::error::Error;
use crate::cost::difference::Difference;
use crate::plan::{Action, Drift, Plan, Verb};
use crate::resource::Change;
use crate::spec::Severity;
use crate::spec::rules::Finding;

/// More lines of the cost than these are told as a sum.
const MOST_COST_LINES: usize = 40;
/// More fields of a change, or properties of something new, than these are counted.
const MOST_FIELDS: usize = 20;
/// A refusal's causes: the lines that break a budget.
const MOST_CAUSES: usize = 10;

/// What a comment is made of.
pub(crate) struct View<'a> {
    /// The plan file that it was made of.
    pub plan_file: &'a str,
    pub plan: &'a Plan,
    pub difference: Option<&'a Difference<'a>>,
    /// What stops an apply of it: its budget, its policies.
    pub refusals: &'a [Error],
    pub warnings: &'a [String],
    pub findings: &'a [Finding],
}

/// A line; what is too long loses those that may go, from the middle.
struct Line {
    text: String,
    may_go: bool,
}

/// The whole comment, ended by a newline.
pub(crate) fn render(view: &View<'_>) -> String {
    let mut lines = Lines::default();
    head(view, &mut lines);
    cost(view, &mut lines);
    changes(view.plan, &mut lines);
    drift(view.plan, &mut lines);
    retained(view.plan, &mut lines);
    findings(view, &mut lines);
    lines.keep(format!(
        "\nMade at {} by vvbill {}, of the state's serial {}.",
        view.plan.created_at, view.plan.vvbill_version, view.plan.serial
    ));
    lines.shortened(CHARACTERS_AT_MOST)
}

#[derive(Default)]
struct Lines(Vec<Line>);

impl Lines {
    fn keep(&mut self, text: impl Into<String>) {
        self.0.push(Line {
            text: text.into(),
            may_go: false,
        });
    }

    fn may_go(&mut self, text: impl Into<String>) {
        self.0.push(Line {
            text: text.into(),
            may_go: true,
        });
    }

    /// A fold with `items` in it; none where there are none.
    fn fold(&mut self, title: &str, items: impl IntoIterator<Item = String>) {
        let mut items = items.into_iter().peekable();
        if items.peek().is_none() {
            return;
        }
        self.keep(format!("\n<details><summary>{title}</summary>\n"));
        items.for_each(|item| self.may_go(item));
        self.keep("\n</details>");
    }

    /// At most so many characters: lines go from the middle of those that may.
    fn shortened(self, most: usize) -> String {
        let length = |line: &Line| line.text.chars().count() + 1;
        let mut sum: usize = self.0.iter().map(length).sum();
        let may_go: Vec<usize> = (0..self.0.len()).filter(|at| self.0[*at].may_go).collect();
        let (mut first, mut last) = (may_go.len() / 2, may_go.len() / 2);
        let note = |count: usize| format!("- … {} left out here …", super::findings::counted(count, "line"));
        // Room for the note, whatever its count.
        let room = note(usize::MAX).chars().count() + 1;
        while sum > most.saturating_sub(room) && last - first < may_go.len() {
            let up = last < may_go.len() && (first == 0 || (last - first).is_multiple_of(2));
            let gone = match up {
                true => {
                    last += 1;
                    last - 1
                }
                false => {
                    first -= 1;
                    first
                }
            };
            sum -= length(&self.0[may_go[gone]]);
        }
        let gone = &may_go[first..last];
        let mut text = String::new();
        for (at, line) in self.0.iter().enumerate() {
            if gone.first() == Some(&at) {
                let _ = writeln!(text, "{}", note(gone.len()));
            }
            if gone.binary_search(&at).is_err() {
                let _ = writeln!(text, "{}", line.text);
            }
        }
        text
    }
}

fn head(view: &View<'_>, lines: &mut Lines) {
    let plan = view.plan;
    lines.keep(format!(
        "## Plan of {} on the target {}\n\n**{}**",
        code(&plan.name),
        code(&plan.target),
        escaped(&plan::summary(plan))
    ));
    if let Some(difference) = view.difference {
        lines.keep(format!("\n**{}**", escaped(&delta::summary(difference))));
    }
    lines.keep(format!("\nOf {}.", code(view.plan_file)));
    for refusal in view.refusals {
        lines.keep(format!("\n> [!CAUTION]\n> {}", escaped(&refusal.message)));
        for cause in refusal.causes.iter().take(MOST_CAUSES) {
            lines.keep(format!("> - {}", escaped(cause)));
        }
        if let Some(more) = refusal.causes.len().checked_sub(MOST_CAUSES + 1) {
            lines.keep(format!("> - and {} more", more + 1));
        }
    }
    for warning in view.warnings {
        lines.keep(format!("\n> [!WARNING]\n> {}", escaped(warning)));
    }
}

fn cost(view: &View<'_>, lines: &mut Lines) {
    let Some(difference) = view.difference else { return };
    let table = delta::markdown(difference, MOST_COST_LINES);
    if !table.is_empty() {
        lines.keep(format!("\n### Monthly cost\n\n{}", table.trim_end()));
    }
    let after = difference.after;
    lines.keep(format!(
        "\nAt the prices {} of {}, {} hours a month.",
        code(&after.book),
        after.dated,
        after.hours
    ));
    if let Some(why) = &after.outside_why {
        let count = super::findings::counted(after.outside.len(), "line");
        lines.keep(format!("{count} not priced: {}.", escaped(why)));
    }
}

/// In the order in which a reviewer has to be afraid of them.
const VERBS: [(Verb, &str); 6] = [
    (Verb::Delete, "to delete"),
    (Verb::Replace, "to replace"),
    (Verb::Reboot, "to change and restart"),
    (Verb::Update, "to update"),
    (Verb::Adopt, "to adopt"),
    (Verb::Create, "to create"),
];

fn changes(plan: &Plan, lines: &mut Lines) {
    if plan.changes().next().is_some() {
        lines.keep("\n### Changes");
    }
    for (verb, words) in VERBS {
        let actions: Vec<&Action> = plan.actions.iter().filter(|it| it.verb == verb).collect();
        let title = format!("{} {words}", actions.len());
        lines.fold(&title, actions.into_iter().flat_map(action));
    }
}

fn action(action: &Action) -> Vec<String> {
    let id = match (&action.id, action.verb) {
        (Some(id), Verb::Delete | Verb::Adopt) => format!(" {}", code(id)),
        _ => String::new(),
    };
    let reason = escaped(&action.reason.to_string());
    let mut items = vec![format!("- {}{id}: {reason}", code(action.address.as_str()))];
    let fields: Vec<String> = match action.verb {
        Verb::Delete | Verb::Keep => Vec::new(),
        Verb::Create => {
            let wanted = action.desired.as_ref();
            let properties = wanted.and_then(|desired| desired.properties.as_object());
            let properties = properties.into_iter().flatten();
            properties
                .map(|(key, value)| format!("{}: {}", code(key), code(&plan::shown(key, value))))
                .collect()
        }
        _ => action.changes.iter().map(change).collect(),
    };
    items.extend(
        fields
            .iter()
            .take(MOST_FIELDS)
            .map(|field| format!("  - {field}")),
    );
    if let Some(more) = fields.len().checked_sub(MOST_FIELDS + 1) {
        items.push(format!("  - and {} more", more + 1));
    }
    items
}

/// `image`: `"v1"` → `"v2"`, secrets hidden by the name of any part of the path.
fn change(change: &Change) -> String {
    let path = plan::dotted(&change.path);
    let key = path.rsplit('.').next().unwrap_or_default();
    let side = |value| code(&plan::shown(key, value));
    format!(
        "{}: {} → {}",
        code(&path),
        side(&change.before),
        side(&change.after)
    )
}

fn drift(plan: &Plan, lines: &mut Lines) {
    let title = format!("{} changed outside vvbill since the last apply", plan.drift.len());
    let one = |drift: &Drift| -> Vec<String> {
        let address = code(drift.address.as_str());
        if drift.gone {
            return vec![format!("- {address} is gone")];
        }
        let fields = drift.changes.iter().map(|it| format!("  - {}", change(it)));
        std::iter::once(format!("- {address}")).chain(fields).collect()
    };
    lines.fold(&title, plan.drift.iter().flat_map(one));
}

fn retained(plan: &Plan, lines: &mut Lines) {
    let title = format!(
        "{} stay although no longer asked for: they hold data",
        plan.retained.len()
    );
    let items = plan.retained.iter().map(|retained| {
        let id = code(&retained.id);
        format!("- {} {id}", code(retained.address.as_str()))
    });
    lines.fold(&title, items);
}

fn findings(view: &View<'_>, lines: &mut Lines) {
    for severity in [Severity::Error, Severity::Warning, Severity::Note] {
        let of: Vec<&Finding> = view
            .findings
            .iter()
            .filter(|finding| finding.rule.severity == severity)
            .collect();
        if severity == Severity::Error && !view.findings.is_empty() {
            lines.keep("\n### Findings of the plan file");
        }
        let title = super::findings::counted(of.len(), severity.name());
        let items = of.into_iter().map(|finding| {
            let field = finding.paths.first().map_or("", String::as_str);
            format!(
                "- **{}** {}: {}\n  - {}\n  - fix: {}",
                finding.rule.code,
                code(field),
                escaped(finding.rule.title),
                escaped(&finding.why),
                escaped(&finding.fix)
            )
        });
        lines.fold(&title, items);
    }
}

/// A code span that its text can't end.
fn code(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    match text.trim().is_empty() {
        true => "(nothing)".to_owned(),
        false if text.starts_with('`') || text.ends_with('`') => format!("{fence} {text} {fence}"),
        false => format!("{fence}{text}{fence}"),
    }
}

/// Text as text: nothing in it is Markdown or HTML, or calls somebody.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '@' => out.push_str("&#64;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '!' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::report::redact;

    #[test]
    fn what_is_too_long_loses_its_middle_and_keeps_its_folds_whole() {
        let mut lines = Lines::default();
        lines.keep("head");
        for fold in 0..3 {
            let items = (0..500).map(|number| format!("- item {fold}/{number} {}", "x".repeat(60)));
            lines.fold(&format!("fold {fold}"), items);
        }
        lines.keep("tail");
        let text = lines.shortened(CHARACTERS_AT_MOST);
        assert!(text.chars().count() <= CHARACTERS_AT_MOST, "{}", text.len());
        assert!(
            text.chars().count() > CHARACTERS_AT_MOST - 200,
            "no more goes than has to"
        );
        assert!(text.starts_with("head\n") && text.ends_with("tail\n"));
        assert!(text.contains("- item 0/0 ") && text.contains("- item 2/499 "));
        assert!(!text.contains("- item 1/250 ") && text.contains("lines left out here"));
        assert_eq!(text.matches("<details>").count(), 3);
        assert_eq!(text.matches("</details>").count(), 3);
    }

    #[test]
    fn a_value_ends_nothing_and_calls_nobody() {
        assert_eq!(code("a`b``c\n"), "```a`b``c ```");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(
            escaped("</details> @team `x` | *y*\n# z"),
            "&lt;/details&gt; &#64;team \\`x\\` \\| \\*y\\* \\# z"
        );
    }

    #[test]
    fn a_secret_stays_hidden() {
        let text = change(&Change {
            path: "/auth/password".into(),
            before: json!("hunter1"),
            after: json!("hunter2"),
        });
        assert!(
            !text.contains("hunter") && text.contains(redact::SENSITIVE),
            "{text}"
        );
    }
}
