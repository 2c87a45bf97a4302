//! Formats as a whole: deterministic bytes, headers, no secret.

use vvbill::render::Format;

use super::plans::files;

#[test]
fn the_same_plan_gives_the_same_bytes() {
    for plan in ["specification", "production", "staging", "local"] {
        assert_eq!(files(plan, Format::ALL), files(plan, Format::ALL), "{plan}");
    }
}

#[test]
fn every_file_names_its_plan_and_version_and_ends_in_a_line_feed() {
    for plan in ["specification", "production", "staging", "local"] {
        for file in files(plan, Format::ALL) {
            let head: String = file.text.lines().take(8).collect();
            assert!(
                head.contains("Rendered by vvbill"),
                "{plan}: {}: {head}",
                file.path
            );
            assert!(
                file.text.ends_with('\n') && !file.text.ends_with("\n\n"),
                "{plan}: {}",
                file.path
            );
        }
    }
}
