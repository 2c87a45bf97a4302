//! Writing one value into the text of a plan, with its comments and its form left as they are.
//!
//! Knows sections written as blocks, as people write them; who calls it reads the result again and compares.

use std::ops::Range;

use serde_json::Value;

/// Why a text is better changed by hand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The section is written in braces, or by an alias.
    #[error("line {line}: `{section}` is not written as a block")]
    NoBlock { section: String, line: usize },
    /// The value goes over several lines.
    #[error("line {line}: the value of `{key}` is not on its line")]
    NotOnItsLine { key: String, line: usize },
}

/// `text` with `value` at `path`, key by key from the root: in the place of the value that is there, else as the
/// first line of the deepest section that is there, else in a section at the end. A list in a block gets the items
/// that it lacks. `value` has to be written as YAML has it, on one line.
///
/// # Errors
/// When a section or the value are written in a way that a line can't be put into.
pub fn set(text: &str, path: &[&str], value: &str) -> Result<String, EditError> {
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    let mut place = Place {
        header: None,
        inside: 0..lines.len(),
        indent: String::new(),
    };
    for (depth, key) in path.iter().enumerate() {
        let Some(index) = place.find(&lines, key) else {
            place.insert(&mut lines, &path[depth..], value, end);
            return Ok(lines.concat());
        };
        if depth + 1 == path.len() {
            place.replace(&mut lines, index, key, value, end)?;
            return Ok(lines.concat());
        }
        place = place.below(&mut lines, index, key, end)?;
    }
    Ok(lines.concat())
}

