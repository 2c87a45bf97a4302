//! How deep an event's JSON nests. The parser recurses, so that depth has to be bounded before it:
//! a few kilobytes of brackets would end the process.

/// Most objects and arrays within each other, the event itself among them.
pub const MAX_NESTING: usize = 32;

/// Does the text open more than [`MAX_NESTING`] objects and arrays within each other?
pub(super) fn is_too_deep(text: &[u8]) -> bool {
    // What opens no more than that can't be too deep; counting costs a tenth of looking. The bit
    // makes `{` of `[`.
    let opened = text.iter().filter(|byte| **byte | 0x20 == b'{').count();
    opened > MAX_NESTING && opens_too_deep(text)
}

fn opens_too_deep(text: &[u8]) -> bool {
    let mut depth = 0_usize;
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => skip_string(&mut bytes),
            _ => {}
        }
        if depth > MAX_NESTING {
            return true;
        }
    }
    false
}

fn skip_string(bytes: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::event::{MAX_NESTING, Rejection, from_cloud_event, parse};

    const CLOUD: &str = r#"{"specversion":"1.0","id":"a","source":"b","time":1,"data":{"account_id":1,"metric":"a","quantity":1,"properties":PROPERTIES}}"#;
    const PLAIN: &str = r#"{"event_id":"00000000-0000-4000-8000-000000000000","account_id":1,"metric":"a","quantity":1,"occurred_at":1,"properties":PROPERTIES}"#;

    fn properties(levels: usize) -> String {
        let (open, close) = ("[".repeat(levels - 1), "]".repeat(levels - 1));
        format!(r#"{{"a \" [[[ ":{open}"[{{"{close}}}"#)
    }

    /// Depth is refused from one level past the bound, in either form; brackets in strings are text.
    #[test]
    fn depth_is_bounded() {
        let text = |form: &str, levels| form.replace("PROPERTIES", &properties(levels)).into_bytes();
        assert!(parse(&text(PLAIN, MAX_NESTING - 1)).is_ok());
        assert!(matches!(
            parse(&text(PLAIN, MAX_NESTING)),
            Err(Rejection::Malformed(_))
        ));
        assert!(from_cloud_event(&text(CLOUD, MAX_NESTING - 2)).is_ok());
        assert!(matches!(
            from_cloud_event(&text(CLOUD, MAX_NESTING - 1)),
            Err(Rejection::Malformed(_))
        ));
    }

    /// The largest event of nothing but brackets is refused on a thread's default stack.
    #[test]
    fn brackets_do_not_exhaust_the_stack() {
        let small = std::thread::Builder::new().stack_size(2 << 20);
        let checked = small.spawn(|| {
            for unit in ["[", "{\"a\":", "{\"event_id\":[", "{\"properties\":{\"a\":["] {
                let text = unit.repeat(16 * 1024 / unit.len());
                assert!(parse(text.as_bytes()).is_err() && from_cloud_event(text.as_bytes()).is_err());
            }
        });
        checked.unwrap().join().unwrap();
    }
}
