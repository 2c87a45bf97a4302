//! HCL as `terraform fmt` writes it: two spaces a level, and the `=` of neighbouring lines below one another.
//!
//! Templates say what stands in the module, not how it is indented. A line `NAME = null` says as much as none and
//! is dropped; so are empty lines beyond one. One stands between blocks.

/// A line, without its indentation.
struct Line<'a> {
    text: &'a str,
    /// Levels of indentation.
    level: usize,
    /// Name and value of an assignment that ends on this line.
    assigns: Option<(&'a str, &'a str)>,
    /// Part of a text of several lines, which stays as it is.
    verbatim: bool,
}

/// `text`, formatted.
pub(super) fn format(text: &str) -> String {
    let lines = lines(text);
    let mut formatted = String::new();
    let mut index = 0;
    while let Some(line) = lines.get(index) {
        let chain = lines[index..]
            .iter()
            .map_while(|line| Some((line, line.assigns?)));
        let widest = chain.clone().map(|(_, (name, _))| name.chars().count()).max();
        let Some(widest) = widest else {
            push(&mut formatted, line, line.text);
            index += 1;
            continue;
        };
        for (line, (name, value)) in chain {
            push(&mut formatted, line, &format!("{name:widest$} = {value}"));
            index += 1;
        }
    }
    formatted
}

fn push(formatted: &mut String, line: &Line<'_>, text: &str) {
    if !line.verbatim && !text.is_empty() {
        formatted.push_str(&"  ".repeat(line.level));
    }
    formatted.push_str(text);
    formatted.push('\n');
}

fn lines(text: &str) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    let mut open: Vec<i32> = Vec::new();
    let mut here: Option<&str> = None;
    for raw in text.lines() {
        if let Some(end) = here {
            lines.push(Line {
                text: raw,
                level: 0,
                assigns: None,
                verbatim: true,
            });
            here = (raw != end).then_some(end);
            continue;
        }
        let text = raw.trim();
        if says_nothing(text) {
            continue;
        }
        here = text.split_once("<<").map(|(_, end)| end);
        let change = brackets(text);
        if change < 0 {
            close(&mut open, -change);
            while lines
                .last()
                .is_some_and(|last| last.text.is_empty() && !last.verbatim)
            {
                lines.pop();
            }
        }
        let after_opening = lines
            .last()
            .is_none_or(|last| !last.verbatim && (last.text.is_empty() || brackets(last.text) > 0));
        if text.is_empty() && after_opening {
            continue;
        }
        if !text.is_empty()
            && lines
                .last()
                .is_some_and(|last| last.text == "}" && last.level == 0)
        {
            lines.push(Line {
                text: "",
                level: 0,
                assigns: None,
                verbatim: false,
            });
        }
        lines.push(Line {
            text,
            level: open.len(),
            assigns: assignment(text).filter(|_| change == 0),
            verbatim: false,
        });
        if change > 0 {
            open.push(change);
        }
    }
    while lines.last().is_some_and(|last| last.text.is_empty()) {
        lines.pop();
    }
    lines
}

/// Levels end as they began, however many brackets opened them at once.
fn close(open: &mut Vec<i32>, mut closed: i32) {
    while let Some(last) = open.last_mut().filter(|_| closed > 0) {
        if *last > closed {
            *last -= closed;
            return;
        }
        closed -= *last;
        open.pop();
    }
}

fn says_nothing(text: &str) -> bool {
    assignment(text).is_some_and(|(_, value)| value == "null")
}

/// What is assigned to, and the value or its beginning.
fn assignment(text: &str) -> Option<(&str, &str)> {
    if text.starts_with('#') {
        return None;
    }
    let mut quoted = false;
    for (at, letter) in text.char_indices() {
        match letter {
            '"' => quoted = !quoted,
            '=' if !quoted => {
                let name = text[..at].trim_end();
                let value = text[at + 1..].trim_start();
                return (!name.is_empty() && !value.starts_with('=')).then_some((name, value));
            }
            '(' | '[' | '{' if !quoted => return None,
            _ => {}
        }
    }
    None
}

/// Brackets that the line opens, less those that it closes.
fn brackets(text: &str) -> i32 {
    if text.starts_with('#') {
        return 0;
    }
    let (mut change, mut quoted, mut escaped) = (0, false, false);
    for letter in text.chars() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '(' | '[' | '{' if !quoted => change += 1,
            ')' | ']' | '}' if !quoted => change -= 1,
            _ => {}
        }
    }
    change
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_aligned_and_what_says_nothing_goes() {
        let text = "resource \"a\" \"b\" {\n\nprovider = null\nname = \"x\"\n\n\nlonger_name = [1]\nz = {\n\"a:b\" = 1\n}\n\n}\n";
        assert_eq!(
            format(text),
            "resource \"a\" \"b\" {\n  name = \"x\"\n\n  longer_name = [1]\n  z = {\n    \"a:b\" = 1\n  }\n}\n"
        );
    }

    #[test]
    fn brackets_opened_together_are_one_level() {
        let text = "policy = jsonencode({\nAction = \"}\"\nList = [\n{\na = 1\n},\n]\n})\n";
        assert_eq!(
            format(text),
            "policy = jsonencode({\n  Action = \"}\"\n  List = [\n    {\n      a = 1\n    },\n  ]\n})\n"
        );
    }

    #[test]
    fn a_text_of_several_lines_stays_as_it_is() {
        let text = "a {\nb = f(<<EOT\n  x = null\n\n\n {\nEOT\n)\n}\n";
        assert_eq!(
            format(text),
            "a {\n  b = f(<<EOT\n  x = null\n\n\n {\nEOT\n  )\n}\n"
        );
    }
}
