//! A request's body → where each event lies in it. Pure; no event is read here.
//!
//! Arrays are cut without a recursive parser, so that no nesting can exhaust the stack, and one
//! event that is no JSON spoils itself alone.

use std::ops::Range;

/// How a body holds its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// `application/json`: one event, or an array of events.
    Json,
    /// `application/x-ndjson`: an event a line; blank lines are passed over.
    Lines,
    /// `application/cloudevents+json`: one CloudEvent.
    CloudEvent,
    /// `application/cloudevents-batch+json`: an array of CloudEvents.
    CloudEvents,
}

/// What is accepted, for answers.
pub(super) const MEDIA_TYPES: &str = "application/json, application/x-ndjson, application/cloudevents+json, application/cloudevents-batch+json";

impl Format {
    /// From a `Content-Type`; `None` for any other type, and for another charset than UTF-8.
    pub(super) fn of(content_type: &str) -> Option<Self> {
        let mut parts = content_type.split(';').map(str::trim);
        let format = match parts.next()?.to_ascii_lowercase().as_str() {
            "application/json" => Self::Json,
            "application/x-ndjson" | "application/ndjson" => Self::Lines,
            "application/cloudevents+json" => Self::CloudEvent,
            "application/cloudevents-batch+json" => Self::CloudEvents,
            _ => return None,
        };
        let utf8 = parts.all(|parameter| match parameter.split_once('=') {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
                value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            _ => true,
        });
        utf8.then_some(format)
    }

    pub(super) fn is_cloud(self) -> bool {
        matches!(self, Self::CloudEvent | Self::CloudEvents)
    }
}

/// A body that holds no events that could be told apart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum FramingError {
    #[error("the body holds no event")]
    Empty,
    #[error("the body holds more than {0} events")]
    TooMany(usize),
    #[error("the body is not a JSON array: {what} at byte {at}")]
    Array { what: &'static str, at: usize },
}

/// Where each event of `body` lies, in order; at least one and at most `max` events.
pub(super) fn split(format: Format, body: &[u8], max: usize) -> Result<Vec<Range<usize>>, FramingError> {
    let start = skip_space(body, 0);
    if start == body.len() {
        return Err(FramingError::Empty);
    }
    let events = match format {
        Format::Lines => lines(body, max)?,
        Format::Json if body[start] == b'[' => array(body, start, max)?,
        Format::CloudEvents => array(body, start, max)?,
        // One event; whatever stands after it makes it malformed.
        Format::Json | Format::CloudEvent => {
            std::iter::once(start..trim_end(body, start, body.len())).collect()
        }
    };
    if events.is_empty() {
        return Err(FramingError::Empty);
    }
    Ok(events)
}

fn lines(body: &[u8], max: usize) -> Result<Vec<Range<usize>>, FramingError> {
    let mut events = Vec::new();
    let mut from = 0;
    for line in body.split(|&byte| byte == b'\n') {
        let start = skip_space(line, 0);
        if start < line.len() {
            if events.len() == max {
                return Err(FramingError::TooMany(max));
            }
            events.push(from + start..from + trim_end(line, start, line.len()));
        }
        from += line.len() + 1;
    }
    Ok(events)
}

fn array(body: &[u8], start: usize, max: usize) -> Result<Vec<Range<usize>>, FramingError> {
    let wrong = |what, at| FramingError::Array { what, at };
    if body[start] != b'[' {
        return Err(wrong("expected [", start));
    }
    let mut events = Vec::new();
    let mut from = skip_space(body, start + 1);
    let end = loop {
        let end = element_end(body, from).ok_or(wrong("the array does not end", body.len()))?;
        let element = from..trim_end(body, from, end);
        let last = body[end] == b']';
        if element.is_empty() && !(last && events.is_empty()) {
            return Err(wrong("expected an event", end));
        }
        if !element.is_empty() {
            if events.len() == max {
                return Err(FramingError::TooMany(max));
            }
            events.push(element);
        }
        match body[end] {
            b']' => break end,
            b',' => from = skip_space(body, end + 1),
            _ => return Err(wrong("unexpected }", end)),
        }
    };
    let after = skip_space(body, end + 1);
    if after < body.len() {
        return Err(wrong("expected nothing more", after));
    }
    Ok(events)
}

