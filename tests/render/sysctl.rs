//! The format `sysctl`.

use vvbill::render::{Format, Input, render};

use super::plans::plan;

/// Protects: limits reach root too, which `*` leaves out, and both the soft and the hard ones.
#[test]
fn limits_are_for_everybody() {
    let (mut spec, findings) = plan("production");
    spec.operating_system.limits.open_files = Some(1_048_576);
    let input = Input {
        spec: &spec,
        findings: &findings,
        state: None,
    };
    let files = render(&input, &[Format::Sysctl]).unwrap();
    let limits = files
        .iter()
        .find(|file| file.path == "sysctl/99-vvbill-limits.conf")
        .unwrap();
    let lines: Vec<&str> = limits
        .text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    assert_eq!(
        lines,
        [
            "* soft nofile 1048576",
            "* hard nofile 1048576",
            "root soft nofile 1048576",
            "root hard nofile 1048576"
        ]
    );
}

#[test]
fn a_plan_without_limits_has_no_file_of_them() {
    let files = super::plans::files("production", &[Format::Sysctl]);
    let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["sysctl/99-vvbill.conf"]);
}
