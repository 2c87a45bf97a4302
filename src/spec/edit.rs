//! Writing one value into the text of a plan, with its comments and its form left as they are.
//!
//! Knows sections written as blocks, as people write them; who calls it reads the result again and compares.

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

/// `text` with `key: value` in its top-level `section`: in the place of the value that is there, else as the
/// section's first line, else in a section at the end. `value` has to be written as YAML has it.
///
/// # Errors
/// When section or value are written in a way that a line can't be put into.
pub fn set(text: &str, section: &str, key: &str, value: &str) -> Result<String, EditError> {
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    let Some(start) = lines.iter().position(|line| value_of(line, section).is_some()) else {
        if lines.last().is_some_and(|line| !line.ends_with('\n')) {
            lines.push(end.to_owned());
        }
        let gap = if lines.is_empty() { "" } else { end };
        lines.push(format!("{gap}{section}:{end}  {key}: {value}{end}"));
        return Ok(lines.concat());
    };
    let written = value_of(&lines[start], section).unwrap_or_default();
    match plain(written) {
        "" => {}
        "{}" | "null" | "~" => {
            let kept = comment(written);
            lines[start] = format!("{section}:{kept}{end}");
        }
        _ => {
            return Err(EditError::NoBlock {
                section: section.to_owned(),
                line: start + 1,
            });
        }
    }
    let inside = inside(&lines, start);
    let indent = inside
        .clone()
        .find(|index| is_content(&lines[*index]))
        .map_or("  ", |index| indent(&lines[index]))
        .to_owned();
    let existing = inside.clone().find(|index| {
        let line = &lines[*index];
        line.strip_prefix(&indent)
            .is_some_and(|rest| value_of(rest, key).is_some())
    });
    match existing {
        Some(index) => {
            let rest = value_of(&lines[index][indent.len()..], key).unwrap_or_default();
            let continued = lines.get(index + 1).is_some_and(|next| {
                inside.contains(&(index + 1)) && is_content(next) && self::indent(next).len() > indent.len()
            });
            if continued || plain(rest).starts_with(['|', '>', '{', '[', '&', '*']) {
                return Err(EditError::NotOnItsLine {
                    key: key.to_owned(),
                    line: index + 1,
                });
            }
            lines[index] = format!("{indent}{key}: {value}{}{end}", comment(rest));
        }
        None => {
            if !lines[start].ends_with('\n') {
                lines[start].push_str(end);
            }
            lines.insert(start + 1, format!("{indent}{key}: {value}{end}"));
        }
    }
    Ok(lines.concat())
}

/// What stands behind `key:`, where the line starts with it.
fn value_of<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let rest = line
        .strip_prefix(key)?
        .trim_start_matches(' ')
        .strip_prefix(':')?;
    let rest = rest.trim_end_matches(['\n', '\r']);
    (rest.is_empty() || rest.starts_with([' ', '\t'])).then_some(rest)
}

/// The lines of a section whose first line is `start`: indented ones, and those without content between them.
fn inside(lines: &[String], start: usize) -> std::ops::Range<usize> {
    let outside = |line: &String| is_content(line) && indent(line).is_empty();
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
    use super::{EditError, set};

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(set(text, "ingest", "image", "new").unwrap(), expected);
        assert_eq!(
            set(expected, "ingest", "image", "new").unwrap(),
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
        let written = set("a: 1\ningest: {topic: a}\n", "ingest", "image", "new");
        assert_eq!(written, Err(EditError::NoBlock { section, line: 2 }));
        for text in ["ingest:\n  image: |\n    old\n", "ingest:\n  image:\n    old\n"] {
            let key = "image".to_owned();
            let written = set(text, "ingest", "image", "new");
            assert_eq!(written, Err(EditError::NotOnItsLine { key, line: 2 }), "{text}");
        }
    }
}
