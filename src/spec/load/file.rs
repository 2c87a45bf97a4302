//! A file's bytes as text, and the names of files beside one another.

use crate::spec::diagnostic::Diagnostic;
use crate::spec::yaml;

/// The bytes as text, or what is wrong with them and at which line and column.
pub(super) fn decode(bytes: &[u8]) -> (Option<&str>, Option<Box<(Diagnostic, u32, u32)>>) {
    if bytes.len() > yaml::MAX_BYTES {
        let problem = Diagnostic::error("VV009", format!("the plan has {} bytes", bytes.len()))
            .why(format!("more than {} bytes are no plan", yaml::MAX_BYTES))
            .fix("name the right file, or split it with `extends`");
        return (None, Some(Box::new((problem, 1, 1))));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => (Some(text), None),
        Err(error) => {
            let valid = &bytes[..error.valid_up_to()];
            let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
            let line_start = valid
                .iter()
                .rposition(|byte| *byte == b'\n')
                .map_or(0, |at| at + 1);
            let column = String::from_utf8_lossy(&valid[line_start..]).chars().count() + 1;
            let problem =
                Diagnostic::error("VV008", format!("byte {} is not UTF-8", error.valid_up_to() + 1)).fix(
                    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
                        "this is UTF-16; save the file as UTF-8"
                    } else {
                        "save the file as UTF-8"
                    },
                );
            (None, Some(Box::new((problem, line as u32, column as u32))))
        }
    }
}

/// Bytes that are no text, as a diagnostic may show them.
pub(super) fn shown_bytes(bytes: &[u8]) -> String {
    if bytes.len() > yaml::MAX_BYTES {
        String::new()
    } else {
        String::from_utf8_lossy(bytes).into_owned()
    }
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
