//! Names of limited length.

use sha2::{Digest, Sha256};

/// Hexadecimal digits that tell cut names apart.
const DIGEST: usize = 8;

/// `text`, or its start and a digest of all of it where it is longer than `limit`.
pub(super) fn fitting(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let digest = Sha256::digest(text);
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let start: String = text.chars().take(limit - DIGEST - 1).collect();
    format!("{}-{}", start.trim_end_matches('-'), &digest[..DIGEST])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_and_stay_apart() {
        assert_eq!(fitting("billing-nodes", 64), "billing-nodes");
        let long = |end: &str| fitting(&format!("{}-{end}", "a".repeat(60)), 64);
        assert!(long("nodes").len() <= 64);
        assert_ne!(long("nodes"), long("cluster"));
    }
}
