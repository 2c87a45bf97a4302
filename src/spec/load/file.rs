//! A file's bytes as text, and the names of files beside one another.

use crate::spec::diagnostic::Diagnostic;
use crate::spec::yaml;

/// Bytes that are no plan's text.
pub(super) struct Unreadable {
    pub(super) problem: Diagnostic,
    pub(super) line: u32,
    pub(super) column: u32,
    /// What a diagnostic may show of them.
    pub(super) shown: String,
}

/// The bytes as text.
pub(super) fn decode(bytes: &[u8]) -> Result<&str, Box<Unreadable>> {
    if bytes.len() > yaml::MAX_BYTES {
        let problem = Diagnostic::error("VV009", format!("the plan has {} bytes", bytes.len()))
            .why(format!("more than {} bytes are no plan", yaml::MAX_BYTES))
            .fix("name the right file, or split it with `extends`");
        return Err(Box::new(Unreadable {
            problem,
            line: 1,
            column: 1,
            shown: String::new(),
        }));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let valid = &bytes[..error.valid_up_to()];
        let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
        let line_start = valid
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        let column = String::from_utf8_lossy(&valid[line_start..]).chars().count() + 1;
        let is_utf_16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
        let problem =
            Diagnostic::error("VV008", format!("byte {} is not UTF-8", valid.len() + 1)).fix(if is_utf_16 {
                "this is UTF-16; save the file as UTF-8"
            } else {
                "save the file as UTF-8"
            });
        let shown = String::from_utf8_lossy(bytes).into_owned();
        Box::new(Unreadable {
            problem,
            line: line as u32,
            column: column as u32,
            shown,
        })
    })
}

/// `other` as seen from the folder of `name`.
pub(super) fn beside(name: &str, other: &str) -> String {
    let is_absolute = other.starts_with('/');
    let folder = name.rsplit_once('/').map(|(folder, _)| folder);
    match folder {
        Some(folder) if !is_absolute => normalised(&format!("{folder}/{other}")),
        _ => normalised(other),
    }
}

/// Without `.` and with `..` resolved as far as names tell.
pub(super) fn normalised(name: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in name.split('/') {
        match part {
            "." => {}
            ".." if parts.last().is_some_and(|last| !matches!(*last, ".." | "")) => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}