/// The first `,` `]` or `}` at or after `at` that belongs to no string, object or array within.
fn element_end(body: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match *body.get(at)? {
            b'"' => at = string_end(body, at + 1)?,
            b'{' | b'[' => depth += 1,
            b',' | b'}' | b']' if depth == 0 => return Some(at),
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
}

/// The quote that closes a string whose text starts at `at`.
fn string_end(body: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *body.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn skip_space(text: &[u8], from: usize) -> usize {
    let spaces = text[from..].iter().take_while(|byte| is_space(**byte)).count();
    from + spaces
}

fn trim_end(text: &[u8], from: usize, to: usize) -> usize {
    let spaces = text[from..to]
        .iter()
        .rev()
        .take_while(|byte| is_space(**byte))
        .count();
    to - spaces
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(format: Format, body: &str) -> Result<Vec<&str>, FramingError> {
        let ranges = split(format, body.as_bytes(), 4)?;
        Ok(ranges.into_iter().map(|range| &body[range]).collect())
    }

    /// Each content type is told from the others, whatever its case and parameters.
    #[test]
    fn content_types() {
        for (text, format) in [
            ("application/json", Some(Format::Json)),
            ("Application/JSON; charset=UTF-8", Some(Format::Json)),
            ("application/json; charset=\"utf-8\"; x=y", Some(Format::Json)),
            ("application/json; charset=utf-16", None),
            ("application/x-ndjson", Some(Format::Lines)),
            ("application/cloudevents+json", Some(Format::CloudEvent)),
            ("application/cloudevents-batch+json", Some(Format::CloudEvents)),
            ("text/plain", None),
            ("", None),
        ] {
            assert_eq!(Format::of(text), format, "{text}");
        }
    }

    /// Events are found where they are, and what is no frame is refused with the place.
    #[test]
    fn frames() {
        let broken = |what, at| Err(FramingError::Array { what, at });
        for (format, body, expected) in [
            (Format::Json, " {\"a\":1}\n", Ok(vec!["{\"a\":1}"])),
            (
                Format::Json,
                "[ {\"a\":\"],\\\"\"} , 2,\n[3,{}] ]\n",
                Ok(vec!["{\"a\":\"],\\\"\"}", "2", "[3,{}]"]),
            ),
            (Format::Json, "[1,2,3,4]", Ok(vec!["1", "2", "3", "4"])),
            (Format::Json, "[1,2,3,4,5]", Err(FramingError::TooMany(4))),
            (Format::Json, "[ ]", Err(FramingError::Empty)),
            (Format::Json, " \r\n", Err(FramingError::Empty)),
            (Format::Json, "[1,]", broken("expected an event", 3)),
            (Format::Json, "[,1]", broken("expected an event", 1)),
            (Format::Json, "[1", broken("the array does not end", 2)),
            (Format::Json, "[\"a\\", broken("the array does not end", 4)),
            (Format::Json, "[1}", broken("unexpected }", 2)),
            (Format::Json, "[1] 2", broken("expected nothing more", 4)),
            (Format::Lines, "1\r\n\n [2] \n3", Ok(vec!["1", "[2]", "3"])),
            (Format::Lines, "1\n2\n3\n4\n5", Err(FramingError::TooMany(4))),
            (Format::CloudEvent, "{}", Ok(vec!["{}"])),
            (Format::CloudEvents, "[{}]", Ok(vec!["{}"])),
            (Format::CloudEvents, "{}", broken("expected [", 0)),
        ] {
            assert_eq!(texts(format, body), expected, "{format:?} {body:?}");
        }
    }

    proptest! {
        /// A sound array is cut into exactly what a JSON parser finds in it.
        #[test]
        fn arrays_are_cut_as_json_says(strings in prop::collection::vec(".{0,20}", 1..4), deep in 0_usize..4) {
            let nest = |text: &String| (0..deep).fold(serde_json::json!(text), |inner, _| serde_json::json!({ "[": [inner, ","] }));
            let values: Vec<_> = strings.iter().map(nest).collect();
            let body = serde_json::to_string_pretty(&values).unwrap();
            let found: Vec<serde_json::Value> =
                texts(Format::Json, &body).unwrap().iter().map(|text| serde_json::from_str(text).unwrap()).collect();
            prop_assert_eq!(found, values);
        }

        /// No bytes make it panic, and every event lies within the body.
        #[test]
        fn any_bytes_are_cut_or_refused(body in prop::collection::vec(prop_oneof![Just(b'['), Just(b'"'), Just(b','), Just(b'\\'), any::<u8>()], 0..64)) {
            for format in [Format::Json, Format::Lines, Format::CloudEvent, Format::CloudEvents] {
                for range in split(format, &body, 100).unwrap_or_default() {
                    prop_assert!(!body[range].is_empty());
                }
            }
        }
    }
}