/// A value on one line of YAML.
pub fn written(value: &Value) -> String {
    match value {
        Value::String(text) if is_plain(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(written).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}

/// Whether a text can stand without quotes and still is one.
fn is_plain(text: &str) -> bool {
    let words = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let starts = text.starts_with(|letter: char| letter.is_ascii_alphabetic());
    let amount = text.starts_with(|letter: char| letter.is_ascii_digit())
        && text.ends_with(|letter: char| letter.is_ascii_alphabetic())
        && !text.contains(['e', 'E', 'x', 'o']);
    let inner = |letter: char| letter.is_ascii_alphanumeric() || "._-/".contains(letter);
    (starts || amount) && text.chars().all(inner) && !words.contains(&text.to_ascii_lowercase().as_str())
}

/// A map in the text: the lines between which its keys stand, and how far they are set in.
struct Place {
    /// The line of its own key; none: the whole text.
    header: Option<usize>,
    inside: Range<usize>,
    indent: String,
}

impl Place {
    fn find(&self, lines: &[String], key: &str) -> Option<usize> {
        self.inside.clone().find(|index| {
            let line = &lines[*index];
            let rest = line.strip_prefix(&self.indent);
            rest.is_some_and(|rest| value_of(rest, key).is_some())
        })
    }

    /// The map that is the value of the key on a line.
    fn below(&self, lines: &mut [String], index: usize, key: &str, end: &str) -> Result<Self, EditError> {
        let head = &lines[index];
        let behind = value_of(&head[self.indent.len()..], key).unwrap_or_default();
        match plain(behind) {
            "" => {}
            "{}" | "null" | "~" => {
                let (indent, kept) = (&self.indent, comment(behind));
                lines[index] = format!("{indent}{key}:{kept}{end}");
            }
            _ => {
                return Err(EditError::NoBlock {
                    section: key.to_owned(),
                    line: index + 1,
                });
            }
        }
        let inside = inside(lines, index, self.indent.len());
        let first = inside.clone().find(|index| is_content(&lines[*index]));
        Ok(Self {
            header: Some(index),
            indent: match first {
                Some(index) => indent(&lines[index]).to_owned(),
                None => format!("{}  ", self.indent),
            },
            inside,
        })
    }

    /// Adds the keys of `path` inside one another, and the value.
    fn insert(&self, lines: &mut Vec<String>, path: &[&str], value: &str, end: &str) {
        let mut added = String::new();
        for (depth, key) in path.iter().enumerate() {
            let value = match depth + 1 == path.len() {
                true => format!(" {value}"),
                false => String::new(),
            };
            added += &format!("{}{}{key}:{value}{end}", self.indent, "  ".repeat(depth));
        }
        let Some(header) = self.header else {
            if lines.last().is_some_and(|line| !line.ends_with('\n')) {
                lines.push(end.to_owned());
            }
            let gap = if lines.is_empty() { "" } else { end };
            lines.push(format!("{gap}{added}"));
            return;
        };
        if !lines[header].ends_with('\n') {
            lines[header].push_str(end);
        }
        lines.insert(header + 1, added);
    }

    /// Writes another value behind the key on a line.
    fn replace(
        &self,
        lines: &mut Vec<String>,
        index: usize,
        key: &str,
        value: &str,
        end: &str,
    ) -> Result<(), EditError> {
        let indent = &self.indent;
        let rest = value_of(&lines[index][indent.len()..], key).unwrap_or_default();
        let continued = inside(lines, index, indent.len()).find(|index| is_content(&lines[*index]));
        let (old, kept) = (plain(rest), comment(rest).to_owned());
        let one_line = match old.chars().next() {
            Some('|' | '>' | '{' | '&' | '*') => old == "{}",
            Some('[') => old.ends_with(']'),
            _ => true,
        };
        let is_block = continued.is_some() && old.is_empty();
        let below = inside(lines, index, indent.len());
        if is_block && lengthen(lines, below, value, end) {
            return Ok(());
        }
        if continued.is_some() || !one_line {
            return Err(EditError::NotOnItsLine {
                key: key.to_owned(),
                line: index + 1,
            });
        }
        lines[index] = format!("{indent}{key}: {value}{kept}{end}");
        Ok(())
    }
}

/// Gives a list of single values, each on its line, the items of `value` that it lacks. False where that is not all
/// that differs.
fn lengthen(lines: &mut Vec<String>, inside: Range<usize>, value: &str, end: &str) -> bool {
    let Some(wanted) = value.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else {
        return false;
    };
    let wanted: Vec<&str> = wanted.split(',').map(str::trim).collect();
    let content: Vec<usize> = inside.filter(|index| is_content(&lines[*index])).collect();
    let items: Option<Vec<&str>> = content
        .iter()
        .map(|index| lines[*index].trim().strip_prefix("- ").map(plain))
        .collect();
    let (Some(items), Some(last)) = (items, content.last().copied()) else {
        return false;
    };
    if !items.iter().all(|item| wanted.contains(item)) {
        return false;
    }
    let missing = wanted.iter().filter(|item| !items.contains(item));
    let indent = indent(&lines[last]).to_owned();
    let added: String = missing.map(|item| format!("{indent}- {item}{end}")).collect();
    if !lines[last].ends_with('\n') {
        lines[last].push_str(end);
    }
    if !added.is_empty() {
        lines.insert(last + 1, added);
    }
    true
}

/// What stands behind `key:`, where the line starts with it, in quotes or without.
fn value_of<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let bare = |line: &'a str| line.strip_prefix(key);
    let quoted = |quote: char| bare(line.strip_prefix(quote)?)?.strip_prefix(quote);
    let rest = bare(line).or_else(|| quoted('"')).or_else(|| quoted('\''))?;
    let rest = rest.trim_start_matches(' ').strip_prefix(':')?;
    let rest = rest.trim_end_matches(['\n', '\r']);
    (rest.is_empty() || rest.starts_with([' ', '\t'])).then_some(rest)
}

/// The lines of the value of a key that stands on line `start`, set in by `depth`: those set in deeper, items of a
/// list as deep, and those without content between them.
fn inside(lines: &[String], start: usize, depth: usize) -> Range<usize> {
    let outside = |line: &String| {
        let indent = indent(line).len();
        is_content(line) && (indent < depth || (indent == depth && !line[indent..].starts_with("- ")))
    };
    let count = lines[start + 1..]
        .iter()
        .take_while(|line| !outside(line))
        .count();
    start + 1..start + 1 + count
}

fn is_content(line: &str) -> bool {
    let text = line.trim();
    !text.is_empty() && !text.starts_with('#')
}

fn indent(line: &str) -> &str {
    &line[..line.len() - line.trim_start_matches(' ').len()]
}

/// The value without blanks and comment.
fn plain(value: &str) -> &str {
    value[..end_of_value(value)].trim()
}

/// The comment with the blanks before it.
fn comment(value: &str) -> &str {
    value[end_of_value(value)..].trim_end()
}

/// A comment starts with a `#` behind a blank that no quotes are around.
fn end_of_value(value: &str) -> usize {
    let (mut quote, mut before) = (None, ' ');
    for (at, character) in value.char_indices() {
        match (quote, character) {
            (None, '#') if before.is_whitespace() => return value[..at].trim_end().len(),
            (None, '"' | '\'') if before.is_whitespace() => quote = Some(character),
            (Some(open), character) if open == character => quote = None,
            _ => {}
        }
        before = character;
    }
    value.trim_end().len()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::{EditError, set, written};

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(set(text, &["ingest", "image"], "new").unwrap(), expected);
        assert_eq!(
            set(expected, &["ingest", "image"], "new").unwrap(),
            expected,
            "again"
        );
    }

    /// A person's comments, order and indentation are theirs.
    #[test]
    fn only_the_value_changes() {
        check(
            "# plan\ningest: # the service\n    topic: a # b\n\n    image: 'old # 1'   # pinned\nedge: {}\n",
            "# plan\ningest: # the service\n    topic: a # b\n\n    image: new   # pinned\nedge: {}\n",
        );
        check("ingest:\n  image:\n", "ingest:\n  image: new\n");
        check("ingest:\r\n  image: old\r\n", "ingest:\r\n  image: new\r\n");
    }

    /// An `image` of something else is none of the section's.
    #[test]
    fn a_line_is_added_where_there_is_none() {
        check(
            "kafka:\n  image: a\ningest:\n  # rates\n    # of events\n   rate: 1\n   deep:\n     image: b\nx: 1\n",
            "kafka:\n  image: a\ningest:\n   image: new\n  # rates\n    # of events\n   rate: 1\n   deep:\n     image: b\nx: 1\n",
        );
        check("ingest: {} # as it is\n", "ingest: # as it is\n  image: new\n");
        check("ingest:", "ingest:\n  image: new\n");
        check("a: 1", "a: 1\n\ningest:\n  image: new\n");
        check("", "ingest:\n  image: new\n");
        check(
            "ingestion:\n  a: 1\n",
            "ingestion:\n  a: 1\n\ningest:\n  image: new\n",
        );
    }

    /// What can't be changed by a line is left to a person.
    #[test]
    fn other_forms_are_refused() {
        let section = "ingest".to_owned();
        let written = set("a: 1\ningest: {topic: a}\n", &["ingest", "image"], "new");
        assert_eq!(written, Err(EditError::NoBlock { section, line: 2 }));
        for text in ["ingest:\n  image: |\n    old\n", "ingest:\n  image:\n    old\n"] {
            let key = "image".to_owned();
            let written = set(text, &["ingest", "image"], "new");
            assert_eq!(written, Err(EditError::NotOnItsLine { key, line: 2 }), "{text}");
        }
    }

    /// A key deeper in the plan is its own section's, and what is missing on the way is added.
    #[test]
    fn any_depth_is_reached() {
        let check = |text: &str, path: &[&str], value: &str, expected: &str| {
            assert_eq!(set(text, path, value).unwrap(), expected);
            assert_eq!(set(expected, path, value).unwrap(), expected, "again");
        };
        let groups = "eks:\n  node_groups:\n    a:\n      type: x # b's\n    \"b\": # here\n      min: 1\n      type: y\n  v: 1\n";
        check(
            groups,
            &["eks", "node_groups", "b", "type"],
            "z",
            &groups.replace("type: y", "type: z"),
        );
        check(
            "eks:\n  node_groups:\n    a:\n      type: x\n",
            &["eks", "node_groups", "b", "type"],
            "z",
            "eks:\n  node_groups:\n    b:\n      type: z\n    a:\n      type: x\n",
        );
        check(
            "a: 1",
            &["eks", "node_groups", "b", "type"],
            "z",
            "a: 1\n\neks:\n  node_groups:\n    b:\n      type: z\n",
        );
    }

    /// A list is replaced on its line; in a block it only grows.
    #[test]
    fn lists_keep_their_form() {
        let path = ["network", "endpoints"];
        let longer = |text: &str| set(text, &path, "[ecr.api, s3]");
        assert_eq!(
            longer("network:\n  endpoints: [ecr.api] # why\n").unwrap(),
            "network:\n  endpoints: [ecr.api, s3] # why\n"
        );
        for indent in ["    ", "  "] {
            let list = format!("network:\n  endpoints: # all\n{indent}- ecr.api # why\n");
            let grown = format!("{list}{indent}- s3\n  nat: single\n");
            assert_eq!(longer(&format!("{list}  nat: single\n")).unwrap(), grown);
            assert_eq!(longer(&grown).unwrap(), grown, "again");
        }
        let other = longer("network:\n  endpoints:\n    - sts\n");
        let key = "endpoints".to_owned();
        assert_eq!(other, Err(EditError::NotOnItsLine { key, line: 2 }));
    }

    /// A version stays a text.
    #[test]
    fn what_would_be_read_as_another_kind_is_quoted() {
        let texts = ["m7g.xlarge", "7.2", "true", "90d", "1e5", "a: b", "db.r7g.large"];
        assert_eq!(
            texts.map(|text| written(&json!(text))),
            [
                "m7g.xlarge",
                "\"7.2\"",
                "\"true\"",
                "90d",
                "\"1e5\"",
                "\"a: b\"",
                "db.r7g.large"
            ]
        );
        assert_eq!(written(&json!(["ecr.api", "s3", 4])), "[ecr.api, s3, 4]");
    }
}
