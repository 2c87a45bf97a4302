//! Help that teaches, and what somebody is told who gets the usage wrong.

use insta::assert_snapshot;

use crate::binary::Folder;

/// All commands with their path of names, `["state", "list"]` among them.
fn commands(command: &clap::Command, path: &[String], found: &mut Vec<(Vec<String>, clap::Command)>) {
    for inner in command.get_subcommands() {
        let mut path = path.to_vec();
        path.push(inner.get_name().into());
        found.push((path.clone(), inner.clone()));
        commands(inner, &path, found);
    }
}

fn tree() -> Vec<(Vec<String>, clap::Command)> {
    let mut found = vec![(Vec::new(), vvbill::cli::command())];
    commands(&vvbill::cli::command(), &[], &mut found);
    found
}

/// Every command's help, word by word: a flag that changes its name or meaning shows here.
#[test]
fn each_command_has_its_help() {
    let folder = Folder::new();
    for (path, _) in tree() {
        let mut arguments: Vec<&str> = path.iter().map(String::as_str).collect();
        arguments.push("--help");
        let run = folder.run(&arguments).expect(0);
        assert_eq!(run.stderr, "", "help is data");
        let name = if path.is_empty() {
            "vvbill".into()
        } else {
            path.join("_")
        };
        assert_snapshot!(format!("help_{name}"), run.stdout);
    }
}

/// `cli.md`: every flag has a `VVBILL_…` environment variable, named after the flag.
#[test]
fn each_flag_has_an_environment_variable() {
    for (path, command) in tree() {
        for flag in command.get_arguments() {
            let Some(long) = flag.get_long().filter(|long| !["help", "version"].contains(long)) else {
                continue;
            };
            let expected = format!("VVBILL_{}", long.to_uppercase().replace('-', "_"));
            let variable = flag.get_env().map(|name| name.to_string_lossy().into_owned());
            assert_eq!(variable, Some(expected), "--{long} of `{}`", path.join(" "));
        }
    }
}

/// Help teaches by example: each command shows at least one, and each example is a command that exists.
#[test]
fn each_command_shows_examples_that_parse() {
    for (path, command) in tree() {
        let text = command
            .get_after_help()
            .unwrap_or_else(|| panic!("`{}` shows no example", path.join(" ")))
            .to_string();
        let examples: Vec<&str> = text
            .lines()
            .map(str::trim)
            .filter(|line| line.starts_with("vvbill "))
            .collect();
        assert!(!examples.is_empty(), "`{}` shows no example", path.join(" "));
        for example in examples {
            // An example ends at its explanation, at a pipe or at a redirection.
            let words = example
                .split("  ")
                .next()
                .unwrap()
                .split_whitespace()
                .take_while(|word| !["|", ">", "<", "&&"].contains(word))
                .map(|word| word.trim_matches('\''));
            let parsed = vvbill::cli::command().try_get_matches_from(words);
            assert!(parsed.is_ok(), "{example}: {}", parsed.unwrap_err());
        }
    }
}

#[test]
fn without_arguments_it_prints_help() {
    let run = Folder::new().run(&[]).expect(0);
    assert!(run.stdout.contains("Usage: vvbill"), "{}", run.transcript());
    assert_eq!(run.stderr, "");
}

/// Wrong usage ends in 64, never in clap's 2, which means "changes are present".
#[test]
fn wrong_usage_ends_in_64() {
    let folder = Folder::new();
    for (name, arguments) in [
        ("unknown_command", &["aply"][..]),
        ("unknown_flag", &["plan", "x.yaml", "--paralelism", "3"]),
        ("missing_plan", &["plan"]),
        ("single_dash", &["apply", "x.yaml", "-auto-approve"]),
        ("single_dash_with_value", &["plan", "x.yaml", "-out=saved"]),
        ("no_number", &["apply", "x.yaml", "--parallelism", "many"]),
        ("no_duration", &["apply", "x.yaml", "--lock-timeout", "soon"]),
        ("no_address", &["apply", "x.yaml", "--replace", "broker-1"]),
        ("state_without_verb", &["state"]),
    ] {
        let run = folder.run(arguments).expect(64);
        assert_eq!(run.stdout, "", "{name}");
        assert_snapshot!(format!("usage_{name}"), run.transcript());
    }
}
