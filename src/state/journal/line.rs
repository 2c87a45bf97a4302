//! The journal's text: one entry a line, each with its own checksum.

use sha2::{Digest, Sha256};

use super::Entry;

/// A journal that can't be trusted. A torn last line is no error: nothing was done that it would tell.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// A line that isn't the last is damaged.
    #[error("line {line} is damaged: {why}")]
    Corrupt {
        /// Which, counted from 1.
        line: usize,
        /// How.
        why: String,
    },
    /// The first line doesn't say which state it builds on.
    #[error("its first line does not say which state it belongs to")]
    Headless,
    /// It belongs to another state.
    #[error(
        "it belongs to serial {journal} of the state (lineage {lineage}), and the state beside it is at {state}"
    )]
    Foreign {
        /// The serial that the journal builds on.
        journal: u64,
        /// The lineage that it builds on.
        lineage: String,
        /// The serial of the state.
        state: u64,
    },
}

const DIGITS: usize = 16;

/// The entry's line, newline included.
pub fn encode(entry: &Entry) -> Vec<u8> {
    let json = serde_json::to_vec(entry).expect("an entry serialises to JSON");
    let mut line = checksum(&json).into_bytes();
    line.push(b' ');
    line.extend_from_slice(&json);
    line.push(b'\n');
    line
}

/// All entries, without a torn last line.
pub fn decode(text: &[u8]) -> Result<Vec<Entry>, JournalError> {
    let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let mut entries = Vec::with_capacity(lines.len());
    for (index, line) in lines.iter().enumerate() {
        match decode_line(line) {
            Ok(entry) => entries.push(entry),
            Err(_) if index + 1 == lines.len() => break,
            Err(why) => return Err(JournalError::Corrupt { line: index + 1, why }),
        }
    }
    Ok(entries)
}

fn decode_line(line: &[u8]) -> Result<Entry, String> {
    let line = line.strip_suffix(b"\n").ok_or("it ends in the middle")?;
    let (sum, json) = line.split_at_checked(DIGITS).ok_or("it is too short")?;
    let json = json.strip_prefix(b" ").ok_or("it has no checksum")?;
    if sum != checksum(json).as_bytes() {
        return Err("its checksum doesn't fit".into());
    }
    serde_json::from_slice(json).map_err(|why| why.to_string())
}

fn checksum(json: &[u8]) -> String {
    crate::state::hex(&Sha256::digest(json)[..DIGITS / 2])
}
