//! Takes out of a transcript what differs from run to run.

use crate::binary::Run;

/// Times and ids differ from run to run.
pub(crate) fn steady(run: &Run) -> String {
    let mut text = run.transcript();
    for pattern in [Pattern::Seconds, Pattern::Uuid, Pattern::Timestamp] {
        text = pattern.replace(&text);
    }
    text
}

/// What is taken out of a transcript.
enum Pattern {
    Seconds,
    Uuid,
    Timestamp,
}

impl Pattern {
    fn replace(&self, text: &str) -> String {
        let is_part = |c: char| match self {
            Self::Seconds => c.is_ascii_digit() || c == '.' || c == 's',
            Self::Uuid => c.is_ascii_hexdigit() || c == '-',
            Self::Timestamp => c.is_ascii_digit() || "-:.TZ".contains(c),
        };
        let mut out = String::new();
        let mut word = String::new();
        for c in text.chars().chain(['\0']) {
            if is_part(c) {
                word.push(c);
                continue;
            }
            let end = word.trim_end_matches('.').len();
            let name = self.name(&word[..end]);
            out.push_str(name.unwrap_or(&word[..end]));
            out.push_str(&word[end..]);
            word.clear();
            if c != '\0' {
                out.push(c);
            }
        }
        out
    }

    /// What stands in the word's place, where it is one of these.
    fn name(&self, word: &str) -> Option<&'static str> {
        match self {
            Self::Seconds => {
                let number = word.strip_suffix('s')?;
                (number.contains('.') && number.parse::<f64>().is_ok()).then_some("[seconds]")
            }
            Self::Uuid => (word.len() == 36 && word.matches('-').count() == 4).then_some("[uuid]"),
            Self::Timestamp => {
                (word.len() >= 20 && word.contains('T') && word.ends_with('Z')).then_some("[time]")
            }
        }
    }
}
